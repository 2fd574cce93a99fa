//! Averages over classes.

use core::fmt;

/// The average of a metric over the classes.
///
/// As in scikit-learn, a class without predictions has the precision 0, and a class without samples
/// the recall 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes that occur among the labels or the predictions.
    #[default]
    Macro,
    /// The value over all samples at once; with one label per sample, that is the accuracy.
    Micro,
    /// The mean over the classes, each weighted by its number of samples.
    Weighted,
    /// No mean: the value of this class, counted from 0. For two classes, scikit-learn's default is
    /// class 1.
    Class(usize),
}

impl Average {
    #[track_caller]
    pub(super) fn assert_class(self, classes: usize) {
        if let Average::Class(class) = self {
            assert!(
                class < classes,
                "class {class} is not one of {classes} classes, which are counted from 0"
            );
        }
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Average::Macro => f.write_str("macro"),
            Average::Micro => f.write_str("micro"),
            Average::Weighted => f.write_str("weighted"),
            Average::Class(class) => write!(f, "class {class}"),
        }
    }
}
