//! Constructors of tensors: by value for small ones, `_boxed` for large ones.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use num_traits::One;
use rand::Rng;
use rand::distr::Distribution;

use super::shape::{Dims, Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use super::{Element, Tensor};
use crate::memory;
use crate::memory::Scalar;

/// The error for a slice whose length is not the number of elements of the shape.
///
/// ```
/// use shapewright::Tensor2;
/// let error = Tensor2::<2, 3>::from_slice(&[1.0, 2.0]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a tensor of shape [2, 3] takes 6 elements, but the slice has 2"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LengthError {
    /// The shape of the tensor that was to be made.
    pub dims: Dims,
    /// The number of elements that came.
    pub found: usize,
    /// The position of the row that has them, if it was one of several.
    pub row: Option<usize>,
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LengthError { dims, found, row } = self;
        let expected = dims.len();
        write!(
            f,
            "a tensor of shape {dims} takes {expected} elements, but "
        )?;
        match row {
            None => write!(f, "the slice has {found}"),
            Some(row) => write!(f, "row {row} has {found}"),
        }
    }
}

impl core::error::Error for LengthError {}

/// Constructors. A function that returns a tensor places it on the caller's stack, which is too
/// small for a large one. Each therefore has a sibling: its name ends in `_boxed` and it makes its
/// result on the heap, or it writes to an existing tensor.
impl<S: Shape, T: Scalar> Tensor<S, T> {
    /// The sizes of the axes.
    pub const DIMS: Dims = S::DIMS;
    /// The number of elements.
    pub const LEN: usize = S::LEN;

    /// Returns a tensor of zeros (`false` for `bool`).
    pub fn zeros() -> Self {
        memory::zeroed_tensor_by_value()
    }

    /// Returns a tensor whose elements are all `value`.
    pub fn full(value: T) -> Self {
        let mut tensor = Self::zeros();
        tensor.as_mut_slice().fill(value);
        tensor
    }

    /// Copies the elements of a slice, row after row.
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` elements.
    pub fn from_slice(elements: &[T]) -> Result<Self, LengthError> {
        let tensor = Self::over(elements)?;
        Ok(*tensor)
    }

    /// Views a slice as a tensor, without a copy.
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` elements.
    pub fn over(elements: &[T]) -> Result<&Self, LengthError> {
        memory::tensor_over(elements).ok_or(LengthError {
            dims: S::DIMS,
            found: elements.len(),
            row: None,
        })
    }

