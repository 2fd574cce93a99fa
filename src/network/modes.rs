//! Which parts of a network are in inference mode while it trains.

use core::ops::Range;

use super::parameters::Parameters;
use crate::tensor::Element;

/// How far a part is in inference mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its parameters do not change: normalizations use the running statistics.
    Frozen,
    /// All its layers compute as in inference, those that draw at random as well.
    Eval,
}

/// Parts of a network, as places among its parameters, each with its mode.
#[derive(Clone, Copy)]
pub(super) struct Modes<'a> {
    /// The address of the network's parameters: where a layer's own lie tells which layer it is,
    /// however deep.
    pub base: usize,
    pub parts: &'a [(Range<usize>, Mode)],
}

impl Modes<'_> {
    /// All layers train.
    pub const NONE: Self = Modes {
        base: 0,
        parts: &[],
    };

    /// Whether these parameters, of which there is at least one, lie within a part of one of the
    /// modes.
    pub fn have<T: Element>(&self, params: &[T], modes: &[Mode]) -> bool {
        if self.parts.is_empty() || params.is_empty() {
            return false;
        }
        let first = params.as_ptr().addr().wrapping_sub(self.base) / size_of::<T>();
        let inside = |part: &Range<usize>| part.start <= first && first + params.len() <= part.end;
        self.parts
            .iter()
            .any(|(part, mode)| modes.contains(mode) && inside(part))
    }

    /// Whether a list of layers with these parameters computes as in inference.
    pub fn eval<T: Element, P: Parameters<T>>(&self, params: &P) -> bool {
        !self.parts.is_empty() && self.have(params.as_slice(), &[Mode::Eval])
    }
}
