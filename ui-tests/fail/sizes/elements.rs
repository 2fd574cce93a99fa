use shapewright::prelude::*;

// Sizes that are fine one by one.
network! { struct A: [4294967296, 4294967296] -> [1] { Flatten, Linear<_, 1> } }
network! { struct B: [1] -> [4294967296, 4294967296] { Linear<_, 1> } }
network! { struct C: [4611686018427387904] -> [1] { Tanh, Linear<_, 1> } }
network! { struct D: [2] -> [1] as f64 { Reshape<1, 2, 1>, Upsample<(1073741824, 268435456)>, GlobalAvgPool2d } }
network! { struct E: [12] -> [12] { Reshape<4294967296, 4294967296, _>, Flatten } }
network! { struct F: [1, 1] -> [1, 1] { Embedding<2, 4611686018427387904>, GlobalAvgPool2d } }
network! {
    struct G: [2, 1, 1] -> [1] {
        Upsample<(1, 137438953472)>,
        Concat { Reshape<137438953472, 2, 1>, Upsample<(137438953472, 1)> },
        GlobalAvgPool2d
    }
}
network! { struct H: ([4294967296, 2147483648], [2]) -> [1] { Flatten, Linear<_, 1> } }
network! {
    struct I: [268435456, 268435456, 1] -> [1] { Concat { {}, {}, {}, {}, {} }, GlobalAvgPool2d, Linear<_, 1> }
}

fn main() {}
