//! The layers and the projection give two shapes.
use shapewright::prelude::*;

network! {
    struct Net: [8] -> [4] {
        Residual { Linear<_, 16>, Relu, shortcut: { Linear<_, 12> } },
        Linear<_, 4>,
    }
}

fn main() {
    println!("{}", Net::summary());
}
