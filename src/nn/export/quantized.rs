//! Layers in 8 bits: `QuantizeLinear` and `DequantizeLinear` around the inputs of an operator.

use super::images::{Convolution, convolution_of};
use super::simple::linear_of;
use super::{Export, Exported};
use crate::nn::int8::{Int8EmbeddingParams, Int8Sizes, Int8View};
use crate::tensor::Shape;

/// Writes an 8-bit layer.
pub(in crate::nn) fn layer<In: Shape, Out: Shape, L: Int8Sizes<In, Out>>(
    params: Int8View<'_>,
    mut call: Export<'_>,
) -> Exported {
    let sizes = &L::SIZES;
    let name = |key: &str| match call.name {
        "" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    let keys = ["weight", "weight_scale", "bias", "input_scale"];
    let [weight, weight_scale, bias, input_scale] = keys.map(name);
    let [weight_zero, input_zero] = ["weight_zero_point", "input_zero_point"].map(name);
    let outputs = sizes.out_channels;
    let singles = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();

    let x = call.one()?;
    let graph = &mut *call.graph;
    let (own, numbers) = in_file_order::<L, In, Out>(params.weight);
    graph.signed_bytes(&weight, &own, &numbers);
    graph.signed_bytes(&weight_zero, &[outputs], &vec![0; outputs]);
    graph.initializer(&weight_scale, &[outputs], &singles(params.weight_scale));
    graph.initializer(&bias, &[outputs], &singles(params.bias));
    graph.initializer(&input_scale, &[], &[f64::from(params.input.scale)]);
    graph.bytes(&input_zero, params.input.zero_point);

    let input = [&input_scale[..], &input_zero];
    let x = graph.node("QuantizeLinear", &[&x, input[0], input[1]], &[]);
    let x = graph.node("DequantizeLinear", &[&x, input[0], input[1]], &[]);
    let weight = graph.dequantized(&weight, &weight_scale, &weight_zero);
    call.sources = vec![x.into()];
    if L::AXES == 0 {
        return linear_of(&weight, Some(&bias), call);
    }
    let convolution = Convolution {
        axes: L::AXES,
        kernel: sizes.kernel,
        stride: sizes.stride,
        pad: sizes.pad,
        dilation: sizes.dilation,
        groups: sizes.groups,
        causal: L::CAUSAL,
        output_pad: None,
    };
    convolution_of(&convolution, &weight, Some(&bias), call)
}

/// Returns a weight as files have it, the input channels before the axes of the windows.
fn in_file_order<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
    weight: &[i8],
) -> (Vec<usize>, Vec<i8>) {
    let sizes = &L::SIZES;
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let terms = sizes.int8_terms();
    let channels = terms / taps;
    let kernel = &sizes.kernel[2 - L::AXES..];
    let own = [&[sizes.out_channels, channels], kernel].concat();
    let numbers = (0..weight.len()).map(|index| {
        let (output, rest) = (index / terms, index % terms);
        weight[output * terms + rest % taps * channels + rest / taps]
    });
    (own, numbers.collect())
}

/// Writes a table of 8-bit rows, which looks up the rows that it is asked for.
pub(in crate::nn) fn embedding<const N: usize, const D: usize>(
    params: &Int8EmbeddingParams<N, D>,
    mut call: Export<'_>,
) -> Exported {
    let scale = call.param(params, "weight_scale")?;
    let x = call.one()?;
    let name = scale.replace("weight_scale", "weight");
    let zero = format!("{name}_zero_point");
    let graph = call.graph;
    graph.signed_bytes(&name, &[N, D], params.weight.as_slice());
    graph.signed_bytes(&zero, &[N], &[0; N]);
    let rows = graph.dequantized(&name, &scale, &zero);
    let indices = graph.to_ints(&x);
    Ok(graph.node("Gather", &[&rows, &indices], &[]).into())
}
