//! The plan of a network's buffers: where each layer reads and writes. It is worked out in constants,
//! once for inference and once for training.

use super::activation_store::Area;
use super::infer::Infer;
use super::layer::{Flow, OutputKind, ReluFusion};
use super::layer_input::{LayerInput, MAX_SOURCES};
use super::needs::{Batching, Needs};
use super::segments::{Segments, has_many_weights};
use super::train::Train;
use super::wiring::{Reads, Wiring};
use crate::memory::sample_bytes;
use crate::params::Parameters;
use crate::sizes;
use crate::tensor::{Element, Shape};

/// The properties of a layer that the plan depends on.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Stage {
    pub(super) flow: Flow,
    output_kind: OutputKind,
    relu_fusion: ReluFusion,
    /// The outputs that the layer reads.
    pub(super) reads: Reads,
    /// True if the layer is a `Relu` that runs as part of a neighbour.
    absorbed: bool,
    /// True if the layer runs `Relu` on its outputs.
    relu: bool,
    /// The numbers of bytes of the input and the output of one sample.
    pub(super) in_bytes: usize,
    pub(super) out_bytes: usize,
    /// The number of bytes of one sample from each source.
    source_bytes: [usize; MAX_SOURCES],
    /// The number of bytes of the parameters.
    pub(super) param_bytes: usize,
    multiply_adds: usize,
    pub(super) batching: Batching,
    pub(super) needs: Needs,
    reads_output: bool,
    pub(super) train_needs: Needs,
}

/// Returns the meaning of the outputs of a list. It is that of its inputs if all layers on the way
/// keep it.
const fn meaning<const N: usize>(stages: &[Stage; N], wiring: &Wiring<N>) -> OutputKind {
    let mut kinds = [OutputKind::Inputs; N];
    let mut i = 0;
    while i < N {
        let is_kept = matches!(stages[i].flow, Flow::View)
            || matches!(stages[i].output_kind, OutputKind::Inputs);

        kinds[i] = stages[i].output_kind;
        let reads = &wiring.reads[i];
        let mut source = 0;
        while is_kept && source < reads.count() {
            let kind = match reads.layer(source) {
                Some(layer) => kinds[layer],
                None => OutputKind::Inputs,
            };
            kinds[i] = if source == 0 {
                kind
            } else {
                kinds[i].beside(kind)
            };
            source += 1;
        }
        i += 1;
    }

    if N == 0 {
        OutputKind::Inputs
    } else {
        kinds[N - 1]
    }
}

impl Stage {
    /// Returns the properties of a layer for inference alone.
    pub const fn infer<L: Infer<In, Out, T>, In: LayerInput, Out: Shape, T: Element>() -> Self {
        let params = <L::Params as Parameters<T>>::LEN;

        // `InPlace` and the built-in layers promise this, and sharing a slot is only sound with it.
        let can_share = In::LEN == Out::LEN && params == 0 && L::NEEDS.is_none();
        assert!(
            can_share || matches!(L::FLOW, Flow::Apart),
            "a layer that works in place gives what it is given"
        );

        let mut source_bytes = [0; MAX_SOURCES];
        let mut i = 0;
        while i < MAX_SOURCES {
            source_bytes[i] = sample_bytes::<T>(In::LENS[i]);
            i += 1;
        }

        Stage {
            flow: L::FLOW,
            output_kind: L::OUTPUT_KIND,
            relu_fusion: L::RELU_FUSION,
            reads: Reads::BEFORE,
            absorbed: false,
            relu: false,
            in_bytes: sizes::sum(&source_bytes),
            out_bytes: sample_bytes::<T>(Out::LEN),
            source_bytes,
            param_bytes: sizes::product(&[params, size_of::<T>()]),
            multiply_adds: L::MULTIPLY_ADDS,
            batching: L::BATCHING,
            needs: L::NEEDS,
            reads_output: false,
            train_needs: Needs::NONE,
        }
    }

