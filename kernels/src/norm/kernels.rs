//! The normalizations for each element type.

use super::super::{F32Kernels, F64Kernels};
use super::rows::{RowNormGradOp, RowNormOp, RowNormSumsOp};
use super::{BatchNorm, GroupNorm, RowNorm, RowNormSums, RunningNorm, batch, groups, reference};

/// The normalizations of an element type in one instruction tier.
pub trait Normalize<T> {
    /// Normalizes rows, and stores [`crate::STATISTICS`] of each in `statistics` unless that is
    /// empty. See [`RowNorm`].
    fn row_norm(self, norm: RowNorm<'_, T>, x: &[T], y: &mut [T], statistics: &mut [T]);
    /// Computes `dx` from `dy`, for `row_norm`.
    fn row_norm_grad(self, norm: RowNorm<'_, T>, x: &[T], statistics: &[T], dy: &[T], dx: &mut [T]);
    /// Computes the gradients of weights and biases, for `row_norm`.
    fn row_norm_sums(self, sums: RowNormSums<'_, T>);
    /// Normalizes groups of columns of each sample, and stores [`crate::STATISTICS`] of each in
    /// `statistics` unless that is empty. See [`GroupNorm`].
    fn group_norm(self, norm: GroupNorm<'_, T>, x: &[T], y: &mut [T], statistics: &mut [T]);
    /// Computes `dx` from `dy`, for `group_norm`. If `weight_sums` and `bias_sums` are not empty,
    /// they receive each sample's part of the gradients of weights and biases:
    /// `sum(dy * normalized(x))` and `sum(dy)` of each column.
    #[allow(clippy::too_many_arguments)]
    fn group_norm_grad(
        self,
        norm: GroupNorm<'_, T>,
        x: &[T],
        statistics: &[T],
        dy: &[T],
        dx: Option<&mut [T]>,
        weight_sums: &mut [T],
        bias_sums: &mut [T],
    );
    /// Converts `near`, the sums of the columns of a batch, to numbers near their means.
    fn batch_near(self, x: &[T], near: &mut [T]);
    /// Computes `distances = sum(x - near)` and `squares = sum((x - near)^2)` of each column.
    fn batch_sums(self, near: &[T], x: &[T], distances: &mut [T], squares: &mut [T]);
    /// Converts the sums over all rows of the batch `x` to `rest` and `inverse` of [`BatchNorm`], and
    /// sets `variances` to the unbiased estimates, with one row less in the denominator; NaN for a
    /// single row.
    fn batch_statistics(
        self,
        x: &[T],
        eps: T,
        near: &[T],
        distances: &mut [T],
        squares: &mut [T],
        variances: &mut [T],
    );
    /// Normalizes columns with the statistics of the batch. See [`BatchNorm`].
    fn batch_norm(self, norm: BatchNorm<'_, T>, x: &[T], y: &mut [T]);
    /// Normalizes columns with given means and variances. See [`RunningNorm`].
    fn running_norm(self, norm: RunningNorm<'_, T>, x: &[T], y: &mut [T]);
    /// Computes `products = sum(dy * (x - near))` and `totals = sum(dy)` of each column.
    fn batch_grad_sums(self, near: &[T], x: &[T], dy: &[T], products: &mut [T], totals: &mut [T]);
    /// Converts the `products` of all rows of a batch to the gradient of the weight,
    /// `sum(dy * normalized(x))`.
    fn batch_products(
        self,
        norm: BatchNorm<'_, T>,
        x: &[T],
        dy: &[T],
        products: &mut [T],
        totals: &[T],
    );
    /// Computes `dx` from `dy`, for `batch_norm`, given the gradients of weight and bias over all
    /// `count` rows.
    #[allow(clippy::too_many_arguments)]
    fn batch_norm_grad(
        self,
        norm: BatchNorm<'_, T>,
        count: usize,
        products: &[T],
        totals: &[T],
        x: &[T],
        dy: &[T],
        dx: &mut [T],
    );
}

impl Normalize<f32> for F32Kernels {
    fn row_norm(self, norm: RowNorm<'_, f32>, x: &[f32], y: &mut [f32], statistics: &mut [f32]) {
        self.run(RowNormOp {
            norm,
            x,
            y,
            statistics,
        });
    }
    fn row_norm_grad(
        self,
        norm: RowNorm<'_, f32>,
        x: &[f32],
        statistics: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        self.run(RowNormGradOp {
            norm,
            x,
            statistics,
            dy,
            dx,
        });
    }
    fn row_norm_sums(self, sums: RowNormSums<'_, f32>) {
        self.run(RowNormSumsOp(sums));
    }
    fn group_norm(
        self,
        norm: GroupNorm<'_, f32>,
        x: &[f32],
        y: &mut [f32],
        statistics: &mut [f32],
    ) {
        groups::group_norm(self, norm, x, y, statistics);
    }
    fn group_norm_grad(
        self,
        norm: GroupNorm<'_, f32>,
        x: &[f32],
        statistics: &[f32],
        dy: &[f32],
        dx: Option<&mut [f32]>,
        weight_sums: &mut [f32],
        bias_sums: &mut [f32],
    ) {
        groups::group_norm_grad(self, norm, x, statistics, dy, dx, weight_sums, bias_sums);
    }
    fn batch_near(self, x: &[f32], near: &mut [f32]) {
        batch::batch_near(x, near);
    }
    fn batch_sums(self, near: &[f32], x: &[f32], distances: &mut [f32], squares: &mut [f32]) {
        batch::batch_sums(self, near, x, distances, squares);
    }
    fn batch_statistics(
        self,
        x: &[f32],
        eps: f32,
        near: &[f32],
        distances: &mut [f32],
        squares: &mut [f32],
        variances: &mut [f32],
    ) {
        batch::batch_statistics(x, eps, near, distances, squares, variances);
    }
    fn batch_norm(self, norm: BatchNorm<'_, f32>, x: &[f32], y: &mut [f32]) {
        batch::batch_norm(self, norm, x, y);
    }
    fn running_norm(self, norm: RunningNorm<'_, f32>, x: &[f32], y: &mut [f32]) {
        batch::running_norm(self, norm, x, y);
    }
    fn batch_grad_sums(
        self,
        near: &[f32],
        x: &[f32],
        dy: &[f32],
        products: &mut [f32],
        totals: &mut [f32],
    ) {
        batch::batch_grad_sums(self, near, x, dy, products, totals);
    }
    fn batch_products(
        self,
        norm: BatchNorm<'_, f32>,
        x: &[f32],
        dy: &[f32],
        products: &mut [f32],
        totals: &[f32],
    ) {
        batch::batch_products(norm, x, dy, products, totals);
    }
    fn batch_norm_grad(
        self,
        norm: BatchNorm<'_, f32>,
        count: usize,
        products: &[f32],
        totals: &[f32],
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        batch::batch_norm_grad(self, norm, count, products, totals, x, dy, dx);
    }
}

impl Normalize<f64> for F64Kernels {
    #[inline]
    fn row_norm(self, norm: RowNorm<'_, f64>, x: &[f64], y: &mut [f64], statistics: &mut [f64]) {
        reference::row_norm(norm, x, y, statistics);
    }
    #[inline]
    fn row_norm_grad(
        self,
        norm: RowNorm<'_, f64>,
        x: &[f64],
        statistics: &[f64],
        dy: &[f64],
        dx: &mut [f64],
    ) {
        reference::row_norm_grad(norm, x, statistics, dy, dx);
    }
    #[inline]
    fn row_norm_sums(self, sums: RowNormSums<'_, f64>) {
        reference::row_norm_sums(sums);
    }
    #[inline]
    fn group_norm(
        self,
        norm: GroupNorm<'_, f64>,
        x: &[f64],
        y: &mut [f64],
        statistics: &mut [f64],
    ) {
        reference::group_norm(norm, x, y, statistics);
    }
    #[inline]
    fn group_norm_grad(
        self,
        norm: GroupNorm<'_, f64>,
        x: &[f64],
        statistics: &[f64],
        dy: &[f64],
        dx: Option<&mut [f64]>,
        weight_sums: &mut [f64],
        bias_sums: &mut [f64],
    ) {
        reference::group_norm_grad(norm, x, statistics, dy, dx, weight_sums, bias_sums);
    }
    #[inline]
    fn batch_near(self, x: &[f64], near: &mut [f64]) {
        batch::batch_near(x, near);
    }
    #[inline]
    fn batch_sums(self, near: &[f64], x: &[f64], distances: &mut [f64], squares: &mut [f64]) {
        reference::batch_sums(near, x, distances, squares);
    }
    #[inline]
    fn batch_statistics(
        self,
        x: &[f64],
        eps: f64,
        near: &[f64],
        distances: &mut [f64],
        squares: &mut [f64],
        variances: &mut [f64],
    ) {
        batch::batch_statistics(x, eps, near, distances, squares, variances);
    }
    #[inline]
    fn batch_norm(self, norm: BatchNorm<'_, f64>, x: &[f64], y: &mut [f64]) {
        reference::batch_norm(norm, x, y);
    }
    #[inline]
    fn running_norm(self, norm: RunningNorm<'_, f64>, x: &[f64], y: &mut [f64]) {
        reference::running_norm(norm, x, y);
    }
    #[inline]
    fn batch_grad_sums(
        self,
        near: &[f64],
        x: &[f64],
        dy: &[f64],
        products: &mut [f64],
        totals: &mut [f64],
    ) {
        reference::batch_grad_sums(near, x, dy, products, totals);
    }
    #[inline]
    fn batch_products(
        self,
        norm: BatchNorm<'_, f64>,
        x: &[f64],
        dy: &[f64],
        products: &mut [f64],
        totals: &[f64],
    ) {
        batch::batch_products(norm, x, dy, products, totals);
    }
    #[inline]
    fn batch_norm_grad(
        self,
        norm: BatchNorm<'_, f64>,
        count: usize,
        products: &[f64],
        totals: &[f64],
        x: &[f64],
        dy: &[f64],
        dx: &mut [f64],
    ) {
        reference::batch_norm_grad(norm, count, products, totals, x, dy, dx);
    }
}
