//! Numbers of a file as labels.

use std::path::Path;

use super::{Place, ReadError, ReadErrorKind};
use crate::loss::Label;

/// Returns the classes with these numbers, which are counted from `first`; `at` gives the byte of a number,
/// and `function` reads a file whose first class is another one.
pub(super) fn labels<const CLASSES: usize>(
    path: &Path,
    numbers: impl Iterator<Item = i128> + Clone,
    first: i128,
    function: &str,
    at: impl Fn(usize) -> u64,
) -> Result<Vec<Label<CLASSES>>, ReadError> {
    let class = |number: i128| Label::new(usize::try_from(number - first).ok()?).ok();
    let labels: Option<Vec<_>> = numbers.clone().map(class).collect();
    if let Some(labels) = labels {
        return Ok(labels);
    }

    let wrong = numbers
        .clone()
        .enumerate()
        .find(|(_, number)| class(*number).is_none());
    let (position, number) = wrong.unwrap_or_default();
    let smallest = numbers.clone().min().unwrap_or_default();
    let largest = numbers.max().unwrap_or_default();
    let expected = format!("labels of {CLASSES} classes, from {first}");
    let found = format!("label {number} at position {position}");
    let advice = advice(CLASSES, first, function, smallest, largest);
    Err(ReadError::new(
        path,
        ReadErrorKind::Value,
        Place::Byte(at(position)),
        expected,
        found,
        advice,
    ))
}

/// The advice for labels of which some are no classes.
fn advice(classes: usize, first: i128, function: &str, smallest: i128, largest: i128) -> String {
    let all = format!("the file's labels are {smallest} to {largest}");
    let count = largest - smallest + 1;
    if smallest < first {
        return match smallest {
            0.. => format!("{all}: count them from {smallest}"),
            _ => format!(
                "{all}: leave out samples without a label, which numbers below 0 usually mark"
            ),
        };
    }

    // With one class more, the first would never occur.
    let second = first + 1;
    if smallest >= second && largest - second < classes as i128 {
        format!("{all}: if the first class is {second}, read them with `{function}(.., {second})`")
    } else if smallest >= second {
        format!(
            "{all}: choose {} classes, or, if the first class is {smallest}, {count} of them with `{function}(.., \
             {smallest})`",
            largest - first + 1
        )
    } else {
        format!("{all}: choose {count} classes")
    }
}
