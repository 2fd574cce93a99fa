//! The number types of NumPy's files.

use super::super::read_error::quoted;
use crate::tensor::Scalar;

/// A number type that NumPy's files can hold: `f32`, `f64`, integers of 8 to 64 bits, and `bool`.
pub trait NpyNumber: Scalar {
    /// NumPy's letter and number of bytes.
    #[doc(hidden)]
    const DESCR: &'static str;

    /// The number with these bytes, the least first.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8]) -> Self;

    /// Appends the bytes, the least first.
    #[doc(hidden)]
    fn append(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($t:ident = $descr:literal,)*) => { $(
        impl NpyNumber for $t {
            const DESCR: &'static str = $descr;
            fn from_bytes(bytes: &[u8]) -> $t {
                let mut number = [0; size_of::<$t>()];
                number.copy_from_slice(bytes);
                <$t>::from_le_bytes(number)
            }
            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )* };
}
numbers! {
    f32 = "f4",
    f64 = "f8",
    i8 = "i1",
    i16 = "i2",
    i32 = "i4",
    i64 = "i8",
    u8 = "u1",
    u16 = "u2",
    u32 = "u4",
    u64 = "u8",
}

impl NpyNumber for bool {
    const DESCR: &'static str = "b1";
    fn from_bytes(bytes: &[u8]) -> bool {
        bytes[0] != 0
    }
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.push(self.into());
    }
}

/// NumPy's name of a type, for errors.
pub(super) fn name(descr: &str) -> String {
    let (order, plain) = match descr.split_at_checked(1) {
        Some((">", plain)) => (", big-endian", plain),
        Some(("<" | "|" | "=", plain)) => ("", plain),
        _ => ("", descr),
    };

    let Some((kind, bytes)) = plain.split_at_checked(1) else {
        return format!("the type {}", quoted(descr));
    };
    let kind = match kind {
        "f" => "float",
        "i" => "int",
        "u" => "uint",
        "c" => "complex",
        "b" if bytes == "1" => return "bool".into(),
        "O" => return "Python objects".into(),
        _ => "",
    };
    match bytes.parse::<u32>() {
        Ok(bytes) if !kind.is_empty() => format!("{kind}{}{order}", bytes.saturating_mul(8)),
        _ => format!("the type {}", quoted(descr)),
    }
}
