//! The parameters of 8-bit layers, and their conversion from `f32`.

use crate::derive::Parameters;
use crate::kernels::Quantization;
use crate::nn::spectral_norm::WeightMatrix;
use crate::params::{Buffer, Parameters};
use crate::tensor::{Rank0, Rank2, Rank3, Rank4};

/// The parameters of an [`Int8`](super::Int8) layer that multiplies.
pub trait Int8Params: Parameters<f32> {
    /// Returns the parts.
    #[doc(hidden)]
    fn view(&self) -> Int8View<'_>;

    /// Returns the parts for changes.
    #[doc(hidden)]
    fn view_mut(&mut self) -> Int8ViewMut<'_>;
}

/// Parameters that are quantized from those of a layer.
#[doc(hidden)]
pub trait QuantizeFrom<P> {
    /// Sets the parameters to those of a layer whose input has this quantization, or none yet.
    fn quantize_from(&mut self, layer: &P, input: Option<Quantization>);
}

impl<P: WeightMatrix<f32>, Q: Int8Params> QuantizeFrom<P> for Q {
    fn quantize_from(&mut self, layer: &P, input: Option<Quantization>) {
        let to = self.view_mut();
        quantize_weight(layer.weight(), to.weight_scale, to.weight);
        copy_bias(layer, to.bias);
        if let Some(input) = input {
            *to.input_scale = input.scale;
            *to.input_zero_point = input.zero_point;
        }
    }
}

/// Copies the bias of a layer, or zeros.
pub(super) fn copy_bias<P: WeightMatrix<f32>>(layer: &P, to: &mut [f32]) {
    let bias = &Parameters::<f32>::as_slice(layer)[layer.weight().len()..];
    to.fill(0.0);
    to[..bias.len()].copy_from_slice(bias);
}

/// The parameters of an 8-bit [`Embedding`](crate::nn::Embedding).
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct Int8EmbeddingParams<const NUM_EMBEDDINGS: usize, const EMBEDDING_DIM: usize> {
    /// `[num_embeddings][embedding_dim]`
    pub weight: Buffer<Rank2<NUM_EMBEDDINGS, EMBEDDING_DIM>, i8>,
    /// One for each row: the number that a weight of 1 stands for.
    pub weight_scale: [f32; NUM_EMBEDDINGS],
}

/// The parts of the parameters of an 8-bit layer.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Int8View<'a> {
    /// `[outputs][..]`
    pub weight: &'a [i8],
    pub weight_scale: &'a [f32],
    pub bias: &'a [f32],
    pub input: Quantization,
}

/// [`Int8View`] for changes.
#[doc(hidden)]
pub struct Int8ViewMut<'a> {
    pub weight: &'a mut [i8],
    pub weight_scale: &'a mut [f32],
    pub bias: &'a mut [f32],
    pub input_scale: &'a mut f32,
    pub input_zero_point: &'a mut u8,
}

