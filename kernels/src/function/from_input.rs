//! Functions whose derivative is computed from their argument: most of them fall and rise, so that
//! two arguments have the same value.

use num_traits::Float;

use super::super::math;
use super::super::reference::{Real, normal, relu, sigmoid};
use super::super::simd::Simd;
use super::{Clamp, Formula};

/// The argument beyond which all derivatives here have reached their limits; it keeps infinity
/// times 0 out of them. A NaN stays.
const FAR: f64 = 100.0;

#[inline(always)]
fn near<S: Simd>(s: S, x: S::V) -> S::V {
    s.min(s.splat(FAR as f32), s.max(s.splat(-FAR as f32), x))
}

fn plain_near<T: Real>(x: T) -> T {
    Clamp {
        min: -FAR,
        max: FAR,
    }
    .plain_value(x)
}

/// `x` times the normal distribution function at `x` (GELU).
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

impl Formula for Gelu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.mul(x, math::normal(s, x).0)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let (p, e) = math::normal(s, x);
        s.mul(dy, s.fma(s.mul(near(s, x), s.splat(0.398_942_3)), e, p))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x * normal(x)
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        let root = T::of(1.0 / Float::sqrt(2.0 * core::f64::consts::PI));
        let x = plain_near(x);
        dy * (normal(x) + x * root * (T::of(-0.5) * x * x).exp())
    }
}

/// `x / (1 + e^-x)`.
#[derive(Clone, Copy, Debug)]
pub struct Silu;

impl Formula for Silu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        s.mul(x, math::sigmoid(s, x))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = near(s, x);
        let gate = math::sigmoid(s, x);
        s.mul(dy, s.fma(s.mul(x, gate), s.sub(s.splat(1.0), gate), gate))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x * sigmoid(x)
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        let x = plain_near(x);
        let gate = sigmoid(x);
        dy * (gate + x * gate * (T::one() - gate))
    }
}

/// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`, as `x` times a sigmoid of twice that
/// argument, which keeps its digits where `1 + tanh` has none left.
#[derive(Clone, Copy, Debug)]
pub struct GeluTanh;

/// `2 sqrt(2 / pi)`, and 0.044715 times that.
const LINEAR: f64 = 1.595_769_121_605_730_8;
const CUBIC: f64 = 0.044_715 * LINEAR;

impl Formula for GeluTanh {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let factor = s.fma(s.splat(CUBIC as f32), s.mul(x, x), s.splat(LINEAR as f32));
        s.mul(x, math::sigmoid(s, s.mul(x, factor)))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = near(s, x);
        let square = s.mul(x, x);
        let linear = s.splat(LINEAR as f32);
        let gate = math::sigmoid(s, s.mul(x, s.fma(s.splat(CUBIC as f32), square, linear)));
        let inner = s.fma(s.splat((3.0 * CUBIC) as f32), square, linear);
        let change = s.mul(s.mul(x, gate), s.sub(s.splat(1.0), gate));
        s.mul(dy, s.fma(change, inner, gate))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x * sigmoid(x * (T::of(LINEAR) + T::of(CUBIC) * x * x))
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        let x = plain_near(x);
        let gate = sigmoid(x * (T::of(LINEAR) + T::of(CUBIC) * x * x));
        let inner = T::of(LINEAR) + T::of(3.0 * CUBIC) * x * x;
        dy * (gate + x * gate * (T::one() - gate) * inner)
    }
}

/// `x tanh(ln(1 + e^x))`. The factor is `n / (n + 2)` with `n = e^2x + 2 e^x`, which is 1 for `x`
/// of at least 20. It is 0 in `f32` where `e^x` would be denormal, below -87.3: values are then below
/// 1.1e-36.
#[derive(Clone, Copy, Debug)]
pub struct Mish;

impl Formula for Mish {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let e = math::exp(s, s.min(s.splat(20.0), x));
        let two = s.splat(2.0);
        let n = s.mul(e, s.add(e, two));
        s.mul(x, s.div(n, s.add(n, two)))
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let x = near(s, x);
        let e = math::exp(s, s.min(s.splat(20.0), x));
        let two = s.splat(2.0);
        let n = s.mul(e, s.add(e, two));
        let inverse = s.div(s.splat(1.0), s.add(n, two));
        // The derivative of the factor is 4 e^x (1 + e^x) / (n + 2)^2.
        let change = s.mul(s.mul(s.splat(4.0), s.fma(e, e, e)), s.mul(inverse, inverse));
        s.mul(dy, s.fma(x, change, s.mul(n, inverse)))
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        let e = if x > T::of(20.0) { T::of(20.0) } else { x }.exp();
        let n = e * (e + T::of(2.0));
        x * (n / (n + T::of(2.0)))
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        let x = plain_near(x);
        let e = if x > T::of(20.0) { T::of(20.0) } else { x }.exp();
        let n = e * (e + T::of(2.0));
        let inverse = T::one() / (n + T::of(2.0));
        dy * (n * inverse + x * T::of(4.0) * e * (T::one() + e) * inverse * inverse)
    }
}

/// `ln(1 + e^(beta x)) / beta`, or `x` where `beta x` is above the threshold; `beta` is positive.
#[derive(Clone, Copy, Debug)]
pub struct Softplus {
    pub beta: f64,
    pub threshold: f64,
}

impl Formula for Softplus {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let t = s.mul(s.splat(self.beta as f32), x);
        let e = math::exp(s, s.sub(s.zero(), math::abs(s, t)));
        let log = s.add(s.max(s.zero(), t), math::log1p(s, e));
        let soft = s.mul(s.splat((1.0 / self.beta) as f32), log);
        s.select(s.gt(t, s.splat(self.threshold as f32)), x, soft)
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let t = s.mul(s.splat(self.beta as f32), x);
        let soft = s.mul(dy, math::sigmoid(s, t));
        s.select(s.gt(t, s.splat(self.threshold as f32)), dy, soft)
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        let t = T::of(self.beta) * x;
        let soft = (relu(t) + (-t.abs()).exp().ln_1p()) / T::of(self.beta);
        if t > T::of(self.threshold) { x } else { soft }
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        let t = T::of(self.beta) * x;
        if t > T::of(self.threshold) {
            dy
        } else {
            dy * sigmoid(t)
        }
    }
}

/// `x (x + 3) / 6`, with the second factor over 6 clamped to 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct HardSwish;

impl Formula for HardSwish {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: S::V) -> S::V {
        let six = s.splat(6.0);
        s.mul(
            x,
            s.div(s.min(six, s.max(s.zero(), s.add(x, s.splat(3.0)))), six),
        )
    }
    #[inline(always)]
    fn slope<S: Simd>(self, s: S, x: S::V, dy: S::V) -> S::V {
        let inside = s.mul(dy, s.fma(x, s.splat(1.0 / 3.0), s.splat(0.5)));
        let above = s.select(s.le(s.splat(3.0), x), dy, inside);
        s.select(s.le(x, s.splat(-3.0)), s.zero(), above)
    }
    fn plain_value<T: Real>(self, x: T) -> T {
        x * (Clamp { min: 0.0, max: 6.0 }.plain_value(x + T::of(3.0)) / T::of(6.0))
    }
    fn plain_slope<T: Real>(self, x: T, dy: T) -> T {
        if x <= T::of(-3.0) {
            T::zero()
        } else if x >= T::of(3.0) {
            dy
        } else {
            dy * (x / T::of(3.0) + T::of(0.5))
        }
    }
}
