//! Depthwise convolutions, in which each channel has a filter of its own: element by element along
//! the channels.

use super::implicit_gemm::{DEPTH, From, RowTile, Taps};
use crate::simd::{Op, Simd, adding, unrolled};

/// The number of rows of the largest tile: one chain for each multiply-add in flight.
const ROWS: usize = 8;

/// `c = bias + sum(a * weight)` for rows of `channels` elements, as in
/// [`ImplicitGemm`](super::implicit_gemm::ImplicitGemm). `filters` are the offsets of the taps'
/// factors in the weight.
pub(super) struct Forward<'a> {
    pub row_tiles: &'a [RowTile],
    pub taps: Taps,
    pub filters: Taps,
    pub channels: usize,
    pub weight: *const f32,
    pub bias: Option<*const f32>,
    pub relu: bool,
}

/// `c = start + sum(a * dy)`: for each row the sum over `span` rows of `dy` from each tap, which
/// are `a_step` apart in A. The start is zero, or what C holds. Sums are added up in blocks of
/// [`DEPTH`].
pub(super) struct WeightGrad<'a> {
    pub row_tiles: &'a [RowTile],
    pub taps: Taps,
    pub span: usize,
    pub a_step: usize,
    pub channels: usize,
    pub dy: *const f32,
    pub start: From,
}

/// The largest number of taps in a list.
const MOST_TAPS: usize = 64;

/// Calls `$tile::<S, height>` for all rows of a tile. Heights are powers of two: half of the code,
/// and hardly more tiles.
macro_rules! tiles {
    ($s:ident, $tile:ident, $op:expr, $row_tile:ident) => {
        let op = $op;
        let mut left = $row_tile.rows.count;
        let mut cursor = $row_tile.rows.cursor();
        while left > 0 {
            let most = if const { S::SMALL } { 2 } else { ROWS };
            let height = (1 << left.ilog2()).min(most);
            // SAFETY: the heights add up to the number of rows, which the creator guarantees to
            // exist.
            unsafe {
                match height {
                    1 => $tile::<S, 1>($s, &op, $row_tile, cursor.next()),
                    _ if const { S::SMALL } => $tile::<S, 2>($s, &op, $row_tile, cursor.next()),
                    2 => $tile::<S, 2>($s, &op, $row_tile, cursor.next()),
                    4 => $tile::<S, 4>($s, &op, $row_tile, cursor.next()),
                    _ => $tile::<S, ROWS>($s, &op, $row_tile, cursor.next()),
                }
            }
            left -= height;
        }
    };
}

impl Op for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Forward {
            row_tiles,
            taps,
            filters,
            channels,
            weight,
            bias,
            relu,
        } = self;

        // A list, because a cursor in the inner loop costs a quarter more. If there are more taps,
        // the sums wait in C.
        let mut list = [[0; 2]; MOST_TAPS];
        for first in (0..taps.len.max(1)).step_by(MOST_TAPS) {
            let block = first..(first + MOST_TAPS).min(taps.len);
            let mut tap = taps.cursor(first);
            let mut filter = filters.cursor(first);
            for entry in &mut list[..block.len()] {
                *entry = [tap.offset, filter.offset];
                tap.advance();
                filter.advance();
            }

            for row_tile in row_tiles {
                let reached = &row_tile.taps;
                let begin = reached.start.max(block.start);
                let end = reached.end.min(block.end);
                let nothing = reached.is_empty() && first == 0;
                if begin >= end && !nothing {
                    continue;
                }

                let begins = nothing || begin == reached.start;
                let strip = Strip {
                    taps: if nothing {
                        &[]
                    } else {
                        &list[begin - first..end - first]
                    },
                    channels,
                    weight,
                    start: match bias {
                        _ if !begins => From::Accumulate,
                        None => From::Zero,
                        Some(bias) => From::Bias(bias),
                    },
                    relu: relu && (nothing || end == reached.end),
                };
                tiles!(s, forward, strip, row_tile);
            }
        }
    }
}

/// The part of the forward pass that adds up some taps.
struct Strip<'a> {
    /// The offsets of the factors from the row of A and in the weight.
    taps: &'a [[usize; 2]],
    channels: usize,
    weight: *const f32,
    start: From,
    relu: bool,
}

impl Op for WeightGrad<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        for row_tile in self.row_tiles {
            tiles!(s, weight_grad, &self, row_tile);
        }
    }
}