macro_rules! int8_params {
    ($(
        $(#[$doc:meta])*
        $name:ident<$($size:ident)*> {
            $(#[$weight:meta])*
            weight: $shape:ty,
            outputs: $outputs:ident $(marked $marked:ident)?,
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Parameters)]
        #[repr(C)]
        pub struct $name<$(const $size: usize),*> {
            $(#[$weight])*
            pub weight: Buffer<$shape, i8>,
            /// One for each output: the number that a weight of 1 stands for.
            $(#[params($marked)])?
            pub weight_scale: [f32; $outputs],
            /// One for each output; zeros for a layer without a bias.
            $(#[params($marked)])?
            pub bias: [f32; $outputs],
            /// The distance of two neighbouring inputs.
            pub input_scale: f32,
            /// The input that stands for 0.
            pub input_zero_point: Buffer<Rank0, u8>,
        }

        impl<$(const $size: usize),*> Int8Params for $name<$($size),*> {
            fn view(&self) -> Int8View<'_> {
                Int8View {
                    weight: self.weight.as_slice(),
                    weight_scale: &self.weight_scale,
                    bias: &self.bias,
                    input: Quantization {
                        scale: self.input_scale,
                        zero_point: self.input_zero_point.as_slice()[0],
                    },
                }
            }

            fn view_mut(&mut self) -> Int8ViewMut<'_> {
                Int8ViewMut {
                    weight: self.weight.as_mut_slice(),
                    weight_scale: &mut self.weight_scale,
                    bias: &mut self.bias,
                    input_scale: &mut self.input_scale,
                    input_zero_point: &mut self.input_zero_point.as_mut_slice()[0],
                }
            }
        }
    )* };
}
int8_params! {
    /// The parameters of an 8-bit [`Linear`](crate::nn::Linear) layer.
    Int8LinearParams<I O> {
        /// `[out_features][in_features]`
        #[params(features, outputs, outputs_first)]
        weight: Rank2<O, I>,
        outputs: O marked outputs,
    }
    /// The parameters of an 8-bit [`Conv1d`](crate::nn::Conv1d) layer, where `CI` is the number of
    /// input channels in each group.
    Int8Conv1dParams<K CI CO> {
        /// `[out_channels][kernel_size][in_channels / groups]`
        #[params(axes(0, 2, 1))]
        weight: Rank3<CO, K, CI>,
        outputs: CO,
    }
    /// The parameters of an 8-bit [`Conv2d`](crate::nn::Conv2d) layer, where `CI` is the number of
    /// input channels in each group.
    Int8Conv2dParams<KH KW CI CO> {
        /// `[out_channels][kernel height][kernel width][in_channels / groups]`
        #[params(axes(0, 3, 1, 2))]
        weight: Rank4<CO, KH, KW, CI>,
        outputs: CO,
    }
}

/// Quantizes a weight `[..][outputs]` to `[outputs][..]` with a scale for each output: the largest
/// magnitude becomes 127.
pub(super) fn quantize_weight(weight: &[f32], scales: &mut [f32], to: &mut [i8]) {
    let outputs = scales.len();
    scales.fill(0.0);
    for row in weight.chunks_exact(outputs) {
        for (largest, &weight) in scales.iter_mut().zip(row) {
            *largest = largest.max(weight.abs());
        }
    }
    for scale in &mut *scales {
        *scale = scale_of(*scale);
    }

    let terms = weight.len() / outputs.max(1);
    for (term, row) in weight.chunks_exact(outputs).enumerate() {
        for (output, (&weight, &scale)) in row.iter().zip(&*scales).enumerate() {
            to[output * terms + term] = weight_of(scale).quantize(weight) as i8;
        }
    }
}

/// Sets `to` to what the weight stands for after its quantization. Both are `[..][outputs]`.
pub(super) fn round_weight(weight: &[f32], scales: &mut [f32], to: &mut [f32]) {
    let outputs = scales.len();
    scales.fill(0.0);
    for row in weight.chunks_exact(outputs) {
        for (largest, &weight) in scales.iter_mut().zip(row) {
            *largest = largest.max(weight.abs());
        }
    }
    for scale in &mut *scales {
        *scale = scale_of(*scale);
    }
    for (row, to) in weight
        .chunks_exact(outputs)
        .zip(to.chunks_exact_mut(outputs))
    {
        for ((&weight, to), &scale) in row.iter().zip(to).zip(&*scales) {
            *to = f32::from(weight_of(scale).quantize(weight)) * scale;
        }
    }
}

/// Quantizes the rows of a table, each with a scale of its own, and calls `f` with the number of a
/// row, its scale and its numbers.
pub(in crate::nn) fn quantize_rows<const D: usize>(
    rows: &[[f32; D]],
    mut f: impl FnMut(usize, f32, &mut dyn Iterator<Item = i8>),
) {
    for (index, row) in rows.iter().enumerate() {
        let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = scale_of(largest);
        let mut numbers = row.iter().map(|&x| weight_of(scale).quantize(x) as i8);
        f(index, scale, &mut numbers);
    }
}

/// Returns the scale of weights up to this magnitude.
fn scale_of(largest: f32) -> f32 {
    // The quotients of smaller weights would leave the range of normal numbers.
    match largest / 127.0 {
        scale if scale >= f32::MIN_POSITIVE => scale,
        _ => 1.0,
    }
}

/// Returns the quantization of a weight.
fn weight_of(scale: f32) -> Quantization {
    Quantization {
        scale,
        zero_point: 128,
    }
}
