//! The formulas of the cells on vectors.

use super::forward::{Left, Sums, TileCell};
use super::step::{Step, unchanged};
use super::{GruCell, LstmCell, RnnCell};
use crate::math;
use crate::simd::Simd;

/// A rectifier or a hyperbolic tangent.
#[inline(always)]
fn bent<S: Simd>(s: S, relu: bool, x: S::V) -> S::V {
    if relu {
        s.max(s.zero(), x)
    } else {
        math::tanh(s, x)
    }
}

impl TileCell for LstmCell {
    fn passes(self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn sums<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        _: usize,
        (i, j, n): (usize, usize, usize),
        sums: &mut Sums<S>,
    ) {
        let columns = core::array::from_fn(|gate| gate * step.hidden + j);
        // SAFETY: guaranteed by the caller.
        let acc =
            unsafe { step.chained::<S, MR, 4>(s, (i, step.states(i)), (4, columns, n), unchanged) };
        sums[..MR].copy_from_slice(&acc);
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, (i, j): (usize, usize), sums: &mut Sums<S>) {
        let columns = core::array::from_fn(|v| v % 4 * step.hidden + j + v / 4 * S::LANES);
        // SAFETY: guaranteed by the caller.
        let [[a, b, c, d, e, f, g, h]] = unsafe {
            step.chained::<S, 1, 8>(s, (i, step.states(i)), (4, columns, S::LANES), unchanged)
        };
        sums[0] = [a, b, c, d];
        sums[1] = [e, f, g, h];
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        _: usize,
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

impl GruCell {
    /// Computes the sums of `N` gates from the `first`, for a cell that resets before its product: of
    /// its two gates, or of its candidate.
    ///
    /// # Safety
    /// As for `sums`.
    #[inline(always)]
    unsafe fn some_gates<S: Simd, const MR: usize, const N: usize>(
        s: S,
        step: &Step,
        (states, first): (Left, usize),
        (i, j, n): (usize, usize, usize),
        sums: &mut Sums<S>,
    ) {
        let columns = core::array::from_fn(|gate| (first + gate) * step.hidden + j);
        // SAFETY: guaranteed by the caller.
        let acc = unsafe { step.chained::<S, MR, N>(s, (i, states), (3, columns, n), unchanged) };
        for (sums, acc) in sums.iter_mut().zip(acc) {
            sums[..N].copy_from_slice(&acc);
        }
    }

    /// The state after a step, from the update gate and the candidate.
    #[inline(always)]
    fn state<S: Simd>(s: S, z: S::V, n: S::V, h: S::V) -> S::V {
        s.flush_denormal(s.fma(z, s.sub(h, n), n))
    }
}

impl TileCell for GruCell {
    fn passes(self) -> usize {
        if self.reset_before { 2 } else { 1 }
    }

    #[inline(always)]
    unsafe fn sums<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
        sums: &mut Sums<S>,
    ) {
        let (i, j, n) = at;
        // SAFETY (all blocks): guaranteed by the caller.
        if self.reset_before && pass == 0 {
            return unsafe { Self::some_gates::<S, MR, 2>(s, step, (step.states(i), 0), at, sums) };
        }
        if self.reset_before {
            return unsafe { Self::some_gates::<S, MR, 1>(s, step, (step.reset(i), 2), at, sums) };
        }

        // The candidate's sums of inputs and of states stay apart.
        let columns = core::array::from_fn(|gate| gate * step.hidden + j);
        let mut of_inputs = [s.zero(); MR];
        let acc = unsafe {
            step.chained::<S, MR, 3>(
                s,
                (i, step.states(i)),
                (3, columns, n),
                #[inline(always)]
                |acc| {
                    for (of_inputs, acc) in of_inputs.iter_mut().zip(acc) {
                        *of_inputs = acc[2];
                        acc[2] = s.zero();
                    }
                },
            )
        };
        for ((sums, [r, z, of_states]), of_inputs) in sums.iter_mut().zip(acc).zip(of_inputs) {
            *sums = [r, z, of_inputs, of_states];
        }
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, (i, j): (usize, usize), sums: &mut Sums<S>) {
        let n = S::LANES;
        let columns = core::array::from_fn(|v| v % 3 * step.hidden + j + v / 3 * n);
        let mut of_inputs = [s.zero(); 2];
        // SAFETY: guaranteed by the caller.
        let [[r0, z0, n0, r1, z1, n1]] = unsafe {
            step.chained::<S, 1, 6>(
                s,
                (i, step.states(i)),
                (3, columns, n),
                #[inline(always)]
                |[acc]| {
                    of_inputs = [acc[2], acc[5]];
                    acc[2] = s.zero();
                    acc[5] = s.zero();
                },
            )
        };
        sums[0] = [r0, z0, of_inputs[0], n0];
        sums[1] = [r1, z1, of_inputs[1], n1];
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        pass: usize,
        at: (usize, usize, usize),
        [r, z, of_inputs, of_states]: [S::V; 4],
    ) {
        let (row, j, n) = at;

        // SAFETY: guaranteed by the caller.
        unsafe {
            let h = s.get(step.h.wrapping_add(row * step.hidden + j), n);
            if self.reset_before && pass == 0 {
                let r = math::sigmoid(s, r);
                step.keep(s, at, [r, math::sigmoid(s, z)]);
                return s.put(step.kept_at(3, row, j), s.flush_denormal(s.mul(r, h)), n);
            }
            if !step.takes_part(row) {
                return step.skip(s, at, 4);
            }

            if self.reset_before {
                let sum = r;
                let candidate = bent(s, self.relu, sum);
                let z = s.get(step.kept_at(1, row, j), n);
                step.put(s, at, Self::state(s, z, candidate, h), true);
                return s.put(step.kept_at(2, row, j), s.flush_denormal(candidate), n);
            }

            let r = math::sigmoid(s, r);
            let z = math::sigmoid(s, z);
            let candidate = bent(s, self.relu, s.fma(r, of_states, of_inputs));
            step.put(s, at, Self::state(s, z, candidate, h), true);
            step.keep(s, at, [r, z, candidate, of_states]);
        }
    }
}

impl TileCell for RnnCell {
    fn passes(self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn sums<S: Simd, const MR: usize>(
        self,
        s: S,
        step: &Step,
        _: usize,
        (i, j, n): (usize, usize, usize),
        sums: &mut Sums<S>,
    ) {
        // SAFETY: guaranteed by the caller.
        let acc =
            unsafe { step.chained::<S, MR, 1>(s, (i, step.states(i)), (1, [j], n), unchanged) };
        for (sums, [sum]) in sums.iter_mut().zip(acc) {
            sums[0] = sum;
        }
    }

    #[inline(always)]
    unsafe fn pair<S: Simd>(self, s: S, step: &Step, (i, j): (usize, usize), sums: &mut Sums<S>) {
        let columns = [j, j + S::LANES];
        // SAFETY: guaranteed by the caller.
        let [[a, b]] = unsafe {
            step.chained::<S, 1, 2>(s, (i, step.states(i)), (1, columns, S::LANES), unchanged)
        };
        sums[0][0] = a;
        sums[1][0] = b;
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(
        self,
        s: S,
        step: &Step,
        _: usize,
        at: (usize, usize, usize),
        [sum, ..]: [S::V; 4],
    ) {
        // SAFETY: guaranteed by the caller.
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
