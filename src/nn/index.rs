//! Indices that are known to be in range, and their conversion to the numbers of networks.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::numbered::{OutOfRange, number_below};
#[cfg(feature = "alloc")]
use crate::tensor::WholeNumber;
use crate::tensor::{Element, LengthError, Shape, Tensor, try_from_whole_numbers};

/// The index of one of the `N` rows of an [`Embedding`](crate::nn::Embedding): of a word, a user, a
/// category. It is checked once, when it is made.
///
/// A network takes numbers of one type, so indices are passed as whole numbers of that type:
/// [`Index::to_element`] and [`Tensor::from_indices`] convert them.
///
/// ```
/// use shapewright::nn::Index;
/// use shapewright::prelude::*;
/// let words = Index::<5>::from_numbers(&[0u8, 4, 1])?;
/// assert_eq!(words[1].index(), 4);
/// let x = Tensor1::<3>::from_indices(&words)?;
/// assert_eq!(x, Tensor1::from([0.0, 4.0, 1.0]));
/// assert_eq!(words[1], Index::try_from(4_i64)?);
/// // From an array, whose length is right by its type:
/// let pair: Tensor1<2> = Tensor1::from([words[2], words[0]].map(Index::to_element));
/// assert_eq!(pair, Tensor1::from([1.0, 0.0]));
///
/// let error = Index::<5>::from_numbers(&[0u8, 7]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "index 7 at position 1 is not one of 5 embeddings, which are 0 to 4"
/// );
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// [`Label`](crate::loss::Label) and `Index` convert into each other with `From`, for networks that
/// predict their own inputs, such as the words of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Index<const N: usize>(pub(crate) u32);

impl<const N: usize> Index<N> {
    /// Returns the index with this number, counted from 0. The largest number that an index can have
    /// is [`u32::MAX`], however many embeddings there are.
    ///
    /// # Errors
    /// Returns an error if the number is not below `N`, or no index can have it.
    pub const fn new(index: usize) -> Result<Self, IndexError> {
        Self::checked(index as i128, None)
    }

    /// Returns the index with this number. `position` is for the error.
    pub(crate) const fn checked(index: i128, position: Option<usize>) -> Result<Self, IndexError> {
        match number_below(N, index) {
            Some(number) => Ok(Index(number)),
            None => Err(IndexError {
                index,
                count: N,
                position,
            }),
        }
    }

    /// Returns the indices with these numbers, of any integer type.
    ///
    /// # Errors
    /// Returns an error for the first number that is not from 0 to `N - 1`, or that no index can have.
    #[cfg(feature = "alloc")]
    pub fn from_numbers<I: WholeNumber>(indices: &[I]) -> Result<Vec<Self>, IndexError> {
        Self::from_values(indices)
    }

    /// Returns the indices with the numbers of an iterator, of any integer type.
    ///
    /// # Errors
    /// Returns an error for the first number that is not from 0 to `N - 1`.
    #[cfg(feature = "alloc")]
    pub fn from_values<I: WholeNumber>(
        indices: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Self>, IndexError> {
        indices
            .into_iter()
            .enumerate()
            .map(|(position, index)| Self::checked(index.to_i128(), Some(position)))
            .collect()
    }

    /// Returns the number of the index, counted from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the index as networks take it: the same whole number as an `f32` or `f64`. In `f32`,
    /// which has consecutive whole numbers up to 2^24, an `N` above that is a compile error.
    pub fn to_element<T: Element>(self) -> T {
        const {
            assert!(
                exact::<T>(N),
                "an `f32` tells 2^24 indices apart: make the network `as f64`"
            )
        };
        T::from_f64_lossy(self.index() as f64)
    }
}

/// Returns whether `T` represents all whole numbers up to `count`.
pub(super) const fn exact<T>(count: usize) -> bool {
    size_of::<T>() > 4 || count <= 1 << 24
}

try_from_whole_numbers!(Index, IndexError);

impl<const N: usize> From<Index<N>> for usize {
    fn from(index: Index<N>) -> usize {
        index.index()
    }
}

impl<S: Shape, T: Element> Tensor<S, T> {
    /// Returns a tensor of indices, row after row, as a network that begins with an
    /// [`Embedding`](crate::nn::Embedding) takes it; see [`Index`].
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` indices.
    pub fn from_indices<const N: usize>(indices: &[Index<N>]) -> Result<Self, LengthError> {
        Self::check_indices(indices)?;
        Ok(Tensor::from_position(|position| {
            indices[position].to_element()
        }))
    }

    /// Like [`from_indices`](Tensor::from_indices), on the heap.
    ///
    /// # Errors
    /// Returns an error if the slice does not have exactly `LEN` indices.
    #[cfg(feature = "alloc")]
    pub fn from_indices_boxed<const N: usize>(
        indices: &[Index<N>],
    ) -> Result<Box<Self>, LengthError> {
        Self::check_indices(indices)?;
        Ok(Tensor::from_position_boxed(|position| {
            indices[position].to_element()
        }))
    }

    fn check_indices<const N: usize>(indices: &[Index<N>]) -> Result<(), LengthError> {
        if indices.len() == S::LEN {
            return Ok(());
        }
        Err(LengthError {
            dims: S::DIMS,
            found: indices.len(),
            row: None,
        })
    }
}

impl<const N: usize> fmt::Display for Index<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error of a number that is not one of the indices, or that no [`Index`] can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexError {
    /// The number.
    pub index: i128,
    /// The number of indices.
    pub count: usize,
    /// The position of the number, if it was one of several.
    pub position: Option<usize>,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OutOfRange {
            article: "an",
            name: "index",
            things: "embeddings",
            number: self.index,
            count: self.count,
            position: self.position,
        }
        .write(f)
    }
}

impl core::error::Error for IndexError {}

#[cfg(all(test, feature = "std", target_pointer_width = "64"))]
mod tests {
    use super::Index;

    const ROWS: usize = 1 << 33;
    const LARGEST: usize = u32::MAX as usize;

    #[test]
    fn the_largest_number_of_an_index_is_named() {
        let largest = Index::<ROWS>::new(LARGEST).expect("a number of an index");
        assert_eq!(largest.index(), LARGEST);

        let sentence = "is one of 8589934592 embeddings, but the largest number of an index is \
                        4294967295; take fewer embeddings";
        let error = Index::<ROWS>::new(LARGEST + 1).expect_err("no number of an index");
        assert_eq!(error.to_string(), format!("index 4294967296 {sentence}"));
        let error = Index::<ROWS>::from_numbers(&[0, 1_i64 << 32]).expect_err("likewise");
        assert_eq!(
            error.to_string(),
            format!("index 4294967296 at position 1 {sentence}")
        );

        let error = Index::<ROWS>::new(ROWS).expect_err("no row");
        assert_eq!(
            error.to_string(),
            "index 8589934592 is not one of 8589934592 embeddings, which are 0 to 8589934591"
        );
    }
}
