//! The micro-kernel of a product: a register tile, and strips of tiles.

use super::simd::{Op, Simd, unrolled, unrolled_tile};

/// Rows of the largest tile. With `Simd::TILE` vectors it leaves registers for a row of `B` and a
/// broadcast element; 6 x 4 vectors of AVX-512 beat 8 x 3 and 14 x 2 by 2 to 10 %, 6 x 2 of AVX2
/// beat 4 x 3 by 19 to 40 %.
const ROWS: usize = 6;

/// A column strip of a product: `m` rows, and at most as many columns as a tile is wide. It holds
/// raw pointers, as tiles run over parts of matrices that no slice describes; [`super::product`]
/// makes them from checked arguments.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    pub m: usize,
    pub k: usize,
    pub a: *const f32,
    pub a_row: usize,
    pub a_col: usize,
    pub b: *const f32,
    pub b_row: usize,
    pub c: *mut f32,
    pub c_row: usize,
    /// The initial value of each column's chain; 0 if `None`.
    pub start: Option<*const f32>,
    /// True if the sums are added to the contents of `C`.
    pub onto: bool,
    /// The number of columns in the strip's last vector.
    pub last: usize,
    pub relu: bool,
    /// The memory that is read after this strip.
    pub next: PrefetchRegion,
}

/// Memory to prefetch: `rows` rows of `len` elements, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct PrefetchRegion {
    pub at: *const f32,
    pub rows: usize,
    pub stride: usize,
    pub len: usize,
}

impl PrefetchRegion {
    /// Contiguous elements.
    pub fn contiguous(numbers: &[f32]) -> PrefetchRegion {
        PrefetchRegion {
            at: numbers.as_ptr(),
            rows: numbers.len().div_ceil(LINE),
            stride: LINE,
            len: 1,
        }
    }

    /// Prefetches part number `part` of `parts` equal ones.
    #[inline(always)]
    pub fn prefetch<S: Simd>(&self, s: S, part: usize, parts: usize) {
        for row in part * self.rows / parts..(part + 1) * self.rows / parts {
            for i in (0..self.len).step_by(LINE) {
                s.prefetch(self.at.wrapping_add(row * self.stride + i));
            }
        }
    }
}

/// The number of elements in a cache line.
const LINE: usize = 16;
/// The smallest inner dimension for which prefetching the rows of `C` costs next to nothing and
/// pays off.
const DEEP: usize = 32;

/// Computes a strip that is `NR` vectors wide.
///
/// Its creator guarantees that `A` can be read at `m` x `k` elements, `B` at `k` rows of all
/// columns (of whole vectors unless the tier has `MASKED_LOADS`), `start` and `C` at `m` rows of
/// all columns; and that nobody else writes to them.
pub(super) struct StripOp<const NR: usize>(pub Strip);

impl<const NR: usize> Op for StripOp<NR> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let StripOp(mut strip) = self;
        if strip.m == 0 {
            return;
        }

        // Heights as equal as possible: a single row left over would be a slow tile.
        let most = if const { S::SMALL } { 2 } else { ROWS };
        let tiles = strip.m.div_ceil(most);
        let height = strip.m / tiles;
        let taller = strip.m % tiles;

        for t in 0..tiles {
            let rows = height + usize::from(t < taller);

            strip.next.prefetch(s, t, tiles);

            if strip.start.is_none() && strip.k >= DEEP {
                let at = strip.c.cast_const();
                let len = NR * S::LANES;
                PrefetchRegion {
                    at,
                    rows,
                    stride: strip.c_row,
                    len,
                }
                .prefetch(s, 0, 1);
            }

            // SAFETY: the heights add up to m, so each tile lies within the strip.
            unsafe {
                match rows {
                    1 => tile::<S, 1, NR>(s, &strip),
                    _ if const { S::SMALL } => tile::<S, 2, NR>(s, &strip),
                    2 => tile::<S, 2, NR>(s, &strip),
                    3 => tile::<S, 3, NR>(s, &strip),
                    4 => tile::<S, 4, NR>(s, &strip),
                    5 => tile::<S, 5, NR>(s, &strip),
                    _ => tile::<S, 6, NR>(s, &strip),
                }

                strip.a = strip.a.wrapping_add(rows * strip.a_row);
                strip.c = strip.c.wrapping_add(rows * strip.c_row);
            }
        }
    }
}