    /// Views a slice as a tensor that can be changed, without a copy.
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` elements.
    pub fn over_mut(elements: &mut [T]) -> Result<&mut Self, LengthError> {
        let error = LengthError {
            dims: S::DIMS,
            found: elements.len(),
            row: None,
        };
        memory::tensor_over_mut(elements).ok_or(error)
    }

    /// Views a slice as tensors one after the other, without a copy: a buffer of samples as a batch.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [3] -> [2] { Linear<_, 2> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let (samples, mut outputs) = ([0.5; 4 * 3], [0.0; 4 * 2]);
    /// net.forward_batch(Tensor1::batch_over(&samples)?, Tensor1::batch_over_mut(&mut outputs)?);
    /// assert_eq!(outputs[..2], outputs[6..]);
    /// # Ok::<(), shapewright::tensor::LengthError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if elements are left over: the slice must have a multiple of `LEN`. For a
    /// shape without elements, it must be empty.
    pub fn batch_over(elements: &[T]) -> Result<&[Self], LengthError> {
        let count = Self::count_in(elements.len())?;
        Ok(memory::tensors(elements, count))
    }

    /// Views a slice as tensors that can be changed; see [`batch_over`](Tensor::batch_over).
    ///
    /// # Errors
    /// Returns an error if elements are left over.
    pub fn batch_over_mut(elements: &mut [T]) -> Result<&mut [Self], LengthError> {
        let count = Self::count_in(elements.len())?;
        Ok(memory::tensors_mut(elements, count))
    }

    /// Returns the number of tensors that `elements` elements are.
    fn count_in(elements: usize) -> Result<usize, LengthError> {
        let (count, rest) = match S::LEN {
            0 => (0, elements),
            len => (elements / len, elements % len),
        };
        if rest == 0 {
            return Ok(count);
        }
        Err(LengthError {
            dims: S::DIMS,
            found: rest,
            row: Some(count),
        })
    }

    /// Copies the values of an iterator, row after row.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let x = Tensor1::<3>::from_values([1_u8, 2, 3].iter().map(|&x| f32::from(x) / 2.0))?;
    /// assert_eq!(x, Tensor1::from([0.5, 1.0, 1.5]));
    /// # Ok::<(), shapewright::tensor::LengthError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if there are not exactly `LEN` values.
    pub fn from_values(values: impl IntoIterator<Item = T>) -> Result<Self, LengthError> {
        let mut values = values.into_iter();
        let mut found = 0;
        let tensor = Self::from_position(|_| {
            values.next().map_or_else(T::default, |value| {
                found += 1;
                value
            })
        });

        found += values.count();
        if found == S::LEN {
            Ok(tensor)
        } else {
            Err(LengthError {
                dims: S::DIMS,
                found,
                row: None,
            })
        }
    }

    /// Copies the rows of a table, such as a `Vec<Vec<f32>>`, each into a tensor of its own: the
    /// samples of a data set.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let table = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
    /// let samples = Tensor1::<2>::from_rows(&table)?;
    /// assert_eq!(samples[1], Tensor1::from([3.0, 4.0]));
    ///
    /// let error = Tensor1::<3>::from_rows(&table).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "a tensor of shape [3] takes 3 elements, but row 0 has 2"
    /// );
    /// # Ok::<(), shapewright::tensor::LengthError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for the first row that does not have exactly `LEN` elements.
    #[cfg(feature = "alloc")]
    pub fn from_rows<R: AsRef<[T]>>(rows: &[R]) -> Result<Vec<Self>, LengthError> {
        let mut samples = memory::zeroed_tensors(rows.len());
        for (position, (sample, row)) in samples.iter_mut().zip(rows).enumerate() {
            let row = Self::over(row.as_ref()).map_err(|error| LengthError {
                row: Some(position),
                ..error
            })?;
            Clone::clone_from(sample, row);
        }
        Ok(samples)
    }

    /// Computes each element from its position, row after row.
    pub fn from_position(value: impl FnMut(usize) -> T) -> Self {
        let mut tensor = Self::zeros();
        tensor.fill_with(value);
        tensor
    }

    /// Sets each element to a function of its position, row after row.
    pub fn fill_with(&mut self, mut value: impl FnMut(usize) -> T) {
        for (position, element) in self.as_mut_slice().iter_mut().enumerate() {
            *element = value(position);
        }
    }

    /// Draws each element independently from a distribution.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let uniform = rand::distr::Uniform::new(-1.0, 1.0).unwrap();
    /// let weights: Tensor2<3, 4> = Tensor::random(uniform, &mut shapewright::rng(7));
    /// assert!(weights.iter().all(|w| (-1.0..1.0).contains(w)));
    /// ```
    pub fn random<D: Distribution<T>, R: Rng + ?Sized>(distribution: D, rng: &mut R) -> Self {
        Self::from_position(|_| distribution.sample(rng))
    }
}

impl<S: Shape, T: Element> Tensor<S, T> {
    /// Returns a tensor of ones.
    pub fn ones() -> Self {
        Self::full(<T as One>::one())
    }
}

// The derived `clone_from` copies over the stack.
#[allow(clippy::non_canonical_clone_impl)]
impl<S: Shape, T: Scalar> Clone for Tensor<S, T> {
    fn clone(&self) -> Self {
        *self
    }

    /// Copies from memory to memory, so that large tensors need no stack.
    fn clone_from(&mut self, source: &Self) {
        self.as_mut_slice().copy_from_slice(source.as_slice());
    }
}

impl<S: Shape, T: Scalar> Default for Tensor<S, T> {
    fn default() -> Self {
        Self::zeros()
    }
}

/// Returns the index of the element at a position in row order.
pub(super) fn index_of<const RANK: usize>(mut position: usize, dims: &Dims) -> [usize; RANK] {
    let mut index = [0; RANK];
    for axis in (0..RANK).rev() {
        index[axis] = position % dims.size(axis);
        position /= dims.size(axis);
    }
    index
}

macro_rules! from_fn {
    ($($shape:ident<$($size:ident),*>, $rank:literal;)*) => { $(
        impl<$(const $size: usize,)* T: Scalar> Tensor<$shape<$($size),*>, T> {
            /// Computes each element from its index.
            ///
            /// ```
            /// let m = shapewright::Tensor2::<2, 3>::from_fn(|[row, column]| (10 * row + column) as f32);
            /// assert_eq!(m[[1, 2]], 12.0);
            /// ```
            pub fn from_fn(mut value: impl FnMut([usize; $rank]) -> T) -> Self {
                Self::from_position(|position| value(index_of(position, &Self::DIMS)))
            }
        }
    )* };
}
from_fn! {
    Rank0<>, 0;
    Rank1<A>, 1;
    Rank2<A, B>, 2;
    Rank3<A, B, C>, 3;
    Rank4<A, B, C, D>, 4;
}
