//! Pooling and interpolation over channels-last images: windows along two axes, with the channels
//! of a pixel contiguous. A sequence is an image of one row.

use crate::memory::buffers;
use crate::sizes;

mod axis;
mod max;
mod mean;
pub(super) mod reference;

pub use axis::{Axis, Reach};
pub(super) use max::{MaxPoolGradOp, MaxPoolOp};
pub(super) use mean::MeanPoolOp;

/// The two axes and the number of channels. The input of each sample is `[rows][cols][channels]`
/// with the input lengths of the axes, and the output likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    pub rows: Axis,
    pub cols: Axis,
    pub channels: usize,
}

/// The divisor of the sum over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// 1: it stays a sum.
    One,
    /// The size of the window, padding included.
    Kernel,
    /// The number of positions of the window that are not padding.
    Count,
}

/// Sums over windows, divided as `divide` says, or interpolations: from the inputs `x` to the outputs
/// `y`. If `transposed`, `x` is a gradient with respect to the outputs, and `y` becomes the gradient
/// with respect to the inputs.
#[derive(Debug)]
pub struct MeanPool<'a, T> {
    pub plane: &'a Plane,
    pub divide: Divisor,
    pub transposed: bool,
    pub x: &'a [T],
    pub y: &'a mut [T],
    /// Memory for the weights of an interpolation, which may hold anything before and afterwards.
    ///
    /// [`Plane::mean_memory`] gives its length. The `f32` kernel panics if the weights do not fit;
    /// that of `f64` needs no memory.
    pub memory: &'a mut [T],
}

impl Plane {
    /// Returns the largest number of elements of [`MeanPool::memory`] that such a pooling uses in
    /// any tier.
    pub const fn mean_memory(&self, divide: Divisor, transposed: bool) -> usize {
        if !mean::is_weighted(self, divide, transposed) {
            return 0;
        }
        buffers(&[self.rows.all_reads(), self.cols.all_reads()])
    }

    /// Returns the numbers of elements of a sample's input and output.
    pub(super) const fn lens(&self) -> (usize, usize) {
        let Plane {
            rows,
            cols,
            channels,
        } = *self;
        (
            sizes::product(&[rows.input, cols.input, channels]),
            sizes::product(&[rows.output, cols.output, channels]),
        )
    }

    /// Returns whether the positions of both axes can be counted, and the elements at them.
    pub const fn is_countable(&self) -> bool {
        let (input, output) = self.lens();
        let numbers = sizes::countable(input) && sizes::countable(output);
        numbers && self.rows.is_countable() && self.cols.is_countable()
    }

    /// Returns the number of samples. Panics unless the lengths fit, and every position that a
    /// window reads is on the axis.
    pub(super) fn samples(&self, name: &str, inputs: usize, outputs: usize) -> usize {
        let (input, output) = self.lens();
        self.rows.check(name);
        self.cols.check(name);
        if input == 0 || output == 0 {
            assert!(
                inputs == 0 && outputs == 0,
                "{name}: places without elements"
            );
            return 0;
        }

        let samples = outputs / output;
        assert!(
            Some(inputs) == samples.checked_mul(input) && outputs == samples * output,
            "{name}: {inputs} inputs and {outputs} outputs are not samples of {input} and {output}"
        );
        samples
    }
}
