//! A crate that forbids the lints that macros like to allow.
#![forbid(unsafe_op_in_unsafe_fn, unused, dead_code, warnings, deprecated, missing_docs)]
#![forbid(private_interfaces, non_camel_case_types, unused_imports, unused_braces, clippy::all)]
#![forbid(missing_debug_implementations, unreachable_pub, unused_qualifications, let_underscore_drop)]

use shapewright::prelude::*;

const WIDTH: usize = 8;

network! {
    /// Layers, blocks and options.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Net: [8, 8, 1] -> [3] {
        /// The first.
        stem: Conv2d<_, { WIDTH / 2 }, 3, Pad<1>>,
        BatchNorm2d<_>,
        Relu,
        Repeat<2> { Residual { Conv2d<_, 4, 3, Pad<1>>, Relu } },
        Concat { a: MaxPool2d<2>, b: { AvgPool2d<2>, Conv2d<_, 2, 1, NoBias> } },
        Flatten,
        Dropout(0.1),
        Linear<_, { WIDTH }>,
        head: Linear<WIDTH, 3>,
    }
}

network! {
    #[derive(Debug)]
    #[folded(FoldFolded)]
    struct Fold: [4] -> [3] as f64 { fc: Linear<_, 3, NoBias>, BatchNorm1d<_>, inner: Inner }
}

network! { #[derive(Debug)] struct Inner: [3] -> [3] as f64 { Tanh } }

network! {
    #[derive(Debug)]
    struct Agent: (state: [4], goal: [2]) -> (value: [1], policy: [3]) {
        fc: Linear<_, 8> <- state,
        both: Concat <- (fc, goal),
        value: Linear<_, 1>,
        policy: Linear<_, 3> <- both,
    }
}

network! { #[derive(Debug)] struct Pair: [4] -> ([2], [3]) { Split { Linear<_, 2>, Linear<_, 3> } } }

network! {
    #[derive(Debug)]
    struct Tied: [5] -> [5, 7] { embed: Embedding<7, 3>, LayerNorm<_>, #[tied(embed)] Unembedding<_, 7> }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    assert_eq!(net.stem.bias.len(), 4);
    assert_eq!(*net.clone(), *net);
    assert!(format!("{net:?}").contains("stem"));
    assert!(format!("{:?}", Fold::zeros().folded()).contains("fc"));
    assert!(Agent::PARAMS + Pair::PARAMS + Tied::PARAMS > 0);
}
