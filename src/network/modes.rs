//! The parts of a network that are frozen or in inference mode while it trains.

use core::ops::Range;

use crate::params::Parameters;
use crate::tensor::Element;

/// The mode of a part that does not simply train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its parameters do not change: normalizations use the running statistics.
    Frozen,
    /// All its layers compute as in inference, including those that draw at random.
    Eval,
}

/// The modes of groups of a network's parameters; all others train.
#[derive(Clone, Copy)]
pub(super) struct Modes<'a> {
    /// The address of the network's parameters. The address of a layer's own parameters identifies
    /// the layer, at any depth.
    pub base: usize,
    /// Groups of parameters, as ranges of their indices in the network.
    pub groups: &'a [(Range<usize>, Mode)],
}

impl Modes<'_> {
    /// All layers train.
    pub const NONE: Self = Modes {
        base: 0,
        groups: &[],
    };

    /// Returns whether these parameters lie within a group with one of the modes; `false` if there
    /// are no parameters.
    pub fn have<T: Element>(&self, params: &[T], modes: &[Mode]) -> bool {
        self.have_at::<T>(params.as_ptr().addr(), params.len(), modes)
    }

    /// Like [`have`](Self::have), by the address of the parameters and their number.
    fn have_at<T: Element>(&self, address: usize, len: usize, modes: &[Mode]) -> bool {
        if self.groups.is_empty() || len == 0 {
            return false;
        }

        let first = address.wrapping_sub(self.base) / size_of::<T>();
        let inside = |group: &Range<usize>| group.start <= first && first + len <= group.end;
        self.groups
            .iter()
            .any(|(group, mode)| modes.contains(mode) && inside(group))
    }

    /// Returns whether a list of layers with these parameters computes as in inference.
    pub fn eval<T: Element, P: Parameters<T>>(&self, params: &P) -> bool {
        let address = core::ptr::from_ref(params).addr();
        !self.groups.is_empty() && self.have_at::<T>(address, P::LEN, &[Mode::Eval])
    }
}
