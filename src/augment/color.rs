//! Brightness, contrast, noise, and the scale of channels.

use super::draw::{Range, chance, uniform};
use super::{Augment, SampleRng};
use crate::init::standard_normal;
use crate::tensor::{Element, Rank3, Shape, Tensor, Tensor3};

/// Changes brightness and contrast, in an order drawn for each image; torchvision's `ColorJitter`,
/// without saturation and hue. Values are from 0 to 1, and are cut to that.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::{Augmenter, ColorJitter};
/// let mut image = Tensor3::from([[[0.25], [0.75]]]);
/// let twice_as_bright = ColorJitter::new().brightness_between(2.0, 2.0);
/// Augmenter::new(twice_as_bright, 0).augment(1, 0, &mut image);
/// assert_eq!(image, Tensor3::from([[[0.5], [1.0]]]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorJitter {
    brightness: Range,
    contrast: Range,
}

impl Default for ColorJitter {
    fn default() -> Self {
        Self::new()
    }
}

impl ColorJitter {
    /// Creates a transform that changes nothing yet.
    pub const fn new() -> Self {
        ColorJitter {
            brightness: Range::only(1.0),
            contrast: Range::only(1.0),
        }
    }

    /// Multiplies by a factor from `1 - brightness`, but at least 0, to `1 + brightness`.
    ///
    /// # Panics
    /// Panics if `brightness` is below 0 or not finite.
    pub const fn brightness(self, brightness: f64) -> Self {
        ColorJitter {
            brightness: around_one(brightness),
            ..self
        }
    }

    /// Multiplies by a factor from `min` to `max`.
    ///
    /// # Panics
    /// Panics unless both are finite and not below 0, and `min` is at most `max`.
    pub const fn brightness_between(self, min: f64, max: f64) -> Self {
        ColorJitter {
            brightness: factors(min, max),
            ..self
        }
    }

    /// Multiplies the difference from the image's mean by a factor from `1 - contrast`, but at
    /// least 0, to `1 + contrast`. The mean of red, green and blue is that of `0.2989 r + 0.587 g +
    /// 0.114 b`; with another number of channels than 3, all count equally.
    ///
    /// # Panics
    /// Panics if `contrast` is below 0 or not finite.
    pub const fn contrast(self, contrast: f64) -> Self {
        ColorJitter {
            contrast: around_one(contrast),
            ..self
        }
    }

    /// Multiplies the difference from the image's mean by a factor from `min` to `max`.
    ///
    /// # Panics
    /// Panics unless both are finite and not below 0, and `min` is at most `max`.
    pub const fn contrast_between(self, min: f64, max: f64) -> Self {
        ColorJitter {
            contrast: factors(min, max),
            ..self
        }
    }
}

const fn around_one(most: f64) -> Range {
    assert!(
        0.0 <= most && most < f64::INFINITY,
        "brightness and contrast of `ColorJitter` are not below 0"
    );
    Range {
        min: if most < 1.0 { 1.0 - most } else { 0.0 },
        max: 1.0 + most,
    }
}

const fn factors(min: f64, max: f64) -> Range {
    assert!(
        min >= 0.0,
        "`ColorJitter` multiplies by factors that are not below 0"
    );
    Range::new(min, max)
}

/// `factor * image + (1 - factor) * other`, cut to 0 to 1.
fn blend<T: Element>(image: &mut [T], other: f64, factor: f64) {
    // Larger factors give the same, 0 or 1, as long as they are finite in `T`.
    let factor = factor.min(1e30);
    let rest = T::from_f64_lossy((1.0 - factor) * other);
    let factor = T::from_f64_lossy(factor);
    for x in image {
        *x = cut(factor * *x + rest);
    }
}

/// Cuts a number to 0 to 1. NaN stays, so that it is not hidden.
fn cut<T: Element>(x: T) -> T {
    num_traits::clamp(x, T::zero(), T::one())
}

/// The mean of an image in grey.
fn mean_grey<T: Element>(image: &[T], channels: usize) -> f64 {
    let sum_of = |channel: usize| -> f64 {
        image
            .iter()
            .skip(channel)
            .step_by(channels)
            .map(|x| x.to_f64().unwrap_or(f64::NAN))
            .sum()
    };
    match channels {
        3 => {
            (0.2989 * sum_of(0) + 0.587 * sum_of(1) + 0.114 * sum_of(2)) / (image.len() / 3) as f64
        }
        _ => (0..channels).map(sum_of).sum::<f64>() / image.len() as f64,
    }
}

impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T>
    for ColorJitter
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        _: &mut Tensor3<H, W, C, T>,
        rng: &mut SampleRng,
    ) {
        let brightness = |image: &mut Tensor3<H, W, C, T>, rng: &mut SampleRng| {
            if !self.brightness.is(1.0) {
                blend(image.as_mut_slice(), 0.0, uniform(self.brightness, rng));
            }
        };

        let contrast_first = chance(0.5, rng);
        if !contrast_first {
            brightness(image, rng);
        }
        if !self.contrast.is(1.0) {
            let mean = mean_grey(image.as_slice(), C);
            blend(image.as_mut_slice(), mean, uniform(self.contrast, rng));
        }
        if contrast_first {
            brightness(image, rng);
        }
    }
}

/// Adds a number of the normal distribution to each value, and cuts the sum to 0 to 1;
/// torchvision's `GaussianNoise`. It takes tensors of any shape.
///
/// ```
/// use shapewright::Tensor1;
/// use shapewright::augment::{Augmenter, GaussianNoise};
/// let mut features = Tensor1::from([-3.0_f32, 40.0]);
/// Augmenter::new(GaussianNoise::new(0.1).clip(false), 0).augment(1, 0, &mut features);
/// assert!((features[0] + 3.0).abs() < 1.0 && (features[1] - 40.0).abs() < 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNoise {
    mean: f64,
    sigma: f64,
    clip: bool,
}

impl GaussianNoise {
    /// Adds noise of this standard deviation; torchvision's default is 0.1.
    ///
    /// # Panics
    /// Panics if `sigma` is below 0 or not finite.
    pub const fn new(sigma: f64) -> Self {
        assert!(
            0.0 <= sigma && sigma < f64::INFINITY,
            "the standard deviation of `GaussianNoise` is finite and not below 0"
        );
        GaussianNoise {
            mean: 0.0,
            sigma,
            clip: true,
        }
    }

    /// Sets the mean of the noise; 0 by default.
    ///
    /// # Panics
    /// Panics unless it is finite.
    pub const fn mean(self, mean: f64) -> Self {
        assert!(mean.is_finite(), "the mean of `GaussianNoise` is finite");
        GaussianNoise { mean, ..self }
    }

    /// Sets whether values are cut to 0 to 1; `true` by default. Set it to `false` for values of
    /// another range, such as standardized ones.
    pub const fn clip(self, clip: bool) -> Self {
        GaussianNoise { clip, ..self }
    }
}

impl<S: Shape, T: Element> Augment<S, T> for GaussianNoise {
    fn augment(&self, sample: &mut Tensor<S, T>, _: &mut Tensor<S, T>, rng: &mut SampleRng) {
        if self.mean == 0.0 && self.sigma == 0.0 {
            return;
        }
        for x in sample.iter_mut() {
            let noisy = *x + T::from_f64_lossy(self.mean + self.sigma * standard_normal(rng));
            *x = if self.clip { cut(noisy) } else { noisy };
        }
    }
}

/// Subtracts a number from each channel and divides it by another; torchvision's `Normalize`. Not
/// random: validation and inference need it as well, with [`Normalize::normalize`].
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::Normalize;
/// const NORMALIZE: Normalize<1> = Normalize::new([0.5], [0.25]);
/// let mut image = Tensor3::from([[[0.25], [1.0]]]);
/// NORMALIZE.normalize(&mut image);
/// assert_eq!(image, Tensor3::from([[[-1.0], [2.0]]]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize<const C: usize> {
    mean: [f64; C],
    std: [f64; C],
}

impl<const C: usize> Normalize<C> {
    /// Creates a transform with a mean and a standard deviation for each channel.
    ///
    /// # Panics
    /// Panics unless each standard deviation is above 0, and all numbers are finite.
    pub const fn new(mean: [f64; C], std: [f64; C]) -> Self {
        let mut channel = 0;
        while channel < C {
            assert!(
                std[channel] > 0.0,
                "a standard deviation of `Normalize` is above 0"
            );
            assert!(
                mean[channel].is_finite() && std[channel].is_finite(),
                "means and standard deviations of `Normalize` are finite"
            );
            channel += 1;
        }
        Normalize { mean, std }
    }

    /// Replaces the image by `(image - mean) / std`.
    pub fn normalize<const H: usize, const W: usize, T: Element>(
        &self,
        image: &mut Tensor3<H, W, C, T>,
    ) {
        let mean = self.mean.map(T::from_f64_lossy);
        let std = self.std.map(T::from_f64_lossy);
        for pixel in image.as_mut_array().as_flattened_mut() {
            for ((x, &mean), &std) in pixel.iter_mut().zip(&mean).zip(&std) {
                *x = (*x - mean) / std;
            }
        }
    }
}

impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T>
    for Normalize<C>
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        _: &mut Tensor3<H, W, C, T>,
        _: &mut SampleRng,
    ) {
        self.normalize(image);
    }
}
