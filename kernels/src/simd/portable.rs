//! Four lanes in plain Rust: the portable tier of processors other than x86-64, and under Miri.
//! Kept to operations that LLVM turns into vector instructions: no library calls such as `mul_add`
//! and `round`.

use core::array::from_fn;

use num_traits::Float;

use super::{Op, Simd};

/// Vectors that every processor has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;
type V = [f32; LANES];

/// A number whose addition drops the fraction of a float, rounding to even, and leaves the whole
/// number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// True if the build is for a processor with little memory.
const IS_MICROCONTROLLER: bool = cfg!(all(
    not(feature = "std"),
    target_pointer_width = "32",
    not(target_family = "wasm")
));

/// Implements [`Simd::store_n`] as a function of its own: its branches, in every tile of every
/// kernel, take much code.
///
/// # Safety
/// `n` floats can be written at `p`.
#[cold]
#[inline(never)]
unsafe fn store_part(p: *mut f32, v: V, n: usize) {
    for (i, &x) in v.iter().enumerate() {
        if i < n {
            // SAFETY: lanes below n are writable as the caller guarantees.
            unsafe { *p.add(i) = x };
        }
    }
}

impl Simd for Portable {
    type V = V;
    type M = [bool; LANES];
    const LANES: usize = LANES;
    const MASKED_LOADS: bool = false;
    // Microcontrollers have registers for 32 floats, of which the wider tile would take all.
    const TILE: usize = if IS_MICROCONTROLLER { 1 } else { 2 };
    const PACKS: bool = cfg!(feature = "std");
    // The tests of the kernels compare the shapes of few tiles with those of other vectors.
    const SMALL: bool = IS_MICROCONTROLLER || cfg!(test);

    // Without `never`, every kernel would be inlined into every caller: nothing else stops the
    // inliner.
    #[inline(never)]
    unsafe fn run<O: Op>(op: O) -> O::Out {
        op.call(Portable)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V {
        // SAFETY: guaranteed by the caller; arrays of f32 are aligned as f32.
        unsafe { *p.cast::<V>() }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V) {
        // SAFETY: guaranteed by the caller; arrays of f32 are aligned as f32.
        unsafe { *p.cast::<V>() = v };
    }

    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> V {
        // SAFETY: lanes below n are readable as the caller guarantees.
        from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, v: V, n: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe { store_part(p, v, n) }
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        from_fn(|i| c[i] - a[i] * b[i])
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        a.map(Float::sqrt)
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn round(self, a: V) -> V {
        a.map(|x| (x + ROUND) - ROUND)
    }

    #[inline(always)]
    fn ldexp(self, a: V, n: V) -> V {
        // Two factors, as 2^n itself may be out of range; the first product is exact.
        from_fn(|i| {
            let n = (n[i] + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32;
            let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
            a[i] * power(n >> 1) * power(n.wrapping_sub(n >> 1))
        })
    }

    #[inline(always)]
    fn frexp(self, a: V) -> (V, V) {
        let half = core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32;
        let exponent = a.map(|x| (x.to_bits() as i32).wrapping_sub(half) >> 23);
        let m = from_fn(|i| {
            f32::from_bits((a[i].to_bits() as i32).wrapping_sub(exponent[i] << 23) as u32)
        });
        (m, exponent.map(|e| e as f32))
    }

    #[inline(always)]
    fn and_bits(self, a: V, bits: u32) -> V {
        a.map(|x| f32::from_bits(x.to_bits() & bits))
    }

    #[inline(always)]
    fn or(self, a: V, b: V) -> V {
        from_fn(|i| f32::from_bits(a[i].to_bits() | b[i].to_bits()))
    }

    #[inline(always)]
    fn gt(self, a: V, b: V) -> [bool; LANES] {
        from_fn(|i| a[i] > b[i])
    }

    #[inline(always)]
    fn le(self, a: V, b: V) -> [bool; LANES] {
        from_fn(|i| a[i] <= b[i])
    }

    #[inline(always)]
    fn eq(self, a: V, b: V) -> [bool; LANES] {
        from_fn(|i| a[i] == b[i])
    }

    #[inline(always)]
    fn any(self, mask: [bool; LANES]) -> bool {
        mask.into_iter().fold(false, |any, lane| any | lane)
    }

    #[inline(always)]
    fn select(self, mask: [bool; LANES], yes: V, no: V) -> V {
        from_fn(|i| if mask[i] { yes[i] } else { no[i] })
    }
}
