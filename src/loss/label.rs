//! Class labels that are known to be in range.

use core::fmt;

use super::classes::{Classes, Places};
use crate::memory::{self, flatten};
use crate::tensor::{Element, Rank1, Scalar, Shape, Tensor};

/// One of `CLASSES` classes. Its number is checked once, when the label is made.
///
/// ```
/// use shapewright::loss::Label;
/// let labels = Label::<3>::from_numbers(&[0u8, 2, 1])?;
/// assert_eq!(labels[1].index(), 2);
/// let error = Label::<3>::from_numbers(&[0u8, 3]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "label 3 at position 1 is not one of 3 classes, which are 0 to 2"
/// );
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Label<const CLASSES: usize>(u32);

impl<const CLASSES: usize> Label<CLASSES> {
    /// Returns the class with this number, counted from 0. The largest number that a label can have
    /// is [`u32::MAX`], however many classes there are.
    ///
    /// # Errors
    /// If there is no such class, or no label can have its number.
    pub const fn new(class: usize) -> Result<Self, LabelError> {
        if class < CLASSES && class <= u32::MAX as usize {
            Ok(Label(class as u32))
        } else {
            Err(LabelError {
                class: class as i128,
                classes: CLASSES,
                position: None,
            })
        }
    }

    /// Returns the classes with these numbers, which may be of any integer type.
    ///
    /// # Errors
    /// At the first number that is not a class.
    pub fn from_numbers<I: Copy + Into<i128>>(classes: &[I]) -> Result<Vec<Self>, LabelError> {
        classes
            .iter()
            .enumerate()
            .map(|(position, &class)| Self::at(position, class.into()))
            .collect()
    }

    /// Returns the class with this number. `position` is for the error.
    fn at(position: usize, class: i128) -> Result<Self, LabelError> {
        let error = LabelError {
            class,
            classes: CLASSES,
            position: Some(position),
        };
        usize::try_from(class)
            .ok()
            .and_then(|class| Self::new(class).ok())
            .ok_or(error)
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
    /// At the first number that is not a class. Its position counts the elements of all tensors.
    pub fn from_tensors<S: Places, I: Scalar + Into<i128>>(
        numbers: &[Tensor<S, I>],
    ) -> Result<Vec<S::Each<Self>>, LabelError> {
        let labels = Self::from_numbers(flatten(numbers))?;
        Ok(memory::to_vec(S::group(&labels)))
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
    /// At the first other number that is not a class. Its position counts the elements of all
    /// tensors.
    pub fn from_tensors_without<S: Places, I: Scalar + Into<i128>>(
        none: I,
        numbers: &[Tensor<S, I>],
    ) -> Result<Vec<S::Each<Option<Self>>>, LabelError> {
        let label = |(position, &class): (usize, &I)| {
            if class == none {
                Ok(None)
            } else {
                Self::at(position, class.into()).map(Some)
            }
        };

        let labels: Vec<_> = flatten(numbers)
            .iter()
            .enumerate()
            .map(label)
            .collect::<Result<_, _>>()?;
        Ok(memory::to_vec(S::group(&labels)))
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
        let scores = memory::tensors::<Rank1<CLASSES>, T>(
            flatten(outputs),
            outputs.len() * Out::Places::LEN,
        );
        let labels: Vec<_> = scores
            .iter()
            .map(|scores| Label(scores.argmax() as u32))
            .collect();
        memory::to_vec(Out::Places::group(&labels))
    }

    /// Checks that a label can have the number of each class.
    ///
    /// # Panics
    /// If there are more classes than numbers: in a constant, a compile error.
    pub(crate) const fn assert_numbers() {
        assert!(
            CLASSES == 0 || CLASSES - 1 <= u32::MAX as usize,
            "a label has a number up to 4294967295, and there are more classes than that; take a \
             network with fewer outputs"
        );
    }

    /// Returns the class's number, counted from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl<const CLASSES: usize> fmt::Display for Label<CLASSES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error of a number that is not one of the classes, or that no [`Label`] can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelError {
    /// The number.
    pub class: i128,
    /// The number of classes.
    pub classes: usize,
    /// Its position, if it was one of several.
    pub position: Option<usize>,
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label {}", self.class)?;
        if let Some(position) = self.position {
            write!(f, " at position {position}")?;
        }

        let is_class = usize::try_from(self.class).is_ok_and(|class| class < self.classes);
        if is_class {
            return write!(
                f,
                " is one of {} classes, but the largest number of a label is {}; take fewer \
                 classes",
                self.classes,
                u32::MAX
            );
        }

        write!(f, " is not one of {} classes", self.classes)?;
        match self.classes {
            0 => Ok(()),
            classes => write!(f, ", which are 0 to {}", classes - 1),
        }
    }
}

impl std::error::Error for LabelError {}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::Label;
    use crate::tensor::Tensor1;

    const CLASSES: usize = 1 << 33;
    const LARGEST: usize = u32::MAX as usize;

    #[test]
    fn the_largest_number_of_a_label_is_named() {
        let largest = Label::<CLASSES>::new(LARGEST).expect("a number of a label");
        assert_eq!(largest.index(), LARGEST);

        let error = Label::<CLASSES>::new(LARGEST + 1).expect_err("no number of a label");
        assert_eq!(
            error.to_string(),
            "label 4294967296 is one of 8589934592 classes, but the largest number of a label is \
             4294967295; take fewer classes"
        );
        let error = Label::<CLASSES>::from_numbers(&[0, 1_i64 << 32]).expect_err("likewise");
        assert_eq!(error.position, Some(1));
        assert_eq!(error.class, 1 << 32);
    }

    /// One class more is a compile error, which the documentation of `from_scores` shows.
    #[test]
    fn scores_of_as_many_classes_as_labels_have_numbers_compile() {
        let outputs: [Tensor1<{ LARGEST + 1 }>; 0] = [];
        let labels: Vec<Label<{ LARGEST + 1 }>> = Label::from_scores(&outputs);
        assert_eq!(labels, []);
    }

    #[test]
    fn a_number_that_is_no_class_is_told_apart() {
        let error = Label::<CLASSES>::new(CLASSES).expect_err("no class");
        assert_eq!(
            error.to_string(),
            "label 8589934592 is not one of 8589934592 classes, which are 0 to 8589934591"
        );
    }
}
