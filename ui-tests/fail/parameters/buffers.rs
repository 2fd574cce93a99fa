use shapewright::ext::Buffer;
use shapewright::prelude::*;
use shapewright::tensor::Rank1;

#[derive(Parameters)]
#[repr(C)]
struct Bytes {
    weight: [[i8; 3]; 4],
}

#[derive(Parameters)]
#[repr(C)]
struct Measured {
    #[params(statistic)]
    mean: Buffer<Rank1<3>, f64>,
}

#[derive(Parameters)]
#[repr(C)]
struct Wide {
    scale: [f32; 3],
    counts: Buffer<Rank1<1>, u64>,
}

fn main() {}
