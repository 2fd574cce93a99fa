//! Rotation, shift, scale and shear, resampled once.

use super::draw::{Range, uniform};
use super::{Augment, SampleRng};
use crate::kernels::{Kernels, Resample};
use crate::tensor::{Element, Rank3, Tensor3};

/// The value of a pixel that looks between the pixels of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest pixel.
    #[default]
    Nearest,
    /// The weighted mean of the four pixels around it.
    Bilinear,
}

/// Rotates an image about its middle by a random angle; torchvision's `RandomRotation`.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::{Augmenter, RandomRotation};
/// let mut image = Tensor3::from([[[1.0], [2.0]], [[3.0], [4.0]]]);
/// Augmenter::new(RandomRotation::between(90.0, 90.0), 0).augment(1, 0, &mut image);
/// assert_eq!(image, Tensor3::from([[[2.0], [4.0]], [[1.0], [3.0]]]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomRotation {
    degrees: Range,
    interpolation: Interpolation,
    fill: f64,
}

impl RandomRotation {
    /// Rotates by an angle from `-degrees` to `degrees`, counterclockwise.
    ///
    /// # Panics
    /// Panics if `degrees` is below 0 or not finite.
    pub const fn new(degrees: f64) -> Self {
        Self::by(Range::around_zero(degrees))
    }

    /// Rotates by an angle from `min` to `max` degrees, counterclockwise.
    ///
    /// # Panics
    /// Panics unless `min` is at most `max` and both are finite.
    pub const fn between(min: f64, max: f64) -> Self {
        Self::by(Range::new(min, max))
    }

    const fn by(degrees: Range) -> Self {
        RandomRotation {
            degrees,
            interpolation: Interpolation::Nearest,
            fill: 0.0,
        }
    }
}

/// Rotates, shifts, scales and shears an image about its middle, in one go; torchvision's
/// `RandomAffine`.
///
/// A shift alone is by whole pixels and moves them as they are.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::{Augmenter, Interpolation, RandomAffine};
/// const ANYHOW: RandomAffine = RandomAffine::new(15.0)
///     .translate(0.1, 0.1)
///     .scale(0.8, 1.2)
///     .shear(5.0)
///     .interpolation(Interpolation::Bilinear)
///     .fill(0.5);
/// let mut image = Tensor3::<28, 28, 3>::full(0.5);
/// Augmenter::new(ANYHOW, 0).augment(1, 0, &mut image);
/// assert_eq!(image, Tensor3::full(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomAffine {
    degrees: Range,
    translate: [f64; 2],
    scale: Range,
    shear: [Range; 2],
    interpolation: Interpolation,
    fill: f64,
}

impl RandomAffine {
    /// Rotates by an angle from `-degrees` to `degrees`, clockwise.
    ///
    /// # Panics
    /// Panics if `degrees` is below 0 or not finite.
    pub const fn new(degrees: f64) -> Self {
        Self::by(Range::around_zero(degrees))
    }

    /// Rotates by an angle from `min` to `max` degrees, clockwise.
    ///
    /// # Panics
    /// Panics unless `min` is at most `max` and both are finite.
    pub const fn between(min: f64, max: f64) -> Self {
        Self::by(Range::new(min, max))
    }

    const fn by(degrees: Range) -> Self {
        RandomAffine {
            degrees,
            translate: [0.0; 2],
            scale: Range::only(1.0),
            shear: [Range::only(0.0); 2],
            interpolation: Interpolation::Nearest,
            fill: 0.0,
        }
    }

    /// Shifts by up to these parts of the image's width and height, either way, rounded to whole
    /// pixels.
    ///
    /// # Panics
    /// Panics unless both are from 0 to 1.
    pub const fn translate(self, width: f64, height: f64) -> Self {
        assert!(
            0.0 <= width && width <= 1.0 && 0.0 <= height && height <= 1.0,
            "`RandomAffine` shifts by parts of the image's width and height, which lie between 0 and 1"
        );
        RandomAffine {
            translate: [width, height],
            ..self
        }
    }

    /// Scales by a factor from `min` to `max`: more than 1 makes the objects on the image larger.
    ///
    /// # Panics
    /// Panics unless both are above 0 and finite, and `min` is at most `max`.
    pub const fn scale(self, min: f64, max: f64) -> Self {
        assert!(min > 0.0, "`RandomAffine` scales by factors above 0");
        RandomAffine {
            scale: Range::new(min, max),
            ..self
        }
    }

    /// Shears along the rows by an angle from `-degrees` to `degrees`.
    ///
    /// # Panics
    /// Panics unless `degrees` is at least 0 and less than 90.
    pub const fn shear(self, degrees: f64) -> Self {
        self.shear_both(degrees, 0.0)
    }

    /// Shears along the rows and along the columns by angles from `-x` to `x` and `-y` to `y`
    /// degrees.
    ///
    /// # Panics
    /// Panics unless both are at least 0 and less than 90.
    pub const fn shear_both(self, x: f64, y: f64) -> Self {
        assert!(
            0.0 <= x && x < 90.0 && 0.0 <= y && y < 90.0,
            "`RandomAffine` shears by angles from 0 up to, but without, 90 degrees"
        );
        RandomAffine {
            shear: [Range::around_zero(x), Range::around_zero(y)],
            ..self
        }
    }
}

