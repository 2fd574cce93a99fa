//! Element-wise arithmetic by operators, and reductions.

use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::element::double;
use super::shape::Shape;
use super::{Element, Tensor};
use crate::kernels::Kernels;
use crate::sum::{self, Sum};

macro_rules! operators {
    ($($op:ident::$method:ident, $assign:ident::$assign_method:ident;)*) => { $(
        impl<S: Shape, T: Element> $op<&Tensor<S, T>> for &Tensor<S, T> {
            type Output = Tensor<S, T>;
            fn $method(self, other: &Tensor<S, T>) -> Tensor<S, T> {
                self.zip(other, |a, b| a.$method(b))
            }
        }
        impl<S: Shape, T: Element> $op for Tensor<S, T> {
            type Output = Tensor<S, T>;
            fn $method(self, other: Tensor<S, T>) -> Tensor<S, T> {
                (&self).$method(&other)
            }
        }
        impl<S: Shape, T: Element> $op<T> for &Tensor<S, T> {
            type Output = Tensor<S, T>;
            fn $method(self, other: T) -> Tensor<S, T> {
                self.map(|a| a.$method(other))
            }
        }
        impl<S: Shape, T: Element> $op<T> for Tensor<S, T> {
            type Output = Tensor<S, T>;
            fn $method(self, other: T) -> Tensor<S, T> {
                (&self).$method(other)
            }
        }
        impl<S: Shape, T: Element> $assign<&Tensor<S, T>> for Tensor<S, T> {
            fn $assign_method(&mut self, other: &Tensor<S, T>) {
                for (a, &b) in self.iter_mut().zip(other) {
                    a.$assign_method(b);
                }
            }
        }
        impl<S: Shape, T: Element> $assign for Tensor<S, T> {
            fn $assign_method(&mut self, other: Tensor<S, T>) {
                self.$assign_method(&other);
            }
        }
        impl<S: Shape, T: Element> $assign<T> for Tensor<S, T> {
            fn $assign_method(&mut self, other: T) {
                for a in self {
                    a.$assign_method(other);
                }
            }
        }
    )* };
}
operators! {
    Add::add, AddAssign::add_assign;
    Sub::sub, SubAssign::sub_assign;
    Mul::mul, MulAssign::mul_assign;
    Div::div, DivAssign::div_assign;
}

impl<S: Shape, T: Element> Neg for &Tensor<S, T> {
    type Output = Tensor<S, T>;
    fn neg(self) -> Tensor<S, T> {
        self.map(|a| -a)
    }
}

impl<S: Shape, T: Element> Neg for Tensor<S, T> {
    type Output = Tensor<S, T>;
    fn neg(self) -> Tensor<S, T> {
        -&self
    }
}

/// Reductions over all elements. NaN counts both as larger and as smaller than every number, so
/// that it is never lost: if an element is NaN, so are the minimum and the maximum.
impl<S: Shape, T: Element> Tensor<S, T> {
    /// Returns the sum; 0 if there are no elements.
    ///
    /// The error is at most `(64 + log2(n)) * EPSILON / 2` times the sum of the magnitudes of the
    /// `n` elements.
    pub fn sum(&self) -> T {
        let sum = T::kernels().sum(self.as_slice());
        if sum.is_finite() {
            return sum;
        }
        T::from_f64_lossy(self.exact_sum().value())
    }

    /// Returns the arithmetic mean, as exact as the [`sum`](Tensor::sum); NaN if there are no
    /// elements.
    pub fn mean(&self) -> T {
        let sum = T::kernels().sum(self.as_slice());
        if sum.is_finite() {
            return sum / T::from_f64_lossy(S::LEN as f64);
        }
        T::from_f64_lossy(self.exact_sum().mean(S::LEN))
    }

    /// Returns the sum where that of the kernel has overflowed, which may be on the way alone.
    #[cold]
    fn exact_sum(&self) -> Sum {
        self.iter().map(|&x| double(x)).collect()
    }

