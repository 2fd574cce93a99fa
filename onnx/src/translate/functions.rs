//! Activations and other functions of single numbers.

use super::{Inputs, Outputs, Translator};
use crate::attributes::axis_of;
use crate::error::{Result, fail};
use crate::layout::{Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Tensor, broadcast_shape};

impl Translator<'_> {
    pub(super) fn function(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let layer = |kind| Layer::new(kind, &[], &[]);
        let operator = node.operator.as_str();
        let found = match operator {
            "Relu" => layer("Relu"),
            "Tanh" => layer("Tanh"),
            "Sigmoid" => layer("Sigmoid"),
            "Softplus" => layer("Softplus"),
            "Softsign" => layer("Softsign"),
            "Exp" => layer("Exp"),
            "Log" => layer("Log"),
            "Sqrt" => layer("Sqrt"),
            "Abs" => layer("Abs"),
            "Erf" => layer("Erf"),
            "Sin" => layer("Sin"),
            "Cos" => layer("Cos"),
            "Floor" => layer("Floor"),
            "Mish" => layer("Mish"),
            "HardSwish" => layer("HardSwish"),
            // 1 where it is NaN.
            "IsNaN" => layer("IsMissing"),
            "Reciprocal" => layer("Pow").call(-1.0),
            "LeakyRelu" => layer("LeakyRelu").call(node.float("alpha", 0.01)?),
            "Elu" => layer("Elu").call(node.float("alpha", 1.0)?),
            "Celu" => layer("Celu").call(node.float("alpha", 1.0)?),
            "Gelu" => match node.text("approximate", "none")? {
                "tanh" => layer("GeluTanh"),
                _ => layer("Gelu"),
            },
            "FastGelu" if inputs.0.len() == 1 => layer("GeluTanh"),
            "Softmax" | "LogSoftmax" => {
                return self.softmax(node, inputs).map(|value| Some(vec![value]));
            }
            _ => {
                return self.composed(node, inputs);
            }
        };
        let x = inputs.computed(0)?.clone();
        Ok(Some(vec![self.apply(&x, found)]))
    }

    /// Functions that are made of others.
    fn composed(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let layer = |kind| Layer::new(kind, &[], &[]);
        let x = match inputs.0.first() {
            Some(super::Meaning::Computed(x)) => x.clone(),
            _ => return Ok(None),
        };
        let value = match node.operator.as_str() {
            "Neg" => self.scaled(&x, -1.0)?,
            "Ceil" => {
                let negative = self.scaled(&x, -1.0)?;
                let floor = self.apply(&negative, layer("Floor"));
                self.scaled(&floor, -1.0)?
            }
            "Clip" => {
                let limit = |index, name| match inputs.constant(index)? {
                    Some(tensor) => Ok(tensor.single()),
                    None if node.attributes.contains_key(name) => Ok(Some(node.float(name, 0.0)?)),
                    None => Ok(None),
                };
                let (min, max) = (limit(1, "min")?, limit(2, "max")?);
                self.clamped(&x, min, max)?
            }
            "Selu" => {
                let alpha = node.float("alpha", 1.673_263_2)?;
                let gamma = node.float("gamma", 1.050_701)?;
                if (alpha - 1.673_263_2).abs() < 1e-6 && (gamma - 1.050_701).abs() < 1e-6 {
                    self.apply(&x, layer("Selu"))
                } else {
                    let elu = self.apply(&x, layer("Elu").call(alpha));
                    self.scaled(&elu, gamma)?
                }
            }
            "HardSigmoid" => {
                let alpha = node.float("alpha", 0.2)?;
                let beta = node.float("beta", 0.5)?;
                if (alpha - 1.0 / 6.0).abs() < 1e-6 && beta == 0.5 {
                    self.apply(&x, layer("HardSigmoid"))
                } else {
                    let scaled = self.scaled(&x, alpha)?;
                    let line = self.shifted(&scaled, beta)?;
                    self.clamped(&line, Some(0.0), Some(1.0))?
                }
            }
            "Swish" => {
                let alpha = node.float("alpha", 1.0)?;
                if alpha == 1.0 {
                    self.apply(&x, layer("Silu"))
                } else {
                    let scaled = self.scaled(&x, alpha)?;
                    let gate = self.apply(&scaled, layer("Sigmoid"));
                    self.joined("Mul", &[x, gate])?
                }
            }
            "ThresholdedRelu" => {
                let alpha = node.float("alpha", 1.0)?;
                let limit = Tensor::floats(&[], vec![alpha]);
                let passes = self.compared("Greater", &x, &limit)?;
                self.joined("Mul", &[x, passes])?
            }
            "Shrink" => {
                let (lambda, bias) = (node.float("lambd", 0.5)?, node.float("bias", 0.0)?);
                if lambda != bias {
                    fail!("its `lambd` and its `bias` are not equal");
                }
                let inner = self.clamped(&x, Some(-lambda), Some(lambda))?;
                self.joined("Sub", &[x, inner])?
            }
            "Sign" => {
                let zero = self.constant(&x, &Tensor::floats(&[], vec![0.0]))?;
                let above = self.joined("Greater", &[x.clone(), zero.clone()])?;
                let below = self.joined("Greater", &[zero, x])?;
                self.joined("Sub", &[above, below])?
            }
            "PRelu" => self.prelu(&x, inputs)?,
            "BiasGelu" | "FastGelu" => {
                let biased = self.affine(&x, None, inputs.constant(1)?)?;
                let kind = match node.operator.as_str() {
                    "BiasGelu" => "Gelu",
                    _ => "GeluTanh",
                };
                self.apply(&biased, layer(kind))
            }
            _ => return Ok(None),
        };
        Ok(Some(vec![value]))
    }

    /// A slope for each channel.
    fn prelu(&mut self, x: &Value, inputs: &Inputs<'_>) -> Result<Value> {
        let slope = inputs.needed(1)?;
        // Versions before 7 have a slope for each channel without further axes.
        let rank = x.axes.len();
        let slope = match (slope.shape[..].len(), self.opset < 7) {
            (1, true) if rank > 1 => {
                let mut sizes = vec![slope.len()];
                sizes.resize(rank - 1, 1);
                slope.reshaped(&sizes)
            }
            _ => slope.clone(),
        };
        broadcast_shape(&x.shape(), &slope.shape)?;
        if slope.shape.len() > rank {
            fail!("its slopes have more axes than its input");
        }
        if let Some(slope) = slope.uniform() {
            let layer = Layer::new("PRelu", &[], &[]);
            return Ok(self.apply(x, layer.tensor("weight", Tensor::floats(&[1], vec![slope]))));
        }

        let missing = rank - slope.shape.len();
        let axes: Vec<usize> = (missing..rank)
            .filter(|&a| slope.shape[a - missing] > 1)
            .collect();
        let channels = x.in_memory(&axes);
        let rest = x.others(&axes);
        let source = self.present(x, &[rest.clone(), channels.clone()])?;
        let slopes = x.constant(&slope, &channels);
        let dims = [size_of(&rest), size_of(&channels)];
        let layer = Layer::new("PRelu", &[source], &dims)
            .argument("_")
            .tensor("weight", Tensor::floats(&[slopes.len()], slopes));
        let source = self.add(layer);
        Ok(Value {
            order: [rest, channels].concat(),
            ..self.keeps(x, source)
        })
    }

    fn softmax(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let x = inputs.computed(0)?.clone();
        let rank = x.axes.len();
        let kind = match node.operator.as_str() {
            "Softmax" => "Softmax",
            _ => "LogSoftmax",
        };
        // Versions before 13 join all axes from this one on.
        if self.opset < 13 {
            let axis = node.int("axis", 1)?;
            let axis = if axis == rank as i64 {
                rank
            } else {
                axis_of(axis, rank)?
            };
            return self.softmax_over(&x, kind, &(axis..rank).collect::<Vec<_>>());
        }
        let axis = axis_of(node.int("axis", -1)?, rank)?;
        self.softmax_over(&x, kind, &[axis])
    }

    /// Adds a softmax over these axes together.
    pub fn softmax_over(&mut self, x: &Value, kind: &'static str, axes: &[usize]) -> Result<Value> {
        let last = x.in_memory(axes);
        let rest = x.others(axes);
        let order = [rest.clone(), last.clone()].concat();
        let width = size_of(&last);
        // The shape is kept if its last axis is that of the softmax.
        let source = match x.order == order && self.dims(x.source).last() == Some(&width) {
            true => x.source,
            false => self.present(x, &[rest, last])?,
        };
        let dims = self.dims(source).to_vec();
        let source = self.add(Layer::new(kind, &[source], &dims));
        Ok(Value {
            order,
            ..self.keeps(x, source)
        })
    }
}
