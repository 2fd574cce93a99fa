//! Tensors from and to the arrays of the crate `ndarray`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ndarray::{Array, ArrayBase, ArrayRef, ArrayView, ArrayViewMut, Data, Dimension};
use ndarray::{Ix0, Ix1, Ix2, Ix3, Ix4};

use super::shape::{Dims, Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use super::{Scalar, Tensor};
use crate::memory;

/// A shape that an array of `ndarray` can have: [`Rank0`] to [`Rank4`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the shape of an array of `ndarray`",
    note = "a tuple of tensors has no shape of its own: take its `parts()` one by one"
)]
pub trait ArrayShape: Shape {
    /// The dimension of the array.
    type Dim: Dimension;
}

macro_rules! array_shapes {
    ($($shape:ident<$($size:ident),*> = $dim:ty;)*) => { $(
        impl<$(const $size: usize),*> ArrayShape for $shape<$($size),*> {
            type Dim = $dim;
        }
    )* };
}
array_shapes! {
    Rank0<> = Ix0;
    Rank1<A> = Ix1;
    Rank2<A, B> = Ix2;
    Rank3<A, B, C> = Ix3;
    Rank4<A, B, C, D> = Ix4;
}

/// Conversions from and to the arrays of the crate `ndarray` 0.17 (feature `ndarray`). They take
/// arrays, views and slices of arrays, of any layout, and also [`ArrayD`](ndarray::ArrayD), whose
/// number of axes is known at run time only.
///
/// The number type stays the same: `array.mapv(|x| x as f32)` makes an `f32` of each `f64`.
///
/// ```
/// use ndarray::{Array2, array, s};
/// use shapewright::prelude::*;
///
/// let table = array![[5.1, 3.5, 0.0], [4.9, 3.0, 1.0]];
/// let x = Tensor1::<2>::from_ndarray_batch(&table.slice(s![.., ..2]))?;
/// assert_eq!(x, [Tensor1::from([5.1, 3.5]), Tensor1::from([4.9, 3.0])]);
/// let labels = Label::<2>::from_values(table.column(2).iter().map(|&class| class as i64))?;
/// assert_eq!(labels[1].index(), 1);
///
/// let matrix = Tensor2::<2, 3>::try_from(&table)?;
/// assert_eq!(matrix.ndarray_view().sum(), 17.5);
/// let transposed: Array2<f32> = matrix.transpose().to_ndarray();
/// assert_eq!(transposed, table.t());
///
/// let error = Tensor2::<2, 3>::try_from(transposed).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a tensor of shape [2, 3] takes an array of shape [2, 3], but [3, 2] came; order its axes \
///      with `.permuted_axes([1, 0])`"
/// );
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
impl<S: ArrayShape, T: Scalar> Tensor<S, T> {
    /// Copies an array of the tensor's shape.
    ///
    /// # Errors
    /// Returns an error if the array has another shape.
    pub fn from_ndarray<D: Dimension>(array: &ArrayRef<T, D>) -> Result<Self, ArrayShapeError> {
        Self::check_array(array)?;
        let mut tensor = Self::zeros();
        copy(array, tensor.as_mut_slice());
        Ok(tensor)
    }

    /// Like [`from_ndarray`](Tensor::from_ndarray), on the heap.
    ///
    /// # Errors
    /// Returns an error if the array has another shape.
    pub fn from_ndarray_boxed<D: Dimension>(
        array: &ArrayRef<T, D>,
    ) -> Result<Box<Self>, ArrayShapeError> {
        Self::check_array(array)?;
        let mut tensor = Self::zeros_boxed();
        copy(array, tensor.as_mut_slice());
        Ok(tensor)
    }

    /// Copies an array with one more axis, the first: a batch of samples. None of them is on the
    /// stack.
    ///
    /// # Errors
    /// Returns an error if the array has another shape.
    pub fn from_ndarray_batch<D: Dimension>(
        array: &ArrayRef<T, D>,
    ) -> Result<Vec<Self>, ArrayShapeError> {
        let count = Self::check_batch(array)?;
        let mut batch = memory::zeroed_tensors(count);
        copy(array, Self::flatten_mut(&mut batch));
        Ok(batch)
    }

