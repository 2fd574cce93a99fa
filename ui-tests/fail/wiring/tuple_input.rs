//! A tuple without names is one input, which layers of several sources do not take apart.
use shapewright::prelude::*;

network! {
    struct Unnamed: ([4], [4]) -> [4] { Add }
}

fn main() {}
