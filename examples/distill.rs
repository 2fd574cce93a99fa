//! Trains a small network with a large one as its teacher (G. Hinton, O. Vinyals and J. Dean, 2015,
//! "Distilling the Knowledge in a Neural Network"). With few labels, the large network's outputs on
//! images without labels teach the small one what it could not learn from the labels alone. Prints
//! the accuracy of the teacher, of the student alone, of the student with its teacher, and of the
//! student with all labels.
//!
//! The teacher is trained on half of the digits, with labels, which the student does not have. The
//! student has other digits, and labels for a few of them.
//!
//! ```sh
//! cargo run --release --example distill
//! ```

use std::error::Error;

use shapewright::data::{gather, stratified_split};
use shapewright::loss::{Distillation, Taught};
use shapewright::prelude::*;
use shapewright::train::TrainError;

#[path = "data/digits.rs"]
mod digits;

network! {
    struct Teacher: [64] -> [10] {
        fc1: Linear<_, 256>,
        Relu,
        Dropout(0.5),
        fc2: Linear<_, 128>,
        Relu,
        Dropout(0.5),
        head: Linear<_, 10>,
    }
}

network! {
    struct Student: [64] -> [10] {
        fc: Linear<_, 16>,
        Relu,
        head: Linear<_, 10>,
    }
}

const SEEDS: u64 = 5;
/// The number of the student's images that have labels.
const LABELLED: usize = 50;
const STEPS: usize = 3000;
const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let (images, labels) = digits::read()?;
    let mut accuracies = [0.0; 4];
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let [first, second, test] = stratified_split(&labels, [0.5, 0.3, 0.2], &mut rng)?
            .map(|part| (gather(&images, &part), gather(&labels, &part)));

        let mut teacher = Teacher::init(&mut rng);
        Teacher::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(60)
            .seed(seed)
            .fit(&mut teacher, &first.0, &first.1)?;

        // The student's images, those with labels first. Their order does not depend on the digits.
        let (images, labels) = second;
        let untaught = Student::init(&mut rng);
        let alone = |labelled: usize| -> Result<Box<Student>, TrainError> {
            let mut student = untaught.to_boxed();
            Student::trainer(Adam::new(1e-3), CrossEntropy)
                .epochs(STEPS / labelled.div_ceil(BATCH))
                .seed(seed)
                .fit(&mut student, &images[..labelled], &labels[..labelled])?;
            Ok(student)
        };
        let few = alone(LABELLED)?;
        let all = alone(images.len())?;

        let mut opinions = vec![Tensor1::zeros(); images.len()];
        teacher.forward_batch(&images, &mut opinions);
        let known = labels.iter().enumerate();
        let known = known.map(|(i, &label)| (i < LABELLED).then_some(label));
        let lessons = Taught::all(opinions, known);
        let on_labels = CrossEntropy
            .optional_labels()
            .reduction(Reduction::SampleMean);
        let mut taught = untaught.to_boxed();
        Student::trainer(Adam::new(1e-3), Distillation::new(4.0, on_labels))
            .epochs(STEPS / images.len().div_ceil(BATCH))
            .seed(seed)
            .fit(&mut taught, &images, &lessons)?;

        let students = [&few, &taught, &all];
        accuracies[0] += teacher.evaluate(&test.0, &test.1)?.accuracy()?;
        for (accuracy, student) in accuracies[1..].iter_mut().zip(students) {
            *accuracy += student.evaluate(&test.0, &test.1)?.accuracy()?;
        }
    }

    println!(
        "accuracy on digits that none was trained on, mean of {SEEDS} seeds; the student has {STEPS} steps"
    );
    let rows = [
        ("teacher", Teacher::PARAMS),
        ("student, few labels", Student::PARAMS),
        ("student, few labels and teacher", Student::PARAMS),
        ("student, all labels", Student::PARAMS),
    ];
    for ((name, params), accuracy) in rows.into_iter().zip(accuracies) {
        println!(
            "  {name:<32} {params:>6} parameters  {:.2} %",
            100.0 * accuracy / SEEDS as f64
        );
    }
    Ok(())
}
