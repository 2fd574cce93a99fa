//! Sums, averages and interpolations over windows, and their gradients, which are sums over the
//! readers of a position.
//!
//! Pixels are written as in `max.rs`.

use core::ops::Range;

use super::super::pairs::{Pairs, TERMS};
use super::super::simd::{Op, Simd, adding, each};
use super::{Axis, Divisor, MeanPool, Plane, Reach};
use crate::memory::Memory;

/// A pooling in one tier.
pub(in super::super) struct MeanPoolOp<'a>(pub MeanPool<'a, f32>);

/// Returns whether the positions that are read along an axis may have different weights.
const fn is_axis_weighted(axis: &Axis, divide: Divisor, transposed: bool) -> bool {
    let linear = matches!(axis.reach, Reach::Linear { .. });
    linear || transposed && matches!(divide, Divisor::Count) && axis.tiles().is_none()
}

/// Returns whether a pooling has weights of positions.
pub(super) const fn is_weighted(plane: &Plane, divide: Divisor, transposed: bool) -> bool {
    is_axis_weighted(&plane.rows, divide, transposed)
        || is_axis_weighted(&plane.cols, divide, transposed)
}

/// One axis of such a sum, seen from the side that is written.
#[derive(Clone, Copy)]
struct Side {
    axis: Axis,
    divide: Divisor,
    transposed: bool,
    /// The inverse of the unit of weights.
    inverse: f32,
}

impl Side {
    /// Returns the number of positions that are read, and of those that are written.
    fn lengths(&self) -> (usize, usize) {
        let Axis { input, output, .. } = self.axis;
        if self.transposed {
            (output, input)
        } else {
            (input, output)
        }
    }

    /// Returns the positions that `to` reads, given those of `to - 1` or an empty range.
    #[inline(always)]
    fn reads(&self, before: Range<usize>, to: usize) -> Range<usize> {
        if self.transposed {
            return self.axis.next_readers(before, to);
        }
        let window = self.axis.window(to);
        window.first..window.first + window.count
    }

    /// Returns the divisor of the sum at a position, if all weights are 1.
    #[inline(always)]
    fn divisor(&self, to: usize) -> usize {
        match self.divide {
            Divisor::One => 1,
            Divisor::Kernel => self.axis.widest(),
            Divisor::Count => self
                .axis
                .tiles()
                .unwrap_or_else(|| self.axis.window(to).count),
        }
    }

    /// Returns the positions that each position reads.
    fn all_reads(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut reads = 0..0;
        (0..self.lengths().1).map(move |to| {
            reads = self.reads(reads.clone(), to);
            (to, reads.clone())
        })
    }

    /// Returns the weights of all positions that are read, one written position after the other.
    fn weights<'m>(&self, memory: &mut Memory<'m, f32>) -> &'m [f32] {
        let weights = memory.take(self.all_reads().map(|(_, reads)| reads.len()).sum());
        let all = self
            .all_reads()
            .flat_map(|(to, reads)| reads.map(move |from| (to, from)));
        weights
            .iter_mut()
            .zip(all)
            .for_each(|(weight, (to, from))| *weight = self.weight(to, from));
        weights
    }

    /// Returns the weight of position `from` in the sum at position `to`.
    fn weight(&self, to: usize, from: usize) -> f32 {
        let (o, i) = self.output_and_input(to, from);
        match self.axis.reach {
            Reach::Linear { .. } => self.axis.weight(o, i) as f32 * self.inverse,
            _ => 1.0 / self.divisor(o) as f32,
        }
    }

    /// Like `weight`, for sums in `f64`.
    fn weight_f64(&self, to: usize, from: usize) -> f64 {
        let (o, i) = self.output_and_input(to, from);
        match self.axis.reach {
            Reach::Linear { .. } => self.axis.weight(o, i) as f64 / self.axis.unit() as f64,
            _ => 1.0 / self.divisor(o) as f64,
        }
    }

    /// Returns which of two positions is that of the output, and which that of the input.
    fn output_and_input(&self, to: usize, from: usize) -> (usize, usize) {
        if self.transposed {
            (from, to)
        } else {
            (to, from)
        }
    }
}

