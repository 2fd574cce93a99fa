//! The traits of layers, built-in ones and a user's own: configuration, parameters and computation.

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

/// The constructor arguments of a layer: values that are neither sizes nor learned, such as the 0.5
/// of `Dropout(0.5)`.
///
/// A layer without arguments uses `()`. A layer with arguments has a struct of them, whose
/// `DEFAULT` applies where the layer is written by its bare name.
pub trait Configuration: Copy + Send + Sync + 'static {
    /// The arguments if none are written.
    const DEFAULT: Self;
}

impl Configuration for () {
    const DEFAULT: Self = ();
}

/// The parameters and constructor arguments of a layer.
///
/// The layer's own type carries its sizes and has no values: `Linear<4, 10>` exists only as a type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of `{T}` networks: it does not implement `Layer<{T}>`",
    label = "not a layer here",
    note = "a layer implements `shapewright::ext::ShapeRule` (which shapes it takes), `Layer` (its \
            parameters) and `Compute` (forward and backward); see the example `custom_layer`",
    note = "a network nested in another has the same number type: write `as {T}` in both"
)]
pub trait Layer<T: Element>: 'static {
    /// The constructor arguments; `()` if there are none.
    type Config: Configuration;
    /// The parameters that the layer learns; `()` if it learns nothing.
    type Params: Parameters<T>;

    /// Sets the parameters, which are zero before the call, to their initial values.
    fn initialize<R: Rng + ?Sized>(config: &Self::Config, params: &mut Self::Params, rng: &mut R) {
        let _ = (config, params, rng);
    }
}

/// The relation of a layer's output to its input in memory.
///
/// Only this crate can name it: a user's layer is `Apart` if it implements [`Compute`], and
/// `InPlace` if it implements [`InPlace`], which has one shape for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The output has a buffer of its own.
    Apart,
    /// The output overwrites the input, which has the same length. The layer has no parameters and
    /// no cache.
    InPlace,
    /// The output is the input under another shape: there is nothing to compute.
    View,
}

/// The meaning of a layer's outputs, by which losses accept or refuse a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// Any numbers.
    Values,
    /// Probabilities that sum to one: a loss on logits refuses them.
    Softmax,
    /// Independent probabilities: a loss on logits refuses them.
    Sigmoid,
    /// Logarithms of probabilities: a loss on log-probabilities requires them.
    LogSoftmax,
}

/// The role of a layer in the fusion of `Relu` with a neighbouring layer.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReluFusion {
    /// The layer takes no part.
    None,
    /// The layer is `Relu`.
    IsRelu,
    /// The layer can apply `Relu` as its epilogue, and does so if [`Context::has_relu_epilogue`]
    /// says so.
    Epilogue,
    /// The layer takes maxima: `Relu` before it and after it give the same result, and after it
    /// there are fewer numbers.
    Maxima,
}

/// The circumstances in which a layer computes: batch, mode, seed and instruction tier.
#[derive(Clone, Copy)]
pub struct Context<'a, T: Element> {
    /// The kernels of the instruction tier in force.
    #[doc(hidden)]
    pub kernels: T::Kernels,
    /// The seed of this step and this layer.
    seed: u64,
    /// The index in the whole batch of the first sample that the layer is given.
    first_sample: usize,
    /// The number of samples in the whole batch.
    batch: usize,
    /// Whether gradients are added to those that are there.
    accumulate: bool,
    /// The index of the first layer that is trained.
    first_trained: usize,
    /// Whether the samples are one thread's share of the batch.
    in_worker: bool,
    /// Whether the layer is to end with `Relu`.
    relu_epilogue: bool,
    /// The parts of the network that are frozen or in inference mode.
    modes: Modes<'a>,
    /// Whether the layer lies within a part in inference mode.
    eval: bool,
}

impl<'a, T: Element> Context<'a, T> {
    pub(crate) fn new(kernels: T::Kernels, seed: u64, batch: usize) -> Self {
        Context {
            kernels,
            seed,
            first_sample: 0,
            batch,
            accumulate: false,
            first_trained: 0,
            in_worker: false,
            relu_epilogue: false,
            modes: Modes::NONE,
            eval: false,
        }
    }

    /// Returns the context of a network with these parts frozen or in inference mode.
    pub(super) fn with_modes(self, modes: Modes<'a>) -> Self {
        Context { modes, ..self }
    }

    /// Returns the context of a list of layers with these parameters: a network, or a list inside a
    /// block.
    #[doc(hidden)]
    pub fn within<P: Parameters<T>>(self, params: &P) -> Self {
        Context {
            eval: self.eval || self.modes.eval::<T, P>(params),
            ..self
        }
    }

