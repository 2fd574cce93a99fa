//! Parameter groups: layers and tensors of a network, by the names of their fields.

use core::fmt::{Debug, Formatter};
use core::ops::Range;
use core::ptr;

use crate::network::Network;
use crate::params::{self, Parameters};

/// A contiguous range of a network's parameters: a layer, one of its tensors, or all parameters.
/// [`layer!`](crate::layer!) makes it.
pub struct ParamGroup<N: Network> {
    range: fn(&N) -> Range<usize>,
}

impl<N: Network> ParamGroup<N> {
    /// Returns the group whose range a function returns; for `layer!`.
    #[doc(hidden)]
    pub const fn new(range: fn(&N) -> Range<usize>) -> Self {
        ParamGroup { range }
    }

    /// Returns the group of all parameters.
    pub const fn whole() -> Self {
        ParamGroup {
            range: |_| 0..<N as Parameters<N::Element>>::LEN,
        }
    }

    /// Returns the range of a part of a network in [`Network::params`].
    #[doc(hidden)]
    pub fn range_of<P: Parameters<N::Element>>(network: &N, part: &P) -> Range<usize> {
        let bytes = ptr::from_ref(part).addr() - ptr::from_ref(network).addr();
        let start = bytes / size_of::<N::Element>();
        start..start + P::LEN
    }

    /// Returns the group's parameters in a network.
    ///
    /// # Panics
    /// Panics if they have [padding](crate::ext::Buffer#padding) behind numbers of another type.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { fc: Linear<1, 1> } }
    /// let mut net = Line::zeros();
    /// net.fc.bias = [3.0];
    /// assert_eq!(layer!(Line, fc.bias).of(&net), [3.0]);
    /// ```
    pub fn of<'a>(&self, network: &'a N) -> &'a [N::Element] {
        params::parameters_in(network, self.range(network))
    }

    /// Returns the group's range in [`Network::params`], which is the same for every `network`.
    ///
    /// # Panics
    /// Panics if it is not within them, which a function for `layer!` never gives.
    pub(crate) fn range(&self, network: &N) -> Range<usize> {
        let Range { start, end } = (self.range)(network);
        let len = <N as Parameters<N::Element>>::LEN;
        assert!(
            start <= end && end <= len,
            "a parameter group is {start}..{end} of the {len} numbers of `{}`; name it with \
             `layer!`",
            N::NAME
        );
        start..end
    }
}

impl<N: Network> Clone for ParamGroup<N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Network> Copy for ParamGroup<N> {}

impl<N: Network> Debug for ParamGroup<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        write!(f, "ParamGroup of {}", N::NAME)
    }
}

/// A [`ParamGroup`](crate::optim::ParamGroup) of a network, by the names of fields.
///
/// - `layer!(Mlp, fc1)` is a layer,
/// - `layer!(Mlp, fc1.bias)` one of its tensors,
/// - `layer!(Mlp, encoder.fc)` a layer of a nested network,
/// - `layer!(Mlp, blocks[2].fc)` a layer in the third block of a `Repeat`,
/// - `layer!(Mlp)` all parameters.
///
/// A wrong name is a compile error. A layer without a name has a field with the number of its
/// position, such as `layer_0`. Indices must be constants; the use of a group with an index out of
/// bounds panics.
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
    // The network is the type of the closure's argument. In `::<..>` the compiler would take the
    // name of a variable for a constant.
    ($network:ty, $($field:ident $([$index:expr])*).+ $(,)?) => {{
        let group = $crate::optim::ParamGroup::new(|network: &$network| {
            $crate::optim::ParamGroup::range_of(network, &network.$($field $([$index])*).+)
        });
        group
    }};
    ($network:ty, $name:literal $(,)?) => {
        ::core::compile_error! {
            "the name of a layer is that of its field, without quotes: `layer!(Net, fc)`"
        }
    };
    ($network:ident . $($field:tt)+) => {
        ::core::compile_error! {
            "`layer!` takes the type of the network and then the layer: `layer!(Net, fc)`"
        }
    };
}
