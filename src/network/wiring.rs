//! The wiring of a list of layers: which outputs each layer reads.

use super::layer_input::MAX_SOURCES;
use super::plan::Stage;
use super::segments::Segments;

/// The outputs that a layer reads, by number: 0 is the input of the list, `k + 1` the output of
/// layer `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    outputs: [usize; MAX_SOURCES],
    count: usize,
}

impl Reads {
    /// The output before the layer.
    pub(super) const BEFORE: Self = Reads {
        outputs: [0; MAX_SOURCES],
        count: 0,
    };

    /// Returns the sources with these numbers.
    pub(super) const fn of(outputs: &[usize]) -> Self {
        let mut reads = Reads {
            outputs: [0; MAX_SOURCES],
            count: outputs.len(),
        };
        let mut i = 0;
        while i < outputs.len() {
            reads.outputs[i] = outputs[i];
            i += 1;
        }
        reads
    }

    /// Returns the number of sources.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Returns the layer that gives a source; `None` for the input of the list.
    pub(super) const fn layer(&self, source: usize) -> Option<usize> {
        self.outputs[source].checked_sub(1)
    }

    /// Returns whether one of the first `n` sources is an output.
    const fn has(&self, output: usize, n: usize) -> bool {
        let mut i = 0;
        while i < n {
            if self.outputs[i] == output {
                return true;
            }
            i += 1;
        }
        false
    }
}

/// The wiring of a list of `N` layers, whose output is that of the last layer.
pub(super) struct Wiring<const N: usize> {
    pub(super) reads: [Reads; N],
    /// The readers of the input, and of the output of each layer.
    input: Readers,
    outputs: [Readers; N],
}

/// The layers that read an output.
#[derive(Clone, Copy)]
struct Readers {
    /// The number of times that the output is read.
    uses: usize,
    /// The last layer that reads it.
    last: usize,
}

/// The time for which the outputs in a slot are needed.
#[derive(Clone, Copy)]
pub(super) struct Life {
    /// The index of the first layer that may overwrite them.
    pub(super) free_at: usize,
    /// True if a layer of another segment reads them.
    pub(super) is_whole: bool,
    /// True if they are the output of the list.
    pub(super) is_output: bool,
}

impl<const N: usize> Wiring<N> {
    pub(super) const fn of(stages: &[Stage; N]) -> Self {
        let none = Readers { uses: 0, last: 0 };
        let mut wiring = Wiring {
            reads: [Reads::BEFORE; N],
            input: none,
            outputs: [none; N],
        };

        let mut i = 0;
        while i < N {
            let mut reads = stages[i].reads;
            if reads.count == 0 {
                reads = Reads::of(&[i]);
            }
            wiring.reads[i] = reads;

            let mut source = 0;
            while source < reads.count {
                let readers = match reads.layer(source) {
                    None => &mut wiring.input,
                    Some(layer) => &mut wiring.outputs[layer],
                };
                readers.uses += 1;
                readers.last = i;
                source += 1;
            }
            i += 1;
        }

        // The output of the list is read after all layers.
        if N > 0 {
            wiring.outputs[N - 1].uses += 1;
        }
        wiring
    }

    /// Returns the outputs that a layer reads.
    pub(super) const fn reads(&self, layer: usize) -> Reads {
        self.reads[layer]
    }

    /// Returns the readers of one of the outputs that a layer reads.
    const fn readers(&self, layer: usize, source: usize) -> Readers {
        match self.reads[layer].layer(source) {
            None => self.input,
            Some(layer) => self.outputs[layer],
        }
    }

    /// Returns whether no other layer reads the first output that a layer reads.
    pub(super) const fn is_only_reader(&self, layer: usize) -> bool {
        self.readers(layer, 0).uses == 1
    }

    /// Returns whether a layer reads the output of another one and nothing else, and is the only one
    /// to read it.
    pub(super) const fn follows(&self, layer: usize, other: usize) -> bool {
        let reads = self.reads[layer];
        reads.count == 1 && reads.outputs[0] == other + 1 && self.is_only_reader(layer)
    }

    /// Returns whether a layer is the first in backward to write the gradient of one of its sources.
    /// All others add to it.
    pub(super) const fn writes_gradient(&self, layer: usize, source: usize) -> bool {
        let output = self.reads[layer].outputs[source];
        self.readers(layer, source).last == layer && !self.reads[layer].has(output, source)
    }

    /// Returns the life of each layer's slot; `slots` has the slot of each layer's outputs.
    pub(super) const fn lives(
        &self,
        slots: &[Option<usize>; N],
        segments: &Segments<N>,
    ) -> [Life; N] {
        let mut lives = [Life {
            free_at: 0,
            is_whole: false,
            is_output: false,
        }; N];

        let mut i = 0;
        while i < N {
            let mut source = 0;
            while source < self.reads[i].count {
                if let Some(layer) = self.reads[i].layer(source)
                    && let Some(slot) = slots[layer]
                {
                    let life = &mut lives[slot];
                    life.is_whole = life.is_whole || segments.of(slot) != segments.of(i);
                    // A buffer of all samples is free when all of them have passed the segment.
                    life.free_at = if life.is_whole {
                        segments.end(segments.of(i))
                    } else {
                        i + 1
                    };
                }
                source += 1;
            }
            i += 1;
        }

        if N > 0
            && let Some(slot) = slots[N - 1]
        {
            lives[slot].is_output = true;
        }
        lives
    }
}
