//! Convolutions and products of 8-bit weights with activations that are quantized to 8 bits.
//!
//! An activation `x` becomes the whole number `round(x / scale)`, half to even, limited to the range
//! of `u8` around its zero point; a weight is an `i8` with a scale for each output. Their products
//! are added up in 32 bits without any rounding, and each output is
//! `sum as f32 * (scale * weight_scale) + bias` in single operations of IEEE 754. Thus no bit depends
//! on the processor, on the order of the sum or on the batch. It is what ONNX's `QuantizeLinear` and
//! `DequantizeLinear` around a `Conv` or `MatMul` mean.
//!
//! # Instructions
//!
//! Quantized activations are kept in 16 bits, with the zero point subtracted: the zeros of padding
//! are 0 then. `pmaddwd` (AVX2, SSE2) multiplies 16 of them by weights and adds pairs in 32 bits.
//! `pmaddubsw` multiplies 32 bytes, but adds pairs in 16 bits, where they saturate, and needs a second
//! instruction to widen them: on processors with two ports for either it is no faster. Processors
//! with AVX-512 run the code of AVX2. The portable code is a plain loop, which the compiler turns
//! into vectors.

mod depthwise;
mod patches;
mod product;

use crate::conv::ConvSizes;
use crate::simd::{Op, Simd};
use crate::{F32Kernels, sizes};

/// The largest number of terms in the sum of an output: 65,536 products of at most 255 * 128 in
/// magnitude are within 32 bits.
pub const MOST_TERMS: usize = 1 << 16;

/// The number of rows that are multiplied at a time.
const ROWS: usize = 8;

/// The number of terms that are added at a time. Rows end with zeros up to a multiple of it.
const STEP: usize = 16;

/// The map from numbers to 8 bits, `round(x / scale) + zero_point`, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The distance of two neighbouring numbers, above 0.
    pub scale: f32,
    /// The number that stands for 0.
    pub zero_point: u8,
}

/// The convolution `y = x * weight + bias` in 8 bits, then `max(0, y)` if `relu`, for all samples of
/// `x`. A dense layer is a convolution with a kernel of 1 by 1.
#[derive(Debug)]
pub struct Int8Conv<'a> {
    pub sizes: &'a ConvSizes,
    pub x: &'a [f32],
    /// The quantization of `x`.
    pub input: Quantization,
    /// The first row of the output in `y`. If `x` is one image, `y` can be some rows of its output;
    /// otherwise it is 0.
    pub first_row: usize,
    /// `[CO][KH][KW][CI / groups]`
    pub weight: &'a [i8],
    /// The scale of the weight for each output channel.
    pub weight_scale: &'a [f32],
    /// One for each output channel.
    pub bias: &'a [f32],
    pub y: &'a mut [f32],
    pub relu: bool,
    /// Memory for quantized activations, as long as [`ConvSizes::int8_values`] says.
    pub values: &'a mut [i16],
    /// Memory for sums, as long as [`ConvSizes::int8_sums`] says.
    pub sums: &'a mut [i32],
}

impl ConvSizes {
    /// Returns the number of terms in the sum of an output.
    pub const fn int8_terms(&self) -> usize {
        let channels = match self.channels.checked_div(self.groups) {
            Some(channels) => channels,
            None => 0,
        };
        sizes::product(&[self.kernel[0], self.kernel[1], channels])
    }

    /// Returns the length of [`Int8Conv::values`].
    pub const fn int8_values(&self) -> usize {
        let rows = match self.is_depthwise() {
            true => product::depthwise_packed_len(self.channels, self.int8_terms()),
            false => {
                let rows = sizes::product(&[ROWS, padded(self.int8_terms())]);
                sizes::sum(&[rows, 2 * patches::SHORT, patches::packed_weights(self)])
            }
        };
        match self.is_pointwise() {
            true => rows,
            false => sizes::sum(&[rows, self.padded_len()]),
        }
    }

    /// Returns the length of [`Int8Conv::sums`].
    pub const fn int8_sums(&self) -> usize {
        match self.is_depthwise() {
            true => self.channels,
            false => sizes::product(&[ROWS, self.out_channels / self.groups]),
        }
    }

    /// Returns whether each output pixel depends on the input pixel at the same place alone.
    const fn is_pointwise(&self) -> bool {
        let keeps_size = self.out[0] == self.size[0] && self.out[1] == self.size[1];
        keeps_size
            && matches!(
                (self.kernel, self.stride, self.pad, self.groups),
                ([1, 1], [1, 1], [0, 0], 1)
            )
    }

    /// Returns the height or the width of the image with its padding.
    const fn padded_size(&self, axis: usize) -> usize {
        sizes::sum(&[self.size[axis], self.pad[axis], self.pad[axis]])
    }

    /// Returns the number of elements of the image with its padding.
    const fn padded_len(&self) -> usize {
        sizes::product(&[self.padded_size(0), self.padded_size(1), self.channels])
    }
}

/// Returns the length of a row of `terms` with the zeros behind them.
const fn padded(terms: usize) -> usize {
    terms.next_multiple_of(STEP)
}

