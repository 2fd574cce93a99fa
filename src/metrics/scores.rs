//! The outputs that metrics take: scores of classes, and single scores of being positive.

use super::assert_same_length;
use crate::loss::{Classes, Label};
use crate::memory::{self, flatten};
use crate::tensor::{Element, Rank0, Rank1, Tensor, Tensor1, double};

/// The meaning of a network's outputs, for metrics that need probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outputs {
    /// Any numbers, as networks give that are trained with
    /// [`CrossEntropy`](struct@crate::loss::CrossEntropy): the metric applies softmax.
    #[default]
    Logits,
    /// Numbers from 0 to 1 that sum to 1.
    Probabilities,
}

/// Iterates over the rows of scores with their labels.
#[track_caller]
pub(super) fn rows<'a, Out: Classes<Label = Label<N>>, T: Element, L: Copy + 'a, const N: usize>(
    outputs: &'a [Tensor<Out, T>],
    targets: &'a [Out::Each<L>],
) -> impl Iterator<Item = (&'a Tensor1<N, T>, L)> {
    assert_same_length(outputs, targets);
    let labels = Out::flatten(targets);
    memory::tensors::<Tensor1<N, T>>(flatten(outputs), labels.len())
        .iter()
        .zip(labels.iter().copied())
}

/// A score of being positive: a logit, a probability or any other number that is larger the more
/// likely the sample is positive.
///
/// Two scores of a network with the classes 0 and 1 count by their difference, which orders the
/// samples as the probabilities do, whether the scores are logits or probabilities.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not one score",
    note = "a score is a number, a tensor of one number, or a `Tensor1<2>` with the scores of two classes"
)]
pub trait Score {
    /// Returns the score as a number.
    fn score(&self) -> f64;
}

impl Score for f32 {
    fn score(&self) -> f64 {
        f64::from(*self)
    }
}

impl Score for f64 {
    fn score(&self) -> f64 {
        *self
    }
}

impl<T: Element> Score for Tensor<Rank0, T> {
    fn score(&self) -> f64 {
        double(self.0)
    }
}

impl<T: Element> Score for Tensor<Rank1<1>, T> {
    fn score(&self) -> f64 {
        double(self[0])
    }
}

impl<T: Element> Score for Tensor<Rank1<2>, T> {
    fn score(&self) -> f64 {
        double(self[1]) - double(self[0])
    }
}

/// A target that is positive or negative. Tensors are positive above 0.5, and negative otherwise,
/// also if they are NaN.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a sample is positive",
    note = "what does is a `bool`, a `Label<2>` (the class 1), or a tensor of one number (above 0.5)"
)]
pub trait Positive {
    /// Returns whether the sample is positive.
    fn is_positive(&self) -> bool;
}

impl Positive for bool {
    fn is_positive(&self) -> bool {
        *self
    }
}

impl Positive for Label<2> {
    fn is_positive(&self) -> bool {
        self.index() == 1
    }
}

impl<T: Element> Positive for Tensor<Rank0, T> {
    fn is_positive(&self) -> bool {
        double(self.0) > 0.5
    }
}

impl<T: Element> Positive for Tensor<Rank1<1>, T> {
    fn is_positive(&self) -> bool {
        double(self[0]) > 0.5
    }
}

/// Implements `Measures` for labels that may be missing: `None` does not count. The function takes
/// the metric and an iterator over the rows of scores with their labels.
macro_rules! measures_optional_labels {
    ($name:ident, $add:expr; $($shape:ident<$($size:ident),*>: $each:ty;)*) => { $(
        impl<$(const $size: usize,)* const N: usize, T: $crate::tensor::Element>
            Measures<Tensor<$crate::tensor::$shape<$($size,)* N>, T>, $each> for $name<N>
        {
            fn update(
                &mut self,
                outputs: &[Tensor<$crate::tensor::$shape<$($size,)* N>, T>],
                targets: &[$each],
            ) {
                let rows = rows::<_, T, Option<Label<N>>, N>(outputs, targets);
                let labelled = rows.filter_map(|(scores, label)| Some((scores, label?)));
                $add(self, labelled);
            }
        }
    )* };
    ($name:ident, $add:expr) => {
        $crate::metrics::scores::measures_optional_labels! {
            $name, $add;
            Rank1<>: Option<Label<N>>;
            Rank2<A>: [Option<Label<N>>; A];
            Rank3<A, B>: [[Option<Label<N>>; B]; A];
            Rank4<A, B, C>: [[[Option<Label<N>>; C]; B]; A];
        }
    };
}
pub(super) use measures_optional_labels;
