//! Element types of tensors: a [`Scalar`] can be stored, an [`Element`] is a number type of
//! networks.

use core::fmt::{Debug, Display};
use core::iter::Sum;

use num_traits::{Float, FromPrimitive, NumAssign};
use rand::distr::uniform::SampleUniform;

use super::half::{BF16, F16};
use crate::kernels::{F32Kernels, F64Kernels, Kernels};

mod sealed {
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
        impl sealed::Sealed for $t {}
        impl Scalar for $t {
            const NAME: &'static str = stringify!($t);
        }
    )* };
}
scalars!(
    f32, f64, F16, BF16, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool
);

/// A number that layers keep in memory of their own, such as 8-bit weights or flags of training:
/// every pattern of bits is a value.
pub trait Number: Scalar {
    /// Whether it has the same size on every machine.
    #[doc(hidden)]
    const IS_PORTABLE: bool = true;
}

macro_rules! numbers {
    ($($t:ty),*) => { $( impl Number for $t {} )* };
}
numbers!(f32, f64, F16, BF16, i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for usize {
    const IS_PORTABLE: bool = false;
}

/// The number type of a network: `f32`, or `f64` for checking gradients and for scientific work.
pub trait Element: Number + Float + FromPrimitive + NumAssign + Sum + SampleUniform {
    /// The [kernels](crate::ext::kernels) of the type.
    type Kernels: Kernels<Self>;
    /// Whether kernels use the memory that they are handed.
    #[doc(hidden)]
    const KERNELS_USE_MEMORY: bool;

    /// A type that is aligned to the size of the number, which not every machine does.
    #[doc(hidden)]
    type Unit: Copy + Send + Sync + 'static;

    /// Returns the kernels of the instruction tier in force.
    #[doc(hidden)]
    fn kernels() -> Self::Kernels;

    /// Returns the value nearest to an `f64`.
    fn from_f64_lossy(value: f64) -> Self;
}

/// Nothing, at a multiple of eight bytes.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[repr(align(8))]
pub struct Aligned8;

/// Returns the number as an `f64`.
pub(crate) fn double<T: Element>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

impl Element for f32 {
    type Kernels = F32Kernels;
    type Unit = u32;
    const KERNELS_USE_MEMORY: bool = true;

    fn kernels() -> F32Kernels {
        F32Kernels::now()
    }
    fn from_f64_lossy(value: f64) -> f32 {
        value as f32
    }
}

impl Element for f64 {
    type Kernels = F64Kernels;
    type Unit = Aligned8;
    const KERNELS_USE_MEMORY: bool = false;

    fn kernels() -> F64Kernels {
        F64Kernels
    }
    fn from_f64_lossy(value: f64) -> f64 {
        value
    }
}
