use shapewright::prelude::*;

fn main() {
    let a = Tensor2::<2, 3>::zeros();
    let b = Tensor2::<4, 5>::zeros();
    a.matmul(&b);
}
