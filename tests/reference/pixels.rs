//! Labels of each pixel and of each position, `pixels.json`: losses against PyTorch, in f32 on
//! every instruction tier and in f64, and intersections over unions against scikit-learn.

use crate::common::reference::{array, cases, expected, number, sizes, text, tolerance};
use crate::common::{assert_close, settings, tensors};
use serde_json::Value;
use shapewright::metrics::{ConfusionMatrix, MeanIou};
use shapewright::prelude::*;
use shapewright::{
    loss::LabelError,
    tensor::{Element, Rank1, Rank2, Rank3},
};

/// Value and gradient; the gradient begins as NaN, because it must be overwritten.
fn check_loss<S: Shape, T: Element, L: Loss<S, T>>(case: &Value, loss: &L, targets: &[L::Target]) {
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

/// Checks a loss with `optional_labels`, and without if every pixel has a label.
macro_rules! check_losses {
    ($case:ident, $loss:expr, $out:ty, $element:ty, $labels:ident, $optional:ident, $weights:ident) => {{
        let loss = $loss.reduction(match text($case, "reduction") {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            other => panic!("the reduction {other}"),
        });
        match $weights {
            None => check_loss::<$out, $element, _>($case, &loss.optional_labels(), &$optional),
            Some(weights) => {
                let loss = loss.class_weights(weights);
                check_loss::<$out, $element, _>($case, &loss.optional_labels(), &$optional);
            }
        }
        match ($weights, &$labels) {
            (None, Ok(labels)) => check_loss::<$out, $element, _>($case, &loss, labels),
            (Some(weights), Ok(labels)) => {
                check_loss::<$out, $element, _>($case, &loss.class_weights(weights), labels);
            }
            (_, Err(error)) => assert_eq!(error.class, -100),
        }
    }};
}

macro_rules! check {
    ($case:ident, $element:ty, $places:ty, $out:ty, $n:literal) => {{
        let numbers: Vec<i32> = array(&$case["target"])
            .iter()
            .map(|&class| class as i32)
            .collect();
        let numbers: Vec<Tensor<$places, i32>> = numbers
            .chunks(<$places as Shape>::LEN)
            .map(|numbers| Tensor::from_slice(numbers).expect("a label for each place"))
            .collect();
        let optional = Label::<$n>::from_tensors_without(-100, &numbers).expect("classes");
        let labels = Label::<$n>::from_tensors(&numbers);
        let weights = $case["options"]
            .get("weight")
            .map(|weights| <[f64; $n]>::try_from(array(weights)).expect("a weight for each class"));
        match text($case, "kind") {
            "CrossEntropyLoss" => {
                let smoothing = $case["options"]["label_smoothing"].as_f64().unwrap_or(0.0);
                let loss = CrossEntropy.label_smoothing(smoothing);
                check_losses!($case, loss, $out, $element, labels, optional, weights);
            }
            "NLLLoss" => check_losses!($case, Nll, $out, $element, labels, optional, weights),
            other => panic!("no loss {other}"),
        }

        let outputs: Vec<Tensor<$out, $element>> = tensors(&array(&$case["x"]));
        let confusion = ConfusionMatrix::<$n>::of(&outputs, &optional);
        let name = text($case, "name");
        assert_close(name, &confusion.iou(), &array(&$case["iou"]), 1e-15);
        for (found, key) in [
            (confusion.mean_iou(), "mean_iou"),
            (confusion.accuracy(), "accuracy"),
        ] {
            assert_close(
                name,
                &[found.expect("samples")],
                &[number($case, key)],
                1e-15,
            );
        }
        if let Ok(labels) = &labels {
            assert_eq!(
                MeanIou::new().of(&outputs, labels),
                confusion.mean_iou(),
                "{name}"
            );
            assert_eq!(ConfusionMatrix::of(&outputs, labels), confusion, "{name}");
            let right = ConfusionMatrix::<$n>::of(&outputs, &Label::from_scores(&outputs));
            assert_eq!(right.accuracy(), Ok(1.0), "{name}");
        }
    }};
}

fn check_case<T: Element>(case: &Value) {
    match sizes(case, "x", 1).as_slice() {
        [5, 7, 4] => check!(case, T, Rank2<5, 7>, Rank3<5, 7, 4>, 4),
        [6, 5] => check!(case, T, Rank1<6>, Rank2<6, 5>, 5),
        [3, 2, 3] => check!(case, T, Rank2<3, 2>, Rank3<3, 2, 3>, 3),
        sizes => panic!("{sizes:?} is not tested"),
    }
}

#[test]
fn losses_and_intersections_of_pixels_are_those_of_pytorch_and_scikit_learn() {
    let settings = settings();
    for case in cases("pixels.json") {
        settings.every_tier(|_| check_case::<f32>(&case));
        check_case::<f64>(&case);
    }
}

#[test]
fn labels_lie_as_the_numbers_do() {
    let numbers = [
        Tensor2::from([[0_u8, 1, 2], [3, 4, 5]]),
        Tensor2::from([[6, 7, 8], [9, 0, 255]]),
    ];
    let labels = Label::<10>::from_tensors_without(255, &numbers).expect("classes");
    let found = labels
        .iter()
        .map(|rows| rows.map(|row| row.map(|label| label.map(Label::index))));
    let expected = [
        [[0, 1, 2], [3, 4, 5]].map(|row| row.map(Some)),
        [[Some(6), Some(7), Some(8)], [Some(9), Some(0), None]],
    ];
    assert!(found.eq(expected));

    let error = LabelError {
        class: 255,
        classes: 10,
        position: Some(11),
    };
    assert_eq!(Label::<10>::from_tensors(&numbers), Err(error));
    let error = LabelError {
        class: 9,
        classes: 9,
        position: Some(9),
    };
    assert_eq!(Label::<9>::from_tensors_without(255, &numbers), Err(error));
    assert_eq!(
        Label::<2>::from_tensors(&[] as &[Tensor2<2, 3, i64>]),
        Ok(vec![])
    );

    let volume = [Tensor3::from([[[0_i64], [1]], [[2], [3]], [[4], [0]]])];
    let labels: Vec<[[[Label<5>; 1]; 2]; 3]> = Label::from_tensors(&volume).expect("classes");
    assert_eq!(labels[0][2][0][0].index(), 4);
    let one: Vec<Label<5>> = Label::from_tensors(&[Tensor0::from(3_u8)]).expect("a class");
    assert_eq!(one[0].index(), 3);
}

#[test]
fn the_class_of_a_pixel_is_its_largest_score() {
    let scores = [
        [[0.5_f32, 0.5, 0.0], [0.0, f32::NAN, 2.0]],
        [[-1.0, -2.0, -0.5], [9.0, 8.0, 7.0]],
    ];
    let classes = Label::from_scores(&[Tensor3::from(scores), Tensor3::zeros()]);
    let classes: Vec<_> = classes
        .into_iter()
        .map(|rows| rows.map(|row| row.map(Label::index)))
        .collect();
    assert_eq!(classes, [[[0, 1], [2, 0]], [[0, 0], [0, 0]]]);
}

network! { struct Pixels: [4, 3, 2] -> [4, 3, 5] { Linear<_, 5> } }

/// A pixel without a label counts neither in the loss nor in the metrics.
#[test]
fn pixels_without_a_label_do_not_count_in_an_evaluation() {
    let net = Pixels::init(&mut shapewright::rng(0));
    let inputs: Vec<Tensor3<4, 3, 2>> = crate::common::random(9, 1);
    let numbers: Vec<Tensor2<4, 3, u8>> = (0..9)
        .map(|n| Tensor::from_position(|i| ((n + i) % 6) as u8))
        .collect();
    let labels = Label::<5>::from_tensors_without(5, &numbers).expect("classes");
    let confusion = net
        .evaluate(&inputs, &labels)
        .expect("labels for each input");
    assert_eq!(confusion.total(), 9 * 12 - 9 * 2);

    let mut expected = ConfusionMatrix::<5>::new();
    for (x, labels) in inputs.iter().zip(&labels) {
        let classes = &Label::from_scores(&[net.forward(x)])[0];
        for (&class, label) in classes.iter().flatten().zip(labels.iter().flatten()) {
            label.iter().for_each(|&label| expected.add(class, label));
        }
    }
    assert_eq!(confusion, expected);
}
