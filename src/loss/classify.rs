//! The classes and the probabilities that networks predict.

use alloc::vec::Vec;

use super::Label;
use super::classes::{ClassLabel, Classes, Places};
use crate::kernels::Kernels;
use crate::memory::flatten_mut;
use crate::network::{Infer, InputOf, Network, OutputKind};
use crate::tensor::{Element, Tensor};

/// The tensor of a network's input.
type In<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
/// The class of each place of an output.
type ClassesOf<S> = <<S as Classes>::Places as Places>::Each<<S as Classes>::Label>;

/// Predictions of every network whose outputs have an axis of classes.
pub trait Classify: Network {
    /// Returns the class of each input: that with the largest score. For images and sequences with
    /// an output for each place, these are the classes of all places.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Iris: [4] -> [3] { Linear<_, 8>, Relu, Linear<_, 3> } }
    /// let net = Iris::init(&mut shapewright::rng(0));
    /// let flowers = [Tensor1::from([5.1, 3.5, 1.4, 0.2]); 2];
    /// let classes: Vec<Label<3>> = net.classes(&flowers);
    /// assert_eq!(classes[0], net.forward(&flowers[0]).class());
    /// ```
    fn classes<X, const C: usize>(&self, x: &[X]) -> Vec<ClassesOf<Self::Output>>
    where
        X: InputOf<In<Self>, Self>,
        Self::Output: Classes<Label = Label<C>>,
    {
        Label::from_scores(&self.predict(x))
    }

    /// Returns the probabilities of the classes for each input.
    ///
    /// They are the outputs of a network that ends in `Softmax` or `Sigmoid`, and the exponentials
    /// of those of one that ends in `LogSoftmax`. The outputs of other networks are logits, as
    /// [`CrossEntropy`](struct@crate::loss::CrossEntropy) and
    /// [`BceWithLogits`](struct@crate::loss::BceWithLogits) take them: a single one becomes the
    /// probability of "yes" by the sigmoid, several become those of the classes by softmax. A
    /// network with several independent answers ends in `Sigmoid`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Spam: [4] -> [1] { Linear<_, 1> } }
    /// let net = Spam::zeros();
    /// assert_eq!(net.probabilities(&[Tensor1::ones()]), [Tensor1::from([0.5])]);
    /// network! { struct Iris: [4] -> [4] { Linear<_, 4> } }
    /// let net = Iris::zeros();
    /// assert_eq!(net.probabilities(&[Tensor1::ones()])[0].sum(), 1.0);
    /// ```
    fn probabilities<X>(&self, x: &[X]) -> Vec<Tensor<Self::Output, Self::Element>>
    where
        X: InputOf<In<Self>, Self>,
        Self::Output: Classes,
    {
        let mut outputs = self.predict(x);
        let kind = <Self as Infer<Self::Input, Self::Output, Self::Element>>::OUTPUT_KIND;
        let classes = <Self::Output as Classes>::Label::CLASSES;
        let numbers = flatten_mut(&mut outputs);
        match kind {
            OutputKind::Softmax | OutputKind::Sigmoid | OutputKind::PartlySoftmax => {}
            OutputKind::LogSoftmax => numbers.iter_mut().for_each(exp),
            OutputKind::Values | OutputKind::Inputs if classes == 1 => {
                numbers.iter_mut().for_each(sigmoid)
            }
            OutputKind::Values | OutputKind::Inputs => {
                for output in &mut outputs {
                    Self::Element::kernels().softmax(classes, output.as_mut_slice());
                }
            }
        }
        outputs
    }
}

impl<N: Network> Classify for N {}

/// Replaces the logarithm of a probability by the probability.
fn exp<T: Element>(x: &mut T) {
    *x = x.exp();
}

/// Replaces a logit by its probability. The exponential never overflows.
fn sigmoid<T: Element>(x: &mut T) {
    let small = (-x.abs()).exp();
    let probability = T::one() / (T::one() + small);
    *x = if *x < T::zero() {
        small * probability
    } else {
        probability
    };
}
