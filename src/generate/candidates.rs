//! The tokens that may be chosen, with their scores.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// A token that may be chosen.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub score: f64,
    /// The exponential of the score, relative to that of the largest one. It is set by
    /// [`Candidates::weigh`].
    weight: f64,
    pub index: u32,
}

/// The tokens that may be chosen. There is at least one when a filter is applied, and each filter
/// keeps at least one.
pub(super) struct Candidates(Vec<Candidate>);

/// The order of falling scores, and of rising indices among equals.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    b.score.total_cmp(&a.score).then(a.index.cmp(&b.index))
}

impl Candidates {
    pub fn with_capacity(count: usize) -> Self {
        Candidates(Vec::with_capacity(count))
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn push(&mut self, index: u32, score: f64) {
        self.0.push(Candidate {
            score,
            weight: 0.0,
            index,
        });
    }

    /// Returns the candidate with the largest score, the first of equals.
    pub fn best(&self) -> Option<Candidate> {
        self.0.iter().copied().min_by(order)
    }

    /// Divides the scores by the temperature. Those are taken relative to the largest one, so that
    /// none overflows.
    pub fn divide(&mut self, temperature: f64) {
        let largest = self.best().map_or(0.0, |best| best.score);
        for candidate in &mut self.0 {
            candidate.score = (candidate.score - largest) / temperature;
        }
    }

    /// Keeps the `k` largest scores, and those that equal the last of them.
    pub fn top_k(&mut self, k: usize) {
        if k < self.0.len() {
            let (_, last, _) = self.0.select_nth_unstable_by(k - 1, order);
            let least = last.score;
            self.0.retain(|candidate| candidate.score >= least);
        }
    }

    /// Keeps the fewest candidates whose probabilities sum to at least `p`, the most likely first.
    pub fn top_p(&mut self, p: f64) {
        if p >= 1.0 {
            return;
        }
        self.0.sort_unstable_by(order);
        let bound = p * self.weigh();
        let mut before = 0.0;
        let kept = self.0.iter().take_while(|candidate| {
            let is_kept = before < bound;
            before += candidate.weight;
            is_kept
        });
        let kept = kept.count().max(1);
        self.0.truncate(kept);
    }

    /// Keeps the candidates with at least this part of the largest probability.
    pub fn min_p(&mut self, min_p: f64) {
        if min_p > 0.0 {
            self.weigh();
            self.0.retain(|candidate| candidate.weight >= min_p);
        }
    }

    /// Returns the candidate at a fraction of the sum of the probabilities.
    pub fn at(&mut self, fraction: f64) -> Option<Candidate> {
        let mut left = fraction * self.weigh();
        for candidate in &self.0 {
            left -= candidate.weight;
            if left < 0.0 {
                return Some(*candidate);
            }
        }
        // Rounding has left a little of the sum.
        self.best()
    }

    /// Sets the weights of the candidates, of which the largest is 1, and returns their sum.
    fn weigh(&mut self) -> f64 {
        let largest = self.best().map_or(0.0, |best| best.score);
        let mut sum = 0.0;
        for candidate in &mut self.0 {
            candidate.weight = libm::exp(candidate.score - largest);
            sum += candidate.weight;
        }
        sum
    }
}
