//! Instruction tiers: the families of kernels, and the one that runs on this processor.
//!
//! An ordinary build targets the oldest processor of its architecture. The kernels are compiled
//! once per tier, and one tier is chosen at run time; without the standard library, the largest that
//! the build's target has.
//!
//! | processor | tiers | chosen |
//! |---|---|---|
//! | x86-64 | portable (SSE2), AVX2, AVX-512 | by what the processor has |
//! | 64-bit Arm | portable, NEON | NEON, which every such processor has |
//! | WebAssembly | portable, `simd128` | by the build: `-C target-feature=+simd128` |
//! | others | portable | |
//!
//! AVX2, AVX-512 and NEON have a fused multiply-add, and give the same bits. So do the portable tier
//! and `simd128`, which have none. (A NaN is one in all of them, with a sign and a payload of the
//! processor's choice.)
//!
//! The environment variable `SHAPEWRIGHT_TIER` (`portable`, `avx2`, `avx512`, `neon` or `simd128`)
//! and [`force_tier`] choose a lower one, for tests and comparisons. A value that is no tier of this
//! processor is ignored: [`tier`] returns the one that counts, and [`tier_from_env`] says what is
//! wrong with the value.

#[cfg(feature = "alloc")]
use alloc::borrow::ToOwned;
#[cfg(feature = "alloc")]
use alloc::string::String;
use core::error::Error;
use core::fmt;
#[cfg(feature = "alloc")]
use core::str::FromStr;
use core::sync::atomic::{AtomicU8, Ordering};
#[cfg(feature = "std")]
use std::sync::OnceLock;

/// A family of processor instructions that kernels are compiled for. Those of one architecture are
/// ordered from the smallest to the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// No more than every processor of the architecture has, and no fused multiply-add.
    Portable = 0,
    /// AVX2 with FMA: 8 lanes of `f32`.
    Avx2 = 1,
    /// AVX-512 (F, BW, VL, DQ): 16 lanes of `f32`.
    Avx512 = 2,
    /// NEON of 64-bit Arm processors: 4 lanes of `f32`, with fused multiply-add.
    Neon = 3,
    /// `simd128` of WebAssembly, in builds with that target feature: 4 lanes of `f32`. These are the
    /// kernels of the portable tier as well, which takes no further code.
    Simd128 = 4,
}

impl Tier {
    /// Returns the name that [`Display`](fmt::Display) writes and [`FromStr`] reads.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Portable => "portable",
            Tier::Avx2 => "avx2",
            Tier::Avx512 => "avx512",
            Tier::Neon => "neon",
            Tier::Simd128 => "simd128",
        }
    }

    /// All tiers, in the order of their numbers.
    #[cfg(any(test, feature = "alloc"))]
    pub(crate) const ALL: [Tier; 5] = [
        Tier::Portable,
        Tier::Avx2,
        Tier::Avx512,
        Tier::Neon,
        Tier::Simd128,
    ];

    const fn from_u8(code: u8) -> Option<Tier> {
        match code {
            0 => Some(Tier::Portable),
            1 => Some(Tier::Avx2),
            2 => Some(Tier::Avx512),
            3 => Some(Tier::Neon),
            4 => Some(Tier::Simd128),
            _ => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error for a name that no [`Tier`] has.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTier {
    name: String,
}

#[cfg(feature = "alloc")]
impl fmt::Display for UnknownTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no instruction tier is called `{}`; the names are portable, avx2, avx512, neon and \
             simd128",
            self.name
        )
    }
}

#[cfg(feature = "alloc")]
impl Error for UnknownTier {}

#[cfg(feature = "alloc")]
impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(name: &str) -> Result<Tier, UnknownTier> {
        Tier::ALL
            .into_iter()
            .find(|tier| tier.name() == name)
            .ok_or_else(|| UnknownTier {
                name: name.to_owned(),
            })
    }
}

/// The error for a tier that this processor does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedTier {
    asked: Tier,
}

impl UnsupportedTier {
    const fn new(asked: Tier) -> UnsupportedTier {
        UnsupportedTier { asked }
    }

    /// Returns the tier that was asked for.
    pub const fn asked(&self) -> Tier {
        self.asked
    }
}

