//! Properties of the kernels in every tier that this processor has, against plain loops in `f64`.
//!
//! Buffers lie between guard cells of one particular NaN: a write to them is noticed, and a read
//! spoils the result.

/// Evaluates an expression for each elementwise function, with the arguments of its layers.
macro_rules! every_function {
    (|$f:ident| $body:expr) => {
        every_function!(@ |$f| $body,
            Relu, Tanh, Sigmoid, Softsign, LogSigmoid, HardSigmoid,
            Gelu, GeluTanh, Silu, Mish, HardSwish,
            Clamp { min: 0.0, max: 6.0 },
            Clamp { min: -0.75, max: 1.5 },
            Leaky { slope: 0.01 },
            Leaky { slope: 0.0 },
            Elu { above: 1.0, below: 1.0, rate: 1.0 },
            Elu { above: 1.05, below: 1.75, rate: 1.0 },
            Elu { above: 1.0, below: 0.5, rate: 2.0 },
            Softplus { beta: 1.0, threshold: 20.0 },
            Softplus { beta: 2.0, threshold: 1.5 }
        )
    };
    (@ |$f:ident| $body:expr, $($name:ident $({ $($arguments:tt)* })?),*) => {
        $({
            let $f = crate::function::$name $({ $($arguments)* })?;
            $body
        })*
    };
}

mod activations;
mod agreement;
mod attention;
mod checksums;
mod convolutions;
mod functions;
mod int8;
mod kernels_f64;
mod losses;
mod memory;
mod norms;
mod pools;
mod products;
mod recurrent;
mod resample;
mod sums;
mod updates;

use std::ops::{Deref, DerefMut};

use proptest::test_runner::Config as ProptestConfig;

use super::kernels_f32::Level;
use super::{Divisor, F32Kernels, Kernels, MeanPool, Plane};
use crate::tier::{self, Tier};

/// Returns how a property is tried: on 256 cases, or on as many as the variable `PROPTEST_CASES` of
/// the environment says. Miri has time for two.
pub(super) fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) {
            2
        } else {
            ProptestConfig::default().cases
        },
        ..ProptestConfig::default()
    }
}
/// The bits of a guard cell.
const GUARD: u32 = 0x7fc0_1234;
/// Guard cells on each side: more than a vector.
const MARGIN: usize = 24;

/// Lengths around the sizes of vectors and blocks.
pub(super) const LENGTHS: &[usize] = if cfg!(miri) {
    &[0, 1, 5, 33]
} else {
    &[
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129,
    ]
};

/// A slice between guard cells; dropping it checks them.
#[derive(Clone)]
pub(super) struct Guarded(Vec<f32>);

impl Guarded {
    pub(super) fn new(values: &[f32]) -> Guarded {
        let margin = [f32::from_bits(GUARD); MARGIN];
        Guarded([&margin[..], values, &margin[..]].concat())
    }

    /// `len` guard cells between guard cells.
    pub(super) fn empty(len: usize) -> Guarded {
        Guarded(vec![f32::from_bits(GUARD); len + 2 * MARGIN])
    }
}

impl Deref for Guarded {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0[MARGIN..self.0.len() - MARGIN]
    }
}

impl DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut [f32] {
        let end = self.0.len() - MARGIN;
        &mut self.0[MARGIN..end]
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let margins = self.0[..MARGIN]
                .iter()
                .chain(&self.0[self.0.len() - MARGIN..]);
            assert!(
                margins.into_iter().all(|&x| is_guard(x)),
                "a kernel wrote beyond its slice"
            );
        }
    }
}

/// Sums, averages or interpolates over windows, with exactly the memory that this may need.
pub(super) fn mean_pool<T: num_traits::Float>(
    kernels: impl Kernels<T>,
    plane: &Plane,
    divide: Divisor,
    transposed: bool,
    x: &[T],
    y: &mut [T],
) {
    kernels.mean_pool(MeanPool {
        plane,
        divide,
        transposed,
        x,
        y,
        memory: &mut vec![T::zero(); plane.mean_memory(divide, transposed)],
    });
}

pub(super) fn is_guard(x: f32) -> bool {
    x.to_bits() == GUARD
}

/// Returns the kernels of all tiers that this processor has, and the arrays that stand for the
/// portable tier elsewhere.
pub(super) fn all_tiers() -> impl Iterator<Item = F32Kernels> {
    let tiers = tier::supported_tiers()
        .iter()
        .map(|&tier| F32Kernels::of(tier).unwrap());
    // Products of the foreign level guarantee less about bits, and have a test of their own. In
    // Miri, the portable tier computes with arrays as well, and in WebAssembly it has the kernels of
    // another one.
    let tiers = tiers.filter(|kernels| {
        let again =
            cfg!(miri) || cfg!(target_feature = "simd128") && kernels.tier() == Tier::Portable;
        kernels.0 != Level::Foreign && !again
    });
    std::iter::once(F32Kernels(Level::Arrays)).chain(tiers)
}

/// Returns whether the multiply-add of a tier is fused.
pub(super) fn is_fused(tier: Tier) -> bool {
    matches!(tier, Tier::Avx2 | Tier::Avx512 | Tier::Neon)
}

/// Returns the kernels of all tiers of this processor with a fused multiply-add.
pub(super) fn fused_tiers() -> impl Iterator<Item = F32Kernels> {
    all_tiers().filter(|kernels| is_fused(kernels.tier()))
}

/// Returns numbers from -1 to 1 that depend on the seed alone, a few of them 0.
pub(super) fn numbers(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let x = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        if state >> 28 == 3 { 0.0 } else { x }
    };
    (0..len).map(|_| next()).collect()
}

pub(super) fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub(super) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Panics unless each `got` is within `tolerance` of `want`, relative for numbers larger than 1.
#[track_caller]
pub(super) fn assert_close(tier: Tier, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(
            error <= tolerance * want.abs().max(1.0),
            "{tier}: element {i} is {got}, should be {want}"
        );
    }
}

pub(super) fn magnitudes(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x).abs()).collect()
}

/// Panics unless each sum is as near to `want` as the given number of roundings allows, of half a
/// unit of the last place each. The error depends on the sizes of the terms, not on the sum, which
/// may be small compared with them.
#[track_caller]
pub(super) fn assert_rounded(
    tier: Tier,
    got: &[f32],
    want: &[f64],
    sizes: &[f64],
    roundings: usize,
) {
    assert!(got.len() == want.len() && got.len() == sizes.len());
    let part = roundings as f64 * f64::from(f32::EPSILON) / 2.0;
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(
            error <= part * sizes[i],
            "{tier}: element {i} is {got}, should be {want}"
        );
    }
}

#[test]
fn kernels_name_their_tier() {
    for &tier in tier::supported_tiers() {
        assert_eq!(F32Kernels::of(tier).unwrap().tier(), tier);
    }
    for tier in Tier::ALL {
        assert_eq!(
            F32Kernels::of(tier).is_ok(),
            tier::supported_tiers().contains(&tier)
        );
    }
}

/// The only test that touches the tier of the process; no other depends on it.
#[test]
fn a_forced_tier_is_honoured() {
    for &tier in tier::supported_tiers() {
        tier::force_tier(tier).unwrap();
        assert_eq!(tier::tier(), tier);
        assert_eq!(F32Kernels::now().tier(), tier);
    }
    tier::unforce_tier();
    assert_eq!(F32Kernels::now().tier(), tier::tier());
}