/// Computes the first `MR` rows of a strip; the accumulators stay in registers for all of `k`.
///
/// # Safety
/// As the creator of `StripOp` guarantees, for these rows.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NR: usize>(s: S, strip: &Strip) {
    let &Strip {
        k,
        a,
        a_row,
        a_col,
        b,
        b_row,
        c,
        c_row,
        start,
        onto,
        last,
        relu,
        ..
    } = strip;

    // SAFETY (all blocks): i < MR, j < NR and p < k are elements that the strip's creator
    // guarantees.
    let mut acc = match start {
        None => [[s.zero(); NR]; MR],
        Some(start) => {
            let [row] = unsafe {
                load::<S, 1, NR>(
                    s,
                    last,
                    #[inline(always)]
                    |_| start,
                )
            };
            [row; MR]
        }
    };
    let mut a = a;
    let mut b = b;

    // One rank-1 update per inner index.
    for _ in 0..k {
        s.prefetch(a.wrapping_add(LINE));
        unsafe {
            add_products(
                s,
                &mut acc,
                (b, S::MASKED_LOADS.then_some(last)),
                #[inline(always)]
                |i| a.wrapping_add(i * a_row),
            )
        };
        a = a.wrapping_add(a_col);
        b = b.wrapping_add(b_row);
    }

    // Epilogue: accumulation, rectifier and the store.
    unsafe {
        finish(
            s,
            acc,
            last,
            (onto, relu),
            #[inline(always)]
            |i| c.wrapping_add(i * c_row),
        )
    };
}

/// Loads the tile whose row `i` lies at `c(i)`. The last vector of each row has `last` columns.
///
/// # Safety
/// The columns can be read.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const MR: usize, const NR: usize>(
    s: S,
    last: usize,
    c: impl Fn(usize) -> *const f32,
) -> [[S::V; NR]; MR] {
    let mut acc = [[s.zero(); NR]; MR];
    unrolled_tile::<MR, NR>(
        #[inline(always)]
        |i, j| {
            let n = if j + 1 == NR { last } else { S::LANES };
            // SAFETY: guaranteed by the caller.
            acc[i][j] = unsafe { s.get(c(i).wrapping_add(j * S::LANES), n) };
        },
    );
    acc
}

/// Adds the outer product of a column of `A`, whose element in row `i` lies at `a(i)`, and a row of
/// `B` of `NR` vectors, of which the last has `last` lanes if that is given.
///
/// # Safety
/// The elements can be read.
#[inline(always)]
pub(super) unsafe fn add_products<S: Simd, const MR: usize, const NR: usize>(
    s: S,
    acc: &mut [[S::V; NR]; MR],
    (b, last): (*const f32, Option<usize>),
    a: impl Fn(usize) -> *const f32,
) {
    let mut row = [s.zero(); NR];
    unrolled::<NR>(
        #[inline(always)]
        |j| {
            let at = b.wrapping_add(j * S::LANES);
            // SAFETY: guaranteed by the caller.
            row[j] = unsafe {
                match last {
                    Some(last) if j + 1 == NR => s.load_n(at, last),
                    _ => s.load(at),
                }
            };
        },
    );

    unrolled::<MR>(
        #[inline(always)]
        |i| {
            // SAFETY: guaranteed by the caller.
            let x = s.splat(unsafe { *a(i) });
            unrolled::<NR>(
                #[inline(always)]
                |j| acc[i][j] = s.fma(x, row[j], acc[i][j]),
            );
        },
    );
}

/// Stores the tile whose row `i` lies at `c(i)`, or adds it to what is there if `onto`. The last
/// vector of each row has `last` columns.
///
/// # Safety
/// The columns can be read and written.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const MR: usize, const NR: usize>(
    s: S,
    mut acc: [[S::V; NR]; MR],
    last: usize,
    (onto, relu): (bool, bool),
    c: impl Fn(usize) -> *mut f32,
) {
    let store = {
        #[inline(always)]
        |acc: [[S::V; NR]; MR], last: usize| {
            unrolled_tile::<MR, NR>(
                #[inline(always)]
                |i, j| {
                    let n = if j + 1 == NR { last } else { S::LANES };
                    // SAFETY: guaranteed by the caller.
                    unsafe { s.put(c(i).wrapping_add(j * S::LANES), acc[i][j], n) };
                },
            );
        }
    };
    let zero_or = {
        #[inline(always)]
        |mut acc: [[S::V; NR]; MR]| {
            unrolled_tile::<MR, NR>(
                #[inline(always)]
                |i, j| acc[i][j] = s.max(s.zero(), acc[i][j]),
            );
            acc
        }
    };

    // A separate path, so that the others keep the sums in registers.
    if onto {
        // SAFETY: guaranteed by the caller.
        let before = unsafe {
            load::<S, MR, NR>(
                s,
                last,
                #[inline(always)]
                |i| c(i).cast_const(),
            )
        };
        unrolled_tile::<MR, NR>(
            #[inline(always)]
            |i, j| acc[i][j] = s.add(before[i][j], acc[i][j]),
        );
        return store(if relu { zero_or(acc) } else { acc }, last);
    }

    if relu {
        acc = zero_or(acc);
    }
    // One branch for all rows.
    if last == S::LANES {
        store(acc, S::LANES)
    } else {
        store(acc, last)
    }
}
