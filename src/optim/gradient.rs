//! Clipping of gradients and gradients of penalties, between `backward` and the optimizer's step.

use core::fmt::{Display, Formatter};
use core::ops::Range;

use num_traits::Float;

use super::state::has_untrained;
use super::{ParamGroup, assert_setting, not_negative, positive_single};
use crate::kernels::flush;
use crate::network::Network;
use crate::params::param_tree::PlaceKind;
use crate::params::{self, Parameters};
use crate::sum::{Squares, Sum, sum_of};
use crate::tensor::{Element, double};

/// Calls `f` with the ranges of all trained parameters within `range`, in order. Statistics and
/// buffers are omitted, because they have no gradient.
pub(crate) fn for_each_trained<N: Network>(range: Range<usize>, f: &mut dyn FnMut(Range<usize>)) {
    if !has_untrained::<N>() {
        return f(range);
    }

    N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
        let start = place.start.max(range.start);
        let end = place.end.min(range.end);
        if kind == PlaceKind::Trained && start < end {
            f(start..end);
        }
    });
}

/// Returns the sum of `term` over the trained parameters in a range of a network.
fn sum_trained<N: Network>(network: &N, range: Range<usize>, term: impl Fn(f64) -> f64) -> Sum {
    let mut total = Sum::default();
    for_each_trained::<N>(range, &mut |place| {
        let numbers = params::parameters_in(network, place);
        total.add_sum(sum_of(numbers, |_, p| term(double(p))));
    });
    total
}

/// Returns the sum of the squares of the trained parameters in a range of a network.
fn squares_trained<N: Network>(network: &N, range: Range<usize>) -> Squares {
    let plain = sum_trained(network, range.clone(), |x| x * x);
    Squares::of_plain(plain).unwrap_or_else(|| {
        let mut squares = Squares::default();
        for_each_trained::<N>(range, &mut |place| {
            let numbers = params::parameters_in(network, place);
            numbers.iter().for_each(|&p| squares.add(double(p)));
        });
        squares
    })
}

/// Returns the norm of a gradient: the root of the sum of the squares of all trained parameters.
pub(crate) fn norm<N: Network>(gradient: &N) -> f64 {
    squares_trained(gradient, 0..<N as Parameters<N::Element>>::LEN).root()
}

/// Calls `f` with all elements of a gradient whose parameters are trained.
fn for_each_number<N: Network>(gradient: &mut N, f: impl Fn(&mut N::Element)) {
    for_each_trained::<N>(0..<N as Parameters<N::Element>>::LEN, &mut |place| {
        gradient.params_mut()[place].iter_mut().for_each(&f);
    });
}

/// Multiplies a gradient by a number.
pub(crate) fn multiply<N: Network>(gradient: &mut N, factor: f64) {
    let factor = N::Element::from_f64_lossy(factor);
    for_each_number(gradient, |g| *g = flush(*g * factor));
}

/// The error of a gradient whose norm is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct NonFiniteNorm {
    /// NaN or infinity.
    pub norm: f64,
}

impl Display for NonFiniteNorm {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "the norm of the gradient is {}, not a finite number: leave this step out, and look \
             for numbers of that kind in the inputs, the targets and the parameters; a smaller \
             learning rate may prevent it",
            self.norm
        )
    }
}

impl core::error::Error for NonFiniteNorm {}

/// Scales a gradient down to the norm `max_norm` if its norm, the root of the sum of all squares,
/// is larger, and returns the norm before clipping. PyTorch's `clip_grad_norm_` with its
/// `error_if_nonfinite`.
///
/// The sum is in `f64`; nothing is allocated. Frozen parameters count like all others: to omit
/// them, fill their gradient with zeros before.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
/// let mut gradient = Line::zeros();
/// (gradient.fc.weight, gradient.fc.bias) = ([[3.0]], [4.0]);
/// assert_eq!(clip_grad_norm(&mut *gradient, 1.0)?, 5.0);
/// assert!((gradient.fc.bias[0] - 0.8).abs() < 1e-6);
/// # Ok::<(), shapewright::optim::NonFiniteNorm>(())
/// ```
///
/// # Errors
/// Returns [`NonFiniteNorm`] if the norm is NaN or infinite; the gradient is then unchanged.
///
/// # Panics
/// Panics if `max_norm` is not above 0. With infinity, the gradient is unchanged.
#[track_caller]
pub fn clip_grad_norm<N: Network>(gradient: &mut N, max_norm: f64) -> Result<f64, NonFiniteNorm> {
    assert_setting(
        positive_single("max_norm", max_norm).map_err(|error| error.of("clip_grad_norm")),
    );
    let norm = norm(gradient);
    if !norm.is_finite() {
        return Err(NonFiniteNorm { norm });
    }

    // As in PyTorch, with the summand that prevents a division by 0.
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        // In `f64`, as the factor may be below the least `f32`.
        let clipped = |g| N::Element::from_f64_lossy(double(g) * factor);
        for_each_number(gradient, |g| *g = flush(clipped(*g)));
    }
    Ok(norm)
}

