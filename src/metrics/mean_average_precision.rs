//! The mean average precision of detections.

use super::{Measures, Metric, MetricError, assert_same_length};
use crate::detection::{Detection, GroundTruth};
use crate::loss::Label;
use crate::sum::Sum;
use crate::tensor::{Element, double};

/// The number of thresholds of the intersection over union.
const THRESHOLDS: usize = 10;
/// The number of recalls at which the precision is read.
const RECALLS: usize = 101;
/// The largest number of detections of an image and a class that count.
const MAX_DETECTIONS: usize = 100;

/// The mean average precision (mAP) of detections, as COCO defines it (Lin et al., 2014) and
/// pycocotools and torchmetrics compute it, for annotations without crowds and objects of any size.
///
/// Outputs are the detections of an image, targets are its objects: a vector of each. A detection is
/// right if its [`iou`](crate::detection::BoundingBox::iou) with an object of its class is at least
/// the threshold, and no detection of a better score has taken that object. The average precision of
/// a class is the mean of the precisions at the 101 recalls 0, 0.01, .., 1, each the best one at that
/// recall or above. [`value`](Metric::value) is its mean over the thresholds 0.5, 0.55, .., 0.95 and
/// over the classes that have objects.
///
/// Of the detections of an image and a class, the 100 best count. Of equal scores, the first is the
/// better one. The detections of classes without objects do not count. A box of NaN overlaps none.
/// The metric keeps a few bytes for each detection. The values are errors if there was no object, or
/// if a score was NaN.
///
/// ```
/// use shapewright::detection::{Detection, GroundTruth};
/// use shapewright::metrics::MeanAveragePrecision;
/// use shapewright::prelude::*;
/// let cat = Label::<2>::new(1)?;
/// let objects = vec![GroundTruth::new([0.0, 0.0, 10.0, 10.0].into(), cat)];
/// let found = vec![
///     Detection::new([0.0, 0.0, 10.0, 8.0].into(), cat, 0.9),
///     Detection::new([5.0, 5.0, 9.0, 9.0].into(), cat, 0.3),
/// ];
///
/// let mut map = MeanAveragePrecision::new();
/// map.update(&[found], &[objects]);
/// assert_eq!(map.map_50()?, 1.0);
/// // The overlap of 0.8 is enough for the thresholds 0.5 to 0.8: 7 of 10.
/// assert!((map.value()? - 0.7).abs() < 1e-12);
/// assert_eq!(map.map_per_class()?[0], None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MeanAveragePrecision<const CLASSES: usize> {
    classes: Vec<Class>,
    images: usize,
    /// The first image with a score of NaN.
    not_a_number: Option<usize>,
}

/// The objects and the detections of one class.
#[derive(Clone, Debug, Default)]
struct Class {
    objects: usize,
    detections: Vec<Scored>,
}

/// A detection of one class.
#[derive(Clone, Copy, Debug)]
struct Scored {
    score: f64,
    /// True where it is right, for each threshold.
    is_right: [bool; THRESHOLDS],
}

impl<const CLASSES: usize> Default for MeanAveragePrecision<CLASSES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CLASSES: usize> MeanAveragePrecision<CLASSES> {
    /// Creates the metric, before the first image.
    pub fn new() -> Self {
        MeanAveragePrecision {
            classes: vec![Class::default(); CLASSES],
            images: 0,
            not_a_number: None,
        }
    }

    /// Returns the mean average precision at an intersection over union of 0.5.
    ///
    /// # Errors
    /// Returns the errors of [`Metric::value`].
    pub fn map_50(&self) -> Result<f64, MetricError> {
        self.mean_over_classes(|class| class.average_precision(0))
    }

    /// Returns the mean average precision at an intersection over union of 0.75.
    ///
    /// # Errors
    /// Returns the errors of [`Metric::value`].
    pub fn map_75(&self) -> Result<f64, MetricError> {
        self.mean_over_classes(|class| class.average_precision(5))
    }

    /// Returns the mean average recall: the part of the objects that is found, as the mean over
    /// thresholds and classes. torchmetrics' `mar_100`.
    ///
    /// # Errors
    /// Returns the errors of [`Metric::value`].
    pub fn mar_100(&self) -> Result<f64, MetricError> {
        self.mean_over_classes(|class| over_thresholds(|threshold| class.recall(threshold)))
    }

    /// Returns the average precision of each class, as the mean over the thresholds; `None` for a
    /// class without objects.
    ///
    /// # Errors
    /// Returns the errors of [`Metric::value`].
    pub fn map_per_class(&self) -> Result<Vec<Option<f64>>, MetricError> {
        self.check()?;
        let classes = self.classes.iter();
        Ok(classes
            .map(|class| (class.objects > 0).then(|| class.sorted().mean_average_precision()))
            .collect())
    }

    /// Returns the mean of a value over the classes that have objects.
    fn mean_over_classes(&self, value: impl Fn(&Class) -> f64) -> Result<f64, MetricError> {
        self.check()?;
        let with_objects = self.classes.iter().filter(|class| class.objects > 0);
        let sum: Sum = (with_objects.clone())
            .map(|class| value(&class.sorted()))
            .collect();
        Ok(sum.mean(with_objects.count()))
    }

