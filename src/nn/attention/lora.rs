//! `Lora` around an attention: updates of the weights of queries and values.

use rand::Rng;

use super::compute::{
    ActivationGrads, Activations, Attention, Given, keys_values_len, queries_len,
};
use super::params::Projections;
use super::shape::AttentionSizes;
use super::{
    Attends, AttentionDropout, AttentionInput, MultiHeadAttention, MultiHeadAttentionNoBiasParams,
    MultiHeadAttentionParams, MultiHeadAttentionSeparateNoBiasParams,
    MultiHeadAttentionSeparateParams, shapes, take_activations,
};
use crate::derive::Parameters;
use crate::kernels::ANY_SHAPE;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Configuration, Forward, ForwardTrain, Infer,
    Layer, Needs, Train,
};
use crate::nn::lora::{
    Adapted, Adapter, AdapterRows, Lora, LoraA, LoraAlpha, LoraB, Pass, adapter_needs, add_update,
    backward_matrices, initialize,
};
use crate::params::{self, FeatureOrder};
use crate::sizes;
use crate::tensor::{Element, Shape};

/// The update of one weight of an attention.
#[allow(non_snake_case)]
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct AttentionAdapter<const IN: usize, const RANK: usize, const OUT: usize, T: Element> {
    /// Maps the inputs to `rank` numbers.
    pub lora_A: LoraA<IN, RANK, T>,
    /// Maps these to the outputs.
    pub lora_B: LoraB<RANK, OUT, T>,
}

impl<const IN: usize, const RANK: usize, const OUT: usize, T: Element>
    AttentionAdapter<IN, RANK, OUT, T>
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

/// The parameters of a [`Lora`](struct@crate::nn::Lora) around a
/// [`MultiHeadAttention`](struct@crate::nn::MultiHeadAttention), whose parameters are `P`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct AttentionLoraParams<
    P,
    const EMBED_DIM: usize,
    const MEMORY_DIM: usize,
    const RANK: usize,
    const WIDTH: usize,
    const KV_WIDTH: usize,
    T: Element,
> {
    /// The parameters of the attention, which are frozen.
    #[params(flatten, frozen)]
    pub layer: P,
    /// The update of the weight of queries.
    #[params(trained)]
    pub query: AttentionAdapter<EMBED_DIM, RANK, WIDTH, T>,
    /// The update of the weight of values.
    #[params(trained)]
    pub value: AttentionAdapter<MEMORY_DIM, RANK, KV_WIDTH, T>,
}

/// The updates of the weights of queries and values.
#[derive(Clone, Copy)]
pub(super) struct AttentionAdapters<'a, T: Element> {
    query: Adapter<'a, T>,
    value: Adapter<'a, T>,
}

impl<T: Element> AttentionAdapters<'_, T> {
    /// Adds the updates to queries and values.
    pub fn forward(
        &self,
        attention: &Attention<'_, T>,
        given: &Given<'_, T>,
        queries: &mut [T],
        keys_values: &mut [T],
        [of_query, of_value]: [&mut [T]; 2],
        panel: &mut [T],
    ) {
        let (width, kv_width) = (attention.sizes.width(), attention.sizes.kv_width());
        let pass = &mut pass(attention, panel);
        self.query
            .forward(given.query, of_query, (queries, width), pass);
        let values = (&mut keys_values[kv_width..], 2 * kv_width);
        self.value.forward(given.memory, of_value, values, pass);
    }

    /// Computes the gradients of the hidden numbers from those of queries, keys and values.
    pub fn backward_hidden(
        &self,
        attention: &Attention<'_, T>,
        (queries, keys_values): (&[T], &[T]),
        [of_query, of_value]: &mut [&mut [T]; 2],
        panel: &mut [T],
    ) {
        let (width, kv_width) = (attention.sizes.width(), attention.sizes.kv_width());
        let pass = &mut pass(attention, panel);
        self.query.backward_hidden((queries, width), of_query, pass);
        let values = (&keys_values[kv_width..], 2 * kv_width);
        self.value.backward_hidden(values, of_value, pass);
    }

    /// Adds to the gradient of the source of queries.
    pub fn backward_query(
        &self,
        attention: &Attention<'_, T>,
        hidden: &[&mut [T]; 2],
        dx: &mut [T],
        panel: &mut [T],
    ) {
        self.query
            .backward_input(&*hidden[0], dx, &mut pass(attention, panel));
    }

    /// Adds to the gradient of the source of values.
    pub fn backward_memory(
        &self,
        attention: &Attention<'_, T>,
        hidden: &[&mut [T]; 2],
        dx: &mut [T],
        panel: &mut [T],
    ) {
        self.value
            .backward_input(&*hidden[1], dx, &mut pass(attention, panel));
    }
}

