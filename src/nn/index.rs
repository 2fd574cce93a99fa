//! Indices that are known to be in range, and how they travel through networks.

use core::fmt;

use crate::loss::{Label, LabelError};
use crate::tensor::{Element, LengthError, Shape, Tensor};

/// One of the `N` rows of an [`Embedding`](crate::nn::Embedding): a word, a user, a category; checked
/// once when it is made.
///
/// A network takes numbers of one type, so its indices travel as whole numbers of that type:
/// [`Index::to_element`] and [`Tensor::from_indices`] make them so.
///
/// ```
/// use shapewright::nn::Index;
/// use shapewright::prelude::*;
/// let words = Index::<5>::from_numbers(&[0u8, 4, 1])?;
/// assert_eq!(words[1].index(), 4);
/// let x = Tensor1::<3>::from_indices(&words)?;
/// assert_eq!(x, Tensor1::from([0.0, 4.0, 1.0]));
/// // Of an array, without a question of its length:
/// let pair: Tensor1<2> = Tensor1::from([words[2], words[0]].map(Index::to_element));
/// assert_eq!(pair, Tensor1::from([1.0, 0.0]));
///
/// let error = Index::<5>::from_numbers(&[0u8, 7]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "index 7 at position 1 is not one of 5 embeddings, which are 0 to 4"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where the same things are put in and predicted, as the words of a text, [`Label`] and `Index`
/// are made of one another with `From`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Index<const N: usize>(Label<N>);

impl<const N: usize> Index<N> {
    /// The index with this number, counted from 0.
    ///
    /// # Errors
    /// If it is not below `N`.
    pub const fn new(index: usize) -> Result<Self, IndexError> {
        match Label::new(index) {
            Ok(label) => Ok(Index(label)),
            Err(_) => Err(IndexError {
                index: index as i128,
                count: N,
                position: None,
            }),
        }
    }

    /// The indices with these numbers, of any integer type.
    ///
    /// # Errors
    /// At the first number that is not from 0 to `N - 1`.
    pub fn from_numbers<I: Copy + Into<i128>>(indices: &[I]) -> Result<Vec<Self>, IndexError> {
        match Label::from_numbers(indices) {
            Ok(labels) => Ok(labels.into_iter().map(Index).collect()),
            Err(LabelError {
                class,
                classes,
                position,
            }) => Err(IndexError {
                index: class,
                count: classes,
                position,
            }),
        }
    }

    /// The number, counted from 0.
    pub const fn index(self) -> usize {
        self.0.index()
    }

    /// The index as networks take it: the same whole number as an `f32` or `f64`. More indices than
    /// an `f32` has whole numbers, 2^24, are a compile error in `f32`.
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

/// Whether `T` has all whole numbers up to `count`.
pub(super) const fn exact<T>(count: usize) -> bool {
    size_of::<T>() > 4 || count <= 1 << 24
}

impl<S: Shape, T: Element> Tensor<S, T> {
    /// Indices as a network that begins with an [`Embedding`](crate::nn::Embedding) takes them, row
    /// after row; see [`Index`].
    ///
    /// # Errors
    /// If the slice does not have exactly `LEN` indices.
    pub fn from_indices<const N: usize>(indices: &[Index<N>]) -> Result<Self, LengthError> {
        if indices.len() != S::LEN {
            return Err(LengthError {
                dims: S::DIMS,
                found: indices.len(),
            });
        }
        Ok(Tensor::from_position(|position| {
            indices[position].to_element()
        }))
    }
}

impl<const N: usize> From<Label<N>> for Index<N> {
    fn from(label: Label<N>) -> Self {
        Index(label)
    }
}

impl<const N: usize> From<Index<N>> for Label<N> {
    fn from(index: Index<N>) -> Self {
        index.0
    }
}

impl<const N: usize> fmt::Display for Index<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number is not one of the indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexError {
    /// The number.
    pub index: i128,
    /// How many indices there are.
    pub count: usize,
    /// Where it stood, if it was one of many.
    pub position: Option<usize>,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index {}", self.index)?;
        if let Some(position) = self.position {
            write!(f, " at position {position}")?;
        }
        write!(f, " is not one of {} embeddings", self.count)?;
        match self.count {
            0 => Ok(()),
            count => write!(f, ", which are 0 to {}", count - 1),
        }
    }
}

impl std::error::Error for IndexError {}
