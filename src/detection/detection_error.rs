//! What is wrong with boxes.

use core::fmt;

/// The error of boxes that can't be compared, or that can't be targets of a grid.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DetectionError {
    /// A score or a coordinate of a detection, or a coordinate of a target, is NaN.
    NotANumber {
        /// The position of the detection or the target in the list.
        position: usize,
    },
    /// An output of the network is NaN, or its class has no probability.
    OutputNotANumber {
        /// The row and the column of the cell.
        cell: [usize; 2],
    },
    /// A threshold is not in its range.
    Threshold {
        /// The threshold: "the IoU threshold".
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The box of a target has no area.
    NoArea {
        /// The position of the target in the list.
        position: usize,
        /// The corners of the box.
        xyxy: [f64; 4],
    },
    /// The centre of a target's box is outside of the image.
    OutsideImage {
        /// The position of the target in the list.
        position: usize,
        /// The centre of the box.
        centre: [f64; 2],
        /// The width and the height of the image.
        image: [f64; 2],
    },
}

impl fmt::Display for DetectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DetectionError::NotANumber { position } => write!(
                f,
                "the box or the score at position {position} is NaN; see whether the training \
                 diverged"
            ),
            DetectionError::OutputNotANumber {
                cell: [row, column],
            } => write!(
                f,
                "the network's output in the cell of row {row} and column {column} is NaN, or its \
                 class logits have no softmax; see whether the training diverged"
            ),
            DetectionError::Threshold { name, value } => {
                write!(f, "{name} is {value}, but must be from 0 to 1")
            }
            DetectionError::NoArea { position, xyxy } => write!(
                f,
                "the box at position {position} has no area: its corners are {xyxy:?}, but x1 must \
                 be less than x2 and y1 less than y2, and all of them finite; leave such boxes out"
            ),
            DetectionError::OutsideImage {
                position,
                centre: [x, y],
                image: [width, height],
            } => write!(
                f,
                "the box at position {position} has its centre at ({x}, {y}), outside of the image \
                 of {width} by {height}; give the grid the image's size in the unit of the boxes, \
                 or clip the boxes"
            ),
        }
    }
}

impl core::error::Error for DetectionError {}

impl DetectionError {
    /// Checks that a threshold is from 0 to 1.
    pub(super) fn check_threshold(name: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..=1.0).contains(&value) {
            Ok(())
        } else {
            Err(DetectionError::Threshold { name, value })
        }
    }
}
