//! Losses on similarity and order, most of them on pairs of outputs. Plain loops: they are rare,
//! and their outputs are small.

use super::{AnyOutput, Loss, Reduction, TINY, check_lengths, elementwise, loss, scaled, times};
use crate::memory::{flatten, flatten_mut};
use crate::sum::{Sum, sum_of};
use crate::tensor::{Element, Rank1, Shape, Tensor, double};

loss! {
    /// Of outputs that are distances: the distance where the target is 1 (similar), and what it lacks to `margin` where
    /// the target is -1 (not similar). PyTorch's `nn.HingeEmbeddingLoss`; the mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (distances, targets) = ([Tensor1::from([0.5, 0.25])], [Tensor1::from([1.0, -1.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = HingeEmbedding.loss(&distances, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (0.625, Tensor1::from([0.5, -0.5])));
    /// ```
    HingeEmbedding {
        /// How far apart what is not similar should be; 1 by default.
        ///
        /// # Panics
        /// Unless it is a number from 0 up.
        margin: f64 = 1.0, if margin >= 0.0 && margin.is_finite(), "the margin of `HingeEmbedding` is a number from 0 up";
    }
}

loss! {
    /// Of outputs that are pairs `(S, S)` of tensors: what the first lacks to be larger than the second by `margin` where
    /// the target is 1, and the other way round where it is -1. PyTorch's `nn.MarginRankingLoss`; the mean is over all
    /// elements. Targets have the shape `S`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let pair: Tensor<(Rank1<1>, Rank1<1>)> = Tensor::from((Tensor1::from([0.5]), Tensor1::from([2.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = MarginRanking.loss(&[pair], &[Tensor1::from([1.0])], &mut gradients);
    /// assert_eq!((loss, gradients[0].as_slice()), (1.5, &[-1.0, 1.0][..]));
    /// ```
    MarginRanking {
        /// By how much one should be larger; 0 by default.
        ///
        /// # Panics
        /// Unless it is a number from 0 up.
        margin: f64 = 0.0, if margin >= 0.0 && margin.is_finite(), "the margin of `MarginRanking` is a number from 0 up";
    }
}

loss! {
    /// Of outputs that are pairs of vectors: 1 less the cosine of the angle between them where the target is 1
    /// (similar), and the cosine above `margin` where it is -1 (not similar). PyTorch's `nn.CosineEmbeddingLoss`; the
    /// mean is over the pairs. The target of a pair is one number.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let pair: Tensor<(Rank1<2>, Rank1<2>)> = Tensor::from((Tensor1::from([2.0, 0.0]), Tensor1::from([1.0, 1.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = CosineEmbedding.loss(&[pair], &[1.0], &mut gradients);
    /// assert!((loss - 0.292_893).abs() < 1e-6);
    /// ```
    CosineEmbedding {
        /// From which cosine on vectors are too similar, -1 to 1; 0 by default.
        ///
        /// # Panics
        /// Unless it is from -1 to 1.
        margin: f64 = 0.0, if -1.0 <= margin && margin <= 1.0, "the margin of `CosineEmbedding` is from -1 to 1";
    }
}

