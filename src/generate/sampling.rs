//! The settings of a sampler.

use super::Sampler;
use crate::setting_error::{SettingError, fraction, positive};

/// Settings of the choice of the next token, with the names and definitions of Hugging Face's
/// `generate`. They apply in the order in which they are listed here.
///
/// | setting | effect |
/// |---|---|
/// | [`repetition_penalty`](Sampling::repetition_penalty) | makes tokens that were there less likely |
/// | [`temperature`](Sampling::temperature) | divides the logits |
/// | [`top_k`](Sampling::top_k) | keeps the `k` most likely tokens |
/// | [`top_p`](Sampling::top_p) | keeps the most likely tokens until their probabilities sum to `p` |
/// | [`min_p`](Sampling::min_p) | keeps tokens of at least this part of the largest probability |
///
/// Without settings, a token is drawn by the probabilities that are the softmax of the logits.
///
/// ```
/// use shapewright::generate::Sampling;
/// use shapewright::prelude::*;
/// let logits = Tensor1::from([0.0, 3.0, 1.0]);
/// let mut greedy = Sampling::greedy().sampler::<3>()?;
/// assert_eq!(greedy.next(&logits, &[])?.index(), 1);
///
/// let error = Sampling::new().top_p(1.5).sampler::<3>().err().unwrap();
/// assert_eq!(
///     error.to_string(),
///     "the sampler's `top_p` is 1.5, but must be from 0 to 1"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    pub(super) greedy: bool,
    pub(super) repetition_penalty: f64,
    pub(super) temperature: f64,
    pub(super) top_k: Option<usize>,
    pub(super) top_p: f64,
    pub(super) min_p: f64,
    pub(super) seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// Creates the settings that draw by the probabilities of the logits.
    pub const fn new() -> Self {
        Sampling {
            greedy: false,
            repetition_penalty: 1.0,
            temperature: 1.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            seed: 0,
        }
    }

    /// Creates the settings that always choose the most likely token, the first of equals. Of the
    /// other settings, the penalty for repetitions alone has an effect.
    #[doc(alias = "argmax")]
    pub const fn greedy() -> Self {
        Sampling {
            greedy: true,
            ..Self::new()
        }
    }

    /// Sets the penalty for tokens that were there already, 1 by default: their logits are divided
    /// by it if they are positive, and multiplied if not (Keskar et al., 2019, "CTRL"). A number
    /// below 1 rewards repetitions.
    pub const fn repetition_penalty(self, repetition_penalty: f64) -> Self {
        Sampling {
            repetition_penalty,
            ..self
        }
    }

    /// Sets the number by which the logits are divided, 1 by default. The nearer it is to 0, the
    /// more often the most likely token is chosen.
    pub const fn temperature(self, temperature: f64) -> Self {
        Sampling {
            temperature,
            ..self
        }
    }

    /// Sets the number of most likely tokens that are kept; all are by default. Tokens that are as
    /// likely as the last of them are kept as well.
    pub const fn top_k(self, top_k: usize) -> Self {
        Sampling {
            top_k: Some(top_k),
            ..self
        }
    }

    /// Sets the probability that the most likely tokens have together, 1 by default: the fewest of
    /// them are kept that sum to at least `top_p` (Holtzman et al., 2019, "The Curious Case of
    /// Neural Text Degeneration"). One token is always kept.
    pub const fn top_p(self, top_p: f64) -> Self {
        Sampling { top_p, ..self }
    }

    /// Sets the least probability of a token, as a part of the largest one; 0 by default (Nguyen et
    /// al., 2024, "Min-p Sampling").
    pub const fn min_p(self, min_p: f64) -> Self {
        Sampling { min_p, ..self }
    }

    /// Sets the seed of the random numbers; 0 by default.
    pub const fn seed(self, seed: u64) -> Self {
        Sampling { seed, ..self }
    }

    /// Checks that all settings are in their ranges.
    ///
    /// # Errors
    /// Returns an error for the first setting that is not.
    pub fn check(&self) -> Result<(), SettingError> {
        self.check_settings()
            .map_err(|error| error.of("the sampler"))
    }

    fn check_settings(&self) -> Result<(), SettingError> {
        for (setting, value) in [
            ("repetition_penalty", self.repetition_penalty),
            ("temperature", self.temperature),
        ] {
            positive(setting, value)?;
            if value.is_infinite() {
                return Err(SettingError::new(setting, value, "finite"));
            }
        }
        if self.top_k == Some(0) {
            return Err(SettingError::new("top_k", 0.0, "at least 1"));
        }
        fraction("top_p", self.top_p)?;
        fraction("min_p", self.min_p)
    }

    /// Creates a sampler with these settings for `N` tokens. It has all memory that it needs.
    ///
    /// # Errors
    /// Returns an error if a setting is out of its range.
    pub fn sampler<const N: usize>(self) -> Result<Sampler<N>, SettingError> {
        self.check()?;
        Ok(Sampler::new(self))
    }
}
