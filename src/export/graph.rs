//! A graph that grows node by node.

use std::collections::{BTreeMap, BTreeSet};

use super::proto::Message;
use crate::tensor::Dims;

/// The version of the format, and that of the operators.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// The name of the axis of the batch.
const BATCH: &str = "batch";

/// The numbers of types in `onnx.proto`.
const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT8: i64 = 3;
const INT64: i64 = 7;
const DOUBLE: i64 = 11;
/// The numbers of the types of attributes.
const OF_FLOAT: i64 = 1;
const OF_INT: i64 = 2;
const OF_TEXT: i64 = 3;
const OF_INTS: i64 = 7;
const OF_TEXTS: i64 = 8;

/// The output of a layer in the graph: the name of a tensor, or of several if it is a tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    tensors: Vec<String>,
}

impl From<String> for Value {
    fn from(tensor: String) -> Self {
        Value {
            tensors: vec![tensor],
        }
    }
}

impl Value {
    /// Creates a tuple of tensors with these names.
    pub fn tuple(tensors: Vec<String>) -> Self {
        Value { tensors }
    }

    /// Returns the names of its tensors.
    pub fn tensors(&self) -> &[String] {
        &self.tensors
    }

    /// Returns the name of its tensor, if it is not a tuple.
    pub fn one(&self) -> Option<String> {
        match &self.tensors[..] {
            [tensor] => Some(tensor.clone()),
            _ => None,
        }
    }
}