    /// Returns the properties of a layer.
    pub const fn of<L: Train<In, Out, T>, In: LayerInput, Out: Shape, T: Element>() -> Self {
        assert!(
            L::TRAIN_NEEDS.is_none() || matches!(L::FLOW, Flow::Apart),
            "a layer that works in place keeps nothing"
        );
        Stage {
            reads_output: L::READS_OUTPUT,
            train_needs: L::TRAIN_NEEDS,
            ..Stage::infer::<L, In, Out, T>()
        }
    }

    /// Returns the layer with other sources than the output before it; see [`Reads`].
    pub const fn reading(self, outputs: &[usize]) -> Self {
        Stage {
            reads: Reads::of(outputs),
            ..self
        }
    }

    /// Returns whether training needs the whole batch in one call.
    pub(super) const fn is_whole_batch(&self) -> bool {
        matches!(self.batching, Batching::WholeBatch)
    }
}

/// The location of the outputs of a layer, and of all layers that work on them in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// The network's input.
    Input,
    /// In inference, a buffer that is used for one chunk of the batch at a time.
    Chunk(usize),
    /// In inference, a buffer for all samples, as a later segment reads the outputs.
    Whole(usize),
    /// In training, two slots of the cache: for the outputs and for their gradient. Each is given
    /// by the number of bytes per sample before it.
    Slot { outputs: usize, gradient: usize },
    /// The network's output.
    Output,
}

impl Spot {
    /// Returns the index of the buffer, if it is one.
    #[inline]
    pub(super) const fn buffer(self) -> Option<usize> {
        match self {
            Spot::Chunk(buffer) | Spot::Whole(buffer) => Some(buffer),
            _ => None,
        }
    }

    /// Returns whether it is in the cache.
    #[inline]
    pub(super) const fn is_slot(self) -> bool {
        matches!(self, Spot::Slot { .. })
    }

    /// Returns the number of bytes per sample before the outputs in the cache, if they are there.
    #[inline]
    pub(super) const fn outputs(self) -> usize {
        match self {
            Spot::Slot { outputs, .. } => outputs,
            _ => 0,
        }
    }

    /// Returns the number of bytes per sample before their gradient in the cache, if it is there.
    #[inline]
    pub(super) const fn gradient(self) -> usize {
        match self {
            Spot::Slot { gradient, .. } => gradient,
            _ => 0,
        }
    }
}

/// The location of a layer's outputs after a forward pass for training.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputsAt {
    /// They are the network's input under another shape.
    Input,
    /// They are in the cache, after this number of bytes per sample.
    Cache(usize),
    /// They are the network's output.
    Output,
}

/// One of the outputs that a layer reads.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) spot: Spot,
    /// The index of the layer that gives it; `None` for the network's input.
    pub(super) layer: Option<usize>,
    /// In training, where the layer's share of the gradient goes if another layer has written the
    /// gradient before: the number of bytes per sample before it in the area for shares.
    pub(super) share: Option<usize>,
}

impl Source {
    const INPUT: Self = Source {
        spot: Spot::Input,
        layer: None,
        share: None,
    };
}

/// The plan for one layer.
#[derive(Clone, Copy)]
pub(super) struct LayerPlan {
    /// The location of its outputs.
    pub(super) spot: Spot,
    /// The outputs that it reads.
    pub(super) sources: [Source; MAX_SOURCES],
    /// True if the layer works in place on the outputs that it reads.
    pub(super) shares: bool,
    /// True if the layer is a `Relu` that runs as part of a neighbour.
    pub(super) absorbed: bool,
    /// True if `Relu` runs on the layer's outputs.
    pub(super) relu: bool,
    /// The number of bytes per sample before the layer's own cache; only for training.
    pub(super) cache: usize,
    /// The number of bytes before the layer's own state; only for inference.
    pub(super) state: usize,
}

