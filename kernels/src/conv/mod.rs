//! Convolutions of channels-last images, as implicit matrix products without an im2col matrix.
//!
//! A convolution multiplies, for each output pixel, the elements of its receptive field with the
//! weight `[KH][KW][CI][CO]`. The rows of that product are pixels of the image: they are not
//! copied, only addressed. One kernel, [`implicit_gemm`], does so for all three products of a
//! layer: forward (rows are output pixels), input gradient (rows are input pixels, and the weight
//! is transposed and flipped) and weight gradient (rows are weights, and the inner index runs over
//! the pixels). Padding is copied around the image beforehand ([`padding`]), a few percent of the
//! work, so that no inner loop needs to handle it.
//!
//! Every element is a sum of blocks of at most 512 multiply-adds, each a chain: forward over (ky,
//! kx, ci), zeros of the padding included; the input gradient over the output pixels in their
//! order; the weight gradient over the samples and their output pixels. Where Winograd's minimal
//! filtering takes fewer multiplications ([`winograd`]), the elements are sums of a few such sums.

mod depthwise;
mod forward;
mod implicit_gemm;
mod input_grad;
mod padding;
pub(super) mod reference;
mod weight_grad;
mod winograd;

use super::memory::{PartMemory, max};
use super::{F32Kernels, sizes};

/// The sizes of a convolution. Pairs are vertical and horizontal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSizes {
    /// The size of the image.
    pub size: [usize; 2],
    pub channels: usize,
    /// The size of the output.
    pub out: [usize; 2],
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// The number of zeros on each side.
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

/// The convolution `y = start + x * weight`, then `max(0, y)` if `relu`, for all samples of `x`.
#[derive(Debug)]
pub struct Conv<'a, T> {
    pub sizes: &'a ConvSizes,
    /// The number of samples of the whole batch, of which these are a part.
    pub whole: usize,
    pub x: &'a [T],
    /// The first row of the output in `y`. If `x` is one image, `y` can be some rows of its output,
    /// and this is even; otherwise it is 0.
    pub first_row: usize,
    /// `[KH][KW][CI / groups][CO]`
    pub weight: &'a [T],
    /// One for each output channel.
    pub bias: Option<&'a [T]>,
    pub y: &'a mut [T],
    pub relu: bool,
    /// Memory for padded images and transformed tiles, which may hold anything before and
    /// afterwards, and begins at a multiple of 64 bytes.
    ///
    /// [`ConvSizes::forward_memory`] gives its length. The `f32` kernels panic if padded images or
    /// tiles do not fit; those of `f64` need no memory.
    pub memory: &'a mut [T],
}

/// The gradient of a [`Conv`] with respect to `x`. It is also the transposed convolution of `dy`,
/// which may have a bias, one for each channel of `dx`.
#[derive(Debug)]
pub struct ConvInputGrad<'a, T> {
    pub sizes: &'a ConvSizes,
    /// The number of samples of the whole batch, of which these are a part.
    pub whole: usize,
    pub weight: &'a [T],
    pub dy: &'a [T],
    pub bias: Option<&'a [T]>,
    pub dx: &'a mut [T],
    pub relu: bool,
    /// Like [`Conv::memory`], with the length of [`ConvSizes::input_grad_memory`].
    pub memory: &'a mut [T],
}

/// The gradient of a [`Conv`] with respect to the weight, and to the bias after it if `gradient`
/// has one more row.
#[derive(Debug)]
pub struct ConvWeightGrad<'a, T> {
    pub sizes: &'a ConvSizes,
    /// The number of samples of the whole batch, of which these are a part.
    pub whole: usize,
    pub x: &'a [T],
    pub dy: &'a [T],
    pub gradient: &'a mut [T],
    /// True to add to the contents of `gradient`.
    pub accumulate: bool,
    /// The number of parts in which it is computed.
    pub parts: usize,
    /// The function that computes the parts.
    pub share: Share<T>,
    /// Like [`Conv::memory`], for all parts, with the length of [`ConvSizes::weight_grad_memory`].
    pub memory: &'a mut [T],
}

