//! The cells in plain loops, for `f64`, and as the reference for `f32`.

use super::{DEPTH, GruCell, Half, LstmCell, Recurrent, RecurrentCell, RecurrentStepGrad, RnnCell};
use crate::denormals::plain_flush_denormal as flush;
use crate::reference::{Real, relu, sigmoid};

/// The number of hidden units at a time.
const WIDE: usize = 8;

/// Sums of a few hidden units.
type Wide<T> = [T; WIDE];

/// A hidden unit of a sample in a step.
pub(super) struct Unit<T> {
    /// The sums of the inputs and those of the states, for each gate.
    of_inputs: [T; 4],
    of_states: [T; 4],
    h: T,
    c: T,
}

/// The results of a hidden unit: the state, the cell state, and what is kept.
pub(super) struct Outcome<T> {
    h: T,
    c: T,
    kept: [T; 4],
}

/// The formulas of a cell.
pub(super) trait PlainCell: RecurrentCell {
    fn unit<T: Real>(self, unit: &Unit<T>) -> Outcome<T>;

    /// Computes one hidden unit of the gradient of a step.
    fn unit_grad<T: Real>(self, grad: &mut UnitGrad<T>, half: Half);
}

/// A hidden unit in the gradient of a step; see [`RecurrentStepGrad`].
pub(super) struct UnitGrad<T> {
    /// The gradient of the state after the step, then the part of that before it.
    dh: T,
    dc: T,
    kept: [T; 4],
    cell: T,
    cell_before: T,
    before: T,
    product: T,
}

/// Computes all steps. The call was checked.
pub(super) fn steps<T: Real, C: PlainCell>(cell: C, call: &mut Recurrent<'_, T>) {
    for number in 0..call.steps {
        let step = if call.reversed {
            call.steps - 1 - number
        } else {
            number
        };
        for sample in 0..call.samples {
            sample_step(cell, call, sample, step);
        }
        let hidden = call.hidden;
        call.h.copy_from_slice(&call.next[..call.samples * hidden]);
    }
}

/// Computes a step of one sample.
fn sample_step<T: Real, C: PlainCell>(
    cell: C,
    call: &mut Recurrent<'_, T>,
    sample: usize,
    step: usize,
) {
    let hidden = call.hidden;
    let at = sample * call.steps + step;
    let kept_at = if call.keeps { at } else { sample } * C::KEPT * hidden;
    let takes_part = call.mask.is_empty() || call.mask[at] != T::zero();

    if !call.before.is_empty() {
        call.before[at * hidden..][..hidden].copy_from_slice(&call.h[sample * hidden..][..hidden]);
    }
    // The gates of a cell that resets before its product come first.
    if takes_part && cell.has_halves() {
        for first in (0..hidden).step_by(WIDE) {
            let sums = [0, 1].map(|gate| chain(call, C::GATES, sample, step, gate, first, None));
            for lane in 0..WIDE.min(hidden - first) {
                let unit = first + lane;
                let r = sigmoid(sums[0].1[lane]);
                let kept = &mut call.kept[kept_at + unit..];
                kept[0] = flush(r);
                kept[hidden] = flush(sigmoid(sums[1].1[lane]));
                kept[3 * hidden] = flush(r * call.h[sample * hidden + unit]);
            }
        }
    }

    for first in (0..hidden).step_by(WIDE) {
        let wide = WIDE.min(hidden - first);
        let mut sums = [([T::zero(); WIDE], [T::zero(); WIDE]); 4];
        if takes_part {
            for (gate, sum) in sums.iter_mut().enumerate().take(C::GATES) {
                let reset = cell.has_halves().then_some(kept_at + 3 * hidden);
                if reset.is_none() || gate == 2 {
                    *sum = chain(call, C::GATES, sample, step, gate, first, reset);
                }
            }
        }

        for lane in 0..wide {
            let unit = first + lane;
            let own = sample * hidden + unit;
            let c = call.c.get(own).copied().unwrap_or(T::zero());
            let h = call.h[own];

            let mut outcome = Outcome {
                h,
                c,
                kept: [T::zero(); 4],
            };
            if takes_part {
                let mut unit = Unit {
                    of_inputs: sums.map(|sum| sum.0[lane]),
                    of_states: sums.map(|sum| sum.1[lane]),
                    h,
                    c,
                };
                if cell.has_halves() {
                    let kept = &call.kept[kept_at + first + lane..];
                    unit.of_states = [kept[0], kept[hidden], unit.of_states[2], kept[3 * hidden]];
                }
                outcome = cell.unit(&unit);
            }

            call.next[own] = outcome.h;
            if C::HAS_CELLS {
                call.c[own] = outcome.c;
            }
            if !call.cells.is_empty() {
                call.cells[at * hidden + unit] = outcome.c;
            }
            if call.keeps {
                for (gate, kept) in outcome.kept.into_iter().enumerate().take(C::KEPT) {
                    call.kept[kept_at + gate * hidden + unit] = flush(kept);
                }
            }
            let y = sample * call.y_strides[0] + step * call.y_strides[1] + unit;
            call.y[y] = if takes_part { outcome.h } else { T::zero() };
        }
    }
}

