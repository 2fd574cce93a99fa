use shapewright::Parameters;

#[derive(Parameters)]
#[repr(C, align(64))]
struct Larger {
    a: [f32; 3],
}

#[derive(Parameters)]
#[repr(C)]
#[repr(align(32))]
struct Full {
    a: [f32; 8],
}

fn main() {
    let larger = Larger { a: [0.0; 3] };
    let full = Full { a: [0.0; 8] };
    println!("{} {}", larger.a.len(), full.as_slice().len());
}
