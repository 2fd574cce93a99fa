//! Features of one size: networks learn badly from inputs that differ by orders of magnitude.

use super::preprocess_error::{PreprocessError, for_each_value};
use super::sample::SamplesMut;
use crate::derive::Parameters;
use crate::params;
use crate::sum::Sum;
use crate::tensor::{Element, Shape, Tensor};

/// Shifts and scales each feature to mean 0 and standard deviation 1; scikit-learn's
/// `StandardScaler`.
///
/// Fit it to the training part alone and use it for all parts. Every element of a tensor is a
/// feature of its own. Missing values (NaN) are ignored when it is fitted, and stay missing. A
/// constant feature becomes 0.
///
/// ```
/// use shapewright::data::StandardScaler;
/// use shapewright::prelude::*;
/// let mut x = [[1.0, 7.0], [3.0, 7.0]].map(Tensor1::from);
/// let scaler = StandardScaler::fit(&x)?;
/// assert_eq!(
///     (scaler.mean, scaler.std),
///     (Tensor1::from([2.0, 7.0]), Tensor1::from([1.0, 1.0]))
/// );
/// scaler.transform(&mut x);
/// assert_eq!(x, [[-1.0, 0.0], [1.0, 0.0]].map(Tensor1::from));
/// # Ok::<(), shapewright::data::PreprocessError>(())
/// ```
///
/// Numbers are computed in `f64`. With the feature `safetensors`, `weights::Saver` puts it into one
/// file with the network.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct StandardScaler<S: Shape, T: Element = f32> {
    /// The mean of each feature, which is subtracted, rounded to a `T`: where features differ from
    /// each other by a few roundings of an `f32`, as counters and times do, take samples of `f64`.
    pub mean: Tensor<S, T>,
    /// The standard deviation of each feature (of the samples themselves, over their number), by which
    /// the difference is divided; 1 for constant features.
    pub std: Tensor<S, T>,
}

impl<S: Shape, T: Element> StandardScaler<S, T> {
    /// Creates a scaler with the mean and standard deviation of each feature.
    ///
    /// The result, as large as two samples, lies on the caller's stack: for large samples, such as
    /// pictures, use [`fit_boxed`](Self::fit_boxed).
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn fit(samples: &[Tensor<S, T>]) -> Result<Self, PreprocessError> {
        Ok(*Self::fit_boxed(samples)?)
    }

    /// Creates the scaler of [`fit`](Self::fit) on the heap.
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn fit_boxed(samples: &[Tensor<S, T>]) -> Result<Box<Self>, PreprocessError> {
        let ranges = Ranges::of(samples)?;
        let means = ranges.means();
        // Squares of the distances themselves may be infinite, or 0.
        let units: Vec<f64> = (0..S::LEN).map(|feature| ranges.unit(feature)).collect();
        let scales: Vec<f64> = units.iter().map(|unit| 1.0 / unit).collect();
        let mut off_and_squares = vec![[Sum::default(); 2]; S::LEN];
        for_each_value(samples, |feature, value| {
            let scale = scales[feature];
            let off = value * scale - means[feature] * scale;
            let [sum, squares] = &mut off_and_squares[feature];
            sum.add(off);
            squares.add(off * off);
        })?;

        let mut scaler: Box<Self> = params::zeroed_parameters();
        scaler
            .mean
            .fill_with(|feature| T::from_f64_lossy(means[feature]));
        scaler.std.fill_with(|feature| {
            let [off, square] =
                off_and_squares[feature].map(|sum| sum.value() / ranges.count[feature]);
            // The distances from the mean have a mean that is not 0: the rounding error of the
            // mean.
            let variance = (square - off * off).max(0.0);
            let std = T::from_f64_lossy(variance.sqrt() * units[feature]);
            if std.is_zero() { T::one() } else { std }
        });
        Ok(scaler)
    }

    /// Scales samples, or a single one, where they are.
    pub fn transform(&self, samples: &mut (impl SamplesMut<S, T> + ?Sized)) {
        for_each(samples.samples_mut(), |feature, value| {
            let mean = double(&self.mean, feature);
            let std = double(&self.std, feature);
            let half = half_if_infinite(value - mean);
            (value * half - mean * half) / std / half
        });
    }

