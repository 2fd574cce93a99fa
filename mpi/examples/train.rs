//! Trains one of three networks on any number of ranks, and leaves a checkpoint that is the same at
//! each of them, byte for byte.
//!
//! ```sh
//! cargo build --release --example train
//! mpirun -n 4 target/release/examples/train cnn /tmp/cnn.checkpoint 3
//! ```
//!
//! The network is `mlp`, `cnn` (with batch normalization) or `char_gpt`; the last argument is the
//! number of epochs. If the file is there, the training goes on from it.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use shapewright::data::text::{NextToken, Vocabulary, VocabularyBuilder};
use shapewright::distributed::{Communicator, DataParallel};
use shapewright::metrics::Accuracy;
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank3};
use shapewright::train::{Epoch, Trainer};
use shapewright_mpi::Mpi;

network! {
    struct Mlp: [20] -> [4] { Linear<_, 64>, Relu, Dropout(0.1), Linear<_, 64>, Relu, Linear<_, 4> }
}

network! {
    struct Cnn: [12, 12, 1] -> [4] {
        conv1: Conv2d<_, 16, 3>,
        norm1: BatchNorm2d<_>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 3>,
        norm2: BatchNorm2d<_>,
        Relu,
        Flatten,
        head: Linear<_, 4>,
    }
}

const TOKENS: usize = 65;
const CONTEXT: usize = 32;
const WIDTH: usize = 32;

network! {
    struct Gpt: [CONTEXT] -> [CONTEXT, TOKENS] {
        wte: Embedding<TOKENS, WIDTH>,
        wpe: PositionalEmbedding,
        h: Repeat<2> {
            attention: Residual { ln_1: LayerNorm, attn: MultiHeadAttention<_, 4, Causal> },
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

const TEXT: &str = include_str!("../../examples/data/shakespeare.txt");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // Each step takes milliseconds.
    let mpi = Mpi::new()?.timeout(Duration::from_secs(10));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [network, path, epochs] = arguments[..] else {
        return Err("use `train <mlp|cnn|char_gpt> <checkpoint> <epochs>`".into());
    };
    let path = Path::new(path);
    let epochs = epochs.parse()?;
    match network {
        "mlp" => train_mlp(&mpi, path, epochs),
        "cnn" => train_cnn(&mpi, path, epochs),
        "char_gpt" => train_gpt(&mpi, path, epochs),
        _ => Err(format!("`{network}` is none of mlp, cnn, char_gpt").into()),
    }
}

/// Adds what all of the trainings have in common.
fn with_ranks<'a, N: Network, O, L, G>(
    trainer: Trainer<'a, N, O, L, G>,
    mpi: &'a Mpi,
    path: &Path,
    epochs: usize,
) -> Trainer<'a, N, O, L, G> {
    let size = mpi.size();
    trainer
        .epochs(epochs)
        .distributed(DataParallel::new(mpi))
        .checkpoint(path)
        .resume(true)
        .on_epoch(move |Epoch { epoch, loss, .. }, _| {
            println!("{size} ranks, epoch {epoch}: loss {loss:.6}");
            ControlFlow::Continue(())
        })
}

fn train_mlp(mpi: &Mpi, path: &Path, epochs: usize) -> Result<(), Box<dyn Error>> {
    let (x, labels) = samples::<Rank1<20>>(2000)?;
    let mut net = Mlp::init(&mut shapewright::rng(0));
    let trainer = Mlp::trainer(AdamW::new(1e-3), CrossEntropy)
        .batch_size(64)
        .clip_grad_norm(1.0)
        .schedule(CosineAnnealingLr::new(1e-3, 1000))
        .validate(&x[..300], &labels[..300])
        .metric(Accuracy::new());
    with_ranks(trainer, mpi, path, epochs).fit(&mut net, &x[300..], &labels[300..])?;
    Ok(())
}

fn train_cnn(mpi: &Mpi, path: &Path, epochs: usize) -> Result<(), Box<dyn Error>> {
    let (x, labels) = samples::<Rank3<12, 12, 1>>(1000)?;
    let mut net = Cnn::init(&mut shapewright::rng(0));
    let trainer = Cnn::trainer(Sgd::new(0.05).momentum(0.9), CrossEntropy)
        .batch_size(50)
        .validate(&x[..200], &labels[..200])
        .metric(Accuracy::new());
    with_ranks(trainer, mpi, path, epochs).fit(&mut net, &x[200..], &labels[200..])?;
    Ok(())
}

fn train_gpt(mpi: &Mpi, path: &Path, epochs: usize) -> Result<(), Box<dyn Error>> {
    let vocabulary: Vocabulary<TOKENS> = VocabularyBuilder::characters().build([TEXT])?;
    let tokens = vocabulary.encode(TEXT)?;
    let windows = NextToken::<TOKENS, CONTEXT>::new(&tokens)?.draw(240);
    let mut net = Gpt::init(&mut shapewright::rng(0));
    let trainer = Gpt::trainer(AdamW::new(2e-3), CrossEntropy)
        .batch_size(12)
        .clip_grad_norm(1.0);
    with_ranks(trainer, mpi, path, epochs).fit_dataset(&mut net, &windows)?;
    Ok(())
}

/// Inputs and labels.
type Samples<S> = (Vec<Tensor<S>>, Vec<Label<4>>);

/// Returns random inputs, with the quarter of the elements that has the largest sum as the label.
fn samples<S: Shape>(count: usize) -> Result<Samples<S>, Box<dyn Error>> {
    let mut rng = shapewright::rng(1);
    let x: Vec<Tensor<S>> = (0..count)
        .map(|_| Tensor::normal(0.0, 1.0, &mut rng))
        .collect();
    let label = |x: &Tensor<S>| {
        let sums = x
            .as_slice()
            .chunks(S::LEN.div_ceil(4))
            .map(|part| part.iter().sum::<f32>());
        let largest = sums.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        largest.map_or(0, |(label, _)| label)
    };
    let labels = Label::from_values(x.iter().map(label))?;
    Ok((x, labels))
}
