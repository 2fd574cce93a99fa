//! The recurrent layers: their types, and what the network asks of them.

use core::marker::PhantomData;

use rand::Rng;

use super::compute::{self, Spec, Tensors};
use super::params::{RecurrentDropout, RecurrentNoBiasParams, RecurrentParams};
use super::shape::Options;
use crate::init;
use crate::kernels::{GruCell, LstmCell, RecurrentCell, RnnCell};
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer, Inferred, Layer,
    LayerInput, NamesOutput, Needs, Reach, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Dims, Element, Rank1, Rank2, Shape};

/// Long short-term memory over a sequence: `[length, features]` becomes `[length, hidden_size]`.
///
/// In a network: `Lstm<input_size, hidden_size>`. An `input_size` of `_` is inferred from the
/// input. The options, in any order:
///
/// - `Layers<2>`: layers one behind another. `Lstm<_, 64, Layers<2>>(0.2)` has dropout with that
///   probability between them during training.
/// - `Bidirectional`: a second direction from the end to the beginning; the output is
///   `[length, 2 * hidden_size]`.
/// - `NoBias`: omits both biases.
/// - `Masked`: reads a second output, `Lstm<_, 64, Masked> <- (x, mask)`, of shape `[length]`: 1 for
///   each step, and 0 for the padding behind the last one. Padded steps give 0 and leave the state
///   as it is, and the reversed direction begins at the last step, as PyTorch's packed sequences.
///   They must hold finite numbers, as 0 times NaN is NaN.
/// - `FinalState`: gives a tuple of the output, the state after the last step and the cell state,
///   which [`SelectPart`](super::super::SelectPart) takes apart.
/// - `InitialState`: reads the first state and the first cell state, `Lstm<_, 64, InitialState> <-
///   (x, h0, c0)`. Each is `[hidden_size]`, or `[layers * directions, hidden_size]` if there are
///   several. Without the option they are 0.
///
/// A step computes
///
/// ```text
/// i = sigmoid(x W_ii + b_ii + h W_hi + b_hi)
/// f = sigmoid(x W_if + b_if + h W_hf + b_hf)
/// g = tanh(x W_ig + b_ig + h W_hg + b_hg)
/// o = sigmoid(x W_io + b_io + h W_ho + b_ho)
/// c' = f c + i g
/// h' = o tanh(c')
/// ```
///
/// Definition, both biases and the order of the gates are those of PyTorch's `nn.LSTM`, and so are
/// the names in weight files and the initial values: all parameters are uniform between plus and
/// minus `1 / sqrt(hidden_size)`. Hochreiter and Schmidhuber, 1997. In memory the weights are
/// stored transposed: see [`RecurrentParams`].
///
/// In a [stream](crate::State), each call goes on with the state that the call before it left, with
/// the bits of the whole sequence. With `InitialState` each call begins with the states that it
/// reads.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Rows: [28, 28] -> [10] {
///         lstm: Lstm<_, 64>,
///         SelectLast,
///         Linear<_, 10>,
///     }
/// }
/// let net = Rows::init(&mut shapewright::rng(0));
/// let y = net.forward(&Tensor2::ones());
/// assert!(y.iter().all(|y| y.abs() < 1.0));
/// assert_eq!(net.lstm.first[0].weight_hh.as_flattened().len(), 64 * 256);
/// ```
#[doc(alias = "LSTM")]
pub struct Lstm<
    const I: usize,
    const H: usize,
    const LAYERS: usize = 1,
    const BIDIRECTIONAL: bool = false,
    const BIAS: bool = true,
    const MASKED: bool = false,
    const INITIAL: bool = false,
    const FINAL: bool = false,
    const G: usize = 0,
    const OUT: usize = H,
    const D: usize = 1,
    const LATER: usize = 0,
    const STEPS: usize = 0,
    const STATES: usize = 1,
    const RANK: usize = 1,
> {}

/// Returns an [`struct@Lstm`] layer with this probability of dropout between its layers.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Lstm(dropout: f64) -> RecurrentDropout {
    RecurrentDropout::new(dropout)
}

