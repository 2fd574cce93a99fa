use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28] -> [10] {
        MaxPool2d<2>,
        Flatten,
        head: Linear<_, 10>,
    }
}

// Of this there is none for sequences.
network! { struct Larger: [28, 28] -> [56, 56] { Upsample<2> } }

fn main() {}
