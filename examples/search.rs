//! Searches for the hyperparameters of a network on 1,797 handwritten digits: learning rate, batch
//! size, optimizer and dropout. Prints the table of all trials, and the accuracy of the best one on
//! test images.
//!
//! ```sh
//! cargo run --release --example search
//! ```

use std::error::Error;
use std::time::Instant;

use shapewright::data::{gather, stratified_split};
use shapewright::prelude::*;
use shapewright::search::{Median, Search, Trial};

const TRIALS: usize = 40;
const EPOCHS: usize = 20;
const SEED: u64 = 0;

/// The hyperparameters.
#[derive(Debug)]
struct Settings {
    optimizer: OptimizerKind,
    rate: f64,
    batch_size: usize,
    /// The probability of dropout in percent.
    dropout: u8,
}

/// The optimizers to choose from.
#[derive(Clone, Copy, Debug)]
enum OptimizerKind {
    Sgd,
    Adam,
    AdamW,
}

/// Images and their digits.
#[derive(Default)]
struct Part {
    images: Vec<Tensor1<64>>,
    labels: Vec<Label<10>>,
}

/// The scores of a trained network.
struct Scores {
    /// The loss on the validation part, which the search minimizes.
    loss: f64,
    /// The accuracy on the test part, which the search does not use.
    accuracy: f64,
}

/// The parts for training, validation and test.
type Parts = [Part; 3];

/// Defines a network for each probability of dropout, which is part of the network's type.
macro_rules! digits {
    ($($name:ident with $dropout:literal;)*) => { $(
        network! {
            struct $name: [64] -> [10] {
                fc1: Linear<_, 128>,
                Relu,
                Dropout($dropout),
                fc2: Linear<_, 64>,
                Relu,
                Dropout($dropout),
                head: Linear<_, 10>,
            }
        }

        impl $name {
            /// Trains a network and returns its scores.
            fn scores<O: Optimizer + Sync>(
                optimizer: O,
                batch_size: usize,
                [train, validation, test]: &Parts,
                trial: &mut Trial<'_>,
            ) -> Result<Scores, Box<dyn Error>> {
                let mut net = Self::init(&mut shapewright::rng(SEED));
                let history = Self::trainer(optimizer, CrossEntropy)
                    .epochs(EPOCHS)
                    .batch_size(batch_size)
                    .validate(&validation.images, &validation.labels)
                    .on_epoch(|epoch, _| trial.report(epoch.epoch, epoch.validation_loss.unwrap_or(f64::NAN)))
                    .fit(&mut net, &train.images, &train.labels)?;
                let loss = history.last().and_then(|epoch| epoch.validation_loss).unwrap_or(f64::NAN);
                let accuracy = net.evaluate(&test.images, &test.labels)?.accuracy()?;
                Ok(Scores { loss, accuracy })
            }
        }
    )* };
}

digits! {
    Digits0 with 0.0;
    Digits25 with 0.25;
    Digits50 with 0.5;
}

/// Trains the network with these settings.
fn scores(
    settings: &Settings,
    parts: &Parts,
    trial: &mut Trial<'_>,
) -> Result<Scores, Box<dyn Error>> {
    /// Chooses the network.
    fn with<O: Optimizer + Sync>(
        optimizer: O,
        settings: &Settings,
        parts: &Parts,
        trial: &mut Trial<'_>,
    ) -> Result<Scores, Box<dyn Error>> {
        match settings.dropout {
            0 => Digits0::scores(optimizer, settings.batch_size, parts, trial),
            25 => Digits25::scores(optimizer, settings.batch_size, parts, trial),
            50 => Digits50::scores(optimizer, settings.batch_size, parts, trial),
            other => Err(format!("there is no network with {other} % dropout").into()),
        }
    }

    match settings.optimizer {
        OptimizerKind::Sgd => with(
            Sgd::new(settings.rate).momentum(0.9),
            settings,
            parts,
            trial,
        ),
        OptimizerKind::Adam => with(Adam::new(settings.rate), settings, parts, trial),
        OptimizerKind::AdamW => with(AdamW::new(settings.rate), settings, parts, trial),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let all = read(include_str!("data/digits.csv"))?;
    let parts =
        stratified_split(&all.labels, [0.6, 0.2, 0.2], &mut shapewright::rng(SEED))?.map(|part| {
            Part {
                images: gather(&all.images, &part),
                labels: gather(&all.labels, &part),
            }
        });

    let begin = Instant::now();
    let search = Search::random(TRIALS, SEED, |draw| Settings {
        optimizer: draw.choice(&[
            OptimizerKind::Sgd,
            OptimizerKind::Adam,
            OptimizerKind::AdamW,
        ]),
        rate: draw.log_uniform(1e-4, 1e-1),
        batch_size: draw.choice(&[16, 32, 64, 128]),
        dropout: draw.choice(&[0, 25, 50]),
    });
    let report = search
        .pruning(Median {
            warmup_epochs: 3,
            min_trials: 5,
        })
        .run(|settings, trial| Ok(scores(settings, &parts, trial)?.loss));
    println!("{report}");
    println!("{TRIALS} trials in {:.1} s", begin.elapsed().as_secs_f64());

    // Trains the best one again, for its accuracy on the test part.
    let best = report.best().ok_or("no trial finished")?;
    let again = Search::new([&best.params])
        .run(|settings, trial| Ok(scores(settings, &parts, trial)?.accuracy));
    let accuracy = again
        .best()
        .and_then(|trial| trial.value())
        .ok_or("the best trial failed")?;
    println!("test accuracy of the best: {:.2} %", 100.0 * accuracy);
    Ok(())
}

/// Returns the pixels, from 0 to 1, and the digits. An error names the wrong line.
fn read(csv: &str) -> Result<Part, Box<dyn Error>> {
    let mut part = Part::default();
    for row in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes())
        .deserialize()
    {
        let numbers: Vec<u8> = row?;
        let (label, pixels) = numbers.split_last().ok_or("an empty line")?;
        part.images
            .push(Tensor1::from_slice(pixels)?.map(|ink| f32::from(ink) / 16.0));
        part.labels.push(Label::new(usize::from(*label))?);
    }
    Ok(part)
}
