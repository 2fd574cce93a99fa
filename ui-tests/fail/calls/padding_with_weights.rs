use shapewright::loss::IgnorePadding;
use shapewright::prelude::*;

network! {
    pub struct Net: [8] -> [8, 3] {
        Embedding<30, 3>,
    }
}

fn main() {
    let loss = IgnorePadding(CrossEntropy.class_weights([1.0, 2.0, 3.0]));
    let _ = Net::trainer(Adam::new(0.01), loss);
}
