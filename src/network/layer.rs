//! What a layer is made of and what it computes: the traits behind `network!`, for built-in layers
//! and for a user's own.

use rand::Rng;

use super::activation_store::ActivationStore;
use super::feature_order::FeatureOrder;
use super::inference::with_scratch;
use super::layer_outputs::LayerOutputs;
use super::modes::{Mode, Modes};
use super::parameters::Parameters;
use super::shape_rule::ShapeRule;
use crate::memory::{flatten, flatten_mut};
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

/// A layer's constructor arguments: what is neither a size nor learned, as the 0.5 of
/// `Dropout(0.5)`.
///
/// A layer without arguments uses `()`. One with arguments is a struct of them, and its `DEFAULT`
/// is what the layer's bare name stands for.
pub trait Configuration: Copy + Send + Sync + 'static {
    /// The arguments when none are written.
    const DEFAULT: Self;
}

impl Configuration for () {
    const DEFAULT: Self = ();
}

/// What a layer has: parameters and constructor arguments.
///
/// The layer's own type carries its sizes and is never made: `Linear<4, 10>` is a type alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of `{T}` networks: it does not implement `Layer<{T}>`",
    label = "not a layer here",
    note = "a layer implements `shapewright::ext::ShapeRule` (which shapes it takes), `Layer` (its parameters) and \
            `Compute` (forward and backward); see the example `custom_layer`",
    note = "a network nested in another has the same number type: write `as {T}` in both"
)]
pub trait Layer<T: Element>: 'static {
    /// The constructor arguments; `()` if there are none.
    type Config: Configuration;
    /// What the layer learns; `()` if it learns nothing.
    type Params: Parameters<T>;

    /// Sets the parameters, which are zeros, to their initial values.
    fn initialize<R: Rng + ?Sized>(config: &Self::Config, params: &mut Self::Params, rng: &mut R) {
        let _ = (config, params, rng);
    }
}

/// How a layer's output relates to its input in memory. No one outside of this crate can name it: a
/// user's layer is `Apart` if it implements [`Compute`], and in place if it implements [`InPlace`],
/// where both shapes are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The output is a buffer of its own.
    Apart,
    /// The output overwrites the input, which is as long. The layer has no parameters and keeps
    /// nothing.
    InPlace,
    /// The output is the input under another shape: nothing to compute.
    View,
}

/// What a layer's outputs mean; losses ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// Any numbers, or what came in.
    Values,
    /// Probabilities that sum to one: a loss on logits refuses them.
    Softmax,
    /// Independent probabilities: a loss on logits refuses them.
    Sigmoid,
    /// Logarithms of probabilities: a loss on log-probabilities wants them.
    LogSoftmax,
}

/// How a layer takes part in running `Relu` together with its neighbours.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReluFusion {
    /// It does not.
    None,
    /// It is `Relu`.
    IsRelu,
    /// It can end with one, if [`Context::has_relu_epilogue`] says so.
    Epilogue,
    /// It takes maxima: `Relu` before it or after it is the same, and after it there are fewer
    /// numbers.
    Maxima,
}

/// What a computation knows of its surroundings.
#[derive(Clone, Copy)]
pub struct Context<'a, T: Element> {
    /// The kernels of the instruction tier in force.
    #[doc(hidden)]
    pub kernels: T::Kernels,
    seed: u64,
    first: usize,
    batch: usize,
    accumulate: bool,
    /// The first layer of the network that is trained.
    lowest: usize,
    /// The samples are already a thread's part of the batch.
    cut: bool,
    /// The layer ends with `Relu`.
    relu: bool,
    /// The parts of the network in inference mode.
    modes: Modes<'a>,
    /// The layer is within one.
    eval: bool,
}

impl<'a, T: Element> Context<'a, T> {
    pub(crate) fn new(kernels: T::Kernels, seed: u64, batch: usize) -> Self {
        Context {
            kernels,
            seed,
            first: 0,
            batch,
            accumulate: false,
            lowest: 0,
            cut: false,
            relu: false,
            modes: Modes::NONE,
            eval: false,
        }
    }

    /// The same for a network some of whose parts are in inference mode.
    pub(super) fn with_modes(self, modes: Modes<'a>) -> Self {
        Context { modes, ..self }
    }

