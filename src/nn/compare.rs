//! Layers that read two or three outputs of one shape, element by element: differences, quotients,
//! comparisons and choices.

use crate::kernels::Kernels;
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, LayerInput, Reach, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// The shape rule of a layer that reads this number of outputs of one shape.
const fn equal<In: LayerInput>(sources: usize, written: &str) -> Inferred {
    if In::SOURCES != sources {
        let sentence = Sentence::new("reads ")
            .number(sources)
            .text(" outputs: write `")
            .text(written)
            .text("`");
        return Inferred::wrong(sentence, Dims::UNKNOWN);
    }

    let parts = In::DIMS.parts();
    let mut i = 0;
    while i < parts.len() {
        if parts[i].is_unknown() {
            return Inferred::shape(Dims::UNKNOWN);
        }
        i += 1;
    }
    let mut i = 1;
    while i < parts.len() {
        if !parts[i].same(&parts[0]) {
            let sentence = Sentence::new("reads outputs of one shape, but they are ")
                .dims(parts[0])
                .text(" and ")
                .dims(parts[i])
                .text("; make the two equal, for example with `Expand`");
            return Inferred::wrong(sentence, parts[0]);
        }
        i += 1;
    }
    Inferred::shape(parts[0])
}

/// Makes layers of two sources from the operator of ONNX, a function, and its derivatives with respect
/// to both.
macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident $operator:literal: |$a:ident, $b:ident| $function:expr, $da:expr, $db:expr;)*) => { $(
        $(#[$doc])*
        pub struct $name;

        impl<In: LayerInput> ShapeRule<In> for $name {
            const OUTPUT: Inferred = equal::<In>(2, concat!(stringify!($name), " <- (a, b)"));
            const REACH: Reach = Reach::POSITION;
        }

        impl<T: Element> Layer<T> for $name {
            type Config = ();
            type Params = ();
        }

        impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
                export::simple::pair(call, $operator)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, .. } = call;
                let [a, b, ..] = In::elements(x);
                for ((&$a, &$b), y) in a.iter().zip(b).zip(flatten_mut(y)) {
                    *y = $function;
                }
            }
        }

        impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for $name {
            const READS_OUTPUT: bool = false;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { x, dy, dx, cx, .. } = call;
                let dy = flatten_mut(dy);
                let [a, b, ..] = In::elements(x);
                let [da, db, ..] = In::gradient_elements(dx);
                if let Some(da) = da {
                    for (((&$a, &$b), &dy), da) in a.iter().zip(b).zip(&*dy).zip(&mut *da) {
                        *da = dy * $da;
                    }
                    cx.kernels.flush_denormals(da);
                }
                if let Some(db) = db {
                    for (((&$a, &$b), &dy), db) in a.iter().zip(b).zip(&*dy).zip(&mut *db) {
                        *db = dy * $db;
                    }
                    cx.kernels.flush_denormals(db);
                }
            }
        }
    )* };
}

/// Returns 1 if the condition holds, otherwise 0.
fn flag<T: Element>(condition: bool) -> T {
    if condition { T::one() } else { T::zero() }
}

/// Returns whether the first of two numbers is the larger one, equal to the other one, or NaN.
fn is_larger<T: Element>(a: T, b: T) -> bool {
    a >= b || a.is_nan()
}

pairs! {
    /// The difference of two outputs of one shape, `a - b`, element by element.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Sub <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.0, 4.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([2.0, -3.0]));
    /// ```
    Sub "Sub": |_a, _b| _a - _b, T::one(), -T::one();
    /// The quotient of two outputs of one shape, `a / b`, element by element.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Div <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.5, 4.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([2.0, 0.25]));
    /// ```
    Div "Div": |_a, b| _a / b, b.recip(), -_a / (b * b);
    /// The larger of two numbers, element by element. PyTorch's `torch.maximum`. The gradient goes to
    /// the larger one, and to the first of two equal ones.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Maximum <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.0, 4.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([3.0, 4.0]));
    /// ```
    Maximum "Max": |a, b| if is_larger(a, b) { a } else { b },
        flag::<T>(is_larger(a, b)), flag::<T>(!is_larger(a, b));
    /// The smaller of two numbers, element by element. PyTorch's `torch.minimum`. The gradient goes to
    /// the smaller one, and to the first of two equal ones.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Minimum <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.0, 4.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([1.0, 1.0]));
    /// ```
    Minimum "Min": |a, b| if is_larger(-a, -b) { a } else { b },
        flag::<T>(is_larger(-a, -b)), flag::<T>(!is_larger(-a, -b));
    /// 1 where two numbers are equal and 0 elsewhere, without a gradient. PyTorch's `torch.eq`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Equal <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.0, 1.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([0.0, 1.0]));
    /// ```
    Equal "Equal": |_a, _b| flag(_a == _b), T::zero(), T::zero();
    /// 1 where `a > b` and 0 elsewhere, without a gradient. PyTorch's `torch.gt`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: (a: [2], b: [2]) -> [2] { Greater <- (a, b) } }
    /// let x = Tensor::from((Tensor1::from([3.0, 1.0]), Tensor1::from([1.0, 1.0])));
    /// assert_eq!(Net::zeros().forward(&x), Tensor1::from([1.0, 0.0]));
    /// ```
    Greater "Greater": |_a, _b| flag(_a > _b), T::zero(), T::zero();
}

/// A choice between two outputs, element by element: `a` where the condition is not 0, `b` where it
/// is. What is not chosen changes neither the result nor a gradient, be it NaN. PyTorch's
/// `torch.where`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: (condition: [2], a: [2], b: [2]) -> [2] { Where <- (condition, a, b) } }
/// let [condition, a, b] = [[1.0, 0.0], [3.0, f32::NAN], [5.0, 6.0]].map(Tensor1::from);
/// assert_eq!(Net::zeros().forward(&Tensor::from((condition, a, b))), Tensor1::from([3.0, 6.0]));
/// ```
pub struct Where;

impl<In: LayerInput> ShapeRule<In> for Where {
    const OUTPUT: Inferred = equal::<In>(3, "Where <- (condition, a, b)");
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element> Layer<T> for Where {
    type Config = ();
    type Params = ();
}

impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for Where {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::choice(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        let [conditions, a, b, ..] = In::elements(x);
        let choices = conditions.iter().zip(a.iter().zip(b));
        for ((&condition, (&a, &b)), y) in choices.zip(flatten_mut(y)) {
            *y = if condition == T::zero() { b } else { a };
        }
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for Where {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, .. } = call;
        let dy = flatten_mut(dy);
        let conditions = In::elements(x)[0];
        let [condition, a, b, ..] = In::gradient_elements(dx);
        if let Some(condition) = condition {
            condition.fill(T::zero());
        }
        for (gradient, is_chosen) in [(a, true), (b, false)] {
            let Some(gradient) = gradient else { continue };
            for ((&condition, &dy), dx) in conditions.iter().zip(&*dy).zip(gradient) {
                let takes = (condition != T::zero()) == is_chosen;
                *dx = if takes { dy } else { T::zero() };
            }
        }
    }
}
