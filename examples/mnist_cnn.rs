//! Trains a convolutional network on MNIST's handwritten digits and prints its accuracy on the test
//! images.
//!
//! ```sh
//! cargo run --release --features gzip,progress --example mnist_cnn -- path/to/mnist
//! ```
//!
//! The folder holds the four files of the data set, plain or gzipped; if some are missing, the
//! program says which. Five epochs take about a minute on two cores.

use std::error::Error;
use std::process::ExitCode;

use shapewright::prelude::*;

#[path = "data/mnist.rs"]
mod mnist;

network! {
    struct Cnn: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 32, 3>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 64, 3>,
        Relu,
        Flatten,
        fc: Linear<_, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

const EPOCHS: usize = 5;
const BATCH: usize = 64;

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
    let mnist = mnist::read()?;

    println!("{}\n", Cnn::summary());
    let mut net = Cnn::init(&mut shapewright::rng(0));
    let steps = EPOCHS * mnist.train_images.len().div_ceil(BATCH);
    let trainer = Cnn::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(EPOCHS)
        .batch_size(BATCH)
        .schedule(CosineAnnealingLr::new(1e-3, steps as u64));
    #[cfg(feature = "progress")]
    let trainer = trainer.progress(true);

    let history = trainer.fit(&mut net, &mnist.train_images, &mnist.train_labels)?;
    for epoch in &history.epochs {
        println!(
            "epoch {:>2}: loss {:.4}, {:.1} s",
            epoch.epoch, epoch.loss, epoch.seconds
        );
    }
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    println!("trained in {seconds:.1} s");

    let confusion = net.evaluate(&mnist.test_images, &mnist.test_labels)?;
    println!("test accuracy: {:.2} %", 100.0 * confusion.accuracy()?);
    Ok(())
}
