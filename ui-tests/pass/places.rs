//! Networks in function bodies and nested modules, with items from around them.
#![deny(warnings)]

use shapewright::prelude::*;

pub const WIDTH: usize = 6;

pub mod models {
    use shapewright::prelude::{Flatten, Linear, Relu, Tanh, network};

    pub(crate) const DEPTH: usize = 3;

    network! { pub struct Encoder: [super::WIDTH] -> [DEPTH] { Linear<{ super::WIDTH }, { DEPTH }>, Relu } }

    pub fn restricted() -> usize {
        <deep::Restricted as shapewright::Network>::PARAMS
    }

    pub mod deep {
        use super::*;
        use crate::WIDTH;

        network! {
            pub(crate) struct Hidden: [DEPTH] -> [2] { Tanh, out: Linear<{ super::DEPTH }, 2> }
        }
        network! { pub(in crate::models) struct Restricted: [1] -> [1] { super::deep::Inherited } }
        network! { pub(super) struct Inherited: [1] -> [1] { Relu } }
        network! {
            pub(crate) struct Whole: [2, WIDTH / 2] -> [2] { Flatten, first: super::Encoder, crate::models::deep::Hidden }
        }
    }
}

fn generic<N: Network<Element = f32>>() -> usize {
    network! { struct Local: [WIDTH] -> [1] { fc: Linear<_, 1> } }
    N::PARAMS + Local::PARAMS
}

trait Model {
    fn parameters(&self) -> usize;
}

impl Model for models::Encoder {
    fn parameters(&self) -> usize {
        const OUT: usize = 2;
        network! { struct InMethod: [4] -> [OUT] { Linear<_, OUT> } }
        Self::PARAMS + InMethod::PARAMS
    }
}

macro_rules! two {
    ($a:ident, $b:ident, $size:expr) => {
        network! { struct $a: [$size] -> [$size] { fc: Linear<_, { $size }> } }
        network! { struct $b: [$size] -> [$size] { fc: $a, Relu } }
    };
}
two!(One, Two, 2 + 1);

fn main() {
    let y: Tensor1<2> = models::deep::Whole::init(&mut rng()).forward(&Tensor2::<2, 3>::ones());
    assert!(y[0].is_finite());
    assert_eq!(generic::<models::Encoder>(), 21 + 7);
    assert_eq!(models::Encoder::zeros().parameters(), 21 + 10);
    assert_eq!((Two::PARAMS, models::restricted()), (12, 0));
    let closure = || {
        network! { struct InClosure: [1] -> [1] { Sigmoid } }
        InClosure::zeros().forward(&Tensor1::from([0.0]))[0]
    };
    assert_eq!(closure(), 0.5);
}

fn rng() -> impl rand::Rng {
    shapewright::rng(0)
}
