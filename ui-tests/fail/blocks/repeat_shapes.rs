//! Repeated layers that do not give what they are given.
use shapewright::prelude::*;

network! {
    struct Net: [8] -> [4] {
        Repeat<3> { Linear<_, 16>, Relu },
        Linear<_, 4>,
    }
}

fn main() {
    println!("{}", Net::summary());
}
