//! Trains a small dense network to tell three species of iris apart by four measurements, five times from
//! different seeds, and prints the accuracy on flowers that it was not trained on:
//!
//! ```sh
//! cargo run --release --example iris
//! ```

use std::error::Error;

use rand::seq::SliceRandom;
use shapewright::prelude::*;

const CLASSES: usize = 3;
const EPOCHS: usize = 100;
const BATCH: usize = 32;
const SEEDS: u64 = 5;
/// Of the 50 flowers of each species, so many are kept for the test.
const TEST_PER_CLASS: usize = 10;

network! {
    /// Four measurements to three species.
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
        let (mut train, mut test) = flowers.split(&mut rng);
        standardize(&mut train.x, &mut test.x);
        let (net, loss) = fit(&train, &mut rng);
        let accuracy = accuracy(&net, &test);
        println!("seed {seed}: training loss {loss:.4}, accuracy {:.2} %", 100.0 * accuracy);
        sum += accuracy;
    }
    println!("test accuracy: {:.2} %", 100.0 * sum / SEEDS as f64);
    Ok(())
}

/// Trains a network; gives it with the mean loss of the last epoch.
fn fit(train: &Flowers, rng: &mut impl rand::Rng) -> (Box<Iris>, f32) {
    let mut net = Iris::init(rng);
    let (mut gradient, mut workspace) = (Iris::zeros(), Iris::workspace());
    let mut adam = Adam::new(0.01).state::<Iris>();
    let mut order: Vec<usize> = (0..train.x.len()).collect();
    let mut mean = 0.0;
    for _ in 0..EPOCHS {
        order.shuffle(rng);
        mean = 0.0;
        for batch in order.chunks(BATCH) {
            let x: Vec<_> = batch.iter().map(|&i| train.x[i]).collect();
            let species: Vec<_> = batch.iter().map(|&i| train.species[i]).collect();
            let mut pass = net.forward_train(&x, &mut workspace);
            mean += pass.loss(&CrossEntropy, &species) * batch.len() as f32 / train.x.len() as f32;
            pass.backward(&mut gradient);
            adam.step(&mut net, &gradient);
        }
    }
    (net, mean)
}

/// The share of flowers whose species gets the highest score.
fn accuracy(net: &Iris, flowers: &Flowers) -> f64 {
    let right = |(x, species): &(&Tensor1<4>, &Label<CLASSES>)| net.forward(*x).argmax() == species.index();
    flowers.x.iter().zip(&flowers.species).filter(right).count() as f64 / flowers.x.len() as f64
}

/// Shifts and scales every measurement to mean 0 and standard deviation 1 in the training part.
fn standardize(train: &mut [Tensor1<4>], test: &mut [Tensor1<4>]) {
    let count = train.len() as f32;
    let mean = train.iter().fold(Tensor1::zeros(), |sum, x| sum + *x) / count;
    let variance = train.iter().fold(Tensor1::zeros(), |sum, x| sum + (*x - mean) * (*x - mean)) / count;
    let deviation = variance.map(f32::sqrt);
    train.iter_mut().chain(test).for_each(|x| *x = (*x - mean) / deviation);
}

impl Flowers {
    /// Reads the lines of the file; an error says which line is wrong.
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

    /// A training and a test part, at random, with the same share of each species.
    fn split(&self, rng: &mut impl rand::Rng) -> (Flowers, Flowers) {
        let (mut train, mut test) = (Flowers::default(), Flowers::default());
        for class in 0..CLASSES {
            let mut members: Vec<usize> =
                (0..self.x.len()).filter(|&i| self.species[i].index() == class).collect();
            members.shuffle(rng);
            for (n, i) in members.into_iter().enumerate() {
                let part = if n < TEST_PER_CLASS { &mut test } else { &mut train };
                part.x.push(self.x[i]);
                part.species.push(self.species[i]);
            }
        }
        (train, test)
    }
}
