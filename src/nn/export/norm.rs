//! Normalizations, as they compute in inference.

use super::images::{channels_first, channels_last};
use super::{Attribute, Export, Exported, Graph};
use crate::params::Parameters;
use crate::tensor::Element;

/// Returns the name of a parameter for each channel, or of as many equal numbers.
fn or_equal<T: Element, P: Parameters<T>>(
    call: &mut Export<'_>,
    params: &P,
    key: &str,
    channels: usize,
    number: f64,
) -> String {
    match call.optional_param(params, key) {
        Some(name) => name,
        None => call.graph.constant(&[channels], &vec![number; channels]),
    }
}

pub(in crate::nn) fn batch_norm<T: Element, P: Parameters<T>>(
    params: &P,
    eps: f64,
    mut call: Export<'_>,
) -> Exported {
    let axes = call.input().sizes().len() - 1;
    let channels = call.input().size(axes);
    let weight = or_equal(&mut call, params, "weight", channels, 1.0);
    let bias = or_equal(&mut call, params, "bias", channels, 0.0);
    let mean = call.param(params, "running_mean")?;
    let variance = call.param(params, "running_var")?;

    let x = call.one()?;
    let graph = call.graph;
    let x = channels_first(graph, &x, axes);
    let inputs = [&x[..], &weight, &bias, &mean, &variance];
    let eps = [Attribute::Float("epsilon", eps)];
    let y = graph.node("BatchNormalization", &inputs, &eps);
    Ok(channels_last(graph, &y, axes).into())
}

/// Returns the name of a parameter over the last axes, in their order; files have the channels first.
fn over_axes<T: Element, P: Parameters<T>>(
    call: &mut Export<'_>,
    params: &P,
    key: &str,
    rank: usize,
) -> Option<String> {
    let name = call.optional_param(params, key)?;
    Some(match rank {
        1 => name,
        2 => call.graph.transpose(&name, &[1, 0]),
        _ => call.graph.transpose(&name, &[1, 2, 0]),
    })
}

/// Multiplies by a weight and adds a bias, if there are any.
fn affine(graph: &mut Graph, x: String, weight: Option<String>, bias: Option<String>) -> String {
    let scaled = match weight {
        Some(weight) => graph.node("Mul", &[&x, &weight], &[]),
        None => x,
    };
    match bias {
        Some(bias) => graph.node("Add", &[&scaled, &bias], &[]),
        None => scaled,
    }
}

/// Divides by the root of a mean of squares and `eps`.
fn divide(graph: &mut Graph, x: &str, squares_of: &str, axes: &[usize], eps: f64) -> String {
    let squares = graph.node("Mul", &[squares_of, squares_of], &[]);
    let mean = graph.reduce("ReduceMean", &squares, axes, true);
    let eps = graph.scalar(eps);
    let sum = graph.node("Add", &[&mean, &eps], &[]);
    let root = graph.node("Sqrt", &[&sum], &[]);
    graph.node("Div", &[x, &root], &[])
}

/// Writes a normalization over the last `rank` axes.
pub(in crate::nn) fn over_last_axes<T: Element, P: Parameters<T>>(
    params: &P,
    rank: usize,
    is_centered: bool,
    eps: f64,
    mut call: Export<'_>,
) -> Exported {
    let weight = over_axes(&mut call, params, "weight", rank);
    let bias = over_axes(&mut call, params, "bias", rank);
    let x = call.one()?;
    let all = call.input().sizes().len();
    let axes: Vec<usize> = (all + 1 - rank..=all).collect();

    let graph = call.graph;
    let x = if is_centered {
        let mean = graph.reduce("ReduceMean", &x, &axes, true);
        graph.node("Sub", &[&x, &mean], &[])
    } else {
        x
    };
    let y = divide(graph, &x, &x, &axes, eps);
    Ok(affine(graph, y, weight, bias).into())
}

/// Writes a normalization over groups of channels.
pub(in crate::nn) fn over_groups<T: Element, P: Parameters<T>>(
    params: &P,
    groups: usize,
    eps: f64,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.optional_param(params, "weight");
    let bias = call.optional_param(params, "bias");
    let x = call.one()?;
    let dims = call.input();
    let channels = dims.last().unwrap_or(1);
    let rows = dims.len() / channels;

    let graph = call.graph;
    let grouped = graph.reshape(&x, &[rows, groups, channels / groups]);
    let mean = graph.reduce("ReduceMean", &grouped, &[1, 3], true);
    let centered = graph.node("Sub", &[&grouped, &mean], &[]);
    let normalized = divide(graph, &centered, &centered, &[1, 3], eps);
    let y = graph.reshape(&normalized, dims.sizes());
    Ok(affine(graph, y, weight, bias).into())
}
