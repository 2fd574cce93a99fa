//! What is known of the outputs of a list before any shape rule is asked.

use super::Sequence;
use crate::blocks::{Block, BlockKind};
use crate::builtin::Output;
use crate::check::{Layer, MAX_AXES};

/// The largest number of layers in the way of shapes that an error shows.
const WAY: usize = 4;

/// Returns the outputs on the way to a layer: of the list's input and of the layers before it, if
/// each reads the one before it.
pub fn way_to(layers: &[Layer], index: usize) -> Vec<(&str, usize)> {
    let first = index.saturating_sub(WAY);
    let is_chain = |index: &usize| layers[*index].sources == [*index];
    if !(first..=index).all(|index| is_chain(&index)) {
        return Vec::new();
    }
    let before = (first..index).map(|index| (layers[index].brief.as_str(), index + 1));
    core::iter::once(("", first)).chain(before).collect()
}

/// Returns for each layer whether its input may be a tuple.
pub fn tuple_inputs(sequence: &Sequence) -> Vec<bool> {
    let outputs = tuple_outputs(sequence.layers, sequence.tuple);
    let layers = sequence.layers.iter();
    layers.map(|layer| reads_tuple(layer, &outputs)).collect()
}

/// Returns for the input and each output of a list, by number, whether it may be a tuple; `given` is
/// that of the input.
fn tuple_outputs(layers: &[Layer], given: bool) -> Vec<bool> {
    let mut outputs = vec![given];
    for layer in layers {
        outputs.push(may_give_tuple(layer, reads_tuple(layer, &outputs)));
    }
    outputs
}

/// Returns whether a layer may read a tuple; `outputs` are the outputs before it.
fn reads_tuple(layer: &Layer, outputs: &[bool]) -> bool {
    match layer.sources[..] {
        [source] => outputs.get(source).copied().unwrap_or_default(),
        _ => false,
    }
}

/// Returns whether the output of a layer may be a tuple; `given` says whether its input may be one.
///
/// `Split` makes tuples, and most layers pass them on. A nested network and a layer of the user's
/// own may make one.
fn may_give_tuple(layer: &Layer, given: bool) -> bool {
    match &layer.block {
        Some(Block {
            kind: BlockKind::Split,
            ..
        }) => true,
        Some(Block {
            kind: BlockKind::Concat,
            ..
        }) => false,
        Some(block) => block.branches.iter().any(|branch| {
            let outputs = tuple_outputs(&branch.layers, given);
            outputs.last().copied().unwrap_or(given)
        }),
        None => given || !layer.builtin || layer.is_pack() || layer.gives_tuple,
    }
}

/// Returns for the input and each output of a list, by number, the largest number of its axes.
pub fn axes(layers: &[Layer], given: usize) -> Vec<usize> {
    let mut axes = vec![given];
    for layer in layers {
        axes.push(axes_of(layer, axes_read(layer, &axes)));
    }
    axes
}

/// Returns the largest number of axes that a layer reads; `outputs` are those of the outputs before
/// it.
pub fn axes_read(layer: &Layer, outputs: &[usize]) -> usize {
    let read = layer.sources.iter().map(|&source| outputs.get(source));
    let most = read.map(|axes| axes.copied().unwrap_or(MAX_AXES)).max();
    most.unwrap_or(MAX_AXES)
}

/// Returns the largest number of axes of a layer's output; `given` is that of its inputs.
fn axes_of(layer: &Layer, given: usize) -> usize {
    match (&layer.block, layer.output()) {
        (Some(block), _) => {
            let lasts = block.branches.iter().map(|branch| {
                let outputs = axes(&branch.layers, given);
                outputs.last().copied().unwrap_or(given)
            });
            lasts.fold(given, usize::max)
        }
        (None, Output::Input | Output::InputOrMistake) => given,
        // After a mistake, the output may have one axis.
        (None, Output::NoMoreAxes) => given.max(1),
        (None, Output::Axes(axes)) => axes,
    }
}

/// Returns whether a layer may have no backward pass: it is one of the user's own, one in 8 bits, or
/// a block with one.
pub fn may_lack_backward(layer: &Layer) -> bool {
    match &layer.block {
        Some(block) => block
            .branches
            .iter()
            .any(|branch| branch.layers.iter().any(may_lack_backward)),
        None => !layer.builtin || layer.is_int8(),
    }
}
