//! The memory of training, and one training step: forward, loss, backward.

mod layer_gradients;
mod mode_groups;

use core::ops::Range;
use std::sync::Arc;

use self::mode_groups::{Group, ModeGroups};
use super::activation_store::ActivationStore;
use super::call::{BackwardInput, BackwardParams, ForwardTrain};
use super::context::{Context, Ready};
use super::inference::{In, Out};
use super::modes::Modes;
use super::needs::Needs;
use super::network::{Network, Trainable};
use super::plan::OutputsAt;
use super::summary::LayerSummary;
use super::train::Train;
use crate::denormals::FloatMode;
use crate::kernels::AlignedBuffer;
use crate::memory::{self, OutOfMemory, ThreadMemory, flatten, tensors, tensors_mut};
use crate::params::Parameters;
use crate::tensor::{Element, Shape};
use crate::threads;

/// The memory of a network's training passes, reused from step to step.
///
/// It also counts the steps, because random layers such as `Dropout` draw anew in each step. The
/// same seed and the same steps give the same run with any number of threads.
pub struct Workspace<N: Network> {
    outputs: AlignedBuffer<N::Element>,
    output_gradients: AlignedBuffer<N::Element>,
    input_gradients: AlignedBuffer<N::Element>,
    cache: AlignedBuffer<u8>,
    thread_memory: AlignedBuffer<u8>,
    functions: Functions<N>,
    seed: u64,
    steps: u64,
    modes: ModeGroups,
}

/// The functions of [`Train`] of a network.
///
/// A workspace has them from where it is made, so that this is the only place where the compiler
/// asks whether the network can be trained: it reports a layer without a backward pass once.
#[allow(clippy::type_complexity)]
struct Functions<N: Network> {
    forward: fn(ForwardTrain<'_, N, N::Input, N::Output, N::Element>),
    backward_input: fn(BackwardInput<'_, N, N::Input, N::Output, N::Element>),
    backward_params: fn(BackwardParams<'_, N, N::Input, N::Output, N::Element>),
}

impl<N: Trainable> Functions<N> {
    const ALL: Self = Functions {
        forward: <N as Train<N::Input, N::Output, N::Element>>::forward_train,
        backward_input: <N as Train<N::Input, N::Output, N::Element>>::backward_input,
        backward_params: <N as Train<N::Input, N::Output, N::Element>>::backward_params,
    };
}

impl<N: Network> Workspace<N> {
    pub(super) fn new() -> Self
    where
        N: Trainable,
    {
        let freezes = <N as Parameters<N::Element>>::FROZEN > 0;
        Workspace {
            outputs: AlignedBuffer::new(),
            output_gradients: AlignedBuffer::new(),
            input_gradients: AlignedBuffer::new(),
            cache: AlignedBuffer::new(),
            thread_memory: AlignedBuffer::new(),
            functions: Functions::ALL,
            seed: 0,
            steps: 0,
            modes: ModeGroups::new(N::LAYERS, freezes.then_some(&N::PARAM_TREE)),
        }
    }

    /// Sets the seed of the random layers and restarts at step 0. The seed is 0 if it is never set.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.steps = 0;
    }

    /// Continues as after `steps` steps.
    pub(crate) fn go_to(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// Reserves memory for a batch, so that even the first step does not allocate.
    ///
    /// # Panics
    /// Panics if there is not enough memory; [`Workspace::try_reserve`] returns an error instead.
    pub fn reserve(&mut self, batch: usize) {
        self.try_reserve(batch)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Reserves memory for a batch.
    ///
    /// # Errors
    /// Returns an error if there is not enough memory: a pass on a batch of this length would
    /// panic.
    pub fn try_reserve(&mut self, batch: usize) -> Result<(), OutOfMemory> {
        let what = || format!("a training pass of `{}` on a batch of {batch}", N::NAME);
        memory::reserve(&mut self.cache, batch, Self::NEEDS.per_sample, what)?;
        let parts = threads::most_parts();
        memory::reserve(&mut self.thread_memory, parts, Self::NEEDS.per_thread, what)?;
        memory::reserve(&mut self.outputs, batch, N::Output::LEN, what)?;
        memory::reserve(&mut self.output_gradients, batch, N::Output::LEN, what)?;
        Ok(())
    }

    /// Trains no layer before the one that has the parameter at this index.
    pub(crate) fn train_from_position(&mut self, position: usize) {
        self.modes.train_from(position);
    }

    /// Computes the parameters in a range as in inference.
    pub(crate) fn eval_range(&mut self, range: Range<usize>) {
        self.modes.eval(range);
    }

    /// Freezes the parameters in these ranges and no others, and trains none before a position.
    pub(crate) fn freeze_ranges(&mut self, ranges: Vec<Range<usize>>, first_trained: usize) {
        self.modes.freeze(ranges, first_trained);
    }

    /// Trains all layers again, with none frozen and none in inference mode but those that are frozen
    /// by their types.
    pub fn train_all(&mut self) {
        self.modes.train_all();
    }

    /// Overwrites all buffers with `value`. Tests use it to show that no result of a pass depends
    /// on their previous contents.
    #[doc(hidden)]
    pub fn fill_with(&mut self, value: N::Element) {
        let Workspace {
            outputs,
            output_gradients,
            input_gradients,
            cache,
            thread_memory,
            ..
        } = self;
        for buffer in [outputs, output_gradients, input_gradients] {
            buffer.as_mut_slice().fill(value);
        }
        for buffer in [cache, thread_memory] {
            let bytes = buffer.as_mut_slice();
            let len = bytes.len() / size_of::<N::Element>();
            memory::numbers_mut(bytes, len).fill(value);
        }
    }

    /// The memory of a training pass in addition to the outputs and their gradients.
    const NEEDS: Needs = N::TRAINING;

    /// Returns the activations of a batch.
    fn store(cache: &mut AlignedBuffer<u8>, batch: usize) -> ActivationStore<'_> {
        ActivationStore::new(cache.as_mut_slice(), batch, Self::NEEDS.per_sample)
    }

    /// Returns the memory of all threads.
    fn of_threads(memory: &mut AlignedBuffer<u8>) -> ThreadMemory<'_> {
        ThreadMemory::new(memory.as_mut_slice(), Self::NEEDS.per_thread)
    }
}

/// Returns the modes of these groups of a network's parameters.
fn modes_of<'a, N: Network>(network: &N, groups: &'a [Group]) -> Modes<'a> {
    Modes {
        base: core::ptr::from_ref(network).addr(),
        groups,
    }
}

