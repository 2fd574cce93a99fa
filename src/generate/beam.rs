//! Beam search.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::BeamError;
use crate::nn::Index;
use crate::setting_error::{SettingError, at_least_one};
use crate::tensor::{Element, Tensor1, double};

/// The largest number that rounding makes of the logarithm of a probability.
const LARGEST: f64 = 0.01;
/// The largest magnitude of the length penalty. The length normalization of any length is then a
/// normal number, so that scores can be compared.
const LARGEST_PENALTY: f64 = 10.0;

/// Settings of a beam search: it looks for the most likely sequence of tokens, and keeps several
/// beginnings of sequences (the beams) at each length.
///
/// Sequences of different lengths are compared by their scores: the log-probability of a sequence
/// of `n` tokens, with its end, divided by the length normalization
/// `((5 + n) / 6)^length_penalty` (Wu et al., 2016, "Google's Neural Machine Translation System").
///
/// ```
/// use shapewright::generate::BeamSearch;
/// use shapewright::prelude::*;
/// // The most likely first token, 1, has unlikely successors.
/// let next = [
///     Tensor1::from([0.0_f32, 0.6, 0.4]),
///     Tensor1::from([0.4, 0.3, 0.3]),
///     Tensor1::from([1.0, 0.0, 0.0]),
/// ];
/// let [begin, end] = [Index::<3>::new(0)?, Index::new(0)?];
/// let found = BeamSearch::new(2, 5).search((), begin, Some(end), |(), last, log_probabilities| {
///     *log_probabilities = next[last.index()].map(f32::ln);
/// })?;
/// assert_eq!(found[0].tokens.iter().map(|token| token.index()).collect::<Vec<_>>(), [2, 0]);
/// assert!((found[0].log_probability - 0.4_f64.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamSearch {
    num_beams: usize,
    max_length: usize,
    length_penalty: f64,
}

/// A sequence that a [`BeamSearch`] has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis<const N: usize> {
    /// The tokens after the first one that was given. The last one is the end, unless the sequence
    /// has the largest length.
    pub tokens: Vec<Index<N>>,
    /// The sum of the tokens' log-probabilities.
    pub log_probability: f64,
    /// The log-probability divided by the length normalization, by which sequences are compared.
    pub score: f64,
}

/// The beginning of a sequence, with the state before its last token.
struct Beam<S, const N: usize> {
    tokens: Vec<Index<N>>,
    log_probability: f64,
    state: S,
}

/// A beam with one more token.
#[derive(Clone, Copy)]
struct Candidate {
    log_probability: f64,
    beam: usize,
    index: usize,
}

impl BeamSearch {
    /// Creates a search with this number of beams for sequences of at most `max_length` tokens.
    /// One beam always takes the most likely next token.
    ///
    /// With a length penalty above 0, an unlikely sequence can become the best by its length alone.
    /// The search may then go on up to `max_length`, so that this must be a length that can be
    /// waited for.
    pub const fn new(num_beams: usize, max_length: usize) -> Self {
        BeamSearch {
            num_beams,
            max_length,
            length_penalty: 1.0,
        }
    }

    /// Sets the exponent of the length normalization; 1 by default. With 0, sequences are compared
    /// by their probabilities, and short ones are likelier; larger numbers favour long ones, and
    /// negative ones short ones. It must be from -10 to 10. Wu et al. take 0.2 to 1.
    pub const fn length_penalty(self, length_penalty: f64) -> Self {
        BeamSearch {
            length_penalty,
            ..self
        }
    }

    /// Checks that all settings are in their ranges.
    ///
    /// # Errors
    /// Returns an error for the first setting that is not.
    pub fn check(&self) -> Result<(), SettingError> {
        let owner = "the beam search";
        at_least_one(&[
            ("num_beams", self.num_beams),
            ("max_length", self.max_length),
        ])
        .map_err(|error| error.of(owner))?;
        if self.length_penalty.abs() <= LARGEST_PENALTY {
            return Ok(());
        }
        let error = SettingError::new("length_penalty", self.length_penalty, "from -10 to 10");
        Err(error.of(owner))
    }