    /// Of a list of layers with these parameters: a network, or one of the lists of a block.
    #[doc(hidden)]
    pub fn within<P: Parameters<T>>(self, params: &P) -> Self {
        Context {
            eval: self.eval || self.modes.eval::<T, P>(params),
            ..self
        }
    }

    /// Whether the layer computes as in inference although the network trains
    /// ([`Workspace::eval`](crate::Workspace::eval)): layers that draw at random do nothing then.
    pub fn is_eval(&self) -> bool {
        self.eval
    }

    /// Whether these statistics of the layer stay as they are, because it is frozen or in inference
    /// mode: it then normalizes with them, and not with those of the batch. `statistics` is a
    /// part of the `params` that it was given.
    pub fn keeps(&self, statistics: &[T]) -> bool {
        self.eval || self.modes.have(statistics, &[Mode::Frozen, Mode::Eval])
    }

    /// For a part of the samples that this is the context of, beginning at `first`.
    pub(super) fn of_part(self, first: usize, cut: bool) -> Self {
        Context {
            first: self.first + first,
            cut,
            ..self
        }
    }

    /// Whether forward is to end with `max(0, y)`; only ever for layers with `ReluFusion::Epilogue`.
    pub(crate) fn has_relu_epilogue(&self) -> bool {
        self.relu
    }

    pub(super) fn with_relu_epilogue(self, relu: bool) -> Self {
        Context { relu, ..self }
    }

    pub(crate) fn in_worker(&self) -> bool {
        self.cut
    }

    /// Whether there is one sample alone: other threads can only help within a layer.
    pub(crate) fn is_single(&self) -> bool {
        self.batch == 1 && !self.cut
    }

    /// How many samples the whole batch has, of which a layer may be given a part.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    pub(crate) fn accumulating(self, accumulate: bool) -> Self {
        Context { accumulate, ..self }
    }

    pub(crate) fn trained_from(self, lowest: usize) -> Self {
        Context { lowest, ..self }
    }

    pub(super) fn lowest(&self) -> usize {
        self.lowest
    }

    /// The context of the layer at an index: the same but for the seed, and wholly trained if it is
    /// a network.
    #[doc(hidden)]
    pub fn layer(self, index: usize) -> Self {
        // The multiplier of Knuth's MMIX generator spreads neighbouring indices over all bits.
        let seed = (self.seed ^ (index as u64 + 1))
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(29);
        Context {
            seed,
            lowest: 0,
            relu: false,
            ..self
        }
    }

    /// A random generator for one sample of the batch, counted from 0 in the slice that the layer
    /// was given. It is the same in forward and backward of one step, another in the next, and
    /// does not depend on the number of threads.
    pub fn rng(&self, sample: usize) -> rand_xoshiro::Xoshiro256PlusPlus {
        use rand::SeedableRng;
        let sample = (self.first + sample) as u64;
        SeedableRng::seed_from_u64(
            self.seed
                .wrapping_add(sample.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        )
    }

    /// Whether the gradient that is there is added to. Only layers with `OVERWRITES` need to ask:
    /// for others the gradient is zero before the call unless it is to be added to.
    pub fn accumulate(&self) -> bool {
        self.accumulate
    }
}

/// What a layer computes, from the shape `In` to the shape `Out`.
///
/// All functions work on a batch or on a part of one, given as slices of tensors of equal length.
/// `ShapeRule` has already checked the shapes. A function must not depend on what `y`, `dx`, `scratch`
/// or the cache held before.
///
/// Layers that turn inputs into outputs where they are, as activations do, implement [`InPlace`]
/// instead. The example `custom_layer` has a complete layer with its gradient check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't compute from `{In}` to `{Out}` with numbers of `{T}`: it does not implement \
               `Compute`",
    label = "not a layer here",
    note = "implement `Compute<In, Out, T>` for each pair of shapes that the layer's `ShapeRule` accepts"
)]
#[allow(clippy::too_many_arguments)]
pub trait Compute<In: Shape, Out: Shape, T: Element>: Layer<T> + ShapeRule<In> {
    /// What becomes of the order of features, which weight files have as PyTorch does.
    const ORDER: FeatureOrder;
    /// How output and input lie in memory.
    #[doc(hidden)]
    const FLOW: Flow = Flow::Apart;
    /// Whether backward reads `y`, so that later layers must not overwrite it. Where it says `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// What the outputs mean.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// Whether training needs the whole batch at once, as batch normalization does: `forward_train`
    /// and `backward_input` are then called once for all samples, and may use threads
    /// themselves.
    const WHOLE_BATCH: bool = false;
    /// How it takes part in running `Relu` together with its neighbours.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// Whether `backward_params` overwrites the gradient, or adds to it if [`Context::accumulate`]
    /// says so. Others always add, to zeros if need be.
    const OVERWRITES: bool = false;
    /// Multiply-adds of one forward pass of one sample.
    const MULTIPLY_ADDS: usize = 0;
    /// How many numbers per sample a training pass keeps beside input and output.
    const CACHE: usize = 0;
    /// How many numbers per sample inference needs for the time of the call.
    const SCRATCH: usize = 0;