/// Returns the sums of the inputs alone, and the chain that goes on with those of the states. The
/// candidate of a `GruCell` that resets its product begins the latter anew.
fn chain<T: Real>(
    call: &Recurrent<'_, T>,
    gates: usize,
    sample: usize,
    step: usize,
    gate: usize,
    first: usize,
    reset: Option<usize>,
) -> (Wide<T>, Wide<T>) {
    let hidden = call.hidden;
    let column = gate * hidden + first;
    let wide = WIDE.min(hidden - first);
    let weights = &call.weights;
    let row = gates * hidden;

    let mut of_inputs = [T::zero(); WIDE];
    if !weights.bias_ih.is_empty() {
        of_inputs[..wide].copy_from_slice(&weights.bias_ih[column..][..wide]);
    }
    let x = &call.x[(sample * call.steps + step) * call.inputs..][..call.inputs];
    add_product(&mut of_inputs, x, weights.ih, row, column, wide);

    let splits = gates == 3 && gate == 2 && reset.is_none();
    let mut of_states = if splits { [T::zero(); WIDE] } else { of_inputs };
    if !weights.bias_hh.is_empty() {
        for (sum, &bias) in of_states.iter_mut().zip(&weights.bias_hh[column..][..wide]) {
            *sum = *sum + bias;
        }
    }
    let states = match reset {
        Some(at) => &call.kept[at..][..hidden],
        None => &call.h[sample * hidden..][..hidden],
    };
    add_product(&mut of_states, states, weights.hh, row, column, wide);
    (of_inputs, of_states)
}

/// Adds a row times some columns of a matrix, in blocks as the kernels of `f32`.
fn add_product<T: Real>(
    sums: &mut Wide<T>,
    x: &[T],
    matrix: &[T],
    row: usize,
    column: usize,
    wide: usize,
) {
    for (block, x) in x.chunks(DEPTH).enumerate() {
        let mut sum = if block == 0 { *sums } else { [T::zero(); WIDE] };
        for (k, &x) in x.iter().enumerate() {
            let weights = &matrix[(block * DEPTH + k) * row + column..];
            if let Some(weights) = weights.first_chunk::<WIDE>()
                && wide == WIDE
            {
                for (sum, &weight) in sum.iter_mut().zip(weights) {
                    *sum = *sum + x * weight;
                }
            } else {
                for (sum, &weight) in sum.iter_mut().zip(&weights[..wide]) {
                    *sum = *sum + x * weight;
                }
            }
        }

        if block == 0 {
            *sums = sum;
        } else {
            sums.iter_mut()
                .zip(sum)
                .for_each(|(sums, sum)| *sums = *sums + sum);
        }
    }
}

/// Turns what a step has kept into the gradients of its sums. The call was checked.
pub(super) fn step_grad<T: Real, C: PlainCell>(
    cell: C,
    call: RecurrentStepGrad<'_, T>,
    half: Half,
) {
    let hidden = call.hidden;
    for sample in 0..call.samples {
        let kept = &mut call.kept[sample * call.kept_row..][..C::KEPT * hidden];
        if !call.mask.is_empty() && call.mask[sample * call.mask_row] == T::zero() {
            if half == Half::First {
                kept.fill(T::zero());
            }
            continue;
        }

        for unit in 0..hidden {
            let own = sample * hidden + unit;
            let row = sample * call.row + unit;
            let mut grad = UnitGrad {
                dh: call.dh[own],
                dc: T::zero(),
                kept: [T::zero(); 4],
                cell: T::zero(),
                cell_before: T::zero(),
                before: call.before[row],
                product: call.product.get(own).copied().unwrap_or(T::zero()),
            };
            if half == Half::First {
                grad.dh = grad.dh + call.dy[sample * call.dy_row + unit];
            }
            if C::HAS_CELLS {
                grad.dc = call.dc[own];
                grad.cell = call.cells[row];
                grad.cell_before = call.cells_before[sample * call.cells_before_row + unit];
            }
            for (gate, value) in grad.kept.iter_mut().enumerate().take(C::KEPT) {
                *value = kept[gate * hidden + unit];
            }

            cell.unit_grad(&mut grad, half);

            for (gate, value) in grad.kept.into_iter().enumerate().take(C::KEPT) {
                kept[gate * hidden + unit] = flush(value);
            }
            call.dh[own] = flush(grad.dh);
            if C::HAS_CELLS {
                call.dc[own] = flush(grad.dc);
            }
        }
    }
}

