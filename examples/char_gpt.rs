//! Trains a GPT on characters and lets it write: 4 blocks, 4 heads, width 128 and 64 characters of
//! context, the size of nanoGPT's example for a CPU.
//!
//! ```sh
//! cargo run --release --features safetensors,progress,ctrlc --example char_gpt
//! cargo run --release --features safetensors,progress,ctrlc --example char_gpt -- train path/to/input.txt 2000
//! cargo run --release --features safetensors,progress,ctrlc --example char_gpt -- write "ROMEO:" 500
//! ```
//!
//! Without a path it trains on the first scenes of Coriolanus, which come with the example. The
//! training can be interrupted with Ctrl-C and goes on where it was; it saves the network, which
//! `write` reads again. Karpathy's "tiny Shakespeare" takes a minute for 2,000 steps, and gives 1.81 nats per
//! character.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use shapewright::data::text::{NextToken, Vocabulary, VocabularyBuilder};
use shapewright::generate::Sampling;
use shapewright::prelude::*;

const TOKENS: usize = 65;
const CONTEXT: usize = 64;
const WIDTH: usize = 128;

network! {
    /// Characters to the logits of the next ones. A step of its stream keeps the keys and values of
    /// the last 64 characters.
    #[stream]
    struct Gpt: [CONTEXT] -> [CONTEXT, TOKENS] {
        wte: Embedding<TOKENS, WIDTH>,
        wpe: PositionalEmbedding,
        h: Repeat<4> {
            attention: Residual {
                ln_1: LayerNorm,
                attn: MultiHeadAttention<_, 4, Causal>,
            },
            mlp: Residual {
                ln_2: LayerNorm,
                c_fc: Linear<_, { 4 * WIDTH }>,
                Gelu,
                c_proj: Linear<_, WIDTH>,
            },
        },
        ln_f: LayerNorm,
        lm_head: Linear<_, TOKENS>,
    }
}

const SHAKESPEARE: &str = include_str!("data/shakespeare.txt");
const FOLDER: &str = "target/char_gpt";

const BATCH: usize = 12;
/// The steps between two measurements, each an epoch of the trainer.
const STEPS: usize = 250;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => train(SHAKESPEARE, STEPS),
        ["train", path] => read(path).and_then(|text| train(&text, 2000)),
        ["train", path, steps] => read(path).and_then(|text| train(&text, steps.parse()?)),
        ["write"] => write("\n", 500),
        ["write", prompt] => write(prompt, 500),
        ["write", prompt, n] => n.parse().map_err(Into::into).and_then(|n| write(prompt, n)),
        _ => Err("use `train <file> <steps>` or `write <prompt> <characters>`".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &str) -> Result<String, Box<dyn Error>> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
}