    /// Views an array as a tensor, without a copy.
    ///
    /// # Errors
    /// Returns an error if the array has another shape, or if its elements do not lie row after row
    /// in memory, as those of a transposed or sliced array do not.
    pub fn over_ndarray<D: Dimension>(array: &ArrayRef<T, D>) -> Result<&Self, ArrayShapeError> {
        Self::check_array(array)?;
        let elements = array.as_slice();
        let tensor = elements.and_then(|elements| Self::over(elements).ok());
        tensor.ok_or_else(|| ArrayShapeError::scattered::<S>(array.shape(), false))
    }

    /// Views an array with one more axis, the first, as a batch of samples, without a copy.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [3] { Linear<_, 3> } }
    ///
    /// let array = Array2::<f32>::ones((100, 4));
    /// let x: &[Tensor1<4>] = Tensor::over_ndarray_batch(&array)?;
    /// let outputs = Net::init(&mut shapewright::rng(0)).predict(x);
    /// assert_eq!(Tensor::ndarray_batch_view(&outputs).shape(), [100, 3]);
    /// # Ok::<(), shapewright::tensor::ArrayShapeError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the array has another shape, or if its elements do not lie row after row
    /// in memory, as those of a transposed or sliced array do not.
    pub fn over_ndarray_batch<D: Dimension>(
        array: &ArrayRef<T, D>,
    ) -> Result<&[Self], ArrayShapeError> {
        let count = Self::check_batch(array)?;
        match array.as_slice() {
            Some(elements) => Ok(memory::tensors(elements, count)),
            None => Err(ArrayShapeError::scattered::<S>(array.shape(), true)),
        }
    }

    /// Copies the tensor to an array.
    pub fn to_ndarray(&self) -> Array<T, S::Dim> {
        self.ndarray_view().to_owned()
    }

    /// Views the tensor as an array, without a copy.
    pub fn ndarray_view(&self) -> ArrayView<'_, T, S::Dim> {
        let view = ArrayView::from_shape(dim::<S::Dim>(S::DIMS.sizes()), self.as_slice());
        view.expect("the array has the tensor's elements")
    }

    /// Views the tensor as a mutable array, without a copy.
    pub fn ndarray_view_mut(&mut self) -> ArrayViewMut<'_, T, S::Dim> {
        let view = ArrayViewMut::from_shape(dim::<S::Dim>(S::DIMS.sizes()), self.as_mut_slice());
        view.expect("the array has the tensor's elements")
    }

    /// Views a batch as an array with one more axis, the first, without a copy; `to_owned` of the
    /// view copies it.
    pub fn ndarray_batch_view(batch: &[Self]) -> ArrayView<'_, T, <S::Dim as Dimension>::Larger> {
        let mut sizes = Vec::from([batch.len()]);
        sizes.extend_from_slice(S::DIMS.sizes());
        let dim = dim::<<S::Dim as Dimension>::Larger>(&sizes);
        let view = ArrayView::from_shape(dim, Self::flatten(batch));
        view.expect("the array has the elements of the batch")
    }

    /// Checks that an array has the tensor's shape.
    fn check_array<D: Dimension>(array: &ArrayRef<T, D>) -> Result<(), ArrayShapeError> {
        if array.shape() == S::DIMS.sizes() {
            Ok(())
        } else {
            Err(ArrayShapeError::new::<S>(array.shape(), false))
        }
    }

    /// Returns the number of tensors in an array of a batch.
    fn check_batch<D: Dimension>(array: &ArrayRef<T, D>) -> Result<usize, ArrayShapeError> {
        match array.shape() {
            [count, sizes @ ..] if sizes == S::DIMS.sizes() => Ok(*count),
            found => Err(ArrayShapeError::new::<S>(found, true)),
        }
    }
}

impl<S: ArrayShape, T: Scalar, R: Data<Elem = T>, D: Dimension> TryFrom<&ArrayBase<R, D>>
    for Tensor<S, T>
{
    type Error = ArrayShapeError;

    fn try_from(array: &ArrayBase<R, D>) -> Result<Self, ArrayShapeError> {
        Tensor::from_ndarray(array)
    }
}

impl<S: ArrayShape, T: Scalar, R: Data<Elem = T>, D: Dimension> TryFrom<ArrayBase<R, D>>
    for Tensor<S, T>
{
    type Error = ArrayShapeError;

    fn try_from(array: ArrayBase<R, D>) -> Result<Self, ArrayShapeError> {
        Tensor::from_ndarray(&array)
    }
}

