//! The filter transform, and the transform of its gradients.

use super::TILE_ELEMENTS;
use super::transform::{both, filter_grad_transform, filter_transform};
use crate::simd::{Op, Simd};

/// Matrices of the same size, one for each of the 16 elements, in panels of `width` columns.
/// Element `k` at row `i` and column `j` of the panel that begins with column `first` lies at
/// `begin(first) + k * step(width of the panel) + i * (width of the panel) + j`.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub rows: usize,
    pub columns: usize,
    pub width: usize,
    /// The distance of rows in the weight, of whose columns these may be some.
    pub stride: usize,
}

impl Panels {
    /// Returns the distance of the matrices. It is not a power of two, as then all would fall on
    /// the same set of the cache.
    pub const fn step(&self, columns: usize) -> usize {
        self.rows * columns + 16
    }

    /// Returns the offset of the panel that begins with column `first`.
    pub const fn begin(&self, first: usize) -> usize {
        first / self.width * TILE_ELEMENTS * self.step(self.width)
    }

    /// Returns the number of elements of all matrices.
    pub const fn len(&self) -> usize {
        let last = self.columns % self.width;
        let begin = self.begin(self.columns - last);
        if last == 0 {
            begin
        } else {
            begin + TILE_ELEMENTS * self.step(last)
        }
    }
}

/// The transform `U = G g G'` of filters.
///
/// Its creator guarantees that all of it lies in memory.
pub(super) struct FilterTransform {
    pub panels: Panels,
    /// The filters are 3 by 3 matrices, `tap` apart, row by row.
    pub from: *const f32,
    pub tap: usize,
    pub to: *mut f32,
}

impl Op for FilterTransform {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let FilterTransform {
            panels,
            from,
            tap,
            to,
        } = self;
        let Panels {
            rows,
            columns,
            width,
            stride,
        } = panels;

        for first in (0..columns).step_by(width) {
            let width = width.min(columns - first);
            let step = panels.step(width);
            for i in 0..rows {
                for j in (0..width).step_by(S::LANES) {
                    let from = from.wrapping_add(i * stride + first + j);
                    let mut weights = [[s.zero(); 3]; 3];
                    for (k, weight) in weights.as_flattened_mut().iter_mut().enumerate() {
                        // SAFETY: guaranteed by the creator.
                        *weight = unsafe { s.load(from.wrapping_add(tap.wrapping_mul(k))) };
                    }

                    let to = to.wrapping_add(panels.begin(first) + i * width + j);
                    for (k, &x) in both(s, weights, filter_transform)
                        .as_flattened()
                        .iter()
                        .enumerate()
                    {
                        // SAFETY: likewise.
                        unsafe { s.store(to.wrapping_add(k * step), x) };
                    }
                }
            }
        }
    }
}

/// The transform of the sums of products, `[16][CI][CO]`, to the gradient of the weight, or onto
/// it.
pub(super) struct FilterGradTransform<'a> {
    pub channels: usize,
    pub out_channels: usize,
    pub sums: &'a [f32],
    pub gradient: &'a mut [f32],
    pub accumulate: bool,
}

impl Op for FilterGradTransform<'_> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let FilterGradTransform {
            channels,
            out_channels,
            sums,
            gradient,
            accumulate,
        } = self;
        assert_eq!(sums.len(), channels * TILE_ELEMENTS * out_channels);
        assert_eq!(gradient.len(), 9 * channels * out_channels);
        assert!(out_channels.is_multiple_of(S::LANES));

        let sums = sums.as_ptr();
        let gradient = gradient.as_mut_ptr();

        for i in 0..channels {
            for j in (0..out_channels).step_by(S::LANES) {
                let from = sums.wrapping_add(i * out_channels + j);
                let mut elements = [[s.zero(); 4]; 4];
                for (k, x) in elements.as_flattened_mut().iter_mut().enumerate() {
                    // SAFETY: element k < 16 of channel i, vector j: within the sums.
                    *x = unsafe { s.load(from.wrapping_add(k * channels * out_channels)) };
                }

                for (k, &x) in both(s, elements, filter_grad_transform)
                    .as_flattened()
                    .iter()
                    .enumerate()
                {
                    let to = gradient.wrapping_add((k * channels + i) * out_channels + j);
                    // SAFETY: weight k < 9 of channel i, vector j: within the gradient.
                    unsafe { s.store(to, if accumulate { s.add(s.load(to), x) } else { x }) };
                }
            }
        }
    }
}
