//! Layers that read several outputs: joins, choices and comparisons.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::attributes::axis_of;
use crate::error::{Result, fail};
use crate::layout::{Atom, Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Sizes, Tensor, broadcast_shape, checked_len};

/// The largest number of outputs that a layer reads.
const MAX_SOURCES: usize = 6;

impl Translator<'_> {
    pub(super) fn joint(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let value = match node.operator.as_str() {
            "Concat" => self.concat(node, inputs)?,
            "Where" => self.choice(inputs)?,
            "Not" => {
                let x = inputs.computed(0)?.clone();
                self.negated(&x)?
            }
            "Xor" => {
                let equal = self.comparison("Equal", inputs, false)?;
                self.negated(&equal)?
            }
            "Equal" => self.comparison("Equal", inputs, false)?,
            "Greater" => self.comparison("Greater", inputs, false)?,
            "Less" => self.comparison("Greater", inputs, true)?,
            // Not above is at most; a NaN is neither.
            "GreaterOrEqual" => {
                let less = self.comparison("Greater", inputs, true)?;
                self.negated(&less)?
            }
            "LessOrEqual" => {
                let greater = self.comparison("Greater", inputs, false)?;
                self.negated(&greater)?
            }
            _ => return Ok(None),
        };
        Ok(Some(vec![value]))
    }

    /// Adds a layer that reads values of one shape, element by element, to which all are expanded.
    pub fn joined(&mut self, layer: &'static str, values: &[Value]) -> Result<Value> {
        let mut shape = Vec::new();
        for value in values {
            shape = broadcast_shape(&shape, &value.shape())?;
        }
        checked_len(&shape, self.options.max_numbers)?;

        // The largest value says the order in memory.
        let largest = (0..values.len()).max_by_key(|&i| (values[i].len(), values.len() - i));
        let largest = largest.unwrap_or(0);
        let mut base = values[largest].clone();
        while base.axes.len() < shape.len() {
            base.axes.insert(0, Vec::new());
        }
        let mut others = values.to_vec();
        for _ in 0..2 {
            // A value may cut an axis of the largest one, which all others have to follow.
            for other in &mut others {
                self.align(&mut base, other)?;
            }
        }

        // Axes that the largest value has not.
        let mut order = Vec::new();
        for (axis, &size) in shape.iter().enumerate() {
            if base.axes[axis].is_empty() && size > 1 {
                base.axes[axis] = self.atoms(size);
                order.extend(base.axes[axis].clone());
            }
        }
        order.extend(base.order.clone());
        let mut sources = Vec::new();
        for other in &others {
            let named = renamed(other, &base);
            let source = match named.order == order {
                true => named.source,
                false => self.expand_to(&named, base.clone(), order.clone())?.source,
            };
            sources.push(source);
        }

        let dims = self.dims(sources[largest]).to_vec();
        for source in &mut sources {
            *source = self.reshape_to(*source, &dims);
        }
        if layer == "Mul" && sources.len() == 2 && sources[0] == sources[1] {
            let square = Layer::new("Pow", &sources[..1], &dims).call(2.0);
            let source = self.add(square);
            return Ok(Value {
                source,
                order,
                kind: values[0].kind,
                exclusive: true,
                ..base
            });
        }
        // A layer reads an output once.
        for i in 1..sources.len() {
            if sources[..i].contains(&sources[i]) {
                let copy = Layer::new("Identity", &[sources[i]], &dims);
                sources[i] = self.add(copy);
            }
        }
        let source = self.add(Layer::new(layer, &sources, &dims));
        let kind = match layer {
            "Equal" | "Greater" => Kind::Bool,
            "Where" => values[1].kind,
            _ => values[0].kind,
        };
        Ok(Value {
            source,
            order,
            kind,
            exclusive: true,
            ..base
        })
    }

    /// A constant as a value of the same shape as another one, or of the shape to which both broadcast.
    pub fn constant(&mut self, like: &Value, constant: &Tensor) -> Result<Value> {
        let zero = Tensor::floats(&[], vec![0.0]);
        let finite = constant
            .as_floats()
            .iter()
            .map(|n| n.clamp(f32::MIN, f32::MAX))
            .collect();
        let finite = Tensor::floats(&constant.shape, finite);
        // The value is not changed.
        let like = Value {
            exclusive: false,
            ..like.clone()
        };
        let value = self.affine(&like, Some(&zero), Some(&finite))?;
        Ok(Value {
            kind: constant.kind,
            ..value
        })
    }

    /// Adds a layer that reads a value and a constant.
    pub fn compared(&mut self, layer: &'static str, x: &Value, constant: &Tensor) -> Result<Value> {
        let constant = self.constant(x, constant)?;
        self.joined(layer, &[x.clone(), constant])
    }

    fn comparison(
        &mut self,
        layer: &'static str,
        inputs: &Inputs<'_>,
        swap: bool,
    ) -> Result<Value> {
        let pair = match (inputs.0.first(), inputs.0.get(1)) {
            (Some(Meaning::Computed(a)), Some(Meaning::Computed(b))) => [a.clone(), b.clone()],
            (Some(Meaning::Computed(a)), Some(Meaning::Constant(b))) => {
                [a.clone(), self.constant(a, b)?]
            }
            (Some(Meaning::Constant(a)), Some(Meaning::Computed(b))) => {
                [self.constant(b, a)?, b.clone()]
            }
            _ => fail!("one of its inputs is missing"),
        };
        let [a, b] = pair;
        let value = self.joined(layer, &if swap { [b, a] } else { [a, b] })?;
        Ok(Value {
            kind: Kind::Bool,
            ..value
        })
    }

    fn choice(&mut self, inputs: &Inputs<'_>) -> Result<Value> {
        let mut like = None;
        for input in inputs.0 {
            if let Meaning::Computed(value) = input {
                like = like.or(Some(value.clone()));
            }
        }
        let (Some(like), 3) = (like, inputs.0.len()) else {
            fail!("it reads a condition and two values");
        };
        let mut values = Vec::new();
        for input in inputs.0 {
            values.push(match input {
                Meaning::Computed(value) => value.clone(),
                Meaning::Constant(constant) => self.constant(&like, constant)?,
                Meaning::Absent => fail!("one of its inputs is missing"),
            });
        }
        self.joined("Where", &values)
    }

    fn concat(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let rank = inputs.shape(0)?.len();
        let axis = axis_of(node.int("axis", 1)?, rank)?;
        let Some(like) = inputs.0.iter().find_map(|input| match input {
            Meaning::Computed(value) => Some(value.clone()),
            _ => None,
        }) else {
            fail!("it joins constants alone");
        };

        let mut values = Vec::new();
        for (index, input) in inputs.0.iter().enumerate() {
            let shape = inputs.shape(index)?;
            let fits =
                shape.len() == rank && (0..rank).all(|i| i == axis || shape[i] == like.shape()[i]);
            if !fits {
                fail!(
                    "it joins {} and {} along axis {axis}",
                    Sizes(&like.shape()),
                    Sizes(&shape)
                );
            }
            match input {
                _ if shape[axis] == 0 => {}
                Meaning::Computed(value) => values.push(value.clone()),
                Meaning::Constant(constant) => values.push(self.free_constant(&like, constant)?),
                Meaning::Absent => fail!("its input {index} is missing"),
            }
        }
        self.concatenated(&values, axis)
    }

    /// A constant of any shape, as a value that is computed from a single number of another one.
    fn free_constant(&mut self, like: &Value, constant: &Tensor) -> Result<Value> {
        let source = self.reshape_to(like.source, &[like.len()]);
        let number = Layer::new("Slice", &[source], &[1]).argument(0).argument(1);
        let source = self.add(number);
        let number = self.plain(source, &[1], Kind::Float);
        let numbers = constant.as_floats().to_vec();
        let count = numbers.len();
        let zeros = Tensor::floats(&[count, 1], vec![0.0; count]);
        let flat = self.linear(&number, 0, &zeros, Some(numbers))?;
        let value = self.reshape(&flat, &constant.shape)?;
        Ok(Value {
            kind: constant.kind,
            ..value
        })
    }

    /// Joins values along an axis.
    pub fn concatenated(&mut self, values: &[Value], axis: usize) -> Result<Value> {
        let [first, others @ ..] = values else {
            fail!("it joins nothing");
        };
        let shape = first.shape();
        for other in others {
            let own = other.shape();
            let fits = own.len() == shape.len()
                && (0..shape.len()).all(|i| i == axis || own[i] == shape[i]);
            if !fits || axis >= shape.len() {
                fail!(
                    "it joins {} and {} along axis {axis}",
                    Sizes(&shape),
                    Sizes(&own)
                );
            }
        }
        if others.is_empty() {
            return Ok(first.clone());
        }

        // All have the other atoms of the first one, in its order.
        let mut base = first.clone();
        let mut parts: Vec<Value> = values.to_vec();
        for _ in 0..2 {
            for part in &mut parts {
                let (mut a, mut b) = (base.clone(), part.clone());
                // The axes along which they are joined have sizes of their own.
                let (own, other) = (a.axes[axis].clone(), b.axes[axis].clone());
                a.axes[axis] = Vec::new();
                b.axes[axis] = Vec::new();
                if self.align_without(&mut a, &mut b, [&own, &other]) {
                    a.axes[axis] = own;
                    b.axes[axis] = other;
                } else {
                    for value in [&mut base, &mut *part] {
                        let shape = value.shape();
                        let groups = [value.flat()];
                        let source = self.present(value, &groups)?;
                        *value = self.plain(source, &shape, value.kind);
                    }
                    return self.concatenated_plain(values, axis);
                }
                base = a;
                *part = b;
            }
        }

        let mut sources = Vec::new();
        let (before, behind) = split_around(&base, axis);
        let mut width = 0;
        for part in &parts {
            let own = part.axes[axis].clone();
            let mut named = renamed_without(part, &base, axis);
            named.axes[axis] = own.clone();
            let group = [before.clone(), own.clone(), behind.clone()].concat();
            let source = self.present(&named, &[group])?;
            let columns = size_of(&own) * size_of(&behind);
            width += columns;
            let source = self.reshape_to(source, &[size_of(&before), columns]);
            sources.push(source);
        }
        for i in 1..sources.len() {
            if sources[..i].contains(&sources[i]) {
                let dims = self.dims(sources[i]).to_vec();
                sources[i] = self.add(Layer::new("Identity", &[sources[i]], &dims));
            }
        }
        while sources.len() > 1 {
            let count = sources.len().min(MAX_SOURCES);
            let joined: Vec<usize> = sources.drain(..count).collect();
            let columns: usize = joined.iter().map(|&s| self.dims(s)[1]).sum();
            let rows = size_of(&before);
            let source = self.add(Layer::new("Concat", &joined, &[rows, columns]));
            sources.insert(0, source);
        }
        let size = width / size_of(&behind);
        let atoms = self.atoms(size);
        let mut value = base;
        value.axes[axis] = atoms.clone();
        value.order = [before, atoms, behind].concat();
        value.source = sources[0];
        value.exclusive = true;
        Ok(value)
    }

    /// Joins values whose axes do not have the same borders, all in the order of the file.
    fn concatenated_plain(&mut self, values: &[Value], axis: usize) -> Result<Value> {
        let mut plain = Vec::new();
        for value in values {
            let shape = value.shape();
            let source = self.present(value, &[value.flat()])?;
            plain.push(self.plain(source, &shape, value.kind));
        }
        self.concatenated(&plain, axis)
    }

    /// Aligns values; `false` if that is not possible without moving anything.
    fn align_without(&mut self, a: &mut Value, b: &mut Value, _: [&[Atom]; 2]) -> bool {
        let before = self.layers.len();
        let (mut x, mut y) = (a.clone(), b.clone());
        let fits = x.axes.iter().zip(&y.axes).all(|(p, q)| can_refine(p, q));
        if !fits || self.align(&mut x, &mut y).is_err() || self.layers.len() != before {
            return false;
        }
        *a = x;
        *b = y;
        true
    }
}

