//! Snapshots of an optimizer's state.

use core::fmt::{Display, Formatter};

/// The content of an [`OptimizerState`](crate::optim::OptimizerState) without its settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerSnapshot<'a, T> {
    /// The number of steps that have been made.
    pub steps: u64,
    /// The number of steps that each parameter missed because it was frozen, as runs of parameters
    /// in order, up to the last parameter. It may be empty if none was frozen.
    pub missed: Vec<SkippedSteps>,
    /// The values that the optimizer keeps between steps: one slice for each of
    /// [`Optimizer::states`](crate::optim::Optimizer::states), with the layout of
    /// [`Network::params`](crate::Network::params) without the parameters that their types freeze.
    pub states: Vec<&'a [T]>,
}

/// The number of steps that a run of parameters missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedSteps {
    /// The end of the run, which begins at the end of the run before it.
    pub end: usize,
    /// The number of steps that were made while it was frozen.
    pub steps: u64,
}

impl<T> OptimizerSnapshot<'_, T> {
    /// Checks that the snapshot is one of an optimizer that keeps `states` times `state_len` values for
    /// a network of `len` elements.
    pub(super) fn check(
        &self,
        states: usize,
        state_len: usize,
        len: usize,
    ) -> Result<(), StateError> {
        if self.states.len() != states {
            return Err(StateError::States {
                expected: states,
                found: self.states.len(),
            });
        }
        for (index, state) in self.states.iter().enumerate() {
            if state.len() != state_len {
                return Err(StateError::Length {
                    memory: index,
                    expected: state_len,
                    found: state.len(),
                });
            }
        }

        let ascending = self.missed.windows(2).all(|pair| pair[0].end < pair[1].end);
        let complete = self.missed.last().is_none_or(|last| last.end == len);
        // A run that ends at 0 is empty, which is valid only in a network without parameters.
        let not_empty = self
            .missed
            .first()
            .is_none_or(|first| first.end > 0 || len == 0);
        let possible = self.missed.iter().all(|missed| missed.steps <= self.steps);
        if ascending && complete && not_empty && possible {
            Ok(())
        } else {
            Err(StateError::SkippedSteps { len })
        }
    }
}

/// The error of a snapshot that does not fit an optimizer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The optimizer keeps more or fewer values per parameter.
    States {
        /// The number of values per parameter that the optimizer keeps.
        expected: usize,
        /// The number of values per parameter in the snapshot.
        found: usize,
    },
    /// The kept values are those of another network.
    Length {
        /// The index of the slice in [`OptimizerSnapshot::states`].
        memory: usize,
        /// The number of parameters of the network.
        expected: usize,
        /// The length of the slice.
        found: usize,
    },
    /// The runs of parameters that missed steps are not in order, do not end with the network, or
    /// missed more steps than were made.
    SkippedSteps {
        /// The number of parameters of the network.
        len: usize,
    },
}

impl Display for StateError {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        match self {
            StateError::States { expected, found } => write!(
                f,
                "the optimizer remembers {expected} numbers per parameter, but the state has \
                 {found}; restore it to an optimizer of the same kind with the same options"
            ),
            StateError::Length {
                memory,
                expected,
                found,
            } => write!(
                f,
                "the network has {expected} numbers, but memory {memory} of the state has {found}; \
                 restore it to an optimizer of the same network"
            ),
            StateError::SkippedSteps { len } => write!(
                f,
                "the missed steps of the state are not runs of parameters that end at {len}, one \
                 after the other, none with more steps than were made; take them unchanged from \
                 `snapshot` of the same network"
            ),
        }
    }
}

impl core::error::Error for StateError {}