/// The plan for a network of `N` layers: where each of them reads and writes.
#[doc(hidden)]
pub struct Plan<const N: usize> {
    pub(super) inference: [LayerPlan; N],
    pub(super) training: [LayerPlan; N],
    /// The groups of layers that run over the same samples before the next group does.
    pub(super) inference_segments: Segments<N>,
    pub(super) training_segments: Segments<N>,
    /// The buffers of inference.
    pub(super) buffers: [Buffer; N],
    /// The number of bytes per sample in all of them.
    pub(super) buffers_end: usize,
    /// The memory of inference: the buffers, the scratch memory that all layers use in turn, and
    /// the states of all layers.
    pub needs: Needs,
    /// The memory of training: outputs, their gradients and caches.
    pub train_needs: Needs,
    /// The part of it for shares of gradients, which all layers use in turn.
    pub(super) shares: Area,
    /// True if backward reads the network's output.
    pub reads_output: bool,
    /// The number of multiply-adds of a forward pass of one sample.
    pub multiply_adds: usize,
    /// The meaning of the network's outputs.
    pub gives: OutputKind,
    /// The batching of the layers as one: whether one of them needs the whole batch in training, or
    /// wants all samples of a thread. Those that want few cut the samples themselves.
    pub batching: Batching,
}

/// A buffer of inference: the positions of its start and its end among all buffers, in bytes per
/// sample.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The plan for a layer before it has a location.
const UNPLACED: LayerPlan = LayerPlan {
    spot: Spot::Input,
    sources: [Source::INPUT; MAX_SOURCES],
    shares: false,
    absorbed: false,
    relu: false,
    cache: 0,
    state: 0,
};

impl<const N: usize> Plan<N> {
    /// Returns the location of each layer's outputs after a forward pass for training.
    pub const fn outputs(&self) -> [OutputsAt; N] {
        let mut outputs = [OutputsAt::Input; N];
        let mut i = 0;
        while i < N {
            outputs[i] = match self.training[i].spot {
                Spot::Input => OutputsAt::Input,
                Spot::Slot { outputs, .. } => OutputsAt::Cache(outputs),
                _ => OutputsAt::Output,
            };
            i += 1;
        }
        outputs
    }

    pub const fn new(stages: [Stage; N]) -> Self {
        let wiring = Wiring::of(&stages);
        let stages = absorb_relu(stages, &wiring);
        let mut plan = Plan {
            inference: [UNPLACED; N],
            training: [UNPLACED; N],
            inference_segments: Segments::NONE,
            training_segments: Segments::NONE,
            buffers: [Buffer { start: 0, end: 0 }; N],
            buffers_end: 0,
            needs: Needs::NONE,
            train_needs: Needs::NONE,
            shares: Area { offset: 0, len: 0 },
            batching: Batching::Auto,
            reads_output: false,
            multiply_adds: 0,
            gives: OutputKind::Values,
        };

        let mut i = 0;
        while i < N {
            plan.multiply_adds = sizes::sum(&[plan.multiply_adds, stages[i].multiply_adds]);
            plan.batching = batching_with(plan.batching, &stages[i]);

            plan.inference[i].state = plan.needs.state;
            plan.needs = plan.needs.or(stages[i].needs);
            plan.train_needs.per_thread = sizes::larger(
                plan.train_needs.per_thread,
                stages[i].train_needs.per_thread,
            );
            i += 1;
        }
        plan.gives = meaning(&stages, &wiring);

        plan.place_inference(&stages, &wiring);
        plan.place_training(&stages, &wiring);
        plan
    }

