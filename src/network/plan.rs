//! Where each layer's output lies: worked out in constants, once for inference and once for
//! training.

use super::layer::{Compute, Flow, OutputKind, ReluFusion};
use super::parameters::Parameters;
use super::segments::Segments;
use crate::sizes;
use crate::tensor::{Element, Shape};

/// What the plan needs to know of one layer.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Stage {
    pub(super) flow: Flow,
    reads_output: bool,
    gives: OutputKind,
    relu_fusion: ReluFusion,
    /// It runs as part of a neighbour.
    absorbed: bool,
    /// It runs `Relu` on its outputs.
    relu: bool,
    pub(super) in_len: usize,
    pub(super) out_len: usize,
    pub(super) params: usize,
    multiply_adds: usize,
    pub(super) cache: usize,
    scratch: usize,
    pub(super) whole_batch: bool,
    /// Bytes of one number.
    pub(super) size: usize,
}

impl Stage {
    pub const fn of<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>() -> Self {
        let params = <L::Params as Parameters<T>>::LEN;
        // What `InPlace` and the built-in layers promise, and slots that are shared rest on.
        let shares = In::LEN == Out::LEN && params == 0 && L::CACHE == 0 && L::SCRATCH == 0;
        assert!(
            shares || matches!(L::FLOW, Flow::Apart),
            "a layer that works in place gives what it is given"
        );
        Stage {
            flow: L::FLOW,
            reads_output: L::READS_OUTPUT,
            gives: L::OUTPUT_KIND,
            relu_fusion: L::RELU_FUSION,
            absorbed: false,
            relu: false,
            in_len: In::LEN,
            out_len: Out::LEN,
            params,
            multiply_adds: L::MULTIPLY_ADDS,
            cache: L::CACHE,
            scratch: L::SCRATCH,
            whole_batch: L::WHOLE_BATCH,
            size: size_of::<T>(),
        }
    }
}

/// A place for the outputs of one layer or several that work in place, or for their gradient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// What the network was given.
    Input,
    /// During inference: one of two buffers that are used in turn.
    Even,
    Odd,
    /// During inference: one of two buffers, used in turn, for what one segment leaves to the next.
    EvenEnd,
    OddEnd,
    /// During training: a slot of the cache that begins so many numbers per sample from its start,
    /// and the slot for the gradient.
    Slot {
        outputs: usize,
        gradient: usize,
    },
    /// Where the network's output goes.
    Output,
}

/// Where a layer's outputs lie after forward.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputsAt {
    /// They are the network's input under another shape.
    Input,
    /// So many numbers per sample from the start of the cache.
    Cache(usize),
    /// They are the network's output.
    Output,
}

/// Where one layer writes.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) spot: Spot,
    /// The layer works on what the layer before left there.
    pub(super) shares: bool,
    /// The layer runs as part of a neighbour.
    pub(super) absorbed: bool,
    /// `Relu` runs on the layer's outputs.
    pub(super) relu: bool,
    /// Where the layer's own cache begins, in numbers per sample; only for training.
    pub(super) cache: usize,
}

/// Where each layer of a network of `N` layers reads and writes.
#[doc(hidden)]
pub struct Plan<const N: usize> {
    pub(super) inference: [Step; N],
    pub(super) training: [Step; N],
    /// Which layers run over the same samples before the next do.
    pub(super) inference_segments: Segments<N>,
    pub(super) training_segments: Segments<N>,
    /// Numbers per sample in the buffers of inference, and for the scratch of one layer at a time.
    pub(super) even: usize,
    pub(super) odd: usize,
    pub(super) even_end: usize,
    pub(super) odd_end: usize,
    pub(super) inner: usize,
    /// Numbers per sample that a training pass keeps beside input and output.
    pub cache: usize,
    /// Whether backward reads the network's output.
    pub reads_output: bool,
    /// Multiply-adds of one forward pass of one sample.
    pub multiply_adds: usize,
    /// What the network's outputs mean.
    pub gives: OutputKind,
    /// Whether a layer looks at the whole batch.
    pub whole_batch: bool,
}

const START: Step = Step {
    spot: Spot::Input,
    shares: false,
    absorbed: false,
    relu: false,
    cache: 0,
};

impl<const N: usize> Plan<N> {
    /// Numbers per sample that inference needs for the time of the call.
    pub const fn scratch(&self) -> usize {
        sizes::sum(&[self.even, self.odd, self.even_end, self.odd_end, self.inner])
    }