/// An attribute of a node.
#[derive(Clone, Debug)]
pub enum Attribute<'a> {
    /// A whole number.
    Int(&'a str, i64),
    /// Whole numbers.
    Ints(&'a str, Vec<i64>),
    /// A number.
    Float(&'a str, f64),
    /// A text.
    Text(&'a str, &'a str),
    /// Texts.
    Texts(&'a str, Vec<&'a str>),
}

/// A node with the names of its tensors.
#[derive(Debug)]
struct Node {
    message: Message,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// An ONNX graph. The first axis of the tensors between its nodes is that of the batch.
#[derive(Debug)]
pub struct Graph {
    name: String,
    nodes: Vec<Node>,
    /// The constants, by their names.
    initializers: Vec<(String, Message)>,
    names: BTreeSet<String>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// The names of the outputs.
    results: Vec<String>,
    metadata: Vec<Message>,
    /// Constants by their text.
    constants: BTreeMap<String, String>,
    /// The outputs of transpositions, with their inputs and axes.
    transposed: BTreeMap<String, (String, Vec<usize>)>,
    /// The name of the layer that is being written.
    scope: String,
    /// The number of nodes in each scope.
    counts: BTreeMap<String, usize>,
    is_double: bool,
}

impl Graph {
    /// Creates an empty graph, with numbers of `f64` or of `f32`.
    pub(crate) fn new(name: &str, is_double: bool) -> Self {
        Graph {
            name: name.to_owned(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            names: BTreeSet::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            results: Vec::new(),
            metadata: Vec::new(),
            constants: BTreeMap::new(),
            transposed: BTreeMap::new(),
            scope: String::new(),
            counts: BTreeMap::new(),
            is_double,
        }
    }

    /// Sets the name of the layer whose nodes come next, and returns the one before.
    pub(crate) fn enter(&mut self, name: &str, layer: &str) -> String {
        let scope = if name.is_empty() { layer } else { name };
        let scope = scope.split(['<', '(', ' ']).next().unwrap_or(scope);
        core::mem::replace(&mut self.scope, scope.to_owned())
    }

    /// Sets the name back.
    pub(crate) fn leave(&mut self, scope: String) {
        self.scope = scope;
    }

    /// Adds an input of the network.
    pub(crate) fn input(&mut self, name: &str, dims: &Dims) {
        self.names.insert(name.to_owned());
        let info = self.value_info(name, dims);
        self.inputs.push(info);
    }

    /// Adds an output of the network, which has the numbers of a tensor.
    pub(crate) fn output(&mut self, name: &str, tensor: &str, dims: &Dims) {
        self.add_node("Identity", &[tensor], &[name], &[]);
        let info = self.value_info(name, dims);
        self.outputs.push(info);
        self.results.push(name.to_owned());
    }

    /// Adds a text to the metadata.
    pub(crate) fn metadata(&mut self, key: &str, value: &str) {
        let mut entry = Message::new();
        entry.text(1, key);
        entry.text(2, value);
        self.metadata.push(entry);
    }

    const fn number_type(&self) -> i64 {
        if self.is_double { DOUBLE } else { FLOAT }
    }

    /// Returns the number of ONNX's type of the network's numbers, for `Cast`.
    pub const fn element_type(&self) -> i64 {
        self.number_type()
    }

    fn value_info(&self, name: &str, dims: &Dims) -> Message {
        let mut shape = Message::new();
        let mut batch = Message::new();
        batch.text(2, BATCH);
        shape.message(1, &batch);
        for &size in dims.sizes() {
            let mut axis = Message::new();
            axis.int(1, size as i64);
            shape.message(1, &axis);
        }

        let mut tensor = Message::new();
        tensor.int(1, self.number_type());
        tensor.message(2, &shape);
        let mut of_value = Message::new();
        of_value.message(1, &tensor);
        let mut info = Message::new();
        info.text(1, name);
        info.message(2, &of_value);
        info
    }

    /// Adds a node with one output, and returns the output's name. Inputs that are left out are
    /// empty texts.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        let [output] = self.node_with(operator, inputs, attributes);
        output
    }

    /// Adds a node with several outputs, and returns their names.
    pub fn node_with<const OUTPUTS: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> [String; OUTPUTS] {
        let outputs: [String; OUTPUTS] = core::array::from_fn(|_| self.fresh(operator));
        let names = outputs.each_ref().map(String::as_str);
        self.add_node(operator, inputs, &names, attributes);
        outputs
    }

    /// Returns a name that no tensor has.
    fn fresh(&mut self, operator: &str) -> String {
        loop {
            let count = self.counts.entry(self.scope.clone()).or_default();
            *count += 1;
            let name = format!("{}/{operator}_{count}", self.scope);
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    fn add_node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Attribute<'_>],
    ) {
        let mut node = Message::new();
        inputs.iter().for_each(|input| node.text(1, input));
        outputs.iter().for_each(|output| node.text(2, output));
        node.text(3, outputs[0]);
        node.text(4, operator);

        for attribute in attributes {
            let mut message = Message::new();
            match attribute {
                Attribute::Int(name, x) => {
                    message.text(1, name);
                    message.int(3, *x);
                    message.int(20, OF_INT);
                }
                Attribute::Ints(name, numbers) => {
                    message.text(1, name);
                    numbers.iter().for_each(|&x| message.int(8, x));
                    message.int(20, OF_INTS);
                }
                Attribute::Float(name, x) => {
                    message.text(1, name);
                    message.float(2, *x as f32);
                    message.int(20, OF_FLOAT);
                }
                Attribute::Text(name, text) => {
                    message.text(1, name);
                    message.text(4, text);
                    message.int(20, OF_TEXT);
                }
                Attribute::Texts(name, texts) => {
                    message.text(1, name);
                    texts.iter().for_each(|text| message.text(9, text));
                    message.int(20, OF_TEXTS);
                }
            }
            node.message(5, &message);
        }
        self.nodes.push(Node {
            message: node,
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: outputs.iter().map(|&output| output.to_owned()).collect(),
        });
    }

    /// Adds a tensor of constants with this name, unless there is one.
    pub fn initializer(&mut self, name: &str, sizes: &[usize], numbers: &[f64]) {
        if !self.names.insert(name.to_owned()) {
            return;
        }
        let mut data = Vec::new();
        if self.is_double {
            numbers.iter().for_each(|x| data.extend(x.to_le_bytes()));
        } else {
            let singles = numbers.iter().map(|&x| x as f32);
            singles.for_each(|x| data.extend(x.to_le_bytes()));
        }
        let kind = self.number_type();
        self.add_initializer(name, sizes, kind, &data);
    }

    fn add_initializer(&mut self, name: &str, sizes: &[usize], kind: i64, data: &[u8]) {
        let mut tensor = Message::new();
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        tensor.ints(1, &sizes);
        tensor.int(2, kind);
        tensor.text(8, name);
        tensor.bytes_of(9, data);
        self.initializers.push((name.to_owned(), tensor));
    }

    /// Adds a tensor of 8-bit numbers with this name, unless there is one.
    pub fn signed_bytes(&mut self, name: &str, sizes: &[usize], numbers: &[i8]) {
        if self.names.insert(name.to_owned()) {
            let data: Vec<u8> = numbers.iter().map(|&x| x as u8).collect();
            self.add_initializer(name, sizes, INT8, &data);
        }
    }

    /// Adds an 8-bit number without a sign and without an axis, unless there is one of this name.
    pub fn bytes(&mut self, name: &str, number: u8) {
        if self.names.insert(name.to_owned()) {
            self.add_initializer(name, &[], UINT8, &[number]);
        }
    }

    /// Adds a node that gives the numbers that 8-bit numbers stand for, with a scale and a zero point
    /// for each index of the first axis.
    pub fn dequantized(&mut self, x: &str, scale: &str, zero_point: &str) -> String {
        let axis = [Attribute::Int("axis", 0)];
        self.node("DequantizeLinear", &[x, scale, zero_point], &axis)
    }

    /// Returns the name of a tensor of these numbers.
    pub fn constant(&mut self, sizes: &[usize], numbers: &[f64]) -> String {
        // The bits keep NaN and -0 apart.
        let bits: Vec<u64> = numbers.iter().map(|x| x.to_bits()).collect();
        let key = format!("{sizes:?} {bits:x?}");
        if let Some(name) = self.constants.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        self.names.remove(&name);
        self.initializer(&name, sizes, numbers);
        self.constants.insert(key, name.clone());
        name
    }

    /// Returns the name of one number without an axis.
    pub fn scalar(&mut self, x: f64) -> String {
        self.constant(&[], &[x])
    }

    /// Returns the name of an axis of `f32`, whatever the network's numbers are.
    pub fn singles(&mut self, numbers: &[f32]) -> String {
        let name = self.fresh("constant");
        let data: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.add_initializer(&name, &[numbers.len()], FLOAT, &data);
        name
    }

    /// Returns the name of an axis of whole numbers, such as a shape.
    pub fn ints(&mut self, numbers: &[i64]) -> String {
        self.whole(&[numbers.len()], numbers)
    }

    /// Returns the name of a whole number without an axis.
    pub fn int(&mut self, x: i64) -> String {
        self.whole(&[], &[x])
    }

    fn whole(&mut self, sizes: &[usize], numbers: &[i64]) -> String {
        let key = format!("{sizes:?} {numbers:?}");
        if let Some(name) = self.constants.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        let data: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.add_initializer(&name, sizes, INT64, &data);
        self.constants.insert(key, name.clone());
        name
    }

    /// Adds a node that gives a tensor other sizes, without that of the batch.
    pub fn reshape(&mut self, x: &str, sizes: &[usize]) -> String {
        let mut shape = vec![-1];
        shape.extend(sizes.iter().map(|&size| size as i64));
        let shape = self.ints(&shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    /// Adds a node that orders the axes, that of the batch included: for each new axis, the old one.
    pub fn transpose(&mut self, x: &str, axes: &[usize]) -> String {
        // Two that cancel out are none.
        if let Some((before, own)) = self.transposed.get(x)
            && axes
                .iter()
                .enumerate()
                .all(|(index, &axis)| own[axis] == index)
        {
            return before.clone();
        }
        let perm = axes.iter().map(|&axis| axis as i64).collect();
        let y = self.node("Transpose", &[x], &[Attribute::Ints("perm", perm)]);
        self.transposed
            .insert(y.clone(), (x.to_owned(), axes.to_vec()));
        y
    }

    /// Adds a node that converts a tensor to whole numbers.
    pub fn to_ints(&mut self, x: &str) -> String {
        self.node("Cast", &[x], &[Attribute::Int("to", INT64)])
    }

    /// Adds a node that converts a tensor to the network's numbers.
    pub fn to_numbers(&mut self, x: &str) -> String {
        let to = self.number_type();
        self.node("Cast", &[x], &[Attribute::Int("to", to)])
    }

    /// Adds a node that cuts the positions `start..end` out of an axis.
    pub fn slice(&mut self, x: &str, axis: usize, start: usize, end: usize) -> String {
        let [start, end, axis] = [start, end, axis].map(|x| self.ints(&[x as i64]));
        self.node("Slice", &[x, &start, &end, &axis], &[])
    }

    /// Adds a node that puts tensors side by side along an axis.
    pub fn concat(&mut self, tensors: &[&str], axis: usize) -> String {
        self.node("Concat", tensors, &[Attribute::Int("axis", axis as i64)])
    }

    /// Adds a node that takes the mean or another reduction over axes, which are kept with size 1 or
    /// go away.
    pub fn reduce(&mut self, operator: &str, x: &str, axes: &[usize], keep: bool) -> String {
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let keep = Attribute::Int("keepdims", keep.into());
        if operator == "ReduceSum" {
            let axes = self.ints(&axes);
            self.node(operator, &[x, &axes], &[keep])
        } else {
            self.node(operator, &[x], &[Attribute::Ints("axes", axes), keep])
        }
    }

    /// Returns the bytes of the file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        // Transpositions that cancel out may have left nodes that nobody reads.
        let mut read: BTreeSet<&str> = self.results.iter().map(String::as_str).collect();
        let mut nodes = Vec::new();
        for node in self.nodes.iter().rev() {
            if node.outputs.iter().any(|output| read.contains(&output[..])) {
                read.extend(node.inputs.iter().map(String::as_str));
                nodes.push(&node.message);
            }
        }

        let mut graph = Message::new();
        nodes.iter().rev().for_each(|node| graph.message(1, node));
        graph.text(2, &self.name);
        for (name, tensor) in &self.initializers {
            if read.contains(&name[..]) {
                graph.message(5, tensor);
            }
        }
        self.inputs.iter().for_each(|i| graph.message(11, i));
        self.outputs.iter().for_each(|o| graph.message(12, o));

        let mut opset = Message::new();
        opset.text(1, "");
        opset.int(2, OPSET);
        let mut model = Message::new();
        model.int(1, IR_VERSION);
        model.text(2, "shapewright");
        model.text(3, env!("CARGO_PKG_VERSION"));
        model.message(7, &graph);
        model.message(8, &opset);
        self.metadata.iter().for_each(|m| model.message(14, m));
        model.into_bytes()
    }
}
