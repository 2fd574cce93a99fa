//! The loss of quantiles.

use super::padding::EqualWeights;
use super::{AnyOutput, Loss, Reduction, check_lengths, scaled};
use crate::memory::{flatten, flatten_mut};
use crate::sum::Sum;
use crate::tensor::{Element, Rank0, Rank1, Rank2, Rank3, Rank4, Shape, Tensor, double};

/// The quantile loss, also called the pinball loss: for a quantile `q` and an output that is too low
/// by `d`, `q * d`; too high by `d`, `(1 - q) * d`. Koenker and Bassett, 1978, "Regression
/// Quantiles"; scikit-learn's `mean_pinball_loss`. The mean is over all elements of the outputs.
///
/// Its minimum is the value that the target stays below with probability `q`. The last axis of the
/// outputs has one number for each quantile, and targets have the axes before it: outputs `[24, 3]`
/// take targets `[24]`, and outputs `[3]` take tensors without an axis. The gradient of an output that is equal
/// to its target is 0.
///
/// ```
/// use shapewright::prelude::*;
/// // Two hours, each with the limits of a band of 80 % and the median in its middle.
/// let outputs = [Tensor2::from([[1.0, 2.0, 3.0], [0.0, 1.0, 4.0]])];
/// let targets = [Tensor1::from([2.0, 5.0])];
/// let mut gradients = [Tensor2::zeros()];
/// let loss: f32 = Quantile([0.1, 0.5, 0.9]).loss(&outputs, &targets, &mut gradients);
/// assert!((loss - (0.1 + 0.0 + 0.1 + 0.5 + 2.0 + 0.9) / 6.0).abs() < 1e-6);
/// assert_eq!(gradients[0][[0, 1]], 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile<const N: usize> {
    quantiles: [f64; N],
    reduction: Reduction,
}

/// Returns the [`struct@Quantile`] loss of these quantiles: `Quantile([0.1, 0.5, 0.9])`.
///
/// # Panics
/// Panics unless all of them lie between 0 and 1.
#[doc(alias = "pinball_loss")]
#[allow(non_snake_case)]
pub const fn Quantile<const N: usize>(quantiles: [f64; N]) -> Quantile<N> {
    let mut i = 0;
    while i < N {
        assert!(
            0.0 < quantiles[i] && quantiles[i] < 1.0,
            "the quantiles of `Quantile` lie between 0 and 1"
        );
        i += 1;
    }
    Quantile {
        quantiles,
        reduction: Reduction::Mean,
    }
}

impl<const N: usize> Quantile<N> {
    /// Sets the reduction; the mean by default.
    pub const fn reduction(self, reduction: Reduction) -> Self {
        Quantile { reduction, ..self }
    }
}

impl<const N: usize> EqualWeights for Quantile<N> {
    fn used_reduction(&self) -> Reduction {
        self.reduction
    }

    fn with_reduction(self, reduction: Reduction) -> Self {
        Self::reduction(self, reduction)
    }
}

/// Outputs with one number for each of `N` quantiles.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "outputs of `{Self}` are not the numbers of {N} quantiles",
    label = "not {N} numbers along the last axis",
    note = "the last axis of the outputs has one number for each quantile of the loss"
)]
pub trait Quantiles<const N: usize>: Shape {
    /// The axes before the axis of quantiles.
    type Values: Shape;
}

macro_rules! quantiles {
    ($($values:ident, $shape:ident<$($size:ident),*>;)*) => { $(
        impl<$(const $size: usize,)* const N: usize> Quantiles<N> for $shape<$($size,)* N> {
            type Values = $values<$($size),*>;
        }
    )* };
}
quantiles! {
    Rank0, Rank1<>;
    Rank1, Rank2<A>;
    Rank2, Rank3<A, B>;
    Rank3, Rank4<A, B, C>;
}

impl<Out: Quantiles<N>, T: Element, const N: usize> Loss<Out, T> for Quantile<N> {
    type Target = Tensor<Out::Values, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out::Values, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale: T = self.reduction.weight(outputs.len(), Out::LEN);
        let outputs = flatten(outputs).as_chunks::<N>().0;
        let gradients = flatten_mut(gradients).as_chunks_mut::<N>().0;
        let places = outputs.iter().zip(gradients);

        let mut sum = Sum::default();
        for ((outputs, gradients), &target) in places.zip(flatten(targets)) {
            for (i, &quantile) in self.quantiles.iter().enumerate() {
                let (target, output) = (double(target), double(outputs[i]));
                let off = target - output;
                let slope = slope(off, quantile);
                if off.is_infinite() {
                    // Its share may be in range.
                    sum.add(slope * target);
                    sum.add(-slope * output);
                } else {
                    sum.add(slope * off);
                }
                gradients[i] = T::from_f64_lossy(-slope) * scale;
            }
        }
        scaled(sum, scale)
    }
}

/// Returns the slope of the loss in the difference of a target from the output.
fn slope(off: f64, quantile: f64) -> f64 {
    if off > 0.0 {
        quantile
    } else if off < 0.0 {
        quantile - 1.0
    } else {
        // 0, or NaN.
        off
    }
}
