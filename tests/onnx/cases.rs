//! The test cases of the ONNX project: a model, its inputs and its outputs.

use std::fs;
use std::path::{Path, PathBuf};

use shapewright_onnx::{Error, Network, Options, names, tensor};

/// Returns the folder of the cases; `None`, with a printed line, if it is not there.
pub fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/onnx_nodes");
    if !path.is_dir() {
        println!("skipped: needs {}", path.display());
        return None;
    }
    Some(path)
}

/// The shape and the numbers of a tensor.
pub type Numbers = (Vec<usize>, Vec<f32>);

/// A case, and how it is translated.
pub struct Case {
    pub name: String,
    pub network: Network,
    /// The inputs and outputs by their names in the file.
    pub inputs: Vec<(String, Numbers)>,
    pub outputs: Vec<(String, Numbers)>,
    pub form: Form,
}

/// The inputs of a case that are inputs of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// All of them.
    Whole,
    /// The first alone; the others are constants, as they are in real files.
    FirstInput,
    /// All of them, for each sample of the batch along the first axis.
    Samples,
    /// The first for each sample of the batch, which is this axis of it.
    FirstOfSamples(usize),
}

/// The names of all cases, in order.
pub fn all(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for group in fs::read_dir(folder).expect("the folder").flatten() {
        let Ok(cases) = fs::read_dir(group.path()) else {
            continue;
        };
        for case in cases.flatten() {
            if case.path().join("model.onnx").is_file() {
                let (group, case) = (group.file_name(), case.file_name());
                names.push(format!("{}/{}", group.display(), case.display()));
            }
        }
    }
    names.sort();
    names
}

/// Reads the tensors of a case: `input_0.pb` and so on, for names that are not empty.
fn tensors(folder: &Path, kind: &str, names: &[String]) -> Result<Vec<(String, Numbers)>, Error> {
    let mut tensors = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let path = folder.join(format!("{kind}_{index}.pb"));
        if let Ok(bytes) = fs::read(path) {
            tensors.push((name.clone(), tensor(&bytes)?));
        }
    }
    Ok(tensors)
}

/// Translates a case in the first form that is possible; the error of the first form otherwise.
pub fn read(folder: &Path, name: &str) -> Result<Case, Error> {
    let path = folder.join(name);
    let bytes = fs::read(path.join("model.onnx")).expect("a model");
    let [input_names, output_names] = names(&bytes)?;
    let inputs = tensors(&path, "input", &input_names)?;
    let outputs = tensors(&path, "output", &output_names)?;

    let batch_axis = match name.split('/').next() {
        Some("LSTM" | "GRU" | "RNN") if !name.ends_with("batchwise") => 1,
        _ => 0,
    };
    let forms = [
        Form::Whole,
        Form::FirstInput,
        Form::Samples,
        Form::FirstOfSamples(batch_axis),
    ];
    let mut first_error = None;
    for first_output in [false, true] {
        for form in forms {
            let mut options = Options::new();
            if first_output {
                options = options.outputs(&[&output_names[0]]);
            }
            for (index, (name, (shape, numbers))) in inputs.iter().enumerate() {
                let mut shape = shape.clone();
                let is_constant =
                    index > 0 && matches!(form, Form::FirstInput | Form::FirstOfSamples(_));
                if is_constant {
                    options = options.constant(name, &shape, numbers);
                    continue;
                }
                let axis = match form {
                    Form::Samples => Some(0),
                    Form::FirstOfSamples(axis) => Some(axis),
                    _ => None,
                };
                if let Some(size) = axis.and_then(|axis| shape.get_mut(axis)) {
                    *size = 1;
                }
                options = options.input(name, &shape);
            }
            match Network::read(&bytes, None, &options) {
                Ok(network) => {
                    let case = Case {
                        name: name.to_owned(),
                        network,
                        inputs,
                        outputs,
                        form,
                    };
                    return Ok(case);
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
    }
    Err(first_error.expect("a form"))
}
