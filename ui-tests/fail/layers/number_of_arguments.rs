use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        Linear<_, 10>,
        Softplus(1.0),
        LeakyRelu(0.1, 0.2),
        Elu(),
        Silu(1.0),
        PRelu(0.25),
    }
}

fn main() {}