    /// Turns scaled samples, or a single one, back where they are.
    pub fn inverse_transform(&self, samples: &mut (impl SamplesMut<S, T> + ?Sized)) {
        for_each(samples.samples_mut(), |feature, value| {
            let mean = double(&self.mean, feature);
            let std = double(&self.std, feature);
            let half = half_if_infinite(value * std);
            (value * (std * half) + mean * half) / half
        });
    }
}

/// Shifts and scales each feature to a range, 0 to 1 by default; scikit-learn's `MinMaxScaler`.
///
/// Fit it to the training part alone and use it for all parts; values that lie outside of the
/// training part's lie outside of the range. Every element of a tensor is a feature of its own.
/// Missing values (NaN) are ignored when it is fitted, and stay missing. A constant feature becomes
/// the lower end.
///
/// ```
/// use shapewright::data::MinMaxScaler;
/// use shapewright::prelude::*;
/// let mut x = [[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]].map(Tensor1::from);
/// MinMaxScaler::fit(&x)?.range(-1.0, 1.0).transform(&mut x);
/// assert_eq!(
///     x,
///     [[-1.0, -1.0], [0.0, -1.0], [1.0, -1.0]].map(Tensor1::from)
/// );
/// # Ok::<(), shapewright::data::PreprocessError>(())
/// ```
///
/// Numbers are computed in `f64`. With the feature `safetensors`, `weights::Saver` puts it into one
/// file with the network.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct MinMaxScaler<S: Shape, T: Element = f32> {
    /// The smallest value of each feature.
    pub min: Tensor<S, T>,
    /// The largest value of each feature.
    pub max: Tensor<S, T>,
    /// The lower end of the range, which the smallest value becomes.
    pub low: T,
    /// The upper end of the range, which the largest value becomes.
    pub high: T,
}

impl<S: Shape, T: Element> MinMaxScaler<S, T> {
    /// Creates a scaler that turns the smallest and the largest value of each feature into 0 and 1.
    ///
    /// The result, as large as two samples, lies on the caller's stack: for large samples, such as
    /// pictures, use [`fit_boxed`](Self::fit_boxed).
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn fit(samples: &[Tensor<S, T>]) -> Result<Self, PreprocessError> {
        Ok(*Self::fit_boxed(samples)?)
    }

    /// Creates the scaler of [`fit`](Self::fit) on the heap.
    ///
    /// # Errors
    /// Returns an error if a feature has no value, or one that is infinite.
    pub fn fit_boxed(samples: &[Tensor<S, T>]) -> Result<Box<Self>, PreprocessError> {
        let ranges = Ranges::of(samples)?;
        let mut scaler: Box<Self> = params::zeroed_parameters();
        scaler
            .min
            .fill_with(|feature| T::from_f64_lossy(ranges.min[feature]));
        scaler
            .max
            .fill_with(|feature| T::from_f64_lossy(ranges.max[feature]));
        scaler.high = T::one();
        Ok(scaler)
    }

    /// Sets another range. The scaler passes the caller's stack;
    /// [`set_range`](Self::set_range) does not move it.
    ///
    /// # Panics
    /// Panics if `low` is not less than `high`, or one is infinite.
    pub fn range(mut self, low: T, high: T) -> Self {
        self.set_range(low, high);
        self
    }

    /// Sets another range, in place.
    ///
    /// # Panics
    /// Panics if `low` is not less than `high`, or one is infinite.
    pub fn set_range(&mut self, low: T, high: T) {
        assert!(
            low < high,
            "the range from {low} to {high} has no inside; give the lower end first"
        );
        assert!(
            (high - low).is_finite(),
            "the range from {low} to {high} is too wide; give finite ends"
        );
        self.low = low;
        self.high = high;
    }

