//! The passes over a strip of columns: everything that the normalizations of columns and of their
//! groups compute with vectors. The arithmetic between the passes concerns a few numbers per
//! column, and is not compiled for each tier.

use super::super::args::check_same;
use super::super::simd::{Op, Simd};
use super::columns::{Columns, Strip, at};

/// `sum(x)` of each column.
pub(super) struct Sums<'a> {
    pub strip: Strip,
    pub x: &'a [f32],
}

impl Op for Sums<'_> {
    type Out = Columns;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> Columns {
        let len = self.x.len();
        let x = self.x.as_ptr();
        let [sums] = self.strip.sum(
            s,
            len,
            #[inline(always)]
            // SAFETY: `sum` gives i + n <= the length.
            |i, _, n| [unsafe { s.get(x.add(i), n) }],
        );
        sums
    }
}

/// `sum(x - shift)` and `sum((x - shift)^2)` of each column.
pub(super) struct Distances<'a> {
    pub strip: Strip,
    pub shift: &'a Columns,
    pub x: &'a [f32],
}

impl Op for Distances<'_> {
    type Out = [Columns; 2];

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> [Columns; 2] {
        let Distances { strip, shift, x } = self;

        let len = x.len();
        let x = x.as_ptr();
        strip.sum(
            s,
            len,
            #[inline(always)]
            |i, j, n| {
                // SAFETY: `sum` gives i + n <= the length and j + n <= STRIP.
                let distance = unsafe { s.sub(s.get(x.add(i), n), at(s, shift, j, n)) };
                [distance, s.mul(distance, distance)]
            },
        )
    }
}

/// `y = (x - shift) * scale + offset`.
pub(super) struct Scaled<'a> {
    pub strip: Strip,
    pub shift: &'a Columns,
    pub scale: &'a Columns,
    pub offset: &'a Columns,
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Op for Scaled<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Scaled {
            strip,
            shift,
            scale,
            offset,
            x,
            y,
        } = self;
        check_same("scaled", x.len(), y.len());

        let len = x.len();
        let x = x.as_ptr();
        let y = y.as_mut_ptr();
        strip.for_each(
            s,
            len,
            #[inline(always)]
            |i, j, n| {
                // SAFETY: `for_each` gives i + n <= the length and j + n <= STRIP.
                unsafe {
                    let distance = s.sub(s.get(x.add(i), n), at(s, shift, j, n));
                    s.put(
                        y.add(i),
                        s.fma(distance, at(s, scale, j, n), at(s, offset, j, n)),
                        n,
                    );
                }
            },
        );
    }
}

/// `sum(dy * (x - shift))` and `sum(dy)` of each column.
pub(super) struct GradSums<'a> {
    pub strip: Strip,
    pub shift: &'a Columns,
    pub x: &'a [f32],
    pub dy: &'a [f32],
}

impl Op for GradSums<'_> {
    type Out = [Columns; 2];

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> [Columns; 2] {
        let GradSums {
            strip,
            shift,
            x,
            dy,
        } = self;
        check_same("grad_sums", x.len(), dy.len());

        let len = x.len();
        let x = x.as_ptr();
        let dy = dy.as_ptr();
        strip.sum(
            s,
            len,
            #[inline(always)]
            |i, j, n| {
                // SAFETY: `sum` gives i + n <= the length and j + n <= STRIP.
                unsafe {
                    let dy = s.get(dy.add(i), n);
                    [s.mul(dy, s.sub(s.get(x.add(i), n), at(s, shift, j, n))), dy]
                }
            },
        )
    }
}

/// `dx = scale * dy + slope * (x - shift) + offset`, multiplied by `last` if there is one.
pub(super) struct Grad<'a> {
    pub strip: Strip,
    pub shift: &'a Columns,
    pub scale: &'a Columns,
    pub slope: &'a Columns,
    pub offset: &'a Columns,
    pub last: Option<&'a Columns>,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Op for Grad<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Grad {
            strip,
            shift,
            scale,
            slope,
            offset,
            last,
            x,
            dy,
            dx,
        } = self;
        check_same("norm_grad", x.len(), dy.len());
        check_same("norm_grad", x.len(), dx.len());

        let len = x.len();
        let x = x.as_ptr();
        let dy = dy.as_ptr();
        let dx = dx.as_mut_ptr();
        let gradient = {
            #[inline(always)]
            |i: usize, j: usize, n: usize| {
                // SAFETY: `for_each` gives i + n <= the length and j + n <= STRIP.
                unsafe {
                    let distance = s.sub(s.get(x.add(i), n), at(s, shift, j, n));
                    let rest = s.fma(distance, at(s, slope, j, n), at(s, offset, j, n));
                    s.fma(s.get(dy.add(i), n), at(s, scale, j, n), rest)
                }
            }
        };

        // SAFETY (both): as above.
        if let Some(last) = last {
            strip.for_each(
                s,
                len,
                #[inline(always)]
                |i, j, n| unsafe {
                    s.put(dx.add(i), s.mul(gradient(i, j, n), at(s, last, j, n)), n);
                },
            );
        } else {
            strip.for_each(
                s,
                len,
                #[inline(always)]
                |i, j, n| unsafe { s.put(dx.add(i), gradient(i, j, n), n) },
            );
        }
    }
}
