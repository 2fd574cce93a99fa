//! Initial values of parameters other than the defaults of the layers.
//!
//! ```
//! use shapewright::init::{self, Mode, Nonlinearity};
//! use shapewright::prelude::*;
//!
//! network! {
//!     struct Net: [784] -> [10] { fc1: Linear<_, 128>, Relu, fc2: Linear<_, 10> }
//! }
//! let mut rng = shapewright::rng(0);
//! let mut net = Net::init(&mut rng);
//! init::kaiming_normal(
//!     &mut net.fc1.weight,
//!     Mode::FanIn,
//!     Nonlinearity::Relu,
//!     &mut rng,
//! );
//! init::xavier_uniform(&mut net.fc2.weight, 1.0, &mut rng);
//! init::constant(&mut net.fc2.bias, 0.1);
//! ```
//!
//! Definitions are those of `torch.nn.init`. All functions take parameters of a layer, and those
//! that do not depend on the number of inputs and outputs also a whole layer or network. The same
//! generator gives the same numbers on every machine.

mod normal;
#[cfg(feature = "alloc")]
mod orthogonal;
mod tensors;

pub(crate) use normal::standard_normal;
#[cfg(feature = "alloc")]
pub use orthogonal::orthogonal;

use rand::Rng;
use rand::distr::{Distribution, Uniform};

use crate::params::Parameters;
use crate::params::param_tree::PlaceKind;
use crate::tensor::Element;

mod sealed {
    pub trait Sealed {}
}

/// A weight with inputs and outputs: `[in][out]`, or with one or two axes of a kernel before them,
/// as `[kernel height][kernel width][in][out]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no inputs and outputs to count",
    label = "not a weight of two to four axes",
    note = "for a bias, use `init::constant`, `init::uniform` or `init::normal`"
)]
pub trait Weight<T: Element>: Parameters<T> + sealed::Sealed {
    /// The number of inputs of each output: the size of the kernel times `in`.
    const FAN_IN: usize;
    /// The size of the kernel times `out`.
    const FAN_OUT: usize;
    /// The size of the last axis, `out`.
    const OUT: usize;
}

macro_rules! weights {
    ($([$($kernel:ident)*] $t:ty;)*) => { $(
        impl<T: Element, const I: usize, const O: usize $(, const $kernel: usize)*> sealed::Sealed for $t {}
        #[diagnostic::do_not_recommend]
        impl<T: Element, const I: usize, const O: usize $(, const $kernel: usize)*> Weight<T> for $t {
            const FAN_IN: usize = I $(* $kernel)*;
            const FAN_OUT: usize = O $(* $kernel)*;
            const OUT: usize = O;
        }
    )* };
}
weights! {
    [] [[T; O]; I];
    [L] [[[T; O]; I]; L];
    [H W] [[[[T; O]; I]; W]; H];
}

/// The pass through which numbers keep their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The forward pass, whose outputs keep their variance.
    #[default]
    FanIn,
    /// The backward pass, whose gradients keep their variance.
    FanOut,
}

/// The activation that follows a weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// None.
    Linear,
    /// [`Sigmoid`](crate::nn::Sigmoid)
    Sigmoid,
    /// [`Tanh`](crate::nn::Tanh)
    Tanh,
    /// [`Relu`](crate::nn::Relu)
    Relu,
    /// [`LeakyRelu`](struct@crate::nn::LeakyRelu), with its negative slope.
    LeakyRelu(f64),
    /// [`Selu`](crate::nn::Selu)
    Selu,
}

impl Nonlinearity {
    /// Returns the factor of the standard deviation: `torch.nn.init.calculate_gain`. It is 1 for a
    /// sigmoid, 5/3 for tanh, `sqrt(2)` for a rectifier, `sqrt(2 / (1 + slope^2))` for a leaky
    /// one, 3/4 for SELU.
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::Relu => core::f64::consts::SQRT_2,
            Nonlinearity::LeakyRelu(slope) => crate::float::sqrt(2.0 / (1.0 + slope * slope)),
            Nonlinearity::Selu => 0.75,
        }
    }
}

