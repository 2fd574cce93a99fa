//! Optimizer steps: every tier against `f64`, and the rules by hand.
//! `tests/reference/optimizers.rs` compares the rules with PyTorch's.

use super::super::update::Rule;
use super::super::{
    AdadeltaStep, AdagradStep, AdamStep, AdamaxStep, F32Kernels, F64Kernels, LionStep, NAdamStep,
    Preprocess, RAdamStep, RmsPropStep, SgdStep, Update,
};
use super::{Guarded, LENGTHS, all_tiers, assert_close, numbers, widen};

/// A visitor that is called with each rule.
pub(super) trait Each {
    /// Visits a rule. `rule` creates the rule of a step, counted from 1.
    fn call<R: Rule>(&mut self, name: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>;
}

const PLAIN: Preprocess = Preprocess {
    maximize: false,
    weight_decay: 0.0,
    shrink: 1.0,
};
const SGD: SgdStep = SgdStep {
    begin: PLAIN,
    lr: 0.1,
    momentum: 0.0,
    dampening: 0.0,
    nesterov: false,
    first: true,
};
const ADAM: AdamStep = AdamStep {
    begin: PLAIN,
    rate: 0.0,
    root: 0.0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    amsgrad: false,
};

fn adam(step: u64) -> AdamStep {
    let step = step as i32;
    AdamStep {
        rate: 1e-3 / (1.0 - 0.9f64.powi(step)),
        root: 1.0 / (1.0 - 0.999f64.powi(step)).sqrt(),
        ..ADAM
    }
}

pub(super) fn each_rule(each: &mut impl Each) {
    let begin = Preprocess {
        maximize: true,
        weight_decay: 0.1,
        shrink: 0.99,
    };
    let beta1 = 0.9;
    let beta2 = 0.99;
    let epsilon = 1e-3;

    each.call("sgd", |_| SGD);
    each.call("sgd, beginning", |_| SgdStep { begin, ..SGD });

    let momentum = |step| SgdStep {
        momentum: 0.9,
        first: step == 1,
        ..SGD
    };

    each.call("sgd with momentum", momentum);
    each.call("sgd with dampening", |step| SgdStep {
        dampening: 0.3,
        begin,
        ..momentum(step)
    });
    each.call("nesterov", |step| SgdStep {
        nesterov: true,
        ..momentum(step)
    });

    each.call("adam", adam);
    each.call("amsgrad", |step| AdamStep {
        begin,
        amsgrad: true,
        ..adam(step)
    });

    each.call("nadam", |_| NAdamStep {
        begin,
        gradient_rate: 0.1,
        moment_rate: 0.2,
        root: 3.0,
        beta1,
        beta2,
        epsilon,
    });

    each.call("radam", |step| RAdamStep {
        begin,
        rate: 0.1,
        rectified: step > 2,
        beta1,
        beta2,
        epsilon,
    });

    each.call("adamax", |_| AdamaxStep {
        begin,
        rate: 0.1,
        beta1,
        beta2,
        epsilon,
    });

    each.call("adagrad", |step| AdagradStep {
        begin,
        rate: 0.1,
        epsilon,
        initial: (step == 1).then_some(0.5),
    });

    each.call("adadelta", |_| AdadeltaStep {
        begin,
        lr: 1.0,
        rho: 0.9,
        epsilon,
    });

    for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
        // A mean square loses digits where it is nearly the square of a mean.
        let epsilon = 0.1;
        let rule = RmsPropStep {
            begin,
            lr: 0.1,
            alpha: 0.8,
            epsilon,
            momentum,
            centered,
        };

        each.call("rmsprop", |_| rule);
    }

    each.call("lion", |_| LionStep {
        begin,
        lr: 0.1,
        beta1,
        beta2,
    });
}

/// Three steps in all tiers and in `f64`.
struct InAllTiers;

