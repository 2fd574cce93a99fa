//! Rotary positions.

use crate::float;
use crate::tensor::Element;

/// The rotation of pairs of numbers of each head by angles that grow with the position.
#[derive(Clone, Copy)]
pub(super) struct Rotary {
    /// The base of the wavelengths; 0 for no rotation.
    pub base: usize,
    /// True if neighbours are paired, false if the halves of a head are.
    pub interleaved: bool,
}

impl Rotary {
    /// Computes the rotations at `positions` successive positions from `first`: for each, the
    /// cosines of all pairs of a head and then their sines.
    pub fn fill<T: Element>(self, table: &mut [T], first: usize, head_dim: usize) {
        let pairs = head_dim / 2;
        for (row, table) in table.chunks_exact_mut(head_dim).enumerate() {
            let (cosines, sines) = table.split_at_mut(pairs);
            for (pair, (cosine, sine)) in cosines.iter_mut().zip(sines).enumerate() {
                let exponent = -2.0 * pair as f64 / head_dim as f64;
                let angle = (first + row) as f64 * float::powf(self.base as f64, exponent);
                let (sin, cos) = float::sin_cos(angle);
                *cosine = T::from_f64_lossy(cos);
                *sine = T::from_f64_lossy(sin);
            }
        }
    }

    /// Rotates all heads of rows of `width` numbers, `stride` apart, or back if `inverse`.
    pub fn rotate<T: Element>(
        self,
        rows: &mut [T],
        [width, stride]: [usize; 2],
        head_dim: usize,
        table: &[T],
        inverse: bool,
    ) {
        let pairs = head_dim / 2;
        for (row, table) in rows.chunks_mut(stride).zip(table.chunks_exact(head_dim)) {
            let (cosines, sines) = table.split_at(pairs);
            for head in row[..width].chunks_exact_mut(head_dim) {
                let rotations = cosines.iter().zip(sines);
                if self.interleaved {
                    for (pair, (&cos, &sin)) in head.chunks_exact_mut(2).zip(rotations) {
                        let sin = if inverse { -sin } else { sin };
                        let [a, b] = [pair[0], pair[1]];
                        pair[0] = a * cos - b * sin;
                        pair[1] = b * cos + a * sin;
                    }
                } else {
                    let (low, high) = head.split_at_mut(pairs);
                    for ((a, b), (&cos, &sin)) in low.iter_mut().zip(high).zip(rotations) {
                        let sin = if inverse { -sin } else { sin };
                        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                    }
                }
            }
        }
    }
}
