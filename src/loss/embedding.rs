//! Losses on similarity and order, most of them on pairs of outputs. Plain loops: they are rare, and their outputs
//! are small.

use super::{Anything, Loss, Reduction, TINY, check_lengths, elementwise, loss, scaled};
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut};
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
        margin: f64 = 1.0;
    }
}

loss! {
    /// Of outputs that are pairs `(S, S)` of tensors: what the first lacks to be larger than the second by `margin` where
    /// the target is 1, and the other way round where it is -1. PyTorch's `nn.MarginRankingLoss`; the mean is over all
    /// elements. Targets have the shape `S`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::Rank1;
    /// let pair: Tensor<(Rank1<1>, Rank1<1>)> = Tensor::from((Tensor1::from([0.5]), Tensor1::from([2.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = MarginRanking.loss(&[pair], &[Tensor1::from([1.0])], &mut gradients);
    /// assert_eq!((loss, gradients[0].as_slice()), (1.5, &[-1.0, 1.0][..]));
    /// ```
    MarginRanking {
        /// By how much one should be larger; 0 by default.
        margin: f64 = 0.0;
    }
}

loss! {
    /// Of outputs that are pairs of vectors: 1 less the cosine of the angle between them where the target is 1
    /// (similar), and the cosine above `margin` where it is -1 (not similar). PyTorch's `nn.CosineEmbeddingLoss`; the
    /// mean is over the pairs. The target of a pair is one number.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::Rank1;
    /// let pair: Tensor<(Rank1<2>, Rank1<2>)> = Tensor::from((Tensor1::from([2.0, 0.0]), Tensor1::from([1.0, 1.0])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = CosineEmbedding.loss(&[pair], &[1.0], &mut gradients);
    /// assert!((loss - 0.292_893).abs() < 1e-6);
    /// ```
    CosineEmbedding {
        /// From which cosine on vectors are too similar, -1 to 1; 0 by default.
        margin: f64 = 0.0;
    }
}

loss! {
    /// Of outputs that are three vectors, an anchor, a positive and a negative: by how much the anchor's distance from
    /// the positive, and `margin`, are more than that from the negative. PyTorch's `nn.TripletMarginLoss` with `p = 2`;
    /// Balntas et al., 2016. The mean is over the triplets. There is nothing to compare with: the targets are `()`.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::Rank1;
    /// let triplet: Tensor<(Rank1<1>, Rank1<1>, Rank1<1>)> =
    ///     Tensor::from((Tensor1::from([0.0]), Tensor1::from([2.0]), Tensor1::from([1.5])));
    /// let mut gradients = [Tensor::zeros()];
    /// let loss: f32 = TripletMargin.loss(&[triplet], &[()], &mut gradients);
    /// assert!((loss - 1.5).abs() < 1e-5);
    /// assert_eq!(gradients[0].as_slice(), [0.0, 1.0, -1.0]);
    /// ```
    TripletMargin {
        /// By how much the negative should be farther away; 1 by default.
        margin: f64 = 1.0;
        /// Whether the positive's distance from the negative counts if it is less than the anchor's; `false` by
        /// default.
        swap: bool = false;
        /// What is added to each difference of two numbers, so that no distance is 0; 1e-6 by default.
        epsilon: f64 = 1e-6;
    }
}

impl<Out: Shape, T: Element> Loss<Out, T> for HingeEmbedding {
    type Target = Tensor<Out, T>;
    type Takes = Anything;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let scale = self.reduction.weight(outputs.len() * Out::LEN);
        let (one, margin) = (T::one(), T::from_f64_lossy(self.margin));
        let (outputs, targets) = (flatten(outputs), flatten(targets));
        let sum = elementwise(outputs, targets, flatten_mut(gradients), scale, |_, x, t| {
            // As PyTorch, a target that is neither counts as both.
            let (apart, apart_slope) = if t == one { (T::zero(), T::zero()) } else { above(margin - x) };
            let (near, near_slope) = if t == -one { (T::zero(), T::zero()) } else { (x, one) };
            (near + apart, near_slope - apart_slope)
        });
        scaled(sum, scale)
    }
}

impl<S: Shape, T: Element> Loss<(S, S), T> for MarginRanking {
    type Target = Tensor<S, T>;
    type Takes = Anything;

