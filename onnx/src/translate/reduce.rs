//! Sums, means and maxima over axes.

use super::{Inputs, Outputs, Translator};
use crate::attributes::axes_of;
use crate::error::{Result, fail};
use crate::layout::{Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::shape;

impl Translator<'_> {
    pub(super) fn reduction(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let operator = node.operator.as_str();
        if !matches!(
            operator,
            "ReduceMean"
                | "ReduceSum"
                | "ReduceMax"
                | "ReduceMin"
                | "ReduceL1"
                | "ReduceL2"
                | "ReduceSumSquare"
                | "ReduceLogSum"
                | "ReduceLogSumExp"
                | "CumSum"
        ) {
            return Ok(None);
        }
        let x = inputs.computed(0)?.clone();
        let rank = x.axes.len();
        if operator == "CumSum" {
            return self.cumulated(node, inputs, &x);
        }
        let axes = match shape::list(node, "axes", inputs.constant(1)?)? {
            Some(axes) if !axes.is_empty() => axes_of(&axes, rank)?,
            _ if node.flag("noop_with_empty_axes", false)? => return Ok(Some(vec![x])),
            _ => (0..rank).collect(),
        };
        let keeps = node.flag("keepdims", true)?;
        let layer = |kind| Layer::new(kind, &[], &[]);
        let value = match operator {
            "ReduceMean" => self.reduced(&x, &axes, keeps, "MeanOverTime")?,
            "ReduceMax" => self.reduced(&x, &axes, keeps, "MaxOverTime")?,
            "ReduceMin" => {
                let negative = self.scaled(&x, -1.0)?;
                let largest = self.reduced(&negative, &axes, keeps, "MaxOverTime")?;
                self.scaled(&largest, -1.0)?
            }
            "ReduceSum" => self.summed(&x, &axes, keeps)?,
            "ReduceL1" => {
                let sizes = self.apply(&x, layer("Abs"));
                self.summed(&sizes, &axes, keeps)?
            }
            "ReduceSumSquare" | "ReduceL2" => {
                let squares = self.powered(&x, 2.0)?;
                let sum = self.summed(&squares, &axes, keeps)?;
                match operator {
                    "ReduceL2" => self.powered(&sum, 0.5)?,
                    _ => sum,
                }
            }
            "ReduceLogSum" => {
                let sum = self.summed(&x, &axes, keeps)?;
                self.apply(&sum, layer("Log"))
            }
            _ => {
                // log sum exp x = m + log sum exp (x - m), where m is the largest
                let largest = self.reduced(&x, &axes, true, "MaxOverTime")?;
                let off = self.joined("Sub", &[x.clone(), largest.clone()])?;
                let terms = self.apply(&off, layer("Exp"));
                let sum = self.summed(&terms, &axes, true)?;
                let log = self.apply(&sum, layer("Log"));
                let value = self.joined("Add", &[log, largest])?;
                match keeps {
                    true => value,
                    false => without(value, &axes),
                }
            }
        };
        Ok(Some(vec![value]))
    }

    fn summed(&mut self, x: &Value, axes: &[usize], keeps: bool) -> Result<Value> {
        let count = size_of(&x.in_memory(axes));
        let mean = self.reduced(x, axes, keeps, "MeanOverTime")?;
        self.scaled(&mean, count as f32)
    }

    /// Adds a layer that reduces axes.
    pub fn reduced(
        &mut self,
        x: &Value,
        axes: &[usize],
        keeps: bool,
        kind: &'static str,
    ) -> Result<Value> {
        let gone = x.in_memory(axes);
        let rest = x.others(axes);
        let mut value = x.clone();
        if !gone.is_empty() {
            let source = self.present(x, &[gone, rest.clone()])?;
            let layer = Layer::new(kind, &[source], &[size_of(&rest)]);
            value.source = self.add(layer);
            value.exclusive = true;
        }
        value.order = rest;
        for &axis in axes {
            value.axes[axis] = Vec::new();
        }
        Ok(match keeps {
            true => value,
            false => without(value, axes),
        })
    }

    /// Sums along an axis, by a product with a triangle of ones.
    fn cumulated(&mut self, node: &Node, inputs: &Inputs<'_>, x: &Value) -> Outputs {
        let axis = inputs.needed(1)?.single().unwrap_or(0.0) as i64;
        let axis = crate::attributes::axis_of(axis, x.axes.len())?;
        let size = x.shape()[axis];
        let exclusive = node.flag("exclusive", false)?;
        let reverse = node.flag("reverse", false)?;
        if size > 1 << 12 {
            fail!("it sums along an axis of {size}, which is more than 4096");
        }
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                let (a, b) = if reverse {
                    (row, column)
                } else {
                    (column, row)
                };
                if a < b || a == b && !exclusive {
                    matrix[row * size + column] = 1.0;
                }
            }
        }
        let matrix = crate::tensor::Tensor::floats(&[size, size], matrix);
        Ok(Some(vec![self.linear(x, axis, &matrix, None)?]))
    }
}

/// Removes axes that have no atoms.
fn without(mut value: Value, axes: &[usize]) -> Value {
    let mut axis = 0;
    value.axes.retain(|_| {
        axis += 1;
        !axes.contains(&(axis - 1))
    });
    value
}
