use shapewright::prelude::*;
use shapewright::{ext::{Compute, Context, Inferred, ShapeRule, InPlace, Layer, LayerOutputs, ActivationStore}, tensor::Element};

struct Twice;

impl<In: Shape> ShapeRule<In> for Twice {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
// What becomes of the order of features is not said.
impl InPlace for Twice {
    type Config = ();
    const READS_OUTPUT: bool = false;
    fn forward_in_place<S: Shape, T: Element>(_: &(), y: &mut [Tensor<S, T>], _: &Context<T>) {
        y.iter_mut().for_each(|y| *y *= T::one() + T::one());
    }
    fn backward_in_place<S: Shape, T: Element>(_: &(), _: LayerOutputs<'_, S, T>, dy: &mut [Tensor<S, T>], _: &Context<T>) {
        dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
    }
}

struct Copied;

impl<In: Shape> ShapeRule<In> for Copied {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<T: Element> Layer<T> for Copied {
    type Config = ();
    type Params = ();
}
// Nor here.
impl<S: Shape, T: Element> Compute<S, S, T> for Copied {
    const READS_OUTPUT: bool = false;
    fn forward(_: &(), _: &(), x: &[Tensor<S, T>], y: &mut [Tensor<S, T>], _: &mut [T], _: &Context<T>) {
        y.copy_from_slice(x);
    }
    fn backward_input(
        _: &(),
        _: &(),
        _: &[Tensor<S, T>],
        _: LayerOutputs<'_, S, T>,
        _: ActivationStore<'_, T>,
        dy: &mut [Tensor<S, T>],
        dx: Option<&mut [Tensor<S, T>]>,
        _: &Context<T>,
    ) {
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}

network! { struct Net: [3] -> [3] { Twice, Copied } }

fn main() {}