/// Returns the circumstances of the products, whose bits do not depend on the number of rows.
fn pass<'a, 'm, T: Element>(attention: &Attention<'a, T>, memory: &'m mut [T]) -> Pass<'a, 'm, T> {
    Pass {
        total_rows: ANY_SHAPE,
        memory,
        cx: attention.cx,
    }
}

/// Returns the numbers of hidden numbers of a sample, of queries and of values.
const fn hidden_lens(sizes: &AttentionSizes, rank: usize) -> [usize; 2] {
    [
        sizes::product(&[sizes.queries, rank]),
        sizes::product(&[sizes.keys, rank]),
    ]
}

/// Returns the needs of the updates for one pass.
const fn needs<T: Element>(sizes: &AttentionSizes, rank: usize) -> Needs {
    let [of_query, of_value] = hidden_lens(sizes, rank);
    Needs::NONE
        .per_sample::<T>(of_query)
        .per_sample::<T>(of_value)
}

/// Takes what training keeps: as `take_activations`, with the hidden numbers and their gradients
/// before them.
fn take<'a, T: Element>(
    sizes: &AttentionSizes,
    rank: usize,
    cache: &mut ActivationStore<'a>,
) -> (Activations<'a, T>, ActivationGrads<'a, T>) {
    let lens = hidden_lens(sizes, rank);
    let hidden = lens.map(|len| cache.take(len));
    let hidden_grads = lens.map(|len| cache.take(len));
    let (activations, grads) = take_activations(sizes, cache);
    (
        Activations {
            hidden,
            ..activations
        },
        ActivationGrads {
            hidden: hidden_grads,
            ..grads
        },
    )
}

/// Implements the layer with the parameters of one layout.
macro_rules! adapted_attention {
    ($bias:tt $separate:tt $params:ident<$($of:ident),*> [$($all:ident)?]) => {
        impl<
            T: Element, const RANK: usize, const E: usize, const H: usize, const CAUSAL: bool,
            const CROSS: bool, const MASK: bool, const SCORES: bool, const KV: usize,
            const D: usize, const R: usize, const RI: usize, const WINDOW: usize, const M: usize,
            const Q: usize, const K: usize, const ALL: usize, const CONTEXT: usize,
        > Layer<T> for Lora<RANK, MultiHeadAttention<
            E, H, CAUSAL, CROSS, MASK, SCORES, KV, D, R, RI, WINDOW, $bias, M, Q, K, ALL, CONTEXT,
            $separate,
        >> {
            type Config = LoraAlpha;
            type Params = AttentionLoraParams<$params<$($of,)* T>, E, M, RANK, Q, K, T>;

            fn initialize<G: Rng + ?Sized>(
                _: &LoraAlpha,
                params: &mut Self::Params,
                rng: &mut G,
            ) {
                let AttentionLoraParams { layer, query, value } = params;
                layer.initialize(rng);
                initialize(&mut query.lora_A, &mut query.lora_B, rng);
                initialize(&mut value.lora_A, &mut value.lora_B, rng);
            }
        }

        impl<
            T: Element, const RANK: usize, const E: usize, const M: usize, const Q: usize,
            const K: usize, $(const $all: usize,)?
        > Adapted for AttentionLoraParams<$params<$($of,)* T>, E, M, RANK, Q, K, T> {
            type Layer = $params<$($of,)* T>;

            fn merge_into(&self, config: LoraAlpha, layer: &mut Self::Layer) {
                let AttentionLoraParams { layer: frozen, query, value } = self;
                params::copy_parameters::<_, T>(frozen, layer);
                let scaling = config.scaling(RANK);
                let of_query = adapted_attention!(@query $separate layer Q);
                add_update(&query.lora_A, &query.lora_B, scaling, of_query);
                let of_value = adapted_attention!(@value $separate layer Q K);
                add_update(&value.lora_A, &value.lora_B, scaling, of_value);
            }

            fn set_layer(&mut self, layer: &Self::Layer) {
                params::copy_parameters::<_, T>(layer, &mut self.layer);
            }
        }
    };
    (@query 0 $layer:ident $q:ident) => {{
        let stride = $layer.in_proj_weight[0].len();
        ($layer.in_proj_weight.as_flattened_mut(), stride)
    }};
    (@query 1 $layer:ident $q:ident) => {
        ($layer.q_proj_weight.as_flattened_mut(), $q)
    };
    (@value 0 $layer:ident $q:ident $k:ident) => {{
        let stride = $layer.in_proj_weight[0].len();
        (&mut $layer.in_proj_weight.as_flattened_mut()[$q + $k..], stride)
    }};
    (@value 1 $layer:ident $q:ident $k:ident) => {
        ($layer.v_proj_weight.as_flattened_mut(), $k)
    };
}
adapted_attention!(true 0 MultiHeadAttentionParams<E, ALL> [ALL]);
adapted_attention!(false 0 MultiHeadAttentionNoBiasParams<E, ALL> [ALL]);
adapted_attention!(true 1 MultiHeadAttentionSeparateParams<E, M, Q, K, ALL> [ALL]);
adapted_attention!(false 1 MultiHeadAttentionSeparateNoBiasParams<E, M, Q, K> []);

