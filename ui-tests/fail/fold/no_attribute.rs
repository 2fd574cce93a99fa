//! A network without the attribute has no folded one.
use shapewright::prelude::*;

network! {
    struct Net: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}

fn folded<N: Foldable>(_: &N) {}

fn main() {
    let net = Net::zeros();
    folded(&*net);
    net.folded();
}
