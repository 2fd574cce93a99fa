use shapewright::prelude::*;

network! {
    struct Cell: (x: [3], h: [8]) -> [8] { Concat <- (x, h), Linear<_, 8>, Tanh }
}

network! { struct Flat: [60] -> [8] { Scan<Cell>, Linear<_, 8> } }
network! { struct Narrow: [20, 2] -> [20, 4] { rnn: Scan<Cell>, Linear<_, 4> } }
network! { struct NoState: (x: [20, 3], h: [8]) -> [20, 8] { Scan<Cell> <- (x, h) } }
network! { struct NoSource: [20, 3] -> [20, 8] { Scan<Cell, InitialState> } }

fn main() {}
