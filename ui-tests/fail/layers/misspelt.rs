use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        fc1: Linaer<_, 128>,
        Relu,
        Droupout(0.5),
        head: Linear<_, 10>,
    }
}

fn main() {}
