use shapewright::prelude::*;

network! {
    pub struct Generic<T>: [784] -> [10] { Linear<_, 10> }
}

network! {
    pub struct NoShapes { Linear<_, 10> }
}

network! {
    pub struct Integers: [4] -> [3] as i32 { Linear<_, 3> }
}

network! {
    pub struct NoComma: [4] -> [3] { Linear<_, 8> Relu, Linear<_, 3> }
}

network! {
    #[derive(Default)]
    pub struct OnTheStack: [4] -> [3] { Linear<_, 3> }
}

network! {
    pub struct Axes: [1, 2, 3, 4, 5] -> [3] { Flatten, Linear<_, 3> }
}

network! {
    pub struct NoCommaBetweenSizes: [28 28, 1] -> [3] { Flatten, Linear<_, 3> }
}

network! {
    pub struct NoSize: [28, , 1] -> [3] { Flatten, Linear<_, 3> }
}

network! {
    pub struct NoCommaBetweenArguments: [4] -> [3] { Linear<_, 3>, HardTanh(-1.0 MAX) }
}

fn main() {}
