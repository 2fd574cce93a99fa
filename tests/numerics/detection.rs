//! Boxes, suppression and the grid loss beyond what the reference values show: gradients against
//! central differences, limits, boxes without area, and what is refused.

use core::slice::from_ref;

use crate::common::gradient::{check_loss, check_loss_at};
use crate::common::random;
use shapewright::detection::{
    BoundingBox, Detection, DetectionError, Grid, GridLoss, GridTarget, GroundTruth, batched_nms,
    nms,
};
use shapewright::metrics::{MeanAveragePrecision, MetricError};
use shapewright::prelude::*;
use shapewright::tensor::Rank3;

type Unit = Grid<2, 3, 4>;
/// Images of 3 by 2, so that each cell is a square of side 1.
const UNIT: Unit = Unit::new(3.0, 2.0);
type Numbers = Tensor3<2, 3, 9, f64>;

fn object(xyxy: [f64; 4], class: usize) -> GroundTruth<4, f64> {
    GroundTruth::new(xyxy.into(), Label::new(class).expect("a class"))
}

fn detection(xyxy: [f64; 4], score: f64) -> Detection<4, f64> {
    Detection::new(xyxy.into(), Label::default(), score)
}

fn target(objects: &[GroundTruth<4, f64>]) -> GridTarget<2, 3, 4> {
    UNIT.assign(objects).expect("objects on the grid")
}

/// Returns the loss of one image and its gradient.
fn loss_of(output: &Numbers, target: &GridTarget<2, 3, 4>) -> (f64, Numbers) {
    let mut gradients = [Numbers::full(f64::NAN)];
    let targets = [target.clone()];
    let loss = GridLoss::<4>::new().loss(&[*output], &targets, &mut gradients);
    (loss, gradients[0])
}

#[test]
fn gradients_of_the_grid_loss() {
    let targets = [
        target(&[
            object([0.1, 0.2, 0.8, 1.1], 1),
            object([1.5, 0.0, 2.9, 2.0], 3),
        ]),
        target(&[]),
        target(&[object([2.0, 1.2, 2.4, 1.5], 0)]),
    ];
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::SampleMean] {
        let loss = GridLoss::<4>::new().reduction(reduction);
        check_loss::<Rank3<2, 3, 9>, _>(&loss, &targets);
        check_loss::<Rank3<2, 3, 9>, _>(&loss.box_weight(0.3).class_weight(2.0), &targets);
        check_loss::<Rank3<2, 3, 9>, _>(&loss.box_weight(0.0), &targets);
        check_loss::<Rank3<2, 3, 9>, _>(&loss.class_weight(0.0), &targets);
    }

    // Boxes of every size: around the target, inside of it, across each of its sides, and beside.
    let loss = GridLoss::<4>::new();
    for seed in 0..20 {
        let mut outputs: Vec<Numbers> = random(3, seed);
        outputs.iter_mut().for_each(|y| *y *= 6.0);
        check_loss_at::<Rank3<2, 3, 9>, _>(&loss, outputs, &targets);
    }
}

#[test]
fn the_least_loss_is_zero() {
    // A box that is exactly that of the target, and logits of certainty.
    let mut output = Numbers::full(f64::NEG_INFINITY);
    let number = |at: usize| [1, 2, at];
    output[number(0)] = f64::INFINITY;
    for (at, logit) in [(1, 0.0), (2, 0.0), (3, -(2_f64.ln())), (4, 0.0)] {
        output[number(at)] = logit;
    }
    output[number(5 + 2)] = f64::INFINITY;

    // The loss of the box has a kink at its minimum, so that its slopes are not 0.
    let (loss, gradient) = loss_of(&output, &target(&[object([2.0, 1.0, 3.0, 2.0], 2)]));
    assert!(loss.abs() < 1e-14, "{loss}");
    for (at, slope) in gradient.iter().enumerate() {
        assert!(*slope == 0.0 || (1..5).contains(&(at % 9)), "{gradient:?}");
    }
}

