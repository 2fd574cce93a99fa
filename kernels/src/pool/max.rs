//! Maximum pooling, with its gradient.
//!
//! Output pixels are written in ascending order, with whole vectors wherever the slices have room
//! for them: the elements that a vector writes beyond the channels of its pixel are overwritten
//! with the next pixel. Masked stores are slow on some processors.

use core::ops::Range;

use super::super::args::check_same;
use super::super::pairs::{Pairs, TERMS};
use super::super::simd::{Op, Simd, adding, each};
use super::Plane;

/// Sets `y` to the largest element of each window and channel: the first of equals, or the last
/// NaN; minus infinity if the window has padding alone. With `CODES`, `codes` receives the tap it
/// was at: its row times the width of the widest window, plus its column.
pub(in super::super) struct MaxPoolOp<'a, const CODES: bool> {
    pub plane: Plane,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub codes: &'a mut [f32],
}

/// The taps of one window that are not padding.
#[derive(Clone, Copy)]
struct Taps {
    rows: usize,
    cols: usize,
    /// The distances to the next tap below and to the right.
    down: usize,
    across: usize,
    /// The code of the first tap, and the difference from row to row.
    code: usize,
    width: usize,
}

impl<const CODES: bool> Op for MaxPoolOp<'_, CODES> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let MaxPoolOp { plane, x, y, codes } = self;
        let Plane {
            rows,
            cols,
            channels,
        } = plane;
        let samples = plane.samples("max_pool", x.len(), y.len());
        if CODES {
            check_same("max_pool", y.len(), codes.len());
        }

        let inputs = x.len();
        let outputs = y.len();
        let x = x.as_ptr();
        let y = y.as_mut_ptr();
        let codes = codes.as_mut_ptr();

        let vectors = channels.next_multiple_of(S::LANES);
        let down = rows.step() * cols.input * channels;
        let across = cols.step() * channels;
        let width = cols.widest();

        let mut to = 0;
        for row in 0..samples * rows.output {
            let tall = rows.window(row % rows.output);
            let first_row = row / rows.output * rows.input + tall.first;

            for col in 0..cols.output {
                let wide = cols.window(col);
                let code = tall.tap * width + wide.tap;
                let taps = Taps {
                    rows: tall.count,
                    cols: wide.count,
                    down,
                    across,
                    code,
                    width,
                };

                let from = (first_row * cols.input + wide.first) * channels;
                let last = from
                    + taps.rows.saturating_sub(1) * down
                    + taps.cols.saturating_sub(1) * across;
                let room = last + vectors <= inputs && to + vectors <= outputs;
                let len = if room { vectors } else { channels };

                // SAFETY: `Axis::window` gives positions within the sample. Beyond its channels a
                // pixel is read and written only if there is room in all of x, and in all of y and,
                // as long as y, the codes.
                unsafe {
                    largest::<S, CODES>(
                        s,
                        len,
                        taps,
                        x.wrapping_add(from),
                        y.add(to),
                        codes.wrapping_add(to),
                    );
                }
                to += channels;
            }
        }
    }
}

/// Computes one pixel of the output.
///
/// # Safety
/// `len` elements can be read at each tap of `p`, and written at `y` and, with `CODES`, at `codes`.
#[inline(always)]
unsafe fn largest<S: Simd, const CODES: bool>(
    s: S,
    len: usize,
    taps: Taps,
    p: *const f32,
    y: *mut f32,
    codes: *mut f32,
) {
    let vectors = {
        #[inline(always)]
        |taps: Taps| {
            let Taps {
                rows,
                cols,
                down,
                across,
                code,
                width,
            } = taps;

            each(
                s,
                len,
                #[inline(always)]
                |i, n| {
                    let mut best = s.splat(f32::NEG_INFINITY);
                    let mut at = s.splat(code as f32);
                    for r in 0..rows {
                        for c in 0..cols {
                            // SAFETY: guaranteed by the caller, as `each` gives i + n <= len.
                            let v = unsafe { s.get(p.add(r * down + c * across + i), n) };
                            let larger = s.gt(v, best);
                            let number = s.le(v, v);
                            best = s.select(number, s.max(v, best), v);
                            if CODES {
                                let here = s.splat((code + r * width + c) as f32);
                                at = s.select(number, s.select(larger, here, at), here);
                            }
                        }
                    }

                    // SAFETY: likewise.
                    unsafe {
                        s.put(y.add(i), best, n);
                        if CODES {
                            s.put(codes.add(i), at, n);
                        }
                    }
                },
            );
        }
    };

    // The same with constant bounds for the most common window.
    if !const { S::SMALL } && (taps.rows, taps.cols) == (2, 2) {
        vectors(Taps {
            rows: 2,
            cols: 2,
            ..taps
        })
    } else {
        vectors(taps)
    }
}

