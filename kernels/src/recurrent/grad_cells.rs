//! The gradients of the cells' formulas on vectors.

use super::{GruCell, Half, LstmCell, RecurrentCell, RecurrentStepGrad, RnnCell};
use crate::math;
use crate::simd::{Op, Simd, each};

/// `dy` times the derivative of a rectifier or a hyperbolic tangent, from its value.
#[inline(always)]
fn bent_slope<S: Simd>(s: S, relu: bool, y: S::V, dy: S::V) -> S::V {
    if relu {
        s.select(s.le(y, s.zero()), s.zero(), dy)
    } else {
        s.mul(dy, s.fnma(y, y, s.splat(1.0)))
    }
}

/// `dy` times the derivative of a sigmoid, from its value.
#[inline(always)]
fn sigmoid_slope<S: Simd>(s: S, y: S::V, dy: S::V) -> S::V {
    s.mul(dy, s.mul(y, s.sub(s.splat(1.0), y)))
}

/// The gradients of one step. The call was checked.
pub(super) struct GradOp<'a, C> {
    pub cell: C,
    pub call: RecurrentStepGrad<'a, f32>,
    pub half: Half,
}

/// The rows of one sample in the gradient of a step, from a hidden unit on.
pub(super) struct GradRow {
    pub hidden: usize,
    pub dy: *const f32,
    pub dh: *mut f32,
    pub dc: *mut f32,
    pub kept: *mut f32,
    pub cell: *const f32,
    pub cell_before: *const f32,
    pub before: *const f32,
    pub product: *const f32,
}

/// The formulas of a gradient.
pub(super) trait GradCell: Copy {
    /// Computes `n` hidden units.
    ///
    /// # Safety
    /// They lie within the rows, and those that the cell needs are there.
    unsafe fn row<S: Simd>(self, s: S, row: &GradRow, n: usize, half: Half);
}

impl<C: GradCell + RecurrentCell> Op for GradOp<'_, C> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let GradOp { cell, call, half } = self;
        let hidden = call.hidden;

        for i in 0..call.samples {
            let takes_part = call.mask.is_empty() || call.mask[i * call.mask_row] != 0.0;
            if !takes_part {
                if half == Half::First {
                    call.kept[i * call.kept_row..][..C::KEPT * hidden].fill(0.0);
                }
                continue;
            }

            each(
                s,
                hidden,
                #[inline(always)]
                |j, n| {
                    let row = GradRow {
                        hidden,
                        dy: call.dy.as_ptr().wrapping_add(i * call.dy_row + j),
                        dh: call.dh.as_mut_ptr().wrapping_add(i * hidden + j),
                        dc: call.dc.as_mut_ptr().wrapping_add(i * hidden + j),
                        kept: call.kept.as_mut_ptr().wrapping_add(i * call.kept_row + j),
                        cell: call.cells.as_ptr().wrapping_add(i * call.row + j),
                        cell_before: call
                            .cells_before
                            .as_ptr()
                            .wrapping_add(i * call.cells_before_row + j),
                        before: call.before.as_ptr().wrapping_add(i * call.row + j),
                        product: call.product.as_ptr().wrapping_add(i * hidden + j),
                    };
                    // SAFETY: the call was checked, and `each` gives j + n <= hidden.
                    unsafe { cell.row(s, &row, n, half) };
                },
            );
        }
    }
}

impl GradCell for LstmCell {
    #[inline(always)]
    unsafe fn row<S: Simd>(self, s: S, row: &GradRow, n: usize, _: Half) {
        let one = s.splat(1.0);
        let gate = |gate: usize| row.kept.wrapping_add(gate * row.hidden);

        // SAFETY: guaranteed by the caller.
        unsafe {
            let [i, f, g, o] = [0, 1, 2, 3].map(|v| s.get(gate(v), n));
            let dh = s.add(s.get(row.dh, n), s.get(row.dy, n));
            let bent = math::tanh(s, s.get(row.cell, n));
            let dc = s.fma(s.mul(dh, o), s.fnma(bent, bent, one), s.get(row.dc, n));

            let grads = [
                sigmoid_slope(s, i, s.mul(dc, g)),
                sigmoid_slope(s, f, s.mul(dc, s.get(row.cell_before, n))),
                s.mul(s.mul(dc, i), s.fnma(g, g, one)),
                sigmoid_slope(s, o, s.mul(dh, bent)),
            ];
            for (v, grad) in grads.into_iter().enumerate() {
                s.put(gate(v), s.flush_denormal(grad), n);
            }
            s.put(row.dc, s.flush_denormal(s.mul(dc, f)), n);
            s.put(row.dh, s.zero(), n);
        }
    }
}

impl GradCell for GruCell {
    #[inline(always)]
    unsafe fn row<S: Simd>(self, s: S, row: &GradRow, n: usize, half: Half) {
        let one = s.splat(1.0);
        let gate = |gate: usize| row.kept.wrapping_add(gate * row.hidden);
        let put = |to: *mut f32, v: S::V| unsafe { s.put(to, s.flush_denormal(v), n) };

        // SAFETY: guaranteed by the caller.
        unsafe {
            let before = s.get(row.before, n);
            let r = s.get(gate(0), n);

            if half == Half::Second {
                // The gradient of the state that was reset has come through the product.
                let reset = s.get(row.product, n);
                put(gate(0), sigmoid_slope(s, r, s.mul(reset, before)));
                put(row.dh, s.fma(reset, r, s.get(row.dh, n)));
                return;
            }

            let [z, candidate, of_states] = [1, 2, 3].map(|v| s.get(gate(v), n));
            let dh = s.add(s.get(row.dh, n), s.get(row.dy, n));
            let inner = bent_slope(s, self.relu, candidate, s.mul(dh, s.sub(one, z)));
            let update = s.mul(dh, s.sub(before, candidate));

            put(gate(1), sigmoid_slope(s, z, update));
            put(gate(2), inner);
            put(row.dh, s.mul(dh, z));
            if !self.reset_before {
                put(gate(0), sigmoid_slope(s, r, s.mul(inner, of_states)));
                put(gate(3), s.mul(inner, r));
            }
        }
    }
}

impl GradCell for RnnCell {
    #[inline(always)]
    unsafe fn row<S: Simd>(self, s: S, row: &GradRow, n: usize, _: Half) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let dh = s.add(s.get(row.dh, n), s.get(row.dy, n));
            let grad = bent_slope(s, self.relu, s.get(row.kept, n), dh);
            s.put(row.kept, s.flush_denormal(grad), n);
            s.put(row.dh, s.zero(), n);
        }
    }
}