#[test]
fn the_loss_at_infinities_is_its_limit() {
    let one = target(&[object([0.25, 0.25, 0.75, 0.75], 1)]);
    let none = target(&[]);
    let at = |numbers: &[(usize, f64)]| {
        let mut output = Numbers::full(-1.0);
        for &(number, logit) in numbers {
            output[[0, 0, number]] = logit;
        }
        output
    };
    let finite = |gradient: &Numbers| gradient.iter().all(|slope| slope.is_finite());

    // A box without sides, and one with the sides of the image.
    for infinity in [f64::NEG_INFINITY, f64::INFINITY] {
        let far = if infinity > 0.0 { 1e3 } else { -1e3 };
        for number in [1, 2, 3, 4] {
            let (limit, _) = loss_of(&at(&[(number, far)]), &one);
            let (loss, gradient) = loss_of(&at(&[(number, infinity)]), &one);
            assert!(
                (loss - limit).abs() < 1e-12,
                "{number}: {loss} is not {limit}"
            );
            assert!(finite(&gradient), "{number}: {gradient:?}");
        }
        let all = [1, 2, 3, 4].map(|number| (number, infinity));
        let (loss, gradient) = loss_of(&at(&all), &one);
        assert!(
            loss.is_finite() && finite(&gradient),
            "{loss}, {gradient:?}"
        );
    }

    // Certainty that is right costs nothing, one that is wrong costs infinity.
    let (sure, gradient) = loss_of(&at(&[(0, f64::INFINITY)]), &one);
    assert!(sure.is_finite() && gradient[[0, 0, 0]] == 0.0);
    let (wrong, gradient) = loss_of(&at(&[(0, f64::NEG_INFINITY)]), &one);
    assert!(wrong == f64::INFINITY && gradient[[0, 0, 0]] == -1.0);
    assert_eq!(loss_of(&at(&[(0, f64::INFINITY)]), &none).0, f64::INFINITY);
    assert_eq!(
        loss_of(&at(&[(6, f64::NEG_INFINITY)]), &one).0,
        f64::INFINITY
    );

    // NaN is not lost. In a cell without an object, only the first number counts.
    for number in [0, 1, 2, 3, 4, 5, 8] {
        assert!(
            loss_of(&at(&[(number, f64::NAN)]), &one).0.is_nan(),
            "{number}"
        );
    }
    assert!(loss_of(&at(&[(0, f64::NAN)]), &none).0.is_nan());
    let (loss, gradient) = loss_of(&at(&[(1, f64::NAN), (7, f64::NAN)]), &none);
    assert!(loss.is_finite() && finite(&gradient));

    // A weight of 0 leaves out what is infinite or NaN.
    let output = at(&[(3, f64::NAN), (6, f64::NEG_INFINITY)]);
    let loss = GridLoss::<4>::new().box_weight(0.0).class_weight(0.0);
    let mut gradients = [Numbers::full(f64::NAN)];
    assert!(loss.loss(&[output], &[one], &mut gradients).is_finite());
    assert!(finite(&gradients[0]));
}

#[test]
fn settings_of_the_loss_are_checked() {
    let check = |loss: GridLoss<4>| Loss::<Rank3<2, 3, 9>, f64>::check(&loss);
    assert_eq!(check(GridLoss::new()), Ok(()));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let error = check(GridLoss::new().box_weight(weight)).expect_err("a wrong weight");
        assert_eq!((error.owner, error.setting), ("the loss", "box_weight"));
        let error = check(GridLoss::new().class_weight(weight)).expect_err("a wrong weight");
        assert_eq!(error.setting, "class_weight");
    }
}

#[test]
fn objects_have_the_cell_of_their_centre() {
    let both = target(&[
        object([0.0, 0.0, 3.0, 2.0], 0),
        object([1.2, 1.1, 1.4, 1.5], 1),
        object([1.0, 1.0, 2.0, 2.0], 2),
        object([2.5, 1.5, 3.5, 2.5], 3),
    ]);
    let class = |row, column| both.cell(row, column).map(Label::index);
    // The centre of the first lies on a border, and the smallest of a cell wins.
    assert_eq!(class(1, 1), Some(1));
    // The centre of the last is the corner of the image.
    assert_eq!(class(1, 2), Some(3));
    assert_eq!((class(0, 0), class(2, 0), class(0, 3)), (None, None, None));
    assert_eq!((both.len(), both.dropped(), both.is_empty()), (2, 2, false));

    let first = object([1.2, 1.1, 1.4, 1.5], 2);
    let equal = object([1.2, 1.1, 1.4, 1.5], 3);
    assert_eq!(target(&[first, equal]).cell(1, 1), Label::new(2).ok());
    assert!(target(&[]).is_empty());
}

