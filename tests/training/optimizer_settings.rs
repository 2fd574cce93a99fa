//! Settings of optimizers out of their ranges are reported by name.

use shapewright::prelude::*;
use shapewright::{optim::SettingError, train::TrainError};

network! { struct Line: [1] -> [1] { Linear<_, 1> } }

const FROM_ZERO: &str = "a number from 0 up";
const BELOW_ONE: &str = "from 0 to less than 1";

#[track_caller]
fn wrong(optimizer: impl Optimizer, setting: &'static str, value: f64, expected: &'static str) {
    let error = optimizer.check().expect_err("a wrong setting");
    // Compared as texts, because NaN is not equal to itself.
    assert_eq!(
        format!("{error:?}"),
        format!("{:?}", SettingError::new(setting, value, expected))
    );
}

#[test]
fn each_setting_has_its_range() {
    for value in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        macro_rules! from_zero {
            ($($optimizer:ident: $($option:ident)*;)*) => {$(
                wrong($optimizer::new(value), "lr", value, FROM_ZERO);
                $(wrong($optimizer::new(0.1).$option(value), stringify!($option), value, FROM_ZERO);)*
            )*};
        }

        from_zero! {
            Sgd: momentum dampening weight_decay;
            Adam: epsilon weight_decay;
            AdamW: epsilon weight_decay;
            NAdam: epsilon weight_decay momentum_decay;
            RAdam: epsilon weight_decay;
            Adamax: epsilon weight_decay;
            Adagrad: epsilon weight_decay lr_decay initial_accumulator_value;
            Adadelta: epsilon weight_decay;
            RmsProp: epsilon weight_decay momentum;
            Lion: weight_decay;
        }
    }

    for value in [-0.1, 1.0, 2.0, f64::NAN] {
        macro_rules! betas {
            ($($optimizer:ident)*) => {$(
                wrong($optimizer::new(0.1).betas(value, 0.9), "first beta", value, BELOW_ONE);
                wrong($optimizer::new(0.1).betas(0.9, value), "second beta", value, BELOW_ONE);
            )*};
        }

        betas!(Adam AdamW NAdam RAdam Adamax Lion);
    }

    for value in [-0.1, 1.1, f64::NAN] {
        wrong(Adadelta::new(1.0).rho(value), "rho", value, "from 0 to 1");
        wrong(
            RmsProp::new(0.1).alpha(value),
            "alpha",
            value,
            "from 0 to 1",
        );
    }
}

#[test]
fn nesterov_needs_momentum_alone() {
    let sgd = Sgd::new(0.1).nesterov(true);
    wrong(sgd, "momentum", 0.0, "above 0 with `nesterov`");
    wrong(
        sgd.momentum(0.9).dampening(0.5),
        "dampening",
        0.5,
        "0 with `nesterov`",
    );
    assert_eq!(sgd.momentum(0.9).check(), Ok(()));
    assert_eq!(Sgd::new(0.1).dampening(0.5).check(), Ok(()));
}

#[test]
fn the_ends_of_the_ranges_are_in_them() {
    let checks = [
        Sgd::new(0.0).momentum(0.0).weight_decay(0.0).check(),
        Sgd::new(1e3).momentum(1.5).check(),
        Adam::new(0.0).betas(0.0, 0.0).epsilon(0.0).check(),
        AdamW::new(0.0)
            .betas(0.0, 0.0)
            .epsilon(0.0)
            .weight_decay(0.0)
            .check(),
        NAdam::new(0.0).betas(0.0, 0.0).momentum_decay(0.0).check(),
        RAdam::new(0.0).betas(0.0, 0.0).check(),
        Adamax::new(0.0).betas(0.0, 0.0).check(),
        Adagrad::new(0.0)
            .lr_decay(0.0)
            .initial_accumulator_value(0.0)
            .check(),
        Adadelta::new(0.0).rho(0.0).check(),
        Adadelta::new(1.0).rho(1.0).check(),
        RmsProp::new(0.0).alpha(0.0).momentum(0.0).check(),
        Lion::new(0.0).betas(0.0, 0.0).check(),
    ];
    assert_eq!(checks, [Ok(()); 12]);
}

#[test]
fn a_trainer_refuses_settings_out_of_their_ranges() {
    let mut net = Line::zeros();
    let x = [Tensor1::from([1.0])];
    let result = Line::trainer(Adam::new(0.1).betas(0.9, 1.0), Mse).fit(&mut net, &x, &x);
    let error = TrainError::Setting(SettingError::new("second beta", 1.0, BELOW_ONE));
    assert_eq!(
        error.to_string(),
        "the optimizer's `second beta` is 1, but must be from 0 to less than 1"
    );
    assert_eq!(result, Err(error));
}

#[test]
#[should_panic(expected = "the optimizer's `lr` is -0.1, but must be a number from 0 up")]
fn states_refuse_settings_out_of_their_ranges() {
    Sgd::new(-0.1).state::<Line>();
}

