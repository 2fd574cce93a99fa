//! A tuple goes on to a layer that takes one tensor.
use shapewright::prelude::*;

network! {
    struct Net: [8] -> [4] {
        Split { mu: Linear<_, 2>, logvar: Linear<_, 2> },
        Linear<_, 4>,
    }
}

fn main() {
    println!("{}", Net::summary());
}
