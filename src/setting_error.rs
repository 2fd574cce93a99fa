//! Checks of settings, and the error of a setting that is out of its range.

use core::error::Error;
use core::fmt;

/// The error of a setting that is out of its range: a setting of an optimizer, a trainer, a loss, a
/// schedule, or of a function on gradients. The ranges are PyTorch's, without infinities.
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
    /// The owner of the setting: "the optimizer", "the trainer", "the schedule".
    pub owner: &'static str,
    /// The name of the setting.
    pub setting: &'static str,
    /// Its value.
    pub value: f64,
    /// The values that are allowed, in words.
    pub expected: &'static str,
}

impl SettingError {
    /// Returns the error of an optimizer's setting.
    pub const fn new(setting: &'static str, value: f64, expected: &'static str) -> Self {
        SettingError {
            owner: "the optimizer",
            setting,
            value,
            expected,
        }
    }

    /// Returns the same error with another owner.
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

/// Checks that each of the settings is finite, also as an `f32`, and not negative.
pub(crate) fn not_negative(settings: &[(&'static str, f64)]) -> Result<(), SettingError> {
    each(settings, "a number from 0 up", |value| {
        value >= 0.0 && value.is_finite()
    })?;
    // In the arithmetic of an `f32` network, a larger number is infinite.
    each(settings, "at most 3.4e38, the largest `f32`", |value| {
        value <= f32::MAX.into()
    })
}

/// Checks that a setting is a fraction, from 0 to 1.
pub(crate) fn fraction(setting: &'static str, value: f64) -> Result<(), SettingError> {
    each(&[(setting, value)], "from 0 to 1", |value| {
        (0.0..=1.0).contains(&value)
    })
}

/// Checks that a bound of gradients is above 0. Infinity is allowed: it clips nothing, but the norm
/// is still computed.
pub(crate) fn positive(setting: &'static str, value: f64) -> Result<(), SettingError> {
    each(&[(setting, value)], "above 0", |value| value > 0.0)
}

/// Checks that a setting is above 0 in the arithmetic of an `f32` network as well, where a smaller
/// number may be 0.
pub(crate) fn positive_single(setting: &'static str, value: f64) -> Result<(), SettingError> {
    positive(setting, value)?;
    each(
        &[(setting, value)],
        "at least 1.2e-38, the smallest normal `f32`",
        |value| value >= f32::MIN_POSITIVE.into(),
    )
}

/// Checks that each of the counts is at least 1.
pub(crate) fn at_least_one(settings: &[(&'static str, usize)]) -> Result<(), SettingError> {
    let zero = settings.iter().find(|(_, count)| *count == 0);
    zero.map_or(Ok(()), |&(setting, _)| {
        Err(SettingError::new(setting, 0.0, "at least 1"))
    })
}

/// Checks the decay rates of two running means, which must be less than 1.
pub(crate) fn betas((first, second): (f64, f64)) -> Result<(), SettingError> {
    let settings = [("first beta", first), ("second beta", second)];
    each(&settings, "from 0 to less than 1", |beta| {
        (0.0..1.0).contains(&beta)
    })
}

/// Returns an error for the first setting whose value does not fit.
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

/// Panics with the error's sentence, in functions that return no error for their settings.
#[track_caller]
pub(crate) fn assert_setting(checked: Result<(), SettingError>) {
    if let Err(error) = checked {
        panic!("{error}");
    }
}