    /// Computes `y` from `x` for inference. `scratch` has `SCRATCH` numbers per sample.
    fn forward(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    );

    /// Computes `y` from `x` for training and keeps in `cache` what backward needs. The default is
    /// `forward`, for layers that need no cache.
    fn forward_train(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let _ = cache;
        let forward = |scratch: &mut [T]| Self::forward(config, params, x, y, scratch, cx);
        with_scratch(
            x.len(),
            Self::SCRATCH,
            || "the scratch memory of a layer".to_owned(),
            forward,
        );
    }

    /// From `dy`, the gradient of the loss with respect to `y`, computes `dx`, that with respect to
    /// `x`, unless nobody needs it. May change `dy` into what `backward_params` will read.
    fn backward_input(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &mut [Tensor<Out, T>],
        dx: Option<&mut [Tensor<In, T>]>,
        cx: &Context<T>,
    );

    /// Adds to `gradient` the gradient of the loss with respect to the parameters. Called once for
    /// the whole batch, after `backward_input` has been called for all parts of it.
    ///
    /// A layer without parameters does not write it; for one with parameters the default does not
    /// compile, where a network with the layer is trained.
    ///
    /// ```compile_fail,E0080
    /// use shapewright::prelude::*;
    /// use shapewright::{ext::{Compute, Context, FeatureOrder, Inferred, ShapeRule, Layer, LayerOutputs, ActivationStore}, tensor::Element};
    /// /// Adds a number that is never trained.
    /// struct Shift;
    /// impl<In: Shape> ShapeRule<In> for Shift {
    ///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    /// }
    /// impl<T: Element> Layer<T> for Shift {
    ///     type Config = ();
    ///     type Params = Tensor1<1, T>;
    /// }
    /// impl<S: Shape, T: Element> Compute<S, S, T> for Shift {
    ///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
    ///     const READS_OUTPUT: bool = false;
    ///     fn forward(
    ///         _: &(),
    ///         params: &Tensor1<1, T>,
    ///         x: &[Tensor<S, T>],
    ///         y: &mut [Tensor<S, T>],
    ///         _: &mut [T],
    ///         _: &Context<T>,
    ///     ) {
    ///         x.iter().zip(y).for_each(|(x, y)| *y = x.map(|x| x + params[0]));
    ///     }
    ///     fn backward_input(
    ///         _: &(),
    ///         _: &Tensor1<1, T>,
    ///         _: &[Tensor<S, T>],
    ///         _: LayerOutputs<'_, S, T>,
    ///         _: ActivationStore<'_, T>,
    ///         dy: &mut [Tensor<S, T>],
    ///         dx: Option<&mut [Tensor<S, T>]>,
    ///         _: &Context<T>,
    ///     ) {
    ///         dx.into_iter().for_each(|dx| dx.clone_from_slice(dy));
    ///     }
    ///     // `backward_params` is missing.
    /// }
    /// network! { struct Net: [2] -> [2] { shift: Shift } }
    /// let (net, mut gradient, mut workspace) = (Net::zeros(), Net::zeros(), Net::workspace());
    /// let x = [Tensor1::zeros()];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.loss(&Mse, &[Tensor1::zeros()]);
    /// pass.backward(&mut gradient);
    /// ```
    fn backward_params(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: LayerOutputs<'_, Out, T>,
        cache: ActivationStore<'_, T>,
        dy: &[Tensor<Out, T>],
        gradient: &mut Self::Params,
        cx: &Context<T>,
    ) {
        const {
            assert!(
                <Self::Params as Parameters<T>>::LEN == 0,
                "a layer with parameters does not say how they are trained: write `backward_params` in its \
                 `Compute`, with an empty body if nothing is to train them"
            );
        }
        let _ = (config, params, x, y, cache, dy, gradient, cx);
    }

