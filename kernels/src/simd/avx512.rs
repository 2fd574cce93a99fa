//! Sixteen lanes: AVX-512.

use core::arch::x86_64::*;

use super::{Op, Simd};

/// The proof that the processor has AVX-512 F, BW, VL and DQ; made in [`run`] only.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

type V = __m512;
type M = __mmask16;

/// Returns the lowest `n <= 16` bits.
#[inline(always)]
fn mask(n: usize) -> M {
    ((1_u32 << n) - 1) as M
}

/// The trampoline: the only function of this tier that has its instructions enabled, so everything
/// else is inlined into it.
///
/// # Safety
/// The processor has the features, which [`crate::tier`] detects.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,bmi1,bmi2,lzcnt")]
unsafe fn run<O: Op>(op: O) -> O::Out {
    op.call(Avx512(()))
}

impl Simd for Avx512 {
    type V = V;
    type M = M;
    const LANES: usize = 16;
    const MASKED_LOADS: bool = true;
    const TILE: usize = 4;

    #[inline(always)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        // SAFETY: guaranteed by the caller.
        unsafe { run(op) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm512_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm512_maskz_loadu_ps(mask(n), p) }
    }

    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, v: V, n: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm512_mask_storeu_ps(p, mask(n), v) }
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_scalef_ps(a, n) }
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            let bits = _mm512_castps_si512(a);
            let half = _mm512_set1_epi32(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
            let exponent = _mm512_srai_epi32::<23>(_mm512_sub_epi32(bits, half));
            let m = _mm512_sub_epi32(bits, _mm512_slli_epi32::<23>(exponent));
            (_mm512_castsi512_ps(m), _mm512_cvtepi32_ps(exponent))
        }
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32(bits as i32))) }
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_or_ps(a, b) }
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn is_tiny(self, a: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_testn_epi32_mask(_mm512_castps_si512(a), _mm512_set1_epi32(0x7800_0000)) }
    }

    #[inline(always)]
    fn flush_denormal(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            let exponent = _mm512_set1_epi32(0x7f80_0000);
            _mm512_maskz_mov_ps(_mm512_test_epi32_mask(_mm512_castps_si512(a), exponent), a)
        }
    }

    #[inline(always)]
    fn any(self, mask: M) -> bool {
        mask != 0
    }

    #[inline(always)]
    fn select(self, mask: M, yes: V, no: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    // As vectors, so that the compiler does not mix several sums lane by lane.
    #[inline(always)]
    fn sum_lanes(self, v: V) -> f32 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            let v = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
            let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
        }
    }

    #[inline(always)]
    unsafe fn transpose(
        self,
        src: *const f32,
        src_stride: usize,
        dst: *mut f32,
        dst_stride: usize,
    ) {
        // SAFETY: guaranteed by the caller; rows r below 16.
        unsafe {
            let mut v = [_mm512_setzero_ps(); 16];
            for (r, v) in v.iter_mut().enumerate() {
                *v = _mm512_loadu_ps(src.add(r * src_stride));
            }

            // Blocks of 4 x 4 within the 128-bit quarters, then the quarters themselves.
            let mut t = [_mm512_setzero_ps(); 16];
            for g in 0..4 {
                let a = v[4 * g];
                let b = v[4 * g + 1];
                let c = v[4 * g + 2];
                let d = v[4 * g + 3];
                let ab0 = _mm512_unpacklo_ps(a, b);
                let ab1 = _mm512_unpackhi_ps(a, b);
                let cd0 = _mm512_unpacklo_ps(c, d);
                let cd1 = _mm512_unpackhi_ps(c, d);
                t[4 * g] = _mm512_shuffle_ps::<0b01_00_01_00>(ab0, cd0);
                t[4 * g + 1] = _mm512_shuffle_ps::<0b11_10_11_10>(ab0, cd0);
                t[4 * g + 2] = _mm512_shuffle_ps::<0b01_00_01_00>(ab1, cd1);
                t[4 * g + 3] = _mm512_shuffle_ps::<0b11_10_11_10>(ab1, cd1);
            }

            for i in 0..4 {
                let a = t[i];
                let b = t[4 + i];
                let c = t[8 + i];
                let d = t[12 + i];
                let ab0 = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
                let ab1 = _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
                let cd0 = _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d);
                let cd1 = _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d);

                let rows = [
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab0, cd0),
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab1, cd1),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab0, cd0),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab1, cd1),
                ];

                for (quarter, row) in rows.into_iter().enumerate() {
                    _mm512_storeu_ps(dst.add((4 * quarter + i) * dst_stride), row);
                }
            }
        }
    }
}
