//! The windows of a convolution, and the padding by which it gives another shape.

use super::sentence::Sentence;
use crate::sizes::{self, TOO_LARGE};
use crate::tensor::Dims;

/// The windows of a convolution over images, or with one axis over sequences, which use the second of
/// each pair.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// The number of axes in addition to the channels.
    pub axes: usize,
    /// The distance from the first to the last position of a window.
    pub reach: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    /// The output padding, which makes the convolution a transposed one.
    pub output_pad: Option<[usize; 2]>,
}

/// The largest padding that is tried.
const MOST_PAD: usize = 64;

impl Windows {
    /// Returns the output size along an axis; 0 if the window does not fit.
    pub const fn along(&self, axis: usize, size: usize) -> usize {
        let reach = self.reach[axis];
        let pad = sizes::sum(&[self.pad[axis], self.pad[axis]]);

        if let Some(output_pad) = self.output_pad {
            let steps = sizes::product(&[size.saturating_sub(1), self.stride[axis]]);
            let full = sizes::sum(&[steps, reach, output_pad[axis], 1]);
            return if full == TOO_LARGE {
                TOO_LARGE
            } else {
                full.saturating_sub(pad)
            };
        }

        let padded = sizes::sum(&[size, pad]);
        if padded <= reach {
            0
        } else {
            (padded - reach - 1) / self.stride[axis] + 1
        }
    }

    /// Returns the option by which the output is `wanted`, such as `Pad<1>`: the smallest padding, or
    /// of a transposed convolution the smallest output padding.
    pub const fn option_for(&self, input: Dims, wanted: Dims) -> Option<Sentence> {
        if input.sizes().len() != self.axes + 1 || wanted.sizes().len() != self.axes + 1 {
            return None;
        }
        let first = 2 - self.axes;
        let mut found = [0; 2];
        let mut axis = first;
        while axis < 2 {
            let at = axis - first;
            match self.pad_for(axis, input.size(at), wanted.size(at)) {
                Some(pad) => found[axis] = pad,
                None => return None,
            }
            axis += 1;
        }

        let name = match self.output_pad {
            Some(_) => "OutputPad<",
            None => "Pad<",
        };
        let option = Sentence::new(name).number(found[first]);
        Some(if found[first] == found[1] {
            option.text(">")
        } else {
            option.text(", ").number(found[1]).text(">")
        })
    }

    /// Returns the smallest padding along an axis by which the output has the size `wanted`.
    const fn pad_for(&self, axis: usize, size: usize, wanted: usize) -> Option<usize> {
        let mut windows = *self;
        let mut pad = 0;
        while pad <= MOST_PAD {
            match &mut windows.output_pad {
                Some(_) if pad >= self.stride[axis] => return None,
                Some(output_pad) => output_pad[axis] = pad,
                None => windows.pad[axis] = pad,
            }
            if windows.along(axis, size) == wanted {
                return Some(pad);
            }
            pad += 1;
        }
        None
    }
}
