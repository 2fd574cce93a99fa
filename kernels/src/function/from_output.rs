//! Functions whose derivative is computed from their value, so that they can work in place.

use super::super::math;
use super::super::reference::{Real, relu, sigmoid};
use super::super::simd::Simd;
use super::Formula;

/// `max(0, x)`.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Formula for Relu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.max(s.zero(), x)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // A NaN of the forward pass lets the gradient through, as in PyTorch.
        s.select(s.le(y, s.zero()), s.zero(), dy)
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        relu(x)
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        if y <= T::zero() { T::zero() } else { dy }
    }
}

/// The hyperbolic tangent.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Formula for Tanh {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        math::tanh(s, x)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.mul(dy, s.fnma(y, y, s.splat(1.0)))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x.tanh()
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        dy * (T::one() - y * y)
    }
}

/// `1 / (1 + e^-x)`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Formula for Sigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        math::sigmoid(s, x)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.mul(dy, s.mul(y, s.sub(s.splat(1.0), y)))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        sigmoid(x)
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        dy * (y * (T::one() - y))
    }
}

/// `x`, clamped to `min` to `max`.
#[derive(Clone, Copy, Debug)]
pub struct Clamp {
    pub min: f64,
    pub max: f64,
}

impl Formula for Clamp {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.min(s.splat(self.max as f32), s.max(s.splat(self.min as f32), x))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        let dy = s.select(s.le(y, s.splat(self.min as f32)), s.zero(), dy);
        s.select(s.le(s.splat(self.max as f32), y), s.zero(), dy)
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        let min = T::of(self.min);
        let max = T::of(self.max);
        // Not `min` and `max`: NaN stays NaN.
        if x < min {
            min
        } else if x > max {
            max
        } else {
            x
        }
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        if y <= T::of(self.min) || y >= T::of(self.max) {
            T::zero()
        } else {
            dy
        }
    }
}

/// `x`, or `slope * x` where `x` is not above 0. The derivative can be computed from the input, and
/// also from the output if the slope is not negative.
#[derive(Clone, Copy, Debug)]
pub struct Leaky {
    pub slope: f64,
}

impl Formula for Leaky {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.select(s.gt(x, s.zero()), x, s.mul(s.splat(self.slope as f32), x))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        s.select(s.gt(y, s.zero()), dy, s.mul(s.splat(self.slope as f32), dy))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        if x > T::zero() {
            x
        } else {
            T::of(self.slope) * x
        }
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        if y > T::zero() {
            dy
        } else {
            T::of(self.slope) * dy
        }
    }
}

/// `above * x`, or `below * (e^(rate * x) - 1)` where `x` is not above 0; `above` and `rate` are
/// positive and `below` is not negative. ELU, SELU and CELU are cases of it.
#[derive(Clone, Copy, Debug)]
pub struct Elu {
    pub above: f64,
    pub below: f64,
    pub rate: f64,
}

impl Formula for Elu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let below = s.mul(
            s.splat(self.below as f32),
            math::expm1(s, s.mul(s.splat(self.rate as f32), x)),
        );
        s.select(
            s.gt(x, s.zero()),
            s.mul(s.splat(self.above as f32), x),
            below,
        )
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        let below = s.mul(
            s.splat(self.rate as f32),
            s.add(y, s.splat(self.below as f32)),
        );
        s.mul(
            dy,
            s.select(s.gt(y, s.zero()), s.splat(self.above as f32), below),
        )
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        if x > T::zero() {
            T::of(self.above) * x
        } else {
            T::of(self.below) * (T::of(self.rate) * x).exp_m1()
        }
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        dy * if y > T::zero() {
            T::of(self.above)
        } else {
            T::of(self.rate) * (y + T::of(self.below))
        }
    }
}

/// `x / (1 + |x|)`.
#[derive(Clone, Copy, Debug)]
pub struct Softsign;

impl Formula for Softsign {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.div(x, s.add(s.splat(1.0), math::abs(s, x)))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // 1 / (1 + |x|) is 1 - |y|.
        let rest = s.sub(s.splat(1.0), math::abs(s, y));
        s.mul(dy, s.mul(rest, rest))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x / (T::one() + x.abs())
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        let rest = T::one() - y.abs();
        dy * (rest * rest)
    }
}

/// `ln(1 / (1 + e^-x))`.
#[derive(Clone, Copy, Debug)]
pub struct LogSigmoid;

impl Formula for LogSigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let e = math::exp(s, s.sub(s.zero(), math::abs(s, x)));
        s.sub(s.min(s.zero(), x), math::log1p(s, e))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        // 1 - sigmoid(x) is 1 - e^y, and keeps its digits in this form.
        s.sub(s.zero(), s.mul(dy, math::expm1(s, y)))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        -relu(-x) - (-x.abs()).exp().ln_1p()
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        -dy * y.exp_m1()
    }
}

/// `(x + 3) / 6`, clamped to 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct HardSigmoid;

impl Formula for HardSigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let six = s.splat(6.0);
        s.div(s.min(six, s.max(s.zero(), s.add(x, s.splat(3.0)))), six)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, y: S::V, dy: S::V) -> S::V {
        let inside = s.select(s.le(y, s.zero()), s.zero(), s.mul(dy, s.splat(1.0 / 6.0)));
        s.select(s.le(s.splat(1.0), y), s.zero(), inside)
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        Clamp { min: 0.0, max: 6.0 }.plain_value(x + T::of(3.0)) / T::of(6.0)
    }
    fn plain_slope<T: Real>(self, y: T, dy: T) -> T {
        Clamp { min: 0.0, max: 1.0 }.plain_slope(y, dy / T::of(6.0))
    }
}
