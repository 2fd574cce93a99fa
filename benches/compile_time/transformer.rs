//! A character model of 12 transformer blocks of width 384, written one after another instead of in
//! a `Repeat`, and its training step.

use std::error::Error;

use shapewright::prelude::*;

network! {
    struct Gpt: [128] -> [128, 256] {
        wte: Embedding<256, 384>,
        wpe: PositionalEmbedding,
        attention1: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp1: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention2: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp2: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention3: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp3: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention4: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp4: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention5: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp5: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention6: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp6: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention7: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp7: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention8: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp8: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention9: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp9: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention10: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp10: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention11: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp11: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        attention12: Residual { ln: LayerNorm, attn: MultiHeadAttention<_, 6, Causal> },
        mlp12: Residual { ln: LayerNorm, fc: Linear<_, 1536>, Gelu, proj: Linear<_, 384> },
        ln: LayerNorm,
        head: Linear<_, 256>,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut net = Gpt::init(&mut shapewright::rng(0));
    let x = [Tensor1::zeros()];
    let labels = [[Label::<256>::new(3)?; 128]];
    let (mut workspace, mut gradient) = (Gpt::workspace(), Gpt::zeros());
    let mut state = AdamW::new(1e-3).state::<Gpt>();
    let mut pass = net.forward_train(&x, &mut workspace);
    let loss = pass.loss(&CrossEntropy, &labels);
    pass.backward(&mut gradient);
    state.step(&mut net, &gradient);
    println!("loss {loss}, class {}", net.forward(&x[0]).argmax() % 256);
    Ok(())
}
