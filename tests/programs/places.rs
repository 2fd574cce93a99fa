//! Networks in all places where items can be.

use shapewright::prelude::*;

#[test]
fn in_a_function() {
    const SIZE: usize = 3;
    network! { struct Local: [SIZE] -> [SIZE] { Linear<_, SIZE> } }
    assert_eq!(Local::PARAMS, 12);
}

#[test]
fn in_a_block_and_a_closure() {
    let params = {
        network! { struct Local: [3] -> [3] { Linear<_, 3> } }
        Local::PARAMS
    };
    let closure = || {
        network! { struct Local: [3] -> [2] { Linear<_, 2> } }
        Local::PARAMS
    };
    assert_eq!((params, closure()), (12, 8));
}

#[test]
fn in_a_constant() {
    const PARAMS: usize = {
        network! { struct Local: [3] -> [2] { Linear<_, 2> } }
        Local::PARAMS
    };
    assert_eq!(PARAMS, 8);
}

trait Counted {
    fn count(&self) -> usize;
}

impl Counted for u8 {
    fn count(&self) -> usize {
        network! { struct InMethod: [1] -> [1] { Linear<_, 1> } }
        InMethod::PARAMS
    }
}

#[test]
fn in_a_method_and_a_generic_function() {
    trait HasRows {
        const ROWS: usize = 0;
    }
    impl HasRows for String {}
    fn generic<T: HasRows>() -> usize {
        network! { struct InGeneric: [2] -> [1] { Linear<_, 1> } }
        InGeneric::PARAMS + T::ROWS
    }
    assert_eq!((1u8.count(), generic::<String>()), (2, 3));
}

mod deep {
    pub mod deeper {
        use shapewright::prelude::*;
        network! { pub(in crate::places) struct Restricted: [1] -> [1] { Linear<_, 1> } }
        network! { pub(super) struct Super: [1] -> [1] { inner: Restricted } }
    }
    pub fn params() -> usize {
        use shapewright::Network as _;
        deeper::Super::PARAMS
    }
}

#[test]
fn in_modules_with_visibilities() {
    assert_eq!((deep::deeper::Restricted::PARAMS, deep::params()), (2, 2));
}

/// A public network with a private one inside.
pub mod with_private_parts {
    use shapewright::prelude::*;
    network! { struct Hidden: [2] -> [2] { Linear<_, 2> } }
    network! { pub struct Open: [2] -> [1] { hidden: Hidden, head: Linear<_, 1> } }
}

#[test]
fn with_private_parts_is_a_network() {
    assert_eq!(with_private_parts::Open::PARAMS, 9);
}

#[test]
fn as_a_field_and_in_collections() {
    network! { #[derive(Clone, Debug, PartialEq)] struct Net: [2] -> [1] { Linear<_, 1> } }
    struct Model {
        nets: [Box<Net>; 2],
        shared: std::sync::Arc<Net>,
    }
    let net = Net::init(&mut shapewright::rng(0));
    let model = Model {
        nets: [net.clone(), net.clone()],
        shared: net.into(),
    };
    assert!(model.nets.iter().all(|net| **net == *model.shared));
}

#[test]
fn as_a_static() {
    network! { struct Net: [2] -> [2] { Tanh } }
    static NET: std::sync::LazyLock<Box<Net>> = std::sync::LazyLock::new(Net::zeros);
    assert_eq!(NET.forward(&Tensor1::zeros()), Tensor1::zeros());
}

#[test]
fn behind_a_trait_object() {
    trait Scores {
        fn scores(&self, x: &Tensor1<2>) -> Vec<f32>;
    }

    network! { struct A: [2] -> [1] { Linear<_, 1> } }
    network! { struct B: [2] -> [3] { Linear<_, 3> } }
    impl Scores for A {
        fn scores(&self, x: &Tensor1<2>) -> Vec<f32> {
            self.forward(x).iter().copied().collect()
        }
    }
    impl Scores for B {
        fn scores(&self, x: &Tensor1<2>) -> Vec<f32> {
            self.forward(x).iter().copied().collect()
        }
    }

    let models: [Box<dyn Scores>; 2] = [A::zeros(), B::zeros()];
    let lengths = models.map(|model| model.scores(&Tensor1::zeros()).len());
    assert_eq!(lengths, [1, 3]);
}
