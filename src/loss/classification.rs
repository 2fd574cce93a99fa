//! Losses on logits.

use super::{Label, Logits, Loss, Reduction};
use crate::kernels::Kernels;
use crate::memory::{self, flatten, flatten_mut};
use crate::tensor::{Element, Rank1, Rank2, Rank3, Shape, Tensor};

/// Softmax and negative log-likelihood in one, on logits. PyTorch's `nn.CrossEntropyLoss` with class
/// indices; the classes are the last axis, and the mean is over all labels.
///
/// A network that ends in `Softmax` is a compile error: the loss applies it itself.
///
/// ```
/// use shapewright::prelude::*;
/// let (logits, targets) = ([Tensor1::from([2.0, 0.0])], [Label::<2>::new(0)?]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = CrossEntropy.loss(&logits, &targets, &mut gradients);
/// assert!((loss - 0.126_928).abs() < 1e-6);
/// # Ok::<(), shapewright::LabelError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    reduction: Reduction,
}

/// The loss with its defaults.
#[allow(non_upper_case_globals)]
pub const CrossEntropy: CrossEntropy = CrossEntropy { reduction: Reduction::Mean };

/// Sigmoid and binary cross-entropy in one, on logits, element by element. PyTorch's
/// `nn.BCEWithLogitsLoss`. Targets are tensors of numbers from 0 to 1; the mean is over all elements.
///
/// A network that ends in `Sigmoid` is a compile error: the loss applies it itself.
///
/// ```
/// use shapewright::prelude::*;
/// let (logits, targets) = ([Tensor1::from([0.0, 3.0])], [Tensor1::from([1.0, 1.0])]);
/// let mut gradients = [Tensor1::zeros()];
/// let loss: f32 = BceWithLogits.loss(&logits, &targets, &mut gradients);
/// assert!((loss - 0.370_867).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BceWithLogits {
    reduction: Reduction,
}

/// The loss with its defaults.
#[allow(non_upper_case_globals)]
pub const BceWithLogits: BceWithLogits = BceWithLogits { reduction: Reduction::Mean };

impl CrossEntropy {
    /// The same loss with this reduction.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        CrossEntropy { reduction }
    }

    fn rows<T: Element>(&self, classes: usize, logits: &[T], labels: &[u32], gradients: &mut [T]) -> T {
        let weight = self.reduction.weight(labels.len());
        T::kernels().cross_entropy(classes, logits, labels, weight, gradients) * weight
    }
}

impl BceWithLogits {
    /// The same loss with this reduction.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        BceWithLogits { reduction }
    }
}

impl<T: Element, const N: usize> Loss<Rank1<N>, T> for CrossEntropy {
    type Target = Label<N>;
    type Takes = Logits;

    fn loss(
        &self,
        outputs: &[Tensor<Rank1<N>, T>],
        targets: &[Label<N>],
        gradients: &mut [Tensor<Rank1<N>, T>],
    ) -> T {
        self.rows(N, flatten(outputs), memory::label_numbers(targets), flatten_mut(gradients))
    }
}

/// One label for each position of a sequence.
impl<T: Element, const A: usize, const N: usize> Loss<Rank2<A, N>, T> for CrossEntropy {
    type Target = [Label<N>; A];
    type Takes = Logits;

    fn loss(
        &self,
        outputs: &[Tensor<Rank2<A, N>, T>],
        targets: &[[Label<N>; A]],
        gradients: &mut [Tensor<Rank2<A, N>, T>],
    ) -> T {
        let labels = memory::label_numbers(targets.as_flattened());
        self.rows(N, flatten(outputs), labels, flatten_mut(gradients))
    }
}

/// One label for each pixel of an image.
impl<T: Element, const A: usize, const B: usize, const N: usize> Loss<Rank3<A, B, N>, T> for CrossEntropy {
    type Target = [[Label<N>; B]; A];
    type Takes = Logits;

    fn loss(
        &self,
        outputs: &[Tensor<Rank3<A, B, N>, T>],
        targets: &[[[Label<N>; B]; A]],
        gradients: &mut [Tensor<Rank3<A, B, N>, T>],
    ) -> T {
        let labels = memory::label_numbers(targets.as_flattened().as_flattened());
        self.rows(N, flatten(outputs), labels, flatten_mut(gradients))
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for BceWithLogits {
    type Target = Tensor<Out, T>;
    type Takes = Logits;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let weight = self.reduction.weight(outputs.len() * Out::LEN);
        let (logits, targets) = (flatten(outputs), flatten(targets));
        T::kernels().bce_with_logits(logits, targets, weight, flatten_mut(gradients)) * weight
    }
}
