use shapewright::prelude::*;

network! {
    pub struct Net: [8, 8, 32] -> [8, 8, 32] {
        norm: GroupNorm<5, _>,
    }
}

fn main() {
    println!("{:?}", Net::zeros().norm.weight);
}
