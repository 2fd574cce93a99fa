//! Sums over the columns of a matrix, and passes over it with numbers that belong to its columns.
//!
//! Columns are processed one strip at a time, so that the numbers that belong to them lie on the
//! stack. Narrow matrices are folded: several of their rows count as one, and the sums of the
//! copies of a column are added up at the end. Otherwise three channels would leave most lanes of a
//! vector empty.

use core::ops::{Deref, DerefMut};

use super::super::pairs::{Pairs, TERMS};
use super::super::simd::{Simd, each, unrolled};

/// The largest number of columns of a strip.
pub(super) const STRIP: usize = 64;

/// A number for each column of a strip. It is aligned, so that no vector of them lies in two cache
/// lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Columns([f32; STRIP]);

impl Columns {
    pub(super) const ZERO: Columns = Columns([0.0; STRIP]);
}

impl Deref for Columns {
    type Target = [f32; STRIP];

    #[inline(always)]
    fn deref(&self) -> &[f32; STRIP] {
        &self.0
    }
}

impl DerefMut for Columns {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32; STRIP] {
        &mut self.0
    }
}

/// Neighbouring groups of neighbouring columns, in all rows: at most a strip together, or a single
/// group.
#[derive(Clone, Copy)]
pub(super) struct Bundle {
    /// The number of rows and columns of the matrix.
    pub rows: usize,
    pub columns: usize,
    /// The first column of the bundle.
    pub first: usize,
    /// The number of groups, and the number of columns of each.
    pub groups: usize,
    pub size: usize,
}

impl Bundle {
    /// Returns all bundles of a matrix whose columns are groups of `size`.
    pub(super) fn all(rows: usize, columns: usize, size: usize) -> impl Iterator<Item = Bundle> {
        let groups = (STRIP / size).max(1);
        (0..columns).step_by(groups * size).map(move |first| {
            let groups = groups.min((columns - first) / size);
            Bundle {
                rows,
                columns,
                first,
                groups,
                size,
            }
        })
    }

    /// Returns the strips of the bundle.
    pub(super) fn strips(self) -> impl Iterator<Item = Strip> {
        let Bundle {
            rows,
            columns,
            first,
            groups,
            size,
        } = self;
        let widest = size.min(STRIP);
        (0..size).step_by(widest).map(move |offset| {
            let first = first + offset;
            let group_width = widest.min(size - offset);
            let width = groups * group_width;

            // A strip of whole rows can be folded.
            let fold = if width == columns { STRIP / columns } else { 1 };

            Strip {
                rows,
                columns,
                first,
                groups,
                group_width,
                fold,
            }
        })
    }
}

/// The same number of columns of each group of a bundle.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    rows: usize,
    columns: usize,
    pub first: usize,
    pub groups: usize,
    /// The number of columns of each group.
    pub group_width: usize,
    /// The number of rows that count as one.
    fold: usize,
}

impl Strip {
    /// Returns the number of columns.
    pub(super) fn width(&self) -> usize {
        self.groups * self.group_width
    }

    /// Panics unless the strip lies in a matrix of `len` elements.
    fn check(&self, len: usize) {
        assert_eq!(self.rows * self.columns, len);
        let inside = self.fold > 0 && (self.fold == 1 || self.width() == self.columns);
        assert!(
            inside
                && self.first + self.width() <= self.columns
                && self.fold * self.width() <= STRIP
        );
    }

    /// Returns `f` of each column's group and position, for all copies of a folded column.
    pub(super) fn each(&self, mut f: impl FnMut(usize, usize) -> f32) -> Columns {
        let mut columns = Columns::ZERO;
        let width = self.width();

        let mut column = self.first;
        for (group, values) in columns[..width]
            .chunks_exact_mut(self.group_width)
            .enumerate()
        {
            for value in values {
                *value = f(group, column);
                column += 1;
            }
        }

        for i in width..width * self.fold {
            columns[i] = columns[i - width];
        }
        columns
    }

