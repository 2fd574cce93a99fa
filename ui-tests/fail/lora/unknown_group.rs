//! A name of a layer that does not exist, in the learning rates of layers.

use shapewright::prelude::*;

network! { struct Net: [4] -> [3] { body: Linear<_, 8>, Relu, head: Linear<_, 3> } }

fn main() {
    let layers = [layer!(Net, bodi), layer!(Net, head)];
    let _ = AdamW::new(1e-3).state::<Net>().layer_decay(layers, 0.8);
}
