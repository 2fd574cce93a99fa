//! The numbers of a file: their types, and copies between the order in a file and that in memory.

use super::layout::FileTensor;
use crate::memory;
use crate::tensor::Element;

/// The type of a file's numbers: an index into [`KNOWN`]; beyond it, an unknown type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype(usize);

/// The names of the known types and their numbers of bits.
const KNOWN: [(&str, usize); 21] = [
    ("F32", 32),
    ("F64", 64),
    ("F16", 16),
    ("BF16", 16),
    ("BOOL", 8),
    ("U8", 8),
    ("I8", 8),
    ("U16", 16),
    ("I16", 16),
    ("U32", 32),
    ("I32", 32),
    ("U64", 64),
    ("I64", 64),
    ("C64", 64),
    ("F8_E4M3", 8),
    ("F8_E5M2", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("F6_E2M3", 6),
    ("F4", 4),
];

impl Dtype {
    pub const F32: Dtype = Dtype(0);
    const F64: Dtype = Dtype(1);
    const F16: Dtype = Dtype(2);
    const BF16: Dtype = Dtype(3);
    const I64: Dtype = Dtype(12);

    /// Returns the type with this name.
    pub const fn named(name: &str) -> Self {
        let mut i = 0;
        while i < KNOWN.len() && !super::header::equal(KNOWN[i].0, name) {
            i += 1;
        }
        Dtype(i)
    }

    /// Returns the type of a network's numbers.
    pub const fn of<T: Element>() -> Self {
        if size_of::<T>() == 4 {
            Dtype::F32
        } else {
            Dtype::F64
        }
    }

    /// Returns the name of the type.
    pub const fn name(self) -> &'static str {
        if self.0 < KNOWN.len() {
            KNOWN[self.0].0
        } else {
            "an unknown type"
        }
    }

    /// Returns the number of bits; 0 for an unknown type.
    pub const fn bits(self) -> usize {
        if self.0 < KNOWN.len() {
            KNOWN[self.0].1
        } else {
            0
        }
    }

    /// Returns whether networks can read the type; a statistic may be a count.
    pub const fn is_read(self, statistic: bool) -> bool {
        self.0 <= Dtype::BF16.0 || statistic && self.is(Dtype::I64)
    }

    /// Returns whether both are equal: `==` for constants.
    const fn is(self, other: Dtype) -> bool {
        self.0 == other.0
    }
}

/// Sets a tensor's numbers from those of a file.
pub(super) const fn read<T: Element>(
    numbers: &mut [T],
    tensor: &FileTensor,
    dtype: Dtype,
    bytes: &[u8],
) {
    let copied = dtype.is(Dtype::of::<T>()) && cfg!(target_endian = "little");
    let numbers = memory::bytes_mut(numbers);
    if size_of::<T>() == 4 {
        read_as::<4>(numbers.as_chunks_mut().0, tensor, dtype, bytes, copied);
    } else {
        read_as::<8>(numbers.as_chunks_mut().0, tensor, dtype, bytes, copied);
    }
}

/// Like [`read`], for numbers of `N` bytes; if `copied`, they are the bytes of the file.
///
/// The compiler runs this, too, and takes half a microsecond for each step: the loops have as few
/// calls as possible.
const fn read_as<const N: usize>(
    numbers: &mut [[u8; N]],
    tensor: &FileTensor,
    dtype: Dtype,
    bytes: &[u8],
    copied: bool,
) {
    let mut rows = tensor.rows();
    let mut bytes = bytes;
    while let Some(first) = rows.next() {
        let (mut row, rest) = bytes.split_at(rows.width * dtype.bits() / 8);
        bytes = rest;

        let mut position = first;
        if !copied {
            while let Some((value, rest)) = take(dtype, row) {
                numbers[position] = to_bytes(value);
                position += rows.stride;
                row = rest;
            }
        } else if rows.stride == 1 {
            numbers
                .split_at_mut(first)
                .1
                .split_at_mut(rows.width)
                .0
                .copy_from_slice(row.as_chunks().0);
        } else {
            let (row, _) = row.as_chunks();
            let mut i = 0;
            while i < row.len() {
                numbers[position] = row[i];
                position += rows.stride;
                i += 1;
            }
        }
    }
}

/// Returns the first number as an f64, and the bytes after it. The conversion is exact, except for
/// whole numbers beyond 2^53, which are rounded.
const fn take(dtype: Dtype, bytes: &[u8]) -> Option<(f64, &[u8])> {
    Some(match (dtype, bytes) {
        (Dtype::F64, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            (f64::from_le_bytes([a, b, c, d, e, f, g, h]), rest)
        }
        (Dtype::F32, &[a, b, c, d, ref rest @ ..]) => {
            (f32::from_le_bytes([a, b, c, d]) as f64, rest)
        }
        (Dtype::F16, &[a, b, ref rest @ ..]) => (half(u16::from_le_bytes([a, b])), rest),
        // The upper half of an f32.
        (Dtype::BF16, &[a, b, ref rest @ ..]) => (f32::from_le_bytes([0, 0, a, b]) as f64, rest),
        (Dtype::I64, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            (i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64, rest)
        }
        _ => return None,
    })
}

/// Returns the bytes of a number as an f32 or f64.
const fn to_bytes<const N: usize>(value: f64) -> [u8; N] {
    let single;
    let double;
    let bytes: &[u8] = if N == 4 {
        single = (value as f32).to_ne_bytes();
        &single
    } else {
        double = value.to_ne_bytes();
        &double
    };

    match bytes.first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("numbers have 4 or 8 bytes"),
    }
}

/// Converts a number from IEEE 754's binary16: a sign, 5 bits of exponent, 10 bits of fraction.
const fn half(bits: u16) -> f64 {
    let magnitude = match bits & 0x7fff {
        subnormal @ ..0x400 => subnormal as f32 / 16_777_216.0,
        // The same bits in an f32, whose exponent has a bias that is larger by 112.
        normal @ 0x400..0x7c00 => f32::from_bits(((normal as u32) << 13) + (112 << 23)),
        0x7c00 => f32::INFINITY,
        _ => f32::NAN,
    };
    (if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }) as f64
}

#[cfg(test)]
mod tests {
    use super::{Dtype, half};

    #[test]
    fn counts_are_read_as_statistics_alone() {
        let read = |name| {
            (
                Dtype::named(name).is_read(false),
                Dtype::named(name).is_read(true),
            )
        };
        assert_eq!(
            ["BF16", "I64", "I32"].map(read),
            [(true, true), (false, true), (false, false)]
        );
    }

    #[test]
    fn halves_are_those_of_ieee_754() {
        let known = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 0.000_061_035_156_25),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x83ff, -6.097_555_160_522_461e-5),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x8000).is_sign_negative() && half(0x7e00).is_nan());
    }
}