    /// [`InPlace::forward_in_place`], of layers with `Flow::InPlace`.
    #[doc(hidden)]
    fn infer_in_place(config: &Self::Config, y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        let _ = (config, y, cx);
    }

    /// [`InPlace::forward_train_in_place`], of layers with `Flow::InPlace`.
    #[doc(hidden)]
    fn train_in_place(config: &Self::Config, y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        Self::infer_in_place(config, y, cx);
    }

    /// [`InPlace::backward_in_place`], of layers with `Flow::InPlace`.
    #[doc(hidden)]
    fn return_in_place(
        config: &Self::Config,
        y: LayerOutputs<'_, Out, T>,
        dy: &mut [Tensor<Out, T>],
        cx: &Context<T>,
    ) {
        let _ = (config, y, dy, cx);
    }
}

/// A layer that turns inputs into outputs where they are, as activations do: the output overwrites
/// the input and has its shape. It learns nothing, keeps nothing for backward, and works on all
/// shapes that its [`ShapeRule`] accepts; it is a [`Layer`] without parameters, and a [`Compute`] from
/// each shape to the same.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::{ext::{Context, FeatureOrder, Inferred, ShapeRule, InPlace, LayerOutputs}, tensor::Element};
/// /// Twice what comes.
/// struct Double;
/// impl<In: Shape> ShapeRule<In> for Double {
///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
/// }
/// impl InPlace for Double {
///     type Config = ();
///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
///     const READS_OUTPUT: bool = false;
///     fn forward_in_place<S: Shape, T: Element>(_: &(), y: &mut [Tensor<S, T>], _: &Context<T>) {
///         y.iter_mut().for_each(|y| *y *= T::one() + T::one());
///     }
///     fn backward_in_place<S: Shape, T: Element>(
///         _: &(),
///         _: LayerOutputs<'_, S, T>,
///         dy: &mut [Tensor<S, T>],
///         _: &Context<T>,
///     ) {
///         dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
///     }
/// }
/// network! { struct Net: [2] -> [2] { Double, Double } }
/// assert_eq!(
///     Net::zeros().forward(&Tensor1::from([1.0, 3.0])),
///     Tensor1::from([4.0, 12.0])
/// );
/// ```
pub trait InPlace: 'static {
    /// The constructor arguments; `()` if there are none.
    type Config: Configuration;

    /// What becomes of the order of features, which weight files have as PyTorch does.
    const ORDER: FeatureOrder;
    /// Whether backward reads `y`, so that later layers must not overwrite it. Where it says `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// What the outputs mean.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// How it takes part in running `Relu` together with its neighbours.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// Multiply-adds for each number in a forward pass.
    const MULTIPLY_ADDS: usize = 0;

    /// Turns inputs into outputs where they are, for inference.
    fn forward_in_place<S: Shape, T: Element>(
        config: &Self::Config,
        y: &mut [Tensor<S, T>],
        cx: &Context<T>,
    );

    /// Turns inputs into outputs where they are, for training. The default is `forward_in_place`.
    fn forward_train_in_place<S: Shape, T: Element>(
        config: &Self::Config,
        y: &mut [Tensor<S, T>],
        cx: &Context<T>,
    ) {
        Self::forward_in_place(config, y, cx);
    }

    /// Turns the gradient with respect to the outputs `y` into that with respect to the inputs,
    /// where it is.
    fn backward_in_place<S: Shape, T: Element>(
        config: &Self::Config,
        y: LayerOutputs<'_, S, T>,
        dy: &mut [Tensor<S, T>],
        cx: &Context<T>,
    );
}

impl<T: Element, L: InPlace> Layer<T> for L {
    type Config = L::Config;
    type Params = ();
}

impl<S: Shape, T: Element, L: InPlace + ShapeRule<S>> Compute<S, S, T> for L {
    const ORDER: FeatureOrder = L::ORDER;
    const FLOW: Flow = Flow::InPlace;
    const READS_OUTPUT: bool = L::READS_OUTPUT;
    const OUTPUT_KIND: OutputKind = L::OUTPUT_KIND;
    const RELU_FUSION: ReluFusion = L::RELU_FUSION;
    const MULTIPLY_ADDS: usize = sizes::product(&[S::LEN, L::MULTIPLY_ADDS]);