loss! {
    /// Of outputs that are three vectors, an anchor, a positive and a negative: by how much the anchor's distance from
    /// the positive, and `margin`, are more than that from the negative. PyTorch's `nn.TripletMarginLoss` with `p = 2`;
    /// Balntas et al., 2016. The mean is over the triplets. There is nothing to compare with: the targets are `()`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let triplet: Tensor<(Rank1<1>, Rank1<1>, Rank1<1>)> =
    ///     Tensor::from((Tensor1::from([0.0]), Tensor1::from([2.0]), Tensor1::from([1.5])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = TripletMargin.loss(&[triplet], &[()], &mut gradients);
    /// assert!((loss - 1.5).abs() < 1e-5);
    /// assert_eq!(gradients[0].as_slice(), [0.0, 1.0, -1.0]);
    /// ```
    TripletMargin {
        /// By how much the negative should be farther away; 1 by default.
        ///
        /// # Panics
        /// Unless it is a number from 0 up.
        margin: f64 = 1.0, if margin >= 0.0 && margin.is_finite(), "the margin of `TripletMargin` is a number from 0 up";
        /// Whether the positive's distance from the negative counts if it is less than the anchor's; `false` by
        /// default.
        swap: bool = false;
        /// What is added to each difference of two numbers, so that no distance is 0; 1e-6 by default.
        ///
        /// # Panics
        /// Unless it is a number from 0 up.
        epsilon: f64 = 1e-6, if epsilon >= 0.0 && epsilon.is_finite(), "the epsilon of `TripletMargin` is a number from 0 up";
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for HingeEmbedding {
    type Target = Tensor<Out, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len() * Out::LEN);
        let (one, margin) = (T::one(), T::from_f64_lossy(self.margin));
        let (outputs, targets) = (flatten(outputs), flatten(targets));
        let sum = elementwise(
            outputs,
            targets,
            flatten_mut(gradients),
            scale,
            |_, x, t| {
                if x.is_nan() || t.is_nan() {
                    (T::nan(), T::nan())
                } else if t == one {
                    (x, one)
                } else if t == -one {
                    let (loss, slope) = above(margin - x);
                    (loss, -slope)
                } else {
                    // As PyTorch, a target that is neither counts as both.
                    let (more, slope) = above(x - margin);
                    (margin + more, slope)
                }
            },
        );
        scaled(sum, scale)
    }
}

impl<S: Shape, T: Element> Loss<(S, S), T> for MarginRanking {
    type Target = Tensor<S, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<(S, S), T>],
        targets: &[Tensor<S, T>],
        gradients: &mut [Tensor<(S, S), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len() * S::LEN);
        let margin = T::from_f64_lossy(self.margin);
        let mut sum = Sum::default();
        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (first, second) = output.as_slice().split_at(S::LEN);
            let (first_slopes, second_slopes) = gradient.as_mut_slice().split_at_mut(S::LEN);
            sum.add(elementwise(
                first,
                target.as_slice(),
                first_slopes,
                scale,
                |i, first, t| {
                    let (loss, slope) = above(margin - times(t, first - second[i]));
                    second_slopes[i] = t * slope * scale;
                    (loss, -t * slope)
                },
            ));
        }
        scaled(sum.value(), scale)
    }
}

impl<T: Element, const N: usize> Loss<(Rank1<N>, Rank1<N>), T> for CosineEmbedding {
    type Target = T;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<(Rank1<N>, Rank1<N>), T>],
        targets: &[T],
        gradients: &mut [Tensor<(Rank1<N>, Rank1<N>), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len());
        let (one, margin) = (T::one(), T::from_f64_lossy(self.margin));
        let mut sum = Sum::default();
        for ((output, &target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (a, b) = output.as_slice().split_at(N);
            let (da, db) = gradient.as_mut_slice().split_at_mut(N);
            let (size_a, size_b) = (size(a.iter().copied()), size(b.iter().copied()));
            let dot = |(a, size_a): (&[T], T), (b, size_b): (&[T], T)| {
                let product = |(&a, &b): (&T, &T)| double(over(a, size_a) * over(b, size_b));
                T::from_f64_lossy(sum_of(a.iter().zip(b).map(product)))
            };
            let (of_a, of_b) = ((a, size_a), (b, size_b));
            // As in PyTorch, so that vectors of zeros have an angle.
            let tiny = T::from_f64_lossy(TINY);
            let (square_a, square_b) = (dot(of_a, of_a) + tiny, dot(of_b, of_b) + tiny);
            let product = square_a.sqrt() * square_b.sqrt();
            let cosine = dot(of_a, of_b) / product;
            // As PyTorch, a target that is neither counts as nothing.
            let (loss, slope) = if target == one {
                (one - cosine, -one)
            } else if target == -one {
                above(cosine - margin)
            } else if target.is_nan() {
                (target, target)
            } else {
                (T::zero(), T::zero())
            };
            sum.add(double(loss));
            for i in 0..N {
                let (a, b) = (over(a[i], size_a), over(b[i], size_b));
                da[i] = slope * scale * (b / product - cosine * a / square_a) / size_a;
                db[i] = slope * scale * (a / product - cosine * b / square_b) / size_b;
            }
        }
        scaled(sum.value(), scale)
    }
}

