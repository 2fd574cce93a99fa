//! The portable tier on x86-64: four lanes of SSE2, which every such processor has.
//!
//! The arrays of `portable.rs` would do, but LLVM's loop vectorizer takes their loops apart again:
//! the code is a third larger, products take 1.3 times and an Adam step 2.2 times as long.

use core::arch::x86_64::*;

use super::{Op, Simd};

/// Vectors that every x86-64 processor has.
#[derive(Clone, Copy)]
pub(crate) struct Sse2;

type V = __m128;

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
            1 => _mm_store_ss(p, v),
            2 => _mm_store_sd(p.cast(), _mm_castps_pd(v)),
            3 => {
                _mm_store_sd(p.cast(), _mm_castps_pd(v));
                _mm_store_ss(p.add(2), _mm_movehl_ps(v, v));
            }
            _ => _mm_storeu_ps(p, v),
        }
    }
}

impl Simd for Sse2 {
    type V = V;
    type M = V;
    const LANES: usize = 4;
    const MASKED_LOADS: bool = false;
    const TILE: usize = 2;

    // Without `never`, every kernel would be inlined into every caller: nothing else stops the
    // inliner.
    #[inline(never)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        op.call(Sse2)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match n {
                0 => _mm_setzero_ps(),
                1 => _mm_load_ss(p),
                2 => _mm_castpd_ps(_mm_load_sd(p.cast())),
                3 => _mm_movelh_ps(_mm_castpd_ps(_mm_load_sd(p.cast())), _mm_load_ss(p.add(2))),
                _ => _mm_loadu_ps(p),
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
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), c) }
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_sub_ps(c, _mm_mul_ps(a, b)) }
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_div_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_sqrt_ps(a) }
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_min_ps(a, b) }
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            // Its addition drops the fraction of a float, rounding to even.
            let shift = _mm_set1_ps(12_582_912.0);
            _mm_sub_ps(_mm_add_ps(a, shift), shift)
        }
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            // Two factors, as 2^n itself may be out of range; the first product is exact.
            let n = _mm_cvtps_epi32(n);
            let half = _mm_srai_epi32::<1>(n);
            let rest = _mm_sub_epi32(n, half);
            let bias = _mm_set1_epi32(127);
            let first = _mm_castsi128_ps(_mm_slli_epi32::<23>(_mm_add_epi32(half, bias)));
            let second = _mm_castsi128_ps(_mm_slli_epi32::<23>(_mm_add_epi32(rest, bias)));
            _mm_mul_ps(_mm_mul_ps(a, first), second)
        }
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            let bits = _mm_castps_si128(a);
            let half = _mm_set1_epi32(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
            let exponent = _mm_srai_epi32::<23>(_mm_sub_epi32(bits, half));
            let m = _mm_sub_epi32(bits, _mm_slli_epi32::<23>(exponent));
            (_mm_castsi128_ps(m), _mm_cvtepi32_ps(exponent))
        }
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_and_ps(a, _mm_castsi128_ps(_mm_set1_epi32(bits as i32))) }
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_or_ps(a, b) }
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_cmpgt_ps(a, b) }
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_cmple_ps(a, b) }
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_cmpeq_ps(a, b) }
    }

    #[inline(always)]
    fn any(self, mask: V) -> bool {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_movemask_ps(mask) != 0 }
    }

    #[inline(always)]
    fn select(self, mask: V, yes: V, no: V) -> V {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no)) }
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
            let row = |r: usize| _mm_loadu_ps(src.add(r * src_stride));
            let mut a = row(0);
            let mut b = row(1);
            let mut c = row(2);
            let mut d = row(3);

            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (r, v) in [a, b, c, d].into_iter().enumerate() {
                _mm_storeu_ps(dst.add(r * dst_stride), v);
            }
        }
    }
}