/// Sets every number with `draw`.
fn fill<T: Element, P: Parameters<T>>(params: &mut P, mut draw: impl FnMut() -> T) {
    // Place by place, as the padding between the layers of a network must stay zero.
    let numbers = params.as_mut_slice();
    P::PARAM_TREE.for_each_place(0, &mut |place, kind| {
        // The numbers of a buffer are of another type.
        if !matches!(kind, PlaceKind::Buffer { .. }) {
            numbers[place].fill_with(&mut draw);
        }
    });
}

/// Sets all numbers to `value`.
///
/// ```
/// let mut bias = [0.0_f32; 3];
/// shapewright::init::constant(&mut bias, 0.5);
/// assert_eq!(bias, [0.5; 3]);
/// ```
pub fn constant<T: Element, P: Parameters<T>>(params: &mut P, value: T) {
    fill(params, || value);
}

/// Draws uniform numbers from `low` to `high`.
///
/// # Panics
/// Panics unless `low` and `high` are finite, also as `T`, and `low <= high`.
pub fn uniform<T, P, R>(params: &mut P, low: f64, high: f64, rng: &mut R)
where
    T: Element,
    P: Parameters<T>,
    R: Rng + ?Sized,
{
    let first = T::from_f64_lossy(low);
    let last = T::from_f64_lossy(high);
    assert!(
        low <= high && (last - first).is_finite(),
        "init::uniform from {low} to {high}: give it finite bounds in order, whose distance is \
         finite in {}",
        T::NAME
    );
    let uniform = Uniform::new_inclusive(first, last);
    let uniform = uniform.expect("bounds that are finite and in order");
    fill(params, || uniform.sample(rng));
}

/// Draws uniform numbers between plus and minus `1 / sqrt(fan_in)`, with which `Linear` and the
/// convolutions begin, weight and bias.
pub(crate) fn fan_in_uniform<T: Element, R: Rng + ?Sized>(
    params: &mut [T],
    fan_in: usize,
    rng: &mut R,
) {
    let bound = T::from_f64_lossy(1.0 / crate::float::sqrt(fan_in as f64));
    let uniform = Uniform::new_inclusive(-bound, bound).expect("a finite bound");
    params
        .iter_mut()
        .for_each(|param| *param = uniform.sample(rng));
}

/// Draws normal numbers with this mean and standard deviation.
///
/// # Panics
/// Panics unless both are finite and `std` is not negative.
pub fn normal<T, P, R>(params: &mut P, mean: f64, std: f64, rng: &mut R)
where
    T: Element,
    P: Parameters<T>,
    R: Rng + ?Sized,
{
    check_normal("normal", mean, std);
    fill(params, || {
        T::from_f64_lossy(mean + std * normal::standard_normal(rng))
    });
}

/// Draws normal numbers with this mean and standard deviation, but only from `a` to `b`:
/// `torch.nn.init.trunc_normal_`, whose defaults are 0, 1, -2 and 2. As there, `a` and `b` are not
/// in units of `std`.
///
/// # Panics
/// Panics unless mean and standard deviation are finite, `std` is not negative and `a < b`.
pub fn truncated_normal<T, P, R>(params: &mut P, mean: f64, std: f64, a: f64, b: f64, rng: &mut R)
where
    T: Element,
    P: Parameters<T>,
    R: Rng + ?Sized,
{
    check_normal("truncated_normal", mean, std);
    assert!(
        a < b,
        "init::truncated_normal from {a} to {b}: give it bounds in order"
    );
    if std == 0.0 {
        return constant(params, T::from_f64_lossy(mean.clamp(a, b)));
    }

    let low = (a - mean) / std;
    let high = (b - mean) / std;
    fill(params, || {
        T::from_f64_lossy((mean + std * normal::truncated(low, high, rng)).clamp(a, b))
    });
}

