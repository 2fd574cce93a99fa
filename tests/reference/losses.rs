//! The losses of `losses_more.json` against PyTorch, in f32 and f64 and on every instruction tier;
//! and what JSON can't hold.

use crate::common::reference::{array, cases, expected, number, sizes, text, tolerance};
use crate::common::{assert_close, settings, tensors};
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank0, Rank1, Rank2, Rank3};

fn reduction(case: &Value) -> Reduction {
    match text(case, "reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        other => panic!("the reduction {other}"),
    }
}

/// Value and gradient of a loss; the gradient begins as NaN, because it must be overwritten.
fn check<S: Shape, T: Element, L: Loss<S, T>>(case: &Value, loss: &L, targets: &[L::Target]) {
    let what = |of: &str| format!("{} in {}, {of}", text(case, "name"), T::NAME);
    let x: Vec<Tensor<S, T>> = tensors(&array(&case["x"]));
    let mut gradients = vec![Tensor::full(T::nan()); x.len()];
    let value = loss.loss(&x, targets, &mut gradients);
    assert_close(
        &what("value"),
        &[value],
        &expected(case, "value"),
        tolerance::<T>(case),
    );
    let wanted = expected(case, "grad_x");
    assert_close(
        &what("gradient"),
        Tensor::flatten(&gradients),
        &wanted,
        tolerance::<T>(case),
    );
}

/// A loss with the reduction and the options of the case: `set!(case, Huber, delta)`.
macro_rules! set {
    ($case:expr, $loss:expr $(, $option:ident)*) => {{
        let options = $case["options"].as_object().expect("options");
        #[allow(unused_mut)]
        let mut loss = $loss.reduction(reduction($case));
        let names: &[&str] = &[$(name(stringify!($option))),*];
        assert!(options.keys().all(|name| names.contains(&name.as_str())), "{}: more options", $case["name"]);
        $(
            if let Some(value) = options.get(name(stringify!($option))) {
                loss = loss.$option(serde_json::from_value(value.clone()).expect("a value of the option"));
            }
        )*
        loss
    }};
}

