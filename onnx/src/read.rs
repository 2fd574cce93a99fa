//! A file's graph, read with limits.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use rten_onnx::onnx::{
    AttributeProto, DataLocation, DataType, GraphProto, ModelProto, NodeProto, TensorProto,
    ValueInfoProto,
};

use rten_onnx::protobuf::{DecodeMessage, ValueReader};

use crate::error::{Error, Result, fail};
use crate::tensor::{Kind, Numbers, Tensor, checked_len};

/// The deepest nesting of graphs within graphs.
const MAX_DEPTH: usize = 8;

/// A graph of operators.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub constants: Vec<(String, Tensor)>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<String>,
}

/// An input of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub name: String,
    pub kind: Option<Kind>,
    /// The sizes, if the file has a shape.
    pub axes: Option<Vec<Axis>>,
}

/// A size in the shape of an input.
#[derive(Clone, Debug)]
pub(crate) enum Axis {
    Size(usize),
    /// A size that is given when the network is used; the name may be empty.
    Dynamic(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub operator: String,
    pub domain: String,
    /// The names of the inputs; empty for those that are omitted.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Tensor(Tensor),
    Graph(Rc<Graph>),
}

/// A file: its graph and the version of its operators.
#[derive(Debug)]
pub(crate) struct Model {
    pub graph: Graph,
    pub opset: i64,
}

/// Reads the bytes of a file. Tensors in other files are looked for in the folder; no tensor has more
/// than `most` numbers.
pub(crate) fn read(bytes: &[u8], folder: Option<&Path>, most: usize) -> Result<Model> {
    check_fields(Message::Model, bytes)?;
    let model = ModelProto::parse_buf(bytes)
        .map_err(|error| Error::new(format!("the file is damaged or no ONNX file: {error}")))?;
    let Some(graph) = &model.graph else {
        fail!("the file is no ONNX file, or it is cut off: it has no graph");
    };
    let is_standard =
        |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let opset = model
        .opset_import
        .iter()
        .find(|set| is_standard(&set.domain))
        .and_then(|set| set.version)
        .unwrap_or(1);

    let reader = Reader { folder, most };
    Ok(Model {
        graph: reader.graph(graph, 0)?,
        opset,
    })
}

/// Reads a tensor in a file of its own.
pub(crate) fn tensor(bytes: &[u8], most: usize) -> Result<Tensor> {
    check_fields(Message::Tensor, bytes)?;
    let tensor = ValueReader::from_buf(bytes);
    let tensor = TensorProto::decode(tensor)
        .map_err(|error| Error::new(format!("the file is damaged or no tensor: {error}")))?;
    Reader { folder: None, most }.tensor(&tensor, "tensor")
}

/// A message of the format, as far as the reader reads it.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Value,
    Type,
    TensorType,
    Shape,
    Tensor,
    /// One without messages inside.
    Leaf,
}

impl Message {
    /// Returns the message in a field with this number, if there is one.
    fn inside(self, field: u64) -> Option<Message> {
        Some(match (self, field) {
            (Message::Model, 7) => Message::Graph,
            (Message::Model, 8 | 14) => Message::Leaf,
            (Message::Graph, 1) => Message::Node,
            (Message::Graph, 5) => Message::Tensor,
            (Message::Graph, 11..=13) => Message::Value,
            (Message::Node, 5) => Message::Attribute,
            (Message::Attribute, 5) => Message::Tensor,
            (Message::Attribute, 6) => Message::Graph,
            (Message::Value, 2) => Message::Type,
            // A sequence has a type in its field 1, and a tensor has the number of its own there.
            (Message::Type, 1) => Message::TensorType,
            (Message::Type, 4) => Message::Type,
            (Message::TensorType, 1) => Message::TensorType,
            (Message::TensorType, 2) => Message::Shape,
            (Message::TensorType, 4) => Message::Type,
            (Message::Shape, 1) => Message::Leaf,
            (Message::Tensor, 13) => Message::Leaf,
            _ => return None,
        })
    }
}

