//! Trains a dense network on 1,797 handwritten digits of 8 by 8 pixels, with five seeds. Prints the
//! validation accuracy of each epoch and, on test images, the F1 score, the confusion matrix and
//! the mean accuracy.
//!
//! ```sh
//! cargo run --release --features plots,progress,safetensors --example digits
//! ```
//!
//! It writes to `target/digits`, or to the folder that is given as an argument: the learning curve
//! of the first seed (`curve.png`), the confusion matrix of all seeds (`confusion.png`), digits
//! with the predictions of the first network (`digits.png`), and its weights
//! (`digits.safetensors`). It takes a few seconds.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use shapewright::data::{gather, stratified_split};
use shapewright::metrics::{Accuracy, Average, ConfusionMatrix};
use shapewright::plots::{Caption, ImageGrid};
use shapewright::prelude::*;
use shapewright::{tensor::Rank3, train::History};

#[path = "data/digits.rs"]
mod data;

network! {
    /// Maps grey pixels to ten digits.
    struct Digits: [64] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

const SEEDS: u64 = 5;
/// The largest number of epochs.
const EPOCHS: usize = 50;
/// Training ends when the validation loss has not fallen for this number of epochs.
const PATIENCE: usize = 15;
/// The parts for training, validation and test.
const PARTS: [f64; 3] = [0.7, 0.1, 0.2];

/// Images and the digits that they show.
struct Samples {
    images: Vec<Tensor1<64>>,
    labels: Vec<Label<10>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or("target/digits".into()));
    fs::create_dir_all(&folder)?;
    let (images, labels) = data::read()?;
    let digits = Samples { images, labels };
    println!("{}", Digits::summary());

    let mut confusion = ConfusionMatrix::new();
    for seed in 0..SEEDS {
        let parts = stratified_split(&digits.labels, PARTS, &mut shapewright::rng(seed))?;
        let [train, valid, test] = parts.map(|part| digits.part(&part));

        println!("\nseed {seed}");
        let (net, history) = fit(&train, &valid, seed)?;
        let own = net.evaluate(&test.images, &test.labels)?;
        println!(
            "test: F1 {:.4}, accuracy {:.2} %",
            own.f1(Average::Macro)?,
            100.0 * own.accuracy()?
        );
        confusion.merge(&own);

        if seed == 0 {
            history.draw(folder.join("curve.png"))?;
            draw_digits(&net, &test, &folder.join("digits.png"))?;
            save(&net, &test, &folder.join("digits.safetensors"))?;
        }
    }

    confusion.draw(folder.join("confusion.png"))?;
    println!("\nall seeds\n{confusion}");
    println!("test accuracy: {:.2} %", 100.0 * confusion.accuracy()?);
    println!("pictures and weights are in {}", folder.display());
    Ok(())
}

/// Trains a network and returns the weights with the lowest validation loss.
fn fit(
    train: &Samples,
    valid: &Samples,
    seed: u64,
) -> Result<(Box<Digits>, History), Box<dyn Error>> {
    let mut net = Digits::init(&mut shapewright::rng(seed));
    // With few samples, label smoothing keeps the network from being overconfident: without it, the
    // mean accuracy is more than a point lower.
    let history = Digits::trainer(Adam::new(1e-3), CrossEntropy.label_smoothing(0.1))
        .epochs(EPOCHS)
        .batch_size(32)
        .seed(seed)
        .validate(&valid.images, &valid.labels)
        .early_stopping(PATIENCE)
        .metric(Accuracy::new())
        .progress(true)
        .fit(&mut net, &train.images, &train.labels)?;

    for epoch in &history.epochs {
        println!(
            "epoch {:>3}: training loss {:.4}, validation accuracy {:.2} %",
            epoch.epoch,
            epoch.loss,
            100.0 * epoch.metrics[0].1
        );
    }
    Ok((net, history))
}

/// Draws test digits with the network's predictions, wrong ones first.
fn draw_digits(net: &Digits, test: &Samples, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut outputs = vec![Tensor1::zeros(); test.images.len()];
    net.forward_batch(&test.images, &mut outputs);
    let read: Vec<usize> = outputs.iter().map(|scores| scores.argmax()).collect();

    let mut order: Vec<usize> = (0..read.len()).collect();
    order.sort_by_key(|&i| read[i] == test.labels[i].index());

    let mut grid = ImageGrid::new().columns(10).scale(8);
    for &i in order.iter().take(40) {
        let read = read[i];
        let label = test.labels[i].index();
        let caption = if read == label {
            Caption::right(read)
        } else {
            Caption::wrong(format!("{read}, not {label}"))
        };
        grid.add(test.images[i].reshape::<Rank3<8, 8, 1>>(), caption);
    }
    Ok(grid.save(path)?)
}

/// Saves the weights, loads them into a new network, and checks that its outputs are the same.
fn save(net: &Digits, test: &Samples, path: &Path) -> Result<(), Box<dyn Error>> {
    net.save(path)?;
    let mut loaded = Digits::zeros();
    loaded.load(path)?;
    for image in &test.images {
        assert_eq!(
            loaded.forward(image),
            net.forward(image),
            "the loaded network is another"
        );
    }
    println!(
        "{} holds the weights; loaded again, they give the same outputs",
        path.display()
    );
    Ok(())
}

impl Samples {
    /// Returns the samples at these positions.
    fn part(&self, positions: &[usize]) -> Samples {
        Samples {
            images: gather(&self.images, positions),
            labels: gather(&self.labels, positions),
        }
    }
}
