//! The text of a definition, and the bytes of its weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::error::{Result, fail};
use crate::list::{Layer, Source};
use crate::tensor::Sizes;
use crate::translate::{Port, Translated};

/// The most inputs, and the most outputs, that a network has.
const MOST_PORTS: usize = 4;

/// A network that is ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub inputs: Vec<(String, Port)>,
    pub outputs: Vec<(String, Port)>,
    pub layers: Vec<NamedLayer>,
}

#[derive(Clone, Debug)]
pub(crate) struct NamedLayer {
    pub layer: Layer,
    pub name: Option<String>,
    /// The names of what it reads; none if that is the output before it.
    pub sources: Vec<String>,
}

/// Removes layers that nothing reads, and gives names to the others.
pub(crate) fn named(translated: Translated) -> Result<Named> {
    let Translated {
        mut layers,
        inputs,
        mut outputs,
    } = translated;
    if outputs.len() > MOST_PORTS {
        let names: Vec<&String> = outputs.iter().map(|port| &port.name).collect();
        fail!(
            "the network has {} outputs, and at most {MOST_PORTS} are possible; choose among them: \
             `outputs = {names:?}`",
            outputs.len()
        );
    }

    // An output is a layer of its own.
    let mut taken = BTreeSet::new();
    for port in &mut outputs {
        let is_input = layers[port.source].kind.is_empty();
        if is_input || !taken.insert(port.source) {
            let dims = layers[port.source].dims.clone();
            layers.push(Layer::new("Identity", &[port.source], &dims));
            port.source = layers.len() - 1;
            taken.insert(port.source);
        }
    }

    let live = live(&layers, &outputs);
    let inputs: Vec<Port> = inputs
        .into_iter()
        .filter(|port| live[port.source])
        .collect();
    if inputs.len() > MOST_PORTS {
        fail!(
            "the network has {} inputs, and at most {MOST_PORTS} are possible",
            inputs.len()
        );
    }
    if inputs.is_empty() {
        fail!("the outputs do not depend on any input");
    }

    let mut names = Names::default();
    names.used.insert("input".to_owned());
    let input_names: Vec<String> = inputs
        .iter()
        .map(|port| names.unique(&port.name, "x"))
        .collect();
    let output_names: Vec<String> = outputs
        .iter()
        .map(|port| names.unique(&port.name, "output"))
        .collect();

    // The order of the list, without what nothing reads.
    let order: Vec<Source> = (0..layers.len())
        .filter(|&source| live[source] && !layers[source].kind.is_empty())
        .collect();
    let mut text_of: BTreeMap<Source, String> = BTreeMap::new();
    for (port, name) in inputs.iter().zip(&input_names) {
        let name = if inputs.len() == 1 { "input" } else { name };
        text_of.insert(port.source, name.to_owned());
    }
    if outputs.len() > 1 {
        for (port, name) in outputs.iter().zip(&output_names) {
            text_of.insert(port.source, name.clone());
        }
    }
    let follows = |index: usize, source: Source| match index {
        0 => inputs.len() == 1 && inputs[0].source == source,
        _ => order[index - 1] == source,
    };
    // Layers with parameters have the names of the file; those around them are less important.
    for &source in &order {
        let layer = &layers[source];
        if !layer.tensors.is_empty() && !text_of.contains_key(&source) {
            text_of.insert(source, names.unique(&layer.name, layer.kind));
        }
    }
    for (index, &source) in order.iter().enumerate() {
        let layer = &layers[source];
        let is_joint = layer.sources.len() > 1;
        for &read in &layer.sources {
            if (is_joint || !follows(index, read)) && !text_of.contains_key(&read) {
                let name = names.unique(&layers[read].name, layers[read].kind);
                text_of.insert(read, name);
            }
        }
    }

    let mut list = Vec::new();
    for (index, &source) in order.iter().enumerate() {
        let layer = layers[source].clone();
        let is_default = layer.sources.len() == 1 && follows(index, layer.sources[0]);
        let sources = match is_default {
            true => Vec::new(),
            false => layer
                .sources
                .iter()
                .map(|read| text_of[read].clone())
                .collect(),
        };
        list.push(NamedLayer {
            layer,
            name: text_of.get(&source).cloned(),
            sources,
        });
    }
    let with_dims =
        |ports: Vec<Port>, names: Vec<String>| names.into_iter().zip(ports).collect::<Vec<_>>();
    Ok(Named {
        inputs: with_dims(inputs, input_names),
        outputs: with_dims(outputs, output_names),
        layers: list,
    })
}

/// Returns what the outputs depend on.
fn live(layers: &[Layer], outputs: &[Port]) -> Vec<bool> {
    let mut live = vec![false; layers.len()];
    for port in outputs {
        live[port.source] = true;
    }
    for source in (0..layers.len()).rev() {
        if live[source] {
            for &read in &layers[source].sources {
                live[read] = true;
            }
        }
    }
    live
}

/// The names that are in use.
#[derive(Default)]
struct Names {
    used: BTreeSet<String>,
}

