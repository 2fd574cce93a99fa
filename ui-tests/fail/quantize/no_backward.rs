//! A quantized network is for inference, and its layers say so.
use shapewright::prelude::*;

network! {
    #[quantized(NetInt8)]
    struct Net: [4] -> [3] { Linear<_, 8>, Relu, head: Linear<_, 3> }
}

fn main() {
    let _ = NetInt8::workspace();
}
