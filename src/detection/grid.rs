//! The boxes of an image as targets of a grid of cells, and outputs of a grid as boxes.

use alloc::vec::Vec;

use super::{BoundingBox, Detection, DetectionError, GroundTruth};
use crate::loss::Label;
use crate::memory::tensors;
use crate::tensor::{Element, Tensor1, Tensor3, double};

/// A grid of `H` rows and `W` columns of cells over an image, each of which can hold one object of
/// `CLASSES` classes.
///
/// A network over the grid has outputs `[H, W, 5 + CLASSES]`. The numbers of a cell are:
///
/// | number | meaning |
/// |---|---|
/// | 0 | the logit of whether the cell holds the centre of an object |
/// | 1, 2 | the logits of the centre's position in the cell, along `x` and `y` |
/// | 3, 4 | the logits of the box's width and height, as parts of the image's |
/// | from 5 on | the logits of the classes |
///
/// There are no anchors: a box is `sigmoid` of its four logits, within the cell (Redmon and Farhadi,
/// 2017, "YOLO9000") and within the image (Carion et al., 2020, "End-to-End Object Detection with
/// Transformers").
///
/// The size of the image is in the unit of the boxes. `x1 = 0` is the left side of the first
/// column, and `y1 = 0` the upper side of the first row.
///
/// ```
/// use shapewright::detection::{Grid, GroundTruth};
/// use shapewright::prelude::*;
/// let grid = Grid::<2, 3, 10>::new(60.0, 40.0);
/// let digit = GroundTruth::new([24.0, 22.0, 34.0, 36.0].into(), Label::new(7)?);
/// let target = grid.assign(&[digit])?;
///
/// // The centre is at (29, 29), in the second row and the second column.
/// assert_eq!(target.cell(1, 1), Some(Label::new(7)?));
/// assert_eq!(target.len(), 1);
///
/// let mut output = Tensor3::<2, 3, 15>::full(-9.0);
/// output[[1, 1, 0]] = 4.0;
/// output[[1, 1, 1]] = 0.0;
/// output[[1, 1, 5 + 7]] = 6.0;
/// let found = grid.decode(&output, 0.5)?;
/// assert_eq!(found.len(), 1);
/// assert_eq!((found[0].label.index(), found[0].bbox.to_cxcywh()[0]), (7, 30.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid<const H: usize, const W: usize, const CLASSES: usize> {
    width: f64,
    height: f64,
}

impl<const H: usize, const W: usize, const CLASSES: usize> Grid<H, W, CLASSES> {
    /// Creates a grid over images of a width and a height, in the unit of the boxes.
    ///
    /// # Panics
    /// Panics if a side is not above 0 and finite.
    pub const fn new(width: f64, height: f64) -> Self {
        assert!(
            width > 0.0 && width.is_finite() && height > 0.0 && height.is_finite(),
            "the width and the height of a `Grid` must be above 0, and finite"
        );
        Grid { width, height }
    }

    /// Assigns each object to the cell in which its centre lies (Redmon et al., 2016, "You Only
    /// Look Once"). Of several in one cell, the smallest is the target (Tian et al., 2019, "FCOS"),
    /// and of equals the first; the others are [dropped](GridTarget::dropped).
    ///
    /// # Errors
    /// Returns an error for the first box that has a coordinate of NaN, no area, or its centre
    /// outside of the image.
    pub fn assign<T: Element>(
        &self,
        objects: &[GroundTruth<CLASSES, T>],
    ) -> Result<GridTarget<H, W, CLASSES>, DetectionError> {
        let mut assigned = Vec::with_capacity(objects.len());
        for (position, object) in objects.iter().enumerate() {
            assigned.push(self.place(position, object)?);
        }

        // The smallest comes first among those of a cell, and the sort is stable.
        assigned.sort_by(|a, b| (a.cell.cmp(&b.cell)).then(a.area().total_cmp(&b.area())));
        assigned.dedup_by_key(|object| object.cell);
        Ok(GridTarget {
            dropped: objects.len() - assigned.len(),
            assigned,
        })
    }

    /// Returns the cell of an object and its box as parts of the image.
    fn place<T: Element>(
        &self,
        position: usize,
        object: &GroundTruth<CLASSES, T>,
    ) -> Result<Assigned<CLASSES>, DetectionError> {
        if object.bbox.has_nan() {
            return Err(DetectionError::NotANumber { position });
        }
        let xyxy = object.bbox.to_xyxy().map(double);
        let [x1, y1, x2, y2] = xyxy;
        let bbox = BoundingBox {
            x1: x1 / self.width,
            y1: y1 / self.height,
            x2: x2 / self.width,
            y2: y2 / self.height,
        };
        let area = bbox.area();
        if !(area > 0.0 && area.is_finite()) {
            return Err(DetectionError::NoArea { position, xyxy });
        }

        let [x, y, ..] = bbox.to_cxcywh();
        if !((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y)) {
            return Err(DetectionError::OutsideImage {
                position,
                centre: [x * self.width, y * self.height],
                image: [self.width, self.height],
            });
        }
        // A centre on the lower or right side of the image belongs to the last cell.
        let row = ((y * H as f64) as usize).min(H.saturating_sub(1));
        let column = ((x * W as f64) as usize).min(W.saturating_sub(1));
        Ok(Assigned {
            cell: row * W + column,
            bbox,
            label: object.label,
        })
    }