    fn forward(
        config: &L::Config,
        _: &(),
        x: &[Tensor<S, T>],
        y: &mut [Tensor<S, T>],
        _: &mut [T],
        cx: &Context<T>,
    ) {
        flatten_mut(y).copy_from_slice(flatten(x));
        L::forward_in_place(config, y, cx);
    }

    fn forward_train(
        config: &L::Config,
        _: &(),
        x: &[Tensor<S, T>],
        y: &mut [Tensor<S, T>],
        _: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        flatten_mut(y).copy_from_slice(flatten(x));
        L::forward_train_in_place(config, y, cx);
    }

    fn backward_input(
        config: &L::Config,
        _: &(),
        _: &[Tensor<S, T>],
        y: LayerOutputs<'_, S, T>,
        _: ActivationStore<'_, T>,
        dy: &mut [Tensor<S, T>],
        dx: Option<&mut [Tensor<S, T>]>,
        cx: &Context<T>,
    ) {
        L::backward_in_place(config, y, dy, cx);
        if let Some(dx) = dx {
            flatten_mut(dx).copy_from_slice(flatten(dy));
        }
    }

    #[inline(always)]
    fn infer_in_place(config: &L::Config, y: &mut [Tensor<S, T>], cx: &Context<T>) {
        L::forward_in_place(config, y, cx);
    }

    #[inline(always)]
    fn train_in_place(config: &L::Config, y: &mut [Tensor<S, T>], cx: &Context<T>) {
        L::forward_train_in_place(config, y, cx);
    }

    #[inline(always)]
    fn return_in_place(
        config: &L::Config,
        y: LayerOutputs<'_, S, T>,
        dy: &mut [Tensor<S, T>],
        cx: &Context<T>,
    ) {
        L::backward_in_place(config, y, dy, cx);
    }
}

/// What stands in for a layer after a mistake, and never runs.
macro_rules! no_computation {
    ([$($generics:tt)*] $layer:ty) => {
        impl<In: Shape, Out: Shape, $($generics)* T: Element> Compute<In, Out, T> for $layer {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;
            const READS_OUTPUT: bool = false;

            fn forward(
                _: &Self::Config,
                _: &Self::Params,
                _: &[Tensor<In, T>],
                _: &mut [Tensor<Out, T>],
                _: &mut [T],
                _: &Context<T>,
            ) {
            }

            fn backward_input(
                _: &Self::Config,
                _: &Self::Params,
                _: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                _: &mut [Tensor<Out, T>],
                _: Option<&mut [Tensor<In, T>]>,
                _: &Context<T>,
            ) {
            }

            fn backward_params(
                _: &Self::Config,
                _: &Self::Params,
                _: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                _: &[Tensor<Out, T>],
                _: &mut Self::Params,
                _: &Context<T>,
            ) {
            }
        }
    };
}
pub(super) use no_computation;

/// A layer whose input fits, or one that stands after a mistake: the second has the same parameters
/// and computes nothing, so that the rest of the program is checked as if there were no mistake.
#[doc(hidden)]
pub struct OrStub<const FINE: bool, L>(core::marker::PhantomData<L>);

impl<const FINE: bool, L: Layer<T>, T: Element> Layer<T> for OrStub<FINE, L> {
    type Config = L::Config;
    type Params = L::Params;
}

/// The layer to call: the one that is written, or its stand-in after a mistake.
#[doc(hidden)]
pub trait Choose {
    type Layer;
}

impl<L> Choose for OrStub<true, L> {
    type Layer = L;
}

impl<L> Choose for OrStub<false, L> {
    type Layer = OrStub<false, L>;
}

impl<In: Shape, L: 'static> ShapeRule<In> for OrStub<false, L> {
    const OUTPUT: super::Inferred = super::Inferred::shape(crate::tensor::Dims::UNKNOWN);
}

no_computation!([L: Layer<T>,] OrStub<false, L>);

/// Which layer stands at an index of a network: the types of the network's fields.
#[doc(hidden)]
pub trait Field<const INDEX: usize> {
    type Params;
}
