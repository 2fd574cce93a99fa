//! Optimizer steps: one pass over flat slices, bound by memory. Each rule is written once, over
//! [`Arithmetic`], and runs on vectors of `f32` in every tier and on single `f64` numbers.

use num_traits::Float;

use super::denormals::Thresholds;
use super::math;
use super::simd::{Op, Simd, each};

/// The largest number of states per parameter.
pub(super) const MAX_STATES: usize = 3;

/// The arithmetic of a rule: on a vector of numbers, or on a single one.
pub trait Arithmetic: Copy {
    type V: Copy;
    /// One truth value per number.
    type M: Copy;
    /// The [`Thresholds`] of the number type.
    const THRESHOLDS: Thresholds;

    fn of(self, x: f64) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the tier can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, likewise.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// Returns the larger one; `b` if one of them is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// Returns 1, 0 or -1; NaN of NaN.
    fn sign(self, a: Self::V) -> Self::V;
    /// Returns `a < b`; false if one of them is NaN.
    fn lt(self, a: Self::V, b: Self::V) -> Self::M;
    /// Returns whether any number is true.
    fn any(self, mask: Self::M) -> bool;
    fn select(self, mask: Self::M, yes: Self::V, no: Self::V) -> Self::V;

    /// Returns whether `a` is 0 or [tiny](Thresholds).
    #[inline(always)]
    fn is_tiny(self, a: Self::V) -> Self::M {
        self.lt(self.abs(a), self.of(Self::THRESHOLDS.tiny))
    }

    /// Replaces [tiny](Thresholds) numbers by 0 where `mask` is true. NaN stays.
    #[inline(always)]
    fn flush(self, mask: Self::M, a: Self::V) -> Self::V {
        self.select(self.is_tiny(a), self.select(mask, self.of(0.0), a), a)
    }

    /// Raises `a` to the [least square](Thresholds) where `mask` is true. NaN stays.
    #[inline(always)]
    fn raise(self, mask: Self::M, a: Self::V) -> Self::V {
        self.select(
            mask,
            self.max(self.of(Self::THRESHOLDS.least_square()), a),
            a,
        )
    }
}

/// The states of each parameter, padded with zeros.
pub(super) type States<A> = [<A as Arithmetic>::V; MAX_STATES];
/// The new parameters and states.
pub(super) type Step<A> = (<A as Arithmetic>::V, States<A>);

/// An update rule with the constants of one step.
pub trait Rule: Copy {
    /// Returns the number of states per parameter, at most [`MAX_STATES`].
    fn states(&self) -> usize;

    /// Keeps states from decaying until they are denormal. It runs before a step in which the
    /// gradients in `ended` are 0. Implementations are `#[inline(always)]`.
    fn settle<A: Arithmetic>(self, a: A, ended: A::M, states: States<A>) -> States<A>;

    /// Returns the new parameter and states from the old ones and the gradient. States beyond
    /// [`Rule::states`] are 0. Implementations are `#[inline(always)]`.
    fn apply<A: Arithmetic>(self, a: A, p: A::V, g: A::V, states: States<A>) -> Step<A>;
}

/// Panics unless the lengths fit.
fn check<T>(rule: &impl Rule, params: &[T], grad: &[T], states: &[&mut [T]]) {
    assert_eq!(
        params.len(),
        grad.len(),
        "update: as many gradients as parameters"
    );
    assert_eq!(
        states.len(),
        rule.states(),
        "update: as many states as the rule has"
    );
    assert!(
        states.iter().all(|state| state.len() == params.len()),
        "update: as many numbers in a state as parameters"
    );
}

/// Runs [`Rule::apply`] with tiny gradients taken for 0. Numbers decay only where gradients are 0,
/// so that the others cost no more than a look at the gradient.
#[inline(always)]
fn step<A: Arithmetic>(
    rule: impl Rule,
    a: A,
    mut p: A::V,
    mut g: A::V,
    mut states: States<A>,
) -> Step<A> {
    let ended = a.is_tiny(g);
    if a.any(ended) {
        g = a.select(ended, a.of(0.0), g);
        p = a.flush(ended, p);
        states = rule.settle(a, ended, states);
    }
    rule.apply(a, p, g, states)
}

/// One step in `f32`.
pub(super) struct UpdateOp<'a, 'b, R> {
    pub rule: R,
    pub params: &'a mut [f32],
    pub grad: &'a [f32],
    pub states: &'a mut [&'b mut [f32]],
}

