//! A small Llama: its network, and its tokens.

use shapewright::prelude::*;

/// The number of tokens.
pub const TOKENS: usize = 512;
/// The longest story.
pub const LENGTH: usize = 512;
/// The token at the beginning and at the end of a story.
pub const END: usize = 1;

network! {
    /// Tokens to the logits of the next ones (Touvron et al., 2023, "LLaMA").
    #[stream]
    pub struct Stories: [LENGTH] -> [LENGTH, TOKENS] {
        embedding: Embedding<TOKENS, 64>,
        blocks: Repeat<5> {
            attention: Residual {
                norm: RmsNorm(1e-5),
                heads: MultiHeadAttention<_, 8, KvHeads<4>, Causal, RotaryInterleaved, NoBias>,
            },
            feed_forward: Residual {
                norm: RmsNorm(1e-5),
                w1: Linear<_, 172, NoBias>,
                gate: Silu,
                w3: Linear<_, 172, NoBias> <- norm,
                Mul <- (gate, w3),
                w2: Linear<_, 64, NoBias>,
            },
        },
        norm: RmsNorm(1e-5),
        #[tied(embedding)]
        Unembedding<_, TOKENS>,
    }
}
