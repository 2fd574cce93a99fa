//! Positions that are added to sequences.

use rand::Rng;

use crate::derive::Parameters;
use crate::float;
use crate::init;
use crate::kernels::Kernels;
use crate::memory::{StateMemory, flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Forward, INFER, Infer, Inferred, Layer, Needs, Reach, Sentence,
    ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::nn::rule::zero_size;
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// The standard deviation of the initial values of learned positions.
const DEVIATION: f64 = 0.02;

/// Learned positions: adds a vector of its own to each position of a sequence `[length, embed_dim]`.
///
/// In a network: `PositionalEmbedding` for as many positions as the sequence has, or
/// `PositionalEmbedding<num_positions>` for a table with more, of which the first are used.
///
/// PyTorch's `nn.Embedding` of the positions 0, 1, 2, .. added to the input, as in GPT-2, whose
/// `wpe.weight` has the same layout: `wpe: PositionalEmbedding<1024>`. Initial values are normal, with
/// the standard deviation 0.02 of GPT-2. In a stream, each call goes on at the position after the last
/// call's; behind the end of the table the last position is repeated.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2, 3] -> [2, 3] { wpe: PositionalEmbedding<4> } }
/// let mut net = Net::zeros();
/// net.wpe.weight[1] = [1.0, 2.0, 3.0];
/// let y = net.forward(&Tensor2::from([[10.0; 3]; 2]));
/// assert_eq!(y, Tensor2::from([[10.0; 3], [11.0, 12.0, 13.0]]));
/// ```
///
/// A sequence that is longer than the table is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [8, 3] -> [8, 3] { PositionalEmbedding<4> } }
/// ```
#[doc(alias = "PositionEmbedding")]
pub struct PositionalEmbedding<const NUM_POSITIONS: usize, const EMBED_DIM: usize>;

/// The parameters of a [`PositionalEmbedding`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct PositionalEmbeddingParams<const NUM_POSITIONS: usize, const EMBED_DIM: usize, T: Element>
{
    /// `[num_positions][embed_dim]`
    pub weight: [[T; EMBED_DIM]; NUM_POSITIONS],
}

/// Sinusoidal positions: adds `sin(position / 10000^(2 i / embed_dim))` to the number `2 i` of each
/// position of a sequence `[length, embed_dim]`, and the cosine to the number `2 i + 1`.
///
/// Vaswani et al., 2017; PyTorch has no such layer, but its tutorial on translation has. It has no
/// parameters. In a stream, each call goes on at the position after the last call's.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [2, 4] -> [2, 4] { PositionalEncoding } }
/// let y = Net::zeros().forward(&Tensor2::zeros());
/// assert_eq!(y.as_array()[0], [0.0, 1.0, 0.0, 1.0]);
/// let (sin, cos) = 1.0_f32.sin_cos();
/// assert!((y[[1, 0]] - sin).abs() < 1e-6 && (y[[1, 1]] - cos).abs() < 1e-6);
/// ```
#[doc(alias = "SinusoidalEmbedding")]
pub struct PositionalEncoding;

/// Returns the mistake of an input that is no sequence.
const fn no_sequence(input: Dims) -> Inferred {
    let way_out = if input.parts().is_empty() {
        "; put a `Reshape<length, embed_dim>` before it"
    } else {
        "; it takes one tensor"
    };
    let wanted = Sentence::new("[length, embed_dim]");
    Inferred::mismatch(wanted, Sentence::new(way_out), input)
}

impl<In: Shape, const N: usize, const E: usize> ShapeRule<In> for PositionalEmbedding<N, E> {
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let (length, width) = match input.sizes() {
            [length, width] => (*length, *width),
            _ => (1, 1),
        };

        let inferred = if N == 0 {
            zero_size("num_positions", input)
        } else if input.is_unknown() {
            Inferred::shape(input)
        } else if input.sizes().len() != 2 {
            no_sequence(input)
        } else if N != INFER && N < length {
            let sentence = Sentence::new("has ")
                .number(N)
                .text(" positions, but the sequence has ")
                .number(length)
                .text("; write `PositionalEmbedding<")
                .number(length)
                .text(">`, or shorten the sequence");
            Inferred::wrong(sentence, input)
        } else {
            Inferred::shape(input)
        };

        let inferred = if N == INFER {
            inferred.infers(length)
        } else {
            inferred
        };
        inferred.infers(width)
    };
    const REACH: Reach = Reach::POSITION;
}

