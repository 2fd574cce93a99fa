//! Four lanes of WebAssembly's `simd128`, in builds whose target has it. There is no fused
//! multiply-add, and the bits are those of `portable.rs`.
//!
//! The arrays of `portable.rs` would do, but LLVM's loop vectorizer takes their loops apart again.

use core::arch::wasm32::*;

use super::{Op, Simd};

/// Vectors that the target of the build has.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

type V = v128;

/// Implements [`Simd::store_n`] as a function of its own: its branches, in every tile of every
/// kernel, take long to compile.
///
/// # Safety
/// `n` floats can be written at `p`.
#[cold]
#[inline(never)]
unsafe fn store_part(p: *mut f32, v: V, n: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match n {
            0 => {}
            1 => v128_store32_lane::<0>(v, p.cast()),
            2 => v128_store64_lane::<0>(v, p.cast()),
            3 => {
                v128_store64_lane::<0>(v, p.cast());
                v128_store32_lane::<2>(v, p.add(2).cast());
            }
            _ => v128_store(p.cast(), v),
        }
    }
}

impl Simd for Simd128 {
    type V = V;
    type M = V;
    const LANES: usize = 4;
    const MASKED_LOADS: bool = false;
    const TILE: usize = 2;

    // Without `never`, every kernel would be inlined into every caller: nothing else stops the
    // inliner.
    #[inline(never)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        op.call(Simd128)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        f32x4_splat(x)
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { v128_load(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller.
        unsafe { v128_store(p.cast(), v) }
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match n {
                0 => f32x4_splat(0.0),
                1 => v128_load32_zero(p.cast()),
                2 => v128_load64_zero(p.cast()),
                3 => v128_load32_lane::<2>(v128_load64_zero(p.cast()), p.add(2).cast()),
                _ => v128_load(p.cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, v: V, n: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe { store_part(p, v, n) }
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        f32x4_sub(c, f32x4_mul(a, b))
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        f32x4_sub(a, b)
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        f32x4_div(a, b)
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        f32x4_sqrt(a)
    }

    // `f32x4_pmax(x, y)` is `if x < y { y } else { x }`.
    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        f32x4_pmax(b, a)
    }

    // `f32x4_pmin(x, y)` is `if y < x { y } else { x }`.
    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        f32x4_pmin(b, a)
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        // Its addition drops the fraction of a float, rounding to even.
        let shift = f32x4_splat(12_582_912.0);
        f32x4_sub(f32x4_add(a, shift), shift)
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // Two factors, as 2^n itself may be out of range; the first product is exact.
        let n = i32x4_trunc_sat_f32x4(n);
        let half = i32x4_shr(n, 1);
        let rest = i32x4_sub(n, half);
        let bias = i32x4_splat(127);
        let first = i32x4_shl(i32x4_add(half, bias), 23);
        let second = i32x4_shl(i32x4_add(rest, bias), 23);
        f32x4_mul(f32x4_mul(a, first), second)
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        let half = i32x4_splat(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
        let exponent = i32x4_shr(i32x4_sub(a, half), 23);
        let m = i32x4_sub(a, i32x4_shl(exponent, 23));
        (m, f32x4_convert_i32x4(exponent))
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        v128_and(a, u32x4_splat(bits))
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        v128_or(a, b)
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> V {
        f32x4_gt(a, b)
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> V {
        f32x4_le(a, b)
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> V {
        f32x4_eq(a, b)
    }

    #[inline(always)]
    fn any(self, mask: V) -> bool {
        v128_any_true(mask)
    }

    #[inline(always)]
    fn select(self, mask: V, yes: V, no: V) -> V {
        v128_bitselect(yes, no, mask)
    }

    // As vectors, so that the compiler does not mix several sums lane by lane.
    #[inline(always)]
    fn sum_lanes(self, v: V) -> f32 {
        let v = f32x4_add(v, i32x4_shuffle::<2, 3, 2, 3>(v, v));
        f32x4_extract_lane::<0>(v) + f32x4_extract_lane::<1>(v)
    }

    #[inline(always)]
    unsafe fn transpose(
        self,
        src: *const f32,
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let row = |r: usize| v128_load(src.add(r * src_stride).cast());
            let [a, b, c, d] = [row(0), row(1), row(2), row(3)];

            // Pairs of the lower and of the upper elements of two rows each.
            let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a, b);
            let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a, b);
            let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c, d);
            let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c, d);

            for (r, v) in [
                i32x4_shuffle::<0, 1, 4, 5>(ab_low, cd_low),
                i32x4_shuffle::<2, 3, 6, 7>(ab_low, cd_low),
                i32x4_shuffle::<0, 1, 4, 5>(ab_high, cd_high),
                i32x4_shuffle::<2, 3, 6, 7>(ab_high, cd_high),
            ]
            .into_iter()
            .enumerate()
            {
                v128_store(dst.add(r * dst_stride).cast(), v);
            }
        }
    }
}
