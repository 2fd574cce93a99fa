//! All steps of a cell, with the sums of a few rows and all gates of a vector of hidden units in
//! registers.

use super::step::Step;
use super::{DEPTH, LONG, Recurrent, RecurrentCell};
use crate::simd::{Op, Simd, each, unrolled, unrolled_tile};

/// The number of rows of the largest tile.
///
/// 3 rows of 4 sums are as many chains as keep the multiply-adds busy.
pub(super) const ROWS: usize = 3;

/// The sums of a tile: up to 4 for each vector of hidden units, of which there are `ROWS` at most.
/// They go through memory, so that the formulas are compiled once for all shapes of tiles.
pub(super) type Sums<S> = [[<S as Simd>::V; 4]; ROWS];

/// A cell as a tile: its sums and its formulas.
pub(super) trait TileCell: Copy {
    /// The number of passes over the hidden units in a step.
    fn passes(self) -> usize;

    /// Computes the sums of the `n` hidden units from `j`, at most a vector, of `MR` rows from `i`.
    ///
    /// # Safety
    /// They lie within the step.
    unsafe fn sums<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
        sums: &mut Sums<S>,
    );

    /// Computes the sums of two whole vectors of hidden units from `j` of row `i`, for a cell with one
    /// pass.
    ///
    /// # Safety
    /// They lie within the step.
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, at: (usize, usize), sums: &mut Sums<S>);

    /// Computes the formulas of the `n` hidden units from `j` of row `i`.
    ///
    /// # Safety
    /// They lie within the step.
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
        sums: [S::V; 4],
    );
}

/// All steps of a cell. The call was checked.
pub(super) struct StepsOp<'c, 'a, C> {
    pub cell: C,
    pub call: &'c mut Recurrent<'a, f32>,
}

impl<C: TileCell + RecurrentCell> Op for StepsOp<'_, '_, C> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let StepsOp { cell, call } = self;
        if call.samples == 0 || call.hidden == 0 {
            return;
        }

        let mut step = Step::new(cell, call);
        for number in 0..call.steps {
            step.set(number);
            for pass in 0..cell.passes() {
                // SAFETY: the call was checked, so that all rows of the step lie within it.
                unsafe { all_rows(s, cell, &step, pass) };
            }
            core::mem::swap(&mut step.h, &mut step.next);
        }

        // The state ends where it began. A call of `memcpy` would take longer for a few numbers.
        if call.steps % 2 == 1 {
            let (from, to) = (call.next.as_ptr(), call.h.as_mut_ptr());
            each(
                s,
                call.h.len(),
                // SAFETY: `each` gives i + n <= len, which is that of both, as was checked.
                #[inline(always)]
                |i, n| unsafe { s.put(to.add(i), s.get(from.add(i), n), n) },
            );
        }
    }
}

/// Computes a pass of a step for all rows and hidden units.
///
/// # Safety
/// The rows of the step lie within its slices.
#[inline(always)]
unsafe fn all_rows<S: Simd, C: TileCell>(s: S, cell: C, step: &Step, pass: usize) {
    let mut sums = [[s.zero(); 4]; ROWS];
    let mut i = 0;
    let mut j = 0;

    while j < step.hidden {
        // Each shape of tiles takes long to compile, so that the portable tier has few.
        let n = S::LANES.min(step.hidden - j);
        let is_pair = step.rows == 1 && cell.passes() == 1 && j + 2 * S::LANES <= step.hidden;
        let is_rows = S::LANES > 4 && n == S::LANES && i + ROWS <= step.rows;

        // SAFETY (all blocks): the hidden units from j and the rows from i are those of the step.
        let (rows, vectors) = if is_pair {
            unsafe { cell.pair(s, step, (i, j), &mut sums) };
            (1, 2)
        } else if is_rows {
            unsafe { cell.sums::<S, ROWS>(s, step, pass, (i, j, S::LANES), &mut sums) };
            (ROWS, 1)
        } else if n == S::LANES {
            unsafe { cell.sums::<S, 1>(s, step, pass, (i, j, S::LANES), &mut sums) };
            (1, 1)
        } else {
            unsafe { cell.sums::<S, 1>(s, step, pass, (i, j, n), &mut sums) };
            (1, 1)
        };

        for (v, &sums) in sums.iter().enumerate().take(rows.max(vectors)) {
            let at = if is_pair {
                (i, j + v * S::LANES, n)
            } else {
                (i + v, j, n)
            };
            unsafe { cell.finish(s, step, pass, at, sums) };
        }

        i += rows;
        if i == step.rows {
            i = 0;
            j += vectors * S::LANES;
        }
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

/// Adds the bias of each column, if there is one.
///
/// # Safety
/// The columns can be read, unless `bias` is null.
#[inline(always)]
pub(super) unsafe fn add_bias<S: Simd, const MR: usize, const N: usize>(
    s: S,
    acc: &mut [[S::V; N]; MR],
    bias: *const f32,
    right: &Right<N>,
) {
    if bias.is_null() {
        return;
    }
    unrolled::<N>(
        #[inline(always)]
        |v| {
            // SAFETY: guaranteed by the caller.
            let bias = unsafe { s.get(bias.wrapping_add(right.columns[v]), right.n) };
            unrolled::<MR>(
                #[inline(always)]
                |i| acc[i][v] = s.add(acc[i][v], bias),
            );
        },
    );
}

/// Adds a product to `acc`: one chain per element for each block of [`DEPTH`] inner indices, the
/// first of which begins with `acc`. The sums of blocks are added up in runs of [`LONG`] inner indices,
/// as in other products, so that no chain is long.
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
    let mut done = 0;
    let mut blocks = [[s.zero(); N]; MR];
    let mut runs = blocks;

    loop {
        let k = DEPTH.min(left.k - done);
        let rows = Left {
            at: left.at.wrapping_add(done),
            k,
            ..left
        };
        let columns = Right {
            at: right.at.wrapping_add(done * right.row),
            ..*right
        };
        // SAFETY: guaranteed by the caller.
        unsafe { add_block(s, acc, rows, &columns) };

        if done % LONG > 0 {
            add_tile(s, acc, &blocks);
        }
        done += k;
        if done == left.k {
            break;
        }

        let sums = core::mem::replace(acc, [[s.zero(); N]; MR]);
        if done % LONG > 0 {
            blocks = sums;
            continue;
        }
        let before = core::mem::replace(&mut runs, sums);
        if done > LONG {
            add_tile(s, &mut runs, &before);
        }
    }

    if done > LONG {
        add_tile(s, acc, &runs);
    }
}

/// Adds a tile to another.
#[inline(always)]
fn add_tile<S: Simd, const MR: usize, const N: usize>(
    s: S,
    acc: &mut [[S::V; N]; MR],
    other: &[[S::V; N]; MR],
) {
    unrolled_tile::<MR, N>(
        #[inline(always)]
        |i, v| acc[i][v] = s.add(other[i][v], acc[i][v]),
    );
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
