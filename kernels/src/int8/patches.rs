//! Convolutions as products: the numbers that an output pixel depends on become a row.

use super::product::{Instructions, product};
use super::{Int8Conv, ROWS, Requantize, padded, quantize_image};
use crate::conv::ConvSizes;

/// Computes a convolution with a kernel of 1 by 1, whose rows are the pixels of all samples.
#[inline(always)]
pub(super) fn pointwise(conv: Int8Conv<'_>, instructions: Instructions) {
    let Int8Conv {
        sizes,
        x,
        input,
        first_row,
        weight,
        weight_scale,
        bias,
        y,
        relu,
        values,
        sums,
    } = conv;
    let (terms, outputs) = (sizes.channels, sizes.out_channels);
    let stride = padded(terms);
    let requantize = Requantize {
        input_scale: input.scale,
        weight_scale,
        bias,
        relu,
    };

    let x = &x[first_row * sizes.size[1] * terms..];
    let values = &mut values[..ROWS * stride];
    values.fill(0);
    for (x, y) in x.chunks(ROWS * terms).zip(y.chunks_mut(ROWS * outputs)) {
        let rows = y.len() / outputs;
        for (x, row) in x.chunks_exact(terms).zip(values.chunks_exact_mut(stride)) {
            input.quantize_all(x, row);
        }
        product(instructions, &values[..rows * stride], weight, terms, sums);
        for (sums, y) in sums.chunks_exact(outputs).zip(y.chunks_exact_mut(outputs)) {
            requantize.run(0, sums, y);
        }
    }
}

/// Computes any convolution but a depthwise one.
#[inline(always)]
pub(super) fn conv(conv: Int8Conv<'_>, instructions: Instructions) {
    let Int8Conv {
        sizes,
        x,
        input,
        first_row,
        weight,
        weight_scale,
        bias,
        y,
        relu,
        values,
        sums,
    } = conv;
    let terms = sizes.int8_terms();
    let stride = padded(terms);
    let outputs = sizes.out_channels;
    let each = outputs / sizes.groups;
    let requantize = Requantize {
        input_scale: input.scale,
        weight_scale,
        bias,
        relu,
    };

    let (image, rows) = values.split_at_mut(sizes.padded_len());
    let rows = &mut rows[..ROWS * stride];
    rows.fill(0);
    let outputs_of = y.len().min(sizes.output_len());
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_mut(outputs_of))
    {
        quantize_image(sizes, input, x, image);
        for (block, y) in y.chunks_mut(ROWS * outputs).enumerate() {
            let first_pixel = first_row * sizes.out[1] + block * ROWS;
            let count = y.len() / outputs;
            for group in 0..sizes.groups {
                for (index, row) in rows.chunks_exact_mut(stride).take(count).enumerate() {
                    copy_patch(sizes, image, first_pixel + index, group, row);
                }
                let weight = &weight[group * each * terms..][..each * terms];
                product(instructions, &rows[..count * stride], weight, terms, sums);
                for (sums, y) in sums.chunks_exact(each).zip(y.chunks_exact_mut(outputs)) {
                    let first = group * each;
                    requantize.run(first, sums, &mut y[first..][..each]);
                }
            }
        }
    }
}

/// Copies what an output pixel depends on in one group of channels.
#[inline(always)]
fn copy_patch(sizes: &ConvSizes, image: &[i16], pixel: usize, group: usize, to: &mut [i16]) {
    let channels = sizes.channels / sizes.groups;
    let row = sizes.padded_size(1) * sizes.channels;
    let top = pixel / sizes.out[1] * sizes.stride[0];
    let left = pixel % sizes.out[1] * sizes.stride[1];

    // The pixels of a row are adjacent if nothing lies between them.
    let adjacent = sizes.groups == 1 && sizes.dilation[1] == 1;
    let (runs, len) = match adjacent {
        true => (1, sizes.kernel[1] * channels),
        false => (sizes.kernel[1], channels),
    };
    let mut runs_to = to.chunks_exact_mut(len);
    for ky in 0..sizes.kernel[0] {
        let from = (top + ky * sizes.dilation[0]) * row + left * sizes.channels + group * channels;
        for kx in 0..runs {
            let from = &image[from + kx * sizes.dilation[1] * sizes.channels..][..len];
            if let Some(to) = runs_to.next() {
                to.copy_from_slice(from);
            }
        }
    }
}
