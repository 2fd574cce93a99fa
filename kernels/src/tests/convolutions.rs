//! Convolutions and their gradients.

use proptest::prelude::*;

use super::super::{
    Conv, ConvInputGrad, ConvSizes, ConvWeightGrad, F32Kernels, F64Kernels, Kernels,
};
use super::{Guarded, all_tiers, bits, cases, is_fused, numbers, widen};

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub sizes: ConvSizes,
    pub samples: usize,
    bias: bool,
    pub relu: bool,
    accumulate: bool,
    pub seed: u32,
}

/// One axis: size, kernel, stride, padding, dilation, and the number of outputs that are omitted.
fn axis() -> impl Strategy<Value = [usize; 6]> {
    let most = if cfg!(miri) { 3_usize } else { 7 };
    (
        1..=most,
        1_usize..=4,
        1_usize..=3,
        0_usize..=4,
        1_usize..=3,
        0_usize..=1,
    )
        .prop_map(|(size, kernel, stride, pad, dilation, less)| {
            [size, kernel, stride, pad, dilation, less]
        })
        .prop_filter("the kernel fits", |[size, kernel, _, pad, dilation, _]| {
            (kernel - 1) * dilation < size + 2 * pad
        })
}

/// The number of groups, and the channels of each: depthwise layers are among them.
fn channels() -> impl Strategy<Value = [usize; 3]> {
    let most = if cfg!(miri) { 5_usize } else { 35 };
    prop_oneof![
        3 => (Just(1), 1..=12_usize, 1..=most).prop_map(|(g, i, o)| [g, i, o]),
        1 => (Just(1), 1..=most, 1..=12_usize).prop_map(|(g, i, o)| [g, i, o]),
        1 => (1..=4_usize, 1..=9_usize, 1..=9_usize).prop_map(|(g, i, o)| [g, i, o]),
        1 => (2..=most).prop_map(|g| [g, 1, 1]),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u32>());
    (axis(), axis(), channels(), 0_usize..=3, flags).prop_map(
        |(v, h, [groups, ci, co], samples, (bias, relu, accumulate, seed))| {
            let out = |[size, kernel, stride, pad, dilation, less]: [usize; 6]| {
                ((size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1 - less).max(1)
            };

            let sizes = ConvSizes {
                size: [v[0], h[0]],
                channels: groups * ci,
                out: [out(v), out(h)],
                out_channels: groups * co,
                kernel: [v[1], h[1]],
                stride: [v[2], h[2]],
                pad: [v[3], h[3]],
                dilation: [v[4], h[4]],
                groups,
            };

            Case {
                sizes,
                samples,
                bias,
                relu,
                accumulate,
                seed,
            }
        },
    )
}

/// Sizes that are computed by tiles.
fn tiled() -> impl Strategy<Value = Case> {
    let most = if cfg!(miri) { 6_usize } else { 12 };
    let axis = || (4..=most, 0_usize..=3, 0_usize..=1);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u32>());
    let channels = || (1..=if cfg!(miri) { 1_usize } else { 5 }).prop_map(|vectors| 16 * vectors);
    let samples = 0..=if cfg!(miri) { 1_usize } else { 3 };
    (axis(), axis(), channels(), channels(), samples, flags).prop_map(
        |(v, h, channels, out_channels, samples, (bias, relu, accumulate, seed))| {
            let sizes = ConvSizes {
                size: [v.0, h.0],
                channels,
                out: [v, h].map(|(size, pad, less)| size + 2 * pad - 2 - less),
                out_channels,
                kernel: [3, 3],
                stride: [1, 1],
                pad: [v.1, h.1],
                dilation: [1, 1],
                groups: 1,
            };

            Case {
                sizes,
                samples,
                bias,
                relu,
                accumulate,
                seed,
            }
        },
    )
}

fn any_case() -> impl Strategy<Value = Case> {
    prop_oneof![2 => case(), 1 => tiled()]
}

/// Computes the chunks one after the other.
fn share<T>(data: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    data.chunks_mut(len)
        .enumerate()
        .for_each(|(part, chunk)| f(part, chunk));
}