/// Clips the elements of a gradient to `[-clip_value, clip_value]`; NaN stays NaN. PyTorch's
/// `clip_grad_value_`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
/// let mut gradient = Line::zeros();
/// (gradient.fc.weight, gradient.fc.bias) = ([[-3.0]], [0.4]);
/// clip_grad_value(&mut *gradient, 1.0);
/// assert_eq!((gradient.fc.weight, gradient.fc.bias), ([[-1.0]], [0.4]));
/// ```
///
/// # Panics
/// Panics if `clip_value` is not above 0.
#[track_caller]
pub fn clip_grad_value<N: Network>(gradient: &mut N, clip_value: f64) {
    assert_setting(
        positive_single("clip_value", clip_value).map_err(|error| error.of("clip_grad_value")),
    );
    let limit = N::Element::from_f64_lossy(clip_value);
    for_each_number(gradient, |g| {
        // `max` and `min` would lose NaN.
        if *g > limit {
            *g = limit;
        } else if *g < -limit {
            *g = -limit;
        }
    });
}

/// Adds the gradient of an L1 penalty, `lambda * sum |p|` over a parameter group, and returns the
/// value of the penalty, which belongs to the loss. At 0 the gradient is 0.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
/// let (mut net, mut gradient) = (Line::zeros(), Line::zeros());
/// (net.fc.weight, net.fc.bias) = ([[-3.0]], [7.0]);
/// assert_eq!(
///     l1_penalty(&*net, layer!(Line, fc.weight), 0.5, &mut *gradient),
///     1.5
/// );
/// assert_eq!((gradient.fc.weight, gradient.fc.bias), ([[-0.5]], [0.0]));
/// ```
///
/// # Panics
/// Panics if `lambda` is negative, NaN or infinite.
#[track_caller]
pub fn l1_penalty<N: Network>(
    network: &N,
    group: ParamGroup<N>,
    lambda: f64,
    gradient: &mut N,
) -> N::Element {
    assert_setting(not_negative(&[("lambda", lambda)]).map_err(|error| error.of("l1_penalty")));
    let slope = N::Element::from_f64_lossy(lambda);
    let zero = num_traits::zero();
    add_slopes(network, group, gradient, |p| {
        if p == zero { zero } else { slope * p.signum() }
    });
    let sum = sum_trained(network, group.range(network), f64::abs);
    N::Element::from_f64_lossy(sum.times(lambda))
}

/// Adds the gradient of an L2 penalty, `lambda / 2 * sum p^2` over a parameter group, and returns
/// the value of the penalty, which belongs to the loss. The gradient is `lambda * p`, like that of
/// an optimizer's `weight_decay`.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
/// let (mut net, mut gradient) = (Line::zeros(), Line::zeros());
/// (net.fc.weight, net.fc.bias) = ([[-3.0]], [1.0]);
/// assert_eq!(l2_penalty(&*net, layer!(Line), 0.5, &mut *gradient), 2.5);
/// assert_eq!((gradient.fc.weight, gradient.fc.bias), ([[-1.5]], [0.5]));
/// ```
///
/// # Panics
/// Panics if `lambda` is negative, NaN or infinite.
#[track_caller]
pub fn l2_penalty<N: Network>(
    network: &N,
    group: ParamGroup<N>,
    lambda: f64,
    gradient: &mut N,
) -> N::Element {
    assert_setting(not_negative(&[("lambda", lambda)]).map_err(|error| error.of("l2_penalty")));
    let slope = N::Element::from_f64_lossy(lambda);
    add_slopes(network, group, gradient, |p| slope * p);
    let squares = squares_trained(network, group.range(network));
    N::Element::from_f64_lossy(squares.times(0.5 * lambda))
}

/// Adds `slope(p)` of each parameter `p` in a group to its gradient.
fn add_slopes<N: Network>(
    network: &N,
    group: ParamGroup<N>,
    gradient: &mut N,
    slope: impl Fn(N::Element) -> N::Element,
) {
    for_each_trained::<N>(group.range(network), &mut |place| {
        let gradient = &mut gradient.params_mut()[place.clone()];
        let params = params::parameters_in(network, place);
        for (g, &p) in gradient.iter_mut().zip(params) {
            *g += slope(p);
        }
    });
}
