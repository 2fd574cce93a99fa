//! The passes of an adapter: two matrices whose product is added to a frozen weight.

use crate::kernels::{Kernels, Matrix, Product, Start, product_memory};
use crate::memory::ThreadMemory;
use crate::network::{Context, Needs};
use crate::nn::attention::{WeightGrad, weight_grad};
use crate::nn::kernel_needs::{product_needs, weight_grad_needs};
use crate::tensor::Element;

/// Adds `scaling * x A B` to the outputs of a layer.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Adapter<'a, T: Element> {
    /// `[inputs][rank]`
    pub a: &'a [T],
    /// `[rank][outputs]`
    pub b: &'a [T],
    pub inputs: usize,
    pub rank: usize,
    pub outputs: usize,
    pub scaling: T,
}

/// The sizes of the products of an adapter: their columns, their inner dimension, and whether the
/// second factor is transposed.
const fn products(inputs: usize, rank: usize, outputs: usize) -> [(usize, usize, bool); 4] {
    [
        (rank, inputs, false),
        (outputs, rank, false),
        (rank, outputs, true),
        (inputs, rank, true),
    ]
}

/// Returns the needs of the passes for `rows` rows of each sample.
pub(in crate::nn) const fn adapter_needs<T: Element>(
    rows: usize,
    inputs: usize,
    rank: usize,
    outputs: usize,
) -> Needs {
    let products = products(inputs, rank, outputs);
    let mut needs = weight_grad_needs::<T>(inputs, rank).or(weight_grad_needs::<T>(rank, outputs));
    let mut i = 0;
    while i < products.len() {
        let (n, k, transposed) = products[i];
        needs = needs.or(product_needs::<T>(rows, n, k, transposed));
        i += 1;
    }
    needs
}

/// Returns the largest length of the memory of a product in the passes.
pub(in crate::nn) const fn adapter_memory(inputs: usize, rank: usize, outputs: usize) -> usize {
    let products = products(inputs, rank, outputs);
    let mut most = 0;
    let mut i = 0;
    while i < products.len() {
        let (n, k, transposed) = products[i];
        most = crate::sizes::larger(most, product_memory(usize::MAX, n, k, transposed));
        i += 1;
    }
    most
}

/// The circumstances of the products in a pass.
pub(in crate::nn) struct Pass<'a, 'm, T: Element> {
    /// The number of rows in the whole batch, on which the order of sums may depend.
    pub total_rows: usize,
    /// The memory of products.
    pub memory: &'m mut [T],
    pub cx: &'a Context<'a, T>,
}

impl<T: Element> Pass<'_, '_, T> {
    fn product(
        &mut self,
        [m, n, k]: [usize; 3],
        a: Matrix<'_, T>,
        b: Matrix<'_, T>,
        (c, c_stride): (&mut [T], usize),
        start: Start<'_, T>,
    ) {
        self.cx.kernels.product(Product {
            m,
            n,
            k,
            a,
            b,
            c,
            c_stride,
            start,
            relu: false,
            whole: self.total_rows,
            memory: self.memory,
        });
    }
}

impl<T: Element> Adapter<'_, T> {
    /// Adds to the outputs, rows that are `stride` apart. `hidden`, `rank` numbers for each row,
    /// becomes `scaling * x A`.
    pub fn forward(
        &self,
        x: &[T],
        hidden: &mut [T],
        (y, stride): (&mut [T], usize),
        pass: &mut Pass<'_, '_, T>,
    ) {
        let rows = x.len() / self.inputs;
        pass.product(
            [rows, self.rank, self.inputs],
            Matrix::row_major(x, self.inputs),
            Matrix::row_major(self.a, self.rank),
            (hidden, self.rank),
            Start::Zero,
        );
        self.scale(hidden);
        pass.product(
            [rows, self.outputs, self.rank],
            Matrix::row_major(hidden, self.rank),
            Matrix::row_major(self.b, self.outputs),
            (y, stride),
            Start::Accumulate,
        );
    }

    /// Computes the gradient of `x A` from that of the outputs, rows that are `stride` apart.
    pub fn backward_hidden(
        &self,
        (dy, stride): (&[T], usize),
        hidden_grad: &mut [T],
        pass: &mut Pass<'_, '_, T>,
    ) {
        pass.product(
            [hidden_grad.len() / self.rank, self.rank, self.outputs],
            Matrix::row_major(dy, stride),
            Matrix::row_major(self.b, self.outputs).transposed(),
            (hidden_grad, self.rank),
            Start::Zero,
        );
        self.scale(hidden_grad);
    }

    /// Adds to the gradient of the inputs.
    pub fn backward_input(&self, hidden_grad: &[T], dx: &mut [T], pass: &mut Pass<'_, '_, T>) {
        pass.product(
            [hidden_grad.len() / self.rank, self.inputs, self.rank],
            Matrix::row_major(hidden_grad, self.rank),
            Matrix::row_major(self.a, self.rank).transposed(),
            (dx, self.inputs),
            Start::Accumulate,
        );
    }

    fn scale(&self, rows: &mut [T]) {
        if self.scaling != T::one() {
            rows.iter_mut().for_each(|x| *x *= self.scaling);
        }
    }
}

/// The numbers from which the gradients of the two matrices of an adapter are computed.
pub(in crate::nn) struct AdapterRows<'a, T> {
    pub x: &'a [T],
    pub inputs: usize,
    pub rank: usize,
    pub hidden: &'a [T],
    pub hidden_grad: &'a [T],
    /// The gradient of the outputs, rows that are `stride` apart.
    pub dy: &'a [T],
    pub stride: usize,
    pub outputs: usize,
}

/// Computes the gradients of the matrices of an adapter.
pub(in crate::nn) fn backward_matrices<T: Element>(
    rows: AdapterRows<'_, T>,
    (a, b): (&mut [T], &mut [T]),
    mut memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    let AdapterRows {
        x,
        inputs,
        rank,
        hidden,
        hidden_grad,
        dy,
        stride,
        outputs,
    } = rows;
    let of_a = WeightGrad {
        x,
        dy: hidden_grad,
        dy_stride: rank,
        first: 0,
        columns: rank,
    };
    weight_grad([inputs, rank], &[of_a], a, memory.reborrow(), cx);

    let of_b = WeightGrad {
        x: hidden,
        dy,
        dy_stride: stride,
        first: 0,
        columns: outputs,
    };
    weight_grad([rank, outputs], &[of_b], b, memory, cx);
}
