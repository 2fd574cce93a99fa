//! Trains an autoencoder that removes the noise from handwritten digits of 8 by 8 pixels: it
//! encodes a noisy image in 24 numbers and decodes the clean image from them. Prints the error of
//! the reconstructions on test images, and draws some images as PNG: clean, noisy and
//! reconstructed, one below the other.
//!
//! ```sh
//! cargo run --release --features plots,progress --example autoencoder
//! ```
//!
//! It writes the picture to `target/autoencoder.png`, or to the file that is given as an argument.
//! It takes a few seconds.

use std::error::Error;

use shapewright::augment::{Augmenter, GaussianNoise};
use shapewright::data::{gather, stratified_split};
use shapewright::metrics::RootMeanSquaredError;
use shapewright::plots::ImageGrid;
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod digits;

network! {
    struct Encoder: [8, 8, 1] -> [24] {
        conv1: Conv2d<_, 16, 3, Pad<1>>,
        Relu,
        conv2: Conv2d<_, 32, 3, Stride<2>, Pad<1>>,
        Relu,
        Flatten,
        code: Linear<_, 24>,
    }
}

network! {
    struct Decoder: [24] -> [8, 8, 1] {
        fc: Linear<_, { 4 * 4 * 32 }>,
        Relu,
        Reshape<4, 4, 32>,
        up: ConvTranspose2d<_, 16, 2, Stride<2>>,
        Relu,
        conv: Conv2d<_, 1, 3, Pad<1>>,
        Sigmoid,
    }
}

network! {
    struct Autoencoder: [8, 8, 1] -> [8, 8, 1] {
        encoder: Encoder,
        decoder: Decoder,
    }
}

const EPOCHS: usize = 60;
const BATCH: usize = 32;
/// The standard deviation of the noise; pixels are from 0 to 1.
const NOISE: f64 = 0.3;
/// The number of images that are drawn.
const DRAWN: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or("target/autoencoder.png".into());
    let (images, labels) = digits::read()?;
    let mut rng = shapewright::rng(0);
    let [train, clean] =
        stratified_split(&labels, [0.8, 0.2], &mut rng)?.map(|part| gather(&images, &part));
    println!("{}\n", Autoencoder::summary());

    let mut net = Autoencoder::init(&mut rng);
    let steps = EPOCHS * train.len().div_ceil(BATCH);
    // The noise is different in each epoch, so that the network can't memorize it.
    let history = Autoencoder::trainer(Adam::new(2e-3), Mse)
        .epochs(EPOCHS)
        .batch_size(BATCH)
        .schedule(CosineAnnealingLr::new(2e-3, steps as u64))
        .augment(GaussianNoise::new(NOISE))
        .progress(true)
        .fit(&mut net, &train, &train)?;

    for epoch in history.epochs.iter().filter(|epoch| epoch.epoch % 10 == 0) {
        println!("epoch {}: loss {:.4}", epoch.epoch, epoch.loss);
    }
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    println!("trained in {seconds:.1} s");

    let mut noisy = clean.clone();
    let mut drawn = clean.clone();
    let mut augmenter = Augmenter::new(GaussianNoise::new(NOISE), 1);
    noisy
        .iter_mut()
        .enumerate()
        .for_each(|(i, image)| augmenter.augment(0, i, image));
    net.forward_batch(&noisy, &mut drawn);

    let error = |images| RootMeanSquaredError::new().of(images, &clean);
    let before = error(&noisy)?;
    let after = error(&drawn)?;
    println!(
        "test images: pixels are off by {before:.3} with the noise, and by {after:.3} reconstructed"
    );
    println!("(root of the mean square, where black is 0 and white is 1)");

    let mut grid = ImageGrid::new()
        .columns(DRAWN)
        .scale(6)
        .title("clean, noisy, reconstructed");
    for image in [&clean, &noisy, &drawn]
        .into_iter()
        .flat_map(|images| &images[..DRAWN])
    {
        grid.add(image, "");
    }
    grid.save(&path)?;
    println!("{path} has {DRAWN} of them");
    Ok(())
}
