//! Attention, and the positions of sequences.

mod compute;
mod lora;
#[cfg(feature = "std")]
pub(crate) mod maps;
mod params;
mod positions;
mod rotary;
mod shape;

pub use lora::{AttentionAdapter, AttentionLoraParams};
pub use params::{
    AttentionOutNoBiasParams, AttentionOutParams, MultiHeadAttentionNoBiasParams,
    MultiHeadAttentionParams, MultiHeadAttentionSeparateNoBiasParams,
    MultiHeadAttentionSeparateParams,
};
pub use positions::{PositionalEmbedding, PositionalEmbeddingParams, PositionalEncoding};

use rand::Rng;

use crate::memory::{flatten, flatten_mut};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Configuration, Context, Forward, ForwardTrain,
    Infer, Inferred, Inputs, Layer, LayerInput, MAX_SOURCES, Needs, Reach, ShapeRule, Sources,
    Train,
};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

pub(in crate::nn) use compute::{WeightGrad, weight_grad};

use compute::{
    ActivationGrads, Activations, Asked, Attention, Given, keys_values_len, queries_len,
    statistics_len,
};
use params::Projections;
use rotary::Rotary;
use shape::{AttentionRule, AttentionSizes};

/// Multi-head attention: each position of a sequence `[length, embed_dim]` becomes a mean of the
/// values of all positions, weighted by the softmax of the products of its query with their keys.
///
/// In a network: `MultiHeadAttention<embed_dim, num_heads>`. An `embed_dim` of `_` is inferred from
/// the input. `MultiHeadAttention<_, 8>(0.1)` drops a tenth of the weights in training, as
/// [`Dropout`](struct@crate::nn::Dropout) does; by default none. These options may follow the sizes,
/// in any order:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `Causal` | a position sees itself and those before it | all positions |
/// | `Window<64>` | of those, the last 64; needs `Causal` | all of them |
/// | `Cross` | keys and values are those of a second sequence, `[length, any width]` | the first sequence |
/// | `KeyPaddingMask` | one more source, `[keys]`: 0 hides a key, 1 is a real one | no mask |
/// | `AttentionBias` | one more source, `[queries, keys]` or `[num_heads, queries, keys]`, which is added to the scores | no bias |
/// | `KvHeads<2>` | the number of heads of keys and values, each shared by as many heads of queries | `num_heads` |
/// | `HeadDim<32>` | the width of a head | `embed_dim / num_heads` |
/// | `Rotary`, `Rotary<500000>` | rotary positions with this base, in pairs of the halves of a head, as in GPT-NeoX and Hugging Face's Llama | none |
/// | `RotaryInterleaved` | the same in pairs of neighbours, as in Meta's Llama | none |
/// | `NoBias` | no biases | biases |
///
/// The sources are named in the order of the table:
/// `MultiHeadAttention<_, 8, Cross, KeyPaddingMask> <- (queries, memory, mask)`. A mask has no
/// gradient, and a bias has one.
///
/// PyTorch's `nn.MultiheadAttention` with `batch_first=True`; Vaswani et al., 2017. Names, layouts in
/// weight files and initial values are PyTorch's: one `in_proj_weight` where queries, keys and values
/// have one width, otherwise `q_proj_weight`, `k_proj_weight` and `v_proj_weight`. Three things
/// differ:
///
/// - **A mask** is 1 where a key is real, as in Hugging Face's `attention_mask`. PyTorch's
///   `key_padding_mask` is true where a key is padding.
/// - **A query that sees no key** gets zeros (and the output is the bias of the output layer), and
///   its gradient is zero. PyTorch gives NaN.
/// - **`KvHeads`, `HeadDim`, `Window` and rotary positions** are not options of PyTorch's layer.
///
/// What is hidden has the weight 0, and 0 times NaN is NaN, as in PyTorch: hidden positions must hold
/// finite numbers.
///
/// Scores are never in memory for the whole batch: each thread has those of up to 32 queries of one
/// head. Backward computes them again, as FlashAttention does (Dao et al., 2022).
///
/// In a stream (`#[stream]`, see [`Streaming`](crate::Streaming)) a causal layer without a mask or a
/// bias keeps keys and values: as many as the sequence is long for which the network is declared, or
/// as `Window` says. Each step appends its position, and has the bits of a block. Behind the declared
/// length, a position sees the last ones that are kept.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Block: [16, 8] -> [16, 8] {
///         Residual { LayerNorm, attention: MultiHeadAttention<_, 2, Causal> },
///     }
/// }
/// let net = Block::init(&mut shapewright::rng(0));
/// let x = Tensor2::from_fn(|[i, j]| (i * j) as f32 / 100.0);
/// let mut changed = x;
/// changed[[15, 3]] = 9.0;
///
/// // What comes last changes nothing before it.
/// let (y, changed) = (net.forward(&x), net.forward(&changed));
/// assert_eq!(y.as_array()[..15], changed.as_array()[..15]);
/// assert_ne!(y.as_array()[15], changed.as_array()[15]);
/// ```
///
/// Queries from one sequence and keys from another, a part of which is padding:
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Reader: (text: [5, 8], image: [9, 6], mask: [9]) -> [5, 8] {
///         read: MultiHeadAttention<_, 4, Cross, KeyPaddingMask> <- (text, image, mask),
///     }
/// }
/// let net = Reader::init(&mut shapewright::rng(0));
/// assert_eq!(net.read.k_proj_weight.len(), 6);
/// let mask = Tensor1::from([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
/// let y = net.forward(&Tensor::from((Tensor2::ones(), Tensor2::ones(), mask)));
/// assert_eq!(y.as_array()[0], y.as_array()[4]);
/// ```
///
/// Heads that can't share the width equally are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [16, 8] -> [16, 8] { MultiHeadAttention<_, 3> } }
/// ```
#[doc(alias = "MultiheadAttention")]
#[doc(alias = "scaled_dot_product_attention")]
#[doc(alias = "SelfAttention")]
pub struct MultiHeadAttention<
    const EMBED_DIM: usize,
    const NUM_HEADS: usize,
    const CAUSAL: bool,
    const CROSS: bool,
    const KEY_PADDING_MASK: bool,
    const ATTENTION_BIAS: bool,
    const KV_HEADS: usize,
    const HEAD_DIM: usize,
    const ROTARY: usize,
    const ROTARY_INTERLEAVED: usize,
    const WINDOW: usize,
    const BIAS: bool,
    const MEMORY_DIM: usize,
    const WIDTH: usize,
    const KV_WIDTH: usize,
    const ALL_WIDTHS: usize,
    const CONTEXT: usize,
    const SEPARATE: usize,
> {}

/// The constructor argument of [`struct@MultiHeadAttention`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionDropout {
    probability: f64,
}

