//! The parameters of attention, in PyTorch's layouts.

use rand::Rng;

use super::compute::{ActivationGrads, Columns, Given, WeightGrad, Weights, weight_grad};
use super::shape::AttentionSizes;
use crate::derive::Parameters;
use crate::init;
use crate::kernels::Kernels;
use crate::memory::ThreadMemory;
use crate::network::Context;
use crate::tensor::Element;

/// The parameters of the output layer of a [`MultiHeadAttention`](struct@crate::nn::MultiHeadAttention).
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct AttentionOutParams<const WIDTH: usize, const EMBED_DIM: usize, T: Element> {
    /// `[num_heads * head_dim][embed_dim]`
    #[params(axes(1, 0))]
    pub weight: [[T; EMBED_DIM]; WIDTH],
    /// `[embed_dim]`
    pub bias: [T; EMBED_DIM],
}

/// The parameters of the output layer of a [`MultiHeadAttention`](struct@crate::nn::MultiHeadAttention) with the
/// option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct AttentionOutNoBiasParams<const WIDTH: usize, const EMBED_DIM: usize, T: Element> {
    /// `[num_heads * head_dim][embed_dim]`
    #[params(axes(1, 0))]
    pub weight: [[T; EMBED_DIM]; WIDTH],
}

/// The parameters of a [`MultiHeadAttention`](struct@crate::nn::MultiHeadAttention) whose queries, keys and
/// values have the width of the input.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct MultiHeadAttentionParams<const EMBED_DIM: usize, const ALL_WIDTHS: usize, T: Element> {
    /// `[embed_dim][3 * embed_dim]`: the columns of queries, keys and values.
    #[params(axes(1, 0))]
    pub in_proj_weight: [[T; ALL_WIDTHS]; EMBED_DIM],
    /// `[3 * embed_dim]`
    pub in_proj_bias: [T; ALL_WIDTHS],
    /// The output layer.
    pub out_proj: AttentionOutParams<EMBED_DIM, EMBED_DIM, T>,
}

/// [`MultiHeadAttentionParams`] with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct MultiHeadAttentionNoBiasParams<
    const EMBED_DIM: usize,
    const ALL_WIDTHS: usize,
    T: Element,
> {
    /// `[embed_dim][3 * embed_dim]`: the columns of queries, keys and values.
    #[params(axes(1, 0))]
    pub in_proj_weight: [[T; ALL_WIDTHS]; EMBED_DIM],
    /// The output layer.
    pub out_proj: AttentionOutNoBiasParams<EMBED_DIM, EMBED_DIM, T>,
}

/// The parameters of a [`MultiHeadAttention`](struct@crate::nn::MultiHeadAttention) whose queries, keys and
/// values differ in their widths.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct MultiHeadAttentionSeparateParams<
    const EMBED_DIM: usize,
    const MEMORY_DIM: usize,
    const WIDTH: usize,
    const KV_WIDTH: usize,
    const ALL_WIDTHS: usize,
    T: Element,
> {
    /// `[embed_dim][num_heads * head_dim]`
    #[params(axes(1, 0))]
    pub q_proj_weight: [[T; WIDTH]; EMBED_DIM],
    /// `[memory_dim][kv_heads * head_dim]`
    #[params(axes(1, 0))]
    pub k_proj_weight: [[T; KV_WIDTH]; MEMORY_DIM],
    /// `[memory_dim][kv_heads * head_dim]`
    #[params(axes(1, 0))]
    pub v_proj_weight: [[T; KV_WIDTH]; MEMORY_DIM],
    /// The biases of queries, keys and values.
    pub in_proj_bias: [T; ALL_WIDTHS],
    /// The output layer.
    pub out_proj: AttentionOutParams<WIDTH, EMBED_DIM, T>,
}

/// [`MultiHeadAttentionSeparateParams`] with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct MultiHeadAttentionSeparateNoBiasParams<
    const EMBED_DIM: usize,
    const MEMORY_DIM: usize,
    const WIDTH: usize,
    const KV_WIDTH: usize,
    T: Element,
