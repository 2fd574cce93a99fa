//! `Lora` around a `Linear`.

use rand::Rng;

use super::{
    Adapter, AdapterRows, Lora, LoraA, LoraAlpha, LoraB, Pass, adapter_memory, adapter_needs,
    backward_matrices, initialize,
};
use crate::derive::Parameters;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Context, Forward, ForwardTrain, Infer, Layer,
    Needs, Train,
};
use crate::nn::Linear;
use crate::nn::linear::rows_of;
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Element, Shape};

/// The parameters of a [`struct@Lora`] around a [`Linear`], whose parameters are `P`.
#[allow(non_snake_case)]
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct LoraParams<P, const IN: usize, const RANK: usize, const OUT: usize, T: Element> {
    /// The parameters of the layer inside, which is frozen.
    #[params(flatten, frozen)]
    pub layer: P,
    /// Maps the inputs to `rank` numbers.
    #[params(trained)]
    pub lora_A: LoraA<IN, RANK, T>,
    /// Maps these to the outputs.
    #[params(trained)]
    pub lora_B: LoraB<RANK, OUT, T>,
}

impl<P, const IN: usize, const RANK: usize, const OUT: usize, T: Element>
    LoraParams<P, IN, RANK, OUT, T>
{
    fn adapter(&self, config: &LoraAlpha) -> Adapter<'_, T> {
        Adapter {
            a: self.lora_A.weight.as_flattened(),
            b: self.lora_B.weight.as_flattened(),
            inputs: IN,
            rank: RANK,
            outputs: OUT,
            scaling: T::from_f64_lossy(config.scaling(RANK)),
        }
    }
}

/// Returns the number of hidden numbers in a sample.
const fn hidden_len<In: Shape, const IN: usize, const RANK: usize>() -> usize {
    sizes::product(&[rows_of::<In, IN>(), RANK])
}

/// Returns the number of rows of the whole batch. In a stream, a row has the same bits alone and among
/// others.
fn total_rows<In: Shape, const IN: usize, T: Element>(cx: &Context<T>) -> usize {
    match cx.is_stream() {
        true => usize::MAX,
        false => cx.batch() * rows_of::<In, IN>(),
    }
}

/// Takes what training keeps: the hidden numbers, and their gradient.
fn take_hidden<'a, In: Shape, const IN: usize, const RANK: usize, T: Element>(
    cache: &mut ActivationStore<'a>,
) -> [&'a mut [T]; 2] {
    let len = const { hidden_len::<In, IN, RANK>() };
    [cache.take(len), cache.take(len)]
}

impl<T: Element, const RANK: usize, const IN: usize, const OUT: usize, const BIAS: bool> Layer<T>
    for Lora<RANK, Linear<IN, OUT, BIAS>>
where
    Linear<IN, OUT, BIAS>: Layer<T, Config = ()>,
{
    type Config = LoraAlpha;
    type Params = LoraParams<<Linear<IN, OUT, BIAS> as Layer<T>>::Params, IN, RANK, OUT, T>;

    fn initialize<G: Rng + ?Sized>(_: &LoraAlpha, params: &mut Self::Params, rng: &mut G) {
        Linear::initialize(&(), &mut params.layer, rng);
        initialize(&mut params.lora_A, &mut params.lora_B, rng);
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const RANK: usize,
    const IN: usize,
    const OUT: usize,
    const BIAS: bool,
> Infer<In, Out, T> for Lora<RANK, Linear<IN, OUT, BIAS>>
where
    Linear<IN, OUT, BIAS>: Infer<In, Out, T, Config = ()>,
{
    const ORDER: FeatureOrder = <Linear<IN, OUT, BIAS> as Infer<In, Out, T>>::ORDER;
    const MULTIPLY_ADDS: usize = sizes::sum(&[
        <Linear<IN, OUT, BIAS> as Infer<In, Out, T>>::MULTIPLY_ADDS,
        sizes::product(&[rows_of::<In, IN>(), RANK, sizes::sum(&[IN, OUT])]),
    ]);
    const NEEDS: Needs = <Linear<IN, OUT, BIAS> as Infer<In, Out, T>>::NEEDS
        .or(adapter_needs::<T>(rows_of::<In, IN>(), IN, RANK, OUT))
        .per_sample::<T>(hidden_len::<In, IN, RANK>());

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            config,
            params,
            x,
            y,
            mut scratch,
            mut thread_memory,
            state,
            cx,
        } = call;
        let hidden = scratch.take(hidden_len::<In, IN, RANK>());
        Linear::forward(Forward {
            config: &(),
            params: &params.layer,
            x,
            y: &mut *y,
            scratch,
            thread_memory: thread_memory.reborrow(),
            state,
            cx,
        });

        let mut pass = Pass {
            total_rows: total_rows::<In, IN, T>(cx),
            memory: thread_memory.take_at_most(const { adapter_memory(IN, RANK, OUT) }),
            cx,
        };
        let adapter = params.adapter(config);
        adapter.forward(flatten(x), hidden, (flatten_mut(y), OUT), &mut pass);
    }
}

