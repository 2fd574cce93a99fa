//! Operators whose inputs are all known: shape arithmetic, masks, and what exporters leave of
//! constants.

use std::rc::Rc;

use crate::attributes::{axes_of, axis_of};
use crate::error::{Result, fail};
use crate::read::Node;
use crate::shape;
use crate::tensor::{
    Kind, Numbers, Sizes, Tensor, broadcast_shape, checked_len, positions, strides,
};

/// Computes an operator on constants; `None` if it is not one that this crate computes.
pub(crate) fn fold(
    node: &Node,
    inputs: &[Option<&Tensor>],
    most: usize,
) -> Result<Option<Vec<Tensor>>> {
    let Some(Some(x)) = inputs.first() else {
        return source(node, inputs);
    };
    let at = |index: usize| inputs.get(index).copied().flatten();
    let need = |index: usize| match at(index) {
        Some(tensor) => Ok(tensor),
        None => fail!("its input {index} is missing"),
    };
    let one = |tensor: Tensor| Ok(Some(vec![tensor]));

    match node.operator.as_str() {
        "Identity" | "Dropout" => one((*x).clone()),
        "Cast" => one(cast(x, node.int("to", 1)?)),
        "CastLike" => {
            let kind = need(1)?.kind;
            one(cast(
                x,
                match kind {
                    Kind::Float => 1,
                    Kind::Int => 7,
                    Kind::Bool => 9,
                },
            ))
        }
        "Shape" => {
            let rank = x.shape.len();
            one(shape_part(node, &x.shape, rank)?)
        }
        "Size" => one(Tensor::ints(&[], vec![x.len() as i64])),
        "ConstantOfShape" => one(constant_of_shape(node, x, most)?),
        "Range" => one(range(x, need(1)?, need(2)?, most)?),
        "Reshape" => {
            let wanted = shape::list(node, "shape", at(1))?.unwrap_or_default();
            let sizes = shape::reshaped(&x.shape, &wanted, node.flag("allowzero", false)?)?;
            one(x.reshaped(&sizes))
        }
        "Flatten" => {
            let rank = x.shape.len();
            let axis = node.int("axis", 1)?;
            let axis = if axis == rank as i64 {
                rank
            } else {
                axis_of(axis, rank)?
            };
            let rows = x.shape[..axis].iter().product();
            let columns = x.shape[axis..].iter().product();
            one(x.reshaped(&[rows, columns]))
        }
        "Squeeze" => {
            let axes = shape::list(node, "axes", at(1))?;
            let axes = shape::squeezed(&x.shape, axes.as_deref())?;
            let kept = (0..x.shape.len()).filter(|axis| !axes.contains(axis));
            let sizes: Vec<usize> = kept.map(|axis| x.shape[axis]).collect();
            one(x.reshaped(&sizes))
        }
        "Unsqueeze" => {
            let axes = shape::list(node, "axes", at(1))?.unwrap_or_default();
            let rank = x.shape.len() + axes.len();
            let axes = axes_of(&axes, rank)?;
            let mut own = x.shape.iter();
            let sizes: Vec<usize> = (0..rank)
                .map(|axis| match axes.contains(&axis) {
                    true => 1,
                    false => own.next().copied().unwrap_or(1),
                })
                .collect();
            one(x.reshaped(&sizes))
        }
        "Transpose" => one(x.transposed(&shape::permutation(node, x.shape.len())?)),
        "Expand" => {
            let wanted = sizes_of(need(1)?)?;
            let sizes = broadcast_shape(&x.shape, &wanted)?;
            one(x.broadcast(&sizes, most)?)
        }
        "Tile" => one(tile(x, &sizes_of(need(1)?)?, most)?),
        "Concat" => one(concat(node, inputs, most)?),
        "Slice" => {
            let starts = shape::list(node, "starts", at(1))?.unwrap_or_default();
            let ends = shape::list(node, "ends", at(2))?.unwrap_or_default();
            let axes = shape::list(node, "axes", at(3))?;
            let steps = shape::list(node, "steps", at(4))?;
            let ranges =
                shape::slices(&x.shape, &starts, &ends, axes.as_deref(), steps.as_deref())?;
            one(slice(x, &ranges))
        }
        "Split" => {
            let axis = axis_of(node.int("axis", 0)?, x.shape.len())?;
            let wanted = shape::list(node, "split", at(1))?;
            let parts = shape::parts(x.shape[axis], wanted.as_deref(), node.outputs.len())?;
            let mut first = 0;
            let mut outputs = Vec::new();
            for count in parts {
                let range = shape::Range {
                    first,
                    step: 1,
                    count,
                };
                outputs.push(slice(x, &[(axis, range)]));
                first += count;
            }
            Ok(Some(outputs))
        }
        "GatherElements" => one(gather_elements(node, x, need(1)?)?),
        "Gather" => one(gather(node, x, need(1)?, most)?),
        "Where" => {
            let (a, b) = (need(1)?, need(2)?);
            let sizes = broadcast_shape(&x.shape, &broadcast_shape(&a.shape, &b.shape)?)?;
            let condition = x.broadcast(&sizes, most)?.as_ints();
            let (a, b) = (a.broadcast(&sizes, most)?, b.broadcast(&sizes, most)?);
            one(zip(
                &a,
                &b,
                &sizes,
                |i, a, b| if condition[i] != 0 { a } else { b },
                |i, a, b| {
                    if condition[i] != 0 { a } else { b }
                },
            ))
        }
        "Not" => one(logic(x.map_ints(|n| i64::from(n == 0)))),
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceMean" => {
            one(reduce(node, x, at(1))?)
        }
        "CumSum" => one(cum_sum(node, x, need(1)?)?),
        "Trilu" => {
            let k = at(1).and_then(Tensor::single).unwrap_or(0.0) as i64;
            one(trilu(x, k, node.flag("upper", true)?)?)
        }
        "MatMul" if x.shape.len() == 2 && need(1)?.shape.len() == 2 => {
            one(mat_mul(x, need(1)?, most)?)
        }
        "DequantizeLinear" => dequantize(node, x, need(1)?, at(2)),
        _ => arithmetic(node, inputs, most),
    }
}

