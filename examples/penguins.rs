//! Classifies three species of penguins by measurements, some of which are missing: imputes missing
//! values, one-hot encodes island and sex, standardizes, and cross-validates, with each step fitted
//! to the training part of each fold alone. Then trains on all penguins, saves the network with its
//! preprocessing, and loads it again.
//!
//! ```sh
//! cargo run --release --features csv,safetensors --example penguins
//! ```

use std::error::Error;
use std::fs;

use shapewright::data::csv::{Csv, CsvClasses};
use shapewright::data::{Imputer, StandardScaler, gather, stratified_k_fold};
use shapewright::metrics::Average;
use shapewright::prelude::*;
use shapewright::tensor::Rank1;
use shapewright::weights::{Loader, Saver};

/// Four measurements, three islands, two sexes.
const FEATURES: usize = 9;
const SPECIES: usize = 3;
const FOLDS: usize = 10;
const EPOCHS: usize = 60;

network! {
    /// Maps standardized features to species.
    struct Net: [FEATURES] -> [SPECIES] {
        hidden: Linear<_, 16>,
        Relu,
        head: Linear<_, SPECIES>,
    }
}

/// A network and the preprocessing of its inputs.
struct Model {
    imputer: Imputer<Rank1<FEATURES>>,
    scaler: StandardScaler<Rank1<FEATURES>>,
    net: Box<Net>,
}

impl Model {
    /// Fits everything to these samples.
    fn fit(x: &[Tensor1<FEATURES>], species: &[Label<SPECIES>]) -> Result<Self, Box<dyn Error>> {
        let mut x = x.to_vec();
        // A missing measurement becomes the mean, and a missing island or sex the share of each
        // one.
        let imputer = Imputer::mean(&x)?;
        imputer.transform(&mut x);
        let scaler = StandardScaler::fit(&x)?;
        scaler.transform(&mut x);

        let mut net = Net::init(&mut shapewright::rng(0));
        Net::trainer(AdamW::new(0.01), CrossEntropy)
            .epochs(EPOCHS)
            .fit(&mut net, &x, species)?;
        Ok(Model {
            imputer,
            scaler,
            net,
        })
    }

    /// Returns the preprocessed samples.
    fn prepared(&self, x: &[Tensor1<FEATURES>]) -> Vec<Tensor1<FEATURES>> {
        let mut x = x.to_vec();
        self.imputer.transform(&mut x);
        self.scaler.transform(&mut x);
        x
    }

    /// Saves the network and the preprocessing as parts of one file.
    fn save(&self, path: &str) -> Result<(), Box<dyn Error>> {
        let parts = Saver::new().part("net", &*self.net);
        Ok(parts
            .part("imputer", &self.imputer)
            .part("scaler", &self.scaler)
            .save(path)?)
    }

    /// Loads all parts of a file.
    fn load(path: &str) -> Result<Self, Box<dyn Error>> {
        let file = Loader::open(path)?;
        Ok(Model {
            imputer: *file.part("imputer").load()?,
            scaler: *file.part("scaler").load()?,
            net: file.part("net").load()?,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = include_bytes!("data/penguins.csv");
    let penguins: CsvClasses<FEATURES, SPECIES> = Csv::new()
        .features([
            "bill_length_mm",
            "bill_depth_mm",
            "flipper_length_mm",
            "body_mass_g",
            "island",
            "sex",
        ])
        .one_hot("island", ["Biscoe", "Dream", "Torgersen"])
        .one_hot("sex", ["female", "male"])
        .read_classes_from("penguins.csv", &file[..], "species")?;
    let x = &penguins.x;
    let species = &penguins.labels;
    let gaps = x.iter().filter(|x| x.iter().any(|x| x.is_nan())).count();
    println!(
        "{} penguins, {gaps} of them with missing values; {}",
        x.len(),
        penguins.classes.join(", ")
    );

    let mut accuracies = Vec::new();
    let mut f1s = Vec::new();
    for fold in stratified_k_fold(species, FOLDS, &mut shapewright::rng(0))? {
        let model = Model::fit(&gather(x, &fold.train), &gather(species, &fold.train))?;
        let unseen = model.prepared(&gather(x, &fold.validation));
        let confusion = model
            .net
            .evaluate(&unseen, &gather(species, &fold.validation))?;
        accuracies.push(100.0 * confusion.accuracy()?);
        f1s.push(confusion.f1(Average::Macro)?);
    }

    let (mean, deviation) = mean_and_deviation(&accuracies);
    println!("accuracy: {mean:.2} % (deviation {deviation:.2} over {FOLDS} folds)");
    let (mean, deviation) = mean_and_deviation(&f1s);
    println!("macro F1: {mean:.4} (deviation {deviation:.4})");

    // Cargo's own target folder may be elsewhere.
    fs::create_dir_all("target")?;
    let path = "target/penguins.safetensors";
    let model = Model::fit(x, species)?;
    model.save(path)?;
    let again = Model::load(path)?;

    // The first penguin without any measurement, as it is in the table.
    let unknown = x
        .iter()
        .position(|x| x[0].is_nan())
        .ok_or("no penguin without measurements")?;
    let scores = |model: &Model| model.net.forward(&model.prepared(&x[unknown..=unknown])[0]);
    assert_eq!(scores(&model), scores(&again));
    let guess = &penguins.classes[scores(&again).argmax()];
    println!(
        "saved to {path}, and loaded: penguin {unknown}, of whom the island alone is known, is taken for {guess}"
    );
    Ok(())
}

/// Returns the mean and the sample standard deviation (over `n - 1`).
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}