> {
    /// `[embed_dim][num_heads * head_dim]`
    #[params(axes(1, 0))]
    pub q_proj_weight: [[T; WIDTH]; EMBED_DIM],
    /// `[memory_dim][kv_heads * head_dim]`
    #[params(axes(1, 0))]
    pub k_proj_weight: [[T; KV_WIDTH]; MEMORY_DIM],
    /// `[memory_dim][kv_heads * head_dim]`
    #[params(axes(1, 0))]
    pub v_proj_weight: [[T; KV_WIDTH]; MEMORY_DIM],
    /// The output layer.
    pub out_proj: AttentionOutNoBiasParams<WIDTH, EMBED_DIM, T>,
}

/// The weights of an input projection: one, or one each for queries, keys and values.
enum InProjection<W> {
    Packed(W),
    Separate([W; 3]),
}

/// The parameters of an attention in any layout.
#[doc(hidden)]
pub trait Projections<T: Element> {
    /// Sets the initial values.
    fn initialize<R: Rng + ?Sized>(&mut self, rng: &mut R);

    /// Returns the weights and biases.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn weights(&self, sizes: &AttentionSizes) -> Weights<'_, T>;

    /// Computes the gradient of all parameters.
    #[doc(hidden)]
    #[allow(private_interfaces, clippy::too_many_arguments)]
    fn add_gradient(
        &mut self,
        sizes: &AttentionSizes,
        given: &Given<'_, T>,
        attended: &[T],
        grads: &ActivationGrads<'_, T>,
        dy: &[T],
        memory: ThreadMemory<'_>,
        cx: &Context<T>,
    );
}

/// The gradients of all parameters as slices; biases are empty if there are none.
struct Gradients<'a, T> {
    projection: InProjection<&'a mut [T]>,
    bias: &'a mut [T],
    out: &'a mut [T],
    out_bias: &'a mut [T],
}

/// Computes the gradient of all parameters.
#[allow(clippy::too_many_arguments)]
fn add_gradient<T: Element>(
    sizes: &AttentionSizes,
    gradients: Gradients<'_, T>,
    given: &Given<'_, T>,
    attended: &[T],
    grads: &ActivationGrads<'_, T>,
    dy: &[T],
    mut memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    let (width, kv_width) = (sizes.width(), sizes.kv_width());
    let keys_values = &*grads.keys_values;
    let part = |of: usize, first: usize| match of {
        0 => WeightGrad {
            x: given.query,
            dy: grads.queries,
            dy_stride: width,
            first,
            columns: width,
        },
        _ => WeightGrad {
            x: given.memory,
            dy: &keys_values[(of - 1) * kv_width..],
            dy_stride: 2 * kv_width,
            first,
            columns: kv_width,
        },
    };

    let [embed_dim, memory_dim] = [sizes.embed_dim, sizes.memory_dim];
    match gradients.projection {
        InProjection::Packed(gradient) => {
            let parts = [part(0, 0), part(1, width), part(2, width + kv_width)];
            let all = [embed_dim, width + 2 * kv_width];
            weight_grad(all, &parts, gradient, memory.reborrow(), cx);
        }
        InProjection::Separate([query, key, value]) => {
            let of_query = [embed_dim, width];
            weight_grad(of_query, &[part(0, 0)], query, memory.reborrow(), cx);
            let of_key = [memory_dim, kv_width];
            weight_grad(of_key, &[part(1, 0)], key, memory.reborrow(), cx);
            weight_grad(of_key, &[part(2, 0)], value, memory.reborrow(), cx);
        }
    }

    let out = WeightGrad {
        x: attended,
        dy,
        dy_stride: embed_dim,
        first: 0,
        columns: embed_dim,
    };
    weight_grad([width, embed_dim], &[out], gradients.out, memory, cx);

    if !gradients.bias.is_empty() {
        let accumulate = cx.accumulate();
        let (query, key_value) = gradients.bias.split_at_mut(width);
        let sums = [
            (&*grads.queries, query),
            (keys_values, key_value),
            (dy, gradients.out_bias),
        ];
        for (rows, bias) in sums {
            let columns = bias.len();
            cx.kernels
                .column_sums(rows.len() / columns, columns, rows, bias, accumulate);
        }
    }
}

