//! A public network may be made of private ones.
#![deny(warnings, missing_docs)]

use shapewright::prelude::*;

network! {
    #[derive(Debug)]
    struct Encoder: [3] -> [2] { fc: Linear<_, 2> }
}

network! {
    /// Public, with a private network inside.
    #[derive(Debug)]
    pub struct Classifier: [3] -> [2] {
        encoder: Encoder,
        Relu,
        head: Linear<_, 2>,
    }
}

fn main() {
    let net = Classifier::zeros();
    assert!(!format!("{net:?}").contains("padding"));
}
