//! The error of a picture that was not drawn.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// The error of a picture that was not drawn. A file that was at its place is unchanged.
#[derive(Debug)]
#[non_exhaustive]
pub enum PlotError {
    /// The end of the file's name is no format that this can be drawn in.
    Ending {
        /// The file that was to be written.
        path: PathBuf,
        /// The ends that are possible.
        possible: &'static [&'static str],
    },
    /// There is nothing to draw.
    Empty {
        /// The part that is missing, and the way out.
        reason: &'static str,
    },
    /// The number of pixels does not match the image's sizes, or the channels are neither 1 nor 3.
    Pixels {
        /// Height, width and channels.
        sizes: [usize; 3],
        /// The number of values.
        found: usize,
    },
    /// The range of an image's values is empty or not finite.
    Range {
        /// The value that is to be black.
        low: f32,
        /// The value that is to be white.
        high: f32,
    },
    /// The picture would be larger than the limit of 2^27 pixels.
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
        /// The picture's width.
        width: u64,
        /// The picture's height.
        height: u64,
    },
    /// The drawing failed.
    Drawing {
        /// The reason.
        reason: String,
    },
    /// The file can't be written.
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

impl fmt::Display for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlotError::Ending { path, possible } => {
                let possible: Vec<String> = possible.iter().map(|end| format!(".{end}")).collect();
                let name = path.display();
                write!(
                    f,
                    "the format of `{name}` is not known: let its name end in {}",
                    possible.join(" or ")
                )
            }
            PlotError::Empty { reason } => f.write_str(reason),
            PlotError::Pixels {
                sizes: [height, width, channels],
                ..
            } if !matches!(channels, 1 | 3) => {
                write!(
                    f,
                    "an image of {height} by {width} pixels has {channels} channels; 1 (grey) and 3 (red, green, blue) can \
                 be drawn"
                )
            }
            PlotError::Pixels {
                sizes: [height, width, channels],
                found,
            } => write!(
                f,
                "an image of the height {height}, the width {width} and {channels} channels has more than 0 and \
                 {height} x {width} x {channels} numbers, but there are {found}"
            ),
            PlotError::Range { low, high } => {
                write!(
                    f,
                    "the values of an image from {low} to {high} are no range; give a low and a higher number"
                )
            }
            PlotError::TooLarge {
                path,
                width,
                height,
            } => write!(
                f,
                "`{}` would have {width} by {height} pixels, which is too large; draw less, or smaller",
                path.display()
            ),
            PlotError::Drawing { reason } => write!(f, "the picture can't be drawn: {reason}"),
            PlotError::Write { path, error } => {
                write!(
                    f,
                    "the picture can't be written to `{}`: {error}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for PlotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PlotError::Write { error, .. } => Some(error),
            _ => None,
        }
    }
}
