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
}

macro_rules! scalars {
    ($($t:ident),*) => { $(
        impl $crate::memory::sealed::Sealed for $t {}
        impl $crate::memory::Scalar for $t {
            const NAME: &'static str = stringify!($t);
        }
    )* };
}
scalars!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool);
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
