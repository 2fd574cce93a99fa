//! Non-maximum suppression: one detection of each object is kept.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{Detection, DetectionError};
use crate::tensor::Element;

/// Returns the positions of the detections that remain after greedy non-maximum suppression, the
/// best first: a detection is dropped if its [`iou`](super::BoundingBox::iou) with one of a better
/// score that remains is above the threshold. Classes do not count. torchvision's `ops.nms`.
///
/// Of equal scores, the first in the list is the better one. The time grows with the square of the
/// number of detections: drop those of small scores first.
///
/// # Errors
/// Returns an error if a score or a coordinate is NaN, or the threshold is not from 0 to 1.
///
/// ```
/// use shapewright::detection::{Detection, batched_nms, nms};
/// use shapewright::loss::Label;
/// let class = |class| Label::<2>::new(class);
/// let found = [
///     Detection::new([0.0, 0.0, 4.0, 4.0].into(), class(0)?, 0.8),
///     Detection::new([0.0, 0.0, 4.0, 5.0].into(), class(0)?, 0.9),
///     Detection::new([0.0, 1.0, 4.0, 5.0].into(), class(1)?, 0.7),
///     Detection::new([8.0, 0.0, 9.0, 1.0].into(), class(0)?, 0.2),
/// ];
/// assert_eq!(nms(&found, 0.5)?, [1, 3]);
/// assert_eq!(batched_nms(&found, 0.5)?, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn nms<const CLASSES: usize, T: Element>(
    detections: &[Detection<CLASSES, T>],
    iou_threshold: f64,
) -> Result<Vec<usize>, DetectionError> {
    suppress(detections, iou_threshold, |_, _| true)
}

/// Returns the positions of the detections that remain after [`nms`] within each class, the best
/// first: detections of different classes may overlap. torchvision's `ops.batched_nms`.
///
/// # Errors
/// Returns the errors of [`nms`].
pub fn batched_nms<const CLASSES: usize, T: Element>(
    detections: &[Detection<CLASSES, T>],
    iou_threshold: f64,
) -> Result<Vec<usize>, DetectionError> {
    suppress(detections, iou_threshold, |a, b| a.label == b.label)
}

/// Returns the positions of the detections that remain if only those suppress each other for which
/// `compete` is true.
fn suppress<const CLASSES: usize, T: Element>(
    detections: &[Detection<CLASSES, T>],
    iou_threshold: f64,
    compete: impl Fn(&Detection<CLASSES, T>, &Detection<CLASSES, T>) -> bool,
) -> Result<Vec<usize>, DetectionError> {
    DetectionError::check_threshold("the IoU threshold", iou_threshold)?;
    let is_nan = |found: &Detection<CLASSES, T>| found.score.is_nan() || found.bbox.has_nan();
    if let Some(position) = detections.iter().position(is_nan) {
        return Err(DetectionError::NotANumber { position });
    }

    let mut order: Vec<usize> = (0..detections.len()).collect();
    order.sort_by(|&a, &b| by_falling_score(detections[a].score, detections[b].score));

    let mut kept = Vec::new();
    for at in order {
        let found = &detections[at];
        let is_suppressed = kept.iter().any(|&better: &usize| {
            let better = &detections[better];
            compete(better, found) && better.bbox.iou_f64(&found.bbox) > iou_threshold
        });
        if !is_suppressed {
            kept.push(at);
        }
    }
    Ok(kept)
}

/// Orders scores that are not NaN from the best to the worst.
fn by_falling_score<T: Element>(a: T, b: T) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}
