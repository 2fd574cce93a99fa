use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        Linear<_, 10>,
        LeakyRelu(-0.2),
        Elu(-1.0),
        Celu(0.0),
        Softplus(1.0, -20.0),
        HardTanh(1.0, -1.0),
    }
}

fn main() {}
