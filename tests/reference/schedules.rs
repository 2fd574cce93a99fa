//! All schedules against PyTorch, with every option.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::reference::{array, cases, text};
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::schedule::{Anneal, CyclicMode, PlateauMode, Threshold};

#[track_caller]
fn check_close(case: &Value, what: &str, found: impl Fn(u64) -> f64) {
    for (step, wanted) in array(&case[what]).into_iter().enumerate() {
        let found = found(step as u64);
        assert!(
            (found - wanted).abs() <= 1e-14,
            "{}: {what} of step {step} is {found}, not {wanted}",
            text(case, "name")
        );
    }
}

/// The options of a case; every one must be asked for.
struct Options<'a> {
    options: &'a Value,
    asked: std::cell::Cell<usize>,
}

impl Options<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        let value = self.options.get(key)?;
        self.asked.set(self.asked.get() + 1);
        Some(value)
    }
    fn number(&self, key: &str, default: f64) -> f64 {
        self.get(key)
            .map_or(default, |value| value.as_f64().expect("a number"))
    }
    fn count(&self, key: &str, default: u64) -> u64 {
        self.get(key)
            .map_or(default, |value| value.as_u64().expect("a whole number"))
    }
    fn text(&self, key: &str, default: &'static str) -> &str {
        self.get(key)
            .map_or(default, |value| value.as_str().expect("a text"))
    }
}

fn plateau(options: &Options) -> ReduceLrOnPlateau {
    let threshold = options.number("threshold", 1e-4);
    ReduceLrOnPlateau::new()
        .mode(if options.text("mode", "min") == "max" {
            PlateauMode::Max
        } else {
            PlateauMode::Min
        })
        .factor(options.number("factor", 0.1))
        .patience(options.count("patience", 10))
        .threshold(match options.text("threshold_mode", "rel") {
            "abs" => Threshold::Absolute(threshold),
            _ => Threshold::Relative(threshold),
        })
        .cooldown(options.count("cooldown", 0))
        .min_lr(options.number("min_lr", 0.0))
        .eps(options.number("eps", 1e-8))
}

fn cyclic(options: &Options) -> CyclicLr {
    let schedule = CyclicLr::new(
        options.number("base_lr", 0.0),
        options.number("max_lr", 0.0),
    )
    .step_size_up(options.count("step_size_up", 2000))
    .mode(match options.text("mode", "triangular") {
        "triangular2" => CyclicMode::Triangular2,
        "exp_range" => CyclicMode::ExpRange(options.number("gamma", 1.0)),
        _ => CyclicMode::Triangular,
    })
    .momenta(
        options.number("base_momentum", 0.8),
        options.number("max_momentum", 0.9),
    );

    match options.get("step_size_down") {
        Some(down) => schedule.step_size_down(down.as_u64().expect("a whole number")),
        None => schedule,
    }
}

fn one_cycle(options: &Options) -> OneCycleLr {
    OneCycleLr::new(
        options.number("max_lr", 0.0),
        options.count("total_steps", 0),
    )
    .pct_start(options.number("pct_start", 0.3))
    .anneal_strategy(match options.text("anneal_strategy", "cos") {
        "linear" => Anneal::Linear,
        _ => Anneal::Cos,
    })
    .div_factor(options.number("div_factor", 25.0))
    .final_div_factor(options.number("final_div_factor", 1e4))
    .three_phase(options.get("three_phase").is_some())
    .momenta(
        options.number("base_momentum", 0.85),
        options.number("max_momentum", 0.95),
    )
}

