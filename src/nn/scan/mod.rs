//! The layer that runs a cell of the user's own over the time axis.

mod compute;
mod shape;

use core::marker::PhantomData;

use rand::Rng;

use crate::network::{Inferred, Layer, LayerInput, NamesOutput, Network, Reach, ShapeRule};
use crate::tensor::{Dims, Element, Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use shape::{CellShapes, Options};

/// A cell of your own over a sequence: `[length, ..]` becomes `[length, ..]`, step by step.
///
/// In a network: `Scan<Cell>`, where `Cell` is a network that reads the input of a step and a state,
/// and gives the output of the step and the next state: `(x: [F], h: [H]) -> (y: [O], next: [H])`.
/// Inputs and outputs are told apart by their order, not by their names. A cell may have up to three
/// states, and one whose output is its state gives that alone: `(x: [F], h: [H]) -> [H]`. A step may
/// have up to three axes, as in a ConvLSTM. All steps share the parameters, whose names begin with
/// that of the layer.
///
/// The options, in any order:
///
/// - `FinalState`: gives a tuple of the output and the states after the last step, which
///   [`SelectPart`](super::SelectPart) takes apart.
/// - `InitialState`: reads the first states, `Scan<Cell, InitialState> <- (x, h0)`. Without the
///   option they are 0.
///
/// It is the loop over an `nn.RNNCell` in PyTorch, `jax.lax.scan`, and `keras.layers.RNN(cell)`.
/// Training is back-propagation through time (Werbos, 1990): it keeps what the cell keeps in each
/// step, and adds up the gradient of the parameters over all steps. A `Dropout` in the cell draws
/// anew in each step.
///
/// Outputs and states are 0 where they would be denormal, as are their gradients: a state that decays
/// would otherwise remain denormal, which is slow.
///
/// In a [stream](crate::State), each call goes on with the states that the call before it left, with
/// the bits of the whole sequence. With `InitialState` each call begins with the states that it
/// reads.
///
/// An Elman cell with layer normalization (Ba et al., 2016):
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Cell: (x: [3], h: [8]) -> [8] {
///         from_x: Linear<_, 8> <- x,
///         from_h: Linear<_, 8, NoBias> <- h,
///         Add <- (from_x, from_h),
///         norm: LayerNorm,
///         Tanh,
///     }
/// }
/// network! {
///     struct Net: [20, 3] -> [2] { rnn: Scan<Cell>, SelectLast, head: Linear<_, 2> }
/// }
/// let net = Net::init(&mut shapewright::rng(0));
/// assert_eq!(net.rnn.norm.weight, [1.0; 8]);
/// assert!(net.forward(&Tensor2::ones()).iter().all(|y| y.is_finite()));
/// ```
///
/// A cell that gives another state than it reads is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Grows: (x: [3], h: [8]) -> [9] { Concat <- (x, h), Linear<_, 9> } }
/// network! { struct Net: [20, 3] -> [20, 9] { Scan<Grows> } }
/// ```
#[doc(alias = "RNNCell")]
#[doc(alias = "LSTMCell")]
#[doc(alias = "GRUCell")]
pub struct Scan<
    Cell,
    const INITIAL: bool = false,
    const FINAL: bool = false,
    const STEPS: usize = 0,
>(PhantomData<Cell>);

/// The output of a cell over `STEPS` steps.
///
/// It is public because the type of a network's output depends on it.
#[doc(hidden)]
pub trait OverTime<const STEPS: usize> {
    /// The outputs of all steps.
    type Steps: Shape;
    /// The outputs of all steps, and the last states.
    type WithStates: Shape;
}

macro_rules! over_time {
    ($($rank:ident<$($size:ident),*> => $steps:ident;)*) => { $(
        impl<const STEPS: usize, $(const $size: usize),*> OverTime<STEPS> for $rank<$($size),*> {
            type Steps = $steps<STEPS, $($size),*>;
            type WithStates = (Self::Steps, Self);
        }
    )* };
}
over_time! {
    Rank0<> => Rank1;
    Rank1<A> => Rank2;
    Rank2<A, B> => Rank3;
    Rank3<A, B, C> => Rank4;
}

macro_rules! tuple_over_time {
    ($($state:ident)*) => {
        impl<const STEPS: usize, Y: Shape + OverTime<STEPS>, $($state: Shape),*> OverTime<STEPS>
            for (Y, $($state,)*)
        {
            type Steps = Y::Steps;
            type WithStates = (Y::Steps, $($state,)*);
        }
    };
}
tuple_over_time!(A);
tuple_over_time!(A B);
tuple_over_time!(A B C);

impl<Cell: Network, const INITIAL: bool, const FINAL: bool, const STEPS: usize>
    Scan<Cell, INITIAL, FINAL, STEPS>
{
    const OPTIONS: Options = Options {
        cell: CellShapes::of::<Cell>(),
        initial: INITIAL,
        last: FINAL,
    };
}

/// The parts of the tuple that a scan gives with `FinalState`.
struct Parts<L, In>(PhantomData<(L, In)>);

impl<Cell: Network, In: LayerInput, const INITIAL: bool, const FINAL: bool, const STEPS: usize>
    Parts<Scan<Cell, INITIAL, FINAL, STEPS>, In>
{
    const OPTIONS: Options = Scan::<Cell, INITIAL, FINAL, STEPS>::OPTIONS;
    const ALL: [Dims; 4] = Self::OPTIONS.parts(In::DIMS);
    const TUPLE: &'static [Dims] = Self::ALL.split_at(1 + Self::OPTIONS.cell.states).0;
}

impl<Cell: Network, In: LayerInput, const INITIAL: bool, const FINAL: bool, const STEPS: usize>
    ShapeRule<In> for Scan<Cell, INITIAL, FINAL, STEPS>
{
    const OUTPUT: Inferred = Self::OPTIONS.infer::<In>(Parts::<Self, In>::TUPLE);
    const REACH: Reach = Self::OPTIONS.reach();
}

impl<Cell, const INITIAL: bool, const STEPS: usize> NamesOutput for Scan<Cell, INITIAL, true, STEPS>
where
    Cell: Network,
    Cell::Output: OverTime<STEPS>,
{
    type Output = <Cell::Output as OverTime<STEPS>>::WithStates;
}

impl<Cell, T, const INITIAL: bool, const FINAL: bool, const STEPS: usize> Layer<T>
    for Scan<Cell, INITIAL, FINAL, STEPS>
where
    Cell: Network<Element = T>,
    T: Element,
{
    type Config = ();
    type Params = Cell;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Cell, rng: &mut R) {
        <Cell as Layer<T>>::initialize(&(), params, rng);
    }
}
