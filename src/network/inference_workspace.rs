//! The memory of inference that the caller provides.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use super::lines::Lines;
use super::network::Network;
#[cfg(feature = "alloc")]
use crate::memory;

/// The memory of inference of one sample, where the program wants it: for
/// [`forward_with`](Network::forward_with) and its siblings.
///
/// It is a struct of [`Network::WORKSPACE_BYTES`] bytes, rounded up to a multiple of 64, without a
/// heap. Nothing in it is kept from call to call.
///
/// ```
/// use shapewright::InferenceWorkspace;
/// use shapewright::prelude::*;
/// network! { struct Net: [64] -> [4] { Linear<_, 500>, Relu, Linear<_, 4> } }
///
/// // In a program without a heap, in a `static`:
/// static WORKSPACE: std::sync::Mutex<InferenceWorkspace<Net>> =
///     std::sync::Mutex::new(InferenceWorkspace::new());
///
/// let net = Net::init(&mut shapewright::rng(0));
/// let y = net.forward_with(&Tensor1::ones(), &mut WORKSPACE.lock().unwrap());
/// assert_eq!(y, net.forward(&Tensor1::ones()));
/// assert_eq!(
///     size_of::<InferenceWorkspace<Net>>(),
///     Net::WORKSPACE_BYTES.next_multiple_of(64)
/// );
/// ```
pub struct InferenceWorkspace<N: Network> {
    lines: N::InferenceLines,
}

impl<N: Network> InferenceWorkspace<N> {
    /// Creates the memory: all bytes are 0.
    pub const fn new() -> Self {
        InferenceWorkspace {
            lines: N::InferenceLines::ZERO,
        }
    }

    /// Creates the memory on the heap, without placing it on the stack.
    #[cfg(feature = "alloc")]
    pub fn boxed() -> Box<Self> {
        memory::zeroed()
    }

    #[inline(always)]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.lines.bytes_mut()
    }
}

impl<N: Network> Default for InferenceWorkspace<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Network> core::fmt::Debug for InferenceWorkspace<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InferenceWorkspace")
            .field("network", &N::NAME)
            .finish_non_exhaustive()
    }
}
