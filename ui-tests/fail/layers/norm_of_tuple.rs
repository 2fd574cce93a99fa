use shapewright::prelude::*;

network! {
    pub struct Net: [4, 3] -> [24] {
        Split { { Tanh }, { Relu } },
        LayerNorm<_, _>,
        Flatten,
    }
}

fn main() {}
