//! Labels and indices as their numbers.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::loss::Label;
use crate::nn::Index;

/// Reads a whole number.
struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i128, E> {
        Ok(number.into())
    }
}

macro_rules! numbers {
    ($($t:ident)*) => { $(
        /// Writes the number. (Feature `serde`.)
        impl<const N: usize> Serialize for $t<N> {
            fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
                serializer.serialize_u32(self.index() as u32)
            }
        }

        /// Reads a number, which is checked. (Feature `serde`.)
        impl<'de, const N: usize> Deserialize<'de> for $t<N> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = deserializer.deserialize_u32(WholeNumber)?;
                $t::checked(number, None).map_err(D::Error::custom)
            }
        }
    )* };
}
numbers!(Label Index);
