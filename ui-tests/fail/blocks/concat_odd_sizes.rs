//! Pooled and made larger again, an odd size is not what it was.
use shapewright::prelude::*;

network! {
    struct Net: [33, 32, 1] -> [33, 32, 4] {
        Concat {
            skip: {},
            deep: { MaxPool2d<2>, down: Conv2d<_, 8, 3, Pad<1>>, Relu, Upsample<2> },
        },
        head: Conv2d<_, 4, 1>,
    }
}

fn main() {
    println!("{}", Net::summary());
}
