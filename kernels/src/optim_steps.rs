//! The update rules of the optimizers, PyTorch's except for Lion's: the effect of one step on a
//! parameter `p` with the gradient `g`. The optimizers compute in advance everything that depends
//! on the number of the step alone. Decaying values end at 0 or at the least square, as
//! [`Thresholds`] says; the formulas leave this out.

#[cfg(doc)]
use super::denormals::Thresholds;
use super::update::{Arithmetic, Rule, States, Step};

/// The beginning of every rule: `g = -g` if `maximize`; `g += weight_decay * p`; `p *= shrink`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    pub maximize: bool,
    pub weight_decay: f64,
    pub shrink: f64,
}

impl Preprocess {
    /// Creates it with a weight decay that is added to the gradient or, if `decoupled`, applied to
    /// the parameter itself.
    pub fn new(lr: f64, maximize: bool, weight_decay: f64, decoupled: bool) -> Preprocess {
        if decoupled {
            Preprocess {
                maximize,
                weight_decay: 0.0,
                shrink: 1.0 - lr * weight_decay,
            }
        } else {
            Preprocess {
                maximize,
                weight_decay,
                shrink: 1.0,
            }
        }
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V) -> (A::V, A::V) {
        let sign = a.of(if self.maximize { -1.0 } else { 1.0 });
        let g = a.fma(a.of(self.weight_decay), p, a.mul(sign, g));
        (a.mul(p, a.of(self.shrink)), g)
    }
}

/// Returns the moving average `(mean - weight * mean) + weight * x` with the weight `1 - beta`. No
/// step on the way is beyond both `mean` and `x`, as the difference of the two might be.
#[inline(always)]
fn ema<A: Arithmetic>(a: A, beta: f64, mean: A::V, x: A::V) -> A::V {
    let weight = a.of(1.0 - beta);
    a.fma(weight, x, a.fnma(weight, mean, mean))
}

/// Returns the moving average `beta * mean + (1 - beta) * x^2`, and at least `floor`.
#[inline(always)]
fn ema_of_square<A: Arithmetic>(a: A, beta: f64, mean: A::V, x: A::V, floor: f64) -> A::V {
    at_least(
        a,
        a.fma(a.mul(a.of(1.0 - beta), x), x, a.mul(a.of(beta), mean)),
        floor,
    )
}

/// Returns `square`, but at least `floor`: see [`Thresholds::floor`]. NaN stays.
#[inline(always)]
fn at_least<A: Arithmetic>(a: A, square: A::V, floor: f64) -> A::V {
    a.max(a.of(floor), square)
}

/// Returns `x / deviation`, where the deviation is a root, plus `epsilon`. Without an epsilon, a
/// deviation of 0 counts as a tiny one: a gradient of 0 is no step, and one whose square underflows
/// no infinite one.
#[inline(always)]
fn scaled<A: Arithmetic>(a: A, x: A::V, deviation: A::V, epsilon: f64) -> A::V {
    let deviation = if epsilon == 0.0 {
        a.max(a.of(A::THRESHOLDS.least_deviation), deviation)
    } else {
        deviation
    };
    a.div(x, deviation)
}

/// Returns the moving averages of the gradient and of its square, which Adam and its successors
/// keep.
#[inline(always)]
fn moments<A: Arithmetic>(
    a: A,
    [beta1, beta2]: [f64; 2],
    [m, v]: [A::V; 2],
    g: A::V,
    floor: f64,
) -> [A::V; 2] {
    [ema(a, beta1, m, g), ema_of_square(a, beta2, v, g, floor)]
}

/// Returns the values with which those two begin a step.
#[inline(always)]
fn settle_moments<A: Arithmetic>(a: A, ended: A::M, [m, v, x]: States<A>) -> States<A> {
    [a.flush(ended, m), a.raise(ended, v), x]
}

/// Stochastic gradient descent. If `momentum` is not 0, `v = momentum * v + (1 - dampening) * g`
/// (`v = g` in the first step) and then `g = v`, or `g += momentum * v` if `nesterov`;
/// `p -= lr * g`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    pub begin: Preprocess,
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub nesterov: bool,
    /// True if this is the first step, before which there is no velocity.
    pub first: bool,
}

impl Rule for SgdStep {
    fn states(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [v, x, y]: States<A>) -> States<A> {
        [a.flush(ended, v), x, y]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [mut v, x, y]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let lr = a.of(self.lr);
        if self.momentum == 0.0 {
            return (a.fnma(lr, g, p), [v, x, y]);
        }

        v = if self.first {
            g
        } else {
            a.fma(a.of(self.momentum), v, a.mul(a.of(1.0 - self.dampening), g))
        };
        let p = if self.nesterov {
            // One after the other, as the sum of both may overflow.
            a.fnma(a.of(self.lr * self.momentum), v, a.fnma(lr, g, p))
        } else {
            a.fnma(lr, v, p)
        };
        (p, [v, x, y])
    }
}

