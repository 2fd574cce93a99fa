//! Labels as tensors.

use crate::loss::Label;
use crate::tensor::{Element, Tensor1};

/// Returns 1 for the label's class and 0 for the others: a target for losses on numbers.
///
/// [`CrossEntropy`](struct@crate::loss::CrossEntropy) takes the label itself.
///
/// ```
/// use shapewright::data::one_hot;
/// use shapewright::prelude::*;
/// let label = Label::<3>::new(1)?;
/// assert_eq!(one_hot(label), Tensor1::from([0.0_f32, 1.0, 0.0]));
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
pub fn one_hot<T: Element, const N: usize>(label: Label<N>) -> Tensor1<N, T> {
    let mut target = Tensor1::zeros();
    one_hot_into(label, &mut target);
    target
}

/// Like [`one_hot`], but writes to a tensor: for many classes, whose tensor does not fit on the
/// stack.
pub fn one_hot_into<T: Element, const N: usize>(label: Label<N>, target: &mut Tensor1<N, T>) {
    target.fill_with(|class| {
        if class == label.index() {
            T::one()
        } else {
            T::zero()
        }
    });
}
