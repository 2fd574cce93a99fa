//! The state of an optimizer, taken out.

use std::fmt::{Display, Formatter};

/// All that an [`OptimizerState`](crate::optim::OptimizerState) is beside its settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerSnapshot<'a, T> {
    /// How many steps have been made.
    pub steps: u64,
    /// How many of them each parameter missed because it was frozen: runs of parameters, in order,
    /// up to the last. May be empty if none was frozen.
    pub missed: Vec<SkippedSteps>,
    /// What the optimizer remembers: slices laid out as
    /// [`Network::params`](crate::Network::params), as many as
    /// [`Optimizer::states`](crate::optim::Optimizer::states).
    pub states: Vec<&'a [T]>,
}

/// How many steps a run of parameters missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedSteps {
    /// Where the run ends; it begins where the one before ends.
    pub end: usize,
    /// The steps that were made while it was frozen.
    pub steps: u64,
}

impl<T> OptimizerSnapshot<'_, T> {
    /// Whether they are those of an optimizer that remembers `states` times `len` numbers.
    pub(super) fn check(&self, states: usize, len: usize) -> Result<(), StateError> {
        if self.states.len() != states {
            return Err(StateError::States {
                expected: states,
                found: self.states.len(),
            });
        }
        for (memory, numbers) in self.states.iter().enumerate() {
            if numbers.len() != len {
                return Err(StateError::Length {
                    memory,
                    expected: len,
                    found: numbers.len(),
                });
            }
        }
        let ascending = self.missed.windows(2).all(|pair| pair[0].end < pair[1].end);
        let whole = self.missed.last().is_none_or(|last| last.end == len);
        // A run that ends at 0 has no parameters; it is right for a network that has none.
        let begins = self
            .missed
            .first()
            .is_none_or(|first| first.end > 0 || len == 0);
        let made = self.missed.iter().all(|missed| missed.steps <= self.steps);
        if ascending && whole && begins && made {
            Ok(())
        } else {
            Err(StateError::SkippedSteps { len })
        }
    }
}

/// The state of an optimizer can't be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The optimizer remembers more or fewer numbers per parameter.
    States {
        /// How many numbers per parameter the optimizer remembers.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A memory is of another network.
    Length {
        /// The index of the memory.
        memory: usize,
        /// How many numbers the network has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The runs of parameters that missed steps are not in order, do not end with the network, or
    /// missed more steps than were made.
    SkippedSteps {
        /// How many numbers the network has.
        len: usize,
    },
}

impl Display for StateError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            StateError::States { expected, found } => write!(
                f,
                "the optimizer remembers {expected} numbers per parameter, but the state has {found}; restore it to an \
                 optimizer of the same kind with the same options"
            ),
            StateError::Length {
                memory,
                expected,
                found,
            } => write!(
                f,
                "the network has {expected} numbers, but memory {memory} of the state has {found}; restore it to an \
                 optimizer of the same network"
            ),
            StateError::SkippedSteps { len } => write!(
                f,
                "the missed steps of the state are not runs of parameters that end at {len}, one after the other, none \
                 with more steps than were made; take them unchanged from `snapshot` of the same network"
            ),
        }
    }
}

impl std::error::Error for StateError {}