/// A rectifier or a hyperbolic tangent.
fn bent<T: Real>(is_relu: bool, x: T) -> T {
    if is_relu { relu(x) } else { x.tanh() }
}

/// The derivative of [`bent`], from its value.
fn bent_slope<T: Real>(is_relu: bool, y: T) -> T {
    if !is_relu {
        T::one() - y * y
    } else if y <= T::zero() {
        T::zero()
    } else {
        T::one()
    }
}

/// The derivative of a sigmoid, from its value.
fn sigmoid_slope<T: Real>(y: T) -> T {
    y * (T::one() - y)
}

impl PlainCell for LstmCell {
    fn unit<T: Real>(self, unit: &Unit<T>) -> Outcome<T> {
        let [i, f, g, o] = unit.of_states;
        let kept = [sigmoid(i), sigmoid(f), g.tanh(), sigmoid(o)];
        let [i, f, g, o] = kept;
        let c = flush(f * unit.c + i * g);
        Outcome {
            h: flush(o * c.tanh()),
            c,
            kept,
        }
    }

    fn unit_grad<T: Real>(self, grad: &mut UnitGrad<T>, _: Half) {
        let [i, f, g, o] = grad.kept;
        let bent = grad.cell.tanh();
        let dc = grad.dc + grad.dh * o * (T::one() - bent * bent);
        grad.kept = [
            dc * g * sigmoid_slope(i),
            dc * grad.cell_before * sigmoid_slope(f),
            dc * i * (T::one() - g * g),
            grad.dh * bent * sigmoid_slope(o),
        ];
        grad.dc = dc * f;
        grad.dh = T::zero();
    }
}

impl PlainCell for GruCell {
    fn unit<T: Real>(self, unit: &Unit<T>) -> Outcome<T> {
        let [r, z, of_states, reset] = unit.of_states;
        let (r, z, candidate, last) = if self.reset_before {
            (r, z, bent(self.relu, of_states), reset)
        } else {
            let r = sigmoid(r);
            let candidate = bent(self.relu, unit.of_inputs[2] + r * of_states);
            (r, sigmoid(z), candidate, of_states)
        };
        Outcome {
            h: flush(candidate + z * (unit.h - candidate)),
            c: T::zero(),
            kept: [r, z, candidate, last],
        }
    }

    fn unit_grad<T: Real>(self, grad: &mut UnitGrad<T>, half: Half) {
        let [r, z, candidate, of_states] = grad.kept;
        if half == Half::Second {
            grad.kept[0] = grad.product * grad.before * sigmoid_slope(r);
            grad.dh = grad.dh + grad.product * r;
            return;
        }

        let inner = grad.dh * (T::one() - z) * bent_slope(self.relu, candidate);
        grad.kept[1] = grad.dh * (grad.before - candidate) * sigmoid_slope(z);
        grad.kept[2] = inner;
        if !self.reset_before {
            grad.kept[0] = inner * of_states * sigmoid_slope(r);
            grad.kept[3] = inner * r;
        }
        grad.dh = grad.dh * z;
    }
}

impl PlainCell for RnnCell {
    fn unit<T: Real>(self, unit: &Unit<T>) -> Outcome<T> {
        let h = flush(bent(self.relu, unit.of_states[0]));
        Outcome {
            h,
            c: T::zero(),
            kept: [h, T::zero(), T::zero(), T::zero()],
        }
    }

    fn unit_grad<T: Real>(self, grad: &mut UnitGrad<T>, _: Half) {
        grad.kept[0] = grad.dh * bent_slope(self.relu, grad.kept[0]);
        grad.dh = T::zero();
    }
}