    fn check(&self) -> Result<(), MetricError> {
        if let Some(sample) = self.not_a_number {
            return Err(MetricError::NotANumber { sample });
        }
        if self.classes.iter().all(|class| class.objects == 0) {
            return Err(MetricError::NoObjects {
                images: self.images,
            });
        }
        Ok(())
    }

    /// Counts the detections and the objects of one class in one image.
    fn add_class<T: Element>(
        &mut self,
        label: Label<CLASSES>,
        found: &[Detection<CLASSES, T>],
        objects: &[GroundTruth<CLASSES, T>],
    ) {
        let objects: Vec<_> = objects.iter().filter(|o| o.label == label).collect();
        let mut found: Vec<_> = found.iter().filter(|d| d.label == label).collect();
        found.sort_by(|a, b| by_falling_score(double(a.score), double(b.score)));
        found.truncate(MAX_DETECTIONS);

        let class = &mut self.classes[label.index()];
        class.objects += objects.len();
        let mut is_taken = vec![[false; THRESHOLDS]; objects.len()];
        for detection in found {
            let ious: Vec<f64> = (objects.iter())
                .map(|object| detection.bbox.iou_f64(&object.bbox))
                .collect();
            let is_right = core::array::from_fn(|threshold| {
                let taken = best_match(iou_threshold(threshold), &ious, |object: usize| {
                    !is_taken[object][threshold]
                });
                if let Some(object) = taken {
                    is_taken[object][threshold] = true;
                }
                taken.is_some()
            });
            class.detections.push(Scored {
                score: double(detection.score),
                is_right,
            });
        }
    }
}

impl<const CLASSES: usize> Metric for MeanAveragePrecision<CLASSES> {
    fn name(&self) -> String {
        "mAP".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        self.mean_over_classes(Class::mean_average_precision)
    }
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const CLASSES: usize, T: Element>
    Measures<Vec<Detection<CLASSES, T>>, Vec<GroundTruth<CLASSES, T>>>
    for MeanAveragePrecision<CLASSES>
{
    fn update(
        &mut self,
        outputs: &[Vec<Detection<CLASSES, T>>],
        targets: &[Vec<GroundTruth<CLASSES, T>>],
    ) {
        assert_same_length(outputs, targets);
        for (found, objects) in outputs.iter().zip(targets) {
            if found.iter().any(|detection| detection.score.is_nan()) {
                self.not_a_number.get_or_insert(self.images);
            }
            self.images += 1;

            let of_found = found.iter().map(|detection| detection.label);
            let of_objects = objects.iter().map(|object| object.label);
            let mut labels: Vec<_> = of_found.chain(of_objects).collect();
            labels.sort_unstable();
            labels.dedup();
            for label in labels {
                self.add_class(label, found, objects);
            }
        }
    }
}

impl Class {
    /// Returns the class with its detections by falling score, and in their order where scores are
    /// equal.
    fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted
            .detections
            .sort_by(|a, b| by_falling_score(a.score, b.score));
        sorted
    }

    fn mean_average_precision(&self) -> f64 {
        over_thresholds(|threshold| self.average_precision(threshold))
    }

    /// Returns the average precision at a threshold, of detections that are sorted.
    fn average_precision(&self, threshold: usize) -> f64 {
        let mut right = 0_usize;
        let mut curve: Vec<(f64, f64)> = Vec::with_capacity(self.detections.len());
        for (i, detection) in self.detections.iter().enumerate() {
            right += usize::from(detection.is_right[threshold]);
            let recall = right as f64 / self.objects as f64;
            curve.push((recall, right as f64 / (i + 1) as f64));
        }

        // The best precision at each recall or above.
        let mut best = 0.0;
        for (_, precision) in curve.iter_mut().rev() {
            best = precision.max(best);
            *precision = best;
        }

        let precisions = (0..RECALLS).map(|i| {
            let wanted = i as f64 * (1.0 / (RECALLS - 1) as f64);
            let reached = curve.partition_point(|&(recall, _)| recall < wanted);
            curve.get(reached).map_or(0.0, |&(_, precision)| precision)
        });
        precisions.collect::<Sum>().mean(RECALLS)
    }

    fn recall(&self, threshold: usize) -> f64 {
        let right = self.detections.iter().filter(|d| d.is_right[threshold]);
        right.count() as f64 / self.objects as f64
    }
}

/// Returns the free object with the largest overlap that is at least the threshold; of equals the
/// last, as in pycocotools.
fn best_match(threshold: f64, ious: &[f64], is_free: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best = None;
    let mut least = threshold;
    for (object, &iou) in ious.iter().enumerate() {
        if iou >= least && is_free(object) {
            least = iou;
            best = Some(object);
        }
    }
    best
}

/// Returns a threshold of the intersection over union, computed as NumPy's `linspace` does.
fn iou_threshold(i: usize) -> f64 {
    0.5 + i as f64 * ((0.95 - 0.5) / (THRESHOLDS - 1) as f64)
}

fn over_thresholds(value: impl Fn(usize) -> f64) -> f64 {
    let values = (0..THRESHOLDS).map(value);
    values.collect::<Sum>().mean(THRESHOLDS)
}

/// Orders scores from the best to the worst; NaN is an error later.
fn by_falling_score(a: f64, b: f64) -> core::cmp::Ordering {
    b.partial_cmp(&a).unwrap_or(core::cmp::Ordering::Equal)
}
