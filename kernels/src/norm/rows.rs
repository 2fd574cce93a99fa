//! Normalization of rows, with one weight and one bias for each of their elements.

use super::super::args::{check_same, rows_of};
use super::super::pairs::{Pairs, TERMS};
use super::super::simd::{Op, Simd, adding, each, sums_of};
use super::{STATISTICS, Statistics, check_optional, near_mean};

/// The normalization `y = normalized(x) * weight + bias` of each row. `normalized` has mean 0 and
/// variance 1 over the row or, if not `centered`, mean square 1.
#[derive(Clone, Copy, Debug)]
pub struct RowNorm<'a, T> {
    pub width: usize,
    pub centered: bool,
    pub eps: T,
    /// One for each element of a row, or none.
    pub weight: &'a [T],
    /// One for each element of a row, or none.
    pub bias: &'a [T],
}

impl<T> RowNorm<'_, T> {
    /// Panics unless the lengths fit. `kept` is the number of statistics, which may be 0 if
    /// `optional`.
    pub(super) fn check(&self, x: usize, y: usize, kept: usize, optional: bool) {
        let rows = rows_of("row_norm", x, self.width);
        check_same("row_norm", x, y);
        check_optional("row_norm", "weights", self.weight.len(), self.width);
        check_optional("row_norm", "biases", self.bias.len(), self.width);
        let fits = kept == rows * STATISTICS || optional && kept == 0;
        assert!(fits, "row_norm: {kept} statistics for {rows} rows");
    }
}

/// The gradients of weights and biases: `sum(dy * normalized(x))` and `sum(dy)` over all rows.
#[derive(Debug)]
pub struct RowNormSums<'a, T> {
    pub width: usize,
    /// The element of a row to which the first sum belongs.
    pub first: usize,
    pub x: &'a [T],
    pub statistics: &'a [T],
    pub dy: &'a [T],
    /// The gradients of the weights, one for each of some neighbouring elements of a row.
    pub weight: &'a mut [T],
    /// The gradients of the biases, as many, or none.
    pub bias: &'a mut [T],
    pub accumulate: bool,
}

impl<T> RowNormSums<'_, T> {
    /// Panics unless the lengths fit. Returns the number of rows.
    pub(super) fn check(&self) -> usize {
        let rows = rows_of("row_norm_sums", self.x.len(), self.width);
        check_same("row_norm_sums", self.x.len(), self.dy.len());
        check_optional(
            "row_norm_sums",
            "biases",
            self.bias.len(),
            self.weight.len(),
        );
        assert_eq!(
            self.statistics.len(),
            rows * STATISTICS,
            "row_norm_sums: statistics of {rows} rows"
        );

        let end = self.first.checked_add(self.weight.len());
        assert!(
            end.is_some_and(|end| end <= self.width),
            "row_norm_sums: more sums than elements in a row"
        );
        rows
    }
}

/// Loads `count` weights from `first`, or `otherwise` if there are none.
///
/// # Safety
/// There are none, or `first + count` of them.
#[inline(always)]
unsafe fn some_of<S: Simd>(
    s: S,
    weight: &[f32],
    first: usize,
    count: usize,
    otherwise: f32,
) -> S::V {
    if weight.is_empty() {
        s.splat(otherwise)
    } else {
        // SAFETY: guaranteed by the caller.
        unsafe { s.get(weight.as_ptr().add(first), count) }
    }
}

/// Statistics, each in all lanes of a vector.
struct Lanes<V> {
    near: V,
    rest: V,
    inverse: V,
}

impl<V: Copy> Lanes<V> {
    #[inline(always)]
    fn of<S: Simd<V = V>>(s: S, row: Statistics<f32>) -> Self {
        Lanes {
            near: s.splat(row.near),
            rest: s.splat(row.rest),
            inverse: s.splat(row.inverse),
        }
    }

    #[inline(always)]
    fn normalize<S: Simd<V = V>>(&self, s: S, x: V) -> V {
        s.mul(s.sub(s.sub(x, self.near), self.rest), self.inverse)
    }
}