fn check(case: &Value) {
    let options = Options {
        options: &case["options"],
        asked: 0.into(),
    };
    let lr = |schedule: &dyn Fn(u64) -> f64| check_close(case, "lr", schedule);

    match text(case, "kind") {
        "StepLR" => {
            let schedule =
                StepLr::new(0.1, options.count("step_size", 0)).gamma(options.number("gamma", 0.1));
            lr(&|step| schedule.lr(step));
        }
        "MultiStepLR" => {
            let milestones = array(options.get("milestones").expect("milestones"));
            let gamma = options.number("gamma", 0.1);
            match milestones[..] {
                [a, b] => {
                    let schedule = MultiStepLr::new(0.1, [a, b].map(|x| x as u64)).gamma(gamma);
                    lr(&|step| schedule.lr(step));
                }
                [a, b, c, d] => {
                    let schedule =
                        MultiStepLr::new(0.1, [d, c, b, a].map(|x| x as u64)).gamma(gamma);
                    lr(&|step| schedule.lr(step));
                }
                _ => panic!("{milestones:?}"),
            }
        }
        "ExponentialLR" => {
            let schedule = ExponentialLr::new(0.1, options.number("gamma", 0.0));
            lr(&|step| schedule.lr(step));
        }
        "PolynomialLR" => {
            let schedule = PolynomialLr::new(0.1, options.count("total_iters", 0))
                .power(options.number("power", 1.0));
            lr(&|step| schedule.lr(step));
        }
        "LinearLR" => {
            let schedule = LinearLr::new(0.1, options.count("total_iters", 0))
                .start_factor(options.number("start_factor", 1.0 / 3.0))
                .end_factor(options.number("end_factor", 1.0));
            lr(&|step| schedule.lr(step));
        }
        "ConstantLR" => {
            let mut schedule = ConstantLr::new(0.1);
            if let Some(factor) = options.get("factor") {
                schedule = schedule
                    .factor(factor.as_f64().expect("a number"))
                    .total_iters(options.count("total_iters", 5));
            }
            lr(&|step| schedule.lr(step));
        }
        "CosineAnnealingLR" => {
            let schedule = CosineAnnealingLr::new(0.1, options.count("T_max", 0))
                .eta_min(options.number("eta_min", 0.0));
            lr(&|step| schedule.lr(step));
        }
        "CosineAnnealingWarmRestarts" => {
            let schedule = CosineAnnealingWarmRestarts::new(0.1, options.count("T_0", 0))
                .t_mult(options.count("T_mult", 1))
                .eta_min(options.number("eta_min", 0.0));
            lr(&|step| schedule.lr(step));
        }
        "CyclicLR" => {
            let schedule = cyclic(&options);
            lr(&|step| schedule.lr(step));
            check_close(case, "momentum", |step| schedule.momentum(step));
        }
        "OneCycleLR" => {
            let schedule = one_cycle(&options);
            lr(&|step| schedule.lr(step));
            check_close(case, "momentum", |step| schedule.momentum(step));
        }
        "warm_up" => {
            let schedule = CosineAnnealingLr::new(0.1, 20).warm_up(9, 0.01);
            lr(&|step| schedule.lr(step));
        }
        "sequence" => {
            let constant = ConstantLr::new(0.1).factor(0.5).total_iters(6);
            let schedule = constant.then(
                8,
                ExponentialLr::new(0.1, 0.9).then(12, StepLr::new(0.1, 4)),
            );
            lr(&|step| schedule.lr(step));
        }
        // After `t_max`, PyTorch's cosine, which is computed from the learning rate before, forgets
        // the other factor. The product keeps it.
        "chain_cosine" => {
            let schedule = CosineAnnealingLr::new(0.1, 20).times(ExponentialLr::new(1.0, 0.95));
            let wanted = array(&case["lr"]);
            for (step, wanted) in wanted.iter().enumerate() {
                let found = schedule.lr(step as u64);
                let forgotten = 0.95_f64.powi(if step > 20 { 20 } else { 0 });
                assert!(
                    (found - wanted * forgotten).abs() <= 1e-14,
                    "step {step}: {found}, {wanted}"
                );
            }
        }
        "chain" => {
            let constant = ConstantLr::new(0.1).factor(0.5).total_iters(6);
            let schedule = constant.times(ExponentialLr::new(1.0, 0.9));
            lr(&|step| schedule.lr(step));
        }
        "ReduceLROnPlateau" => {
            let mut plateau = plateau(&options);
            let mut lr = 0.1;
            let metrics = array(&case["metrics"]);
            let wanted = array(&case["lr"]);
            assert!(!metrics.is_empty() && metrics.len() == wanted.len());
            for (step, (metric, wanted)) in metrics.into_iter().zip(wanted).enumerate() {
                lr = plateau.step(lr, metric);
                assert!(
                    (lr - wanted).abs() <= 1e-14,
                    "{}, step {step}: {lr}",
                    text(case, "name")
                );
            }
        }
        other => panic!("no schedule {other}"),
    }

    assert_eq!(
        options.asked.get(),
        case["options"].as_object().expect("options").len(),
        "{options:?}",
        options = options.options
    );
}

#[test]
fn schedules_are_those_of_pytorch() {
    let cases = cases("schedules.json");
    assert_eq!(cases.len(), 37);
    cases.iter().for_each(check);
}