    /// Returns whether the layer computes as in inference although the network trains, as
    /// [`Workspace::eval`](crate::Workspace::eval) asks for: layers that draw at random do nothing
    /// then.
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
    pub(super) fn of_part(self, first: usize, in_worker: bool) -> Self {
        Context {
            first_sample: self.first_sample + first,
            in_worker,
            ..self
        }
    }

    /// Returns whether forward is to end with `max(0, y)`; only ever `true` for layers with
    /// `ReluFusion::Epilogue`.
    pub(crate) fn has_relu_epilogue(&self) -> bool {
        self.relu_epilogue
    }

    pub(super) fn with_relu_epilogue(self, relu_epilogue: bool) -> Self {
        Context {
            relu_epilogue,
            ..self
        }
    }

    /// Returns whether the samples are one thread's share of the batch: further threads would not
    /// help.
    pub(crate) fn in_worker(&self) -> bool {
        self.in_worker
    }

    /// Returns whether the batch is a single sample: threads can only share the work within a
    /// layer.
    pub(crate) fn is_single(&self) -> bool {
        self.batch == 1 && !self.in_worker
    }

    /// Returns the number of samples in the whole batch, of which a layer may be given a part.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    pub(crate) fn accumulating(self, accumulate: bool) -> Self {
        Context { accumulate, ..self }
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

    /// Returns the context of the layer at an index. It has a seed of its own, and all layers
    /// inside it are trained.
    #[doc(hidden)]
    pub fn layer(self, index: usize) -> Self {
        // The multiplier of Knuth's MMIX generator spreads neighbouring indices over all bits.
        let seed = (self.seed ^ (index as u64 + 1))
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(29);
        Context {
            seed,
            first_trained: 0,
            relu_epilogue: false,
            ..self
        }
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
    /// [`OVERWRITES`](Compute::OVERWRITES) need to ask: for others the gradient is zero before the
    /// call unless it accumulates.
    pub fn accumulate(&self) -> bool {
        self.accumulate
    }
}

/// The computation of a layer, from the shape `In` to the shape `Out`.
///
/// All functions work on a batch or on a part of one, given as slices of tensors, one for each
/// sample. [`ShapeRule`] has already checked the shapes. A function must not depend on the previous
/// contents of `y`, `dx`, `scratch` or the cache.
///
/// Layers whose outputs overwrite their inputs, such as activations, implement [`InPlace`] instead.
/// The example `custom_layer` has a complete layer with its gradient check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't compute from `{In}` to `{Out}` with numbers of `{T}`: it does not \
               implement `Compute`",
    label = "not a layer here",
    note = "implement `Compute<In, Out, T>` for each pair of shapes that the layer's `ShapeRule` \
            accepts"
)]
#[allow(clippy::too_many_arguments)]
pub trait Compute<In: Shape, Out: Shape, T: Element>: Layer<T> + ShapeRule<In> {
    /// The effect on the order of features, which weight files store as PyTorch does.
    const ORDER: FeatureOrder;
    /// The relation of output and input in memory.
    #[doc(hidden)]
    const FLOW: Flow = Flow::Apart;
    /// Whether backward reads `y`, so that later layers must not overwrite it. If it is `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// The meaning of the outputs.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// Whether training needs the whole batch at once, as batch normalization does: `forward_train`
    /// and `backward_input` are then called once for all samples, and may use threads
    /// themselves.
    const WHOLE_BATCH: bool = false;
    /// The role in the fusion of `Relu` with a neighbouring layer.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// Whether `backward_params` overwrites the gradient, or adds to it if [`Context::accumulate`]
    /// says so. Other layers always add; the gradient is set to zero before the call if need be.
    const OVERWRITES: bool = false;
    /// The number of multiply-adds of a forward pass of one sample.
    const MULTIPLY_ADDS: usize = 0;
    /// The number of elements per sample that a training pass keeps in addition to input and
    /// output.
    const CACHE: usize = 0;
    /// The number of elements per sample that inference needs during the call.
    const SCRATCH: usize = 0;

    /// Computes `y` from `x` for inference. `scratch` has [`SCRATCH`](Compute::SCRATCH) elements
    /// per sample.
    fn forward(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        scratch: &mut [T],
        cx: &Context<T>,
    );

    /// Computes `y` from `x` for training and stores in `cache` what backward needs. The default
    /// calls [`forward`](Compute::forward), for layers that need no cache.
    fn forward_train(
        config: &Self::Config,
        params: &Self::Params,
        x: &[Tensor<In, T>],
        y: &mut [Tensor<Out, T>],
        cache: ActivationStore<'_, T>,
        cx: &Context<T>,
    ) {
        let _ = cache;
        let what = || "the scratch memory of a layer".to_owned();
        with_scratch(x.len(), Self::SCRATCH, what, |scratch| {
            Self::forward(config, params, x, y, scratch, cx);
        });
    }

