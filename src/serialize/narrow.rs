//! Numbers in formats of text, such as JSON: one that is finite there and beyond the largest `f32`
//! is an error, and does not become infinite; one that is not finite is not written, as it would
//! become `null`.

use core::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Serializer, ser};

use crate::memory::Scalar;

/// Returns an error if one of these numbers is not finite and the format is one of text: serde does
/// not tell which of them can hold it. `place` gives the place of the number at a position.
pub(super) fn refuse_in_text<T: Scalar, S: Serializer, P: fmt::Display>(
    serializer: &S,
    numbers: &[T],
    place: impl Fn(usize) -> P,
) -> Result<(), S::Error> {
    if !serializer.is_human_readable() {
        return Ok(());
    }
    let Some(position) = numbers.iter().position(|number| number.has_no_digits()) else {
        return Ok(());
    };

    let place = place(position);
    let number = numbers[position];
    Err(ser::Error::custom(format_args!(
        "{place} is {number}, which formats of text such as JSON cannot hold; correct it, or write \
         a binary format"
    )))
}

/// A deserializer of one number, which refuses a number that the type of the reader cannot hold.
///
/// Text formats give an `f32` the nearest one of the number that they read, which may be infinite.
pub(super) struct Narrow<'a, D> {
    pub deserializer: D,
    /// The place of the number, for the error.
    pub place: &'a dyn fmt::Display,
}

/// Returns the error for a number beyond the largest one of a type.
pub(super) fn too_large<E: Error>(
    place: &dyn fmt::Display,
    number: f64,
    name: &str,
    largest: f32,
) -> E {
    E::custom(format_args!(
        "{place}{number:?} is beyond the largest {name}, {largest:?}; correct it, or read it as another type"
    ))
}

/// Passes the number on to the reader's own visitor, if it fits.
struct Checked<'a, V> {
    visitor: V,
    place: &'a dyn fmt::Display,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        if number.is_finite() && (number as f32).is_infinite() {
            return Err(too_large(self.place, number, "f32", f32::MAX));
        }
        self.visitor.visit_f64(number)
    }

    fn visit_f32<E: Error>(self, number: f32) -> Result<V::Value, E> {
        self.visitor.visit_f32(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<V::Value, E> {
        self.visitor.visit_i64(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<V::Value, E> {
        self.visitor.visit_u64(number)
    }
}

/// Passes methods on to the deserializer.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => { $(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.deserializer.$method($($argument,)* visitor)
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Narrow<'_, D> {
    type Error = D::Error;

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserializer.deserialize_f32(Checked {
            visitor,
            place: self.place,
        })
    }

    pass_on! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.deserializer.is_human_readable()
    }
}