/// The forward pass of [`RowNorm`].
pub(super) struct RowNormOp<'a> {
    pub norm: RowNorm<'a, f32>,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub statistics: &'a mut [f32],
}

impl Op for RowNormOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let RowNormOp {
            norm,
            x,
            y,
            statistics,
        } = self;
        norm.check(x.len(), y.len(), statistics.len(), true);

        let width = norm.width.max(1);
        for (index, (x, y)) in x
            .chunks_exact(width)
            .zip(y.chunks_exact_mut(width))
            .enumerate()
        {
            let row = of_row(s, &norm, x);
            row.write(statistics, index);

            let row = Lanes::of(s, row);
            let x = x.as_ptr();
            let y = y.as_mut_ptr();
            each(
                s,
                width,
                #[inline(always)]
                |i, n| {
                    // SAFETY: `each` gives i + n <= width, the length of both rows and of the
                    // weights and biases.
                    unsafe {
                        let weight = some_of(s, norm.weight, i, n, 1.0);
                        let bias = some_of(s, norm.bias, i, n, 0.0);
                        s.put(
                            y.add(i),
                            s.fma(row.normalize(s, s.get(x.add(i), n)), weight, bias),
                            n,
                        );
                    }
                },
            );
        }
    }
}

/// Returns the statistics of a row.
#[inline(always)]
fn of_row<S: Simd>(s: S, norm: &RowNorm<'_, f32>, x: &[f32]) -> Statistics<f32> {
    let len = x.len();
    let count = x.len() as f32;
    let p = x.as_ptr();

    // SAFETY (both): `sums_of` gives i + n <= len.
    let near = if norm.centered {
        let [sum] = sums_of(
            s,
            len,
            #[inline(always)]
            |i, n| [unsafe { s.get(p.add(i), n) }],
        );
        near_mean(sum, count, x[0])
    } else {
        0.0
    };

    let shift = s.splat(near);
    let [distances, squares] = sums_of(
        s,
        len,
        #[inline(always)]
        |i, n| {
            let distance = s.sub(unsafe { s.get(p.add(i), n) }, shift);
            [distance, s.mul(distance, distance)]
        },
    );

    let sums = [distances, squares];
    Statistics::in_range(near, norm.centered, sums, count, norm.eps, || {
        x.iter().map(|x| x - near)
    })
}

/// The input gradient of [`RowNorm`].
pub(super) struct RowNormGradOp<'a> {
    pub norm: RowNorm<'a, f32>,
    pub x: &'a [f32],
    pub statistics: &'a [f32],
    pub dy: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Op for RowNormGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let RowNormGradOp {
            norm,
            x,
            statistics,
            dy,
            dx,
        } = self;
        norm.check(x.len(), dx.len(), statistics.len(), false);
        check_same("row_norm_grad", x.len(), dy.len());

        let width = norm.width.max(1);
        let rows = x
            .chunks_exact(width)
            .zip(dy.chunks_exact(width))
            .zip(dx.chunks_exact_mut(width));
        for (index, ((x, dy), dx)) in rows.enumerate() {
            let row = Lanes::of(s, Statistics::read(statistics, index));
            let x = x.as_ptr();
            let dy = dy.as_ptr();
            let dx = dx.as_mut_ptr();

            let gradient = {
                #[inline(always)]
                |i: usize, n: usize| {
                    // SAFETY: `each` and `sums_of` give i + n <= width, the length of the rows and
                    // of the weights.
                    unsafe { s.mul(s.get(dy.add(i), n), some_of(s, norm.weight, i, n, 1.0)) }
                }
            };
            let normalized = {
                #[inline(always)]
                // SAFETY: as above.
                |i: usize, n: usize| row.normalize(s, unsafe { s.get(x.add(i), n) })
            };

            let [sum, product] = sums_of(
                s,
                width,
                #[inline(always)]
                |i, n| {
                    let gradient = gradient(i, n);
                    [gradient, s.mul(gradient, normalized(i, n))]
                },
            );

            let count = width as f32;
            let mean = s.splat(if norm.centered { sum / count } else { 0.0 });
            let product = s.splat(product / count);

            each(
                s,
                width,
                #[inline(always)]
                |i, n| {
                    let rest = s.fnma(normalized(i, n), product, s.sub(gradient(i, n), mean));
                    // SAFETY: as above.
                    unsafe { s.put(dx.add(i), s.mul(rest, row.inverse), n) };
                },
            );
        }
    }
}

