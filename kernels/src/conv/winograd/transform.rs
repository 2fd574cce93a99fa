//! The transforms of Lavin and Gray, applied to a few vectors along one axis, and then along the
//! other.

use crate::simd::{Simd, unrolled};

/// The data transform: `B' x` for four pixels of a patch, or `A dy` for two gradients of outputs.
#[inline(always)]
pub(super) fn data_transform<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; 4] {
    match x[..] {
        [a, b, c, d] => [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(d, b)],
        [a, b] => [a, s.add(a, b), s.sub(a, b), b],
        _ => unreachable!(),
    }
}

/// The inverse transform: `A' m` for two outputs, or `B m` for four gradients of a patch.
#[inline(always)]
pub(super) fn inverse_transform<S: Simd, const N: usize>(
    s: S,
    [a, b, c, d]: [S::V; 4],
) -> [S::V; N] {
    let sum = s.add(b, c);
    let difference = s.sub(b, c);

    let mut y = [a; N];
    match y[..] {
        [_, _, _, _] => y.copy_from_slice(&[a, s.sub(difference, d), s.sub(sum, a), d]),
        [_, _] => y.copy_from_slice(&[s.add(a, sum), s.add(difference, d)]),
        _ => unreachable!(),
    }
    y
}

/// The filter transform: `G g` for three weights.
#[inline(always)]
pub(super) fn filter_transform<S: Simd>(s: S, [a, b, c]: [S::V; 3]) -> [S::V; 4] {
    let half = s.splat(0.5);
    let outer = s.mul(s.add(a, c), half);
    let middle = s.mul(b, half);
    [a, s.add(outer, middle), s.sub(outer, middle), c]
}

/// The transform of a filter's gradient: `G' m` for gradients of three weights.
#[inline(always)]
pub(super) fn filter_grad_transform<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 3] {
    let half = s.splat(0.5);
    let sum = s.mul(s.add(b, c), half);
    let difference = s.mul(s.sub(b, c), half);
    [s.add(a, sum), difference, s.add(d, sum)]
}

/// Applies one of the transforms along both axes.
#[inline(always)]
pub(super) fn both<S: Simd, const IN: usize, const OUT: usize>(
    s: S,
    x: [[S::V; IN]; IN],
    f: impl Fn(S, [S::V; IN]) -> [S::V; OUT] + Copy,
) -> [[S::V; OUT]; OUT] {
    let mut rows = [[s.zero(); OUT]; IN];
    unrolled::<IN>(
        #[inline(always)]
        |i| rows[i] = f(s, x[i]),
    );

    let mut y = [[s.zero(); OUT]; OUT];
    unrolled::<OUT>(
        #[inline(always)]
        |j| {
            let mut column = [s.zero(); IN];
            unrolled::<IN>(
                #[inline(always)]
                |i| column[i] = rows[i][j],
            );
            let column = f(s, column);
            unrolled::<OUT>(
                #[inline(always)]
                |i| y[i][j] = column[i],
            );
        },
    );

    y
}
