use shapewright::Parameters;

#[derive(Parameters)]
#[repr(C)]
#[repr(packed)]
struct Apart {
    a: [f32; 3],
}

#[derive(Parameters)]
#[repr(C, packed)]
struct Together {
    a: [f32; 3],
}

#[derive(Parameters)]
#[repr(packed(2), C)]
struct ToTwo {
    a: [f32; 3],
}

#[derive(Parameters)]
#[cfg_attr(all(), repr(C), repr(packed(1)))]
struct Sometimes {
    a: [f32; 3],
}

#[derive(Parameters)]
#[repr(packed)]
struct WithoutC {
    a: [f32; 3],
}

fn main() {}
