use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 3] -> [10] {
        Conv2d<_, 4, 3, Padding<1>>,
        Conv2d<_, 4, 3, 2>,
        Conv2d<_, 4, 3, Stride>,
        Conv2d<_, 4, 3, Pad<1>, Stride<2>, Pad<1>>,
        Conv1d<_, 4, 3, Stride<2, 1>>,
        Conv2d<_, 4>,
        Conv2d<_, 4, (3, 3, 3)>,
        Conv2D<_, 4, 3>,
        Flatten,
        Linear<_, 10>,
    }
}

fn main() {}
