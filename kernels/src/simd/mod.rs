//! Vectors of `f32`: one trait, with one implementation per instruction tier.
//!
//! A kernel is an [`Op`]: a struct of arguments whose `call` is generic over the tier and
//! `#[inline(always)]`, as is everything it uses. [`Simd::run`] calls it in a function that has the
//! tier's instructions enabled. No function may stand between: a generic function that is not
//! inlined would be compiled for the baseline, with every vector passed through memory.
//! [`Simd::outline`] runs a part of a kernel in a function of its own.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
mod neon;
#[cfg(any(
    test,
    miri,
    not(any(target_arch = "x86_64", target_feature = "simd128"))
))]
mod portable;
#[cfg(target_feature = "simd128")]
mod simd128;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod sse2;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
pub(super) use neon::Neon;
#[cfg(any(
    test,
    miri,
    not(any(target_arch = "x86_64", target_feature = "simd128"))
))]
#[cfg_attr(miri, allow(unused_imports))]
pub(super) use portable::Portable;

/// The vectors of the portable tier.
#[cfg(miri)]
pub(super) use portable::Portable as Baseline;
/// The vectors of the portable tier.
#[cfg(target_feature = "simd128")]
pub(super) use simd128::Simd128 as Baseline;
/// The vectors of the portable tier.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) use sse2::Sse2 as Baseline;

use super::denormals::{TAIL, Thresholds};
use super::pairs::{Pairs, TERMS};

/// A kernel with its arguments.
pub(super) trait Op {
    type Out;
    /// Runs the kernel. Implementations are `#[inline(always)]`.
    fn call<S: Simd>(self, s: S) -> Self::Out;
}

/// An operation that returns the number of lanes, for callers without vectors of their own.
pub(super) struct Lanes;

impl Op for Lanes {
    type Out = usize;

    #[inline(always)]
    fn call<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}

