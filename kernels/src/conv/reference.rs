//! Convolutions by their definition, in any float.

use super::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, WeightRows};
use crate::reference::{Real, Sums, WIDE, relu, sums_of_columns};

/// Returns the position in the image of tap `k` of the window of the output pixel `out`, along an
/// axis; `None` in the padding.
fn read(sizes: &ConvSizes, axis: usize, out: usize, k: usize) -> Option<usize> {
    let at = out * sizes.stride[axis] + k * sizes.dilation[axis];
    at.checked_sub(sizes.pad[axis])
        .filter(|&at| at < sizes.size[axis])
}

/// Returns the output pixel whose window has its tap `k` at `at`, along an axis, if there is one.
fn reader(sizes: &ConvSizes, axis: usize, at: usize, k: usize) -> Option<usize> {
    let begin = (at + sizes.pad[axis]).checked_sub(k * sizes.dilation[axis])?;
    let stride = sizes.stride[axis];
    (begin.is_multiple_of(stride) && begin / stride < sizes.out[axis]).then_some(begin / stride)
}

/// Calls `f` with each tap of the window for which `other`, one of the functions above, finds a
/// pixel on the other side of the convolution, which is `width` pixels wide: the row of the
/// weight's first channel and that pixel.
fn each_tap(
    sizes: &ConvSizes,
    from: [usize; 2],
    width: usize,
    other: fn(&ConvSizes, usize, usize, usize) -> Option<usize>,
    mut f: impl FnMut(usize, usize),
) {
    for ky in 0..sizes.kernel[0] {
        let Some(y) = other(sizes, 0, from[0], ky) else {
            continue;
        };
        for kx in 0..sizes.kernel[1] {
            if let Some(x) = other(sizes, 1, from[1], kx) {
                let row = (ky * sizes.kernel[1] + kx) * (sizes.channels / sizes.groups);
                f(row, y * width + x);
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

/// Applies `max(0, y)`, if it is wanted.
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
        memory: _,
    } = conv;
    let [samples, _] = sizes.check_rows(x.len(), y.len(), first_row);
    sizes.check_weight(weight.len(), bias.map(<[T]>::len), sizes.out_channels);

    let channels = sizes.channels;
    let all = sizes.out_channels;
    let groups = sizes.groups;
    let ci = channels / groups;
    let co = all / groups;

    begin(all, bias, y);

    let len = (y.len() / samples.max(1)).max(1);
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_exact_mut(len))
    {
        for (pixel, y) in y.chunks_exact_mut(all).enumerate() {
            let from = [first_row + pixel / sizes.out[1], pixel % sizes.out[1]];
            for (g, y) in y.chunks_exact_mut(co).enumerate() {
                for (block, y) in y.chunks_mut(WIDE).enumerate() {
                    let first = g * co + block * WIDE;
                    let mut sums = Sums::<T, WIDE>::new();
                    each_tap(sizes, from, sizes.size[1], read, |row, at| {
                        for (i, &x) in x[at * channels + g * ci..][..ci].iter().enumerate() {
                            let weight = &weight[(row + i) * all + first..][..y.len()];
                            for (sum, &w) in sums.next().iter_mut().zip(weight) {
                                *sum = *sum + x * w;
                            }
                        }
                    });
                    y.iter_mut()
                        .zip(sums.finish())
                        .for_each(|(y, sum)| *y = *y + sum);
                }
            }
        }
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
        memory: _,
    } = conv;
    sizes.check(dx.len(), dy.len());
    sizes.check_weight(weight.len(), bias.map(<[T]>::len), sizes.channels);

    let channels = sizes.channels;
    let all = sizes.out_channels;
    let groups = sizes.groups;
    let ci = channels / groups;
    let co = all / groups;

    begin(channels, bias, dx);
    for (dx, dy) in dx
        .chunks_exact_mut(sizes.input_len())
        .zip(dy.chunks_exact(sizes.output_len()))
    {
        for (pixel, dx) in dx.chunks_exact_mut(channels).enumerate() {
            let from = [pixel / sizes.size[1], pixel % sizes.size[1]];
            for (g, dx) in dx.chunks_exact_mut(ci).enumerate() {
                for (block, dx) in dx.chunks_mut(WIDE).enumerate() {
                    let first = block * WIDE;
                    let mut sums = Sums::<T, WIDE>::new();
                    each_tap(sizes, from, sizes.out[1], reader, |row, out| {
                        for (j, &dy) in dy[out * all + g * co..][..co].iter().enumerate() {
                            let at = (row + first) * all + g * co + j;
                            let sums = &mut sums.next()[..dx.len()];
                            for (i, sum) in sums.iter_mut().enumerate() {
                                *sum = *sum + dy * weight[at + i * all];
                            }
                        }
                    });
                    dx.iter_mut()
                        .zip(sums.finish())
                        .for_each(|(dx, sum)| *dx = *dx + sum);
                }
            }
        }
    }

    end(relu, dx);
}

pub(crate) fn conv_weight_grad<T: Real + Send + Sync>(conv: ConvWeightGrad<'_, T>) {
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
        memory: _,
    } = rows;
    sizes.check(x.len(), dy.len());
    let (gradient, bias) = sizes.split_bias(first_row, gradient);

    let channels = sizes.channels;
    let all = sizes.out_channels;
    let groups = sizes.groups;
    let ci = channels / groups;
    let co = all / groups;

    let samples = x.len() / sizes.input_len();

    if let Some(bias) = bias {
        sums_of_columns(dy.len() / all, bias, accumulate, |pixel, j| {
            dy[pixel * all + j]
        });
    }

    for (row, gradient) in gradient.chunks_exact_mut(all).enumerate() {
        let tap = (first_row + row) / ci;
        let i = (first_row + row) % ci;

        let [ky, kx] = [tap / sizes.kernel[1], tap % sizes.kernel[1]];
        for (g, gradient) in gradient.chunks_exact_mut(co).enumerate() {
            for (block, gradient) in gradient.chunks_mut(WIDE).enumerate() {
                let first = g * co + block * WIDE;
                let mut sums = Sums::<T, WIDE>::new();
                for row in 0..samples * sizes.out[0] {
                    let sample = row / sizes.out[0];
                    let oy = row % sizes.out[0];
                    let Some(y) = read(sizes, 0, oy, ky) else {
                        continue;
                    };
                    for ox in 0..sizes.out[1] {
                        let Some(at) = read(sizes, 1, ox, kx) else {
                            continue;
                        };

                        let pixel = (sample * sizes.size[0] + y) * sizes.size[1] + at;
                        let x = x[pixel * channels + g * ci + i];
                        let dy = &dy[(row * sizes.out[1] + ox) * all + first..][..gradient.len()];
                        for (sum, &dy) in sums.next().iter_mut().zip(dy) {
                            *sum = *sum + x * dy;
                        }
                    }
                }

                for (total, sum) in gradient.iter_mut().zip(sums.finish()) {
                    *total = if accumulate { *total + sum } else { sum };
                }
            }
        }
    }
}