    /// Returns up to `num_beams` sequences, the best one first.
    ///
    /// `step` takes a state and the last token, changes the state to that after this token, and
    /// sets the log-probabilities of the next one; minus infinity excludes it. The first token,
    /// `begin`, is not part of the sequences. They end with the token `end`; without it, all have
    /// the largest length.
    ///
    /// A state is cloned when two beams continue the same one.
    ///
    /// # Errors
    /// Returns an error if a setting is out of its range, or if a log-probability is NaN or above
    /// 0.
    pub fn search<S: Clone, T: Element, const N: usize>(
        &self,
        state: S,
        begin: Index<N>,
        end: Option<Index<N>>,
        mut step: impl FnMut(&mut S, Index<N>, &mut Tensor1<N, T>),
    ) -> Result<Vec<Hypothesis<N>>, BeamError> {
        self.check()?;
        let mut log_probabilities = Tensor1::<N, T>::zeros_boxed();
        let mut candidates = Vec::new();
        let mut found = Vec::new();
        let mut beams = Vec::from([Beam {
            tokens: Vec::new(),
            log_probability: 0.0,
            state,
        }]);

        for position in 0..self.max_length {
            candidates.clear();
            for (number, beam) in beams.iter_mut().enumerate() {
                let last = beam.tokens.last().copied().unwrap_or(begin);
                log_probabilities.fill_with(|_| T::nan());
                step(&mut beam.state, last, &mut log_probabilities);
                add_candidates(&mut candidates, &log_probabilities, number, beam, position)?;
            }

            keep_best(&mut candidates, self.num_beams.saturating_mul(2));
            let (ended, going): (Vec<_>, Vec<_>) = candidates
                .iter()
                .partition(|candidate| end.is_some_and(|end| end.index() == candidate.index));
            found.extend(ended.iter().map(|candidate| {
                self.hypothesis(tokens_of(&beams, candidate), candidate.log_probability)
            }));
            beams = continued(beams, &going[..going.len().min(self.num_beams)]);
            self.keep_best_found(&mut found);
            if self.is_complete(&found, &beams) {
                return Ok(found);
            }
        }

        let unfinished = beams
            .into_iter()
            .map(|beam| self.hypothesis(beam.tokens, beam.log_probability));
        found.extend(unfinished);
        self.keep_best_found(&mut found);
        Ok(found)
    }

    /// Returns the length normalization of Wu et al.
    fn normalization(&self, length: usize) -> f64 {
        libm::pow((5.0 + length as f64) / 6.0, self.length_penalty)
    }

    fn hypothesis<const N: usize>(
        &self,
        tokens: Vec<Index<N>>,
        log_probability: f64,
    ) -> Hypothesis<N> {
        Hypothesis {
            score: log_probability / self.normalization(tokens.len()),
            tokens,
            log_probability,
        }
    }

    fn keep_best_found<const N: usize>(&self, found: &mut Vec<Hypothesis<N>>) {
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(self.num_beams);
    }

    /// Returns whether no beam can become better than the sequences that were found.
    fn is_complete<S, const N: usize>(
        &self,
        found: &[Hypothesis<N>],
        beams: &[Beam<S, N>],
    ) -> bool {
        // The first beam is the most likely one.
        let Some(best) = beams.first() else {
            return true;
        };
        let (Some(worst), true) = (found.last(), found.len() == self.num_beams) else {
            return false;
        };

        // The log-probability only falls, and the normalization is monotonic in the length.
        let lengths = [best.tokens.len() + 1, self.max_length];
        let bound = lengths
            .map(|length| best.log_probability / self.normalization(length))
            .into_iter()
            .fold(f64::NEG_INFINITY, f64::max);
        worst.score >= bound
    }
}

/// Adds the continuations of a beam that are not excluded.
fn add_candidates<S, T: Element, const N: usize>(
    candidates: &mut Vec<Candidate>,
    log_probabilities: &Tensor1<N, T>,
    number: usize,
    beam: &Beam<S, N>,
    position: usize,
) -> Result<(), BeamError> {
    for (index, &log_probability) in log_probabilities.iter().enumerate() {
        let value = double(log_probability);
        if value.is_nan() {
            return Err(BeamError::NotANumber { position, index });
        }
        if value > LARGEST {
            return Err(BeamError::NotALogProbability {
                value,
                position,
                index,
            });
        }
        if value > f64::NEG_INFINITY {
            candidates.push(Candidate {
                log_probability: beam.log_probability + value.min(0.0),
                beam: number,
                index,
            });
        }
    }
    Ok(())
}

/// Keeps the `count` most likely candidates, in falling order.
fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    let order = |a: &Candidate, b: &Candidate| -> Ordering {
        b.log_probability
            .total_cmp(&a.log_probability)
            .then((a.beam, a.index).cmp(&(b.beam, b.index)))
    };
    if count < candidates.len() {
        candidates.select_nth_unstable_by(count, order);
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(order);
}

/// Returns the tokens of a candidate.
fn tokens_of<S, const N: usize>(beams: &[Beam<S, N>], candidate: &Candidate) -> Vec<Index<N>> {
    let before = &beams[candidate.beam].tokens;
    let mut tokens = Vec::with_capacity(before.len() + 1);
    tokens.extend_from_slice(before);
    // A token that has a number is an index, unless there are more than 2^32.
    tokens.extend(Index::new(candidate.index));
    tokens
}

/// Returns the beams of the chosen candidates. The last of those that continue the same beam takes
/// its state.
fn continued<S: Clone, const N: usize>(
    beams: Vec<Beam<S, N>>,
    chosen: &[Candidate],
) -> Vec<Beam<S, N>> {
    let tokens: Vec<_> = chosen
        .iter()
        .map(|candidate| tokens_of(&beams, candidate))
        .collect();
    let mut states: Vec<Option<S>> = beams.into_iter().map(|beam| Some(beam.state)).collect();

    let mut next = Vec::with_capacity(chosen.len());
    for (number, (candidate, tokens)) in chosen.iter().zip(tokens).enumerate() {
        let later = chosen[number + 1..].iter();
        let is_last = later.filter(|other| other.beam == candidate.beam).count() == 0;
        let state = &mut states[candidate.beam];
        let state = if is_last { state.take() } else { state.clone() };
        next.extend(state.map(|state| Beam {
            tokens,
            log_probability: candidate.log_probability,
            state,
        }));
    }
    next
}
