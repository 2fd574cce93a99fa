use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        first: Linear<128>,
        second: Linear<_, _>,
        Relu<3>,
        Tanh(0.5),
        head: Linear<_, 10>,
    }
}

fn main() {}
