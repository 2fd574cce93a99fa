//! MiniLM, a BERT that others have trained, against the vectors of PyTorch.
#![cfg(all(feature = "npy", feature = "safetensors", feature = "tokenizers"))]

use shapewright::data::npy;
use shapewright::prelude::*;

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
