//! The formulas of the cells on vectors.

use super::forward::{Left, Right, TileCell, add_product, bias};
use super::{GruCell, Half, LstmCell, Recurrent, RecurrentCell, RecurrentStepGrad, RnnCell};
use crate::math;
use crate::simd::{Op, Simd, each, unrolled, unrolled_tile};

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
    cells: Rows,
    before: Rows,
    mask: Rows,
    /// The state before the step, and that after it: rows of `hidden`.
    pub h: *mut f32,
    pub next: *mut f32,
    c: *mut f32,
    steps: usize,
    reversed: bool,
    /// True for the last step, whose state goes to no later one.
    last: bool,
}

/// Rows of the samples in a step.
#[derive(Clone, Copy)]
struct Rows {
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
    fn of(&self, i: usize, j: usize) -> Option<*mut f32> {
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
    unsafe fn takes_part(&self, i: usize) -> bool {
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
    fn states(&self, i: usize) -> Left {
        Left {
            at: self.h.wrapping_add(i * self.hidden),
            row: self.hidden,
            k: self.hidden,
        }
    }

    /// The columns of `N / gates` vectors of hidden units from `j`, from gate `first`.
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(
        &self,
        first: usize,
        gates: usize,
        (j, n): (usize, usize),
    ) -> [usize; N] {
        let _ = n;
        core::array::from_fn(
            #[inline(always)]
            |v| (first + v % gates) * self.hidden + j + v / gates * S::LANES,
        )
    }

    /// The sums of the inputs, then, in the same chain, those of the states.
    ///
    /// # Safety
    /// All elements are in the step.
    #[inline(always)]
    unsafe fn chained<S: Simd, const MR: usize, const N: usize>(
        &self,
        s: S,
        (states, gates): (Left, usize),
        i: usize,
        columns: [usize; N],
        n: usize,
    ) -> [[S::V; N]; MR] {
        // SAFETY (all blocks): guaranteed by the caller.
        let mut acc = unsafe { self.of_inputs::<S, MR, N>(s, gates, i, columns, n) };
        let right = self.right(self.weight_hh, gates, columns, n);
        if !self.bias_hh.is_null() {
            let row = unsafe { bias(s, self.bias_hh, &right) };
            unrolled_tile::<MR, N>(
                #[inline(always)]
                |i, v| acc[i][v] = s.add(acc[i][v], row[v]),
            );
        }
        unsafe { add_product(s, &mut acc, states, &right) };
        acc
    }

    /// The sums of the inputs.
    ///
    /// # Safety
    /// All elements are in the step.
    #[inline(always)]
    unsafe fn of_inputs<S: Simd, const MR: usize, const N: usize>(
        &self,
        s: S,
        gates: usize,
        i: usize,
        columns: [usize; N],
        n: usize,
    ) -> [[S::V; N]; MR] {
        let right = self.right(self.weight_ih, gates, columns, n);
        // SAFETY (all blocks): guaranteed by the caller.
        let mut acc = [unsafe { bias(s, self.bias_ih, &right) }; MR];
        unsafe { add_product(s, &mut acc, self.inputs(i), &right) };
        acc
    }

    #[inline(always)]
    fn right<const N: usize>(
        &self,
        at: *const f32,
        gates: usize,
        columns: [usize; N],
        n: usize,
    ) -> Right<N> {
        Right {
            at,
            row: gates * self.hidden,
            columns,
            n,
        }
    }

    /// Stores the state after the step.
    ///
    /// # Safety
    /// `n` hidden units from `j` are in row `i`.
    #[inline(always)]
    unsafe fn put<S: Simd>(
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
    unsafe fn skip<S: Simd>(&self, s: S, at: (usize, usize, usize), kept: usize) {
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
    unsafe fn keep<S: Simd, const N: usize>(
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

/// A rectifier or a hyperbolic tangent.
#[inline(always)]
fn bent<S: Simd>(s: S, relu: bool, x: S::V) -> S::V {
    if relu {
        s.max(s.zero(), x)
    } else {
        math::tanh(s, x)
    }
}

/// `dy` times the derivative of [`bent`], from its value.
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

impl LstmCell {
    /// # Safety
    /// `n` hidden units from `j` are in row `i` of the step.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        at: (usize, usize, usize),
        [i, f, g, o]: [S::V; 4],
    ) {
        let (row, j, n) = at;
        let c = step.c.wrapping_add(row * step.hidden + j);

        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            if !step.takes_part(row) {
                if let Some(cells) = step.cells.of(row, j) {
                    s.put(cells, s.get(c, n), n);
                }
                return step.skip(s, at, 4);
            }

            let i = math::sigmoid(s, i);
            let f = math::sigmoid(s, f);
            let g = math::tanh(s, g);
            let o = math::sigmoid(s, o);
            let cell = s.flush_denormal(s.fma(f, s.get(c, n), s.mul(i, g)));
            let h = s.flush_denormal(s.mul(o, math::tanh(s, cell)));

            s.put(c, cell, n);
            step.put(s, at, h, true);
            step.keep(s, at, [i, f, g, o]);
            if let Some(cells) = step.cells.of(row, j) {
                s.put(cells, cell, n);
            }
        }
    }
}

impl TileCell for LstmCell {
    fn passes(self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        _: usize,
        (i, j, n): (usize, usize, usize),
    ) {
        let columns = step.columns::<S, 4>(0, 4, (j, n));
        // SAFETY (all blocks): guaranteed by the caller.
        let sums = unsafe { step.chained::<S, MR, 4>(s, (step.states(i), 4), i, columns, n) };
        for (row, sums) in sums.into_iter().enumerate() {
            unsafe { self.finish(s, step, (i + row, j, n), sums) };
        }
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, _: usize, i: usize, j: usize) {
        let n = S::LANES;
        let columns = step.columns::<S, 8>(0, 4, (j, n));
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            let [[a, b, c, d, e, f, g, h]] =
                step.chained::<S, 1, 8>(s, (step.states(i), 4), i, columns, n);
            self.finish(s, step, (i, j, n), [a, b, c, d]);
            self.finish(s, step, (i, j + n, n), [e, f, g, h]);
        }
    }
}

impl GruCell {
    /// The state after a step, from the update gate and the candidate.
    #[inline(always)]
    fn state<S: Simd>(s: S, z: S::V, n: S::V, h: S::V) -> S::V {
        s.flush_denormal(s.fma(z, s.sub(h, n), n))
    }

    /// # Safety
    /// `n` hidden units from `j` are in row `i` of the step.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        at: (usize, usize, usize),
        [r, z, of_inputs, of_states]: [S::V; 4],
    ) {
        let (row, j, n) = at;
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            if !step.takes_part(row) {
                return step.skip(s, at, 4);
            }

            let r = math::sigmoid(s, r);
            let z = math::sigmoid(s, z);
            let candidate = bent(s, self.relu, s.fma(r, of_states, of_inputs));
            let h = s.get(step.h.wrapping_add(row * step.hidden + j), n);
            step.put(s, at, Self::state(s, z, candidate, h), true);
            step.keep(s, at, [r, z, candidate, of_states]);
        }
    }

    /// The sums of all gates: `r`, `z`, and both parts of the candidate.
    ///
    /// # Safety
    /// All elements are in the step.
    #[inline(always)]
    unsafe fn sums<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        i: usize,
        (j, n): (usize, usize),
    ) -> [[S::V; 4]; MR] {
        let columns = step.columns::<S, 3>(0, 3, (j, n));
        let right = step.right(step.weight_hh, 3, columns, n);

        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            let of_inputs = step.of_inputs::<S, MR, 3>(s, 3, i, columns, n);
            let bias = bias(s, step.bias_hh, &right);
            let mut acc = [bias; MR];
            unrolled_tile::<MR, 2>(
                #[inline(always)]
                |i, v| acc[i][v] = s.add(of_inputs[i][v], bias[v]),
            );
            add_product(s, &mut acc, step.states(i), &right);

            let mut sums = [[s.zero(); 4]; MR];
            unrolled::<MR>(
                #[inline(always)]
                |i| sums[i] = [acc[i][0], acc[i][1], of_inputs[i][2], acc[i][2]],
            );
            sums
        }
    }

    /// The gates of a cell that resets before its product.
    ///
    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn gates<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        (i, j, n): (usize, usize, usize),
    ) {
        let columns = step.columns::<S, 2>(0, 2, (j, n));
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            let sums = step.chained::<S, MR, 2>(s, (step.states(i), 3), i, columns, n);
            for (row, [r, z]) in sums.into_iter().enumerate() {
                let at = (i + row, j, n);
                let h = s.get(step.h.wrapping_add((i + row) * step.hidden + j), n);
                let r = math::sigmoid(s, r);
                step.keep(s, at, [r, math::sigmoid(s, z)]);
                step.keep_at(s, 3, at, s.mul(r, h));
            }
        }
    }

    /// The candidate and the state of a cell that resets before its product.
    ///
    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn candidate<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        (i, j, n): (usize, usize, usize),
    ) {
        let columns = step.columns::<S, 1>(2, 1, (j, n));
        let reset = Left {
            at: step
                .kept
                .at
                .wrapping_add(i * step.kept.sample + 3 * step.hidden),
            row: step.kept.sample,
            k: step.hidden,
        };
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            let sums = step.chained::<S, MR, 1>(s, (reset, 3), i, columns, n);
            for (row, [sum]) in sums.into_iter().enumerate() {
                let at = (i + row, j, n);
                if !step.takes_part(i + row) {
                    step.skip(s, at, 4);
                    continue;
                }
                let z = step
                    .kept
                    .at
                    .wrapping_add((i + row) * step.kept.sample + step.hidden + j);
                let h = s.get(step.h.wrapping_add((i + row) * step.hidden + j), n);
                let candidate = bent(s, self.relu, sum);
                step.put(s, at, Self::state(s, s.get(z, n), candidate, h), true);
                step.keep_at(s, 2, at, candidate);
            }
        }
    }
}

