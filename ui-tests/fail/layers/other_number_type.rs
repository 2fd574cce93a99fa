use shapewright::prelude::*;

network! {
    pub struct Inner: [4] -> [4] as f64 {
        fc: Linear<_, 4>,
    }
}

network! {
    pub struct Net: [4] -> [2] {
        inner: Inner,
        head: Linear<_, 2>,
    }
}

fn main() {}