/// Splits a slice into chunks of some length (the last may be shorter) and has each computed by its
/// number.
pub type Share<T> = fn(&mut [T], usize, &(dyn Fn(usize, &mut [T]) + Sync));

/// The rows of the gradient that `gradient` holds, `CO` elements each, beginning with `first_row`.
/// The row of the bias comes after the rows of the weight.
struct WeightRows<'a, T> {
    sizes: &'a ConvSizes,
    x: &'a [T],
    dy: &'a [T],
    first_row: usize,
    gradient: &'a mut [T],
    accumulate: bool,
    memory: &'a mut [T],
}

impl<T: Send + Sync> ConvWeightGrad<'_, T> {
    /// Calls `f` with the rows of each part.
    fn each_part(self, f: impl Fn(WeightRows<'_, T>) + Sync) {
        let ConvWeightGrad {
            sizes,
            x,
            dy,
            gradient,
            accumulate,
            parts,
            share,
            memory,
            ..
        } = self;

        let parts = parts.max(1);
        let rows = part_rows(gradient.len() / sizes.out_channels, parts);
        let chunk = rows * sizes.out_channels;
        let memory = PartMemory::new(gradient, chunk, memory, parts);

        share(gradient, chunk, &|part, gradient| {
            let (gradient, memory) = memory.of(gradient);
            f(WeightRows {
                sizes,
                x,
                dy,
                first_row: part * rows,
                gradient,
                accumulate,
                memory,
            });
        });
    }
}

/// Returns the number of rows in each of some parts.
const fn part_rows(rows: usize, parts: usize) -> usize {
    max(rows.div_ceil(parts), 1)
}

// Without the standard library, programs contain only the kernels that the sizes of their layers need.
#[cfg_attr(not(feature = "std"), inline(always))]
pub(super) fn conv(kernels: F32Kernels, conv: Conv<'_, f32>) {
    if conv.sizes.has_tiles(conv.whole) {
        return kernels.run(winograd::ConvOp(conv));
    }

    let kernels = kernels.for_conv(conv.sizes, conv.sizes.out_channels);
    if conv.sizes.is_depthwise() {
        forward::ConvOp(conv).run::<true>(kernels);
    } else {
        forward::ConvOp(conv).run::<false>(kernels);
    }
}

pub(super) fn conv_input_grad(kernels: F32Kernels, conv: ConvInputGrad<'_, f32>) {
    if conv.sizes.has_tiles(conv.whole) {
        return kernels.run(winograd::ConvInputGradOp(conv));
    }

    let kernels = kernels.for_conv(conv.sizes, conv.sizes.channels);
    input_grad::ConvInputGradOp(conv).run(kernels);
}

pub(super) fn conv_weight_grad(kernels: F32Kernels, conv: ConvWeightGrad<'_, f32>) {
    if conv.sizes.has_tiles(conv.whole) {
        return winograd::weight_grad(conv, kernels);
    }

    let kernels = kernels.for_conv(conv.sizes, conv.sizes.out_channels);
    conv.each_part(|rows| weight_grad::WeightRowsOp(rows).run(kernels));
}

/// Returns whether both numbers are above 0.
const fn is_positive([a, b]: [usize; 2]) -> bool {
    a > 0 && b > 0
}

impl ConvSizes {
    /// Returns the number of elements of an image.
    pub const fn input_len(&self) -> usize {
        sizes::product(&[self.size[0], self.size[1], self.channels])
    }

    /// Returns the number of elements of an output.
    pub const fn output_len(&self) -> usize {
        sizes::product(&[self.out[0], self.out[1], self.out_channels])
    }

    /// Returns the number of rows of the weight, one for each element of the receptive field of an
    /// output channel.
    pub const fn weight_rows(&self) -> usize {
        sizes::product(&[self.kernel[0], self.kernel[1], self.channels / self.groups])
    }

