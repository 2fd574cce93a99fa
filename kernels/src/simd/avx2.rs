//! Eight lanes: AVX2 with FMA.

use core::arch::x86_64::*;

use super::{Op, Simd};

/// The proof that the processor has AVX2 and FMA; made in [`run`] only.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

type V = __m256;
type M = __m256;

/// A window of 8 elements from here has `n` ones in front.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// Returns ones in the lowest `n` lanes.
///
/// # Safety
/// `n <= 8`, and the processor has AVX.
#[inline(always)]
unsafe fn mask(n: usize) -> __m256i {
    debug_assert!(n <= 8);
    // SAFETY: 8 - n + 8 <= 16 elements.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - n).cast()) }
}

/// The trampoline: the only function of this tier that has its instructions enabled, so everything
/// else is inlined into it.
///
/// # Safety
/// The processor has the features, which [`crate::tier`] detects.
#[inline(never)]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt")]
unsafe fn run<O: Op>(op: O) -> O::Out {
    op.call(Avx2(()))
}

impl Simd for Avx2 {
    type V = V;
    type M = M;
    const LANES: usize = 8;
    const MASKED_LOADS: bool = false;
    const TILE: usize = 2;

    #[inline(always)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        // SAFETY: guaranteed by the caller.
        unsafe { run(op) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm256_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm256_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm256_maskload_ps(p, mask(n)) }
    }

    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, v: V, n: usize) {
        // Without a mask: on AMD processors, a masked store takes longer than all others of a tile
        // together.
        //
        // SAFETY: guaranteed by the caller; each part lies below `n`.
        unsafe {
            if n >= 8 {
                return _mm256_storeu_ps(p, v);
            }

            let mut rest = _mm256_castps256_ps128(v);
            let mut p = p;
            if n & 4 != 0 {
                _mm_storeu_ps(p, rest);
                rest = _mm256_extractf128_ps::<1>(v);
                p = p.add(4);
            }
            if n & 2 != 0 {
                _mm_storel_pd(p.cast(), _mm_castps_pd(rest));
                rest = _mm_movehl_ps(rest, rest);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_ss(p, rest);
            }
        }
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            // Two factors, as 2^n itself may be out of range; the first product is exact.
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let rest = _mm256_sub_epi32(n, half);
            let bias = _mm256_set1_epi32(127);
            let first = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(half, bias)));
            let second = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(rest, bias)));
            _mm256_mul_ps(_mm256_mul_ps(a, first), second)
        }
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            let bits = _mm256_castps_si256(a);
            let half = _mm256_set1_epi32(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
            let exponent = _mm256_srai_epi32::<23>(_mm256_sub_epi32(bits, half));
            let m = _mm256_sub_epi32(bits, _mm256_slli_epi32::<23>(exponent));
            (_mm256_castsi256_ps(m), _mm256_cvtepi32_ps(exponent))
        }
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(bits as i32))) }
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_or_ps(a, b) }
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(a, b) }
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(a, b) }
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> M {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn flush_denormal(self, a: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
            let exponent = _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7f80_0000));
            let is_normal = _mm256_cmpgt_epi32(exponent, _mm256_setzero_si256());
            _mm256_and_ps(a, _mm256_castsi256_ps(is_normal))
        }
    }

    #[inline(always)]
    fn any(self, mask: M) -> bool {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_movemask_ps(mask) != 0 }
    }

    #[inline(always)]
    fn select(self, mask: M, yes: V, no: V) -> V {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    // As vectors, so that the compiler does not mix several sums lane by lane.
    #[inline(always)]
    fn sum_lanes(self, v: V) -> f32 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe {
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
        // SAFETY: guaranteed by the caller; rows r below 8.
        unsafe {
            let mut v = [_mm256_setzero_ps(); 8];
            for (r, v) in v.iter_mut().enumerate() {
                *v = _mm256_loadu_ps(src.add(r * src_stride));
            }

            // Blocks of 4 x 4 within the halves, then the halves themselves.
            let mut t = [_mm256_setzero_ps(); 8];
            for g in 0..2 {
                let a = v[4 * g];
                let b = v[4 * g + 1];
                let c = v[4 * g + 2];
                let d = v[4 * g + 3];
                let ab0 = _mm256_unpacklo_ps(a, b);
                let ab1 = _mm256_unpackhi_ps(a, b);
                let cd0 = _mm256_unpacklo_ps(c, d);
                let cd1 = _mm256_unpackhi_ps(c, d);
                t[4 * g] = _mm256_shuffle_ps::<0b01_00_01_00>(ab0, cd0);
                t[4 * g + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(ab0, cd0);
                t[4 * g + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(ab1, cd1);
                t[4 * g + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(ab1, cd1);
            }

            for i in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(t[i], t[4 + i]);
                let high = _mm256_permute2f128_ps::<0x31>(t[i], t[4 + i]);
                _mm256_storeu_ps(dst.add(i * dst_stride), low);
                _mm256_storeu_ps(dst.add((4 + i) * dst_stride), high);
            }
        }
    }
}