/// PyTorch's chain forgets the other factors in step `t_max`, and the product does not. Its values
/// are those of the case `chain_cosine`.
#[test]
fn products_with_a_cosine_keep_all_factors_after_t_max() {
    let schedule = CosineAnnealingLr::new(0.1, 20).times(ExponentialLr::new(1.0, 0.95));
    let cases = cases("schedules.json");
    let case = cases.iter().find(|case| case["kind"] == "chain_cosine");
    let pytorch = array(&case.expect("the case")["lr"]);

    // step, ours, PyTorch's
    for (step, lr, chained) in [
        (10, 0.029936846961918936, 0.029936846961918936),
        (20, 0.0, 0.0),
        (21, 0.00020964393746126224, 0.0005848038217309559),
        (30, 0.010731938197146861, 0.029936846961918923),
        (39, 0.01344432185416802, 0.03750306780205009),
    ] {
        assert!((schedule.lr(step) - lr).abs() <= 1e-15, "step {step}");
        assert!(
            (pytorch[step as usize] - chained).abs() <= 1e-15,
            "step {step}"
        );
    }
}

#[test]
fn ends_are_well_defined() {
    let one = OneCycleLr::new(0.5, 50);
    assert_eq!(one.lr(49), one.lr(1000));
    assert!(OneCycleLr::new(0.5, 1).lr(0).is_finite());
    assert_eq!(ConstantLr::new(0.3).factor(1.0).warm_up(0, 0.5).lr(0), 0.3);
    let restarts = CosineAnnealingWarmRestarts::new(0.3, 1).t_mult(2);
    assert!((0.0..=0.3).contains(&restarts.lr(u64::MAX)));
    assert!(CosineAnnealingWarmRestarts::new(0.3, 1).lr(u64::MAX) == 0.3);
    assert!(
        (CyclicLr::new(0.1, 0.5)
            .step_size_up(3)
            .step_size_down(0)
            .lr(2)
            - 0.1
            - 0.8 / 3.0)
            .abs()
            < 1e-12
    );
}

/// Settings of schedules are checked where they are made.
#[test]
fn settings_out_of_their_ranges_panic() {
    let refused = |make: &dyn Fn() -> f64, sentence: &str| {
        let payload = catch_unwind(AssertUnwindSafe(make)).expect_err(sentence);
        let message = payload.downcast_ref::<String>().cloned();
        let message = message.or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        });
        let message = message.expect("a message");
        assert!(message.contains(sentence), "{message}");
    };
    for bad in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let rate = "the learning rate of a schedule is a number from 0 up";
        refused(&|| StepLr::new(bad, 3).lr(1), rate);
        refused(&|| MultiStepLr::new(bad, [3]).lr(1), rate);
        refused(&|| ExponentialLr::new(bad, 0.5).lr(1), rate);
        refused(&|| PolynomialLr::new(bad, 5).lr(1), rate);
        refused(&|| LinearLr::new(bad, 5).lr(1), rate);
        refused(&|| ConstantLr::new(bad).lr(1), rate);
        refused(&|| CosineAnnealingLr::new(bad, 5).lr(1), rate);
        refused(&|| CosineAnnealingWarmRestarts::new(bad, 5).lr(1), rate);
        refused(&|| CyclicLr::new(bad, 0.5).lr(1), rate);
        refused(&|| CyclicLr::new(0.1, bad).lr(1), rate);
        refused(&|| OneCycleLr::new(bad, 9).lr(1), rate);

        refused(
            &|| StepLr::new(0.1, 3).gamma(bad).lr(1),
            "the gamma of `StepLr`",
        );
        refused(
            &|| MultiStepLr::new(0.1, [3]).gamma(bad).lr(1),
            "the gamma of `MultiStepLr`",
        );
        refused(
            &|| ExponentialLr::new(0.1, bad).lr(1),
            "the gamma of `ExponentialLr`",
        );
        refused(
            &|| PolynomialLr::new(0.1, 5).power(bad).lr(1),
            "the power of `PolynomialLr`",
        );
        refused(
            &|| LinearLr::new(0.1, 5).start_factor(bad).lr(1),
            "the start_factor of `LinearLr`",
        );
        refused(
            &|| LinearLr::new(0.1, 5).end_factor(bad).lr(1),
            "the end_factor of `LinearLr`",
        );
        refused(
            &|| ConstantLr::new(0.1).factor(bad).lr(1),
            "the factor of `ConstantLr`",
        );
        refused(
            &|| CosineAnnealingLr::new(0.1, 5).eta_min(bad).lr(1),
            "the eta_min of `CosineAnnealingLr`",
        );
        let restarts = || CosineAnnealingWarmRestarts::new(0.1, 5);
        refused(
            &|| restarts().eta_min(bad).lr(1),
            "the eta_min of `CosineAnnealingWarmRestarts`",
        );
        let cyclic = || CyclicLr::new(0.1, 0.5);
        refused(
            &|| cyclic().mode(CyclicMode::ExpRange(bad)).lr(1),
            "the factor of `CyclicMode::ExpRange`",
        );
        refused(
            &|| cyclic().momenta(bad, 0.9).lr(1),
            "the momenta of `CyclicLr`",
        );
        let one = || OneCycleLr::new(0.5, 9);
        refused(
            &|| one().momenta(0.8, bad).lr(1),
            "the momenta of `OneCycleLr`",
        );
        refused(
            &|| one().pct_start(bad).lr(1),
            "the pct_start of `OneCycleLr`",
        );
        refused(
            &|| one().div_factor(bad).lr(1),
            "the div_factor of `OneCycleLr`",
        );
        refused(
            &|| one().final_div_factor(bad).lr(1),
            "the final_div_factor of `OneCycleLr`",
        );
        refused(
            &|| ConstantLr::new(0.1).warm_up(2, bad).lr(1),
            "the start_factor of `warm_up`",
        );

        let plateau = ReduceLrOnPlateau::new;
        refused(
            &|| plateau().factor(bad).step(0.1, 1.0),
            "the factor of `ReduceLrOnPlateau`",
        );
        refused(
            &|| plateau().min_lr(bad).step(0.1, 1.0),
            "the min_lr of `ReduceLrOnPlateau`",
        );
        refused(
            &|| plateau().eps(bad).step(0.1, 1.0),
            "the eps of `ReduceLrOnPlateau`",
        );
        for threshold in [Threshold::Relative(bad), Threshold::Absolute(bad)] {
            refused(
                &|| plateau().threshold(threshold).step(0.1, 1.0),
                "the threshold of `ReduceLrOnPlateau`",
            );
        }
    }
    refused(
        &|| ReduceLrOnPlateau::new().factor(1.0).step(0.1, 1.0),
        "the factor of `ReduceLrOnPlateau`",
    );
    refused(
        &|| OneCycleLr::new(0.5, 9).div_factor(0.0).lr(0),
        "the div_factor of `OneCycleLr`",
    );
    refused(&|| OneCycleLr::new(0.5, 0).lr(0), "a total_steps of 0");
    refused(&|| PolynomialLr::new(0.1, 0).lr(0), "a total_iters of 0");
    refused(&|| LinearLr::new(0.1, 0).lr(0), "a total_iters of 0");
    // PyTorch would apply the factor for ever.
    refused(
        &|| ConstantLr::new(0.1).total_iters(0).lr(0),
        "a total_iters of 0",
    );
}

