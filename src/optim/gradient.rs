//! What is done to a gradient between `backward` and the optimizer's step.

use std::fmt::{Display, Formatter};
use std::ops::Range;

use num_traits::Float;

use super::{ParamGroup, assert_setting, bound, from_zero};
use crate::kernels::flush;
use crate::network::{Network, Parameters};
use crate::sum::Sum;
use crate::tensor::Element;

/// The number of partial sums of a block: enough for vectors, and always the same order.
const PARTIALS: usize = 16;

/// The terms that are added in plain chains before their sum goes to the exact one.
const BLOCK: usize = 64 * PARTIALS;

/// Returns the sum of `term` over all numbers, in `f64`, however many there are.
fn sum<T: Element>(numbers: &[T], term: impl Fn(f64) -> f64) -> Sum {
    let wide = |x: T| x.to_f64().expect("a float is an f64");
    let mut total = Sum::default();
    for block in numbers.chunks(BLOCK) {
        let (chunks, rest) = block.as_chunks::<PARTIALS>();
        let mut sums = [0.0; PARTIALS];
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += term(wide(x));
            }
        }
        total.extend(sums);
        total.extend(rest.iter().map(|&x| term(wide(x))));
    }
    total
}

/// Calls with the places of all that is trained within a range, in order: without statistics, which
/// have no gradient.
fn for_each_trained<N: Network>(range: Range<usize>, f: &mut dyn FnMut(Range<usize>)) {
    if <N as Parameters<N::Element>>::STATISTICS == 0 {
        return f(range);
    }
    N::PARAM_TREE.for_each_place(0, &mut |place, statistic| {
        let (start, end) = (place.start.max(range.start), place.end.min(range.end));
        if !statistic && start < end {
            f(start..end);
        }
    });
}

/// The sum of `term` over all that is trained in a range of a network.
fn sum_trained<N: Network>(network: &N, range: Range<usize>, term: impl Fn(f64) -> f64) -> f64 {
    let mut total = Sum::default();
    for_each_trained::<N>(range, &mut |place| {
        total.add(sum(&network.params()[place], &term).value());
    });
    total.value()
}

/// Calls with all numbers of a gradient that are trained.
fn for_each_number<N: Network>(gradient: &mut N, f: impl Fn(&mut N::Element)) {
    for_each_trained::<N>(0..gradient.params().len(), &mut |place| {
        gradient.params_mut()[place].iter_mut().for_each(&f);
    });
}

/// The norm of a gradient is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NonFiniteNorm {
    /// NaN or infinity.
    pub norm: f64,
}

impl Display for NonFiniteNorm {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the norm of the gradient is {}, not a finite number: leave this step out, and look for numbers of that \
             kind in the inputs, the targets and the parameters; a smaller learning rate may prevent it",
            self.norm
        )
    }
}

impl std::error::Error for NonFiniteNorm {}

/// Makes a gradient shorter if its norm, the root of the sum of all squares, is larger than
/// `max_norm`; the norm that it had. PyTorch's `clip_grad_norm_` with its `error_if_nonfinite`.
/// Sums in `f64`; does not allocate. Frozen parts count as all others: to leave them out, fill
/// their gradient with zeros before.
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
/// [`NonFiniteNorm`] if the norm is NaN or infinite; the gradient is left as it is.
///
/// # Panics
/// Unless `max_norm` is above 0. With infinity, the gradient stays as it is.
#[track_caller]
pub fn clip_grad_norm<N: Network>(gradient: &mut N, max_norm: f64) -> Result<f64, NonFiniteNorm> {
    assert_setting(bound("max_norm", max_norm).map_err(|error| error.of("clip_grad_norm")));
    let norm = sum_trained(gradient, 0..gradient.params().len(), |x| x * x).sqrt();
    if !norm.is_finite() {
        return Err(NonFiniteNorm { norm });
    }
    // PyTorch's, with its summand against a division by 0.
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        let factor = N::Element::from_f64_lossy(factor);
        for_each_number(gradient, |g| *g = flush(*g * factor));
    }
    Ok(norm)
}

/// Brings every number of a gradient to at most `clip_value` in size; NaN stays. PyTorch's
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
/// Unless `clip_value` is above 0.
#[track_caller]
pub fn clip_grad_value<N: Network>(gradient: &mut N, clip_value: f64) {
    assert_setting(bound("clip_value", clip_value).map_err(|error| error.of("clip_grad_value")));
    let limit = N::Element::from_f64_lossy(clip_value);
    for_each_number(gradient, |g| {
        // Comparisons, and not `max` and `min`, which lose NaN.
        if *g > limit {
            *g = limit;
        } else if *g < -limit {
            *g = -limit;
        }
    });
}

/// Adds the gradient of an L1 penalty, `lambda * sum |p|` over a part of the network, and gives its
/// value, to be added to the loss. At 0 the gradient is 0.
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
/// Unless `lambda` is a number from 0 up.
#[track_caller]
pub fn l1_penalty<N: Network>(
    network: &N,
    part: ParamGroup<N>,
    lambda: f64,
    gradient: &mut N,
) -> N::Element {
    assert_setting(from_zero(&[("lambda", lambda)]).map_err(|error| error.of("l1_penalty")));
    let slope = N::Element::from_f64_lossy(lambda);
    let zero = num_traits::zero();
    add(network, part, gradient, |p| {
        if p == zero { zero } else { slope * p.signum() }
    });
    N::Element::from_f64_lossy(lambda * sum_trained(network, part.range(network), f64::abs))
}

/// Adds the gradient of an L2 penalty, `lambda / 2 * sum p^2` over a part of the network, and gives
/// its value, to be added to the loss. The gradient is `lambda * p`, as that of an optimizer's
/// `weight_decay`.
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
/// Unless `lambda` is a number from 0 up.
#[track_caller]
pub fn l2_penalty<N: Network>(
    network: &N,
    part: ParamGroup<N>,
    lambda: f64,
    gradient: &mut N,
) -> N::Element {
    assert_setting(from_zero(&[("lambda", lambda)]).map_err(|error| error.of("l2_penalty")));
    let slope = N::Element::from_f64_lossy(lambda);
    add(network, part, gradient, |p| slope * p);
    N::Element::from_f64_lossy(0.5 * lambda * sum_trained(network, part.range(network), |p| p * p))
}

/// Adds `slope` of each parameter to its gradient.
fn add<N: Network>(
    network: &N,
    part: ParamGroup<N>,
    gradient: &mut N,
    slope: impl Fn(N::Element) -> N::Element,
) {
    for_each_trained::<N>(part.range(network), &mut |place| {
        let gradient = &mut gradient.params_mut()[place.clone()];
        for (g, &p) in gradient.iter_mut().zip(&network.params()[place]) {
            *g += slope(p);
        }
    });
}
