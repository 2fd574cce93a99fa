//! A tuple is given to layers that take one tensor, or no tuple.
use shapewright::prelude::*;

network! {
    struct Unnamed: ([4], [2]) -> [4] { Linear<_, 4> }
}

network! {
    struct Merged: ([4], [4]) -> ([4], [4]) { twice: Add <- (input, input) }
}

network! {
    struct Joined: ([4], [4]) -> [4] { Concat <- (input, input), Linear<_, 4> }
}

fn main() {}