    /// Returns the product; 1 if there are no elements.
    pub fn product(&self) -> T {
        self.iter().fold(T::one(), |product, &x| product * x)
    }

    /// Returns the largest element; minus infinity if there are none.
    pub fn max(&self) -> T {
        self.first_that(|x, best| x > best)
            .map_or(T::neg_infinity(), |i| self.as_slice()[i])
    }

    /// Returns the smallest element; infinity if there are none.
    pub fn min(&self) -> T {
        self.first_that(|x, best| x < best)
            .map_or(T::infinity(), |i| self.as_slice()[i])
    }

    /// Returns the position of the largest element in row order, the first of equals; for a vector
    /// of class scores, the class.
    ///
    /// # Panics
    /// Panics if there are no elements.
    pub fn argmax(&self) -> usize {
        self.first_that(|x, best| x > best)
            .expect("argmax of a tensor without elements")
    }

    /// Returns the position of the smallest element in row order, the first of equals.
    ///
    /// # Panics
    /// Panics if there are no elements.
    pub fn argmin(&self) -> usize {
        self.first_that(|x, best| x < best)
            .expect("argmin of a tensor without elements")
    }

    /// Returns the position of the first element that is better than all others, or of the first
    /// NaN; `None` if there are no elements.
    fn first_that(&self, better: impl Fn(T, T) -> bool) -> Option<usize> {
        let mut best: Option<(usize, T)> = None;
        for (i, &x) in self.iter().enumerate() {
            if best.is_none_or(|(_, b)| better(x, b) || (x.is_nan() && !b.is_nan())) {
                best = Some((i, x));
            }
        }
        best.map(|(i, _)| i)
    }

    /// Returns the sum of the products of corresponding elements, as exact as the
    /// [`sum`](Tensor::sum) of these products. Products that overflow may cancel each other out.
    pub fn dot(&self, other: &Self) -> T {
        let dot = T::kernels().dot(self.as_slice(), other.as_slice());
        if dot.is_finite() {
            return dot;
        }
        let pairs = self.iter().zip(other);
        T::from_f64_lossy(sum::dot(pairs.map(|(&x, &y)| (double(x), double(y)))))
    }
}

/// Functions over the last axis; a tensor without axes, or a tuple of tensors, is a compile error.
impl<S: Shape, T: Element> Tensor<S, T> {
    /// Turns logits, the outputs of a classifier, into probabilities: `exp(x)` divided by its sum
    /// along the last axis, as the layer [`Softmax`](crate::nn::Softmax) computes it.
    ///
    /// ```
    /// use shapewright::Tensor1;
    /// assert_eq!(
    ///     Tensor1::from([2.0, 2.0]).softmax(),
    ///     Tensor1::from([0.5, 0.5])
    /// );
    /// ```
    pub fn softmax(mut self) -> Self {
        self.softmax_in_place();
        self
    }

    /// Like [`softmax`](Tensor::softmax), in place: for large tensors, which do not fit on the
    /// stack.
    pub fn softmax_in_place(&mut self) {
        T::kernels().softmax(Self::last_axis(), self.as_mut_slice());
    }

    /// Returns the logarithm of [`softmax`](Tensor::softmax), as the layer
    /// [`LogSoftmax`](crate::nn::LogSoftmax) computes it.
    pub fn log_softmax(mut self) -> Self {
        self.log_softmax_in_place();
        self
    }

    /// Like [`log_softmax`](Tensor::log_softmax), in place.
    pub fn log_softmax_in_place(&mut self) {
        T::kernels().log_softmax(Self::last_axis(), self.as_mut_slice());
    }

    /// Returns the size of the last axis.
    const fn last_axis() -> usize {
        const {
            assert!(
                S::DIMS.last().is_some(),
                "softmax is over the last axis, and there is none"
            )
        };

        match S::DIMS.last() {
            Some(last) => last,
            None => 1,
        }
    }
}
