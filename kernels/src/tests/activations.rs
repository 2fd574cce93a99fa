//! Activations in every tier: against `f64`, at their limits, and their gradients.

use super::super::{F32Kernels, F64Kernels, Function, Kernels, function};
use super::{Guarded, LENGTHS, all_tiers, assert_close, numbers, widen};

fn spread(seed: u32, len: usize) -> Guarded {
    Guarded::new(
        &numbers(seed, len)
            .iter()
            .map(|x| 4.0 * x)
            .collect::<Vec<_>>(),
    )
}

fn matches_the_reference<F: Function + std::fmt::Debug>(f: F) {
    for kernels in all_tiers() {
        for &len in LENGTHS {
            let close = |got: &[f32], want: &[f64]| assert_close(kernels.tier(), got, want, 1e-6);
            let x = spread(1, len);
            let dy = Guarded::new(&numbers(2, len));
            let mut y = Guarded::empty(len);
            let mut in_place = x.clone();
            let mut want = widen(&x);

            kernels.function(f, Some(&x), &mut y);
            kernels.function(f, None, &mut in_place);
            F64Kernels.function(f, None, &mut want);
            close(&y, &want);
            assert_eq!(y[..], in_place[..], "{f:?}");

            let mut dx = dy.clone();
            let mut want_dx = widen(&dy);
            kernels.function_grad(f, if F::FROM_OUTPUT { &y } else { &x }, &mut dx);
            let at = if F::FROM_OUTPUT { want } else { widen(&x) };
            F64Kernels.function_grad(f, &at, &mut want_dx);
            close(&dx, &want_dx);
        }
    }
}

#[test]
fn functions_match_the_reference() {
    every_function!(|f| matches_the_reference(f));
}

const SPECIAL: [f32; 8] = [
    f32::NEG_INFINITY,
    f32::INFINITY,
    f32::NAN,
    -1e30,
    1e30,
    0.0,
    -3.0,
    3.0,
];

/// Checks values and derivatives at the special numbers in every tier and in `f64`. A NaN is
/// expected where `want` is NaN.
fn check_limits<F: Function + std::fmt::Debug>(f: F, values: [f32; 8], slopes: [f32; 8]) {
    let same = |got: f32, want: f32| {
        let close = (got - want).abs() <= 1e-6 * want.abs().max(1.0) && want.is_finite();
        got == want || close || got.is_nan() && want.is_nan()
    };
    let check = |what: &str, y: &[f32], dy: &[f32]| {
        for i in 0..8 {
            assert!(
                same(y[i], values[i]),
                "{what}: {f:?} of {} is {}",
                SPECIAL[i],
                y[i]
            );
            assert!(
                same(dy[i], slopes[i]),
                "{what}: {f:?}' at {} is {}",
                SPECIAL[i],
                dy[i]
            );
        }
    };

    for kernels in all_tiers() {
        let mut y = Guarded::new(&SPECIAL);
        let mut dy = Guarded::new(&[1.0; 8]);
        kernels.function(f, None, &mut y);
        kernels.function_grad(f, if F::FROM_OUTPUT { &y } else { &SPECIAL }, &mut dy);
        check(&kernels.tier().to_string(), &y, &dy);
    }

    let x = SPECIAL.map(f64::from);
    let mut dy = [1.0; 8];
    let mut y = x;
    F64Kernels.function(f, None, &mut y);
    F64Kernels.function_grad(f, if F::FROM_OUTPUT { &y } else { &x }, &mut dy);
    check("f64", &y.map(|y| y as f32), &dy.map(|y| y as f32));
}

