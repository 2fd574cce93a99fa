//! Losses, optimizers and whole trainings against PyTorch, in f32 and f64 and on every instruction
//! tier.

use crate::common::reference::{array, cases, expected, number, parameter, sizes, text, tolerance};
use crate::common::{In, assert_close, settings, tensors};
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::{
    optim::OptimizerState,
    tensor::{Element, Rank1, Rank2},
};

fn what<T: Element>(case: &Value, of: &str) -> String {
    format!("{} in {}, {of}", text(case, "name"), T::NAME)
}

fn reduction(case: &Value) -> Reduction {
    match text(case, "reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        other => panic!("the reduction {other}"),
    }
}

fn labels<const N: usize>(numbers: &[f64]) -> Vec<Label<N>> {
    numbers
        .iter()
        .map(|&class| Label::new(class as usize).expect("a class"))
        .collect()
}

/// Value and gradient of a loss; the gradient begins as NaN, because it must be overwritten.
fn check_loss<S: Shape, T: Element, L: Loss<S, T>>(case: &Value, loss: &L, targets: &[L::Target]) {
    let x: Vec<Tensor<S, T>> = tensors(&array(&case["x"]));
    let mut gradients = vec![Tensor::full(T::nan()); x.len()];
    let value = loss.loss(&x, targets, &mut gradients);
    assert_close(
        &what::<T>(case, "value"),
        &[value],
        &expected(case, "value"),
        tolerance::<T>(case),
    );
    let wanted = expected(case, "grad_x");
    assert_close(
        &what::<T>(case, "gradient"),
        Tensor::flatten(&gradients),
        &wanted,
        tolerance::<T>(case),
    );
}

fn check_elementwise<S: Shape, T: Element>(case: &Value) {
    let targets: Vec<Tensor<S, T>> = tensors(&array(&case["target"]));
    match text(case, "kind") {
        "MSELoss" => check_loss::<S, T, _>(case, &Mse.reduction(reduction(case)), &targets),
        "BCEWithLogitsLoss" => {
            check_loss::<S, T, _>(case, &BceWithLogits.reduction(reduction(case)), &targets);
        }
        other => panic!("no loss {other}"),
    }
}

fn check_labels<const N: usize, T: Element>(case: &Value) {
    let loss = CrossEntropy.reduction(reduction(case));
    check_loss::<Rank1<N>, T, _>(case, &loss, &labels(&array(&case["target"])));
}

fn check_any_loss<T: Element>(case: &Value) {
    match (text(case, "kind"), sizes(case, "x", 1).as_slice()) {
        ("CrossEntropyLoss", [3]) => check_labels::<3, T>(case),
        ("CrossEntropyLoss", [10]) => check_labels::<10, T>(case),
        (_, [1]) => check_elementwise::<Rank1<1>, T>(case),
        (_, [2]) => check_elementwise::<Rank1<2>, T>(case),
        (_, [4]) => check_elementwise::<Rank1<4>, T>(case),
        (_, [5]) => check_elementwise::<Rank1<5>, T>(case),
        (_, [2, 4]) => check_elementwise::<Rank2<2, 4>, T>(case),
        (kind, sizes) => panic!("{} is not tested: {kind} of {sizes:?}", case["name"]),
    }
}

#[test]
fn losses_are_those_of_pytorch() {
    let settings = settings();
    for case in cases("losses.json") {
        settings.every_tier(|_| {
            check_any_loss::<f32>(&case);
            check_any_loss::<f64>(&case);
        });
    }
}

fn sgd(options: &Value) -> Sgd {
    Sgd::new(number(options, "lr"))
        .momentum(number(options, "momentum"))
        .dampening(number(options, "dampening"))
        .nesterov(options["nesterov"] == true)
        .weight_decay(number(options, "weight_decay"))
}

fn adam(options: &Value) -> Adam {
    Adam::new(number(options, "lr"))
        .betas(number(options, "beta1"), number(options, "beta2"))
        .epsilon(number(options, "eps"))
        .weight_decay(number(options, "weight_decay"))
}

// 37 parameters, as the cases of optimizers.json have.
network! { struct Single37: [36] -> [1] { Linear<_, 1> } }
network! { struct Double37: [36] -> [1] as f64 { Linear<_, 1> } }

fn check_optimizer<N: Trainable, O: Optimizer + Sync>(case: &Value, optimizer: O) {
    let set = |net: &mut N, numbers: &[f64]| {
        assert_eq!(numbers.len(), N::PARAMS);
        for (value, &x) in net.params_mut().iter_mut().zip(numbers) {
            *value = N::Element::from_f64_lossy(x);
        }
    };

    let mut net = N::zeros();
    let mut gradient = N::zeros();
    set(&mut net, &array(&case["params"]));
    let mut state: OptimizerState<O, N> = optimizer.state();

    let gradients = array(&case["grads"]);
    let after = expected(case, "after");
    let steps = gradients
        .chunks(N::PARAMS)
        .zip(after.chunks(N::PARAMS))
        .enumerate();
    assert_eq!(steps.len() as f64, number(case, "steps"));

    for (step, (numbers, after)) in steps {
        set(&mut gradient, numbers);
        state.step(&mut net, &gradient);

        let what = what::<N::Element>(case, &format!("step {step}"));
        assert_close(
            &what,
            &net.params()[..N::PARAMS],
            after,
            tolerance::<N::Element>(case),
        );
        assert!(
            net.params()[N::PARAMS..]
                .iter()
                .all(|&x| x == num_traits::zero()),
            "{what}: the padding"
        );
    }
}

