//! The parameters and the arguments of recurrent layers.

use crate::derive::Parameters;
use crate::network::Configuration;
use crate::tensor::Element;

/// The weights of one direction of a layer, where `G` is the number of all gates.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct RecurrentWeights<const I: usize, const H: usize, const G: usize, T: Element> {
    /// `[inputs][gates * hidden_size]`
    #[params(axes(1, 0))]
    pub weight_ih: [[T; G]; I],
    /// `[hidden_size][gates * hidden_size]`
    #[params(axes(1, 0))]
    pub weight_hh: [[T; G]; H],
    /// `[gates * hidden_size]`
    pub bias_ih: [T; G],
    /// `[gates * hidden_size]`
    pub bias_hh: [T; G],
}

/// The weights of one direction of a layer with the option `NoBias`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct RecurrentNoBiasWeights<const I: usize, const H: usize, const G: usize, T: Element> {
    /// `[inputs][gates * hidden_size]`
    #[params(axes(1, 0))]
    pub weight_ih: [[T; G]; I],
    /// `[hidden_size][gates * hidden_size]`
    #[params(axes(1, 0))]
    pub weight_hh: [[T; G]; H],
}

/// The parameters of a recurrent layer: [`RecurrentWeights`] for each layer and direction.
///
/// `D` is the number of directions, `OUT` that of outputs of a layer, and `LATER` that of layers
/// behind the first. Weight files have PyTorch's names, such as `weight_ih_l0` and
/// `bias_hh_l1_reverse`.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct RecurrentParams<
    const I: usize,
    const H: usize,
    const G: usize,
    const D: usize,
    const OUT: usize,
    const LATER: usize,
    T: Element,
> {
    /// The first layer, `[directions]`.
    #[params(directions)]
    pub first: [RecurrentWeights<I, H, G, T>; D],
    /// The layers behind it, `[layers - 1][directions]`.
    #[params(further_layers)]
    pub later: [[RecurrentWeights<OUT, H, G, T>; D]; LATER],
}

/// The parameters of a recurrent layer with the option `NoBias`; see [`RecurrentParams`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct RecurrentNoBiasParams<
    const I: usize,
    const H: usize,
    const G: usize,
    const D: usize,
    const OUT: usize,
    const LATER: usize,
    T: Element,
> {
    /// The first layer, `[directions]`.
    #[params(directions)]
    pub first: [RecurrentNoBiasWeights<I, H, G, T>; D],
    /// The layers behind it, `[layers - 1][directions]`.
    #[params(further_layers)]
    pub later: [[RecurrentNoBiasWeights<OUT, H, G, T>; D]; LATER],
}

/// The probability of dropout between the layers of a recurrent layer; 0 by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentDropout {
    pub(super) probability: f64,
}

impl RecurrentDropout {
    /// # Panics
    /// Panics if the probability is not between 0 and 1.
    #[track_caller]
    pub(super) const fn new(probability: f64) -> Self {
        assert!(
            probability >= 0.0 && probability <= 1.0,
            "the probability of dropout lies between 0 and 1"
        );
        RecurrentDropout { probability }
    }
}

impl Configuration for RecurrentDropout {
    const DEFAULT: Self = RecurrentDropout { probability: 0.0 };
}