impl<In: Shape> ShapeRule<In> for PositionalEncoding {
    const OUTPUT: Inferred = if In::DIMS.is_unknown() || In::DIMS.sizes().len() == 2 {
        Inferred::shape(In::DIMS)
    } else {
        no_sequence(In::DIMS)
    };
    const REACH: Reach = Reach::POSITION;
}

impl<T: Element, const N: usize, const E: usize> Layer<T> for PositionalEmbedding<N, E> {
    type Config = ();
    type Params = PositionalEmbeddingParams<N, E, T>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        init::normal(&mut params.weight, 0.0, DEVIATION, rng);
    }
}

impl<T: Element> Layer<T> for PositionalEncoding {
    type Config = ();
    type Params = ();
}

/// Returns the position of the first row of a call, and counts its rows in the state.
fn advance(state: Option<StateMemory<'_>>, rows: usize) -> usize {
    let Some(mut state) = state else { return 0 };
    let passed: &mut [u64] = state.take(1);
    let first = passed[0] as usize;
    passed[0] += rows as u64;
    first
}

impl<In: Shape, Out: Shape, T: Element, const N: usize, const E: usize> Infer<In, Out, T>
    for PositionalEmbedding<N, E>
{
    const ORDER: FeatureOrder = FeatureOrder::Makes;
    const NEEDS: Needs = Needs::NONE.state::<u64>(1);

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
        export::sequence::positional_embedding::<T, _>(params, call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params,
            x,
            y,
            state,
            ..
        } = call;
        let first = advance(state, In::LEN / E);
        let samples = flatten(x).chunks_exact(In::LEN);
        for (x, y) in samples.zip(flatten_mut(y).chunks_exact_mut(In::LEN)) {
            let rows = x.chunks_exact(E).zip(y.chunks_exact_mut(E));
            for (row, (x, y)) in rows.enumerate() {
                let position = &params.weight[(first + row).min(N - 1)];
                for ((y, &x), &position) in y.iter_mut().zip(x).zip(position) {
                    *y = x + position;
                }
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element, const N: usize, const E: usize> Train<In, Out, T>
    for PositionalEmbedding<N, E>
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = true;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            flatten_mut(dx).copy_from_slice(flatten(dy));
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            dy, gradient, cx, ..
        } = call;
        let (used, others) = gradient.weight.as_flattened_mut().split_at_mut(In::LEN);
        cx.kernels
            .column_sums(dy.len(), In::LEN, flatten(dy), used, cx.accumulate());
        if !cx.accumulate() {
            others.fill(T::zero());
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for PositionalEncoding {
    const ORDER: FeatureOrder = FeatureOrder::Makes;
    const NEEDS: Needs = Needs::NONE.state::<u64>(1);

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::sequence::positional_encoding(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, state, .. } = call;
        let width = In::DIMS.size(1);
        let first = advance(state, In::LEN / width);
        let y = flatten_mut(y);
        y.copy_from_slice(flatten(x));

        for pair in 0..width.div_ceil(2) {
            let frequency = float::powf(1e4, -2.0 * pair as f64 / width as f64);
            for row in 0..In::LEN / width {
                let (sin, cos) = float::sin_cos((first + row) as f64 * frequency);
                let numbers = [T::from_f64_lossy(sin), T::from_f64_lossy(cos)];
                let at = row * width + 2 * pair;
                let count = 2.min(width - 2 * pair);
                for y in y.chunks_exact_mut(In::LEN) {
                    for (y, &number) in y[at..][..count].iter_mut().zip(&numbers) {
                        *y += number;
                    }
                }
            }
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for PositionalEncoding {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            flatten_mut(dx).copy_from_slice(flatten(dy));
        }
    }
}