/// Adam: `m += (1 - beta1) * (g - m)`; `v = beta2 * v + (1 - beta2) * g^2`; `most = max(most, v)`
/// and `v = most` for what follows if `amsgrad`; `p -= rate * m / (sqrt(v) * root + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    pub begin: Preprocess,
    /// `lr / (1 - beta1^step)`
    pub rate: f64,
    /// `1 / sqrt(1 - beta2^step)`
    pub root: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
}

impl Rule for AdamStep {
    fn states(&self) -> usize {
        2 + usize::from(self.amsgrad)
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [m, v, most]: States<A>) -> States<A> {
        let [m, v, _] = settle_moments(a, ended, [m, v, most]);
        [m, v, a.raise(ended, most)]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [m, v, most]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let floor = A::THRESHOLDS.floor(self.root, self.epsilon);
        let [m, v] = moments(a, [self.beta1, self.beta2], [m, v], g, floor);
        let (most, size) = if self.amsgrad {
            let most = a.max(most, v);
            (most, most)
        } else {
            (most, v)
        };

        let deviation = a.fma(a.sqrt(size), a.of(self.root), a.of(self.epsilon));
        (
            a.fnma(a.of(self.rate), scaled(a, m, deviation, self.epsilon), p),
            [m, v, most],
        )
    }
}

/// NAdam: Adam's moments; `d = sqrt(v) * root + epsilon`;
/// `p -= (gradient_rate * g + moment_rate * m) / d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdamStep {
    pub begin: Preprocess,
    pub gradient_rate: f64,
    pub moment_rate: f64,
    /// `1 / sqrt(1 - beta2^step)`
    pub root: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

impl Rule for NAdamStep {
    fn states(&self) -> usize {
        2
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [m, v, x]: States<A>) -> States<A> {
        settle_moments(a, ended, [m, v, x])
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [m, v, x]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let floor = A::THRESHOLDS.floor(self.root, self.epsilon);
        let [m, v] = moments(a, [self.beta1, self.beta2], [m, v], g, floor);
        let deviation = a.fma(a.sqrt(v), a.of(self.root), a.of(self.epsilon));

        // The rates contain the learning rate, whose product may underflow, so it is applied last,
        // to a weighted mean of both, which does not overflow. Both rates are 0 if it is.
        let rate = self.gradient_rate + self.moment_rate;
        let share = if rate == 0.0 {
            0.0
        } else {
            self.moment_rate / rate
        };
        let mean = a.fma(a.of(share), m, a.mul(a.of(1.0 - share), g));
        let step = scaled(a, mean, deviation, self.epsilon);
        (a.fnma(a.of(rate), step, p), [m, v, x])
    }
}

/// RAdam: Adam's moments; `p -= rate * m / (sqrt(v) + epsilon)` if `rectified`, else
/// `p -= rate * m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdamStep {
    pub begin: Preprocess,
    pub rate: f64,
    pub rectified: bool,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

impl Rule for RAdamStep {
    fn states(&self) -> usize {
        2
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [m, v, x]: States<A>) -> States<A> {
        settle_moments(a, ended, [m, v, x])
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [m, v, x]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let floor = A::THRESHOLDS.floor(1.0, self.epsilon);
        let [m, v] = moments(a, [self.beta1, self.beta2], [m, v], g, floor);
        let step = if self.rectified {
            scaled(a, m, a.add(a.sqrt(v), a.of(self.epsilon)), self.epsilon)
        } else {
            m
        };
        (a.fnma(a.of(self.rate), step, p), [m, v, x])
    }
}

/// Adamax: `m += (1 - beta1) * (g - m)`; `u = max(beta2 * u, |g| + epsilon)`; `p -= rate * m / u`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamaxStep {
    pub begin: Preprocess,
    /// `lr / (1 - beta1^step)`
    pub rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

impl Rule for AdamaxStep {
    fn states(&self) -> usize {
        2
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [m, u, x]: States<A>) -> States<A> {
        // Without an epsilon, a gradient that is not tiny is larger.
        let u = a.select(ended, a.max(a.of(A::THRESHOLDS.tiny), u), u);
        [a.flush(ended, m), u, x]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [m, u, x]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let m = ema(a, self.beta1, m, g);
        let u = a.max(
            a.mul(a.of(self.beta2), u),
            a.add(a.abs(g), a.of(self.epsilon)),
        );
        let step = scaled(a, m, u, self.epsilon);
        (a.fnma(a.of(self.rate), step, p), [m, u, x])
    }
}

/// Adagrad: `sum += g^2`, from `initial` in the first step;
/// `p -= rate * g / (sqrt(sum) + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradStep {
    pub begin: Preprocess,
    /// `lr / (1 + (step - 1) * lr_decay)`
    pub rate: f64,
    pub epsilon: f64,
    /// The initial value of the sum, in the first step.
    pub initial: Option<f64>,
}

