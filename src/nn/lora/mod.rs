//! Low-rank adaptation: small matrices that are trained around a frozen layer.

mod adapter;
mod linear;
mod merge;

pub(in crate::nn) use adapter::{
    Adapter, AdapterRows, Pass, adapter_memory, adapter_needs, backward_matrices,
};
pub use linear::LoraParams;
pub(in crate::nn) use merge::add_update;
pub use merge::*;

use core::marker::PhantomData;

use rand::Rng;

use crate::derive::Parameters;
use crate::init;
use crate::network::{Configuration, Inferred, LayerInput, Reach, Sentence, ShapeRule};
use crate::params::Parameters;
use crate::tensor::Element;

/// A frozen layer with a trained update of low rank: instead of its weight `W`, two small matrices
/// `A` and `B` are trained, and the layer computes with `W + alpha / rank * B A` (LoRA; Hu et al.,
/// 2021, "LoRA: Low-Rank Adaptation of Large Language Models").
///
/// In a network: `Lora<8, Linear<_, 64>>` or `Lora<8, MultiHeadAttention<_, 12>>`, where 8 is the
/// rank. `Lora<8, Linear<_, 64>>(16.0)` sets `alpha`; by default, it is the rank. Around an attention,
/// queries and values are adapted, each by two matrices, as in the paper; the attention inside drops
/// no weights.
///
/// - **Parameters** are those of the layer, in the field `layer`, and `lora_A` and `lora_B`; around an
///   attention, these are in the fields `query` and `value`. In weight files, the layer's own names
///   stay as they are, so that the file of the network without `Lora` is loaded with
///   `Loader::allow_missing`, and the matrices are called
///   `lora_A.weight` and `lora_B.weight` with the sizes that the library `peft` gives them.
/// - **Initial values** are those of `peft`: `A` is uniform with the bound `1 / sqrt(in_features)`
///   (Kaiming's for a slope of `sqrt(5)`), and `B` is zero, so that the network begins as it was.
/// - **What is frozen** is so by its type. Optimizers keep no values for it, and backward computes no
///   gradient of it. In a [`Network`](crate::Network) that serves as the gradient, its place stays
///   zero and is neither written nor read; as such networks are allocated as zeros, operating systems
///   that give memory to pages when they are first written give none to it.
/// - **The other layers** of a network are trained unless they are frozen as well: `#[frozen]` before
///   a layer freezes all in it but the matrices of a `Lora`.
/// - **Merging**: `#[merged(Base)]` on the definition of a network adds the updates to the weights of
///   a network without `Lora`; see [`Mergeable`].
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Body: [4] -> [16] {
///         fc1: Lora<2, Linear<_, 16>>,
///         Relu,
///         fc2: Lora<2, Linear<_, 16>>,
///     }
/// }
/// network! {
///     struct Net: [4] -> [3] {
///         #[frozen]
///         body: Body,
///         head: Linear<_, 3>,
///     }
/// }
/// assert_eq!(Net::PARAMS, 4 * 16 + 16 + 16 * 16 + 16 + Net::TRAINABLE_PARAMS);
/// assert_eq!(Net::TRAINABLE_PARAMS, 2 * (4 + 16) + 2 * (16 + 16) + 16 * 3 + 3);
///
/// let mut net = Net::init(&mut shapewright::rng(0));
/// let before = net.to_boxed();
/// let x = [Tensor1::from([1.0, 2.0, 3.0, 4.0])];
/// let labels = [Label::new(1)?];
/// Net::trainer(Adam::new(0.01), CrossEntropy).epochs(3).fit(&mut net, &x, &labels)?;
/// assert_eq!(net.body.fc1.layer, before.body.fc1.layer);
/// assert_ne!(net.body.fc1.lora_B, before.body.fc1.lora_B);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A rank of 0 is a compile error, and so is any other layer inside:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! { struct Wrong: [4] -> [4] { Lora<0, Linear<_, 4>> } }
/// ```
#[doc(alias = "peft")]
pub struct Lora<const RANK: usize, L> {
    layer: PhantomData<L>,
}

/// The constructor argument of [`struct@Lora`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoraAlpha {
    /// `None` is the rank.
    alpha: Option<f64>,
}

impl Configuration for LoraAlpha {
    const DEFAULT: Self = LoraAlpha { alpha: None };
}

impl LoraAlpha {
    /// Returns the factor of the update of a weight: `alpha / rank`.
    pub(in crate::nn) fn scaling(self, rank: usize) -> f64 {
        self.alpha.map_or(1.0, |alpha| alpha / rank as f64)
    }
}

/// Returns a [`struct@Lora`] layer whose update is multiplied by `alpha / rank`.
///
/// # Panics
/// Panics if `alpha` is not a finite number.
#[allow(non_snake_case)]
#[track_caller]
pub const fn Lora(alpha: f64) -> LoraAlpha {
    assert!(
        alpha.is_finite(),
        "the `alpha` of `Lora` is a finite number, often once or twice the rank"
    );
    LoraAlpha { alpha: Some(alpha) }
}

impl<In: LayerInput, const RANK: usize, L: ShapeRule<In>> ShapeRule<In> for Lora<RANK, L> {
    const OUTPUT: Inferred = if RANK == 0 {
        L::OUTPUT.or_wrong(Sentence::new(
            "has a rank of 0, with which nothing would be trained; write 1 or more",
        ))
    } else {
        L::OUTPUT
    };
    const REACH: Reach = L::REACH;
}

/// The matrix `A` of a [`struct@Lora`], which maps the inputs of a weight to `rank` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct LoraA<const IN: usize, const RANK: usize, T: Element> {
    /// `[in_features][rank]`
    #[params(features, axes(1, 0))]
    pub weight: [[T; RANK]; IN],
}

/// The matrix `B` of a [`struct@Lora`], which maps `rank` numbers to the outputs of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct LoraB<const RANK: usize, const OUT: usize, T: Element> {
    /// `[rank][out_features]`
    #[params(outputs, axes(1, 0))]
    pub weight: [[T; OUT]; RANK],
}

/// Sets the initial values of the matrices of an adapter.
pub(in crate::nn) fn initialize<
    const IN: usize,
    const RANK: usize,
    const OUT: usize,
    T: Element,
    G: Rng + ?Sized,
>(
    a: &mut LoraA<IN, RANK, T>,
    b: &mut LoraB<RANK, OUT, T>,
    rng: &mut G,
) {
    init::fan_in_uniform(a.weight.as_flattened_mut(), IN, rng);
    Parameters::<T>::as_mut_slice(b).fill(T::zero());
}
