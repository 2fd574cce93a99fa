//! The parameters of 8-bit layers, and their conversion from `f32`.

use crate::derive::Parameters;
use crate::kernels::Quantization;
use crate::params::{Buffer, Parameters};
use crate::tensor::{Rank0, Rank2, Rank3, Rank4};

/// The parameters of an [`Int8`](super::Int8) layer.
pub trait Int8Params: Parameters<f32> {
    /// Returns the parts.
    #[doc(hidden)]
    fn view(&self) -> Int8View<'_>;

    /// Returns the parts for changes.
    #[doc(hidden)]
    fn view_mut(&mut self) -> Int8ViewMut<'_>;
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
pub(in crate::nn) fn quantize_weight(weight: &[f32], scales: &mut [f32], to: &mut [i8]) {
    let outputs = scales.len();
    scales.fill(0.0);
    for row in weight.chunks_exact(outputs) {
        for (largest, &weight) in scales.iter_mut().zip(row) {
            *largest = largest.max(weight.abs());
        }
    }
    for scale in &mut *scales {
        // The quotients of smaller weights would leave the range of normal numbers.
        *scale = match *scale / 127.0 {
            scale if scale >= f32::MIN_POSITIVE => scale,
            _ => 1.0,
        };
    }

    let terms = weight.len() / outputs.max(1);
    for (term, row) in weight.chunks_exact(outputs).enumerate() {
        for (output, (&weight, &scale)) in row.iter().zip(&*scales).enumerate() {
            to[output * terms + term] = weight_of(scale).quantize(weight) as i8;
        }
    }
}

/// Sets `to` to what the weight stands for after its quantization. Both are `[..][outputs]`.
pub(in crate::nn) fn round_weight(weight: &[f32], scales: &mut [f32], to: &mut [f32]) {
    let outputs = scales.len();
    scales.fill(0.0);
    for row in weight.chunks_exact(outputs) {
        for (largest, &weight) in scales.iter_mut().zip(row) {
            *largest = largest.max(weight.abs());
        }
    }
    for (row, to) in weight
        .chunks_exact(outputs)
        .zip(to.chunks_exact_mut(outputs))
    {
        for ((&weight, to), &largest) in row.iter().zip(to).zip(&*scales) {
            let scale = largest / 127.0;
            *to = match scale >= f32::MIN_POSITIVE {
                true => f32::from(weight_of(scale).quantize(weight)) * scale,
                false => 0.0,
            };
        }
    }
}

/// Returns the quantization of a weight.
fn weight_of(scale: f32) -> Quantization {
    Quantization {
        scale,
        zero_point: 128,
    }
}