impl F32Kernels {
    /// Computes a convolution in 8 bits. See [`Int8Conv`].
    ///
    /// # Panics
    /// Panics if lengths do not fit the sizes, or if a sum has more than [`MOST_TERMS`] terms.
    pub fn int8_conv(self, conv: Int8Conv<'_>) {
        let sizes = conv.sizes;
        let terms = sizes.int8_terms();
        let row = sizes.out[1] * sizes.out_channels;
        let samples = conv.x.len() / sizes.input_len().max(1);
        assert!(terms <= MOST_TERMS, "a sum of {terms} products in 32 bits");
        assert_eq!(conv.x.len(), samples * sizes.input_len(), "whole images");
        assert_eq!(conv.weight.len(), sizes.out_channels * terms, "a weight");
        assert_eq!(conv.weight_scale.len(), sizes.out_channels, "scales");
        assert_eq!(conv.bias.len(), sizes.out_channels, "a bias");
        match samples {
            1 => assert!(
                conv.y.len().is_multiple_of(row.max(1))
                    && conv.first_row * row + conv.y.len() <= sizes.output_len(),
                "rows of an output"
            ),
            _ => assert!(
                conv.y.len() == samples * sizes.output_len() && conv.first_row == 0,
                "whole outputs"
            ),
        }
        if !conv.y.is_empty() {
            self.run(ConvOp(conv, product::Instructions::of(self)));
        }
    }

    /// Quantizes numbers to 8 bits, and gives them back as the numbers that they stand for.
    pub fn int8_round(self, input: Quantization, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len(), y.len(), "as many numbers");
        self.run(RoundOp { input, x, y });
    }
}

struct ConvOp<'a>(Int8Conv<'a>, product::Instructions);

impl Op for ConvOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let ConvOp(conv, instructions) = self;
        if conv.sizes.is_pointwise() {
            patches::pointwise(conv, instructions);
        } else if conv.sizes.is_depthwise() {
            depthwise::conv(conv, instructions);
        } else {
            patches::conv(conv, instructions);
        }
    }
}

struct RoundOp<'a> {
    input: Quantization,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Op for RoundOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let RoundOp { input, x, y } = self;
        let x = &x[..y.len()];
        let mut i = 0;
        while i < y.len() {
            y[i] = f32::from(input.quantize(x[i])) * input.scale;
            i += 1;
        }
    }
}

impl Quantization {
    /// Returns the 8-bit number of `x` less the zero point. That of NaN is the lowest one.
    #[inline(always)]
    pub fn quantize(self, x: f32) -> i16 {
        // The sum with this number, 1.5 * 2^23, has no fraction, and is rounded half to even.
        const INTEGERS: f32 = 12_582_912.0;

        let lowest = -f32::from(self.zero_point);
        let highest = 255.0 + lowest;
        let value = x / self.scale;
        let value = if value > lowest { value } else { lowest };
        let value = if value < highest { value } else { highest };
        ((value + INTEGERS).to_bits() as i32).wrapping_sub(INTEGERS.to_bits() as i32) as i16
    }

    // The loops over numbers have an index: the compiler leaves calls of `Zip` in a function with
    // instructions of its own.
    #[inline(always)]
    fn quantize_all(self, x: &[f32], to: &mut [i16]) {
        let len = x.len();
        let to = &mut to[..len];
        let mut i = 0;
        while i < len {
            to[i] = self.quantize(x[i]);
            i += 1;
        }
    }
}

/// The map from sums to outputs.
#[derive(Clone, Copy)]
struct Requantize<'a> {
    input_scale: f32,
    weight_scale: &'a [f32],
    bias: &'a [f32],
    relu: bool,
}

impl<'a> Int8Conv<'a> {
    /// Returns the map from the sums of the convolution to its outputs.
    #[inline(always)]
    fn requantize(&self) -> Requantize<'a> {
        Requantize {
            input_scale: self.input.scale,
            weight_scale: self.weight_scale,
            bias: self.bias,
            relu: self.relu,
        }
    }
}

impl Requantize<'_> {
    /// Sets the outputs of a pixel from the channel `first` on.
    #[inline(always)]
    fn run(self, first: usize, sums: &[i32], y: &mut [f32]) {
        let len = y.len();
        let sums = &sums[..len];
        let scales = &self.weight_scale[first..][..len];
        let bias = &self.bias[first..][..len];
        let mut i = 0;
        while i < len {
            let value = sums[i] as f32 * (self.input_scale * scales[i]) + bias[i];
            y[i] = if self.relu && value < 0.0 { 0.0 } else { value };
            i += 1;
        }
    }

    /// Sets the outputs of several pixels, `stride` apart, from the channel `first` on. There are
    /// `each` sums of each.
    #[inline(always)]
    fn run_all(self, first: usize, each: usize, sums: &[i32], stride: usize, y: &mut [f32]) {
        let mut pixel = 0;
        while (pixel + 1) * stride <= y.len() {
            let y = &mut y[pixel * stride + first..][..each];
            self.run(first, &sums[pixel * each..], y);
            pixel += 1;
        }
    }
}

/// Copies an image into `to`, quantized and with zeros around it: the rows that an output from
/// `first_row` on needs.
#[inline(always)]
fn quantize_image(sizes: &ConvSizes, input: Quantization, x: &[f32], to: &mut [i16]) {
    let row = sizes.size[1] * sizes.channels;
    let padded_row = sizes.padded_size(1) * sizes.channels;
    let (above, left) = (sizes.pad[0] * padded_row, sizes.pad[1] * sizes.channels);
    to.fill(0);
    let mut line = 0;
    while line < sizes.size[0] {
        let to = &mut to[above + line * padded_row + left..][..row];
        input.quantize_all(&x[line * row..][..row], to);
        line += 1;
    }
}