    /// Gives each layer a buffer of inference.
    const fn place_inference(&mut self, stages: &[Stage; N], wiring: &Wiring<N>) {
        let slots = share_slots(stages, wiring, &mut self.inference, false);
        self.inference_segments = Segments::new(stages, &self.inference, false);
        let lives = wiring.lives(&slots, &self.inference_segments);

        // For each buffer, its bytes per sample and the first layer by which it is free.
        let mut sizes_of = [0; N];
        let mut free_at = [0; N];
        let mut is_whole = [false; N];
        let mut count = 0;

        let mut i = 0;
        while i < N {
            if self.inference[i].shares {
                self.inference[i].spot = match slots[i] {
                    Some(base) => self.inference[base].spot,
                    None => Spot::Input,
                };
            } else if lives[i].is_output {
                self.inference[i].spot = Spot::Output;
            } else {
                // The smallest free buffer that is large enough, or else the largest free one.
                let bytes = stages[i].out_bytes;
                let mut best = count;
                let mut k = 0;
                while k < count {
                    let is_free = free_at[k] <= i && is_whole[k] == lives[i].is_whole;
                    let is_better = best == count
                        || if sizes_of[k] >= bytes {
                            sizes_of[best] < bytes || sizes_of[k] < sizes_of[best]
                        } else {
                            sizes_of[k] > sizes_of[best]
                        };
                    if is_free && is_better {
                        best = k;
                    }
                    k += 1;
                }

                if best == count {
                    count += 1;
                }
                sizes_of[best] = sizes::larger(sizes_of[best], bytes);
                is_whole[best] = lives[i].is_whole;
                free_at[best] = lives[i].free_at;
                self.inference[i].spot = if lives[i].is_whole {
                    Spot::Whole(best)
                } else {
                    Spot::Chunk(best)
                };
            }
            i += 1;
        }

        let mut k = 0;
        while k < count {
            let start = self.buffers_end;
            self.buffers_end = sizes::sum(&[start, sizes_of[k]]);
            self.buffers[k] = Buffer {
                start,
                end: self.buffers_end,
            };
            k += 1;
        }
        self.needs.per_sample = sizes::sum(&[self.needs.per_sample, self.buffers_end]);
        connect(&mut self.inference, wiring);
    }

    /// Gives each layer slots of the training cache: one for its outputs, one for their gradient,
    /// one for its own cache.
    const fn place_training(&mut self, stages: &[Stage; N], wiring: &Wiring<N>) {
        let slots = share_slots(stages, wiring, &mut self.training, true);
        self.training_segments = Segments::new(stages, &self.training, true);
        let lives = wiring.lives(&slots, &self.training_segments);

        let mut cache = 0;
        let mut i = 0;
        while i < N {
            self.training[i].spot = if self.training[i].shares {
                match slots[i] {
                    Some(base) => self.training[base].spot,
                    None => Spot::Input,
                }
            } else if lives[i].is_output {
                Spot::Output
            } else {
                let outputs = cache;
                let gradient = sizes::sum(&[outputs, stages[i].out_bytes]);
                cache = sizes::sum(&[gradient, stages[i].out_bytes]);
                Spot::Slot { outputs, gradient }
            };

            self.training[i].cache = cache;
            cache = sizes::sum(&[cache, stages[i].train_needs.per_sample]);
            if matches!(self.training[i].spot, Spot::Output) && stages[i].reads_output {
                self.reads_output = true;
            }
            i += 1;
        }

        connect(&mut self.training, wiring);
        self.shares = Area {
            offset: cache,
            len: self.place_shares(stages, wiring),
        };
        self.train_needs.per_sample = sizes::sum(&[cache, self.shares.len]);
    }

    /// Gives a place in the area for shares to each share of a gradient that is added to what a
    /// later layer has written. Returns the number of bytes per sample.
    const fn place_shares(&mut self, stages: &[Stage; N], wiring: &Wiring<N>) -> usize {
        let mut most = 0;
        let mut i = 0;
        while i < N {
            let mut own = 0;
            let mut source = 0;
            while source < wiring.reads(i).count() {
                if !self.training[i].shares && !wiring.writes_gradient(i, source) {
                    self.training[i].sources[source].share = Some(own);
                    own = sizes::sum(&[own, stages[i].source_bytes[source]]);
                }
                source += 1;
            }
            most = sizes::larger(most, own);
            i += 1;
        }
        most
    }
}

