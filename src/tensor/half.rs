//! Floating-point numbers of 16 bits, for storage.

use core::fmt;

use crate::memory::{Number, scalars};

/// A number of IEEE 754's binary16: a sign, 5 bits of exponent and 10 bits of fraction. PyTorch's
/// `torch.float16`.
///
/// It only stores numbers: convert them to `f32` to compute with them.
///
/// ```
/// use shapewright::tensor::F16;
/// let x = F16::from_f32(0.1);
/// assert_eq!(x.to_f32(), 0.099_975_586);
/// assert_eq!(x.to_bits(), 0x2e66);
/// assert_eq!(F16::from_f32(1e6).to_f32(), f32::INFINITY);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct F16(u16);

/// The upper half of an `f32`: a sign, 8 bits of exponent and 7 bits of fraction. PyTorch's
/// `torch.bfloat16`.
///
/// It only stores numbers: convert them to `f32` to compute with them.
///
/// ```
/// use shapewright::tensor::BF16;
/// let x = BF16::from_f32(0.1);
/// assert_eq!(x.to_f32(), 0.100_097_656_25);
/// assert_eq!(x.to_bits(), 0x3dcd);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct BF16(u16);

/// The largest of the bits of an f32 without its sign that are a number or infinite.
const INFINITY: u32 = f32::INFINITY.to_bits();
/// The difference between the biases of the exponents of an f32 and of an [`F16`], in place.
const BIAS: u32 = (127 - 15) << 23;

impl F16 {
    /// Returns the nearest number, and of two the one with an even fraction. NaN stays NaN.
    pub const fn from_f32(x: f32) -> Self {
        let magnitude = x.to_bits() & 0x7fff_ffff;
        let bits = if magnitude > INFINITY {
            // Quiet, as the payload may be 0 after it has been cut off.
            0x7e00 | magnitude >> 13 & 0x3ff
        } else if magnitude >= 65536f32.to_bits() {
            0x7c00
        } else if magnitude >= BIAS + (1 << 23) {
            // A number that is rounded up beyond the largest one becomes infinite.
            (nearest(magnitude, 13)) - (BIAS >> 13)
        } else {
            // A subnormal number is a multiple of 2^-24. The sum has such units as its last bit.
            let sum = f32::from_bits(magnitude) * 16_777_216.0 + 8_388_608.0;
            sum.to_bits() - 8_388_608f32.to_bits()
        };
        F16(sign(x) | bits as u16)
    }

    /// Returns the number as an `f32`, exactly.
    pub const fn to_f32(self) -> f32 {
        let magnitude = match self.0 & 0x7fff {
            subnormal @ ..0x400 => subnormal as f32 / 16_777_216.0,
            normal @ 0x400..0x7c00 => f32::from_bits(((normal as u32) << 13) + BIAS),
            0x7c00 => f32::INFINITY,
            nan => f32::from_bits((nan as u32) << 13 | INFINITY),
        };
        if self.0 >> 15 == 1 {
            -magnitude
        } else {
            magnitude
        }
    }
}

impl BF16 {
    /// Returns the nearest number, and of two the one with an even fraction. NaN stays NaN.
    pub const fn from_f32(x: f32) -> Self {
        let magnitude = x.to_bits() & 0x7fff_ffff;
        let bits = if magnitude > INFINITY {
            0x40 | magnitude >> 16
        } else {
            nearest(magnitude, 16)
        };
        BF16(sign(x) | bits as u16)
    }

    /// Returns the number as an `f32`, exactly.
    pub const fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }
}

/// Returns the sign of an `f32` as the first of 16 bits.
const fn sign(x: f32) -> u16 {
    (x.to_bits() >> 16) as u16 & 0x8000
}

/// Removes the last bits of a number, which is rounded to the nearest, and to the even one of two.
const fn nearest(bits: u32, removed: u32) -> u32 {
    let odd = bits >> removed & 1;
    (bits + (1 << (removed - 1)) - 1 + odd) >> removed
}

/// Returns an `f64` as an `f32` that is rounded once more: an inexact one has an odd fraction, so that
/// it is never taken for the middle of two numbers (Boldo and Melquiond 2008, "Emulation of FMA and
/// correctly rounded sums: proved algorithms using rounding to odd").
const fn odd(x: f64) -> f32 {
    let nearest = x as f32;
    if x.is_nan() || nearest as f64 == x {
        return nearest;
    }

    let away_from_zero = (nearest as f64).abs() > x.abs();
    f32::from_bits((nearest.to_bits() - away_from_zero as u32) | 1)
}

macro_rules! halves {
    ($($t:ident),*) => { $(
        impl $t {
            /// Like `from_f32`, for an `f64`, which is rounded once.
            pub const fn from_f64(x: f64) -> Self {
                Self::from_f32(odd(x))
            }

            /// Returns the number with these bits.
            pub const fn from_bits(bits: u16) -> Self {
                $t(bits)
            }

            /// Returns the bits of the number.
            pub const fn to_bits(self) -> u16 {
                self.0
            }
        }

        impl From<$t> for f32 {
            fn from(x: $t) -> f32 {
                x.to_f32()
            }
        }

        impl From<$t> for f64 {
            fn from(x: $t) -> f64 {
                x.to_f32().into()
            }
        }

        /// Compares the numbers: NaN is not equal to itself, and both zeros are equal.
        impl PartialEq for $t {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $t {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.to_f32(), f)
            }
        }

        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.to_f32(), f)
            }
        }
    )* };
}
halves!(F16, BF16);