/// The gradients of weights and biases.
pub(super) struct RowNormSumsOp<'a>(pub RowNormSums<'a, f32>);

impl Op for RowNormSumsOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut sums = self.0;
        let rows = sums.check();
        if !sums.accumulate {
            sums.weight.fill(0.0);
            sums.bias.fill(0.0);
        }

        let count = sums.weight.len();
        let mut j = 0;
        // SAFETY (both): j plus the columns of the tile is at most `count`, so they lie in all
        // rows.
        while j + 4 * S::LANES <= count {
            unsafe { tile::<S, 4>(s, &mut sums, rows, j, S::LANES) };
            j += 4 * S::LANES;
        }
        while j < count {
            let n = S::LANES.min(count - j);
            unsafe { tile::<S, 1>(s, &mut sums, rows, j, n) };
            j += n;
        }
    }
}

/// Adds the terms of all rows to `NR` vectors of sums, of `n` lanes each, starting at index `j`.
///
/// # Safety
/// The sums and the rows exist.
#[inline(always)]
unsafe fn tile<S: Simd, const NR: usize>(
    s: S,
    sums: &mut RowNormSums<'_, f32>,
    rows: usize,
    j: usize,
    n: usize,
) {
    let add = {
        #[inline(always)]
        |a: [[S::V; NR]; 2], b: [[S::V; NR]; 2]| [adding(s)(a[0], b[0]), adding(s)(a[1], b[1])]
    };

    let mut pairs = Pairs::new();
    let mut begin = 0;
    let [weight, bias] = loop {
        let end = rows.min(begin + TERMS);
        // SAFETY: guaranteed by the caller.
        let block = unsafe { block::<S, NR>(s, sums, begin, end, j, n) };
        if end == rows {
            break pairs.finish(block, add);
        }
        pairs.push(block, add);
        begin = end;
    };

    let put = {
        #[inline(always)]
        |to: &mut [f32], totals: [S::V; NR]| {
            for (v, total) in totals.into_iter().enumerate() {
                // SAFETY: guaranteed by the caller.
                unsafe {
                    let p = to.as_mut_ptr().add(j + v * S::LANES);
                    s.put(p, s.add(s.get(p, n), total), n);
                }
            }
        }
    };

    put(sums.weight, weight);
    if !sums.bias.is_empty() {
        put(sums.bias, bias);
    }
}

/// Returns the sums of the terms of some rows, those for the weights and those for the biases.
///
/// # Safety
/// As for `tile`.
#[inline(always)]
unsafe fn block<S: Simd, const NR: usize>(
    s: S,
    sums: &RowNormSums<'_, f32>,
    begin: usize,
    end: usize,
    j: usize,
    n: usize,
) -> [[S::V; NR]; 2] {
    let mut weight = [s.zero(); NR];
    let mut bias = [s.zero(); NR];
    for index in begin..end {
        let row = Lanes::of(s, Statistics::read(sums.statistics, index));
        let at = index * sums.width + sums.first + j;
        for v in 0..NR {
            // SAFETY: guaranteed by the caller.
            let (x, dy) = unsafe {
                let at = at + v * S::LANES;
                (
                    s.get(sums.x.as_ptr().add(at), n),
                    s.get(sums.dy.as_ptr().add(at), n),
                )
            };
            weight[v] = s.fma(dy, row.normalize(s, x), weight[v]);
            bias[v] = s.add(bias[v], dy);
        }
    }

    [weight, bias]
}
