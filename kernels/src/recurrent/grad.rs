//! Backward through time: the gradients of all steps, beginning with the last.

use super::{Half, Kernels, RecurrentCell, RecurrentStepGrad};
use crate::args::{Matrix, Product, Start};

/// The gradients of the steps of a recurrent layer in one direction.
///
/// Slices are `[samples][steps][..]` unless something else is said.
#[derive(Debug)]
pub struct RecurrentGrad<'a, T> {
    pub samples: usize,
    pub steps: usize,
    pub hidden: usize,
    pub reversed: bool,
    /// `[hidden][gates * hidden]`
    pub weight_hh: &'a [T],
    /// As in forward.
    pub mask: &'a [T],
    /// The gradient of the states, from the first element of the first step.
    pub dy: &'a [T],
    /// The distances of samples and of steps in `dy`.
    pub dy_strides: [usize; 2],
    /// The values that forward has kept, `[..][KEPT * hidden]`, then the gradients of the sums: of the inputs
    /// in the first `GATES * hidden`. Those of the states are the same, except for the candidate of
    /// a `GruCell` that resets its product, where they are the last.
    pub kept: &'a mut [T],
    /// The cell states after each step: `[..][hidden]`; empty if there are none.
    pub cells: &'a [T],
    /// The cell states before the first step: `[samples][hidden]`, likewise.
    pub first_cells: &'a [T],
    /// The states before each step: `[..][hidden]`.
    pub before: &'a [T],
    /// The gradient of the state after the last step, then that of the state before the first:
    /// `[samples][hidden]`.
    pub dh: &'a mut [T],
    /// The gradient of the cell state, likewise; empty if there is none.
    pub dc: &'a mut [T],
    /// Room for a product: `[samples][hidden]`.
    pub product: &'a mut [T],
    /// Room for the transposed weight: `[gates * hidden][hidden]`.
    pub transposed: &'a mut [T],
    /// See [`Product::memory`]: that of a product of any number of rows with `hidden` columns.
    pub memory: &'a mut [T],
}

/// Computes the gradients of the sums of a recurrent layer. Those of its inputs and its weights are
/// products with them.
pub fn recurrent_grad<T, K, C>(kernels: K, cell: C, mut grad: RecurrentGrad<'_, T>)
where
    T: Copy,
    K: Kernels<T>,
    C: RecurrentCell,
{
    let hidden = grad.hidden;
    let gates = C::GATES * hidden;
    if grad.samples == 0 || hidden == 0 {
        return;
    }
    transpose(grad.weight_hh, gates, grad.transposed);

    for number in (0..grad.steps).rev() {
        let at = grad.at(number);
        step(kernels, cell, &mut grad, number, Half::First);

        let first = C::KEPT * hidden * at;
        if cell.has_halves() {
            let parts = (2 * hidden, hidden, 2 * hidden);
            grad.through_states::<K, C>(kernels, first, parts, true);
            step(kernels, cell, &mut grad, number, Half::Second);
            grad.through_states::<K, C>(kernels, first, (0, 2 * hidden, 0), false);
        } else if C::GATES == 3 {
            grad.through_states::<K, C>(kernels, first, (0, 2 * hidden, 0), false);
            let parts = (3 * hidden, hidden, 2 * hidden);
            grad.through_states::<K, C>(kernels, first, parts, false);
        } else {
            grad.through_states::<K, C>(kernels, first, (0, gates, 0), false);
        }
    }
}

/// Writes a matrix of rows of `columns` elements with its columns as rows.
fn transpose<T: Copy>(matrix: &[T], columns: usize, transposed: &mut [T]) {
    let rows = matrix.len() / columns;
    for (column, to) in transposed.chunks_exact_mut(rows).enumerate() {
        for (to, row) in to.iter_mut().zip(matrix.chunks_exact(columns)) {
            *to = row[column];
        }
    }
}

impl<T: Copy> RecurrentGrad<'_, T> {
    /// Returns the position in the sequence of the step with this number.
    fn at(&self, number: usize) -> usize {
        if self.reversed {
            self.steps - 1 - number
        } else {
            number
        }
    }

    /// Adds to the gradient of the state that which goes through `count` sums, from `from` on in
    /// what is kept and from `row` on in the transposed weight; or sets `product` to it.
    fn through_states<K: Kernels<T>, C: RecurrentCell>(
        &mut self,
        kernels: K,
        first: usize,
        (from, count, row): (usize, usize, usize),
        to_product: bool,
    ) {
        let hidden = self.hidden;
        kernels.product(Product {
            m: self.samples,
            n: hidden,
            k: count,
            a: Matrix {
                data: &self.kept[first + from..],
                row_stride: self.steps * C::KEPT * hidden,
                col_stride: 1,
            },
            b: Matrix::row_major(&self.transposed[row * hidden..], hidden),
            c: if to_product {
                &mut *self.product
            } else {
                &mut *self.dh
            },
            c_stride: hidden,
            start: if to_product {
                Start::Zero
            } else {
                Start::Accumulate
            },
            relu: false,
            whole: usize::MAX,
            memory: &mut *self.memory,
        });
    }
}

/// Turns what a step has kept into the gradients of its sums.
fn step<T: Copy, K: Kernels<T>, C: RecurrentCell>(
    kernels: K,
    cell: C,
    grad: &mut RecurrentGrad<'_, T>,
    number: usize,
    half: Half,
) {
    let at = grad.at(number);
    let hidden = grad.hidden;
    let row = grad.steps * hidden;
    let kept_row = C::KEPT * row;

    let (cells, cells_before, cells_before_row) = if !C::HAS_CELLS {
        (&[][..], &[][..], 0)
    } else if number == 0 {
        (&grad.cells[at * hidden..], grad.first_cells, hidden)
    } else {
        let before = grad.at(number - 1);
        (
            &grad.cells[at * hidden..],
            &grad.cells[before * hidden..],
            row,
        )
    };

    kernels.recurrent_step_grad(
        cell,
        RecurrentStepGrad {
            samples: grad.samples,
            hidden,
            dy: &grad.dy[at * grad.dy_strides[1]..],
            dy_row: grad.dy_strides[0],
            dh: &mut *grad.dh,
            dc: &mut *grad.dc,
            kept: &mut grad.kept[at * C::KEPT * hidden..],
            kept_row,
            cells,
            cells_before,
            cells_before_row,
            before: &grad.before[at * hidden..],
            row,
            mask: if grad.mask.is_empty() {
                &[]
            } else {
                &grad.mask[at..]
            },
            mask_row: grad.steps,
            product: if half == Half::Second {
                &*grad.product
            } else {
                &[]
            },
        },
        half,
    );
}
