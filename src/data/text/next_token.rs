//! Windows of a text, with the token after each position.

use super::TextError;
use crate::data::Dataset;
use crate::loss::Label;
use crate::memory::{push_array, push_tensor};
use crate::nn::Index;
use crate::tensor::{Element, Tensor1};

/// The windows of `L` tokens of a long text, each with its targets: the same window one token
/// later. A language model with the input `[L]` and the output `[L, N]` learns from them to predict
/// the next token at each position, with [`CrossEntropy`](struct@crate::loss::CrossEntropy).
///
/// The windows overlap and are not stored: each is copied when its batch is gathered. A
/// [`Trainer`](crate::train::Trainer) takes them with
/// [`fit_dataset`](crate::train::Trainer::fit_dataset), and [`Batches`](crate::data::Batches) with
/// [`of_dataset`](crate::data::Batches::of_dataset).
///
/// ```
/// use shapewright::data::text::NextToken;
/// use shapewright::data::Batches;
/// use shapewright::prelude::*;
/// let tokens = Index::<10>::from_numbers(&[3, 1, 4, 1, 5, 9])?;
/// let windows = NextToken::<10, 4>::new(&tokens)?;
/// assert_eq!(windows.len(), 2);
///
/// let mut batches = Batches::of_dataset(&windows, 2);
/// let (x, targets): (&[Tensor1<4>], &[[Label<10>; 4]]) = batches.next_batch().unwrap();
/// assert_eq!(x[1], Tensor1::from([1.0, 4.0, 1.0, 5.0]));
/// assert_eq!(targets[1].map(Label::index), [4, 1, 5, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NextToken<'a, const N: usize, const L: usize> {
    tokens: &'a [Index<N>],
    /// The distance between the beginnings of two windows.
    stride: usize,
    draws: Option<usize>,
}

impl<'a, const N: usize, const L: usize> NextToken<'a, N, L> {
    /// Creates the windows that begin at each token of a text, but for those at its end.
    ///
    /// # Errors
    /// Returns an error if the text is shorter than one window and a token after it.
    pub fn new(tokens: &'a [Index<N>]) -> Result<Self, TextError> {
        let needed = L.saturating_add(1);
        if tokens.len() < needed {
            return Err(TextError::TooShort {
                found: tokens.len(),
                needed,
            });
        }
        Ok(NextToken {
            tokens,
            stride: 1,
            draws: None,
        })
    }

    /// Sets the distance between the beginnings of two windows; 1 by default. With `L`, each token
    /// is in one window, as is usual for validation. 0 counts as 1.
    pub fn stride(self, stride: usize) -> Self {
        NextToken {
            stride: stride.max(1),
            ..self
        }
    }

    /// Lets an epoch consist of `n` windows, which are drawn at random and anew in each epoch, as
    /// in nanoGPT. Without this, an epoch has each window once, in a random order.
    pub fn draw(self, n: usize) -> Self {
        NextToken {
            draws: Some(n),
            ..self
        }
    }

    /// Returns the number of windows.
    pub fn len(&self) -> usize {
        (self.tokens.len() - L - 1) / self.stride + 1
    }

    /// Returns `false`: there is at least one window.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Returns copies of all windows and their targets, for validation.
    ///
    /// ```
    /// use shapewright::data::text::NextToken;
    /// use shapewright::prelude::*;
    /// let tokens = Index::<10>::from_numbers(&[3, 1, 4, 1, 5, 9])?;
    /// let (x, targets) = NextToken::<10, 2>::new(&tokens)?.stride(2).to_vecs::<f32>();
    /// assert_eq!(x, [[3.0, 1.0], [4.0, 1.0]].map(Tensor1::from));
    /// assert_eq!(targets[1].map(Label::index), [1, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_vecs<T: Element>(&self) -> (Vec<Tensor1<L, T>>, Vec<[Label<N>; L]>) {
        let mut inputs = Vec::with_capacity(self.len());
        let mut targets = Vec::with_capacity(self.len());
        for position in 0..self.len() {
            self.push(position, &mut inputs, &mut targets);
        }
        (inputs, targets)
    }
}

impl<const N: usize, const L: usize, T: Element> Dataset<Tensor1<L, T>, [Label<N>; L]>
    for NextToken<'_, N, L>
{
    fn len(&self) -> usize {
        self.len()
    }

    fn draws(&self) -> Option<usize> {
        self.draws
    }

    fn push(
        &self,
        position: usize,
        inputs: &mut Vec<Tensor1<L, T>>,
        targets: &mut Vec<[Label<N>; L]>,
    ) {
        let window = &self.tokens[position * self.stride..][..=L];
        push_tensor(inputs, |i| window[i].to_element());
        push_array(targets, |i| window[i + 1].into());
    }
}