/// Computes the gradient with respect to `x` from `dy` and the codes of `MaxPoolOp`. Each element
/// is written once.
pub(in super::super) struct MaxPoolGradOp<'a> {
    pub plane: Plane,
    pub codes: &'a [f32],
    pub dy: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Op for MaxPoolGradOp<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let MaxPoolGradOp {
            plane,
            codes,
            dy,
            dx,
        } = self;
        let samples = plane.samples("max_pool_grad", dx.len(), dy.len());
        check_same("max_pool_grad", dy.len(), codes.len());
        let Plane {
            rows,
            cols,
            channels,
        } = plane;

        let grad_rows = GradRows {
            plane,
            codes,
            dy,
            vectors: channels.next_multiple_of(S::LANES),
        };

        for row in 0..samples * rows.input {
            let sample = row / rows.input;
            let row = row % rows.input;
            let begin = (sample * rows.input + row) * cols.input * channels;
            match (rows.tiles(), cols.tiles()) {
                (Some(tall), Some(wide)) => {
                    grad_rows.row_of_tiles(s, sample, row, (tall, wide), &mut dx[begin..])
                }
                _ => grad_rows.row(s, sample, row, &mut dx[begin..]),
            }
        }
    }
}

/// The arguments that all rows of a gradient share.
struct GradRows<'a> {
    plane: Plane,
    codes: &'a [f32],
    dy: &'a [f32],
    /// The channels, rounded up to whole vectors.
    vectors: usize,
}

