//! Samples that are partly another sample.

use super::{SampleRng, draw};
use crate::tensor::{Element, Shape, Tensor};
use crate::written::written;

/// Mixes each sample of a batch with another, and their targets likewise; Zhang et al., 2017,
/// torchvision's `MixUp`.
///
/// For each batch a part is drawn that all samples keep of their own; sample `i` of `n` takes the
/// rest from sample `n - 1 - i`. [`Trainer::mixup`](crate::train::Trainer::mixup) does so with the
/// batches of a training. In a loop of your own:
///
/// ```
/// use shapewright::augment::{MixUp, mix};
/// use shapewright::data::one_hot;
/// use shapewright::prelude::*;
/// network! { struct Net: [2] -> [3] { Linear<_, 3>, LogSoftmax } }
///
/// let (net, mut gradient, mut workspace) = (
///     Net::init(&mut shapewright::rng(0)),
///     Net::zeros(),
///     Net::workspace(),
/// );
/// let mut x = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].map(Tensor1::from);
/// let mut targets = [Label::new(0)?, Label::new(2)?, Label::new(1)?].map(one_hot);
/// let lambda = MixUp::new(0.2).draw(&mut shapewright::rng(1));
/// mix(&mut x, lambda);
/// mix(&mut targets, lambda);
/// assert!(
///     targets
///         .iter()
///         .all(|target| (target.iter().sum::<f32>() - 1.0).abs() < 1e-6)
/// );
///
/// let mut pass = net.forward_train(&x, &mut workspace);
/// pass.loss(&KlDiv, &targets);
/// pass.backward(&mut gradient);
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
///
/// `KlDiv` on `LogSoftmax` has the gradient of a cross-entropy with soft targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixUp {
    alpha: f64,
}

impl MixUp {
    /// Draws the part from the beta distribution with both parameters `alpha`: the smaller it is, the
    /// closer are parts to 0 or 1, that is to samples as they were. With 1, torchvision's default, all
    /// parts are equally likely.
    ///
    /// # Panics
    /// Panics unless `alpha` is above 0 and finite.
    pub const fn new(alpha: f64) -> Self {
        assert!(
            0.0 < alpha && alpha < f64::INFINITY,
            "the alpha of `MixUp` is finite and above 0"
        );
        MixUp { alpha }
    }

    /// Returns the settings as they are written in checkpoints.
    pub(crate) fn written(&self) -> String {
        let MixUp { alpha } = self;
        written("MixUp", &[("alpha", alpha)])
    }

    /// Draws the part that each sample of a batch keeps of its own, from 0 to 1.
    pub fn draw(&self, rng: &mut SampleRng) -> f64 {
        draw::beta(self.alpha, rng)
    }
}

/// Replaces each sample `i` of `n` by `lambda * x[i] + (1 - lambda) * x[n - 1 - i]`.
pub fn mix<S: Shape, T: Element>(samples: &mut [Tensor<S, T>], lambda: f64) {
    let own = T::from_f64_lossy(lambda);
    let other = T::from_f64_lossy(1.0 - lambda);
    let (first, second) = samples.split_at_mut(samples.len() / 2);
    // With an odd number, the sample in the middle stays, as it is its own partner.
    for (a, b) in first.iter_mut().zip(second.iter_mut().rev()) {
        for (a, b) in a.iter_mut().zip(b.iter_mut()) {
            (*a, *b) = (own * *a + other * *b, own * *b + other * *a);
        }
    }
}
