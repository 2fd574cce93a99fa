//! Pooling in every tier: against plain loops in `f64`, and independent of the distribution of the
//! batch.

use proptest::prelude::*;

use super::super::{Axis, Divisor, F32Kernels, F64Kernels, Kernels, Plane, Reach};
use super::{Guarded, all_tiers, assert_rounded, bits, cases, magnitudes, numbers, widen};

/// Generates an axis of windows that fits, of a few positions.
fn windows(most_dilation: usize) -> impl Strategy<Value = Axis> {
    (
        1_usize..8,
        1_usize..5,
        1_usize..4,
        0_usize..3,
        1..=most_dilation,
        any::<bool>(),
    )
        .prop_map(|(input, kernel, stride, pad, dilation, tiles)| {
            let kernel = kernel.min(input);
            if tiles {
                return Axis {
                    input,
                    output: input / kernel,
                    reach: Reach::Windows {
                        kernel,
                        stride: kernel,
                        pad: 0,
                        dilation: 1,
                    },
                };
            }

            let pad = pad.min(kernel / 2);
            let dilation = if (kernel - 1) * dilation < input + 2 * pad {
                dilation
            } else {
                1
            };

            let output = (input + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
            Axis {
                input,
                output,
                reach: Reach::Windows {
                    kernel,
                    stride,
                    pad,
                    dilation,
                },
            }
        })
}

fn even() -> impl Strategy<Value = Axis> {
    (1_usize..10, 1_usize..7).prop_map(|(input, output)| Axis {
        input,
        output,
        reach: Reach::Even,
    })
}

fn linear() -> impl Strategy<Value = Axis> {
    (1_usize..6, 1_usize..4).prop_map(|(input, factor)| Axis {
        input,
        output: factor * input,
        reach: Reach::Linear { factor },
    })
}

fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![1_usize..20, Just(33), Just(70)]
}

fn plane(axis: impl Strategy<Value = Axis> + Clone) -> impl Strategy<Value = Plane> {
    (axis.clone(), axis, channels()).prop_map(|(rows, cols, channels)| Plane {
        rows,
        cols,
        channels,
    })
}

/// Returns the numbers of elements of `samples` inputs and outputs.
fn lens(plane: &Plane, samples: usize) -> (usize, usize) {
    let (input, output) = plane.lens();
    (samples * input, samples * output)
}

/// Returns numbers of which many are equal; some are NaN.
fn equal_numbers(seed: u32, len: usize, nan: bool) -> Guarded {
    let number = |x: &f32| {
        if nan && *x > 0.8 {
            f32::NAN
        } else {
            (4.0 * x).round() / 4.0
        }
    };
    Guarded::new(&numbers(seed, len).iter().map(number).collect::<Vec<_>>())
}

/// `y`, codes and `dx`.
fn max_pool(kernels: F32Kernels, plane: &Plane, x: &[f32], dy: &[f32]) -> [Guarded; 3] {
    let mut y = Guarded::empty(dy.len());
    let mut codes = Guarded::empty(dy.len());
    let mut dx = Guarded::empty(x.len());
    kernels.max_pool(plane, x, &mut y, Some(&mut codes));

    let mut inferred = Guarded::empty(dy.len());
    kernels.max_pool(plane, x, &mut inferred, None);
    assert_eq!(bits(&y), bits(&inferred));

    kernels.max_pool_grad(plane, &codes, dy, &mut dx);
    [y, codes, dx]
}

fn mean_pool(
    kernels: F32Kernels,
    plane: &Plane,
    divide: Divisor,
    x: &[f32],
    dy: &[f32],
) -> [Guarded; 2] {
    let mut y = Guarded::empty(dy.len());
    let mut dx = Guarded::empty(x.len());
    super::mean_pool(kernels, plane, divide, false, x, &mut y);
    super::mean_pool(kernels, plane, divide, true, dy, &mut dx);
    [y, dx]
}

/// Returns the gradient with respect to the input of maxima, scattered from the outputs.
fn scattered(plane: &Plane, samples: usize, codes: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; lens(plane, samples).0];
    plane.each_tap(samples, |_, to, tap, _, from| {
        for channel in 0..plane.channels {
            if codes[to + channel] == tap as f64 {
                dx[from + channel] += dy[to + channel];
            }
        }
    });
    dx
}

