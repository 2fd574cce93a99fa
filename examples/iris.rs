//! Trains a small dense network to classify three species of iris by four measurements, with five
//! seeds, and prints the accuracy on test flowers.
//!
//! ```sh
//! cargo run --release --example iris
//! ```

use std::error::Error;

use shapewright::data::{Batches, StandardScaler, gather, stratified_split};
use shapewright::prelude::*;

const CLASSES: usize = 3;
const EPOCHS: usize = 100;
const BATCH: usize = 32;
const SEEDS: u64 = 5;
/// The fraction of the flowers of each species that is kept for the test.
const TEST: f64 = 0.2;

network! {
    /// Maps four measurements to three species.
    struct Iris: [4] -> [CLASSES] {
        hidden: Linear<_, 10>,
        Relu,
        head: Linear<_, CLASSES>,
    }
}

/// Measurements of flowers, and their species.
#[derive(Default)]
struct Flowers {
    x: Vec<Tensor1<4>>,
    species: Vec<Label<CLASSES>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}\n", Iris::summary());
    let flowers = Flowers::read(include_str!("data/iris.csv"))?;

    let mut sum = 0.0;
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let parts = stratified_split(&flowers.species, [1.0 - TEST, TEST], &mut rng)?;
        let [mut train, mut test] = parts.map(|part| flowers.part(&part));
        let scaler = StandardScaler::fit(&train.x)?;
        scaler.transform(&mut train.x);
        scaler.transform(&mut test.x);

        let (net, loss) = fit(&train, &mut rng);
        let accuracy = net.evaluate(&test.x, &test.species)?.accuracy()?;
        println!(
            "seed {seed}: training loss {loss:.4}, accuracy {:.2} %",
            100.0 * accuracy
        );
        sum += accuracy;
    }

    println!("test accuracy: {:.2} %", 100.0 * sum / SEEDS as f64);
    Ok(())
}

/// Trains a network and returns it with the mean loss of the last epoch.
fn fit(train: &Flowers, rng: &mut impl rand::Rng) -> (Box<Iris>, f32) {
    let mut net = Iris::init(rng);
    let mut gradient = Iris::zeros();
    let mut workspace = Iris::workspace();
    let mut adam = Adam::new(0.01).state::<Iris>();
    let mut batches = Batches::new(&train.x, &train.species, BATCH);

    let mut mean = 0.0;
    for _ in 0..EPOCHS {
        batches.shuffle(rng);
        mean = 0.0;
        while let Some((x, species)) = batches.next_batch() {
            let mut pass = net.forward_train(x, &mut workspace);
            mean += pass.loss(&CrossEntropy, species) * x.len() as f32 / train.x.len() as f32;
            pass.backward(&mut gradient);
            adam.step(&mut net, &gradient);
        }
    }
    (net, mean)
}

impl Flowers {
    /// Reads the lines of the file. An error names the wrong line.
    fn read(csv: &str) -> Result<Self, Box<dyn Error>> {
        const SPECIES: [&str; CLASSES] = ["setosa", "versicolor", "virginica"];

        let mut flowers = Flowers::default();
        for row in csv::Reader::from_reader(csv.as_bytes()).deserialize() {
            let (a, b, c, d, name): (f32, f32, f32, f32, String) = row?;
            let species = SPECIES.iter().position(|&species| species == name);
            let species = species.ok_or(format!("{name} is none of {}", SPECIES.join(", ")))?;
            flowers.x.push(Tensor1::from([a, b, c, d]));
            flowers.species.push(Label::new(species)?);
        }
        Ok(flowers)
    }

    /// Returns the flowers at these positions.
    fn part(&self, positions: &[usize]) -> Flowers {
        Flowers {
            x: gather(&self.x, positions),
            species: gather(&self.species, positions),
        }
    }
}