impl Names {
    /// Returns a new name like that of the file, `/encoder.0/Conv` as `encoder_0_conv`.
    fn unique(&mut self, wanted: &str, kind: &str) -> String {
        // The first of several names that were joined, and its last two parts.
        let wanted = wanted.split(';').next().unwrap_or(wanted);
        let slash = wanted.rmatch_indices('/').nth(1);
        let wanted = slash.map_or(wanted, |(at, _)| &wanted[at..]);
        let mut name = String::new();
        for letter in wanted.chars() {
            if letter.is_ascii_alphanumeric() {
                name.push(letter.to_ascii_lowercase());
            } else if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
        }
        let name = name.trim_end_matches('_').trim_end_matches("_output_0");
        let mut name = match name.chars().next() {
            None => kind.to_ascii_lowercase(),
            Some(first) if first.is_ascii_digit() => {
                format!("{}_{name}", kind.to_ascii_lowercase())
            }
            Some(_) => name.to_owned(),
        };
        name.truncate(60);
        // Keywords, names that lists use, and types in lower case.
        if KEYWORDS.contains(&name.as_str()) || name.starts_with("layer_") {
            name.insert_str(0, "the_");
        }
        let mut unique = name.clone();
        let mut number = 2;
        while !self.used.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }
}

const KEYWORDS: [&str; 54] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "union", "layer", "input",
];

impl Named {
    /// Writes the definition. `head` is what is before the name, such as `pub`, with attributes.
    pub fn definition(&self, head: &str, name: &str) -> String {
        let mut text = String::new();
        let ports = |ports: &[(String, Port)]| {
            let each = ports.iter().map(|(name, port)| (name, dims_of(port)));
            match ports {
                [(_, port)] => format!("{:?}", dims_of(port)),
                _ => {
                    let list: Vec<String> =
                        each.map(|(n, dims)| format!("{n}: {dims:?}")).collect();
                    format!("({})", list.join(", "))
                }
            }
        };
        for line in self.documentation() {
            let space = if line.is_empty() { "" } else { " " };
            let _ = writeln!(text, "///{space}{line}");
        }
        let head = if head.is_empty() {
            String::new()
        } else {
            format!("{head} ")
        };
        let _ = writeln!(
            text,
            "{head}struct {name}: {} -> {} {{",
            ports(&self.inputs),
            ports(&self.outputs)
        );
        for layer in &self.layers {
            let _ = writeln!(text, "    {},", layer.text());
        }
        text.push_str("}\n");
        text
    }

    /// Says which axes of the file the inputs and outputs have.
    fn documentation(&self) -> Vec<String> {
        let of = |what: &str, (name, port): &(String, Port)| {
            let file = match *name == port.name {
                true => String::new(),
                false => format!(" (`{}` in the file)", port.name.replace('`', "'")),
            };
            let order = match port.order.windows(2).all(|pair| pair[0] < pair[1]) {
                true => String::new(),
                false => format!(", with its axes in the order {:?}", port.order),
            };
            format!(
                "- {what} `{name}`{file}: {} there{order}",
                Sizes(&port.shape)
            )
        };
        let mut lines = vec!["Translated from an ONNX file.".to_owned(), String::new()];
        lines.extend(self.inputs.iter().map(|port| of("input", port)));
        lines.extend(self.outputs.iter().map(|port| of("output", port)));
        lines
    }

    /// Returns the bytes of a safetensors file with the weights: with the axes of PyTorch, or all
    /// numbers in the order that they have in memory.
    pub fn weights(&self, in_memory: bool) -> Vec<u8> {
        let order = match in_memory {
            true => "memory",
            false => "features_as_here",
        };
        let mut header = format!(
            "{{\"__metadata__\":{{\"shapewright\":\"1\",\"shapewright_order\":\"{order}\"}}"
        );
        let mut data = Vec::new();
        for NamedLayer { layer, name, .. } in &self.layers {
            let Some(name) = name else { continue };
            for (tensor_name, tensor) in &layer.tensors {
                let turned = in_memory.then(|| layer.in_memory(tensor));
                let tensor = turned.as_ref().unwrap_or(tensor);
                let begin = data.len();
                data.extend(
                    tensor
                        .as_floats()
                        .iter()
                        .flat_map(|number| number.to_le_bytes()),
                );
                let _ = write!(
                    header,
                    ",\"{name}.{tensor_name}\":{{\"dtype\":\"F32\",\"shape\":{:?},\
                     \"data_offsets\":[{begin},{}]}}",
                    tensor.shape,
                    data.len()
                );
            }
        }
        header.push('}');
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }
}

/// Returns the shape of a port in the network.
pub(crate) fn dims_of(port: &Port) -> Vec<usize> {
    crate::translate::port_dims(&port.shape, &port.order)
}

impl NamedLayer {
    fn text(&self) -> String {
        let Layer {
            kind,
            arguments,
            call,
            ..
        } = &self.layer;
        let mut text = String::new();
        if let Some(name) = &self.name {
            let _ = write!(text, "{name}: ");
        }
        text.push_str(kind);
        if !arguments.is_empty() {
            let _ = write!(text, "<{}>", arguments.join(", "));
        }
        if !call.is_empty() {
            let _ = write!(text, "({})", call.join(", "));
        }
        match &self.sources[..] {
            [] => {}
            [source] => {
                let _ = write!(text, " <- {source}");
            }
            sources => {
                let _ = write!(text, " <- ({})", sources.join(", "));
            }
        }
        text
    }
}