/// Checks that no field is longer than its message, and that messages are nested as deeply as real
/// files nest them: the reader trusts lengths, and calls itself for each message.
fn check_fields(message: Message, bytes: &[u8]) -> Result<()> {
    let mut open = vec![(message, bytes, 0)];
    while let Some((message, bytes, depth)) = open.pop() {
        if depth > 8 * MAX_DEPTH {
            fail!("the file nests its graphs or types deeper than {MAX_DEPTH} levels");
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((inside, field, after)) = field(rest) else {
                fail!("the file is damaged or cut off: a field is longer than the file");
            };
            rest = after;
            let Some(inside) = inside else { continue };
            if let Some(message) = message.inside(field) {
                open.push((message, inside, depth + 1));
            } else if matches!(message, Message::Tensor) && !is_whole(field, inside) {
                fail!("the file is damaged: a list of numbers ends within a number");
            }
        }
    }
    Ok(())
}

/// Returns whether a list of numbers in a field of a tensor ends behind a number.
fn is_whole(field: u64, bytes: &[u8]) -> bool {
    match field {
        4 => bytes.len().is_multiple_of(4),
        10 => bytes.len().is_multiple_of(8),
        5 | 7 => {
            let mut rest = bytes;
            while !rest.is_empty() {
                match varint(rest) {
                    Some((_, after)) => rest = after,
                    None => return false,
                }
            }
            true
        }
        _ => true,
    }
}

/// The bytes of a field that has a length, its number, and the bytes behind it.
type Field<'a> = (Option<&'a [u8]>, u64, &'a [u8]);

/// Reads a field.
fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (key, rest) = varint(bytes)?;
    let number = key >> 3;
    Some(match key & 7 {
        0 => (None, number, varint(rest)?.1),
        1 => (None, number, rest.get(8..)?),
        2 => {
            let (len, rest) = varint(rest)?;
            let (inside, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            (Some(inside), number, after)
        }
        5 => (None, number, rest.get(4..)?),
        _ => return None,
    })
}

/// Reads a number of the format, and returns it with the bytes behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32)?;
        if byte < 0x80 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

struct Reader<'a> {
    folder: Option<&'a Path>,
    most: usize,
}

