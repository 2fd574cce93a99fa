use shapewright::prelude::*;

network! {
    #[repr(packed)]
    struct Packed: [4] -> [3] { fc: Linear<_, 3> }
}

network! {
    #[cfg_attr(all(), repr(packed(2)))]
    struct Sometimes: [4] -> [3] { fc: Linear<_, 3> }
}

network! {
    #[repr(C, align(128))]
    struct Larger: [4] -> [3] { fc: Linear<_, 3> }
}

network! {
    #[cfg_attr(all(), repr(align(128)))]
    struct SometimesLarger: [4] -> [3] { fc: Linear<_, 3> }
}

fn main() {}
