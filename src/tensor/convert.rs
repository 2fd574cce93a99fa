//! Conversions from and to arrays, `GenericArray` and tuples of tensors.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use generic_array::typenum::Const;
use generic_array::{ConstArrayLength, GenericArray, IntoArrayLength};

use super::shape::{Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use super::{LengthError, Tensor, Tensor1};
use crate::memory;
use crate::memory::Scalar;

macro_rules! arrays {
    ($($shape:ident<$($size:ident),*> = $array:ty;)*) => { $(
        impl<$(const $size: usize,)* T: Scalar> From<$array> for Tensor<$shape<$($size),*>, T> {
            fn from(array: $array) -> Self {
                Tensor(array)
            }
        }
    )* };
}
arrays! {
    Rank0<> = T;
    Rank1<A> = [T; A];
    Rank2<A, B> = [[T; B]; A];
    Rank3<A, B, C> = [[[T; C]; B]; A];
    Rank4<A, B, C, D> = [[[[T; D]; C]; B]; A];
}

macro_rules! into_arrays {
    ($($shape:ident<$($size:ident),*> = $array:ty;)*) => { $(
        impl<$(const $size: usize,)* T: Scalar> From<Tensor<$shape<$($size),*>, T>> for $array {
            fn from(tensor: Tensor<$shape<$($size),*>, T>) -> Self {
                tensor.0
            }
        }
    )* };
}
into_arrays! {
    Rank1<A> = [T; A];
    Rank2<A, B> = [[T; B]; A];
    Rank3<A, B, C> = [[[T; C]; B]; A];
    Rank4<A, B, C, D> = [[[[T; D]; C]; B]; A];
}

/// Copies a slice, row after row.
///
/// ```
/// use shapewright::Tensor2;
/// let numbers = vec![1.0, 2.0, 3.0, 4.0];
/// let matrix: Tensor2<2, 2> = numbers[..].try_into()?;
/// assert_eq!(matrix, Tensor2::from([[1.0, 2.0], [3.0, 4.0]]));
/// # Ok::<(), shapewright::tensor::LengthError>(())
/// ```
impl<S: Shape, T: Scalar> TryFrom<&[T]> for Tensor<S, T> {
    type Error = LengthError;

    fn try_from(elements: &[T]) -> Result<Self, LengthError> {
        Tensor::from_slice(elements)
    }
}

/// Copies the elements of a vector, row after row.
#[cfg(feature = "alloc")]
impl<S: Shape, T: Scalar> TryFrom<Vec<T>> for Tensor<S, T> {
    type Error = LengthError;

    fn try_from(elements: Vec<T>) -> Result<Self, LengthError> {
        Tensor::from_slice(&elements)
    }
}

/// Copies the rows of a matrix.
///
/// ```
/// use shapewright::Tensor2;
/// let matrix = Tensor2::<2, 2>::try_from(vec![vec![1.0, 2.0], vec![3.0, 4.0]])?;
/// assert_eq!(matrix[[1, 0]], 3.0);
/// # Ok::<(), shapewright::tensor::LengthError>(())
/// ```
#[cfg(feature = "alloc")]
impl<const A: usize, const B: usize, T: Scalar> TryFrom<Vec<Vec<T>>> for Tensor<Rank2<A, B>, T> {
    type Error = LengthError;

    fn try_from(rows: Vec<Vec<T>>) -> Result<Self, LengthError> {
        if rows.len() != A {
            return Err(LengthError {
                dims: Rank2::<A, B>::DIMS,
                found: rows.iter().map(Vec::len).sum(),
                row: None,
            });
        }

        let mut matrix = Tensor::zeros();
        for (position, row) in rows.iter().enumerate() {
            let row = Tensor1::<B, T>::over(row).map_err(|error| LengthError {
                row: Some(position),
                ..error
            })?;
            matrix.as_mut_slice()[position * B..][..B].copy_from_slice(row.as_slice());
        }
        Ok(matrix)
    }
}

/// Converts a vector to a `GenericArray`.
///
/// ```
/// use generic_array::{GenericArray, typenum::U3};
/// let array: GenericArray<f32, U3> = shapewright::Tensor1::from([1.0, 2.0, 3.0]).into();
/// assert_eq!(shapewright::Tensor1::<3>::from(array)[2], 3.0);
/// ```
impl<const A: usize, T: Scalar> From<Tensor1<A, T>> for GenericArray<T, ConstArrayLength<A>>
where
    Const<A>: IntoArrayLength,
{
    fn from(tensor: Tensor1<A, T>) -> Self {
        tensor.0.into()
    }
}

impl<const A: usize, T: Scalar> From<GenericArray<T, ConstArrayLength<A>>> for Tensor1<A, T>
where
    Const<A>: IntoArrayLength,
{
    fn from(array: GenericArray<T, ConstArrayLength<A>>) -> Self {
        Tensor(array.into())
    }
}

macro_rules! tuples {
    ($(($($part:ident $name:ident $at:tt),*);)*) => { $(
        impl<$($part: Shape,)* T: Scalar> Tensor<($($part,)*), T> {
            /// Returns the tensors of the tuple.
            ///
            /// ```
            /// use shapewright::Tensor1;
            /// let both = shapewright::Tensor::from((Tensor1::from([1.0, 2.0]), Tensor1::from([3.0])));
            /// assert_eq!(both.as_slice(), [1.0, 2.0, 3.0]);
            /// assert_eq!(both.parts().1[0], 3.0);
            /// ```
            pub fn parts(&self) -> ($(&Tensor<$part, T>,)*) {
                let rest = self.as_slice();
                $(let ($name, rest) = rest.split_at($part::LEN);)*
                debug_assert!(rest.is_empty());
                ($(&memory::tensors($name, 1)[0],)*)
            }

            /// Returns mutable references to the tensors of the tuple.
            pub fn parts_mut(&mut self) -> ($(&mut Tensor<$part, T>,)*) {
                let rest = self.as_mut_slice();
                $(let ($name, rest) = rest.split_at_mut($part::LEN);)*
                debug_assert!(rest.is_empty());
                ($(&mut memory::tensors_mut($name, 1)[0],)*)
            }
        }

        impl<$($part: Shape,)* T: Scalar> From<($(Tensor<$part, T>,)*)> for Tensor<($($part,)*), T> {
            fn from(parts: ($(Tensor<$part, T>,)*)) -> Self {
                let mut tensor = Tensor::<($($part,)*), T>::zeros();
                let ($($name,)*) = tensor.parts_mut();
                $(*$name = parts.$at;)*
                tensor
            }
        }
    )* };
}
tuples! {
    (A a 0, B b 1);
    (A a 0, B b 1, C c 2);
    (A a 0, B b 1, C c 2, D d 3);
}
