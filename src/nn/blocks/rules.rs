//! The shape rules of blocks.

use super::Block;
use crate::network::branch::Ends;
use crate::network::{Inferred, NamesOutput, Sentence, ShapeRule};
use crate::nn::merge::{Add, Concat, Pack};
use crate::nn::rule::{joined, tuple_of};
use crate::tensor::{Dims, Shape};

/// The shape rule of a sum: the mistake, if there is one, calls the second term `side`.
const fn sum(body: Dims, side: Sentence, other: Dims, way_out: &Sentence) -> Inferred {
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
            .sentence(way_out),
        other,
    )
}

/// Returns the advice for layers that give another shape than they are given: a projection, or the
/// padding that is missing.
const fn projection(given: Dims, gives: Dims) -> Sentence {
    let make = Sentence::new("; make the two equal, or add a projection after the last layer: ");
    let make = make.text("`shortcut: { ");
    let rank = given.sizes().len();
    let last = gives.size(rank.saturating_sub(1));
    if rank == 0 || gives.sizes().len() != rank {
        return make.text(".. }`");
    }
    if given.with_last(last).same(&gives) {
        return match rank {
            3 => make.text("Conv2d<_, ").number(last).text(", 1> }`"),
            _ => make.text("Linear<_, ").number(last).text("> }`"),
        };
    }
    if rank != 3 {
        return make.text(".. }`");
    }

    let strides = [
        stride(given.size(0), gives.size(0)),
        stride(given.size(1), gives.size(1)),
    ];
    if let [Some(rows), Some(columns)] = strides {
        let make = make
            .text("Conv2d<_, ")
            .number(last)
            .text(", 1, Stride<")
            .number(rows);
        return if rows == columns {
            make.text(">> }`")
        } else {
            make.text(", ").number(columns).text(">> }`")
        };
    }
    let missing = given.size(0).saturating_sub(gives.size(0));
    let is_even = missing > 0 && missing.is_multiple_of(2);
    if is_even && given.size(1).saturating_sub(gives.size(1)) == missing {
        return Sentence::new("; its convolutions cut off the border: `Pad<")
            .number(missing / 2)
            .text(">`, or as much in all of them, keeps height and width");
    }
    make.text(".. }`")
}

/// Returns the stride at which a convolution of one pixel makes `size` positions `wanted`.
const fn stride(size: usize, wanted: usize) -> Option<usize> {
    if wanted == 0 || wanted > size {
        return None;
    }
    let stride = size.div_ceil(wanted);
    if (size - 1) / stride + 1 == wanted {
        Some(stride)
    } else {
        None
    }
}

impl<In: Shape, P, A: Ends> ShapeRule<In> for Block<P, (A,), Add> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what it is given"),
        In::DIMS,
        &projection(In::DIMS, A::To::DIMS),
    );
}

impl<In: Shape, P, A: Ends, B: Ends> ShapeRule<In> for Block<P, (A, B), Add> {
    const OUTPUT: Inferred = sum(
        A::To::DIMS,
        Sentence::new("what `").text(B::NAME).text("` gives"),
        B::To::DIMS,
        &Sentence::new("; make the two equal"),
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