scalars!(F16, BF16: |x| !x.to_f32().is_finite());

impl Number for F16 {}
impl Number for BF16 {}

#[cfg(test)]
mod tests {
    use super::{BF16, F16};

    #[test]
    fn halves_are_those_of_ieee_754() {
        let known = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 1.0 / 16_384.0),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(F16::from_bits(bits).to_f32(), value, "{bits:#x}");
        }
        assert!(F16::from_bits(0x8000).to_f32().is_sign_negative());
        assert!(F16::from_bits(0x7e00).to_f32().is_nan());
    }

    #[test]
    fn every_number_comes_back() {
        for bits in 0..=u16::MAX {
            let there = F16::from_bits(bits).to_f32();
            let back = F16::from_f32(there);
            // A signalling NaN becomes a quiet one.
            let quiet = |bits: u16, bit| if there.is_nan() { bits | bit } else { bits };
            assert_eq!(back.to_bits(), quiet(bits, 0x200), "{bits:#x}");

            let there = BF16::from_bits(bits).to_f32();
            let back = BF16::from_f32(there);
            let quiet = |bits: u16, bit| if there.is_nan() { bits | bit } else { bits };
            assert_eq!(back.to_bits(), quiet(bits, 0x40), "{bits:#x}");
        }
    }

    /// Checks the numbers between each two neighbours: `infinite` are the bits of infinity.
    fn check_rounding(infinite: u16, to: impl Fn(u16) -> f32, from: impl Fn(f32) -> u16) {
        for low in 0..infinite - 1 {
            let (below, above) = (to(low), to(low + 1));
            // The sum of both may be infinite.
            let middle = below / 2.0 + above / 2.0;
            let even = low + (low & 1);
            assert_eq!(from(middle), even, "{low:#x}");
            assert_eq!(from(-middle), even | 0x8000, "{low:#x}");
            assert_eq!(from(middle.next_down()), low, "{low:#x}");
            assert_eq!(from(middle.next_up()), low + 1, "{low:#x}");
        }
    }

    /// The same with an `f64`, closer to the middle than any `f32` is.
    fn check_one_rounding(infinite: u16, to: impl Fn(u16) -> f64, from: impl Fn(f64) -> u16) {
        for low in 0..infinite - 1 {
            let (below, above) = (to(low), to(low + 1));
            let middle = (below + above) / 2.0;
            let even = low + (low & 1);
            assert_eq!(from(below), low, "{low:#x}");
            assert_eq!(from(middle), even, "{low:#x}");
            assert_eq!(from(-middle), even | 0x8000, "{low:#x}");
            assert_eq!(from(middle.next_down()), low, "{low:#x}");
            assert_eq!(from(middle.next_up()), low + 1, "{low:#x}");
            assert_eq!(from(-middle.next_up()), (low + 1) | 0x8000, "{low:#x}");
        }
        assert_eq!(from(5e-324), 0);
        assert_eq!(from(-5e-324), 0x8000);
        assert_eq!(from(1e300), infinite);
        assert_eq!(from(f64::NEG_INFINITY), infinite | 0x8000);
        assert!(from(f64::NAN) & 0x7fff > infinite);
    }

    #[test]
    fn doubles_are_rounded_once() {
        check_one_rounding(
            0x7c00,
            |bits| F16::from_bits(bits).into(),
            |x| F16::from_f64(x).to_bits(),
        );
        check_one_rounding(
            0x7f80,
            |bits| BF16::from_bits(bits).into(),
            |x| BF16::from_f64(x).to_bits(),
        );
        let largest = 65520f64.next_down();
        assert_eq!(F16::from_f64(largest).to_f32(), 65504.0);
        assert_eq!(F16::from_f64(65520.0).to_f32(), f32::INFINITY);
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest() {
        let f16 = (
            |bits| F16::from_bits(bits).to_f32(),
            |x| F16::from_f32(x).to_bits(),
        );
        check_rounding(0x7c00, f16.0, f16.1);
        assert_eq!(F16::from_f32(65519.0).to_f32(), 65504.0);
        assert_eq!(F16::from_f32(65520.0).to_f32(), f32::INFINITY);
        assert_eq!(F16::from_f32(f32::MAX).to_f32(), f32::INFINITY);
        assert_eq!(F16::from_f32(f32::MIN_POSITIVE).to_bits(), 0);

        let bf16 = (
            |bits| BF16::from_bits(bits).to_f32(),
            |x| BF16::from_f32(x).to_bits(),
        );
        check_rounding(0x7f80, bf16.0, bf16.1);
        assert_eq!(BF16::from_f32(f32::MAX).to_f32(), f32::INFINITY);
    }
}