/// Operators without inputs.
fn source(node: &Node, inputs: &[Option<&Tensor>]) -> Result<Option<Vec<Tensor>>> {
    if !inputs.is_empty() || node.operator != "Constant" {
        return Ok(None);
    }
    let tensor = if let Some(tensor) = node.tensor("value") {
        tensor.clone()
    } else if node.attributes.contains_key("value_float") {
        Tensor::floats(&[], vec![node.float("value_float", 0.0)?])
    } else if node.attributes.contains_key("value_int") {
        Tensor::ints(&[], vec![node.int("value_int", 0)?])
    } else if let Some(floats) = node.floats("value_floats")? {
        Tensor::floats(&[floats.len()], floats)
    } else if let Some(ints) = node.ints("value_ints")? {
        Tensor::list(ints)
    } else {
        fail!("it is a constant that is neither a tensor nor numbers");
    };
    Ok(Some(vec![tensor]))
}

/// The part of a shape that the operator `Shape` gives.
pub(crate) fn shape_part(node: &Node, shape: &[usize], rank: usize) -> Result<Tensor> {
    let clamp = |at: i64| {
        let at = if at < 0 {
            at.saturating_add(rank as i64)
        } else {
            at
        };
        at.clamp(0, rank as i64) as usize
    };
    let start = clamp(node.int("start", 0)?);
    let end = clamp(node.int("end", rank as i64)?).max(start);
    Ok(Tensor::list(
        shape[start..end].iter().map(|&size| size as i64).collect(),
    ))
}

