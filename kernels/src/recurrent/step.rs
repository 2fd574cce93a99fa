//! One step of a recurrent layer: where its rows are, and the sums of its tiles.

use super::forward::{Left, Right, add_bias, add_product};
use super::{Recurrent, RecurrentCell};
use crate::simd::{Simd, unrolled};

/// One step of a checked call. It holds raw pointers, as rows of several slices advance at their own
/// distances. Null stands for a slice that is empty.
pub(super) struct Step {
    pub rows: usize,
    pub inputs: usize,
    pub hidden: usize,
    weight_ih: *const f32,
    weight_hh: *const f32,
    bias_ih: *const f32,
    bias_hh: *const f32,
    x: Rows,
    y: Rows,
    kept: Rows,
    pub cells: Rows,
    before: Rows,
    mask: Rows,
    /// The state before the step, and that after it: rows of `hidden`.
    pub h: *mut f32,
    pub next: *mut f32,
    pub c: *mut f32,
    steps: usize,
    reversed: bool,
    /// True for the last step, whose state goes to no later one.
    last: bool,
}

/// Rows of the samples in a step.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// The first row of the first step, and that of this one.
    base: *mut f32,
    at: *mut f32,
    /// The distances of samples and of steps.
    sample: usize,
    step: usize,
}

impl Rows {
    fn new(base: *mut f32, len: usize, [sample, step]: [usize; 2]) -> Self {
        let base = if len == 0 {
            core::ptr::null_mut()
        } else {
            base
        };
        Rows {
            base,
            at: base,
            sample,
            step,
        }
    }

    fn set(&mut self, step: usize) {
        if !self.base.is_null() {
            self.at = self.base.wrapping_add(step * self.step);
        }
    }

    /// Returns the address of element `j` of row `i`; null if there are no rows.
    #[inline(always)]
    pub fn of(&self, i: usize, j: usize) -> Option<*mut f32> {
        (!self.at.is_null()).then(|| self.at.wrapping_add(i * self.sample + j))
    }
}

fn pointer(slice: &[f32]) -> *const f32 {
    if slice.is_empty() {
        core::ptr::null()
    } else {
        slice.as_ptr()
    }
}

impl Step {
    #[inline(always)]
    pub fn new<C: RecurrentCell>(_: C, call: &mut Recurrent<'_, f32>) -> Self {
        let &mut Recurrent {
            steps,
            inputs,
            hidden,
            ..
        } = call;
        let rows = |slice: &mut [f32], width: usize, steps: usize| {
            Rows::new(slice.as_mut_ptr(), slice.len(), [steps * width, width])
        };
        // Only read.
        let read = |slice: &[f32], width: usize| {
            let at = slice.as_ptr().cast_mut();
            Rows::new(at, slice.len(), [steps * width, width])
        };

        let mut kept = rows(
            call.kept,
            C::KEPT * hidden,
            if call.keeps { steps } else { 1 },
        );
        if !call.keeps {
            kept.step = 0;
        }

        Step {
            rows: call.samples,
            inputs,
            hidden,
            weight_ih: call.weights.ih.as_ptr(),
            weight_hh: call.weights.hh.as_ptr(),
            bias_ih: pointer(call.weights.bias_ih),
            bias_hh: pointer(call.weights.bias_hh),
            x: Rows {
                // A step without inputs has rows nevertheless.
                base: call.x.as_ptr().cast_mut(),
                ..read(call.x, inputs)
            },
            y: Rows::new(call.y.as_mut_ptr(), call.y.len(), call.y_strides),
            kept,
            cells: rows(call.cells, hidden, steps),
            before: rows(call.before, hidden, steps),
            mask: read(call.mask, 1),
            h: call.h.as_mut_ptr(),
            next: call.next.as_mut_ptr(),
            c: call.c.as_mut_ptr(),
            steps,
            reversed: call.reversed,
            last: false,
        }
    }

    /// Moves to the step with this number, in the order of the direction.
    pub fn set(&mut self, number: usize) {
        let step = if self.reversed {
            self.steps - 1 - number
        } else {
            number
        };
        for rows in [
            &mut self.x,
            &mut self.y,
            &mut self.kept,
            &mut self.cells,
            &mut self.before,
            &mut self.mask,
        ] {
            rows.set(step);
        }
        self.last = number + 1 == self.steps;
    }

    /// Returns whether a sample takes part in the step.
    ///
    /// # Safety
    /// Row `i` is in the step.
    #[inline(always)]
    pub unsafe fn takes_part(&self, i: usize) -> bool {
        // SAFETY: guaranteed by the caller.
        self.mask.of(i, 0).is_none_or(|at| unsafe { *at } != 0.0)
    }

