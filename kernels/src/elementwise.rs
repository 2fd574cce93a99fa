//! A pass over two flat slices.

use super::simd::{Simd, each};

/// Computes `y = f(x, y)`.
#[inline(always)]
pub(super) fn zip<S: Simd>(s: S, x: &[f32], y: &mut [f32], f: impl Fn(S::V, S::V) -> S::V) {
    assert_eq!(x.len(), y.len());
    let len = x.len();
    let x = x.as_ptr();
    let y = y.as_mut_ptr();
    each(
        s,
        len,
        #[inline(always)]
        |i, n| {
            // SAFETY: `each` gives i + n <= len.
            unsafe { s.put(y.add(i), f(s.get(x.add(i), n), s.get(y.add(i), n)), n) }
        },
    );
}
