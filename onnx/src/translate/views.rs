//! Operators that move, cut or repeat, and compute nothing.

use super::{Inputs, Outputs, Translator};
use crate::attributes::{axes_of, axis_of};
use crate::error::{Result, fail};
use crate::fold::sizes_of;
use crate::layout::{Atom, Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::shape::{self, Range};
use crate::tensor::{Kind, Sizes, Tensor, broadcast_shape, checked_len};

impl Translator<'_> {
    pub(super) fn view(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let operator = node.operator.as_str();
        if !matches!(
            operator,
            "Identity"
                | "Dropout"
                | "Cast"
                | "CastLike"
                | "Reshape"
                | "Flatten"
                | "Squeeze"
                | "Unsqueeze"
                | "Transpose"
                | "Expand"
                | "Tile"
                | "Slice"
                | "Split"
                | "Gather"
                | "Pad"
                | "DepthToSpace"
                | "SpaceToDepth"
        ) {
            return Ok(None);
        }
        if operator == "Gather" {
            return self.gather(node, inputs).map(|value| Some(vec![value]));
        }

        let x = inputs.computed(0)?.clone();
        let shape = x.shape();
        let rank = shape.len();
        let value = match operator {
            "Identity" => x,
            "Dropout" => {
                if self.is_read(node, 1) {
                    fail!("its mask is an output, which inference has not");
                }
                x
            }
            "Cast" => self.cast(x, node.int("to", 1)?)?,
            "CastLike" => x,
            "Reshape" => {
                let wanted = shape::list(node, "shape", inputs.constant(1)?)?.unwrap_or_default();
                let sizes = shape::reshaped(&shape, &wanted, node.flag("allowzero", false)?)?;
                self.reshape(&x, &sizes)?
            }
            "Flatten" => {
                let axis = node.int("axis", 1)?;
                let axis = if axis == rank as i64 {
                    rank
                } else {
                    axis_of(axis, rank)?
                };
                let sizes = [
                    shape[..axis].iter().product(),
                    shape[axis..].iter().product(),
                ];
                self.reshape(&x, &sizes)?
            }
            "Squeeze" => {
                let axes = shape::list(node, "axes", inputs.constant(1)?)?;
                let axes = shape::squeezed(&shape, axes.as_deref())?;
                let kept = (0..rank).filter(|axis| !axes.contains(axis));
                Value {
                    axes: kept.map(|axis| x.axes[axis].clone()).collect(),
                    ..x
                }
            }
            "Unsqueeze" => {
                let axes = shape::list(node, "axes", inputs.constant(1)?)?.unwrap_or_default();
                let axes = axes_of(&axes, rank + axes.len())?;
                let mut value = x;
                for axis in axes {
                    value.axes.insert(axis, Vec::new());
                }
                value
            }
            "Transpose" => {
                let axes = shape::permutation(node, rank)?;
                Value {
                    axes: axes.iter().map(|&axis| x.axes[axis].clone()).collect(),
                    ..x
                }
            }
            "Expand" => {
                let wanted = broadcast_shape(&shape, &sizes_of(inputs.needed(1)?)?)?;
                self.expand(&x, &wanted)?
            }
            "Tile" => self.tile(x, &sizes_of(inputs.needed(1)?)?)?,
            "Slice" => {
                let starts = shape::list(node, "starts", inputs.constant(1)?)?.unwrap_or_default();
                let ends = shape::list(node, "ends", inputs.constant(2)?)?.unwrap_or_default();
                let axes = shape::list(node, "axes", inputs.constant(3)?)?;
                let steps = shape::list(node, "steps", inputs.constant(4)?)?;
                let ranges =
                    shape::slices(&shape, &starts, &ends, axes.as_deref(), steps.as_deref())?;
                let mut value = x;
                for (axis, range) in ranges {
                    value = self.slice(&value, axis, range)?;
                }
                value
            }
            "Split" => {
                let axis = axis_of(node.int("axis", 0)?, rank)?;
                let wanted = shape::list(node, "split", inputs.constant(1)?)?;
                let parts = shape::parts(shape[axis], wanted.as_deref(), node.outputs.len())?;
                let mut first = 0;
                let mut values = Vec::new();
                for count in parts {
                    values.push(self.slice(
                        &x,
                        axis,
                        Range {
                            first,
                            step: 1,
                            count,
                        },
                    )?);
                    first += count;
                }
                return Ok(Some(values));
            }
            "Pad" => self.pad(node, inputs, x)?,
            _ => self.blocks(node, x)?,
        };
        Ok(Some(vec![value]))
    }

    /// Numbers are floats in all networks, so that whole numbers are rounded where they become such.
    fn cast(&mut self, x: Value, to: i64) -> Result<Value> {
        let kind = match to {
            1 | 10 | 11 | 16 => Kind::Float,
            9 => Kind::Bool,
            _ => Kind::Int,
        };
        if kind == x.kind || kind == Kind::Float || (kind, x.kind) == (Kind::Int, Kind::Bool) {
            return Ok(Value { kind, ..x });
        }
        if kind == Kind::Bool {
            // Where is this number 0? Where it is not that.
            let zero = Tensor::floats(&[], vec![0.0]);
            let is_zero = self.compared("Equal", &x, &zero)?;
            return self.negated(&is_zero);
        }
        fail!(
            "it rounds the floats that the network computes to whole numbers, which no layer does"
        )
    }

    /// Repeats axes of size 1 until the value has this shape.
    pub fn expand(&mut self, x: &Value, shape: &[usize]) -> Result<Value> {
        let mut value = x.clone();
        while value.axes.len() < shape.len() {
            value.axes.insert(0, Vec::new());
        }
        let own = value.shape();
        if own == shape {
            return Ok(value);
        }
        checked_len(shape, self.options.max_numbers)?;
        let mut order = value.order.clone();
        let mut front = Vec::new();
        for (axis, &size) in shape.iter().enumerate() {
            if own[axis] == size {
                continue;
            }
            if own[axis] != 1 {
                fail!("{} does not broadcast to {}", Sizes(&own), Sizes(shape));
            }
            let atoms = self.atoms(size);
            front.extend(atoms.clone());
            value.axes[axis] = atoms;
        }
        front.append(&mut order);
        self.expand_to(x, value, front)
    }

    /// Expands a value to another one that has more atoms, in this order.
    pub fn expand_to(&mut self, x: &Value, to: Value, order: Vec<Atom>) -> Result<Value> {
        // Runs of atoms that the value has, and of those that it has not.
        let mut runs: Vec<(bool, usize)> = Vec::new();
        for atom in &order {
            let has = x.order.contains(atom);
            match runs.last_mut() {
                Some((own, size)) if *own == has => *size *= atom.size,
                _ => runs.push((has, atom.size)),
            }
        }
        let own: Vec<Atom> = order
            .iter()
            .copied()
            .filter(|a| x.order.contains(a))
            .collect();
        let mut source = self.present(x, &[own])?;
        // Expanding is done in steps if there are more runs than axes.
        while runs.len() > 4 {
            let behind: Vec<(bool, usize)> = runs.split_off(runs.len() - 2);
            if behind.iter().all(|(has, _)| *has) {
                runs.extend(behind);
                break;
            }
            let rest: usize = runs
                .iter()
                .filter(|(has, _)| *has)
                .map(|(_, n)| n)
                .product();
            let [before, after] = [0, 1].map(|i: usize| match behind[i] {
                (true, size) => [size, size],
                (false, size) => [1, size],
            });
            source = self.expanded(source, &[[rest, rest], before, after]);
            let size = behind[0].1 * behind[1].1;
            match runs.last_mut() {
                Some((true, own)) => *own *= size,
                _ => runs.push((true, size)),
            }
        }
        let sizes: Vec<[usize; 2]> = runs
            .iter()
            .map(|&(has, size)| if has { [size, size] } else { [1, size] })
            .collect();
        let source = self.expanded(source, &sizes);
        Ok(Value {
            source,
            order,
            exclusive: true,
            ..to
        })
    }

    /// Adds an `Expand` from and to these sizes.
    fn expanded(&mut self, source: usize, sizes: &[[usize; 2]]) -> usize {
        let from: Vec<usize> = sizes.iter().map(|[from, _]| *from).collect();
        let to: Vec<usize> = sizes.iter().map(|[_, to]| *to).collect();
        if from == to {
            return source;
        }
        let source = self.reshape_to(source, &from);
        let mut layer = Layer::new("Expand", &[source], &to);
        for size in &to {
            layer = layer.argument(size);
        }
        self.add(layer)
    }

    fn tile(&mut self, x: Value, repeats: &[usize]) -> Result<Value> {
        let shape = x.shape();
        if repeats.len() != shape.len() || repeats.contains(&0) {
            fail!("it repeats {} by {repeats:?}", Sizes(&shape));
        }
        let mut split = x;
        let mut wanted = Vec::new();
        let mut sizes = Vec::new();
        for axis in (0..shape.len()).rev() {
            split.axes.insert(axis, Vec::new());
        }
        for (&size, &count) in shape.iter().zip(repeats) {
            wanted.extend([count, size]);
            sizes.push(checked_len(&[count, size], self.options.max_numbers)?);
        }
        let expanded = self.expand(&split, &wanted)?;
        self.reshape(&expanded, &sizes)
    }

    /// Takes a range of an axis.
    pub fn slice(&mut self, x: &Value, axis: usize, range: Range) -> Result<Value> {
        let shape = x.shape();
        if range.count == 0 {
            fail!("it leaves nothing of the axis {axis} of {}", Sizes(&shape));
        }
        if range.count == shape[axis] && range.step == 1 {
            return Ok(x.clone());
        }
        if range.step != 1 && range.count > 1 {
            let indices: Vec<usize> = (0..range.count as i64)
                .map(|i| (range.first as i64 + i * range.step) as usize)
                .collect();
            return self.select(x, axis, &indices);
        }

        let (source, [before, size, behind]) = self.with_axis(x, axis)?;
        let count = range.count;
        let layer = if before == 1 {
            let source = self.reshape_to(source, &[size, behind]);
            Layer::new("Slice", &[source], &[count, behind])
                .argument(range.first)
                .argument(count)
        } else {
            let source = self.reshape_to(source, &[before, size * behind]);
            Layer::new("SliceFeatures", &[source], &[before, count * behind])
                .argument(range.first * behind)
                .argument(count * behind)
        };
        let source = self.add(layer);
        Ok(self.with_size(x, axis, source, count))
    }

    /// Returns a value with the atoms of an axis together in their order, and the sizes before, of and
    /// behind that axis.
    pub fn with_axis(&mut self, x: &Value, axis: usize) -> Result<(usize, [usize; 3])> {
        let [before, behind] = around(x, axis);
        let order = [before.clone(), x.axes[axis].clone(), behind.clone()];
        let sizes = [size_of(&before), size_of(&x.axes[axis]), size_of(&behind)];
        Ok((self.present(x, &[order.concat()])?, sizes))
    }

    /// Returns the value of a layer that gave an axis of `with_axis` another size.
    pub fn with_size(&mut self, x: &Value, axis: usize, source: usize, size: usize) -> Value {
        let [before, behind] = around(x, axis);
        let atoms = self.atoms(size);
        let mut axes = x.axes.clone();
        axes[axis] = atoms.clone();
        Value {
            source,
            axes,
            order: [before, atoms, behind].concat(),
            kind: x.kind,
            exclusive: true,
        }
    }

    /// Takes any indices of an axis, by a product with a matrix of zeros and ones.
    fn select(&mut self, x: &Value, axis: usize, indices: &[usize]) -> Result<Value> {
        let size = x.shape()[axis];
        let mut matrix = vec![0.0; indices.len() * size];
        for (row, &index) in indices.iter().enumerate() {
            matrix[row * size + index] = 1.0;
        }
        let matrix = Tensor::floats(&[indices.len(), size], matrix);
        let value = self.linear(x, axis, &matrix, None)?;
        Ok(Value {
            kind: x.kind,
            ..value
        })
    }

    /// An embedding, or some positions of an axis.
    fn gather(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let shape = inputs.shape(0)?;
        let axis = axis_of(node.int("axis", 0)?, shape.len())?;
        if let Ok(Some(table)) = inputs.constant(0) {
            let indices = inputs.computed(1)?.clone();
            return self.embedding(table, axis, &indices);
        }

        let x = inputs.computed(0)?.clone();
        let Ok(Some(indices)) = inputs.constant(1) else {
            fail!("both its data and its indices are computed, for which there is no layer");
        };
        let size = shape[axis] as i64;
        let mut places = Vec::new();
        for &index in indices.as_ints().iter() {
            let place = if index < 0 {
                index.saturating_add(size)
            } else {
                index
            };
            if !(0..size).contains(&place) {
                fail!("it takes the index {index} of an axis of {size}");
            }
            places.push(place as usize);
        }
        let is_range = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let taken = if is_range && !places.is_empty() {
            let range = Range {
                first: places[0],
                step: 1,
                count: places.len(),
            };
            self.slice(&x, axis, range)?
        } else {
            self.select(&x, axis, &places)?
        };
        let mut sizes = shape[..axis].to_vec();
        sizes.extend(&indices.shape);
        sizes.extend(&shape[axis + 1..]);
        self.reshape(&taken, &sizes)
    }

    fn embedding(&mut self, table: &Tensor, axis: usize, indices: &Value) -> Result<Value> {
        let mut order = vec![axis];
        order.extend((0..table.shape.len()).filter(|&other| other != axis));
        if axis != 0 && indices.axes.iter().any(|axis| !axis.is_empty()) {
            fail!("it looks up an axis that is not the first");
        }
        let table = table.transposed(&order);
        let width: usize = table.shape[1..].iter().product();
        let rows = table.shape[0];
        let source = self.present(indices, std::slice::from_ref(&indices.order))?;
        let count = indices.len();
        let source = self.reshape_to(source, &[count]);
        let layer = Layer::new("Embedding", &[source], &[count, width])
            .argument(rows)
            .argument(width)
            .tensor("weight", table.reshaped(&[rows, width]));
        let source = self.add(layer);

        let mut value = indices.clone();
        value.source = source;
        value.kind = Kind::Float;
        value.exclusive = true;
        for &size in &table.shape[1..] {
            let atoms = self.atoms(size);
            value.order.extend(atoms.clone());
            value.axes.push(atoms);
        }
        Ok(value)
    }

    fn pad(&mut self, node: &Node, inputs: &Inputs<'_>, x: Value) -> Result<Value> {
        let rank = x.axes.len();
        let pads = match shape::list(node, "pads", inputs.constant(1)?)? {
            Some(pads) => pads,
            None => node.ints("paddings")?.unwrap_or_default(),
        };
        let axes = match inputs.constant(3)? {
            None => (0..rank).collect(),
            Some(axes) => {
                let axes = axes.as_ints();
                let axes = axes.iter().map(|&axis| axis_of(axis, rank));
                axes.collect::<Result<Vec<_>>>()?
            }
        };
        if pads.len() != 2 * axes.len() {
            fail!("it pads {} axes with {} numbers", axes.len(), pads.len());
        }
        let fill = match inputs.constant(2)? {
            Some(fill) => fill.single().unwrap_or(0.0),
            None => node.float("value", 0.0)?,
        };
        let mode = node.text("mode", "constant")?;

        let mut value = x;
        let shift = mode == "constant" && fill != 0.0;
        if shift {
            value = self.shifted(&value, -fill)?;
        }
        for (i, &axis) in axes.iter().enumerate() {
            let ends = [pads[i], pads[axes.len() + i]];
            value = self.pad_axis(&value, axis, ends, mode)?;
        }
        if shift {
            value = self.shifted(&value, fill)?;
        }
        Ok(value)
    }

    /// Pads both ends of an axis, or cuts them.
    pub fn pad_axis(
        &mut self,
        x: &Value,
        axis: usize,
        ends: [i64; 2],
        mode: &str,
    ) -> Result<Value> {
        let size = x.shape()[axis];
        let cut = ends.map(|end| usize::try_from(end.saturating_neg()).unwrap_or(0));
        let added = ends.map(|end| usize::try_from(end).unwrap_or(0));
        let mut value = x.clone();
        if cut != [0; 2] {
            let Some(count) = size.checked_sub(cut[0].saturating_add(cut[1])) else {
                fail!("it cuts off more than an axis of {size} has");
            };
            value = self.slice(
                &value,
                axis,
                Range {
                    first: cut[0],
                    step: 1,
                    count,
                },
            )?;
        }
        if added == [0; 2] {
            return Ok(value);
        }

        let kind = match mode {
            "constant" => "ZeroPad2d",
            "reflect" => "ReflectionPad2d",
            "edge" => "ReplicationPad2d",
            _ => fail!("its mode `{mode}` is not supported"),
        };
        let kept = value.shape()[axis];
        let longest = self.options.max_numbers / value.len().max(1);
        if added[0].max(added[1]) > longest.saturating_mul(kept) {
            fail!("it pads an axis of {size} by {ends:?}, which is more than this reader allows");
        }
        if mode == "reflect" && added[0].max(added[1]) >= kept {
            fail!("it reflects {ends:?} elements of an axis of {size}, which has too few");
        }
        let (source, [before, size, behind]) = self.with_axis(&value, axis)?;
        let source = self.reshape_to(source, &[before, size, behind]);
        let size = size + added[0] + added[1];
        let layer = Layer::new(kind, &[source], &[before, size, behind])
            .argument(format!("({}, {}, 0, 0)", added[0], added[1]));
        let source = self.add(layer);
        Ok(self.with_size(&value, axis, source, size))
    }

    /// Blocks of pixels that become channels, or the other way round.
    fn blocks(&mut self, node: &Node, x: Value) -> Result<Value> {
        let shape = x.shape();
        let [n, c, h, w] = shape[..] else {
            fail!("it takes images, and not {}", Sizes(&shape));
        };
        let block = node.int("blocksize", 0)?;
        let b = match usize::try_from(block) {
            Ok(b) if (1..=1 << 16).contains(&b) => b,
            _ => fail!("its blocks have the size {block}"),
        };
        let is_dcr = node.text("mode", "DCR")? == "DCR";
        let to_space = node.operator == "DepthToSpace";
        let divides = match to_space {
            true => c.is_multiple_of(b * b),
            false => h.is_multiple_of(b) && w.is_multiple_of(b),
        };
        if !divides {
            fail!("blocks of {b} do not divide {}", Sizes(&shape));
        }
        let (split, axes, joined): (Vec<usize>, [usize; 6], Vec<usize>) = match (to_space, is_dcr) {
            (true, true) => (
                vec![n, b, b, c / (b * b), h, w],
                [0, 3, 4, 1, 5, 2],
                vec![n, c / (b * b), h * b, w * b],
            ),
            (true, false) => (
                vec![n, c / (b * b), b, b, h, w],
                [0, 1, 4, 2, 5, 3],
                vec![n, c / (b * b), h * b, w * b],
            ),
            // [n, b, b, c, h, w]
            (false, true) => (
                vec![n, c, h / b, b, w / b, b],
                [0, 3, 5, 1, 2, 4],
                vec![n, c * b * b, h / b, w / b],
            ),
            // [n, c, b, b, h, w]
            (false, false) => (
                vec![n, c, h / b, b, w / b, b],
                [0, 1, 3, 5, 2, 4],
                vec![n, c * b * b, h / b, w / b],
            ),
        };
        let split = self.reshape(&x, &split)?;
        let turned = Value {
            axes: axes.iter().map(|&axis| split.axes[axis].clone()).collect(),
            ..split
        };
        self.reshape(&turned, &joined)
    }
}

/// Returns the atoms before and behind an axis in memory.
fn around(x: &Value, axis: usize) -> [Vec<Atom>; 2] {
    let others = x.others(&[axis]);
    let own = &x.axes[axis];
    let at = match own.first() {
        // Those before the first atom of the axis.
        Some(first) => {
            let place = x.order.iter().position(|atom| atom == first).unwrap_or(0);
            let before = x.order[..place].iter().filter(|atom| !own.contains(atom));
            before.count()
        }
        // An axis of size 1 lies where it is in the file.
        None => {
            let flat: Vec<Atom> = x.axes[..axis].concat();
            if others[..flat.len()] == flat[..] {
                flat.len()
            } else {
                0
            }
        }
    };
    [others[..at].to_vec(), others[at..].to_vec()]
}
