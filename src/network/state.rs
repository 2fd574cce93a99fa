//! The memory that a network keeps between the calls of a stream.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use super::lines::Lines;
use super::network::Network;
#[cfg(feature = "alloc")]
use crate::memory;

/// The memory that a network keeps between the calls of a stream, such as the last samples of a
/// delay line.
///
/// It is a struct of [`Network::STATE_BYTES`] bytes without a heap: made by
/// [`Network::state`](Network::state), handed to each [`step`](Network::step), and cloned to
/// continue a stream in two ways. Streams of one network are independent of each other. A state that
/// is too large for the stack is made by [`Network::state_boxed`](Network::state_boxed).
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [4] -> [2] { Linear<_, 2> } }
/// let net = Net::init(&mut shapewright::rng(0));
/// let mut state = Net::state();
/// let y = net.step(&Tensor1::ones(), &mut state);
/// state.reset();
/// assert_eq!(net.step(&Tensor1::ones(), &mut state), y);
/// assert_eq!(size_of_val(&state), Net::STATE_BYTES);
/// ```
pub struct State<N: Network> {
    lines: N::StateLines,
}

impl<N: Network> State<N> {
    pub(super) const fn new() -> Self {
        State {
            lines: N::StateLines::ZERO,
        }
    }

    /// Copies the state to the heap without placing it on the stack.
    #[cfg(feature = "alloc")]
    pub fn to_boxed(&self) -> Box<Self> {
        let mut copy: Box<Self> = memory::zeroed();
        (*copy).clone_from(self);
        copy
    }

    /// Returns to the beginning of a stream.
    pub fn reset(&mut self) {
        self.lines.bytes_mut().fill(0);
    }

    #[inline(always)]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.lines.bytes_mut()
    }
}

impl<N: Network> Clone for State<N> {
    fn clone(&self) -> Self {
        State {
            lines: self.lines.clone(),
        }
    }

    /// Copies the state into an existing one, without placing it on the stack.
    fn clone_from(&mut self, source: &Self) {
        self.bytes_mut().copy_from_slice(source.lines.bytes());
    }
}

impl<N: Network> core::fmt::Debug for State<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State")
            .field("network", &N::NAME)
            .finish_non_exhaustive()
    }
}