/// Returns whether two lists of atoms can be cut into the same ones.
fn can_refine(a: &[Atom], b: &[Atom]) -> bool {
    let borders = |atoms: &[Atom]| {
        let mut product = 1;
        let mut borders = Vec::new();
        for atom in atoms.iter().rev() {
            product *= atom.size;
            borders.push(product);
        }
        borders
    };
    let mut all = borders(a);
    all.extend(borders(b));
    all.sort_unstable();
    all.windows(2).all(|pair| pair[1].is_multiple_of(pair[0]))
}

/// Returns a value with the atoms of another one, with which it is aligned.
fn renamed(x: &Value, base: &Value) -> Value {
    let mut value = x.clone();
    while value.axes.len() < base.axes.len() {
        value.axes.insert(0, Vec::new());
    }
    for axis in 0..base.axes.len() {
        rename_axis(&mut value, axis, &base.axes[axis]);
    }
    value
}

fn rename_axis(value: &mut Value, axis: usize, atoms: &[Atom]) {
    if value.axes[axis].len() != atoms.len() {
        return;
    }
    let own = value.axes[axis].clone();
    for atom in &mut value.order {
        if let Some(at) = own.iter().position(|own| own == atom) {
            *atom = atoms[at];
        }
    }
    value.axes[axis] = atoms.to_vec();
}

/// Like [`renamed`], but for one axis, which keeps its atoms.
fn renamed_without(x: &Value, base: &Value, axis: usize) -> Value {
    let mut value = x.clone();
    for other in (0..base.axes.len()).filter(|&other| other != axis) {
        rename_axis(&mut value, other, &base.axes[other]);
    }
    value
}

/// Returns the other atoms before and behind those of an axis.
fn split_around(x: &Value, axis: usize) -> (Vec<Atom>, Vec<Atom>) {
    let others = x.others(&[axis]);
    let own = &x.axes[axis];
    let at = match own.first() {
        Some(first) => x
            .order
            .iter()
            .take_while(|atom| *atom != first)
            .filter(|atom| !own.contains(atom))
            .count(),
        None => {
            let flat: Vec<Atom> = x.axes[..axis].concat();
            if others[..flat.len()] == flat[..] {
                flat.len()
            } else {
                0
            }
        }
    };
    (others[..at].to_vec(), others[at..].to_vec())
}
