//! `#[frozen]` takes nothing.

use shapewright::prelude::*;

network! {
    struct Net: [4] -> [3] {
        #[frozen(weight)]
        fc: Linear<_, 8>,
        head: Linear<_, 3>,
    }
}

fn main() {}
