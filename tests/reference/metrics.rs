//! Metrics against scikit-learn, in f32 and f64, on one batch and on several.

use crate::common::reference::{array, cases, number, text};
use crate::common::{assert_close, tensors};
use serde_json::Value;
use shapewright::metrics::*;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank1};

#[track_caller]
fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs();
    assert!(
        off <= tolerance * expected.abs().max(1.0),
        "{what} is {found}, not {expected}"
    );
}

/// Returns the value of a metric, updated once and in batches of three after a reset; `None` if it
/// is not defined.
#[track_caller]
fn fed<O, G, M: Measures<O, G> + Clone>(metric: M, outputs: &[O], targets: &[G]) -> Option<f64> {
    let mut parts = metric.clone();
    for _ in 0..5 {
        parts.update(&outputs[..1], &targets[..1]);
    }
    parts.reset();
    for (outputs, targets) in outputs.chunks(3).zip(targets.chunks(3)) {
        parts.update(outputs, targets);
    }
    let value = metric.of(outputs, targets).ok();
    let parts = parts.value().ok();
    match (value, parts) {
        (Some(value), Some(parts)) => assert_near("fed in parts", parts, value, 1e-12),
        (value, parts) => assert_eq!(value, parts),
    }
    value
}

#[track_caller]
fn check<O, G, M>(case: &Value, metric: M, outputs: &[O], targets: &[G], expected: &Value)
where
    M: Measures<O, G> + Clone,
{
    let what = format!("{} of {}", metric.name(), text(case, "name"));
    match (fed(metric, outputs, targets), expected.as_f64()) {
        (Some(found), Some(expected)) => assert_near(&what, found, expected, 1e-12),
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

fn check_classes<T: Element, const N: usize>(case: &Value) {
    let name = text(case, "name");
    let labels: Vec<Label<N>> = array(&case["labels"])
        .iter()
        .map(|&label| Label::new(label as usize).expect("a class"))
        .collect();
    let outputs: Vec<Tensor<Rank1<N>, T>> = tensors(&array(&case["probabilities"]));
    let logits: Vec<Tensor<Rank1<N>, T>> = tensors(&array(&case["logits"]));

    let matrix = ConfusionMatrix::of(&outputs, &labels);
    let counts: Vec<f64> = matrix
        .counts()
        .as_flattened()
        .iter()
        .map(|&count| count as f64)
        .collect();
    assert_eq!(counts, array(&case["confusion"]), "{name}");
    for (by, key) in [
        (Normalize::Labels, "by_labels"),
        (Normalize::Predictions, "by_predictions"),
        (Normalize::All, "by_all"),
    ] {
        assert_close(
            name,
            matrix.normalized(by).as_flattened(),
            &array(&case[key]),
            1e-15,
        );
    }
    for (found, key) in [
        (matrix.precisions(), "precision"),
        (matrix.recalls(), "recall"),
        (matrix.f1_scores(), "f1"),
    ] {
        assert_close(name, &found, &array(&case[key]["each"]), 1e-15);
    }

    let predictions: Vec<Label<N>> = outputs
        .iter()
        .map(|scores| Label::new(scores.argmax()).expect("a class"))
        .collect();
    assert_eq!(
        ConfusionMatrix::of_predictions(&predictions, &labels),
        matrix,
        "{name}"
    );
    macro_rules! check_both {
        ($metric:expr, $expected:expr) => {
            check(case, $metric, &outputs, &labels, $expected);
            check(case, $metric, &predictions, &labels, $expected);
        };
    }
    for (average, key) in [
        (Average::Macro, "macro"),
        (Average::Micro, "micro"),
        (Average::Weighted, "weighted"),
    ] {
        check_both!(Precision::new(average), &case["precision"][key]);
        check_both!(Recall::new(average), &case["recall"][key]);
        check_both!(F1::new(average), &case["f1"][key]);
    }
    for class in 0..N {
        check_both!(F1::new(Average::Class(class)), &case["f1"]["each"][class]);
    }
    check_both!(Accuracy::new(), &case["accuracy"]);
    check_both!(BalancedAccuracy::new(), &case["balanced_accuracy"]);
    check_both!(MatthewsCorrelation::new(), &case["matthews"]);
    for (k, expected) in case["top_k"].as_array().expect("each k").iter().enumerate() {
        check(case, TopKAccuracy::new(k + 1), &outputs, &labels, expected);
    }
    check(case, TopKAccuracy::new(N), &outputs, &labels, &1.0.into());

    let loss = LogLoss::new(Outputs::Probabilities);
    if size_of::<T>() == 8 {
        check(case, loss, &outputs, &labels, &case["log_loss"]);
    } else {
        let found = fed(loss, &outputs, &labels).expect("samples");
        assert_near(name, found, number(case, "log_loss_f32"), 1e-5);
    }
    check(
        case,
        LogLoss::new(Outputs::Logits),
        &logits,
        &labels,
        &case["log_loss_logits"],
    );
    let auc = RocAucOneVsRest::new(Outputs::Probabilities);
    check(case, auc.clone(), &outputs, &labels, &case["auc"]);
    check(
        case,
        auc.weighted(),
        &outputs,
        &labels,
        &case["auc_weighted"],
    );
    check(
        case,
        RocAucOneVsRest::new(Outputs::Logits),
        &logits,
        &labels,
        &case["auc_logits"],
    );
}

/// Two classes: by the difference of the scores, and by one score alone.
fn check_two_classes<T: Element>(case: &Value) {
    let labels: Vec<Label<2>> = array(&case["labels"])
        .iter()
        .map(|&label| Label::new(label as usize).expect("a class"))
        .collect();
    let outputs: Vec<Tensor1<2, T>> = tensors(&array(&case["probabilities"]));
    let logits: Vec<Tensor1<2, T>> = tensors(&array(&case["logits"]));
    check(case, RocAuc::new(), &outputs, &labels, &case["auc"]);
    check(case, RocAuc::new(), &logits, &labels, &case["auc_logits"]);

    // The larger of two logits is class 1 where their difference is above 0.
    let score: Vec<Tensor1<1, T>> = logits
        .iter()
        .map(|x| Tensor1::from([x[1] - x[0]]))
        .collect();
    let target: Vec<Tensor1<1, T>> = labels
        .iter()
        .map(|label| Tensor1::from([T::from_f64_lossy(label.index() as f64)]))
        .collect();
    check(case, RocAuc::new(), &score, &target, &case["auc_logits"]);
    let by_argmax = fed(F1::new(Average::Class(1)), &logits, &labels);
    let metric = AtThreshold::new(0.0, F1::new(Average::Class(1)));
    assert_eq!(metric.name(), "class 1 F1");
    assert_eq!(fed(metric, &score, &target), by_argmax);
}

#[test]
fn metrics_of_classes_are_those_of_scikit_learn() {
    for case in cases("metrics.json")
        .iter()
        .filter(|case| case["kind"] == "classes")
    {
        match number(case, "classes") as usize {
            2 => {
                check_classes::<f32, 2>(case);
                check_classes::<f64, 2>(case);
                check_two_classes::<f32>(case);
                check_two_classes::<f64>(case);
            }
            3 => {
                check_classes::<f32, 3>(case);
                check_classes::<f64, 3>(case);
            }
            5 => {
                check_classes::<f32, 5>(case);
                check_classes::<f64, 5>(case);
            }
            other => panic!("{other} classes are not tested"),
        }
    }
}

#[test]
fn metrics_of_order_are_those_of_scikit_learn() {
    for case in cases("metrics.json")
        .iter()
        .filter(|case| case["kind"] == "ranking")
    {
        let scores = array(&case["scores"]);
        let single: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        let positive: Vec<bool> = array(&case["positive"]).iter().map(|&x| x == 1.0).collect();

        check(case, RocAuc::new(), &scores, &positive, &case["auc"]);
        check(case, RocAuc::new(), &single, &positive, &case["auc"]);
        check(
            case,
            AveragePrecision::new(),
            &scores,
            &positive,
            &case["average_precision"],
        );
        check(
            case,
            AveragePrecision::new(),
            &single,
            &positive,
            &case["average_precision"],
        );
    }
}

fn check_regression<S: Shape, T: Element>(case: &Value) {
    let (y, target): (Vec<Tensor<S, T>>, Vec<_>) = (
        tensors(&array(&case["y"])),
        tensors(&array(&case["target"])),
    );
    check(case, MeanSquaredError::new(), &y, &target, &case["mse"]);
    check(
        case,
        RootMeanSquaredError::new(),
        &y,
        &target,
        &case["rmse"],
    );
    check(case, MeanAbsoluteError::new(), &y, &target, &case["mae"]);
    check(case, R2Score::new(), &y, &target, &case["r2"]);
}

#[test]
fn metrics_of_numbers_are_those_of_scikit_learn() {
    for case in cases("metrics.json")
        .iter()
        .filter(|case| case["kind"] == "regression")
    {
        match number(case, "outputs") as usize {
            1 => {
                check_regression::<Rank1<1>, f32>(case);
                check_regression::<Rank1<1>, f64>(case);
            }
            3 => {
                check_regression::<Rank1<3>, f32>(case);
                check_regression::<Rank1<3>, f64>(case);
            }
            other => panic!("{other} outputs are not tested"),
        }
    }
}
