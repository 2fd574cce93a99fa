//! The arithmetic of [shapewright](https://docs.rs/shapewright): all kernels of one element type and one instruction
//! tier as safe functions. Use that crate: nothing here is promised to stay as it is.
//!
//! Kernels know slices and sizes, nothing of layers. They are compiled once, beside the macro, and
//! can be optimized in debug builds where nothing else is. None has a generic parameter that a
//! user's crate would instantiate (that of `function` only chooses): sizes are run-time arguments,
//! which costs 0 to 4 % against constant ones and saves a third of a second of compile time per
//! layer. Every entry checks its lengths and panics when they do not fit; none of them
//! allocates (but see [`F64Kernels`]) or starts threads: callers cut the rows.
//!
//! Each kernel chooses among its tiers itself, rather than through a table of all kernels, so that
//! a program contains only those that it uses.
//!
//! # Bits
//!
//! Products of `f32` with more than one row compute each element as a sum of blocks of the inner
//! index, each a chain of (fused) multiply-adds; where the blocks end depends on the length of the
//! inner index alone, so that results do not depend on how rows are cut. Sums go through a fixed
//! number of partial sums. AVX2 and AVX-512 agree in every bit of every kernel; the portable tier,
//! which has no fused multiply-add, differs in the last places. Large products on processors other
//! than x86-64 are the exception: `matrixmultiply` computes them.
//!
//! # Rounding of sums
//!
//! No sum loses its digits, however long it is. A sum of `n` terms is off by at most
//! `(64 + log2(n)) * EPSILON / 2` times the sum of the magnitudes of its terms, beside the rounding
//! of the terms themselves: blocks of 64 terms are added in pairs. Products and, in `f32`,
//! convolutions and the gradients of their weights, whose sums lie in memory, have blocks of at
//! most 512 terms, runs of at most 2^16 and sums of runs. They are off by at most
//! `(768 + n / 2^16) * EPSILON / 2` times that. The bits of a sum depend on its length, not on the
//! number of threads.

mod aligned;
mod args;
mod conv;
mod denormals;
mod elementwise;
pub mod function;
mod glu;
pub mod kept;
mod kernels_f32;
mod kernels_f64;
mod log_softmax;
mod loss;
mod math;
mod norm;
mod optim_steps;
mod pairs;
mod pool;
mod prelu;
mod product;
mod reduce;
mod reference;
mod resample;
mod simd;
pub mod sizes;
#[cfg(test)]
mod tests;
pub mod tier;
mod tile;
mod update;
mod vector_product;

pub use aligned::AlignedBuffer;
pub use args::{Bend, Matrix, Product, Start};
pub use conv::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad};
pub use denormals::flush;
pub use function::Function;
pub use kept::Kept;
pub use kernels_f32::F32Kernels;
pub use kernels_f64::F64Kernels;
pub use norm::{BatchNorm, GroupNorm, Normalize, RowNorm, RowNormSums, RunningNorm, STATISTICS};
pub use optim_steps::{
    AdadeltaStep, AdagradStep, AdamStep, AdamaxStep, LionStep, NAdamStep, Preprocess, RAdamStep,
    RmsPropStep, SgdStep,
};
pub use pool::{Axis, Divisor, Plane, Reach};
pub use resample::Resample;

use tier::Tier;

/// One step of an optimizer by the rule `R`. A trait of its own, so that a program contains only
/// the rules that it uses.
pub trait Update<T, R> {
    /// Changes the parameters and what the rule remembers of each, one slice for each of its
    /// states.
    fn update(self, rule: &R, params: &mut [T], grad: &[T], states: &mut [&mut [T]]);
}