impl Reader<'_> {
    fn graph(&self, graph: &GraphProto, depth: usize) -> Result<Graph> {
        if depth > MAX_DEPTH {
            fail!("the file nests its graphs deeper than {MAX_DEPTH} levels");
        }
        let mut constants = Vec::new();
        for tensor in &graph.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            constants.push((name.clone(), self.tensor(tensor, &name)?));
        }
        // Older files list their constants among the inputs, with values that may be replaced.
        let is_constant = |name: &str| constants.iter().any(|(constant, _)| constant == name);
        let inputs = graph.input.iter().map(input).collect::<Result<Vec<_>>>()?;
        let inputs = inputs
            .into_iter()
            .filter(|input| !is_constant(&input.name))
            .collect();
        let outputs = graph.output.iter();
        Ok(Graph {
            nodes: graph
                .node
                .iter()
                .map(|node| self.node(node, depth))
                .collect::<Result<_>>()?,
            inputs,
            outputs: outputs
                .map(|o| o.name.clone().unwrap_or_default())
                .collect(),
            constants,
        })
    }

    fn node(&self, node: &NodeProto, depth: usize) -> Result<Node> {
        let mut attributes = BTreeMap::new();
        for attribute in &node.attribute {
            let name = attribute.name.clone().unwrap_or_default();
            if let Some(value) = self.attribute(attribute, depth)? {
                attributes.insert(name, value);
            }
        }
        Ok(Node {
            name: node.name.clone().unwrap_or_default(),
            operator: node.op_type.clone().unwrap_or_default(),
            domain: match node.domain.as_deref() {
                None | Some("ai.onnx") => String::new(),
                Some(domain) => domain.to_owned(),
            },
            inputs: node.input.clone(),
            outputs: node.output.clone(),
            attributes,
        })
    }

    /// Reads an attribute. Files of the first versions do not say its type.
    fn attribute(&self, attribute: &AttributeProto, depth: usize) -> Result<Option<Attribute>> {
        let kind = attribute.r#type.map_or(0, |kind| kind.0);
        let name = attribute.name.as_deref().unwrap_or_default();
        Ok(Some(match kind {
            1 => Attribute::Float(attribute.f.unwrap_or(0.0)),
            2 => Attribute::Int(attribute.i.unwrap_or(0)),
            3 => Attribute::Text(attribute.s.clone().unwrap_or_default()),
            4 => match &attribute.t {
                Some(tensor) => Attribute::Tensor(self.tensor(tensor, name)?),
                None => return Ok(None),
            },
            5 => match &attribute.g {
                Some(graph) => Attribute::Graph(Rc::new(self.graph(graph, depth + 1)?)),
                None => return Ok(None),
            },
            6 => Attribute::Floats(attribute.floats.clone()),
            7 => Attribute::Ints(attribute.ints.clone()),
            8 => Attribute::Texts(attribute.strings.clone()),
            _ => {
                if let Some(f) = attribute.f {
                    Attribute::Float(f)
                } else if let Some(i) = attribute.i {
                    Attribute::Int(i)
                } else if let Some(s) = &attribute.s {
                    Attribute::Text(s.clone())
                } else if !attribute.ints.is_empty() {
                    Attribute::Ints(attribute.ints.clone())
                } else if !attribute.floats.is_empty() {
                    Attribute::Floats(attribute.floats.clone())
                } else {
                    return Ok(None);
                }
            }
        }))
    }

    fn tensor(&self, tensor: &TensorProto, name: &str) -> Result<Tensor> {
        let shape = tensor
            .dims
            .iter()
            .map(|&size| usize::try_from(size))
            .collect::<std::result::Result<Vec<_>, _>>();
        let Ok(shape) = shape else {
            fail!("the tensor `{name}` has a negative size; the file is damaged");
        };
        let len = checked_len(&shape, self.most)?;
        let raw = match &tensor.raw_data {
            Some(raw) => Some(raw.borrow().clone()),
            None if tensor.data_location == Some(DataLocation::EXTERNAL) => {
                Some(self.external(tensor, name, len)?)
            }
            None => None,
        };
        let (kind, numbers) = numbers(tensor, raw.as_deref(), name)?;
        let found = match &numbers {
            Numbers::Float(numbers) => numbers.len(),
            Numbers::Int(numbers) => numbers.len(),
        };
        if found != len {
            fail!(
                "the tensor `{name}` has {found} numbers, but its shape {shape:?} has {len}; the \
                 file is damaged"
            );
        }
        Ok(Tensor {
            shape,
            kind,
            numbers,
        })
    }

    /// Reads the bytes of a tensor from a file beside the model's.
    fn external(&self, tensor: &TensorProto, name: &str, len: usize) -> Result<Vec<u8>> {
        let value = |key: &str| {
            let entry = tensor.external_data.iter();
            let entry = entry.clone().find(|e| e.key.as_deref() == Some(key))?;
            entry.value.as_deref()
        };
        let number = |key: &str| value(key).and_then(|text| text.parse::<u64>().ok());
        let Some(folder) = self.folder else {
            fail!(
                "the numbers of `{name}` are in another file; give the path of the model, so that it \
                 is found"
            );
        };
        let location = value("location").unwrap_or_default();
        // A file is no reason to read outside of its folder.
        let path = Path::new(location);
        let inside = path
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if location.is_empty() || !inside {
            fail!(
                "the numbers of `{name}` are in `{location}`, which is not in the model's folder"
            );
        }
        let path = folder.join(path);
        let read = || -> std::io::Result<Vec<u8>> {
            use std::io::{Read, Seek, SeekFrom};
            let mut file = std::fs::File::open(&path)?;
            file.seek(SeekFrom::Start(number("offset").unwrap_or(0)))?;
            let most = (len as u64).saturating_mul(8);
            let mut bytes = Vec::new();
            let length = number("length").unwrap_or(most).min(most);
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error| {
            Error::new(format!(
                "the numbers of `{name}` are in `{}`: {error}",
                path.display()
            ))
        })
    }
}