/// A training pass of one batch: it has the outputs, computes the loss, and then the gradient.
///
/// It borrows network and inputs for `'a`, and the workspace for `'w`. What it returns of the
/// workspace, such as the gradient of the inputs, ties neither the network nor the inputs. Thus the
/// outputs of one network are the inputs of another, and its gradient goes back, without a copy:
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Generator: [2] -> [4] { Linear<_, 4>, Tanh } }
/// network! { struct Critic: [4] -> [1] { Linear<_, 1> } }
/// let generator = Generator::init(&mut shapewright::rng(0));
/// let critic = Critic::init(&mut shapewright::rng(1));
/// let mut workspace = Generator::workspace();
/// let mut critic_workspace = Critic::workspace();
/// let mut gradient = Generator::zeros();
///
/// let noise = [Tensor1::from([0.5, -1.0]); 8];
/// let mut pass = generator.forward_train(&noise, &mut workspace);
/// let (fakes, gradients) = pass.outputs_and_gradients_mut();
/// let mut judged = critic.forward_train(fakes, &mut critic_workspace);
/// let loss = judged.loss(&BceWithLogits, &[Tensor1::ones(); 8]);
/// judged.input_gradients_into(gradients);
/// pass.backward(&mut gradient);
/// # assert!(loss > 0.0 && gradient.params().iter().any(|&g| g != 0.0));
/// ```
#[must_use = "a pass computes gradients only if its `backward` is called"]
pub struct Pass<'a, 'w, N: Network> {
    network: &'a N,
    x: &'a [In<N>],
    workspace: &'w mut Workspace<N>,
    /// The context without the modes, which it would have to borrow.
    cx: Context<'static, N::Element>,
    modes: Arc<[Group]>,
}