/// The kernels of an element type in one instruction tier: a network asks for them once per call.
pub trait Kernels<T>: Updates<T> + Normalize<T> + Copy + Send + Sync + 'static {
    /// The tier in which they run.
    fn tier(self) -> Tier;
    /// `C = start + A * B`, then `max(0, C)` if asked. See [`Product`].
    fn product(self, product: Product<'_, T>);
    /// A convolution. See [`Conv`].
    fn conv(self, conv: Conv<'_, T>);
    /// The gradient of a convolution with respect to its input, or a transposed convolution.
    fn conv_input_grad(self, conv: ConvInputGrad<'_, T>);
    /// The gradient of a convolution with respect to its weight.
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, T>);
    /// The sum of all elements.
    fn sum(self, x: &[T]) -> T;
    /// The sum of the products of corresponding elements.
    fn dot(self, x: &[T], y: &[T]) -> T;
    /// Sums the columns of the row-major `x` into `sums`, or onto it.
    fn column_sums(self, rows: usize, cols: usize, x: &[T], sums: &mut [T], accumulate: bool);
    /// `y = f(x)`, or `y = f(y)` without an `x`.
    fn function<F: Function>(self, f: F, x: Option<&[T]>, y: &mut [T]);
    /// `dy *= f'`, known from `at`: the outputs if [`Function::FROM_OUTPUT`], the inputs otherwise.
    fn function_grad<F: Function>(self, f: F, at: &[T], dy: &mut [T]);
    /// `y = x`, or `weight * x` where `x` is not above 0, with one weight or as many as each row
    /// has elements.
    fn prelu(self, weight: &[T], x: &[T], y: &mut [T]);
    /// `dy *= 1`, or `weight` where `x` is not above 0.
    fn prelu_grad(self, weight: &[T], x: &[T], dy: &mut [T]);
    /// Sums `x * dy` where `x` is not above 0 into `sums`, or onto it: one per weight.
    fn prelu_weight_grad(self, x: &[T], dy: &[T], sums: &mut [T], accumulate: bool);
    /// `y = a * sigmoid(b)`, where `a` and `b` are the halves of each row of `x`, of `half`
    /// elements.
    fn glu(self, half: usize, x: &[T], y: &mut [T]);
    /// `dx` from `dy`, for `glu`.
    fn glu_grad(self, half: usize, x: &[T], dy: &[T], dx: &mut [T]);
    /// `y` is the largest element of each window and channel: the first of equals, or the last NaN.
    /// `codes`, if there are any, are what `max_pool_grad` needs: one for each output.
    fn max_pool(self, plane: &Plane, x: &[T], y: &mut [T], codes: Option<&mut [T]>);
    /// `dx` from `dy`, for `max_pool`.
    fn max_pool_grad(self, plane: &Plane, codes: &[T], dy: &[T], dx: &mut [T]);
    /// `y` is the sum over each window and channel, divided by what `divide` says, or the
    /// interpolation. If `transposed`, `x` is a gradient with respect to that and `y` becomes
    /// the one with respect to its input.
    fn mean_pool(self, plane: &Plane, divide: Divisor, transposed: bool, x: &[T], y: &mut [T]);
    /// Softmax of every row of `width` elements.
    fn softmax(self, width: usize, x: &mut [T]);
    /// `dy = y * (dy - sum(y * dy))` per row, where `y` is the softmax.
    fn softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Logarithm of the softmax of every row of `width` elements.
    fn log_softmax(self, width: usize, x: &mut [T]);
    /// `dy -= exp(y) * sum(dy)` per row, where `y` is the logarithm of the softmax.
    fn log_softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Softmax and negative log-likelihood; returns the sum over the rows and sets `grad` to
    /// `scale` times its gradient with respect to the logits. Each row counts as often as
    /// `weights` says, or once if that is empty; a row that counts 0 times is not looked at.
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[T],
        labels: &[u32],
        weights: &[T],
        scale: T,
        grad: &mut [T],
    ) -> T;
    /// Sigmoid and binary cross-entropy; returns the sum over the elements and sets `grad` to
    /// `scale` times its gradient with respect to the logits.
    fn bce_with_logits(self, logits: &[T], targets: &[T], scale: T, grad: &mut [T]) -> T;
    /// Returns the sum of the squared differences and sets `grad` to `scale` times its gradient
    /// with respect to the output.
    fn mse(self, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// As `mse`, of the absolute differences with a round tip. See [`Bend`].
    fn smooth_l1(self, bend: Bend, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// Sets denormal numbers to 0, as activations and their gradients are already.
    fn flush_denormals(self, x: &mut [T]);
    /// An image seen through an affine map. See [`Resample`].
    fn resample(self, resample: Resample<'_, T>, to: &mut [T]);
}

macro_rules! updates {
    ($($rule:ident)*) => {
        /// The steps of all optimizers.
        pub trait Updates<T>: $(Update<T, $rule> +)* {}
        impl Updates<f32> for F32Kernels {}
        impl Updates<f64> for F64Kernels {}
        $(
            impl Update<f32, $rule> for F32Kernels {
                fn update(
                    self,
                    &rule: &$rule,
                    params: &mut [f32],
                    grad: &[f32],
                    states: &mut [&mut [f32]],
                ) {
                    self.run(update::UpdateOp { rule, params, grad, states });
                }
            }
            impl Update<f64, $rule> for F64Kernels {
                #[inline]
                fn update(
                    self,
                    rule: &$rule,
                    params: &mut [f64],
                    grad: &[f64],
                    states: &mut [&mut [f64]],
                ) {
                    update::update(rule, params, grad, states);
                }
            }
        )*
    };
}
updates! {
    SgdStep AdamStep NAdamStep RAdamStep AdamaxStep AdagradStep AdadeltaStep RmsPropStep LionStep
}
