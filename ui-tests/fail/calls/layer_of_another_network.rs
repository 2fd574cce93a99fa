use shapewright::prelude::*;

network! { pub struct Mlp: [784] -> [10] { head: Linear<_, 10> } }
network! { pub struct Encoder: [784] -> [32] { fc: Linear<_, 32> } }

fn main() {
    let _ = Adam::new(1e-3).state::<Mlp>().freeze(layer!(Encoder, fc));
}
