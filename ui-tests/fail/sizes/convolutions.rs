use shapewright::prelude::*;

// Padded images and windows that memory has no places for.
network! { struct A: [9, 2] -> [7, 1] { Conv1d<_, 1, 3, Dilation<9223372036854775809>> } }
network! { struct B: [1, 4] -> [2, 1] { Conv1d<_, 1, 1, Stride<4611686018427387904>, Pad<2305843009213693952>> } }
network! {
    struct C: [1, 1, 1] -> [2, 2, 1] {
        Conv2d<_, 1, 2, Stride<2147483648>, Dilation<2147483647>, Pad<2147483648>, NoBias>
    }
}
network! { struct D: [5, 5, 1] -> [5, 5, 1] { Conv2d<_, 1, 3, Pad<18446744073709551614>> } }
network! { struct E: [3, 3, 1] -> [1, 1, 1] { ConvTranspose2d<_, 1, 2, Stride<9223372036854775808>> } }
network! {
    struct F: [5, 5, 1] -> [1, 1, 1] {
        ConvTranspose2d<_, 1, 1, Stride<4611686018427387904>, Pad<9223372036854775808>>
    }
}
network! { struct G: [5, 5, 1] -> [5, 5, 1] { Conv2d<_, 1, 100000> } }

fn main() {}
