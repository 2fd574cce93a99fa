use shapewright::prelude::*;

network! {
    pub struct Net: [16] -> [16, 65] {
        wte: Embedding<65, 8>,
        wpe: PositionalEmbedding<10>,
        head: Linear<_, 65>,
    }
}

fn main() {}
