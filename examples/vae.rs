//! Trains a variational autoencoder (Kingma and Welling, 2014) on handwritten digits of 8 by 8
//! pixels, with 8 latent variables. Prints the evidence lower bound (ELBO) of the test images, and
//! draws as PNG: test images and their reconstructions, walks through the latent space from one
//! digit to another, and images from random latent variables.
//!
//! ```sh
//! cargo run --release --features plots,progress --example vae
//! ```
//!
//! It writes the picture to `target/vae.png`, or to the file that is given as an argument. It takes
//! a few seconds.

use std::error::Error;

use shapewright::data::{gather, stratified_split};
use shapewright::plots::ImageGrid;
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod digits;

/// The number of latent variables.
const LATENT: usize = 8;

network! {
    struct Decoder: [LATENT] -> [8, 8, 1] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 128>,
        Relu,
        // The logits of the pixels.
        out: Linear<_, 64>,
        Reshape<8, 8, 1>,
    }
}

network! {
    struct Vae: [8, 8, 1] -> (image: [8, 8, 1], mean: [LATENT], log_variance: [LATENT]) {
        Flatten,
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 128>,
        hidden: Relu,
        mean: Linear<_, LATENT>,
        log_variance: Linear<_, LATENT> <- hidden,
        Reparameterize <- (mean, log_variance),
        image: Decoder,
    }
}

const EPOCHS: usize = 200;
const BATCH: usize = 32;
const RATE: f64 = 2e-3;
/// The number of images in a row of the picture.
const COLUMNS: usize = 12;
const WALKS: usize = 4;

type Image = Tensor3<8, 8, 1>;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or("target/vae.png".into());
    let (images, labels) = digits::read()?;
    let mut rng = shapewright::rng(0);
    let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut rng)?
        .map(|part| gather::<Image>(&images, &part));
    println!("{}\n", Vae::summary());

    let mut net = Vae::init(&mut rng);
    let steps = EPOCHS * train.len().div_ceil(BATCH);
    let history = Vae::trainer(Adam::new(RATE), NegativeElbo(BceWithLogits))
        .epochs(EPOCHS)
        .batch_size(BATCH)
        .schedule(CosineAnnealingLr::new(RATE, steps as u64))
        .progress(true)
        .fit(&mut net, &train, &train)?;
    for epoch in history.epochs.iter().filter(|epoch| epoch.epoch % 40 == 0) {
        println!("epoch {}: ELBO {:.2}", epoch.epoch, -epoch.loss);
    }
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    println!("trained in {seconds:.1} s");

    let (bound, divergence) = bound(&net, &test);
    println!(
        "test images: ELBO {bound:.2} nats = {:.2} of the reconstruction - {divergence:.2} of the \
         latent variables",
        bound + divergence
    );

    draw(&net, &test)?.save(&path)?;
    println!("{path} has images, reconstructions, {WALKS} walks and samples");
    Ok(())
}

/// Returns the evidence lower bound of an image and the divergence in it, in nats: means over these
/// images and over 20 samples of each one's latent variables.
fn bound(net: &Vae, images: &[Image]) -> (f32, f32) {
    const SAMPLES: usize = 20;
    let mut workspace = Vae::workspace();
    let (mut bound, mut divergence) = (0.0, 0.0);

    for _ in 0..SAMPLES {
        // A training pass draws latent variables, where inference takes their mean.
        let mut pass = net.forward_train(images, &mut workspace);
        let (outputs, gradients) = pass.outputs_and_gradients_mut();
        bound -= NegativeElbo(BceWithLogits).loss(outputs, images, gradients);

        let latents = outputs.iter().map(|output| {
            let (_, mean, log_variance) = output.parts();
            Tensor::from((*mean, *log_variance))
        });
        let latents: Vec<_> = latents.collect();
        let targets = vec![(); latents.len()];
        divergence += KlStandardNormal.loss(&latents, &targets, &mut latents.clone());
    }
    (bound / SAMPLES as f32, divergence / SAMPLES as f32)
}

/// Returns the image that the decoder makes of latent variables.
fn decode(net: &Vae, latent: &Tensor1<LATENT>) -> Image {
    net.image
        .forward(latent)
        .map(|logit| 1.0 / (1.0 + (-logit).exp()))
}

fn draw(net: &Vae, test: &[Image]) -> Result<ImageGrid, Box<dyn Error>> {
    let mut grid = ImageGrid::new()
        .columns(COLUMNS)
        .scale(6)
        .range(0.0, 1.0)
        .title("images, reconstructions, walks, samples");
    let encode = |image: &Image| *net.forward(image).parts().1;

    for image in &test[..COLUMNS] {
        grid.add(image, "");
    }
    for image in &test[..COLUMNS] {
        grid.add(&decode(net, &encode(image)), "");
    }

    // From the latent variables of one image straight to those of another one.
    for ends in test[COLUMNS..].chunks(2).take(WALKS) {
        let (from, to) = (encode(&ends[0]), encode(&ends[1]));
        for step in 0..COLUMNS {
            let share = step as f32 / (COLUMNS - 1) as f32;
            let latent = Tensor1::from_fn(|[i]| from[i] + share * (to[i] - from[i]));
            grid.add(&decode(net, &latent), "");
        }
    }

    let mut latent = Tensor1::<LATENT>::zeros();
    let mut rng = shapewright::rng(1);
    for _ in 0..COLUMNS {
        shapewright::init::normal(latent.as_mut_array(), 0.0, 1.0, &mut rng);
        grid.add(&decode(net, &latent), "");
    }
    Ok(grid)
}
