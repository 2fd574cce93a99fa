//! Losses: what training makes small.

mod classification;
mod label;
mod regression;

pub use classification::{BceWithLogits, CrossEntropy};
pub use label::{Label, LabelError};
pub use regression::Mse;

use crate::tensor::{Element, Shape, Tensor};

/// How the losses of a batch become one number. As in PyTorch, the mean is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean: over the samples for class labels, over all elements otherwise.
    #[default]
    Mean,
    /// The sum.
    Sum,
}

/// A loss on outputs of the shape `Out`.
///
/// A loss of your own is a type with this trait; the example `custom_layer` has one with its gradient
/// check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss for outputs of `{Out}` with numbers of `{T}`",
    label = "no loss for these outputs",
    note = "`CrossEntropy` wants an axis of classes; `Mse` and `BceWithLogits` take any shape; a loss of \
            your own implements `shapewright::Loss`"
)]
pub trait Loss<Out: Shape, T: Element> {
    /// The target of one sample.
    type Target;
    /// Which outputs it takes: [`Anything`], or [`Logits`] to refuse networks that end in probabilities.
    type Takes;

    /// The loss of a batch; sets `gradients` to its gradient with respect to the outputs.
    ///
    /// The three slices have the same length.
    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<Out, T>],
    ) -> T;
}

/// For [`Loss::Takes`]: any outputs.
pub struct Anything;

/// For [`Loss::Takes`]: outputs that are not probabilities yet, because the loss makes them so.
pub struct Logits;

/// What a network without a final `Softmax` or `Sigmoid` ends in.
#[doc(hidden)]
pub struct Values;

/// The end of a network as a type.
#[doc(hidden)]
pub struct EndsIn<const GIVES: usize>;
#[doc(hidden)]
pub trait End {
    type Ends;
}
impl End for EndsIn<{ crate::network::Gives::Values as usize }> {
    type Ends = Values;
}
impl End for EndsIn<{ crate::network::Gives::Softmax as usize }> {
    type Ends = crate::layers::Softmax;
}
impl End for EndsIn<{ crate::network::Gives::Sigmoid as usize }> {
    type Ends = crate::layers::Sigmoid;
}

/// Whether a loss takes what a network ends in; says so in a sentence if it does not.
#[diagnostic::on_unimplemented(
    message = "`{L}` takes logits, but `{N}` ends in `{Ends}`: remove that layer, the loss applies it itself",
    label = "takes logits, not probabilities",
    note = "for probabilities during inference, apply `{Ends}` to the outputs"
)]
pub trait Takes<Ends, L, N> {}
#[diagnostic::do_not_recommend]
impl<Ends, L, N> Takes<Ends, L, N> for Anything {}
#[diagnostic::do_not_recommend]
impl<L, N> Takes<Values, L, N> for Logits {}

/// Whether values are targets of a loss on a network's outputs; says so in a sentence if they are not.
#[diagnostic::on_unimplemented(
    message = "`{L}` on the outputs of `{N}` takes targets of `{Expected}`, but these are `{Self}`",
    label = "not targets for `{N}`",
    note = "make the targets fit the output that `{N}` declares, or change the declaration"
)]
pub trait TargetOf<Expected, L, N>: Sized {
    #[doc(hidden)]
    fn expected(targets: &[Self]) -> &[Expected];
}

impl<Expected, L, N> TargetOf<Expected, L, N> for Expected {
    fn expected(targets: &[Self]) -> &[Expected] {
        targets
    }
}

impl Reduction {
    /// What one of `count` losses counts for.
    fn weight<T: Element>(self, count: usize) -> T {
        match self {
            Reduction::Mean => T::one() / T::from_f64_lossy(count as f64),
            Reduction::Sum => T::one(),
        }
    }
}