/// Without an epsilon, a gradient of 0 makes no step, and one whose square underflows makes a
/// finite step.
#[test]
fn no_step_divides_by_zero() {
    fn check<T: shapewright::tensor::Element>(name: &str, step: impl Fn(f64) -> f64) {
        assert_eq!(step(0.0), 1.0, "{name} in {}", std::any::type_name::<T>());
        for gradient in [1e-25, 1e-30, 1e-160] {
            let p = step(gradient);
            assert!(p.is_finite(), "{name}: a gradient of {gradient} gives {p}");
        }
    }
    network! { struct Double: [1] -> [1] as f64 { Linear<_, 1> } }

    macro_rules! check {
        ($($name:literal $optimizer:expr;)*) => {$(
            check::<f32>($name, |gradient| {
                let mut net = Line::zeros();
                net.params_mut()[0] = 1.0;
                let mut of = Line::zeros();
                of.params_mut()[0] = gradient as f32;
                $optimizer.state::<Line>().step(&mut net, &of);
                f64::from(net.params()[0])
            });
            check::<f64>($name, |gradient| {
                let mut net = Double::zeros();
                net.params_mut()[0] = 1.0;
                let mut of = Double::zeros();
                of.params_mut()[0] = gradient;
                $optimizer.state::<Double>().step(&mut net, &of);
                net.params()[0]
            });
        )*};
    }
    check! {
        "Adagrad" Adagrad::new(0.1).epsilon(0.0);
        "RmsProp" RmsProp::new(0.1).epsilon(0.0);
        "RmsProp, alpha 0" RmsProp::new(0.1).alpha(0.0).epsilon(0.0);
        "RmsProp, centered" RmsProp::new(0.1).alpha(0.0).centered(true).epsilon(0.0);
        "Adam" Adam::new(0.1).epsilon(0.0);
        "Adam, beta2 0" Adam::new(0.1).betas(0.9, 0.0).epsilon(0.0);
        "AdamW, beta2 0" AdamW::new(0.1).betas(0.9, 0.0).weight_decay(0.0).epsilon(0.0);
        "NAdam, beta2 0" NAdam::new(0.1).betas(0.9, 0.0).epsilon(0.0);
        "RAdam, beta2 0" RAdam::new(0.1).betas(0.9, 0.0).epsilon(0.0);
        "Adamax, beta2 0" Adamax::new(0.1).betas(0.9, 0.0).epsilon(0.0);
        "Adadelta, rho 0" Adadelta::new(0.1).rho(0.0).epsilon(0.0);
    }
}

/// The texts are in checkpoints: another one would make them unreadable.
#[test]
fn written_settings_stay_as_they_are() {
    macro_rules! check {
        ($($optimizer:expr => $text:literal;)*) => { $(
            assert_eq!($optimizer.written_settings(), $text);
        )* };
    }

    check! {
        Sgd::new(0.1).momentum(0.9).nesterov(true) =>
            "Sgd { lr: 0.1, momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.0, maximize: false }";
        Adam::new(0.1).betas(0.8, 0.99) =>
            "Adam { lr: 0.1, betas: (0.8, 0.99), epsilon: 1e-8, weight_decay: 0.0, \
             decoupled_weight_decay: false, amsgrad: false, maximize: false }";
        AdamW::new(0.1).amsgrad(true) =>
            "AdamW { lr: 0.1, betas: (0.9, 0.999), epsilon: 1e-8, weight_decay: 0.01, amsgrad: true, \
             maximize: false }";
        NAdam::new(0.1).decoupled_weight_decay(true) =>
            "NAdam { lr: 0.1, betas: (0.9, 0.999), epsilon: 1e-8, momentum_decay: 0.004, \
             weight_decay: 0.0, decoupled_weight_decay: true, maximize: false }";
        RAdam::new(0.1).maximize(true) =>
            "RAdam { lr: 0.1, betas: (0.9, 0.999), epsilon: 1e-8, weight_decay: 0.0, \
             decoupled_weight_decay: false, maximize: true }";
        Adamax::new(2.0).epsilon(1e-7) =>
            "Adamax { lr: 2.0, betas: (0.9, 0.999), epsilon: 1e-7, weight_decay: 0.0, maximize: false }";
        Adagrad::new(0.1).lr_decay(0.5) =>
            "Adagrad { lr: 0.1, lr_decay: 0.5, initial_accumulator_value: 0.0, epsilon: 1e-10, \
             weight_decay: 0.0, maximize: false }";
        Adadelta::new(1.0).rho(0.8) =>
            "Adadelta { lr: 1.0, rho: 0.8, epsilon: 1e-6, weight_decay: 0.0, maximize: false }";
        RmsProp::new(0.1).centered(true) =>
            "RmsProp { lr: 0.1, alpha: 0.99, epsilon: 1e-8, momentum: 0.0, centered: true, \
             weight_decay: 0.0, maximize: false }";
        Lion::new(0.1).weight_decay(0.5) =>
            "Lion { lr: 0.1, betas: (0.9, 0.99), weight_decay: 0.5, maximize: false }";
    }
}
