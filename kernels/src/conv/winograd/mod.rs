//! Convolutions of 3 by 3 with 2.25 times fewer multiplications: Winograd's minimal filtering
//! F(2x2, 3x3), as in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR
//! 2016, arXiv:1509.09308).
//!
//! The output is split into tiles of 2 by 2, each of which reads a patch of 4 by 4 pixels. Patch
//! and filter are transformed into 16 elements each, in which the convolution is an element-wise
//! product. With the matrices of `transform`:
//!
//! - the output `y = A' [(G g G') * (B' x B)] A` from the patch `x` and the filter `g`,
//! - and as that is linear in each of both, the gradients are `dx = B [(G g G') * (A dy A')] B'`,
//!   added up where patches overlap, and `dg = G' [(A dy A') * (B' x B)] G`, summed over the tiles
//!   before the transform back.
//!
//! With channels and many tiles, each of the 16 products is a matrix product. The factors are 0, 1,
//! -1 and 1/2, so that the rounding is about that of the sum itself. Every element depends on its
//! own sample alone, in an order that no distribution changes. An element of the weight gradient is
//! a sum of blocks of tiles in their order.

mod filter;
mod passes;
mod tiles;
mod transform;

pub(super) use passes::NUMBERS_OF_PARTS;
pub(crate) use passes::{ConvInputGradOp, ConvOp, weight_grad};

use super::ConvSizes;

/// The number of elements of a transformed tile.
const TILE_ELEMENTS: usize = 16;
/// The number of channels is a multiple of this, so that channels are whole vectors in every tier.
const CHANNELS: usize = 16;
/// The largest number of weights: above it, the transformed filters would leave the caches.
const MAX_WEIGHTS: usize = 512 * 512;

/// The smallest number of tiles for which the filter transform pays off.
const MIN_TILES: usize = 16;
/// The largest number of weights per tile for which it pays off.
const WEIGHTS_PER_TILE: usize = 4096;

impl ConvSizes {
    /// Returns whether Winograd's algorithm is faster, for a batch of `whole` samples.
    #[inline]
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
            && channels.saturating_mul(out_channels) <= MAX_WEIGHTS
            // At most a third of the area of the tiles lies beyond the output.
            && 8 * rows * columns <= 3 * height * width
            && tiles >= MIN_TILES
            && tiles.saturating_mul(WEIGHTS_PER_TILE) >= channels * out_channels
    }
}
