//! Time as the first axis: the positions along it that an output depends on.

use super::sentence::Sentence;
use crate::sizes;
use crate::tensor::Dims;

/// The positions along the first axis, time, that an output position of a layer depends on.
///
/// A network can be a stream if each of its layers reads the same and earlier positions alone. The
/// answer is meant for layers that are given inputs with an axis of time; behind a layer with
/// [`Reach::LAST`] there is none.
///
/// ```
/// use shapewright::ext::{Reach, ShapeRule};
/// use shapewright::nn::{Linear, Tanh};
/// use shapewright::tensor::Rank2;
/// // A hyperbolic tangent reads one number, a dense layer all numbers of a position.
/// assert_eq!(<Tanh as ShapeRule<Rank2<64, 8>>>::REACH, Reach::POSITION);
/// assert_eq!(<Linear<8, 4> as ShapeRule<Rank2<64, 8>>>::REACH, Reach::FEATURES);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    kind: Kind,
    /// The end of the sentence about a layer that is not causal: "; add `Causal`".
    way_out: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Features,
    Past(usize),
    Last,
    WrittenLength,
}

impl Reach {
    /// Any positions, also later ones, or the number of positions changes. This is the default.
    pub const WHOLE: Self = Reach {
        kind: Kind::Whole,
        way_out: "",
    };

    /// The same position alone.
    pub const POSITION: Self = Reach::past(0);

    /// The numbers along the last axis: the same position alone, unless that axis is time itself.
    pub const FEATURES: Self = Reach {
        kind: Kind::Features,
        way_out: "",
    };

    /// The same position and all earlier ones, as in a recurrent layer.
    pub const ALL_PAST: Self = Reach::past(usize::MAX);

    /// The last position: the output has no axis of time.
    pub const LAST: Self = Reach {
        kind: Kind::Last,
        way_out: "",
    };

    /// A layer whose first size is written as a number: the length of a block and not of a step.
    #[doc(hidden)]
    pub const WRITTEN_LENGTH: Self = Reach {
        kind: Kind::WrittenLength,
        way_out: "",
    };

    /// The same position and the `positions` before it.
    pub const fn past(positions: usize) -> Self {
        Reach {
            kind: Kind::Past(positions),
            way_out: "",
        }
    }

    /// Returns whether a layer reads later positions of an input of this shape, or changes their
    /// number.
    const fn is_whole(&self, input: Dims) -> bool {
        let first = match input.parts() {
            [first, ..] => *first,
            [] => input,
        };
        match self.kind {
            Kind::Whole | Kind::WrittenLength => true,
            Kind::Features => matches!(first.rank(), Some(0 | 1)),
            Kind::Past(_) | Kind::Last => false,
        }
    }

    /// Adds the end of the sentence about the layer in a stream: "; add `Causal`".
    pub(crate) const fn or(self, way_out: &'static str) -> Self {
        Reach { way_out, ..self }
    }
}

/// The inputs of a stream that an output of one of its layers depends on.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptiveField {
    /// The number of positions up to the output's own.
    pub positions: usize,
    /// True if the output has an axis of time.
    pub over_time: bool,
}

impl ReceptiveField {
    /// The receptive field of the input itself.
    pub const INPUT: Self = ReceptiveField {
        positions: 1,
        over_time: true,
    };

    /// Returns the receptive field behind a layer.
    pub const fn through(self, layer: &Reach) -> Self {
        match layer.kind {
            _ if !self.over_time => self,
            Kind::Past(past) => ReceptiveField {
                positions: self.positions.saturating_add(past),
                ..self
            },
            Kind::Last => ReceptiveField {
                over_time: false,
                ..self
            },
            Kind::Features => self,
            Kind::Whole | Kind::WrittenLength => ReceptiveField {
                positions: usize::MAX,
                ..self
            },
        }
    }

    /// Returns the receptive field of what is read from several outputs.
    pub const fn of_sources<const N: usize>(sources: &[ReceptiveField; N]) -> Self {
        let mut field = ReceptiveField {
            positions: 1,
            over_time: false,
        };
        let mut i = 0;
        while i < N {
            field.positions = sizes::larger(field.positions, sources[i].positions);
            field.over_time = field.over_time || sources[i].over_time;
            i += 1;
        }
        field
    }

    /// Returns the receptive field behind `n` repetitions of layers, which this is in front of, and
    /// `once` behind the first.
    pub const fn repeated(self, once: Self, n: usize) -> Self {
        let more = (once.positions - self.positions).saturating_mul(n);
        ReceptiveField {
            positions: self.positions.saturating_add(more),
            over_time: once.over_time,
        }
    }

    /// Returns the reach of a network as a layer.
    pub const fn reach(self) -> Reach {
        match self.over_time {
            true => Reach::past(self.positions - 1),
            false => Reach::LAST,
        }
    }

    /// Returns the length in a step of the first axis of a part of an output.
    pub const fn length(self, output: Dims, part: usize) -> usize {
        match output.parts() {
            _ if self.over_time => 1,
            [] => output.size(0),
            parts => parts[part].size(0),
        }
    }

    /// Returns the shape of one step of an input or output: without the axis of time.
    pub const fn of_step(self, dims: Dims) -> Dims {
        match dims.sizes() {
            [_, step @ ..] if self.over_time => Dims::new(step),
            _ => dims,
        }
    }
}

/// The kind of a layer, for the sentence about one that is not causal.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub enum Streamed {
    BuiltIn,
    /// A type of the user's own; true if it is a network.
    Own(bool),
}

/// Stops the compilation with a sentence if a layer of a stream is not causal.
#[doc(hidden)]
#[track_caller]
pub const fn report_causal(
    network: &str,
    layer: &str,
    kind: Streamed,
    field: &ReceptiveField,
    reach: &Reach,
    input: Dims,
) {
    if !field.over_time || !reach.is_whole(input) {
        return;
    }

    let sentence = Sentence::new("`").text(layer).text("` ");
    let sentence = match kind {
        Streamed::Own(true) => sentence
            .text("has no stream, and is a layer of `")
            .text(network)
            .text("`, which has one; write `#[stream]` before its definition as well"),
        Streamed::Own(false) => sentence
            .text("does not say that it is causal, and `")
            .text(network)
            .text("` has `#[stream]`; set its `REACH`, or remove the attribute"),
        Streamed::BuiltIn if matches!(reach.kind, Kind::WrittenLength) => sentence
            .text("states the number of positions, which is 1 in a step of the stream of `")
            .text(network)
            .text("`; write `_` for its first size"),
        Streamed::BuiltIn => sentence
            .text("is not causal: a step of the stream of `")
            .text(network)
            .text("` would need later inputs")
            .text(match reach.way_out.is_empty() {
                true => "; remove `#[stream]`, or use layers that read earlier positions alone",
                false => reach.way_out,
            }),
    };
    panic!("{}", sentence.as_str())
}

/// Stops the compilation with a sentence if the input of a stream has no axis of time.
#[doc(hidden)]
#[track_caller]
pub const fn report_time(network: &str, input: Dims) {
    if matches!(input.rank(), Some(0)) {
        let sentence = Sentence::new("`")
            .text(network)
            .text("` has `#[stream]`, and its input has no axis of time: the first axis is time");
        panic!("{}", sentence.as_str())
    }
}
