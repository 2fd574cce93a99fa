//! The passes of 8-bit layers on slices.

use super::params::{Int8Params, Int8View};
use crate::kernels::{ConvSizes, Int8Conv, MOST_TERMS};
use crate::memory::ThreadMemory;
use crate::network::{Context, Layer, Reach, Train};
use crate::nn::spectral_norm::WeightMatrix;
use crate::tensor::Shape;
use crate::threads;

/// A layer with an 8-bit form.
pub trait HasInt8: Layer<f32, Config = (), Params: WeightMatrix<f32>> {
    /// The parameters of the 8-bit form.
    type Int8Params: Int8Params;
    /// The positions of time that the 8-bit form reads. It has no memory for a stream.
    const INT8_REACH: Reach;
    /// The number of outputs or output channels.
    const OUTPUTS: usize;
    /// The number of axes that the windows of a convolution have; 0 for a dense layer.
    const AXES: usize;
    /// True if all padding lies before the input.
    const CAUSAL: bool;
}

/// Such a layer between two shapes.
pub trait Int8Sizes<In: Shape, Out: Shape>: HasInt8 + Train<In, Out, f32> {
    /// The sizes of the layer as a convolution.
    const SIZES: ConvSizes;

    /// Computes `dx` from `dy` with this weight.
    fn backward_with(
        weight: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    );
}

/// Computes an 8-bit layer. Threads share a batch of one sample by its rows.
pub(super) fn forward<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
    params: Int8View<'_>,
    x: &[f32],
    y: &mut [f32],
    memory: ThreadMemory<'_>,
    cx: &Context<f32>,
) {
    let sizes = const { &L::SIZES };
    let parts = match cx.is_single() {
        true => cx.parts(sizes.multiply_adds()),
        false => 1,
    };
    if parts == 1 {
        return forward_alone::<L, In, Out>(params, x, y, memory, cx);
    }

    let rows = sizes.out[0].div_ceil(parts);
    let part_len = rows * sizes.out[1] * sizes.out_channels;
    threads::split_mut_with(y, part_len, memory, &|part, y: &mut [f32], memory| {
        forward_from::<L, In, Out>(part * rows, params, x, y, memory, cx);
    });
}

/// Computes an 8-bit layer on this thread.
pub(super) fn forward_alone<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
    params: Int8View<'_>,
    x: &[f32],
    y: &mut [f32],
    memory: ThreadMemory<'_>,
    cx: &Context<f32>,
) {
    forward_from::<L, In, Out>(0, params, x, y, memory, cx);
}

/// Computes the outputs from a row on.
fn forward_from<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
    first_row: usize,
    params: Int8View<'_>,
    x: &[f32],
    y: &mut [f32],
    mut memory: ThreadMemory<'_>,
    cx: &Context<f32>,
) {
    const {
        assert!(
            L::SIZES.int8_terms() <= MOST_TERMS,
            "a sum of more than 65,536 products of 8 bits may leave 32 bits: keep this layer in f32"
        );
    }
    let sizes = const { &L::SIZES };
    let kernels = cx.kernels;
    kernels.int8_conv(Int8Conv {
        sizes,
        x,
        input: params.input,
        first_row,
        weight: params.weight,
        weight_scale: params.weight_scale,
        bias: params.bias,
        y,
        relu: cx.has_relu_epilogue(),
        values: memory.take(sizes.int8_values()),
        sums: memory.take(sizes.int8_sums()),
    });
}