#[test]
fn boxes_that_are_no_targets_are_refused() {
    let good = object([0.0, 0.0, 1.0, 1.0], 0);
    let error = |xyxy| {
        UNIT.assign(&[good, object(xyxy, 0)])
            .expect_err("a box that is refused")
    };
    for xyxy in [
        [1.0, 1.0, 1.0, 2.0],
        [1.0, 1.0, 2.0, 1.0],
        [2.0, 1.0, 1.0, 2.0],
        [1e-200, 1e-200, 2e-200, 2e-200],
        [0.0, 0.0, 1.0, f64::INFINITY],
    ] {
        assert_eq!(error(xyxy), DetectionError::NoArea { position: 1, xyxy });
    }
    assert_eq!(
        error([0.0, f64::NAN, 1.0, 1.0]),
        DetectionError::NotANumber { position: 1 }
    );
    assert_eq!(
        error([2.5, 0.0, 4.5, 1.0]).to_string(),
        "the box at position 1 has its centre at (3.5, 0.5), outside of the image of 3 by 2; give \
         the grid the image's size in the unit of the boxes, or clip the boxes"
    );
}

#[test]
fn decoded_boxes_are_those_of_the_loss() {
    // Where the decoded box is the target, the loss of the box is 0.
    let outputs: Vec<Numbers> = random(6, 3);
    for mut output in outputs {
        output *= 2.0;
        let found = UNIT.decode(&output, 0.0).expect("numbers");
        assert_eq!(found.len(), 6);
        for (cell, found) in found.iter().enumerate() {
            let [row, column] = [cell / 3, cell % 3];
            let alone = target(&[GroundTruth::new(found.bbox, found.label)]);
            assert_eq!(alone.cell(row, column), Some(found.label));
            let of_box = |weight| {
                let loss = GridLoss::<4>::new().box_weight(weight);
                loss.loss(&[output], from_ref(&alone), &mut [Numbers::zeros()])
            };
            assert!((of_box(1.0) - of_box(0.0)).abs() < 1e-12);

            let logits = &output.as_slice()[9 * cell..];
            let scores = Tensor1::<4, f64>::from_slice(&logits[5..9]).expect("scores");
            let probability = scores.softmax()[found.label.index()];
            let expected = probability / (1.0 + (-logits[0]).exp());
            assert!((found.score - expected).abs() < 1e-12);
        }
        let sure = UNIT.decode(&output, 0.3).expect("numbers");
        assert_eq!(sure.len(), found.iter().filter(|d| d.score >= 0.3).count());
    }
}

#[test]
fn outputs_without_a_meaning_are_refused() {
    let mut output = Numbers::full(f64::NEG_INFINITY);
    for cell in 0..6 {
        output[[cell / 3, cell % 3, 6]] = f64::INFINITY;
    }
    // Logits that are infinite have a limit: here, no object.
    assert_eq!(UNIT.decode(&output, 0.5), Ok(Vec::new()));
    output[[1, 0, 0]] = f64::INFINITY;
    let found = UNIT.decode(&output, 0.5).expect("limits");
    assert_eq!((found.len(), found[0].score), (1, 1.0));
    assert_eq!(found[0].bbox.to_xyxy(), [0.0, 1.0, 0.0, 1.0]);

    let refused = Err(DetectionError::OutputNotANumber { cell: [1, 2] });
    for (number, logit) in [
        (0, f64::NAN),
        (3, f64::NAN),
        (5, f64::NAN),
        (5, f64::INFINITY),
    ] {
        let mut output = output;
        output[[1, 2, number]] = logit;
        assert_eq!(UNIT.decode(&output, 0.5), refused, "{number}");
    }
    output[[1, 2, 6]] = f64::NEG_INFINITY;
    assert_eq!(UNIT.decode(&output, 0.5), refused);

    let error = UNIT.decode(&output, f64::NAN).expect_err("a threshold");
    assert!(matches!(error, DetectionError::Threshold { .. }), "{error}");
}