    /// The inputs of the rows from `i`.
    #[inline(always)]
    fn inputs(&self, i: usize) -> Left {
        Left {
            at: self.x.at.wrapping_add(i * self.x.sample),
            row: self.x.sample,
            k: self.inputs,
        }
    }

    /// The states of the rows from `i`.
    #[inline(always)]
    pub fn states(&self, i: usize) -> Left {
        Left {
            at: self.h.wrapping_add(i * self.hidden),
            row: self.hidden,
            k: self.hidden,
        }
    }

    /// The sums of the inputs, then, in the same chain, those of `states`: of `MR` rows from `i`, and of
    /// the vectors of columns that begin at `columns`. `between` sees them before the states are added.
    ///
    /// # Safety
    /// All elements are in the step.
    #[inline(always)]
    pub unsafe fn chained<S: Simd, const MR: usize, const N: usize>(
        &self,
        s: S,
        (i, states): (usize, Left),
        (gates, columns, n): (usize, [usize; N], usize),
        mut between: impl FnMut(&mut [[S::V; N]; MR]),
    ) -> [[S::V; N]; MR] {
        let mut acc = [[s.zero(); N]; MR];

        // A loop rather than two calls, which would be compiled twice.
        for is_states in [false, true] {
            let (left, weight, bias) = if is_states {
                between(&mut acc);
                (states, self.weight_hh, self.bias_hh)
            } else {
                (self.inputs(i), self.weight_ih, self.bias_ih)
            };
            let right = Right {
                at: weight,
                row: gates * self.hidden,
                columns,
                n,
            };

            // SAFETY (both blocks): guaranteed by the caller.
            unsafe { add_bias(s, &mut acc, bias, &right) };
            unsafe { add_product(s, &mut acc, left, &right) };
        }
        acc
    }

    /// Returns the place of the kept value `gate` of hidden unit `j` of row `i`, where values are kept.
    #[inline(always)]
    pub fn kept_at(&self, gate: usize, i: usize, j: usize) -> *mut f32 {
        let row = self.kept.at.wrapping_add(i * self.kept.sample);
        row.wrapping_add(gate * self.hidden + j)
    }

    /// The states of the rows from `i`, reset by their gates before the product.
    #[inline(always)]
    pub fn reset(&self, i: usize) -> Left {
        Left {
            at: self.kept_at(3, i, 0),
            row: self.kept.sample,
            k: self.hidden,
        }
    }

    /// Stores the state after the step.
    ///
    /// # Safety
    /// `n` hidden units from `j` are in row `i`.
    #[inline(always)]
    pub unsafe fn put<S: Simd>(
        &self,
        s: S,
        (i, j, n): (usize, usize, usize),
        h: S::V,
        takes_part: bool,
    ) {
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            s.put(self.next.wrapping_add(i * self.hidden + j), h, n);
            if let Some(y) = self.y.of(i, j) {
                s.put(y, if takes_part { h } else { s.zero() }, n);
            }
            if let Some(before) = self.before.of(i, j) {
                let old = self.h.wrapping_add(i * self.hidden + j);
                s.put(before, s.get(old, n), n);
            }
        }
    }

    /// Stores what backward needs of a sample that takes no part: nothing.
    ///
    /// # Safety
    /// As for `put`.
    #[inline(always)]
    pub unsafe fn skip<S: Simd>(&self, s: S, at: (usize, usize, usize), kept: usize) {
        let (i, j, n) = at;
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            self.put(
                s,
                at,
                s.get(self.h.wrapping_add(i * self.hidden + j), n),
                false,
            );
            for gate in 0..kept {
                if let Some(to) = self.kept.of(i, gate * self.hidden + j) {
                    s.put(to, s.zero(), n);
                }
            }
        }
    }

    /// Keeps values of the step, if they are kept.
    ///
    /// # Safety
    /// As for `put`.
    #[inline(always)]
    pub unsafe fn keep<S: Simd, const N: usize>(
        &self,
        s: S,
        (i, j, n): (usize, usize, usize),
        values: [S::V; N],
    ) {
        if let Some(kept) = self.kept.of(i, j) {
            unrolled::<N>(
                #[inline(always)]
                |v| {
                    let at = kept.wrapping_add(v * self.hidden);
                    // SAFETY: guaranteed by the caller.
                    unsafe { s.put(at, s.flush_denormal(values[v]), n) };
                },
            );
        }
    }
}

/// Leaves the sums of the inputs as they are, in [`Step::chained`].
#[inline(always)]
pub(super) fn unchanged<T>(_: &mut T) {}
