//! The plan of a network's buffers: where each layer's output lies. It is worked out in constants,
//! once for inference and once for training.

use super::infer::Infer;
use super::layer::{Flow, OutputKind, ReluFusion};
use super::needs::{Batching, Needs, sample_bytes};
use super::parameters::Parameters;
use super::segments::Segments;
use super::train::Train;
use crate::sizes;
use crate::tensor::{Element, Shape};

/// The properties of a layer that the plan depends on.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Stage {
    pub(super) flow: Flow,
    output_kind: OutputKind,
    relu_fusion: ReluFusion,
    /// Whether the layer is a `Relu` that runs as part of a neighbour.
    absorbed: bool,
    /// Whether the layer runs `Relu` on its outputs.
    relu: bool,
    /// The numbers of bytes of the input and the output of one sample.
    pub(super) in_bytes: usize,
    pub(super) out_bytes: usize,
    /// The number of bytes of the parameters.
    pub(super) param_bytes: usize,
    multiply_adds: usize,
    pub(super) batching: Batching,
    needs: Needs,
    reads_output: bool,
    pub(super) train_needs: Needs,
}

impl Stage {
    /// Returns the properties of a layer for inference alone.
    pub const fn infer<L: Infer<In, Out, T>, In: Shape, Out: Shape, T: Element>() -> Self {
        let params = <L::Params as Parameters<T>>::LEN;

        // `InPlace` and the built-in layers promise this, and sharing a slot is only sound with it.
        let can_share = In::LEN == Out::LEN && params == 0 && L::NEEDS.is_none();
        assert!(
            can_share || matches!(L::FLOW, Flow::Apart),
            "a layer that works in place gives what it is given"
        );

        Stage {
            flow: L::FLOW,
            output_kind: L::OUTPUT_KIND,
            relu_fusion: L::RELU_FUSION,
            absorbed: false,
            relu: false,
            in_bytes: sample_bytes::<T>(In::LEN),
            out_bytes: sample_bytes::<T>(Out::LEN),
            param_bytes: sizes::product(&[params, size_of::<T>()]),
            multiply_adds: L::MULTIPLY_ADDS,
            batching: L::BATCHING,
            needs: L::NEEDS,
            reads_output: false,
            train_needs: Needs::NONE,
        }
    }