impl GradRows<'_> {
    /// Returns the number of elements to write at a pixel that reads `dy` up to the pixel at
    /// `last`: beyond its channels if there is room.
    #[inline(always)]
    fn len(&self, last: usize, to: &[f32]) -> usize {
        let room = last + self.vectors <= self.dy.len() && self.vectors <= to.len();
        if room {
            self.vectors
        } else {
            self.plane.channels
        }
    }

    /// Computes a row where windows are adjacent: each pixel has one reader or, at the end, none.
    #[inline(always)]
    fn row_of_tiles<S: Simd>(
        &self,
        s: S,
        sample: usize,
        row: usize,
        (tall, wide): (usize, usize),
        dx: &mut [f32],
    ) {
        let Plane {
            rows,
            cols,
            channels,
        } = self.plane;

        let window = row / tall;
        if window >= rows.output {
            return dx[..cols.input * channels].fill(0.0);
        }

        let mut from = (sample * rows.output + window) * cols.output * channels;
        let mut to = 0;
        for _ in 0..cols.output {
            for c in 0..wide {
                let here = s.splat((row % tall * wide + c) as f32);
                let dx = &mut dx[to..];
                let len = self.len(from, dx);
                let codes = self.codes[from..].as_ptr();
                let dy = self.dy[from..].as_ptr();
                let dx = dx.as_mut_ptr();

                each(
                    s,
                    len,
                    #[inline(always)]
                    |i, n| {
                        // SAFETY: `each` gives i + n <= len, for which there is room in `dy`, as
                        // long as `codes`, and in `dx`.
                        unsafe {
                            let won = s.eq(s.get(codes.add(i), n), here);
                            s.put(dx.add(i), s.select(won, s.get(dy.add(i), n), s.zero()), n);
                        }
                    },
                );
                to += channels;
            }
            from += channels;
        }

        dx[to..cols.input * channels].fill(0.0);
    }

    /// Computes a row where windows overlap: each pixel sums over the windows that cover it, in
    /// ascending order.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, sample: usize, row: usize, dx: &mut [f32]) {
        let Plane {
            rows,
            cols,
            channels,
        } = self.plane;

        let tall = rows.readers(row);
        let begin = (sample * rows.output + tall.start) * cols.output;
        let mut wide = 0..0;
        for col in 0..cols.input {
            wide = cols.next_readers(wide, col);
            let dx = &mut dx[col * channels..];
            let last_row = begin + tall.len().saturating_sub(1) * cols.output;
            let last = (last_row + wide.end.saturating_sub(1)) * channels;
            let len = self.len(last, dx);
            let dx = dx.as_mut_ptr();

            let readers = Readers {
                begin,
                tall: tall.clone(),
                wide: wide.clone(),
                row,
                col,
            };

            // SAFETY (all): `Axis::readers` gives positions within the sample; `each` gives
            // i + n <= len, for which there is room behind the last of them in `dy`, as long as
            // `codes`, and in `dx`.
            if readers.count() <= TERMS {
                each(
                    s,
                    len,
                    #[inline(always)]
                    |i, n| unsafe { s.put(dx.add(i), self.sum(s, &readers, i, n), n) },
                );
            } else {
                each(
                    s,
                    len,
                    #[inline(always)]
                    |i, n| unsafe { s.put(dx.add(i), self.long_sum(s, &readers, i, n), n) },
                );
            }
        }
    }

    /// Returns the sum of the gradients of the windows that an input pixel is the maximum of, one
    /// after the other.
    ///
    /// # Safety
    /// Elements `i` to `i + n` can be read behind the first channel of every reader.
    #[inline(always)]
    unsafe fn sum<S: Simd>(&self, s: S, readers: &Readers, i: usize, n: usize) -> S::V {
        let mut sum = s.zero();
        // SAFETY: guaranteed by the caller.
        unsafe {
            self.each_term(
                s,
                readers,
                i,
                n,
                #[inline(always)]
                |term| sum = s.add(sum, term),
            );
        }
        sum
    }

    /// Like `sum`, for more readers than are added one after the other.
    ///
    /// # Safety
    /// As for `sum`.
    #[inline(always)]
    unsafe fn long_sum<S: Simd>(&self, s: S, readers: &Readers, i: usize, n: usize) -> S::V {
        let mut pairs = Pairs::new();
        let mut sum = [s.zero()];
        let mut added = 0;

        // SAFETY: guaranteed by the caller.
        unsafe {
            self.each_term(
                s,
                readers,
                i,
                n,
                #[inline(always)]
                |term| {
                    if added == TERMS {
                        pairs.push(sum, adding(s));
                        sum = [s.zero()];
                        added = 0;
                    }
                    sum[0] = s.add(sum[0], term);
                    added += 1;
                },
            );
        }

        pairs.finish(sum, adding(s))[0]
    }

    /// Calls `f` with the gradient of each window that reads an input pixel, 0 where the pixel is
    /// not its maximum.
    ///
    /// # Safety
    /// As for `sum`.
    #[inline(always)]
    unsafe fn each_term<S: Simd>(
        &self,
        s: S,
        readers: &Readers,
        i: usize,
        n: usize,
        mut f: impl FnMut(S::V),
    ) {
        let Plane {
            rows,
            cols,
            channels,
        } = self.plane;
        let width = cols.widest();
        let codes = self.codes.as_ptr();
        let dy = self.dy.as_ptr();

        let mut row_begin = readers.begin;
        for r in readers.tall.clone() {
            if let Some(tap_row) = rows.tap(r, readers.row) {
                for c in readers.wide.clone() {
                    let Some(tap_col) = cols.tap(c, readers.col) else {
                        continue;
                    };
                    let here = s.splat((tap_row * width + tap_col) as f32);
                    let from = (row_begin + c) * channels + i;
                    // SAFETY: guaranteed by the caller.
                    unsafe {
                        let won = s.eq(s.get(codes.add(from), n), here);
                        f(s.select(won, s.get(dy.add(from), n), s.zero()));
                    }
                }
            }
            row_begin += cols.output;
        }
    }
}

/// The windows that may read an input pixel.
struct Readers {
    /// The index of the first output pixel in the first row of windows.
    begin: usize,
    tall: Range<usize>,
    wide: Range<usize>,
    /// The input pixel.
    row: usize,
    col: usize,
}

impl Readers {
    fn count(&self) -> usize {
        self.tall.len() * self.wide.len()
    }
}
