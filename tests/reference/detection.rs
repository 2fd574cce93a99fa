//! Boxes, non-maximum suppression, mean average precision and the grid loss, compared with
//! torchvision, torchmetrics and pycocotools.

use crate::common::reference::{array, cases, expected, number, text};
use crate::common::{assert_close, tensors};
use serde_json::Value;
use shapewright::detection::{
    BoundingBox, Detection, Grid, GridLoss, GroundTruth, batched_nms, nms,
};
use shapewright::metrics::MeanAveragePrecision;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank3};

fn boxes<T: Element>(case: &Value, key: &str) -> Vec<BoundingBox<T>> {
    let numbers = array(&case[key]);
    let boxes = numbers.as_chunks::<4>().0.iter();
    boxes
        .map(|xyxy| BoundingBox::from_xyxy(xyxy.map(T::from_f64_lossy)))
        .collect()
}

fn labels<const CLASSES: usize>(case: &Value, key: &str) -> Vec<Label<CLASSES>> {
    let numbers = array(&case[key]);
    let label = |&class: &f64| Label::new(class as usize).expect("a class");
    numbers.iter().map(label).collect()
}

fn detections<const CLASSES: usize, T: Element>(case: &Value) -> Vec<Detection<CLASSES, T>> {
    let scores = array(&case["scores"]);
    let found = boxes(case, "boxes").into_iter().zip(labels(case, "labels"));
    found
        .zip(scores)
        .map(|((bbox, label), score)| Detection::new(bbox, label, T::from_f64_lossy(score)))
        .collect()
}

fn objects<const CLASSES: usize, T: Element>(case: &Value) -> Vec<GroundTruth<CLASSES, T>> {
    let objects = boxes(case, "true_boxes").into_iter();
    objects
        .zip(labels(case, "true_labels"))
        .map(|(bbox, label)| GroundTruth::new(bbox, label))
        .collect()
}

fn of_kind(kind: &str) -> Vec<Value> {
    let mut cases = cases("detection.json");
    cases.retain(|case| text(case, "kind") == kind);
    assert!(cases.len() > 2, "cases of `{kind}`");
    cases
}

fn check_boxes<T: Element>(case: &Value, tolerance: f64) {
    let close = |key: &str, found: Vec<T>| {
        let what = format!("{key}, {} in {}", text(case, "name"), T::NAME);
        assert_close(&what, &found, &expected(case, key), tolerance);
    };
    let a = boxes::<T>(case, "a");
    let b = boxes::<T>(case, "b");
    let of_a = |f: fn(BoundingBox<T>) -> [T; 4]| a.iter().flat_map(|&a| f(a)).collect::<Vec<T>>();
    close("a_xywh", of_a(BoundingBox::to_xywh));
    close("a_cxcywh", of_a(BoundingBox::to_cxcywh));
    close("a_area", a.iter().map(|a| a.area()).collect());
    let [width, height] = [60.0, 40.0].map(T::from_f64_lossy);
    let clipped = a.iter().flat_map(|a| a.clip(width, height).to_xyxy());
    close("a_clip", clipped.collect());

    let back = |xyxy: fn([T; 4]) -> BoundingBox<T>, to: fn(BoundingBox<T>) -> [T; 4]| {
        a.iter().flat_map(|&a| xyxy(to(a)).to_xyxy()).collect()
    };
    close("a", back(BoundingBox::from_xywh, BoundingBox::to_xywh));
    close("a", back(BoundingBox::from_cxcywh, BoundingBox::to_cxcywh));

    let pairs = || a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    close("iou", pairs().map(|(a, b)| a.iou(b)).collect());
    close("giou", pairs().map(|(a, b)| a.giou(b)).collect());
    let turned = pairs().map(|(a, b)| b.giou(a));
    close("giou", turned.collect());
}

#[test]
fn boxes_and_their_overlaps_are_those_of_torchvision() {
    for case in of_kind("boxes") {
        check_boxes::<f32>(&case, 1e-6);
        check_boxes::<f64>(&case, 1e-12);
    }
}

