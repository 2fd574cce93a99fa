//! Tensors as nested arrays.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::narrow::{Narrow, refuse_in_text, too_large};
use crate::memory;
use crate::sizes;
use crate::tensor::{BF16, Dims, F16, Scalar, Shape, Tensor};

/// Writes nested arrays, one for each axis, as NumPy's `tolist` gives them; a tensor without axes as
/// a number, a tuple of tensors as an array of its tensors. (Feature `serde`.)
///
/// In formats of text, such as JSON, a number that is NaN or infinite is an error: JSON would have
/// `null` in its place. Binary formats have all numbers.
///
/// ```
/// use shapewright::Tensor2;
/// let text = serde_json::to_string(&Tensor2::from([[1.0, 2.5], [3.0, 4.0]]))?;
/// assert_eq!(text, "[[1.0,2.5],[3.0,4.0]]");
/// assert_eq!(serde_json::from_str::<Tensor2<2, 2>>(&text)?[[0, 1]], 2.5);
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<S: Shape, T: Scalar + Serialize> Serialize for Tensor<S, T> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let place = |position| format!("element {position} of a tensor");
        refuse_in_text(&serializer, self.as_slice(), place)?;
        Nested {
            level: Level::of(&S::DIMS),
            elements: self.as_slice(),
        }
        .serialize(serializer)
    }
}

/// Reads nested arrays, of exactly the tensor's sizes. (Feature `serde`.)
///
/// The tensor is on the stack, and so is each of a `Vec` of tensors; for large ones there are
/// [`deserialize_boxed`](Tensor::deserialize_boxed) and
/// [`deserialize_vec`](Tensor::deserialize_vec).
impl<'de, S: Shape, T: Scalar + Deserialize<'de>> Deserialize<'de> for Tensor<S, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tensor = Self::zeros();
        Fill::all(&mut tensor).deserialize(deserializer)?;
        Ok(tensor)
    }
}

/// Reading with serde to the heap (feature `serde`): no tensor is on the stack.
impl<S: Shape, T: Scalar> Tensor<S, T> {
    /// Reads a tensor to the heap: for a field, `#[serde(deserialize_with =
    /// "Tensor::deserialize_boxed")]`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let mut json = serde_json::Deserializer::from_str("[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]");
    /// let depth: Box<Tensor2<2, 3>> = Tensor::deserialize_boxed(&mut json)?;
    /// assert_eq!(depth[[1, 0]], 4.0);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the deserializer's errors, and an error for arrays of other lengths.
    pub fn deserialize_boxed<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<Self>, D::Error>
    where
        T: Deserialize<'de>,
    {
        let mut tensor = Self::zeros_boxed();
        Fill::all(&mut *tensor).deserialize(deserializer)?;
        Ok(tensor)
    }

    /// Reads tensors, such as the samples of a data set.
    ///
    /// # Errors
    /// Returns the deserializer's errors, and an error for arrays of other lengths.
    pub fn deserialize_vec<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Self>, D::Error>
    where
        T: Deserialize<'de>,
    {
        deserializer.deserialize_seq(Many(PhantomData))
    }
}

/// One level of nesting: the numbers along an axis, or the parts of a tuple.
#[derive(Clone, Copy)]
enum Level {
    /// The sizes of the axes that are left.
    Axes(&'static [usize]),
    /// The shapes of a tuple.
    Tuple(&'static [Dims]),
}

impl Level {
    fn of(dims: &'static Dims) -> Self {
        if dims.is_tuple() {
            Level::Tuple(dims.parts())
        } else {
            Level::Axes(dims.sizes())
        }
    }

    /// Returns the number of items; `None` for a number.
    fn len(self) -> Option<usize> {
        match self {
            Level::Axes(sizes) => sizes.first().copied(),
            Level::Tuple(parts) => Some(parts.len()),
        }
    }

    /// Returns the level of an item, and the number of its elements.
    fn item(self, index: usize) -> (Self, usize) {
        match self {
            Level::Axes(sizes) => {
                let rest = sizes.get(1..).unwrap_or_default();
                let len = rest
                    .iter()
                    .fold(1, |len, &size| sizes::product(&[len, size]));
                (Level::Axes(rest), len)
            }
            Level::Tuple(parts) => (Level::of(&parts[index]), parts[index].len()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Axes([]) => f.write_str("a number"),
            Level::Axes([size]) => write!(f, "{size} numbers"),
            Level::Axes([size, rest @ ..]) => {
                write!(f, "{size} arrays of shape {rest:?}")
            }
            Level::Tuple(parts) => write!(f, "an array of {} tensors", parts.len()),
        }
    }
}

/// The elements of a tensor, or of a part of it, to be written.
struct Nested<'a, T> {
    level: Level,
    elements: &'a [T],
}

impl<T: Serialize> Serialize for Nested<'_, T> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let Some(len) = self.level.len() else {
            return self.elements[0].serialize(serializer);
        };

