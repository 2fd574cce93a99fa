//! The head of a language model: scores of all embeddings.

use rand::Rng;

use super::embedding::EmbeddingParams;
use super::kernel_needs::{product_needs, weight_grad_needs};
use super::linear::rows_of;
use super::rule::{last_size, zero_size};
use crate::init;
use crate::kernels::{Kernels, Matrix, Product, Start, product_memory};
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, INFER, Infer, Inferred, Layer, Needs, Reach, Sentence,
    ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};
use crate::{sizes, threads};

/// The scores of all embeddings: the product of each vector `[.., embedding_dim]` with every row of
/// the weight, `[.., num_embeddings]`. The head of a language model, usually with the weight of its
/// [`Embedding`](super::Embedding).
///
/// In a network: `Unembedding<embedding_dim, num_embeddings>`, with `_` for the first size.
/// `#[tied(name)]` gives it the parameters of the layer with that name (Press and Wolf, 2016, "Using
/// the Output Embedding to Improve Language Models"). Without it, the layer has a weight of its own,
/// with the initial values of an embedding.
///
/// PyTorch's `nn.Linear(embedding_dim, num_embeddings, bias=False)`, whose weight has the same
/// layout in files.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Model: [3] -> [3, 5] {
///         embed: Embedding<5, 2>,
///         body: Linear<_, 2>,
///         #[tied(embed)]
///         Unembedding<_, 5>,
///     }
/// }
/// let mut net = Model::zeros();
/// net.embed.weight[4] = [1.0, 2.0];
/// net.body.weight = [[1.0, 0.0], [0.0, 1.0]];
/// let scores = net.forward(&Tensor1::from([4.0, 0.0, 0.0]));
/// assert_eq!(scores.as_slice()[..5], [0.0, 0.0, 0.0, 0.0, 5.0]);
/// assert_eq!(Model::PARAMS, 5 * 2 + 2 * 2 + 2);
/// ```
pub struct Unembedding<const EMBEDDING_DIM: usize, const NUM_EMBEDDINGS: usize>;

impl<In: Shape, const D: usize, const N: usize> ShapeRule<In> for Unembedding<D, N> {
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let last = last_size(input);
        let output = input.with_last(N);

        if N == 0 {
            zero_size("num_embeddings", output.with_last(1))
        } else if D == 0 {
            zero_size("embedding_dim", output.with_last(1))
        } else if input.is_unknown() {
            Inferred::shape(input)
        } else if input.last().is_none() || (D != INFER && D != last) {
            let wanted = Sentence::new("[.., ").number(D).text("]");
            let way_out = Sentence::new("; it takes vectors of the embeddings' size");
            Inferred::mismatch(wanted, way_out, Dims::UNKNOWN)
        } else {
            Inferred::shape(output)
        }
    }
    .infers(last_size(In::DIMS));
    const REACH: Reach = Reach::FEATURES;
}

impl<T: Element, const D: usize, const N: usize> Layer<T> for Unembedding<D, N> {
    type Config = ();
    type Params = EmbeddingParams<N, D, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        init::normal(&mut params.weight, 0.0, 1.0, rng);
    }
}

impl<In: Shape, Out: Shape, T: Element, const D: usize, const N: usize> Infer<In, Out, T>
    for Unembedding<D, N>
{
    /// The rows of the weight have their order, and so have the scores.
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const MULTIPLY_ADDS: usize = sizes::product(&[In::LEN, N]);
    const NEEDS: Needs = product_needs::<T>(rows_of::<In, D>(), N, D, true);

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::simple::unembedding::<T, _>(params, call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params,
            x,
            y,
            mut thread_memory,
            cx,
            ..
        } = call;
        let x = flatten(x);
        let y = flatten_mut(y);
        let memory = thread_memory.take_at_most(const { product_memory(usize::MAX, N, D, true) });
        let mut product = |x, y: &mut [T], whole| {
            cx.kernels.product(Product {
                m: y.len() / N,
                n: N,
                k: D,
                a: Matrix::row_major(x, D),
                b: Matrix::row_major(params.weight.as_flattened(), D).transposed(),
                c: y,
                c_stride: N,
                start: Start::Zero,
                relu: false,
                whole,
                memory: &mut *memory,
            });
        };

        if cx.is_stream() {
            // A row has the same bits alone and among others: each is computed alone.
            let rows = x.chunks_exact(D).zip(y.chunks_exact_mut(N));
            rows.for_each(|(x, y)| product(x, y, 1));
        } else {
            product(x, y, cx.batch() * (In::LEN / D));
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const D: usize, const N: usize> Train<In, Out, T>
    for Unembedding<D, N>
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;
    const TRAIN_NEEDS: Needs = {
        let input = product_needs::<T>(rows_of::<In, D>(), D, N, false);
        let forward = <Self as Infer<In, Out, T>>::NEEDS;
        forward
            .or(input)
            .or(weight_grad_needs::<T>(N, D))
            .in_training()
    };

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            dy,
            dx,
            mut thread_memory,
            cx,
            ..
        } = call;
        let Some(dx) = dx else { return };
        let total_rows = cx.batch() * (In::LEN / D);
        let dx = flatten_mut(dx);

        cx.kernels.product(Product {
            m: dx.len() / D,
            n: D,
            k: N,
            a: Matrix::row_major(flatten(dy), N),
            b: Matrix::row_major(params.weight.as_flattened(), D),
            c: dx,
            c_stride: D,
            start: Start::Zero,
            relu: false,
            whole: total_rows,
            memory: thread_memory.take_at_most(const { product_memory(usize::MAX, D, N, false) }),
        });
    }

    /// Computes `dy^T x`, split between threads over the rows of the weight.
    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            x,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let x = flatten(x);
        let dy = flatten(dy);
        let rows = x.len() / D;
        let parts = cx.parts(sizes::product(&[rows, D, N]));
        let embeddings = N.div_ceil(parts).max(1);

        let gradient = gradient.weight.as_flattened_mut();
        threads::split_mut_with(
            gradient,
            embeddings * D,
            thread_memory,
            &|part, gradient: &mut [T], mut memory| {
                cx.kernels.product(Product {
                    m: gradient.len() / D,
                    n: D,
                    k: rows,
                    a: Matrix {
                        data: &dy[part * embeddings..],
                        row_stride: 1,
                        col_stride: N,
                    },
                    b: Matrix::row_major(x, D),
                    c: gradient,
                    c_stride: D,
                    start: if cx.accumulate() {
                        Start::Accumulate
                    } else {
                        Start::Zero
                    },
                    relu: false,
                    whole: N,
                    memory: memory.take_at_most(const { product_memory(N, D, usize::MAX, false) }),
                });
            },
        );
    }
}
