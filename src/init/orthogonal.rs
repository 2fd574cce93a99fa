//! Orthogonal weights.

use alloc::vec;
use alloc::vec::Vec;

use rand::Rng;

use super::{Weight, check_gain, normal};
use crate::tensor::Element;

/// Draws a matrix with orthogonal columns of the length `gain`, or such rows if there are fewer of
/// them.
///
/// It keeps the length of vectors, forward and backward. A kernel's axes count with the inputs, as
/// in `torch.nn.init.orthogonal_`. Saxe et al., 2013. PyTorch's default gain is 1.
///
/// ```
/// let mut weight = [[0.0_f64; 2]; 3];
/// shapewright::init::orthogonal(&mut weight, 1.0, &mut shapewright::rng(0));
/// let dot = |a: usize, b: usize| weight.iter().map(|row| row[a] * row[b]).sum::<f64>();
/// assert!((dot(0, 0) - 1.0).abs() < 1e-12 && dot(0, 1).abs() < 1e-12);
/// ```
///
/// All matrices of that kind are equally likely: the vectors are normal ones, each made orthogonal
/// to those before it (Gram-Schmidt, twice, in `f64`), which is the QR decomposition with a
/// positive diagonal.
///
/// # Panics
/// Panics unless the gain is finite and not negative.
pub fn orthogonal<T, W, R>(weight: &mut W, gain: f64, rng: &mut R)
where
    T: Element,
    W: Weight<T>,
    R: Rng + ?Sized,
{
    check_gain(gain);
    if W::LEN == 0 {
        return;
    }

    let cols = W::OUT;
    let rows = W::LEN / cols;
    let len = rows.max(cols);
    let vectors = orthonormal(rows.min(cols), len, rng);

    let weight = weight.as_mut_slice();
    for (v, vector) in vectors.chunks_exact(len).enumerate() {
        for (i, &x) in vector.iter().enumerate() {
            let place = if rows >= cols {
                i * cols + v
            } else {
                v * cols + i
            };
            weight[place] = T::from_f64_lossy(gain * x);
        }
    }
}

/// Draws `count` orthonormal vectors of `len` elements, one after the other; `len` is at least
/// `count`.
fn orthonormal<R: Rng + ?Sized>(count: usize, len: usize, rng: &mut R) -> Vec<f64> {
    let mut vectors = vec![0.0; count * len];
    for v in 0..count {
        let (before, rest) = vectors.split_at_mut(v * len);
        let vector = &mut rest[..len];
        loop {
            vector.fill_with(|| normal::standard_normal(rng));

            // The second pass removes what the rounding errors of the first have left.
            for _ in 0..2 {
                for other in before.chunks_exact(len) {
                    let along = dot(other, vector);
                    vector
                        .iter_mut()
                        .zip(other)
                        .for_each(|(x, o)| *x -= along * o);
                }
            }

            let norm = crate::float::sqrt(dot(vector, vector));
            // A vector this short consists mostly of rounding errors: draw another one.
            if norm > 1e-6 {
                vector.iter_mut().for_each(|x| *x /= norm);
                break;
            }
        }
    }
    vectors
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