/// Trains on the first nine tenths of a text and measures on the rest.
fn train(text: &str, steps: usize) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(FOLDER);
    std::fs::create_dir_all(folder)?;
    let vocabulary: Vocabulary<TOKENS> = VocabularyBuilder::characters().build([text])?;
    vocabulary.write(folder.join("vocabulary.txt"))?;

    let tokens = vocabulary.encode(text)?;
    let (train, validation) = tokens.split_at(tokens.len() / 10 * 9);
    let windows = NextToken::<TOKENS, CONTEXT>::new(train)?.draw(STEPS * BATCH);
    let (x, targets) = NextToken::<TOKENS, CONTEXT>::new(validation)?
        .stride(CONTEXT)
        .to_vecs();
    println!("{}\n", Gpt::summary());
    println!(
        "{} characters, {} of them different",
        tokens.len(),
        vocabulary.len()
    );

    let mut net = Gpt::init(&mut shapewright::rng(1337));
    initialize(&mut net);
    let trainer = Gpt::trainer(
        AdamW::new(2e-3).betas(0.9, 0.99).weight_decay(0.1),
        CrossEntropy,
    )
    .epochs(steps.div_ceil(STEPS))
    .batch_size(BATCH)
    .clip_grad_norm(1.0)
    .schedule(
        CosineAnnealingLr::new(2e-3, steps as u64)
            .eta_min(1e-4)
            .warm_up(100, 0.0),
    )
    .validate(&x, &targets)
    .checkpoint(folder.join("checkpoint"))
    .resume(true)
    .on_epoch(|epoch, net| {
        let validation = epoch.validation_loss.unwrap_or(f64::NAN);
        println!(
            "{:>5} steps: loss {:.3}, validation {validation:.3} nats per character, {:.1} s",
            epoch.epoch * STEPS,
            epoch.loss,
            epoch.seconds
        );
        match continued(net, &vocabulary, "\n", 150) {
            Ok(text) => println!("{}\n", text.trim()),
            Err(error) => println!("{error}"),
        }
        std::ops::ControlFlow::Continue(())
    });
    #[cfg(feature = "ctrlc")]
    let trainer = trainer.stop_on_ctrl_c(true);
    #[cfg(feature = "progress")]
    let trainer = trainer.progress(true);

    let history = trainer.fit_dataset(&mut net, &windows)?;
    if history.interrupted {
        println!("interrupted; the same command goes on");
        return Ok(());
    }
    net.save(folder.join("gpt.safetensors"))?;
    println!("saved in {FOLDER}; write with `char_gpt -- write \"ROMEO:\" 500`");
    Ok(())
}

/// Sets the initial values of GPT-2 (Radford et al., 2019): weights are normal with the standard
/// deviation 0.02, smaller by the root of the number of residual blocks where these end, and biases
/// are 0.
fn initialize(net: &mut Gpt) {
    let mut rng = shapewright::rng(1337);
    let scaled = 0.02 / 8.0_f64.sqrt();
    net.for_each_param_mut(|name, sizes, values| match sizes {
        [_, _] => {
            let ends = name.ends_with("out_proj.weight") || name.ends_with("c_proj.weight");
            let std = if ends { scaled } else { 0.02 };
            for x in values {
                *x = Tensor1::<1>::normal(0.0, std, &mut rng)[0];
            }
        }
        _ if name.ends_with("bias") => values.fill(0.0),
        _ => {}
    });
}

/// Writes a text behind a prompt.
fn write(prompt: &str, n: usize) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(FOLDER);
    let vocabulary = Vocabulary::read(folder.join("vocabulary.txt"))?;
    let mut net = Gpt::zeros();
    net.load(folder.join("gpt.safetensors"))?;

    let start = std::time::Instant::now();
    let text = continued(&net, &vocabulary, prompt, n)?;
    println!("{prompt}{text}\n");
    println!(
        "{:.0} characters per second",
        n as f64 / start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Returns `n` characters behind a prompt. Positions are learned for one context: at its end, the
/// stream begins anew with the last half of it.
fn continued(
    net: &Gpt,
    vocabulary: &Vocabulary<TOKENS>,
    prompt: &str,
    n: usize,
) -> Result<String, Box<dyn Error>> {
    let mut sampler = Sampling::new()
        .temperature(0.8)
        .top_k(40)
        .seed(1)
        .sampler::<TOKENS>()?;
    let mut stream = Gpt::stream_boxed();
    let mut logits = Tensor1::zeros();

    let mut text = vocabulary.encode(prompt)?;
    let given = text.len();
    let mut first = given.saturating_sub(CONTEXT);
    let mut read = first;
    while text.len() < given + n {
        if read - first == CONTEXT {
            stream.reset();
            first = read - CONTEXT / 2;
            read = first;
        }
        while read < text.len() && read - first < CONTEXT {
            stream.step_into(
                net,
                &Tensor0::from(text[read].to_element::<f32>()),
                &mut logits,
            );
            read += 1;
        }
        if read == text.len() {
            text.push(sampler.next(&logits, &text)?);
        }
    }
    Ok(vocabulary.decode(&text[given..]))
}
