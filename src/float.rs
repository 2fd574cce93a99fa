//! Functions of `f64` that the standard library has and `core` has not.

/// Returns the square root, which is rounded to the nearest number everywhere.
#[inline]
pub(crate) fn sqrt(x: f64) -> f64 {
    #[cfg(feature = "std")]
    {
        x.sqrt()
    }
    #[cfg(not(feature = "std"))]
    {
        libm::sqrt(x)
    }
}