impl Rule for AdagradStep {
    fn states(&self) -> usize {
        1
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [sum, x, y]: States<A>) -> States<A> {
        [a.raise(ended, sum), x, y]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [sum, x, y]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);

        let sum = match self.initial {
            Some(initial) => a.of(initial),
            None => sum,
        };
        let floor = A::THRESHOLDS.floor(1.0, self.epsilon);
        let sum = at_least(a, a.fma(g, g, sum), floor);
        let step = scaled(a, g, a.add(a.sqrt(sum), a.of(self.epsilon)), self.epsilon);
        (a.fnma(a.of(self.rate), step, p), [sum, x, y])
    }
}

/// Adadelta: `v = rho * v + (1 - rho) * g^2`; `d = sqrt(u + epsilon) / sqrt(v + epsilon) * g`;
/// `u = rho * u + (1 - rho) * d^2`; `p -= lr * d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdadeltaStep {
    pub begin: Preprocess,
    pub lr: f64,
    pub rho: f64,
    pub epsilon: f64,
}

impl Rule for AdadeltaStep {
    fn states(&self) -> usize {
        2
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [v, u, x]: States<A>) -> States<A> {
        // Without an epsilon, a parameter that has never moved stays where it is.
        let u = a.select(a.lt(a.of(0.0), u), a.raise(ended, u), u);
        [a.raise(ended, v), u, x]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [v, u, x]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        // The epsilon is within the root.
        let floor = A::THRESHOLDS.floor(A::THRESHOLDS.least_root, self.epsilon);
        let (v, epsilon) = (ema_of_square(a, self.rho, v, g, floor), a.of(self.epsilon));
        let ratio = scaled(
            a,
            a.sqrt(a.add(u, epsilon)),
            a.sqrt(a.add(v, epsilon)),
            self.epsilon,
        );
        let step = a.mul(ratio, g);
        let u = ema_of_square(a, self.rho, u, step, floor);
        (a.fnma(a.of(self.lr), step, p), [v, u, x])
    }
}

/// RMSprop: `v = alpha * v + (1 - alpha) * g^2`; `d = sqrt(v) + epsilon` or, if `centered`,
/// `mean += (1 - alpha) * (g - mean)` and `d = sqrt(max(0, v - mean^2)) + epsilon`; if `momentum`
/// is not 0, `b = momentum * b + g / d` and `p -= lr * b`, else `p -= lr * g / d`. The states are
/// v, mean, b, without those that are not used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropStep {
    pub begin: Preprocess,
    pub lr: f64,
    pub alpha: f64,
    pub epsilon: f64,
    pub momentum: f64,
    pub centered: bool,
}

impl Rule for RmsPropStep {
    fn states(&self) -> usize {
        1 + usize::from(self.centered) + usize::from(self.momentum != 0.0)
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [v, x, y]: States<A>) -> States<A> {
        // The mean and the momentum buffer, as far as they exist.
        [a.raise(ended, v), a.flush(ended, x), a.flush(ended, y)]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [v, x, y]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let (mut mean, mut b) = if self.centered { (x, y) } else { (y, x) };
        let floor = A::THRESHOLDS.floor(1.0, self.epsilon);
        let v = ema_of_square(a, self.alpha, v, g, floor);
        let mut square = v;
        if self.centered {
            mean = ema(a, self.alpha, mean, g);
            // Rounding may make it negative where the gradient hardly changes. Where both squares
            // are infinite, the larger one counts. NaN stays.
            let is_finite = a.lt(v, a.of(f64::INFINITY));
            square = a.select(is_finite, a.max(a.of(0.0), a.fnma(mean, mean, v)), v);
        }

        let mut step = scaled(
            a,
            g,
            a.add(a.sqrt(square), a.of(self.epsilon)),
            self.epsilon,
        );
        if self.momentum != 0.0 {
            b = a.fma(a.of(self.momentum), b, step);
            step = b;
        }

        let [x, y] = if self.centered { [mean, b] } else { [b, mean] };
        (a.fnma(a.of(self.lr), step, p), [v, x, y])
    }
}

/// Lion: `p -= lr * sign(beta1 * m + (1 - beta1) * g)`; `m = beta2 * m + (1 - beta2) * g`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionStep {
    pub begin: Preprocess,
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
}

impl Rule for LionStep {
    fn states(&self) -> usize {
        1
    }

    #[inline(always)]
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, [m, x, y]: States<A>) -> States<A> {
        [a.flush(ended, m), x, y]
    }

    #[inline(always)]
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, [m, x, y]: States<A>) -> Step<A> {
        let (p, g) = self.begin.apply(a, p, g);
        let between = |beta: f64| a.fma(a.of(beta), m, a.mul(a.of(1.0 - beta), g));

        let direction = a.sign(between(self.beta1));
        (
            a.fnma(a.of(self.lr), direction, p),
            [between(self.beta2), x, y],
        )
    }
}
