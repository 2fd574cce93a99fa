//! Translates an ONNX file: prints the definition for `network!`, and writes the weights.
//!
//! ```sh
//! cargo run --release --features onnx --example onnx2net model.onnx batch=1 length=64
//! ```
//!
//! `name=1` gives a size that the file leaves open, `name=1,3,224,224` the shape of an input, and
//! `outputs=a,b` chooses outputs. The weights are written beside the model, as
//! `model.safetensors`, which `Loader::open(..)` reads into the network.

use std::error::Error;
use std::path::Path;

use shapewright_onnx::{Network, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        return Err("usage: onnx2net model.onnx [size=1] [input=1,3,224,224] [outputs=a,b]".into());
    };
    let mut options = Options::new();
    for argument in arguments {
        options = with(options, &argument)?;
    }

    let path = Path::new(&path);
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let network = Network::read(&bytes, path.parent(), &options)?;

    println!("network! {{");
    for line in network.definition("pub", &type_name(path)).lines() {
        println!("    {line}");
    }
    println!("}}");

    if network.has_weights() {
        let weights = path.with_extension("safetensors");
        std::fs::write(&weights, network.weights())?;
        eprintln!("the weights are in {}", weights.display());
    }
    Ok(())
}

/// Reads an argument `name=value`.
fn with(options: Options, argument: &str) -> Result<Options, Box<dyn Error>> {
    let Some((name, value)) = argument.rsplit_once('=') else {
        return Err(format!("`{argument}` is not of the form `name=value`").into());
    };
    if name == "outputs" {
        return Ok(options.outputs(&value.split(',').collect::<Vec<_>>()));
    }
    let sizes: Result<Vec<usize>, _> = value.split(',').map(str::parse).collect();
    let sizes = sizes.map_err(|_| format!("`{value}` in `{argument}` is no size"))?;
    Ok(match sizes[..] {
        [size] => options.size(name, size),
        _ => options.input(name, &sizes),
    })
}

/// Returns the name of a type for a file: `Mobilenet` for `mobilenet.onnx`.
fn type_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = String::new();
    for word in stem.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    match name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        true => name,
        false => format!("Net{name}"),
    }
}