    fn loss(
        &self,
        outputs: &[Tensor<(S, S), T>],
        targets: &[Tensor<S, T>],
        gradients: &mut [Tensor<(S, S), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len() * S::LEN);
        let margin = T::from_f64_lossy(self.margin);
        let mut sum = 0.0;
        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (first, second) = output.as_slice().split_at(S::LEN);
            let (first_slopes, second_slopes) = gradient.as_mut_slice().split_at_mut(S::LEN);
            sum += elementwise(first, target.as_slice(), first_slopes, scale, |i, first, t| {
                let (loss, slope) = above(margin - t * (first - second[i]));
                second_slopes[i] = t * slope * scale;
                (loss, -t * slope)
            });
        }
        scaled(sum, scale)
    }
}

impl<T: Element, const N: usize> Loss<(Rank1<N>, Rank1<N>), T> for CosineEmbedding {
    type Target = T;
    type Takes = Anything;

    fn loss(
        &self,
        outputs: &[Tensor<(Rank1<N>, Rank1<N>), T>],
        targets: &[T],
        gradients: &mut [Tensor<(Rank1<N>, Rank1<N>), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len());
        let (one, margin) = (T::one(), T::from_f64_lossy(self.margin));
        let mut sum = 0.0;
        for ((output, &target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            let (a, b) = output.as_slice().split_at(N);
            let (da, db) = gradient.as_mut_slice().split_at_mut(N);
            let dot = |a: &[T], b: &[T]| T::kernels().dot(a, b);
            // As in PyTorch, so that vectors of zeros have an angle.
            let tiny = T::from_f64_lossy(TINY);
            let (square_a, square_b) = (dot(a, a) + tiny, dot(b, b) + tiny);
            let product = square_a.sqrt() * square_b.sqrt();
            let cosine = dot(a, b) / product;
            // As PyTorch, a target that is neither counts as nothing.
            let (loss, slope) = if target == one {
                (one - cosine, -one)
            } else if target == -one {
                above(cosine - margin)
            } else {
                (T::zero(), T::zero())
            };
            sum += double(loss);
            for i in 0..N {
                da[i] = slope * scale * (b[i] / product - cosine * a[i] / square_a);
                db[i] = slope * scale * (a[i] / product - cosine * b[i] / square_b);
            }
        }
        scaled(sum, scale)
    }
}

impl<T: Element, const N: usize> Loss<(Rank1<N>, Rank1<N>, Rank1<N>), T> for TripletMargin {
    type Target = ();
    type Takes = Anything;

    fn loss(
        &self,
        outputs: &[Tensor<(Rank1<N>, Rank1<N>, Rank1<N>), T>],
        targets: &[()],
        gradients: &mut [Tensor<(Rank1<N>, Rank1<N>, Rank1<N>), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let scale = self.reduction.weight(outputs.len());
        let (margin, epsilon) = (T::from_f64_lossy(self.margin), T::from_f64_lossy(self.epsilon));
        let distance = |a: &[T], b: &[T]| {
            let square = |(&a, &b): (&T, &T)| double((a - b + epsilon) * (a - b + epsilon));
            T::from_f64_lossy(a.iter().zip(b).map(square).sum::<f64>().sqrt())
        };
        let mut sum = 0.0;
        for (output, gradient) in outputs.iter().zip(gradients) {
            let (anchor, others) = output.as_slice().split_at(N);
            let (positive, negative) = others.split_at(N);
            let (near, far) = (distance(anchor, positive), distance(anchor, negative));
            // How much of the far distance is from the anchor, and how much from the positive.
            let (mut farther, mut own, mut swapped) = (far, T::one(), T::zero());
            let other = distance(positive, negative);
            if self.swap && other <= far {
                // Of equal distances, each has half of the gradient, as in PyTorch.
                own = T::from_f64_lossy(if other == far { 0.5 } else { 0.0 });
                (farther, swapped) = (other, T::one() - own);
            }
            let (loss, slope) = above(margin + near - farther);
            sum += double(loss);
            let slope = slope * scale;
            let unit = |share: T, difference: T, length: T| {
                if length == T::zero() { T::zero() } else { slope * share * (difference + epsilon) / length }
            };
            let (da, others) = gradient.as_mut_slice().split_at_mut(N);
            let (dp, dn) = others.split_at_mut(N);
            for i in 0..N {
                let (a, p, n) = (anchor[i], positive[i], negative[i]);
                let (ap, an) = (unit(T::one(), a - p, near), unit(own, a - n, far));
                let pn = unit(swapped, p - n, other);
                (da[i], dp[i], dn[i]) = (ap - an, -ap - pn, an + pn);
            }
        }
        scaled(sum, scale)
    }
}

/// `x` above 0, and its slope, which is 0 at 0 as in PyTorch. NaN stays.
fn above<T: Element>(x: T) -> (T, T) {
    if x <= T::zero() { (T::zero(), T::zero()) } else { (x, T::one()) }
}
