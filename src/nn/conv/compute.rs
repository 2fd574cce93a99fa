//! The arithmetic of convolutions, on slices.

use crate::kernels::{
    Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, Kernels, Matrix, Product, Start, product_memory,
};
use crate::memory::ThreadMemory;
use crate::network::{Context, Needs};
use crate::nn::kernel_needs::{kernel_needs, product_needs, weight_grad_needs};
use crate::tensor::Element;
use crate::{sizes, threads};

/// Returns whether the convolution is a plain product of pixels and weight: a 1 by 1 kernel.
const fn is_product(sizes: &ConvSizes) -> bool {
    let ConvSizes {
        kernel,
        stride,
        pad,
        groups,
        ..
    } = *sizes;
    matches!((kernel, stride, pad, groups), ([1, 1], [1, 1], [0, 0], 1))
}

/// Returns the number of output pixels of a sample.
const fn pixels(sizes: &ConvSizes) -> usize {
    sizes::product(&[sizes.out[0], sizes.out[1]])
}

/// Returns the memory that [`conv`] needs.
pub(super) const fn conv_needs<T: Element>(sizes: &ConvSizes) -> Needs {
    if is_product(sizes) {
        return product_needs::<T>(pixels(sizes), sizes.out_channels, sizes.channels, false);
    }
    let of_batch = sizes.forward_memory(usize::MAX, usize::MAX);
    kernel_needs::<T>(sizes.forward_memory(1, 1), of_batch)
}

/// Returns the memory that [`input_grad`] needs.
pub(super) const fn input_grad_needs<T: Element>(sizes: &ConvSizes) -> Needs {
    if is_product(sizes) {
        return product_needs::<T>(pixels(sizes), sizes.channels, sizes.out_channels, true);
    }
    let of_batch = sizes.input_grad_memory(usize::MAX, usize::MAX);
    kernel_needs::<T>(sizes.input_grad_memory(1, 1), of_batch)
}

/// Returns the memory that [`weight_grad`] needs.
pub(super) const fn weight_gradient_needs<T: Element>(sizes: &ConvSizes) -> Needs {
    if is_product(sizes) {
        return weight_grad_needs::<T>(sizes.channels, sizes.out_channels);
    }

    // The parts share one piece of memory, to which each contributes the same length.
    kernel_needs::<T>(0, sizes.weight_grad_memory_of_part(usize::MAX))
}

/// Returns the number of numbers that a kernel takes.
const fn len_of<T: Element>(len: usize) -> usize {
    if T::KERNELS_USE_MEMORY { len } else { 0 }
}

/// Returns the number of output pixels in the whole batch.
fn total_pixels<T: Element>(sizes: &ConvSizes, cx: &Context<T>) -> usize {
    if cx.is_stream() {
        // In a stream, a position has the same bits alone and among others.
        return usize::MAX;
    }
    cx.batch() * sizes.out[0] * sizes.out[1]
}

/// Computes the convolution `y` of `x`.
// In a program for a microcontroller, the sizes of the layer select what it contains.
#[cfg_attr(not(feature = "std"), inline(always))]
pub(super) fn conv<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    x: &[T],
    y: &mut [T],
    mut memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    if !is_product(sizes) {
        return conv_by_rows(sizes, weight, bias, x, y, memory, cx);
    }

    cx.kernels.product(Product {
        m: x.len() / sizes.channels,
        n: sizes.out_channels,
        k: sizes.channels,
        a: Matrix::row_major(x, sizes.channels),
        b: Matrix::row_major(weight, sizes.out_channels),
        c: y,
        c_stride: sizes.out_channels,
        start: bias.map_or(Start::Zero, Start::Bias),
        relu: cx.has_relu_epilogue(),
        whole: total_pixels(sizes, cx),
        memory: memory.take_at_most(product_memory(
            total_pixels(sizes, cx),
            sizes.out_channels,
            sizes.channels,
            false,
        )),
    });
}

