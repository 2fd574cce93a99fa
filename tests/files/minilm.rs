//! MiniLM, a BERT that others have trained, against the vectors of PyTorch.
#![cfg(all(feature = "npy", feature = "safetensors", feature = "tokenizers"))]

use shapewright::data::npy;
use shapewright::data::text::Tokenizer;
use shapewright::nn::Calibration;
use shapewright::prelude::*;
use shapewright::tensor::Rank1;

use crate::common::{minilm_file, shared_file};

#[path = "../../examples/search_text/model.rs"]
mod model;

use model::{Encoder, WIDTH};

/// All sentences have PyTorch's vectors: those of up to 16 tokens in the short network, the others in
/// the long one, which shares its parameters.
#[test]
fn sentences_have_the_vectors_of_pytorch() {
    let (Some(weights), Some(_), Some(sentences), Some(expected)) = (
        minilm_file("model.safetensors"),
        minilm_file("tokenizer.json"),
        shared_file("minilm", "sentences.txt"),
        shared_file("minilm", "embeddings.npy"),
    ) else {
        return;
    };
    let encoder = Encoder::open(weights.parent().expect("a folder")).expect("the model");
    let sentences = std::fs::read_to_string(sentences).expect("sentences");
    let sentences: Vec<&str> = sentences.lines().collect();
    let expected: Box<Tensor2<64, WIDTH>> = npy::read(expected).expect("vectors");

    let vectors = encoder.embed(&sentences).expect("vectors");
    assert_eq!(vectors.len(), 64);
    for ((vector, expected), sentence) in vectors.iter().zip(expected.as_array()).zip(&sentences) {
        for (x, y) in vector.iter().zip(expected) {
            assert!((x - y).abs() < 1e-6, "{sentence}: {x}, expected {y}");
        }
        let cosine = vector.dot(&Tensor1::from(*expected));
        assert!(cosine > 0.999_999, "{sentence}: {cosine}");
    }
}

network! {
    #[quantized(LayerInt8)]
    struct QuantizedLayer: (x: [16, WIDTH], mask: [16]) -> [16, WIDTH] {
        attention: MultiHeadAttention<_, 12, KeyPaddingMask> <- (x, mask),
        Add <- (x, attention),
        attention_norm: LayerNorm(1e-12),
        intermediate: Linear<_, 1536>,
        Gelu,
        output: Linear<_, WIDTH>,
        Add <- (attention_norm, output),
        output_norm: LayerNorm(1e-12),
    }
}
network! {
    #[quantized(MiniLmInt8)]
    struct Quantized: (tokens: [16], segments: [16], mask: [16]) -> [WIDTH] {
        word_embeddings: Embedding<30522, WIDTH> <- tokens,
        position_embeddings: PositionalEmbedding<512>,
        token_type_embeddings: Embedding<2, WIDTH> <- segments,
        Add <- (position_embeddings, token_type_embeddings),
        norm: LayerNorm(1e-12),
        layer0: QuantizedLayer <- (norm, mask),
        layer1: QuantizedLayer <- (layer0, mask),
        layer2: QuantizedLayer <- (layer1, mask),
        layer3: QuantizedLayer <- (layer2, mask),
        layer4: QuantizedLayer <- (layer3, mask),
        layer5: QuantizedLayer <- (layer4, mask),
        MeanOverTime <- (layer5, mask),
    }
}

/// With embeddings and dense layers in 8 bits, calibrated on 16 sentences, the vectors of the others
/// have nearly the same directions.
#[test]
fn vectors_of_8_bits_have_nearly_the_same_directions() {
    let (Some(weights), Some(tokenizer), Some(sentences)) = (
        minilm_file("model.safetensors"),
        minilm_file("tokenizer.json"),
        shared_file("minilm", "sentences.txt"),
    ) else {
        return;
    };
    let net: Box<Quantized> = model::loader(&weights)
        .expect("a file")
        .load()
        .expect("weights");
    let tokenizer = Tokenizer::<30522>::read(tokenizer).expect("a tokenizer");
    let sentences = std::fs::read_to_string(sentences).expect("sentences");
    let inputs: Vec<_> = sentences
        .lines()
        .map(|text| {
            let text = tokenizer.encode_padded::<16>(text).expect("a text");
            Tensor::<(Rank1<16>, Rank1<16>, Rank1<16>)>::from((
                text.tokens,
                text.segments,
                text.mask,
            ))
        })
        .collect();
    let (calibration, others) = inputs.split_at(16);
    let int8 = net
        .quantized(&Calibration::min_max(), calibration)
        .expect("finite numbers");

    let cosine = |a: &Tensor1<WIDTH>, b: &Tensor1<WIDTH>| a.dot(b) / (a.dot(a) * b.dot(b)).sqrt();
    let cosines: Vec<f32> = others
        .iter()
        .map(|x| cosine(&net.forward(x), &int8.forward(x)))
        .collect();
    let lowest = cosines.iter().copied().fold(1.0, f32::min);
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    println!(
        "cosines: {mean:.4}, at least {lowest:.4}; {} and {} bytes",
        size_of::<Quantized>(),
        size_of::<MiniLmInt8>()
    );
    assert!(mean > 0.99 && lowest > 0.95, "{cosines:?}");
}
