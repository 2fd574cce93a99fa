//! Optimizer steps.

use super::super::{AdamStep, F64Kernels, Kernels, SgdStep};
use super::{Guarded, LENGTHS, all_tiers, assert_close, numbers, widen};

#[test]
fn sgd_matches_the_reference() {
    let plain = SgdStep { lr: 0.1, ..SgdStep::default() };
    let steps = [
        plain,
        SgdStep { weight_decay: 0.01, maximize: true, ..plain },
        SgdStep { momentum: 0.9, ..plain },
        SgdStep { momentum: 0.9, dampening: 0.3, weight_decay: 0.1, ..plain },
        SgdStep { momentum: 0.9, nesterov: true, ..plain },
    ];
    for step in steps {
        for &len in LENGTHS {
            let (p, g) = (Guarded::new(&numbers(1, len)), Guarded::new(&numbers(2, len)));
            let velocity = Guarded::empty(if step.momentum == 0.0 { 0 } else { len });
            let (mut want, mut want_v) = (widen(&p), vec![0.0; velocity.len()]);
            for round in 0..3 {
                let step = SgdStep { first: round == 0, ..step };
                F64Kernels.sgd(&step, &mut want, &widen(&g), &mut want_v);
            }
            for kernels in all_tiers() {
                let (mut p, mut v) = (p.clone(), velocity.clone());
                for round in 0..3 {
                    let step = SgdStep { first: round == 0, ..step };
                    kernels.sgd(&step, &mut p, &g, &mut v);
                }
                assert_close(kernels.tier(), &p, &want, 1e-6);
                assert_close(kernels.tier(), &v, &want_v, 1e-6);
            }
        }
    }
}

#[test]
fn adam_matches_the_reference() {
    for weight_decay in [0.0, 0.1] {
        for &len in LENGTHS {
            let (p, g) = (Guarded::new(&numbers(1, len)), Guarded::new(&numbers(2, len)));
            let (mut want, mut want_m, mut want_v) = (widen(&p), vec![0.0; len], vec![0.0; len]);
            let at = |step| AdamStep { weight_decay, step, ..AdamStep::default() };
            for step in 1..=3 {
                F64Kernels.adam(&at(step), &mut want, &widen(&g), &mut want_m, &mut want_v);
            }
            for kernels in all_tiers() {
                let zeros = Guarded::new(&vec![0.0; len]);
                let (mut p, mut m, mut v) = (p.clone(), zeros.clone(), zeros);
                for step in 1..=3 {
                    kernels.adam(&at(step), &mut p, &g, &mut m, &mut v);
                }
                assert_close(kernels.tier(), &p, &want, 1e-6);
                assert_close(kernels.tier(), &m, &want_m, 1e-6);
                assert_close(kernels.tier(), &v, &want_v, 1e-6);
            }
        }
    }
}

/// The rules by hand: p = 1, g = 0.5, two steps.
#[test]
fn rules_are_pytorchs() {
    let kernels = F64Kernels;
    let sgd = SgdStep { lr: 0.1, momentum: 0.9, dampening: 0.5, nesterov: true, ..SgdStep::default() };
    let (mut p, mut v) = ([1.0], [f64::NAN]);
    kernels.sgd(&sgd, &mut p, &[0.5], &mut v);
    // v = 0.5, g = 0.5 + 0.9 * 0.5
    assert!((p[0] - (1.0 - 0.1 * 0.95)).abs() < 1e-15 && v[0] == 0.5);
    kernels.sgd(&SgdStep { first: false, ..sgd }, &mut p, &[0.5], &mut v);
    // v = 0.9 * 0.5 + 0.5 * 0.5, g = 0.5 + 0.9 * 0.7
    assert!((v[0] - 0.7).abs() < 1e-15 && (p[0] - (0.905 - 0.1 * 1.13)).abs() < 1e-15);

    let (mut p, mut m, mut v) = ([1.0], [0.0], [0.0]);
    kernels.adam(&AdamStep::default(), &mut p, &[0.5], &mut m, &mut v);
    // The corrected moments are g and g^2, so the step is lr * g / (|g| + epsilon).
    assert!((p[0] - (1.0 - 1e-3 * 0.5 / (0.5 + 1e-8))).abs() < 1e-15);
    assert!((m[0] - 0.05).abs() < 1e-15 && (v[0] - 0.00025).abs() < 1e-15);
}

#[test]
#[should_panic(expected = "a velocity per parameter, or none without momentum")]
fn momentum_without_velocity_is_refused() {
    let kernels = all_tiers().last().unwrap();
    kernels.sgd(&SgdStep { momentum: 0.9, ..SgdStep::default() }, &mut [1.0], &[1.0], &mut []);
}

#[test]
#[should_panic(expected = "steps are counted from 1")]
fn adam_step_zero_is_refused() {
    let kernels = all_tiers().last().unwrap();
    let step = AdamStep { step: 0, ..AdamStep::default() };
    kernels.adam(&step, &mut [1.0], &[1.0], &mut [1.0], &mut [1.0]);
}