impl<
    In: Shape,
    Out: Shape,
    T: Element,
    const RANK: usize,
    const IN: usize,
    const OUT: usize,
    const BIAS: bool,
> Train<In, Out, T> for Lora<RANK, Linear<IN, OUT, BIAS>>
where
    Linear<IN, OUT, BIAS>: Train<In, Out, T, Config = ()>,
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    const TRAIN_NEEDS: Needs = <Linear<IN, OUT, BIAS> as Train<In, Out, T>>::TRAIN_NEEDS
        .or(adapter_needs::<T>(rows_of::<In, IN>(), IN, RANK, OUT).in_training())
        .per_sample::<T>(hidden_len::<In, IN, RANK>())
        .per_sample::<T>(hidden_len::<In, IN, RANK>());

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            config,
            params,
            x,
            y,
            mut cache,
            mut thread_memory,
            cx,
        } = call;
        let [hidden, _] = take_hidden::<In, IN, RANK, T>(&mut cache);
        Linear::forward_train(ForwardTrain {
            config: &(),
            params: &params.layer,
            x,
            y: &mut *y,
            cache,
            thread_memory: thread_memory.reborrow(),
            cx,
        });

        let mut pass = Pass {
            total_rows: total_rows::<In, IN, T>(cx),
            memory: thread_memory.take_at_most(const { adapter_memory(IN, RANK, OUT) }),
            cx,
        };
        let adapter = params.adapter(config);
        adapter.forward(flatten(x), hidden, (flatten_mut(y), OUT), &mut pass);
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            config,
            params,
            x,
            y,
            mut cache,
            dy,
            mut dx,
            mut thread_memory,
            cx,
        } = call;
        let [_, hidden_grad] = take_hidden::<In, IN, RANK, T>(&mut cache);
        Linear::backward_input(BackwardInput {
            config: &(),
            params: &params.layer,
            x,
            y,
            cache,
            dy: &mut *dy,
            dx: dx.as_deref_mut(),
            thread_memory: thread_memory.reborrow(),
            cx,
        });

        let mut pass = Pass {
            total_rows: total_rows::<In, IN, T>(cx),
            memory: thread_memory.take_at_most(const { adapter_memory(IN, RANK, OUT) }),
            cx,
        };
        let adapter = params.adapter(config);
        adapter.backward_hidden((flatten(dy), OUT), hidden_grad, &mut pass);
        if let Some(dx) = dx {
            adapter.backward_input(hidden_grad, flatten_mut(dx), &mut pass);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x,
            mut cache,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let [hidden, hidden_grad] = take_hidden::<In, IN, RANK, T>(&mut cache);
        let rows = AdapterRows {
            x: flatten(x),
            inputs: IN,
            rank: RANK,
            hidden,
            hidden_grad,
            dy: flatten(dy),
            stride: OUT,
            outputs: OUT,
        };
        let a = gradient.lora_A.weight.as_flattened_mut();
        let b = gradient.lora_B.weight.as_flattened_mut();
        backward_matrices(rows, (a, b), thread_memory, cx);
    }
}