/// Tells each layer where its sources are.
const fn connect<const N: usize>(layers: &mut [LayerPlan; N], wiring: &Wiring<N>) {
    let mut i = 0;
    while i < N {
        let mut source = 0;
        while source < wiring.reads(i).count() {
            layers[i].sources[source] = match wiring.reads(i).layer(source) {
                None => Source::INPUT,
                Some(layer) => Source {
                    spot: layers[layer].spot,
                    layer: Some(layer),
                    share: None,
                },
            };
            source += 1;
        }
        i += 1;
    }
}

/// Returns the batching of some layers and one more as one layer.
const fn batching_with(others: Batching, stage: &Stage) -> Batching {
    match (others, stage.batching) {
        (Batching::WholeBatch, _) | (_, Batching::WholeBatch) => Batching::WholeBatch,
        (Batching::All, _) | (_, Batching::All) => Batching::All,
        (_, Batching::Auto) if has_many_weights(stage, false) => Batching::All,
        _ => Batching::Auto,
    }
}

/// Fuses each `Relu` with a neighbour, and makes it a view.
///
/// If a layer that takes maxima follows, `Relu` runs after it, on fewer elements. Otherwise it runs
/// at the end of the layer before. Nobody else may read what lies between the two.
const fn absorb_relu<const N: usize>(mut stages: [Stage; N], wiring: &Wiring<N>) -> [Stage; N] {
    let mut i = 0;
    while i < N {
        if matches!(stages[i].relu_fusion, ReluFusion::IsRelu) {
            let maxima_follow = i + 1 < N
                && matches!(stages[i + 1].relu_fusion, ReluFusion::Maxima)
                && wiring.follows(i + 1, i)
                && wiring.is_only_reader(i);
            let neighbour = if maxima_follow {
                i + 1
            } else if i > 0
                && wiring.follows(i, i - 1)
                && matches!(stages[i - 1].flow, Flow::Apart)
                && !stages[i - 1].is_whole_batch()
            {
                i - 1
            } else {
                i
            };

            if neighbour != i && !stages[neighbour].relu {
                // The backward of `Relu` reads the outputs of the two layers together.
                stages[neighbour].relu = true;
                stages[neighbour].reads_output = true;

                stages[i].absorbed = true;
                stages[i].flow = Flow::View;
                stages[i].reads_output = false;
            }
        }
        i += 1;
    }
    stages
}

/// Decides which layers work in place on the outputs that they read. Returns for each layer the
/// layer whose slot its outputs share, or its own index; `None` for the network's input.
///
/// The network's input is never written to, and neither are outputs that another layer reads. In
/// training, a layer must not overwrite what the backward of a layer before it reads.
const fn share_slots<const N: usize>(
    stages: &[Stage; N],
    wiring: &Wiring<N>,
    layers: &mut [LayerPlan; N],
    training: bool,
) -> [Option<usize>; N] {
    let mut slots = [None; N];
    // Whether a backward reads the outputs in a layer's slot.
    let mut is_read = [false; N];

    let mut i = 0;
    while i < N {
        let source = wiring.reads(i).layer(0);
        let base = match source {
            Some(layer) => slots[layer],
            None => None,
        };
        let is_only_reader = wiring.reads(i).count() == 1 && wiring.is_only_reader(i);
        let can_overwrite = match base {
            Some(base) => !(training && is_read[base]),
            None => false,
        };

        let shares = match stages[i].flow {
            Flow::Apart => false,
            Flow::InPlace => is_only_reader && can_overwrite,
            // All layers may be views: the last copies the input to the output.
            Flow::View => is_only_reader && (base.is_some() || i + 1 < N),
        };
        layers[i].shares = shares;
        layers[i].absorbed = stages[i].absorbed;
        layers[i].relu = stages[i].relu;

        slots[i] = if shares { base } else { Some(i) };
        if let Some(slot) = slots[i] {
            is_read[slot] = is_read[slot] || stages[i].reads_output;
        }
        i += 1;
    }
    slots
}

#[cfg(test)]
mod tests;