impl Configuration for AttentionDropout {
    const DEFAULT: Self = AttentionDropout { probability: 0.0 };
}

/// Returns a [`struct@MultiHeadAttention`] layer that drops weights with this probability in
/// training.
///
/// # Panics
/// Panics if the probability is not between 0 and 1.
#[allow(non_snake_case)]
#[track_caller]
pub const fn MultiHeadAttention(dropout: f64) -> AttentionDropout {
    assert!(
        dropout >= 0.0 && dropout <= 1.0,
        "the dropout probability of `MultiHeadAttention` lies between 0 and 1"
    );
    AttentionDropout {
        probability: dropout,
    }
}

/// The sources of an attention as slices: one tensor, or several.
#[doc(hidden)]
pub trait AttentionInput: LayerInput {
    /// Returns the numbers of each source, and none for those that do not exist.
    fn numbers<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES];
    /// Returns the gradient of each source that is asked for.
    fn numbers_mut<'a, T: Element>(
        gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES];
}

impl<S: Shape> AttentionInput for S {
    fn numbers<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES] {
        [flatten(batch), &[], &[], &[], &[], &[]]
    }

    fn numbers_mut<'a, T: Element>(
        gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES] {
        [gradients.map(flatten_mut), None, None, None, None, None]
    }
}

impl<X: Sources> AttentionInput for Inputs<X> {
    fn numbers<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES] {
        let mut numbers = [&[][..]; MAX_SOURCES];
        numbers
            .iter_mut()
            .zip(batch.elements())
            .for_each(|(to, from)| *to = from);
        numbers
    }

    fn numbers_mut<'a, T: Element>(
        mut gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES] {
        let mut numbers = [const { None }; MAX_SOURCES];
        let from = gradients.elements().iter_mut();
        numbers
            .iter_mut()
            .zip(from)
            .for_each(|(to, from)| *to = from.take());
        numbers
    }
}

/// Returns the shapes of the sources.
const fn shapes<In: LayerInput>() -> &'static [Dims] {
    if In::SOURCES == 1 {
        const { &[In::DIMS] }
    } else {
        In::DIMS.parts()
    }
}

/// A layer with the passes of attention.
trait Attends {
    const RULE: AttentionRule;

    /// Returns the sizes for an input.
    fn sizes<In: LayerInput>() -> &'static AttentionSizes
    where
        Self: Sized,
    {
        const { &Self::RULE.sizes(shapes::<In>()) }
    }

