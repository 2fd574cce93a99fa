//! Settings out of their ranges.

use std::error::Error;
use std::fmt;

/// A setting of an optimizer that is out of its range; PyTorch's ranges, and no infinities.
///
/// ```
/// use shapewright::{Optimizer, Sgd, SettingError};
/// let error = Sgd::new(0.1).momentum(-0.9).check().unwrap_err();
/// assert_eq!(error, SettingError::new("momentum", -0.9, "a number from 0 up"));
/// assert_eq!(error.to_string(), "the optimizer's `momentum` is -0.9, but must be a number from 0 up");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettingError {
    /// How it is called.
    pub setting: &'static str,
    /// What it is.
    pub value: f64,
    /// What it must be.
    pub expected: &'static str,
}

impl SettingError {
    /// For optimizers of one's own.
    pub const fn new(setting: &'static str, value: f64, expected: &'static str) -> Self {
        SettingError { setting, value, expected }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SettingError { setting, value, expected } = self;
        write!(f, "the optimizer's `{setting}` is {value}, but must be {expected}")
    }
}

impl Error for SettingError {}

/// Each of these must be a number from 0 up.
pub(super) fn from_zero(settings: &[(&'static str, f64)]) -> Result<(), SettingError> {
    let wrong = settings.iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0));
    wrong.map_or(Ok(()), |&(setting, value)| Err(SettingError::new(setting, value, "a number from 0 up")))
}

/// Running means forget.
pub(super) fn betas((first, second): (f64, f64)) -> Result<(), SettingError> {
    let wrong = [("first beta", first), ("second beta", second)]
        .into_iter()
        .find(|(_, beta)| !(0.0..1.0).contains(beta));
    wrong.map_or(Ok(()), |(setting, value)| Err(SettingError::new(setting, value, "from 0 to less than 1")))
}
