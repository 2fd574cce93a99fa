//! Products of two outputs as matrices.

use super::kernel_needs::product_needs;
use crate::kernels::product_memory;
use crate::kernels::{Kernels, Matrix, Product, Start};
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, Forward, Infer, Inferred, Layer, LayerInput, Needs, Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape};

/// The matrix product of two outputs, `MatMul <- (a, b)`: `[m, k]` and `[k, n]` become `[m, n]`. Axes
/// before the last two are equal in both, and each pair of matrices in them is multiplied.
///
/// PyTorch's `torch.matmul(a, b)`. Attention is made of two of them; the layer for it is
/// [`MultiHeadAttention`](struct@super::MultiHeadAttention), which is faster.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: (a: [1, 2], b: [2, 2]) -> [1, 2] { MatMul <- (a, b) } }
/// let a = Tensor2::from([[1.0, 10.0]]);
/// let b = Tensor2::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(Net::zeros().forward(&Tensor::from((a, b))), Tensor2::from([[31.0, 42.0]]));
/// ```
///
/// Matrices that do not fit are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: (a: [1, 3], b: [2, 2]) -> [1, 2] { MatMul <- (a, b) } }
/// ```
pub struct MatMul;

/// The sizes of a product: the number of matrices, and `m`, `k` and `n`.
const fn product_sizes(a: Dims, b: Dims) -> Option<[usize; 4]> {
    match (a.sizes(), b.sizes()) {
        (&[m, k], &[l, n]) if k == l => Some([1, m, k, n]),
        (&[c, m, k], &[d, l, n]) if c == d && k == l => Some([c, m, k, n]),
        (&[e, c, m, k], &[f, d, l, n]) if e == f && c == d && k == l => {
            Some([sizes::product(&[e, c]), m, k, n])
        }
        _ => None,
    }
}

impl<In: LayerInput> ShapeRule<In> for MatMul {
    const OUTPUT: Inferred = match In::DIMS.parts() {
        [a, b] if In::SOURCES == 2 => {
            if a.is_unknown() || b.is_unknown() {
                Inferred::shape(Dims::UNKNOWN)
            } else if let Some([_, _, _, n]) = product_sizes(*a, *b) {
                Inferred::shape(a.with_last(n))
            } else {
                let sentence = Sentence::new("multiplies [.., m, k] by [.., k, n], but they are ")
                    .dims(*a)
                    .text(" and ")
                    .dims(*b)
                    .text("; put a `Permute` or a `Reshape` before it");
                Inferred::wrong(sentence, Dims::UNKNOWN)
            }
        }
        _ => {
            let sentence = Sentence::new("reads two outputs: write `MatMul <- (a, b)`");
            Inferred::wrong(sentence, Dims::UNKNOWN)
        }
    };
}

impl<T: Element> Layer<T> for MatMul {
    type Config = ();
    type Params = ();
}

/// Returns the sizes of the product; zeros for sources that do not fit.
const fn sizes_of<In: LayerInput>() -> [usize; 4] {
    match In::DIMS.parts() {
        [a, b] => match product_sizes(*a, *b) {
            Some(sizes) => sizes,
            None => [0; 4],
        },
        _ => [0; 4],
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for MatMul {
    const ORDER: FeatureOrder = FeatureOrder::Depends;
    const MULTIPLY_ADDS: usize = sizes::product(&[Out::LEN, sizes_of::<In>()[2]]);
    const NEEDS: Needs = {
        let [_, m, k, n] = sizes_of::<In>();
        product_needs::<T>(m, n, k, false)
    };

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::fold(call, "MatMul")
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            x,
            y,
            mut thread_memory,
            cx,
            ..
        } = call;
        let [_, m, k, n] = const { sizes_of::<In>() };
        let [a, b, ..] = In::elements(x);
        let len = const {
            let [_, m, k, n] = sizes_of::<In>();
            product_memory(m, n, k, false)
        };
        let memory = thread_memory.take_at_most(len);

        let pairs = a.chunks_exact(m * k).zip(b.chunks_exact(k * n));
        for ((a, b), c) in pairs.zip(flatten_mut(y).chunks_exact_mut(m * n)) {
            cx.kernels.product(Product {
                m,
                n,
                k,
                a: Matrix::row_major(a, k),
                b: Matrix::row_major(b, n),
                c,
                c_stride: n,
                start: Start::Zero,
                relu: false,
                whole: m,
                memory: &mut *memory,
            });
        }
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for MatMul {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, cx, .. } = call;
        let [_, m, k, n] = const { sizes_of::<In>() };
        let dy = &*flatten_mut(dy);
        let [a, b, ..] = In::elements(x);
        let [da, db, ..] = In::gradient_elements(dx);

        let product = |[m, k, n]: [usize; 3], a, b, c| {
            cx.kernels.product(Product {
                m,
                n,
                k,
                a,
                b,
                c,
                c_stride: n,
                start: Start::Zero,
                relu: false,
                whole: m,
                memory: &mut [],
            });
        };

        // da = dy b^T
        if let Some(da) = da {
            let pairs = dy.chunks_exact(m * n).zip(b.chunks_exact(k * n));
            for ((dy, b), da) in pairs.zip(da.chunks_exact_mut(m * k)) {
                let b = Matrix::row_major(b, n).transposed();
                product([m, n, k], Matrix::row_major(dy, n), b, da);
            }
        }
        // db = a^T dy
        if let Some(db) = db {
            let pairs = a.chunks_exact(m * k).zip(dy.chunks_exact(m * n));
            for ((a, dy), db) in pairs.zip(db.chunks_exact_mut(k * n)) {
                let a = Matrix::row_major(a, k).transposed();
                product([k, m, n], a, Matrix::row_major(dy, n), db);
            }
        }
    }
}
