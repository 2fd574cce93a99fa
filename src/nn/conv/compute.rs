//! What the layers of the family compute, on slices.

use crate::kernels::{
    Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, Kernels, Matrix, Product, Start,
};
use crate::network::Context;
use crate::tensor::Element;
use crate::threads;

/// Whether it is a product of pixels with the weight.
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

/// How many pixels the whole batch has.
fn pixels<T: Element>(sizes: &ConvSizes, cx: &Context<T>) -> usize {
    cx.batch() * sizes.out[0] * sizes.out[1]
}

pub(super) fn conv<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    x: &[T],
    y: &mut [T],
    cx: &Context<T>,
) {
    if !is_product(sizes) {
        let (kernels, relu, whole) = (cx.kernels, cx.has_relu_epilogue(), cx.batch());
        // A whole batch of one sample is cut over rows; the tiles of some kernels are two rows
        // high.
        let parts = if cx.is_single() {
            threads::parts(sizes.multiply_adds())
        } else {
            1
        };
        if parts == 1 {
            return kernels.conv(Conv {
                sizes,
                whole,
                x,
                first_row: 0,
                weight,
                bias,
                y,
                relu,
            });
        }
        let rows = sizes.out[0].div_ceil(parts).next_multiple_of(2);
        return threads::split_mut(
            y,
            rows * sizes.out[1] * sizes.out_channels,
            &|part, y: &mut [T]| {
                kernels.conv(Conv {
                    sizes,
                    whole,
                    x,
                    first_row: part * rows,
                    weight,
                    bias,
                    y,
                    relu,
                });
            },
        );
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
        whole: pixels(sizes, cx),
    });
}

pub(super) fn input_grad<T: Element>(
    sizes: &ConvSizes,
    weight: &[T],
    bias: Option<&[T]>,
    dy: &[T],
    dx: &mut [T],
    cx: &Context<T>,
) {
    if !is_product(sizes) {
        return cx.kernels.conv_input_grad(ConvInputGrad {
            sizes,
            whole: cx.batch(),
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
        whole: pixels(sizes, cx),
    });
}

/// The gradient of the weight, and of the bias after it if `gradient` has one. It is cut over the
/// threads.
pub(super) fn weight_grad<T: Element>(
    sizes: &ConvSizes,
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    cx: &Context<T>,
) {
    let (accumulate, kernels) = (cx.accumulate(), cx.kernels);
    let samples = x.len() / sizes.input_len();
    let parts = threads::parts(samples.saturating_mul(sizes.multiply_adds()));
    if !is_product(sizes) {
        let (whole, share) = (cx.batch(), threads::split_mut);
        return kernels.conv_weight_grad(ConvWeightGrad {
            sizes,
            whole,
            x,
            dy,
            gradient,
            accumulate,
            parts,
            share,
        });
    }
    let (gradient, bias) = gradient.split_at_mut(sizes.channels * sizes.out_channels);
    bias_grad(dy, bias, cx);
    let rows = sizes.channels.div_ceil(parts).max(1);
    threads::split_mut(
        gradient,
        rows * sizes.out_channels,
        &|part, gradient: &mut [T]| {
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
            });
        },
    );
}

/// The gradient of the bias, if there is one: the sum of each channel.
pub(super) fn bias_grad<T: Element>(dy: &[T], gradient: &mut [T], cx: &Context<T>) {
    let channels = gradient.len();
    if channels == 0 {
        return;
    }
    cx.kernels
        .column_sums(dy.len() / channels, channels, dy, gradient, cx.accumulate());
}
