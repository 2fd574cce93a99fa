//! Mirrors.

use super::{Augment, SampleRng, draw};
use crate::tensor::{Element, Rank3, Tensor3};

macro_rules! flips {
    ($($(#[$doc:meta])* $name:ident $sentence:literal, $image:ident => $flip:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            p: f64,
        }

        impl $name {
            /// Flips with this probability; torchvision's default is 0.5.
            ///
            /// # Panics
            /// Panics unless it is from 0 to 1.
            pub const fn new(p: f64) -> Self {
                assert!(0.0 <= p && p <= 1.0, $sentence);
                $name { p }
            }
        }

        impl<const H: usize, const W: usize, const C: usize, T: Element> Augment<Rank3<H, W, C>, T> for $name {
            fn augment(
                &self,
                $image: &mut Tensor3<H, W, C, T>,
                _: &mut Tensor3<H, W, C, T>,
                rng: &mut SampleRng,
            ) {
                if draw::chance(self.p, rng) {
                    $flip;
                }
            }
        }
    )* };
}

flips! {
    /// Swaps left and right with a probability.
    ///
    /// ```
    /// use shapewright::augment::{Augmenter, RandomHorizontalFlip};
    /// use shapewright::Tensor3;
    /// let mut image = Tensor3::from([[[1.0], [2.0]], [[3.0], [4.0]]]);
    /// Augmenter::new(RandomHorizontalFlip::new(1.0), 0).augment(1, 0, &mut image);
    /// assert_eq!(image, Tensor3::from([[[2.0], [1.0]], [[4.0], [3.0]]]));
    /// ```
    RandomHorizontalFlip "the probability of `RandomHorizontalFlip` lies between 0 and 1",
        image => image.as_mut_array().iter_mut().for_each(|row| row.reverse());

    /// Swaps top and bottom with a probability.
    ///
    /// ```
    /// use shapewright::augment::{Augmenter, RandomVerticalFlip};
    /// use shapewright::Tensor3;
    /// let mut image = Tensor3::from([[[1.0], [2.0]], [[3.0], [4.0]]]);
    /// Augmenter::new(RandomVerticalFlip::new(1.0), 0).augment(1, 0, &mut image);
    /// assert_eq!(image, Tensor3::from([[[3.0], [4.0]], [[1.0], [2.0]]]));
    /// ```
    RandomVerticalFlip "the probability of `RandomVerticalFlip` lies between 0 and 1",
        image => image.as_mut_array().reverse();
}
