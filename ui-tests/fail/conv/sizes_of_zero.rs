use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 3] -> [10] {
        kernel: Conv2d<_, 4, 0>,
        stride: Conv2d<_, 4, 3, Stride<1, 0>>,
        groups: Conv2d<_, 4, 3, Groups<0>>,
        out: Conv2d<_, 0, 3>,
        Flatten,
        Linear<_, 10>,
    }
}

fn main() {}