/// Converts to the type with this number.
pub(crate) fn cast(x: &Tensor, to: i64) -> Tensor {
    let (kind, numbers) = match to {
        1 | 10 | 11 | 16 => (Kind::Float, Numbers::Float(x.as_floats())),
        9 => {
            let flags: Vec<i64> = match &x.numbers {
                Numbers::Float(n) => n.iter().map(|&n| i64::from(n != 0.0)).collect(),
                Numbers::Int(n) => n.iter().map(|&n| i64::from(n != 0)).collect(),
            };
            (Kind::Bool, Numbers::Int(Rc::new(flags)))
        }
        _ => (Kind::Int, Numbers::Int(x.as_ints())),
    };
    Tensor {
        shape: x.shape.clone(),
        kind,
        numbers,
    }
}

/// The numbers of a tensor as sizes.
pub(crate) fn sizes_of(tensor: &Tensor) -> Result<Vec<usize>> {
    let sizes = tensor.as_ints();
    let sizes = sizes.iter().map(|&size| usize::try_from(size)).collect();
    match sizes {
        Ok(sizes) => Ok(sizes),
        Err(_) => fail!("one of its sizes is negative"),
    }
}

fn constant_of_shape(node: &Node, x: &Tensor, most: usize) -> Result<Tensor> {
    let sizes = sizes_of(x)?;
    let len = checked_len(&sizes, most)?;
    Ok(match node.tensor("value") {
        Some(value) if value.len() != 1 => fail!("its value is not one number"),
        Some(value) => value.gathered(&sizes, &vec![0; len]),
        None => Tensor::floats(&sizes, vec![0.0; len]),
    })
}

fn range(start: &Tensor, limit: &Tensor, delta: &Tensor, most: usize) -> Result<Tensor> {
    let (Some(first), Some(end), Some(step)) = (start.single(), limit.single(), delta.single())
    else {
        fail!("its start, limit and delta are not one number each");
    };
    let count = ((f64::from(end) - f64::from(first)) / f64::from(step))
        .ceil()
        .max(0.0);
    if step == 0.0 || !count.is_finite() || count > most as f64 {
        fail!("its range from {first} to {end} by {step} is too long");
    }
    let count = count as usize;
    Ok(match start.kind {
        Kind::Float => Tensor::floats(
            &[count],
            (0..count).map(|i| first + i as f32 * step).collect(),
        ),
        _ => {
            let (first, step) = (start.as_ints()[0], delta.as_ints()[0]);
            Tensor::list((0..count as i64).map(|i| first + i * step).collect())
        }
    })
}

fn tile(x: &Tensor, repeats: &[usize], most: usize) -> Result<Tensor> {
    if repeats.len() != x.shape.len() {
        fail!("it repeats {} axes of {}", repeats.len(), Sizes(&x.shape));
    }
    // [a, b] as [1, a, 1, b] becomes [m, a, n, b].
    let mut split = Vec::new();
    let mut wanted = Vec::new();
    let mut sizes = Vec::new();
    for (&size, &count) in x.shape.iter().zip(repeats) {
        split.extend([1, size]);
        wanted.extend([count, size]);
        sizes.push(checked_len(&[size, count], most)?);
    }
    checked_len(&sizes, most)?;
    Ok(x.reshaped(&split)
        .broadcast(&wanted, most)?
        .reshaped(&sizes))
}

