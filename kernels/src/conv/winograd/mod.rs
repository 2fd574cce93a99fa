//! Convolutions of 3 by 3 with 2.25 times fewer multiplications: Winograd's minimal filtering
//! F(2x2, 3x3), as in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR
//! 2016, arXiv:1509.09308).
//!
//! The output is cut into tiles of 2 by 2, each of which sees a patch of 4 by 4 pixels. Patch and
//! filter are turned into 16 numbers each, in which the convolution is a product element by
//! element. With the matrices of `turn`:
//!
//! - the output `y = A' [(G g G') * (B' x B)] A` from the patch `x` and the filter `g`,
//! - and as that is linear in each of both, the gradients are `dx = B [(G g G') * (A dy A')] B'`,
//!   added up where patches overlap, and `dg = G' [(A dy A') * (B' x B)] G`, summed over the tiles
//!   before it is turned back.
//!
//! With channels and many tiles, each of the 16 products is one of matrices. The factors are 0, 1,
//! -1 and 1/2, so that the rounding is about that of the sum itself. Every element depends on its
//! own sample alone, in an order that no cut changes; that of the weight is a sum of blocks of
//! tiles in their order.

mod filter;
mod passes;
mod tiles;
mod transform;

pub(crate) use passes::{ConvInputGradOp, ConvOp, weight_grad};

use super::ConvSizes;

/// How many numbers a tile is turned into.
const TILE_ELEMENTS: usize = 16;
/// Channels are whole vectors in every tier.
const CHANNELS: usize = 16;
/// Beyond this many weights, those that are turned would leave the caches.
const MOST_WEIGHTS: usize = 512 * 512;

/// Only for so many tiles are the filters worth turning, and for one for each so many weights where
/// these are many.
const FEWEST: usize = 16;
const WEIGHTS_PER_TILE: usize = 4096;

impl ConvSizes {
    /// Whether it is faster like this, for a batch of so many samples.
    pub(crate) const fn has_tiles(&self, whole: usize) -> bool {
        let ConvSizes {
            kernel,
            stride,
            dilation,
            groups,
            channels,
            out_channels,
            out: [height, width],
            ..
        } = *self;
        let [rows, columns] = [height.div_ceil(2), width.div_ceil(2)];
        let tiles = (rows * columns).saturating_mul(whole);
        matches!((kernel, stride, dilation, groups), ([3, 3], [1, 1], [1, 1], 1))
            && channels.is_multiple_of(CHANNELS)
            && out_channels.is_multiple_of(CHANNELS)
            && channels * out_channels <= MOST_WEIGHTS
            // Not more than a third of what the tiles cover lies beyond the output.
            && 8 * rows * columns <= 3 * height * width
            && tiles >= FEWEST
            && tiles.saturating_mul(WEIGHTS_PER_TILE) >= channels * out_channels
    }
}
