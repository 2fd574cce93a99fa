//! Recurrent layers: all steps of a sequence in one direction, for the rows of a batch.
//!
//! The sums of a step are one chain of multiply-adds per element, whatever the number of rows and
//! steps in a call: the bias of the input, the inputs in order, the bias of the state, the state in
//! order. A sequence that is cut into several calls therefore has the bits of the whole one.

mod cells;
mod forward;
mod grad;
mod grad_cells;
mod reference;
mod step;

pub use grad::{RecurrentGrad, recurrent_grad};

use super::product::{DEPTH, LONG};
use super::{F32Kernels, Kernels, sizes};

/// A cell of a recurrent layer. Its kernels are functions of their own, so that a program contains
/// only those of its cells.
pub trait RecurrentCell: Copy + Send + Sync + 'static {
    /// The number of columns of the weights for each hidden unit.
    const GATES: usize;
    /// The number of values that a step keeps for backward for each hidden unit.
    const KEPT: usize;
    /// True if there is a cell state in addition to the hidden state.
    const HAS_CELLS: bool;

    /// Returns whether a step has two halves with a product between them. It then needs room for the
    /// values that it keeps although nothing is kept.
    fn has_halves(self) -> bool;
    /// Computes all steps.
    fn single(self, kernels: F32Kernels, call: &mut Recurrent<'_, f32>);
    /// Like `single`.
    fn double(self, call: &mut Recurrent<'_, f64>);
    /// Turns what one step has kept into the gradients of its sums.
    fn single_grad(self, kernels: F32Kernels, call: RecurrentStepGrad<'_, f32>, half: Half);
    /// Like `single_grad`.
    fn double_grad(self, call: RecurrentStepGrad<'_, f64>, half: Half);
}

/// The long short-term memory: gates `i`, `f`, `g`, `o`.
#[derive(Clone, Copy, Debug)]
pub struct LstmCell;

/// The gated recurrent unit: gates `r`, `z`, `n`.
#[derive(Clone, Copy, Debug)]
pub struct GruCell {
    /// True if the candidate `n` is rectified instead of a hyperbolic tangent.
    pub relu: bool,
    /// True if the state is reset before its product, instead of the product.
    pub reset_before: bool,
}

/// The simple cell of Elman, 1990.
#[derive(Clone, Copy, Debug)]
pub struct RnnCell {
    /// True if the new state is rectified instead of a hyperbolic tangent.
    pub relu: bool,
}

/// A half of the gradients of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Everything, or what comes before the product.
    First,
    /// The part after the product.
    Second,
}

/// The weights of a cell, with the columns of its gates side by side.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentWeights<'a, T> {
    /// `[inputs][gates * hidden]`
    pub ih: &'a [T],
    /// `[hidden][gates * hidden]`
    pub hh: &'a [T],
    /// `[gates * hidden]`, or nothing.
    pub bias_ih: &'a [T],
    /// `[gates * hidden]`, or nothing.
    pub bias_hh: &'a [T],
}

/// The steps of a recurrent layer in one direction.
///
/// Slices are `[samples][steps][..]` unless something else is said.
#[derive(Debug)]
pub struct Recurrent<'a, T> {
    pub samples: usize,
    pub steps: usize,
    pub inputs: usize,
    pub hidden: usize,
    /// True if the last step comes first.
    pub reversed: bool,
    pub weights: RecurrentWeights<'a, T>,
    /// `[..][inputs]`
    pub x: &'a [T],
    /// 0 for steps that leave the state as it is and give 0; empty if there are none.
    pub mask: &'a [T],
    /// The state before the first step, then that after the last one: `[samples][hidden]`.
    pub h: &'a mut [T],
    /// The cell state, likewise; empty if there is none.
    pub c: &'a mut [T],
    /// Room for another state: `[samples][hidden]`.
    pub next: &'a mut [T],
    /// The states after each step, from the first element of the first step.
    pub y: &'a mut [T],
    /// The distances of samples and of steps in `y`.
    pub y_strides: [usize; 2],
    /// The values of each step for backward: `[..][KEPT * hidden]`. Empty, or room for one step, if
    /// `keeps` is false.
    pub kept: &'a mut [T],
    pub keeps: bool,
    /// The cell state after each step: `[..][hidden]`, or nothing.
    pub cells: &'a mut [T],
    /// The state before each step: `[..][hidden]`, or nothing.
    pub before: &'a mut [T],
}

