//! Trains a dense network on 1,797 handwritten digits of 8 by 8 pixels, five times from different seeds, and prints
//! how well it reads those that it was not trained on: F1, the confusion matrix, and the mean accuracy.
//!
//! ```sh
//! cargo run --release --features progress --example digits
//! ```

use std::error::Error;

use shapewright::data::{gather, stratified_split};
use shapewright::metrics::{Accuracy, Average};
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod data;

network! {
    /// Grey pixels to ten digits.
    struct Digits: [64] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

const SEEDS: u64 = 5;
const EPOCHS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let (images, labels) = data::read()?;
    println!("{}", Digits::summary());
    let mut sum = 0.0;
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut rng)?
            .map(|part| (gather(&images, &part), gather(&labels, &part)));
        let mut net = Digits::init(&mut rng);
        let trainer = Digits::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(EPOCHS)
            .batch_size(32)
            .seed(seed)
            .metric(Accuracy::new());
        #[cfg(feature = "progress")]
        let trainer = trainer.progress(true);
        let history = trainer.fit(&mut net, &train.0, &train.1)?;

        println!("\nseed {seed}");
        for epoch in history.epochs.iter().filter(|epoch| epoch.epoch % 20 == 0) {
            let (number, loss, accuracy) = (epoch.epoch, epoch.loss, 100.0 * epoch.metrics[0].1);
            println!("epoch {number}: training loss {loss:.4}, training accuracy {accuracy:.2} %");
        }
        let confusion = net.evaluate(&test.0, &test.1)?;
        let (f1, accuracy) = (confusion.f1(Average::Macro)?, confusion.accuracy()?);
        println!("test: F1 {f1:.4}, accuracy {:.2} %\n{confusion}", 100.0 * accuracy);
        sum += accuracy;
    }
    println!("\ntest accuracy: {:.2} %", 100.0 * sum / SEEDS as f64);
    Ok(())
}
