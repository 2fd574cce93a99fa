//! Class labels that are known to be in range.

#[cfg(feature = "alloc")]
mod vectors;

use core::fmt;

use crate::memory::Flat;
use crate::nn::Index;
use crate::numbered::{OutOfRange, number_below};
use crate::tensor::{Element, Tensor1, try_from_whole_numbers};

/// One of `CLASSES` classes. Its number is checked once, when the label is made.
///
/// ```
/// use shapewright::loss::Label;
/// let labels = Label::<3>::from_numbers(&[0u8, 2, 1])?;
/// assert_eq!(labels[1].index(), 2);
/// assert_eq!(labels[1], Label::try_from(2_i64)?);
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

// SAFETY: `repr(transparent)` over one u32.
unsafe impl<const CLASSES: usize> Flat for Label<CLASSES> {
    type Item = u32;
    const LEN: usize = 1;
}

impl<const CLASSES: usize> Label<CLASSES> {
    /// Returns the class with this number, counted from 0. The largest number that a label can have
    /// is [`u32::MAX`], however many classes there are.
    ///
    /// # Errors
    /// Returns an error if there is no such class, or no label can have its number.
    pub const fn new(class: usize) -> Result<Self, LabelError> {
        Self::checked(class as i128, None)
    }

    /// Returns the class with this number. `position` is for the error.
    pub(crate) const fn checked(class: i128, position: Option<usize>) -> Result<Self, LabelError> {
        match number_below(CLASSES, class) {
            Some(number) => Ok(Label(number)),
            None => Err(LabelError {
                class,
                classes: CLASSES,
                position,
            }),
        }
    }

    /// Returns the class's number, counted from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

try_from_whole_numbers!(Label, LabelError);

impl<const CLASSES: usize> From<Label<CLASSES>> for usize {
    fn from(label: Label<CLASSES>) -> usize {
        label.index()
    }
}

impl<const CLASSES: usize, T: Element> Tensor1<CLASSES, T> {
    /// Returns the class with the largest score, the first of equals: the
    /// [`argmax`](crate::Tensor::argmax) as a label. NaN counts as larger than every number.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let class: Label<3> = Tensor1::from([0.2, 0.7, 0.1]).class();
    /// assert_eq!(class.index(), 1);
    /// ```
    ///
    /// Scores of no class have none, which is a compile error.
    pub fn class(&self) -> Label<CLASSES> {
        const {
            assert!(
                CLASSES > 0 && CLASSES - 1 <= u32::MAX as usize,
                "a class is one of 1 to 4294967296 scores"
            )
        };
        Label(self.argmax() as u32)
    }
}

impl<const CLASSES: usize> fmt::Display for Label<CLASSES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> From<Label<N>> for Index<N> {
    fn from(label: Label<N>) -> Self {
        Index(label.0)
    }
}

impl<const N: usize> From<Index<N>> for Label<N> {
    fn from(index: Index<N>) -> Self {
        Label(index.0)
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
        OutOfRange {
            article: "a",
            name: "label",
            things: "classes",
            number: self.class,
            count: self.classes,
            position: self.position,
        }
        .write(f)
    }
}

impl core::error::Error for LabelError {}

#[cfg(all(test, feature = "std", target_pointer_width = "64"))]
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
