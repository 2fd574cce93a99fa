//! Access to elements: slices, indices, iterators.

use core::ops::{Index, IndexMut};
use core::slice::{Iter, IterMut};

use super::shape::{Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use super::{Tensor, Tensor1};
use crate::memory;
use crate::memory::Scalar;

impl<S: Shape, T: Scalar> Tensor<S, T> {
    /// Returns the elements, row after row.
    #[inline(always)]
    pub fn as_slice(&self) -> &[T] {
        memory::tensor_as_slice(self)
    }

    /// Returns the elements as a mutable slice, row after row.
    #[inline(always)]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        memory::tensor_as_mut_slice(self)
    }

    /// Returns the elements of a batch, tensor after tensor.
    pub fn flatten(batch: &[Self]) -> &[T] {
        memory::flatten(batch)
    }

    /// Returns the elements of a slice of tensors as one mutable slice, tensor after tensor.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let mut batch = [Tensor1::from([1.0, 2.0]), Tensor1::from([3.0, 4.0])];
    /// Tensor::flatten_mut(&mut batch)[2] = 30.0;
    /// assert_eq!(batch[1][0], 30.0);
    /// ```
    pub fn flatten_mut(batch: &mut [Self]) -> &mut [T] {
        memory::flatten_mut(batch)
    }

    /// Returns the nested array.
    pub fn as_array(&self) -> &S::Array<T> {
        &self.0
    }

    /// Returns the nested array as a mutable reference.
    pub fn as_mut_array(&mut self) -> &mut S::Array<T> {
        &mut self.0
    }

    /// Returns an iterator over the elements, row after row.
    pub fn iter(&self) -> Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Returns an iterator over mutable references to the elements, row after row.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        self.as_mut_slice().iter_mut()
    }

    /// Applies a function to each element and returns the results.
    ///
    /// ```
    /// use shapewright::Tensor1;
    /// let labels: Tensor1<3, bool> = Tensor1::from([0.2, 0.9, 0.4]).map(|p| p > 0.5);
    /// assert_eq!(labels, Tensor1::from([false, true, false]));
    /// ```
    pub fn map<U: Scalar>(&self, mut f: impl FnMut(T) -> U) -> Tensor<S, U> {
        Tensor::from_position(|i| f(self.as_slice()[i]))
    }

    /// Applies a function to each pair of corresponding elements and returns the results.
    pub fn zip<U: Scalar, V: Scalar>(
        &self,
        other: &Tensor<S, U>,
        mut f: impl FnMut(T, U) -> V,
    ) -> Tensor<S, V> {
        Tensor::from_position(|i| f(self.as_slice()[i], other.as_slice()[i]))
    }

    /// Returns the same elements in the same order with other axes. A shape with another number of
    /// elements is a compile error in `cargo build`; `cargo check` does not report it.
    ///
    /// ```
    /// use shapewright::{Tensor2, tensor::Rank1};
    /// let flat = *Tensor2::from([[1, 2], [3, 4]]).reshape::<Rank1<4>>();
    /// assert_eq!(flat[3], 4);
    /// ```
    ///
    /// ```compile_fail
    /// use shapewright::{Tensor2, tensor::Rank1};
    /// Tensor2::from([[1, 2], [3, 4]]).reshape::<Rank1<5>>();
    /// ```
    pub fn reshape<R: Shape>(&self) -> &Tensor<R, T> {
        memory::reshape(self)
    }
}

impl<'a, S: Shape, T: Scalar> IntoIterator for &'a Tensor<S, T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, S: Shape, T: Scalar> IntoIterator for &'a mut Tensor<S, T> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;
    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<S: Shape, T: Scalar> AsRef<[T]> for Tensor<S, T> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

macro_rules! index {
    ($($shape:ident<$($size:ident),*>, $rank:literal, [$($axis:ident),*];)*) => { $(
        impl<$(const $size: usize,)* T: Scalar> Index<[usize; $rank]> for Tensor<$shape<$($size),*>, T> {
            type Output = T;
            fn index(&self, [$($axis),*]: [usize; $rank]) -> &T {
                &self.0 $([$axis])*
            }
        }
        impl<$(const $size: usize,)* T: Scalar> IndexMut<[usize; $rank]> for Tensor<$shape<$($size),*>, T> {
            fn index_mut(&mut self, [$($axis),*]: [usize; $rank]) -> &mut T {
                &mut self.0 $([$axis])*
            }
        }
    )* };
}
index! {
    Rank0<>, 0, [];
    Rank1<A>, 1, [a];
    Rank2<A, B>, 2, [a, b];
    Rank3<A, B, C>, 3, [a, b, c];
    Rank4<A, B, C, D>, 4, [a, b, c, d];
}

impl<const A: usize, T: Scalar> Index<usize> for Tensor1<A, T> {
    type Output = T;
    fn index(&self, position: usize) -> &T {
        &self.0[position]
    }
}

impl<const A: usize, T: Scalar> IndexMut<usize> for Tensor1<A, T> {
    fn index_mut(&mut self, position: usize) -> &mut T {
        &mut self.0[position]
    }
}
