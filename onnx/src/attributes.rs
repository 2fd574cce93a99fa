//! The attributes of nodes, with their defaults.

use std::rc::Rc;

use crate::error::{Result, fail};
use crate::read::{Attribute, Graph, Node};
use crate::tensor::Tensor;

impl Node {
    /// Returns a whole number, or its default.
    pub fn int(&self, name: &str, default: i64) -> Result<i64> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => self.wrong(name, "a whole number"),
        }
    }

    /// Returns whether a flag is set.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    /// Returns a number, or its default.
    pub fn float(&self, name: &str, default: f32) -> Result<f32> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => self.wrong(name, "a number"),
        }
    }

    /// Returns a list of whole numbers, if the node has it.
    pub fn ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name, "a list of whole numbers"),
        }
    }

    /// Returns a list of sizes, if the node has it.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let Some(values) = self.ints(name)? else {
            return Ok(None);
        };
        let sizes = values.iter().map(|&value| usize::try_from(value));
        match sizes.collect() {
            Ok(sizes) => Ok(Some(sizes)),
            Err(_) => self.wrong(name, "a list of sizes"),
        }
    }

    /// Returns a list of numbers, if the node has it.
    pub fn floats(&self, name: &str) -> Result<Option<Vec<f32>>> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name, "a list of numbers"),
        }
    }

    /// Returns a text, or its default.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Text(text)) => Ok(text),
            Some(_) => self.wrong(name, "a text"),
        }
    }

    /// Returns a list of texts, if the node has it.
    pub fn texts(&self, name: &str) -> Result<Option<&[String]>> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Texts(texts)) => Ok(Some(texts)),
            Some(_) => self.wrong(name, "a list of texts"),
        }
    }

    /// Returns a tensor, if the node has it.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        match self.attributes.get(name) {
            Some(Attribute::Tensor(tensor)) => Some(tensor),
            _ => None,
        }
    }

    /// Returns a graph.
    pub fn graph(&self, name: &str) -> Result<Rc<Graph>> {
        match self.attributes.get(name) {
            Some(Attribute::Graph(graph)) => Ok(graph.clone()),
            _ => self.wrong(name, "a graph"),
        }
    }

    fn wrong<T>(&self, name: &str, wanted: &str) -> Result<T> {
        fail!("its attribute `{name}` is not {wanted}; the file is damaged")
    }
}

/// Returns the index of an axis, which counts from the end if it is negative.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let index = if axis < 0 {
        axis.checked_add(rank as i64).unwrap_or(-1)
    } else {
        axis
    };
    match usize::try_from(index) {
        Ok(index) if index < rank => Ok(index),
        _ => fail!("it names the axis {axis}, but there are {rank}"),
    }
}

/// Returns the indices of axes in ascending order.
pub(crate) fn axes_of(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut indices = axes
        .iter()
        .map(|&axis| axis_of(axis, rank))
        .collect::<Result<Vec<_>>>()?;
    indices.sort_unstable();
    if indices.windows(2).any(|pair| pair[0] == pair[1]) {
        fail!("it names an axis twice");
    }
    Ok(indices)
}
