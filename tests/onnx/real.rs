//! Models that others ship, which `fetch.sh` fetches: a classifier of text directions (PaddleOCR, by
//! RapidOCR) and one of file types (Magika). The definitions are committed, and are those that `onnx!`
//! writes.

use std::path::Path;

use shapewright::prelude::*;
use shapewright::weights::Loader;
use shapewright_onnx::Options;

use crate::run::{assert_near, expected, number};

#[path = "file_types.rs"]
mod file_types;
#[path = "text_direction.rs"]
mod text_direction;

use file_types::FileTypes;
use text_direction::TextDirection;

/// Returns a fetched model, translated; `None`, with a printed line, if it is not there.
fn translated(name: &str, options: &Options) -> Option<shapewright_onnx::Network> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/onnx/{name}.onnx"));
    let Ok(bytes) = std::fs::read(&path) else {
        println!(
            "skipped: needs {}, which tests/onnx/fetch.sh fetches",
            path.display()
        );
        return None;
    };
    Some(shapewright_onnx::Network::read(&bytes, None, options).expect("a model that is supported"))
}

/// Loads a model into its committed definition, which it must be.
fn load<N: Network<Element = f32>>(name: &str, options: &Options) -> Option<Box<N>> {
    let network = translated(name, options)?;
    let mut text = String::from(
        "//! Written by the tests in `real.rs`.\n\nuse shapewright::prelude::*;\n\nnetwork! {\n",
    );
    for line in network.definition("pub", N::NAME).lines() {
        let space = if line.is_empty() { "" } else { "    " };
        text += &format!("{space}{line}\n");
    }
    text += "}\n";
    crate::generate::compare(&format!("{name}.rs"), &text);
    let weights = network.weights();
    Some(
        Loader::from_bytes(&weights)
            .expect("a file")
            .load()
            .expect("the weights"),
    )
}

#[test]
fn text_directions() {
    let options = Options::new().input("x", &[1, 3, 48, 192]);
    let Some(net) = load::<TextDirection>("text_direction", &options) else {
        return;
    };
    let x = Tensor3::<48, 192, 3>::from_fn(|[row, column, channel]| {
        number((channel * 48 + row) * 192 + column)
    });
    let y = net.forward(&x);
    assert_near(
        y.as_slice(),
        &expected(include_bytes!("models/text_direction.npy")),
        1e-5,
    );
}

#[test]
fn file_types() {
    let options = Options::new().size("unk__214", 1);
    let Some(net) = load::<FileTypes>("file_types", &options) else {
        return;
    };
    let text = "fn main() {\n    println!(\"{}\", 1 + 2);\n}\n".repeat(60);
    let x = Tensor1::<2048>::from_position(|i| f32::from(text.as_bytes()[i % 1024]));
    let y = net.forward(&x);
    assert_near(
        y.as_slice(),
        &expected(include_bytes!("models/file_types.npy")),
        1e-5,
    );
}