impl<'a, 'w, N: Network> Pass<'a, 'w, N> {
    pub(super) fn forward(network: &'a N, x: &'a [In<N>], workspace: &'w mut Workspace<N>) -> Self {
        let _mode = FloatMode::of_scope();
        let batch = x.len();
        workspace.reserve(batch);

        // Each step has a seed of its own.
        let seed = workspace
            .seed
            .wrapping_add(workspace.steps.wrapping_mul(0xd134_2543_de82_ef95));
        workspace.steps += 1;
        let shares = workspace.thread_memory.as_slice().len();
        let most_parts = shares
            .checked_div(Workspace::<N>::NEEDS.per_thread)
            .unwrap_or(usize::MAX);
        let cx = Context::new(N::Element::kernels(), seed, batch)
            .with_most_parts(most_parts)
            .trained_from(workspace.modes.first_trained_layer());
        let modes = workspace.modes.all();

        let len = batch * N::Output::LEN;
        (workspace.functions.forward)(ForwardTrain {
            config: &(),
            params: network,
            x,
            y: tensors_mut(&mut workspace.outputs.as_mut_slice()[..len], batch),
            cache: Workspace::<N>::store(&mut workspace.cache, batch),
            thread_memory: Workspace::<N>::of_threads(&mut workspace.thread_memory),
            cx: &cx.with_modes(modes_of(network, &modes)),
        });

        // The gradient is zero until a loss or the caller sets it.
        workspace.output_gradients.as_mut_slice()[..len].fill(num_traits::Zero::zero());

        Pass {
            network,
            x,
            workspace,
            cx,
            modes,
        }
    }

    /// Returns the outputs, in the order of the batch.
    pub fn outputs(&self) -> &[Out<N>] {
        let len = self.x.len() * N::Output::LEN;
        tensors(&self.workspace.outputs.as_slice()[..len], self.x.len())
    }

    /// Returns the outputs of each layer for the whole batch, sample after sample, in the order of
    /// the layers.
    ///
    /// They show where a number went wrong, or what a network sees. Where a layer works in place,
    /// the layer before it has the same outputs.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [1] { fc: Linear<_, 3>, Relu, head: Linear<_, 1> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = Net::workspace();
    /// let x = [Tensor1::from([1.0, 2.0]); 5];
    /// let pass = net.forward_train(&x, &mut workspace);
    /// let lengths: Vec<_> = pass
    ///     .layer_outputs()
    ///     .map(|(layer, values)| (layer.layer, values.len()))
    ///     .collect();
    /// assert_eq!(
    ///     lengths,
    ///     [
    ///         ("fc: Linear<_, 3>", 15),
    ///         ("Relu", 15),
    ///         ("head: Linear<_, 1>", 5)
    ///     ]
    /// );
    /// ```
    pub fn layer_outputs(&self) -> impl Iterator<Item = (&'static LayerSummary, &[N::Element])> {
        let batch = self.x.len();
        N::LAYERS.iter().zip(N::OUTPUTS).map(move |(layer, at)| {
            let len = batch * layer.output.len();
            let values = match at {
                OutputsAt::Input => flatten(self.x),
                OutputsAt::Cache(offset) => {
                    memory::numbers(&self.workspace.cache.as_slice()[offset * batch..], len)
                }
                OutputsAt::Output => flatten(self.outputs()),
            };
            (layer, values)
        })
    }

    /// Returns the gradient of the loss with respect to the outputs. It is zero until
    /// [`Pass::loss`] sets it. Set it by hand to train without a [`Loss`](crate::loss::Loss).
    pub fn output_gradients_mut(&mut self) -> &mut [Out<N>] {
        self.outputs_and_gradients_mut().1
    }