/// Computes a convolution with a kernel larger than one pixel. Threads share a batch of one sample
/// by its rows.
#[cfg_attr(not(feature = "std"), inline(always))]
fn conv_by_rows<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    x: &[T],
    y: &mut [T],
    mut memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let relu = cx.has_relu_epilogue();
    let samples = cx.batch();
    let len = len_of::<T>(sizes.forward_memory(x.len() / sizes.input_len(), samples));
    let conv_from = {
        #[cfg_attr(not(feature = "std"), inline(always))]
        |first_row: usize, y: &mut [T], memory: &mut [T]| {
            kernels.conv(Conv {
                sizes,
                whole: samples,
                x,
                first_row,
                weight,
                bias,
                y,
                relu,
                memory,
            });
        }
    };

    let parts = if cx.is_single() {
        cx.parts(sizes.multiply_adds())
    } else {
        1
    };
    if parts == 1 {
        return conv_from(0, y, memory.take(len));
    }

    // The tiles of some kernels are two rows high.
    let rows = sizes.out[0].div_ceil(parts).next_multiple_of(2);
    let part_len = rows * sizes.out[1] * sizes.out_channels;
    threads::split_mut_with(y, part_len, memory, &|part, y: &mut [T], mut memory| {
        conv_from(part * rows, y, memory.take(len));
    });
}

/// Computes the gradient `dx` of the input from that of the output, `dy`. The forward pass of a
/// transposed convolution is the same, which is why there may be a bias.
pub(super) fn input_grad<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    dy: &[T],
    dx: &mut [T],
    mut memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    if !is_product(sizes) {
        return cx.kernels.conv_input_grad(ConvInputGrad {
            sizes,
            whole: cx.batch(),
            memory: memory.take(len_of::<T>(
                sizes.input_grad_memory(dy.len() / sizes.output_len(), cx.batch()),
            )),
            weight,
            dy,
            bias,
            dx,
            relu: cx.has_relu_epilogue(),
        });
    }

    cx.kernels.product(Product {
        m: dy.len() / sizes.out_channels,
        n: sizes.channels,
        k: sizes.out_channels,
        a: Matrix::row_major(dy, sizes.out_channels),
        b: Matrix::row_major(weight, sizes.out_channels).transposed(),
        c: dx,
        c_stride: sizes.channels,
        start: bias.map_or(Start::Zero, Start::Bias),
        relu: cx.has_relu_epilogue(),
        whole: total_pixels(sizes, cx),
        memory: memory.take_at_most(product_memory(
            total_pixels(sizes, cx),
            sizes.channels,
            sizes.out_channels,
            true,
        )),
    });
}

/// Computes the gradient of the weight, followed by that of the bias if `gradient` is long enough.
/// Threads share the work.
pub(super) fn weight_grad<T: Element>(
    sizes: &ConvSizes,
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let accumulate = cx.accumulate();
    let samples = x.len() / sizes.input_len();
    let parts = cx.parts(samples.saturating_mul(sizes.multiply_adds()));

    if !is_product(sizes) {
        return kernels.conv_weight_grad(ConvWeightGrad {
            sizes,
            whole: cx.batch(),
            x,
            dy,
            gradient,
            accumulate,
            parts,
            share: threads::split_mut,
            memory: memory
                .take_of_parts(parts, len_of::<T>(sizes.weight_grad_memory(samples, parts))),
        });
    }

    let (gradient, bias) = gradient.split_at_mut(sizes.channels * sizes.out_channels);
    bias_grad(dy, bias, cx);

    // The product `x^T dy`, split over the rows of the weight.
    let rows = sizes.channels.div_ceil(parts).max(1);
    threads::split_mut_with(
        gradient,
        rows * sizes.out_channels,
        memory,
        &|part, gradient: &mut [T], mut memory| {
            kernels.product(Product {
                m: gradient.len() / sizes.out_channels,
                n: sizes.out_channels,
                k: x.len() / sizes.channels,
                a: Matrix {
                    data: x.get(part * rows..).unwrap_or(&[]),
                    row_stride: 1,
                    col_stride: sizes.channels,
                },
                b: Matrix::row_major(dy, sizes.out_channels),
                c: gradient,
                c_stride: sizes.out_channels,
                start: if accumulate {
                    Start::Accumulate
                } else {
                    Start::Zero
                },
                relu: false,
                whole: sizes.channels,
                memory: memory.take_at_most(product_memory(
                    sizes.channels,
                    sizes.out_channels,
                    usize::MAX,
                    false,
                )),
            });
        },
    );
}

/// Computes the gradient of the bias, if there is one: the sum of each channel.
pub(super) fn bias_grad<T: Element>(dy: &[T], gradient: &mut [T], cx: &Context<T>) {
    let channels = gradient.len();
    if channels == 0 {
        return;
    }
    cx.kernels
        .column_sums(dy.len() / channels, channels, dy, gradient, cx.accumulate());
}
