use shapewright::prelude::*;

network! {
    pub struct Image: [4, 0, 2] -> [2] {
        GlobalAvgPool2d,
    }
}

network! {
    pub struct Tuple: ([2, 0], [3]) -> [3] {
        Flatten,
    }
}

network! {
    pub struct Windows: [4, 0, 2] -> [2] {
        Conv2d<_, 2, 3>,
        MaxPool2d<2>,
        Flatten,
        Linear<_, 2>,
    }
}

fn main() {}
