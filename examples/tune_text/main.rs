//! Fine-tunes a language model that others have trained, MiniLM, to tell whether a sentence about a
//! film is good or bad (SST-2; Socher et al., 2013). The model stays as it is: small matrices around
//! its layers are trained (LoRA; Hu et al., 2021), and a new layer behind it. Prints the memory of the
//! training before it begins, the accuracy, and the memory that the process took at most.
//!
//! The model's files `model.safetensors` and `tokenizer.json` are those of the example `search_text`.
//! The sentences are lines of a text, a tab and a label, 0 or 1, in `sst2_train.tsv`, `sst2_dev.tsv`
//! and `sst2_test.tsv`.
//!
//! ```sh
//! cargo run --release --features safetensors,tokenizers --example tune_text -- \
//!     target/minilm ../shared/data/sentiment
//! ```

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rand::RngExt;
use shapewright::TrainingMemory;
use shapewright::augment::SampleRng;
use shapewright::data::text::Tokenizer;
use shapewright::metrics::Accuracy;
use shapewright::prelude::*;
use shapewright::tensor::Rank1;

#[allow(dead_code)]
#[path = "../search_text/model.rs"]
mod model;

use model::{TOKENS, WIDTH};

/// The number of tokens of a sentence, with the two special ones. What is longer, one sentence in
/// twenty, is cut off.
const LENGTH: usize = 40;
const BATCH: usize = 16;
const EPOCHS: usize = 5;
const LR: f64 = 5e-4;
/// The share of words that are hidden in training.
const HIDDEN: f64 = 0.1;
/// The token for a hidden word, `[MASK]`, which is the last of those that stand for no word.
const HIDDEN_WORD: f32 = 103.0;
const LAST_SPECIAL: f32 = 103.0;

network! {
    /// A layer of BERT, around whose weights are small matrices of rank 8.
    struct Layer: (x: [LENGTH, WIDTH], mask: [LENGTH]) -> [LENGTH, WIDTH] {
        attention: Lora<8, MultiHeadAttention<_, 12, KeyPaddingMask>>(16.0) <- (x, mask),
        Add <- (x, attention),
        attention_norm: LayerNorm(1e-12),

        intermediate: Lora<8, Linear<_, 1536>>(16.0),
        Gelu,
        output: Lora<8, Linear<_, WIDTH>>(16.0),
        Add <- (attention_norm, output),
        output_norm: LayerNorm(1e-12),
    }
}
network! {
    /// MiniLM, from tokens to the mean of what the last layer gives for them.
    struct Body: (tokens: [LENGTH], segments: [LENGTH], mask: [LENGTH]) -> [WIDTH] {
        word_embeddings: Embedding<TOKENS, WIDTH> <- tokens,
        position_embeddings: PositionalEmbedding<512>,
        token_type_embeddings: Embedding<2, WIDTH> <- segments,
        Add <- (position_embeddings, token_type_embeddings),
        norm: LayerNorm(1e-12),

        layer0: Layer <- (norm, mask),
        layer1: Layer <- (layer0, mask),
        layer2: Layer <- (layer1, mask),
        layer3: Layer <- (layer2, mask),
        layer4: Layer <- (layer3, mask),
        layer5: Layer <- (layer4, mask),

        MeanOverTime <- (layer5, mask),
    }
}
network! {
    struct Classifier: (tokens: [LENGTH], segments: [LENGTH], mask: [LENGTH]) -> [2] {
        // All but the matrices of `Lora`.
        #[frozen]
        body: Body <- (tokens, segments, mask),
        Dropout(0.1),
        head: Linear<_, 2>,
    }
}

/// The memory of training with two values for each parameter, as `AdamW` keeps them, on two threads.
const MEMORY: TrainingMemory = TrainingMemory::of::<Classifier>(BATCH, 2, 2);

type Sentence = Tensor<(Rank1<LENGTH>, Rank1<LENGTH>, Rank1<LENGTH>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, data] = arguments.as_slice() else {
        println!("arguments: the folder of the model, and that of the sentences");
        return Ok(());
    };
    println!(
        "{} parameters, of which {} are trained",
        Classifier::PARAMS,
        Classifier::TRAINABLE_PARAMS
    );
    println!("memory of training: {MEMORY}");

    let (model, data) = (Path::new(model), Path::new(data));
    let mut net = Classifier::init(&mut shapewright::rng(0));
    let loader = model::loader(&model.join("model.safetensors"))?
        .rename(|name| format!("body.{name}"))
        .allow_unused(|name| name == "body.position_ids" || name.starts_with("body.pooler."))
        .allow_missing(|name| name.contains(".lora_") || name.starts_with("head."));
    net.load_from(&loader)?;
    drop(loader);

    let tokenizer = Tokenizer::read(model.join("tokenizer.json"))?;
    let read = |name: &str| read(&data.join(name), &tokenizer);
    let train = read("sst2_train.tsv")?;
    let dev = read("sst2_dev.tsv")?;
    let test = read("sst2_test.tsv")?;
    drop(tokenizer);

    let start = Instant::now();
    let steps = EPOCHS * train.0.len().div_ceil(BATCH);
    Classifier::trainer(AdamW::new(LR).weight_decay(0.01), CrossEntropy)
        .epochs(EPOCHS)
        .batch_size(BATCH)
        .schedule(
            LinearLr::new(LR, steps as u64)
                .start_factor(1.0)
                .end_factor(0.0),
        )
        .clip_grad_norm(1.0)
        .augment(hide_words)
        .validate(&dev.0, &dev.1)
        .metric(Accuracy::new())
        .on_epoch(|epoch, _| {
            println!(
                "epoch {}: loss {:.4}, {:.2} % of the validation set, {:.0} s",
                epoch.epoch,
                epoch.loss,
                100.0 * epoch.metrics[0].1,
                start.elapsed().as_secs_f64()
            );
            ControlFlow::Continue(())
        })
        .fit(&mut net, &train.0, &train.1)?;

    let trained = start.elapsed().as_secs_f64();
    let accuracy = net.evaluate(&test.0, &test.1)?.accuracy()?;
    println!(
        "{:.2} % of {} test sentences, after {trained:.0} s of training",
        100.0 * accuracy,
        test.0.len()
    );
    if let Some(peak) = peak_memory() {
        println!("memory of the process at most: {:.1} MB", peak as f64 / 1e6);
    }
    Ok(())
}

/// Replaces words at random by the token for a hidden word, so that no single one decides.
fn hide_words(sentence: &mut Sentence, rng: &mut SampleRng) {
    let (tokens, ..) = sentence.parts_mut();
    for token in tokens.as_mut_slice() {
        if *token > LAST_SPECIAL && rng.random_bool(HIDDEN) {
            *token = HIDDEN_WORD;
        }
    }
}

/// Reads sentences and their labels.
fn read(
    path: &Path,
    tokenizer: &Tokenizer<TOKENS>,
) -> Result<(Vec<Sentence>, Vec<Label<2>>), Box<dyn Error>> {
    let mut sentences = Vec::new();
    let mut labels = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let (text, label) = line.rsplit_once('\t').ok_or("a line without a label")?;
        let encoding = tokenizer.encode_padded::<LENGTH>(text)?;
        sentences.push(Tensor::from((
            encoding.tokens,
            encoding.segments,
            encoding.mask,
        )));
        labels.push(Label::new(label.parse()?)?);
    }
    Ok((sentences, labels))
}

/// Returns the largest number of bytes of memory that the process has had, where Linux tells it.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
