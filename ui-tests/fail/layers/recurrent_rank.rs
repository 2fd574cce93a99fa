use shapewright::prelude::*;

network! {
    struct Vector: [10] -> [10, 8] {
        rows: Lstm<_, 8>,
    }
}

network! {
    struct Image: [28, 28, 3] -> [10] {
        rows: Gru<_, 8, Bidirectional>,
        SelectLast,
        head: Linear<_, 10>,
    }
}

network! {
    struct Features: [12, 5] -> [12, 8] {
        rows: Rnn<3, 8>,
    }
}

fn main() {}
