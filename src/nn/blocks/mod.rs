//! Blocks: layers that contain lists of layers.

mod branches;
mod repeat;
mod residual;

pub use branches::Join;
pub use repeat::Repeat;
pub use residual::{Residual, ResidualWith};

use crate::network::{Batching, Context};
use crate::tensor::Element;
use crate::threads;

/// Adds `x` to `y`, split between threads unless it already runs in a worker.
fn add<T: Element>(y: &mut [T], x: &[T], cx: &Context<T>) {
    let parts = if cx.in_worker() {
        1
    } else {
        threads::parts(y.len())
    };

    // Whole cache lines.
    let per_part = y.len().div_ceil(parts).next_multiple_of(16);
    threads::split_mut(y, per_part, &|part, y: &mut [T]| {
        for (y, &x) in y.iter_mut().zip(&x[part * per_part..]) {
            *y += x;
        }
    });
}

/// Returns the batching of a block: the whole batch in training, or all samples of a thread, if one
/// of its branches needs them. Branches for which few samples are better cut them themselves.
const fn batching(branches: &[Batching]) -> Batching {
    let mut batching = Batching::Auto;
    let mut i = 0;
    while i < branches.len() {
        match branches[i] {
            Batching::WholeBatch => return Batching::WholeBatch,
            Batching::All => batching = Batching::All,
            Batching::Few | Batching::Auto => {}
        }
        i += 1;
    }
    batching
}
