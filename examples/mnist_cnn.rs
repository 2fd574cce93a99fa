//! Trains a convolutional network on MNIST's handwritten digits, and prints its accuracy on the test
//! images: in `f32`, with 8-bit weights after calibration, and after training in 8 bits.
//!
//! ```sh
//! cargo run --release --features gzip,progress --example mnist_cnn -- path/to/mnist
//! ```
//!
//! The folder holds the four files of the data set, plain or gzipped; if some are missing, the
//! program says which. Five epochs take about a minute on two cores.

use std::error::Error;
use std::process::ExitCode;

use shapewright::nn::Calibration;
use shapewright::prelude::*;

#[path = "data/mnist.rs"]
mod mnist;

network! {
    #[quantized(CnnInt8, training = CnnQat)]
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
/// The number of images on which the ranges of activations are measured.
const CALIBRATION: usize = 1000;

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

    let print = |what: &str, net: &CnnInt8| -> Result<(), Box<dyn Error>> {
        let confusion = net.evaluate(&mnist.test_images, &mnist.test_labels)?;
        println!("8 bits, {what}: {:.2} %", 100.0 * confusion.accuracy()?);
        Ok(())
    };
    let samples = &mnist.train_images[..CALIBRATION];
    let min_max = Calibration::min_max();
    print("min-max", &*net.quantized(&min_max, samples)?)?;
    let percentile = Calibration::percentile(99.99);
    print("percentile 99.99", &*net.quantized(&percentile, samples)?)?;
    print(
        "entropy",
        &*net.quantized(&Calibration::entropy(), samples)?,
    )?;

    let mut qat = net.quantized_training(&min_max, samples)?;
    CnnQat::trainer(Adam::new(1e-5), CrossEntropy)
        .batch_size(BATCH)
        .fit(&mut qat, &mnist.train_images, &mnist.train_labels)?;
    print("min-max and an epoch of training", &*qat.quantized()?)?;

    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "{:.2} MB of parameters, {:.2} MB with 8-bit weights",
        megabytes(size_of::<Cnn>()),
        megabytes(size_of::<CnnInt8>())
    );
    Ok(())
}
