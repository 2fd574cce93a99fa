//! The gradient of a network's parameters.

use core::fmt::{self, Debug, Formatter};
use core::ops::{Deref, DerefMut};

use super::Network;
use crate::memory::OutOfMemory;
use crate::params::LazyZeros;

/// The gradient of a network, or any other sum of its parameters' size that begins with zeros.
///
/// It is used as the network whose gradient it is: `gradient.fc.weight` is that of `fc.weight`. A
/// network of [`zeros`](Network::zeros) does the same. But of this one, what is never written takes
/// addresses and no memory, with the allocators of Linux, macOS and Windows, which take zeros for large
/// blocks from the operating system: it is worth it where most parameters are frozen.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [512] -> [10] {
///         fc1: Lora<4, Linear<_, 1024>>,
///         Relu,
///         head: Linear<_, 10>,
///     }
/// }
/// let net = Net::init(&mut shapewright::rng(0));
/// let mut workspace = Net::workspace();
/// let mut gradient = Net::gradient();
///
/// let x = [Tensor1::ones(); 2];
/// let mut pass = net.forward_train(&x, &mut workspace);
/// pass.loss(&CrossEntropy, &[Label::new(3)?; 2]);
/// pass.backward(&mut gradient);
/// assert_ne!(gradient.head.bias, [0.0; 10]);
/// # Ok::<(), shapewright::loss::LabelError>(())
/// ```
pub struct Gradient<N: Network>(LazyZeros<N>);

impl<N: Network> Gradient<N> {
    /// Returns a gradient of zeros, or an error if there are no addresses for it.
    pub(crate) fn try_new() -> Result<Self, OutOfMemory> {
        LazyZeros::try_new::<N::Element>().map(Gradient)
    }
}

impl<N: Network> Deref for Gradient<N> {
    type Target = N;

    fn deref(&self) -> &N {
        &self.0
    }
}

impl<N: Network> DerefMut for Gradient<N> {
    fn deref_mut(&mut self) -> &mut N {
        &mut self.0
    }
}

impl<N: Network + Debug> Debug for Gradient<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
