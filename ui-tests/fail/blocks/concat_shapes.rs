//! Branches that differ elsewhere than in the last axis.
use shapewright::prelude::*;

network! {
    struct Net: [4, 8] -> [4] {
        Concat {
            left: { Linear<_, 3>, Relu },
            right: { Reshape<8, 4>, Linear<_, 3> },
        },
        Flatten,
        Linear<_, 4>,
    }
}

fn main() {
    println!("{}", Net::summary());
}