/// The parameters of any adapted attention.
#[doc(hidden)]
pub trait AdaptedProjections<T: Element> {
    /// The parameters of the attention inside.
    type Layer: Projections<T>;

    /// Returns the parameters of the attention inside.
    fn layer(&self) -> &Self::Layer;

    /// Returns the updates.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn adapters(&self, config: &LoraAlpha) -> AttentionAdapters<'_, T>;

    /// Returns the matrices `A` and `B` of the updates of queries and of values.
    fn matrices_mut(&mut self) -> [(&mut [T], &mut [T]); 2];
}

impl<
    P: Projections<T>,
    const E: usize,
    const M: usize,
    const RANK: usize,
    const Q: usize,
    const K: usize,
    T: Element,
> AdaptedProjections<T> for AttentionLoraParams<P, E, M, RANK, Q, K, T>
{
    type Layer = P;

    fn layer(&self) -> &P {
        &self.layer
    }

    #[allow(private_interfaces)]
    fn adapters(&self, config: &LoraAlpha) -> AttentionAdapters<'_, T> {
        AttentionAdapters {
            query: self.query.adapter(config),
            value: self.value.adapter(config),
        }
    }

    fn matrices_mut(&mut self) -> [(&mut [T], &mut [T]); 2] {
        let AttentionLoraParams { query, value, .. } = self;
        [
            (
                query.lora_A.weight.as_flattened_mut(),
                query.lora_B.weight.as_flattened_mut(),
            ),
            (
                value.lora_A.weight.as_flattened_mut(),
                value.lora_B.weight.as_flattened_mut(),
            ),
        ]
    }
}

/// Returns the needs of the products of the updates.
const fn product_needs<T: Element>(sizes: &AttentionSizes, rank: usize) -> Needs {
    let (width, kv_width) = (sizes.width(), sizes.kv_width());
    adapter_needs::<T>(sizes.queries, sizes.embed_dim, rank, width).or(adapter_needs::<T>(
        sizes.keys,
        sizes.memory_dim,
        rank,
        kv_width,
    ))
}

/// The attention inside, whose type is long.
macro_rules! inside {
    () => {
        MultiHeadAttention<
            E, H, CAUSAL, CROSS, MASK, SCORES, KV, D, R, RI, WINDOW, BIAS, M, Q, K, ALL, CONTEXT,
            SEPARATE,
        >
    };
}

/// Implements a trait for an adapted attention with all parameters.
macro_rules! implement {
    ($name:ident => $body:tt) => {
        impl<
            In: AttentionInput, Out: Shape, T: Element, const RANK: usize, const E: usize,
            const H: usize, const CAUSAL: bool, const CROSS: bool, const MASK: bool,
            const SCORES: bool, const KV: usize, const D: usize, const R: usize, const RI: usize,
            const WINDOW: usize, const BIAS: bool, const M: usize, const Q: usize, const K: usize,
            const ALL: usize, const CONTEXT: usize, const SEPARATE: usize,
        > $name<In, Out, T> for Lora<RANK, inside!()>
        where
            Self: Layer<T, Config = LoraAlpha, Params: AdaptedProjections<T>>,
            inside!(): Train<In, Out, T, Config = AttentionDropout>,
        $body
    };
}