/// Reads the numbers of a tensor, from its bytes or from its lists.
fn numbers(tensor: &TensorProto, raw: Option<&[u8]>, name: &str) -> Result<(Kind, Numbers)> {
    /// Converts numbers of a fixed number of bytes.
    fn of<const N: usize, T>(raw: &[u8], convert: impl Fn([u8; N]) -> T) -> Rc<Vec<T>> {
        let numbers = raw.as_chunks::<N>().0.iter();
        Rc::new(numbers.map(|&bytes| convert(bytes)).collect())
    }
    let ints = || tensor.int32_data.iter().map(|&n| i64::from(n));
    let data_type = tensor.data_type.unwrap_or(DataType(0));
    let kind = match data_type {
        DataType::BOOL => Kind::Bool,
        DataType::FLOAT | DataType::DOUBLE | DataType::FLOAT16 | DataType::BFLOAT16 => Kind::Float,
        _ => Kind::Int,
    };
    let numbers = match (data_type, raw) {
        (DataType::FLOAT, Some(raw)) => Numbers::Float(of(raw, f32::from_le_bytes)),
        (DataType::FLOAT, None) => Numbers::Float(Rc::new(tensor.float_data.clone())),
        (DataType::DOUBLE, Some(raw)) => {
            Numbers::Float(of(raw, |bytes| f64::from_le_bytes(bytes) as f32))
        }
        (DataType::DOUBLE, None) => {
            let numbers = tensor.double_data.iter().map(|&n| n as f32);
            Numbers::Float(Rc::new(numbers.collect()))
        }
        (DataType::FLOAT16, Some(raw)) => {
            Numbers::Float(of(raw, |bytes| half(u16::from_le_bytes(bytes))))
        }
        (DataType::FLOAT16, None) => {
            Numbers::Float(Rc::new(ints().map(|n| half(n as u16)).collect()))
        }
        (DataType::BFLOAT16, Some(raw)) => Numbers::Float(of(raw, |bytes| {
            f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
        })),
        (DataType::INT64, Some(raw)) => Numbers::Int(of(raw, i64::from_le_bytes)),
        (DataType::INT64, None) => Numbers::Int(Rc::new(tensor.int64_data.clone())),
        (DataType::INT32, Some(raw)) => {
            Numbers::Int(of(raw, |bytes| i64::from(i32::from_le_bytes(bytes))))
        }
        (DataType::INT16, Some(raw)) => {
            Numbers::Int(of(raw, |bytes| i64::from(i16::from_le_bytes(bytes))))
        }
        (DataType::UINT16, Some(raw)) => {
            Numbers::Int(of(raw, |bytes| i64::from(u16::from_le_bytes(bytes))))
        }
        (DataType::INT8, Some(raw)) => {
            Numbers::Int(of(raw, |[byte]: [u8; 1]| i64::from(byte as i8)))
        }
        (DataType::UINT8 | DataType::BOOL, Some(raw)) => {
            Numbers::Int(of(raw, |[byte]: [u8; 1]| i64::from(byte)))
        }
        (
            DataType::INT32
            | DataType::INT16
            | DataType::UINT16
            | DataType::INT8
            | DataType::UINT8
            | DataType::BOOL,
            None,
        ) => Numbers::Int(Rc::new(ints().collect())),
        _ => fail!("the tensor `{name}` has numbers of the type {data_type}, which is not read"),
    };
    Ok((kind, numbers))
}

/// Returns the value of a number of 16 bits.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}

fn input(value: &ValueInfoProto) -> Result<Input> {
    let tensor = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let kind = tensor.and_then(|tensor| match tensor.elem_type? {
        DataType::FLOAT | DataType::DOUBLE | DataType::FLOAT16 | DataType::BFLOAT16 => {
            Some(Kind::Float)
        }
        DataType::BOOL => Some(Kind::Bool),
        _ => Some(Kind::Int),
    });
    let name = value.name.clone().unwrap_or_default();
    let axes = match tensor.and_then(|tensor| tensor.shape.as_ref()) {
        None => None,
        Some(shape) => {
            let mut axes = Vec::new();
            for dim in &shape.dim {
                axes.push(match (dim.dim_value, &dim.dim_param) {
                    (Some(size), _) if size > 0 => match usize::try_from(size) {
                        Ok(size) if size <= 1 << 32 => Axis::Size(size),
                        _ => fail!("the input `{name}` has an axis of {size}"),
                    },
                    (_, param) => Axis::Dynamic(param.clone().unwrap_or_default()),
                });
            }
            Some(axes)
        }
    };
    Ok(Input { name, kind, axes })
}
