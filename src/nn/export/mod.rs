//! The layers of this crate as nodes of ONNX graphs, family by family. Each layer calls its function
//! in its `export`.

pub(super) mod attention;
pub(super) mod elementwise;
pub(super) mod images;
pub(super) mod norm;
pub(super) mod quantized;
pub(super) mod recurrent;
pub(super) mod scan;
pub(super) mod sequence;
pub(super) mod simple;

pub(super) use crate::export::{Attribute, Export, ExportError, Exported, Graph, Value};
