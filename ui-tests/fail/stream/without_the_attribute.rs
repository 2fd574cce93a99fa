use shapewright::prelude::*;

network! {
    struct Filter: [64, 1] -> [64, 1] { Linear<_, 1> }
}

fn main() {
    let _ = Filter::stream();
}
