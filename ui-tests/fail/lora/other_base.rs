//! The network that the updates are merged into has a layer with another name.

use shapewright::prelude::*;

network! { struct Base: [4] -> [3] { body: Linear<_, 8>, Relu, head: Linear<_, 3> } }
network! {
    #[merged(Base)]
    struct Net: [4] -> [3] {
        fc: Lora<2, Linear<_, 8>>,
        Relu,
        head: Linear<_, 3>,
    }
}

fn main() {}
