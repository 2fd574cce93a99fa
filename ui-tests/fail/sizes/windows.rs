use shapewright::prelude::*;

// Factors, paddings and dilations that do not fit into 64 bits once they are multiplied: beyond them, some would be 1.
network! { struct A: [9, 2] -> [7, 2] { MaxPool1d<3, Stride<1>, Dilation<9223372036854775809>> } }
network! { struct B: [2, 1, 1] -> [2, 1, 1] { Upsample<(9223372036854775809, 1)> } }
network! { struct C: [2, 1, 1] -> [2, 1, 1] { UpsampleBilinear<(1, 18446744073709551613)> } }
network! { struct D: [1, 1, 1] -> [4, 1, 1] { ZeroPad2d<(0, 0, 9223372036854775809, 9223372036854775810)> } }
network! { struct E: [5, 1] -> [5, 1] { AvgPool1d<9223372036854775808, Stride<1>, Pad<4611686018427387904>> } }
network! { struct F: [1099511627776, 1] -> [1, 1] { AdaptiveAvgPool1d<1099511627775>, AdaptiveMaxPool1d<1> } }
network! { struct G: [4, 4, 1] -> [4, 4, 1] { MaxPool2d<1, Stride<9223372036854775808, 1>> } }

fn main() {}
