//! Tensors whose shapes are types.

mod access;
mod arithmetic;
#[cfg(feature = "alloc")]
mod boxed;
mod construct;
mod convert;
pub(crate) mod element;
mod format;
mod half;
mod matrix;
#[cfg(feature = "ndarray")]
mod nd_array;
pub(crate) mod shape;
mod whole_number;

pub use crate::memory::{Number, Scalar};
pub use construct::LengthError;
pub use element::Element;
pub(crate) use element::double;
pub use half::{BF16, F16};
pub(crate) use matrix::transpose;
#[cfg(feature = "ndarray")]
pub use nd_array::{ArrayShape, ArrayShapeError};
pub use shape::{Dims, MAX_RANK, Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
pub use whole_number::WholeNumber;
pub(crate) use whole_number::try_from_whole_numbers;

use crate::memory::{Flat, FromFlat};

/// An array of numbers with a shape that the compiler knows.
///
/// The memory is a nested array and nothing else, with a contiguous last axis:
/// `Tensor<Rank2<3, 4>>` holds `[[f32; 4]; 3]`. Images are channels-last, `[height, width,
/// channels]`.
///
/// A tensor is stored inline, as an array is: a local variable is on the stack. Make large tensors
/// with the constructors that end in `_boxed`, which never touch the stack, and vectors of them
/// with [`Tensor::zeros_vec`], [`data::to_vec`](crate::data::to_vec),
/// [`data::extend_from_slice`](crate::data::extend_from_slice) and
/// [`data::repeat`](crate::data::repeat): in builds without optimization, `to_vec`, `clone` and
/// `push` of vectors and `vec![x; n]` copy each tensor over the stack.
///
/// ```
/// use shapewright::{Tensor1, Tensor2};
/// let a = Tensor2::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// let b: Tensor2<3, 2> = a.transpose();
/// assert_eq!(a.matmul(&b), Tensor2::from([[14.0, 32.0], [32.0, 77.0]]));
/// assert_eq!(Tensor1::from([1.0, 3.0, 2.0]).argmax(), 1);
/// ```
#[derive(Copy, PartialEq)]
#[repr(transparent)]
pub struct Tensor<S: Shape, T: Scalar = f32>(pub(crate) S::Array<T>);

// SAFETY: `Shape` is sealed, and its `Array<T>` is a nested array of exactly `LEN` values of `T`.
unsafe impl<S: Shape, T: Scalar> Flat for Tensor<S, T> {
    type Item = T;
    const LEN: usize = S::LEN;
}

// SAFETY: as above; all values of `T` may stand side by side.
unsafe impl<S: Shape, T: Scalar> FromFlat for Tensor<S, T> {}

/// A single number.
pub type Tensor0<T = f32> = Tensor<Rank0, T>;
/// A vector.
pub type Tensor1<const A: usize, T = f32> = Tensor<Rank1<A>, T>;
/// A matrix: rows, columns.
pub type Tensor2<const A: usize, const B: usize, T = f32> = Tensor<Rank2<A, B>, T>;
/// An image: height, width, channels.
pub type Tensor3<const A: usize, const B: usize, const C: usize, T = f32> =
    Tensor<Rank3<A, B, C>, T>;
/// A tensor with four axes.
pub type Tensor4<const A: usize, const B: usize, const C: usize, const D: usize, T = f32> =
    Tensor<Rank4<A, B, C, D>, T>;