    /// Returns the number of multiply-adds for one sample.
    pub const fn multiply_adds(&self) -> usize {
        sizes::product(&[self.weight_rows(), self.output_len()])
    }

    /// Returns the largest number of elements of [`Conv::memory`] that a convolution of at most
    /// `samples` samples uses in any tier, if they are a part of a batch of at most `whole` samples
    /// (`usize::MAX` if its size is not known).
    pub const fn forward_memory(&self, samples: usize, whole: usize) -> usize {
        if !self.is_consistent() {
            return 0;
        }
        let mut most = 0;
        if !self.has_tiles(1) {
            most = self.direct_memory(samples);
        }
        if self.has_tiles(whole) {
            most = max(most, self.tiles_memory(samples));
        }
        most
    }

    /// Like [`forward_memory`](Self::forward_memory), of [`ConvInputGrad::memory`].
    pub const fn input_grad_memory(&self, samples: usize, whole: usize) -> usize {
        if !self.is_consistent() {
            return 0;
        }
        let mut most = 0;
        if !self.has_tiles(1) {
            most = self.direct_grad_memory(samples);
        }
        if self.has_tiles(whole) {
            most = max(most, self.tiles_grad_memory(samples));
        }
        most
    }

    /// Like [`forward_memory`](Self::forward_memory), of [`ConvWeightGrad::memory`] for a batch of
    /// at most `samples` samples in this number of parts.
    pub const fn weight_grad_memory(&self, samples: usize, parts: usize) -> usize {
        if !self.is_consistent() {
            return 0;
        }
        let parts = max(parts, 1);
        let mut most = 0;
        if !self.has_tiles(1) {
            let rows = part_rows(sizes::sum(&[self.weight_rows(), 1]), parts);
            most = sizes::product(&[parts, self.direct_weight_memory(samples, rows)]);
        }
        if self.has_tiles(samples) {
            most = max(most, self.tiles_weight_memory(samples, parts));
        }
        most
    }

    /// Returns the largest share of a part in [`weight_grad_memory`](Self::weight_grad_memory), over
    /// all numbers of parts.
    pub const fn weight_grad_memory_of_part(&self, samples: usize) -> usize {
        // Without tiles, a part with more rows needs more memory, so that a single part needs the
        // most. With tiles, the memory of all parts depends on the number of elements that each
        // computes. Of the numbers of parts with the same number of elements, the smallest gives
        // the largest shares.
        let mut most = self.weight_grad_memory(samples, 1);
        if self.has_tiles(samples) {
            let numbers = winograd::NUMBERS_OF_PARTS;
            let mut i = 0;
            while i < numbers.len() {
                let all = self.weight_grad_memory(samples, numbers[i]);
                most = max(most, all.div_ceil(numbers[i]));
                i += 1;
            }
        }
        most
    }

    /// Returns whether there is a convolution of these sizes, whose lengths do not wrap.
    const fn is_consistent(&self) -> bool {
        is_positive(self.size)
            && is_positive(self.out)
            && is_positive(self.kernel)
            && is_positive(self.stride)
            && is_positive(self.dilation)
            && is_positive([self.channels, self.out_channels])
            && self.groups > 0
            && self.are_countable()
            && self.reach(0) <= self.padded(0)
            && self.reach(1) <= self.padded(1)
    }

    /// Returns the length of an axis of the image with its padding.
    pub const fn padded(&self, axis: usize) -> usize {
        sizes::sum(&[self.size[axis], self.pad[axis], self.pad[axis]])
    }

    /// Returns whether positions in the padded image can be counted: if so, no arithmetic on these
    /// sizes wraps.
    pub const fn are_countable(&self) -> bool {
        let most_channels = max(self.channels, self.out_channels);
        let numbers = sizes::product(&[self.padded(0), self.padded(1), most_channels]);

        sizes::countable(numbers)
            && sizes::countable(max(self.stride[0], self.stride[1]))
            && sizes::countable(max(self.dilation[0], self.dilation[1]))
    }

