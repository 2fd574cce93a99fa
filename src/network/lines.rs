//! Memory as a type: bytes whose number is a constant of a network.

#[cfg(feature = "alloc")]
use super::{
    inference_workspace::InferenceWorkspace,
    network::Network,
    state::State,
    stream::{Stream, Streaming},
};
#[cfg(feature = "alloc")]
use crate::memory::Zero;

/// Bytes that begin at a multiple of 64.
#[doc(hidden)]
pub trait Lines: Clone + Send + Sync + 'static {
    /// All bytes are 0.
    const ZERO: Self;
    /// Returns the bytes.
    fn bytes(&self) -> &[u8];
    /// Returns the bytes.
    fn bytes_mut(&mut self) -> &mut [u8];
}

// SAFETY: both consist of lines, which the code that `network!` emits names: of `CacheLines`, which
// are bytes.
#[cfg(feature = "alloc")]
unsafe impl<N: Network> Zero for State<N> {}
// SAFETY: as above.
#[cfg(feature = "alloc")]
unsafe impl<N: Network> Zero for InferenceWorkspace<N> {}
// SAFETY: it consists of both.
#[cfg(feature = "alloc")]
unsafe impl<N: Streaming> Zero for Stream<N> {}

/// `N` times 64 bytes.
#[doc(hidden)]
#[derive(Clone)]
#[repr(align(64))]
pub struct CacheLines<const N: usize>([[u8; 64]; N]);

impl<const N: usize> Lines for CacheLines<N> {
    const ZERO: Self = CacheLines([[0; 64]; N]);

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }
    #[inline(always)]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut()
    }
}