impl Op for MeanPoolOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let MeanPoolOp(MeanPool {
            plane,
            divide,
            transposed,
            x,
            y,
            memory,
        }) = self;
        let lens = if transposed {
            (y.len(), x.len())
        } else {
            (x.len(), y.len())
        };
        let samples = plane.samples("mean_pool", lens.0, lens.1);
        let channels = plane.channels;

        let [rows, cols] = [plane.rows, plane.cols].map(|axis| Side {
            axis,
            divide,
            transposed,
            inverse: 1.0 / axis.unit() as f32,
        });
        assert!(
            rows.axis.step() == 1 && cols.axis.step() == 1,
            "mean_pool: windows with a dilation"
        );

        if transposed && let (Some(tall), Some(wide)) = (rows.axis.tiles(), cols.axis.tiles()) {
            let divisor = rows.divisor(0) * cols.divisor(0);
            return spread(s, plane, samples, (tall, wide), divisor, x, y);
        }

        let weighted = is_weighted(plane, divide, transposed);
        let mut memory = Memory::new("Plane::mean_memory", memory);
        let (of_rows, of_cols) = if weighted {
            (rows.weights(&mut memory), cols.weights(&mut memory))
        } else {
            (&[][..], &[][..])
        };

        let (high, high_to) = rows.lengths();
        let (wide, wide_to) = cols.lengths();
        let vectors = channels.next_multiple_of(S::LANES);
        let inputs = x.len();
        let outputs = y.len();

        let mut to = 0;
        let mut down = 0..0;
        let mut next_row = 0;
        for row in 0..samples * high_to {
            let sample = row / high_to;
            let row = row % high_to;
            if row == 0 {
                down = 0..0;
                next_row = 0;
            }
            down = rows.reads(down, row);

            let mut across = 0..0;
            let mut next_col = 0;
            for col in 0..wide_to {
                across = cols.reads(across, col);
                let begin = sample * high * wide * channels;
                let at = |r: usize, c: usize| begin + (r * wide + c) * channels;
                let last = at(down.end.saturating_sub(1), across.end.saturating_sub(1));

                let room = last + vectors <= inputs && to + vectors <= outputs;
                let len = if room { vectors } else { channels };

                let pixel = Pixel {
                    x: x[at(down.start, across.start).min(inputs)..].as_ptr(),
                    rows: down.len(),
                    cols: across.len(),
                    down: wide * channels,
                    across: channels,
                    y: y[to..].as_mut_ptr(),
                    len,
                };

                // SAFETY: the pixels that are read are within the sample, as `Axis` guarantees.
                // Beyond their channels they are read and written only if there is room in all of x
                // and y.
                unsafe {
                    if weighted {
                        pixel.weighted(s, &of_rows[next_row..], &of_cols[next_col..]);
                        next_col += across.len();
                    } else {
                        pixel.divided(s, rows.divisor(row) * cols.divisor(col));
                    }
                }
                to += channels;
            }
            next_row += down.len();

            if row + 1 == high_to {
                let x = &x[sample * high * wide * channels..][..high * wide * channels];
                let y = &mut y[sample * high_to * wide_to * channels..to];
                if !are_finite(s, y) {
                    sum_in_f64([&rows, &cols], channels, x, y);
                }
            }
        }
    }
}

/// Returns whether all elements are finite.
#[inline(always)]
fn are_finite<S: Simd>(s: S, y: &[f32]) -> bool {
    let p = y.as_ptr();
    // The product of 0 and a number that is not finite is NaN.
    let mut zeros = s.zero();
    each(
        s,
        y.len(),
        // SAFETY: `each` gives i + n <= len.
        #[inline(always)]
        |i, n| zeros = s.fma(s.zero(), unsafe { s.get(p.add(i), n) }, zeros),
    );
    s.sum_lanes(zeros) == 0.0
}

