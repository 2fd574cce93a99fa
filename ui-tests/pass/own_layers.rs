//! Layers of the user's own: sizes that are inferred, constructor arguments, attributes, near names.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use shapewright::prelude::*;

#[path = "../../tests/common/layers.rs"]
#[allow(missing_docs, dead_code)]
mod layers;

use layers::{Scale, Swish};
use shapewright::{ext::{BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule}, tensor::Element};

/// The name is near that of a layer of the crate.
pub struct Linaer;

impl<In: Shape> ShapeRule<In> for Linaer {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl InPlace for Linaer {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().for_each(|y| *y *= T::one() + T::one());
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { dy, .. } = call;
        dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
    }
}

const BETA: f64 = 2.0;

network! {
    /// All kinds.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Net: [4] -> [6] {
        /// The factors.
        first: Scale<_>,
        Swish,
        // Twice.
        self::Linaer,
        #[doc = "The arguments are expressions."]
        swish: Swish(BETA / 2.0),
        Linear<_, 6>,
        crate::layers::Scale<{ 3 * 2 }>,
        layers::Swish(1.5),
    }
}

network! { struct Double: [3] -> [3] as f64 { scale: Scale<_>, self::Linaer } }

fn main() {
    let mut net = Net::init(&mut shapewright::rng(0));
    assert_eq!(net.first.factor, [0.5, 1.5, 2.5, 3.5]);
    assert_eq!(net.layer_5.factor[5], 5.5);
    assert_eq!(Net::PARAMS, 4 + 30 + 6);
    let mut names = Vec::new();
    net.for_each_param(|name, _, _| names.push(name.to_owned()));
    assert_eq!(names, ["first.factor", "4.weight", "4.bias", "5.factor"]);
    let x = [Tensor1::ones()];
    let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
    let mut pass = net.forward_train(&x, &mut workspace);
    let before = pass.loss(&Mse, &[Tensor1::zeros()]);
    pass.backward(&mut gradient);
    Sgd::new(0.001).state::<Net>().step(&mut net, &gradient);
    assert!(net.forward_train(&x, &mut workspace).loss(&Mse, &[Tensor1::zeros()]) < before);
    let double = Double::init(&mut shapewright::rng(0));
    assert_eq!(double.forward(&Tensor1::ones()), Tensor1::from([1.0, 3.0, 5.0]));
}
