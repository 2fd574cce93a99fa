//! Random changes to images, so that a network does not learn the training images by heart.
//!
//! | | what it does |
//! |---|---|
//! | [`RandomHorizontalFlip`], [`RandomVerticalFlip`] | mirrors |
//! | [`RandomCrop`] | pads and cuts out as much again: a shift by whole pixels |
//! | [`RandomRotation`] | rotates |
//! | [`RandomAffine`] | rotates, shifts, scales and shears, resampled once |
//! | [`ColorJitter`] | brightness and contrast |
//! | [`GaussianNoise`] | adds noise to tensors of any shape |
//! | [`RandomErasing`] | overwrites a rectangle (cutout) |
//! | [`Normalize`] | not random: mean and standard deviation of each channel, at the end of a list |
//! | [`RandomApply`] | a list with a probability |
//! | [`MixUp`] | mixes the samples of a batch, and their targets |
//!
//! Names, parameters and defaults are those of `torchvision.transforms.v2`, unless documented
//! otherwise. Images are `[height, width, channels]` with values from 0 to 1, as the readers of
//! [`data`](crate::data) give them. Put transforms that change their range, such as [`Normalize`],
//! last. An invalid parameter panics when the transform is made; in a `const` that is a compile
//! error.
//!
//! A tuple of transforms is a list of them, applied in order; tuples nest.
//! [`Trainer::augment`](crate::train::Trainer::augment) applies it to the next batches on another thread
//! while a step runs:
//!
//! ```
//! use shapewright::augment::{Interpolation, RandomAffine, RandomErasing, SampleRng};
//! use shapewright::prelude::*;
//! network! { struct Net: [8, 8, 1] -> [10] { Flatten, Linear<_, 10> } }
//!
//! # let (images, labels) = (vec![Tensor3::ones(); 20], vec![Label::<10>::new(3).unwrap(); 20]);
//! let mut net = Net::init(&mut shapewright::rng(0));
//! Net::trainer(Adam::new(1e-3), CrossEntropy)
//!     .augment((
//!         RandomAffine::new(10.0).translate(0.1, 0.1).scale(0.9, 1.1).interpolation(Interpolation::Bilinear),
//!         RandomErasing::new(0.25),
//!         // A transform of your own, as a function.
//!         |image: &mut Tensor3<8, 8, 1>, _: &mut SampleRng| image.iter_mut().for_each(|x| *x = x.sqrt()),
//!     ))
//!     .fit(&mut net, &images, &labels)?;
//! # Ok::<(), shapewright::train::TrainError>(())
//! ```
//!
//! In a loop of your own, use [`Augmenter`]. The changes of a sample depend on the seed, the epoch
//! and the sample's index alone: not on the order of the samples, the batch, or the number of
//! threads.

mod affine;
mod color;
mod crop;
mod draw;
mod erase;
mod flip;
mod mixup;

pub use affine::{Interpolation, RandomAffine, RandomRotation};
pub use color::{ColorJitter, GaussianNoise, Normalize};
pub use crop::{PaddingMode, RandomCrop, center_crop};
pub(crate) use draw::rng as sample_rng;
pub use erase::RandomErasing;
pub use flip::{RandomHorizontalFlip, RandomVerticalFlip};
pub use mixup::{MixUp, mix};

use crate::tensor::{Element, Shape, Tensor};

/// The random generator of one sample.
pub type SampleRng = rand_xoshiro::Xoshiro256PlusPlus;

/// Changes samples of the shape `S` at random.
///
/// Implemented by the transforms of this [module](self), by tuples of up to eight transforms, and
/// by functions of a tensor and a [`SampleRng`]. A transform of your own:
///
/// ```
/// use rand::Rng;
/// use shapewright::augment::{Augment, Augmenter, SampleRng};
/// use shapewright::{Shape, Tensor, Tensor2, tensor::Element};
///
/// /// Negates half of the samples.
/// struct RandomSign;
///
/// impl<S: Shape, T: Element> Augment<S, T> for RandomSign {
///     fn augment(
///         &self,
///         sample: &mut Tensor<S, T>,
///         _scratch: &mut Tensor<S, T>,
///         rng: &mut SampleRng,
///     ) {
///         if rng.next_u64() % 2 == 0 {
///             sample.iter_mut().for_each(|x| *x = -*x);
///         }
///     }
/// }
///
/// let mut x = Tensor2::from([[1.0_f32, 2.0]]);
/// Augmenter::new(RandomSign, 0).augment(1, 0, &mut x);
/// assert_eq!(x[[0, 0]].abs(), 1.0);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not change samples of the shape `{S}` with numbers of `{T}`",
    label = "not a transform for these samples",
    note = "transforms of images take `Rank3<HEIGHT, WIDTH, CHANNELS>`: declare the network's input as `[28, 28, 1]`, \
            and put `Flatten` first if its layers want features",
    note = "a function takes `&mut Tensor<{S}, {T}>` and `&mut SampleRng`, both with their types written"
)]
pub trait Augment<S: Shape, T: Element> {
    /// Changes one sample, with draws from its own generator. `scratch` is memory to work with, and
    /// may hold anything before and after. It must not allocate if training is not to.
    fn augment(&self, sample: &mut Tensor<S, T>, scratch: &mut Tensor<S, T>, rng: &mut SampleRng);
}

