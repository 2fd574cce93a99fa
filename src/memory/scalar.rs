//! The values that memory is made of: a [`Scalar`] can be stored in a tensor, a [`Number`] in memory
//! of any kind. Both are sealed, as the conversions of this module rely on what they promise.

use core::fmt::{Debug, Display};

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A value that a tensor can hold. All bits zero is the value zero (or `false`).
pub trait Scalar:
    sealed::Sealed + Copy + Default + PartialEq + Debug + Display + Send + Sync + 'static
{
    /// The type's name, as `Debug` of a tensor prints it.
    const NAME: &'static str;

    /// Returns whether the value is NaN or infinite.
    #[doc(hidden)]
    fn has_no_digits(self) -> bool;
}

/// Implements the trait for types of which the function says whether a value has no digits.
macro_rules! scalars {
    ($($t:ident),*: $has_no_digits:expr) => { $(
        impl $crate::memory::sealed::Sealed for $t {}
        impl $crate::memory::Scalar for $t {
            const NAME: &'static str = stringify!($t);

            fn has_no_digits(self) -> bool {
                let has_no_digits: fn($t) -> bool = $has_no_digits;
                has_no_digits(self)
            }
        }
    )* };
}
scalars!(i8, i16, i32, i64, u8, u16, u32, u64, usize, bool: |_| false);
scalars!(f32, f64: |x| !x.is_finite());
pub(crate) use scalars;

/// A number that layers keep in memory of their own, such as 8-bit weights or flags of training:
/// every pattern of bits is a value.
pub trait Number: Scalar {
    /// True if it has the same size on every machine.
    #[doc(hidden)]
    const IS_PORTABLE: bool = true;
}

macro_rules! numbers {
    ($($t:ty),*) => { $( impl Number for $t {} )* };
}
numbers!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for usize {
    const IS_PORTABLE: bool = false;
}
