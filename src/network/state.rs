//! The memory that a network keeps between the calls of a stream.

use super::lines::Lines;
use super::network::Network;

/// The memory that a network keeps between the calls of a stream, such as the last samples of a
/// delay line.
///
/// It is a struct of [`Network::STATE_BYTES`] bytes without a heap: made by
/// [`Network::state`](Network::state), handed to each [`step`](Network::step), and cloned to
/// continue a stream in two ways. Streams of one network are independent of each other.
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
    pub(super) fn new() -> Self {
        State {
            lines: N::StateLines::ZERO,
        }
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
}

impl<N: Network> core::fmt::Debug for State<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State")
            .field("network", &N::NAME)
            .finish_non_exhaustive()
    }
}