    /// Computes `dx`, the gradient of the loss with respect to `x`, from `dy`, the gradient with
    /// respect to `y`. `dx` is `None` if nobody needs it. The function may change `dy` into what
    /// [`backward_params`](Compute::backward_params) will read.
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

    /// Adds the gradient of the loss with respect to the parameters to `gradient`. It is called
    /// once for the whole batch, after [`backward_input`](Compute::backward_input) has been
    /// called for all parts of it.
    ///
    /// A layer without parameters omits this function. For a layer with parameters the default does
    /// not compile where a network with the layer is trained.
    ///
    /// ```compile_fail,E0080
    /// use shapewright::prelude::*;
    /// use shapewright::ext::{
    ///     ActivationStore, Compute, Context, FeatureOrder, Inferred, Layer, LayerOutputs, ShapeRule,
    /// };
    /// use shapewright::tensor::Element;
    ///
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
    /// let net = Net::zeros();
    /// let mut gradient = Net::zeros();
    /// let mut workspace = Net::workspace();
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
                "a layer with parameters does not say how they are trained: write \
                 `backward_params` in its `Compute`, with an empty body if nothing is to train them"
            );
        }
        let _ = (config, params, x, y, cache, dy, gradient, cx);
    }

    /// Calls [`InPlace::forward_in_place`] if the layer has `Flow::InPlace`.
    #[doc(hidden)]
    fn infer_in_place(config: &Self::Config, y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        let _ = (config, y, cx);
    }

    /// Calls [`InPlace::forward_train_in_place`] if the layer has `Flow::InPlace`.
    #[doc(hidden)]
    fn train_in_place(config: &Self::Config, y: &mut [Tensor<Out, T>], cx: &Context<T>) {
        Self::infer_in_place(config, y, cx);
    }

    /// Calls [`InPlace::backward_in_place`] if the layer has `Flow::InPlace`.
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

/// A layer that works in place, as activations do: the output overwrites the input and has its
/// shape.
///
/// It has no parameters and no cache, and works on all shapes that its [`ShapeRule`] accepts. It
/// implements [`Layer`], and [`Compute`] from each shape to the same shape.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::ext::{Context, FeatureOrder, InPlace, Inferred, LayerOutputs, ShapeRule};
/// use shapewright::tensor::Element;
///
/// /// Doubles its input.
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

    /// The effect on the order of features, which weight files store as PyTorch does.
    const ORDER: FeatureOrder;
    /// Whether backward reads `y`, so that later layers must not overwrite it. If it is `false`,
    /// reading `y` in backward panics.
    const READS_OUTPUT: bool;
    /// The meaning of the outputs.
    const OUTPUT_KIND: OutputKind = OutputKind::Values;
    /// The role in the fusion of `Relu` with a neighbouring layer.
    #[doc(hidden)]
    const RELU_FUSION: ReluFusion = ReluFusion::None;
    /// The number of multiply-adds per element in a forward pass.
    const MULTIPLY_ADDS: usize = 0;

    /// Replaces the inputs by the outputs, for inference.
    fn forward_in_place<S: Shape, T: Element>(
        config: &Self::Config,
        y: &mut [Tensor<S, T>],
        cx: &Context<T>,
    );

    /// Replaces the inputs by the outputs, for training. The default calls
    /// [`forward_in_place`](InPlace::forward_in_place).
    fn forward_train_in_place<S: Shape, T: Element>(
        config: &Self::Config,
        y: &mut [Tensor<S, T>],
        cx: &Context<T>,
    ) {
        Self::forward_in_place(config, y, cx);
    }

    /// Replaces `dy`, the gradient with respect to the outputs `y`, by the gradient with respect to
    /// the inputs.
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

/// Implements [`Compute`] for a stand-in after a mistake: it accepts all shapes and never runs.
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

/// A layer whose input fits, or its stand-in after a mistake. The stand-in has the same parameters
/// and computes nothing, so that the rest of the program is checked as if there were no mistake.
#[doc(hidden)]
pub struct OrStub<const FINE: bool, L>(core::marker::PhantomData<L>);

impl<const FINE: bool, L: Layer<T>, T: Element> Layer<T> for OrStub<FINE, L> {
    type Config = L::Config;
    type Params = L::Params;
}

/// The choice of the layer to call: the one that is written, or its stand-in after a mistake.
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

/// The type of a network's field at the index of a layer.
#[doc(hidden)]
pub trait Field<const INDEX: usize> {
    type Params;
}
