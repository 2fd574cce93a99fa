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

/// Returns the sine and the cosine.
#[inline]
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    #[cfg(feature = "std")]
    {
        x.sin_cos()
    }
    #[cfg(not(feature = "std"))]
    {
        libm::sincos(x)
    }
}

/// Returns the power with this exponent.
#[inline]
pub(crate) fn powf(x: f64, exponent: f64) -> f64 {
    #[cfg(feature = "std")]
    {
        x.powf(exponent)
    }
    #[cfg(not(feature = "std"))]
    {
        libm::pow(x, exponent)
    }
}
