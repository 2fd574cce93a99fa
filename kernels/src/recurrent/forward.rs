//! All steps of a cell, with the sums of a few rows and all gates of a vector of hidden units in
//! registers.

use super::cells::Step;
use super::{DEPTH, Recurrent, RecurrentCell};
use crate::simd::{Op, Simd, unrolled, unrolled_tile};

/// A cell as a tile: its sums and its formulas.
pub(super) trait TileCell: Copy {
    /// The number of passes over the hidden units in a step.
    fn passes(self) -> usize;

    /// Computes the hidden units from `j`, of which a vector has `n`, of `MR` rows from `i`.
    ///
    /// # Safety
    /// They lie within the step.
    unsafe fn tile<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
    );

    /// Computes two whole vectors of hidden units from `j` of row `i`.
    ///
    /// # Safety
    /// They lie within the step.
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, pass: usize, i: usize, j: usize);
}

/// All steps of a cell. The call was checked.
pub(super) struct StepsOp<'a, C> {
    pub cell: C,
    pub call: Recurrent<'a, f32>,
}

impl<C: TileCell + RecurrentCell> Op for StepsOp<'_, C> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let StepsOp { cell, mut call } = self;
        if call.samples == 0 || call.hidden == 0 {
            return;
        }

        let mut step = Step::new(cell, &mut call);
        for number in 0..call.steps {
            step.set(number);
            for pass in 0..cell.passes() {
                // SAFETY: the call was checked, so that all rows of the step lie within it.
                unsafe { all_rows(s, cell, &step, pass) };
            }
            core::mem::swap(&mut step.h, &mut step.next);
        }

        // The state ends where it began.
        if call.steps % 2 == 1 {
            call.h.copy_from_slice(call.next);
        }
    }
}

/// Computes a pass of a step for all rows and hidden units.
///
/// # Safety
/// The rows of the step lie within its slices.
#[inline(always)]
unsafe fn all_rows<S: Simd, C: TileCell>(s: S, cell: C, step: &Step, pass: usize) {
    let mut j = 0;

    // SAFETY (all blocks): the hidden units from j and the rows from i are those of the step.
    if step.rows == 1 {
        while j + 2 * S::LANES <= step.hidden {
            unsafe { cell.pair(s, step, pass, 0, j) };
            j += 2 * S::LANES;
        }
    }

    while j < step.hidden {
        let n = S::LANES.min(step.hidden - j);
        if n == S::LANES {
            unsafe { rows(s, cell, step, pass, j) };
        } else {
            for i in 0..step.rows {
                unsafe { cell.tile::<S, 1>(s, step, pass, (i, j, n)) };
            }
        }
        j += S::LANES;
    }
}

/// Computes a whole vector of hidden units from `j`, of all rows.
///
/// 3 rows of 4 sums are as many chains as keep the multiply-adds busy. Each width of tiles takes long
/// to compile, so that the portable tier has single rows alone.
///
/// # Safety
/// As for `all_rows`.
#[inline(always)]
unsafe fn rows<S: Simd, C: TileCell>(s: S, cell: C, step: &Step, pass: usize, j: usize) {
    let mut i = 0;

    // SAFETY (both blocks): as many rows are left.
    if const { S::LANES > 4 } {
        while i + 3 <= step.rows {
            unsafe { cell.tile::<S, 3>(s, step, pass, (i, j, S::LANES)) };
            i += 3;
        }
    }
    while i < step.rows {
        unsafe { cell.tile::<S, 1>(s, step, pass, (i, j, S::LANES)) };
        i += 1;
    }
}

/// Rows of a matrix on the left of a product: `k` numbers each, `row` apart.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub at: *const f32,
    pub row: usize,
    pub k: usize,
}

/// Columns of a matrix on the right: vectors of `n` columns at each of `columns`.
#[derive(Clone, Copy)]
pub(super) struct Right<const N: usize> {
    pub at: *const f32,
    pub row: usize,
    pub columns: [usize; N],
    pub n: usize,
}

/// Loads the bias of each column, or 0 without a bias.
///
/// # Safety
/// The columns can be read, unless `bias` is null.
#[inline(always)]
pub(super) unsafe fn bias<S: Simd, const N: usize>(
    s: S,
    bias: *const f32,
    right: &Right<N>,
) -> [S::V; N] {
    let mut row = [s.zero(); N];
    if !bias.is_null() {
        unrolled::<N>(
            #[inline(always)]
            |v| {
                // SAFETY: guaranteed by the caller.
                row[v] = unsafe { s.get(bias.wrapping_add(right.columns[v]), right.n) };
            },
        );
    }
    row
}

/// Adds a product to `acc`: one chain per element for each block of [`DEPTH`] inner indices, the
/// first of which begins with `acc`.
///
/// # Safety
/// All elements can be read.
#[inline(always)]
pub(super) unsafe fn add_product<S: Simd, const MR: usize, const N: usize>(
    s: S,
    acc: &mut [[S::V; N]; MR],
    left: Left,
    right: &Right<N>,
) {
    let first = left.k.min(DEPTH);
    // SAFETY (all blocks): guaranteed by the caller.
    unsafe { add_block(s, acc, Left { k: first, ..left }, right) };

    let mut done = first;
    while done < left.k {
        let k = DEPTH.min(left.k - done);
        let mut block = [[s.zero(); N]; MR];
        let left = Left {
            at: left.at.wrapping_add(done),
            k,
            ..left
        };
        let right = Right {
            at: right.at.wrapping_add(done * right.row),
            ..*right
        };
        unsafe { add_block(s, &mut block, left, &right) };

        unrolled_tile::<MR, N>(
            #[inline(always)]
            |i, v| acc[i][v] = s.add(acc[i][v], block[i][v]),
        );
        done += k;
    }
}

/// Adds a product in one chain per element.
///
/// # Safety
/// All elements can be read.
#[inline(always)]
unsafe fn add_block<S: Simd, const MR: usize, const N: usize>(
    s: S,
    acc: &mut [[S::V; N]; MR],
    left: Left,
    right: &Right<N>,
) {
    let mut b = right.at;
    for p in 0..left.k {
        let mut row = [s.zero(); N];
        unrolled::<N>(
            #[inline(always)]
            |v| {
                // SAFETY: guaranteed by the caller.
                row[v] = unsafe { s.get(b.wrapping_add(right.columns[v]), right.n) };
            },
        );
        unrolled::<MR>(
            #[inline(always)]
            |i| {
                // SAFETY: guaranteed by the caller.
                let x = s.splat(unsafe { *left.at.wrapping_add(i * left.row + p) });
                unrolled::<N>(
                    #[inline(always)]
                    |v| acc[i][v] = s.fma(x, row[v], acc[i][v]),
                );
            },
        );
        b = b.wrapping_add(right.row);
    }
}
