//! Long sums whose rounding hardly grows with their length.
//!
//! Terms are added one after the other only within blocks of a fixed length. The sums of the blocks
//! are added in pairs, those of the pairs in pairs, and so on: Higham, "The accuracy of floating
//! point summation" (1993). A sum of `n` terms in blocks of `b` is off by at most
//! `(b + log2(n)) * eps / 2` times the sum of the terms' magnitudes, where `eps` is the type's
//! `EPSILON`. Where blocks end depends neither on the tier nor on the number of threads.

use core::mem::MaybeUninit;

/// The number of terms that are added one after the other.
pub(super) const TERMS: usize = 64;

/// The number of levels: more than memory has blocks for.
const LEVELS: usize = 32;

/// The sums of the blocks so far, as the digits of a binary counter: level `l` holds the sum of
/// `2^l` blocks if bit `l` of their number is set.
pub(super) struct Pairs<B> {
    sums: [MaybeUninit<B>; LEVELS],
    blocks: usize,
}

impl<B: Copy> Pairs<B> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Pairs {
            sums: [const { MaybeUninit::uninit() }; LEVELS],
            blocks: 0,
        }
    }

    /// Adds the sum of the next block.
    #[inline(always)]
    pub(super) fn push(&mut self, block: B, add: impl Fn(B, B) -> B) {
        let mut sum = block;
        let mut level = 0;

        while self.blocks >> level & 1 == 1 {
            // SAFETY: the bit of this level is set, so that its sum was written.
            sum = add(unsafe { self.sums[level].assume_init() }, sum);
            level += 1;
        }

        self.sums[level] = MaybeUninit::new(sum);
        self.blocks += 1;
    }

    /// Returns the sum of all blocks and of the last one, which may be shorter.
    #[inline(always)]
    pub(super) fn finish(&self, last: B, add: impl Fn(B, B) -> B) -> B {
        let mut sum = last;
        let mut level = 0;

        while self.blocks >> level > 0 {
            if self.blocks >> level & 1 == 1 {
                // SAFETY: as in `push`.
                sum = add(unsafe { self.sums[level].assume_init() }, sum);
            }
            level += 1;
        }
        sum
    }
}
