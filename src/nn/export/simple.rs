//! Dense layers, tables, views, and layers that read several outputs.

use super::{Attribute, Export, ExportError, Exported, Graph, Value};
use crate::params::Parameters;
use crate::tensor::Element;

/// Writes a layer that is one operator without attributes, for each tensor that it reads.
pub(in crate::nn) fn operator(call: Export<'_>, operator: &str) -> Exported {
    call.map(|graph, x| graph.node(operator, &[x], &[]))
}

/// Writes a layer over the last axis.
pub(in crate::nn) fn over_last_axis(call: Export<'_>, operator: &str) -> Exported {
    call.map(|graph, x| graph.node(operator, &[x], &[Attribute::Int("axis", -1)]))
}

/// Writes a layer that gives what it is given.
pub(in crate::nn) fn identity(call: Export<'_>) -> Exported {
    call.map(|_, x| x.to_owned())
}

/// Writes a dense layer: the weight is `[out, in]`.
pub(in crate::nn) fn linear<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let bias = call.optional_param(params, "bias");
    linear_of(&weight, bias.as_deref(), call)
}

/// Writes a dense layer with these tensors.
pub(super) fn linear_of(weight: &str, bias: Option<&str>, call: Export<'_>) -> Exported {
    let x = call.one()?;
    let rows = call.input().sizes().len() > 1;
    let graph = call.graph;
    if rows {
        return Ok(dense(graph, &x, weight, bias).into());
    }
    let mut inputs = vec![&x[..], weight];
    inputs.extend(bias);
    let transposed = [Attribute::Int("transB", 1)];
    Ok(graph.node("Gemm", &inputs, &transposed).into())
}

/// Multiplies rows by a weight `[out, in]`, and adds a bias.
pub(super) fn dense(graph: &mut Graph, x: &str, weight: &str, bias: Option<&str>) -> String {
    let weight = graph.transpose(weight, &[1, 0]);
    let y = graph.node("MatMul", &[x, &weight], &[]);
    match bias {
        Some(bias) => graph.node("Add", &[&y, bias], &[]),
        None => y,
    }
}

/// Writes a layer whose outputs are the scores of all rows of a table.
pub(in crate::nn) fn unembedding<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let x = call.one()?;
    Ok(dense(call.graph, &x, &weight, None).into())
}

/// Writes a layer that looks up the rows of a table.
pub(in crate::nn) fn embedding<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let x = call.one()?;
    let indices = call.graph.to_ints(&x);
    Ok(call.graph.node("Gather", &[&weight, &indices], &[]).into())
}

/// Writes a layer that gives the same numbers in another shape.
pub(in crate::nn) fn view(call: Export<'_>) -> Exported {
    let sizes = call.output.sizes().to_vec();
    match call.one() {
        Ok(x) => Ok(call.graph.reshape(&x, &sizes).into()),
        Err(_) => flat_tuple(call, &sizes),
    }
}

/// Puts the numbers of a tuple side by side.
fn flat_tuple(call: Export<'_>, sizes: &[usize]) -> Exported {
    let [source] = &call.sources[..] else {
        return Err(call.unsupported());
    };
    let parts = call.input().parts();
    let flat: Vec<String> = source
        .tensors()
        .iter()
        .zip(parts)
        .map(|(x, dims)| call.graph.reshape(x, &[dims.len()]))
        .collect();
    let flat: Vec<&str> = flat.iter().map(String::as_str).collect();
    let all = call.graph.concat(&flat, 1);
    Ok(call.graph.reshape(&all, sizes).into())
}

/// Writes a layer that orders the axes of a sample.
pub(in crate::nn) fn permute(call: Export<'_>, axes: &[usize]) -> Exported {
    let x = call.one()?;
    let all: Vec<usize> = core::iter::once(0)
        .chain(axes.iter().map(|axis| axis + 1))
        .collect();
    Ok(call.graph.transpose(&x, &all).into())
}

/// Writes a layer that takes positions of the first axis.
pub(in crate::nn) fn positions(call: Export<'_>, start: usize, end: usize) -> Exported {
    let sizes = call.output.sizes().to_vec();
    let x = call.one()?;
    let part = call.graph.slice(&x, 1, start, end);
    Ok(call.graph.reshape(&part, &sizes).into())
}

/// Cuts the last axis in two.
fn halves(call: &mut Export<'_>) -> Result<[String; 2], ExportError> {
    let x = call.one()?;
    let rank = call.input().sizes().len();
    let half = call.input().size(rank - 1) / 2;
    let first = call.graph.slice(&x, rank, 0, half);
    let second = call.graph.slice(&x, rank, half, 2 * half);
    Ok([first, second])
}

/// Writes a gated linear unit.
pub(in crate::nn) fn glu(mut call: Export<'_>) -> Exported {
    let [value, gate] = halves(&mut call)?;
    let gate = call.graph.node("Sigmoid", &[&gate], &[]);
    Ok(call.graph.node("Mul", &[&value, &gate], &[]).into())
}

/// Writes the magnitude of complex numbers.
pub(in crate::nn) fn magnitude(mut call: Export<'_>) -> Exported {
    let parts = halves(&mut call)?;
    let [re, im] = parts.map(|x| call.graph.node("Mul", &[&x, &x], &[]));
    let sum = call.graph.node("Add", &[&re, &im], &[]);
    Ok(call.graph.node("Sqrt", &[&sum], &[]).into())
}