impl Step {
    /// Keeps a value of the step at the position of a gate.
    ///
    /// # Safety
    /// As for `put`, and values are kept.
    #[inline(always)]
    unsafe fn keep_at<S: Simd>(
        &self,
        s: S,
        gate: usize,
        (i, j, n): (usize, usize, usize),
        value: S::V,
    ) {
        let at = self
            .kept
            .at
            .wrapping_add(i * self.kept.sample + gate * self.hidden + j);
        // SAFETY: guaranteed by the caller.
        unsafe { s.put(at, s.flush_denormal(value), n) };
    }
}

impl TileCell for GruCell {
    fn passes(self) -> usize {
        if self.reset_before { 2 } else { 1 }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
    ) {
        let (i, j, n) = at;
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            if self.reset_before && pass == 0 {
                return self.gates::<S, MR>(s, step, at);
            }
            if self.reset_before {
                return self.candidate::<S, MR>(s, step, at);
            }
            let sums = self.sums::<S, MR>(s, step, i, (j, n));
            for (row, sums) in sums.into_iter().enumerate() {
                self.finish(s, step, (i + row, j, n), sums);
            }
        }
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, pass: usize, i: usize, j: usize) {
        let n = S::LANES;
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            if self.reset_before {
                self.tile::<S, 1>(s, step, pass, (i, j, n));
                return self.tile::<S, 1>(s, step, pass, (i, j + n, n));
            }

            let columns = step.columns::<S, 6>(0, 3, (j, n));
            let right = step.right(step.weight_hh, 3, columns, n);
            let [of_inputs] = step.of_inputs::<S, 1, 6>(s, 3, i, columns, n);
            let bias = bias(s, step.bias_hh, &right);
            let mut acc = [bias];
            for v in [0, 1, 3, 4] {
                acc[0][v] = s.add(of_inputs[v], bias[v]);
            }
            add_product(s, &mut acc, step.states(i), &right);

            let [[r0, z0, n0, r1, z1, n1]] = acc;
            self.finish(s, step, (i, j, n), [r0, z0, of_inputs[2], n0]);
            self.finish(s, step, (i, j + n, n), [r1, z1, of_inputs[5], n1]);
        }
    }
}