fn concat(node: &Node, inputs: &[Option<&Tensor>], most: usize) -> Result<Tensor> {
    let tensors: Vec<&Tensor> = inputs.iter().copied().flatten().collect();
    let first = tensors[0];
    let axis = axis_of(node.int("axis", 0)?, first.shape.len())?;
    let mut sizes = first.shape.clone();
    sizes[axis] = 0;
    for tensor in &tensors {
        let mut own = tensor.shape.clone();
        if own.len() != sizes.len() {
            fail!("it joins {} and {}", Sizes(&first.shape), Sizes(&own));
        }
        sizes[axis] += own[axis];
        own[axis] = sizes[axis];
        if own != sizes {
            fail!(
                "it joins {} and {}",
                Sizes(&first.shape),
                Sizes(&tensor.shape)
            );
        }
    }
    checked_len(&sizes, most)?;
    let rows: usize = sizes[..axis].iter().product();
    let is_float = tensors.iter().any(|t| t.kind == Kind::Float);
    /// Joins rows.
    fn join<T: Copy>(parts: &[(Rc<Vec<T>>, usize)], rows: usize) -> Vec<T> {
        let mut joined = Vec::new();
        for row in 0..rows {
            for (numbers, width) in parts {
                joined.extend_from_slice(&numbers[row * width..][..*width]);
            }
        }
        joined
    }
    let width = |t: &Tensor| t.shape[axis..].iter().product::<usize>();
    Ok(if is_float {
        let parts: Vec<_> = tensors.iter().map(|t| (t.as_floats(), width(t))).collect();
        Tensor::floats(&sizes, join(&parts, rows))
    } else {
        let parts: Vec<_> = tensors.iter().map(|t| (t.as_ints(), width(t))).collect();
        Tensor {
            kind: first.kind,
            ..Tensor::ints(&sizes, join(&parts, rows))
        }
    })
}

/// Takes ranges of some axes.
fn slice(x: &Tensor, ranges: &[(usize, shape::Range)]) -> Tensor {
    let mut sizes = x.shape.clone();
    let mut result = x.clone();
    for (axis, range) in ranges {
        let before: usize = sizes[..*axis].iter().product();
        let behind: usize = sizes[axis + 1..].iter().product();
        let size = sizes[*axis];
        sizes[*axis] = range.count;
        let mut positions = Vec::with_capacity(before * range.count * behind);
        for row in 0..before {
            for i in 0..range.count {
                let at = (range.first as i64 + i as i64 * range.step) as usize;
                let first = (row * size + at) * behind;
                positions.extend(first..first + behind);
            }
        }
        result = result.gathered(&sizes, &positions);
    }
    result
}

fn gather(node: &Node, x: &Tensor, indices: &Tensor, most: usize) -> Result<Tensor> {
    let axis = axis_of(node.int("axis", 0)?, x.shape.len())?;
    let size = x.shape[axis];
    let before: usize = x.shape[..axis].iter().product();
    let behind: usize = x.shape[axis + 1..].iter().product();
    let mut sizes = x.shape[..axis].to_vec();
    sizes.extend(&indices.shape);
    sizes.extend(&x.shape[axis + 1..]);
    let mut positions = Vec::with_capacity(checked_len(&sizes, most)?);
    let indices = indices.as_ints();
    for row in 0..before {
        for &index in indices.iter() {
            let index = if index < 0 {
                index.saturating_add(size as i64)
            } else {
                index
            };
            let index = match usize::try_from(index) {
                Ok(index) if index < size => index,
                _ => fail!("it takes the index {index} of an axis of {size}"),
            };
            let first = (row * size + index) * behind;
            positions.extend(first..first + behind);
        }
    }
    Ok(x.gathered(&sizes, &positions))
}

/// Takes one element for each index, along an axis.
fn gather_elements(node: &Node, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
    let rank = x.shape.len();
    let axis = axis_of(node.int("axis", 0)?, rank)?;
    let inside =
        (0..rank).all(|other| other == axis || indices.shape.get(other) <= x.shape.get(other));
    if indices.shape.len() != rank || !inside {
        fail!(
            "its indices {} do not fit {}",
            Sizes(&indices.shape),
            Sizes(&x.shape)
        );
    }
    let own = strides(&x.shape);
    let mut along = own.clone();
    along[axis] = 0;
    let size = x.shape[axis] as i64;
    let mut places = positions(&indices.shape, &along, 0);
    for (place, &index) in places.iter_mut().zip(indices.as_ints().iter()) {
        let index = if index < 0 {
            index.saturating_add(size)
        } else {
            index
        };
        if !(0..size).contains(&index) {
            fail!("it takes the index {index} of an axis of {size}");
        }
        *place += index as usize * own[axis];
    }
    Ok(x.gathered(&indices.shape, &places))
}

