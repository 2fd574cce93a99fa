//! A public network may have private ones in its blocks, and its blocks' fields are seen from elsewhere.
#![deny(warnings, missing_docs)]

mod nets {
    use shapewright::prelude::*;

    network! {
        #[derive(Clone, Debug)]
        struct Encoder: [3] -> [2] { fc: Linear<_, 2> }
    }

    network! {
        /// Public, with a private network inside.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Classifier: [3] -> [4] {
            /// Two ways.
            both: Concat { encoder: Encoder, flat: { /// The first.
                fc: Linear<_, 2>, Tanh } },
            Residual { Linear<_, 4>, shortcut: { Linear<_, 4> } },
            Repeat<2> { Relu, own: Linear<_, 4> },
        }
    }

    impl PartialEq for Encoder {
        fn eq(&self, other: &Self) -> bool {
            self.params() == other.params()
        }
    }
}

use nets::Classifier;
use shapewright::prelude::*;

fn main() {
    let mut net = Classifier::zeros();
    net.both.flat.fc.bias = [1.0; 2];
    net.layer_2[1].own.bias = [1.0; 4];
    assert!(*net != *Classifier::zeros());
    assert!(!format!("{net:?}").contains("padding"));
}