/// A gated recurrent unit over a sequence: `[length, features]` becomes `[length, hidden_size]`.
///
/// In a network: `Gru<input_size, hidden_size>`. An `input_size` of `_` is inferred from the input.
/// The options `Layers<2>`, `Bidirectional`, `NoBias`, `Masked`, `FinalState` and `InitialState` are those of
/// [`struct@Lstm`], but for a state without a cell state. Two more:
///
/// - `ResetBefore`: multiplies the state by `r` before the product instead of the product, as Keras
///   does with `reset_after=False` and ONNX with `linear_before_reset=0`.
/// - `Relu`: the candidate `n` is `max(0, ..)` instead of `tanh(..)`.
///
/// A step computes
///
/// ```text
/// r = sigmoid(x W_ir + b_ir + h W_hr + b_hr)
/// z = sigmoid(x W_iz + b_iz + h W_hz + b_hz)
/// n = tanh(x W_in + b_in + r (h W_hn + b_hn)), or with `ResetBefore`
/// n = tanh(x W_in + b_in + (r h) W_hn + b_hn)
/// h' = (1 - z) n + z h
/// ```
///
/// Definition, both biases and the order of the gates are those of PyTorch's `nn.GRU`, and so are
/// the names in weight files and the initial values: all parameters are uniform between plus and
/// minus `1 / sqrt(hidden_size)`. Cho et al., 2014.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Words: [20, 8] -> [2] { gru: Gru<_, 16, Bidirectional>, GlobalAvgPool1d, Linear<_, 2> }
/// }
/// let net = Words::init(&mut shapewright::rng(0));
/// assert_eq!(net.forward(&Tensor2::ones()).iter().count(), 2);
/// ```
#[doc(alias = "GRU")]
pub struct Gru<
    const I: usize,
    const H: usize,
    const LAYERS: usize = 1,
    const BIDIRECTIONAL: bool = false,
    const BIAS: bool = true,
    const MASKED: bool = false,
    const INITIAL: bool = false,
    const FINAL: bool = false,
    const RESET_BEFORE: bool = false,
    const RELU: bool = false,
    const G: usize = 0,
    const OUT: usize = H,
    const D: usize = 1,
    const LATER: usize = 0,
    const STEPS: usize = 0,
    const STATES: usize = 1,
    const RANK: usize = 1,
> {}

/// Returns a [`struct@Gru`] layer with this probability of dropout between its layers.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Gru(dropout: f64) -> RecurrentDropout {
    RecurrentDropout::new(dropout)
}

/// A simple recurrent layer over a sequence: `[length, features]` becomes `[length, hidden_size]`.
///
/// In a network: `Rnn<input_size, hidden_size>`. An `input_size` of `_` is inferred from the input.
/// The options `Layers<2>`, `Bidirectional`, `NoBias`, `Masked`, `FinalState` and `InitialState` are those of
/// [`struct@Lstm`], but for a state without a cell state. The option `Relu` replaces the hyperbolic
/// tangent.
///
/// A step computes `h' = tanh(x W_ih + b_ih + h W_hh + b_hh)`.
///
/// Definition, both biases, the names in weight files and the initial values are those of PyTorch's
/// `nn.RNN`. Elman, 1990.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Sum: [3, 1] -> [3, 1] { rnn: Rnn<_, 1, Relu> } }
/// let mut net = Sum::zeros();
/// net.rnn.first[0].weight_ih = [[1.0]];
/// net.rnn.first[0].weight_hh = [[1.0]];
/// let y = net.forward(&Tensor2::from([[1.0], [2.0], [3.0]]));
/// assert_eq!(y, Tensor2::from([[1.0], [3.0], [6.0]]));
/// ```
#[doc(alias = "RNN")]
#[doc(alias = "Elman")]
pub struct Rnn<
    const I: usize,
    const H: usize,
    const LAYERS: usize = 1,
    const BIDIRECTIONAL: bool = false,
    const BIAS: bool = true,
    const MASKED: bool = false,
    const INITIAL: bool = false,
    const FINAL: bool = false,
    const RELU: bool = false,
    const G: usize = 0,
    const OUT: usize = H,
    const D: usize = 1,
    const LATER: usize = 0,
    const STEPS: usize = 0,
    const STATES: usize = 1,
    const RANK: usize = 1,