/// Computes `MR` rows of the forward pass.
///
/// # Safety
/// All elements that the rows, the taps and the channels name lie in memory, and nobody else writes
/// to C.
#[inline(always)]
unsafe fn forward<S: Simd, const MR: usize>(
    s: S,
    op: &Strip<'_>,
    row_tile: &RowTile,
    offsets: [[usize; 2]; MR],
) {
    let &Strip {
        taps,
        channels,
        weight,
        start,
        relu,
    } = op;
    let a = row_tile.a;
    let c = row_tile.c;

    let mut j = 0;
    while j < channels {
        let n = S::LANES.min(channels - j);

        // SAFETY (all blocks): `n` channels from `j` of elements that the creator guarantees.
        let mut acc = match start {
            From::Bias(bias) => [unsafe { s.get(bias.wrapping_add(j), n) }; MR],
            _ => [s.zero(); MR],
        };
        if let From::Accumulate = start {
            unrolled::<MR>(
                #[inline(always)]
                |i| acc[i] = unsafe { s.get(c.wrapping_add(offsets[i][1] + j), n) },
            );
        }

        for &[tap, filter] in taps {
            let w = unsafe { get(s, weight.wrapping_add(filter.wrapping_add(j)), n) };
            unrolled::<MR>(
                #[inline(always)]
                |i| {
                    let at = offsets[i][0].wrapping_add(tap).wrapping_add(j);
                    let x = unsafe { get(s, a.wrapping_add(at), n) };
                    acc[i] = s.fma(x, w, acc[i]);
                },
            );
        }

        unrolled::<MR>(
            #[inline(always)]
            |i| {
                let y = if relu {
                    s.max(s.zero(), acc[i])
                } else {
                    acc[i]
                };
                unsafe { s.put(c.wrapping_add(offsets[i][1] + j), y, n) };
            },
        );
        j += n;
    }
}

/// Computes `MR` rows of the weight gradient.
///
/// # Safety
/// As for `forward`.
#[inline(always)]
unsafe fn weight_grad<S: Simd, const MR: usize>(
    s: S,
    op: &WeightGrad<'_>,
    row_tile: &RowTile,
    offsets: [[usize; 2]; MR],
) {
    let &WeightGrad {
        taps,
        span,
        a_step,
        channels,
        dy,
        start,
        ..
    } = op;
    let a = row_tile.a;
    let c = row_tile.c;
    let first_tap = taps.cursor(0);

    let mut j = 0;
    while j < channels {
        let n = S::LANES.min(channels - j);
        let mut acc = [s.zero(); MR];
        let mut sums = [s.zero(); MR];
        let mut added = 0;
        let mut at = dy.wrapping_add(j);
        let mut tap = first_tap;
        for _ in 0..taps.len {
            let mut p = tap.offset + j;
            let mut left = span;
            while left > 0 {
                if added == DEPTH {
                    sums = adding(s)(sums, acc);
                    acc = [s.zero(); MR];
                    added = 0;
                }

                let count = left.min(DEPTH - added);
                left -= count;
                added += count;

                for _ in 0..count {
                    // SAFETY (both): as in `forward`.
                    let dy = unsafe { get(s, at, n) };
                    unrolled::<MR>(
                        #[inline(always)]
                        |i| {
                            let x = unsafe { get(s, a.wrapping_add(offsets[i][0] + p), n) };
                            acc[i] = s.fma(x, dy, acc[i]);
                        },
                    );
                    p += a_step;
                    at = at.wrapping_add(channels);
                }
            }
            tap.advance();
        }

        sums = adding(s)(sums, acc);
        unrolled::<MR>(
            #[inline(always)]
            |i| {
                let c = c.wrapping_add(offsets[i][1] + j);
                // SAFETY: as in `forward`.
                unsafe {
                    let sum = if let From::Accumulate = start {
                        s.add(s.get(c, n), sums[i])
                    } else {
                        sums[i]
                    };
                    s.put(c, sum, n);
                }
            },
        );
        j += n;
    }
}

/// Loads `n` lanes, in the way that costs least in a loop.
///
/// # Safety
/// `n <= LANES` floats can be read at `p`.
#[inline(always)]
unsafe fn get<S: Simd>(s: S, p: *const f32, n: usize) -> S::V {
    // SAFETY: guaranteed by the caller.
    unsafe {
        if S::MASKED_LOADS {
            s.load_n(p, n)
        } else {
            s.get(p, n)
        }
    }
}
