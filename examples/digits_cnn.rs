//! Trains a convolutional network on 1,797 handwritten digits of 8 by 8 pixels, with five seeds,
//! and prints the mean accuracy on test images. It takes a few seconds.
//!
//! ```sh
//! cargo run --release --features progress --example digits_cnn
//! ```

use std::error::Error;

use shapewright::data::{gather, stratified_split};
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod digits;

network! {
    struct Cnn: [8, 8, 1] -> [10] {
        conv1: Conv2d<_, 16, 3, Pad<1>>,
        Relu,
        conv2: Conv2d<_, 32, 3, Pad<1>>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        Dropout(0.25),
        fc: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

const SEEDS: u64 = 5;
const EPOCHS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let (images, labels) = digits::read()?;
    println!("{}\n", Cnn::summary());

    let mut sum = 0.0;
    let mut seconds = 0.0;
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut rng)?
            .map(|part| (gather(&images, &part), gather(&labels, &part)));

        let mut net = Cnn::init(&mut rng);
        let trainer = Cnn::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(EPOCHS)
            .batch_size(32)
            .seed(seed);
        #[cfg(feature = "progress")]
        let trainer = trainer.progress(true);
        let history = trainer.fit(&mut net, &train.0, &train.1)?;
        seconds += history
            .epochs
            .iter()
            .map(|epoch| epoch.seconds)
            .sum::<f64>();

        let accuracy = net.evaluate(&test.0, &test.1)?.accuracy()?;
        println!("seed {seed}: {:.2} %", 100.0 * accuracy);
        sum += accuracy;
    }

    println!("trained in {seconds:.1} s");
    println!("test accuracy: {:.2} %", 100.0 * sum / SEEDS as f64);
    Ok(())
}