/// The instructions of one tier. A value proves that the processor has them, which makes the
/// arithmetic safe.
pub(super) trait Simd: Copy + 'static {
    /// A vector of `LANES` floats.
    type V: Copy;
    /// One truth value per lane.
    type M: Copy;
    /// The number of lanes of a vector: 4, 8 or 16.
    const LANES: usize;
    /// True if `load_n` costs no more than `load`.
    const MASKED_LOADS: bool;
    /// The width of the register tile of a product in vectors. With 6 rows it takes 24 of 32 or 12
    /// of 16 registers.
    const TILE: usize;
    /// True if a right-hand matrix with contiguous rows is packed, if there are many rows on the
    /// left: it costs memory, and pays off on processors with caches.
    const PACKS: bool = true;
    /// True if little code counts for more than the last tenth of speed: kernels have few shapes of
    /// tiles. The bits are the same.
    const SMALL: bool = false;

    /// Runs `op` in a function of its own that is compiled for this tier.
    ///
    /// # Safety
    /// The processor has the tier's instructions.
    unsafe fn run<O: Op>(op: O) -> O::Out;

    /// Like `run`, from within the tier.
    #[inline(always)]
    fn outline<O: Op>(self, op: O) -> O::Out {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { Self::run(op) }
    }

    fn splat(self, x: f32) -> Self::V;

    /// # Safety
    /// `LANES` floats can be read at `p`.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `LANES` floats can be written at `p`.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// Loads the first `n <= LANES` lanes; the others are 0.
    /// # Safety
    /// `n` floats can be read at `p`.
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V;
    /// Stores the first `n <= LANES` lanes.
    /// # Safety
    /// `n` floats can be written at `p`.
    unsafe fn store_n(self, p: *mut f32, v: Self::V, n: usize);

    /// Prefetches the cache line at `p`, wherever that is, to the second-level cache.
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        // SAFETY: every x86-64 processor has SSE, and a prefetch of any address is allowed.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(p.cast());
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = p;
    }

    /// `a * b + c`, fused except in the portable tier and in WebAssembly.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, likewise.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `if a > b { a } else { b }`: a NaN in `b` stays, one in `a` does not.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `if a < b { a } else { b }`: a NaN in `b` stays, one in `a` does not.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// Rounds to the nearest whole number, for `|a| < 2^22` or NaN.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` with one rounding, for a whole `n` from -252 to 254; NaN if `a` is.
    fn ldexp(self, a: Self::V, n: Self::V) -> Self::V;
    /// Returns `(m, e)` with `m * 2^e = a` and `m` from `sqrt(1/2)` to `sqrt(2)`, for a positive
    /// normal `a`.
    fn frexp(self, a: Self::V) -> (Self::V, Self::V);
    /// Returns the bits of `a` that are set in `bits`.
    fn and_bits(self, a: Self::V, bits: u32) -> Self::V;
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    fn gt(self, a: Self::V, b: Self::V) -> Self::M;
    fn le(self, a: Self::V, b: Self::V) -> Self::M;
    fn eq(self, a: Self::V, b: Self::V) -> Self::M;
    /// Returns whether `|a|` is below [`Thresholds::F32`]'s `tiny`: its exponent field is below 16.
    #[inline(always)]
    fn is_tiny(self, a: Self::V) -> Self::M {
        self.gt(
            self.splat(Thresholds::F32.tiny as f32),
            self.and_bits(a, 0x7fff_ffff),
        )
    }
    /// Returns `a`, but 0 where it is denormal: where its exponent field is 0. NaN stays.
    #[inline(always)]
    fn flush_denormal(self, a: Self::V) -> Self::V {
        let is_denormal = self.gt(self.splat(f32::MIN_POSITIVE), self.and_bits(a, 0x7fff_ffff));
        self.select(is_denormal, self.zero(), a)
    }
    /// Returns `a`, but 0 where `|a|` is below [`TAIL`]. NaN stays.
    #[inline(always)]
    fn flush_tail(self, a: Self::V) -> Self::V {
        let is_tail = self.gt(self.splat(TAIL), self.and_bits(a, 0x7fff_ffff));
        self.select(is_tail, self.zero(), a)
    }
    /// Returns whether any lane is true.
    fn any(self, mask: Self::M) -> bool;
    fn select(self, mask: Self::M, yes: Self::V, no: Self::V) -> Self::V;

    /// Returns the sum of the lanes, by adding the upper half to the lower one until one lane is
    /// left.
    #[inline(always)]
    fn sum_lanes(self, v: Self::V) -> f32 {
        let mut lanes = [0.0; 16];
        // SAFETY: LANES <= 16 elements.
        unsafe { self.store(lanes.as_mut_ptr(), v) };

        let mut half = Self::LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
            half /= 2;
        }

        lanes[0]
    }

    /// Transposes a block of `LANES` by `LANES`:
    /// `dst[i * dst_stride + j] = src[j * src_stride + i]`.
    ///
    /// # Safety
    /// The rows of the block can be read at `src` and written at `dst`.
    #[inline(always)]
    unsafe fn transpose(
        self,
        src: *const f32,
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ) {
        for j in 0..Self::LANES {
            for i in 0..Self::LANES {
                // SAFETY: i and j are below LANES: within the block.
                unsafe { *dst.add(i * dst_stride + j) = *src.add(j * src_stride + i) };
            }
        }
    }

    /// Loads `n` lanes: `load` or, if `n < LANES`, `load_n`.
    /// # Safety
    /// `n` floats can be read at `p`.
    #[inline(always)]
    unsafe fn get(self, p: *const f32, n: usize) -> Self::V {
        // SAFETY: guaranteed by the caller.
        unsafe {
            if n == Self::LANES {
                self.load(p)
            } else {
                self.load_n(p, n)
            }
        }
    }

    /// Stores `n` lanes: `store` or, if `n < LANES`, `store_n`.
    /// # Safety
    /// `n` floats can be written at `p`.
    #[inline(always)]
    unsafe fn put(self, p: *mut f32, v: Self::V, n: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            if n == Self::LANES {
                self.store(p, v)
            } else {
                self.store_n(p, v, n)
            }
        }
    }

    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }
}

/// Calls `f(start, count)` for each vector of `len` elements: `count` is `LANES` except for the
/// last one.
#[inline(always)]
pub(super) fn each<S: Simd>(_: S, len: usize, mut f: impl FnMut(usize, usize)) {
    let mut i = 0;
    while i + S::LANES <= len {
        f(i, S::LANES);
        i += S::LANES;
    }
    if i < len {
        f(i, len - i);
    }
}

/// Calls `f` with 0 to `N - 1`, unrolled, for `N` up to 8: the compiler is done with successive
/// calls far sooner than with a loop that it has to unroll.
#[inline(always)]
pub(super) fn unrolled<const N: usize>(mut f: impl FnMut(usize)) {
    const { assert!(N <= 8) };

    // Without optimization, each call would keep all its vectors on the stack, where those of a
    // tile do not fit.
    if cfg!(debug_assertions) {
        return (0..N).for_each(f);
    }

    if const { N > 0 } {
        f(0);
    }
    if const { N > 1 } {
        f(1);
    }
    if const { N > 2 } {
        f(2);
    }
    if const { N > 3 } {
        f(3);
    }
    if const { N > 4 } {
        f(4);
    }
    if const { N > 5 } {
        f(5);
    }
    if const { N > 6 } {
        f(6);
    }
    if const { N > 7 } {
        f(7);
    }
}

/// Like `unrolled`, for the rows and, within each, the vectors of a tile.
#[inline(always)]
pub(super) fn unrolled_tile<const MR: usize, const NR: usize>(mut f: impl FnMut(usize, usize)) {
    unrolled::<MR>(
        #[inline(always)]
        |i| {
            unrolled::<NR>(
                #[inline(always)]
                |j| f(i, j),
            );
        },
    );
}

