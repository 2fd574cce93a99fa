//! Convolutions of each channel on its own.

use super::patches::next;
use super::product::{self, Instructions};
use super::{Int8Conv, quantize_image};

/// The largest number of taps whose weights are packed.
const TAPS: usize = 64;

/// Computes a depthwise convolution, all channels of a pixel at a time.
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
    let channels = sizes.channels;
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let row = sizes.padded_size(1) * channels;

    // The distance from the first tap to each one.
    let mut offsets = [0; TAPS];
    let offsets = &mut offsets[..taps.min(TAPS)];
    for (tap, offset) in offsets.iter_mut().enumerate() {
        let (ky, kx) = (tap / sizes.kernel[1], tap % sizes.kernel[1]);
        *offset = ky * sizes.dilation[0] * row + kx * sizes.dilation[1] * channels;
    }
    let (image, packed) = values.split_at_mut(sizes.padded_len());
    let packed = &mut packed[..product::depthwise_packed_len(channels, taps)];
    let packed_channels = match taps <= TAPS {
        true => product::pack_depthwise(instructions, weight, taps, packed),
        false => 0,
    };

    let sums = &mut sums[..channels];
    let outputs_of = y.len().min(sizes.output_len());
    for (x, y) in x
        .chunks_exact(sizes.input_len())
        .zip(y.chunks_mut(outputs_of))
    {
        quantize_image(sizes, input, x, image);
        let mut pixel = [first_row, 0];
        for y in y.chunks_exact_mut(channels) {
            let top = pixel[0] * sizes.stride[0];
            let left = pixel[1] * sizes.stride[1];
            let x = &image[top * row + left * channels..];
            if packed_channels > 0 {
                let sums = &mut sums[..packed_channels];
                product::depthwise(instructions, x, offsets, packed, sums);
            }

            for channel in packed_channels..channels {
                let mut sum = 0;
                let mut weights = weight[channel * taps..][..taps].iter();
                for ky in 0..sizes.kernel[0] {
                    let at = ky * sizes.dilation[0] * row + channel;
                    for (kx, &weight) in (0..sizes.kernel[1]).zip(&mut weights) {
                        let x = x[at + kx * sizes.dilation[1] * channels];
                        sum += i32::from(x) * i32::from(weight);
                    }
                }
                sums[channel] = sum;
            }
            requantize.run(0, sums, y);
            pixel = next(sizes, pixel);
        }
    }
}