    /// Sums `term(offset, column, n)` over the rows: `N` terms of each column, which a call gives
    /// for `n` columns. The matrix has `len` elements, within which all offsets lie.
    #[inline(always)]
    pub(super) fn sum<S: Simd, const N: usize>(
        self,
        s: S,
        len: usize,
        term: impl Fn(usize, usize, usize) -> [S::V; N],
    ) -> [Columns; N] {
        self.check(len);
        let mut sums = [Columns::ZERO; N];
        let mut pairs = Pairs::new();
        let width = self.fold * self.width();
        let whole = self.rows / self.fold;
        let step = self.fold * self.columns;
        // The last row may be shorter.
        let tail = self.width() * (self.rows % self.fold);

        let mut row = 0;
        while row < whole || row == whole && tail > 0 {
            let (rows, width) = if row < whole {
                (TERMS.min(whole - row), width)
            } else {
                (1, tail)
            };

            if row > 0 {
                pairs.push(sums, add_columns);
                sums = [Columns::ZERO; N];
            }

            let start = self.first + row * step;
            let mut j = 0;
            while j + 4 * S::LANES <= width {
                tile::<S, N, 4>(s, start, rows, step, j, S::LANES, &mut sums, &term);
                j += 4 * S::LANES;
            }
            while j < width {
                let n = S::LANES.min(width - j);
                tile::<S, N, 1>(s, start, rows, step, j, n, &mut sums, &term);
                j += n;
            }

            row += rows;
        }

        // The copies of folded columns.
        sums = pairs.finish(sums, add_columns);
        for sums in &mut sums {
            for copy in (self.width()..width).step_by(self.width()) {
                (0..self.width()).for_each(|i| sums[i] += sums[copy + i]);
            }
        }
        sums
    }

    /// Calls `f(offset, column, n)` for all elements, `n` at a time.
    #[inline(always)]
    pub(super) fn for_each<S: Simd>(
        self,
        s: S,
        len: usize,
        mut f: impl FnMut(usize, usize, usize),
    ) {
        self.check(len);
        for row in (0..self.rows).step_by(self.fold) {
            let start = self.first + row * self.columns;
            let width = self.width() * self.fold.min(self.rows - row);
            each(
                s,
                width,
                #[inline(always)]
                |j, n| f(start + j, j, n),
            );
        }
    }
}

/// Adds sums element by element.
#[inline(always)]
pub(super) fn add_columns<const N: usize>(mut a: [Columns; N], b: [Columns; N]) -> [Columns; N] {
    for (a, b) in a.iter_mut().zip(&b) {
        a.iter_mut().zip(&**b).for_each(|(a, &b)| *a += b);
    }
    a
}

/// Adds the terms of `rows` rows, `step` apart, to `sums`, for `NR` vectors of columns of `n`
/// lanes, starting at column `j`.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn tile<S: Simd, const N: usize, const NR: usize>(
    s: S,
    start: usize,
    rows: usize,
    step: usize,
    j: usize,
    n: usize,
    sums: &mut [Columns; N],
    term: &impl Fn(usize, usize, usize) -> [S::V; N],
) {
    let mut block = [[s.zero(); N]; NR];
    for row in 0..rows {
        unrolled::<NR>(
            #[inline(always)]
            |v| {
                let j = j + v * S::LANES;
                let terms = term(start + row * step + j, j, n);
                unrolled::<N>(
                    #[inline(always)]
                    |i| block[v][i] = s.add(block[v][i], terms[i]),
                );
            },
        );
    }

    unrolled::<NR>(
        #[inline(always)]
        |v| {
            unrolled::<N>(
                #[inline(always)]
                |i| {
                    let sums = &mut sums[i][j + v * S::LANES..][..n];
                    // SAFETY: `n` sums.
                    unsafe {
                        s.put(
                            sums.as_mut_ptr(),
                            s.add(s.get(sums.as_ptr(), n), block[v][i]),
                            n,
                        )
                    };
                },
            );
        },
    );
}

/// Loads `n` of the numbers that belong to the columns, from column `j`.
///
/// # Safety
/// `j + n` is at most `STRIP`.
#[inline(always)]
pub(super) unsafe fn at<S: Simd>(s: S, columns: &Columns, j: usize, n: usize) -> S::V {
    debug_assert!(j + n <= STRIP);
    // SAFETY: guaranteed by the caller.
    unsafe { s.get(columns.as_ptr().add(j), n) }
}
