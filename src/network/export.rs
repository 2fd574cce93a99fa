//! Networks as ONNX graphs: the layers of a list, one after another.

use std::io::Write;
use std::path::Path;

use super::infer::Infer;
use super::layer::Configuration;
use super::layer_at::LayerAt;
use super::layer_input::LayerInput;
use super::network::Network;
use crate::atomic_file::AtomicFile;
use crate::export::{Export, ExportError, Exported, Graph, Value};
use crate::tensor::{Dims, Element, Shape};

/// The largest number of bytes of a file in the format of Protocol Buffers.
const MOST_BYTES: usize = i32::MAX as usize;

/// A list of layers on its way into a graph. The code that `network!` emits calls it with each
/// layer, in order.
#[doc(hidden)]
pub struct ListExport<'a> {
    name: &'a str,
    graph: &'a mut Graph,
    /// The input of the list, and the outputs of the layers so far.
    outputs: Vec<Value>,
}

impl<'a> ListExport<'a> {
    pub fn new(call: Export<'a>) -> Result<Self, ExportError> {
        let [input] = &call.sources[..] else {
            return Err(call.unsupported());
        };
        Ok(ListExport {
            outputs: vec![input.clone()],
            name: call.name,
            graph: call.graph,
        })
    }

    /// Writes a layer. `key` is the name of its parameters within the list, `text` the layer as it is
    /// written, and `sources` are the outputs that it reads.
    pub fn call<L, In, Out, T, const INDEX: usize>(
        &mut self,
        _: LayerAt<L, In, Out, T, INDEX>,
        config: Option<&L::Config>,
        params: &L::Params,
        [key, text]: [&str; 2],
        sources: &[usize],
    ) -> Result<(), ExportError>
    where
        L: Infer<In, Out, T>,
        In: LayerInput,
        Out: Shape,
        T: Element,
    {
        let default = L::Config::DEFAULT;
        let name = join(self.name, key);
        let scope = self.graph.enter(&name, text);
        let inputs = if In::SOURCES == 1 {
            &[In::DIMS][..]
        } else {
            In::DIMS.parts()
        };
        let output = L::export(
            config.unwrap_or(&default),
            params,
            Export {
                layer: text,
                name: &name,
                sources: sources.iter().map(|&s| self.outputs[s].clone()).collect(),
                inputs,
                output: Out::DIMS,
                graph: &mut *self.graph,
            },
        )?;
        self.graph.leave(scope);
        self.outputs.push(output);
        Ok(())
    }

    /// Returns the output of the last layer.
    pub fn finish(mut self) -> Exported {
        Ok(self.outputs.pop().expect("a list has its input"))
    }
}

/// Joins the name of a list and that of a layer in it.
pub(crate) fn join(list: &str, layer: &str) -> String {
    match (list, layer) {
        ("", name) | (name, "") => name.to_owned(),
        (list, layer) => format!("{list}.{layer}"),
    }
}

/// Adds the inputs or outputs of a network to a graph, by their names or by `other` and a number.
fn each_part(dims: &Dims, names: &[&str], other: &str, mut f: impl FnMut(usize, &str, &Dims)) {
    let parts = if dims.is_tuple() {
        dims.parts()
    } else {
        core::slice::from_ref(dims)
    };
    for (index, part) in parts.iter().enumerate() {
        match names.get(index) {
            Some(name) => f(index, name, part),
            None if parts.len() == 1 => f(index, other, part),
            None => f(index, &format!("{other}_{index}"), part),
        }
    }
}

/// Returns the bytes of a network as an ONNX file.
pub(super) fn to_bytes<N: Network>(
    network: &N,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, ExportError> {
    let mut graph = Graph::new(N::NAME, size_of::<N::Element>() == 8);
    let mut inputs = Vec::new();
    each_part(
        &<N::Input as Shape>::DIMS,
        N::INPUT_NAMES,
        "input",
        |_, name, dims| {
            graph.input(name, dims);
            inputs.push(name.to_owned());
        },
    );
    for (key, value) in metadata {
        graph.metadata(key, value);
    }

    let output = <N as Infer<N::Input, N::Output, N::Element>>::export(
        &(),
        network,
        Export {
            layer: N::NAME,
            name: "",
            sources: vec![Value::tuple(inputs)],
            inputs: &[<N::Input as Shape>::DIMS],
            output: <N::Output as Shape>::DIMS,
            graph: &mut graph,
        },
    )?;
    each_part(
        &<N::Output as Shape>::DIMS,
        N::OUTPUT_NAMES,
        "output",
        |index, name, dims| {
            // An output may have the name of an input.
            let name = if N::INPUT_NAMES.contains(&name) {
                format!("{name}_output")
            } else {
                name.to_owned()
            };
            graph.output(&name, &output.tensors()[index], dims);
        },
    );

    let bytes = graph.into_bytes();
    if bytes.len() > MOST_BYTES {
        return Err(ExportError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// Writes the bytes of a file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let written = AtomicFile::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.finish()
    });
    written.map_err(|error| ExportError::Write {
        path: path.to_owned(),
        error,
    })
}
