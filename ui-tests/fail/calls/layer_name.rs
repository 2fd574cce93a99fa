use shapewright::prelude::*;

network! {
    pub struct Mlp: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {
    let _ = Adam::new(1e-3).state::<Mlp>().freeze(layer!(Mlp, fc2));
}
