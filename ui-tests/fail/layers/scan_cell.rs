use shapewright::prelude::*;

network! { struct Dense: [3] -> [8] { Linear<_, 8> } }
network! { struct NoState: [20, 3] -> [20, 8] { Scan<Dense> } }

network! {
    struct OneState: (x: [3], h: [8], c: [8]) -> (y: [8], next: [8]) {
        Concat <- (x, h, c),
        next: Linear<_, 8>,
        y: Tanh,
    }
}
network! { struct Lost: [20, 3] -> [20, 8] { Scan<OneState> } }

network! {
    struct Normalized: (x: [3], h: [8]) -> [8] { Concat <- (x, h), Linear<_, 8>, BatchNorm1d<_> }
}
network! { struct OfBatches: [20, 3] -> [20, 8] { Scan<Normalized>, Tanh } }

struct Other;
network! { struct NoNetwork: [20, 3] -> [20, 8] { Scan<Other> } }
network! { struct NoCell: [20, 3] -> [20, 8] { Scan, Linear<_, 8> } }
network! { struct Inferred: [20, 3] -> [20, 8] { Scan<_> } }
network! { struct Number: [20, 3] -> [20, 8] { Scan<8> } }

network! {
    struct Cell: (x: [3], h: [8]) -> [8] { Concat <- (x, h), Linear<_, 8>, Tanh }
}
network! {
    #[stream]
    struct Streamed: (x: [20, 3], h: [20, 8]) -> [20, 8] {
        last: SelectLast <- h,
        Scan<Cell, InitialState> <- (x, last),
    }
}
network! {
    #[stream]
    struct Ends: [20, 3] -> ([20, 8], [8]) { Scan<Cell, FinalState> }
}
network! { struct Wide: [20, 3] -> [20, 8] as f64 { Scan<Cell> } }

fn main() {}
