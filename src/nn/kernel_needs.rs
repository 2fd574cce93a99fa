//! The memory of the kernels that layers call.

use crate::kernels::product_memory;
use crate::network::Needs;
use crate::tensor::Element;

/// Returns the needs of a layer for a kernel that takes `of_one` numbers in a call on one sample,
/// and at most `of_batch` numbers in a call on a batch.
pub(super) const fn kernel_needs<T: Element>(of_one: usize, of_batch: usize) -> Needs {
    if T::KERNELS_USE_MEMORY {
        Needs::NONE.for_kernel::<T>(of_one, of_batch)
    } else {
        Needs::NONE
    }
}

/// Returns the needs of a layer for a product of `rows` rows for each sample by a matrix of `k`
/// rows and `n` columns, which is `transposed` if its columns are contiguous.
pub(super) const fn product_needs<T: Element>(
    rows: usize,
    n: usize,
    k: usize,
    transposed: bool,
) -> Needs {
    // With less memory a product takes longer and has the same bits. Without the standard library,
    // memory is scarce.
    if cfg!(feature = "std") {
        let of_one = product_memory(rows, n, k, transposed);
        kernel_needs::<T>(of_one, product_memory(usize::MAX, n, k, transposed))
    } else {
        Needs::NONE
    }
}

/// Returns the needs of a layer for the gradient of a weight of `rows` rows and `columns` columns:
/// a sum over all rows of a batch, whose number is not known.
pub(super) const fn weight_grad_needs<T: Element>(rows: usize, columns: usize) -> Needs {
    if cfg!(feature = "std") {
        let len = product_memory(rows, columns, usize::MAX, false);
        kernel_needs::<T>(len, len)
    } else {
        Needs::NONE
    }
}