    /// Where each layer's outputs lie after forward for training.
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
            inference: [START; N],
            training: [START; N],
            inference_segments: Segments::NONE,
            training_segments: Segments::NONE,
            even: 0,
            odd: 0,
            even_end: 0,
            odd_end: 0,
            inner: 0,
            whole_batch: false,
            cache: 0,
            reads_output: false,
            multiply_adds: 0,
            gives: OutputKind::Values,
        };
        let mut i = 0;
        while i < N {
            plan.multiply_adds = sizes::sum(&[plan.multiply_adds, stages[i].multiply_adds]);
            plan.whole_batch = plan.whole_batch || stages[i].whole_batch;
            if !matches!(stages[i].flow, Flow::View) {
                plan.gives = stages[i].gives;
            }
            if stages[i].scratch > plan.inner {
                plan.inner = stages[i].scratch;
            }
            i += 1;
        }
        plan.place_inference(&stages);
        plan.place_training(&stages);
        plan
    }

    const fn place_inference(&mut self, stages: &[Stage; N]) {
        let last = mark_shares(stages, &mut self.inference, false);
        self.inference_segments = Segments::new(stages, &self.inference, false);
        let (mut i, mut spot, mut even, mut segment) = (0, Spot::Input, true, 0);
        while i < N {
            if i > self.inference_segments.list[segment].last {
                segment += 1;
            }
            if !self.inference[i].shares {
                let len = stages[i].out_len;
                let ends = self.inference_segments.list[segment].last_output == i;
                if i == last {
                    spot = Spot::Output;
                } else if ends && segment % 2 == 0 {
                    spot = Spot::EvenEnd;
                    self.even_end = larger(self.even_end, len);
                } else if ends {
                    spot = Spot::OddEnd;
                    self.odd_end = larger(self.odd_end, len);
                } else if even {
                    spot = Spot::Even;
                    self.even = larger(self.even, len);
                } else {
                    spot = Spot::Odd;
                    self.odd = larger(self.odd, len);
                }
                even = !even;
            }
            self.inference[i].spot = spot;
            i += 1;
        }
    }

    const fn place_training(&mut self, stages: &[Stage; N]) {
        let last = mark_shares(stages, &mut self.training, true);
        self.training_segments = Segments::new(stages, &self.training, true);
        let (mut i, mut spot) = (0, Spot::Input);
        while i < N {
            if !self.training[i].shares {
                let len = stages[i].out_len;
                if i == last {
                    spot = Spot::Output;
                } else {
                    let gradient = sizes::sum(&[self.cache, len]);
                    spot = Spot::Slot {
                        outputs: self.cache,
                        gradient,
                    };
                    self.cache = sizes::sum(&[gradient, len]);
                }
            }
            self.training[i].spot = spot;
            self.training[i].cache = self.cache;
            self.cache = sizes::sum(&[self.cache, stages[i].cache]);
            if matches!(spot, Spot::Output) && stages[i].reads_output {
                self.reads_output = true;
            }
            i += 1;
        }
    }
}

/// Lets each `Relu` run as part of a layer beside it: after the maxima behind it, of which there
/// are fewer, or at the end of the layer before. It becomes a view.
const fn absorb_relu<const N: usize>(mut stages: [Stage; N]) -> [Stage; N] {
    let mut i = 0;
    while i < N {
        if matches!(stages[i].relu_fusion, ReluFusion::IsRelu) {
            let maxima = i + 1 < N && matches!(stages[i + 1].relu_fusion, ReluFusion::Maxima);
            let by = if maxima {
                i + 1
            } else if i > 0
                && matches!(stages[i - 1].flow, Flow::Apart)
                && !stages[i - 1].whole_batch
            {
                i - 1
            } else {
                i
            };
            if by != i && !stages[by].relu {
                (stages[by].relu, stages[by].reads_output) = (true, true);
                (stages[i].absorbed, stages[i].flow, stages[i].reads_output) =
                    (true, Flow::View, false);
            }
        }
        i += 1;
    }
    stages
}

/// Decides which layers work where the layer before left its output; returns the last that does
/// not.
///
/// The network's input is never written to. While training, a layer must not overwrite what the
/// backward pass of a layer before reads.
const fn mark_shares<const N: usize>(
    stages: &[Stage; N],
    steps: &mut [Step; N],
    training: bool,
) -> usize {
    let (mut i, mut last, mut given, mut read) = (0, N, true, false);
    while i < N {
        let shares = match stages[i].flow {
            Flow::Apart => false,
            Flow::InPlace => !(given || training && read),
            Flow::View => true,
        };
        steps[i].shares = shares;
        (steps[i].absorbed, steps[i].relu) = (stages[i].absorbed, stages[i].relu);
        if !shares {
            (last, given, read) = (i, false, false);
        }
        read = read || stages[i].reads_output;
        i += 1;
    }
    if last == N && N > 0 {
        // Views alone: the last copies the input to the output.
        last = N - 1;
        steps[last].shares = false;
    }
    last
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
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
        let steps = plan.training.map(|step| (step.absorbed, step.relu));
        let (absorbed, relu, plain) = ((true, false), (false, true), (false, false));
        // Before the maxima and after the dense layer; the last has no neighbour that is free.
        assert_eq!(steps, [absorbed, relu, relu, absorbed, plain]);
    }
}
