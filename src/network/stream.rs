//! Streams: a network over time, one step after another.

use core::slice;

use super::inference;
use super::inference_workspace::InferenceWorkspace;
use super::network::Network;
use super::share::share;
use super::state::State;
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::tensor::{Shape, Tensor};

/// A network with `#[stream]` on its definition: it can be given its input step by step.
///
/// The first axis of its input is time, and none of its layers looks ahead. One definition then
/// serves blocks, as in training, and steps, as in an audio callback, with the same bits:
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     /// A filter over blocks of 16 samples.
///     #[stream]
///     struct Filter: [16, 1] -> [16, 1] { Linear<_, 8>, Tanh, Linear<_, 1> }
/// }
/// let net = Filter::init(&mut shapewright::rng(0));
/// let block: Tensor2<16, 1> = Tensor::from_position(|i| i as f32);
/// let expected = net.forward(&block);
///
/// let mut stream = Filter::stream();
/// for t in 0..16 {
///     let y = stream.step(&net, &Tensor1::from([block[[t, 0]]]));
///     assert_eq!(y[0], expected[[t, 0]]);
/// }
///
/// // What a program can rely on:
/// assert_eq!(Filter::RECEPTIVE_FIELD, 1);
/// assert_eq!(Filter::LOOKAHEAD, 0);
/// ```
///
/// Every layer must be causal; the compile error names the first one that is not. Behind a layer
/// that selects the last position, [`SelectLast`](crate::nn::SelectLast), there is no axis of time:
/// each step gives the output for the input up to this step, as a detector of wake words needs it.
/// A network inside needs the attribute as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no stream: write `#[stream]` before its definition",
    label = "not a network with a stream"
)]
pub trait Streaming: Network {
    /// The same layers over an axis of time of length 1. It shares the parameters.
    #[doc(hidden)]
    type Step: Network<Element = Self::Element>;
    /// The shape of a step's input: that of the network without the axis of time.
    type StepInput: Shape;
    /// The shape of a step's output.
    type StepOutput: Shape;

    /// The number of steps up to its own that an output depends on; `usize::MAX` for all of them.
    const RECEPTIVE_FIELD: usize;
    /// The number of later steps that an output depends on, which is always 0: a layer that looks
    /// ahead is a compile error.
    const LOOKAHEAD: usize = 0;

    /// The length of the first axis of each output of `Step`.
    #[doc(hidden)]
    const LENGTHS: &'static [usize];
}

/// The memory of a stream of the network `N`: its state, and what a step needs.
///
/// It is a struct of constant size without a heap, made by [`Network::stream`]. A
/// [`step`](Stream::step) does not allocate, takes no lock and calls no system function, also
/// in a thread's first call: it can run in an audio callback. Streams of one network are independent
/// of each other, and a clone continues a stream in two ways.
pub struct Stream<N: Streaming> {
    state: State<N::Step>,
    workspace: InferenceWorkspace<N::Step>,
}

/// The same layers at both lengths have the same state.
const fn assert_same_state<N: Streaming>() {
    assert!(
        N::STATE_BYTES == <N::Step as Network>::STATE_BYTES,
        "the state of a layer depends on the length of its input"
    );
}

/// Returns a network as the network of its steps.
#[inline(always)]
fn as_step<N: Streaming>(network: &N) -> &N::Step {
    const { assert_same_state::<N>() };
    share(network)
}

impl<N: Streaming> Stream<N> {
    /// Creates a stream at its beginning, in a constant or a `static`.
    pub const fn new() -> Self {
        Stream {
            state: State::new(),
            workspace: InferenceWorkspace::new(),
        }
    }

    /// Returns the output for the next step.
    #[inline]
    #[must_use]
    pub fn step(
        &mut self,
        network: &N,
        x: &Tensor<N::StepInput, N::Element>,
    ) -> Tensor<N::StepOutput, N::Element> {
        let mut y = Tensor::zeros();
        self.step_into(network, x, &mut y);
        y
    }

    /// Writes the output for the next step to `y`.
    #[inline]
    pub fn step_into(
        &mut self,
        network: &N,
        x: &Tensor<N::StepInput, N::Element>,
        y: &mut Tensor<N::StepOutput, N::Element>,
    ) {
        inference::one_with(
            as_step(network),
            &tensors(flatten(slice::from_ref(x)), 1)[0],
            &mut tensors_mut(flatten_mut(slice::from_mut(y)), 1)[0],
            Some(self.state.bytes_mut()),
            &mut self.workspace,
        );
    }