impl fmt::Display for UnsupportedTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the instruction tier {} was asked for, but this processor has only ",
            self.asked
        )?;
        for (i, tier) in supported_tiers().iter().enumerate() {
            write!(f, "{}{tier}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Error for UnsupportedTier {}

/// The error for a value of `SHAPEWRIGHT_TIER` that is no tier of this processor.
#[cfg(feature = "std")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierEnvError {
    /// No tier has this name.
    Unknown(UnknownTier),
    /// This processor does not have the tier.
    Unsupported(UnsupportedTier),
}

#[cfg(feature = "std")]
impl fmt::Display for TierEnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`SHAPEWRIGHT_TIER` is ignored: ")?;
        match self {
            TierEnvError::Unknown(error) => error.fmt(f),
            TierEnvError::Unsupported(error) => error.fmt(f),
        }
    }
}

#[cfg(feature = "std")]
impl Error for TierEnvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TierEnvError::Unknown(error) => Some(error),
            TierEnvError::Unsupported(error) => Some(error),
        }
    }
}

/// Returns the tiers that this processor has, from the smallest to the largest. [`Tier::Portable`]
/// is always among them.
pub fn supported_tiers() -> &'static [Tier] {
    const TIERS: &[Tier] = match BASELINE {
        Tier::Neon => &[Tier::Portable, Tier::Neon],
        Tier::Simd128 => &[Tier::Portable, Tier::Simd128],
        _ => &[Tier::Portable, Tier::Avx2, Tier::Avx512],
    };
    // Each tier contains the ones below it, so the list is a prefix of TIERS.
    let largest = largest();
    let count = TIERS.iter().take_while(|&&tier| tier <= largest).count();
    &TIERS[..count]
}

/// The largest tier that every processor of the build's target has, on architectures where nothing
/// is left to be detected.
const BASELINE: Tier = if cfg!(all(
    target_arch = "aarch64",
    target_feature = "neon",
    not(miri)
)) {
    Tier::Neon
} else if cfg!(target_feature = "simd128") {
    Tier::Simd128
} else {
    Tier::Portable
};

/// Returns the largest tier that this processor has.
#[cfg(feature = "std")]
fn largest() -> Tier {
    static DETECTED: OnceLock<Tier> = OnceLock::new();
    *DETECTED.get_or_init(detect)
}

