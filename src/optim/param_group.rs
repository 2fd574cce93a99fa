//! Parts of a network: its layers, by the names of their fields.

use std::fmt::{Debug, Formatter};
use std::ops::Range;

use crate::network::Network;

/// Some of a network's parameters that lie side by side: a layer, one of its tensors, or all. Made
/// with [`layer!`](crate::layer!).
pub struct ParamGroup<N: Network> {
    of: fn(&N) -> &[N::Element],
}

impl<N: Network> ParamGroup<N> {
    /// What `layer!` makes.
    #[doc(hidden)]
    pub const fn new(of: fn(&N) -> &[N::Element]) -> Self {
        ParamGroup { of }
    }

    /// All parameters.
    pub const fn whole() -> Self {
        ParamGroup {
            of: |network| network.params(),
        }
    }

    /// The parameters of this part of a network.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
    /// let mut net = Line::zeros();
    /// net.fc.bias = [3.0];
    /// assert_eq!(layer!(Line, fc.bias).of(&net), [3.0]);
    /// ```
    pub fn of<'a>(&self, network: &'a N) -> &'a [N::Element] {
        (self.of)(network)
    }

    /// Where it lies in [`Network::params`]; `network` may be any.
    pub(crate) fn range(&self, network: &N) -> Range<usize> {
        let (part, all) = (self.of(network), network.params());
        let start = (part.as_ptr().addr() - all.as_ptr().addr()) / size_of::<N::Element>();
        start..start + part.len()
    }
}

impl<N: Network> Clone for ParamGroup<N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Network> Copy for ParamGroup<N> {}

impl<N: Network> Debug for ParamGroup<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParamGroup of {}", N::NAME)
    }
}

/// A part of a network, by the names of fields: `layer!(Mlp, fc1)` is a layer, `layer!(Mlp,
/// fc1.bias)` one of its tensors, `layer!(Mlp, encoder.fc)` a layer of a nested network,
/// `layer!(Mlp, blocks[2].fc)` a layer in the third of a `Repeat`, `layer!(Mlp)` all parameters. A
/// wrong name is an error of the compiler. A layer without a name has the field `layer_0`, by its
/// place; indices are constants, and one beyond the last panics when the part is used.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Mlp: [4] -> [3] { fc1: Linear<_, 8>, Relu, head: Linear<_, 3> } }
/// const FIRST: shapewright::optim::ParamGroup<Mlp> = layer!(Mlp, fc1);
/// let adam = Adam::new(1e-3)
///     .state::<Mlp>()
///     .scale(FIRST, 0.1)
///     .freeze(layer!(Mlp, head.bias));
/// ```
#[macro_export]
macro_rules! layer {
    ($network:ty $(,)?) => {
        $crate::optim::ParamGroup::<$network>::whole()
    };
    ($network:ty, $($field:ident $([$index:expr])*).+ $(,)?) => {
        $crate::optim::ParamGroup::<$network>::new(|network| $crate::Parameters::as_slice(&network.$($field $([$index])*).+))
    };
}
