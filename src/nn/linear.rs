//! The dense layer.

use rand::Rng;

use super::int8::{HasInt8, Int8LinearParams, Int8Sizes};
use super::kernel_needs::{product_needs, weight_grad_needs};
use super::rule::{last_size, zero_size};
use crate::derive::Parameters;
use crate::init;
use crate::kernels::{ConvSizes, Kernels, Matrix, Product, Start, product_memory};
use crate::memory::{ThreadMemory, flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Context, Forward, INFER, Infer, Inferred, Layer, Needs, Reach,
    ReluFusion, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Dims, Element, Shape};
use crate::{sizes, threads};

/// The largest number of weights of a layer that runs as plain loops over constant sizes, inlined
/// into the network's body: no kernel call, and the sums stay in registers. A 4-10-3 network takes
/// about 15 ns this way and 26 ns through the kernels; above about 256 weights the vector kernels
/// win.
const TINY_WEIGHTS: usize = 256;

/// The largest number of rows in the whole batch for which such a layer runs as plain loops.
const TINY_ROWS: usize = 2;

/// A dense layer: `y = x W + b`, on the last axis of an input of any rank.
///
/// In a network: `Linear<in_features, out_features>`. An `in_features` of `_` is inferred from the
/// input, and the option `NoBias` omits `b`: `Linear<_, 10, NoBias>`.
///
/// Definition and initial values are those of PyTorch's `nn.Linear`: weight and bias are uniform
/// between plus and minus `1 / sqrt(in_features)`. The weight is stored as
/// `[in_features][out_features]`, the transpose of PyTorch's, so that one product kernel serves
/// both forward and the weight gradient. After a `Flatten` of images, weight files have the
/// features in PyTorch's order, channels first.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Double: [3, 2] -> [3, 1] { sum: Linear<_, 1> }
/// }
/// let mut net = Double::zeros();
/// net.sum.weight = [[2.0], [2.0]];
/// net.sum.bias = [1.0];
/// let y = net.forward(&Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
/// assert_eq!(y, Tensor2::from([[7.0], [15.0], [23.0]]));
/// ```
#[doc(alias = "Dense")]
#[doc(alias = "FullyConnected")]
#[doc(alias = "LazyLinear")]
pub struct Linear<const I: usize, const O: usize, const BIAS: bool = true>;

/// The parameters of a [`Linear`] layer.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct LinearParams<const I: usize, const O: usize, T: Element> {
    /// `[in_features][out_features]`
    #[params(features, outputs, axes(1, 0))]
    pub weight: [[T; O]; I],
    /// `[out_features]`
    #[params(outputs)]
    pub bias: [T; O],
}

/// The parameters of a [`Linear`] layer with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct LinearNoBiasParams<const I: usize, const O: usize, T: Element> {
    /// `[in_features][out_features]`
    #[params(features, outputs, axes(1, 0))]
    pub weight: [[T; O]; I],
}

impl<In: Shape, const I: usize, const O: usize, const BIAS: bool> ShapeRule<In>
    for Linear<I, O, BIAS>
{
    const OUTPUT: Inferred = {
        let input = In::DIMS;
        let last = last_size(input);
        let output = input.with_last(O);
        let features = if I == INFER { last } else { I };

        if O == 0 {
            zero_size("out_features", Dims::UNKNOWN)
        } else if I == 0 {
            zero_size("in_features", Dims::UNKNOWN)
        } else if O == INFER {
            Inferred::wrong(
                Sentence::new(
                    "does not say its out_features, which nothing before it fixes; write a number",
                ),
                Dims::UNKNOWN,
            )
        } else if input.is_unknown() {
            Inferred::shape(input)
        } else if input.last().is_none() {
            let way_out = if input.parts().is_empty() {
                "; a scalar has no features: put `Reshape<1>` before it"
            } else {
                "; it takes one tensor: join them before it"
            };
            Inferred::mismatch(
                Sentence::new("[.., ").number(I).text("]"),
                Sentence::new(way_out),
                Dims::UNKNOWN,
            )
        } else if features != last {
            mismatched_features(input, I, O)
        } else {
            Inferred::shape(output)
        }
    }
    .infers(last_size(In::DIMS));
    const REACH: Reach = Reach::FEATURES;
}

/// The mistake of an input with another number of features.
const fn mismatched_features(input: Dims, in_features: usize, out_features: usize) -> Inferred {
    let wanted = Sentence::new("[.., ").number(in_features).text("]");

    let is_unflattened = input.sizes().len() > 1 && input.len() == in_features;
    if is_unflattened {
        let way_out = Sentence::new("; put `Flatten` before it");
        return Inferred::mismatch(wanted, way_out, Dims::new(&[out_features]));
    }

    let way_out = Sentence::new("; write `Linear<")
        .number(last_size(input))
        .text(", ")
        .number(out_features)
        .text(">` or `Linear<_, ")
        .number(out_features)
        .text(">`");
    Inferred::mismatch(wanted, way_out, input.with_last(out_features))
}

