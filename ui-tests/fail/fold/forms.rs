//! The attribute has one form, and takes a name that is free.
use shapewright::prelude::*;

network! {
    #[folded]
    struct Nameless: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}
network! {
    #[folded(pub struct Folded)]
    struct Definition: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}
network! {
    #[folded = "Folded"]
    struct Text: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}
network! {
    #[folded(First)]
    #[folded(Second)]
    struct Twice: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}
network! {
    #[folded(Same)]
    struct Same: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}

fn main() {
    let _: Box<First> = Twice::zeros().folded();
}