#[diagnostic::do_not_recommend]
impl<S: Shape, T: Element, F: Fn(&mut Tensor<S, T>, &mut SampleRng)> Augment<S, T> for F {
    fn augment(&self, sample: &mut Tensor<S, T>, _: &mut Tensor<S, T>, rng: &mut SampleRng) {
        self(sample, rng);
    }
}

macro_rules! lists {
    ($(($($part:ident),*);)*) => { $(
        /// Applies one after the other.
        impl<S: Shape, T: Element, $($part: Augment<S, T>),*> Augment<S, T> for ($($part,)*) {
            #[allow(non_snake_case, unused_variables)]
            fn augment(&self, sample: &mut Tensor<S, T>, scratch: &mut Tensor<S, T>, rng: &mut SampleRng) {
                let ($($part,)*) = self;
                $($part.augment(sample, scratch, rng);)*
            }
        }
    )* };
}
lists! {
    ();
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
    (A, B, C, D, E, F, G);
    (A, B, C, D, E, F, G, H);
}

/// A transform or a list of them with a probability; torchvision's `RandomApply`.
///
/// ```
/// use shapewright::Tensor1;
/// use shapewright::augment::{Augmenter, GaussianNoise, RandomApply};
/// let mut x = Tensor1::<3>::zeros();
/// Augmenter::new(RandomApply::new(GaussianNoise::new(0.1), 0.0), 0).augment(1, 0, &mut x);
/// assert_eq!(x, Tensor1::zeros());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomApply<A> {
    list: A,
    p: f64,
}

impl<A> RandomApply<A> {
    /// Applies all of it with the probability `p`.
    ///
    /// # Panics
    /// Panics unless `p` is from 0 to 1.
    pub const fn new(list: A, p: f64) -> Self {
        assert!(
            0.0 <= p && p <= 1.0,
            "the probability of `RandomApply` lies between 0 and 1"
        );
        RandomApply { list, p }
    }
}

impl<A: Augment<S, T>, S: Shape, T: Element> Augment<S, T> for RandomApply<A> {
    fn augment(&self, sample: &mut Tensor<S, T>, scratch: &mut Tensor<S, T>, rng: &mut SampleRng) {
        if draw::chance(self.p, rng) {
            self.list.augment(sample, scratch, rng);
        }
    }
}

/// A list of transforms with a seed, and the memory that they need, for a training loop of your
/// own. Where making batches takes time, call it in the function that
/// [`Refill`](crate::data::Refill) runs on another thread.
///
/// ```
/// use shapewright::augment::{Augmenter, GaussianNoise, RandomHorizontalFlip};
/// use shapewright::prelude::*;
/// let image = Tensor3::<2, 2, 1>::from([[[0.1], [0.2]], [[0.3], [0.4]]]);
/// let mut augmenter = Augmenter::new(
///     (RandomHorizontalFlip::new(0.5), GaussianNoise::new(0.01)),
///     42,
/// );
/// let [mut once, mut again, mut next] = [image; 3];
/// augmenter.augment(1, 7, &mut once);
/// augmenter.augment(2, 7, &mut next);
/// augmenter.augment(1, 7, &mut again);
/// assert_eq!(once, again);
/// assert_ne!(once, next);
/// ```
#[derive(Debug)]
pub struct Augmenter<A, S: Shape, T: Element = f32> {
    list: A,
    seed: u64,
    scratch: Box<Tensor<S, T>>,
}

impl<A: Clone, S: Shape, T: Element> Clone for Augmenter<A, S, T> {
    fn clone(&self) -> Self {
        // The scratch holds nothing between calls.
        Augmenter {
            list: self.list.clone(),
            seed: self.seed,
            scratch: Tensor::zeros_boxed(),
        }
    }
}

impl<A: Augment<S, T>, S: Shape, T: Element> Augmenter<A, S, T> {
    /// Creates an augmenter with a seed that all draws depend on.
    pub fn new(list: A, seed: u64) -> Self {
        Augmenter {
            list,
            seed,
            scratch: Tensor::zeros_boxed(),
        }
    }

    /// Changes a sample as its index among all samples and the epoch say.
    /// [`Trainer::augment`](crate::train::Trainer::augment) makes of the sample the same with the same
    /// seed; it counts epochs from 1 and samples from 0.
    pub fn augment(&mut self, epoch: usize, index: usize, sample: &mut Tensor<S, T>) {
        let mut rng = draw::rng(self.seed, epoch, index);
        self.list.augment(sample, &mut self.scratch, &mut rng);
    }
}

#[cfg(test)]
mod tests;