/// Draws uniform numbers with the standard deviation `gain * sqrt(2 / (fan_in + fan_out))`.
///
/// It keeps the size of numbers forward and of gradients backward through layers that are nearly
/// linear. Glorot and Bengio, 2010. PyTorch's default gain is 1; see [`Nonlinearity::gain`].
///
/// # Panics
/// Panics unless the gain is finite and not negative.
pub fn xavier_uniform<T, W, R>(weight: &mut W, gain: f64, rng: &mut R)
where
    T: Element,
    W: Weight<T>,
    R: Rng + ?Sized,
{
    let bound = crate::float::sqrt(3.0) * xavier_std::<T, W>(gain);
    uniform(weight, -bound, bound, rng);
}

/// Draws normal numbers with the standard deviation of [`xavier_uniform`].
///
/// # Panics
/// Panics unless the gain is finite and not negative.
pub fn xavier_normal<T, W, R>(weight: &mut W, gain: f64, rng: &mut R)
where
    T: Element,
    W: Weight<T>,
    R: Rng + ?Sized,
{
    normal(weight, 0.0, xavier_std::<T, W>(gain), rng);
}

/// Draws uniform numbers with the standard deviation `gain / sqrt(fan)`, where the gain is that of
/// the activation that follows.
///
/// It keeps the size of numbers (`FanIn`) or gradients (`FanOut`) through rectifiers. He et al.,
/// 2015.
///
/// `Mode::FanIn` with `Nonlinearity::LeakyRelu(5.0_f64.sqrt())` gives the initial values of
/// [`Linear`](crate::nn::Linear).
///
/// # Panics
/// Panics if the slope of a leaky rectifier is not finite.
pub fn kaiming_uniform<T, W, R>(weight: &mut W, mode: Mode, nonlinearity: Nonlinearity, rng: &mut R)
where
    T: Element,
    W: Weight<T>,
    R: Rng + ?Sized,
{
    let bound = crate::float::sqrt(3.0) * kaiming_std::<T, W>(mode, nonlinearity);
    uniform(weight, -bound, bound, rng);
}

/// Draws normal numbers with the standard deviation of [`kaiming_uniform`].
///
/// # Panics
/// Panics if the slope of a leaky rectifier is not finite.
pub fn kaiming_normal<T, W, R>(weight: &mut W, mode: Mode, nonlinearity: Nonlinearity, rng: &mut R)
where
    T: Element,
    W: Weight<T>,
    R: Rng + ?Sized,
{
    normal(weight, 0.0, kaiming_std::<T, W>(mode, nonlinearity), rng);
}

/// A weight without numbers has a standard deviation as well, which nothing is drawn with.
fn xavier_std<T: Element, W: Weight<T>>(gain: f64) -> f64 {
    check_gain(gain);
    gain * crate::float::sqrt(2.0 / (W::FAN_IN + W::FAN_OUT).max(1) as f64)
}

fn kaiming_std<T: Element, W: Weight<T>>(mode: Mode, nonlinearity: Nonlinearity) -> f64 {
    let fan = match mode {
        Mode::FanIn => W::FAN_IN,
        Mode::FanOut => W::FAN_OUT,
    };
    let gain = nonlinearity.gain();
    assert!(
        gain > 0.0,
        "init::kaiming: the slope of {nonlinearity:?} is not finite"
    );
    gain / crate::float::sqrt(fan.max(1) as f64)
}

fn check_gain(gain: f64) {
    assert!(
        gain >= 0.0 && gain.is_finite(),
        "init: the gain is {gain}; it is finite and not negative"
    );
}

fn check_normal(name: &str, mean: f64, std: f64) {
    assert!(
        mean.is_finite() && std.is_finite() && std >= 0.0,
        "init::{name} with mean {mean} and standard deviation {std}: both are finite, and the second is not negative"
    );
}