/// Implements `Projections` for parameters of one layout.
macro_rules! projections {
    ($name:ident<$($size:ident),*> $layout:ident $bias:tt) => {
        impl<$(const $size: usize,)* T: Element> Projections<T> for $name<$($size,)* T> {
            fn initialize<R: Rng + ?Sized>(&mut self, rng: &mut R) {
                // Biases are zero.
                projections!(@init $layout self rng);
                let width = self.out_proj.weight.len();
                init::fan_in_uniform(self.out_proj.weight.as_flattened_mut(), width, rng);
            }

            #[allow(private_interfaces)]
            fn weights(&self, sizes: &AttentionSizes) -> Weights<'_, T> {
                let [query, key, value] = projections!(@columns $layout self sizes);
                Weights {
                    query,
                    key,
                    value,
                    bias: projections!(@bias $bias self.in_proj_bias),
                    out: self.out_proj.weight.as_flattened(),
                    out_bias: projections!(@bias $bias self.out_proj.bias),
                }
            }

            #[allow(private_interfaces)]
            fn add_gradient(
                &mut self,
                sizes: &AttentionSizes,
                given: &Given<'_, T>,
                attended: &[T],
                grads: &ActivationGrads<'_, T>,
                dy: &[T],
                memory: ThreadMemory<'_>,
                cx: &Context<T>,
            ) {
                let gradients = Gradients {
                    projection: projections!(@gradient $layout self),
                    bias: projections!(@bias_mut $bias self.in_proj_bias),
                    out: self.out_proj.weight.as_flattened_mut(),
                    out_bias: projections!(@bias_mut $bias self.out_proj.bias),
                };
                add_gradient(sizes, gradients, given, attended, grads, dy, memory, cx);
            }
        }
    };
    (@init packed $self:ident $rng:ident) => {
        init::xavier_uniform(&mut $self.in_proj_weight, 1.0, $rng)
    };
    (@init separate $self:ident $rng:ident) => {
        init::xavier_uniform(&mut $self.q_proj_weight, 1.0, $rng);
        init::xavier_uniform(&mut $self.k_proj_weight, 1.0, $rng);
        init::xavier_uniform(&mut $self.v_proj_weight, 1.0, $rng);
    };
    (@columns packed $self:ident $sizes:ident) => {{
        let data = $self.in_proj_weight.as_flattened();
        let stride = $sizes.width() + 2 * $sizes.kv_width();
        let of = |first: usize| Columns { data: &data[first..], stride };
        [of(0), of($sizes.width()), of($sizes.width() + $sizes.kv_width())]
    }};
    (@columns separate $self:ident $sizes:ident) => {
        [
            Columns { data: $self.q_proj_weight.as_flattened(), stride: $sizes.width() },
            Columns { data: $self.k_proj_weight.as_flattened(), stride: $sizes.kv_width() },
            Columns { data: $self.v_proj_weight.as_flattened(), stride: $sizes.kv_width() },
        ]
    };
    (@gradient packed $self:ident) => {
        InProjection::Packed($self.in_proj_weight.as_flattened_mut())
    };
    (@gradient separate $self:ident) => {
        InProjection::Separate([
            $self.q_proj_weight.as_flattened_mut(),
            $self.k_proj_weight.as_flattened_mut(),
            $self.v_proj_weight.as_flattened_mut(),
        ])
    };
    (@bias true $($bias:tt)*) => { &$($bias)* };
    (@bias false $($bias:tt)*) => { &[] };
    (@bias_mut true $($bias:tt)*) => { &mut $($bias)* };
    (@bias_mut false $($bias:tt)*) => { &mut [] };
}
projections!(MultiHeadAttentionParams<E, ALL> packed true);
projections!(MultiHeadAttentionNoBiasParams<E, ALL> packed false);
projections!(MultiHeadAttentionSeparateParams<E, M, Q, K, ALL> separate true);
projections!(MultiHeadAttentionSeparateNoBiasParams<E, M, Q, K> separate false);
