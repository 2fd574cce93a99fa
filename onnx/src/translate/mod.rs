//! From operators to layers.

mod arithmetic;
mod attention;
mod control;
mod conv;
mod dense;
mod functions;
mod joints;
mod norm;
mod pool;
mod recurrent;
mod reduce;
mod resize;
mod views;

use std::collections::HashMap;

use crate::Options;
use crate::error::{Error, Result, fail};
use crate::fold;
use crate::layout::Value;
use crate::list::Layer;
use crate::read::{Axis, Graph, Input, Model, Node};
use crate::tensor::{Kind, Sizes, Tensor, checked_len};

/// The meaning of a name of the file.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Numbers that are known.
    Constant(Tensor),
    /// An output of a layer, or an input of the network.
    Computed(Value),
    /// A name that belongs to an output which nothing provides.
    Absent,
}

/// An input or an output of the network.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub name: String,
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// The axes of the file in the order in which the network has them.
    pub order: Vec<usize>,
    pub source: usize,
}

/// The translation of a graph while it grows.
pub(crate) struct Translator<'m> {
    pub options: &'m Options,
    pub opset: i64,
    pub layers: Vec<Layer>,
    /// The number of inputs and outputs by each name.
    uses: HashMap<String, usize>,
    names: HashMap<String, Meaning>,
    pub next_atom: u32,
    /// The layers that only move numbers, by what they read and how they are written.
    pub views: HashMap<(usize, String), usize>,
    /// The name for the layers of the current node.
    pub current: String,
    /// The number of loops around the current node, each of which reads a name several times.
    loops: usize,
    /// The number of operators so far, of which loops may have many.
    steps: usize,
}

/// The largest number of operators, with those of loops counted each time.
const MAX_STEPS: usize = 100_000;

