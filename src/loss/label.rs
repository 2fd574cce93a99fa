//! Class labels that are known to be in range.

#[cfg(feature = "alloc")]
mod vectors;

use core::fmt;

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
    /// Returns the class with this number, counted from 0.
    ///
    /// # Errors
    /// If there is no such class.
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

/// The error of a number that is not one of the classes.
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
        write!(f, " is not one of {} classes", self.classes)?;
        match self.classes {
            0 => Ok(()),
            classes => write!(f, ", which are 0 to {}", classes - 1),
        }
    }
}

impl core::error::Error for LabelError {}
