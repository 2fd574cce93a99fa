use shapewright::prelude::*;

network! {
    #[stream(8)]
    struct Filter: [64, 1] -> [64, 1] { Linear<_, 1> }
}

network! {
    #[stream]
    struct Number: [] -> [] { Tanh }
}

network! {
    #[stream]
    struct Padded: [64, 1] -> [64, 1] { Conv1d<_, 1, 3, Causal, Pad<1>> }
}

// One mistake stays one error, although the layers are expanded twice.
network! {
    #[stream]
    struct Wrong: [64, 1] -> [64, 1] { Linear<3, 1> }
}

fn main() {}