fn reduce(node: &Node, x: &Tensor, axes: Option<&Tensor>) -> Result<Tensor> {
    let rank = x.shape.len();
    let axes = match shape::list(node, "axes", axes)? {
        Some(axes) if !axes.is_empty() => axes_of(&axes, rank)?,
        _ if node.flag("noop_with_empty_axes", false)? => return Ok(x.clone()),
        _ => (0..rank).collect(),
    };
    let kept: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    let mut order = kept.clone();
    order.extend(&axes);
    let count: usize = axes.iter().map(|&axis| x.shape[axis]).product();
    if count == 0 {
        fail!("it reduces an axis of size 0");
    }
    let sizes: Vec<usize> = match node.flag("keepdims", true)? {
        true => (0..rank)
            .map(|axis| {
                if axes.contains(&axis) {
                    1
                } else {
                    x.shape[axis]
                }
            })
            .collect(),
        false => kept.iter().map(|&axis| x.shape[axis]).collect(),
    };
    let turned = x.transposed(&order);
    let operator = node.operator.as_str();
    Ok(match &turned.numbers {
        Numbers::Float(numbers) => {
            let rows = numbers.chunks_exact(count).map(|row| match operator {
                "ReduceProd" => row.iter().product(),
                "ReduceSum" => row.iter().sum(),
                "ReduceMean" => row.iter().sum::<f32>() / count as f32,
                "ReduceMax" => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                _ => row.iter().copied().fold(f32::INFINITY, f32::min),
            });
            Tensor::floats(&sizes, rows.collect())
        }
        Numbers::Int(numbers) => {
            let rows = numbers.chunks_exact(count).map(|row| match operator {
                "ReduceProd" => row.iter().fold(1, |a: i64, &b| a.wrapping_mul(b)),
                "ReduceSum" => row.iter().fold(0, |a: i64, &b| a.wrapping_add(b)),
                "ReduceMean" => row.iter().fold(0, |a: i64, &b| a.wrapping_add(b)) / count as i64,
                "ReduceMax" => row.iter().copied().max().unwrap_or(0),
                _ => row.iter().copied().min().unwrap_or(0),
            });
            Tensor::ints(&sizes, rows.collect())
        }
    })
}

fn cum_sum(node: &Node, x: &Tensor, axis: &Tensor) -> Result<Tensor> {
    let axis = axis_of(axis.single().unwrap_or(0.0) as i64, x.shape.len())?;
    if node.flag("exclusive", false)? || node.flag("reverse", false)? {
        fail!("it sums in reverse or without the own number");
    }
    let stride = strides(&x.shape)[axis];
    let size = x.shape[axis];
    let mut numbers = x.as_floats().to_vec();
    for i in 0..numbers.len() {
        if !(i / stride).is_multiple_of(size) {
            numbers[i] += numbers[i - stride];
        }
    }
    let sums = Tensor::floats(&x.shape, numbers);
    Ok(match x.kind {
        Kind::Float => sums,
        _ => cast(&sums, 7),
    })
}

fn trilu(x: &Tensor, k: i64, upper: bool) -> Result<Tensor> {
    let [.., rows, columns] = x.shape[..] else {
        fail!("it takes matrices, and not {}", Sizes(&x.shape));
    };
    let keeps = |i: usize| {
        let row = (i / columns % rows) as i64;
        let column = (i % columns) as i64;
        let off = column - row;
        if upper { off >= k } else { off <= k }
    };
    let zero = x.clone();
    Ok(zip(
        x,
        &zero,
        &x.shape,
        |i, a, _| if keeps(i) { a } else { 0.0 },
        |i, a, _| {
            if keeps(i) { a } else { 0 }
        },
    ))
}