impl<T: Element, const N: usize> Loss<(Rank1<N>, Rank1<N>, Rank1<N>), T> for TripletMargin {
    type Target = ();
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<(Rank1<N>, Rank1<N>, Rank1<N>), T>],
        targets: &[()],
        gradients: &mut [Tensor<(Rank1<N>, Rank1<N>, Rank1<N>), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len());
        let (margin, epsilon) = (
            T::from_f64_lossy(self.margin),
            T::from_f64_lossy(self.epsilon),
        );
        // A distance is a size times a root.
        let distance = |a: &[T], b: &[T]| {
            let differences = || a.iter().zip(b).map(|(&a, &b)| a - b + epsilon);
            let size = size(differences());
            let squares = differences().map(|off| double(over(off, size) * over(off, size)));
            (size, T::from_f64_lossy(sum_of(squares).sqrt()))
        };
        let mut sum = Sum::default();
        for (output, gradient) in outputs.iter().zip(gradients) {
            let (anchor, others) = output.as_slice().split_at(N);
            let (positive, negative) = others.split_at(N);
            let (near_parts, far_parts) = (distance(anchor, positive), distance(anchor, negative));
            let (near, far) = (near_parts.0 * near_parts.1, far_parts.0 * far_parts.1);
            // How much of the far distance is from the anchor, and how much from the positive.
            let (mut farther, mut own, mut swapped) = (far, T::one(), T::zero());
            let other_parts = distance(positive, negative);
            let other = other_parts.0 * other_parts.1;
            if self.swap && other <= far {
                // Of equal distances, each has half of the gradient, as in PyTorch.
                own = T::from_f64_lossy(if other == far { 0.5 } else { 0.0 });
                (farther, swapped) = (other, T::one() - own);
            }
            let (loss, slope) = above(margin + near - farther);
            sum.add(double(loss));
            let slope = slope * scale;
            let unit = |share: T, difference: T, (size, root): (T, T)| {
                // What does not count has no direction.
                let weight = slope * share;
                if weight.is_zero() || root.is_zero() {
                    return T::zero();
                }
                weight * over(difference + epsilon, size) / root
            };
            let (da, others) = gradient.as_mut_slice().split_at_mut(N);
            let (dp, dn) = others.split_at_mut(N);
            for i in 0..N {
                let (a, p, n) = (anchor[i], positive[i], negative[i]);
                let (ap, an) = (
                    unit(T::one(), a - p, near_parts),
                    unit(own, a - n, far_parts),
                );
                let pn = unit(swapped, p - n, other_parts);
                (da[i], dp[i], dn[i]) = (ap - an, -ap - pn, an + pn);
            }
        }
        scaled(sum.value(), scale)
    }
}

/// Vectors with larger numbers are made smaller before they are squared, so that no length is
/// infinite that an `f32` has.
const LARGE: f64 = 1e15;

/// What a vector is divided by before it is squared: 1 if its numbers are not large.
fn size<T: Element>(vector: impl Iterator<Item = T>) -> T {
    let largest = vector.fold(T::zero(), |most: T, x| most.max(x.abs()));
    if largest < T::from_f64_lossy(LARGE) {
        T::one()
    } else {
        largest
    }
}

/// `x / size`; over an infinite size, the limit of a vector whose infinite numbers grow alike: they
/// alone count.
fn over<T: Element>(x: T, size: T) -> T {
    if x.is_infinite() && size.is_infinite() {
        x.signum()
    } else {
        x / size
    }
}

/// `x` above 0, and its slope, which is 0 at 0 as in PyTorch. NaN stays, and has no slope.
fn above<T: Element>(x: T) -> (T, T) {
    if x <= T::zero() {
        (T::zero(), T::zero())
    } else if x.is_nan() {
        (x, x)
    } else {
        (x, T::one())
    }
}