/// Returns `max(0, x)`, or NaN for NaN.
#[inline(always)]
fn positive<T: Element>(x: T) -> T {
    if x < T::zero() { T::zero() } else { x }
}

/// The smallest number of weights for which threads share a single row. Reading them takes 5 us.
const LARGE_WEIGHTS: usize = 1 << 18;

/// The largest number of columns (outputs) for which a shared row is split over its features;
/// above it, the row is split over its columns.
const FEW_COLUMNS: usize = 1024;

/// The number of parts of a row that is split over its features. It does not depend on the number
/// of threads, because partial sums differ from a single sum in their bits.
const PARTS: usize = 4;

/// The granularity of a split over columns. A block of this size is computed alike wherever it
/// lies.
const COLUMN_BLOCK: usize = 128;

/// The arithmetic that the layers with and without bias share: `x` and `y` are rows of `I` and `O`
/// numbers, and `total_rows` is the number of rows in the whole batch.
struct DenseRows<const I: usize, const O: usize>;

impl<const I: usize, const O: usize> DenseRows<I, O> {
    /// Computes `y = x W + b`.
    #[inline(always)]
    fn forward<T: Element>(
        weight: &[[T; O]; I],
        bias: Option<&[T; O]>,
        x: &[T],
        y: &mut [T],
        total_rows: usize,
        mut memory: ThreadMemory<'_>,
        cx: &Context<T>,
    ) {
        // The first condition is a constant, so that only small layers reserve stack for `O` sums. In a
        // stream, a row has the same bits alone and among others.
        let is_tiny = total_rows <= TINY_ROWS || cx.is_stream();
        if const { I * O <= TINY_WEIGHTS } && is_tiny {
            return Self::forward_tiny(weight, bias, x, y, cx);
        }

        let x = Matrix::row_major(x, I);
        let weight = weight.as_flattened();
        let start = bias.map_or(Start::Zero, |bias| Start::Bias(bias));

        // A single row uses every weight only once, so threads share the reading of the weights.
        if const { I * O >= LARGE_WEIGHTS } && total_rows == 1 {
            if const { O <= FEW_COLUMNS } {
                return Self::forward_by_features(weight, start, x, y, cx);
            }
            if cx.is_single() {
                return Self::forward_by_columns(weight, bias, x, y, cx);
            }
        }

        cx.kernels.product(Product {
            m: y.len() / O,
            n: O,
            k: I,
            a: x,
            b: Matrix::row_major(weight, O),
            c: y,
            c_stride: O,
            start,
            relu: cx.has_relu_epilogue(),
            whole: total_rows,
            memory: memory.take_at_most(const { product_memory(usize::MAX, O, I, false) }),
        });
    }

    /// Computes rows of a small layer; the compiler keeps the sums in registers.
    #[inline(always)]
    fn forward_tiny<T: Element>(
        weight: &[[T; O]; I],
        bias: Option<&[T; O]>,
        x: &[T],
        y: &mut [T],
        cx: &Context<T>,
    ) {
        for (x, y) in x.as_chunks::<I>().0.iter().zip(y.as_chunks_mut::<O>().0) {
            if O == 1 {
                y[0] = Self::dot_tiny(weight, bias, x);
                if cx.has_relu_epilogue() {
                    y[0] = positive(y[0]);
                }
                continue;
            }

            // Two accumulators per output: in a single one, each addition waits for the one before.
            let mut sums = [bias.copied().unwrap_or([T::zero(); O]), [T::zero(); O]];

            for i in (0..I).step_by(2) {
                for o in 0..O {
                    sums[0][o] += x[i] * weight[i][o];
                }
                if i + 1 < I {
                    for o in 0..O {
                        sums[1][o] += x[i + 1] * weight[i + 1][o];
                    }
                }
            }

            let sums: [T; O] = core::array::from_fn(|o| sums[0][o] + sums[1][o]);
            *y = if cx.has_relu_epilogue() {
                sums.map(positive)
            } else {
                sums
            };
        }
    }

    /// Computes the single output of a row.
    #[inline(always)]
    fn dot_tiny<T: Element>(weight: &[[T; O]; I], bias: Option<&[T; O]>, x: &[T; I]) -> T {
        // The lanes of two vectors: in a single sum, each addition waits for the one before.
        let mut sums = [T::zero(); 8];
        let weights = weight.as_flattened();
        let (x_lanes, x_rest) = x.as_chunks::<8>();
        let (w_lanes, w_rest) = weights.as_chunks::<8>();
        for (x, w) in x_lanes.iter().zip(w_lanes) {
            for lane in 0..8 {
                sums[lane] += x[lane] * w[lane];
            }
        }
        for (sum, (&x, &w)) in sums.iter_mut().zip(x_rest.iter().zip(w_rest)) {
            *sum += x * w;
        }

        let [a, b, c, d, e, f, g, h] = sums;
        let start = bias.map_or(T::zero(), |bias| bias[0]);
        start + (((a + e) + (c + g)) + ((b + f) + (d + h)))
    }