    /// Writes the outputs for the next steps, any number of them, to `y`.
    ///
    /// # Panics
    /// Panics if `x` and `y` differ in length.
    pub fn steps(
        &mut self,
        network: &N,
        x: &[Tensor<N::StepInput, N::Element>],
        y: &mut [Tensor<N::StepOutput, N::Element>],
    ) {
        assert!(
            x.len() == y.len(),
            "there are {} steps but room for {} outputs; give it as many outputs as steps",
            x.len(),
            y.len()
        );
        for (x, y) in x.iter().zip(y) {
            self.step_into(network, x, y);
        }
    }

    /// Writes the outputs for the next block, as long as the network's input, to `y`. Behind
    /// [`SelectLast`](crate::nn::SelectLast), this is the output of the last step.
    ///
    /// The memory of a block is kept by the thread: only its first call allocates.
    pub fn block(
        &mut self,
        network: &N,
        x: &Tensor<N::Input, N::Element>,
        y: &mut Tensor<N::Output, N::Element>,
    ) {
        const { assert_same_state::<N>() };
        inference::one(network, x, y, Some(self.state.bytes_mut()));
    }

    /// Reads any number of steps, and writes the output of the last one to `y`: the prompt of a
    /// language model, before it continues. The bits are those of [`step`](Stream::step).
    ///
    /// As long as there are enough steps, they are computed in blocks that are as long as the
    /// network's input, which takes a fraction of the time. A network for generation may therefore be
    /// defined on blocks that are shorter than what its layers remember: `[16] -> [16, 50]` with
    /// `MultiHeadAttention<_, 4, Causal, Window<256>>`. The rest of the steps, and all steps of a
    /// network with several inputs, are computed one by one. Without steps, nothing happens.
    ///
    /// Each call allocates the memory for the outputs of a block.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     #[stream]
    ///     struct Net: [8] -> [8, 5] { Embedding<5, 4>, rnn: Gru<_, 6>, Linear<_, 5> }
    /// }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let prompt: Vec<Tensor0> = (0..20).map(|i| Tensor0::from((i % 5) as f32)).collect();
    ///
    /// let (mut stream, mut logits) = (Net::stream(), Tensor1::zeros());
    /// stream.prompt(&net, &prompt, &mut logits);
    ///
    /// let mut slow = Net::stream();
    /// let last = prompt.iter().map(|x| slow.step(&net, x)).last();
    /// assert_eq!(Some(logits), last);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn prompt(
        &mut self,
        network: &N,
        x: &[Tensor<N::StepInput, N::Element>],
        y: &mut Tensor<N::StepOutput, N::Element>,
    ) {
        // The parts of a tuple are apart in a block and together in a step.
        let length = match N::Input::DIMS.is_tuple() {
            true => usize::MAX,
            false => N::Input::DIMS.size(0),
        };
        // The last step gives the output.
        let in_blocks = match x.len().checked_sub(1) {
            Some(before) => before / length * length,
            None => return,
        };

        let (blocks, rest) = x.split_at(in_blocks);
        if !blocks.is_empty() {
            let mut outputs = Tensor::zeros_boxed();
            for block in blocks.chunks_exact(length) {
                self.block(network, &tensors(flatten(block), 1)[0], &mut outputs);
            }
        }
        for x in rest {
            self.step_into(network, x, y);
        }
    }

    /// Returns to the beginning of a stream.
    pub fn reset(&mut self) {
        self.state.reset();
    }
}

impl<N: Streaming> Default for Stream<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Streaming> Clone for Stream<N> {
    fn clone(&self) -> Self {
        Stream {
            state: self.state.clone(),
            workspace: InferenceWorkspace::new(),
        }
    }

    /// Copies the stream into an existing one, without placing it on the stack.
    fn clone_from(&mut self, source: &Self) {
        self.state.clone_from(&source.state);
    }
}

impl<N: Streaming> core::fmt::Debug for Stream<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stream")
            .field("network", &N::NAME)
            .finish_non_exhaustive()
    }
}