    /// Returns the attention that computes.
    fn attention<'a, In: LayerInput, T: Element>(
        config: &AttentionDropout,
        cx: &'a Context<'a, T>,
    ) -> Attention<'a, T>
    where
        Self: Sized,
    {
        Attention {
            sizes: Self::sizes::<In>(),
            causal: Self::RULE.causal,
            cross: Self::RULE.cross,
            rotary: rotary_of(&Self::RULE),
            dropout: config.probability,
            adapters: None,
            cx,
        }
    }

    /// Returns the gradients that are asked for by the roles of the sources.
    fn asked<'a, In: AttentionInput, T: Element>(dx: In::Gradients<'a, T>) -> Asked<'a, T> {
        let rule = &Self::RULE;
        let mut dx = In::numbers_mut(dx);
        let mut take = |is_there: bool, source: usize| {
            if is_there { dx[source].take() } else { None }
        };
        Asked {
            query: take(true, 0),
            memory: take(rule.cross, 1),
            mask: take(rule.key_padding, rule.mask_source()),
            bias: take(rule.attention_bias, rule.bias_source()),
        }
    }

    /// Returns the sources by their roles.
    fn given<'a, In: AttentionInput, T: Element>(x: In::Batch<'a, T>) -> Given<'a, T> {
        let numbers = In::numbers(x);
        let rule = &Self::RULE;
        Given {
            query: numbers[0],
            memory: numbers[rule.cross as usize],
            mask: if rule.key_padding {
                numbers[rule.mask_source()]
            } else {
                &[]
            },
            bias: if rule.attention_bias {
                numbers[rule.bias_source()]
            } else {
                &[]
            },
        }
    }
}

/// Returns the rotary positions of a rule.
const fn rotary_of(rule: &AttentionRule) -> Rotary {
    let [halves, neighbours] = rule.rotary;
    Rotary {
        base: sizes::larger(halves, neighbours),
        interleaved: neighbours > 0,
    }
}

/// Takes what training keeps: the activations, and their gradients.
fn take_activations<'a, T: Element>(
    sizes: &AttentionSizes,
    cache: &mut ActivationStore<'a>,
) -> (Activations<'a, T>, ActivationGrads<'a, T>) {
    let activations = Activations {
        queries: cache.take(queries_len(sizes)),
        keys_values: cache.take(keys_values_len(sizes)),
        attended: cache.take(queries_len(sizes)),
        statistics: cache.take(statistics_len(sizes)),
        hidden: [&mut [], &mut []],
    };
    let grads = ActivationGrads {
        queries: cache.take(queries_len(sizes)),
        keys_values: cache.take(keys_values_len(sizes)),
        attended: cache.take(queries_len(sizes)),
        hidden: [&mut [], &mut []],
    };
    (activations, grads)
}

/// Implements the layer with the parameters of one layout.
macro_rules! attention {
    ($bias:tt $separate:tt $params:ident<$($of:ident),*>) => {
        impl<
            T: Element, const E: usize, const H: usize, const CAUSAL: bool, const CROSS: bool,
            const MASK: bool, const SCORES: bool, const KV: usize, const D: usize, const R: usize,
            const RI: usize, const WINDOW: usize, const M: usize, const Q: usize, const K: usize,
            const ALL: usize, const CONTEXT: usize,
        > Layer<T> for MultiHeadAttention<
            E, H, CAUSAL, CROSS, MASK, SCORES, KV, D, R, RI, WINDOW, $bias, M, Q, K, ALL, CONTEXT,
            $separate,
        > {
            type Config = AttentionDropout;
            type Params = $params<$($of,)* T>;

            fn initialize<G: Rng + ?Sized>(
                _: &AttentionDropout,
                params: &mut Self::Params,
                rng: &mut G,
            ) {
                params.initialize(rng);
            }
        }
    };
}
attention!(true 0 MultiHeadAttentionParams<E, ALL>);
attention!(false 0 MultiHeadAttentionNoBiasParams<E, ALL>);
attention!(true 1 MultiHeadAttentionSeparateParams<E, M, Q, K, ALL>);
attention!(false 1 MultiHeadAttentionSeparateNoBiasParams<E, M, Q, K>);

/// Implements a trait for the layer with all parameters.
macro_rules! implement {
    ([$($generics:tt)*] $name:ident<$($argument:ty),*> $(where [$($wheres:tt)*])? => $body:tt) => {
        impl<
            $($generics)* const E: usize, const H: usize, const CAUSAL: bool, const CROSS: bool,
            const MASK: bool, const SCORES: bool, const KV: usize, const D: usize, const R: usize,
            const RI: usize, const WINDOW: usize, const BIAS: bool, const M: usize,
            const Q: usize, const K: usize, const ALL: usize, const CONTEXT: usize,
            const SEPARATE: usize,
        > $name<$($argument),*> for MultiHeadAttention<
            E, H, CAUSAL, CROSS, MASK, SCORES, KV, D, R, RI, WINDOW, BIAS, M, Q, K, ALL, CONTEXT,
            SEPARATE,
        > $(where $($wheres)*)? $body
    };
}

