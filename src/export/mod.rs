//! ONNX files: the graph into which layers write themselves, and its encoding.
//!
//! [`Network::to_onnx`](crate::Network::to_onnx) writes a network. A layer of your own takes part
//! with [`Infer::export`](crate::ext::Infer::export), which adds nodes to a [`Graph`]:
//!
//! ```
//! use shapewright::export::{Attribute, Export, Exported, Value};
//! use shapewright::ext::{
//!     BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule,
//! };
//! use shapewright::prelude::*;
//! use shapewright::tensor::Element;
//!
//! /// `y = x^2`.
//! struct Square;
//!
//! impl<In: Shape> ShapeRule<In> for Square {
//!     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
//! }
//!
//! impl InPlace for Square {
//!     type Config = ();
//!     const ORDER: FeatureOrder = FeatureOrder::Keeps;
//!     const READS_OUTPUT: bool = true;
//!
//!     fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
//!         call.y.iter_mut().flatten().for_each(|y| *y = *y * *y);
//!     }
//!
//!     fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
//!         let BackwardInPlace { y, dy, .. } = call;
//!         for (y, dy) in y.iter().flatten().zip(dy.iter_mut().flatten()) {
//!             *dy *= (T::one() + T::one()) * y.sqrt();
//!         }
//!     }
//!
//!     fn export_in_place(_: &(), call: Export<'_>) -> Exported {
//!         let x = call.one()?;
//!         Ok(Value::from(call.graph.node("Mul", &[&x, &x], &[])))
//!     }
//! }
//!
//! network! { struct Net: [2] -> [2] { Square } }
//! assert!(Net::zeros().to_onnx_bytes()?.len() > 50);
//! # Ok::<(), shapewright::export::ExportError>(())
//! ```

mod error;
mod graph;
mod params;
mod proto;

pub use error::ExportError;
pub use graph::{Attribute, Graph, Value};

use crate::params::Parameters;
use crate::tensor::{Dims, Element};

/// The output of a layer in the graph, or why it has none.
pub type Exported = Result<Value, ExportError>;

/// A layer that is to be written, without its arguments and parameters.
#[non_exhaustive]
pub struct Export<'a> {
    /// The layer as it is written in the definition.
    pub layer: &'a str,
    /// The name before those of its parameters, such as `encoder.fc`.
    pub name: &'a str,
    /// The outputs that it reads.
    pub sources: Vec<Value>,
    /// Their shapes, without the axis of the batch.
    pub inputs: &'a [Dims],
    /// The shape of its output, without the axis of the batch.
    pub output: Dims,
    /// The graph. The first axis of all its tensors is that of the batch.
    pub graph: &'a mut Graph,
}

impl<'a> Export<'a> {
    /// Returns the error of a layer that can't be written.
    pub fn unsupported(&self) -> ExportError {
        ExportError::Unsupported {
            layer: self.layer.to_owned(),
            name: self.name.to_owned(),
        }
    }

    /// Returns the name of the only tensor that the layer reads.
    ///
    /// # Errors
    /// Returns an error if it reads several, or a tuple.
    pub fn one(&self) -> Result<String, ExportError> {
        match &self.sources[..] {
            [source] => source.one().ok_or_else(|| self.unsupported()),
            _ => Err(self.unsupported()),
        }
    }

    /// Returns the names of the tensors that the layer reads, one for each source.
    ///
    /// # Errors
    /// Returns an error if a source is a tuple.
    pub fn each(&self) -> Result<Vec<String>, ExportError> {
        let names = self.sources.iter().map(Value::one);
        let names: Option<_> = names.collect();
        names.ok_or_else(|| self.unsupported())
    }

    /// Writes an element-wise layer: calls `f` with each tensor of its source, which may be a tuple.
    ///
    /// # Errors
    /// Returns an error if the layer reads several sources.
    pub fn map(self, mut f: impl FnMut(&mut Graph, &str) -> String) -> Exported {
        let [source] = &self.sources[..] else {
            return Err(self.unsupported());
        };
        let tensors = source.tensors().iter();
        Ok(Value::tuple(tensors.map(|x| f(self.graph, x)).collect()))
    }

    /// Adds a parameter to the graph and returns its name. It has the axes of PyTorch's files, and
    /// the features in the order of memory.
    ///
    /// # Errors
    /// Returns an error if there is no parameter of this name, such as `weight`.
    pub fn param<T: Element, P: Parameters<T>>(
        &mut self,
        params: &P,
        key: &str,
    ) -> Result<String, ExportError> {
        self.optional_param(params, key)
            .ok_or_else(|| self.unsupported())
    }

    /// Like [`param`](Export::param), with `None` if there is no parameter of this name.
    pub fn optional_param<T: Element, P: Parameters<T>>(
        &mut self,
        params: &P,
        key: &str,
    ) -> Option<String> {
        let tensor = params::find(params, key)?;
        let name = match self.name {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        };
        self.graph
            .initializer(&name, &tensor.sizes, &tensor.numbers);
        Some(name)
    }

    /// Returns the numbers of a parameter with the axes of PyTorch's files, and its sizes.
    ///
    /// # Errors
    /// Returns an error if there is no parameter of this name.
    pub fn numbers<T: Element, P: Parameters<T>>(
        &self,
        params: &P,
        key: &str,
    ) -> Result<(Vec<usize>, Vec<f64>), ExportError> {
        let tensor = params::find(params, key).ok_or_else(|| self.unsupported())?;
        Ok((tensor.sizes, tensor.numbers))
    }

    /// Returns the shape of the first source.
    pub fn input(&self) -> Dims {
        self.inputs[0]
    }
}
