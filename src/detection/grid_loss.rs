//! The loss of a grid of cells, each with an object or none.

use super::BoundingBox;
use super::grid::{Assigned, BOX_END, CellBox, GridTarget, check_channels, sigmoid};
use crate::loss::{CrossEntropy, Logits, Loss, Reduction, check_lengths, check_weights};
use crate::memory::{tensors, tensors_mut};
use crate::setting_error::{SettingError, assert_setting};
use crate::sum::Sum;
use crate::tensor::{Element, Rank3, Tensor, Tensor1, double};

/// The loss of a network that gives a box in each cell of a [`Grid`](super::Grid), whose
/// documentation says what the outputs `[H, W, 5 + CLASSES]` are.
///
/// It is the sum of three losses, each added up over the cells of an image:
///
/// - in every cell, the binary cross-entropy of whether there is an object, on logits;
/// - in a cell with an object, [`box_weight`](Self::box_weight) times `1 - GIoU` of the two boxes
///   ([`giou`](super::BoundingBox::giou); Rezatofighi et al., 2019);
/// - in a cell with an object, [`class_weight`](Self::class_weight) times the cross-entropy of the
///   class.
///
/// The parts are those of YOLO (Redmon et al., 2016, "You Only Look Once"), with the terms of YOLOX
/// (Ge et al., 2021) in place of squared differences. The mean, the default, is over the images.
///
/// Logits that are infinite give the limit, NaN where there is none: a probability of 1 for what is
/// true costs nothing, a probability of 0 costs infinity. A network that ends in `Sigmoid` or
/// `Softmax` is a compile error, because the loss applies them itself; so are outputs with another
/// number of classes:
///
/// ```compile_fail
/// use shapewright::detection::{Grid, GridLoss};
/// use shapewright::prelude::*;
/// let target = Grid::<1, 1, 3>::new(1.0, 1.0).assign::<f32>(&[])?;
/// let outputs = [Tensor3::<1, 1, 5>::zeros()];
/// GridLoss::<3>::new().loss(&outputs, &[target], &mut outputs.clone());
/// # Ok::<(), shapewright::detection::DetectionError>(())
/// ```
///
/// ```
/// use shapewright::detection::{Grid, GridLoss, GroundTruth};
/// use shapewright::prelude::*;
/// let grid = Grid::<1, 2, 3>::new(2.0, 1.0);
/// let left = GroundTruth::new([0.0, 0.0, 1.0, 1.0].into(), Label::new(1)?);
/// let targets = [grid.assign(&[left])?];
///
/// // With logits of 0, the box is half as wide and half as high as the image.
/// let outputs = [Tensor3::<1, 2, 8>::zeros()];
/// let mut gradients = [Tensor3::zeros()];
/// let loss: f32 = GridLoss::<3>::new().loss(&outputs, &targets, &mut gradients);
/// let objects = 2.0 * 2_f32.ln();
/// assert!((loss - (objects + 5.0 * (1.0 - 0.5) + 3_f32.ln())).abs() < 1e-6);
/// assert_eq!(gradients[0][[0, 0, 0]], -0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridLoss<const CLASSES: usize> {
    reduction: Reduction,
    box_weight: f64,
    class_weight: f64,
}

impl<const CLASSES: usize> Default for GridLoss<CLASSES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CLASSES: usize> GridLoss<CLASSES> {
    /// Creates the loss with its defaults.
    pub const fn new() -> Self {
        GridLoss {
            reduction: Reduction::Mean,
            box_weight: 5.0,
            class_weight: 1.0,
        }
    }

    /// Sets the reduction; the mean over the images by default, which
    /// [`SampleMean`](Reduction::SampleMean) is as well.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        GridLoss { reduction, ..self }
    }

    /// Sets the weight of the boxes; 5 by default. It must be finite and not negative: a trainer
    /// refuses other weights, and [`Loss::loss`] panics.
    pub const fn box_weight(self, box_weight: f64) -> Self {
        GridLoss { box_weight, ..self }
    }

    /// Sets the weight of the classes; 1 by default. It must be finite and not negative: a trainer
    /// refuses other weights, and [`Loss::loss`] panics.
    pub const fn class_weight(self, class_weight: f64) -> Self {
        GridLoss {
            class_weight,
            ..self
        }
    }

    fn check_settings(&self) -> Result<(), SettingError> {
        check_weights("box_weight", &[self.box_weight])?;
        check_weights("class_weight", &[self.class_weight])
    }

    /// Adds the losses of a cell with an object, but for that of whether it has one, and sets their
    /// gradient times `share`.
    fn add_object<const H: usize, const W: usize, T: Element>(
        &self,
        object: &Assigned<CLASSES>,
        numbers: &[T],
        gradient: &mut [T],
        share: f64,
        sum: &mut Sum,
    ) {
        if self.box_weight > 0.0 {
            let found = CellBox::<H, W>::new(object.cell, numbers);
            let (distance, slopes) = giou_loss(found.cxcywh, &object.bbox);
            sum.add(self.box_weight * distance);
            let scale = self.box_weight * share;
            for i in 0..4 {
                gradient[1 + i] = T::from_f64_lossy(scale * slopes[i] * found.slopes[i]);
            }
        }

        if self.class_weight > 0.0 {
            let logits: &[Tensor1<CLASSES, T>] = tensors(&numbers[BOX_END..], 1);
            let gradients: &mut [Tensor1<CLASSES, T>] = tensors_mut(&mut gradient[BOX_END..], 1);
            let loss = CrossEntropy.reduction(Reduction::Sum);
            let value = loss.loss(logits, &[object.label], gradients);
            sum.add(self.class_weight * double(value));
            gradients[0] *= T::from_f64_lossy(self.class_weight * share);
        }
    }
}