fn check_max(plane: Plane, samples: usize, nan: bool) {
    let (input, output) = lens(&plane, samples);
    let x = equal_numbers(1, input, nan);
    // Short numbers, whose sums are exact.
    let dy = equal_numbers(2, output, false);

    let mut y = vec![0.0; output];
    let mut codes = vec![0.0; output];
    let mut dx = vec![0.0; input];
    F64Kernels.max_pool(&plane, &widen(&x), &mut y, Some(&mut codes));
    F64Kernels.max_pool_grad(&plane, &codes, &widen(&dy), &mut dx);
    assert_eq!(dx, scattered(&plane, samples, &codes, &widen(&dy)));

    // A window that reads nothing has the code of a tap that does not exist.
    codes
        .iter_mut()
        .zip(&y)
        .filter(|(_, y)| **y == f64::NEG_INFINITY)
        .for_each(|(code, _)| *code = f64::NAN);

    for kernels in all_tiers() {
        let [y32, codes32, dx32] = max_pool(kernels, &plane, &x, &dy);
        for i in 0..output {
            let same = f64::from(y32[i]) == y[i] || y32[i].is_nan() && y[i].is_nan();
            assert!(
                same,
                "{}: {plane:?}, output {i} is {}, not {}",
                kernels.tier(),
                y32[i],
                y[i]
            );

            assert!(
                f64::from(codes32[i]) == codes[i] || codes[i].is_nan(),
                "{}: {plane:?}",
                kernels.tier()
            );
        }
        assert_eq!(widen(&dx32), dx, "{}: {plane:?}", kernels.tier());
    }
}