/// The number of partial sums of a sum, in every tier: enough independent additions, and the same
/// bits.
const PARTIALS: usize = 32;

/// Returns the sum of the vectors that `term(start, count)` gives for `len` elements. Lanes beyond
/// `count` do not matter. Each partial sum is one of [`Pairs`].
#[inline(always)]
pub(super) fn sum_of<S: Simd>(s: S, len: usize, mut term: impl FnMut(usize, usize) -> S::V) -> f32 {
    let [sum] = sums_of(
        s,
        len,
        #[inline(always)]
        |start, count| [term(start, count)],
    );
    sum
}

/// Like `sum_of`, for several sums in one pass.
#[inline(always)]
pub(super) fn sums_of<S: Simd, const N: usize>(
    s: S,
    len: usize,
    mut term: impl FnMut(usize, usize) -> [S::V; N],
) -> [f32; N] {
    const BLOCK: usize = TERMS * PARTIALS;

    let mut pairs = Pairs::new();
    let mut start = 0;
    while len - start > BLOCK {
        let sums = block_sums(s, start, start + BLOCK, &mut term);
        pairs.push(partials(s, sums), add_partials);
        start += BLOCK;
    }

    let whole = len - len % PARTIALS;
    let mut sums = block_sums(s, start, whole, &mut term);
    for j in 0..PARTIALS / S::LANES {
        let i = whole + j * S::LANES;
        if i < len {
            let count = S::LANES.min(len - i);
            for (sums, term) in sums.iter_mut().zip(term(i, count)) {
                let mut lanes = [0.0; 16];
                // SAFETY: count <= LANES <= 16 elements of `lanes`.
                let term = unsafe {
                    s.store(lanes.as_mut_ptr(), term);
                    s.load_n(lanes.as_ptr(), count)
                };
                sums[j] = s.add(sums[j], term);
            }
        }
    }

    // Most sums are short, and need no pairs.
    if start == 0 {
        let mut totals = [0.0; N];
        for (total, mut sums) in totals.iter_mut().zip(sums) {
            let mut half = PARTIALS / S::LANES / 2;
            while half > 0 {
                for j in 0..half {
                    sums[j] = s.add(sums[j], sums[j + half]);
                }
                half /= 2;
            }
            *total = s.sum_lanes(sums[0]);
        }
        return totals;
    }
    pairs.finish(partials(s, sums), add_partials).map(halves)
}

/// Returns the sums of the terms from `start` to `end`, whose number is a multiple of `PARTIALS`.
#[inline(always)]
fn block_sums<S: Simd, const N: usize>(
    s: S,
    start: usize,
    end: usize,
    term: &mut impl FnMut(usize, usize) -> [S::V; N],
) -> [[S::V; PARTIALS / 4]; N] {
    let mut sums = [[s.zero(); PARTIALS / 4]; N];
    let mut start = start;
    while start < end {
        for j in 0..PARTIALS / S::LANES {
            let terms = term(start + j * S::LANES, S::LANES);
            for (sums, term) in sums.iter_mut().zip(terms) {
                sums[j] = s.add(sums[j], term);
            }
        }
        start += PARTIALS;
    }

    sums
}

/// Returns the partial sums that lie in vectors.
#[inline(always)]
fn partials<S: Simd, const N: usize>(
    s: S,
    sums: [[S::V; PARTIALS / 4]; N],
) -> [[f32; PARTIALS]; N] {
    let mut all = [[0.0; PARTIALS]; N];
    for (lanes, sums) in all.iter_mut().zip(sums) {
        for (j, &sum) in sums.iter().enumerate().take(PARTIALS / S::LANES) {
            // SAFETY: the vectors j fill exactly PARTIALS elements.
            unsafe { s.store(lanes.as_mut_ptr().add(j * S::LANES), sum) };
        }
    }
    all
}

/// Adds partial sums element by element.
#[inline(always)]
pub(super) fn add_partials<const M: usize, const N: usize>(
    a: [[f32; M]; N],
    b: [[f32; M]; N],
) -> [[f32; M]; N] {
    let mut sums = a;
    for (sums, b) in sums.as_flattened_mut().iter_mut().zip(b.as_flattened()) {
        *sums += b;
    }
    sums
}

/// Returns the function that adds arrays of vectors element by element.
#[inline(always)]
pub(super) fn adding<S: Simd, const N: usize>(
    s: S,
) -> impl Fn([S::V; N], [S::V; N]) -> [S::V; N] + Copy {
    #[inline(always)]
    move |mut a, b| {
        for (a, b) in a.iter_mut().zip(b) {
            *a = s.add(*a, b);
        }
        a
    }
}

/// Sums by adding the upper half to the lower one until one element is left.
#[inline(always)]
pub(super) fn halves<const N: usize>(mut x: [f32; N]) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            x[i] += x[i + half];
        }
        half /= 2;
    }

    x[0]
}
