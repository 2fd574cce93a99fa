use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 128>,
        SiLU,
        LeakyReLU(0.2),
        Hardtanh,
        head: Linear<_, 10>,
        LogSofmax,
    }
}

fn main() {}
