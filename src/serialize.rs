//! serde's traits. Networks are a map from the names of parameter tensors to their numbers; the
//! modules have tensors, labels and indices.

mod narrow;
mod numbers;
mod tensor;

#[doc(hidden)]
pub use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::Network;
use narrow::{Narrow, refuse_in_text};

/// Writes the parameters of a network.
///
/// # Errors
/// Returns the serializer's errors, and an error for a number that is not finite in a format of
/// text.
pub fn serialize<N: Network<Element: Serialize>, S: Serializer>(
    network: &N,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut result = Ok(());
    network.for_each_param(|name, _, numbers| {
        if result.is_ok() {
            let numbers = Written::<N> { name, numbers };
            result = map.serialize_entry(name, &numbers);
        }
    });
    result?;
    map.end()
}

/// The numbers of the tensor with this name, to be written.
struct Written<'a, N: Network> {
    name: &'a str,
    numbers: &'a [N::Element],
}

impl<N: Network<Element: Serialize>> Serialize for Written<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = self.name;
        let place = |position| format!("number {position} of `{name}` of `{}`", N::NAME);
        refuse_in_text(&serializer, self.numbers, place)?;
        self.numbers.serialize(serializer)
    }
}

/// Reads the parameters of a network to the heap.
///
/// # Errors
/// Returns the deserializer's errors, and an error if a tensor is missing, unknown or of another
/// length.
pub fn deserialize<'de, N, D>(deserializer: D) -> Result<Box<N>, D::Error>
where
    N: Network<Element: Deserialize<'de>>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(Params(PhantomData))
}

/// Reads the map of a network.
struct Params<N>(PhantomData<N>);

impl<'de, N: Network<Element: Deserialize<'de>>> Visitor<'de> for Params<N> {
    type Value = Box<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the parameters of `{}`, by their names", N::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Box<N>, A::Error> {
        let mut tensors: BTreeMap<String, Vec<N::Element>> = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if tensors.contains_key(&name) {
                let network = N::NAME;
                return Err(A::Error::custom(format!(
                    "`{name}` of `{network}` is there twice; keep one of the two"
                )));
            }
            let numbers = map.next_value_seed(Numbers::<N>(&name, PhantomData))?;
            tensors.insert(name, numbers);
        }

        let mut network = N::zeros();
        let mut wrong = None;
        network.for_each_param_mut(|name, sizes, numbers| match tensors.remove(name) {
            Some(found) if found.len() == numbers.len() => numbers.copy_from_slice(&found),
            Some(found) => {
                let found = found.len();
                let expected = numbers.len();
                wrong.get_or_insert(format!(
                    "`{name}` of `{}` has {expected} numbers, {sizes:?}, but {found} came",
                    N::NAME
                ));
            }
            None => {
                wrong.get_or_insert(format!("`{name}` of `{}` is missing", N::NAME));
            }
        });
        if let Some(name) = tensors.keys().next() {
            wrong.get_or_insert(format!("`{}` has no parameters `{name}`", N::NAME));
        }
        match wrong {
            None => Ok(network),
            Some(sentence) => Err(A::Error::custom(sentence)),
        }
    }
}

/// Reads the numbers of the tensor with this name.
struct Numbers<'a, N>(&'a str, PhantomData<N>);

impl<'de, N: Network<Element: Deserialize<'de>>> DeserializeSeed<'de> for Numbers<'_, N> {
    type Value = Vec<N::Element>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, N: Network<Element: Deserialize<'de>>> Visitor<'de> for Numbers<'_, N> {
    type Value = Vec<N::Element>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = items.next_element_seed(Number::<N> {
            tensor: self.0,
            position: numbers.len(),
            network: PhantomData,
        })? {
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// Reads a number of a tensor.
struct Number<'a, N> {
    tensor: &'a str,
    position: usize,
    network: PhantomData<N>,
}

impl<'de, N: Network<Element: Deserialize<'de>>> DeserializeSeed<'de> for Number<'_, N> {
    type Value = N::Element;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let Number {
            tensor, position, ..
        } = self;
        let place = format_args!("number {position} of `{tensor}` of `{}`: ", N::NAME);
        Deserialize::deserialize(Narrow {
            deserializer,
            place: &place,
        })
    }
}

/// Implements serde's `Serialize` for a network. `missing` is for a build without the feature
/// `serde`.
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    ($network:ident, $($missing:tt)*) => {
        impl $crate::serialize::Serialize for $network {
            fn serialize<S: $crate::serialize::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::serialize::serialize(self, serializer)
            }
        }
    };
}

/// Implements serde's `Deserialize` for a network. `missing` is as for `Serialize`.
#[doc(hidden)]
#[macro_export]
macro_rules! __deserialize {
    ($network:ident, $($missing:tt)*) => {
        /// Reads the network by value, on the stack; `deserialize_boxed` reads a large one.
        impl<'de> $crate::serialize::Deserialize<'de> for $network {
            fn deserialize<D: $crate::serialize::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $network::deserialize_boxed(deserializer).map(|network| *network)
            }
        }

        impl $network {
            /// Reads a network with serde to the heap; it is never on the stack.
            ///
            /// # Errors
            /// Returns the deserializer's errors, and an error if a tensor is missing, unknown or
            /// of another length.
            #[allow(dead_code)]
            pub fn deserialize_boxed<'de, D: $crate::serialize::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<$crate::serialize::Box<Self>, D::Error> {
                $crate::serialize::deserialize(deserializer)
            }
        }
    };
}