/// PyTorch's name of an option.
fn name(option: &'static str) -> &'static str {
    if option == "epsilon" { "eps" } else { option }
}

/// Losses whose targets look like their outputs.
fn check_elementwise<S: Shape, T: Element>(case: &Value) {
    let targets: Vec<Tensor<S, T>> = tensors(&array(&case["target"]));
    match text(case, "kind") {
        "L1Loss" => check(case, &set!(case, Mae), &targets),
        "HuberLoss" => check(case, &set!(case, Huber, delta), &targets),
        "SmoothL1Loss" => check(case, &set!(case, SmoothL1, beta), &targets),
        "BCELoss" => check(case, &set!(case, Bce), &targets),
        "KLDivLoss" => check(case, &set!(case, KlDiv, log_target), &targets),
        "PoissonNLLLoss" => {
            check(
                case,
                &set!(case, PoissonNll, log_input, full, epsilon),
                &targets,
            );
        }
        "HingeEmbeddingLoss" => check(case, &set!(case, HingeEmbedding, margin), &targets),
        other => panic!("no loss {other}"),
    }
}

fn check_pos_weight<S: Shape, T: Element>(case: &Value)
where
    shapewright::loss::BceWithLogits<[f64; 4]>: Loss<S, T, Target = Tensor<S, T>>,
{
    let targets: Vec<Tensor<S, T>> = tensors(&array(&case["target"]));
    let loss = BceWithLogits.reduction(reduction(case));
    let weights = array(&case["options"]["pos_weight"]);
    match *weights.as_slice() {
        [weight] => check(case, &loss.pos_weight(weight), &targets),
        [a, b, c, d] => check(case, &loss.pos_weight([a, b, c, d]), &targets),
        _ => panic!("{weights:?}"),
    }
}

/// The quantile loss for outputs of a shape and targets of another one.
macro_rules! check_quantiles {
    ($case:expr, $outputs:ty, $targets:ty, $element:ty) => {{
        let quantiles = array(&$case["options"]["quantiles"]);
        let quantiles: [f64; 3] = quantiles.try_into().expect("three quantiles");
        let loss = Quantile(quantiles).reduction(reduction($case));
        let targets: Vec<Tensor<$targets, $element>> = tensors(&array(&$case["target"]));
        check::<$outputs, $element, _>($case, &loss, &targets);
    }};
}

fn check_pairs<T: Element>(case: &Value) {
    let numbers = array(&case["target"]);

    match text(case, "kind") {
        "GaussianNLLLoss" => {
            let loss = set!(case, GaussianNll, full, epsilon);
            check::<(Rank1<4>, Rank1<4>), T, _>(case, &loss, &tensors(&numbers));
        }
        "MarginRankingLoss" => {
            check::<(Rank1<4>, Rank1<4>), T, _>(
                case,
                &set!(case, MarginRanking, margin),
                &tensors(&numbers),
            );
        }
        "CosineEmbeddingLoss" => {
            let targets: Vec<T> = numbers.iter().map(|&t| T::from_f64_lossy(t)).collect();
            check::<(Rank1<4>, Rank1<4>), T, _>(
                case,
                &set!(case, CosineEmbedding, margin),
                &targets,
            );
        }
        other => panic!("no loss {other}"),
    }
}

fn check_triplets<T: Element>(case: &Value) {
    let loss = set!(case, TripletMargin, margin, swap, epsilon);
    let targets = vec![(); sizes(case, "x", 0)[0]];
    check::<(Rank1<4>, Rank1<4>, Rank1<4>), T, _>(case, &loss, &targets);
}

/// A loss on classes, with and without weights, on labels and on optional labels. `$sample` makes
/// the targets of one sample from an iterator of labels.
macro_rules! check_classes {
    ($case:expr, $loss:expr, $shape:ty, $element:ty, $n:literal, $label:ident => $sample:expr) => {{
        let numbers = array(&$case["target"]);
        let labels: Vec<Option<Label<$n>>> = numbers
            .iter()
            .map(|&class| (class != -100.0).then(|| Label::new(class as usize).expect("a class")))
            .collect();
        let weights = $case["options"]
            .get("weight")
            .map(|weights| <[f64; $n]>::try_from(array(weights)).expect("a weight for each class"));
        let batch = sizes($case, "x", 0)[0];
        let mut rest = labels.iter().copied();
        let mut $label = || rest.next().expect("a label");
        let optional: Vec<_> = (0..batch).map(|_| $sample).collect();
        let with = $loss.optional_labels();
        match weights {
            None => check::<$shape, $element, _>($case, &with, &optional),
            Some(weights) => {
                check::<$shape, $element, _>($case, &with.class_weights(weights), &optional)
            }
        }
        if labels.iter().all(Option::is_some) {
            let mut rest = labels.iter().copied();
            let mut $label = || rest.next().flatten().expect("a label");
            let all: Vec<_> = (0..batch).map(|_| $sample).collect();
            match weights {
                None => check::<$shape, $element, _>($case, &$loss, &all),
                Some(weights) => {
                    check::<$shape, $element, _>($case, &$loss.class_weights(weights), &all)
                }
            }
        }
    }};
}

macro_rules! check_class_shapes {
    ($case:expr, $loss:expr, $element:ty) => {
        match sizes($case, "x", 1).as_slice() {
            [3] => check_classes!($case, $loss, Rank1<3>, $element, 3, label => label()),
            [5] => check_classes!($case, $loss, Rank1<5>, $element, 5, label => label()),
            [40] => check_classes!($case, $loss, Rank1<40>, $element, 40, label => label()),
            [2, 3] => check_classes!($case, $loss, Rank2<2, 3>, $element, 3, label => [label(), label()]),
            [2, 1, 3] => check_classes!($case, $loss, Rank3<2, 1, 3>, $element, 3, label => [[label()], [label()]]),
            sizes => panic!("{} is not tested: {sizes:?}", $case["name"]),
        }
    };
}

fn check_any<T: Element>(case: &Value) {
    match (
        text(case, "kind"),
        number(case, "parts") as usize,
        sizes(case, "x", 1).as_slice(),
    ) {
        ("CrossEntropyLoss", ..) => {
            let smoothing = case["options"]["label_smoothing"].as_f64();
            let loss = CrossEntropy
                .reduction(reduction(case))
                .label_smoothing(smoothing.unwrap_or(0.0));
            check_class_shapes!(case, loss, T);
        }
        ("NLLLoss", ..) => {
            let loss = Nll.reduction(reduction(case));
            check_class_shapes!(case, loss, T);
        }
        ("BCEWithLogitsLoss", _, [4]) => check_pos_weight::<Rank1<4>, T>(case),
        ("BCEWithLogitsLoss", _, [2, 4]) => check_pos_weight::<Rank2<2, 4>, T>(case),
        ("QuantileLoss", _, [3]) => check_quantiles!(case, Rank1<3>, Rank0, T),
        ("QuantileLoss", _, [2, 3]) => check_quantiles!(case, Rank2<2, 3>, Rank1<2>, T),
        (_, 3, [12]) => check_triplets::<T>(case),
        (_, 2, [8]) => check_pairs::<T>(case),
        (_, 1, [4]) => check_elementwise::<Rank1<4>, T>(case),
        (_, 1, [2, 3]) => check_elementwise::<Rank2<2, 3>, T>(case),
        (kind, _, sizes) => panic!("{} is not tested: {kind} of {sizes:?}", case["name"]),
    }
}

#[test]
fn losses_and_their_options_are_those_of_pytorch() {
    let settings = settings();
    for case in cases("losses_more.json") {
        settings.every_tier(|_| check_any::<f32>(&case));
        check_any::<f64>(&case);
    }
}
