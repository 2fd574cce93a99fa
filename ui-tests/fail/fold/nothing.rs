//! Nothing in the network can be folded; the rest of the program gives no second error.
use shapewright::prelude::*;

network! {
    #[folded(NetFolded)]
    struct Net: [4] -> [3] { Linear<_, 3>, Relu, BatchNorm1d<_>, Dropout }
}

fn main() {
    let _: Box<NetFolded> = Net::zeros().folded();
}
