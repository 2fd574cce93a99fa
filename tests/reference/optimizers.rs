//! All optimizers against PyTorch, in f32 and f64, on every instruction tier and with every option.

use crate::common::reference::{array, number, text};
use crate::common::{assert_close, settings};
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Scalar};

// 19 parameters, as the cases have.
network! { struct Single: [18] -> [1] { Linear<_, 1> } }
network! { struct Double: [18] -> [1] as f64 { Linear<_, 1> } }

fn reference() -> Value {
    let path = format!("{}/tests/reference/optim.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the reference values"))
        .expect("JSON")
}

fn set<N: Trainable>(net: &mut N, numbers: &[f64]) {
    assert_eq!(numbers.len(), N::PARAMS);
    for (value, &x) in net.params_mut().iter_mut().zip(numbers) {
        *value = N::Element::from_f64_lossy(x);
    }
}

fn tolerance<T: Element>() -> f64 {
    if size_of::<T>() == 4 { 1e-5 } else { 1e-12 }
}

fn run<N: Trainable>(file: &Value, case: &Value, optimizer: impl Optimizer + Sync) {
    let mut net = N::zeros();
    let mut gradient = N::zeros();
    set(&mut *net, &array(&file["params"]));
    let mut state = optimizer.state::<N>();

    let gradients = array(&file["grads"]);
    let after = array(&case["after"]);
    assert_eq!(after.len(), 10 * N::PARAMS);

    for (numbers, after) in gradients.chunks(N::PARAMS).zip(after.chunks(N::PARAMS)) {
        set(&mut *gradient, numbers);
        state.step(&mut net, &gradient);

        let what = format!(
            "{} in {}, step {}",
            text(case, "name"),
            N::Element::NAME,
            state.steps()
        );
        assert_close(
            &what,
            &net.params()[..N::PARAMS],
            after,
            tolerance::<N::Element>(),
        );
        assert!(
            net.params()[N::PARAMS..]
                .iter()
                .all(|&x| x == num_traits::zero()),
            "{what}: the padding"
        );
    }
}

/// Sets the options that a case has, and counts them, so that an option that the optimizer lacks is
/// noticed.
macro_rules! with {
    ($optimizer:expr, $options:expr, $($key:literal => $method:ident $kind:ident),*) => {{
        let mut optimizer = $optimizer;
        let options = $options;
        let mut known = 1;
        $(if let Some(value) = options.get($key) {
            optimizer = with!(@set optimizer, $method, value, $kind);
            known += 1;
        })*
        assert_eq!(known, options.as_object().expect("options").len(), "{options}: an option is not set");
        optimizer
    }};
    (@set $optimizer:ident, $method:ident, $value:ident, number) => {
        $optimizer.$method($value.as_f64().expect("a number"))
    };
    (@set $optimizer:ident, $method:ident, $value:ident, switch) => {
        $optimizer.$method($value.as_bool().expect("a bool"))
    };
    (@set $optimizer:ident, $method:ident, $value:ident, pair) => {
        $optimizer.$method($value[0].as_f64().expect("a number"), $value[1].as_f64().expect("a number"))
    };
}

