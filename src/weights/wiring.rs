//! The wiring of a list of layers, as far as the order of features depends on it.

use super::order::input_of;
use crate::params::param_tree::{LayerInfo, ParamField};
use crate::tensor::Dims;

/// Returns whether a layer of the list reads another output than the one before it.
pub(super) const fn is_wired(layers: &[ParamField]) -> bool {
    let mut i = 0;
    while i < layers.len() {
        if let Some(layer) = &layers[i].layer
            && !layer.sources.is_empty()
        {
            return true;
        }
        i += 1;
    }
    false
}

/// Returns the number of layers that read an output. One that reads it twice counts once.
pub(super) const fn readers(layers: &[ParamField], output: usize) -> usize {
    let reached = Reached::only(output);
    let mut count = 0;
    // An output has the number of the first layer that may read it.
    let mut i = output;
    while i < layers.len() {
        if let Some(layer) = &layers[i].layer
            && reached.first_source(layer, i).is_some()
        {
            count += 1;
        }
        i += 1;
    }
    count
}

/// Returns the shape of an output.
pub(super) const fn shape_of(layers: &[ParamField], output: usize) -> Dims {
    if output == 0 {
        return input_of(layers);
    }
    match &layers[output - 1].layer {
        Some(layer) => layer.output,
        None => Dims::UNKNOWN,
    }
}

impl LayerInfo {
    /// Returns the shape of one of the outputs that the layer reads.
    pub(super) const fn source_shape(&self, source: usize) -> Dims {
        if self.sources.len() > 1 && source < self.input.parts().len() {
            self.input.parts()[source]
        } else {
            self.input
        }
    }

    /// Returns whether all outputs that the layer reads have the shape of its own.
    pub(super) const fn has_equal_sources(&self) -> bool {
        let mut source = 0;
        while source < self.sources.len() {
            if !self.source_shape(source).same(&self.output) {
                return false;
            }
            source += 1;
        }
        true
    }
}

/// The largest number of a list's outputs in a [`Reached`].
const MOST_OUTPUTS: usize = 1024;

/// A set of outputs of a list. Outputs that it has no room for count as members, so that an output
/// has too many uses rather than too few.
#[derive(Clone, Copy)]
pub(super) struct Reached {
    bits: [u64; MOST_OUTPUTS / 64],
}

impl Reached {
    /// Returns the set of one output.
    pub const fn only(output: usize) -> Self {
        let mut reached = Reached {
            bits: [0; MOST_OUTPUTS / 64],
        };
        reached.add(output);
        reached
    }

    /// Adds an output.
    pub const fn add(&mut self, output: usize) {
        if output < MOST_OUTPUTS {
            self.bits[output / 64] |= 1 << (output % 64);
        }
    }

    /// Returns whether the set has an output.
    pub const fn has(&self, output: usize) -> bool {
        output >= MOST_OUTPUTS || self.bits[output / 64] >> (output % 64) & 1 == 1
    }

    /// Returns the first of the outputs that layer `index` reads and the set has: its position among
    /// the layer's sources.
    pub const fn first_source(&self, layer: &LayerInfo, index: usize) -> Option<usize> {
        if layer.sources.is_empty() {
            return if self.has(index) { Some(0) } else { None };
        }

        let mut source = 0;
        while source < layer.sources.len() {
            if self.has(layer.sources[source]) {
                return Some(source);
            }
            source += 1;
        }
        None
    }
}
