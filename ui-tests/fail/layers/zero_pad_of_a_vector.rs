use shapewright::prelude::*;

network! {
    pub struct Net: [784] -> [10] {
        ZeroPad2d<1>,
        Flatten,
        head: Linear<_, 10>,
    }
}

fn main() {}