implement! {
    [] Attends<> => {
        const RULE: AttentionRule = AttentionRule {
            embed_dim: E,
            heads: H,
            causal: CAUSAL,
            cross: CROSS,
            key_padding: MASK,
            attention_bias: SCORES,
            kv_heads: KV,
            head_dim: D,
            rotary: [R, RI],
            window: WINDOW,
            context: CONTEXT,
        };
    }
}

implement! {
    [In: LayerInput,] ShapeRule<In> => {
        const OUTPUT: Inferred = Self::RULE.infer(shapes::<In>());
        const REACH: Reach = Self::RULE.reach();
    }
}

implement! {
    [In: AttentionInput, Out: Shape, T: Element,] Infer<In, Out, T>
    where [Self: Layer<T, Config = AttentionDropout, Params: Projections<T>>]
    => {
        const ORDER: FeatureOrder = FeatureOrder::Makes;
        const MULTIPLY_ADDS: usize = Self::RULE.sizes(shapes::<In>()).multiply_adds();
        const NEEDS: Needs = compute::needs::<T>(
            &Self::RULE.sizes(shapes::<In>()),
            rotary_of(&Self::RULE).base > 0,
        );

        #[cfg(feature = "onnx-export")]
        fn export(
            _: &AttentionDropout,
            params: &Self::Params,
            call: crate::export::Export<'_>,
        ) -> crate::export::Exported {
            let sizes = Self::sizes::<In>();
            let rule = &Self::RULE;
            let rotary = rotary_of(rule);
            let attention = crate::nn::export::attention::AttentionExport {
                queries: sizes.queries,
                keys: sizes.keys,
                heads: sizes.heads,
                kv_heads: sizes.kv_heads,
                head_dim: sizes.head_dim,
                window: sizes.window,
                causal: rule.causal,
                memory: rule.cross as usize,
                mask: rule.key_padding.then(|| rule.mask_source()),
                bias: rule.attention_bias.then(|| rule.bias_source()),
                rotary: rotary.base,
                interleaved: rotary.interleaved,
            };
            attention.export::<T, _>(params, call)
        }

        fn forward(call: Forward<'_, Self, In, Out, T>) {
            let Forward { config, params, x, y, mut scratch, thread_memory, state, cx } = call;
            let sizes = Self::sizes::<In>();
            let activations = Activations {
                queries: scratch.take(queries_len(sizes)),
                keys_values: scratch.take(keys_values_len(sizes)),
                attended: scratch.take(queries_len(sizes)),
                statistics: &mut [],
                hidden: [&mut [], &mut []],
            };
            Self::attention::<In, T>(config, cx).forward(
                &params.weights(sizes),
                &Self::given::<In, T>(x),
                flatten_mut(y),
                activations,
                thread_memory,
                state,
            );
        }
    }
}

implement! {
    [In: AttentionInput, Out: Shape, T: Element,] Train<In, Out, T>
    where [Self: Layer<T, Config = AttentionDropout, Params: Projections<T>>]
    => {
        const READS_OUTPUT: bool = false;
        const OVERWRITES: bool = true;
        const TRAIN_NEEDS: Needs = compute::train_needs::<T>(
            &Self::RULE.sizes(shapes::<In>()),
            rotary_of(&Self::RULE).base > 0,
        );

        fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
            let ForwardTrain { config, params, x, y, mut cache, thread_memory, cx } = call;
            let sizes = Self::sizes::<In>();
            let (activations, _) = take_activations(sizes, &mut cache);
            Self::attention::<In, T>(config, cx).forward(
                &params.weights(sizes),
                &Self::given::<In, T>(x),
                flatten_mut(y),
                activations,
                thread_memory,
                None,
            );
        }

        fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
            let BackwardInput { config, params, x, mut cache, dy, dx, thread_memory, cx, .. } = call;
            let sizes = Self::sizes::<In>();
            let (activations, grads) = take_activations(sizes, &mut cache);
            Self::attention::<In, T>(config, cx).backward(
                &params.weights(sizes),
                &Self::given::<In, T>(x),
                activations,
                grads,
                flatten(dy),
                Self::asked::<In, T>(dx),
                thread_memory,
            );
        }

        fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
            let BackwardParams { x, mut cache, dy, gradient, thread_memory, cx, .. } = call;
            let sizes = Self::sizes::<In>();
            let (activations, grads) = take_activations(sizes, &mut cache);
            gradient.add_gradient(
                sizes,
                &Self::given::<In, T>(x),
                activations.attended,
                &grads,
                flatten(dy),
                thread_memory,
                cx,
            );
        }
    }
}
