//! Trains a dense network on MNIST's handwritten digits and prints its accuracy on the test images.
//!
//! ```sh
//! cargo run --release --features gzip,progress --example mnist_mlp -- path/to/mnist
//! ```
//!
//! The folder holds the four files of the data set, plain or gzipped; if some are missing, the
//! program says which. Ten epochs take about three seconds on two cores.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use shapewright::prelude::*;
use shapewright::tensor::Rank1;

#[path = "data/mnist.rs"]
mod mnist;

network! {
    struct Mlp: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

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
    let begin = Instant::now();
    let mnist = mnist::read::<Rank1<784>>()?;
    let reading = begin.elapsed().as_secs_f64();

    println!("{}\n", Mlp::summary());

    let mut net = Mlp::init(&mut shapewright::rng(0));
    let trainer = Mlp::trainer(Sgd::new(0.01).momentum(0.9), CrossEntropy)
        .epochs(10)
        .batch_size(64);
    #[cfg(feature = "progress")]
    let trainer = trainer.progress(true);

    let history = trainer.fit(&mut net, &mnist.train_images, &mnist.train_labels)?;

    for epoch in &history.epochs {
        println!(
            "epoch {:>2}: loss {:.4}, {:.2} s",
            epoch.epoch, epoch.loss, epoch.seconds
        );
    }
    let all: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    let waiting: f64 = history.epochs.iter().map(|epoch| epoch.waiting).sum();
    println!(
        "reading {reading:.2} s, shuffling and waiting for batches {waiting:.2} s, training {:.2} s: waiting for data is {:.1} % \
         of the epochs",
        all - waiting,
        100.0 * waiting / all
    );

    let mut scores = vec![Tensor1::zeros(); mnist.test_images.len()];
    net.forward_batch(&mnist.test_images, &mut scores);
    let right = scores
        .iter()
        .zip(&mnist.test_labels)
        .filter(|(scores, label)| scores.argmax() == label.index());
    println!(
        "test accuracy: {:.2} %",
        100.0 * right.count() as f64 / scores.len() as f64
    );
    Ok(())
}
