//! Labels of many samples, in vectors.

use alloc::vec::Vec;

use super::{Label, LabelError};
use crate::loss::classes::{Classes, Places};
use crate::memory::{self, flatten};
use crate::tensor::{Element, Scalar, Shape, Tensor, Tensor1, WholeNumber};

impl<const CLASSES: usize> Label<CLASSES> {
    /// Returns the classes with these numbers, which may be of any integer type.
    ///
    /// # Errors
    /// Returns an error for the first number that is not a class.
    pub fn from_numbers<I: WholeNumber>(classes: &[I]) -> Result<Vec<Self>, LabelError> {
        Self::from_values(classes)
    }

    /// Returns the classes with the numbers of an iterator, which may be of any integer type.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let words = ["to", "learn", "or"];
    /// let is_long = Label::<2>::from_values(words.iter().map(|word| usize::from(word.len() > 3)))?;
    /// assert_eq!(is_long[1].index(), 1);
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for the first number that is not a class.
    pub fn from_values<I: WholeNumber>(
        classes: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Self>, LabelError> {
        classes
            .into_iter()
            .enumerate()
            .map(|(position, class)| Self::checked(class.to_i128(), Some(position)))
            .collect()
    }

    /// Returns the classes of all places of images or sequences in the form that losses and metrics
    /// take: for each image, an array of rows.
    ///
    /// The numbers may be of any integer type. Their shape is that of the outputs without the axis
    /// of classes.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let masks = [Tensor2::from([[0_u8, 2, 2], [1, 0, 2]])];
    /// let labels: Vec<[[Label<3>; 3]; 2]> = Label::from_tensors(&masks)?;
    /// assert_eq!(labels[0][1][2].index(), 2);
    ///
    /// let (logits, mut gradients) = ([Tensor3::<2, 3, 3>::zeros()], [Tensor3::zeros()]);
    /// let loss: f32 = CrossEntropy.loss(&logits, &labels, &mut gradients);
    /// assert!((loss - 3.0_f32.ln()).abs() < 1e-6);
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for the first number that is not a class. Its position counts the elements
    /// of all tensors.
    pub fn from_tensors<S: Places, I: Scalar + WholeNumber>(
        numbers: &[Tensor<S, I>],
    ) -> Result<Vec<S::Each<Self>>, LabelError> {
        let labels = Self::from_numbers(flatten(numbers))?;
        Ok(grouped::<S, _>(&labels, numbers.len()))
    }

    /// Returns the classes of all places, like [`from_tensors`](Self::from_tensors), where the
    /// number `none` marks a place without a label, like PyTorch's `ignore_index`: -100 there, 255
    /// in many mask files.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let masks = [Tensor2::from([[0_u8, 2], [255, 0]])];
    /// let labels: Vec<[[Option<Label<3>>; 2]; 2]> = Label::from_tensors_without(255, &masks)?;
    /// assert_eq!(labels[0][1], [None, Some(Label::new(0)?)]);
    /// let (logits, mut gradients) = ([Tensor3::<2, 2, 3>::zeros()], [Tensor3::zeros()]);
    /// let loss: f32 = CrossEntropy
    ///     .optional_labels()
    ///     .loss(&logits, &labels, &mut gradients);
    /// # assert!((loss - 3.0_f32.ln()).abs() < 1e-6);
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for the first other number that is not a class. Its position counts the
    /// elements of all tensors.
    pub fn from_tensors_without<S: Places, I: Scalar + WholeNumber>(
        none: I,
        numbers: &[Tensor<S, I>],
    ) -> Result<Vec<S::Each<Option<Self>>>, LabelError> {
        let label = |(position, &class): (usize, &I)| {
            if class == none {
                Ok(None)
            } else {
                Self::checked(class.to_i128(), Some(position)).map(Some)
            }
        };

        let labels: Vec<_> = flatten(numbers)
            .iter()
            .enumerate()
            .map(label)
            .collect::<Result<_, _>>()?;
        Ok(grouped::<S, _>(&labels, numbers.len()))
    }

    /// Returns the class with the largest score for each place of each output, which is the
    /// network's prediction. Of equal scores the first is taken; NaN counts as larger than every
    /// number.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let outputs = [Tensor3::from([[[0.2, 0.7], [0.9, 0.1]]])];
    /// let classes: Vec<[[Label<2>; 2]; 1]> = Label::from_scores(&outputs);
    /// assert_eq!(classes[0][0].map(Label::index), [1, 0]);
    /// ```
    ///
    /// More than 2^32 classes, whose numbers no label can have, are a compile error:
    ///
    /// ```compile_fail,E0080
    /// use shapewright::prelude::*;
    /// const CLASSES: usize = (1 << 32) + 1;
    /// let outputs: [Tensor1<CLASSES>; 0] = [];
    /// let classes: Vec<Label<CLASSES>> = Label::from_scores(&outputs);
    /// ```
    pub fn from_scores<Out: Classes<Label = Self>, T: Element>(
        outputs: &[Tensor<Out, T>],
    ) -> Vec<<Out::Places as Places>::Each<Self>> {
        const { Self::assert_numbers() };
        let scores = memory::tensors::<Tensor1<CLASSES, T>>(
            flatten(outputs),
            outputs.len() * Out::Places::LEN,
        );
        let labels: Vec<_> = scores
            .iter()
            .map(|scores| Label(scores.argmax() as u32))
            .collect();
        grouped::<Out::Places, _>(&labels, outputs.len())
    }

    /// Checks that a label can have the number of each class.
    ///
    /// # Panics
    /// Panics if there are more classes than numbers: in a constant, a compile error.
    pub(crate) const fn assert_numbers() {
        assert!(
            CLASSES == 0 || CLASSES - 1 <= u32::MAX as usize,
            "a label has a number up to 4294967295, and there are more classes than that; take a \
             network with fewer outputs"
        );
    }
}

/// Returns the labels of `count` samples, grouped by sample.
fn grouped<S: Places, L: Copy>(labels: &[L], count: usize) -> Vec<S::Each<L>> {
    // SAFETY: `Places` is sealed by `Shape`, and its `Each<L>` is a nested array of exactly LEN `L`s.
    memory::to_vec(unsafe { memory::nested(labels, S::LEN, count) })
}
