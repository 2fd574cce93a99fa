//! Trains on handwritten digits with differential privacy, and prints the accuracy beside the epsilon
//! that was spent, epoch after epoch; then the accuracy without privacy.
//!
//! ```sh
//! cargo run --release --example private_digits
//! ```
//!
//! The gradient of each image is clipped, and noise is added to their sum (DP-SGD). Epsilon bounds
//! what the network can reveal about any one image; it holds with probability 1 - delta.

use std::error::Error;

use shapewright::data::{gather, stratified_split};
use shapewright::metrics::ConfusionMatrix;
use shapewright::prelude::*;
use shapewright::privacy::{DpSgd, NoiseSearch, noise_multiplier_for};

#[path = "data/digits.rs"]
mod data;

network! {
    /// Maps grey pixels to ten digits. It is small: noise grows with the number of parameters.
    struct Digits: [64] -> [10] {
        Linear<_, 32>,
        Tanh,
        head: Linear<_, 10>,
    }
}

const EPOCHS: u64 = 30;
/// The expected length of a batch.
const BATCH: usize = 256;
/// The largest norm of the gradient of an image.
const MAX_GRAD_NORM: f64 = 1.0;
/// The probability that the promise does not hold, below one over the number of images.
const DELTA: f64 = 1e-4;
/// The wanted values of epsilon.
const EPSILONS: [f64; 3] = [1.0, 3.0, 8.0];

/// Images and the digits that they show.
struct Samples {
    images: Vec<Tensor1<64>>,
    labels: Vec<Label<10>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (images, labels) = data::read()?;
    let parts = stratified_split(&labels, [0.8, 0.2], &mut shapewright::rng(0))?;
    let [train, test] = parts.map(|part| Samples {
        images: gather(&images, &part),
        labels: gather(&labels, &part),
    });

    for epsilon in EPSILONS {
        fit(&train, &test, epsilon)?;
    }

    let mut net = Digits::init(&mut shapewright::rng(0));
    Digits::trainer(Adam::new(0.01), CrossEntropy)
        .epochs(30)
        .fit(&mut net, &train.images, &train.labels)?;
    println!("\nwithout privacy: {:.2} %", accuracy(&net, &test)?);
    Ok(())
}

/// Trains a network that spends this epsilon in all.
fn fit(train: &Samples, test: &Samples, epsilon: f64) -> Result<(), Box<dyn Error>> {
    let count = train.images.len();
    let sample_rate = BATCH as f64 / count as f64;
    let steps_per_epoch = (1.0 / sample_rate) as u64;
    let noise = noise_multiplier_for(NoiseSearch {
        epsilon,
        delta: DELTA,
        sample_rate,
        steps: EPOCHS * steps_per_epoch,
        tolerance: 0.01,
    })?;
    println!("\nepsilon {epsilon}, delta {DELTA}: noise multiplier {noise:.3}");

    let mut rng = shapewright::rng(0);
    let mut net = Digits::init(&mut rng);
    let mut gradient = Digits::zeros();
    let mut adam = Adam::new(0.02).state::<Digits>();
    let mut private = DpSgd::new(sample_rate)
        .max_grad_norm(MAX_GRAD_NORM)
        .noise_multiplier(noise)
        .state::<Digits>(count);

    for epoch in 1..=EPOCHS {
        for _ in 0..steps_per_epoch {
            let batch = private.sample(&mut rng);
            let images = gather(&train.images, &batch);
            let labels = gather(&train.labels, &batch);
            private.gradient(
                &net,
                &CrossEntropy,
                &images,
                &labels,
                &mut gradient,
                &mut rng,
            )?;
            adam.step(&mut net, &gradient);
        }

        if epoch % 5 == 0 {
            println!(
                "epoch {epoch:>2}: epsilon {:.2}, accuracy {:.2} %",
                private.accountant().spent(DELTA).epsilon,
                accuracy(&net, test)?
            );
        }
    }
    Ok(())
}

/// Returns the percentage of test images that a network reads correctly.
fn accuracy(net: &Digits, test: &Samples) -> Result<f64, Box<dyn Error>> {
    let confusion: ConfusionMatrix<10> = net.evaluate(&test.images, &test.labels)?;
    Ok(100.0 * confusion.accuracy()?)
}