impl Each for InAllTiers {
    fn call<R: Rule>(&mut self, name: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>,
    {
        println!("{name}");

        let count = rule(1).states();
        for &len in LENGTHS {
            let p = Guarded::new(&numbers(1, len));
            let g = Guarded::new(&numbers(2, len));
            let mut want = widen(&p);
            let mut want_m = vec![vec![0.0; len]; count];

            for step in 1..=3 {
                let mut slices: Vec<&mut [f64]> = want_m.iter_mut().map(|m| &mut m[..]).collect();
                F64Kernels.update(&rule(step), &mut want, &widen(&g), &mut slices);
            }

            for kernels in all_tiers() {
                let mut p = p.clone();
                let mut m = vec![Guarded::new(&vec![0.0; len]); count];
                for step in 1..=3 {
                    let mut slices: Vec<&mut [f32]> = m.iter_mut().map(|m| &mut m[..]).collect();
                    kernels.update(&rule(step), &mut p, &g, &mut slices);
                }

                let tier = super::super::Kernels::tier(kernels);
                assert_close(tier, &p, &want, 2e-6);
                m.iter()
                    .zip(&want_m)
                    .for_each(|(m, want)| assert_close(tier, m, want, 2e-6));
            }
        }
    }
}

#[test]
fn all_tiers_are_those_of_f64() {
    each_rule(&mut InAllTiers);
}

/// Runs steps from the given parameters and states, and calls `see` with both after each.
fn run<T: Copy, R: Rule, K: Update<T, R> + Copy>(
    kernels: K,
    rule: &impl Fn(u64) -> R,
    (p, state): (T, T),
    gradients: impl Iterator<Item = T>,
    mut see: impl FnMut(&[T]),
) {
    // More than a vector, and not whole vectors.
    const LEN: usize = 19;
    let mut p = vec![p; LEN];
    let mut m = vec![vec![state; LEN]; rule(1).states()];
    for (step, g) in (2..).zip(gradients) {
        let mut slices: Vec<&mut [T]> = m.iter_mut().map(|m| &mut m[..]).collect();
        kernels.update(&rule(step), &mut p, &[g; LEN], &mut slices);
        m.iter().chain([&p]).for_each(|numbers| see(numbers));
    }
}

/// No number becomes denormal, whether gradients end or go on so small that their squares are
/// denormal, and none becomes NaN.
struct NeverDenormal;

impl Each for NeverDenormal {
    fn call<R: Rule>(&mut self, name: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>,
    {
        let steps = if cfg!(miri) { 20 } else { 5000 };
        let gradients = |small: [f64; 3]| std::iter::repeat_n(0.0, steps).chain(small.repeat(10));
        // 0.99^5000 is 1.5e-22.

        for kernels in all_tiers() {
            let tier = super::super::Kernels::tier(kernels);
            let gradients = gradients([1e-20, -1e-36, 1e-40]).map(|g| g as f32);
            run(kernels, &rule, (1e-30, 1e-30), gradients, |numbers| {
                let bad = numbers.iter().find(|x| !x.is_finite() || x.is_subnormal());
                assert_eq!(bad, None, "{name}, {tier}");
            });
        }

        run(
            F64Kernels,
            &rule,
            (1e-288, 1e-288),
            gradients([1e-160, -1e-300, 1e-310]),
            |numbers| {
                let bad = numbers.iter().find(|x| !x.is_finite() || x.is_subnormal());
                assert_eq!(bad, None, "{name}, f64");
            },
        );
    }
}

#[test]
fn nothing_becomes_denormal() {
    each_rule(&mut NeverDenormal);
}

struct OppositeGradients;

impl Each for OppositeGradients {
    fn call<R: Rule>(&mut self, name: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>,
    {
        let gradients = |most: f64| {
            [most, -most]
                .repeat(if cfg!(miri) { 2 } else { 20 })
                .into_iter()
        };
        for kernels in all_tiers() {
            let tier = super::super::Kernels::tier(kernels);
            let gradients = gradients(3e38).map(|g| g as f32);
            run(kernels, &rule, (0.0, 0.0), gradients, |numbers| {
                // Squares become infinite.
                let bad = numbers
                    .iter()
                    .find(|&&x| x.is_nan() || x == f32::NEG_INFINITY);
                assert_eq!(bad, None, "{name}, {tier}");
            });
        }
        run(
            F64Kernels,
            &rule,
            (0.0, 0.0),
            gradients(1.5e308),
            |numbers| {
                let bad = numbers
                    .iter()
                    .find(|&&x| x.is_nan() || x == f64::NEG_INFINITY);
                assert_eq!(bad, None, "{name}, f64");
            },
        );
    }
}

/// The difference of two gradients is infinite, and their weighted mean is not.
#[test]
fn opposite_gradients_at_the_ends_of_the_range() {
    each_rule(&mut OppositeGradients);
    each_rule_without_epsilon(&mut OppositeGradients);
}

/// The rules that have an epsilon, without it.
fn each_rule_without_epsilon(each: &mut impl Each) {
    let begin = PLAIN;
    let beta1 = 0.9;
    let beta2 = 0.999;
    let epsilon = 0.0;
    let lr = 0.1;

    each.call("adam", |step| AdamStep {
        epsilon,
        ..adam(step)
    });
    each.call("amsgrad", |step| AdamStep {
        epsilon,
        amsgrad: true,
        ..adam(step)
    });

    each.call("nadam", |_| NAdamStep {
        begin,
        gradient_rate: 0.1,
        moment_rate: 0.2,
        root: 3.0,
        beta1,
        beta2,
        epsilon,
    });
    each.call("radam", |_| RAdamStep {
        begin,
        rate: 0.1,
        rectified: true,
        beta1,
        beta2,
        epsilon,
    });
    each.call("adamax", |_| AdamaxStep {
        begin,
        rate: 0.1,
        beta1,
        beta2,
        epsilon,
    });
    each.call("adagrad", |_| AdagradStep {
        begin,
        rate: 0.1,
        epsilon,
        initial: None,
    });
    each.call("adadelta", |_| AdadeltaStep {
        begin,
        lr,
        rho: 0.9,
        epsilon,
    });
    each.call("rmsprop", |_| RmsPropStep {
        begin,
        lr,
        alpha: 0.9,
        epsilon,
        momentum: 0.9,
        centered: false,
    });
}

struct WithoutEpsilon;

impl Each for WithoutEpsilon {
    fn call<R: Rule>(&mut self, name: &str, rule: impl Fn(u64) -> R)
    where
        F32Kernels: Update<f32, R>,
        F64Kernels: Update<f64, R>,
    {
        // The squares are denormal in f32, with five digits left, and normal in f64.
        let small = 1e-18_f32;

        let mut want = Vec::new();
        run(
            F64Kernels,
            &rule,
            (0.0, 0.0),
            std::iter::repeat_n(f64::from(small), 5),
            |x| {
                want.extend_from_slice(x);
            },
        );

        for kernels in all_tiers() {
            let tier = super::super::Kernels::tier(kernels);
            let mut got = Vec::new();
            run(
                kernels,
                &rule,
                (0.0, 0.0),
                std::iter::repeat_n(small, 5),
                |x| got.extend_from_slice(x),
            );

            for (got, want) in got.iter().zip(&want) {
                let error = (f64::from(*got) - want).abs();
                assert!(
                    error <= 1e-4 * want.abs(),
                    "{name}, {tier}: {got}, should be {want}"
                );
            }

            // No division of 0 by 0, nor of another number by 0.
            let gradients = std::iter::repeat_n(1e-3, 3).chain(std::iter::repeat_n(0.0, 20_000));
            run(kernels, &rule, (0.0, 0.0), gradients, |x| {
                assert!(
                    x.iter().all(|x| x.is_finite() && !x.is_subnormal()),
                    "{name}, {tier}: {x:?}"
                );
            });
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long")]
fn without_epsilon_small_gradients_count() {
    each_rule_without_epsilon(&mut WithoutEpsilon);
}

/// The parameters that are flushed to 0, and those that are not.
#[test]
fn flushing_begins_where_it_says() {
    for kernels in all_tiers() {
        let tiny = 2.0_f32.powi(-111);
        let below = tiny.next_down();
        let mut p = [tiny, below, -tiny, -below, 1e-40, f32::NAN, 0.0, -1e-45];
        kernels.update(&SGD, &mut p, &[0.0; 8], &mut []);
        assert_eq!(p[..5], [tiny, 0.0, -tiny, 0.0, 0.0]);
        assert!(p[5].is_nan() && p[6..] == [0.0, 0.0]);

        // A gradient that is not tiny counts.
        let mut p = [0.0; 4];
        kernels.update(
            &SgdStep { lr: 1.0, ..SGD },
            &mut p,
            &[-tiny, -below, f32::NAN, 1.0],
            &mut [],
        );

        assert!(
            p[..2] == [tiny, 0.0] && p[2].is_nan() && p[3] == -1.0,
            "{p:?}"
        );
    }

    let tiny = 2.0_f64.powi(-1007);
    let mut p = [tiny, tiny.next_down(), -1e-310];
    F64Kernels.update(&SGD, &mut p, &[0.0; 3], &mut []);
    assert_eq!(p, [tiny, 0.0, 0.0]);
    assert_eq!([tiny, tiny.next_down(), -1e-310].map(crate::flush), p);
}

/// The rules by hand: p = 1, g = 0.5, two steps.
#[test]
fn rules_are_pytorchs() {
    let kernels = F64Kernels;
    let sgd = SgdStep {
        momentum: 0.9,
        dampening: 0.5,
        nesterov: true,
        ..SGD
    };

    let mut p = [1.0];
    let mut v = [f64::NAN];
    kernels.update(&sgd, &mut p, &[0.5], &mut [&mut v]);
    // v = 0.5, g = 0.5 + 0.9 * 0.5
    assert!((p[0] - (1.0 - 0.1 * 0.95)).abs() < 1e-15 && v[0] == 0.5);

    kernels.update(
        &SgdStep {
            first: false,
            ..sgd
        },
        &mut p,
        &[0.5],
        &mut [&mut v],
    );

    // v = 0.9 * 0.5 + 0.5 * 0.5, g = 0.5 + 0.9 * 0.7
    assert!((v[0] - 0.7).abs() < 1e-15 && (p[0] - (0.905 - 0.1 * 1.13)).abs() < 1e-15);

    let mut p = [1.0];
    let mut m = [0.0];
    let mut v = [0.0];
    kernels.update(&adam(1), &mut p, &[0.5], &mut [&mut m, &mut v]);
    // The corrected moments are g and g^2, so the step is lr * g / (|g| + epsilon).
    assert!((p[0] - (1.0 - 1e-3 * 0.5 / (0.5 + 1e-8))).abs() < 1e-15);
    assert!((m[0] - 0.05).abs() < 1e-15 && (v[0] - 0.00025).abs() < 1e-15);
}

/// For a gradient that hardly changes, the mean of the squares and the square of the mean differ by
/// rounding alone: their difference has a root nevertheless. NaN is passed on.
#[test]
fn centered_rmsprop_takes_no_root_of_a_negative_number() {
    // The first one became NaN at step 137.
    let gradient = [
        1.0 / 3.0,
        0.1,
        -0.7,
        1e-3,
        12345.678,
        -3e-5,
        1.1,
        0.3,
        2.0 / 7.0,
    ];
    let widened = gradient.map(f64::from);
    for alpha in [0.5, 0.9, 0.99] {
        for momentum in [0.0, 0.9] {
            let rule = RmsPropStep {
                begin: PLAIN,
                lr: 1e-12,
                alpha,
                epsilon: 1e-8,
                momentum,
                centered: true,
            };

            let count = Rule::states(&rule);
            for kernels in all_tiers() {
                let mut p = [0.0_f32; 9];
                let mut m = vec![[0.0_f32; 9]; count];

                for step in 0..if cfg!(miri) { 10 } else { 600 } {
                    let mut slices: Vec<&mut [f32]> = m.iter_mut().map(|m| &mut m[..]).collect();
                    kernels.update(&rule, &mut p, &gradient, &mut slices);
                    assert!(
                        p.iter().all(|p| p.is_finite()),
                        "step {step} with {alpha}: {p:?}"
                    );
                }

                let mut slices: Vec<&mut [f32]> = m.iter_mut().map(|m| &mut m[..]).collect();
                kernels.update(&rule, &mut p, &[f32::NAN; 9], &mut slices);
                assert!(p.iter().all(|p| p.is_nan()), "{p:?}");
            }

            let mut p = [0.0_f64; 9];
            let mut m = vec![[0.0_f64; 9]; count];
            for step in 0..if cfg!(miri) { 10 } else { 2000 } {
                let mut slices: Vec<&mut [f64]> = m.iter_mut().map(|m| &mut m[..]).collect();
                F64Kernels.update(&rule, &mut p, &widened, &mut slices);
                assert!(
                    p.iter().all(|p| p.is_finite()),
                    "step {step} with {alpha}: {p:?}"
                );
            }
        }
    }
}

/// The sign of 0 is 0, and NaN is passed on.
#[test]
fn lion_keeps_zero_and_nan() {
    let lion = LionStep {
        begin: PLAIN,
        lr: 0.25,
        beta1: 0.9,
        beta2: 0.99,
    };

    for kernels in all_tiers() {
        let mut p = [1.0; 4];
        let mut m = [0.0; 4];
        kernels.update(&lion, &mut p, &[0.0, f32::NAN, 1e-30, -5.0], &mut [&mut m]);

        assert!(
            p[0] == 1.0 && p[1].is_nan() && p[2] == 0.75 && p[3] == 1.25,
            "{p:?}"
        );
    }
}

#[test]
#[should_panic(expected = "as many states as the rule has")]
fn momentum_without_velocity_is_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.update(
        &SgdStep {
            momentum: 0.9,
            ..SGD
        },
        &mut [1.0],
        &[1.0],
        &mut [],
    );
}

#[test]
#[should_panic(expected = "as many numbers in a state as parameters")]
fn a_short_state_is_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.update(
        &ADAM,
        &mut [1.0; 2],
        &[1.0; 2],
        &mut [&mut [1.0; 2], &mut [1.0]],
    );
}

#[test]
#[should_panic(expected = "as many gradients as parameters")]
fn a_short_gradient_is_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.update(&SGD, &mut [1.0; 2], &[1.0], &mut []);
}
