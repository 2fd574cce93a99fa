//! Matrix products: dense layers, and products of two outputs.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::{Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Sizes, Tensor, broadcast_shape};

impl Translator<'_> {
    pub(super) fn dense(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let value = match node.operator.as_str() {
            "Gemm" => self.gemm(node, inputs)?,
            "MatMul" => self.matmul(inputs)?,
            _ => return Ok(None),
        };
        Ok(Some(vec![value]))
    }

    /// Adds a dense layer along an axis, whose weight is `[outputs, inputs]`.
    pub fn linear(
        &mut self,
        x: &Value,
        axis: usize,
        weight: &Tensor,
        bias: Option<Vec<f32>>,
    ) -> Result<Value> {
        let [outputs, columns] = weight.shape[..] else {
            fail!("its weight {} is no matrix", Sizes(&weight.shape));
        };
        if columns != size_of(&x.axes[axis]) {
            fail!(
                "its weight {} does not fit the axis {axis} of {}",
                Sizes(&weight.shape),
                Sizes(&x.shape())
            );
        }
        if outputs == 0 {
            fail!("it has no outputs");
        }
        let last = x.in_memory(&[axis]);
        let rest = x.others(&[axis]);
        let rows = size_of(&rest);
        let source = self.present(x, &[[rest.clone(), last.clone()].concat()])?;
        let source = match rows {
            1 => self.reshape_to(source, &[columns]),
            _ => self.reshape_to(source, &[rows, columns]),
        };

        // The columns in the order of memory.
        let order = x.indices(axis, &last);
        let numbers = weight.as_floats();
        let mut turned = Vec::with_capacity(numbers.len());
        for row in numbers.chunks_exact(columns) {
            turned.extend(order.iter().map(|&index| row[index]));
        }
        let weight = Tensor::floats(&[outputs, columns], turned);
        let dims = match rows {
            1 => vec![outputs],
            _ => vec![rows, outputs],
        };
        let layer = Layer::new("Linear", &[source], &dims)
            .argument("_")
            .argument(outputs)
            .weight(weight, bias);
        let source = self.add(layer);

        let atoms = self.atoms(outputs);
        let mut axes = x.axes.clone();
        axes[axis] = atoms.clone();
        Ok(Value {
            source,
            axes,
            order: [rest, atoms].concat(),
            kind: Kind::Float,
            exclusive: true,
        })
    }

    fn gemm(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
        let turn = [node.flag("transA", false)?, node.flag("transB", false)?];
        let product = match (inputs.at(0), inputs.0.get(1)) {
            (Meaning::Computed(a), Some(Meaning::Constant(b))) => {
                let mut a = a.clone();
                // Before version 7, all axes behind the first are features.
                if a.axes.len() != 2 {
                    fail!("it takes matrices, and not {}", Sizes(&a.shape()));
                }
                if turn[0] {
                    a.axes.swap(0, 1);
                }
                if b.shape.len() != 2 {
                    fail!("its weight {} is no matrix", Sizes(&b.shape));
                }
                let weight = if turn[1] {
                    b.clone()
                } else {
                    b.transposed(&[1, 0])
                };
                self.linear(&a, 1, &scaled(&weight, alpha), None)?
            }
            (Meaning::Constant(a), Some(Meaning::Computed(b))) if a.shape.len() == 2 => {
                let mut b = b.clone();
                if b.axes.len() != 2 {
                    fail!("it takes matrices, and not {}", Sizes(&b.shape()));
                }
                if turn[1] {
                    b.axes.swap(0, 1);
                }
                let weight = if turn[0] {
                    a.transposed(&[1, 0])
                } else {
                    a.clone()
                };
                self.linear(&b, 0, &scaled(&weight, alpha), None)?
            }
            _ => {
                let mut a = inputs.computed(0)?.clone();
                let mut b = inputs.computed(1)?.clone();
                if turn[0] && a.axes.len() == 2 {
                    a.axes.swap(0, 1);
                }
                if turn[1] && b.axes.len() == 2 {
                    b.axes.swap(0, 1);
                }
                let product = self.product(&a, &b)?;
                match alpha {
                    1.0 => product,
                    _ => self.scaled(&product, alpha)?,
                }
            }
        };
        match inputs.0.get(2) {
            Some(Meaning::Constant(c)) if beta != 0.0 => {
                self.affine(&product, None, Some(&scaled(c, beta)))
            }
            Some(Meaning::Computed(c)) if beta != 0.0 => {
                let c = match beta {
                    1.0 => c.clone(),
                    _ => self.scaled(c, beta)?,
                };
                self.joined("Add", &[product, c])
            }
            _ => Ok(product),
        }
    }

    fn matmul(&mut self, inputs: &Inputs<'_>) -> Result<Value> {
        match (inputs.at(0), inputs.0.get(1)) {
            (Meaning::Computed(a), Some(Meaning::Constant(b))) if b.shape.len() <= 2 => {
                let axis = last_axis(a)?;
                let weight = match b.shape.len() {
                    2 => b.transposed(&[1, 0]),
                    _ => b.reshaped(&[1, b.len()]),
                };
                let mut value = self.linear(a, axis, &weight, None)?;
                if b.shape.len() < 2 {
                    value.axes.pop();
                }
                Ok(value)
            }
            (Meaning::Constant(a), Some(Meaning::Computed(b))) if a.shape.len() <= 2 => {
                let rank = b.axes.len();
                let axis = if rank > 1 { rank - 2 } else { 0 };
                let rows = if a.shape.len() == 2 { a.shape[0] } else { 1 };
                let columns = a.len() / rows.max(1);
                let weight = a.reshaped(&[rows, columns]);
                let mut value = self.linear(b, axis, &weight, None)?;
                if a.shape.len() < 2 {
                    value.axes.remove(axis);
                }
                Ok(value)
            }
            (Meaning::Computed(a), Some(Meaning::Computed(b))) => self.product(a, b),
            (Meaning::Computed(a), Some(Meaning::Constant(b))) => {
                let b = self.constant_beside(a, b)?;
                self.product(a, &b)
            }
            (Meaning::Constant(a), Some(Meaning::Computed(b))) => {
                let a = self.constant_beside(b, a)?;
                self.product(&a, b)
            }
            _ => fail!("one of its inputs is missing"),
        }
    }

    /// A constant that a layer reads as an output.
    pub fn constant_beside(&mut self, like: &Value, constant: &Tensor) -> Result<Value> {
        let source = self.reshape_to(like.source, &[like.len()]);
        let number = Layer::new("Slice", &[source], &[1]).argument(0).argument(1);
        let source = self.add(number);
        let number = self.plain(source, &[1], Kind::Float);
        let count = constant.len();
        let zeros = Tensor::floats(&[count, 1], vec![0.0; count]);
        let flat = self.linear(&number, 0, &zeros, Some(constant.as_floats().to_vec()))?;
        self.reshape(&flat, &constant.shape)
    }

    /// The matrix product of two values, for each of the axes before the last two.
    pub fn product(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let mut a = a.clone();
        let mut b = self.with_own_atoms(b);
        let vectors = [a.axes.len() == 1, b.axes.len() == 1];
        if vectors[0] {
            a.axes.insert(0, Vec::new());
        }
        if vectors[1] {
            b.axes.push(Vec::new());
        }
        if a.axes.len() < 2 || b.axes.len() < 2 {
            fail!("it multiplies a single number");
        }
        let (p, q) = (a.shape(), b.shape());
        let [.., m, k] = p[..] else {
            fail!("it multiplies a single number")
        };
        let [.., l, n] = q[..] else {
            fail!("it multiplies a single number")
        };
        if k != l {
            fail!("it multiplies {} by {}", Sizes(&p), Sizes(&q));
        }
        let outer = broadcast_shape(&p[..p.len() - 2], &q[..q.len() - 2])?;
        a = self.expand(&a, &[&outer[..], &[m, k]].concat())?;
        b = self.expand(&b, &[&outer[..], &[k, n]].concat())?;

        let rank = outer.len();
        // The order of the matrices is that of the first operand.
        let [mut x, mut y] = [a, b];
        let [keep_x, keep_y] = [&x, &y].map(|v| [v.axes[rank].clone(), v.axes[rank + 1].clone()]);
        let mut heads = [x.clone(), y.clone()];
        for head in &mut heads {
            head.axes.truncate(rank);
        }
        let [mut first, mut second] = heads;
        self.align(&mut first, &mut second)?;
        if first.source != x.source || second.source != y.source {
            // Axes that could not be cut alike lie as in the file now.
            let shape = [x.shape(), y.shape()];
            let groups = [x.flat(), y.flat()];
            let sources = [
                self.present(&x, &groups[..1])?,
                self.present(&y, &groups[1..])?,
            ];
            x = self.plain(sources[0], &shape[0], Kind::Float);
            y = self.plain(sources[1], &shape[1], Kind::Float);
            return self.product_of(&x, &y, rank, vectors);
        }
        for (value, head, keep) in [(&mut x, first, keep_x), (&mut y, second, keep_y)] {
            value.order = head.order;
            value.axes = head.axes;
            value.axes.extend(keep);
        }
        self.product_of(&x, &y, rank, vectors)
    }

    /// The product of values whose axes before the last two have the same atoms.
    fn product_of(
        &mut self,
        x: &Value,
        y: &Value,
        rank: usize,
        vectors: [bool; 2],
    ) -> Result<Value> {
        let matrices: Vec<usize> = (0..rank).collect();
        let outer = x.in_memory(&matrices);
        // The second operand has its own atoms in the same places.
        let mut other = Vec::new();
        for atom in &outer {
            for axis in 0..rank {
                if let Some(at) = x.axes[axis].iter().position(|own| own == atom) {
                    other.push(y.axes[axis][at]);
                }
            }
        }
        let (m_atoms, k_atoms) = (x.axes[rank].clone(), x.axes[rank + 1].clone());
        let (l_atoms, n_atoms) = (y.axes[rank].clone(), y.axes[rank + 1].clone());
        let a = self.present(x, &[outer.clone(), m_atoms.clone(), k_atoms])?;
        let b = self.present(y, &[other, l_atoms, n_atoms.clone()])?;
        let [count, m, k] = self.dims(a)[..] else {
            fail!("it is no matrix")
        };
        let n = size_of(&n_atoms);
        let (a, b, dims) = match count {
            1 => (
                self.reshape_to(a, &[m, k]),
                self.reshape_to(b, &[k, n]),
                vec![m, n],
            ),
            _ => (a, b, vec![count, m, n]),
        };
        let b = match a == b {
            true => {
                let dims = self.dims(b).to_vec();
                self.add(Layer::new("Identity", &[b], &dims))
            }
            false => b,
        };
        let source = self.add(Layer::new("MatMul", &[a, b], &dims));
        let mut axes = x.axes[..rank].to_vec();
        let mut order = outer;
        for (atoms, is_vector) in [(m_atoms, vectors[0]), (n_atoms, vectors[1])] {
            order.extend(atoms.clone());
            if !is_vector {
                axes.push(atoms);
            }
        }
        // Both have atoms of their own.
        Ok(Value {
            source,
            axes,
            order,
            kind: Kind::Float,
            exclusive: true,
        })
    }
}

fn last_axis(x: &Value) -> Result<usize> {
    match x.axes.len().checked_sub(1) {
        Some(axis) => Ok(axis),
        None => fail!("it multiplies a single number"),
    }
}

/// Multiplies a constant.
fn scaled(tensor: &Tensor, factor: f32) -> Tensor {
    if factor == 1.0 {
        return tensor.clone();
    }
    let numbers = tensor.as_floats();
    Tensor::floats(&tensor.shape, numbers.iter().map(|n| n * factor).collect())
}
