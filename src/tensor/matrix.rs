//! Matrix products and transposition.

use super::{Element, Tensor1, Tensor2};
#[cfg(feature = "alloc")]
use crate::kernels::AlignedBuffer;
#[cfg(feature = "alloc")]
use crate::kernels::product_memory;
use crate::kernels::{Kernels, Matrix, Product, Start};
use crate::{memory, sizes, threads};

impl<const M: usize, const K: usize, T: Element> Tensor2<M, K, T> {
    /// Returns the matrix product. Inner sizes that differ are a compile error.
    ///
    /// For large products, which do not fit on the stack, use
    /// [`matmul_into`](Tensor2::matmul_into).
    ///
    /// ```compile_fail
    /// use shapewright::Tensor2;
    /// Tensor2::<2, 3>::zeros().matmul(&Tensor2::<4, 5>::zeros());
    /// ```
    pub fn matmul<const N: usize>(&self, other: &Tensor2<K, N, T>) -> Tensor2<M, N, T> {
        let mut product = Tensor2::zeros();
        self.matmul_into(other, &mut product);
        product
    }

    /// Writes the matrix product to an existing tensor.
    pub fn matmul_into<const N: usize>(
        &self,
        other: &Tensor2<K, N, T>,
        product: &mut Tensor2<M, N, T>,
    ) {
        let kernels = T::kernels();
        let a = self.as_slice();
        let b = other.as_slice();

        // Each thread computes some rows of the product.
        let parts = threads::parts(sizes::product(&[M, K, N])).min(M).max(1);
        let rows = M.div_ceil(parts).max(1);

        threads::split_mut(
            product.as_mut_slice(),
            (rows * N).max(1),
            &|part, c: &mut [T]| {
                let first = part * rows;

                #[cfg(feature = "alloc")]
                let mut buffer = AlignedBuffer::new();
                #[cfg(feature = "alloc")]
                let memory = buffer.reserve(const { Self::product_memory(N) });
                #[cfg(not(feature = "alloc"))]
                let memory = &mut [];

                kernels.product(Product {
                    m: c.len() / N.max(1),
                    n: N,
                    k: K,
                    a: Matrix {
                        data: &a[first * K..],
                        row_stride: K,
                        col_stride: 1,
                    },
                    b: Matrix {
                        data: b,
                        row_stride: N,
                        col_stride: 1,
                    },
                    c,
                    c_stride: N,
                    start: Start::Zero,
                    relu: false,
                    whole: M,
                    memory,
                });
            },
        );
    }

    /// Returns the number of numbers in the memory of a product. A small product uses none, as it
    /// takes about as long as the allocation.
    #[cfg(feature = "alloc")]
    const fn product_memory(n: usize) -> usize {
        if T::KERNELS_USE_MEMORY && sizes::product(&[M, K, n]) >= 1 << 18 {
            product_memory(M, n, K, false)
        } else {
            0
        }
    }

    /// Returns the transpose. For large matrices, which do not fit on the stack, use
    /// [`transpose_into`](Tensor2::transpose_into).
    pub fn transpose(&self) -> Tensor2<K, M, T> {
        let mut transposed = Tensor2::zeros();
        self.transpose_into(&mut transposed);
        transposed
    }

    /// Writes the transpose to an existing tensor.
    pub fn transpose_into(&self, transposed: &mut Tensor2<K, M, T>) {
        transpose([M, K], self.as_slice(), transposed.as_mut_slice());
    }

    /// Returns one row.
    pub fn row(&self, row: usize) -> &Tensor1<K, T> {
        &memory::tensors(self.0[row].as_slice(), 1)[0]
    }

    /// Returns the sum of each column, as exact as [`sum`](crate::Tensor::sum).
    pub fn sum_rows(&self) -> Tensor1<K, T> {
        let mut sums = Tensor1::zeros();
        T::kernels().column_sums(M, K, self.as_slice(), sums.as_mut_slice(), false);
        sums
    }

    /// Returns the sum of each row, as exact as [`sum`](crate::Tensor::sum).
    pub fn sum_columns(&self) -> Tensor1<M, T> {
        Tensor1::from_position(|row| self.row(row).sum())
    }
}

/// Writes the transpose of a matrix of these sizes, its rows and its columns.
pub(crate) fn transpose<T: Copy>([rows, columns]: [usize; 2], x: &[T], y: &mut [T]) {
    // In tiles, so that the cache lines that one column touches serve the next ones as well.
    const TILE: usize = 16;

    for first_row in (0..rows).step_by(TILE) {
        let last_row = rows.min(first_row + TILE);
        for first_column in (0..columns).step_by(TILE) {
            for column in first_column..columns.min(first_column + TILE) {
                let to = &mut y[column * rows..][first_row..last_row];
                let from = x[first_row * columns + column..].iter().step_by(columns);
                to.iter_mut().zip(from).for_each(|(y, x)| *y = *x);
            }
        }
    }
}
