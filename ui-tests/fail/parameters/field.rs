use shapewright::prelude::*;

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Mixed {
    w: [f32; 3],
    v: f64,
}

fn main() {}
