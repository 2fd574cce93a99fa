//! The shape rules of blocks.

use super::Block;
use crate::network::branch::Ends;
use crate::network::{Inferred, NamesOutput, Sentence, ShapeRule};
use crate::nn::merge::{Add, Concat, Pack};
use crate::nn::rule::{joined, tuple_of};
use crate::tensor::{Dims, Shape};

/// The shape rule of a sum: the mistake, if there is one, calls the second term `side`.
const fn sum(body: Dims, side: Sentence, other: Dims, way_out: &str) -> Inferred {
    if body.is_unknown() || other.is_unknown() || body.same(&other) {
        return Inferred::shape(if body.is_unknown() { other } else { body });
    }
    Inferred::wrong(
        Sentence::new("adds what its layers give, ")
            .dims(body)
            .text(", to ")
            .sentence(&side)
            .text(", ")
            .dims(other)
            .text(way_out),
        other,
    )
}

impl<In: Shape, P, A: Ends> ShapeRule<In> for Block<P, (A,), Add> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what it is given"),
        In::DIMS,
        "; make the two equal, or add a projection: `shortcut: { .. }` after the last layer",
    );
}

impl<In: Shape, P, A: Ends, B: Ends> ShapeRule<In> for Block<P, (A, B), Add> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what `").text(B::NAME).text("` gives"),
        B::To::DIMS,
        "; make the two equal",
    );
}

impl<P: 'static, A: Ends> NamesOutput for Block<P, (A,), Add> {
    type Output = A::To;
}

impl<P: 'static, A: Ends, B: Ends> NamesOutput for Block<P, (A, B), Add> {
    type Output = A::To;
}

/// The output shapes and the names of a block's branches.
trait Names: 'static {
    const OUTPUTS: &'static [Dims];
    const NAMES: &'static [&'static str];
}

/// Implements the traits for a tuple of branches.
macro_rules! branches {
    ($($name:ident)*) => {
        impl<$($name: Ends),*> Names for ($($name,)*) {
            const OUTPUTS: &'static [Dims] = &[$(<$name::To as Shape>::DIMS),*];
            const NAMES: &'static [&'static str] = &[$($name::NAME),*];
        }

        impl<P: 'static, X: Shape, $($name: Ends),*> NamesOutput
            for Block<P, ($($name,)*), Pack<X>>
        {
            type Output = X;
        }
    };
}
branches!(A B);
branches!(A B C);
branches!(A B C D);
branches!(A B C D E);
branches!(A B C D E F);

impl<In: Shape, P, B: Names> ShapeRule<In> for Block<P, B, Concat> {
    const OUTPUT: Inferred = joined(B::OUTPUTS, B::NAMES);
}

impl<In: Shape, P, B: Names, X> ShapeRule<In> for Block<P, B, Pack<X>> {
    const OUTPUT: Inferred = tuple_of(B::OUTPUTS);
}
