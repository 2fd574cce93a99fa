//! MiniLM-L6-v2, a BERT that turns texts into vectors: its network, its weights and its tokens.

use std::error::Error;
use std::path::Path;

use shapewright::data::text::{Encoding, Tokenizer};
use shapewright::prelude::*;
use shapewright::tensor::Rank1;
use shapewright::weights::{LoadError, Loader};

/// The number of tokens of a short text and of a long one, with the two special ones. The model knows
/// up to 512.
pub const SHORT: usize = 16;
pub const LONG: usize = 64;
/// The width of a vector.
pub const WIDTH: usize = 384;
/// The number of tokens that the model knows.
pub const TOKENS: usize = 30_522;

/// Defines the network over texts of one length. All of them have the same parameters.
macro_rules! minilm {
    ($net:ident, $layer:ident, $length:ident) => {
        network! {
            /// A layer of BERT (Devlin et al., 2019): normalizations come behind the sums.
            pub struct $layer: (x: [$length, WIDTH], mask: [$length]) -> [$length, WIDTH] {
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
            /// Tokens to the mean of what the last layer gives for them. Segments tell the texts of a
            /// pair apart.
            pub struct $net: (tokens: [$length], segments: [$length], mask: [$length]) -> [WIDTH] {
                word_embeddings: Embedding<TOKENS, WIDTH> <- tokens,
                position_embeddings: PositionalEmbedding<512>,
                token_type_embeddings: Embedding<2, WIDTH> <- segments,
                Add <- (position_embeddings, token_type_embeddings),
                norm: LayerNorm(1e-12),

                layer0: $layer <- (norm, mask),
                layer1: $layer <- (layer0, mask),
                layer2: $layer <- (layer1, mask),
                layer3: $layer <- (layer2, mask),
                layer4: $layer <- (layer3, mask),
                layer5: $layer <- (layer4, mask),

                MeanOverTime <- (layer5, mask),
            }
        }
    };
}
minilm!(MiniLm, Layer, LONG);
minilm!(ShortMiniLm, ShortLayer, SHORT);

/// A model that turns texts into vectors of length 1: the nearer their product is to 1, the more
/// alike are the meanings.
pub struct Encoder {
    pub net: Box<MiniLm>,
    pub tokenizer: Tokenizer<TOKENS>,
}

impl Encoder {
    /// Reads `model.safetensors` and `tokenizer.json` of a folder.
    pub fn open(folder: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(Encoder {
            net: weights(&folder.join("model.safetensors"))?,
            tokenizer: Tokenizer::read(folder.join("tokenizer.json"))?,
        })
    }

    /// Returns the vectors of texts. What is behind the first 62 tokens of a text is not read.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Tensor1<WIDTH>>, Box<dyn Error>> {
        // Short texts take less time in a short network.
        let mut short: Vec<Input<SHORT>> = Vec::new();
        let mut long: Vec<Input<LONG>> = Vec::new();
        let mut places = [Vec::new(), Vec::new()];
        for (i, text) in texts.iter().enumerate() {
            let encoding = self.tokenizer.encode_padded::<LONG>(text)?;
            if encoding.len <= SHORT {
                short.push(input(&encoding));
                places[0].push(i);
            } else {
                long.push(input(&encoding));
                places[1].push(i);
            }
        }

        let outputs = [
            self.net.share::<ShortMiniLm>().predict(&short),
            self.net.predict(&long),
        ];
        let mut vectors = vec![Tensor1::zeros(); texts.len()];
        for (&i, vector) in places.iter().flatten().zip(outputs.iter().flatten()) {
            vectors[i] = *vector * (1.0 / vector.dot(vector).sqrt());
        }
        Ok(vectors)
    }
}

/// The input of a network over texts of `L` tokens: tokens, segments and mask.
type Input<const L: usize> = Tensor<(Rank1<L>, Rank1<L>, Rank1<L>)>;

/// Returns the first `L` tokens of a text, as a network takes them.
fn input<const L: usize>(text: &Encoding<LONG>) -> Input<L> {
    let first = |x: &Tensor1<LONG>| Tensor1::from_position(|i| x[i]);
    Tensor::from((
        first(&text.tokens),
        first(&text.segments),
        first(&text.mask),
    ))
}

/// Reads the weights by the names that Hugging Face's library has for them.
pub fn weights(path: &Path) -> Result<Box<MiniLm>, LoadError> {
    loader(path)?.load()
}

/// Opens the file of the weights, with the names that they have here.
pub fn loader(path: &Path) -> Result<Loader<'static>, LoadError> {
    let of = |kind: &str| {
        ["query", "key", "value"]
            .map(|part| ["encoder.layer.{i}.attention.self", part, kind].join("."))
    };

    let loader = Loader::open(path)?
        .concat(&of("weight"), "layer{i}.attention.in_proj_weight")?
        .concat(&of("bias"), "layer{i}.attention.in_proj_bias")?
        .rename_patterns(&[
            ("embeddings.LayerNorm", "norm"),
            ("embeddings", ""),
            (
                "encoder.layer.{i}.attention.output.dense",
                "layer{i}.attention.out_proj",
            ),
            (
                "encoder.layer.{i}.attention.output.LayerNorm",
                "layer{i}.attention_norm",
            ),
            (
                "encoder.layer.{i}.intermediate.dense",
                "layer{i}.intermediate",
            ),
            ("encoder.layer.{i}.output.dense", "layer{i}.output"),
            ("encoder.layer.{i}.output.LayerNorm", "layer{i}.output_norm"),
        ])?
        .allow_unused(|name| name == "position_ids" || name.starts_with("pooler."));
    Ok(loader)
}
