//! Losses on similarity and order, most of them on pairs of outputs. Their loops are plain, because
//! these losses are rare and their outputs small.

use super::{
    AnyOutput, Loss, Reduction, TINY, check_lengths, elementwise, loss, of_pairs, scaled, times,
};
use crate::sum::{Sum, sum_of};
use crate::tensor::{Element, Rank1, Shape, Tensor, double};

loss! {
    /// The hinge loss on outputs that are distances: the distance `d` where the target is 1
    /// (similar), and `max(0, margin - d)` where it is -1 (dissimilar). PyTorch's
    /// `nn.HingeEmbeddingLoss`; the mean is over all elements.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// let (distances, targets) = ([Tensor1::from([0.5, 0.25])], [Tensor1::from([1.0, -1.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = HingeEmbedding.loss(&distances, &targets, &mut gradients);
    /// assert_eq!((loss, gradients[0]), (0.625, Tensor1::from([0.5, -0.5])));
    /// ```
    HingeEmbedding as "HingeEmbeddingLoss" {
        /// Sets the distance that dissimilar samples should have at least; 1 by default.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        margin: f64 = 1.0,
            if margin >= 0.0 && margin.is_finite(),
            "the margin of `HingeEmbedding` is a number from 0 up";
    }
}

loss! {
    /// The ranking loss on outputs that are pairs `(S, S)` of tensors: the amount by which the
    /// first is not larger than the second by `margin` where the target is 1, and by which the
    /// second is not larger than the first where it is -1. PyTorch's `nn.MarginRankingLoss`; the
    /// mean is over all elements. Targets have the shape `S`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let pair: Tensor<(Rank1<1>, Rank1<1>)> =
    ///     Tensor::from((Tensor1::from([0.5]), Tensor1::from([2.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = MarginRanking.loss(&[pair], &[Tensor1::from([1.0])], &mut gradients);
    /// assert_eq!((loss, gradients[0].as_slice()), (1.5, &[-1.0, 1.0][..]));
    /// ```
    MarginRanking as "MarginRankingLoss" {
        /// Sets the difference that the two should have at least; 0 by default.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        margin: f64 = 0.0,
            if margin >= 0.0 && margin.is_finite(),
            "the margin of `MarginRanking` is a number from 0 up";
    }
}

loss! {
    /// The cosine loss on outputs that are pairs of vectors: `1 - c` with the cosine `c` of the
    /// angle between them where the target is 1 (similar), and `max(0, c - margin)` where it is -1
    /// (dissimilar). PyTorch's `nn.CosineEmbeddingLoss`; the mean is over the pairs. The target of
    /// a pair is one number.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::tensor::Rank1;
    /// let pair: Tensor<(Rank1<2>, Rank1<2>)> =
    ///     Tensor::from((Tensor1::from([2.0, 0.0]), Tensor1::from([1.0, 1.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = CosineEmbedding.loss(&[pair], &[1.0], &mut gradients);
    /// assert!((loss - 0.292_893).abs() < 1e-6);
    /// ```
    CosineEmbedding as "CosineEmbeddingLoss" {
        /// Sets the cosine above which dissimilar vectors are too similar, from -1 to 1; 0 by
        /// default.
        ///
        /// # Panics
        /// Panics if it is not from -1 to 1.
        margin: f64 = 0.0,
            if -1.0 <= margin && margin <= 1.0,
            "the margin of `CosineEmbedding` is from -1 to 1";
    }
}