impl<R: Rule> Op for UpdateOp<'_, '_, R> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let UpdateOp {
            rule,
            params,
            grad,
            states,
        } = self;
        check(&rule, params, grad, states);

        let used = rule.states();
        let mut m = [core::ptr::null_mut::<f32>(); MAX_STATES];
        for (m, state) in m.iter_mut().zip(states) {
            *m = state.as_mut_ptr();
        }

        let len = params.len();
        let p = params.as_mut_ptr();
        let g = grad.as_ptr();

        each(
            s,
            len,
            // SAFETY: `each` gives i + n <= len, the length of all slices; the first `used`
            // pointers are slices.
            #[inline(always)]
            |i, n| unsafe {
                let mut old = [s.zero(); MAX_STATES];
                for j in 0..MAX_STATES {
                    if j < used {
                        old[j] = s.get(m[j].add(i), n);
                    }
                }

                let (param, new) =
                    step(rule, Lanes(s), s.get(p.add(i), n), s.get(g.add(i), n), old);

                for j in 0..MAX_STATES {
                    if j < used {
                        s.put(m[j].add(i), new[j], n);
                    }
                }
                s.put(p.add(i), param, n);
            },
        );
    }
}

/// One step in `f64`.
pub(super) fn update(
    rule: &impl Rule,
    params: &mut [f64],
    grad: &[f64],
    states: &mut [&mut [f64]],
) {
    check(rule, params, grad, states);
    for (i, (p, &g)) in params.iter_mut().zip(grad).enumerate() {
        let mut old = [0.0; MAX_STATES];
        for (old, state) in old.iter_mut().zip(&*states) {
            *old = state[i];
        }

        let (param, new) = step(*rule, Double, *p, g, old);

        for (state, new) in states.iter_mut().zip(new) {
            state[i] = new;
        }
        *p = param;
    }
}

/// Vectors of a tier.
#[derive(Clone, Copy)]
struct Lanes<S>(S);

impl<S: Simd> Arithmetic for Lanes<S> {
    type V = S::V;
    type M = S::M;
    const THRESHOLDS: Thresholds = Thresholds::F32;

    #[inline(always)]
    fn of(self, x: f64) -> S::V {
        self.0.splat(x as f32)
    }
    #[inline(always)]
    fn add(self, a: S::V, b: S::V) -> S::V {
        self.0.add(a, b)
    }
    #[inline(always)]
    fn mul(self, a: S::V, b: S::V) -> S::V {
        self.0.mul(a, b)
    }
    #[inline(always)]
    fn div(self, a: S::V, b: S::V) -> S::V {
        self.0.div(a, b)
    }
    #[inline(always)]
    fn fma(self, a: S::V, b: S::V, c: S::V) -> S::V {
        self.0.fma(a, b, c)
    }
    #[inline(always)]
    fn fnma(self, a: S::V, b: S::V, c: S::V) -> S::V {
        self.0.fnma(a, b, c)
    }
    #[inline(always)]
    fn sqrt(self, a: S::V) -> S::V {
        self.0.sqrt(a)
    }
    #[inline(always)]
    fn abs(self, a: S::V) -> S::V {
        math::abs(self.0, a)
    }
    #[inline(always)]
    fn max(self, a: S::V, b: S::V) -> S::V {
        self.0.max(a, b)
    }
    #[inline(always)]
    fn sign(self, a: S::V) -> S::V {
        let s = self.0;
        let below = s.select(s.gt(s.zero(), a), s.splat(-1.0), a);
        s.select(s.gt(a, s.zero()), s.splat(1.0), below)
    }
    #[inline(always)]
    fn lt(self, a: S::V, b: S::V) -> S::M {
        self.0.gt(b, a)
    }
    #[inline(always)]
    fn is_tiny(self, a: S::V) -> S::M {
        self.0.is_tiny(a)
    }
    #[inline(always)]
    fn any(self, mask: S::M) -> bool {
        self.0.any(mask)
    }
    #[inline(always)]
    fn select(self, mask: S::M, yes: S::V, no: S::V) -> S::V {
        self.0.select(mask, yes, no)
    }
}

/// Single numbers.
#[derive(Clone, Copy)]
struct Double;

impl Arithmetic for Double {
    type V = f64;
    type M = bool;
    const THRESHOLDS: Thresholds = Thresholds::F64;

    fn of(self, x: f64) -> f64 {
        x
    }
    fn add(self, a: f64, b: f64) -> f64 {
        a + b
    }
    fn mul(self, a: f64, b: f64) -> f64 {
        a * b
    }
    fn div(self, a: f64, b: f64) -> f64 {
        a / b
    }
    fn fma(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
    fn fnma(self, a: f64, b: f64, c: f64) -> f64 {
        c - a * b
    }
    fn sqrt(self, a: f64) -> f64 {
        Float::sqrt(a)
    }
    fn abs(self, a: f64) -> f64 {
        a.abs()
    }
    fn max(self, a: f64, b: f64) -> f64 {
        if a > b { a } else { b }
    }
    fn sign(self, a: f64) -> f64 {
        if a > 0.0 {
            1.0
        } else if a < 0.0 {
            -1.0
        } else {
            a
        }
    }
    fn lt(self, a: f64, b: f64) -> bool {
        a < b
    }
    fn any(self, mask: bool) -> bool {
        mask
    }
    fn select(self, mask: bool, yes: f64, no: f64) -> f64 {
        if mask { yes } else { no }
    }
}