/// The values are PyTorch's. Its derivatives at NaN differ between the first and the last elements
/// of a tensor, and where infinity meets 0 they are NaN; here they are the limits.
#[test]
fn limits() {
    use function::*;
    const INF: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    let unit = [0.0, 1.0, NAN, 0.0, 1.0];
    let with = |first: [f32; 5], rest: [f32; 3]| {
        [
            first[0], first[1], first[2], first[3], first[4], rest[0], rest[1], rest[2],
        ]
    };

    check_limits(
        Relu,
        with([0.0, INF, NAN, 0.0, 1e30], [0.0, 0.0, 3.0]),
        with([0.0, 1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
    );
    check_limits(
        Clamp { min: 0.0, max: 6.0 },
        with([0.0, 6.0, NAN, 0.0, 6.0], [0.0, 0.0, 3.0]),
        with([0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
    );
    check_limits(
        Clamp {
            min: -3.0,
            max: 3.0,
        },
        with([-3.0, 3.0, NAN, -3.0, 3.0], [0.0, -3.0, 3.0]),
        with([0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
    );
    check_limits(
        Leaky { slope: 0.01 },
        with([-INF, INF, NAN, -1e28, 1e30], [0.0, -0.03, 3.0]),
        with([0.01, 1.0, 0.01, 0.01, 1.0], [0.01, 0.01, 1.0]),
    );

    let elu = |x: f32| x.exp_m1();
    check_limits(
        Elu {
            above: 2.0,
            below: 0.5,
            rate: 1.0,
        },
        with([-0.5, INF, NAN, -0.5, 2e30], [0.0, 0.5 * elu(-3.0), 6.0]),
        with(
            [0.0, 2.0, NAN, 0.0, 2.0],
            [0.5, 0.5 * (-3.0_f32).exp(), 2.0],
        ),
    );

    let tanh = 3.0_f32.tanh();
    check_limits(
        Tanh,
        with([-1.0, 1.0, NAN, -1.0, 1.0], [0.0, -tanh, tanh]),
        with(
            [0.0, 0.0, NAN, 0.0, 0.0],
            [1.0, 1.0 - tanh * tanh, 1.0 - tanh * tanh],
        ),
    );

    let low = 1.0 / (1.0 + 3.0_f32.exp());
    let slope = low * (1.0 - low);
    let log = low.ln();
    check_limits(
        Sigmoid,
        with(unit, [0.5, low, 1.0 - low]),
        with([0.0, 0.0, NAN, 0.0, 0.0], [0.25, slope, slope]),
    );
    check_limits(
        LogSigmoid,
        with([-INF, 0.0, NAN, -1e30, 0.0], [0.5_f32.ln(), log, log + 3.0]),
        with([1.0, 0.0, NAN, 1.0, 0.0], [0.5, 1.0 - low, low]),
    );
    check_limits(
        HardSigmoid,
        with(unit, [0.5, 0.0, 1.0]),
        with([0.0, 0.0, 1.0 / 6.0, 0.0, 0.0], [1.0 / 6.0, 0.0, 0.0]),
    );
    check_limits(
        Softsign,
        with([NAN, NAN, NAN, -1.0, 1.0], [0.0, -0.75, 0.75]),
        with([NAN, NAN, NAN, 0.0, 0.0], [1.0, 0.0625, 0.0625]),
    );

    // PyTorch's gelu(-inf) is NaN as well: minus infinity times 0.
    check_limits(
        Gelu,
        with(
            [NAN, INF, NAN, 0.0, 1e30],
            [0.0, -0.004_049_694, 2.995_950_3],
        ),
        with(
            [0.0, 1.0, NAN, 0.0, 1.0],
            [0.5, -0.011_945_659, 1.011_945_7],
        ),
    );
    check_limits(
        GeluTanh,
        with(
            [NAN, INF, NAN, 0.0, 1e30],
            [0.0, -0.003_637_392, 2.996_362_6],
        ),
        with([0.0, 1.0, NAN, 0.0, 1.0], [0.5, -0.011_584_14, 1.011_584_2]),
    );
    check_limits(
        Silu,
        with(
            [NAN, INF, NAN, 0.0, 1e30],
            [0.0, -3.0 * low, 3.0 - 3.0 * low],
        ),
        with(
            [0.0, 1.0, NAN, 0.0, 1.0],
            [0.5, low - 3.0 * slope, 1.0 - low + 3.0 * slope],
        ),
    );
    check_limits(
        Mish,
        with([NAN, INF, NAN, 0.0, 1e30], [0.0, -0.145_647_4, 2.986_535]),
        with([0.0, 1.0, NAN, 0.0, 1.0], [0.6, -0.093_392_49, 1.021_106_6]),
    );
    check_limits(
        Softplus {
            beta: 1.0,
            threshold: 20.0,
        },
        with(
            [0.0, INF, NAN, 0.0, 1e30],
            [2.0_f32.ln(), -(1.0 - low).ln(), 3.0 - (1.0 - low).ln()],
        ),
        with([0.0, 1.0, NAN, 0.0, 1.0], [0.5, low, 1.0 - low]),
    );
    check_limits(
        HardSwish,
        with([NAN, INF, NAN, 0.0, 1e30], [0.0, 0.0, 3.0]),
        with([0.0, 1.0, NAN, 0.0, 1.0], [0.5, 0.0, 1.0]),
    );
}

/// Softplus is the identity above the threshold, but not yet at it.
#[test]
fn softplus_has_a_threshold() {
    let f = function::Softplus {
        beta: 2.0,
        threshold: 1.0,
    };
    for kernels in all_tiers() {
        let x = [0.5, 0.500_001, 3.0];
        let mut y = x;
        let mut dy = [1.0; 3];
        kernels.function(f, None, &mut y);
        kernels.function_grad(f, &x, &mut dy);

        assert!(
            (y[0] - 0.656_630_9).abs() < 1e-6 && y[1..] == x[1..],
            "{y:?}"
        );
        assert!(
            (dy[0] - 0.731_058_6).abs() < 1e-6 && dy[1..] == [1.0, 1.0],
            "{dy:?}"
        );
    }
}

#[test]
fn relu_grad_is_pytorchs() {
    for kernels in all_tiers() {
        let y = [0.0, -0.0, 1e-45, 2.0, f32::NAN, f32::INFINITY];
        let mut dy = [7.0; 6];
        kernels.function_grad(function::Relu, &y, &mut dy);
        assert_eq!(dy, [0.0, 0.0, 7.0, 7.0, 7.0, 7.0]);
    }
}

/// If the derivative is 0, no gradient passes, however large it is.
#[test]
fn saturated_functions_stop_infinite_gradients() {
    for kernels in all_tiers() {
        let mut dy = [f32::INFINITY; 3];
        kernels.function_grad(
            function::Clamp {
                min: -1.0,
                max: 1.0,
            },
            &[-1.0, 1.0, 0.5],
            &mut dy,
        );
        assert_eq!(dy, [0.0, 0.0, f32::INFINITY]);

        let mut dy = [f32::INFINITY; 2];
        kernels.function_grad(function::HardSigmoid, &[0.0, 1.0], &mut dy);
        assert_eq!(dy, [0.0, 0.0]);

        let mut dy = [f32::INFINITY; 1];
        kernels.function_grad(function::HardSwish, &[-3.0], &mut dy);
        assert_eq!(dy, [0.0]);
    }
}

#[test]
fn prelu_matches_the_reference() {
    for kernels in all_tiers() {
        let close = |got: &[f32], want: &[f64]| assert_close(kernels.tier(), got, want, 1e-5);
        for (weights, rows) in [
            (1, 0),
            (1, 1),
            (1, 77),
            (2, 33),
            (3, 5),
            (16, 3),
            (17, 4),
            (50, 2),
        ] {
            let len = weights * rows;
            let w = Guarded::new(&numbers(3, weights));
            let x = spread(1, len);
            let dy = Guarded::new(&numbers(2, len));
            let mut y = Guarded::empty(len);
            let mut want = vec![0.0; len];

            kernels.prelu(&w, &x, &mut y);
            F64Kernels.prelu(&widen(&w), &widen(&x), &mut want);
            close(&y, &want);

            let mut dx = dy.clone();
            let mut want = widen(&dy);
            kernels.prelu_grad(&w, &x, &mut dx);
            F64Kernels.prelu_grad(&widen(&w), &widen(&x), &mut want);
            close(&dx, &want);

            for accumulate in [false, true] {
                let mut sums = w.clone();
                let mut want = widen(&w);
                kernels.prelu_weight_grad(&x, &dy, &mut sums, accumulate);
                F64Kernels.prelu_weight_grad(&widen(&x), &widen(&dy), &mut want, accumulate);
                close(&sums, &want);
            }
        }

        let mut y = [0.0; 4];
        kernels.prelu(
            &[0.25],
            &[f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -1.0],
            &mut y,
        );
        assert!(y[0].is_nan() && y[1..] == [f32::NEG_INFINITY, f32::INFINITY, -0.25]);
    }
}

#[test]
#[should_panic(expected = "prelu: 7 elements are not whole rows of 3")]
fn prelu_takes_whole_rows() {
    F64Kernels.prelu(&[0.0; 3], &[0.0; 7], &mut [0.0; 7]);
}

#[test]
fn glu_matches_the_reference() {
    for kernels in all_tiers() {
        let close = |got: &[f32], want: &[f64]| assert_close(kernels.tier(), got, want, 1e-6);
        for (half, rows) in [(1, 0), (1, 1), (1, 9), (3, 4), (8, 2), (16, 2), (19, 3)] {
            let len = half * rows;
            let x = spread(1, 2 * len);
            let dy = Guarded::new(&numbers(2, len));
            let mut y = Guarded::empty(len);
            let mut want = vec![0.0; len];

            kernels.glu(half, &x, &mut y);
            F64Kernels.glu(half, &widen(&x), &mut want);
            close(&y, &want);

            let mut dx = Guarded::empty(2 * len);
            let mut want = vec![0.0; 2 * len];
            kernels.glu_grad(half, &x, &dy, &mut dx);
            F64Kernels.glu_grad(half, &widen(&x), &widen(&dy), &mut want);
            close(&dx, &want);
        }
    }

    let mut y = [0.0];
    F64Kernels.glu(1, &[3.0, 0.0], &mut y);
    assert_eq!(y, [1.5]);
}

#[test]
#[should_panic(expected = "glu: twice as many inputs as outputs")]
fn glu_takes_pairs() {
    F64Kernels.glu(1, &[0.0; 3], &mut [0.0; 2]);
}

#[test]
fn log_softmax_matches_the_reference() {
    for kernels in all_tiers() {
        let close = |got: &[f32], want: &[f64]| assert_close(kernels.tier(), got, want, 2e-6);
        for (width, rows) in [
            (1, 3),
            (2, 1),
            (3, 20),
            (10, 16),
            (10, 33),
            (32, 5),
            (33, 5),
            (100, 2),
            (if cfg!(miri) { 300 } else { 1000 }, 1),
        ] {
            let len = width * rows;
            let x = Guarded::new(&spread(1, len).iter().map(|x| 5.0 * x).collect::<Vec<_>>());
            let dy = Guarded::new(&numbers(2, len));
            let mut y = x.clone();
            let mut want = widen(&x);

            kernels.log_softmax(width, &mut y);
            F64Kernels.log_softmax(width, &mut want);
            close(&y, &want);

            let mut dx = dy.clone();
            let mut want_dx = widen(&dy);
            kernels.log_softmax_grad(width, &y, &mut dx);
            F64Kernels.log_softmax_grad(width, &want, &mut want_dx);
            assert_close(kernels.tier(), &dx, &want_dx, 2e-5);
        }
    }
}

fn check_log_softmax_limits(kernels: F32Kernels, width: usize) {
    let run = |first: &[f32]| {
        let mut row = vec![first[0]; width];
        row[..first.len()].copy_from_slice(first);
        let mut x = Guarded::new(&row);
        kernels.log_softmax(width, &mut x);
        x.to_vec()
    };

    // A plain `exp` would overflow, and a plain logarithm of the softmax would be minus infinity.
    let y = run(&[-2000.0, 1000.0, 0.0]);
    assert_eq!(y[..3], [-3000.0, 0.0, -1000.0]);
    let y = run(&[f32::NEG_INFINITY, 1.0, 0.0]);
    assert!(
        y[0] == f32::NEG_INFINITY && (y[1] + 0.313_261_7).abs() < 1e-6,
        "{y:?}"
    );

    // As in PyTorch, infinity and NaN make their row NaN, and so do minus infinities that fill a
    // row.
    for first in [
        [f32::INFINITY, 0.0],
        [0.0, f32::NAN],
        [f32::NEG_INFINITY; 2],
    ] {
        assert!(run(&first).iter().any(|y| y.is_nan()));
    }

    let y = run(&[0.0, f32::NAN]);
    assert!(y.iter().all(|y| y.is_nan()));
}

#[test]
fn log_softmax_limits() {
    for kernels in all_tiers() {
        check_log_softmax_limits(kernels, 3);
        check_log_softmax_limits(kernels, 40);
    }
}
