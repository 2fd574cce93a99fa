//! Metrics of numbers. Every element of a tensor is an output of its own; where a mean over the
//! outputs differs from one over all elements, it is scikit-learn's
//! `multioutput="uniform_average"`.

use core::marker::PhantomData;

use super::{Measures, Metric, MetricError, assert_same_length};
use crate::memory::flatten;
use crate::sum::Sum;
use crate::tensor::{Element, Shape, Tensor, double};

macro_rules! means {
    ($($(#[$doc:meta])* $name:ident named $text:literal, $of:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            sum: Sum,
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
                Ok(self.sum.value() / self.elements as f64)
            }
            fn reset(&mut self) {
                *self = Self::default();
            }
        }

        impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for $name {
            fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
                assert_same_length(outputs, targets);
                let of: fn(f64) -> f64 = $of;
                let pairs = flatten(outputs).iter().zip(flatten(targets));
                self.sum.extend(pairs.map(|(&output, &target)| of(double(output) - double(target))));
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
    MeanSquaredError named "MSE", |difference| difference * difference;

    /// The mean of the absolute differences, over all elements. NaN gives NaN.
    ///
    /// ```
    /// use shapewright::metrics::MeanAbsoluteError;
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([1.0, 2.0])], [Tensor1::from([0.0, 4.0])]);
    /// assert_eq!(MeanAbsoluteError::new().of(&outputs, &targets)?, 1.5);
    /// # Ok::<(), shapewright::metrics::MetricError>(())
    /// ```
    MeanAbsoluteError named "MAE", f64::abs;
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
    squares: Vec<Sum>,
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
            squares: vec![Sum::default(); S::LEN],
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
            .map(|square| (square.value() / self.samples as f64).sqrt());
        Ok(roots.collect::<Sum>().value() / S::LEN as f64)
    }
    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for RootMeanSquaredError<S> {
    fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
        assert_same_length(outputs, targets);
        for (output, target) in outputs.iter().zip(targets) {
            for ((&output, &target), square) in output.iter().zip(target).zip(&mut self.squares) {
                let difference = double(output) - double(target);
                square.add(difference * difference);
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

/// The residual of one output, and the mean and variation of its targets.
///
/// Mean and sum of squares are updated together (Welford 1962), because a sum of squares less a
/// squared mean loses all digits far from zero. The mean is kept with what an `f64` of its size
/// cannot hold, which is large compared with the targets' distances from it.
#[derive(Clone, Debug, Default)]
struct Determination {
    residual: Sum,
    mean: Sum,
    squares: Sum,
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
        self.residual.add((output - target) * (output - target));
        let off = self.mean.distance_of(target);
        self.mean.add(off / samples as f64);
        self.squares.add(off * self.mean.distance_of(target));
    }

    fn value(&self) -> f64 {
        let squares = self.squares.value();
        match (squares == 0.0, self.residual.value()) {
            (true, 0.0) => 1.0,
            (true, residual) if !residual.is_nan() => 0.0,
            (_, residual) => 1.0 - residual / squares,
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
        Ok(self
            .outputs
            .iter()
            .map(Determination::value)
            .collect::<Sum>()
            .value()
            / S::LEN as f64)
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
