//! Rectangles without content.

use super::draw::{Range, below, chance, uniform};
use super::{Augment, SampleRng};
use crate::init::standard_normal;
use crate::tensor::{Element, Rank3, Tensor3};

/// Overwrites a random rectangle with a probability; torchvision's `RandomErasing`, also known as
/// cutout. Zhong et al., 2017.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::{Augmenter, RandomErasing};
/// let mut image = Tensor3::<28, 28, 1>::ones();
/// // A square of a quarter of the image.
/// let erasing = RandomErasing::new(1.0).scale(0.25, 0.25).ratio(1.0, 1.0);
/// Augmenter::new(erasing, 0).augment(1, 0, &mut image);
/// assert_eq!(image.iter().filter(|&&x| x == 0.0).count(), 14 * 14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomErasing {
    p: f64,
    scale: Range,
    ratio: Range,
    /// The value that is written; normal numbers if there is none.
    value: Option<f64>,
}

impl RandomErasing {
    /// Erases with this probability; torchvision's default is 0.5.
    ///
    /// # Panics
    /// Panics unless it is from 0 to 1.
    pub const fn new(p: f64) -> Self {
        assert!(
            0.0 <= p && p <= 1.0,
            "the probability of `RandomErasing` lies between 0 and 1"
        );
        RandomErasing {
            p,
            scale: Range::new(0.02, 0.33),
            ratio: Range::new(0.3, 3.3),
            value: Some(0.0),
        }
    }

    /// Sets the rectangle's part of the area of the image; from 0.02 to 0.33 by default.
    ///
    /// # Panics
    /// Panics unless both are from 0 to 1, and `min` is at most `max`.
    pub const fn scale(self, min: f64, max: f64) -> Self {
        assert!(
            0.0 <= min && max <= 1.0,
            "`RandomErasing` takes a part of the area between 0 and 1"
        );
        RandomErasing {
            scale: Range::new(min, max),
            ..self
        }
    }

    /// Sets the rectangle's height over its width; from 0.3 to 3.3 by default.
    ///
    /// # Panics
    /// Panics unless both are above 0 and finite, and `min` is at most `max`.
    pub const fn ratio(self, min: f64, max: f64) -> Self {
        assert!(
            min > 0.0,
            "the ratio of the sides in `RandomErasing` is above 0"
        );
        RandomErasing {
            ratio: Range::new(min, max),
            ..self
        }
    }

    /// Sets the value of the rectangle; 0 by default.
    ///
    /// # Panics
    /// Panics unless it is finite.
    pub const fn value(self, value: f64) -> Self {
        assert!(value.is_finite(), "the value of `RandomErasing` is finite");
        RandomErasing {
            value: Some(value),
            ..self
        }
    }

    /// Fills the rectangle with numbers of the normal distribution with mean 0 and standard
    /// deviation 1.
    pub const fn random_value(self) -> Self {
        RandomErasing {
            value: None,
            ..self
        }
    }

    /// Draws top, left, height and width of a rectangle that is smaller than the image both ways. Ten
    /// attempts, as torchvision has.
    fn rectangle(&self, height: usize, width: usize, rng: &mut SampleRng) -> Option<[usize; 4]> {
        let ratio = Range {
            min: libm::log(self.ratio.min),
            max: libm::log(self.ratio.max),
        };
        for _ in 0..10 {
            let area = (height * width) as f64 * uniform(self.scale, rng);
            let ratio = libm::exp(uniform(ratio, rng));
            let h = libm::rint((area * ratio).sqrt()) as usize;
            let w = libm::rint((area / ratio).sqrt()) as usize;
            if h < height && w < width {
                return Some([below(height - h + 1, rng), below(width - w + 1, rng), h, w]);
            }
        }
        None
    }
}

impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T>
    for RandomErasing
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        _: &mut Tensor3<H, W, C, T>,
        rng: &mut SampleRng,
    ) {
        if !chance(self.p, rng) {
            return;
        }
        let Some([top, left, height, width]) = self.rectangle(H, W, rng) else {
            return;
        };
        for row in &mut image.as_mut_array()[top..][..height] {
            for x in row[left..][..width].as_flattened_mut() {
                *x = T::from_f64_lossy(self.value.unwrap_or_else(|| standard_normal(rng)));
            }
        }
    }
}