    /// Computes one row, split between threads over its columns.
    fn forward_by_columns<T: Element>(
        weight: &[T],
        bias: Option<&[T; O]>,
        x: Matrix<'_, T>,
        y: &mut [T],
        cx: &Context<T>,
    ) {
        let kernels = cx.kernels;
        let relu = cx.has_relu_epilogue();
        let columns = O
            .div_ceil(threads::parts(I * O))
            .next_multiple_of(COLUMN_BLOCK);

        threads::split_mut(y, columns, &|part, y: &mut [T]| {
            let first = part * columns;
            let n = y.len();
            kernels.product(Product {
                m: 1,
                n,
                k: I,
                a: x,
                b: Matrix {
                    data: &weight[first..],
                    row_stride: O,
                    col_stride: 1,
                },
                c: y,
                c_stride: O,
                start: bias.map_or(Start::Zero, |bias| Start::Bias(&bias[first..first + n])),
                relu,
                whole: 1,
                memory: &mut [],
            });
        });
    }

    /// Computes one row, split over its features: first the sums of each part, then their sum.
    fn forward_by_features<T: Element>(
        weight: &[T],
        start: Start<'_, T>,
        x: Matrix<'_, T>,
        y: &mut [T],
        cx: &Context<T>,
    ) {
        let mut sums = [[T::zero(); O]; PARTS];
        let features = I.div_ceil(PARTS);
        let kernels = cx.kernels;
        let compute = |part: usize, sums: &mut [T]| {
            let first = (part * features).min(I);
            let count = features.min(I - first);
            kernels.product(Product {
                m: 1,
                n: O,
                k: count,
                a: Matrix {
                    data: &x.data[first..],
                    ..x
                },
                b: Matrix::row_major(&weight[first * O..], O),
                c: sums,
                c_stride: O,
                start: if part == 0 { start } else { Start::Zero },
                relu: false,
                whole: 1,
                memory: &mut [],
            });
        };

        if cx.is_single() {
            threads::split_mut(sums.as_flattened_mut(), O, &compute);
        } else {
            sums.iter_mut()
                .enumerate()
                .for_each(|(part, sums)| compute(part, sums));
        }

        for (o, y) in y.iter_mut().enumerate() {
            let sum = sums.iter().fold(T::zero(), |sum, part| sum + part[o]);
            *y = if cx.has_relu_epilogue() {
                positive(sum)
            } else {
                sum
            };
        }
    }

    /// Computes `dx = dy W^T`.
    #[inline(always)]
    fn backward_input<T: Element>(
        weight: &[[T; O]; I],
        dy: &[T],
        dx: &mut [T],
        total_rows: usize,
        mut memory: ThreadMemory<'_>,
        cx: &Context<T>,
    ) {
        cx.kernels.product(Product {
            m: dy.len() / O,
            n: I,
            k: O,
            a: Matrix::row_major(dy, O),
            b: Matrix::row_major(weight.as_flattened(), O).transposed(),
            c: dx,
            c_stride: I,
            start: Start::Zero,
            relu: false,
            whole: total_rows,
            memory: memory.take_at_most(const { product_memory(usize::MAX, I, O, true) }),
        });
    }

    /// Computes `x^T dy`, split between threads over the rows of the weight.
    #[inline(always)]
    fn backward_weight<T: Element>(
        x: &[T],
        dy: &[T],
        gradient: &mut [[T; O]; I],
        memory: ThreadMemory<'_>,
        cx: &Context<T>,
    ) {
        let kernels = cx.kernels;
        let accumulate = cx.accumulate();
        let rows = x.len() / I;

        let parts = cx.parts(sizes::product(&[rows, I, O]));
        let features = I.div_ceil(parts).max(1);
        threads::split_mut_with(
            gradient.as_flattened_mut(),
            features * O,
            memory,
            &|part, gradient: &mut [T], mut memory| {
                kernels.product(Product {
                    m: gradient.len() / O,
                    n: O,
                    k: rows,
                    a: Matrix {
                        data: &x[part * features..],
                        row_stride: 1,
                        col_stride: I,
                    },
                    b: Matrix::row_major(dy, O),
                    c: gradient,
                    c_stride: O,
                    start: if accumulate {
                        Start::Accumulate
                    } else {
                        Start::Zero
                    },
                    relu: false,
                    whole: I,
                    memory: memory.take_at_most(const { product_memory(I, O, usize::MAX, false) }),
                });
            },
        );
    }
}

