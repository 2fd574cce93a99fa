//! A network as a layer that reads one output for each of its inputs: `critic: Critic <- (a, b)`.

use super::joined_rows::JoinedRows;
use super::merge::{join, part};
#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported, Value};
use crate::memory::{flatten_mut, tensors_mut};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer, Inputs,
    Needs, Network, OutputKind, ShapeRule, Sources, Train,
};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape, Tensor};

/// Returns the memory for one tuple of inputs per sample, which the sources are copied into.
const fn needs_of_tuples<X: Shape, T: Element>() -> Needs {
    Needs::NONE.per_sample::<T>(X::LEN)
}

/// Takes the tuples and their gradient from the memory that training keeps.
#[allow(clippy::type_complexity)]
fn take_tuples<'a, X: Shape, T: Element>(
    cache: &mut ActivationStore<'a>,
) -> (&'a mut [Tensor<X, T>], &'a mut [Tensor<X, T>]) {
    (cache.take_tensors(), cache.take_tensors())
}

#[diagnostic::do_not_recommend]
impl<N, X, Out, T> Infer<Inputs<X>, Out, T> for N
where
    N: Network<Element = T, Input = X, Output = Out> + ShapeRule<Inputs<X>>,
    X: Shape + Sources,
    Out: Shape,
    T: Element,
{
    const ORDER: FeatureOrder = <N as Infer<X, Out, T>>::ORDER;
    const OUTPUT_KIND: OutputKind = <N as Infer<X, Out, T>>::OUTPUT_KIND;
    const MULTIPLY_ADDS: usize = <N as Infer<X, Out, T>>::MULTIPLY_ADDS;
    const BATCHING: Batching = <N as Infer<X, Out, T>>::BATCHING;
    const NEEDS: Needs = needs_of_tuples::<X, T>().and(<N as Infer<X, Out, T>>::NEEDS);

    fn forward(call: Forward<'_, N, Inputs<X>, Out, T>) {
        let Forward {
            config,
            params,
            x,
            y,
            mut scratch,
            thread_memory,
            state,
            cx,
        } = call;
        let tuples = tensors_mut(scratch.take(<X as Shape>::LEN), x.count());
        join::<X, T>(
            x.elements(),
            flatten_mut(tuples),
            JoinedRows::new::<X>(true),
        );

        <N as Infer<X, Out, T>>::forward(Forward {
            config,
            params,
            x: tuples,
            y,
            scratch,
            thread_memory,
            state,
            cx,
        });
    }

    #[cfg(feature = "onnx-export")]
    fn export(config: &(), params: &N, mut call: Export<'_>) -> Exported {
        let tensors = call.sources.iter().flat_map(Value::tensors);
        call.sources = vec![Value::tuple(tensors.cloned().collect())];
        <N as Infer<X, Out, T>>::export(config, params, call)
    }
}

#[diagnostic::do_not_recommend]
impl<N, X, Out, T> Train<Inputs<X>, Out, T> for N
where
    N: Network<Element = T, Input = X, Output = Out> + ShapeRule<Inputs<X>> + Train<X, Out, T>,
    X: Shape + Sources,
    Out: Shape,
    T: Element,
{
    const READS_OUTPUT: bool = <N as Train<X, Out, T>>::READS_OUTPUT;
    const OVERWRITES: bool = <N as Train<X, Out, T>>::OVERWRITES;
    const TRAIN_NEEDS: Needs = needs_of_tuples::<X, T>()
        .and(needs_of_tuples::<X, T>())
        .and(<N as Train<X, Out, T>>::TRAIN_NEEDS);

    fn forward_train(call: ForwardTrain<'_, N, Inputs<X>, Out, T>) {
        let ForwardTrain {
            config,
            params,
            x,
            y,
            mut cache,
            thread_memory,
            cx,
        } = call;
        let (tuples, _) = take_tuples::<X, T>(&mut cache);
        join::<X, T>(
            x.elements(),
            flatten_mut(tuples),
            JoinedRows::new::<X>(true),
        );

        <N as Train<X, Out, T>>::forward_train(ForwardTrain {
            config,
            params,
            x: tuples,
            y,
            cache,
            thread_memory,
            cx,
        });
    }

    fn backward_input(call: BackwardInput<'_, N, Inputs<X>, Out, T>) {
        let BackwardInput {
            config,
            params,
            y,
            mut cache,
            dy,
            mut dx,
            thread_memory,
            cx,
            ..
        } = call;
        let (tuples, gradients) = take_tuples::<X, T>(&mut cache);
        let is_asked = dx.elements().iter().any(Option::is_some);

        <N as Train<X, Out, T>>::backward_input(BackwardInput {
            config,
            params,
            x: tuples,
            y,
            cache,
            dy,
            dx: is_asked.then_some(&mut *gradients),
            thread_memory,
            cx,
        });

        if is_asked {
            part::<X, T>(
                dx.elements(),
                flatten_mut(gradients),
                JoinedRows::new::<X>(true),
            );
        }
    }

    fn backward_params(call: BackwardParams<'_, N, Inputs<X>, Out, T>) {
        let BackwardParams {
            config,
            params,
            y,
            mut cache,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let (tuples, _) = take_tuples::<X, T>(&mut cache);

        <N as Train<X, Out, T>>::backward_params(BackwardParams {
            config,
            params,
            x: tuples,
            y,
            cache,
            dy,
            gradient,
            thread_memory,
            cx,
        });
    }
}