fn check<N: Trainable>(file: &Value, case: &Value) {
    let options = &case["options"];
    let lr = options["lr"].as_f64().expect("lr");

    macro_rules! run {
        ($optimizer:ident, $($options:tt)*) => {
            run::<N>(file, case, with!($optimizer::new(lr), options, $($options)*))
        };
    }

    match text(case, "kind") {
        "SGD" => run!(Sgd, "momentum" => momentum number, "nesterov" => nesterov switch,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        "Adam" => run!(Adam, "betas" => betas pair, "amsgrad" => amsgrad switch,
            "weight_decay" => weight_decay number, "maximize" => maximize switch,
            "decoupled_weight_decay" => decoupled_weight_decay switch),
        "AdamW" => {
            run!(AdamW, "betas" => betas pair, "eps" => epsilon number, "amsgrad" => amsgrad switch,
            "weight_decay" => weight_decay number, "maximize" => maximize switch)
        }
        "NAdam" => run!(NAdam, "betas" => betas pair, "eps" => epsilon number,
            "weight_decay" => weight_decay number, "maximize" => maximize switch,
            "decoupled_weight_decay" => decoupled_weight_decay switch,
            "momentum_decay" => momentum_decay number),
        "RAdam" => run!(RAdam, "betas" => betas pair, "eps" => epsilon number,
            "weight_decay" => weight_decay number, "maximize" => maximize switch,
            "decoupled_weight_decay" => decoupled_weight_decay switch),
        "Adamax" => run!(Adamax, "betas" => betas pair, "eps" => epsilon number,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        "Adagrad" => run!(Adagrad, "lr_decay" => lr_decay number, "eps" => epsilon number,
            "initial_accumulator_value" => initial_accumulator_value number,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        "Adadelta" => run!(Adadelta, "rho" => rho number, "eps" => epsilon number,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        "RMSprop" => run!(RmsProp, "alpha" => alpha number, "eps" => epsilon number,
            "momentum" => momentum number, "centered" => centered switch,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        "Lion" => run!(Lion, "betas" => betas pair,
            "weight_decay" => weight_decay number, "maximize" => maximize switch),
        other => panic!("no optimizer {other}"),
    }
}

#[test]
fn every_option_is_that_of_pytorch() {
    let settings = settings();
    let file = reference();
    let cases = file["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 47);
    for case in cases {
        settings.every_tier(|_| check::<Single>(&file, case));
        check::<Double>(&file, case);
    }
}

fn check_clip<N: Trainable>(file: &Value, case: &Value) {
    let gradients = array(&file["grads"]);
    let after = array(&case["after"]);
    let norms = array(&case["norms"]);
    let limit = number(case, "limit");

    let mut gradient = N::zeros();
    assert_eq!((norms.len(), after.len()), (10, 10 * N::PARAMS));

    let rows = gradients.chunks(N::PARAMS).zip(after.chunks(N::PARAMS));
    for (norm, (numbers, after)) in norms.into_iter().zip(rows) {
        set(&mut *gradient, numbers);
        match text(case, "kind") {
            "norm" => {
                let found = clip_grad_norm(&mut *gradient, limit).expect("a finite norm");
                assert!((found - norm).abs() <= 1e-12 * norm, "{found} and {norm}");
            }
            _ => clip_grad_value(&mut *gradient, limit),
        }

        let what = format!("clipped by {} to {limit}", case["kind"]);
        assert_close(
            &what,
            &gradient.params()[..N::PARAMS],
            after,
            tolerance::<N::Element>(),
        );
    }
}

#[test]
fn clipping_is_that_of_pytorch() {
    let file = reference();
    let cases = file["clips"].as_array().expect("clips");
    assert_eq!(cases.len(), 3);
    for case in cases {
        check_clip::<Single>(&file, case);
        check_clip::<Double>(&file, case);
    }
}

fn check_average<N: Trainable>(file: &Value, case: &Value) {
    let decay = number(case, "decay");
    let mut average = match text(case, "kind") {
        "ema" => WeightAverage::<N>::ema(decay),
        "ema_corrected" => WeightAverage::ema_corrected(decay),
        _ => WeightAverage::swa(),
    };

    let models = array(&file["grads"]);
    let after = array(&case["after"]);
    let mut net = N::zeros();
    assert_eq!(after.len(), 10 * N::PARAMS);

    for (numbers, after) in models.chunks(N::PARAMS).zip(after.chunks(N::PARAMS)) {
        set(&mut *net, numbers);
        average.update(&net);

        let what = format!("{}, update {}", text(case, "name"), average.updates());
        assert_close(
            &what,
            &average.network().params()[..N::PARAMS],
            after,
            tolerance::<N::Element>(),
        );

        if average.updates() == 1 {
            assert_eq!(average.network().params(), net.params());
        }

        // An average that is taken out and put back continues.
        let kept = average.network().to_boxed();
        let updates = average.updates();
        average.update(&N::zeros());
        average.restore(&kept, updates);
    }
}

#[test]
fn averages_are_those_of_pytorch() {
    let file = reference();
    let cases = file["averages"].as_array().expect("averages");
    assert_eq!(cases.len(), 4);
    for case in cases {
        check_average::<Single>(&file, case);
        check_average::<Double>(&file, case);
    }
}

#[test]
#[should_panic(expected = "it must be from 0 to below 1")]
fn a_decay_beyond_one_is_refused() {
    WeightAverage::<Single>::ema_corrected(1.0);
}

/// After many steps, NAdam's product of momenta, which each step computes anew, is still right.
#[test]
fn the_momenta_of_nadam_may_be_cut_off() {
    for (decay, beta1) in [(4e-3, 0.9), (1e3, 0.99), (0.0, 0.5)] {
        let mut product = 1.0;
        let mut net = Double::zeros();
        let mut gradient = Double::zeros();
        gradient.params_mut().fill(1.0);

        // All gradients are 1, and so is the deviation with a beta2 of 0; m is 1 - beta1^step.
        let nadam = NAdam::new(1.0)
            .betas(beta1, 0.0)
            .epsilon(0.0)
            .momentum_decay(decay);
        let mut state = nadam.state::<Double>();

        for step in 1..6000 {
            let mu = |step: i32| beta1 * (1.0 - 0.5 * 0.96_f64.powf(f64::from(step) * decay));
            product *= mu(step);
            let gradient_rate = (1.0 - mu(step)) / (1.0 - product);
            let moment_rate = mu(step + 1) / (1.0 - product * mu(step + 1));
            let wanted = -gradient_rate - moment_rate * (1.0 - beta1.powi(step));

            net.params_mut()[0] = 0.0;
            state.step(&mut net, &gradient);
            assert!(
                (net.params()[0] - wanted).abs() < 1e-12,
                "step {step}: {}",
                net.params()[0]
            );
        }
    }
}

/// The same bits at every number of threads; the network is large enough to be cut.
#[test]
fn threads_do_not_change_a_bit() {
    network! { struct Wide: [300] -> [301] { Linear<_, 301> } }

    fn run(optimizer: impl Optimizer + Sync) -> Vec<u32> {
        let mut net = Wide::init(&mut shapewright::rng(1));
        let gradient = Wide::init(&mut shapewright::rng(2));
        let mut state = optimizer.state::<Wide>();
        let mut average = WeightAverage::<Wide>::ema(0.75);

        for _ in 0..3 {
            state.step(&mut net, &gradient);
            average.update(&net);
        }

        let both = net.params().iter().chain(average.network().params());
        both.map(|x| x.to_bits()).collect()
    }

    let settings = settings();
    let mut all: Vec<Vec<Vec<u32>>> = Vec::new();
    settings.every_threads(&[1, 2, 3, 7], |_| {
        all.push(vec![
            run(Sgd::new(0.1).momentum(0.9)),
            run(Adam::new(0.1).amsgrad(true)),
            run(AdamW::new(0.1)),
            run(NAdam::new(0.1)),
            run(RAdam::new(0.1)),
            run(Adamax::new(0.1)),
            run(Adagrad::new(0.1)),
            run(Adadelta::new(1.0)),
            run(RmsProp::new(0.1).centered(true).momentum(0.9)),
            run(Lion::new(0.1)),
        ]);
    });

    assert!(all.iter().all(|bits| *bits == all[0]));
    assert!(
        all[0].windows(2).all(|pair| pair[0] != pair[1]),
        "optimizers do the same"
    );
}
