//! The number types of networks.

use core::iter::Sum;

use num_traits::{Float, FromPrimitive, NumAssign};
use rand::distr::uniform::SampleUniform;

use crate::kernels::{F32Kernels, F64Kernels, Kernels};
use crate::memory::Number;

/// The number type of a network: `f32`, or `f64` for checking gradients and for scientific work.
pub trait Element: Number + Float + FromPrimitive + NumAssign + Sum + SampleUniform {
    /// The [kernels](crate::ext::kernels) of the type.
    type Kernels: Kernels<Self>;
    /// True if kernels use the memory that they are handed.
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
