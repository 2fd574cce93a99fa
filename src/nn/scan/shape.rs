//! The shape rule of a scan.

use crate::network::{Inferred, LayerInput, Network, Reach, Sentence, has_unknown};
use crate::params::Parameters;
use crate::tensor::{Dims, MAX_RANK, Shape};

/// The largest number of states of a cell.
const MAX_STATES: usize = 3;

/// The shapes of a cell, and what else a scan asks of it.
#[derive(Clone, Copy)]
pub(super) struct CellShapes {
    name: &'static str,
    input: Dims,
    output: Dims,
    /// The number of states that it reads.
    pub states: usize,
    has_statistics: bool,
}

/// A scan as the network's definition states it.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub cell: CellShapes,
    pub initial: bool,
    pub last: bool,
}

impl CellShapes {
    pub const fn of<Cell: Network>() -> Self {
        let input = <Cell::Input as Shape>::DIMS;
        CellShapes {
            name: Cell::NAME,
            input,
            output: <Cell::Output as Shape>::DIMS,
            states: input.parts().len().saturating_sub(1),
            has_statistics: <Cell as Parameters<Cell::Element>>::STATISTICS > 0,
        }
    }

    /// Returns the shape of a step's input.
    const fn x(&self) -> Dims {
        match self.input.parts() {
            [x, ..] => *x,
            [] => self.input,
        }
    }

    /// Returns the shape of a step's output.
    const fn y(&self) -> Dims {
        match self.output.parts() {
            [y, ..] => *y,
            [] => self.output,
        }
    }

    /// Returns the states that the cell gives: its output itself, if that is no tuple.
    const fn given(&self, state: usize) -> Dims {
        match self.output.parts() {
            [_, states @ ..] => states[state],
            [] => self.output,
        }
    }

    /// Returns whether the output of a step or a state has several axes.
    pub const fn has_steps_of_axes(&self) -> bool {
        let parts = self.output.parts();
        let mut several = self.output.sizes().len() > 1;
        let mut i = 0;
        while i < parts.len() {
            several |= parts[i].sizes().len() > 1;
            i += 1;
        }
        several
    }

    /// Returns the number of states that the cell gives.
    const fn given_states(&self) -> usize {
        match self.output.parts() {
            [_, states @ ..] => states.len(),
            [] => 1,
        }
    }

    /// Returns the mistake of a network that is no cell, if it is none.
    const fn mistake(&self) -> Option<Sentence> {
        if self.states == 0 {
            return Some(
                Sentence::new("runs a cell from step to step, but `")
                    .text(self.name)
                    .text("` reads no state: declare it as `(x: [..], h: [..]) -> (y: [..], ")
                    .text("next: [..])`, with layers of the names `y` and `next`"),
            );
        }
        if self.given_states() != self.states {
            return Some(
                Sentence::new("hands the states of a cell from step to step, but `")
                    .text(self.name)
                    .text("` reads ")
                    .number(self.states)
                    .text(" and gives ")
                    .number(self.given_states())
                    .text(" behind its output; make the two equal"),
            );
        }

        let mut i = 0;
        while i < self.states {
            let read = self.input.parts()[1 + i];
            let given = self.given(i);
            if !read.same(&given) {
                return Some(
                    Sentence::new("hands the state of a cell from step to step, but `")
                        .text(self.name)
                        .text("` reads a state ")
                        .dims(read)
                        .text(" and gives ")
                        .dims(given)
                        .text("; make the two equal"),
                );
            }
            i += 1;
        }

        if self.has_statistics {
            return Some(
                Sentence::new("can't run `")
                    .text(self.name)
                    .text("`, as the statistics of a batch differ from step to step; normalize ")
                    .text("with `LayerNorm` or `GroupNorm` in it"),
            );
        }
        None
    }
}

/// Returns the shape of several steps; unknown if a tensor can't have it.
const fn over_time(steps: usize, step: Dims) -> Dims {
    match *step.sizes() {
        _ if step.is_tuple() => Dims::UNKNOWN,
        [] => Dims::new(&[steps]),
        [a] => Dims::new(&[steps, a]),
        [a, b] => Dims::new(&[steps, a, b]),
        [a, b, c] => Dims::new(&[steps, a, b, c]),
        _ => Dims::UNKNOWN,
    }
}

/// Returns the shape of a sequence of any length: `[length, 3]`.
const fn sequence_of(step: Dims) -> Sentence {
    let mut sentence = Sentence::new("[length");
    let mut i = 0;
    while i < step.sizes().len() {
        sentence = sentence.text(", ").number(step.sizes()[i]);
        i += 1;
    }
    sentence.text("]")
}

