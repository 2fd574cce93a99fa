//! The kernels for `f64`, which are the same in every tier.

use crate::args::{Bend, Product};
use crate::attention::{self, AttentionGrad, AttentionSoftmax, Transpose};
use crate::conv::{self, Conv, ConvInputGrad, ConvWeightGrad};
use crate::function::Function;
use crate::pool::{self, MeanPool, Plane};
use crate::recurrent::{Half, Recurrent, RecurrentCell, RecurrentStepGrad};
use crate::resample::{self, Resample};
use crate::tier::Tier;
use crate::{Kernels, reference};

/// The kernels for `f64`: plain loops, and `matrixmultiply` for products of more than a few
/// thousand multiplications. That allocates its packing buffers in every call. They are the same in
/// every tier. All are `#[inline]`: a program that uses one compiles it, and the many others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F64Kernels;

impl Kernels<f64> for F64Kernels {
    #[inline]
    fn tier(self) -> Tier {
        Tier::Portable
    }
    #[inline]
    fn product(self, product: Product<'_, f64>) {
        reference::product(product);
    }
    #[inline]
    fn conv(self, conv: Conv<'_, f64>) {
        conv::reference::conv(conv);
    }
    #[inline]
    fn conv_input_grad(self, conv: ConvInputGrad<'_, f64>) {
        conv::reference::conv_input_grad(conv);
    }
    #[inline]
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, f64>) {
        conv::reference::conv_weight_grad(conv);
    }
    #[inline]
    fn sum(self, x: &[f64]) -> f64 {
        reference::sum(x)
    }
    #[inline]
    fn dot(self, x: &[f64], y: &[f64]) -> f64 {
        reference::dot(x, y)
    }
    #[inline]
    fn column_sums(self, rows: usize, cols: usize, x: &[f64], sums: &mut [f64], accumulate: bool) {
        reference::column_sums(rows, cols, x, sums, accumulate);
    }
    #[inline]
    fn function<F: Function>(self, f: F, x: Option<&[f64]>, y: &mut [f64]) {
        f.double(x, y);
    }
    #[inline]
    fn function_grad<F: Function>(self, f: F, at: &[f64], dy: &mut [f64]) {
        f.double_grad(at, dy);
    }
    #[inline]
    fn prelu(self, weight: &[f64], x: &[f64], y: &mut [f64]) {
        reference::prelu(weight, x, y);
    }
    #[inline]
    fn prelu_grad(self, weight: &[f64], x: &[f64], dy: &mut [f64]) {
        reference::prelu_grad(weight, x, dy);
    }
    #[inline]
    fn prelu_weight_grad(self, x: &[f64], dy: &[f64], sums: &mut [f64], accumulate: bool) {
        reference::prelu_weight_grad(x, dy, sums, accumulate);
    }
    #[inline]
    fn glu(self, half: usize, x: &[f64], y: &mut [f64]) {
        reference::glu(half, x, y);
    }
    #[inline]
    fn glu_grad(self, half: usize, x: &[f64], dy: &[f64], dx: &mut [f64]) {
        reference::glu_grad(half, x, dy, dx);
    }
    #[inline]
    fn max_pool(self, plane: &Plane, x: &[f64], y: &mut [f64], codes: Option<&mut [f64]>) {
        pool::reference::max_pool(plane, x, y, codes);
    }
    #[inline]
    fn max_pool_grad(self, plane: &Plane, codes: &[f64], dy: &[f64], dx: &mut [f64]) {
        pool::reference::max_pool_grad(plane, codes, dy, dx);
    }
    #[inline]
    fn mean_pool(self, pool: MeanPool<'_, f64>) {
        pool::reference::mean_pool(pool);
    }
    #[inline]
    fn softmax(self, width: usize, x: &mut [f64]) {
        reference::softmax(width, x);
    }
    #[inline]
    fn softmax_grad(self, width: usize, y: &[f64], dy: &mut [f64]) {
        reference::softmax_grad(width, y, dy);
    }
    #[inline]
    fn log_softmax(self, width: usize, x: &mut [f64]) {
        reference::log_softmax(width, x);
    }
    #[inline]
    fn log_softmax_grad(self, width: usize, y: &[f64], dy: &mut [f64]) {
        reference::log_softmax_grad(width, y, dy);
    }
    #[inline]
    fn attention_softmax(self, softmax: AttentionSoftmax<'_, f64>) {
        attention::plain_softmax(softmax);
    }
    #[inline]
    fn attention_grad(self, grad: AttentionGrad<'_, f64>) {
        attention::plain_grad(grad);
    }
    #[inline]
    fn transpose(self, transpose: Transpose<'_, f64>) {
        attention::plain_transpose(transpose);
    }
    #[inline]
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[f64],
        labels: &[u32],
        weights: &[f64],
        scale: f64,
        grad: &mut [f64],
    ) -> f64 {
        reference::cross_entropy(classes, logits, labels, weights, scale, grad)
    }
    #[inline]
    fn bce_with_logits(self, logits: &[f64], targets: &[f64], scale: f64, grad: &mut [f64]) -> f64 {
        reference::bce_with_logits(logits, targets, scale, grad)
    }
    #[inline]
    fn mse(self, output: &[f64], target: &[f64], scale: f64, grad: &mut [f64]) -> f64 {
        reference::mse(output, target, scale, grad)
    }
    #[inline]
    fn smooth_l1(
        self,
        bend: Bend,
        output: &[f64],
        target: &[f64],
        scale: f64,
        grad: &mut [f64],
    ) -> f64 {
        reference::smooth_l1(bend, output, target, scale, grad)
    }
    #[inline]
    fn flush_denormals(self, x: &mut [f64]) {
        reference::flush_denormals(x);
    }
    #[inline]
    fn recurrent<C: RecurrentCell>(self, cell: C, call: &mut Recurrent<'_, f64>) {
        cell.double(call);
    }
    #[inline]
    fn recurrent_step_grad<C: RecurrentCell>(
        self,
        cell: C,
        call: RecurrentStepGrad<'_, f64>,
        half: Half,
    ) {
        cell.double_grad(call, half);
    }
    #[inline]
    fn resample(self, resample: Resample<'_, f64>, to: &mut [f64]) {
        resample::resample(resample, to);
    }
}