/// Returns the number of rows of `features` numbers in a sample.
pub(super) const fn rows_of<In: Shape, const FEATURES: usize>() -> usize {
    // A layer that does not fit, which is reported, may have no features.
    match In::LEN.checked_div(FEATURES) {
        Some(rows) => rows,
        None => 0,
    }
}

/// Implements `Layer`, `Infer` and `Train` for the layer with or without bias.
macro_rules! linear {
    ($bias:tt, $params:ident, |$p:ident| $get:expr) => {
        impl<T: Element, const I: usize, const O: usize> Layer<T> for Linear<I, O, $bias> {
            type Config = ();
            type Params = $params<I, O, T>;

            fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
                init::fan_in_uniform(params.as_mut_slice(), I, rng);
            }
        }

        impl<In: Shape, Out: Shape, T: Element, const I: usize, const O: usize> Infer<In, Out, T>
            for Linear<I, O, $bias>
        {
            const ORDER: FeatureOrder = FeatureOrder::Makes;
            const RELU_FUSION: ReluFusion = ReluFusion::Epilogue;
            const MULTIPLY_ADDS: usize = sizes::product(&[In::LEN, O]);
            const NEEDS: Needs = product_needs::<T>(rows_of::<In, I>(), O, I, false);

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), params: &Self::Params, call: Export<'_>) -> Exported {
                export::simple::linear::<T, _>(params, call)
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { params: $p, x, y, thread_memory, cx, .. } = call;
                // In a stream, a row has the same bits alone and among others.
                let total_rows = match cx.is_stream() {
                    true => usize::MAX,
                    false => cx.batch() * (In::LEN / I),
                };
                DenseRows::<I, O>::forward(
                    &$p.weight,
                    $get,
                    flatten(x),
                    flatten_mut(y),
                    total_rows,
                    thread_memory,
                    cx,
                );
            }
        }

        impl<In: Shape, Out: Shape, T: Element, const I: usize, const O: usize> Train<In, Out, T>
            for Linear<I, O, $bias>
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: Needs = {
                let input = product_needs::<T>(rows_of::<In, I>(), I, O, true);
                let forward = <Self as Infer<In, Out, T>>::NEEDS;
                forward.or(input).or(weight_grad_needs::<T>(I, O)).in_training()
            };

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { params: $p, dy, dx, thread_memory, cx, .. } = call;
                let Some(dx) = dx else { return };
                let total_rows = cx.batch() * (In::LEN / I);
                DenseRows::<I, O>::backward_input(
                    &$p.weight,
                    flatten(dy),
                    flatten_mut(dx),
                    total_rows,
                    thread_memory,
                    cx,
                );
            }

            #[inline(always)]
            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, dy, gradient: $p, thread_memory, cx, .. } = call;
                let x = flatten(x);
                let dy = flatten(dy);
                DenseRows::<I, O>::backward_weight(x, dy, &mut $p.weight, thread_memory, cx);
                linear!(@bias $bias, $p, dy, cx);
            }
        }
    };
    (@bias true, $p:ident, $dy:ident, $cx:ident) => {
        $cx.kernels.column_sums($dy.len() / O, O, $dy, &mut $p.bias, $cx.accumulate())
    };
    (@bias false, $p:ident, $dy:ident, $cx:ident) => {};
}
linear!(true, LinearParams, |params| Some(&params.bias));
linear!(false, LinearNoBiasParams, |params| None);

/// Implements the 8-bit form of the layer with or without bias.
macro_rules! int8 {
    ($bias:literal) => {
        impl<const I: usize, const O: usize> HasInt8 for Linear<I, O, $bias> {
            type Int8Params = Int8LinearParams<I, O>;
            const INT8_REACH: Reach = Reach::FEATURES;
        }

        impl<In: Shape, Out: Shape, const I: usize, const O: usize> Int8Sizes<In, Out>
            for Linear<I, O, $bias>
        {
            const SIZES: ConvSizes = ConvSizes {
                size: [rows_of::<In, I>(), 1],
                channels: I,
                out: [rows_of::<In, I>(), 1],
                out_channels: O,
                kernel: [1, 1],
                stride: [1, 1],
                pad: [0, 0],
                dilation: [1, 1],
                groups: 1,
            };
            const AXES: usize = 0;
            const CAUSAL: bool = false;

            fn backward_with(
                weight: &[f32],
                dy: &[f32],
                dx: &mut [f32],
                memory: ThreadMemory<'_>,
                cx: &Context<f32>,
            ) {
                let total_rows = cx.batch() * rows_of::<In, I>();
                let rows = weight.as_chunks::<O>().0;
                if let Some(weight) = rows.first_chunk::<I>() {
                    DenseRows::<I, O>::backward_input(weight, dy, dx, total_rows, memory, cx);
                }
            }
        }
    };
}
int8!(true);
int8!(false);
