//! The record of attention weights.

use core::cell::RefCell;

use crate::tensor::{Element, double};
use crate::threads;

/// The weights with which the queries of one attention layer have attended to keys, for one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMap {
    /// The number of heads.
    pub heads: usize,
    /// The number of queries.
    pub queries: usize,
    /// The number of keys.
    pub keys: usize,
    /// The weights, `[heads][queries][keys]`, one row after another.
    pub weights: Vec<f64>,
}

impl AttentionMap {
    /// Returns the weights of a query of a head: one for each key. They sum to 1, or are all 0 if
    /// the query sees no key.
    ///
    /// # Panics
    /// Panics if there is no such head or query.
    #[track_caller]
    pub fn row(&self, head: usize, query: usize) -> &[f64] {
        let AttentionMap {
            heads,
            queries,
            keys,
            ..
        } = *self;
        assert!(
            head < heads && query < queries,
            "query {query} of head {head} is asked for, but there are {heads} heads and {queries} \
             queries, counted from 0"
        );
        &self.weights[(head * queries + query) * keys..][..keys]
    }

    /// Returns the mean of all heads, `[queries][keys]`.
    pub fn mean(&self) -> Vec<f64> {
        let len = self.queries * self.keys;
        let mut mean = vec![0.0; len];
        for head in self.weights.chunks_exact(len.max(1)) {
            for (mean, weight) in mean.iter_mut().zip(head) {
                *mean += weight / self.heads as f64;
            }
        }
        mean
    }
}

thread_local! {
    /// The maps of the calls so far, while somebody records.
    static MAPS: RefCell<Option<Vec<AttentionMap>>> = const { RefCell::new(None) };
}

/// Calls `f`, and returns its result and the weights of all attention layers in it, in the order in
/// which they compute. Calls of networks within it run on this thread alone.
pub fn attention_maps<R>(f: impl FnOnce() -> R) -> (R, Vec<AttentionMap>) {
    /// Restores the record of the caller, also after a panic.
    struct Before(Option<Vec<AttentionMap>>);

    impl Drop for Before {
        fn drop(&mut self) {
            MAPS.set(self.0.take());
        }
    }

    let _before = Before(MAPS.replace(Some(Vec::new())));
    let result = threads::alone(f);
    let maps = MAPS.take().unwrap_or_default();
    (result, maps)
}

/// Begins the map of a sample, if somebody records.
pub(super) fn begin(heads: usize, queries: usize, keys: usize) -> Option<AttentionMap> {
    MAPS.with_borrow(|maps| {
        maps.as_ref().map(|_| AttentionMap {
            heads,
            queries,
            keys,
            weights: vec![0.0; heads * queries * keys],
        })
    })
}

/// Adds a complete map to the record.
pub(super) fn end(map: Option<AttentionMap>) {
    if let Some(map) = map {
        MAPS.with_borrow_mut(|maps| maps.get_or_insert_default().push(map));
    }
}

impl AttentionMap {
    /// Sets the weights of a few successive queries of a head. `scores` has a row for each, of the
    /// keys from the index `base` on.
    pub(super) fn set<T: Element>(
        &mut self,
        head: usize,
        first: usize,
        base: usize,
        scores: &[T],
        row: usize,
    ) {
        for (index, scores) in scores.chunks_exact(row).enumerate() {
            let query = (head * self.queries + first + index) * self.keys + base;
            let weights = &mut self.weights[query..][..row];
            for (weight, &score) in weights.iter_mut().zip(scores) {
                *weight = double(score);
            }
        }
    }
}