/// Copies the elements of an array, row after row.
fn copy<T: Copy, D: Dimension>(array: &ArrayRef<T, D>, to: &mut [T]) {
    match array.as_slice() {
        Some(elements) => to.copy_from_slice(elements),
        None => to.iter_mut().zip(array).for_each(|(to, from)| *to = *from),
    }
}

/// Returns the sizes as a dimension, which must have as many axes.
fn dim<D: Dimension>(sizes: &[usize]) -> D {
    let mut dim = D::zeros(sizes.len());
    dim.slice_mut().copy_from_slice(sizes);
    dim
}

/// The error for an array that does not have the shape of a tensor, or of a batch of tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayShapeError {
    /// The shape of the tensor.
    pub dims: Dims,
    /// The sizes of the array.
    pub found: Vec<usize>,
    /// True if the array was to be a batch of tensors.
    pub is_batch: bool,
    /// True if the shape is right, and a view is impossible because the array's elements do not lie
    /// row after row in memory.
    pub is_scattered: bool,
}

impl ArrayShapeError {
    fn new<S: Shape>(found: &[usize], is_batch: bool) -> Self {
        ArrayShapeError {
            dims: S::DIMS,
            found: found.into(),
            is_batch,
            is_scattered: false,
        }
    }

    fn scattered<S: Shape>(found: &[usize], is_batch: bool) -> Self {
        ArrayShapeError {
            is_scattered: true,
            ..Self::new::<S>(found, is_batch)
        }
    }

    /// Writes the advice for an array of another shape.
    fn write_advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.dims.sizes();
        let found = &self.found[..];
        let (batch, of_one) = match found {
            [batch, of_one @ ..] if self.is_batch => (core::slice::from_ref(batch), of_one),
            _ => (&[][..], found),
        };

        if self.is_batch && found == sizes {
            return f.write_str("it is one sample, which `Tensor::from_ndarray` takes");
        }
        if !self.is_batch && found.get(1..) == Some(sizes) {
            return f.write_str("it is a batch, which `Tensor::from_ndarray_batch` takes");
        }

        let wide = |sizes: &[usize]| -> Vec<usize> {
            sizes.iter().copied().filter(|&size| size != 1).collect()
        };
        let is_same_but_for_ones = wide(sizes) == wide(of_one);
        if !is_same_but_for_ones && let Some(order) = order(of_one, sizes) {
            let mut axes: Vec<usize> = (0..batch.len()).collect();
            axes.extend(order.iter().map(|axis| batch.len() + axis));
            return write!(f, "order its axes with `.permuted_axes({axes:?})`");
        }

        let count = |sizes: &[usize]| sizes.iter().map(|&size| size as u128).product::<u128>();
        if count(sizes) == count(of_one) {
            let mut shape = Vec::from(batch);
            shape.extend_from_slice(sizes);
            let condition = if is_same_but_for_ones {
                ""
            } else {
                "if its elements have this order, "
            };
            return write!(
                f,
                "{condition}give it this shape with `.into_shape_with_order({shape:?})`"
            );
        }
        f.write_str("take a tensor of the array's shape, or slice the array")
    }
}

/// Returns the order of axes that turns the sizes `from` into `to`, if there is one.
fn order(from: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    for size in to {
        let axis = (0..from.len()).find(|axis| from[*axis] == *size && !order.contains(axis))?;
        order.push(axis);
    }
    (from.len() == to.len()).then_some(order)
}

impl fmt::Display for ArrayShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ArrayShapeError { dims, found, .. } = self;
        let (what, function) = if self.is_batch {
            ("a batch of tensors", "from_ndarray_batch")
        } else {
            ("a tensor", "from_ndarray")
        };
        if self.is_scattered {
            return write!(
                f,
                "{what} of shape {dims} views elements that lie row after row in memory, and those \
                 of the array do not; copy them with `Tensor::{function}`"
            );
        }

        write!(f, "{what} of shape {dims} takes an array of shape ")?;
        if self.is_batch {
            f.write_str("[n")?;
            dims.sizes()
                .iter()
                .try_for_each(|size| write!(f, ", {size}"))?;
            f.write_str("]")?;
        } else {
            write!(f, "{dims}")?;
        }
        write!(f, ", but {found:?} came; ")?;
        self.write_advice(f)
    }
}

impl core::error::Error for ArrayShapeError {}
