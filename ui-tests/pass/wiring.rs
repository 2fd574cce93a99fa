//! Layers that read named outputs, without a warning.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, warnings, unused, nonstandard_style)]
#![deny(unreachable_pub, unused_qualifications)]

pub mod nets {
    //! Networks, and a layer.
    use shapewright::prelude::*;

    network! {
        /// Two inputs, two outputs, and names that are keywords.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Ends: (r#in: [3], r#match: [2]) -> (r#loop: [2], value: [1]) as f64 {
            body: Linear<_, 4> <- r#in,
            act: Tanh,
            /// What is documented.
            both: Concat <- (act, r#match),
            r#loop: Linear<_, 2>,
            value: Linear<_, 1> <- both,
        }
    }

    network! {
        /// Lists in blocks have inputs and names of their own.
        #[derive(Clone, Debug)]
        #[folded(NestedFolded)]
        pub struct Nested: [4] -> [6] as f64 {
            first: Linear<_, 3>,
            a: BatchNorm1d<_>,
            Residual { a: Linear<_, 3>, b: Tanh, Add <- (a, b, input) },
            last: Repeat<2> { a: Linear<_, 3>, Mul <- (input, a,) },
            sum: Mul <- (a, last),
            Concat { x: { a: Tanh, Add <- (input, a) }, y: Linear<_, 3> <- input } <- sum,
        }
    }

    network! {
        #[allow(missing_docs)]
        pub(crate) struct Six: [2] -> [2] {
            a: Tanh,
            Add <- (a, input, a, input, a, input),
        }
    }

    pub mod own {
        //! A layer with the name of a built-in one.

        /// A layer of the user's own with the name of a built-in one.
        #[derive(Debug)]
        pub struct Add;

        impl<In: shapewright::Shape> shapewright::ext::ShapeRule<In> for Add {
            const OUTPUT: shapewright::ext::Inferred = shapewright::ext::Inferred::shape(In::DIMS);
        }

        impl shapewright::ext::InPlace for Add {
            type Config = ();
            const ORDER: shapewright::ext::FeatureOrder = shapewright::ext::FeatureOrder::Keeps;
            const READS_OUTPUT: bool = false;

            fn forward_in_place<S: shapewright::Shape, T: shapewright::tensor::Element>(
                call: shapewright::ext::ForwardInPlace<'_, (), S, T>,
            ) {
                call.y.iter_mut().flatten().for_each(|y| *y += T::one());
            }

            fn backward_in_place<S: shapewright::Shape, T: shapewright::tensor::Element>(
                _: shapewright::ext::BackwardInPlace<'_, (), S, T>,
            ) {
            }
        }
    }

    network! {
        /// It is written with its module.
        #[derive(Debug)]
        pub struct Own: [2] -> [2] { a: own::Add, b: own::Add <- input, Mul <- (b, a) }
    }
}

use shapewright::prelude::*;

fn main() {
    let mut net = nets::Ends::zeros();
    net.r#loop.bias = [1.0, 2.0];
    net.value.weight[4] = [1.0];
    let x = Tensor::from((Tensor1::zeros(), Tensor1::from([5.0, 6.0])));
    let y = net.forward(&x);
    let (first, value) = y.parts();
    assert_eq!((first.as_slice(), value.as_slice()), (&[1.0, 2.0][..], &[5.0][..]));
    assert_eq!(net.clone(), net);

    let net = nets::Nested::init(&mut shapewright::rng(1));
    let x = Tensor1::from([1.0, 2.0, 3.0, 4.0]);
    let (y, folded) = (net.forward(&x), net.folded().forward(&x));
    assert!(y.iter().zip(folded.iter()).all(|(y, folded)| (y - folded).abs() < 1e-12));

    let y = nets::Six::zeros().forward(&Tensor1::from([0.0, 1.0]));
    assert_eq!(y[1], 3.0 + 3.0 * 1_f32.tanh());
    let y = nets::Own::zeros().forward(&Tensor1::from([3.0, 4.0]));
    assert_eq!(y, Tensor1::from([16.0, 25.0]));
}
