//! Tensors of random numbers.

use rand::Rng;
use rand::distr::{Distribution, Uniform};

use super::normal::standard_normal;
use crate::tensor::{Element, Shape, Tensor};

/// Random numbers, the same on every machine for the same generator.
impl<S: Shape, T: Element> Tensor<S, T> {
    /// Draws each element from the normal distribution with this mean and this standard deviation.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let noise: Tensor1<100> = Tensor::normal(5.0, 0.1, &mut shapewright::rng(0));
    /// assert!((noise.mean() - 5.0).abs() < 0.1);
    /// ```
    ///
    /// [`Tensor::random`] draws from any distribution of the `rand` crate, which this crate
    /// re-exports as `shapewright::rand`.
    pub fn normal<R: Rng + ?Sized>(mean: f64, std: f64, rng: &mut R) -> Self {
        Self::from_position(|_| T::from_f64_lossy(mean + std * standard_normal(rng)))
    }

    /// Draws each element evenly between `low`, included, and `high`, excluded.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let x: Tensor1<100> = Tensor::uniform(-1.0, 1.0, &mut shapewright::rng(0));
    /// assert!(x.iter().all(|x| (-1.0..1.0).contains(x)));
    /// ```
    ///
    /// # Panics
    /// Panics if `low` is not less than `high`, or one of them is not finite.
    #[track_caller]
    pub fn uniform<R: Rng + ?Sized>(low: f64, high: f64, rng: &mut R) -> Self {
        let Ok(uniform) = Uniform::new(low, high) else {
            panic!("no numbers lie between {low} and {high}; give the lower end first")
        };
        // Rounding to `f32` may reach the upper end.
        let number = |rng: &mut R| loop {
            let x = T::from_f64_lossy(uniform.sample(rng));
            if x < T::from_f64_lossy(high) {
                return x;
            }
        };
        Self::from_position(|_| number(rng))
    }
}
