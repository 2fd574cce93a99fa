use shapewright::prelude::*;

network! { struct Grows: (x: [3], h: [8]) -> [9] { Concat <- (x, h), Linear<_, 9> } }
network! { struct Net: [20, 3] -> [20, 9] { rnn: Scan<Grows> } }

network! {
    struct Cell: (x: [3], h: [8]) -> (y: [2], next: [8]) {
        Concat <- (x, h),
        next: Linear<_, 8>,
        y: Linear<_, 2>,
    }
}
network! { struct Begins: (x: [20, 3], h: [9]) -> [20, 2] { Scan<Cell, InitialState> <- (x, h) } }

fn main() {
    let _ = Net::zeros();
}
