//! The sizes and the shape rule of recurrent layers.

use crate::network::{INFER, Inferred, LayerInput, Reach, Sentence};
#[cfg(feature = "onnx-export")]
use crate::nn::export::recurrent::Recurrent;
#[cfg(feature = "onnx-export")]
use crate::nn::export::{Export, Exported};
use crate::nn::rule::zero_size;
#[cfg(feature = "onnx-export")]
use crate::params::Parameters;
use crate::sizes;
use crate::tensor::Dims;
#[cfg(feature = "onnx-export")]
use crate::tensor::Element;

/// A recurrent layer as the network's definition states it.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// The layer's name.
    pub name: &'static str,
    pub input_size: usize,
    pub hidden: usize,
    pub layers: usize,
    pub bidirectional: bool,
    pub masked: bool,
    pub initial: bool,
    pub last: bool,
    /// The number of gates, and whether there is a cell state.
    pub gates: usize,
    pub has_cells: bool,
}

#[cfg(feature = "onnx-export")]
impl Options {
    /// Writes the layer into an ONNX graph. `extra` are the options that only this cell has.
    pub fn export<T: Element, P: Parameters<T>>(
        &self,
        extra: &[bool],
        params: &P,
        call: Export<'_>,
    ) -> Exported {
        let recurrent = Recurrent {
            name: self.name,
            hidden: self.hidden,
            layers: self.layers,
            directions: self.directions(),
            masked: self.masked,
            initial: self.initial,
            last: self.last,
            reset_before: extra.len() > 1 && extra[0],
            relu: extra.last().is_some_and(|&relu| relu),
        };
        recurrent.export(params, call)
    }
}

impl Options {
    pub const fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// Returns the positions that an output depends on. A state that is read or given belongs to a
    /// block as a whole.
    pub const fn reach(&self) -> Reach {
        if self.bidirectional {
            Reach::WHOLE.or("; remove `Bidirectional`")
        } else if self.initial || self.last {
            Reach::WHOLE.or("; remove its states, which a stream keeps itself")
        } else {
            Reach::ALL_PAST
        }
    }

    /// Returns the number of outputs of a step.
    pub const fn width(&self) -> usize {
        sizes::product(&[self.directions(), self.hidden])
    }

    /// Returns the number of states: one for each layer and direction.
    pub const fn states(&self) -> usize {
        sizes::product(&[self.layers, self.directions()])
    }

    /// Returns the number of tensors that a state consists of.
    const fn state_parts(&self) -> usize {
        if self.has_cells { 2 } else { 1 }
    }

    /// Returns the shape of a state.
    const fn state_dims(&self) -> Dims {
        if self.states() == 1 {
            Dims::new(&[self.hidden])
        } else {
            Dims::new(&[self.states(), self.hidden])
        }
    }

    /// Returns the number of outputs that the layer reads.
    pub const fn sources(&self) -> usize {
        let initial = if self.initial { self.state_parts() } else { 0 };
        1 + self.masked as usize + initial
    }

    /// Returns the parts of the tuple that a layer with its last state as an output gives.
    pub const fn parts(&self, input: Dims) -> [Dims; 3] {
        let sequence = if input.parts().is_empty() {
            input
        } else {
            input.parts()[0]
        };
        let steps = sequence.size(0);
        let state = self.state_dims();
        [Dims::new(&[steps, self.width()]), state, state]
    }

    /// Returns the output shape of an input, and the sizes of the layer's type.
    pub const fn infer<In: LayerInput>(&self, tuple: &'static [Dims]) -> Inferred {
        let input = In::DIMS;
        let several = In::SOURCES > 1;
        let sequence = if several && !input.parts().is_empty() {
            input.parts()[0]
        } else {
            input
        };
        let (steps, channels) = match *sequence.sizes() {
            [steps, channels] => (steps, channels),
            [.., last] => (1, last),
            [] => (1, 1),
        };

        let output = if sequence.sizes().len() != 2 {
            Dims::UNKNOWN
        } else if self.last {
            Dims::tuple(tuple)
        } else {
            Dims::new(&[steps, self.width()])
        };
        let inferred = match self.reject_arguments() {
            Some(mistake) => mistake,
            None if In::SOURCES != self.sources() => self.wrong_sources(output),
            None if sequence.is_unknown() => Inferred::shape(Dims::UNKNOWN),
            None => self.check::<In>(sequence, output),
        };

        let inferred = if self.input_size == INFER {
            inferred.infers(channels)
        } else {
            inferred
        };
        let states = self.states();
        inferred
            .infers(sizes::product(&[self.gates, self.hidden]))
            .infers(self.width())
            .infers(self.directions())
            .infers(self.layers.saturating_sub(1))
            .infers(steps)
            .infers(states)
            .infers(if states == 1 { 1 } else { 2 })
    }