/// Computes those elements of a sample's `y` once more that are not finite: their sums may have
/// overflowed, although the means are in range.
#[cold]
#[inline(never)]
fn sum_in_f64([rows, cols]: [&Side; 2], channels: usize, x: &[f32], y: &mut [f32]) {
    let wide = cols.lengths().0;
    let mut pixels = y.chunks_exact_mut(channels);

    for (row, down) in rows.all_reads() {
        for (col, across) in cols.all_reads() {
            let Some(pixel) = pixels.next() else { return };
            for (channel, y) in pixel.iter_mut().enumerate() {
                if y.is_finite() {
                    continue;
                }
                let mut sum = 0.0;
                for r in down.clone() {
                    let of_row = rows.weight_f64(row, r);
                    for c in across.clone() {
                        let x = x[(r * wide + c) * channels + channel];
                        sum += of_row * cols.weight_f64(col, c) * f64::from(x);
                    }
                }
                *y = sum as f32;
            }
        }
    }
}

/// Computes the gradient where windows are adjacent: each pixel reads one other or, at the end,
/// none.
#[inline(always)]
fn spread<S: Simd>(
    s: S,
    plane: &Plane,
    samples: usize,
    (tall, wide): (usize, usize),
    divisor: usize,
    x: &[f32],
    y: &mut [f32],
) {
    let &Plane {
        rows,
        cols,
        channels,
    } = plane;
    let vectors = channels.next_multiple_of(S::LANES);
    let quotient = dividing_by(s, divisor);

    let mut to = 0;
    for row in 0..samples * rows.input {
        let sample = row / rows.input;
        let row = row % rows.input;
        let end = to + cols.input * channels;
        if row / tall >= rows.output {
            y[to..end].fill(0.0);
            to = end;
            continue;
        }

        let mut from = (sample * rows.output + row / tall) * cols.output * channels;
        for _ in 0..cols.output {
            for _ in 0..wide {
                let room = from + vectors <= x.len() && to + vectors <= y.len();
                let len = if room { vectors } else { channels };
                let x = x[from..].as_ptr();
                let y = y[to..].as_mut_ptr();
                each(
                    s,
                    len,
                    // SAFETY: `each` gives i + n <= len, for which there is room in x and y.
                    #[inline(always)]
                    |i, n| unsafe { s.put(y.add(i), quotient(s.get(x.add(i), n)), n) },
                );
                to += channels;
            }
            from += channels;
        }

        y[to..end].fill(0.0);
        to = end;
    }
}

/// Returns the function that divides by a number.
#[inline(always)]
fn dividing_by<S: Simd>(s: S, divisor: usize) -> impl Fn(S::V) -> S::V + Copy {
    // The product with the inverse of a power of two is exact, and so is the quotient.
    let power = divisor.is_power_of_two();
    let number = s.splat(if power {
        1.0 / divisor as f32
    } else {
        divisor as f32
    });

    #[inline(always)]
    move |sum| {
        if power {
            s.mul(sum, number)
        } else {
            s.div(sum, number)
        }
    }
}

/// One pixel of the output, and the first of `rows` times `cols` pixels that it reads.
#[derive(Clone, Copy)]
struct Pixel {
    x: *const f32,
    rows: usize,
    cols: usize,
    /// The distances to the next pixel below and to the right.
    down: usize,
    across: usize,
    y: *mut f32,
    /// The number of elements to write.
    len: usize,
}

impl Pixel {
    /// Computes the weighted sum.
    ///
    /// # Safety
    /// `len` elements can be read at all pixels, and written at `y`; each row and column has a
    /// weight.
    #[inline(always)]
    unsafe fn weighted<S: Simd>(self, s: S, of_rows: &[f32], of_cols: &[f32]) {
        let of_rows = of_rows.as_ptr();
        let of_cols = of_cols.as_ptr();
        let term = {
            // SAFETY: `block` gives rows and columns of this pixel.
            #[inline(always)]
            |sum, v, r, c| unsafe { s.fma(s.splat(*of_rows.add(r) * *of_cols.add(c)), v, sum) }
        };

        // SAFETY: guaranteed by the caller.
        unsafe {
            self.each(
                s,
                term,
                #[inline(always)]
                |sum| sum,
            );
        }
    }

