//! Four lanes: NEON, with fused multiply-add, which every 64-bit Arm processor has.

use core::arch::aarch64::*;

use super::{Op, Simd};

/// Vectors that every 64-bit Arm processor has.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

type V = float32x4_t;
type M = uint32x4_t;

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
            1 => vst1q_lane_f32::<0>(p, v),
            2 => vst1_f32(p, vget_low_f32(v)),
            3 => {
                vst1_f32(p, vget_low_f32(v));
                vst1q_lane_f32::<2>(p.add(2), v);
            }
            _ => vst1q_f32(p, v),
        }
    }
}

impl Simd for Neon {
    type V = V;
    type M = M;
    const LANES: usize = 4;
    const MASKED_LOADS: bool = false;
    const TILE: usize = 4;

    // Without `never`, every kernel would be inlined into every caller: nothing else stops the
    // inliner.
    #[inline(never)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        op.call(Neon)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe { vld1q_f32(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller.
        unsafe { vst1q_f32(p, v) }
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let zero = vdupq_n_f32(0.0);
            match n {
                0 => zero,
                1 => vld1q_lane_f32::<0>(p, zero),
                2 => vcombine_f32(vld1_f32(p), vget_low_f32(zero)),
                3 => {
                    let low = vcombine_f32(vld1_f32(p), vget_low_f32(zero));
                    vld1q_lane_f32::<2>(p.add(2), low)
                }
                _ => vld1q_f32(p),
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
        // SAFETY: the build's target has NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vfmsq_f32(c, a, b) }
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vsqrtq_f32(a) }
    }

    // NEON's own maximum and minimum are NaN wherever one of both is.
    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        self.select(self.gt(a, b), a, b)
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        self.select(self.gt(b, a), a, b)
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vrndnq_f32(a) }
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe {
            // Two factors, as 2^n itself may be out of range; the first product is exact.
            let n = vcvtnq_s32_f32(n);
            let half = vshrq_n_s32::<1>(n);
            let rest = vsubq_s32(n, half);
            let bias = vdupq_n_s32(127);
            let first = vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(half, bias)));
            let second = vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(rest, bias)));
            vmulq_f32(vmulq_f32(a, first), second)
        }
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        // SAFETY: the build's target has NEON.
        unsafe {
            let bits = vreinterpretq_s32_f32(a);
            let half = vdupq_n_s32(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
            let exponent = vshrq_n_s32::<23>(vsubq_s32(bits, half));
            let m = vsubq_s32(bits, vshlq_n_s32::<23>(exponent));
            (vreinterpretq_f32_s32(m), vcvtq_f32_s32(exponent))
        }
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(bits))) }
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe {
            let bits = vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b));
            vreinterpretq_f32_u32(bits)
        }
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> M {
        // SAFETY: the build's target has NEON.
        unsafe { vcgtq_f32(a, b) }
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> M {
        // SAFETY: the build's target has NEON.
        unsafe { vcleq_f32(a, b) }
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> M {
        // SAFETY: the build's target has NEON.
        unsafe { vceqq_f32(a, b) }
    }

    #[inline(always)]
    fn any(self, mask: M) -> bool {
        // SAFETY: the build's target has NEON.
        unsafe { vmaxvq_u32(mask) != 0 }
    }

    #[inline(always)]
    fn select(self, mask: M, yes: V, no: V) -> V {
        // SAFETY: the build's target has NEON.
        unsafe { vbslq_f32(mask, yes, no) }
    }

    // As vectors, so that the compiler does not mix several sums lane by lane.
    #[inline(always)]
    fn sum_lanes(self, v: V) -> f32 {
        // SAFETY: the build's target has NEON.
        unsafe { vpadds_f32(vadd_f32(vget_low_f32(v), vget_high_f32(v))) }
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
            let row = |r: usize| vld1q_f32(src.add(r * src_stride));
            let [a, b, c, d] = [row(0), row(1), row(2), row(3)];

            // Elements 0 and 2, and elements 1 and 3, of two rows each.
            let ab_even = vtrn1q_f32(a, b);
            let ab_odd = vtrn2q_f32(a, b);
            let cd_even = vtrn1q_f32(c, d);
            let cd_odd = vtrn2q_f32(c, d);

            for (r, v) in [
                vcombine_f32(vget_low_f32(ab_even), vget_low_f32(cd_even)),
                vcombine_f32(vget_low_f32(ab_odd), vget_low_f32(cd_odd)),
                vcombine_f32(vget_high_f32(ab_even), vget_high_f32(cd_even)),
                vcombine_f32(vget_high_f32(ab_odd), vget_high_f32(cd_odd)),
            ]
            .into_iter()
            .enumerate()
            {
                vst1q_f32(dst.add(r * dst_stride), v);
            }
        }
    }
}