/// Calls `f` with every multiplication of the definition: the positions in the image, the weight
/// and the output.
fn each_term(sizes: &ConvSizes, samples: usize, mut f: impl FnMut(usize, usize, usize)) {
    let ci = sizes.channels / sizes.groups;
    let co = sizes.out_channels / sizes.groups;

    for n in 0..samples {
        for oy in 0..sizes.out[0] {
            for ox in 0..sizes.out[1] {
                for o in 0..sizes.out_channels {
                    for ky in 0..sizes.kernel[0] {
                        for kx in 0..sizes.kernel[1] {
                            let y = (oy * sizes.stride[0] + ky * sizes.dilation[0]) as isize
                                - sizes.pad[0] as isize;
                            let x = (ox * sizes.stride[1] + kx * sizes.dilation[1]) as isize
                                - sizes.pad[1] as isize;
                            if y < 0
                                || x < 0
                                || y >= sizes.size[0] as isize
                                || x >= sizes.size[1] as isize
                            {
                                continue;
                            }

                            let pixel =
                                (n * sizes.size[0] + y as usize) * sizes.size[1] + x as usize;

                            for i in 0..ci {
                                let image = pixel * sizes.channels + o / co * ci + i;
                                let weight =
                                    ((ky * sizes.kernel[1] + kx) * ci + i) * sizes.out_channels + o;
                                let out = ((n * sizes.out[0] + oy) * sizes.out[1] + ox)
                                    * sizes.out_channels
                                    + o;
                                f(image, weight, out);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All results, each with the sum of the magnitudes and the number of terms, which bound the
/// rounding.
struct Results<T> {
    y: Vec<T>,
    dx: Vec<T>,
    dw: Vec<T>,
}

impl Case {
    fn x(&self) -> Vec<f32> {
        numbers(self.seed, self.samples * self.sizes.input_len())
    }
    fn weight(&self) -> Vec<f32> {
        numbers(
            self.seed ^ 1,
            self.sizes.weight_rows() * self.sizes.out_channels,
        )
    }
    fn dy(&self) -> Vec<f32> {
        numbers(self.seed ^ 2, self.samples * self.sizes.output_len())
    }
    fn bias(&self, channels: usize) -> Option<Vec<f32>> {
        self.bias.then(|| numbers(self.seed ^ 3, channels))
    }
    /// Returns the initial gradient of the weight and, if there is one, of the bias.
    fn before(&self) -> Vec<f32> {
        numbers(
            self.seed ^ 4,
            (self.sizes.weight_rows() + usize::from(self.bias)) * self.sizes.out_channels,
        )
    }

    /// Runs all kernels, in chunks of `samples` samples and parts of the weight.
    fn run(&self, kernels: F32Kernels, samples: usize, parts: usize) -> Results<f32> {
        let sizes = &self.sizes;
        let x = Guarded::new(&self.x());
        let weight = Guarded::new(&self.weight());
        let dy = Guarded::new(&self.dy());
        let bias = self.bias(sizes.out_channels);
        let dx_bias = self.bias(sizes.channels);

        let mut y = Guarded::empty(dy.len());
        let mut dx = Guarded::empty(x.len());
        let before = self.before();
        let mut dw = if self.accumulate {
            Guarded::new(&before)
        } else {
            Guarded::empty(before.len())
        };

        let ins = samples * sizes.input_len();
        let outs = samples * sizes.output_len();
        for (x, y) in x.chunks(ins).zip(y.chunks_mut(outs)) {
            let bias = bias.as_deref();
            let relu = self.relu;

            // A single image in chunks of rows.
            let rows = if parts > 1 && samples == 1 {
                parts.next_multiple_of(2)
            } else {
                sizes.out[0]
            };

            for (part, y) in y
                .chunks_mut(rows * sizes.out[1] * sizes.out_channels * samples)
                .enumerate()
            {
                kernels.conv(Conv {
                    sizes,
                    whole: self.samples,
                    x,
                    first_row: part * rows,
                    weight: &weight,
                    bias,
                    y,
                    relu,
                    memory: &mut Guarded::empty(sizes.forward_memory(samples, self.samples)),
                });
            }
        }

        for (dy, dx) in dy.chunks(outs).zip(dx.chunks_mut(ins)) {
            let bias = dx_bias.as_deref();
            kernels.conv_input_grad(ConvInputGrad {
                sizes,
                whole: self.samples,
                weight: &weight,
                dy,
                bias,
                dx,
                relu: self.relu,
                memory: &mut Guarded::empty(sizes.input_grad_memory(samples, self.samples)),
            });
        }

        let gradient = &mut *dw;
        let accumulate = self.accumulate;
        kernels.conv_weight_grad(ConvWeightGrad {
            sizes,
            whole: self.samples,
            x: &x,
            dy: &dy,
            gradient,
            accumulate,
            parts,
            share,
            memory: &mut Guarded::empty(sizes.weight_grad_memory(self.samples, parts)),
        });

        Results {
            y: y.to_vec(),
            dx: dx.to_vec(),
            dw: dw.to_vec(),
        }
    }

    fn run_double(&self) -> Results<f64> {
        let sizes = &self.sizes;
        let x = widen(&self.x());
        let weight = widen(&self.weight());
        let dy = widen(&self.dy());
        let bias = self.bias(sizes.out_channels);
        let dx_bias = self.bias(sizes.channels);
        let bias = bias.map(|b| widen(&b));
        let dx_bias = dx_bias.map(|b| widen(&b));

        let mut y = vec![f64::NAN; dy.len()];
        let mut dx = vec![f64::NAN; x.len()];
        let mut dw = widen(&self.before());
        let bias = bias.as_deref();
        let relu = self.relu;

        if self.samples == 1 {
            let rows = 2;
            let len = 2 * sizes.out[1] * sizes.out_channels;
            for (part, y) in y.chunks_mut(len).enumerate() {
                F64Kernels.conv(Conv {
                    whole: self.samples,
                    sizes,
                    x: &x,
                    first_row: part * rows,
                    weight: &weight,
                    bias,
                    y,
                    relu,
                    memory: &mut [],
                });
            }
        } else {
            F64Kernels.conv(Conv {
                sizes,
                whole: self.samples,
                x: &x,
                first_row: 0,
                weight: &weight,
                bias,
                y: &mut y,
                relu,
                memory: &mut [],
            });
        }

        let bias = dx_bias.as_deref();
        F64Kernels.conv_input_grad(ConvInputGrad {
            sizes,
            whole: self.samples,
            weight: &weight,
            dy: &dy,
            bias,
            dx: &mut dx,
            relu,
            memory: &mut [],
        });

        F64Kernels.conv_weight_grad(ConvWeightGrad {
            sizes,
            whole: self.samples,
            x: &x,
            dy: &dy,
            gradient: &mut dw,
            accumulate: self.accumulate,
            parts: 2,
            share,
            memory: &mut [],
        });

        Results { y, dx, dw }
    }

    /// Returns each result with the sum of the magnitudes of its terms.
    fn expected(&self) -> Results<(f64, f64)> {
        let sizes = &self.sizes;
        let start = |bias: Option<Vec<f32>>, channels: usize, len: usize| -> Vec<(f64, f64)> {
            (0..len)
                .map(|i| {
                    bias.as_ref()
                        .map_or(0.0, |bias| f64::from(bias[i % channels]))
                })
                .map(|b| (b, b.abs()))
                .collect()
        };

        let x = widen(&self.x());
        let weight = widen(&self.weight());
        let dy = widen(&self.dy());
        let mut y = start(self.bias(sizes.out_channels), sizes.out_channels, dy.len());
        let mut dx = start(self.bias(sizes.channels), sizes.channels, x.len());
        let len = self.before().len();
        let mut dw = start(self.accumulate.then(|| self.before()), len, len);

        each_term(sizes, self.samples, |image, w, out| {
            for (sum, term) in [
                (&mut y[out], x[image] * weight[w]),
                (&mut dx[image], dy[out] * weight[w]),
                (&mut dw[w], dy[out] * x[image]),
            ] {
                sum.0 += term;
                sum.1 += term.abs();
            }
        });

        for (i, &dy) in dy.iter().enumerate() {
            if let Some(sum) = dw.get_mut(weight.len() + i % sizes.out_channels) {
                *sum = (sum.0 + dy, sum.1 + dy.abs());
            }
        }

        if self.relu {
            y.iter_mut().chain(&mut dx).for_each(|y| y.0 = y.0.max(0.0));
        }

        Results { y, dx, dw }
    }
}

/// The results of convolutions of each kind.
pub(super) fn everything(kernels: F32Kernels) -> Vec<f32> {
    let sizes = |size, [channels, out_channels]: [usize; 2], kernel, stride, pad, groups| {
        let out = (size + 2 * pad - kernel) / stride + 1;
        ConvSizes {
            size: [size; 2],
            channels,
            out: [out; 2],
            out_channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            pad: [pad; 2],
            dilation: [1; 2],
            groups,
        }
    };
    let all = [
        sizes(14, [1, 6], 5, 1, 0, 1),
        sizes(9, [6, 19], 3, 2, 1, 1),
        sizes(8, [12, 20], 3, 1, 1, 4),
        sizes(9, [37, 37], 3, 1, 1, 37),
        sizes(6, [40, 33], 1, 1, 0, 1),
        // By tiles.
        sizes(12, [16, 32], 3, 1, 1, 1),
        sizes(7, [48, 16], 3, 1, 1, 1),
    ];

    let mut out = Vec::new();
    for (seed, sizes) in all.into_iter().enumerate() {
        let case = Case {
            sizes,
            samples: 3,
            bias: true,
            relu: seed % 2 == 0,
            accumulate: seed % 3 == 0,
            seed: seed as u32,
        };
        let results = case.run(kernels, 3, 1);
        out.extend([results.y, results.dx, results.dw].concat());
    }
    out
}

fn close<T: Copy + Into<f64>>(
    tier: &str,
    got: &Results<T>,
    want: &Results<(f64, f64)>,
    epsilon: f64,
) -> Result<(), TestCaseError> {
    for (what, got, want) in [
        ("y", &got.y, &want.y),
        ("dx", &got.dx, &want.dx),
        ("dw", &got.dw, &want.dw),
    ] {
        prop_assert_eq!(got.len(), want.len());
        for (i, (&got, &(want, size))) in got.iter().zip(want).enumerate() {
            // Chains are shorter than this, and most roundings do not go in one direction.
            let bound = 1000.0 * epsilon * size;
            let off = (got.into() - want).abs();
            prop_assert!(
                off <= bound,
                "{}: {}[{}] is {}, not {}",
                tier,
                what,
                i,
                got.into(),
                want
            );
        }
    }

    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn convolutions_are_right_in_every_tier(case in any_case()) {
        let want = case.expected();
        for kernels in all_tiers() {
            let got = case.run(kernels, case.samples.max(1), 1);
            close(&kernels.tier().to_string(), &got, &want, f64::from(f32::EPSILON) / 64.0)?;
        }
        close("f64", &case.run_double(), &want, f64::EPSILON)?;
    }

    #[test]
    fn neither_cuts_nor_fma_tiers_change_a_bit(case in any_case(), parts in 2_usize..20) {
        let mut fused: Option<[Vec<u32>; 3]> = None;
        for kernels in all_tiers() {
            let results = [(case.samples.max(1), 1), (1, parts)].map(|(samples, parts)| {
                let got = case.run(kernels, samples, parts);
                [bits(&got.y), bits(&got.dx), bits(&got.dw)]
            });

            prop_assert!(results[0] == results[1], "{}: cuts", kernels.tier());
            if is_fused(kernels.tier()) {
                let [first, _] = results;
                prop_assert!(
                    fused.is_none_or(|fused| fused == first),
                    "{}: another tier",
                    kernels.tier()
                );
                fused = Some(first);
            }
        }
    }
}

/// Long inner indices go through several blocks, and many samples through several groups.
#[test]
fn large_sizes_are_right() {
    let sizes = ConvSizes {
        size: [5, 4],
        channels: 300,
        out: [5, 4],
        out_channels: 67,
        kernel: [3, 3],
        stride: [1, 1],
        pad: [1, 1],
        dilation: [1, 1],
        groups: 1,
    };

    let wide = ConvSizes {
        size: [40, 41],
        channels: 2,
        out: [40, 41],
        out_channels: 20,
        ..sizes
    };

    for sizes in [sizes, wide] {
        let samples = if cfg!(miri) { 1 } else { 7 };
        let case = Case {
            sizes,
            samples,
            bias: true,
            relu: false,
            accumulate: false,
            seed: 3,
        };

        if cfg!(miri) {
            continue;
        }
        let want = case.expected();
        for kernels in all_tiers() {
            let got = case.run(kernels, case.samples, 1);
            close(
                &kernels.tier().to_string(),
                &got,
                &want,
                f64::from(f32::EPSILON) / 64.0,
            )
            .unwrap();
        }
    }
}

#[test]
#[should_panic(expected = "the windows leave the padded image")]
fn windows_beyond_the_image_are_refused() {
    let sizes = ConvSizes {
        size: [3, 3],
        channels: 1,
        out: [2, 3],
        out_channels: 1,
        kernel: [3, 1],
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };

    let x = [0.0; 9];
    let weight = [0.0; 3];
    let mut y = [0.0; 6];
    all_tiers().for_each(|kernels| {
        kernels.conv(Conv {
            sizes: &sizes,
            whole: 1,
            x: &x,
            first_row: 0,
            weight: &weight,
            bias: None,
            y: &mut y,
            relu: false,
            memory: &mut [],
        });
    });
}

/// A padded row of 2^62 + 1 pixels with 4 channels: as a wrapped number, it would be 4.
#[test]
#[should_panic(expected = "more places than memory has")]
fn rows_that_wrap_are_refused() {
    let far = 1 << (usize::BITS - 2);
    let sizes = ConvSizes {
        size: [1, 1],
        channels: 4,
        out: [1, 2],
        out_channels: 1,
        kernel: [1, 1],
        stride: [1, far],
        pad: [0, far / 2],
        dilation: [1, 1],
        groups: 1,
    };

    let x = [0.0; 4];
    let weight = [0.0; 4];
    let mut y = [0.0; 2];
    let conv = Conv {
        sizes: &sizes,
        whole: 1,
        x: &x,
        first_row: 0,
        weight: &weight,
        bias: None,
        y: &mut y,
        relu: false,
        memory: &mut [],
    };
    F64Kernels.conv(conv);
}
