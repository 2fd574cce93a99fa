//! The choice of the next token.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::candidates::Candidates;
use super::{LogitError, Sampling};
use crate::nn::Index;
use crate::tensor::{Element, Tensor1, double};

/// Chooses the next of `N` tokens from the logits that a network gives.
/// [`Sampling::sampler`] makes it.
///
/// It computes in `f64` and allocates nothing. The same seed and the same logits give the same
/// tokens everywhere.
pub struct Sampler<const N: usize> {
    settings: Sampling,
    rng: Xoshiro256PlusPlus,
    candidates: Candidates,
    /// True for each token that was there before.
    seen: Vec<bool>,
}

impl<const N: usize> Sampler<N> {
    pub(super) fn new(settings: Sampling) -> Self {
        Sampler {
            rng: crate::rng(settings.seed),
            candidates: Candidates::with_capacity(N),
            seen: vec![false; N],
            settings,
        }
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Sampling {
        &self.settings
    }

    /// Chooses the next token. `previous` are the tokens before it, on which the penalty for
    /// repetitions depends, and nothing else.
    ///
    /// A logit of minus infinity excludes its token.
    ///
    /// # Errors
    /// Returns an error if a logit is NaN or plus infinity, or if all tokens are excluded. No
    /// random number is drawn then.
    pub fn next<T: Element>(
        &mut self,
        logits: &Tensor1<N, T>,
        previous: &[Index<N>],
    ) -> Result<Index<N>, LogitError> {
        self.collect(logits, previous)?;
        let Sampling {
            greedy,
            temperature,
            top_k,
            top_p,
            min_p,
            ..
        } = self.settings;

        let candidates = &mut self.candidates;
        let chosen = if greedy {
            candidates.best()
        } else {
            candidates.divide(temperature);
            if let Some(k) = top_k {
                candidates.top_k(k);
            }
            candidates.top_p(top_p);
            candidates.min_p(min_p);
            candidates.at(self.rng.random())
        };
        chosen
            .and_then(|chosen| Index::new(chosen.index as usize).ok())
            .ok_or(LogitError::NoneLeft)
    }

    /// Collects the tokens that are not excluded, with the penalty for repetitions.
    fn collect<T: Element>(
        &mut self,
        logits: &Tensor1<N, T>,
        previous: &[Index<N>],
    ) -> Result<(), LogitError> {
        self.candidates.clear();
        let penalty = self.settings.repetition_penalty;
        let is_penalized = penalty != 1.0;
        if is_penalized {
            previous.iter().for_each(|index| self.mark(*index, true));
        }

        let mut collected = Ok(());
        for (index, &logit) in logits.iter().enumerate() {
            let mut score = double(logit);
            if score.is_nan() {
                collected = Err(LogitError::NotANumber { index });
                break;
            }
            if score == f64::INFINITY {
                collected = Err(LogitError::Infinite { index });
                break;
            }
            if score == f64::NEG_INFINITY {
                continue;
            }
            if self.seen[index] {
                let penalized = if score < 0.0 {
                    score * penalty
                } else {
                    score / penalty
                };
                // A reward may be out of range.
                score = penalized.clamp(f64::MIN, f64::MAX);
            }
            self.candidates.push(index as u32, score);
        }

        if is_penalized {
            previous.iter().for_each(|index| self.mark(*index, false));
        }
        collected?;
        self.candidates
            .best()
            .map(|_| ())
            .ok_or(LogitError::NoneLeft)
    }

    /// Notes whether a token was there. An index that is made by default may be of no token.
    fn mark(&mut self, index: Index<N>, seen: bool) {
        if let Some(mark) = self.seen.get_mut(index.index()) {
            *mark = seen;
        }
    }
}

impl<const N: usize> fmt::Debug for Sampler<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
