use shapewright::prelude::*;

network! { struct Beyond: [9, 4] -> [4, 9] { Permute<2, 1> } }
network! { struct Twice: [9, 4, 2] -> [2, 9, 9] { Permute<2, 0, 0> } }
network! { struct WithBatch: [9, 4] -> [4, 9] { swap: Permute<0, 2, 1> } }
network! { struct Inferred: [9, 4] -> [4, 9] { Permute<1, _> } }
network! { struct Bare: [9, 4] -> [4, 9] { Permute, Tanh } }

network! {
    #[stream]
    struct Moved: [9, 4] -> [4, 9] { Permute<1, 0> }
}

// Correct, but for what is behind it.
network! { struct Behind: [9, 4, 2] -> [2, 4, 3] { Permute<2, 1, 0>, Linear<4, 3> } }

fn main() {}
