//! Trains LeNet-5 on MNIST's handwritten digits and prints its accuracy on the test images.
//!
//! It is the network of Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, 1998, "Gradient-Based
//! Learning Applied to Document Recognition", as it is built today: with ReLU, max pooling and
//! cross-entropy.
//!
//! ```sh
//! cargo run --release --features gzip,progress --example lenet -- path/to/mnist
//! ```
//!
//! The folder holds the four files of the data set, plain or gzipped; if some are missing, the
//! program says which. Ten epochs take about half a minute on two cores. With the feature
//! `safetensors`, a second argument is the file to which the weights are written: those in
//! `examples/microcontroller` come from here.

use std::error::Error;
use std::process::ExitCode;

use shapewright::prelude::*;

#[path = "data/mnist.rs"]
mod mnist;

network! {
    struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

const EPOCHS: usize = 10;
const BATCH: usize = 128;

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

    println!("{}\n", LeNet::summary());
    let mut net = LeNet::init(&mut shapewright::rng(0));
    let steps = EPOCHS * mnist.train_images.len().div_ceil(BATCH);
    let trainer = LeNet::trainer(Adam::new(1e-3), CrossEntropy)
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

    #[cfg(feature = "safetensors")]
    if let Some(path) = std::env::args_os().nth(2) {
        net.save(path)?;
    }
    Ok(())
}
