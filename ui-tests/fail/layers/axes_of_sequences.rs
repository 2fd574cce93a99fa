use shapewright::prelude::*;

network! { struct LastOfOne: [64] -> [2] { SelectLast, Linear<_, 2> } }
network! { struct LastTwice: [9, 64] -> [2] { SelectLast, SelectLast, Linear<_, 2> } }
network! { struct LastOfImage: [28, 28, 3] -> [2] { SelectLast, Linear<_, 2> } }
network! { struct SwapsOne: [64] -> [8, 8] { Transpose } }
network! { struct SwapsImage: [28, 28, 3] -> [3, 784] { Transpose } }
network! { struct SwapsNumber: [] -> [1] { Transpose } }

// Correct, but for what is behind it.
network! { struct Swapped: [9, 64] -> [9, 2] { Transpose, Linear<64, 2> } }

fn main() {}
