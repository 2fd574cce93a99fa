use shapewright::prelude::*;

const PIXELS: usize = 28 * 28;
const HIDDEN: usize = 128;
const WRONG: usize = HIDDEN / 2;
const CLASSES: usize = 10;

network! {
    pub struct Net: [PIXELS] -> [CLASSES] {
        fc1: Linear<PIXELS, HIDDEN>,
        Relu,
        head: Linear<WRONG, CLASSES>,
    }
}

fn main() {}