macro_rules! resampled {
    ($($name:ident)*) => { $(
        impl $name {
            /// Sets the value of pixels that look between pixels; the nearest one by default, as in torchvision.
            pub const fn interpolation(self, interpolation: Interpolation) -> Self {
                $name { interpolation, ..self }
            }

            /// Sets the value outside of the image; 0 by default. Near the border, bilinear
            /// interpolation blends the image with this value; torchvision blends along another
            /// curve.
            ///
            /// # Panics
            /// Panics unless it is finite.
            pub const fn fill(self, fill: f64) -> Self {
                assert!(fill.is_finite(), "the fill of a transform is finite");
                $name { fill, ..self }
            }
        }
    )* };
}
resampled! { RandomRotation RandomAffine }

/// A change of an image: angles in degrees, clockwise, and shifts in pixels.
pub(super) struct Change {
    pub degrees: f64,
    pub translate: [f64; 2],
    pub scale: f64,
    pub shear: [f64; 2],
}

/// Sine and cosine of an angle in degrees, exact for quarter turns.
fn sin_cos(degrees: f64) -> (f64, f64) {
    let quarters = libm::rint(degrees / 90.0);
    let (sin, cos) = libm::sincos((degrees - 90.0 * quarters).to_radians());
    match quarters.rem_euclid(4.0) as u8 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

impl Change {
    /// The map from each pixel of the result as `(column, row, 1)` to the place in the image that it
    /// shows: the inverse of the rotation after the scale after the shears, about the middle, then the
    /// shift, as torchvision documents it.
    fn inverse(&self, width: usize, height: usize) -> [[f64; 3]; 2] {
        let tan_x = libm::tan(self.shear[0].to_radians());
        let (sin_y, cos_y) = sin_cos(self.shear[1]);
        let (sin, cos) = sin_cos(self.degrees);

        // cos(a - y) / cos(y) and sin(a - y) / cos(y), as they are exact without a shear.
        let tan_y = sin_y / cos_y;
        let a = cos + sin * tan_y;
        let b = -a * tan_x - sin;
        let c = sin - cos * tan_y;
        let d = -c * tan_x + cos;
        let rows = [
            [d / self.scale, -b / self.scale],
            [-c / self.scale, a / self.scale],
        ];

        let middle = [width as f64 / 2.0 - 0.5, height as f64 / 2.0 - 0.5];
        let [x, y] = [0, 1].map(|axis| middle[axis] + self.translate[axis]);
        [0, 1].map(|i| {
            [
                rows[i][0],
                rows[i][1],
                middle[i] - (rows[i][0] * x + rows[i][1] * y),
            ]
        })
    }

    pub fn apply<const H: usize, const W: usize, const C: usize, T: Element>(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        scratch: &mut Tensor3<H, W, C, T>,
        interpolation: Interpolation,
        fill: f64,
    ) {
        let map = self.inverse(W, H);
        if map == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] {
            return;
        }

        scratch.as_mut_slice().copy_from_slice(image.as_slice());
        let resample = Resample {
            from: scratch.as_slice(),
            height: H,
            width: W,
            channels: C,
            map,
            bilinear: interpolation == Interpolation::Bilinear,
            fill: T::from_f64_lossy(fill),
        };
        T::kernels().resample(resample, image.as_mut_slice());
    }
}

impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T>
    for RandomRotation
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        scratch: &mut Tensor3<H, W, C, T>,
        rng: &mut SampleRng,
    ) {
        let degrees = -uniform(self.degrees, rng);
        let change = Change {
            degrees,
            translate: [0.0; 2],
            scale: 1.0,
            shear: [0.0; 2],
        };
        change.apply(image, scratch, self.interpolation, self.fill);
    }
}

impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T>
    for RandomAffine
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        scratch: &mut Tensor3<H, W, C, T>,
        rng: &mut SampleRng,
    ) {
        let degrees = uniform(self.degrees, rng);
        let [width, height] = self.translate;
        let translate = [width * W as f64, height * H as f64].map(|most| {
            libm::rint(uniform(
                Range {
                    min: -most,
                    max: most,
                },
                rng,
            ))
        });
        let scale = uniform(self.scale, rng);
        let shear = self.shear.map(|range| uniform(range, rng));

        Change {
            degrees,
            translate,
            scale,
            shear,
        }
        .apply(image, scratch, self.interpolation, self.fill);
    }
}

#[cfg(test)]
mod tests {
    use super::sin_cos;

    #[test]
    fn quarter_turns_are_exact_and_angles_go_round() {
        let turns = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)];
        for quarter in -8_i32..=8 {
            assert_eq!(
                sin_cos(90.0 * f64::from(quarter)),
                turns[quarter.rem_euclid(4) as usize]
            );
        }
        for degrees in [-1234.5, -200.0, -44.0, 44.0, 46.0, 100.0, 181.0, 359.0] {
            let (sin, cos) = sin_cos(degrees);
            let (expected_sin, expected_cos) = degrees.to_radians().sin_cos();
            assert!(
                (sin - expected_sin).abs() < 1e-13 && (cos - expected_cos).abs() < 1e-13,
                "{degrees}"
            );
        }
    }
}