impl<const H: usize, const W: usize, const CHANNELS: usize, const CLASSES: usize, T: Element>
    Loss<Rank3<H, W, CHANNELS>, T> for GridLoss<CLASSES>
{
    type Target = GridTarget<H, W, CLASSES>;
    type Accepts = Logits;

    fn check(&self) -> Result<(), SettingError> {
        self.check_settings()
    }

    fn loss(
        &self,
        outputs: &[Tensor<Rank3<H, W, CHANNELS>, T>],
        targets: &[GridTarget<H, W, CLASSES>],
        gradients: &mut [Tensor<Rank3<H, W, CHANNELS>, T>],
    ) -> T {
        const { check_channels(CHANNELS, CLASSES) };
        assert_setting(self.check_settings());
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let share = match self.reduction {
            Reduction::Sum => 1.0,
            Reduction::Mean | Reduction::SampleMean => 1.0 / outputs.len() as f64,
        };

        let mut sum = Sum::default();
        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let mut objects = target.assigned.iter().peekable();
            let gradients = gradient.as_mut_slice().chunks_exact_mut(CHANNELS);
            let cells = output.as_slice().chunks_exact(CHANNELS).zip(gradients);
            for (cell, (numbers, gradient)) in cells.enumerate() {
                gradient.fill(T::zero());
                let object = objects.next_if(|object| object.cell == cell);

                let (loss, slope) = is_object_loss(double(numbers[0]), object.is_some());
                sum.add(loss);
                gradient[0] = T::from_f64_lossy(slope * share);
                if let Some(object) = object {
                    self.add_object::<H, W, T>(object, numbers, gradient, share, &mut sum);
                }
            }
        }
        T::from_f64_lossy(sum.times(share))
    }
}

/// Returns the binary cross-entropy of a logit, and its slope.
fn is_object_loss(logit: f64, is_object: bool) -> (f64, f64) {
    // The logit of what is false.
    let wrong = if is_object { -logit } else { logit };
    let above = if wrong < 0.0 { 0.0 } else { wrong };
    let loss = above + libm::log1p(libm::exp(-wrong.abs()));
    let slope = sigmoid(wrong).0;
    (loss, if is_object { -slope } else { slope })
}

/// Returns `1 - GIoU` of a box, given by its centre and its sides, with a box that has an area, and
/// the slopes in the four numbers.
fn giou_loss(cxcywh: [f64; 4], target: &BoundingBox<f64>) -> (f64, [f64; 4]) {
    let [x, y, width, height] = cxcywh;
    let x = Axis::new(x, width, target.x1, target.x2);
    let y = Axis::new(y, height, target.y1, target.y2);
    let intersection = x.common * y.common;
    let union = x.length * y.length + target.area() - intersection;
    let hull = x.hull * y.hull;
    let loss = 2.0 - intersection / union - union / hull;

    // The slopes of the loss in the three areas. Neither the union nor the hull is smaller than the
    // target, which has an area.
    let in_union = intersection / union / union - 1.0 / hull;
    let in_intersection = -1.0 / union - in_union;
    let in_hull = union / hull / hull;
    let slope = |common: f64, length: f64, hull: f64, other: &Axis| {
        in_intersection * other.common * common
            + in_union * other.length * length
            + in_hull * other.hull * hull
    };
    let in_centre = |axis: &Axis, other| slope(axis.common_in[0], 0.0, axis.hull_in[0], other);
    let in_length = |axis: &Axis, other| slope(axis.common_in[1], 1.0, axis.hull_in[1], other);
    let slopes = [
        in_centre(&x, &y),
        in_centre(&y, &x),
        in_length(&x, &y),
        in_length(&y, &x),
    ];
    (loss, slopes)
}

/// A box and its target along one axis.
struct Axis {
    /// The length of the box.
    length: f64,
    /// The length that both have.
    common: f64,
    /// The length of the smallest box around both.
    hull: f64,
    /// The slopes of `common` in the centre and in the length of the box.
    common_in: [f64; 2],
    /// The slopes of `hull` in the same.
    hull_in: [f64; 2],
}

impl Axis {
    fn new(centre: f64, length: f64, target_first: f64, target_last: f64) -> Self {
        let first = centre - 0.5 * length;
        let last = centre + 0.5 * length;
        let common = last.min(target_last) - first.max(target_first);
        let hull = last.max(target_last) - first.min(target_first);

        // The slopes of a length whose ends are those of the box, where this is true.
        let slopes = |first: bool, last: bool| {
            let first = f64::from(u8::from(first));
            let last = f64::from(u8::from(last));
            [last - first, 0.5 * (last + first)]
        };
        let overlaps = common > 0.0;
        Axis {
            // From the ends, so that NaN in the centre is not lost.
            length: last - first,
            common: common.max(0.0),
            hull,
            common_in: slopes(
                overlaps && first > target_first,
                overlaps && last < target_last,
            ),
            hull_in: slopes(first < target_first, last > target_last),
        }
    }
}