/// A relative threshold is a share of the absolute value, above and below zero.
#[test]
fn relative_thresholds_are_parts_of_the_size() {
    // With a patience of 0, each epoch without progress reduces the learning rate.
    let plateau = |mode, part| {
        ReduceLrOnPlateau::new()
            .mode(mode)
            .patience(0)
            .factor(0.5)
            .threshold(Threshold::Relative(part))
    };

    for mode in [PlateauMode::Min, PlateauMode::Max] {
        let mut constant = plateau(mode, 1e-4);
        assert_eq!(
            [-1.0, -1.0, -1.0].map(|metric| constant.step(1.0, metric)),
            [1.0, 0.5, 0.5],
            "{mode:?}"
        );

        let mut zero = plateau(mode, 0.1);
        assert_eq!(
            [0.0, 0.0].map(|metric| zero.step(1.0, metric)),
            [1.0, 0.5],
            "{mode:?}"
        );
    }

    let mut falling = plateau(PlateauMode::Min, 0.1);
    // 10 % better than -0.9 is -0.99.
    assert_eq!(
        [-0.9, -0.98, -0.995, -1.0].map(|metric| falling.step(1.0, metric)),
        [1.0, 0.5, 1.0, 0.5]
    );

    let mut rising = plateau(PlateauMode::Max, 0.1);
    assert_eq!(
        [-0.9, -0.85, -0.80, -0.5].map(|metric| rising.step(1.0, metric)),
        [1.0, 0.5, 1.0, 1.0]
    );

    // No value is worse than infinity, so that the first one makes no progress.
    let mut worst = plateau(PlateauMode::Min, 0.1);
    assert_eq!(
        [f64::INFINITY, 5.0, 4.6].map(|metric| worst.step(1.0, metric)),
        [0.5, 1.0, 0.5]
    );
}

#[test]
fn a_metric_of_nan_is_not_better() {
    let mut plateau = ReduceLrOnPlateau::new().patience(0);
    assert_eq!(plateau.step(1.0, 1.0), 1.0);
    assert!((plateau.step(1.0, f64::NAN) - 0.1).abs() < 1e-15);
    assert_eq!(plateau.step(0.1, 0.5), 0.1);
}
