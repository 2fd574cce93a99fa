//! The passengers of the Titanic, from CSV to a saved pipeline that is one network: it fills missing
//! values and scales by itself, is cross-validated, saved, loaded, and can be embedded with
//! `include_weights!("titanic.safetensors" as Titanic)`.
//!
//! The table (Kaggle's `train.csv`) is not part of this crate: give its path.
//!
//! ```sh
//! cargo run --release --features csv,safetensors --example titanic -- train.csv
//! ```

use std::error::Error;

use shapewright::data::csv::{Csv, CsvClasses};
use shapewright::data::stratified_k_fold;
use shapewright::prelude::*;
use shapewright::train::cross_validate;

network! {
    /// Class, age, relatives, fare, sex and port; what is missing is a feature of its own.
    struct Titanic: [10] -> [2] {
        Concat { scale: Standardize<_>, missing: IsMissing },
        Linear<_, 32>, Relu, Dropout(0.3),
        head: Linear<_, 2>,
    }
}

fn train(x: &[Tensor1<10>], survived: &[Label<2>]) -> Result<Box<Titanic>, Box<dyn Error>> {
    let mut net = Titanic::init(&mut shapewright::rng(0));
    net.layer_0.scale.fit(x)?;
    Titanic::trainer(AdamW::new(3e-3), CrossEntropy)
        .epochs(60)
        .fit(&mut net, x, survived)?;
    Ok(net)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else {
        println!("skipped: give the path of the table");
        return Ok(());
    };
    let table: CsvClasses<10, 2> = Csv::new()
        .features(["Pclass", "Age", "SibSp", "Parch", "Fare", "Sex", "Embarked"])
        .one_hot("Sex", ["female", "male"])
        .one_hot("Embarked", ["S", "C", "Q"])
        .read_classes(&path, "Survived")?;

    let folds = stratified_k_fold(&table.labels, 5, &mut shapewright::rng(0))?;
    let scores = cross_validate(&table.x, &table.labels, &folds, train, |net, x, labels| {
        Ok(net.evaluate(x, labels)?.accuracy()?)
    })?;
    println!("accuracy {scores:.3}");

    train(&table.x, &table.labels)?.save("target/titanic.safetensors")?;
    let mut net = Titanic::zeros();
    net.load("target/titanic.safetensors")?;
    println!("the first: {:?}", net.probabilities(&table.x[..1])[0]);
    Ok(())
}
