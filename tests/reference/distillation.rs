//! The losses of a student against PyTorch.

use serde_json::Value;
use shapewright::loss::{CosineDistance, Distillation, Taught};
use shapewright::prelude::*;

use crate::common::{assert_close, tensors};

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers.map(|x| x.as_f64().expect("a number")).collect()
}

fn case() -> Value {
    serde_json::from_str(include_str!("distillation.json")).expect("a case")
}

#[test]
fn distillation() {
    let case = case();
    let student: Vec<Tensor1<4, f64>> = tensors(&numbers(&case["student"]));
    let teacher: Vec<Tensor1<4, f64>> = tensors(&numbers(&case["teacher"]));
    let classes = numbers(&case["labels"]).into_iter().map(|x| x as usize);
    let classes: Vec<usize> = classes.collect();
    let labels = Label::<4>::from_numbers(&classes).expect("labels");
    let taught = Taught::all(teacher, labels);

    for wanted in case["distillations"].as_array().expect("cases") {
        let of = |name: &str| wanted[name].as_f64().expect("a number");
        let loss = Distillation::new(of("temperature"), CrossEntropy).weight(of("weight"));
        let mut gradients = vec![Tensor1::full(f64::NAN); student.len()];
        let value: f64 = loss.loss(&student, &taught, &mut gradients);
        assert_close("loss", &[value], &[of("loss")], 1e-12);
        let found = Tensor::flatten(&gradients);
        assert_close("gradient", found, &numbers(&wanted["gradient"]), 1e-12);
    }
}

#[test]
fn cosine_distance() {
    let case = case();
    let hidden: Vec<Tensor2<2, 3, f64>> = tensors(&numbers(&case["hidden"]));
    let of_teacher: Vec<Tensor2<2, 3, f64>> = tensors(&numbers(&case["hidden_of_teacher"]));
    let mut gradients = vec![Tensor2::full(f64::NAN); hidden.len()];
    let value: f64 = CosineDistance.loss(&hidden, &of_teacher, &mut gradients);
    assert_close(
        "loss",
        &[value],
        &numbers(&Value::from(vec![case["cosine"].clone()])),
        1e-12,
    );
    let found = Tensor::flatten(&gradients);
    assert_close("gradient", found, &numbers(&case["cosine_gradient"]), 1e-12);
}
