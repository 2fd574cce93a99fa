//! Losses on classes: how labels and weights lie beside outputs.

use super::Label;
use crate::memory;
use crate::tensor::{Rank0, Rank1, Rank2, Rank3, Rank4, Shape};

/// Every output has a label: the targets of [`CrossEntropy`](struct@crate::loss::CrossEntropy) and
/// [`Nll`](struct@crate::loss::Nll) are of [`Label`]s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labels;

/// Outputs may be without a label: the targets are of `Option<Label<N>>`, and a `None` does not
/// count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionalLabels;

/// Which labels the targets are of.
#[doc(hidden)]
pub trait LabelKind: Copy {
    type Of<L: ClassLabel>: Copy;

    /// All as numbers, if each output has one.
    fn numbers<L: ClassLabel>(labels: &[Self::Of<L>]) -> Option<&[u32]>;
    /// The class; `None` if it does not count.
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

/// [`Label`] of any number of classes.
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
        memory::label_numbers(labels)
    }
}

/// [`Label`], or `Option<Label<N>>`, whose `None` does not count.
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

/// Outputs whose last axis is classes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "outputs of `{Self}` have no axis of classes",
    label = "the last axis of the outputs has one score for each class"
)]
pub trait Classes: Shape {
    type Label: ClassLabel;
    /// The axes before it.
    type Places: Places;
    /// What one sample has if each place before the axis of classes has an `L`: a sequence one for
    /// each position, an image one for each pixel.
    type Each<L: Copy>;

    fn flatten<L: Copy>(targets: &[Self::Each<L>]) -> &[L];
}

/// The shape of the places that have a label each, such as the pixels of an image.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "tensors of `{Self}` have no labels: with the axis of classes, that would be too many axes",
    label = "up to three axes, such as the height and the width of an image"
)]
pub trait Places: Shape {
    type Each<L: Copy>: Copy;

    /// The labels place after place, as the samples have them.
    fn group<L: Copy>(labels: &[L]) -> &[Self::Each<L>];
}

macro_rules! classes {
    ($($places:ident, $shape:ident<$($size:ident),*>: $each:ty $(, $flatten:ident $inner:ident)*;)*) => { $(
        impl<$(const $size: usize),*> Places for $places<$($size),*> {
            type Each<L: Copy> = $each;

            fn group<L: Copy>(labels: &[L]) -> &[$each] {
                labels$(.as_chunks::<$inner>().0)*
            }
        }

        impl<$(const $size: usize,)* const N: usize> Classes for $shape<$($size,)* N> {
            type Label = Label<N>;
            type Places = $places<$($size),*>;
            type Each<L: Copy> = $each;

            fn flatten<L: Copy>(targets: &[$each]) -> &[L] {
                targets$(.$flatten())*
            }
        }
    )* };
}
classes! {
    Rank0, Rank1<>: L;
    Rank1, Rank2<A>: [L; A], as_flattened A;
    Rank2, Rank3<A, B>: [[L; B]; A], as_flattened B, as_flattened A;
    Rank3, Rank4<A, B, C>: [[[L; C]; B]; A], as_flattened C, as_flattened B, as_flattened A;
}

/// What each class counts for.
#[doc(hidden)]
pub trait ClassWeights<L>: Copy {
    /// One number for each class; empty if all count once.
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
