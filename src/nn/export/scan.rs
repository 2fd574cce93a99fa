//! A cell over time: its nodes for each step, one after another.

use super::{Export, Exported, Graph, Value};
use crate::tensor::Dims;

/// A step of a cell.
pub(in crate::nn) struct Step<'a> {
    pub layer: &'a str,
    pub name: &'a str,
    pub sources: Vec<Value>,
    pub graph: &'a mut Graph,
}

/// Writes a cell that reads `read`, the input of a step and states, by `write` for each step. The
/// states are those of its sources if it `reads_states`, and part of the output if it `gives_states`.
pub(in crate::nn) fn unroll(
    call: Export<'_>,
    read: Dims,
    reads_states: bool,
    gives_states: bool,
    mut write: impl FnMut(Step<'_>) -> Exported,
) -> Exported {
    let [own, of_states @ ..] = read.parts() else {
        return Err(call.unsupported());
    };
    let sources = call.each()?;
    let Export {
        layer,
        name,
        inputs,
        output,
        graph,
        ..
    } = call;

    let x = &sources[0];
    let mut states: Vec<String> = if reads_states {
        sources[1..].to_vec()
    } else {
        let zeros = |dims: &Dims| zeros(graph, x, dims.sizes());
        of_states.iter().map(zeros).collect()
    };

    let axis = graph.ints(&[1]);
    let mut outputs = Vec::new();
    for t in 0..inputs[0].size(0) {
        let step = graph.slice(x, 1, t, t + 1);
        let step = graph.reshape(&step, own.sizes());
        let all = core::iter::once(step).chain(states.iter().cloned());
        let given = write(Step {
            layer,
            name,
            sources: vec![Value::tuple(all.collect())],
            graph: &mut *graph,
        })?;

        // A cell whose output is its state gives that alone.
        let given = given.tensors();
        states = given[given.len() - states.len()..].to_vec();
        outputs.push(graph.node("Unsqueeze", &[&given[0], &axis], &[]));
    }

    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let mut tensors = vec![graph.concat(&outputs, 1)];
    if gives_states {
        tensors.extend(states);
    }
    debug_assert!(!gives_states || tensors.len() == output.parts().len());
    Ok(Value::tuple(tensors))
}

/// Returns zeros with these sizes, for each sample of `x`.
fn zeros(graph: &mut Graph, x: &str, sizes: &[usize]) -> String {
    let shape = graph.node("Shape", &[x], &[]);
    let batch = graph.slice(&shape, 0, 0, 1);
    let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
    let sizes = graph.ints(&sizes);
    let all = graph.concat(&[&batch, &sizes], 0);
    let zero = graph.scalar(0.0);
    graph.node("Expand", &[&zero, &all], &[])
}
