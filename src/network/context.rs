//! The circumstances in which a layer computes.

use super::modes::{ListModes, Mode, Modes};
use crate::params::Parameters;
use crate::tensor::Element;
use crate::threads;

/// The circumstances in which a layer computes: batch, mode, seed and instruction tier.
#[derive(Clone, Copy)]
pub struct Context<'a, T: Element> {
    /// The kernels of the instruction tier in force: products, functions of single numbers, sums.
    pub kernels: T::Kernels,
    /// The seed of this step and this layer.
    seed: u64,
    /// The index in the whole batch of the first sample that the layer is given.
    first_sample: usize,
    /// The number of samples in the whole batch.
    batch: usize,
    /// True if gradients are added to the existing ones.
    accumulate: bool,
    /// The index of the first layer that is trained.
    first_trained: usize,
    /// True if backward stops behind that layer, with the gradient of its outputs.
    stops_behind: bool,
    /// True if the samples are one thread's share of the batch.
    in_worker: bool,
    /// The number of parts of work for which there is memory.
    most_parts: usize,
    /// True if the samples are steps or blocks of a stream.
    in_stream: bool,
    /// True if the layer is to end with `Relu`.
    relu_epilogue: bool,
    /// The parts of the network that are frozen or in inference mode.
    modes: Modes<'a>,
    /// True if the layer lies within a part in inference mode.
    eval: bool,
    /// The function that takes the gradient of each layer of the outermost list as soon as it is
    /// computed.
    ready: Option<Ready<'a, T>>,
}

/// A function that takes the index of a layer and its gradient.
pub(crate) type Ready<'a, T> = &'a (dyn Fn(usize, &[T]) + Sync);

impl<'a, T: Element> Context<'a, T> {
    pub(crate) fn new(kernels: T::Kernels, seed: u64, batch: usize) -> Self {
        Context {
            kernels,
            seed,
            first_sample: 0,
            batch,
            accumulate: false,
            first_trained: 0,
            stops_behind: false,
            in_worker: false,
            most_parts: usize::MAX,
            in_stream: false,
            relu_epilogue: false,
            modes: Modes::NONE,
            eval: false,
            ready: None,
        }
    }

    /// Returns the context of a call in which a layer may cut its work into `most_parts` parts: that
    /// many have memory of their own.
    #[inline(always)]
    pub(super) fn with_most_parts(self, most_parts: usize) -> Self {
        Context { most_parts, ..self }
    }

    /// Returns the context of a network with these parts frozen or in inference mode.
    pub(super) fn with_modes(self, modes: Modes<'a>) -> Self {
        Context { modes, ..self }
    }

    /// Returns the context of a list of layers with these parameters: a network, or a list inside a
    /// block.
    #[doc(hidden)]
    pub fn within<P: Parameters<T>>(mut self, params: &P) -> Self {
        self.eval = self.eval || self.modes.eval::<T, P>(params);
        self
    }

    /// Returns the modes of the layers of a list with these parameters.
    pub(super) fn modes_of_list<P: Parameters<T>, const N: usize>(
        &self,
        params: &P,
    ) -> ListModes<N> {
        ListModes::of::<T, P>(&self.modes, params)
    }

    /// Returns the context of a layer that computes as in inference if `eval`.
    pub(super) fn evaluating(mut self, eval: bool) -> Self {
        self.eval |= eval;
        self
    }

    /// Returns whether the layer computes as in inference although the network trains, because it is
    /// frozen or [`Workspace::eval`](crate::Workspace::eval) requests it: layers that draw at random
    /// then do nothing.
    pub fn is_eval(&self) -> bool {
        self.eval
    }

    /// Returns whether these statistics of the layer stay as they are, because the layer is frozen
    /// or in inference mode: it then normalizes with them instead of those of the batch.
    /// `statistics` is a part of the `params` that the layer was given.
    pub fn keeps(&self, statistics: &[T]) -> bool {
        self.eval || self.modes.have(statistics, &[Mode::Frozen, Mode::Eval])
    }

    /// Returns the context of a part of the samples, which begins at the index `first` among those
    /// of this context. `in_worker` says whether the part is one thread's share of the batch.
    pub(super) fn of_part(mut self, first: usize, in_worker: bool) -> Self {
        self.first_sample += first;
        self.in_worker = in_worker;
        self
    }

