//! Products and convolutions in 8 bits: exact in every tier.

use proptest::prelude::*;

use super::super::{ConvSizes, F32Kernels, Int8Conv, Quantization};
use super::convolutions::case;
use super::{Guarded, all_tiers, bits, cases, numbers};

/// Weights of all magnitudes, which depend on the seed.
fn weights(seed: u32, len: usize) -> Vec<i8> {
    let numbers = numbers(seed, len);
    numbers.iter().map(|x| (x * 128.0).floor() as i8).collect()
}

/// A convolution with its arguments.
struct Problem {
    sizes: ConvSizes,
    x: Vec<f32>,
    input: Quantization,
    weight: Vec<i8>,
    weight_scale: Vec<f32>,
    bias: Vec<f32>,
    relu: bool,
}

impl Problem {
    fn new(sizes: ConvSizes, samples: usize, relu: bool, seed: u32) -> Self {
        let outputs = sizes.out_channels;
        let weight_scale = numbers(seed ^ 2, outputs);
        Problem {
            sizes,
            x: numbers(seed, samples * sizes.input_len()),
            input: Quantization {
                // The range of the numbers is cut off at some seeds.
                scale: 0.002 + 0.007 * (seed % 7) as f32 / 7.0,
                zero_point: (seed >> 8) as u8,
            },
            weight: weights(seed ^ 1, outputs * sizes.int8_terms()),
            weight_scale: weight_scale.iter().map(|x| x.abs() + 0.01).collect(),
            bias: numbers(seed ^ 3, outputs),
            relu,
        }
    }

    /// Computes rows of the output in a tier.
    fn run(&self, kernels: F32Kernels, x: &[f32], first_row: usize, y: &mut [f32]) {
        kernels.int8_conv(Int8Conv {
            sizes: &self.sizes,
            x,
            input: self.input,
            first_row,
            weight: &self.weight,
            weight_scale: &self.weight_scale,
            bias: &self.bias,
            y,
            relu: self.relu,
            values: &mut vec![77; self.sizes.int8_values()],
            sums: &mut vec![-5; self.sizes.int8_sums()],
        });
    }

    /// Computes the outputs by the definition, with sums in 64 bits.
    fn reference(&self) -> Vec<f32> {
        let sizes = &self.sizes;
        let [height, width] = sizes.size;
        let channels = sizes.channels / sizes.groups;
        let each = sizes.out_channels / sizes.groups;
        let zero = i64::from(self.input.zero_point);
        let quantize = |x: f32| {
            let rounded = i64::from((x / self.input.scale).round_ties_even() as i32) + zero;
            rounded.clamp(0, 255) - zero
        };

        let mut y = Vec::new();
        for x in self.x.chunks(sizes.input_len()) {
            for oy in 0..sizes.out[0] {
                for ox in 0..sizes.out[1] {
                    for o in 0..sizes.out_channels {
                        let mut sum = 0;
                        let weight = &self.weight[o * sizes.int8_terms()..];
                        for ky in 0..sizes.kernel[0] {
                            for kx in 0..sizes.kernel[1] {
                                let row = (oy * sizes.stride[0] + ky * sizes.dilation[0])
                                    .wrapping_sub(sizes.pad[0]);
                                let col = (ox * sizes.stride[1] + kx * sizes.dilation[1])
                                    .wrapping_sub(sizes.pad[1]);
                                if row >= height || col >= width {
                                    continue;
                                }
                                for c in 0..channels {
                                    let at = (row * width + col) * sizes.channels
                                        + o / each * channels
                                        + c;
                                    let tap = (ky * sizes.kernel[1] + kx) * channels + c;
                                    sum += quantize(x[at]) * i64::from(weight[tap]);
                                }
                            }
                        }
                        let scale = self.input.scale * self.weight_scale[o];
                        let value = i32::try_from(sum).unwrap() as f32 * scale + self.bias[o];
                        y.push(match self.relu {
                            true => value.max(0.0),
                            false => value,
                        });
                    }
                }
            }
        }
        y
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn convolutions_are_exact(case in case()) {
        let problem = Problem::new(case.sizes, case.samples, case.relu, case.seed);
        let want = problem.reference();
        for kernels in all_tiers() {
            let mut y = Guarded::empty(case.samples * case.sizes.output_len());
            problem.run(kernels, &problem.x, 0, &mut y);
            let positive = |y: &[f32]| y.iter().map(|y| y + 0.0).collect::<Vec<f32>>();
            prop_assert_eq!(bits(&positive(&y)), bits(&positive(&want)));
        }
    }

    #[test]
    fn rows_of_an_output_have_the_same_bits(case in case(), first in 0_usize..4) {
        let problem = Problem::new(case.sizes, 1, case.relu, case.seed);
        let row = case.sizes.out[1] * case.sizes.out_channels;
        let first = first.min(case.sizes.out[0] - 1);
        for kernels in all_tiers() {
            let mut all = vec![0.0; case.sizes.output_len()];
            problem.run(kernels, &problem.x, 0, &mut all);
            let mut some = Guarded::empty(row * (case.sizes.out[0] - first).min(2));
            problem.run(kernels, &problem.x, first, &mut some);
            prop_assert_eq!(bits(&some), bits(&all[first * row..][..some.len()]));
        }
    }

    #[test]
    fn dense_layers_are_exact(
        rows in 0_usize..20, inputs in 1_usize..70, outputs in 1_usize..20, seed: u32,
    ) {
        let problem = Problem::new(dense(inputs, outputs), rows, false, seed);
        let want = problem.reference();
        for kernels in all_tiers() {
            let mut y = Guarded::empty(rows * outputs);
            problem.run(kernels, &problem.x, 0, &mut y);
            prop_assert_eq!(bits(&y), bits(&want));
        }
    }
}

/// The sizes of a dense layer.
fn dense(inputs: usize, outputs: usize) -> ConvSizes {
    ConvSizes {
        size: [1, 1],
        channels: inputs,
        out: [1, 1],
        out_channels: outputs,
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
    }
}

/// The largest sums are within 32 bits.
#[test]
fn the_longest_sum_is_exact() {
    let sizes = dense(
        if cfg!(miri) {
            40
        } else {
            super::super::MOST_TERMS
        },
        1,
    );
    let mut problem = Problem::new(sizes, 1, false, 1);
    problem.input = Quantization {
        scale: 1.0,
        zero_point: 255,
    };
    problem.weight.fill(-128);
    problem.x.fill(-1000.0);
    let want = problem.reference();
    for kernels in all_tiers() {
        let mut y = [0.0];
        problem.run(kernels, &problem.x, 0, &mut y);
        assert_eq!(bits(&y), bits(&want));
    }
}

#[test]
fn numbers_are_rounded_half_to_even() {
    let input = Quantization {
        scale: 0.5,
        zero_point: 10,
    };
    let x = [
        0.25,
        0.75,
        1.25,
        -0.25,
        -0.75,
        -1000.0,
        1000.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    let want = [0.0, 1.0, 1.0, 0.0, -1.0, -5.0, 122.5, 122.5, -5.0, -5.0];
    for kernels in all_tiers() {
        let mut y = Guarded::empty(x.len());
        kernels.int8_round(input, &x, &mut y);
        assert_eq!(y[..], want);
    }
}
