//! Constructors of large tensors, on the heap.

use alloc::boxed::Box;
use alloc::vec::Vec;

use num_traits::One;
use rand::Rng;
use rand::distr::Distribution;

use super::construct::index_of;
use super::shape::{Rank0, Rank1, Rank2, Rank3, Rank4, Shape};
use super::{Element, LengthError, Tensor};
use crate::memory;
use crate::memory::Scalar;

/// Constructors on the heap, for large tensors. None of them touches the stack.
impl<S: Shape, T: Scalar> Tensor<S, T> {
    /// Returns a tensor of zeros on the heap.
    pub fn zeros_boxed() -> Box<Self> {
        memory::zeroed_tensor()
    }

    /// Returns `count` tensors of zeros, made without touching the stack: memory for a data set of
    /// large samples.
    ///
    /// ```
    /// use shapewright::Tensor3;
    /// let mut images = Tensor3::<1024, 1024, 3>::zeros_vec(2);
    /// images[1].fill_with(|position| position as f32);
    /// assert_eq!(images[1][[0, 1, 2]], 5.0);
    /// ```
    pub fn zeros_vec(count: usize) -> Vec<Self> {
        memory::zeroed_tensors(count)
    }

    /// Returns a tensor on the heap whose elements are all `value`.
    pub fn full_boxed(value: T) -> Box<Self> {
        let mut tensor = Self::zeros_boxed();
        tensor.as_mut_slice().fill(value);
        tensor
    }

    /// Copies the elements of a slice to a tensor on the heap.
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` elements.
    pub fn from_slice_boxed(elements: &[T]) -> Result<Box<Self>, LengthError> {
        Self::over(elements)?;
        let mut tensor = Self::zeros_boxed();
        tensor.as_mut_slice().copy_from_slice(elements);
        Ok(tensor)
    }

    /// Copies the tensor to the heap, without touching the stack.
    pub fn to_boxed(&self) -> Box<Self> {
        let mut tensor = Self::zeros_boxed();
        tensor.as_mut_slice().copy_from_slice(self.as_slice());
        tensor
    }

    /// Computes each element from its position, row after row, on the heap.
    pub fn from_position_boxed(value: impl FnMut(usize) -> T) -> Box<Self> {
        let mut tensor = Self::zeros_boxed();
        tensor.fill_with(value);
        tensor
    }

    /// Draws each element independently from a distribution, on the heap.
    pub fn random_boxed<D: Distribution<T>, R: Rng + ?Sized>(
        distribution: D,
        rng: &mut R,
    ) -> Box<Self> {
        Self::from_position_boxed(|_| distribution.sample(rng))
    }

    /// Like [`map`](Tensor::map), on the heap.
    pub fn map_boxed<U: Scalar>(&self, mut f: impl FnMut(T) -> U) -> Box<Tensor<S, U>> {
        Tensor::from_position_boxed(|i| f(self.as_slice()[i]))
    }

    /// Like [`zip`](Tensor::zip), on the heap.
    pub fn zip_boxed<U: Scalar, V: Scalar>(
        &self,
        other: &Tensor<S, U>,
        mut f: impl FnMut(T, U) -> V,
    ) -> Box<Tensor<S, V>> {
        Tensor::from_position_boxed(|i| f(self.as_slice()[i], other.as_slice()[i]))
    }
}

impl<S: Shape, T: Element> Tensor<S, T> {
    /// Returns a tensor of ones on the heap.
    pub fn ones_boxed() -> Box<Self> {
        Self::full_boxed(<T as One>::one())
    }
}

macro_rules! from_fn_boxed {
    ($($shape:ident<$($size:ident),*>, $rank:literal;)*) => { $(
        impl<$(const $size: usize,)* T: Scalar> Tensor<$shape<$($size),*>, T> {
            /// Computes each element from its index, on the heap.
            pub fn from_fn_boxed(mut value: impl FnMut([usize; $rank]) -> T) -> Box<Self> {
                Self::from_position_boxed(|position| value(index_of(position, &Self::DIMS)))
            }
        }
    )* };
}
from_fn_boxed! {
    Rank0<>, 0;
    Rank1<A>, 1;
    Rank2<A, B>, 2;
    Rank3<A, B, C>, 3;
    Rank4<A, B, C, D>, 4;
}