    /// Returns the outputs, and the gradient of the loss with respect to them, which may be set while
    /// the outputs are read.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [2] -> [1] { Linear<_, 1> } }
    /// let net = Line::init(&mut shapewright::rng(0));
    /// let mut workspace = Line::workspace();
    /// let x = [Tensor1::from([1.0, 2.0]); 3];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// let (outputs, gradients) = pass.outputs_and_gradients_mut();
    /// for (output, gradient) in outputs.iter().zip(gradients) {
    ///     gradient[0] = 2.0 * (output[0] - 1.0);
    /// }
    /// let mut gradient = Line::zeros();
    /// pass.backward(&mut gradient);
    /// ```
    pub fn outputs_and_gradients_mut(&mut self) -> (&[Out<N>], &mut [Out<N>]) {
        let batch = self.x.len();
        let len = batch * N::Output::LEN;
        let Workspace {
            outputs,
            output_gradients,
            ..
        } = &mut *self.workspace;
        (
            tensors(&outputs.as_slice()[..len], batch),
            tensors_mut(&mut output_gradients.as_mut_slice()[..len], batch),
        )
    }

    /// Returns the kernels of the pass.
    pub(crate) fn kernels(&self) -> <N::Element as Element>::Kernels {
        self.cx.kernels
    }

    /// Sets `gradient` to the gradient of the loss with respect to the parameters.
    pub fn backward(mut self, gradient: &mut N) {
        self.run_backward(None);
        self.run_params(gradient, false, None);
    }

    /// Adds the gradient of the loss with respect to the parameters to `gradient`.
    ///
    /// This way a batch that is too large for the memory can be processed in parts. If the loss is
    /// a sum, the gradients of the parts add up to that of the whole batch. If it is a mean, divide
    /// the sum over `n` parts of equal length by `n`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [2] -> [1] { Linear<_, 1> } }
    /// let net = Line::init(&mut shapewright::rng(0));
    /// let x = [[1.0, 2.0], [3.0, 5.0], [0.0, 1.0], [4.0, 1.0]].map(Tensor1::from);
    /// let targets = [1.0, 0.0, 2.0, 1.0].map(|t| Tensor1::from([t]));
    /// let mut workspace = Line::workspace();
    /// let mut whole = Line::zeros();
    /// let mut parts = Line::zeros();
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.loss(&Mse, &targets);
    /// pass.backward(&mut whole);
    ///
    /// for (x, targets) in x.chunks(2).zip(targets.chunks(2)) {
    ///     let mut pass = net.forward_train(x, &mut workspace);
    ///     pass.loss(&Mse, targets);
    ///     pass.backward_accumulate(&mut parts);
    /// }
    /// for (part, whole) in parts.params().iter().zip(whole.params()) {
    ///     assert!((part / 2.0 - whole).abs() < 1e-5);
    /// }
    /// ```
    pub fn backward_accumulate(mut self, gradient: &mut N) {
        self.run_backward(None);
        self.run_params(gradient, true, None);
    }

    /// Sets `gradient`, and hands the gradient of each layer of the outermost list to `ready` as soon as
    /// it is computed: that of a layer with tied ones behind it once for each of them.
    pub(crate) fn backward_by_layers(mut self, gradient: &mut N, ready: Ready<'_, N::Element>) {
        self.run_backward(None);
        self.run_params(gradient, false, Some(ready));
    }