fn check_mean(plane: Plane, divide: Divisor, samples: usize) {
    let (input, output) = lens(&plane, samples);
    let x = Guarded::new(&numbers(1, input));
    let dy = Guarded::new(&numbers(2, output));
    let in_double = |x: &[f64], dy: &[f64]| {
        let mut y = vec![0.0; output];
        let mut dx = vec![0.0; input];
        super::mean_pool(F64Kernels, &plane, divide, false, x, &mut y);
        super::mean_pool(F64Kernels, &plane, divide, true, dy, &mut dx);
        (y, dx)
    };

    let (y, dx) = in_double(&widen(&x), &widen(&dy));
    let (y_sizes, dx_sizes) = in_double(&magnitudes(&x), &magnitudes(&dy));

    // At most one rounding for each element of the plane, some for its weight, and one for the
    // divisor.
    let roundings = [plane.rows, plane.cols]
        .iter()
        .map(|axis| axis.input.max(axis.output))
        .product::<usize>()
        + 6;

    for kernels in all_tiers() {
        let [y32, dx32] = mean_pool(kernels, &plane, divide, &x, &dy);
        assert_rounded(kernels.tier(), &y32, &y, &y_sizes, roundings);
        assert_rounded(kernels.tier(), &dx32, &dx, &dx_sizes, roundings);
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn maxima_match_the_reference(
        plane in prop_oneof![plane(windows(3).boxed()), plane(even().boxed())],
        samples in 0_usize..3,
        nan: bool,
    ) {
        check_max(plane, samples, nan);
    }

    #[test]
    fn means_match_the_reference(
        plane in prop_oneof![
            plane(windows(1).boxed()),
            plane(even().boxed()),
            plane(linear().boxed()),
        ],
        divide in prop_oneof![Just(Divisor::One), Just(Divisor::Count), Just(Divisor::Kernel)],
        samples in 0_usize..3,
    ) {
        check_mean(plane, divide, samples);
    }

    #[test]
    fn no_bit_depends_on_the_cut_of_the_batch(
        plane in prop_oneof![plane(windows(1).boxed()), plane(even().boxed())],
    ) {
        let (input, output) = lens(&plane, 1);
        let x = numbers(1, 3 * input);
        let dy = numbers(2, 3 * output);

        for kernels in all_tiers() {
            let run = |x: &[f32], dy: &[f32]| {
                let [y, codes, dx] = max_pool(kernels, &plane, x, dy);
                let [mean, mean_dx] = mean_pool(kernels, &plane, Divisor::Count, x, dy);
                [y, codes, dx, mean, mean_dx].map(|part| bits(&part))
            };

            let whole = run(&x, &dy);
            for (part, whole) in whole.iter().enumerate() {
                let parts = x
                    .chunks(input)
                    .zip(dy.chunks(output))
                    .flat_map(|(x, dy)| run(x, dy)[part].clone());
                prop_assert_eq!(&parts.collect::<Vec<_>>(), whole);
            }
        }
    }
}

/// The shapes of known networks, whole rows of vectors and narrow ones.
#[test]
fn common_shapes_match_the_reference() {
    let sizes: &[(usize, usize)] = if cfg!(miri) {
        &[(4, 32), (6, 6), (4, 16)]
    } else {
        &[(26, 32), (24, 6), (8, 16)]
    };
    for &(places, channels) in sizes {
        let axis = Axis {
            input: places,
            output: places / 2,
            reach: Reach::Windows {
                kernel: 2,
                stride: 2,
                pad: 0,
                dilation: 1,
            },
        };

        let plane = Plane {
            rows: axis,
            cols: axis,
            channels,
        };

        check_max(plane, if cfg!(miri) { 1 } else { 2 }, false);
        check_mean(plane, Divisor::Kernel, 1);
    }
}

/// More windows overlap than are added one after the other.
#[test]
fn wide_windows_match_the_reference() {
    let windows: &[(usize, usize)] = if cfg!(miri) {
        &[(9, 1)]
    } else {
        &[(11, 1), (9, 2)]
    };
    for &(kernel, dilation) in windows {
        let input = (kernel - 1) * dilation + kernel;
        let axis = Axis {
            input,
            output: kernel,
            reach: Reach::Windows {
                kernel,
                stride: 1,
                pad: 0,
                dilation,
            },
        };

        let channels: &[usize] = if cfg!(miri) { &[1] } else { &[3, 33] };
        for &channels in channels {
            check_max(
                Plane {
                    rows: axis,
                    cols: axis,
                    channels,
                },
                if cfg!(miri) { 1 } else { 2 },
                false,
            );
        }
    }
}

/// The average of equal numbers is that number, whatever their count is.
#[test]
fn averages_of_equal_numbers_are_exact() {
    for count in 1..if cfg!(miri) { 10 } else { 60 } {
        let reach = Reach::Windows {
            kernel: count,
            stride: count,
            pad: 0,
            dilation: 1,
        };

        let plane = Plane {
            rows: Axis::ONE,
            cols: Axis {
                input: count,
                output: 1,
                reach,
            },
            channels: 3,
        };

        for kernels in all_tiers() {
            let mut y = [0.0; 3];
            super::mean_pool(
                kernels,
                &plane,
                Divisor::Kernel,
                false,
                &vec![1.0; 3 * count],
                &mut y,
            );
            assert_eq!(y, [1.0; 3]);
        }
    }
}

/// Sums of these overflow on the way; means of finite numbers, and sums that cancel out, do not.
#[test]
fn means_of_large_numbers_are_finite() {
    let windows = |kernel, stride, pad, input: usize| Axis {
        input,
        output: (input + 2 * pad - kernel) / stride + 1,
        reach: Reach::Windows {
            kernel,
            stride,
            pad,
            dilation: 1,
        },
    };
    let even = |input, output| Axis {
        input,
        output,
        reach: Reach::Even,
    };
    let linear = Axis {
        input: 3,
        output: 9,
        reach: Reach::Linear { factor: 3 },
    };

    let whole = if cfg!(miri) { 9 } else { 81 };
    for (axis, channels) in [
        (windows(2, 2, 0, 4), 33),
        (windows(5, 5, 0, 10), 1),
        (windows(3, 1, 1, 5), 6),
        (windows(whole, whole, 0, whole), 3),
        (even(7, 3), 17),
        (linear, 5),
    ] {
        let plane = Plane {
            rows: axis,
            cols: axis,
            channels,
        };
        for divide in [Divisor::Count, Divisor::Kernel, Divisor::One] {
            check_large(plane, divide);
        }
    }
}

fn check_large(plane: Plane, divide: Divisor) {
    let (input, output) = lens(&plane, 2);
    // The second sample is of ordinary numbers.
    let large = |seed, len| -> Vec<f32> {
        let numbers = numbers(seed, len / 2);
        let signs = numbers.iter().map(|x| f32::MAX.copysign(x + 0.5));
        signs.chain(numbers.clone()).collect()
    };

    for all_equal in [false, true] {
        let mut x = large(1, input);
        let mut dy = large(2, output);
        if all_equal {
            x[..input / 2].fill(f32::MAX);
            dy[..output / 2].fill(-f32::MAX);
        }

        for (transposed, from, len) in [(false, &x, output), (true, &dy, input)] {
            let in_double = |from: &[f64]| {
                let mut to = vec![0.0; len];
                super::mean_pool(F64Kernels, &plane, divide, transposed, from, &mut to);
                to
            };
            let want = in_double(&widen(from));
            let sizes = in_double(&magnitudes(from));
            for kernels in all_tiers() {
                let mut to = Guarded::empty(len);
                super::mean_pool(kernels, &plane, divide, transposed, from, &mut to);
                for i in 0..len {
                    let error = (f64::from(to[i]) - want[i]).abs();
                    let infinite = want[i] as f32;
                    assert!(
                        error <= 2e-6 * sizes[i] || to[i] == infinite && infinite.is_infinite(),
                        "{}: {plane:?}, {divide:?}, {transposed}: element {i} is {}, not {}",
                        kernels.tier(),
                        to[i],
                        want[i]
                    );
                }
            }

            // The same numbers at the upper end of `f64`, where those of `f32` have an infinite
            // sum only if these have.
            let unit = 896_f64.exp2();
            let from: Vec<f64> = widen(from).iter().map(|x| x * unit).collect();
            for ((got, want), size) in in_double(&from).iter().zip(want).zip(sizes) {
                let want = want * unit;
                let fits = (got - want).abs() <= 1e-13 * size * unit;
                assert!(
                    fits || *got == want || (got / unit - want / unit).abs() <= 1e-13 * size,
                    "{plane:?}, {divide:?}, {transposed}: {got}, not {want}"
                );
            }
        }
    }
}

#[test]
fn infinite_elements_have_infinite_means() {
    let axis = Axis {
        input: 4,
        output: 2,
        reach: Reach::Windows {
            kernel: 2,
            stride: 2,
            pad: 0,
            dilation: 1,
        },
    };
    let plane = Plane {
        rows: axis,
        cols: axis,
        channels: 1,
    };

    let mut x = [1.0; 16];
    [x[0], x[3], x[8], x[15]] = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX];
    for kernels in all_tiers() {
        let mut y = [0.0; 4];
        super::mean_pool(kernels, &plane, Divisor::Kernel, false, &x, &mut y);
        assert_eq!(y[..2], [f32::INFINITY, f32::NEG_INFINITY]);
        assert!(y[2].is_nan());
        assert_eq!(y[3], f32::MAX / 4.0);
    }
}