#[test]
fn optimizers_are_those_of_pytorch() {
    let settings = settings();
    for case in cases("optimizers.json") {
        let options = &case["options"];
        settings.every_tier(|_| match text(&case, "kind") {
            "SGD" => {
                check_optimizer::<Single37, _>(&case, sgd(options));
                check_optimizer::<Double37, _>(&case, sgd(options));
            }
            "Adam" => {
                check_optimizer::<Single37, _>(&case, adam(options));
                check_optimizer::<Double37, _>(&case, adam(options));
            }
            other => panic!("no optimizer {other}"),
        });
    }
}

/// Trains as the case says. `step` returns the loss of a batch and computes its gradient.
fn check_training<N: Trainable, O: Optimizer + Sync>(
    case: &Value,
    optimizer: O,
    step: impl Fn(&N, &[In<N>], &[f64], &mut Workspace<N>, &mut N) -> N::Element,
) {
    let mut net = N::zeros();
    let mut gradient = N::zeros();
    let mut workspace = N::workspace();

    net.for_each_param_mut(|name, sizes, values| {
        let numbers = parameter(name, sizes, array(&case["initial"][name]));
        values
            .iter_mut()
            .zip(numbers)
            .for_each(|(value, x)| *value = N::Element::from_f64_lossy(x));
    });

    let mut state = optimizer.state::<N>();
    let (x, target): (Vec<In<N>>, _) = (tensors(&array(&case["x"])), array(&case["target"]));
    let batch = number(case, "batch") as usize;
    let mut losses = Vec::new();
    for (x, target) in x
        .chunks(batch)
        .zip(target.chunks(target.len() * batch / x.len()))
    {
        losses.push(step(&net, x, target, &mut workspace, &mut gradient));
        state.step(&mut net, &gradient);
    }

    assert_eq!(losses.len() as f64, number(case, "steps"));
    let tolerance = tolerance::<N::Element>(case);
    assert_close(
        &what::<N::Element>(case, "losses"),
        &losses,
        &expected(case, "losses"),
        tolerance,
    );

    let mut parameters = 0;
    net.for_each_param(|name, sizes, values| {
        let wanted = parameter(name, sizes, array(&case["final_f64"][name]));
        assert_close(&what::<N::Element>(case, name), values, &wanted, tolerance);
        parameters += 1;
    });

    assert_eq!(
        parameters,
        case["initial"]
            .as_object()
            .expect("the initial parameters")
            .len()
    );
}

/// Computes a loss and its gradient. The loss is taken by value because it is a constant.
macro_rules! step {
    ($loss:expr, $targets:expr) => {
        |net, x, target, workspace, gradient| {
            let mut pass = net.forward_train(x, workspace);
            let value = pass.loss(&$loss, &$targets(target));
            pass.backward(gradient);
            value
        }
    };
}

macro_rules! trainings {
    ($($name:literal $input:tt -> $output:tt { $($layers:tt)* } $optimizer:ident, $loss:expr, $targets:expr;)*) => {
        const TRAININGS: &[&str] = &[$($name),*];

        fn check_any_training(case: &Value) {
            let options = &case["optimizer"]["options"];
            match text(case, "name") {
                $($name => {
                    network! { struct Single: $input -> $output { $($layers)* } }
                    network! { struct Double: $input -> $output as f64 { $($layers)* } }
                    check_training::<Single, _>(case, $optimizer(options), step!($loss, $targets));
                    check_training::<Double, _>(case, $optimizer(options), step!($loss, $targets));
                })*
                other => panic!("{other} is not tested"),
            }
        }
    };
}
trainings! {
    "tanh_relu_cross_entropy_adam" [12] -> [4] { Linear<_, 9>, Tanh, Linear<_, 7>, Relu, Linear<_, 4> }
        adam, CrossEntropy, labels;
    "gelu_mse_sgd_nesterov" [6] -> [5] { Linear<_, 20>, Gelu, Linear<_, 5> }
        sgd, Mse, tensors;
    "sigmoid_relu_bce_sgd_momentum" [20] -> [10] { Linear<_, 40>, Sigmoid, Linear<_, 30>, Relu, Linear<_, 10> }
        sgd, BceWithLogits, tensors;
    "conv_relu_pool_conv_linear_adam" [9, 8, 2] -> [5] {
        conv1: Conv2d<_, 6, 3>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 8, 3, Stride<2>, Pad<1>>,
        Flatten,
        fc: Linear<_, 5>,
    }
        adam, CrossEntropy, labels;
}

#[test]
fn ten_steps_of_training_are_those_of_pytorch() {
    let settings = settings();
    let cases = [cases("training.json"), cases("conv_training.json")].concat();
    assert_eq!(cases.len(), TRAININGS.len());
    for case in cases {
        settings.every_tier(|_| check_any_training(&case));
    }
}