/// The network of a model: its layers, inputs and outputs.
pub(crate) struct Translated {
    pub layers: Vec<Layer>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

/// Translates a model.
pub(crate) fn translate(model: &Model, options: &Options) -> Result<Translated> {
    let mut translator = Translator {
        options,
        opset: model.opset,
        layers: Vec::new(),
        uses: HashMap::new(),
        names: HashMap::new(),
        next_atom: 0,
        views: HashMap::new(),
        current: String::new(),
        loops: 0,
        steps: 0,
    };
    let graph = &model.graph;
    let shapes = input_shapes(graph, options)?;
    let mut inputs = Vec::new();
    for (input, shape) in graph.inputs.iter().zip(shapes) {
        let constant = options
            .constants
            .iter()
            .find(|(name, ..)| *name == input.name);
        if let Some((name, shape, numbers)) = constant {
            let tensor = Tensor::floats(shape, numbers.clone());
            let tensor = match input.kind {
                Some(Kind::Int) => fold::cast(&tensor, 7),
                Some(Kind::Bool) => fold::cast(&tensor, 9),
                _ => tensor,
            };
            translator.name(name, Meaning::Constant(tensor));
            continue;
        }
        inputs.push(translator.input(graph, input, &shape)?);
    }

    translator.count_uses(graph, true);
    translator.run(graph)?;

    let mut outputs = Vec::new();
    for name in &graph.outputs {
        if options
            .outputs
            .as_ref()
            .is_some_and(|outputs| !outputs.contains(name))
        {
            continue;
        }
        outputs.push(translator.output(name)?);
    }
    if outputs.is_empty() {
        fail!("the network has none of the outputs {:?}", graph.outputs);
    }
    Ok(Translated {
        layers: translator.layers,
        inputs,
        outputs,
    })
}

/// Returns the sizes of each input, from the file and from the options.
fn input_shapes(graph: &Graph, options: &Options) -> Result<Vec<Vec<usize>>> {
    let mut missing = Vec::new();
    let mut shapes = Vec::new();
    let mut used = Vec::new();
    for input in &graph.inputs {
        if options
            .constants
            .iter()
            .any(|(name, ..)| *name == input.name)
        {
            shapes.push(vec![1]);
            continue;
        }
        if let Some(shape) = options.shape(&input.name) {
            used.push(input.name.as_str());
            let fits = input
                .axes
                .as_ref()
                .is_none_or(|axes| axes.len() == shape.len());
            if !fits {
                let axes = input.axes.as_ref().map_or(0, Vec::len);
                fail!(
                    "the input `{}` has {axes} axes, and not {}",
                    input.name,
                    Sizes(shape)
                );
            }
            shapes.push(shape.to_vec());
            continue;
        }
        let Some(axes) = &input.axes else {
            missing.push(format!(
                "`{} = [..]`, as the file has no shape of it",
                input.name
            ));
            continue;
        };
        let mut shape = Vec::new();
        for (index, axis) in axes.iter().enumerate() {
            match axis {
                Axis::Size(size) => shape.push(*size),
                Axis::Dynamic(name) => match options.get_size(name) {
                    Some(size) => {
                        used.push(name);
                        shape.push(size);
                    }
                    None if name.is_empty() => {
                        missing.push(format!(
                            "`{} = [..]`, whose axis {index} has no name",
                            input.name
                        ));
                        break;
                    }
                    None => {
                        let entry = match is_identifier(name) {
                            true => format!("`{name} = 1`"),
                            false => format!("`{name:?} = 1`"),
                        };
                        if !missing.contains(&entry) {
                            missing.push(entry);
                        }
                    }
                },
            }
        }
        shapes.push(shape);
    }
    if !missing.is_empty() {
        fail!(
            "the file leaves sizes open: give {}, with the size in place of 1",
            missing.join(" and ")
        );
    }
    if let Some((name, _)) = options
        .sizes
        .iter()
        .find(|(name, _)| !used.contains(&name.as_str()))
    {
        fail!("the file has no open size and no input that is called `{name}`");
    }
    for shape in &shapes {
        if shape.contains(&0) {
            fail!("an input of the shape {} has no numbers", Sizes(shape));
        }
        checked_len(shape, options.max_numbers)?;
    }
    Ok(shapes)
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Operators over images and sequences whose channels are axis 1.
const OVER_CHANNELS: [&str; 14] = [
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "BatchNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "Resize",
    "Upsample",
    "DepthToSpace",
    "SpaceToDepth",
];

/// Operators behind which images still are images.
const KEEP_IMAGES: [&str; 14] = [
    "Identity",
    "Cast",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pad",
    "Relu",
    "Clip",
    "PRelu",
    "LeakyRelu",
    "Dropout",
    "Slice",
    "Pow",
];

/// Returns whether an operator over channels reads a value.
fn is_image(graph: &Graph, name: &str, depth: usize) -> bool {
    depth < 8
        && graph.nodes.iter().any(|node| {
            let operator = node.operator.as_str();
            match node.inputs.first() {
                Some(first) if first == name && OVER_CHANNELS.contains(&operator) => true,
                _ if node.inputs.iter().any(|input| input == name)
                    && KEEP_IMAGES.contains(&operator) =>
                {
                    node.outputs
                        .first()
                        .is_some_and(|name| is_image(graph, name, depth + 1))
                }
                _ => false,
            }
        })
}

/// Returns the sizes of a tensor of the network: those of the axes of the file in this order, without
/// an axis of size 1 that is the batch's.
pub(crate) fn port_dims(shape: &[usize], order: &[usize]) -> Vec<usize> {
    let is_batch = shape.len() > 1 && shape[0] == 1;
    let mut dims: Vec<usize> = order
        .iter()
        .filter(|&&axis| !(is_batch && axis == 0))
        .map(|&axis| shape[axis])
        .collect();
    if dims.len() > 4 {
        dims.retain(|&size| size > 1);
    }
    while dims.len() > 4 {
        let last = dims.pop().unwrap_or(1);
        dims[3] *= last;
    }
    if dims.is_empty() {
        dims.push(1);
    }
    dims
}

/// The axes of a file's image in the order of this crate: channels last.
fn channels_last(rank: usize) -> Vec<usize> {
    let mut order = vec![0];
    order.extend(2..rank);
    order.push(1);
    order
}

impl Translator<'_> {
    /// Adds an input.
    fn input(&mut self, graph: &Graph, input: &Input, shape: &[usize]) -> Result<Port> {
        let rank = shape.len();
        let order = match rank >= 3 && is_image(graph, &input.name, 0) {
            true => channels_last(rank),
            false => (0..rank).collect(),
        };
        let mut layer = Layer::new("", &[], &port_dims(shape, &order));
        layer.name = input.name.clone();
        self.layers.push(layer);
        let source = self.layers.len() - 1;
        let kind = input.kind.unwrap_or(Kind::Float);
        let mut value = self.value(source, shape, &order, kind);
        value.exclusive = false;
        self.names
            .insert(input.name.clone(), Meaning::Computed(value));
        Ok(Port {
            name: input.name.clone(),
            shape: shape.to_vec(),
            order,
            source,
        })
    }

    /// Returns an output with the axes of the file in an order that memory has, or nearly.
    fn output(&mut self, name: &str) -> Result<Port> {
        let value = match self.names.get(name) {
            Some(Meaning::Computed(value)) => value.clone(),
            Some(Meaning::Constant(_)) => fail!(
                "the output `{name}` does not depend on an input; leave it out with `outputs = [..]`"
            ),
            _ => fail!("nothing computes the output `{name}`"),
        };
        let shape = value.shape();
        let rank = shape.len();
        let plain: Vec<usize> = (0..rank).collect();
        let lies = |order: &[usize]| {
            let atoms: Vec<_> = order
                .iter()
                .flat_map(|&axis| value.axes[axis].clone())
                .collect();
            atoms == value.order
        };
        let order = match rank >= 4 && !lies(&plain) && lies(&channels_last(rank)) {
            true => channels_last(rank),
            false => plain,
        };
        let groups: Vec<_> = order.iter().map(|&axis| value.axes[axis].clone()).collect();
        let atoms = [groups.concat()];
        self.current = name.to_owned();
        let source = match value.order == atoms[0] {
            true => value.source,
            false => self.present(&value, &atoms)?,
        };
        let source = self.reshape_to(source, &port_dims(&shape, &order));
        Ok(Port {
            name: name.to_owned(),
            shape,
            order,
            source,
        })
    }

    /// Counts how often each name is read.
    fn count_uses(&mut self, graph: &Graph, is_whole: bool) {
        for node in &graph.nodes {
            for name in &node.inputs {
                *self.uses.entry(name.clone()).or_default() += 1;
            }
            for attribute in node.attributes.values() {
                if let crate::read::Attribute::Graph(graph) = attribute {
                    self.count_uses(graph, false);
                }
            }
        }
        for name in &graph.outputs {
            if !is_whole || self.options.chooses(name) {
                *self.uses.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Returns whether something reads an output of a node.
    pub fn is_read(&self, node: &Node, index: usize) -> bool {
        let name = node.outputs.get(index);
        name.is_some_and(|name| self.uses.get(name).copied().unwrap_or(0) > 0)
    }

    /// Translates all nodes of a graph.
    pub fn run(&mut self, graph: &Graph) -> Result<()> {
        for (name, tensor) in &graph.constants {
            self.names
                .insert(name.clone(), Meaning::Constant(tensor.clone()));
        }
        for node in &graph.nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                fail!("the graph has more than {MAX_STEPS} operators, with those of its loops");
            }
            let mut inputs = Vec::new();
            for name in &node.inputs {
                inputs.push(self.meaning(name));
            }
            let outputs = self
                .node(node, &inputs)
                .map_err(|error| self.explained(node, &inputs, &error))?;
            for (name, meaning) in node.outputs.iter().zip(outputs) {
                if !name.is_empty() {
                    self.names.insert(name.clone(), meaning);
                }
            }
        }
        Ok(())
    }

    /// Returns what a name stands for.
    pub fn meaning(&self, name: &str) -> Meaning {
        let mut meaning = self.names.get(name).cloned().unwrap_or(Meaning::Absent);
        if let Meaning::Computed(value) = &mut meaning
            && (self.loops > 0 || self.uses.get(name).copied().unwrap_or(0) > 1)
        {
            value.exclusive = false;
        }
        meaning
    }

    /// Gives a name a meaning, as the body of a loop does.
    pub fn name(&mut self, name: &str, meaning: Meaning) {
        self.names.insert(name.to_owned(), meaning);
    }

    /// Returns an error with the node, its operator and its inputs.
    fn explained(&self, node: &Node, inputs: &[Meaning], error: &Error) -> Error {
        let error = error.to_string();
        // An error in a graph inside of the node has its own node.
        if error.starts_with("the node `") {
            return Error::new(error);
        }
        let name = match node.name.is_empty() {
            true => node.outputs.first().cloned().unwrap_or_default(),
            false => node.name.clone(),
        };
        let inputs: Vec<String> = inputs
            .iter()
            .map(|input| match input {
                Meaning::Constant(tensor) => format!("a constant {}", Sizes(&tensor.shape)),
                Meaning::Computed(value) => Sizes(&value.shape()).to_string(),
                Meaning::Absent => "nothing".to_owned(),
            })
            .collect();
        let of = match inputs.is_empty() {
            true => String::new(),
            false => format!(" of {}", inputs.join(", ")),
        };
        Error::new(format!(
            "the node `{name}`, `{}`{of}: {error}",
            node.operator
        ))
    }

    /// Translates a node.
    fn node(&mut self, node: &Node, inputs: &[Meaning]) -> Result<Vec<Meaning>> {
        self.current = match node.name.is_empty() {
            true => node.outputs.first().cloned().unwrap_or_default(),
            false => node.name.clone(),
        };
        if matches!(node.operator.as_str(), "If" | "Loop") {
            return self.control(node, inputs);
        }
        let is_contrib = node.domain == "com.microsoft";
        if !node.domain.is_empty() && !is_contrib {
            fail!(
                "it is of the domain `{}`, of which nothing is supported",
                node.domain
            );
        }

        // Shapes are known, whatever the numbers are.
        if let ("Shape" | "Size", Some(Meaning::Computed(x))) =
            (node.operator.as_str(), inputs.first())
        {
            let shape = x.shape();
            return Ok(vec![Meaning::Constant(match node.operator.as_str() {
                "Shape" => fold::shape_part(node, &shape, shape.len())?,
                _ => Tensor::ints(&[], vec![x.len() as i64]),
            })]);
        }

        let computes = |input: &Meaning| matches!(input, Meaning::Computed(_));
        if !inputs.iter().any(computes) {
            let tensors: Vec<Option<&Tensor>> = inputs
                .iter()
                .map(|input| match input {
                    Meaning::Constant(tensor) => Some(tensor),
                    _ => None,
                })
                .collect();
            let folded = fold::fold(node, &tensors, self.options.max_numbers)?;
            return match folded {
                Some(tensors) => Ok(tensors.into_iter().map(Meaning::Constant).collect()),
                None => fail!(
                    "all its inputs are constants, and this operator is not computed when a file is \
                     read; simplify the file, for example with `onnxsim`"
                ),
            };
        }
        self.operator(node, &Inputs(inputs))
    }

    /// Translates an operator that reads something computed.
    fn operator(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Meaning>> {
        let families = [
            Translator::view,
            Translator::joint,
            Translator::function,
            Translator::arithmetic,
            Translator::dense,
            Translator::convolution,
            Translator::pool,
            Translator::normalization,
            Translator::reduction,
            Translator::recurrent,
            Translator::resize,
            Translator::attention,
        ];
        for family in families {
            if let Some(outputs) = family(self, node, inputs)? {
                return Ok(outputs.into_iter().map(Meaning::Computed).collect());
            }
        }
        fail!(
            "this operator is not supported; cut the graph before it with `onnx.utils.extract_model`, \
             or write the network with `network!`, for which `onnx2net` prints what it can"
        )
    }
}

/// The inputs of a node.
pub(crate) struct Inputs<'a>(pub &'a [Meaning]);

impl Inputs<'_> {
    /// Returns an input, which may be absent.
    pub fn at(&self, index: usize) -> &Meaning {
        self.0.get(index).unwrap_or(&Meaning::Absent)
    }

    /// Returns an input that is computed.
    pub fn computed(&self, index: usize) -> Result<&Value> {
        match self.0.get(index) {
            Some(Meaning::Computed(value)) => Ok(value),
            Some(Meaning::Constant(_)) => {
                fail!("its input {index} is a constant, which is not supported here")
            }
            _ => fail!("its input {index} is missing"),
        }
    }

    /// Returns a constant, if the node has that input.
    pub fn constant(&self, index: usize) -> Result<Option<&Tensor>> {
        match self.0.get(index) {
            Some(Meaning::Constant(tensor)) => Ok(Some(tensor)),
            Some(Meaning::Computed(_)) => fail!(
                "its input {index} is computed by the network, where only a constant is supported"
            ),
            _ => Ok(None),
        }
    }

    /// Returns a constant that the node needs.
    pub fn needed(&self, index: usize) -> Result<&Tensor> {
        match self.constant(index)? {
            Some(tensor) => Ok(tensor),
            None => fail!("its input {index} is missing"),
        }
    }

    /// Returns the shape of an input, whatever it is.
    pub fn shape(&self, index: usize) -> Result<Vec<usize>> {
        match self.0.get(index) {
            Some(Meaning::Computed(value)) => Ok(value.shape()),
            Some(Meaning::Constant(tensor)) => Ok(tensor.shape.clone()),
            _ => fail!("its input {index} is missing"),
        }
    }
}

/// The outputs of a translated node; `None` if it is of another family.
pub(crate) type Outputs = Result<Option<Vec<Value>>>;
