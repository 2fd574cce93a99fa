//! Metrics of numbers. Every element of a tensor is an output of its own; where a mean over the
//! outputs differs from one over all elements, it is scikit-learn's
//! `multioutput="uniform_average"`.

use core::marker::PhantomData;

use super::{Measures, Metric, MetricError, assert_same_length};
use crate::memory::flatten;
use crate::sum::{Squares, Sum, Variation};
use crate::tensor::{Element, Shape, Tensor, double};

macro_rules! means {
    ($($(#[$doc:meta])* $name:ident named $text:literal, $sum:ty, $add:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            sum: $sum,
            elements: usize,
        }

        impl $name {
            /// Creates the metric, before the first sample.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Metric for $name {
            fn name(&self) -> String {
                $text.to_owned()
            }
            fn value(&self) -> Result<f64, MetricError> {
                MetricError::unless_any(self.elements)?;
                Ok(self.sum.mean(self.elements))
            }
            fn reset(&mut self) {
                *self = Self::default();
            }
        }

        impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for $name {
            fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
                assert_same_length(outputs, targets);
                let add: fn(&mut $sum, f64, f64) = $add;
                for (&output, &target) in flatten(outputs).iter().zip(flatten(targets)) {
                    add(&mut self.sum, double(output), double(target));
                }
                self.elements += outputs.len() * S::LEN;
            }
        }
    )* };
}

means! {
    /// The mean of the squared differences, over all elements. NaN gives NaN.
    ///
    /// ```
    /// use shapewright::metrics::MeanSquaredError;
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// assert_eq!(MeanSquaredError::new().of(&outputs, &targets)?, 2.5);
    /// # Ok::<(), shapewright::metrics::MetricError>(())
    /// ```
    MeanSquaredError named "MSE", Squares, Squares::add_difference;

    /// The mean of the absolute differences, over all elements. NaN gives NaN.
    ///
    /// ```
    /// use shapewright::metrics::MeanAbsoluteError;
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// assert_eq!(MeanAbsoluteError::new().of(&outputs, &targets)?, 1.5);
    /// # Ok::<(), shapewright::metrics::MetricError>(())
    /// ```
    MeanAbsoluteError named "MAE", Sum, add_distance;
}

/// Adds `|a - b|`, also where that is out of range and the mean is not.
fn add_distance(sum: &mut Sum, a: f64, b: f64) {
    let distance = (a - b).abs();
    if distance.is_infinite() && a.is_finite() && b.is_finite() {
        sum.add(a.abs());
        sum.add(b.abs());
    } else {
        sum.add(distance);
    }
}

/// The square root of the mean squared difference of each output, averaged over the outputs. NaN
/// gives NaN.
///
/// ```
/// use shapewright::metrics::RootMeanSquaredError;
/// use shapewright::prelude::*;
/// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
/// assert_eq!(RootMeanSquaredError::new().of(&outputs, &targets)?, 1.5);
/// # Ok::<(), shapewright::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RootMeanSquaredError<S: Shape> {
    samples: usize,
    squares: Vec<Squares>,
    shape: PhantomData<S>,
}

impl<S: Shape> Default for RootMeanSquaredError<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Shape> RootMeanSquaredError<S> {
    /// Creates the metric, before the first sample.
    pub fn new() -> Self {
        RootMeanSquaredError {
            samples: 0,
            squares: vec![Squares::default(); S::LEN],
            shape: PhantomData,
        }
    }
}

impl<S: Shape> Metric for RootMeanSquaredError<S> {
    fn name(&self) -> String {
        "RMSE".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        MetricError::unless_any(self.samples)?;
        let roots = self
            .squares
            .iter()
            .map(|squares| squares.root_mean(self.samples));
        Ok(roots.collect::<Sum>().mean(S::LEN))
    }
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for RootMeanSquaredError<S> {
    fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
        assert_same_length(outputs, targets);
        for (output, target) in outputs.iter().zip(targets) {
            for ((&output, &target), squares) in output.iter().zip(target).zip(&mut self.squares) {
                squares.add_difference(double(output), double(target));
            }
        }
        self.samples += outputs.len();
    }
}

/// The coefficient of determination of each output, averaged over the outputs: 1 for outputs that
/// are right, 0 for the mean of the targets, negative for worse. NaN gives NaN.
///
/// As in scikit-learn, an output whose targets are all equal counts 1 if it is right and 0 if not.
/// The value is an error for fewer than two samples (where scikit-learn warns and gives NaN).
///
/// ```
/// use shapewright::metrics::R2Score;
/// use shapewright::prelude::*;
/// let outputs = [2.5, 0.0, 2.0, 8.0].map(Tensor0::from);
/// let targets = [3.0, -0.5, 2.0, 7.0].map(Tensor0::from);
/// assert!((R2Score::new().of(&outputs, &targets)? - 0.948_608).abs() < 1e-6);
/// # Ok::<(), shapewright::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug)]
pub struct R2Score<S: Shape> {
    samples: usize,
    outputs: Vec<Determination>,
    shape: PhantomData<S>,
}

/// The residual of one output, and the variation of its targets.
#[derive(Clone, Debug, Default)]
struct Determination {
    residual: Squares,
    variation: Variation,
}

impl<S: Shape> Default for R2Score<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Shape> R2Score<S> {
    /// Creates the metric, before the first sample.
    pub fn new() -> Self {
        R2Score {
            samples: 0,
            outputs: vec![Determination::default(); S::LEN],
            shape: PhantomData,
        }
    }
}

impl Determination {
    fn add(&mut self, samples: usize, output: f64, target: f64) {
        self.residual.add_difference(output, target);
        self.variation.add(samples, target);
    }

    fn value(&self) -> f64 {
        if !self.variation.is_zero() {
            return 1.0 - self.variation.share_of(self.residual);
        }
        match self.residual.root() {
            0.0 => 1.0,
            residual if residual.is_nan() => f64::NAN,
            _ => 0.0,
        }
    }
}

impl<S: Shape> Metric for R2Score<S> {
    fn name(&self) -> String {
        "R2".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        if self.samples < 2 {
            return Err(MetricError::TooFewSamples {
                found: self.samples,
                needed: 2,
            });
        }
        let values = self.outputs.iter().map(Determination::value);
        Ok(values.collect::<Sum>().mean(S::LEN))
    }
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for R2Score<S> {
    fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
        assert_same_length(outputs, targets);
        for (output, target) in outputs.iter().zip(targets) {
            self.samples += 1;
            for ((&output, &target), determination) in
                output.iter().zip(target).zip(&mut self.outputs)
            {
                determination.add(self.samples, double(output), double(target));
            }
        }
    }
}
