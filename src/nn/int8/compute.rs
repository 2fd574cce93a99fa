//! The passes of 8-bit layers on slices.

use super::params::{Int8Params, Int8View, QuantizeFrom, copy_bias, quantize_weight, round_weight};
use crate::kernels::{ConvSizes, Int8Conv, MOST_TERMS, Quantization};
use crate::memory::ThreadMemory;
use crate::network::{Context, Layer, Needs, Reach, Train};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{Export, Exported, quantized};
use crate::nn::spectral_norm::WeightMatrix;
use crate::params::Parameters;
use crate::tensor::Shape;
use crate::{sizes, threads};

/// A layer with an 8-bit form.
pub trait HasInt8: Layer<f32, Config = ()> {
    /// The parameters of the 8-bit form.
    type Int8Params: Parameters<f32> + QuantizeFrom<Self::Params>;
    /// The positions of time that the 8-bit form reads. It has no memory for a stream.
    const INT8_REACH: Reach;
}

/// The passes of such a layer between two shapes: in 8 bits, and for training.
pub trait Int8Passes<In: Shape, Out: Shape>: HasInt8 + Train<In, Out, f32> {
    /// The memory of the 8-bit form.
    const INT8_NEEDS: Needs;
    /// The memory of the forward pass for training.
    const FAKE_NEEDS: Needs;
    /// The memory of the backward pass in addition to that of the layer.
    const BACKWARD_NEEDS: Needs;

    /// Computes the outputs.
    fn int8_forward(
        params: &Self::Int8Params,
        x: &[f32],
        y: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    );

    /// Computes the outputs with the quantized parameters of a layer.
    fn fake_forward(
        layer: &Self::Params,
        input: Quantization,
        x: &[f32],
        y: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    );

    /// Sets `to` to the inputs as the 8-bit form sees them.
    fn round_input(input: Quantization, x: &[f32], to: &mut [f32], cx: &Context<f32>);

    /// Computes `dx` from `dy`, without an `input` that of the layer in `f32`.
    fn fake_backward(
        layer: &Self::Params,
        input: Option<Quantization>,
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    );

    /// Writes the 8-bit form into an ONNX graph.
    #[cfg(feature = "onnx-export")]
    fn int8_export(params: &Self::Int8Params, call: Export<'_>) -> Exported;
}

/// A layer that is a product or a convolution, between two shapes.
pub trait Int8Sizes<In: Shape, Out: Shape>:
    HasInt8<Int8Params: Int8Params, Params: WeightMatrix<f32>> + Train<In, Out, f32>
{
    /// The sizes of the layer as a convolution.
    const SIZES: ConvSizes;
    /// The number of axes that the windows of a convolution have; 0 for a dense layer.
    const AXES: usize;
    /// True if all padding lies before the input.
    const CAUSAL: bool;

    /// Computes `dx` from `dy` with this weight.
    fn backward_with(
        weight: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    );
}

/// Returns the memory of the kernel.
const fn kernel_needs(sizes: &ConvSizes) -> Needs {
    Needs::NONE
        .per_thread::<i16>(sizes.int8_values())
        .per_thread::<i32>(sizes.int8_sums())
}

/// Returns the number of weights.
const fn weights(sizes: &ConvSizes) -> usize {
    sizes::product(&[sizes.int8_terms(), sizes.out_channels])
}

impl<In: Shape, Out: Shape, L: Int8Sizes<In, Out>> Int8Passes<In, Out> for L {
    const INT8_NEEDS: Needs = kernel_needs(&L::SIZES);
    const FAKE_NEEDS: Needs = Needs::NONE
        .per_thread::<i8>(weights(&L::SIZES))
        .per_thread::<f32>(L::SIZES.out_channels)
        .per_thread::<f32>(L::SIZES.out_channels)
        .and(kernel_needs(&L::SIZES));
    const BACKWARD_NEEDS: Needs = Needs::NONE
        .per_thread::<f32>(weights(&L::SIZES))
        .per_thread::<f32>(L::SIZES.out_channels);

    fn int8_forward(
        params: &L::Int8Params,
        x: &[f32],
        y: &mut [f32],
        memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    ) {
        forward::<L, In, Out>(params.view(), x, y, memory, cx);
    }

    fn fake_forward(
        layer: &L::Params,
        input: Quantization,
        x: &[f32],
        y: &mut [f32],
        mut memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    ) {
        let outputs = L::SIZES.out_channels;
        let weight = memory.take(weights(&L::SIZES));
        let weight_scale = memory.take(outputs);
        let bias = memory.take(outputs);
        quantize_weight(layer.weight(), weight_scale, weight);
        copy_bias(layer, bias);
        let params = Int8View {
            weight,
            weight_scale,
            bias,
            input,
        };
        forward_from::<L, In, Out>(0, params, x, y, memory, cx);
    }

    fn round_input(input: Quantization, x: &[f32], to: &mut [f32], cx: &Context<f32>) {
        cx.kernels.int8_round(input, x, to);
    }

    fn fake_backward(
        layer: &L::Params,
        input: Option<Quantization>,
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        mut memory: ThreadMemory<'_>,
        cx: &Context<f32>,
    ) {
        let layer = layer.weight();
        let Some(input) = input else {
            return L::backward_with(layer, dy, dx, memory, cx);
        };
        let weight = memory.take(layer.len());
        round_weight(layer, memory.take(L::SIZES.out_channels), weight);
        L::backward_with(weight, dy, dx, memory, cx);

        // What is rounded to the lowest or to the highest number still counts.
        let lowest = -f32::from(input.zero_point) - 0.5;
        let highest = lowest + 256.0;
        for (dx, &x) in dx.iter_mut().zip(x) {
            let value = x / input.scale;
            if !(value >= lowest && value <= highest) {
                *dx = 0.0;
            }
        }
    }

    #[cfg(feature = "onnx-export")]
    fn int8_export(params: &L::Int8Params, call: Export<'_>) -> Exported {
        quantized::layer::<In, Out, L>(params.view(), call)
    }
}

/// Computes an 8-bit layer. Threads share a batch of one sample by its rows.
fn forward<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
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
        return forward_from::<L, In, Out>(0, params, x, y, memory, cx);
    }

    let rows = sizes.out[0].div_ceil(parts);
    let part_len = rows * sizes.out[1] * sizes.out_channels;
    threads::split_mut_with(y, part_len, memory, &|part, y: &mut [f32], memory| {
        forward_from::<L, In, Out>(part * rows, params, x, y, memory, cx);
    });
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
