//! Updates of low rank that are added to the weights around which they are.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::marker::PhantomData;

use super::{LoraA, LoraAlpha, LoraB, LoraParams};
use crate::network::Network;
use crate::nn::{LinearNoBiasParams, LinearParams};
use crate::params::{self, Parameters};
use crate::tensor::{Element, double};

/// A network with `#[merged(Base)]` on its definition: it has [`Lora`](struct@super::Lora) around some
/// of the layers of another network, `Base`, which is otherwise the same.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Net: [4] -> [3] { fc1: Linear<_, 16>, Relu, head: Linear<_, 3> } }
/// network! {
///     #[merged(Net)]
///     struct AdaptedNet: [4] -> [3] { fc1: Lora<2, Linear<_, 16>>(4.0), Relu, head: Linear<_, 3> }
/// }
/// let net = Net::init(&mut shapewright::rng(0)); // and trained
///
/// let mut adapted = AdaptedNet::init(&mut shapewright::rng(1));
/// adapted.set_base(&net);
/// adapted.fc1.lora_B.weight = [[0.01; 16]; 2]; // or trained
///
/// let merged: Box<Net> = adapted.merged();
/// let x = Tensor1::from([1.0, 2.0, 3.0, 4.0]);
/// let (y, same) = (adapted.forward(&x), merged.forward(&x));
/// assert!((y[0] - same[0]).abs() < 1e-5);
/// ```
///
/// Networks inside it have the attribute as well, or are the same in both. A layer that the base does
/// not have, or that differs from its own, is a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Net: [4] -> [3] { head: Linear<_, 3> } }
/// network! {
///     #[merged(Net)]
///     struct AdaptedNet: [4] -> [3] { fc: Lora<2, Linear<_, 3>> }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no network that its updates are merged into",
    label = "write `#[merged(..)]` on its definition, with the name of the network without `Lora`"
)]
pub trait Mergeable: Network {
    /// The network without [`Lora`](struct@super::Lora).
    type Base: Network<Element = Self::Element>;

    /// Sets the parameters of the base to those with which this network computes: the weights of
    /// adapted layers become `W + alpha / rank * B A`, computed in `f64`, and all others are copied.
    fn merge_into(&self, base: &mut Self::Base);

    /// Sets the parameters that this network shares with the base to those of the base. The matrices
    /// of its adapters stay as they are.
    fn set_base(&mut self, base: &Self::Base);

    /// Returns the base with the parameters with which this network computes, on the heap.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn merged(&self) -> Box<Self::Base> {
        let mut base = Self::Base::zeros();
        self.merge_into(&mut base);
        base
    }
}

/// The parameters of a layer with an update of low rank.
#[doc(hidden)]
pub trait Adapted {
    /// The parameters of the layer without it.
    type Layer;
    /// Sets the layer's parameters to those with the update.
    fn merge_into(&self, config: LoraAlpha, layer: &mut Self::Layer);
    /// Sets the frozen parameters to those of the layer.
    fn set_layer(&mut self, layer: &Self::Layer);
}

/// Adds `scaling * A B` to columns of a weight whose rows are `stride` apart.
pub(in crate::nn) fn add_update<
    const IN: usize,
    const RANK: usize,
    const OUT: usize,
    T: Element,
>(
    a: &LoraA<IN, RANK, T>,
    b: &LoraB<RANK, OUT, T>,
    scaling: f64,
    (weight, stride): (&mut [T], usize),
) {
    for (row, a) in weight.chunks_mut(stride).zip(&a.weight) {
        for (out, weight) in row[..OUT].iter_mut().enumerate() {
            let products = a.iter().zip(&b.weight);
            let sum: f64 = products.map(|(&a, b)| double(a) * double(b[out])).sum();
            *weight = T::from_f64_lossy(double(*weight) + scaling * sum);
        }
    }
}

macro_rules! adapted_linear {
    ($($layer:ident)*) => { $(
        impl<const IN: usize, const RANK: usize, const OUT: usize, T: Element> Adapted
            for LoraParams<$layer<IN, OUT, T>, IN, RANK, OUT, T>
        {
            type Layer = $layer<IN, OUT, T>;

            fn merge_into(&self, config: LoraAlpha, layer: &mut Self::Layer) {
                params::copy_parameters::<_, T>(&self.layer, layer);
                let weight = (layer.weight.as_flattened_mut(), OUT);
                add_update(&self.lora_A, &self.lora_B, config.scaling(RANK), weight);
            }

            fn set_layer(&mut self, layer: &Self::Layer) {
                params::copy_parameters::<_, T>(layer, &mut self.layer);
            }
        }
    )* };
}
adapted_linear!(LinearParams LinearNoBiasParams);

/// Copies the parameters of a layer that both networks have.
#[doc(hidden)]
pub fn copy_same<T: Element, P: Parameters<T>>(from: &P, to: &mut P) {
    params::copy_parameters(from, to);
}

/// Returns pairs of the items of two arrays of equal length.
#[doc(hidden)]
pub fn zipped<'a, P, Q, const N: usize>(
    from: &'a [P; N],
    to: &'a mut [Q; N],
) -> impl Iterator<Item = (&'a P, &'a mut Q)> {
    from.iter().zip(to)
}

/// Fails to compile unless the base has all parameters of the other network but its adapters.
#[doc(hidden)]
pub const fn assert_complete<N: Network, B: Network>() {
    assert!(
        N::PARAMS - N::PARAM_TREE.adapter_numbers(false) == B::PARAMS,
        "the network in `#[merged(..)]` has other layers than this one without `Lora`"
    );
}

/// The parameters of a layer that may be a network of its own, and those that are set by them: they
/// are copied if both are of one type.
///
/// The emitted code calls a method on the pair itself; where the pair has none, it is that of `&mut
/// Pair`.
#[doc(hidden)]
pub struct Pair<'a, T, P, Q> {
    from: &'a P,
    to: &'a mut Q,
    element: PhantomData<T>,
}

impl<'a, T: Element, P, Q> Pair<'a, T, P, Q> {
    pub fn new(from: &'a P, to: &'a mut Q) -> Self {
        Pair {
            from,
            to,
            element: PhantomData,
        }
    }
}

/// A network and its base.
#[doc(hidden)]
pub trait MergePair {
    fn merge(self);
}

impl<N: Mergeable> MergePair for Pair<'_, N::Element, N, N::Base> {
    fn merge(self) {
        self.from.merge_into(self.to);
    }
}

/// The base and its network.
#[doc(hidden)]
pub trait SetPair {
    fn set(self);
}

impl<N: Mergeable> SetPair for Pair<'_, N::Element, N::Base, N> {
    fn set(self) {
        self.to.set_base(self.from);
    }
}

/// Parameters of one type.
#[doc(hidden)]
pub trait CopyPair {
    fn merge(self);
    fn set(self);
}

impl<T: Element, P: Parameters<T>> CopyPair for &mut Pair<'_, T, P, P> {
    fn merge(self) {
        params::copy_parameters(self.from, self.to);
    }

    fn set(self) {
        params::copy_parameters(self.from, self.to);
    }
}
