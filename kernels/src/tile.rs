//! The register tile of a product, and strips of tiles.

use super::simd::{Op, Simd, unrolled, unrolled_tile};

/// Rows of the largest tile. With `Simd::TILE` vectors it leaves registers for a row of B and a
/// broadcast element; 6 x 4 vectors of AVX-512 beat 8 x 3 and 14 x 2 by 2 to 10 %, 6 x 2 of AVX2
/// beat 4 x 3 by 19 to 40 %.
const ROWS: usize = 6;

/// A column strip of a product: `m` rows, and as many columns as a tile is wide. Raw, as tiles run
/// over parts of matrices that no slice describes; [`super::product`] makes them from checked
/// arguments.
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
    /// What the chains of each column start from; 0 if `None`.
    pub start: Option<*const f32>,
    /// Whether the sums are added to what C holds.
    pub onto: bool,
    /// Columns of the strip that lie in its last vector.
    pub last: usize,
    pub relu: bool,
    /// What is read after this strip.
    pub next: Next,
}

/// Lines of memory that are read soon: `rows` of `len` numbers, so far apart.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub at: *const f32,
    pub rows: usize,
    pub apart: usize,
    pub len: usize,
}

impl Next {
    /// Numbers that lie side by side.
    pub fn line(numbers: &[f32]) -> Next {
        Next {
            at: numbers.as_ptr(),
            rows: numbers.len().div_ceil(LINE),
            apart: LINE,
            len: 1,
        }
    }

    /// Asks for the `part`-th of so many parts.
    #[inline(always)]
    pub fn prefetch<S: Simd>(&self, s: S, part: usize, parts: usize) {
        for row in part * self.rows / parts..(part + 1) * self.rows / parts {
            for i in (0..self.len).step_by(LINE) {
                s.prefetch(self.at.wrapping_add(row * self.apart + i));
            }
        }
    }
}

/// Numbers in a cache line.
const LINE: usize = 16;
/// From this many inner indices on, asking for the rows of C costs next to nothing, and pays.
const DEEP: usize = 32;

/// Computes a strip that is `NR` vectors wide.
///
/// Its maker promises: A can be read at `m` x `k` elements, B at `k` rows of all columns (of whole
/// vectors unless the tier has `MASKED_LOADS`), `start` and C at `m` rows of all columns; and
/// nobody else writes to them.
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
        let tiles = strip.m.div_ceil(ROWS);
        let height = strip.m / tiles;
        let taller = strip.m % tiles;
        for t in 0..tiles {
            let rows = height + usize::from(t < taller);
            strip.next.prefetch(s, t, tiles);
            if strip.start.is_none() && strip.k >= DEEP {
                let at = strip.c.cast_const();
                let len = NR * S::LANES;
                Next {
                    at,
                    rows,
                    apart: strip.c_row,
                    len,
                }
                .prefetch(s, 0, 1);
            }
            // SAFETY: the heights add up to m, so each tile lies within the strip.
            unsafe {
                match rows {
                    1 => tile::<S, 1, NR>(s, &strip),
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

/// The first `MR` rows of a strip; the accumulators stay in registers for all of `k`.
///
/// # Safety
/// What `StripOp` promises, for these rows.
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
    // SAFETY (all blocks): i < MR, j < NR and p < k are elements that the strip's maker promised.
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

/// The tile whose row `i` lies at `c(i)`, and of whose last vectors so many lanes are columns.
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
            // SAFETY: the caller's promise.
            acc[i][j] = unsafe { s.get(c(i).wrapping_add(j * S::LANES), n) };
        },
    );
    acc
}

/// Adds the products of a column of A, whose element in row `i` lies at `a(i)`, and a row of B,
/// `NR` vectors; of the last one so many lanes, if that is said.
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
            // SAFETY: the caller's promise.
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
            // SAFETY: the caller's promise.
            let x = s.splat(unsafe { *a(i) });
            unrolled::<NR>(
                #[inline(always)]
                |j| acc[i][j] = s.fma(x, row[j], acc[i][j]),
            );
        },
    );
}

/// Writes the tile whose row `i` lies at `c(i)`, and of whose last vectors so many lanes are
/// columns; or adds it to what is there.
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
                    // SAFETY: the caller's promise.
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

    // A path of its own, so that the others keep the sums where they are.
    if onto {
        // SAFETY: the caller's promise.
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
    // One question for all rows.
    if last == S::LANES {
        store(acc, S::LANES)
    } else {
        store(acc, last)
    }
}