    /// Scales samples, or a single one, where they are.
    pub fn transform(&self, samples: &mut (impl SamplesMut<S, T> + ?Sized)) {
        let (low, width) = self.low_and_width();
        for_each(samples.samples_mut(), |feature, value| {
            let min = double(&self.min, feature);
            let max = double(&self.max, feature);
            let half = half_if_infinite(max - min).min(half_if_infinite(value - min));
            let share = (value * half - min * half) / span(min, max, half);
            // In this order the largest value becomes the upper end to the last bit.
            low + share * width
        });
    }

    /// Turns scaled samples, or a single one, back where they are.
    pub fn inverse_transform(&self, samples: &mut (impl SamplesMut<S, T> + ?Sized)) {
        let (low, width) = self.low_and_width();
        for_each(samples.samples_mut(), |feature, value| {
            let min = double(&self.min, feature);
            let max = double(&self.max, feature);
            let half = half_if_infinite(max - min);
            ((value - low) / width * span(min, max, half) + min * half) / half
        });
    }

    fn low_and_width(&self) -> (f64, f64) {
        let [low, high] = [self.low, self.high].map(|x| x.to_f64().unwrap_or(f64::NAN));
        (low, high - low)
    }
}

/// The distance from the smallest value to the largest, times `factor`; that of a constant feature
/// counts as 1.
fn span(min: f64, max: f64, factor: f64) -> f64 {
    let span = max * factor - min * factor;
    if span == 0.0 { factor } else { span }
}

/// The factor with which numbers are to be computed: 1, or 1/2 if the result is infinite without.
fn half_if_infinite(result: f64) -> f64 {
    if result.is_infinite() { 0.5 } else { 1.0 }
}

/// Count, sum, smallest and largest value of each feature.
pub(super) struct Ranges {
    count: Vec<f64>,
    sum: Vec<Sum>,
    min: Vec<f64>,
    max: Vec<f64>,
}

impl Ranges {
    pub(super) fn of<S: Shape, T: Element>(
        samples: &[Tensor<S, T>],
    ) -> Result<Self, PreprocessError> {
        let all = |value| vec![value; S::LEN];
        let sum = vec![Sum::default(); S::LEN];
        let mut ranges = Ranges {
            count: all(0.0),
            sum,
            min: all(f64::INFINITY),
            max: all(f64::NEG_INFINITY),
        };
        for_each_value(samples, |feature, value| {
            ranges.count[feature] += 1.0;
            ranges.sum[feature].add(value);
            ranges.min[feature] = ranges.min[feature].min(value);
            ranges.max[feature] = ranges.max[feature].max(value);
        })?;
        Ok(ranges)
    }

    /// Returns the mean of each feature; of equal numbers exactly that number, which their sum may
    /// not give.
    pub(super) fn means(&self) -> Vec<f64> {
        let mean = |feature: usize| {
            let min = self.min[feature];
            let max = self.max[feature];
            if min == max {
                min
            } else {
                let mean = self.sum[feature].mean(self.count[feature] as usize);
                mean.clamp(min, max)
            }
        };
        (0..self.sum.len()).map(mean).collect()
    }

    /// Returns the power of two below the feature's largest magnitude. Divided by it, values are
    /// less than 4 and keep their digits. Neither it nor its reciprocal is denormal.
    fn unit(&self, feature: usize) -> f64 {
        let largest = self.min[feature].abs().max(self.max[feature].abs());
        let power = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits());
        power.clamp(f64::MIN_POSITIVE, 1.0 / f64::MIN_POSITIVE)
    }
}

fn double<S: Shape, T: Element>(tensor: &Tensor<S, T>, feature: usize) -> f64 {
    tensor.as_slice()[feature].to_f64().unwrap_or(f64::NAN)
}

/// Changes each value by a function of its feature's position and the value.
fn for_each<S: Shape, T: Element>(samples: &mut [Tensor<S, T>], f: impl Fn(usize, f64) -> f64) {
    for sample in samples {
        for (feature, value) in sample.iter_mut().enumerate() {
            *value = T::from_f64_lossy(f(feature, value.to_f64().unwrap_or(f64::NAN)));
        }
    }
}
