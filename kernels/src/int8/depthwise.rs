//! Convolutions of each channel on its own.

use super::{Int8Conv, Requantize, quantize_image};

/// The number of channels whose sums stay in registers.
const CHANNELS: usize = 32;

/// Computes a depthwise convolution, all channels of a pixel at a time.
#[inline(always)]
pub(super) fn conv(conv: Int8Conv<'_>) {
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
    let channels = sizes.channels;
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let row = sizes.padded_size(1) * channels;
    let requantize = Requantize {
        input_scale: input.scale,
        weight_scale,
        bias,
        relu,
    };

    let (image, weights) = values.split_at_mut(sizes.padded_len());
    for (channel, taps) in weight.chunks_exact(taps).enumerate() {
        for (tap, &weight) in taps.iter().enumerate() {
            weights[tap * channels + channel] = i16::from(weight);
        }
    }

    let outputs_of = y.len().min(sizes.output_len());
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_mut(outputs_of))
    {
        quantize_image(sizes, input, x, image);
        for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
            let top = (first_row + pixel / sizes.out[1]) * sizes.stride[0];
            let left = pixel % sizes.out[1] * sizes.stride[1];
            for (block, sums) in sums[..channels].chunks_mut(CHANNELS).enumerate() {
                let first = block * CHANNELS;
                sums.fill(0);
                for tap in 0..taps {
                    let (ky, kx) = (tap / sizes.kernel[1], tap % sizes.kernel[1]);
                    let at = (top + ky * sizes.dilation[0]) * row
                        + (left + kx * sizes.dilation[1]) * channels
                        + first;
                    let x = &image[at..][..sums.len()];
                    let weights = &weights[tap * channels + first..][..sums.len()];
                    for ((sum, &x), &weight) in sums.iter_mut().zip(x).zip(weights) {
                        *sum += i32::from(x) * i32::from(weight);
                    }
                }
            }
            requantize.run(0, sums, y);
        }
    }
}
