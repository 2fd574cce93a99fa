//! Convolutions by their definition, in any float.

use std::ops::Range;

use super::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, WeightRows};
use crate::plain::{Real, relu};

/// Calls with each output pixel of some rows and each number that its window has in the image: the
/// output pixel, the row of the weight's first channel and the pixel of the image.
fn each_tap(sizes: &ConvSizes, rows: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
    let inside = |axis: usize, out: usize, k: usize| {
        let at = out * sizes.stride[axis] + k * sizes.dilation[axis];
        at.checked_sub(sizes.pad[axis])
            .filter(|&at| at < sizes.size[axis])
    };
    let ci = sizes.channels / sizes.groups;
    for oy in rows {
        for ox in 0..sizes.out[1] {
            for ky in 0..sizes.kernel[0] {
                let Some(y) = inside(0, oy, ky) else { continue };
                for kx in 0..sizes.kernel[1] {
                    let Some(x) = inside(1, ox, kx) else { continue };
                    let row = (ky * sizes.kernel[1] + kx) * ci;
                    f(oy * sizes.out[1] + ox, row, y * sizes.size[1] + x);
                }
            }
        }
    }
}

/// Sets each pixel to the bias, or to 0.
pub(super) fn begin<T: Real>(channels: usize, bias: Option<&[T]>, y: &mut [T]) {
    for pixel in y.chunks_exact_mut(channels) {
        match bias {
            Some(bias) => pixel.copy_from_slice(bias),
            None => pixel.fill(T::zero()),
        }
    }
}

/// `max(0, y)`, if it is wanted.
pub(super) fn end<T: Real>(relu_wanted: bool, y: &mut [T]) {
    if relu_wanted {
        y.iter_mut().for_each(|y| *y = relu(*y));
    }
}

pub(crate) fn conv<T: Real>(conv: Conv<'_, T>) {
    let Conv {
        sizes,
        whole: _,
        x,
        first_row,
        weight,
        bias,
        y,
        relu,
    } = conv;
    let [samples, rows] = sizes.check_rows(x.len(), y.len(), first_row);
    sizes.check_weight(weight.len(), bias.map(<[T]>::len), sizes.out_channels);
    let (channels, all, groups) = (sizes.channels, sizes.out_channels, sizes.groups);
    let (ci, co) = (channels / groups, all / groups);
    begin(all, bias, y);
    let len = (y.len() / samples.max(1)).max(1);
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_exact_mut(len))
    {
        each_tap(sizes, first_row..first_row + rows, |out, row, at| {
            let out = out - first_row * sizes.out[1];
            for g in 0..groups {
                let y = &mut y[out * all + g * co..][..co];
                for (i, &x) in x[at * channels + g * ci..][..ci].iter().enumerate() {
                    for (y, &w) in y.iter_mut().zip(&weight[(row + i) * all + g * co..][..co]) {
                        *y = *y + x * w;
                    }
                }
            }
        });
    }
    end(relu, y);
}

pub(crate) fn conv_input_grad<T: Real>(conv: ConvInputGrad<'_, T>) {
    let ConvInputGrad {
        sizes,
        whole: _,
        weight,
        dy,
        bias,
        dx,
        relu,
    } = conv;
    sizes.check(dx.len(), dy.len());
    sizes.check_weight(weight.len(), bias.map(<[T]>::len), sizes.channels);
    let (channels, all, groups) = (sizes.channels, sizes.out_channels, sizes.groups);
    let (ci, co) = (channels / groups, all / groups);
    begin(channels, bias, dx);
    for (dx, dy) in dx
        .chunks_exact_mut(sizes.input_len())
        .zip(dy.chunks_exact(sizes.output_len()))
    {
        each_tap(sizes, 0..sizes.out[0], |out, row, at| {
            for g in 0..groups {
                let dy = &dy[out * all + g * co..][..co];
                for (i, dx) in dx[at * channels + g * ci..][..ci].iter_mut().enumerate() {
                    let weight = &weight[(row + i) * all + g * co..][..co];
                    *dx = dy
                        .iter()
                        .zip(weight)
                        .fold(*dx, |sum, (&dy, &w)| sum + dy * w);
                }
            }
        });
    }
    end(relu, dx);
}

pub(crate) fn conv_weight_grad<T: Real + Sync>(conv: ConvWeightGrad<'_, T>) {
    conv.each_part(weight_rows);
}

fn weight_rows<T: Real>(rows: WeightRows<'_, T>) {
    let WeightRows {
        sizes,
        x,
        dy,
        first_row,
        gradient,
        accumulate,
    } = rows;
    sizes.check(x.len(), dy.len());
    if !accumulate {
        gradient.fill(T::zero());
    }
    let (gradient, bias) = sizes.split_bias(first_row, gradient);
    let (channels, all, groups) = (sizes.channels, sizes.out_channels, sizes.groups);
    let (ci, co, count) = (channels / groups, all / groups, gradient.len() / all);
    if let Some(bias) = bias {
        for pixel in dy.chunks_exact(all) {
            bias.iter_mut()
                .zip(pixel)
                .for_each(|(sum, &dy)| *sum = *sum + dy);
        }
    }
    for (x, dy) in x
        .chunks_exact(sizes.input_len())
        .zip(dy.chunks_exact(sizes.output_len()))
    {
        each_tap(sizes, 0..sizes.out[0], |out, row, at| {
            for i in 0..ci {
                let Some(row) = (row + i).checked_sub(first_row).filter(|&row| row < count) else {
                    continue;
                };
                for g in 0..groups {
                    let x = x[at * channels + g * ci + i];
                    let sums = &mut gradient[row * all + g * co..][..co];
                    for (sum, &dy) in sums.iter_mut().zip(&dy[out * all + g * co..][..co]) {
                        *sum = *sum + x * dy;
                    }
                }
            }
        });
    }
}
