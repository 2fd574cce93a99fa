//! `Lora` against the library `peft`: its files, training with AdamW, and merging.

use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};
use shapewright::weights::Loader;

use crate::common::{assert_close, tensors};

network! {
    struct Base: [4, 6] -> [3] {
        fc: Linear<_, 8>,
        Tanh,
        attention: MultiHeadAttention<_, 2>,
        Flatten,
        head: Linear<_, 3>,
    }
}
network! {
    #[merged(Base)]
    struct Adapted: [4, 6] -> [3] {
        fc: Lora<3, Linear<_, 8>>(6.0),
        Tanh,
        attention: Lora<2, MultiHeadAttention<_, 2>>(2.0),
        Flatten,
        head: Linear<_, 3>,
    }
}
network! {
    struct Double: [4, 6] -> [3] as f64 {
        fc: Lora<3, Linear<_, 8>>(6.0),
        Tanh,
        attention: Lora<2, MultiHeadAttention<_, 2>>(2.0),
        Flatten,
        head: Linear<_, 3>,
    }
}

const FILE: &[u8] = include_bytes!("lora.safetensors");
const BATCH: usize = 5;

fn case() -> Value {
    serde_json::from_str(include_str!("lora.json")).expect("a case")
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers.map(|x| x.as_f64().expect("a number")).collect()
}

fn whole(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|x| x as usize).collect()
}

/// Sets the parameters to the frozen ones of `peft` and to adapters with this name.
fn load<N: SaveLoad>(net: &mut N, adapters: &str) {
    let of =
        |kind: &str| ["query", "key", "value"].map(|part| format!("base.attention.{part}.{kind}"));
    let file = Loader::from_bytes(FILE).expect("a file");
    let base = Loader::from_bytes(FILE)
        .expect("a file")
        .concat(&of("weight"), "base.attention.in_proj_weight")
        .and_then(|base| base.concat(&of("bias"), "base.attention.in_proj_bias"))
        .expect("one layer for queries, keys and values");
    let base = base
        .part("base")
        .allow_missing(|name| name.contains("lora_"));
    net.load_from(&base).expect("the frozen network");

    let adapters = file
        .part(adapters)
        .rename(|name| name.replace("base_model.model.", ""));
    let adapters =
        adapters.allow_missing(|name| !name.contains("lora_") && !name.starts_with("head"));
    let report = net.load_from(&adapters).expect("adapters");
    assert_eq!(report.loaded().len(), 8);
}

/// Trains as `peft` has, and compares losses, outputs and parameters.
fn check<N>(tolerance: f64)
where
    N: Trainable<Input = Rank2<4, 6>, Output = Rank1<3>> + SaveLoad,
{
    use num_traits::ToPrimitive;
    let wide = |x: N::Element| x.to_f64().expect("a number");

    let case = case();
    let x: Vec<Tensor2<4, 6, N::Element>> = tensors(&numbers(&case["x"]));
    let labels = Label::<3>::from_numbers(&whole(&case["labels"])).expect("labels");
    assert_eq!(
        N::TRAINABLE_PARAMS,
        case["trained"].as_u64().expect("a number") as usize
    );

    let (mut net, mut last) = (N::zeros(), N::zeros());
    load(&mut *net, "first");
    load(&mut *last, "last");
    let mut gradient = N::gradient();
    let mut workspace = N::workspace();
    let mut adam = AdamW::new(0.02).weight_decay(0.1).state::<N>();
    for (step, (x, labels)) in x.chunks(BATCH).zip(labels.chunks(BATCH)).enumerate() {
        let mut pass = net.forward_train(x, &mut workspace);
        let found: Vec<f64> = Tensor::flatten(pass.outputs())
            .iter()
            .copied()
            .map(wide)
            .collect();
        assert_close(
            &format!("outputs of step {step}"),
            &found,
            &numbers(&case["outputs"][step]),
            tolerance,
        );
        let loss = wide({
            let (outputs, gradients) = pass.outputs_and_gradients_mut();
            CrossEntropy.loss(outputs, labels, gradients)
        });
        let wanted = case["losses"][step].as_f64().expect("a number");
        assert!(
            (loss - wanted).abs() < tolerance,
            "{loss} is not {wanted} in step {step}"
        );
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
    }

    let of = |net: &N| -> Vec<f64> { net.params().iter().copied().map(wide).collect() };
    assert_close("parameters", &of(&net), &of(&last), tolerance);
}

#[test]
fn trains_as_peft_does() {
    check::<Adapted>(3e-5);
    check::<Double>(3e-5);
}

#[test]
fn merges_as_peft_does() {
    let case = case();
    let x: Vec<Tensor2<4, 6>> = tensors(&numbers(&case["x"]));
    let mut net = Adapted::zeros();
    load(&mut *net, "last");
    let merged = net.merged();
    let found: Vec<f64> = Tensor::flatten(&merged.predict(&x[..BATCH]))
        .iter()
        .map(|&y| f64::from(y))
        .collect();
    assert_close("merged", &found, &numbers(&case["merged"]), 1e-5);
}

/// Adapters have files of their own, with the names of `peft`.
#[test]
fn adapters_alone_in_a_file() {
    let mut net = Adapted::zeros();
    load(&mut *net, "last");
    let path = std::env::temp_dir().join(format!("lora-{}.safetensors", std::process::id()));
    net.save_trained(&path).expect("a file");

    let loader = Loader::open(&path).expect("the file");
    let names: Vec<String> = loader.tensors().map(|(name, ..)| name.to_owned()).collect();
    let file = Loader::from_bytes(FILE).expect("a file");
    let of_peft = file.part("last");
    let wanted: Vec<String> = of_peft
        .tensors()
        .map(|(name, ..)| name.replace("base_model.model.", "").replace("last.", ""))
        .collect();
    assert_eq!(names, wanted);

    let mut other = Adapted::zeros();
    other.load_trained(&path).expect("adapters");
    assert_eq!(other.fc.lora_B, net.fc.lora_B);
    assert_eq!(other.attention.query, net.attention.query);
    assert_eq!(other.head, net.head);
    assert_eq!(other.attention.layer.in_proj_bias, [0.0; 24]);
    std::fs::remove_file(&path).expect("the file");

    // A file without one of them does not fit.
    let file = net.to_safetensors(&[]);
    let partly = Loader::from_bytes(&file)
        .expect("a file")
        .rename(|name| (!name.ends_with("lora_A.weight")).then(|| name.to_owned()));
    let error = other.load_from(&partly).expect_err("no matrices");
    assert!(error.to_string().contains("fc.lora_A.weight"), "{error}");
}