#[test]
fn overlaps_of_boxes_without_area() {
    let unit = BoundingBox::from_xyxy([0.0, 0.0, 1.0, 1.0_f64]);
    let point = BoundingBox::from_xyxy([2.0, 1.0, 2.0, 1.0]);
    let turned = BoundingBox::from_xyxy([1.0, 1.0, 0.0, 0.0]);
    assert_eq!((point.iou(&point), point.giou(&point)), (0.0, 0.0));
    assert_eq!((unit.iou(&point), unit.giou(&point)), (0.0, -0.5));
    assert_eq!((turned.area(), turned.iou(&unit)), (0.0, 0.0));
    assert_eq!(turned.to_xywh(), [1.0, 1.0, 0.0, 0.0]);

    // No area of `f32` boxes overflows or vanishes on the way.
    for side in [1e-25, 1e25_f32] {
        let a = BoundingBox::from_xyxy([0.0, 0.0, side, side]);
        let b = BoundingBox::from_xyxy([0.0, 0.0, side, 0.5 * side]);
        assert_eq!((a.iou(&b), a.giou(&b)), (0.5, 0.5));
    }

    for at in 0..4 {
        let mut xyxy = [0.0, 0.0, 1.0, 1.0];
        xyxy[at] = f64::NAN;
        let nan = BoundingBox::from_xyxy(xyxy);
        for (a, b) in [(nan, unit), (unit, nan)] {
            assert!(a.iou(&b).is_nan() && a.giou(&b).is_nan());
        }
        assert!(nan.clip(1.0, 1.0).to_xyxy()[at].is_nan());
    }
}

#[test]
fn suppression_refuses_nan_and_keeps_the_first_of_equals() {
    let square = [0.0, 0.0, 1.0, 1.0];
    let equal = [detection(square, 0.5); 4];
    assert_eq!(nms(&equal, 0.5), Ok(vec![0]));
    // An overlap of 1 is not above a threshold of 1.
    assert_eq!(nms(&equal, 1.0), Ok(vec![0, 1, 2, 3]));

    let infinite = [f64::NEG_INFINITY, 0.0, f64::INFINITY].map(|score| detection(square, score));
    assert_eq!(batched_nms(&infinite, 0.5), Ok(vec![2]));
    let zeros = [0.0, -0.0, 0.0].map(|score| detection(square, score));
    assert_eq!(batched_nms(&zeros, 1.0), Ok(vec![0, 1, 2]));

    let nan = [detection(square, 1.0), detection(square, f64::NAN)];
    let refused = Err(DetectionError::NotANumber { position: 1 });
    assert_eq!(nms(&nan, 0.5), refused);
    let nan = [
        detection(square, 1.0),
        detection([0.0, 0.0, f64::NAN, 1.0], 0.5),
    ];
    assert_eq!(batched_nms(&nan, 0.5), refused);
    for threshold in [-0.1, 1.1, f64::NAN] {
        let error = nms(&equal, threshold).expect_err("a threshold");
        assert!(error.to_string().contains("must be from 0 to 1"), "{error}");
    }
}

#[test]
fn mean_average_precision_without_a_value_is_an_error() {
    let mut map = MeanAveragePrecision::<4>::new();
    assert_eq!(map.value(), Err(MetricError::NoObjects { images: 0 }));
    let square = [0.0, 0.0, 1.0, 1.0];
    map.update(&[vec![detection(square, 0.5)], vec![]], &[vec![], vec![]]);
    assert_eq!(map.value(), Err(MetricError::NoObjects { images: 2 }));

    map.update(
        &[vec![detection(square, f64::NAN)]],
        &[vec![object(square, 0)]],
    );
    let refused = MetricError::NotANumber { sample: 2 };
    assert_eq!(map.value(), Err(refused.clone()));
    assert_eq!(map.map_per_class(), Err(refused));
    map.reset();
    map.update(&[vec![detection(square, 0.5)]], &[vec![object(square, 0)]]);
    assert_eq!((map.value(), map.name().as_str()), (Ok(1.0), "mAP"));

    // A box of NaN finds nothing, and a second detection of an object is wrong.
    map.update(
        &[vec![detection([f64::NAN; 4], 0.9), detection(square, 0.8)]],
        &[vec![object(square, 0)]],
    );
    assert!(map.value().expect("objects") < 1.0);
}