    /// Returns the properties of a layer.
    pub const fn of<L: Train<In, Out, T>, In: Shape, Out: Shape, T: Element>() -> Self {
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
    /// In inference, one of two buffers that alternate within a segment.
    Even,
    Odd,
    /// In inference, one of two buffers that alternate for the last outputs of the segments, which
    /// the next segment reads.
    EvenEnd,
    OddEnd,
    /// In training, two slots of the cache: for the outputs and for their gradient. Each is given
    /// by the number of bytes per sample before it.
    Slot {
        outputs: usize,
        gradient: usize,
    },
    /// The network's output.
    Output,
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

/// The plan for one layer.
#[derive(Clone, Copy)]
pub(super) struct LayerPlan {
    /// The location of its outputs.
    pub(super) spot: Spot,
    /// Whether the layer works in place on the outputs of the layer before.
    pub(super) shares: bool,
    /// Whether the layer is a `Relu` that runs as part of a neighbour.
    pub(super) absorbed: bool,
    /// Whether `Relu` runs on the layer's outputs.
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
    /// The numbers of bytes per sample in the buffers of inference.
    pub(super) even: usize,
    pub(super) odd: usize,
    pub(super) even_end: usize,
    pub(super) odd_end: usize,
    /// The memory of inference: the buffers, the scratch memory that all layers use in turn, and
    /// the states of all layers.
    pub needs: Needs,
    /// The memory of training: outputs, their gradients and caches.
    pub train_needs: Needs,
    /// Whether backward reads the network's output.
    pub reads_output: bool,
    /// The number of multiply-adds of a forward pass of one sample.
    pub multiply_adds: usize,
    /// The meaning of the network's outputs.
    pub gives: OutputKind,
    /// The batching of the layers as one: whether one of them needs the whole batch in training.
    pub batching: Batching,
}

/// The plan for a layer before it has a location.
const UNPLACED: LayerPlan = LayerPlan {
    spot: Spot::Input,
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
        let stages = absorb_relu(stages);
        let mut plan = Plan {
            inference: [UNPLACED; N],
            training: [UNPLACED; N],
            inference_segments: Segments::NONE,
            training_segments: Segments::NONE,
            even: 0,
            odd: 0,
            even_end: 0,
            odd_end: 0,
            needs: Needs::NONE,
            train_needs: Needs::NONE,
            batching: Batching::Auto,
            reads_output: false,
            multiply_adds: 0,
            gives: OutputKind::Values,
        };

        let mut i = 0;
        while i < N {
            plan.multiply_adds = sizes::sum(&[plan.multiply_adds, stages[i].multiply_adds]);
            if stages[i].is_whole_batch() {
                plan.batching = Batching::WholeBatch;
            }

            plan.inference[i].state = plan.needs.state;
            plan.needs = plan.needs.or(stages[i].needs);
            plan.train_needs.per_thread = sizes::larger(
                plan.train_needs.per_thread,
                stages[i].train_needs.per_thread,
            );
            if !matches!(stages[i].flow, Flow::View) {
                plan.gives = stages[i].output_kind;
            }
            i += 1;
        }

        plan.place_inference(&stages);
        plan.place_training(&stages);
        plan
    }

    /// Gives each layer a buffer of inference.
    const fn place_inference(&mut self, stages: &[Stage; N]) {
        let last = mark_shares(stages, &mut self.inference, false);
        self.inference_segments = Segments::new(stages, &self.inference, false);

        let mut spot = Spot::Input;
        let mut is_even = true;
        let mut segment = 0;
        let mut i = 0;
        while i < N {
            if i > self.inference_segments.list[segment].last {
                segment += 1;
            }

            if !self.inference[i].shares {
                let bytes = stages[i].out_bytes;
                let ends_segment = self.inference_segments.list[segment].last_output == i;
                if i == last {
                    spot = Spot::Output;
                } else if ends_segment && segment % 2 == 0 {
                    spot = Spot::EvenEnd;
                    self.even_end = sizes::larger(self.even_end, bytes);
                } else if ends_segment {
                    spot = Spot::OddEnd;
                    self.odd_end = sizes::larger(self.odd_end, bytes);
                } else if is_even {
                    spot = Spot::Even;
                    self.even = sizes::larger(self.even, bytes);
                } else {
                    spot = Spot::Odd;
                    self.odd = sizes::larger(self.odd, bytes);
                }
                is_even = !is_even;
            }

            self.inference[i].spot = spot;
            i += 1;
        }

        self.needs.per_sample = sizes::sum(&[
            self.needs.per_sample,
            self.even,
            self.odd,
            self.even_end,
            self.odd_end,
        ]);
    }

    /// Gives each layer slots of the training cache: one for its outputs, one for their gradient,
    /// one for its own cache.
    const fn place_training(&mut self, stages: &[Stage; N]) {
        let last = mark_shares(stages, &mut self.training, true);
        self.training_segments = Segments::new(stages, &self.training, true);

        let mut cache = 0;
        let mut spot = Spot::Input;
        let mut i = 0;
        while i < N {
            if !self.training[i].shares {
                let bytes = stages[i].out_bytes;
                if i == last {
                    spot = Spot::Output;
                } else {
                    let gradient = sizes::sum(&[cache, bytes]);
                    spot = Spot::Slot {
                        outputs: cache,
                        gradient,
                    };
                    cache = sizes::sum(&[gradient, bytes]);
                }
            }

            self.training[i].spot = spot;
            self.training[i].cache = cache;
            cache = sizes::sum(&[cache, stages[i].train_needs.per_sample]);
            if matches!(spot, Spot::Output) && stages[i].reads_output {
                self.reads_output = true;
            }
            i += 1;
        }
        self.train_needs.per_sample = cache;
    }
}

/// Fuses each `Relu` with a neighbour, and makes it a view.
///
/// If a layer that takes maxima follows, `Relu` runs after it, on fewer elements. Otherwise it runs
/// at the end of the layer before.
const fn absorb_relu<const N: usize>(mut stages: [Stage; N]) -> [Stage; N] {
    let mut i = 0;
    while i < N {
        if matches!(stages[i].relu_fusion, ReluFusion::IsRelu) {
            let maxima_follow =
                i + 1 < N && matches!(stages[i + 1].relu_fusion, ReluFusion::Maxima);
            let neighbour = if maxima_follow {
                i + 1
            } else if i > 0
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

/// Decides which layers work in place on the outputs of the layer before; returns the last layer
/// that does not.
///
/// The network's input is never written to. In training, a layer must not overwrite what the
/// backward of a layer before it reads.
const fn mark_shares<const N: usize>(
    stages: &[Stage; N],
    layers: &mut [LayerPlan; N],
    training: bool,
) -> usize {
    let mut last = N;
    // Whether the outputs so far are the network's input, and whether a backward reads them.
    let mut is_input = true;
    let mut is_read = false;

    let mut i = 0;
    while i < N {
        let shares = match stages[i].flow {
            Flow::Apart => false,
            Flow::InPlace => !(is_input || training && is_read),
            Flow::View => true,
        };
        layers[i].shares = shares;
        layers[i].absorbed = stages[i].absorbed;
        layers[i].relu = stages[i].relu;

        if !shares {
            last = i;
            is_input = false;
            is_read = false;
        }
        is_read = is_read || stages[i].reads_output;
        i += 1;
    }

    if last == N && N > 0 {
        // All layers are views: the last copies the input to the output.
        last = N - 1;
        layers[last].shares = false;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::{Plan, Stage};
    use crate::nn::{Linear, MaxPool2d, Relu};
    use crate::tensor::Rank3;

    #[test]
    fn relu_runs_with_a_neighbour() {
        type Before = Rank3<4, 4, 2>;
        type After = Rank3<2, 2, 2>;
        let plan = Plan::new([
            Stage::of::<Relu, Before, Before, f32>(),
            Stage::of::<MaxPool2d<2, 2, 2, 2, 0, 0, 1, 1>, Before, After, f32>(),
            Stage::of::<Linear<2, 2>, After, After, f32>(),
            Stage::of::<Relu, After, After, f32>(),
            Stage::of::<Relu, After, After, f32>(),
        ]);
        let layers = plan.training.map(|layer| (layer.absorbed, layer.relu));

        // `Relu` before the maxima and after the dense layer; the last has no free neighbour.
        let absorbed = (true, false);
        let relu = (false, true);
        let plain = (false, false);
        assert_eq!(layers, [absorbed, relu, relu, absorbed, plain]);
    }
}
