//! Outputs side by side: the parts of a tuple, or of a concatenation along the last axis.

use core::ops::Range;

use super::rule::last_size;
use crate::tensor::{Dims, Shape};

/// The layout of the joined outputs: rows that consist of one range of each part.
///
/// A row is a sample of a tuple, and otherwise the last axis.
pub(super) struct JoinedRows {
    tuple: bool,
    /// The length of a row.
    width: usize,
    /// The start of the next part's range.
    next_start: usize,
}

impl JoinedRows {
    pub fn new<Out: Shape>(tuple: bool) -> Self {
        let width = if tuple {
            Out::LEN
        } else {
            last_size(Out::DIMS)
        };
        JoinedRows {
            tuple,
            width,
            next_start: 0,
        }
    }

    /// Returns the range in a row of the next part, which has these dimensions.
    pub fn next_range(&mut self, dims: Dims) -> Range<usize> {
        let start = self.next_start;
        self.next_start += if self.tuple {
            dims.len()
        } else {
            last_size(dims)
        };
        start..self.next_start
    }

    /// Copies a part into its range of each row.
    pub fn scatter<T: Copy>(&self, range: Range<usize>, part: &[T], joined: &mut [T]) {
        for (from, row) in part
            .chunks_exact(range.len())
            .zip(joined.chunks_exact_mut(self.width))
        {
            row[range.clone()].copy_from_slice(from);
        }
    }

    /// Copies the range of a part in each row to the memory of the part.
    pub fn gather<T: Copy>(&self, range: Range<usize>, part: &mut [T], joined: &[T]) {
        for (to, row) in part
            .chunks_exact_mut(range.len())
            .zip(joined.chunks_exact(self.width))
        {
            to.copy_from_slice(&row[range.clone()]);
        }
    }
}