    /// Returns whether each channel has a filter of its own.
    pub(crate) const fn is_depthwise(&self) -> bool {
        self.groups == self.channels && self.groups == self.out_channels && self.groups > 1
    }

    /// Returns the extent along an axis of the windows of all output pixels.
    const fn reach(&self, axis: usize) -> usize {
        let first = sizes::product(&[self.kernel[axis] - 1, self.dilation[axis]]);
        sizes::sum(&[
            sizes::product(&[self.out[axis] - 1, self.stride[axis]]),
            first,
            1,
        ])
    }

    /// Panics unless the sizes are consistent and fit the lengths. Returns the number of samples.
    fn check(&self, x: usize, y: usize) -> usize {
        let all = [self.size, self.out, self.kernel, self.stride, self.dilation];
        assert!(
            all.as_flattened().iter().all(|&size| size > 0),
            "conv: a size is 0: {self:?}"
        );
        assert!(
            self.channels > 0 && self.out_channels > 0 && self.groups > 0,
            "conv: a size is 0: {self:?}"
        );
        assert!(
            self.channels.is_multiple_of(self.groups)
                && self.out_channels.is_multiple_of(self.groups),
            "conv: channels that are not whole groups: {self:?}"
        );
        assert!(
            self.are_countable(),
            "conv: more places than memory has: {self:?}"
        );
        for axis in 0..2 {
            assert!(
                self.reach(axis) <= self.padded(axis),
                "conv: the windows leave the padded image: {self:?}"
            );
        }

        let samples = x / self.input_len();
        assert_eq!(
            x,
            samples * self.input_len(),
            "conv: the images are not whole"
        );
        assert_eq!(
            Some(y),
            samples.checked_mul(self.output_len()),
            "conv: as many outputs as images"
        );

        samples
    }

    /// Like `check`, for some rows of the output if there is one image. Returns the numbers of
    /// samples and rows.
    fn check_rows(&self, x: usize, y: usize, first_row: usize) -> [usize; 2] {
        if x != self.input_len() {
            assert_eq!(first_row, 0, "conv: rows of more than one image");
            return [self.check(x, y), self.out[0]];
        }

        let row = self.out[1] * self.out_channels;
        let rows = y / row;
        assert_eq!(y, rows * row, "conv: the rows of the output are not whole");
        assert!(
            first_row.is_multiple_of(2) && first_row + rows <= self.out[0],
            "conv: other rows than the output has"
        );

        [self.check(x, self.output_len()), rows]
    }

    /// Panics unless the weight and the bias have as many elements as the sizes say.
    fn check_weight(&self, weight: usize, bias: Option<usize>, channels: usize) {
        assert_eq!(
            weight,
            sizes::product(&[self.weight_rows(), self.out_channels]),
            "conv: the weight"
        );
        assert!(
            bias.is_none_or(|bias| bias == channels),
            "conv: one bias per channel"
        );
    }

    /// Splits some rows of the gradient into those of the weight and the row of the bias, if it is
    /// among them.
    ///
    /// Panics if there are other rows.
    fn split_bias<'g, T>(
        &self,
        first: usize,
        gradient: &'g mut [T],
    ) -> (&'g mut [T], Option<&'g mut [T]>) {
        let rows = gradient.len() / self.out_channels;
        assert_eq!(
            gradient.len(),
            rows * self.out_channels,
            "conv: the rows of the gradient are not whole"
        );
        assert!(
            first + rows <= self.weight_rows() + 1,
            "conv: more rows than the weight and the bias have"
        );

        let (weight, bias) =
            gradient.split_at_mut((self.weight_rows() - first).min(rows) * self.out_channels);
        (weight, Some(bias).filter(|bias| !bias.is_empty()))
    }
}