loss! {
    /// The triplet loss on outputs that are three vectors, an anchor `a`, a positive `p` and a
    /// negative `n`: `max(0, |a - p| - |a - n| + margin)`. PyTorch's `nn.TripletMarginLoss` with
    /// `p = 2`; Balntas et al., 2016. The mean is over the triplets. There are no targets to
    /// compare with: they are `()`.
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
    TripletMargin as "TripletMarginLoss" {
        /// Sets the distance by which the negative should be farther away; 1 by default.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        margin: f64 = 1.0,
            if margin >= 0.0 && margin.is_finite(),
            "the margin of `TripletMargin` is a number from 0 up";
        /// Sets whether the negative's distance from the positive replaces that from the anchor
        /// where it is less; `false` by default.
        swap: bool = false;
        /// Sets the number that is added to each difference of two elements, so that no distance is
        /// 0; 1e-6 by default.
        ///
        /// # Panics
        /// Panics if it is negative, NaN or infinite.
        epsilon: f64 = 1e-6,
            if epsilon >= 0.0 && epsilon.is_finite(),
            "the epsilon of `TripletMargin` is a number from 0 up";
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
        let scale = self.reduction.weight(outputs.len(), Out::LEN);
        let one = T::one();
        let margin = T::from_f64_lossy(self.margin);

        elementwise(outputs, targets, gradients, scale, |_, x, t| {
            if x.is_nan() || t.is_nan() {
                (T::nan(), T::nan())
            } else if t == one {
                (x, one)
            } else if t == -one {
                let (loss, slope) = above(margin - x);
                (loss, -slope)
            } else {
                // As in PyTorch, a target that is neither counts as both.
                let (excess, slope) = above(x - margin);
                (margin + excess, slope)
            }
        })
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
        let scale = self.reduction.weight(outputs.len(), S::LEN);
        let margin = T::from_f64_lossy(self.margin);

        of_pairs(outputs, targets, gradients, scale, |first, second, t| {
            let (loss, slope) = above(margin - times(t, first - second));
            (loss, [-t * slope, t * slope])
        })
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
        let scale = self.reduction.weight(outputs.len(), 1);
        let one = T::one();
        let margin = T::from_f64_lossy(self.margin);

        let mut sum = Sum::default();
        for ((output, &target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (a, b) = output.as_slice().split_at(N);
            let (da, db) = gradient.as_mut_slice().split_at_mut(N);

            // The products of the vectors, each divided by its size.
            let size_a = size(a.iter().copied(), 0.0);
            let size_b = size(b.iter().copied(), 0.0);
            let dot = |(a, size_a): (&[T], T), (b, size_b): (&[T], T)| {
                let products = sum_of(a, |i, a| double(over(a, size_a) * over(b[i], size_b)));
                T::from_f64_lossy(products.value())
            };
            let scaled_a = (a, size_a);
            let scaled_b = (b, size_b);
            // As in PyTorch, so that vectors of zeros have an angle.
            let tiny = T::from_f64_lossy(TINY);
            let square_a = dot(scaled_a, scaled_a) + tiny / size_a / size_a;
            let square_b = dot(scaled_b, scaled_b) + tiny / size_b / size_b;
            let product = square_a.sqrt() * square_b.sqrt();
            let cosine = dot(scaled_a, scaled_b) / product;

            // As in PyTorch, a target that is neither does not count.
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
                let a = over(a[i], size_a);
                let b = over(b[i], size_b);
                da[i] = slope * scale * (b / product - cosine * a / square_a) / size_a;
                db[i] = slope * scale * (a / product - cosine * b / square_b) / size_b;
            }
        }
        scaled(sum, scale)
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
        let scale = self.reduction.weight(outputs.len(), 1);
        let margin = T::from_f64_lossy(self.margin);
        let epsilon = T::from_f64_lossy(self.epsilon);

        let mut sum = Sum::default();
        for (output, gradient) in outputs.iter().zip(gradients) {
            let (anchor, others) = output.as_slice().split_at(N);
            let (positive, negative) = others.split_at(N);
            let to_positive = Distance::between(anchor, positive, epsilon);
            let to_negative = Distance::between(anchor, negative, epsilon);
            let swapped = Distance::between(positive, negative, epsilon);
            let near = to_positive.value();
            let far = to_negative.value();
            let swap = swapped.value();

            // The distance of the negative, and the shares of the distances from the anchor and
            // from the positive in its gradient. Equal distances have a half each, as in PyTorch.
            let (negative_distance, anchor_share, positive_share) = if self.swap && swap <= far {
                let anchor_share = T::from_f64_lossy(if swap == far { 0.5 } else { 0.0 });
                (swap, anchor_share, T::one() - anchor_share)
            } else {
                (far, T::one(), T::zero())
            };
            let (loss, slope) = above(margin + near - negative_distance);
            sum.add(double(loss));

            let slope = slope * scale;
            let anchor_slope = slope * anchor_share;
            let positive_slope = slope * positive_share;
            let (da, others) = gradient.as_mut_slice().split_at_mut(N);
            let (dp, dn) = others.split_at_mut(N);
            for i in 0..N {
                let ap = to_positive.slope(slope, anchor[i] - positive[i] + epsilon);
                let an = to_negative.slope(anchor_slope, anchor[i] - negative[i] + epsilon);
                let pn = swapped.slope(positive_slope, positive[i] - negative[i] + epsilon);
                da[i] = ap - an;
                dp[i] = -ap - pn;
                dn[i] = an + pn;
            }
        }
        scaled(sum, scale)
    }
}

/// The distance of two vectors as the product of a size and a root, so that it neither overflows
/// nor vanishes.
#[derive(Clone, Copy)]
struct Distance<T> {
    size: T,
    root: T,
}

impl<T: Element> Distance<T> {
    /// Returns the distance of two vectors, with `epsilon` added to the difference of two elements.
    fn between(a: &[T], b: &[T], epsilon: T) -> Self {
        let size = size(a.iter().zip(b).map(|(&a, &b)| a - b + epsilon), SMALL);
        let squares = sum_of(a, |i, a| {
            let off = over(a - b[i] + epsilon, size);
            double(off * off)
        });
        Distance {
            size,
            root: T::from_f64_lossy(crate::float::sqrt(squares.value())),
        }
    }

    fn value(self) -> T {
        self.size * self.root
    }

    /// Returns `weight` times the slope of the distance in the element whose difference is given.
    fn slope(self, weight: T, difference: T) -> T {
        // A distance without weight has no direction.
        if weight.is_zero() || self.root.is_zero() {
            return T::zero();
        }
        weight * over(difference, self.size) / self.root
    }
}

/// The largest size of an element that is squared as it is. Larger vectors are scaled down first,
/// so that no length that fits in an `f32` overflows.
const LARGE: f64 = 1e15;

/// The least size of a difference that is squared as it is: the square of a smaller one may vanish.
const SMALL: f64 = 1e-15;

/// Returns the divisor of a vector before its elements are squared: 1 if they are neither large nor
/// below `small`.
fn size<T: Element>(vector: impl Iterator<Item = T>, small: f64) -> T {
    let largest = vector.fold(T::zero(), |most: T, x| most.max(x.abs()));
    let usual = T::from_f64_lossy(small)..T::from_f64_lossy(LARGE);
    if usual.contains(&largest) || largest.is_zero() {
        T::one()
    } else {
        largest
    }
}

/// Returns `x / size`. For an infinite size, the result is the limit of a vector whose infinite
/// elements grow alike, so that only they count.
fn over<T: Element>(x: T, size: T) -> T {
    if x.is_infinite() && size.is_infinite() {
        x.signum()
    } else {
        x / size
    }
}

/// Returns `max(0, x)` and its slope, which is 0 at 0 as in PyTorch. Both are NaN if `x` is.
fn above<T: Element>(x: T) -> (T, T) {
    if x <= T::zero() {
        (T::zero(), T::zero())
    } else if x.is_nan() {
        (x, x)
    } else {
        (x, T::one())
    }
}
