//! Convolutions as products: the numbers that an output pixel depends on become a row.

use super::product::{Instructions, pack, packed_len, product, product_packed};
use super::{Int8Conv, ROWS, padded, quantize_image};
use crate::conv::ConvSizes;
use crate::sizes;

/// The largest length of a run that is copied as if it had this length.
pub(super) const SHORT: usize = 16;

/// The number of terms from which adding up the lanes of vectors costs little.
const LONG: usize = 128;

/// Computes a convolution with a kernel of 1 by 1, whose rows are the pixels of all samples.
#[inline(always)]
pub(super) fn pointwise(conv: Int8Conv<'_>, instructions: Instructions) {
    let requantize = conv.requantize();
    let Int8Conv {
        sizes,
        x,
        input,
        first_row,
        weight,
        y,
        values,
        sums,
        ..
    } = conv;
    let (terms, outputs) = (sizes.channels, sizes.out_channels);
    let stride = padded(terms);

    let x = &x[first_row * sizes.size[1] * terms..];
    let values = &mut values[..ROWS * stride];
    values.fill(0);
    for (x, y) in x.chunks(ROWS * terms).zip(y.chunks_mut(ROWS * outputs)) {
        let rows = y.len() / outputs;
        let mut row = 0;
        while row < rows {
            let x = &x[row * terms..][..terms];
            input.quantize_all(x, &mut values[row * stride..]);
            row += 1;
        }
        product(instructions, &values[..rows * stride], weight, terms, sums);
        requantize.run_all(0, outputs, sums, outputs, y);
    }
}

/// Computes any convolution but a depthwise one.
#[inline(always)]
pub(super) fn conv(conv: Int8Conv<'_>, instructions: Instructions) {
    let requantize = conv.requantize();
    let Int8Conv {
        sizes,
        x,
        input,
        first_row,
        weight,
        y,
        values,
        sums,
        ..
    } = conv;
    let terms = sizes.int8_terms();
    let stride = padded(terms);
    let outputs = sizes.out_channels;
    let each = outputs / sizes.groups;

    let (image, rest) = values.split_at_mut(sizes.padded_len() + SHORT);
    let (rows, packed) = rest.split_at_mut(ROWS * stride + SHORT);
    rows.fill(0);
    image[sizes.padded_len()..].fill(0);

    let of_group = packed_len(terms, each);
    let packed = &mut packed[..packed_weights(sizes)];
    let mut is_packed = !packed.is_empty();
    let groups = weight.chunks_exact(each * terms);
    for (weight, packed) in groups.zip(packed.chunks_exact_mut(of_group)) {
        is_packed &= pack(instructions, weight, terms, packed);
    }

    let outputs_of = y.len().min(sizes.output_len());
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_mut(outputs_of))
    {
        quantize_image(sizes, input, x, &mut image[..sizes.padded_len()]);
        let mut pixel = [first_row, 0];
        for y in y.chunks_mut(ROWS * outputs) {
            let first_pixel = pixel;
            let count = y.len() / outputs;
            for group in 0..sizes.groups {
                pixel = first_pixel;
                let mut index = 0;
                while index < count {
                    copy_patch(sizes, image, pixel, group, &mut rows[index * stride..]);
                    pixel = next(sizes, pixel);
                    index += 1;
                }

                let rows = &rows[..count * stride];
                if is_packed {
                    let packed = &packed[group * of_group..][..of_group];
                    product_packed(instructions, rows, packed, [terms, each], sums);
                } else {
                    let weight = &weight[group * each * terms..][..each * terms];
                    product(instructions, rows, weight, terms, sums);
                }
                requantize.run_all(group * each, each, sums, outputs, y);
            }
        }
    }
}

/// Returns the row and the column of the output pixel behind another one.
#[inline(always)]
pub(super) fn next(sizes: &ConvSizes, [row, column]: [usize; 2]) -> [usize; 2] {
    match column + 1 == sizes.out[1] {
        true => [row + 1, 0],
        false => [row, column + 1],
    }
}

/// Returns the length of the packed weights of all groups: 0 for long rows, which are multiplied as
/// they are.
pub(super) const fn packed_weights(sizes: &ConvSizes) -> usize {
    let terms = sizes.int8_terms();
    match terms < LONG {
        true => sizes::product(&[
            packed_len(terms, sizes.out_channels / sizes.groups),
            sizes.groups,
        ]),
        false => 0,
    }
}

/// Copies what an output pixel depends on in one group of channels to the beginning of `to`. Up to
/// [`SHORT`] numbers behind the row become 0.
#[inline(always)]
fn copy_patch(sizes: &ConvSizes, image: &[i16], pixel: [usize; 2], group: usize, to: &mut [i16]) {
    let channels = sizes.channels / sizes.groups;
    let row = sizes.padded_size(1) * sizes.channels;
    let [top, left] = [pixel[0] * sizes.stride[0], pixel[1] * sizes.stride[1]];

    // The pixels of a row are adjacent if nothing lies between them.
    let adjacent = sizes.groups == 1 && sizes.dilation[1] == 1;
    let (runs, len) = match adjacent {
        true => (1, sizes.kernel[1] * channels),
        false => (sizes.kernel[1], channels),
    };
    let mut end = 0;
    let mut ky = 0;
    while ky < sizes.kernel[0] {
        let from = (top + ky * sizes.dilation[0]) * row + left * sizes.channels + group * channels;
        let mut kx = 0;
        while kx < runs {
            let from = from + kx * sizes.dilation[1] * sizes.channels;
            if len <= SHORT {
                // The next run replaces what is too much, in less time than a call of `memcpy`.
                to[end..][..SHORT].copy_from_slice(&image[from..][..SHORT]);
            } else {
                to[end..][..len].copy_from_slice(&image[from..][..len]);
            }
            end += len;
            kx += 1;
        }
        ky += 1;
    }
    if len <= SHORT {
        to[end..][..SHORT].fill(0);
    }
}
