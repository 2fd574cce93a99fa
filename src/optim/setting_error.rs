//! Settings out of their ranges.

use std::error::Error;
use std::fmt;

/// A setting that is out of its range: of an optimizer, a trainer, a schedule, or of what is done
/// to a gradient. The ranges are PyTorch's, without infinities.
///
/// ```
/// use shapewright::optim::{Optimizer, SettingError, Sgd};
/// let error = Sgd::new(0.1).momentum(-0.9).check().unwrap_err();
/// assert_eq!(
///     error,
///     SettingError::new("momentum", -0.9, "a number from 0 up")
/// );
/// assert_eq!(
///     error.to_string(),
///     "the optimizer's `momentum` is -0.9, but must be a number from 0 up"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettingError {
    /// What has the setting: "the optimizer", "the trainer", "the schedule".
    pub owner: &'static str,
    /// The name of the setting.
    pub setting: &'static str,
    /// Its value.
    pub value: f64,
    /// What it must be.
    pub expected: &'static str,
}

impl SettingError {
    /// A setting of an optimizer.
    pub const fn new(setting: &'static str, value: f64, expected: &'static str) -> Self {
        SettingError {
            owner: "the optimizer",
            setting,
            value,
            expected,
        }
    }

    /// The same of another owner.
    pub(crate) const fn of(self, owner: &'static str) -> Self {
        SettingError { owner, ..self }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SettingError {
            owner,
            setting,
            value,
            expected,
        } = self;
        write!(
            f,
            "{owner}'s `{setting}` is {value}, but must be {expected}"
        )
    }
}

impl Error for SettingError {}

/// Each of these must be a number from 0 up.
pub(crate) fn from_zero(settings: &[(&'static str, f64)]) -> Result<(), SettingError> {
    each(settings, "a number from 0 up", |value| {
        value >= 0.0 && value.is_finite()
    })
}

/// How much of what was is kept.
pub(super) fn part(setting: &'static str, value: f64) -> Result<(), SettingError> {
    each(&[(setting, value)], "from 0 to 1", |value| {
        (0.0..=1.0).contains(&value)
    })
}

/// A bound of gradients. Infinity bounds nothing, and is a way to learn the norm.
pub(crate) fn bound(setting: &'static str, value: f64) -> Result<(), SettingError> {
    each(&[(setting, value)], "above 0", |value| value > 0.0)
}

/// Each of these must be counted from 1.
pub(crate) fn from_one(settings: &[(&'static str, usize)]) -> Result<(), SettingError> {
    let zero = settings.iter().find(|(_, count)| *count == 0);
    zero.map_or(Ok(()), |&(setting, _)| {
        Err(SettingError::new(setting, 0.0, "at least 1"))
    })
}

/// Running means forget.
pub(super) fn betas((first, second): (f64, f64)) -> Result<(), SettingError> {
    let settings = [("first beta", first), ("second beta", second)];
    each(&settings, "from 0 to less than 1", |beta| {
        (0.0..1.0).contains(&beta)
    })
}

/// Finds the first setting that is out of the range.
fn each(
    settings: &[(&'static str, f64)],
    expected: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), SettingError> {
    let wrong = settings.iter().find(|(_, value)| !fits(*value));
    wrong.map_or(Ok(()), |&(setting, value)| {
        Err(SettingError::new(setting, value, expected))
    })
}

/// Panics with the error's sentence: for settings of functions that have no error to return.
#[track_caller]
pub(crate) fn assert_setting(checked: Result<(), SettingError>) {
    if let Err(error) = checked {
        panic!("{error}");
    }
}