fn mat_mul(a: &Tensor, b: &Tensor, most: usize) -> Result<Tensor> {
    let ([m, k], [l, n]) = ([a.shape[0], a.shape[1]], [b.shape[0], b.shape[1]]);
    if k != l {
        fail!("it multiplies {} by {}", Sizes(&a.shape), Sizes(&b.shape));
    }
    checked_len(&[m, n], most)?;
    checked_len(&[m, n, k], most.saturating_mul(16))?;
    let (x, y) = (a.as_floats(), b.as_floats());
    let mut numbers = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..k {
            for column in 0..n {
                numbers[i * n + column] += x[i * k + j] * y[j * n + column];
            }
        }
    }
    Ok(Tensor::floats(&[m, n], numbers))
}

/// Weights that are stored with 8 bits.
fn dequantize(
    node: &Node,
    x: &Tensor,
    scale: &Tensor,
    zero: Option<&Tensor>,
) -> Result<Option<Vec<Tensor>>> {
    if node.int("block_size", 0)? != 0 {
        return Ok(None);
    }
    let rank = x.shape.len();
    let mut sizes = vec![1; rank];
    if scale.len() > 1 {
        let axis = axis_of(node.int("axis", 1)?, rank)?;
        sizes[axis] = scale.len();
    }
    let scale = scale
        .reshaped(&sizes)
        .broadcast(&x.shape, x.len())?
        .as_floats();
    let zero = match zero {
        Some(zero) if zero.len() == sizes.iter().product() => Some(
            zero.reshaped(&sizes)
                .broadcast(&x.shape, x.len())?
                .as_floats(),
        ),
        Some(_) => fail!("its scales and zero points are not of one length"),
        None => None,
    };
    let x_numbers = x.as_floats();
    let numbers = (0..x.len()).map(|i| {
        let zero = zero.as_ref().map_or(0.0, |zero| zero[i]);
        (x_numbers[i] - zero) * scale[i]
    });
    Ok(Some(vec![Tensor::floats(&x.shape, numbers.collect())]))
}

impl Tensor {
    fn map_ints(&self, f: impl Fn(i64) -> i64) -> Tensor {
        Tensor {
            kind: self.kind,
            ..Tensor::ints(&self.shape, self.as_ints().iter().map(|&n| f(n)).collect())
        }
    }
}

/// Combines two tensors of this shape, as floats if one of them is.
fn zip(
    a: &Tensor,
    b: &Tensor,
    sizes: &[usize],
    floats: impl Fn(usize, f32, f32) -> f32,
    ints: impl Fn(usize, i64, i64) -> i64,
) -> Tensor {
    if a.kind == Kind::Float || b.kind == Kind::Float {
        let (a, b) = (a.as_floats(), b.as_floats());
        let pairs = a.iter().zip(b.iter()).enumerate();
        return Tensor::floats(sizes, pairs.map(|(i, (&a, &b))| floats(i, a, b)).collect());
    }
    let kind = a.kind;
    let (a, b) = (a.as_ints(), b.as_ints());
    let pairs = a.iter().zip(b.iter()).enumerate();
    Tensor {
        kind,
        ..Tensor::ints(sizes, pairs.map(|(i, (&a, &b))| ints(i, a, b)).collect())
    }
}

/// Makes truth values of numbers.
fn logic(x: Tensor) -> Tensor {
    Tensor {
        kind: Kind::Bool,
        ..x
    }
}

/// Arithmetic and comparisons, element by element.
fn arithmetic(node: &Node, inputs: &[Option<&Tensor>], most: usize) -> Result<Option<Vec<Tensor>>> {
    let Some(Some(a)) = inputs.first() else {
        return Ok(None);
    };
    if inputs.len() == 1 {
        return Ok(unary(&node.operator, a).map(|tensor| vec![tensor]));
    }
    if !BINARY.contains(&node.operator.as_str()) {
        return Ok(None);
    }
    let mut result = (*a).clone();
    for b in &inputs[1..] {
        let Some(b) = b else { return Ok(None) };
        let sizes = broadcast_shape(&result.shape, &b.shape)?;
        let (x, y) = (result.broadcast(&sizes, most)?, b.broadcast(&sizes, most)?);
        match binary(&node.operator, &x, &y, &sizes) {
            Some(tensor) => result = tensor,
            None => return Ok(None),
        }
    }
    Ok(Some(vec![result]))
}

