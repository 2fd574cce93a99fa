//! Convolutions in which each channel has a filter of its own: element by element along the channels.

use super::gather::Rows;
use crate::kernels::simd::{Op, Simd};

/// Rows of the largest tile: as many chains as multiply-adds are under way.
const ROWS: usize = 8;

/// `c = bias + sum(a * b)` for rows of `channels` numbers, as in [`Gather`](super::gather::Gather): each of `taps` says
/// how far from the row of A, and where in B, the factors lie.
pub(super) struct Forward<'a> {
    pub rows: Rows,
    pub taps: &'a [[usize; 2]],
    pub channels: usize,
    pub a: *const f32,
    pub b: *const f32,
    pub bias: Option<*const f32>,
    pub c: *mut f32,
    pub relu: bool,
}

/// `c += sum(a * b)`: for each row the sum over `span` rows of B from each tap on, which are `a_step` apart in A.
pub(super) struct WeightGrad<'a> {
    pub rows: Rows,
    pub taps: &'a [usize],
    pub span: usize,
    pub a_step: usize,
    pub channels: usize,
    pub a: *const f32,
    pub b: *const f32,
    pub c: *mut f32,
}

/// Calls `$tile::<S, height>` for all rows, in tiles of equal heights.
macro_rules! tiles {
    ($s:ident, $op:ident, $tile:ident) => {
        if $op.rows.count > 0 {
            let tiles = $op.rows.count.div_ceil(ROWS);
            let (height, taller) = ($op.rows.count / tiles, $op.rows.count % tiles);
            let mut rows = $op.rows.places();
            for t in 0..tiles {
                // SAFETY: the heights add up to the number of rows, of which the maker promised that they are there.
                unsafe {
                    match height + usize::from(t < taller) {
                        1 => $tile::<S, 1>($s, &$op, rows.next()),
                        2 => $tile::<S, 2>($s, &$op, rows.next()),
                        3 => $tile::<S, 3>($s, &$op, rows.next()),
                        4 => $tile::<S, 4>($s, &$op, rows.next()),
                        5 => $tile::<S, 5>($s, &$op, rows.next()),
                        6 => $tile::<S, 6>($s, &$op, rows.next()),
                        7 => $tile::<S, 7>($s, &$op, rows.next()),
                        _ => $tile::<S, 8>($s, &$op, rows.next()),
                    }
                }
            }
        }
    };
}

impl Op for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        tiles!(s, self, forward);
    }
}

impl Op for WeightGrad<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        tiles!(s, self, weight_grad);
    }
}

/// # Safety
/// All elements that the rows, the taps and the channels name lie in memory, and nobody else writes to C.
#[inline(always)]
unsafe fn forward<S: Simd, const MR: usize>(s: S, op: &Forward<'_>, places: [[usize; 2]; MR]) {
    let &Forward { taps, channels, a, b, bias, c, relu, .. } = op;
    let mut j = 0;
    while j < channels {
        let n = S::LANES.min(channels - j);
        // SAFETY (all blocks): `n` channels from `j` on of elements that the maker promised.
        let start = bias.map_or(s.zero(), |bias| unsafe { s.get(bias.add(j), n) });
        let mut acc = [start; MR];
        for &[tap, weight] in taps {
            let w = unsafe { get(s, b.add(weight + j), n) };
            for i in 0..MR {
                let x = unsafe { get(s, a.wrapping_add(places[i][0].wrapping_add(tap) + j), n) };
                acc[i] = s.fma(x, w, acc[i]);
            }
        }
        for i in 0..MR {
            let y = if relu { s.max(s.zero(), acc[i]) } else { acc[i] };
            unsafe { s.put(c.wrapping_add(places[i][1] + j), y, n) };
        }
        j += n;
    }
}

/// # Safety
/// As `forward`.
#[inline(always)]
unsafe fn weight_grad<S: Simd, const MR: usize>(s: S, op: &WeightGrad<'_>, places: [[usize; 2]; MR]) {
    let &WeightGrad { taps, span, a_step, channels, a, b, c, .. } = op;
    let mut j = 0;
    while j < channels {
        let n = S::LANES.min(channels - j);
        let mut acc = [s.zero(); MR];
        // SAFETY (all blocks): as in `forward`.
        for i in 0..MR {
            acc[i] = unsafe { s.get(c.wrapping_add(places[i][1] + j), n) };
        }
        let mut b = b.wrapping_add(j);
        for &tap in taps {
            let mut p = tap + j;
            for _ in 0..span {
                let dy = unsafe { get(s, b, n) };
                for i in 0..MR {
                    let x = unsafe { get(s, a.wrapping_add(places[i][0] + p), n) };
                    acc[i] = s.fma(x, dy, acc[i]);
                }
                p += a_step;
                b = b.wrapping_add(channels);
            }
        }
        for i in 0..MR {
            unsafe { s.put(c.wrapping_add(places[i][1] + j), acc[i], n) };
        }
        j += n;
    }
}

/// `n` lanes, in the way that costs least in a loop.
///
/// # Safety
/// `n <= LANES` floats can be read at `p`.
#[inline(always)]
unsafe fn get<S: Simd>(s: S, p: *const f32, n: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if S::MASKED_LOADS { s.load_n(p, n) } else { s.get(p, n) } }
}
