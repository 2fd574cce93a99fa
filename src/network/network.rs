//! The trait of all networks made by `network!`.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "alloc")]
use rand::Rng;

#[cfg(feature = "onnx-export")]
use super::export;
#[cfg(feature = "std")]
use super::gradient::Gradient;
use super::infer::Infer;
use super::inference::{self, In, InputOf, Out, OutputOf};
use super::inference_workspace::InferenceWorkspace;
#[cfg(feature = "alloc")]
use super::layer::Layer;
use super::lines::Lines;
use super::needs::Needs;
use super::plan::OutputsAt;
use super::share::share;
use super::state::State;
use super::stream::{Stream, Streaming};
use super::summary::{LayerSummary, Summary};
use super::train::Train;
#[cfg(feature = "std")]
use super::workspace::{Pass, Workspace};
#[cfg(feature = "onnx-export")]
use crate::export::ExportError;
use crate::params::Parameters;
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};
#[cfg(feature = "alloc")]
use crate::{memory, params};

/// A network defined with [`network!`](crate::network!): a struct that holds its parameters and
/// nothing else.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     /// Four measurements to three classes.
///     pub struct Iris: [4] -> [3] {
///         hidden: Linear<_, 10>,
///         Relu,
///         head: Linear<_, 3>,
///     }
/// }
/// let net = Iris::init(&mut shapewright::rng(0));
/// let scores = net.forward(&Tensor1::from([5.1, 3.5, 1.4, 0.2]));
/// assert!(scores.iter().all(|s| s.is_finite()));
/// assert_eq!(Iris::PARAMS, 4 * 10 + 10 + 10 * 3 + 3);
/// ```
///
/// Every network has further functions, from traits in the [prelude](crate::prelude):
/// [`trainer`](crate::train::CreateTrainer::trainer),
/// [`evaluate`](crate::metrics::Evaluate::evaluate), and `save` and `load` of `weights::SaveLoad`.
pub trait Network:
    Sized
    + Parameters<<Self as Network>::Element>
    + Infer<
        <Self as Network>::Input,
        <Self as Network>::Output,
        <Self as Network>::Element,
        Config = (),
        Params = Self,
    >
{
    /// The number type, `f32` or `f64`.
    type Element: Element;
    /// The shape of one input.
    type Input: Shape;
    /// The shape of one output.
    type Output: Shape;
    /// The meaning of the outputs as a type: the last layer itself if it is `Softmax`, `Sigmoid` or
    /// `LogSoftmax`, otherwise `Values`.
    #[doc(hidden)]
    type Ends;

    /// The memory of a stream's state.
    #[doc(hidden)]
    type StateLines: Lines;
    /// The memory of inference of one sample.
    #[doc(hidden)]
    type InferenceLines: Lines;

    /// The name of the struct.
    const NAME: &'static str;
    /// The number of parameters, among them the numbers of [buffers](crate::ext::Buffer).
    const PARAMS: usize = <Self as Parameters<Self::Element>>::COUNT;
    /// The number of parameters that can be trained: those that are neither in buffers nor frozen by
    /// their types, as the layer inside a [`Lora`](struct@crate::nn::Lora) is.
    const TRAINABLE_PARAMS: usize = Self::PARAMS
        - <Self as Parameters<Self::Element>>::BUFFER_NUMBERS
        - <Self as Parameters<Self::Element>>::PARAM_TREE.frozen_numbers(false, false);
    /// The number of multiply-adds of a forward pass of one sample.
    const MACS: usize = <Self as Infer<Self::Input, Self::Output, Self::Element>>::MULTIPLY_ADDS;
    /// The number of bytes that inference needs for one sample on one thread, in addition to input
    /// and output; [`workspace_bytes`](Network::workspace_bytes) has the number for a batch.
    const WORKSPACE_BYTES: usize = {
        let needs = <Self as Infer<Self::Input, Self::Output, Self::Element>>::NEEDS;
        sizes::sum(&[needs.per_sample, needs.per_thread])
    };
    /// The number of bytes that training needs for each sample, in addition to the input:
    /// activations, their gradients, the output and its gradient.
    const TRAIN_WORKSPACE_BYTES: usize = sizes::sum(&[
        Self::TRAINING.per_sample,
        sizes::product(&[2, Self::Output::LEN, size_of::<Self::Element>()]),
    ]);
    /// The number of bytes that training needs for each thread.
    const TRAIN_THREAD_BYTES: usize = Self::TRAINING.per_thread;
    /// The number of bytes of a stream's [`State`].
    const STATE_BYTES: usize =
        <Self as Infer<Self::Input, Self::Output, Self::Element>>::NEEDS.state;
    /// True if the network has `#[stream]`.
    #[doc(hidden)]
    const IS_STREAM: bool = false;
    /// The names of the inputs and outputs, if they have some.
    #[doc(hidden)]
    const INPUT_NAMES: &'static [&'static str] = &[];
    #[doc(hidden)]
    const OUTPUT_NAMES: &'static [&'static str] = &[];
    /// The memory of training, as the layers need it.
    #[doc(hidden)]
    const TRAINING: Needs;
    /// The layers, in order.
    #[doc(hidden)]
    const LAYERS: &'static [LayerSummary];
    /// The location of each layer's outputs after a forward pass for training.
    #[doc(hidden)]
    const OUTPUTS: &'static [OutputsAt];

    /// Creates a network on the heap, with each layer initialized as PyTorch does. The same
    /// generator in the same state gives the same parameters on every machine.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn init<R: Rng + ?Sized>(rng: &mut R) -> Box<Self> {
        let mut network = Self::zeros();
        <Self as Layer<Self::Element>>::initialize(&(), &mut network, rng);
        network
    }

    /// Creates a network on the heap whose parameters are all zero. Gradients and the states of
    /// optimizers begin like this.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn zeros() -> Box<Self> {
        params::zeroed_parameters()
    }

    /// Copies the network to the heap without placing it on the stack.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn to_boxed(&self) -> Box<Self> {
        let mut copy = Self::zeros();
        params::copy_parameters(self, &mut *copy);
        copy
    }

    /// Returns all parameters as one slice, layer after layer. A few elements of padding, which
    /// stay zero, may lie before and after a nested network and at the end.
    ///
    /// Numbers of another type are in it as bits. If there is padding behind them, it does not
    /// compile; see [`Buffer`](crate::ext::Buffer#padding).
    fn params(&self) -> &[Self::Element] {
        self.as_slice()
    }

    /// Returns all parameters as one mutable slice. The padding must stay zero. Numbers of another
    /// type are in it as bits, which are no numbers to compute with.
    fn params_mut(&mut self) -> &mut [Self::Element] {
        self.as_mut_slice()
    }

    /// Calls `visitor` with the name (`fc1.weight`), the sizes and the elements of each parameter
    /// tensor, except [buffers](crate::ext::Buffer).
    #[cfg(feature = "alloc")]
    fn for_each_param<'a>(&'a self, mut visitor: impl FnMut(&str, &[usize], &'a [Self::Element])) {
        self.visit("", &mut visitor);
    }

    /// Calls `visitor` with the name, the sizes and the mutable elements of each parameter tensor,
    /// except [buffers](crate::ext::Buffer).
    #[cfg(feature = "alloc")]
    fn for_each_param_mut<'a>(
        &'a mut self,
        mut visitor: impl FnMut(&str, &[usize], &'a mut [Self::Element]),
    ) {
        self.visit_mut("", &mut visitor);
    }

    /// Returns the output for one input. It does not allocate after the first call.
    ///
    /// It differs by rounding from the output that [`forward_batch`](Network::forward_batch) gives
    /// for the same input in a batch.
    ///
    /// The output lies on the caller's stack: for large outputs, such as images, use
    /// [`forward_into`](Network::forward_into).
    #[inline]
    #[must_use]
    fn forward<X: InputOf<In<Self>, Self> + ?Sized>(
        &self,
        x: &X,
    ) -> Tensor<Self::Output, Self::Element> {
        let mut y = Tensor::zeros();
        inference::one(self, x.expected(), &mut y, None);
        y
    }

    /// Returns the parameters of this network as those of another one, `N`, without a copy.
    ///
    /// It is for the same layers over another length. Both have tensors of the same names and sizes, in
    /// the same order; otherwise it does not compile. A text of 10 tokens then takes the time of 16
    /// rather than that of 128:
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Reader<const LENGTH: usize>: (tokens: [LENGTH], mask: [LENGTH]) -> [8] {
    ///         embed: Embedding<100, 8> <- tokens,
    ///         attention: MultiHeadAttention<_, 2, KeyPaddingMask> <- (embed, mask),
    ///         MeanOverTime <- (attention, mask),
    ///     }
    /// }
    /// network! { struct Long = Reader<128>; }
    /// network! { struct Short = Reader<16>; }
    ///
    /// let long = Long::init(&mut shapewright::rng(0));
    /// let short: &Short = long.share();
    /// assert_eq!(short.params(), long.params());
    ///
    /// let text = |i: usize| if i < 10 { (i * 7) as f32 } else { 0.0 };
    /// let mask = |i: usize| if i < 10 { 1.0 } else { 0.0 };
    /// let of_short = short.forward(&Tensor::from((
    ///     Tensor1::from_position(text),
    ///     Tensor1::from_position(mask),
    /// )));
    /// let of_long = long.forward(&Tensor::from((
    ///     Tensor1::from_position(text),
    ///     Tensor1::from_position(mask),
    /// )));
    /// assert!((of_short[0] - of_long[0]).abs() < 1e-6);
    /// ```
    ///
    /// A layer whose parameters depend on the length is a compile error:
    ///
    /// ```compile_fail
    /// use shapewright::prelude::*;
    /// network! { struct Long: [8] -> [2] { Linear<_, 2> } }
    /// network! { struct Short: [4] -> [2] { Linear<_, 2> } }
    /// let long = Long::init(&mut shapewright::rng(0));
    /// let short: &Short = long.share();
    /// ```
    #[inline]
    fn share<N: Network<Element = Self::Element>>(&self) -> &N {
        share(self)
    }

    /// Creates a stream at its beginning: the memory in which the network, which has `#[stream]` on
    /// its definition, computes one step after another.
    #[must_use]
    fn stream() -> Stream<Self>
    where
        Self: Streaming,
    {
        Stream::new()
    }

    /// Creates a stream on the heap, for streams that are too large for the stack.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn stream_boxed() -> Box<Stream<Self>>
    where
        Self: Streaming,
    {
        memory::zeroed()
    }

    /// Creates the state of a stream at its beginning.
    #[must_use]
    fn state() -> State<Self> {
        State::new()
    }

    /// Creates the state of a stream on the heap, for states that are too large for the stack.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [2] { Linear<_, 2> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut state = Net::state_boxed();
    /// let mut y = Tensor1::zeros();
    /// net.step_into(&Tensor1::ones(), &mut y, &mut state);
    /// assert_eq!(y, net.forward(&Tensor1::ones()));
    /// ```
    #[cfg(feature = "alloc")]
    fn state_boxed() -> Box<State<Self>> {
        memory::zeroed()
    }

    /// Returns the output for the next input of a stream, and updates the stream's state.
    ///
    /// Layers without a state compute as in [`forward`](Network::forward). It does not allocate
    /// after the first call.
    #[inline]
    #[must_use]
    fn step<X: InputOf<In<Self>, Self> + ?Sized>(
        &self,
        x: &X,
        state: &mut State<Self>,
    ) -> Tensor<Self::Output, Self::Element> {
        let mut y = Tensor::zeros();
        inference::one(self, x.expected(), &mut y, Some(state.bytes_mut()));
        y
    }

    /// Like [`step`](Network::step), for outputs that are too large for the stack.
    #[inline]
    fn step_into<X, Y>(&self, x: &X, y: &mut Y, state: &mut State<Self>)
    where
        X: InputOf<In<Self>, Self> + ?Sized,
        Y: OutputOf<Out<Self>, Self>,
    {
        inference::one(
            self,
            x.expected(),
            &mut Y::expected_mut(core::slice::from_mut(y))[0],
            Some(state.bytes_mut()),
        );
    }

    /// Returns the number of bytes that inference of a batch needs on this number of threads, in
    /// addition to inputs and outputs.
    #[cfg(feature = "std")]
    fn workspace_bytes(batch: usize, threads: usize) -> usize {
        inference::workspace_bytes::<Self>(batch, threads)
    }

    /// Writes the output for one input to `y`, for outputs that are too large for the stack.
    #[inline]
    fn forward_into<X, Y>(&self, x: &X, y: &mut Y)
    where
        X: InputOf<In<Self>, Self> + ?Sized,
        Y: OutputOf<Out<Self>, Self>,
    {
        inference::one(
            self,
            x.expected(),
            &mut Y::expected_mut(core::slice::from_mut(y))[0],
            None,
        );
    }

    /// Like [`forward`](Network::forward), with memory of the caller.
    ///
    /// ```
    /// use shapewright::InferenceWorkspace;
    /// use shapewright::prelude::*;
    /// network! { struct Net: [64] -> [4] { Linear<_, 500>, Relu, Linear<_, 4> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = InferenceWorkspace::new();
    /// let x = Tensor1::ones();
    /// assert_eq!(net.forward_with(&x, &mut workspace), net.forward(&x));
    /// ```
    #[inline]
    #[must_use]
    fn forward_with<X: InputOf<In<Self>, Self> + ?Sized>(
        &self,
        x: &X,
        workspace: &mut InferenceWorkspace<Self>,
    ) -> Tensor<Self::Output, Self::Element> {
        let mut y = Tensor::zeros();
        inference::one_with(self, x.expected(), &mut y, None, workspace);
        y
    }

    /// Like [`forward_into`](Network::forward_into), with memory of the caller.
    #[inline]
    fn forward_into_with<X, Y>(&self, x: &X, y: &mut Y, workspace: &mut InferenceWorkspace<Self>)
    where
        X: InputOf<In<Self>, Self> + ?Sized,
        Y: OutputOf<Out<Self>, Self>,
    {
        let y = &mut Y::expected_mut(core::slice::from_mut(y))[0];
        inference::one_with(self, x.expected(), y, None, workspace);
    }

    /// Like [`step`](Network::step), with memory of the caller.
    #[inline]
    #[must_use]
    fn step_with<X: InputOf<In<Self>, Self> + ?Sized>(
        &self,
        x: &X,
        state: &mut State<Self>,
        workspace: &mut InferenceWorkspace<Self>,
    ) -> Tensor<Self::Output, Self::Element> {
        let mut y = Tensor::zeros();
        inference::one_with(
            self,
            x.expected(),
            &mut y,
            Some(state.bytes_mut()),
            workspace,
        );
        y
    }

    /// Like [`step_into`](Network::step_into), with memory of the caller.
    #[inline]
    fn step_into_with<X, Y>(
        &self,
        x: &X,
        y: &mut Y,
        state: &mut State<Self>,
        workspace: &mut InferenceWorkspace<Self>,
    ) where
        X: InputOf<In<Self>, Self>,
        Y: OutputOf<Out<Self>, Self>,
    {
        let y = &mut Y::expected_mut(core::slice::from_mut(y))[0];
        inference::one_with(self, x.expected(), y, Some(state.bytes_mut()), workspace);
    }

    /// Computes the outputs for a batch of any length, on all threads if that pays. It does not
    /// allocate after the first call.
    ///
    /// An output does not depend on the other inputs, on its position and on the number of threads,
    /// to the last bit. It does depend on the length of the batch, by rounding: behind a `Linear` or
    /// a convolution, one sample or a few use other kernels than many, which add the same products
    /// in another order.
    ///
    /// # Panics
    /// Panics if `x` and `y` differ in length.
    fn forward_batch<X, Y>(&self, x: &[X], y: &mut [Y])
    where
        X: InputOf<In<Self>, Self>,
        Y: OutputOf<Out<Self>, Self>,
    {
        assert!(
            x.len() == y.len(),
            "forward_batch has {} inputs but room for {} outputs; give it as many outputs as \
             inputs",
            x.len(),
            y.len()
        );
        inference::batch(self, X::expected_batch(x), Y::expected_mut(y));
    }

    /// Returns the outputs for a batch of any length, in a new vector.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Iris: [4] -> [3] { Linear<_, 8>, Relu, Linear<_, 3> } }
    /// let net = Iris::init(&mut shapewright::rng(0));
    /// let inputs = vec![Tensor1::from([5.1, 3.5, 1.4, 0.2]); 10];
    /// let outputs = net.predict(&inputs);
    /// assert_eq!(outputs.len(), 10);
    /// ```
    ///
    /// [`forward_batch`](Network::forward_batch) computes the same without an allocation.
    /// [`Classify`](crate::loss::Classify) has the classes and the probabilities.
    #[cfg(feature = "alloc")]
    fn predict<X: InputOf<In<Self>, Self>>(&self, x: &[X]) -> Vec<Out<Self>> {
        let mut y = memory::zeroed_tensors(x.len());
        inference::batch(self, X::expected_batch(x), &mut y);
        y
    }

    /// Creates the gradient of a network, of zeros: as [`zeros`](Network::zeros), without memory for
    /// what is never written, such as the gradient of frozen layers.
    ///
    /// # Panics
    /// Panics if there is not enough memory.
    #[cfg(feature = "std")]
    #[must_use]
    fn gradient() -> Gradient<Self> {
        Gradient::try_new().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates the memory of training passes, which grows with the longest batch that it sees.
    #[cfg(feature = "std")]
    #[must_use]
    fn workspace() -> Workspace<Self>
    where
        Self: Trainable,
    {
        Workspace::new()
    }

    /// Runs forward for training and keeps what backward needs. The returned [`Pass`] computes a
    /// loss and then the gradient.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Xor: [2] -> [1] { Linear<_, 8>, Tanh, Linear<_, 1> }
    /// }
    /// let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]].map(Tensor1::from);
    /// let targets = [0.0, 1.0, 1.0, 0.0].map(|t| Tensor1::from([t]));
    /// let mut net = Xor::init(&mut shapewright::rng(1));
    /// let mut gradient = Xor::zeros();
    /// let mut workspace = Xor::workspace();
    /// let mut adam = Adam::new(0.05).state::<Xor>();
    /// let mut loss = 1.0;
    /// for _ in 0..200 {
    ///     let mut pass = net.forward_train(&inputs, &mut workspace);
    ///     loss = pass.loss(&Mse, &targets);
    ///     pass.backward(&mut gradient);
    ///     adam.step(&mut net, &gradient);
    /// }
    /// assert!(loss < 0.01);
    /// ```
    #[cfg(feature = "std")]
    fn forward_train<'a, 'w, X: InputOf<In<Self>, Self>>(
        &'a self,
        x: &'a [X],
        workspace: &'w mut Workspace<Self>,
    ) -> Pass<'a, 'w, Self> {
        Pass::forward(self, X::expected_batch(x), workspace)
    }

    /// Writes the network as an ONNX file, for [ONNX Runtime](https://onnxruntime.ai) and other
    /// programs, also on GPUs. The axis of the batch is open.
    ///
    /// Inputs and outputs have the shapes that they have here, such as `[batch, 28, 28, 1]` for
    /// images, and the names that the definition gives them, or else `input` and `output`. Tensors of
    /// parameters have their names, such as `encoder.fc.weight`. [The guide](crate::guide::weights#onnx)
    /// says which layers can be written.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [3] { fc: Linear<_, 8>, Relu, head: Linear<_, 3> } }
    /// # let folder = std::env::temp_dir().join(format!("shapewright-onnx-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let net = Net::init(&mut shapewright::rng(0));
    /// net.to_onnx(folder.join("net.onnx"))?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a layer can't be written, if the file would have more than 2 GiB, or if it
    /// can't be written.
    #[cfg(feature = "onnx-export")]
    fn to_onnx(&self, path: impl AsRef<std::path::Path>) -> Result<(), ExportError> {
        export::write(path.as_ref(), &self.to_onnx_bytes()?)
    }

    /// Returns the bytes of the file that [`to_onnx`](Network::to_onnx) writes.
    ///
    /// # Errors
    /// Returns an error if a layer can't be written, or if the file would have more than 2 GiB.
    #[cfg(feature = "onnx-export")]
    fn to_onnx_bytes(&self) -> Result<Vec<u8>, ExportError> {
        self.to_onnx_bytes_with(&[])
    }

    /// Returns the bytes of an ONNX file with these keys and texts in its metadata.
    ///
    /// # Errors
    /// As [`to_onnx_bytes`](Network::to_onnx_bytes).
    #[cfg(feature = "onnx-export")]
    fn to_onnx_bytes_with(&self, metadata: &[(&str, &str)]) -> Result<Vec<u8>, ExportError> {
        export::to_bytes(self, metadata)
    }

    /// Returns the table of layers, with output shapes, parameters, multiply-adds and bytes.
    #[must_use]
    fn summary() -> Summary {
        Summary::of::<Self>()
    }
}

/// A network all of whose layers have a backward pass.
///
/// It is implemented for every network without a layer that is for [inference](crate::ext::Infer)
/// alone.
///
/// A function over any network that it trains has the bound `N: Trainable`:
///
/// ```
/// use shapewright::prelude::*;
/// fn workspace_for<N: Trainable>(batch: usize) -> Workspace<N> {
///     let mut workspace = N::workspace();
///     workspace.reserve(batch);
///     workspace
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be trained: one of its layers has no backward pass",
    label = "not a network that can be trained",
    note = "a function over any network that it trains has the bound `N: Trainable`"
)]
pub trait Trainable:
    Network
    + Train<
        <Self as Network>::Input,
        <Self as Network>::Output,
        <Self as Network>::Element,
        Config = (),
        Params = Self,
    >
{
}
