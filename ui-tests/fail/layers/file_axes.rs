use shapewright::prelude::*;

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Twice {
    #[params(axes(1, 1))]
    weight: [[f32; 2]; 3],
}

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct TooFew {
    #[params(axes(1, 0))]
    weight: [[[f32; 2]; 3]; 4],
}

fn main() {}