impl<T> Recurrent<'_, T> {
    /// Panics unless all lengths fit.
    fn check<C: RecurrentCell>(&self, cell: C) {
        let &Recurrent {
            samples,
            steps,
            inputs,
            hidden,
            ref weights,
            y_strides,
            ..
        } = self;
        let gates = sizes::product(&[C::GATES, hidden]);
        let states = sizes::product(&[samples, hidden]);
        let all = sizes::product(&[samples, steps]);

        let is = |name: &str, len: usize, wanted: usize| {
            assert!(
                len == wanted,
                "recurrent: {name} has {len} elements, not {wanted}"
            );
        };
        let is_or_none = |name: &str, len: usize, wanted: usize| {
            if len > 0 {
                is(name, len, wanted);
            }
        };
        is(
            "weight_ih",
            weights.ih.len(),
            sizes::product(&[inputs, gates]),
        );
        is(
            "weight_hh",
            weights.hh.len(),
            sizes::product(&[hidden, gates]),
        );
        is_or_none("bias_ih", weights.bias_ih.len(), gates);
        is_or_none("bias_hh", weights.bias_hh.len(), gates);
        is("x", self.x.len(), sizes::product(&[all, inputs]));
        is_or_none("mask", self.mask.len(), all);
        is("h", self.h.len(), states);
        is("next", self.next.len(), states);
        is("c", self.c.len(), if C::HAS_CELLS { states } else { 0 });
        is_or_none("cells", self.cells.len(), sizes::product(&[all, hidden]));
        is_or_none("before", self.before.len(), sizes::product(&[all, hidden]));

        let kept = sizes::product(&[if self.keeps { all } else { samples }, C::KEPT, hidden]);
        if self.keeps || cell.has_halves() {
            is("kept", self.kept.len(), kept);
        }

        let [sample, step] = y_strides;
        let disjoint = (steps <= 1 || step >= hidden)
            && (samples <= 1 || sample >= sizes::product(&[steps.max(1) - 1, step]) + hidden);
        let last = sizes::sum(&[
            sizes::product(&[samples.max(1) - 1, sample]),
            sizes::product(&[steps.max(1) - 1, step]),
            hidden,
        ]);
        assert!(
            all == 0 || (disjoint && last <= self.y.len()),
            "recurrent: the outputs overlap or leave their {} elements",
            self.y.len()
        );
    }
}

/// The gradients of one step, element by element. Rows begin `kept_row` (or `row`) elements apart.
#[derive(Debug)]
pub struct RecurrentStepGrad<'a, T> {
    pub samples: usize,
    pub hidden: usize,
    /// The gradient of the step's output, whose rows begin `dy_row` elements apart.
    pub dy: &'a [T],
    pub dy_row: usize,
    /// The gradient of the state after the step, then the part of that before it which does not go
    /// through the sums: `[samples][hidden]`.
    pub dh: &'a mut [T],
    /// The gradient of the cell state after the step, then that before it; empty if there is none.
    pub dc: &'a mut [T],
    /// The values that the step has kept, then the gradients of its sums.
    pub kept: &'a mut [T],
    pub kept_row: usize,
    /// The cell states after and before the step, or nothing; the state before it.
    pub cells: &'a [T],
    pub cells_before: &'a [T],
    pub cells_before_row: usize,
    pub before: &'a [T],
    /// The distance of the rows of `cells` and `before`.
    pub row: usize,
    /// 0 for samples that the step leaves as they are, `mask_row` elements apart; or nothing.
    pub mask: &'a [T],
    pub mask_row: usize,
    /// The product of a cell with halves: `[samples][hidden]`.
    pub product: &'a [T],
}

impl<T> RecurrentStepGrad<'_, T> {
    /// Panics unless all lengths fit.
    fn check<C: RecurrentCell>(&self, _: C) {
        let &RecurrentStepGrad {
            samples, hidden, ..
        } = self;
        if samples == 0 || hidden == 0 {
            return;
        }

        let rows = |name: &str, len: usize, row: usize, width: usize| {
            let last = sizes::sum(&[sizes::product(&[samples - 1, row]), width]);
            assert!(last <= len, "recurrent_grad: {name} is too short");
        };
        let states = sizes::product(&[samples, hidden]);
        assert!(self.dh.len() == states && (!C::HAS_CELLS || self.dc.len() == states));
        let kept = sizes::product(&[C::KEPT, hidden]);
        assert!(
            samples == 1 || self.kept_row >= kept,
            "recurrent_grad: rows overlap"
        );
        rows("dy", self.dy.len(), self.dy_row, hidden);
        rows("kept", self.kept.len(), self.kept_row, kept);
        rows("before", self.before.len(), self.row, hidden);
        if C::HAS_CELLS {
            rows("cells", self.cells.len(), self.row, hidden);
            rows(
                "cells_before",
                self.cells_before.len(),
                self.cells_before_row,
                hidden,
            );
        }
        if !self.mask.is_empty() {
            rows("mask", self.mask.len(), self.mask_row, 1);
        }
        assert!(self.product.is_empty() || self.product.len() == states);
    }
}

macro_rules! cells {
    ($($name:ident $gates:literal $kept:literal $has_cells:literal |$cell:pat_param| $halves:expr;)*) => { $(
        impl RecurrentCell for $name {
            const GATES: usize = $gates;
            const KEPT: usize = $kept;
            const HAS_CELLS: bool = $has_cells;

            #[inline]
            fn has_halves(self) -> bool {
                let $cell = self;
                $halves
            }
            fn single(self, kernels: F32Kernels, call: &mut Recurrent<'_, f32>) {
                call.check(self);
                kernels
                    .for_width(call.hidden)
                    .run(forward::StepsOp { cell: self, call });
            }
            #[inline]
            fn double(self, call: &mut Recurrent<'_, f64>) {
                call.check(self);
                reference::steps(self, call);
            }
            fn single_grad(
                self,
                kernels: F32Kernels,
                call: RecurrentStepGrad<'_, f32>,
                half: Half,
            ) {
                call.check(self);
                kernels.run(grad_cells::GradOp { cell: self, call, half });
            }
            #[inline]
            fn double_grad(self, call: RecurrentStepGrad<'_, f64>, half: Half) {
                call.check(self);
                reference::step_grad(self, call, half);
            }
        }
    )* };
}
cells! {
    LstmCell 4 4 true |_| false;
    GruCell 3 4 false |GruCell { reset_before, .. }| reset_before;
    RnnCell 1 1 false |_| false;
}