/// Writes a layer with a slope for each feature, or one for all.
pub(in crate::nn) fn prelu<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let x = call.one()?;
    Ok(call.graph.node("PRelu", &[&x, &weight], &[]).into())
}

/// Writes a layer that combines its sources one after another.
pub(in crate::nn) fn fold(call: Export<'_>, operator: &str) -> Exported {
    let parts = call
        .sources
        .first()
        .map_or(0, |first| first.tensors().len());
    let fits = |source: &Value| source.tensors().len() == parts;
    if !call.sources.iter().all(fits) {
        return Err(call.unsupported());
    }
    let graph = call.graph;
    let combined = (0..parts).map(|part| {
        let mut tensors = call.sources.iter().map(|source| &source.tensors()[part]);
        let first = tensors.next().cloned().unwrap_or_default();
        tensors.fold(first, |sum, x| graph.node(operator, &[&sum, x], &[]))
    });
    Ok(Value::tuple(combined.collect()))
}

/// Writes a layer that puts its sources side by side along the last axis.
pub(in crate::nn) fn concat(call: Export<'_>) -> Exported {
    let sources = call.each()?;
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let axis = call.output.sizes().len();
    Ok(call.graph.concat(&sources, axis).into())
}

/// Writes a layer that makes a tuple of its sources.
pub(in crate::nn) fn pack(call: Export<'_>) -> Exported {
    Ok(Value::tuple(call.each()?))
}

/// Writes a layer that takes a part of a tuple.
pub(in crate::nn) fn select_part(call: Export<'_>, index: usize) -> Exported {
    let [source] = &call.sources[..] else {
        return Err(call.unsupported());
    };
    let tensor = source.tensors().get(index).cloned();
    tensor.map(Value::from).ok_or_else(|| call.unsupported())
}

/// Writes a layer that gives its first source in inference.
pub(in crate::nn) fn first_source(mut call: Export<'_>) -> Exported {
    match call.sources.is_empty() {
        true => Err(call.unsupported()),
        false => Ok(call.sources.swap_remove(0)),
    }
}

/// Writes a standardization with replacements of missing values.
pub(in crate::nn) fn standardize<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let fill = call.param(params, "fill")?;
    let mean = call.param(params, "mean")?;
    let std = call.param(params, "std")?;
    let x = call.one()?;
    let graph = call.graph;
    let is_missing = graph.node("IsNaN", &[&x], &[]);
    let filled = graph.node("Where", &[&is_missing, &fill, &x], &[]);
    let centered = graph.node("Sub", &[&filled, &mean], &[]);
    Ok(graph.node("Div", &[&centered, &std], &[]).into())
}

/// Writes a layer that says which values are missing.
pub(in crate::nn) fn is_missing(call: Export<'_>) -> Exported {
    call.map(|graph, x| {
        let is_missing = graph.node("IsNaN", &[x], &[]);
        graph.to_numbers(&is_missing)
    })
}

/// Writes a layer of two outputs; comparisons are 1 where they hold.
pub(in crate::nn) fn pair(call: Export<'_>, operator: &str) -> Exported {
    if !matches!(operator, "Equal" | "Greater") {
        return fold(call, operator);
    }
    let sources = call.each()?;
    let [a, b] = &sources[..] else {
        return Err(call.unsupported());
    };
    let holds = call.graph.node(operator, &[a, b], &[]);
    Ok(call.graph.to_numbers(&holds).into())
}

/// Writes a layer that chooses between two outputs: the second where the condition is 0.
pub(in crate::nn) fn choice(call: Export<'_>) -> Exported {
    let sources = call.each()?;
    let [condition, a, b] = &sources[..] else {
        return Err(call.unsupported());
    };
    let zero = call.graph.scalar(0.0);
    let is_zero = call.graph.node("Equal", &[condition, &zero], &[]);
    Ok(call.graph.node("Where", &[&is_zero, b, a], &[]).into())
}

/// Writes a layer with a factor and a summand for each feature.
pub(in crate::nn) fn affine<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let bias = call.param(params, "bias")?;
    let x = call.one()?;
    let product = call.graph.node("Mul", &[&x, &weight], &[]);
    Ok(call.graph.node("Add", &[&product, &bias], &[]).into())
}

/// Writes a layer that repeats axes of size 1.
pub(in crate::nn) fn expand(call: Export<'_>) -> Exported {
    let x = call.one()?;
    // The axis of the batch is 1 here, which leaves it as it is.
    let sizes = call.output.sizes().iter().map(|&size| size as i64);
    let sizes: Vec<i64> = core::iter::once(1).chain(sizes).collect();
    let sizes = call.graph.ints(&sizes);
    Ok(call.graph.node("Expand", &[&x, &sizes], &[]).into())
}

/// Writes a layer that takes features of the last axis.
pub(in crate::nn) fn features(call: Export<'_>, start: usize, end: usize) -> Exported {
    let axis = call.output.sizes().len();
    let x = call.one()?;
    Ok(call.graph.slice(&x, axis, start, end).into())
}