    /// Returns the mistake of arguments that are wrong for any input, if there is one.
    const fn reject_arguments(&self) -> Option<Inferred> {
        if self.input_size == 0 {
            return Some(zero_size("input_size", Dims::UNKNOWN));
        }
        if self.hidden == 0 {
            return Some(zero_size("hidden_size", Dims::UNKNOWN));
        }
        if self.layers == 0 {
            let sentence = Sentence::new("has Layers<0>; it must have at least one layer");
            return Some(Inferred::wrong(sentence, Dims::UNKNOWN));
        }
        None
    }

    /// The mistake of another number of sources than the options ask for.
    const fn wrong_sources(&self, output: Dims) -> Inferred {
        let states = match (self.initial, self.has_cells) {
            (false, _) => "",
            (true, false) => ", h0",
            (true, true) => ", h0, c0",
        };
        let mask = if self.masked { ", mask" } else { "" };
        if self.sources() > 1 {
            let sentence = Sentence::new("reads ")
                .number(self.sources())
                .text(" outputs by its options: write `<- (sequence")
                .text(mask)
                .text(states)
                .text(")` behind it");
            return Inferred::wrong(sentence, output);
        }

        let sentence = Sentence::new(
            "reads one sequence; the option `Masked` lets it read a mask as well, and the option \
             `InitialState` its first state",
        );
        Inferred::wrong(sentence, output)
    }

    /// Checks sources of the right number.
    const fn check<In: LayerInput>(&self, sequence: Dims, output: Dims) -> Inferred {
        let sizes = sequence.sizes();
        if !sequence.parts().is_empty() || sizes.len() != 2 {
            return self.wrong_rank(sequence, In::SOURCES > 1);
        }
        let (steps, channels) = (sizes[0], sizes[1]);
        if self.input_size != INFER && self.input_size != channels {
            return self.wrong_size(channels, output);
        }

        let parts = In::DIMS.parts();
        let mut next = 1;
        if self.masked {
            let wanted = Dims::new(&[steps]);
            if !parts[next].is_unknown() && !parts[next].same(&wanted) {
                let sentence = Sentence::new("reads a mask with an entry for each step, ")
                    .dims(wanted)
                    .text(", but the mask is ")
                    .dims(parts[next])
                    .text("; make the two equal");
                return Inferred::wrong(sentence, output);
            }
            next += 1;
        }

        let wanted = self.state_dims();
        while next < self.sources() {
            if !parts[next].is_unknown() && !parts[next].same(&wanted) {
                let sentence = Sentence::new("begins with a state ")
                    .dims(wanted)
                    .text(", but its initial ")
                    .text(if self.has_cells && next + 1 == self.sources() {
                        "cell state is "
                    } else {
                        "state is "
                    })
                    .dims(parts[next])
                    .text("; make the two equal");
                return Inferred::wrong(sentence, output);
            }
            next += 1;
        }
        Inferred::shape(output)
    }

    /// The mistake of an input that is no sequence.
    const fn wrong_rank(&self, sequence: Dims, several: bool) -> Inferred {
        if several {
            let sentence = Sentence::new("reads a sequence [length, features] first, but that is ")
                .dims(sequence)
                .text("; put a `Reshape<length, features>` before it");
            return Inferred::wrong(sentence, Dims::UNKNOWN);
        }

        let way_out = Sentence::new("; ");
        let way_out = match *sequence.sizes() {
            [] if !sequence.parts().is_empty() => way_out.text("it takes one sequence"),
            [length] => way_out
                .text("for one feature per step declare [")
                .number(length)
                .text(", 1], or put `Reshape<")
                .number(length)
                .text(", 1>` before it"),
            [height, width, channels] => way_out
                .text("put `Reshape<")
                .number(height)
                .text(", ")
                .number(sizes::product(&[width, channels]))
                .text(">` before it to read an image row by row"),
            _ => way_out.text("put a `Reshape<length, features>` before it"),
        };
        Inferred::mismatch(Sentence::new("[length, features]"), way_out, Dims::UNKNOWN)
    }

    /// The mistake of steps with another number of features.
    const fn wrong_size(&self, channels: usize, output: Dims) -> Inferred {
        let wanted = Sentence::new("[.., ").number(self.input_size).text("]");
        let name = Sentence::new("`").text(self.name).text("<");
        let rest = Sentence::new(", ").number(self.hidden).text(">`");
        let way_out = Sentence::new("; write ")
            .sentence(&name)
            .number(channels)
            .sentence(&rest)
            .text(" or ")
            .sentence(&name)
            .text("_")
            .sentence(&rest);
        Inferred::mismatch(wanted, way_out, output)
    }
}
