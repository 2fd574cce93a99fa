//! The layout of labels and class weights for outputs with an axis of classes.

use super::Label;
use crate::memory;
use crate::tensor::{Rank0, Rank1, Rank2, Rank3, Rank4, Shape};

/// A label for every output: the targets of [`CrossEntropy`](struct@crate::loss::CrossEntropy) and
/// [`Nll`](struct@crate::loss::Nll) consist of [`Label`]s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labels;

/// Outputs without a label are allowed: the targets consist of `Option<Label<N>>`, and `None` does
/// not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionalLabels;

/// The kind of labels in the targets: [`Labels`] or [`OptionalLabels`].
#[doc(hidden)]
pub trait LabelKind: Copy {
    /// The label of one output.
    type Of<L: ClassLabel>: Copy;

    /// Returns the class numbers of all labels, if each output has a label.
    fn numbers<L: ClassLabel>(labels: &[Self::Of<L>]) -> Option<&[u32]>;
    /// Returns the class; `None` if the label does not count.
    fn class<L: ClassLabel>(label: Self::Of<L>) -> Option<usize>;
}

impl LabelKind for Labels {
    type Of<L: ClassLabel> = L;

    fn numbers<L: ClassLabel>(labels: &[L]) -> Option<&[u32]> {
        Some(L::numbers(labels))
    }
    fn class<L: ClassLabel>(label: L) -> Option<usize> {
        Some(label.class())
    }
}

impl LabelKind for OptionalLabels {
    type Of<L: ClassLabel> = Option<L>;

    fn numbers<L: ClassLabel>(_: &[Option<L>]) -> Option<&[u32]> {
        None
    }
    fn class<L: ClassLabel>(label: Option<L>) -> Option<usize> {
        label.map(L::class)
    }
}

/// A [`Label`] with any number of classes.
#[doc(hidden)]
pub trait ClassLabel: Copy {
    const CLASSES: usize;
    fn class(self) -> usize;
    fn numbers(labels: &[Self]) -> &[u32];
}

impl<const N: usize> ClassLabel for Label<N> {
    const CLASSES: usize = N;

    fn class(self) -> usize {
        self.index()
    }
    fn numbers(labels: &[Self]) -> &[u32] {
        memory::flatten(labels)
    }
}

/// A `Label<N>`, or an `Option<Label<N>>`, whose `None` does not count.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a label of {N} classes",
    label = "neither `Label<{N}>` nor `Option<Label<{N}>>`"
)]
pub trait MaybeLabel<const N: usize>: Copy {
    fn label(self) -> Option<Label<N>>;
}

impl<const N: usize> MaybeLabel<N> for Label<N> {
    fn label(self) -> Option<Label<N>> {
        Some(self)
    }
}

impl<const N: usize> MaybeLabel<N> for Option<Label<N>> {
    fn label(self) -> Option<Label<N>> {
        self
    }
}

/// Outputs whose last axis is that of the classes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "outputs of `{Self}` have no axis of classes",
    label = "the last axis of the outputs has one score for each class",
    note = "a function over any network `N` names that axis in its bound: \
            `N: Network<Output = Rank1<CLASSES>>`"
)]
pub trait Classes: Shape {
    type Label: ClassLabel;
    /// The axes before the axis of classes.
    type Places: Places;
    /// One `L` for each place of a sample: for each position of a sequence, for each pixel of an
    /// image.
    type Each<L: Copy>;

    /// Returns the values of all places of all samples.
    fn flatten<L: Copy>(targets: &[Self::Each<L>]) -> &[L];
}

/// Outputs with one score for each of `N` classes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "outputs of `{Self}` are not the scores of {N} classes",
    label = "not the scores of {N} classes",
    note = "the last axis of the outputs has one score for each class"
)]
pub trait ClassScores<const N: usize>: Classes<Label = Label<N>> {
    /// The type `L` itself. Bounds on labels name it in this form, so that the compiler looks at
    /// them only if the number of classes is right.
    type Then<L: Copy>: Copy;
}

/// The shape of the places that have one label each, such as the pixels of an image.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "tensors of `{Self}` have no labels: with the axis of classes, that would be too \
               many axes",
    label = "up to three axes, such as the height and the width of an image"
)]
pub trait Places: Shape {
    /// One `L` for each place of a sample: a nested array of `LEN` labels, in the order of the
    /// places.
    type Each<L: Copy>: Copy;
}

macro_rules! classes {
    ($($places:ident, $shape:ident<$($size:ident),*>: $each:ty $(, $flatten:ident)*;)*) => { $(
        impl<$(const $size: usize),*> Places for $places<$($size),*> {
            type Each<L: Copy> = $each;
        }

        impl<$(const $size: usize,)* const N: usize> Classes for $shape<$($size,)* N> {
            type Label = Label<N>;
            type Places = $places<$($size),*>;
            type Each<L: Copy> = $each;

            fn flatten<L: Copy>(targets: &[$each]) -> &[L] {
                targets$(.$flatten())*
            }
        }

        impl<$(const $size: usize,)* const N: usize> ClassScores<N> for $shape<$($size,)* N> {
            type Then<L: Copy> = L;
        }
    )* };
}
classes! {
    Rank0, Rank1<>: L;
    Rank1, Rank2<A>: [L; A], as_flattened;
    Rank2, Rank3<A, B>: [[L; B]; A], as_flattened, as_flattened;
    Rank3, Rank4<A, B, C>: [[[L; C]; B]; A], as_flattened, as_flattened, as_flattened;
}

/// Weights of classes: an array of `f64`, or a reference to one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no weights of classes",
    label = "an array of `f64` or a reference to one, with a weight for each class"
)]
pub trait WeightArray: Copy {}
impl<const N: usize> WeightArray for [f64; N] {}
impl<const N: usize> WeightArray for &[f64; N] {}

/// The weights of the classes.
#[doc(hidden)]
pub trait ClassWeights<L>: Copy {
    /// Returns one weight per class; empty if all weights are 1.
    fn as_slice(&self) -> &[f64];
}

impl<L> ClassWeights<L> for () {
    fn as_slice(&self) -> &[f64] {
        &[]
    }
}

impl<const N: usize> ClassWeights<Label<N>> for [f64; N] {
    fn as_slice(&self) -> &[f64] {
        self
    }
}

impl<const N: usize> ClassWeights<Label<N>> for &[f64; N] {
    fn as_slice(&self) -> &[f64] {
        *self
    }
}
