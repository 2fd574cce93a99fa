//! ONNX files as definitions of networks, for the crate `shapewright`: its macro `onnx!` and its
//! command `onnx2net` call this library.
//!
//! A file is read with limits, its constants and shapes are computed, and each operator becomes one or
//! more layers. The result is the text of a `network!` and the bytes of a safetensors file with its
//! weights. What is not supported is an [`Error`], one sentence that names the node.
//!
//! ```no_run
//! use shapewright_onnx::{Network, Options};
//!
//! let bytes = std::fs::read("model.onnx")?;
//! let network = Network::read(&bytes, None, &Options::new().size("batch", 1))?;
//! println!("network! {{ {} }}", network.definition("pub", "Model"));
//! std::fs::write("model.safetensors", network.weights())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attributes;
mod emit;
mod error;
mod fold;
mod layout;
mod list;
mod patterns;
mod read;
mod shape;
mod tensor;
mod translate;

use std::path::Path;

pub use error::Error;

/// The settings of a translation: sizes that the file leaves open, and limits.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) sizes: Vec<(String, usize)>,
    pub(crate) shapes: Vec<(String, Vec<usize>)>,
    pub(crate) outputs: Option<Vec<String>>,
    pub(crate) constants: Vec<(String, Vec<usize>, Vec<f32>)>,
    pub(crate) max_numbers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sizes: Vec::new(),
            shapes: Vec::new(),
            outputs: None,
            constants: Vec::new(),
            max_numbers: 1 << 27,
        }
    }
}

impl Options {
    /// Returns settings without sizes, and with a limit of 134 million numbers for each tensor.
    pub fn new() -> Self {
        Options::default()
    }

    /// Gives an axis a size, by the name that the file has for it.
    pub fn size(mut self, name: &str, size: usize) -> Self {
        self.sizes.push((name.to_owned(), size));
        self
    }

    /// Gives an input a shape, in place of that of the file.
    pub fn input(mut self, name: &str, shape: &[usize]) -> Self {
        self.shapes.push((name.to_owned(), shape.to_vec()));
        self
    }

    /// Chooses the outputs, by their names in the file; by default all of them.
    pub fn outputs(mut self, names: &[&str]) -> Self {
        self.outputs = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Makes an input a constant, which is part of the weights. `numbers` are those of a tensor of this
    /// shape, row after row.
    ///
    /// # Panics
    /// Panics if there are more or fewer numbers than the shape has.
    pub fn constant(mut self, name: &str, shape: &[usize], numbers: &[f32]) -> Self {
        let len: usize = shape.iter().product();
        assert_eq!(numbers.len(), len, "a constant {shape:?} has {len} numbers");
        let (shape, numbers) = (shape.to_vec(), numbers.to_vec());
        self.constants.push((name.to_owned(), shape, numbers));
        self
    }

    /// Sets the largest number of elements of a tensor.
    pub fn max_numbers(mut self, numbers: usize) -> Self {
        self.max_numbers = numbers;
        self
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        let found = self.shapes.iter().find(|(own, _)| own == name);
        found.map(|(_, shape)| &shape[..])
    }

    pub(crate) fn chooses(&self, output: &str) -> bool {
        let outputs = self.outputs.as_ref();
        outputs.is_none_or(|outputs| outputs.iter().any(|own| own == output))
    }

    /// Returns the size of an axis.
    pub(crate) fn get_size(&self, name: &str) -> Option<usize> {
        let found = self.sizes.iter().find(|(own, _)| own == name);
        found.map(|&(_, size)| size)
    }
}

/// An input or an output of a translated network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name in the network.
    pub name: String,
    /// The name in the file.
    pub file_name: String,
    /// The shape in the file.
    pub file_shape: Vec<usize>,
    /// The axes of the file in the order in which the network has them.
    pub order: Vec<usize>,
    /// The shape in the network.
    pub shape: Vec<usize>,
}

/// A translated network.
#[derive(Clone, Debug)]
pub struct Network(emit::Named);

impl Network {
    /// Translates the bytes of an ONNX file. Tensors that are in files of their own are looked for in
    /// the folder.
    ///
    /// # Errors
    /// Returns an error if the file is damaged, if a size is missing, or if an operator is not
    /// supported.
    pub fn read(bytes: &[u8], folder: Option<&Path>, options: &Options) -> Result<Self, Error> {
        let mut model = read::read(bytes, folder, options.max_numbers)?;
        if let Some(outputs) = &options.outputs {
            model.graph.outputs.retain(|name| outputs.contains(name));
        }
        patterns::join(&mut model.graph);
        let translated = translate::translate(&model, options)?;
        Ok(Network(emit::named(translated)?))
    }

    /// Returns the definition, as it is written in `network!`. `head` is what stands before `struct`,
    /// such as `pub` or attributes.
    pub fn definition(&self, head: &str, name: &str) -> String {
        self.0.definition(head, name)
    }

    /// Returns the bytes of a safetensors file with the weights, whose axes are those of PyTorch.
    pub fn weights(&self) -> Vec<u8> {
        self.0.weights(false)
    }

    /// Returns the bytes of a safetensors file with the weights as they lie in memory, which the
    /// compiler includes without a conversion.
    pub fn weights_in_memory(&self) -> Vec<u8> {
        self.0.weights(true)
    }

    /// Returns whether the network has parameters.
    pub fn has_weights(&self) -> bool {
        self.0
            .layers
            .iter()
            .any(|named| !named.layer.tensors.is_empty())
    }

    /// Returns the number of layers.
    pub fn layers(&self) -> usize {
        self.0.layers.len()
    }

    /// Returns the inputs that are read.
    pub fn inputs(&self) -> Vec<Port> {
        self.0.inputs.iter().map(port).collect()
    }

    /// Returns the outputs.
    pub fn outputs(&self) -> Vec<Port> {
        self.0.outputs.iter().map(port).collect()
    }
}

/// Returns the names of a file's inputs and of its outputs.
///
/// # Errors
/// Returns an error if the file is damaged.
pub fn names(bytes: &[u8]) -> Result<[Vec<String>; 2], Error> {
    let graph = read::read(bytes, None, Options::new().max_numbers)?.graph;
    let inputs = graph.inputs.into_iter().map(|input| input.name);
    Ok([inputs.collect(), graph.outputs])
}

/// Returns the shape and the numbers of a tensor in a file of its own, as those in which ONNX's test
/// cases have inputs and outputs.
///
/// # Errors
/// Returns an error if the file is damaged, or if its numbers are of a type that is not read.
pub fn tensor(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), Error> {
    let tensor = read::tensor(bytes, Options::new().max_numbers)?;
    Ok((tensor.shape.clone(), tensor.as_floats().to_vec()))
}

fn port((name, port): &(String, translate::Port)) -> Port {
    Port {
        name: name.clone(),
        file_name: port.name.clone(),
        file_shape: port.shape.clone(),
        order: port.order.clone(),
        shape: emit::dims_of(port),
    }
}