    /// Sets `gradient`, or adds to it, and writes the gradient of the inputs to `dx`. Returns the
    /// workspace, which another pass may take while passes with other workspaces are under way.
    pub(crate) fn backward_of_stage(
        mut self,
        gradient: &mut N,
        accumulate: bool,
        dx: Option<&mut [In<N>]>,
    ) -> &'w mut Workspace<N> {
        self.run_backward(dx);
        self.run_params(gradient, accumulate, None);
        self.workspace
    }

    /// Sets `gradient` to the gradient of the loss with respect to the parameters, and returns the
    /// gradient with respect to the inputs.
    pub fn backward_with_input(mut self, gradient: &mut N) -> &'w [In<N>] {
        self.run_to_inputs();
        self.run_params(gradient, false, None);
        self.into_input_gradients()
    }

    /// Returns the gradient of the loss with respect to the inputs, without computing that of the
    /// parameters: for a network that only judges, such as the discriminator while the generator is
    /// trained, and for saliency.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [2] -> [1] { Linear<_, 1> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = Net::workspace();
    /// let x = [Tensor1::from([1.0, 2.0])];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.output_gradients_mut()[0] = Tensor1::ones();
    /// let gradients = pass.input_gradients();
    /// assert_eq!(gradients[0][1], net.layer_0.weight[1][0]);
    /// ```
    pub fn input_gradients(mut self) -> &'w [In<N>] {
        self.run_to_inputs();
        self.into_input_gradients()
    }

    /// Writes the gradient of the loss with respect to the inputs to `gradients`, without computing
    /// that of the parameters. For the inputs that another network gave, these are the gradients of
    /// its outputs; see [`Pass`].
    ///
    /// # Panics
    /// Panics if there are not as many gradients as inputs.
    pub fn input_gradients_into(mut self, gradients: &mut [In<N>]) {
        let batch = self.x.len();
        assert!(
            gradients.len() == batch,
            "the batch has {batch} inputs, but there is room for {} gradients; give it one for each",
            gradients.len()
        );
        self.run_backward(Some(gradients));
    }

    /// Runs backward through the layers to the inputs, whose gradient stays in the workspace.
    fn run_to_inputs(&mut self) {
        let batch = self.x.len();
        // Few programs need the gradient of the inputs: it is not part of `reserve`.
        let what = || {
            format!(
                "the gradient of the inputs of `{}`, of which there are {batch},",
                N::NAME
            )
        };
        // It is taken out while the rest of the workspace is in use.
        let mut buffer =
            core::mem::replace(&mut self.workspace.input_gradients, AlignedBuffer::new());
        let dx = memory::reserve(&mut buffer, batch, N::Input::LEN, what);
        let dx = dx.unwrap_or_else(|error| panic!("{error}"));
        self.run_backward(Some(tensors_mut(dx, batch)));
        self.workspace.input_gradients = buffer;
    }

    /// Returns the gradient of the inputs in the workspace.
    fn into_input_gradients(self) -> &'w [In<N>] {
        let batch = self.x.len();
        let workspace: &'w Workspace<N> = self.workspace;
        tensors(
            &workspace.input_gradients.as_slice()[..batch * N::Input::LEN],
            batch,
        )
    }

    /// Runs backward through the layers.
    fn run_backward(&mut self, dx: Option<&mut [In<N>]>) {
        let _mode = FloatMode::of_scope();
        let batch = self.x.len();
        let len = batch * N::Output::LEN;
        let workspace = &mut *self.workspace;
        let y: &[Out<N>] = tensors(&workspace.outputs.as_slice()[..len], batch);

        (workspace.functions.backward_input)(BackwardInput {
            config: &(),
            params: self.network,
            x: self.x,
            y: y.into(),
            cache: Workspace::<N>::store(&mut workspace.cache, batch),
            dy: tensors_mut(&mut workspace.output_gradients.as_mut_slice()[..len], batch),
            dx,
            thread_memory: Workspace::<N>::of_threads(&mut workspace.thread_memory),
            cx: &self.cx.with_modes(modes_of(self.network, &self.modes)),
        });
    }

    /// Computes the gradient of the parameters, after [`run_backward`](Pass::run_backward).
    fn run_params(
        &mut self,
        gradient: &mut N,
        accumulate: bool,
        ready: Option<Ready<'_, N::Element>>,
    ) {
        let _mode = FloatMode::of_scope();
        let batch = self.x.len();
        let len = batch * N::Output::LEN;
        let workspace = &mut *self.workspace;
        let y: &[Out<N>] = tensors(&workspace.outputs.as_slice()[..len], batch);

        let cx = self.cx.with_modes(modes_of(self.network, &self.modes));
        (workspace.functions.backward_params)(BackwardParams {
            config: &(),
            params: self.network,
            x: self.x,
            y: y.into(),
            cache: Workspace::<N>::store(&mut workspace.cache, batch),
            dy: tensors(&workspace.output_gradients.as_slice()[..len], batch),
            gradient,
            thread_memory: Workspace::<N>::of_threads(&mut workspace.thread_memory),
            cx: &cx.accumulating(accumulate).with_ready(ready),
        });
    }
}
