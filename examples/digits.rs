//! Trains a dense network on 1,797 handwritten digits of 8 by 8 pixels, five times from different
//! seeds, and prints how well it reads those that it was not trained on: validation accuracy per
//! epoch, F1, the confusion matrix, and the mean accuracy.
//!
//! ```sh
//! cargo run --release --features plots,progress,safetensors --example digits
//! ```
//!
//! It writes into `target/digits`, or the folder that is given as an argument: the learning curve
//! of the first seed (`curve.png`), the confusion matrix of all seeds (`confusion.png`), digits
//! with what the first network takes them for (`digits.png`), and its weights
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
/// At most; a training ends when the validation loss has not fallen for `PATIENCE` epochs.
const EPOCHS: usize = 50;
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

/// Trains a network; gives the one with the lowest validation loss.
fn fit(
    train: &Samples,
    valid: &Samples,
    seed: u64,
) -> Result<(Box<Digits>, History), Box<dyn Error>> {
    let mut net = Digits::init(&mut shapewright::rng(seed));
    // On so few samples, a network that is kept from being too sure of them reads others better:
    // without the smoothing, the mean accuracy is more than a point lower.
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
        let (number, loss, accuracy) = (epoch.epoch, epoch.loss, 100.0 * epoch.metrics[0].1);
        println!("epoch {number:>3}: training loss {loss:.4}, validation accuracy {accuracy:.2} %");
    }
    Ok((net, history))
}

/// Draws test digits with what the network takes them for, those that it misreads first.
fn draw_digits(net: &Digits, test: &Samples, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut outputs = vec![Tensor1::zeros(); test.images.len()];
    net.forward_batch(&test.images, &mut outputs);
    let read: Vec<usize> = outputs.iter().map(|scores| scores.argmax()).collect();
    let mut order: Vec<usize> = (0..read.len()).collect();
    order.sort_by_key(|&i| read[i] == test.labels[i].index());
    let mut grid = ImageGrid::new().columns(10).scale(8);
    for &i in order.iter().take(40) {
        let (read, label) = (read[i], test.labels[i].index());
        let caption = if read == label {
            Caption::right(read)
        } else {
            Caption::wrong(format!("{read}, not {label}"))
        };
        grid.add(test.images[i].reshape::<Rank3<8, 8, 1>>(), caption);
    }
    Ok(grid.save(path)?)
}

/// Saves the weights, loads them into a new network, and checks that it gives the same outputs.
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
    /// The samples at these positions.
    fn part(&self, positions: &[usize]) -> Samples {
        Samples {
            images: gather(&self.images, positions),
            labels: gather(&self.labels, positions),
        }
    }
}