        // A tuple, as serde writes arrays: compact formats omit a length that the type has.
        let mut tuple = serializer.serialize_tuple(len)?;
        let mut rest = self.elements;
        for index in 0..len {
            let (level, count) = self.level.item(index);
            let (elements, behind) = rest.split_at(count);
            tuple.serialize_element(&Nested { level, elements })?;
            rest = behind;
        }
        tuple.end()
    }
}

/// The elements of a tensor, or of a part of it, to be read.
struct Fill<'a, T> {
    level: Level,
    elements: &'a mut [T],
    /// The position of the first of these elements in the tensor.
    first: usize,
}

impl<'a, T: Scalar> Fill<'a, T> {
    fn all<S: Shape>(tensor: &'a mut Tensor<S, T>) -> Self {
        Fill {
            level: Level::of(&S::DIMS),
            elements: tensor.as_mut_slice(),
            first: 0,
        }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Fill<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.level.len() {
            Some(len) => deserializer.deserialize_tuple(len, self),
            None => {
                let place = format_args!("element {} of a tensor: ", self.first);
                self.elements[0] = T::deserialize(Narrow {
                    deserializer,
                    place: &place,
                })?;
                Ok(())
            }
        }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fill<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let level = self.level;
        let len = level.len().unwrap_or(0);
        let wrong =
            |found: usize| A::Error::custom(format_args!("expected {level}, but {found} came"));

        let mut rest = self.elements;
        let mut first = self.first;
        for index in 0..len {
            let (level, count) = level.item(index);
            let (elements, behind) = rest.split_at_mut(count);
            let item = Fill {
                level,
                elements,
                first,
            };
            if items.next_element_seed(item)?.is_none() {
                return Err(wrong(index));
            }
            rest = behind;
            first += count;
        }

        let mut more = 0;
        while items.next_element::<serde::de::IgnoredAny>()?.is_some() {
            more += 1;
        }
        if more == 0 {
            Ok(())
        } else {
            Err(wrong(len + more))
        }
    }
}

/// Reads tensors.
struct Many<S, T>(PhantomData<(S, T)>);

impl<'de, S: Shape, T: Scalar + Deserialize<'de>> Visitor<'de> for Many<S, T> {
    type Value = Vec<Tensor<S, T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of tensors of shape {}", S::DIMS)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut tensors = Vec::new();
        let mut next = Tensor::<S, T>::zeros_boxed();
        while items.next_element_seed(Fill::all(&mut *next))?.is_some() {
            memory::append(&mut tensors, core::slice::from_ref(&*next));
        }
        Ok(tensors)
    }
}

macro_rules! halves {
    ($($t:ident $largest:literal),*) => { $(
        /// Writes the number as an `f32`; in formats of text, one that is not finite is an error.
        /// (Feature `serde`.)
        impl Serialize for $t {
            fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
                refuse_in_text(&serializer, &[*self], |_| concat!("a number of ", stringify!($t)))?;
                serializer.serialize_f32(self.to_f32())
            }
        }

        /// Reads an `f32`, which is rounded; one that would become infinite is an error. (Feature
        /// `serde`.)
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let place = "";
                let number = f32::deserialize(Narrow {
                    deserializer,
                    place: &place,
                })?;
                let rounded = $t::from_f32(number);
                if number.is_finite() && rounded.to_f32().is_infinite() {
                    let largest = $t::from_bits($largest).to_f32();
                    let name = stringify!($t);
                    return Err(too_large(&place, number.into(), name, largest));
                }
                Ok(rounded)
            }
        }
    )* };
}
halves!(F16 0x7bff, BF16 0x7f7f);
