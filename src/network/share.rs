//! The parameters of one network as those of another one.

use super::network::Network;
use crate::params::{Parameters, same_tensors};

/// Returns the parameters of a network as those of another one with the same tensors. A difference
/// is a compile error.
#[inline(always)]
pub(super) fn share<N: Network, M: Network<Element = N::Element>>(network: &N) -> &M {
    const {
        assert!(
            same_tensors(&N::PARAM_TREE, &M::PARAM_TREE)
                && <N as Parameters<N::Element>>::LEN == <M as Parameters<N::Element>>::LEN
                && size_of::<N>() == size_of::<M>()
                && align_of::<N>() == align_of::<M>(),
            "networks that share their parameters have tensors of the same names and sizes, in the \
             same order; is there a layer whose parameters depend on the length of its input?"
        );
    }
    // SAFETY: both are `repr(C)` structs of numbers, as `Parameters` promises, with the same tensors
    // at the same places; their sizes and alignments are the same.
    unsafe { &*(network as *const N).cast() }
}
