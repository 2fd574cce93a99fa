//! Sums and products of outputs, and with constants.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::{Atom, Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Tensor, broadcast_shape, checked_len};

impl Translator<'_> {
    pub(super) fn arithmetic(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let operator = node.operator.as_str();
        if !matches!(
            operator,
            "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Mean" | "Max" | "Min" | "Pow" | "And" | "Or"
        ) {
            return Ok(None);
        }
        if inputs.0.is_empty() {
            fail!("it has no inputs");
        }

        // Versions before 7 broadcast from an axis on.
        let operands = match (
            node.int("broadcast", 0)?,
            node.attributes.contains_key("axis"),
        ) {
            (1, true) => self.old_broadcast(node, inputs)?,
            _ => inputs.0.to_vec(),
        };
        let mut result = operands[0].clone();
        for operand in &operands[1..] {
            result = Meaning::Computed(self.combined(operator, &result, operand)?);
        }
        let Meaning::Computed(mut value) = result else {
            fail!("it combines constants alone");
        };
        if operator == "Mean" {
            value = self.scaled(&value, 1.0 / operands.len() as f32)?;
        }
        Ok(Some(vec![value]))
    }

    /// Gives the second operand axes of size 1 behind its own.
    fn old_broadcast(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Meaning>> {
        let rank = inputs.shape(0)?.len();
        let axis = crate::attributes::axis_of(node.int("axis", 0)?, rank)?;
        let mut sizes = inputs.shape(1)?;
        if axis + sizes.len() > rank {
            fail!("it broadcasts {} axes from axis {axis} on", sizes.len());
        }
        sizes.resize(rank - axis, 1);
        let second = match inputs.at(1) {
            Meaning::Constant(tensor) => Meaning::Constant(tensor.reshaped(&sizes)),
            Meaning::Computed(value) => Meaning::Computed(self.reshape(&value.clone(), &sizes)?),
            Meaning::Absent => fail!("its input 1 is missing"),
        };
        Ok(vec![inputs.at(0).clone(), second])
    }

    fn combined(&mut self, operator: &str, a: &Meaning, b: &Meaning) -> Result<Value> {
        match (a, b) {
            (Meaning::Computed(a), Meaning::Constant(b)) => {
                self.with_constant(operator, a, b, false)
            }
            (Meaning::Constant(a), Meaning::Computed(b)) => {
                self.with_constant(operator, b, a, true)
            }
            (Meaning::Computed(a), Meaning::Computed(b)) => {
                let layer = match operator {
                    "Add" | "Sum" | "Mean" => "Add",
                    "Mul" | "And" => "Mul",
                    "Sub" => "Sub",
                    "Div" if a.kind == Kind::Int && b.kind == Kind::Int => {
                        fail!("it divides whole numbers, which no layer does")
                    }
                    "Div" => "Div",
                    "Max" | "Or" => "Maximum",
                    "Min" => "Minimum",
                    _ => fail!("it raises to a power that the network computes"),
                };
                self.joined(layer, &[a.clone(), b.clone()])
            }
            _ => fail!("one of its inputs is missing"),
        }
    }

    /// Combines a value with a constant, which is the first operand if `swapped`.
    fn with_constant(
        &mut self,
        operator: &str,
        x: &Value,
        c: &Tensor,
        swapped: bool,
    ) -> Result<Value> {
        let inverse = |c: &Tensor| {
            let numbers = c.as_floats();
            Tensor::floats(&c.shape, numbers.iter().map(|n| 1.0 / n).collect())
        };
        let negative = |c: &Tensor| {
            let numbers = c.as_floats();
            Tensor::floats(&c.shape, numbers.iter().map(|n| -n).collect())
        };
        let minus_one = Tensor::floats(&[], vec![-1.0]);
        match (operator, swapped) {
            ("Add" | "Sum" | "Mean", _) => self.affine(x, None, Some(c)),
            ("Sub", false) => self.affine(x, None, Some(&negative(c))),
            ("Sub", true) => self.affine(x, Some(&minus_one), Some(c)),
            ("Mul" | "And", _) => {
                let value = self.affine(x, Some(c), None)?;
                Ok(match operator {
                    "And" => Value {
                        kind: Kind::Bool,
                        ..value
                    },
                    _ => value,
                })
            }
            ("Div", false) if x.kind != Kind::Int => self.affine(x, Some(&inverse(c)), None),
            ("Div", true) if x.kind != Kind::Int => {
                let value = self.powered(x, -1.0)?;
                self.affine(&value, Some(c), None)
            }
            ("Div", _) => fail!("it divides whole numbers, which no layer does"),
            ("Max", _) => match c.uniform() {
                Some(limit) => self.clamped(x, Some(limit), None),
                None => self.compared("Maximum", x, c),
            },
            ("Min", _) => match c.uniform() {
                Some(limit) => self.clamped(x, None, Some(limit)),
                None => self.compared("Minimum", x, c),
            },
            ("Or", _) => self.compared("Maximum", x, c),
            ("Pow", false) => match c.uniform() {
                Some(exponent) => {
                    let shape = broadcast_shape(&x.shape(), &c.shape)?;
                    let value = self.expand(x, &shape)?;
                    self.powered(&value, exponent)
                }
                None => fail!("its exponents differ from each other"),
            },
            ("Pow", true) => {
                // c^x = exp(x ln c)
                let logs = c.as_floats().iter().map(|n| n.ln()).collect::<Vec<f32>>();
                if logs.iter().any(|log| !log.is_finite()) {
                    fail!("it raises a number that is not above 0 to a power");
                }
                let scaled = self.affine(x, Some(&Tensor::floats(&c.shape, logs)), None)?;
                Ok(self.apply(&scaled, Layer::new("Exp", &[], &[])))
            }
            _ => fail!("it is not supported with a constant"),
        }
    }

    /// Adds a layer that computes each element on its own.
    pub fn apply(&mut self, x: &Value, mut layer: Layer) -> Value {
        layer.sources = vec![x.source];
        layer.dims = self.dims(x.source).to_vec();
        let source = self.add(layer);
        self.keeps(x, source)
    }

    /// Raises to a power.
    pub fn powered(&mut self, x: &Value, exponent: f32) -> Result<Value> {
        if exponent == 1.0 {
            return Ok(x.clone());
        }
        if exponent == 0.5 {
            return Ok(self.apply(x, Layer::new("Sqrt", &[], &[])));
        }
        if !exponent.is_finite() {
            fail!("its exponent is {exponent}");
        }
        let layer = Layer::new("Pow", &[], &[]);
        Ok(self.apply(x, layer.call(exponent)))
    }

    /// Multiplies all elements by one number.
    pub fn scaled(&mut self, x: &Value, factor: f32) -> Result<Value> {
        self.affine(x, Some(&Tensor::floats(&[], vec![factor])), None)
    }

    /// Adds one number to all elements.
    pub fn shifted(&mut self, x: &Value, summand: f32) -> Result<Value> {
        self.affine(x, None, Some(&Tensor::floats(&[], vec![summand])))
    }

    /// 1 minus a truth value.
    pub fn negated(&mut self, x: &Value) -> Result<Value> {
        let minus_one = Tensor::floats(&[], vec![-1.0]);
        let one = Tensor::floats(&[], vec![1.0]);
        let value = self.affine(x, Some(&minus_one), Some(&one))?;
        Ok(Value {
            kind: Kind::Bool,
            ..value
        })
    }

    /// Multiplies by a constant and adds another one, both of which broadcast.
    pub fn affine(
        &mut self,
        x: &Value,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
    ) -> Result<Value> {
        let mut shape = x.shape();
        for constant in [weight, bias].into_iter().flatten() {
            shape = broadcast_shape(&shape, &constant.shape)?;
        }
        checked_len(&shape, self.options.max_numbers)?;
        let x = self.expand(x, &shape)?;
        let is = |tensor: Option<&Tensor>, number: f32| {
            tensor.is_none_or(|tensor| tensor.uniform() == Some(number))
        };
        if is(weight, 1.0) && is(bias, 0.0) {
            return Ok(Value { kind: x.kind, ..x });
        }

        // The last atoms in memory, with all along which a constant changes.
        let missing = |constant: &Tensor| shape.len() - constant.shape.len();
        let changes = |atom: &Atom| {
            let axis = x
                .axes
                .iter()
                .position(|axis| axis.contains(atom))
                .unwrap_or(0);
            [weight, bias].into_iter().flatten().any(|constant| {
                axis >= missing(constant) && constant.shape[axis - missing(constant)] > 1
            })
        };
        let first = x.order.iter().position(changes).unwrap_or(x.order.len());
        let last = self.dims(x.source).last().copied().unwrap_or(1);
        let mut start = first;
        while start > 0 && size_of(&x.order[start..]) < last {
            start -= 1;
        }
        let atoms = &x.order[start..];
        let count = size_of(atoms);
        let numbers = |constant: Option<&Tensor>, default: f32| match constant {
            Some(constant) => x.constant(constant, atoms),
            None => vec![default; count],
        };
        let factors = numbers(weight, 1.0);
        let summands = numbers(bias, 0.0);

        if x.exclusive && self.layers[x.source].readers == 0 && count == last {
            let factors = weight.map(|_| &factors[..]);
            let summands = bias.map(|_| &summands[..]);
            if self.layers[x.source].absorb(factors, summands) {
                return Ok(x);
            }
        }
        let source = match count == last {
            true => x.source,
            false => self.reshape_to(x.source, &[x.len() / count, count]),
        };
        // A tensor without axes has no features.
        let source = match self.dims(source).is_empty() {
            true => self.reshape_to(source, &[1]),
            false => source,
        };
        let dims = self.dims(source).to_vec();
        let layer = Layer::new("Affine", &[source], &dims)
            .argument("_")
            .tensor("weight", Tensor::floats(&[count], factors))
            .tensor("bias", Tensor::floats(&[count], summands));
        let source = self.add(layer);
        let kind = match (x.kind, weight.or(bias)) {
            (Kind::Int, Some(constant)) if constant.kind != Kind::Float => Kind::Int,
            _ => Kind::Float,
        };
        Ok(Value {
            kind,
            ..self.keeps(&x, source)
        })
    }

    /// Limits all elements.
    pub fn clamped(&mut self, x: &Value, min: Option<f32>, max: Option<f32>) -> Result<Value> {
        let min = min.unwrap_or(f32::MIN).max(f32::MIN);
        let max = max.unwrap_or(f32::MAX).min(f32::MAX);
        let layer = match (min, max) {
            (0.0, f32::MAX) => Layer::new("Relu", &[], &[]),
            (0.0, 6.0) => Layer::new("Relu6", &[], &[]),
            (f32::MIN, f32::MAX) => return Ok(x.clone()),
            _ if min < max => Layer::new("HardTanh", &[], &[]).call(min).call(max),
            _ => {
                // The minimum is not below the maximum: all elements become the maximum.
                let zero = self.scaled(x, 0.0)?;
                return self.shifted(&zero, max);
            }
        };
        Ok(self.apply(x, layer))
    }
}