impl RnnCell {
    /// # Safety
    /// `n` hidden units from `j` are in row `i` of the step.
    #[inline(always)]
    unsafe fn finish<S: Simd>(self, s: S, step: &Step, at: (usize, usize, usize), sum: S::V) {
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            if !step.takes_part(at.0) {
                return step.skip(s, at, 1);
            }
            let h = s.flush_denormal(bent(s, self.relu, sum));
            step.put(s, at, h, true);
            step.keep(s, at, [h]);
        }
    }
}

impl TileCell for RnnCell {
    fn passes(self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        _: usize,
        (i, j, n): (usize, usize, usize),
    ) {
        let columns = step.columns::<S, 1>(0, 1, (j, n));
        // SAFETY (all blocks): guaranteed by the caller.
        let sums = unsafe { step.chained::<S, MR, 1>(s, (step.states(i), 1), i, columns, n) };
        for (row, [sum]) in sums.into_iter().enumerate() {
            unsafe { self.finish(s, step, (i + row, j, n), sum) };
        }
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, _: usize, i: usize, j: usize) {
        let n = S::LANES;
        let columns = step.columns::<S, 2>(0, 1, (j, n));
        // SAFETY (all blocks): guaranteed by the caller.
        unsafe {
            let [[a, b]] = step.chained::<S, 1, 2>(s, (step.states(i), 1), i, columns, n);
            self.finish(s, step, (i, j, n), a);
            self.finish(s, step, (i, j + n, n), b);
        }
    }
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