    /// Returns whether forward is to end with `max(0, y)`; only ever `true` for layers with
    /// `ReluFusion::Epilogue`.
    pub(crate) fn has_relu_epilogue(&self) -> bool {
        self.relu_epilogue
    }

    pub(super) fn with_relu_epilogue(mut self, relu_epilogue: bool) -> Self {
        self.relu_epilogue = relu_epilogue;
        self
    }

    /// Returns whether the samples are one thread's share of the batch: further threads would not
    /// help.
    pub fn in_worker(&self) -> bool {
        self.in_worker
    }

    /// Returns the context of a call that may be a step or a block of a stream.
    #[inline(always)]
    pub(super) fn in_stream(self, in_stream: bool) -> Self {
        Context { in_stream, ..self }
    }

    /// Returns whether the network has `#[stream]`: a position must have the same output, to the last
    /// bit, whether it is computed alone or with others. Products of one row add in another order
    /// than those of several.
    pub fn is_stream(&self) -> bool {
        self.in_stream
    }

    /// Returns whether the batch is a single sample: threads can only share the work within a
    /// layer.
    pub fn is_single(&self) -> bool {
        self.batch == 1 && !self.in_worker
    }

    /// Returns the number of parts to cut work of `multiply_adds` multiply-adds into: 1 within a
    /// worker, and where sharing does not pay. For each part there is the memory that the layer has
    /// asked for per thread.
    pub fn parts(&self, multiply_adds: usize) -> usize {
        if self.in_worker {
            1
        } else {
            threads::parts(multiply_adds).min(self.most_parts)
        }
    }

    /// Returns the number of samples in the whole batch, of which a layer may be given a part.
    pub fn batch(&self) -> usize {
        self.batch
    }

    pub(crate) fn accumulating(mut self, accumulate: bool) -> Self {
        self.accumulate = accumulate;
        self
    }

    /// Returns the context of a call whose samples are the steps of those of this one.
    pub(crate) fn of_steps(self, steps: usize) -> Self {
        Context {
            batch: self.batch * steps,
            ..self
        }
    }

    /// Returns the context of a call that hands over the gradient of each layer.
    #[cfg(feature = "std")]
    pub(super) fn with_ready(self, ready: Option<Ready<'a, T>>) -> Self {
        Context { ready, ..self }
    }

    /// Hands over the gradient of the layer at an index, if the call wants it.
    pub(super) fn hand_over(&self, layer: usize, gradient: &[T]) {
        if let Some(ready) = self.ready {
            ready(layer, gradient);
        }
    }

    pub(crate) fn trained_from(self, first_trained: usize) -> Self {
        Context {
            first_trained,
            ..self
        }
    }

    pub(super) fn first_trained(&self) -> usize {
        self.first_trained
    }

    /// Returns the context of a backward pass that ends with the gradient of a layer's outputs.
    #[cfg(feature = "std")]
    pub(super) fn stopping_behind(self, layer: usize) -> Self {
        Context {
            first_trained: layer,
            stops_behind: true,
            ..self
        }
    }

    /// Returns whether backward stops behind the [first layer that is
    /// trained](Context::first_trained), and not behind its own backward.
    pub(super) fn stops_behind(&self) -> bool {
        self.stops_behind
    }

    /// Returns the context of the layer at an index. It has a seed of its own, and all layers
    /// inside it are trained.
    #[doc(hidden)]
    pub fn layer(mut self, index: usize) -> Self {
        // The multiplier of Knuth's MMIX generator spreads neighbouring indices over all bits.
        self.seed = (self.seed ^ (index as u64 + 1))
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(29);
        self.first_trained = 0;
        self.stops_behind = false;
        self.relu_epilogue = false;
        self.ready = None;
        self
    }

    /// Creates the random generator of one sample, counted from 0 in the slice that the layer was
    /// given. It is the same in forward and backward of one step, differs from step to step, and
    /// does not depend on the number of threads.
    pub fn rng(&self, sample: usize) -> rand_xoshiro::Xoshiro256PlusPlus {
        use rand::SeedableRng;
        let sample = (self.first_sample + sample) as u64;
        SeedableRng::seed_from_u64(
            self.seed
                .wrapping_add(sample.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        )
    }

    /// Returns whether the layer adds to the gradient that is there. Only layers with
    /// [`OVERWRITES`](super::Train::OVERWRITES) need to ask: for others the gradient is zero before the
    /// call unless it accumulates.
    pub fn accumulate(&self) -> bool {
        self.accumulate
    }
}
