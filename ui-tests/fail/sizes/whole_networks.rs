use shapewright::prelude::*;

// Layers that are fine one by one.
network! {
    struct Parameters: [268435456] -> [268435456] {
        a: Linear<_, 268435456>,
        b: Linear<_, 268435456>,
        Tanh,
        c: Linear<_, 268435456>,
        d: Linear<_, 268435456>,
        e: Linear<_, 268435456>,
        g: Linear<268435456, 268435456>,
        h: Linear<_, 268435456>,
    }
}
network! {
    struct Activations: [1, 1, 1] -> [1] {
        Upsample<(1073741824, 134217728)>,
        Upsample<1>, Upsample<1>, Upsample<1>, Upsample<1>, Upsample<1>, Upsample<1>, Upsample<1>, Upsample<1>,
        GlobalAvgPool2d
    }
}
network! {
    struct Repeated: [1, 1, 1] -> [1] {
        Upsample<(1048576, 1048576)>, Repeat<1048576> { Upsample<1> }, GlobalAvgPool2d
    }
}

fn main() {}
