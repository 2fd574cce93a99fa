//! A GPT-2 with the names and layouts of Hugging Face's library, against its logits and its text.
#![cfg(feature = "safetensors")]

use serde_json::Value;
use shapewright::prelude::*;
use shapewright::weights::Loader;

const WEIGHTS: &[u8] = include_bytes!("../reference/gpt2.safetensors");
const EXPECTED: &str = include_str!("../reference/gpt2.json");

network! {
    #[stream]
    struct Gpt2: [32] -> [32, 97] {
        wte: Embedding<97, 24>,
        wpe: PositionalEmbedding<32>,
        h: Repeat<2> {
            Residual { ln_1: LayerNorm, attn: MultiHeadAttention<_, 3, Causal> },
            Residual { ln_2: LayerNorm, c_fc: Linear<_, 96>, GeluTanh, c_proj: Linear<_, 24> },
        },
        ln_f: LayerNorm,
        #[tied(wte)]
        Unembedding<_, 97>,
    }
}

/// Dense layers are `[in_features, out_features]` in these files.
fn weights() -> Box<Gpt2> {
    let loader = Loader::from_bytes(WEIGHTS).expect("a file");
    let loader = loader.rename_patterns(&[
        ("transformer.h.{i}.ln_1", "h.{i}.0.ln_1"),
        (
            "transformer.h.{i}.attn.c_attn.weight",
            "h.{i}.0.attn.in_proj_weight",
        ),
        (
            "transformer.h.{i}.attn.c_attn.bias",
            "h.{i}.0.attn.in_proj_bias",
        ),
        ("transformer.h.{i}.attn.c_proj", "h.{i}.0.attn.out_proj"),
        ("transformer.h.{i}.ln_2", "h.{i}.1.ln_2"),
        ("transformer.h.{i}.mlp", "h.{i}.1"),
        ("transformer", ""),
    ]);
    let dense = |name: &str| name.starts_with("h.") && !name.contains("ln_");
    let loader = loader.expect("names").transpose(dense);
    loader.load().unwrap_or_else(|error| panic!("{error}"))
}

fn numbers(list: &Value) -> Vec<f32> {
    let list = list.as_array().expect("a list").iter();
    list.map(|x| x.as_f64().expect("a number") as f32).collect()
}

#[test]
fn logits_are_those_of_hugging_face() {
    let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
    let tokens = numbers(&expected["tokens"]);
    let logits = weights().forward(&Tensor1::from_slice(&tokens).expect("32 tokens"));
    let expected = numbers(&expected["logits"]);
    assert_eq!(logits.as_slice().len(), expected.len());
    for (y, expected) in logits.iter().zip(expected) {
        assert!((y - expected).abs() < 1e-4, "{y}, expected {expected}");
    }
}

#[test]
fn text_is_that_of_hugging_face() {
    let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
    let expected = numbers(&expected["text"]);
    let net = weights();
    let mut stream = Gpt2::stream_boxed();
    let mut text = expected[..5].to_vec();
    for position in 0..31 {
        let logits = stream.step(&net, &Tensor0::from(text[position]));
        if position + 1 == text.len() {
            text.push(logits.argmax() as f32);
        }
    }
    assert_eq!(text, expected);
}
