//! Weights to PyTorch and back. This needs a Python with torch and safetensors: the one that
//! `SHAPEWRIGHT_PYTHON` names, or `python3`.
#![cfg(feature = "safetensors")]

use std::path::Path;
use std::process::Command;

use crate::common::reference::{array, expected};
use shapewright::prelude::*;

network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { struct Net: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }
network! { struct Encoder64: [4] -> [8] as f64 { fc: Linear<_, 8>, Tanh } }
network! { struct Net64: [4] -> [3] as f64 { encoder: Encoder64, Relu, Linear<_, 3, NoBias> } }

network! {
    struct ResNet: [10, 8, 2] -> [3] {
        conv1: Conv2d<_, 4, 3, Pad<1>, NoBias>,
        bn1: BatchNorm2d<_>,
        Relu,
        MaxPool2d<2>,
        layer1: Residual {
            conv1: Conv2d<_, 4, 3, Pad<1>, NoBias>,
            bn1: BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 4, 3, Pad<1>, NoBias>,
            bn2: BatchNorm2d<_>,
        },
        Relu,
        layer2: Residual {
            conv1: Conv2d<_, 6, 3, Stride<2>, Pad<1>, NoBias>,
            bn1: BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 6, 3, Pad<1>, NoBias>,
            bn2: BatchNorm2d<_>,
            downsample: { Conv2d<_, 6, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        GlobalAvgPool2d,
        fc: Linear<_, 3>,
    }
}

/// The same network of images in both number types.
macro_rules! images {
    ($name:ident as $element:ty) => {
        network! {
            struct $name: [12, 14, 2] -> [5] as $element {
                conv1: Conv2d<_, 6, 5, Pad<2>>,
                norm1: BatchNorm2d<_>,
                Relu,
                MaxPool2d<2>,
                conv2: Conv2d<_, 8, (3, 2)>,
                Relu,
                MaxPool2d<2>,
                Flatten,
                norm2: BatchNorm1d<_>,
                fc1: Linear<_, 12>,
                Relu,
                fc2: Linear<_, 5>,
            }
        }
    };
}
images!(Images as f32);
images!(Images64 as f64);

/// Returns an interpreter with the packages that the script needs, or the reason why there is none.
/// Panics if the interpreter that the variable names lacks them.
fn python() -> Result<String, String> {
    let named = std::env::var("SHAPEWRIGHT_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());

    let run = Command::new(&python)
        .args(["-c", "import torch, safetensors.torch"])
        .output();
    let error = match run {
        Ok(output) if output.status.success() => return Ok(python),
        Ok(output) => String::from_utf8_lossy(&output.stderr)
            .trim()
            .lines()
            .last()
            .unwrap_or("")
            .to_owned(),
        Err(error) => error.to_string(),
    };

    assert!(
        named.is_none(),
        "SHAPEWRIGHT_PYTHON={python} has no torch and safetensors: {error}"
    );

    Err(format!(
        "skipped: {python} has no torch and safetensors ({error}); name one in SHAPEWRIGHT_PYTHON"
    ))
}

/// Returns a network after a step that changes nothing but running statistics.
fn stepped<N: Trainable>() -> Box<N> {
    let mut net = N::init(&mut shapewright::rng(11));
    let mut gradient = N::zeros();
    let mut workspace = N::workspace();
    net.forward_train(&crate::common::random(8, 5), &mut workspace)
        .backward(&mut gradient);
    Sgd::new(0.0).state::<N>().step(&mut net, &gradient);
    net
}

/// Hands a network to a script, which gets the folder and then its arguments, and checks its
/// outputs and the weights that come back.
fn there_and_back<N: Trainable>(python: &str, folder: &Path, net: &N, script: &[&str]) {
    net.save_with(
        folder.join("ours.safetensors"),
        &[("made by", "\"shapewright\"\n")],
    )
    .expect("a file");

    let path = format!(
        "{}/tests/reference/{}",
        env!("CARGO_MANIFEST_DIR"),
        script[0]
    );
    let output = Command::new(python)
        .arg(path)
        .arg(folder)
        .args(&script[1..])
        .output()
        .expect("Python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let text = std::fs::read_to_string(folder.join("outputs.json")).expect("outputs");
    let outputs: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let x = crate::common::tensors(&array(&outputs["x"]));

    let check = |net: &N, what: &str| {
        let mut y = vec![Tensor::zeros(); x.len()];
        net.forward_batch(&x, &mut y);
        let tolerance = crate::common::reference::tolerance::<N::Element>(&outputs);
        crate::common::assert_close(
            what,
            Tensor::flatten(&y),
            &expected(&outputs, what),
            tolerance,
        );
    };

    check(net, "ours");
    let mut theirs = N::zeros();
    theirs
        .load(folder.join("theirs.safetensors"))
        .expect("PyTorch's weights");
    check(&theirs, "theirs");
}

/// Calls with an interpreter, if there is one, and with an empty folder.
fn with_python(test: &str, f: impl FnOnce(&str, &Path)) {
    match python() {
        Err(reason) => println!("{reason}"),
        Ok(python) => {
            let name = format!("shapewright-interchange-{test}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            f(&python, &folder);
            std::fs::remove_dir_all(folder).expect("the folder goes");
        }
    }
}

#[test]
fn pytorch_reads_our_weights_and_we_read_its() {
    with_python("plain", |python, folder| {
        there_and_back(
            python,
            folder,
            &*stepped::<Net>(),
            &["interchange.py", "dense"],
        );
        there_and_back(
            python,
            folder,
            &*stepped::<Net64>(),
            &["interchange.py", "dense"],
        );

        there_and_back(
            python,
            folder,
            &*stepped::<Images>(),
            &["interchange.py", "images"],
        );
        there_and_back(
            python,
            folder,
            &*stepped::<Images64>(),
            &["interchange.py", "images"],
        );
    });
}

network! {
    struct Gated: [2, 2, 3] -> [1] { Flatten, Glu, fc: Linear<_, 1> }
}

#[test]
fn pytorch_refuses_what_it_computes_otherwise() {
    with_python("gated", |python, folder| {
        Gated::init(&mut shapewright::rng(1))
            .save(folder.join("ours.safetensors"))
            .expect("a file");

        let path = format!(
            "{}/tests/reference/interchange_gated.py",
            env!("CARGO_MANIFEST_DIR")
        );
        let output = Command::new(python)
            .arg(path)
            .arg(folder)
            .output()
            .expect("Python runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );

        let error = Gated::zeros()
            .load(folder.join("theirs.safetensors"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the result of `Glu` depends on the order of its inputs"),
            "{error}"
        );
    });
}

#[test]
fn a_residual_network_takes_its_running_statistics_along() {
    with_python("resnet", |python, folder| {
        let mut net = ResNet::init(&mut shapewright::rng(12));
        let mut gradient = ResNet::zeros();
        let mut workspace = ResNet::workspace();
        let mut sgd = Sgd::new(0.05).state::<ResNet>();
        let labels: Vec<_> = (0..8)
            .map(|i| Label::<3>::new(i % 3).expect("a class"))
            .collect();
        for seed in 0..3 {
            let x = crate::common::random::<_, f32>(8, seed);
            let mut pass = net.forward_train(&x, &mut workspace);
            pass.loss(&CrossEntropy, &labels);
            pass.backward(&mut gradient);
            sgd.step(&mut net, &gradient);
        }
        there_and_back(python, folder, &*net, &["interchange_resnet.py"]);
    });
}