/// Returns the largest tier that the target of the build has.
#[cfg(not(feature = "std"))]
const fn largest() -> Tier {
    // The same lists as in `detect`.
    let avx2 = cfg!(all(
        target_arch = "x86_64",
        target_feature = "avx2",
        target_feature = "fma",
        target_feature = "bmi1",
        target_feature = "bmi2",
        target_feature = "lzcnt",
        not(miri)
    ));
    let avx512 = cfg!(all(
        target_feature = "avx512f",
        target_feature = "avx512bw",
        target_feature = "avx512vl",
        target_feature = "avx512dq"
    ));

    match (avx2, avx512) {
        (true, true) => Tier::Avx512,
        (true, false) => Tier::Avx2,
        (false, _) => BASELINE,
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64", not(miri)))]
fn detect() -> Tier {
    use std::arch::is_x86_feature_detected as has;
    // The same lists as in the `target_feature` attributes of simd/avx2.rs and avx512.rs.
    let avx2 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt");

    let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq");

    match (avx2, avx512) {
        (true, true) => Tier::Avx512,
        (true, false) => Tier::Avx2,
        (false, _) => BASELINE,
    }
}

#[cfg(all(feature = "std", not(all(target_arch = "x86_64", not(miri)))))]
fn detect() -> Tier {
    BASELINE
}

/// The code of no tier: none has been chosen yet.
const UNSET: u8 = u8::MAX;
static CHOSEN: AtomicU8 = AtomicU8::new(UNSET);

/// Returns the tier whose kernels run now.
///
/// The first call detects the processor's tiers and reads `SHAPEWRIGHT_TIER`; later calls read one
/// atomic. Without the standard library, nothing is detected or read.
#[inline]
pub fn tier() -> Tier {
    match Tier::from_u8(CHOSEN.load(Ordering::Relaxed)) {
        Some(tier) => tier,
        None => choose(),
    }
}

#[cfg(not(feature = "std"))]
#[inline]
fn choose() -> Tier {
    largest()
}

#[cfg(feature = "std")]
#[cold]
fn choose() -> Tier {
    let tier = default_tier();
    // A concurrent `force_tier` must win over the default.
    match CHOSEN.compare_exchange(UNSET, tier as u8, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => tier,
        Err(chosen) => Tier::from_u8(chosen).unwrap_or(tier),
    }
}

/// Returns the tier that the environment asks for if the processor has it, else the largest one.
#[cfg(feature = "std")]
fn default_tier() -> Tier {
    static DEFAULT: OnceLock<Tier> = OnceLock::new();
    *DEFAULT.get_or_init(|| tier_from_env().ok().flatten().unwrap_or(largest()))
}

/// Returns the tier that the environment variable `SHAPEWRIGHT_TIER` asks for; `None` if it is not
/// set. The variable counts as it was at the first call of [`tier`].
///
/// Nothing is printed about a wrong value: a program that wants to tell its user calls this.
///
/// # Errors
/// Returns an error if the value is not the name of a tier, or not one of this processor. The
/// variable is ignored then.
#[cfg(feature = "std")]
pub fn tier_from_env() -> Result<Option<Tier>, TierEnvError> {
    match std::env::var_os("SHAPEWRIGHT_TIER") {
        Some(value) => from_value(&value.to_string_lossy()).map(Some),
        None => Ok(None),
    }
}

#[cfg(feature = "std")]
fn from_value(value: &str) -> Result<Tier, TierEnvError> {
    let asked = value.trim().parse().map_err(TierEnvError::Unknown)?;
    check(asked).map_err(TierEnvError::Unsupported)?;
    Ok(asked)
}

/// Returns an error unless this processor has `asked`.
pub(crate) fn check(asked: Tier) -> Result<(), UnsupportedTier> {
    if supported_tiers().contains(&asked) {
        Ok(())
    } else {
        Err(UnsupportedTier::new(asked))
    }
}

/// Makes every later network call of the process use the kernels of `tier`.
pub fn force_tier(tier: Tier) -> Result<(), UnsupportedTier> {
    check(tier)?;
    CHOSEN.store(tier as u8, Ordering::Relaxed);
    Ok(())
}

/// Undoes [`force_tier`]: the default tier is used again.
pub fn unforce_tier() {
    CHOSEN.store(UNSET, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "alloc")]
    #[test]
    fn names_round_trip() {
        for (code, tier) in Tier::ALL.into_iter().enumerate() {
            assert_eq!(tier.to_string().parse::<Tier>(), Ok(tier));
            assert_eq!(Tier::from_u8(code as u8), Some(tier));
        }
        assert!(
            "sse9"
                .parse::<Tier>()
                .unwrap_err()
                .to_string()
                .contains("`sse9`")
        );
        assert_eq!(format!("{:>9}|", Tier::Avx2), "     avx2|");
    }

    #[cfg(feature = "std")]
    #[test]
    fn environment_values() {
        assert_eq!(from_value(" portable "), Ok(Tier::Portable));
        let sentence = |value| match from_value(value) {
            Ok(tier) => tier.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            sentence("fast"),
            "`SHAPEWRIGHT_TIER` is ignored: no instruction tier is called `fast`; the names are \
             portable, avx2, avx512, neon and simd128"
        );
        assert!(sentence("").contains("is called ``"));
        if largest() < Tier::Avx512 {
            assert!(sentence("avx512").contains("is ignored: the instruction tier avx512 was"));
        }
        if largest() != Tier::Neon {
            assert!(sentence("neon").contains("is ignored: the instruction tier neon was"));
        }
    }

    #[test]
    fn an_unsupported_tier_says_what_there_is() {
        let text = UnsupportedTier::new(Tier::Avx512).to_string();
        assert!(
            text.contains("avx512 was asked for") && text.contains("only portable"),
            "{text}"
        );
    }

    #[test]
    fn portable_is_always_there() {
        assert_eq!(supported_tiers()[0], Tier::Portable);
        assert!(supported_tiers().contains(&tier()));
    }
}