    /// Computes the sum, divided by `divisor`.
    ///
    /// # Safety
    /// As for `weighted`.
    #[inline(always)]
    unsafe fn divided<S: Simd>(self, s: S, divisor: usize) {
        let term = {
            #[inline(always)]
            |sum, v, _, _| s.add(sum, v)
        };

        let finish = dividing_by(s, divisor);
        // SAFETY: guaranteed by the caller.
        unsafe {
            // The same with constant bounds for the most common window.
            if (self.rows, self.cols) == (2, 2) {
                Pixel {
                    rows: 2,
                    cols: 2,
                    ..self
                }
                .each(s, term, finish);
            } else {
                self.each(s, term, finish);
            }
        }
    }

    /// Computes `finish(sum)` of the terms, vector by vector. The functions are passed by value: a
    /// call through a reference is not inlined.
    ///
    /// # Safety
    /// As for `weighted`.
    #[inline(always)]
    unsafe fn each<S: Simd>(
        self,
        s: S,
        term: impl Fn(S::V, S::V, usize, usize) -> S::V + Copy,
        finish: impl Fn(S::V) -> S::V + Copy,
    ) {
        // Four chains at a time hide the latency of additions.
        let fours = self.len - self.len % (4 * S::LANES);
        // SAFETY (both): i and the vectors from there are below `len`.
        for i in (0..fours).step_by(4 * S::LANES) {
            unsafe { self.block::<S, 4>(s, i, S::LANES, term, finish) };
        }
        each(
            s,
            self.len - fours,
            #[inline(always)]
            |i, n| unsafe { self.block::<S, 1>(s, fours + i, n, term, finish) },
        );
    }

    /// Computes `NV` vectors.
    ///
    /// # Safety
    /// As for `weighted`, and there are `NV` vectors from `i`, the last of `n` elements.
    #[inline(always)]
    unsafe fn block<S: Simd, const NV: usize>(
        self,
        s: S,
        i: usize,
        n: usize,
        term: impl Fn(S::V, S::V, usize, usize) -> S::V + Copy,
        finish: impl Fn(S::V) -> S::V + Copy,
    ) {
        let Pixel {
            x,
            rows,
            cols,
            down,
            across,
            y,
            ..
        } = self;

        if rows * cols > TERMS {
            // SAFETY: guaranteed by the caller.
            return unsafe { self.long_block::<S, NV>(s, i, n, term, finish) };
        }
        let mut sums = [s.zero(); NV];
        // SAFETY (all): guaranteed by the caller.
        for r in 0..rows {
            for c in 0..cols {
                let p = unsafe { x.add(r * down + c * across + i) };
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = term(*sum, unsafe { s.get(p.add(v * S::LANES), n) }, r, c);
                }
            }
        }

        for (v, &sum) in sums.iter().enumerate() {
            unsafe { s.put(y.add(i + v * S::LANES), finish(sum), n) };
        }
    }

    /// Like `block`, for a window with more pixels than are added one after the other.
    ///
    /// # Safety
    /// As for `block`.
    #[inline(always)]
    unsafe fn long_block<S: Simd, const NV: usize>(
        self,
        s: S,
        i: usize,
        n: usize,
        term: impl Fn(S::V, S::V, usize, usize) -> S::V + Copy,
        finish: impl Fn(S::V) -> S::V + Copy,
    ) {
        let Pixel {
            x,
            rows,
            cols,
            down,
            across,
            y,
            ..
        } = self;

        let mut pairs = Pairs::new();
        let mut sums = [s.zero(); NV];
        let mut added = 0;
        for r in 0..rows {
            let mut c = 0;
            while c < cols {
                if added == TERMS {
                    pairs.push(sums, adding(s));
                    sums = [s.zero(); NV];
                    added = 0;
                }

                let end = cols.min(c + (TERMS - added));
                added += end - c;
                while c < end {
                    // SAFETY: guaranteed by the caller.
                    let p = unsafe { x.add(r * down + c * across + i) };
                    for (v, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: likewise.
                        *sum = term(*sum, unsafe { s.get(p.add(v * S::LANES), n) }, r, c);
                    }
                    c += 1;
                }
            }
        }

        for (v, sum) in pairs.finish(sums, adding(s)).into_iter().enumerate() {
            // SAFETY: likewise.
            unsafe { s.put(y.add(i + v * S::LANES), finish(sum), n) };
        }
    }
}
