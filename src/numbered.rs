//! Numbers that stand for one of several things, as labels and indices do.

use core::fmt::{self, Formatter};

/// Returns a number that is from 0 to `count - 1`, and small enough for the type of labels and
/// indices.
pub(crate) const fn number_below(count: usize, number: i128) -> Option<u32> {
    if number >= 0 && number < count as i128 && number <= u32::MAX as i128 {
        Some(number as u32)
    } else {
        None
    }
}

/// A number for which [`number_below`] is `None`, with the words of its sentence.
pub(crate) struct OutOfRange {
    /// The article and the word for a number, such as "a" and "label".
    pub article: &'static str,
    pub name: &'static str,
    /// The word for what is numbered, such as "classes".
    pub things: &'static str,
    pub number: i128,
    pub count: usize,
    /// The position of the number, if it was one of several.
    pub position: Option<usize>,
}

impl OutOfRange {
    /// Writes the sentence.
    pub(crate) fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let OutOfRange {
            article,
            name,
            things,
            number,
            count,
            position,
        } = self;

        write!(f, "{name} {number}")?;
        if let Some(position) = position {
            write!(f, " at position {position}")?;
        }

        if usize::try_from(*number).is_ok_and(|number| number < *count) {
            return write!(
                f,
                " is one of {count} {things}, but the largest number of {article} {name} is {}; \
                 take fewer {things}",
                u32::MAX
            );
        }

        write!(f, " is not one of {count} {things}")?;
        match count {
            0 => Ok(()),
            count => write!(f, ", which are 0 to {}", count - 1),
        }
    }
}