/// A dilation larger than the input can leave a window with padding alone.
#[test]
fn a_window_of_padding_alone_is_minus_infinity() {
    let reach = Reach::Windows {
        kernel: 2,
        stride: 1,
        pad: 1,
        dilation: 2,
    };

    let plane = Plane {
        rows: Axis::ONE,
        cols: Axis {
            input: 1,
            output: 1,
            reach,
        },
        channels: 2,
    };

    for kernels in all_tiers() {
        let [y, _, dx] = max_pool(kernels, &plane, &[5.0, 6.0], &[1.0, 1.0]);
        assert_eq!(
            (&y[..], &dx[..]),
            (&[f32::NEG_INFINITY; 2][..], &[0.0; 2][..])
        );
    }
}

#[test]
#[should_panic(expected = "max_pool: 7 inputs and 2 outputs are not samples of 4 and 1")]
fn lengths_are_checked() {
    let reach = Reach::Windows {
        kernel: 2,
        stride: 2,
        pad: 0,
        dilation: 1,
    };

    let axis = Axis {
        input: 2,
        output: 1,
        reach,
    };

    F64Kernels.max_pool(
        &Plane {
            rows: axis,
            cols: axis,
            channels: 1,
        },
        &[0.0; 7],
        &mut [0.0; 2],
        None,
    );
}

/// The product of 2^20 samples and 2^44 inputs would wrap to 0.
#[test]
#[should_panic(expected = "are not samples of 17592186044416 and 1")]
fn lengths_that_wrap_are_refused() {
    let reach = Reach::Windows {
        kernel: 1 << 22,
        stride: 1 << 22,
        pad: 0,
        dilation: 1,
    };

    let axis = Axis {
        input: 1 << 22,
        output: 1,
        reach,
    };

    let outputs = &mut vec![0.0; 1 << 20];
    F64Kernels.max_pool(
        &Plane {
            rows: axis,
            cols: axis,
            channels: 1,
        },
        &[],
        outputs,
        None,
    );
}

/// Returns the results of all kernels, for `agreement`.
pub(super) fn everything(kernels: F32Kernels, channels: usize) -> Vec<f32> {
    let tiles = Reach::Windows {
        kernel: 2,
        stride: 2,
        pad: 0,
        dilation: 1,
    };
    let windows = Reach::Windows {
        kernel: 3,
        stride: 2,
        pad: 1,
        dilation: 1,
    };

    let mut out = Vec::new();
    for (input, output, reach) in [
        (5, 2, tiles),
        (7, 4, windows),
        (7, 3, Reach::Even),
        (3, 9, Reach::Linear { factor: 3 }),
    ] {
        let axis = Axis {
            input,
            output,
            reach,
        };
        let plane = Plane {
            rows: axis,
            cols: axis,
            channels,
        };

        let x = numbers(1, plane.lens().0);
        let dy = numbers(2, plane.lens().1);

        if !matches!(reach, Reach::Linear { .. }) {
            max_pool(kernels, &plane, &x, &dy)
                .iter()
                .for_each(|part| out.extend(&part[..]));
        }

        for divide in [Divisor::One, Divisor::Count, Divisor::Kernel] {
            mean_pool(kernels, &plane, divide, &x, &dy)
                .iter()
                .for_each(|part| out.extend(&part[..]));
        }
    }
    out
}