implement! {
    Infer => {
        const ORDER: FeatureOrder = FeatureOrder::Makes;
        const MULTIPLY_ADDS: usize = {
            let sizes = <inside!() as Attends>::RULE.sizes(shapes::<In>());
            let of_query = [sizes.queries, RANK, sizes::sum(&[sizes.embed_dim, sizes.width()])];
            let of_value = [sizes.keys, RANK, sizes::sum(&[sizes.memory_dim, sizes.kv_width()])];
            sizes::sum(&[
                sizes.multiply_adds(),
                sizes::product(&of_query),
                sizes::product(&of_value),
            ])
        };
        const NEEDS: Needs = {
            let sizes = &<inside!() as Attends>::RULE.sizes(shapes::<In>());
            <inside!() as Infer<In, Out, T>>::NEEDS.and(needs::<T>(sizes, RANK))
        };

        fn forward(call: Forward<'_, Self, In, Out, T>) {
            let Forward { config, params, x, y, mut scratch, thread_memory, state, cx } = call;
            let sizes = <inside!() as Attends>::sizes::<In>();
            let hidden = hidden_lens(sizes, RANK).map(|len| scratch.take(len));
            let activations = Activations {
                queries: scratch.take(queries_len(sizes)),
                keys_values: scratch.take(keys_values_len(sizes)),
                attended: scratch.take(queries_len(sizes)),
                statistics: &mut [],
                hidden,
            };
            let attention = Attention {
                adapters: Some(params.adapters(config)),
                ..<inside!() as Attends>::attention::<In, T>(&AttentionDropout::DEFAULT, cx)
            };
            attention.forward(
                &params.layer().weights(sizes),
                &<inside!() as Attends>::given::<In, T>(x),
                flatten_mut(y),
                activations,
                thread_memory,
                state,
            );
        }
    }
}

implement! {
    Train => {
        const READS_OUTPUT: bool = false;
        const OVERWRITES: bool = true;
        const TRAIN_NEEDS: Needs = {
            let sizes = &<inside!() as Attends>::RULE.sizes(shapes::<In>());
            <inside!() as Train<In, Out, T>>::TRAIN_NEEDS
                .or(product_needs::<T>(sizes, RANK).in_training())
                .and(needs::<T>(sizes, RANK))
                .and(needs::<T>(sizes, RANK))
        };

        fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
            let ForwardTrain { config, params, x, y, mut cache, thread_memory, cx } = call;
            let sizes = <inside!() as Attends>::sizes::<In>();
            let (activations, _) = take(sizes, RANK, &mut cache);
            let attention = Attention {
                adapters: Some(params.adapters(config)),
                ..<inside!() as Attends>::attention::<In, T>(&AttentionDropout::DEFAULT, cx)
            };
            attention.forward(
                &params.layer().weights(sizes),
                &<inside!() as Attends>::given::<In, T>(x),
                flatten_mut(y),
                activations,
                thread_memory,
                None,
            );
        }

        fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
            let BackwardInput { config, params, x, mut cache, dy, dx, thread_memory, cx, .. } = call;
            let sizes = <inside!() as Attends>::sizes::<In>();
            let (activations, grads) = take(sizes, RANK, &mut cache);
            let attention = Attention {
                adapters: Some(params.adapters(config)),
                ..<inside!() as Attends>::attention::<In, T>(&AttentionDropout::DEFAULT, cx)
            };
            attention.backward(
                &params.layer().weights(sizes),
                &<inside!() as Attends>::given::<In, T>(x),
                activations,
                grads,
                flatten(dy),
                <inside!() as Attends>::asked::<In, T>(dx),
                thread_memory,
            );
        }

        fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
            let BackwardParams { x, mut cache, dy: _, gradient, mut thread_memory, cx, .. } = call;
            let sizes = <inside!() as Attends>::sizes::<In>();
            let (activations, grads) = take::<T>(sizes, RANK, &mut cache);
            let given = <inside!() as Attends>::given::<In, T>(x);
            let (width, kv_width) = (sizes.width(), sizes.kv_width());
            let [of_query, of_value] = gradient.matrices_mut();

            let [hidden, hidden_values] = activations.hidden;
            let [hidden_grad, hidden_values_grad] = grads.hidden;
            let rows = AdapterRows {
                x: given.query,
                inputs: sizes.embed_dim,
                rank: RANK,
                hidden,
                hidden_grad,
                dy: grads.queries,
                stride: width,
                outputs: width,
            };
            backward_matrices(rows, of_query, thread_memory.reborrow(), cx);

            let rows = AdapterRows {
                x: given.memory,
                inputs: sizes.memory_dim,
                rank: RANK,
                hidden: hidden_values,
                hidden_grad: hidden_values_grad,
                dy: &grads.keys_values[kv_width..],
                stride: 2 * kv_width,
                outputs: kv_width,
            };
            backward_matrices(rows, of_value, thread_memory, cx);
        }
    }
}