> {}

/// Returns an [`struct@Rnn`] layer with this probability of dropout between its layers.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Rnn(dropout: f64) -> RecurrentDropout {
    RecurrentDropout::new(dropout)
}

/// The parts of the tuple that a layer with `FinalState` gives.
struct Parts<L, In>(PhantomData<(L, In)>);

/// The shape of a state: of `RANK` axes, the last of which has `H` elements.
pub struct LastState<const RANK: usize, const STATES: usize, const H: usize>;

pub trait StateShape {
    type Shape: Shape;
}

impl<const STATES: usize, const H: usize> StateShape for LastState<1, STATES, H> {
    type Shape = Rank1<H>;
}

impl<const STATES: usize, const H: usize> StateShape for LastState<2, STATES, H> {
    type Shape = Rank2<STATES, H>;
}

/// Implements the layer `$name`, whose options beyond those of all are `$extra`.
macro_rules! recurrent {
    ($name:ident [$($extra:ident),*] $cell:ty = $value:expr, halves: $halves:expr) => {
        impl<
            In: LayerInput,
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const BIAS: bool,
            const MASKED: bool,
            const INITIAL: bool,
            const FINAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > Parts<
            $name<I, H, LAYERS, BIDIRECTIONAL, BIAS, MASKED, INITIAL, FINAL, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>,
            In,
        >
        {
            const OPTIONS: Options = Options {
                name: stringify!($name),
                input_size: I,
                hidden: H,
                layers: LAYERS,
                bidirectional: BIDIRECTIONAL,
                masked: MASKED,
                initial: INITIAL,
                last: FINAL,
                gates: <$cell as RecurrentCell>::GATES,
                has_cells: <$cell as RecurrentCell>::HAS_CELLS,
            };
            const ALL: [Dims; 3] = Self::OPTIONS.parts(In::DIMS);
            const TUPLE: &'static [Dims] = if Self::OPTIONS.has_cells {
                &Self::ALL
            } else {
                Self::ALL.split_at(2).0
            };
        }

        impl<
            In: LayerInput,
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const BIAS: bool,
            const MASKED: bool,
            const INITIAL: bool,
            const FINAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > ShapeRule<In>
            for $name<I, H, LAYERS, BIDIRECTIONAL, BIAS, MASKED, INITIAL, FINAL, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>
        {
            const OUTPUT: Inferred = Parts::<Self, In>::OPTIONS.infer::<In>(Parts::<Self, In>::TUPLE);
            const REACH: Reach = Parts::<Self, In>::OPTIONS.reach();
        }

        impl<
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const BIAS: bool,
            const MASKED: bool,
            const INITIAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > NamesOutput
            for $name<I, H, LAYERS, BIDIRECTIONAL, BIAS, MASKED, INITIAL, true, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>
        where
            LastState<RANK, STATES, H>: StateShape,
        {
            type Output = recurrent!(@output $name Rank2<STEPS, OUT>, LastState<RANK, STATES, H>);
        }

        recurrent!(@params $name [$($extra),*] true RecurrentParams);
        recurrent!(@params $name [$($extra),*] false RecurrentNoBiasParams);

        impl<
            In: LayerInput,
            Out: Shape,
            T: Element,
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const BIAS: bool,
            const MASKED: bool,
            const INITIAL: bool,
            const FINAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > Infer<In, Out, T>
            for $name<I, H, LAYERS, BIDIRECTIONAL, BIAS, MASKED, INITIAL, FINAL, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>
        where
            Self: Layer<T, Config = RecurrentDropout>,
        {
            const ORDER: FeatureOrder = FeatureOrder::Makes;
            const BATCHING: Batching = Batching::All;
            const MULTIPLY_ADDS: usize =
                Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS).multiply_adds();
            const NEEDS: Needs =
                Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS).needs::<T, $cell>($halves);

            #[cfg(feature = "onnx-export")]
            fn export(
                _: &RecurrentDropout,
                params: &Self::Params,
                call: crate::export::Export<'_>,
            ) -> crate::export::Exported {
                const { &Parts::<Self, In>::OPTIONS }.export::<T, _>(&[$($extra),*], params, call)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { params, x, y, scratch, state, cx, .. } = call;
                let tensors = Tensors {
                    samples: y.len(),
                    sources: In::elements(x),
                    row: Out::LEN,
                };
                compute::forward(
                    const { &Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS) },
                    $value,
                    params.as_slice(),
                    tensors,
                    flatten_mut(y),
                    scratch,
                    state,
                    cx,
                );
            }
        }

        impl<
            In: LayerInput,
            Out: Shape,
            T: Element,
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const BIAS: bool,
            const MASKED: bool,
            const INITIAL: bool,
            const FINAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > Train<In, Out, T>
            for $name<I, H, LAYERS, BIDIRECTIONAL, BIAS, MASKED, INITIAL, FINAL, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>
        where
            Self: Layer<T, Config = RecurrentDropout>,
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: Needs =
                Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS).train_needs::<T, $cell>();

            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let ForwardTrain { config, params, x, y, cache, cx, .. } = call;
                let tensors = Tensors {
                    samples: y.len(),
                    sources: In::elements(x),
                    row: Out::LEN,
                };
                compute::forward_train(
                    const { &Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS) },
                    ($value, config.probability),
                    params.as_slice(),
                    tensors,
                    flatten_mut(y),
                    cache,
                    cx,
                );
            }

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { config, params, x, cache, dy, dx, thread_memory, cx, .. } =
                    call;
                let tensors = Tensors {
                    samples: dy.len(),
                    sources: In::elements(x),
                    row: Out::LEN,
                };
                compute::backward_input(
                    const { &Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS) },
                    ($value, config.probability),
                    params.as_slice(),
                    tensors,
                    flatten_mut(dy),
                    In::gradient_elements(dx),
                    (cache, thread_memory),
                    cx,
                );
            }

            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, cache, dy, gradient, thread_memory, cx, .. } = call;
                let tensors = Tensors {
                    samples: dy.len(),
                    sources: In::elements(x),
                    row: Out::LEN,
                };
                compute::backward_params(
                    const { &Spec::new::<In>(Parts::<Self, In>::OPTIONS, BIAS) },
                    $value,
                    tensors,
                    gradient.as_mut_slice(),
                    (cache, thread_memory),
                    cx,
                );
            }
        }
    };
    (@output Lstm $output:ty, $state:ty) => {
        ($output, <$state as StateShape>::Shape, <$state as StateShape>::Shape)
    };
    (@output $name:ident $output:ty, $state:ty) => {
        ($output, <$state as StateShape>::Shape)
    };
    (@params $name:ident [$($extra:ident),*] $bias:literal $params:ident) => {
        impl<
            T: Element,
            const I: usize,
            const H: usize,
            const LAYERS: usize,
            const BIDIRECTIONAL: bool,
            const MASKED: bool,
            const INITIAL: bool,
            const FINAL: bool,
            $(const $extra: bool,)*
            const G: usize,
            const OUT: usize,
            const D: usize,
            const LATER: usize,
            const STEPS: usize,
            const STATES: usize,
            const RANK: usize,
        > Layer<T>
            for $name<I, H, LAYERS, BIDIRECTIONAL, $bias, MASKED, INITIAL, FINAL, $($extra,)* G, OUT, D, LATER, STEPS, STATES, RANK>
        {
            type Config = RecurrentDropout;
            type Params = $params<I, H, G, D, OUT, LATER, T>;

            fn initialize<R: Rng + ?Sized>(
                _: &RecurrentDropout,
                params: &mut Self::Params,
                rng: &mut R,
            ) {
                init::fan_in_uniform(params.as_mut_slice(), H, rng);
            }
        }
    };
}
recurrent!(Lstm [] LstmCell = LstmCell, halves: false);
recurrent!(
    Gru [RESET_BEFORE, RELU]
    GruCell = GruCell { relu: RELU, reset_before: RESET_BEFORE }, halves: RESET_BEFORE
);
recurrent!(Rnn [RELU] RnnCell = RnnCell { relu: RELU }, halves: false);
