//! Networks of several sizes, by a template.

use shapewright::prelude::*;

network! {
    /// Dense layers.
    #[derive(Clone, Debug, PartialEq)]
    struct Mlp<const IN: usize, const HIDDEN: usize, const OUT: usize>: [IN] -> [OUT] {
        fc: Linear<_, HIDDEN>,
        Residual { Linear<_, { HIDDEN * 2 }>, Relu, Linear<_, HIDDEN> },
        Repeat<OUT> { Linear<_, HIDDEN> },
        head: Linear<HIDDEN, OUT, NoBias>,
    }
}

network! { struct Small = Mlp<4, 8, 3>; }
const WIDTH: usize = 16;
network! {
    /// Its attributes are added to those of the template.
    #[allow(dead_code)]
    pub struct Large = Mlp<{ 28 * 28 }, WIDTH, 2 + 3>
}

/// The parameters of a network by the template.
const fn params(from: usize, hidden: usize, to: usize) -> usize {
    let square = hidden * hidden;
    let residual = 4 * square + 3 * hidden;
    from * hidden + hidden + residual + to * (square + hidden) + hidden * to
}

#[test]
fn sizes_are_put_into_the_definition() {
    assert_eq!(Small::PARAMS, params(4, 8, 3));
    assert_eq!(Large::PARAMS, params(784, 16, 5));
    assert_eq!((Small::NAME, Large::NAME), ("Small", "Large"));

    let net = Small::init(&mut shapewright::rng(0));
    assert_eq!((net.fc.weight.len(), net.head.weight.len()), (4, 8));
    assert_eq!(net.clone(), net);
    assert!(format!("{net:?}").starts_with("Small"));
    let y: Tensor1<3> = net.forward(&Tensor1::ones());
    assert!(y.sum().is_finite());
}

/// Templates of other modules, in any order, with their own layers in other networks.
mod models {
    use shapewright::prelude::*;

    network! { struct Early = Cnn<6, 2>; }
    network! {
        pub struct Cnn<const SIDE: usize, const CHANNELS: usize>: [SIDE, SIDE, 3] -> [CHANNELS] as f64 {
            Conv2d<_, CHANNELS, 3, Pad<1>>,
            BatchNorm2d<_>,
            MaxPool2d<{ SIDE / 2 }>,
            GlobalAvgPool2d,
        }
    }
    network! { struct Inner<const N: usize>: (a: [N], b: [N]) -> [{ 2 * N }] { Concat <- (a, b) } }
    network! { pub(super) struct Pair = Inner<3>; }

    #[test]
    fn are_known_before_and_behind() {
        // The weights and biases of the convolution and of the normalization.
        assert_eq!(Early::PARAMS, 27 * 2 + 2 + 2 * 2);
    }
}

mod elsewhere {
    use shapewright::prelude::*;

    network! {
        #[folded(TinyFolded)]
        pub struct Tiny = super::models::Cnn<4, 1>;
    }
    network! { struct Outer: [4, 4, 3] -> [1] as f64 { tiny: Tiny, Linear<_, 1> } }

    #[test]
    fn are_layers_and_have_folded_networks() {
        assert_eq!(Outer::PARAMS, Tiny::PARAMS + 2);
        let net = Tiny::init(&mut shapewright::rng(0));
        let x = Tensor3::ones();
        let (y, folded) = (net.forward(&x), net.folded().forward(&x));
        assert!((y[0] - folded[0]).abs() < 1e-12);
    }
}

#[test]
fn templates_may_be_local() {
    network! { struct Line<const N: usize>: [N] -> [1] { Linear<_, 1> } }
    network! { struct Five = Line<5>; }
    assert_eq!(Five::PARAMS, 6);
    assert_eq!(models::Pair::PARAMS, 0);
}

/// A macro of the user's own that writes a template, and one that uses it.
macro_rules! template {
    ($name:ident, $to:expr) => {
        network! { struct $name<const N: usize>: [N] -> [$to] { Linear<_, { $to }> } }
    };
}
template!(ToThree, 1 + 2);
macro_rules! by_template {
    ($($name:ident: $from:expr),*) => { $( network! { struct $name = ToThree<{ $from }>; } )* };
}
by_template!(FromTwo: 2, FromFour: 2 + 2);

#[test]
fn templates_come_from_macros() {
    assert_eq!((FromTwo::PARAMS, FromFour::PARAMS), (9, 15));
}