    /// Returns the objects that an output shows with a score of at least `min_score`, cell after
    /// cell. The class is the most probable one, and the score its probability times that of an
    /// object. [`batched_nms`](super::batched_nms) drops those that show an object once more.
    ///
    /// # Errors
    /// Returns an error if `min_score` is not from 0 to 1, or if a number of the output is NaN. Class
    /// logits of which two are plus infinity, or all minus infinity, are NaN as probabilities.
    pub fn decode<const CHANNELS: usize, T: Element>(
        &self,
        output: &Tensor3<H, W, CHANNELS, T>,
        min_score: f64,
    ) -> Result<Vec<Detection<CLASSES, T>>, DetectionError> {
        const { check_channels(CHANNELS, CLASSES) };
        DetectionError::check_threshold("the least score", min_score)?;

        let mut found = Vec::new();
        for (cell, numbers) in output.as_slice().chunks_exact(CHANNELS).enumerate() {
            let scores: &Tensor1<CLASSES, T> = &tensors(&numbers[BOX_END..], 1)[0];
            let label = scores.class();
            let score = sigmoid(double(numbers[0])).0 * probability(scores, label);
            let box_is_nan = numbers[1..BOX_END].iter().any(|x| x.is_nan());
            if score.is_nan() || box_is_nan {
                return Err(DetectionError::OutputNotANumber {
                    cell: [cell / W, cell % W],
                });
            }
            if score < min_score {
                continue;
            }

            let [x, y, width, height] = CellBox::<H, W>::new(cell, numbers).cxcywh;
            let bbox = BoundingBox::from_cxcywh([
                x * self.width,
                y * self.height,
                width * self.width,
                height * self.height,
            ]);
            found.push(Detection {
                bbox: BoundingBox::from_xyxy(bbox.to_xyxy().map(T::from_f64_lossy)),
                label,
                score: T::from_f64_lossy(score),
            });
        }
        Ok(found)
    }
}

/// The objects of an image in the cells of a [`Grid`], the target of a
/// [`GridLoss`](super::GridLoss). [`Grid::assign`] makes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridTarget<const H: usize, const W: usize, const CLASSES: usize> {
    /// By rising cells, of which each has one at most.
    pub(super) assigned: Vec<Assigned<CLASSES>>,
    dropped: usize,
}

impl<const H: usize, const W: usize, const CLASSES: usize> GridTarget<H, W, CLASSES> {
    /// Returns the number of objects that have a cell.
    pub fn len(&self) -> usize {
        self.assigned.len()
    }

    /// Returns whether no cell has an object.
    pub fn is_empty(&self) -> bool {
        self.assigned.is_empty()
    }

    /// Returns the number of objects that have no cell because a smaller one has the same. If it is
    /// large, the grid is too coarse.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Returns the class of the object in a cell, if there is one.
    pub fn cell(&self, row: usize, column: usize) -> Option<Label<CLASSES>> {
        let cell = (row < H && column < W).then(|| row * W + column)?;
        let object = self.assigned.iter().find(|object| object.cell == cell)?;
        Some(object.label)
    }
}

/// An object in its cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assigned<const CLASSES: usize> {
    /// The cell, counted row by row.
    pub cell: usize,
    /// The box in parts of the image's sides; it has an area.
    pub bbox: BoundingBox<f64>,
    pub label: Label<CLASSES>,
}

impl<const CLASSES: usize> Assigned<CLASSES> {
    fn area(&self) -> f64 {
        self.bbox.area()
    }
}

/// The position behind the four numbers of the box in a cell.
pub(super) const BOX_END: usize = 5;

/// Asserts, when the program is compiled, that the numbers of a cell are as many as they must be.
pub(super) const fn check_channels(channels: usize, classes: usize) {
    assert!(classes > 0, "a grid has at least one class");
    assert!(
        channels == BOX_END + classes,
        "a cell of the grid has 5 numbers and one for each class: the last axis of the output is \
         5 + CLASSES"
    );
}

/// The box that the numbers of a cell give, in parts of the image's sides.
pub(super) struct CellBox<const H: usize, const W: usize> {
    /// The centre and the sides.
    pub cxcywh: [f64; 4],
    /// The slopes of these four numbers in their logits.
    pub slopes: [f64; 4],
}

impl<const H: usize, const W: usize> CellBox<H, W> {
    /// Returns the box of a cell, which is counted row by row.
    pub fn new<T: Element>(cell: usize, numbers: &[T]) -> Self {
        let [x, y, width, height] = core::array::from_fn(|i| sigmoid(double(numbers[1 + i])));
        let column = (cell % W) as f64;
        let row = (cell / W) as f64;
        CellBox {
            cxcywh: [
                (column + x.0) / W as f64,
                (row + y.0) / H as f64,
                width.0,
                height.0,
            ],
            slopes: [x.1 / W as f64, y.1 / H as f64, width.1, height.1],
        }
    }
}

/// Returns the sigmoid of a number, and its slope there.
pub(super) fn sigmoid(x: f64) -> (f64, f64) {
    // `exp` of a number below 0 does not overflow.
    let e = libm::exp(-x.abs());
    let large = 1.0 / (1.0 + e);
    let small = e / (1.0 + e);
    (if x < 0.0 { small } else { large }, large * small)
}

/// Returns the softmax of the largest score, also as the limit where it is infinite.
fn probability<const CLASSES: usize, T: Element>(
    scores: &Tensor1<CLASSES, T>,
    largest: Label<CLASSES>,
) -> f64 {
    let max = scores[largest.index()];
    let power = |score: T| {
        if score == max && max == T::infinity() {
            1.0
        } else {
            libm::exp(double(score - max))
        }
    };
    let sum: f64 = scores.iter().map(|&score| power(score)).sum();
    let is_certain = max < T::infinity() || sum < 2.0;
    if is_certain { 1.0 / sum } else { f64::NAN }
}