/// Returns the shape of the sequence among the sources of a scan.
const fn sequence(input: Dims) -> Dims {
    match input.parts() {
        [first, ..] => *first,
        [] => input,
    }
}

impl Options {
    /// Returns the positions that an output depends on. A state that is read or given belongs to a
    /// block as a whole.
    pub const fn reach(&self) -> Reach {
        if self.initial || self.last {
            Reach::WHOLE.or("; remove its states, which a stream keeps itself")
        } else {
            Reach::ALL_PAST
        }
    }

    /// Returns the number of outputs that the layer reads.
    const fn sources(&self) -> usize {
        1 + if self.initial { self.cell.states } else { 0 }
    }

    /// Returns the parts of the tuple that a scan with its last states as outputs gives.
    pub const fn parts(&self, input: Dims) -> [Dims; 1 + MAX_STATES] {
        let mut parts = [Dims::UNKNOWN; 1 + MAX_STATES];
        parts[0] = over_time(sequence(input).size(0), self.cell.y());
        let mut i = 0;
        while i < self.cell.states {
            parts[1 + i] = self.cell.input.parts()[1 + i];
            i += 1;
        }
        parts
    }

    /// Returns the output shape of an input, and the number of steps.
    pub const fn infer<In: LayerInput>(&self, tuple: &'static [Dims]) -> Inferred {
        let cell = &self.cell;
        let steps = sequence(In::DIMS).size(0);
        let output = if In::DIMS.is_unknown() {
            Dims::UNKNOWN
        } else if self.last {
            Dims::tuple(tuple)
        } else {
            over_time(steps, cell.y())
        };

        let inferred = if has_unknown(cell.input) || has_unknown(cell.output) {
            Inferred::shape(Dims::UNKNOWN)
        } else if let Some(mistake) = cell.mistake() {
            Inferred::wrong(mistake, Dims::UNKNOWN)
        } else if In::SOURCES != self.sources() {
            Inferred::wrong(self.wrong_sources(), output)
        } else if has_unknown(In::DIMS) {
            Inferred::shape(Dims::UNKNOWN)
        } else {
            self.check::<In>(steps, output)
        };
        inferred.infers(steps)
    }

    /// The mistake of another number of sources than the options ask for.
    const fn wrong_sources(&self) -> Sentence {
        if !self.initial {
            return Sentence::new(
                "reads one sequence; the option `InitialState` lets it read its first state as well",
            );
        }
        let states = match self.cell.states {
            1 => "h0",
            2 => "h0, c0",
            _ => "h0, c0, ..",
        };
        Sentence::new("reads ")
            .number(self.sources())
            .text(" outputs by its options: write `<- (sequence, ")
            .text(states)
            .text(")` behind it")
    }

    /// Checks sources of the right number.
    const fn check<In: LayerInput>(&self, steps: usize, output: Dims) -> Inferred {
        let cell = &self.cell;
        let (x, y) = (cell.x(), cell.y());
        if x.is_tuple()
            || y.is_tuple()
            || x.sizes().len() == MAX_RANK
            || y.sizes().len() == MAX_RANK
        {
            let sentence = Sentence::new("runs a cell whose steps have at most 3 axes, but `")
                .text(cell.name)
                .text("` reads ")
                .dims(x)
                .text(" and gives ")
                .dims(y);
            return Inferred::wrong(sentence, Dims::UNKNOWN);
        }

        let found = sequence(In::DIMS);
        let several = self.initial;
        if !found.same(&over_time(steps, x)) {
            let wanted = sequence_of(x);
            if several {
                let sentence = Sentence::new("reads a sequence ")
                    .sentence(&wanted)
                    .text(" first, but that is ")
                    .dims(found)
                    .text("; make the two equal");
                return Inferred::wrong(sentence, output);
            }
            let way_out = Sentence::new("; `")
                .text(cell.name)
                .text("` reads ")
                .dims(x)
                .text(" in each step, and the first axis is time");
            return Inferred::mismatch(wanted, way_out, Dims::UNKNOWN);
        }

        let mut i = 1;
        while i < self.sources() {
            let wanted = cell.input.parts()[i];
            let found = In::DIMS.parts()[i];
            if !found.same(&wanted) {
                let sentence = Sentence::new("begins with a state ")
                    .dims(wanted)
                    .text(", but its initial state is ")
                    .dims(found)
                    .text("; make the two equal");
                return Inferred::wrong(sentence, output);
            }
            i += 1;
        }
        Inferred::shape(output)
    }
}