#[test]
fn suppression_keeps_what_torchvision_keeps() {
    for case in of_kind("nms") {
        let found = detections::<3, f32>(&case);
        let threshold = number(&case, "threshold");
        let kept = |key: &str| -> Vec<usize> {
            let kept = array(&case[key]);
            kept.iter().map(|&at| at as usize).collect()
        };
        assert_eq!(nms(&found, threshold), Ok(kept("nms")), "{}", case["name"]);
        assert_eq!(
            batched_nms(&found, threshold),
            Ok(kept("batched_nms")),
            "{}",
            case["name"]
        );
    }
}

fn check_map<const CLASSES: usize, T: Element>(case: &Value) {
    let images = case["images"].as_array().expect("images");
    let found: Vec<_> = images.iter().map(detections::<CLASSES, T>).collect();
    let objects: Vec<_> = images.iter().map(objects::<CLASSES, T>).collect();

    for batch in [1, 4, images.len()] {
        let mut metric = MeanAveragePrecision::<CLASSES>::new();
        for (found, objects) in found.chunks(batch).zip(objects.chunks(batch)) {
            metric.update(found, objects);
        }

        let close = |key: &str, found: f64, expected: f64| {
            assert!(
                (found - expected).abs() < 1e-6,
                "{key} of {} is {found}, not {expected}",
                case["name"]
            );
        };
        let value = |value: Result<f64, _>| value.expect("objects");
        close("map", value(metric.value()), number(case, "map"));
        close("map_50", value(metric.map_50()), number(case, "map_50"));
        close("map_75", value(metric.map_75()), number(case, "map_75"));
        close("mar_100", value(metric.mar_100()), number(case, "mar_100"));

        let per_class = metric.map_per_class().expect("objects");
        for (class, found) in per_class.into_iter().enumerate() {
            let expected = case["map_per_class"][class].as_f64();
            assert_eq!(found.is_some(), expected.is_some(), "{}", case["name"]);
            if let (Some(found), Some(expected)) = (found, expected) {
                close("a class", found, expected);
            }
        }
    }
}

#[test]
fn mean_average_precision_is_that_of_pycocotools() {
    for case in of_kind("map") {
        match number(&case, "classes") as usize {
            1 => check_map::<1, f32>(&case),
            2 => {
                check_map::<2, f32>(&case);
                check_map::<2, f64>(&case);
            }
            3 => check_map::<3, f32>(&case),
            5 => check_map::<5, f32>(&case),
            classes => panic!("{} is not tested: {classes} classes", case["name"]),
        }
    }
}

fn check_grid<
    const H: usize,
    const W: usize,
    const CHANNELS: usize,
    const CLASSES: usize,
    T: Element,
>(
    case: &Value,
    tolerance: f64,
) {
    let grid = Grid::<H, W, CLASSES>::new(number(case, "width"), number(case, "height"));
    let images = case["images"].as_array().expect("images");
    let targets: Vec<_> = images
        .iter()
        .map(|image| grid.assign(&objects::<CLASSES, T>(image)).expect("targets"))
        .collect();
    let reduction = match text(case, "reduction") {
        "mean" => Reduction::Mean,
        _ => Reduction::Sum,
    };
    let loss = GridLoss::<CLASSES>::new()
        .reduction(reduction)
        .box_weight(number(case, "box_weight"))
        .class_weight(number(case, "class_weight"));

    let x: Vec<Tensor<Rank3<H, W, CHANNELS>, T>> = tensors(&array(&case["x"]));
    let mut gradients = vec![Tensor::full(T::nan()); x.len()];
    let value = loss.loss(&x, &targets, &mut gradients);
    let what = |of: &str| format!("{of}, {} in {}", text(case, "name"), T::NAME);
    assert_close(
        &what("value"),
        &[value],
        &expected(case, "value"),
        tolerance,
    );
    assert_close(
        &what("gradient"),
        Tensor::flatten(&gradients),
        &expected(case, "grad_x"),
        tolerance,
    );
}

#[test]
fn the_grid_loss_is_that_of_autograd() {
    for case in of_kind("grid") {
        if number(&case, "classes") == 4.0 {
            check_grid::<2, 3, 9, 4, f32>(&case, 1e-6);
            check_grid::<2, 3, 9, 4, f64>(&case, 1e-12);
        } else {
            check_grid::<5, 4, 7, 2, f32>(&case, 1e-6);
            check_grid::<5, 4, 7, 2, f64>(&case, 1e-12);
        }
    }
}
