//! Layers over the positions of a sequence.

use super::{Export, ExportError, Exported, Graph};
use crate::params::Parameters;
use crate::tensor::Element;

/// Returns whether each position is real, with an axis for the channels, if there is a mask.
fn mask(call: &mut Export<'_>) -> Result<Option<String>, ExportError> {
    if call.sources.len() < 2 {
        return Ok(None);
    }
    let mask = call.each()?.swap_remove(1);
    let is_real = nonzero(call.graph, &mask);
    let axis = call.graph.ints(&[2]);
    Ok(Some(call.graph.node("Unsqueeze", &[&is_real, &axis], &[])))
}

/// Returns whether each number is not 0.
pub(super) fn nonzero(graph: &mut Graph, x: &str) -> String {
    let zero = graph.scalar(0.0);
    let is_zero = graph.node("Equal", &[x, &zero], &[]);
    graph.node("Not", &[&is_zero], &[])
}

/// Writes the mean over all positions, or over those that are real.
pub(in crate::nn) fn mean_over_time(mut call: Export<'_>) -> Exported {
    let mask = mask(&mut call)?;
    let x = call.each()?.swap_remove(0);
    let graph = call.graph;
    let Some(mask) = mask else {
        return Ok(graph.reduce("ReduceMean", &x, &[1], false).into());
    };
    let [zero, one] = [0.0, 1.0].map(|number| graph.scalar(number));
    let real = graph.node("Where", &[&mask, &x, &zero], &[]);
    let sum = graph.reduce("ReduceSum", &real, &[1], false);
    let ones = graph.to_numbers(&mask);
    let count = graph.reduce("ReduceSum", &ones, &[1], false);
    let count = graph.node("Max", &[&count, &one], &[]);
    Ok(graph.node("Div", &[&sum, &count], &[]).into())
}

/// Writes the maximum over all positions, or over those that are real.
pub(in crate::nn) fn max_over_time(mut call: Export<'_>) -> Exported {
    let mask = mask(&mut call)?;
    let x = call.each()?.swap_remove(0);
    let graph = call.graph;
    let Some(mask) = mask else {
        return Ok(graph.reduce("ReduceMax", &x, &[1], false).into());
    };
    let [least, zero] = [f64::NEG_INFINITY, 0.0].map(|number| graph.scalar(number));
    let real = graph.node("Where", &[&mask, &x, &least], &[]);
    let maxima = graph.reduce("ReduceMax", &real, &[1], false);
    let ones = graph.to_numbers(&mask);
    let any = graph.reduce("ReduceMax", &ones, &[1], false);
    let any = nonzero(graph, &any);
    Ok(graph.node("Where", &[&any, &maxima, &zero], &[]).into())
}

/// Writes a layer that puts the last `overlap` rows before each position in front of it.
pub(in crate::nn) fn overlap(call: Export<'_>, overlap: usize) -> Exported {
    let x = call.one()?;
    let sizes = call.inputs[0].sizes();
    let (length, size) = (sizes[0], sizes[1]);
    let channels = sizes.get(2).copied().unwrap_or(1);

    let graph = call.graph;
    let rows = graph.reshape(&x, &[length * size, channels]);
    let pads = graph.ints(&[0, overlap as i64, 0, 0, 0, 0]);
    let padded = graph.node("Pad", &[&rows, &pads], &[]);
    let positions = (0..length).flat_map(|frame| {
        let first = frame * size;
        first..first + overlap + size
    });
    let positions: Vec<i64> = positions.map(|position| position as i64).collect();
    let positions = graph.ints(&positions);
    let axis = [super::Attribute::Int("axis", 1)];
    let frames = graph.node("Gather", &[&padded, &positions], &axis);
    Ok(graph.reshape(&frames, call.output.sizes()).into())
}

/// Writes a layer that adds a learned vector to each position.
pub(in crate::nn) fn positional_embedding<T: Element, P: Parameters<T>>(
    params: &P,
    mut call: Export<'_>,
) -> Exported {
    let weight = call.param(params, "weight")?;
    let x = call.one()?;
    let length = call.input().size(0);
    let used = call.graph.slice(&weight, 0, 0, length);
    Ok(call.graph.node("Add", &[&x, &used], &[]).into())
}

/// Writes a layer that adds sines and cosines to each position.
pub(in crate::nn) fn positional_encoding(call: Export<'_>) -> Exported {
    let x = call.one()?;
    let (length, width) = (call.input().size(0), call.input().size(1));
    let number = |index: usize| {
        let (row, column) = (index / width, index % width);
        let frequency = 1e4_f64.powf(-2.0 * (column / 2) as f64 / width as f64);
        let (sin, cos) = (row as f64 * frequency).sin_cos();
        if column % 2 == 0 { sin } else { cos }
    };
    let numbers: Vec<f64> = (0..length * width).map(number).collect();
    let table = call.graph.constant(&[length, width], &numbers);
    Ok(call.graph.node("Add", &[&x, &table], &[]).into())
}
