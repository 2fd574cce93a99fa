//! Detection of objects: boxes and their overlaps, non-maximum suppression, and a loss for networks
//! that give a box in each cell of a grid.
//!
//! | | |
//! |---|---|
//! | [`BoundingBox`] | an axis-aligned box: conversions, area, intersection over union, clipping |
//! | [`GroundTruth`], [`Detection`] | a box with its class; a box that was found, with a score |
//! | [`nms`], [`batched_nms`] | non-maximum suppression, over all classes and within each |
//! | [`Grid`], [`GridTarget`] | the boxes of an image as targets of a grid, and outputs as boxes |
//! | [`GridLoss`] | the loss of a network with outputs `[height, width, 5 + classes]` |
//!
//! [`MeanAveragePrecision`](crate::metrics::MeanAveragePrecision) says how good detections are.
//!
//! ```
//! use shapewright::detection::{Grid, GridLoss, GroundTruth, batched_nms};
//! use shapewright::prelude::*;
//!
//! network! {
//!     /// Finds objects of three classes in images of 32 by 32 pixels: a grid of 4 by 4 cells.
//!     struct Detector: [32, 32, 1] -> [4, 4, 5 + 3] {
//!         Conv2d<_, 8, 3, Stride<4>, Pad<1>>, Relu,
//!         Conv2d<_, 16, 3, Stride<2>, Pad<1>>, Relu,
//!         head: Conv2d<_, 8, 1>,
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Boxes are in pixels here. Any other unit does as well.
//! let grid = Grid::<4, 4, 3>::new(32.0, 32.0);
//! let object = GroundTruth::new([4.0, 4.0, 16.0, 20.0].into(), Label::new(2)?);
//! let image = Tensor3::from_fn(|[y, x, _]| {
//!     if (4..16).contains(&x) && (4..20).contains(&y) { 1.0 } else { 0.0 }
//! });
//! let targets = [grid.assign(&[object])?];
//!
//! let mut net = Detector::init(&mut shapewright::rng(0));
//! Detector::trainer(Adam::new(1e-2), GridLoss::<3>::new())
//!     .epochs(200)
//!     .fit(&mut net, &[image], &targets)?;
//!
//! let found = grid.decode(&net.forward(&image), 0.5)?;
//! let kept = batched_nms(&found, 0.5)?;
//! let best = found[kept[0]];
//! assert_eq!(best.label.index(), 2);
//! assert!(best.bbox.iou(&object.bbox) > 0.5);
//! # Ok(())
//! # }
//! ```

mod bounding_box;
mod detection_error;
mod grid;
mod grid_loss;
mod nms;

pub use bounding_box::BoundingBox;
pub use detection_error::DetectionError;
pub use grid::{Grid, GridTarget};
pub use grid_loss::GridLoss;
pub use nms::{batched_nms, nms};

use crate::loss::Label;

/// An object of an image: its box and its class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundTruth<const CLASSES: usize, T = f32> {
    /// The box around the object.
    pub bbox: BoundingBox<T>,
    /// Its class.
    pub label: Label<CLASSES>,
}

impl<const CLASSES: usize, T> GroundTruth<CLASSES, T> {
    /// Creates an object of a box and a class.
    pub const fn new(bbox: BoundingBox<T>, label: Label<CLASSES>) -> Self {
        GroundTruth { bbox, label }
    }
}

/// An object that a network has found: its box, its class, and how sure the network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection<const CLASSES: usize, T = f32> {
    /// The box around the object.
    pub bbox: BoundingBox<T>,
    /// Its class.
    pub label: Label<CLASSES>,
    /// The score, larger where the network is more sure: a probability, or any number but NaN.
    pub score: T,
}

impl<const CLASSES: usize, T> Detection<CLASSES, T> {
    /// Creates a detection of a box, a class and a score.
    pub const fn new(bbox: BoundingBox<T>, label: Label<CLASSES>, score: T) -> Self {
        Detection { bbox, label, score }
    }
}