/// The operators of two numbers that are computed here.
const BINARY: [&str; 17] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Pow",
    "Max",
    "Min",
    "Sum",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "And",
    "Or",
    "Xor",
];

fn binary(operator: &str, a: &Tensor, b: &Tensor, sizes: &[usize]) -> Option<Tensor> {
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
    /// Makes truth values of a comparison.
    macro_rules! compare {
        ($sign:tt) => {
            logic(cast(&zip(a, b, sizes, |_, a, b| flag(a $sign b), |_, a, b| i64::from(a $sign b)), 7))
        };
    }
    Some(match operator {
        "Add" | "Sum" => zip(a, b, sizes, |_, a, b| a + b, |_, a, b| a.wrapping_add(b)),
        "Sub" => zip(a, b, sizes, |_, a, b| a - b, |_, a, b| a.wrapping_sub(b)),
        "Mul" => zip(a, b, sizes, |_, a, b| a * b, |_, a, b| a.wrapping_mul(b)),
        "Div" => zip(
            a,
            b,
            sizes,
            |_, a, b| a / b,
            |_, a, b| match b {
                0 => 0,
                b => a.wrapping_div(b),
            },
        ),
        "Mod" => zip(
            a,
            b,
            sizes,
            |_, a, b| a % b,
            |_, a, b| match b {
                0 => 0,
                b => a.wrapping_rem(b).wrapping_add(b).wrapping_rem(b),
            },
        ),
        "Pow" => zip(
            a,
            b,
            sizes,
            |_, a, b| a.powf(b),
            |_, a, b| (a as f64).powf(b as f64) as i64,
        ),
        "Max" => zip(a, b, sizes, |_, a, b| a.max(b), |_, a, b| a.max(b)),
        "Min" => zip(a, b, sizes, |_, a, b| a.min(b), |_, a, b| a.min(b)),
        "Equal" => compare!(==),
        "Less" => compare!(<),
        "LessOrEqual" => compare!(<=),
        "Greater" => compare!(>),
        "GreaterOrEqual" => compare!(>=),
        "And" => logic(zip(
            a,
            b,
            sizes,
            |_, a, b| a * b,
            |_, a, b| i64::from(a != 0 && b != 0),
        )),
        "Or" => logic(zip(
            a,
            b,
            sizes,
            |_, a, b| a.max(b),
            |_, a, b| i64::from(a != 0 || b != 0),
        )),
        "Xor" => logic(zip(
            a,
            b,
            sizes,
            |_, a, b| a - b,
            |_, a, b| i64::from((a != 0) != (b != 0)),
        )),
        _ => return None,
    })
}

fn unary(operator: &str, x: &Tensor) -> Option<Tensor> {
    if let Numbers::Int(_) = x.numbers {
        return match operator {
            "Neg" => Some(x.map_ints(i64::wrapping_neg)),
            "Abs" => Some(x.map_ints(i64::wrapping_abs)),
            _ => None,
        };
    }
    let f: fn(f32) -> f32 = match operator {
        "Neg" => |x| -x,
        "Abs" => f32::abs,
        "Sqrt" => f32::sqrt,
        "Exp" => f32::exp,
        "Log" => f32::ln,
        "Sin" => f32::sin,
        "Cos" => f32::cos,
        "Tanh" => f32::tanh,
        "Floor" => f32::floor,
        "Ceil" => f32::ceil,
        "Round" => f32::round_ties_even,
        "Reciprocal" => f32::recip,
        "Sign" => |x| if x == 0.0 { 0.0 } else { x.signum() },
        "Relu" => |x| x.max(0.0),
        "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "Softplus" => |x| x.exp().ln_1p(),
        _ => return None,
    };
    Some(Tensor::floats(
        &x.shape,
        x.as_floats().iter().map(|&x| f(x)).collect(),
    ))
}
