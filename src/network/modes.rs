//! The parts of a network that are frozen or in inference mode while it trains.

use core::ops::Range;

use crate::params::Parameters;
use crate::params::param_tree::{Freezing, ParamField, ParamTree, PlaceKind};
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
        self.have_at(params.as_ptr().addr(), params.len(), size_of::<T>(), modes)
    }

    /// Like [`have`](Self::have), by the address of the parameters, their number and the size of one.
    fn have_at(&self, address: usize, len: usize, size: usize, modes: &[Mode]) -> bool {
        if self.groups.is_empty() || len == 0 {
            return false;
        }

        let first = address.wrapping_sub(self.base) / size;
        let inside = |group: &Range<usize>| group.start <= first && first + len <= group.end;
        self.groups
            .iter()
            .any(|(group, mode)| modes.contains(mode) && inside(group))
    }

    /// Returns whether a list of layers with these parameters computes as in inference.
    pub fn eval<T: Element, P: Parameters<T>>(&self, params: &P) -> bool {
        let address = core::ptr::from_ref(params).addr();
        !self.groups.is_empty() && self.have_at(address, P::LEN, size_of::<T>(), &[Mode::Eval])
    }
}

/// The layers of a list, by their index, that do not simply train.
pub(super) struct ListModes<const N: usize> {
    /// Their parameters, of which there are some, are all frozen.
    pub frozen: [bool; N],
    /// They compute as in inference.
    pub eval: [bool; N],
    /// The index of the first layer with a parameter that is trained; `N` if there is none.
    pub first_trained: usize,
}

impl<const N: usize> ListModes<N> {
    /// Returns the modes of the layers of a list with these parameters.
    ///
    /// A layer computes as in inference if it is frozen. A layer without parameters, such as
    /// `Dropout`, belongs to the next one with parameters, whose inputs it makes, and at the end of
    /// the list to the last one.
    pub fn of<T: Element, P: Parameters<T>>(modes: &Modes<'_>, params: &P) -> Self {
        let mut list = ListModes {
            frozen: [false; N],
            eval: [false; N],
            first_trained: 0,
        };
        let fields = if modes.groups.is_empty() {
            &[]
        } else {
            layers_of(P::CONTENTS_REF)
        };
        if fields.len() != N {
            return list;
        }

        let first = core::ptr::from_ref(params).addr().wrapping_sub(modes.base) / size_of::<T>();
        list.first_trained = N;
        // From the last layer to the first, so that the next one with parameters is known.
        let mut next_eval: Option<bool> = None;
        let mut last_with_params = N;
        for (index, field) in fields.iter().enumerate().rev() {
            let frozen_by_type = field.freezing == Freezing::Frozen;
            let Some(trained) = modes.is_trained(first, field) else {
                list.eval[index] = frozen_by_type || next_eval == Some(true);
                continue;
            };

            list.frozen[index] = !trained;
            list.eval[index] = !trained || frozen_by_type;
            if trained {
                list.first_trained = index;
            }
            if next_eval.is_none() {
                last_with_params = index;
            }
            next_eval = Some(list.eval[index]);
        }
        if last_with_params < N && list.eval[last_with_params] {
            list.eval[last_with_params..].fill(true);
        }
        list
    }
}

/// Returns the layers of a list of layers, which may be the only branch of a block.
fn layers_of(tree: &'static ParamTree) -> &'static [ParamField] {
    match tree {
        ParamTree::Layers(fields) => fields,
        ParamTree::Block(_, [branch]) if branch.name.is_empty() => layers_of(&branch.contents),
        _ => &[],
    }
}

impl Modes<'_> {
    /// Returns whether a layer of a list has a parameter that is not frozen, or `None` if it has no
    /// parameters. `first` is the number of the network's elements before the list.
    fn is_trained(&self, first: usize, field: &ParamField) -> Option<bool> {
        let mut found = None;
        field
            .contents
            .for_each_place(first + field.first, &mut |place, kind| {
                if let PlaceKind::Buffer { .. } = kind {
                    return;
                }
                let is_within = |(group, mode): &(Range<usize>, Mode)| {
                    *mode == Mode::Frozen && group.start <= place.start && place.end <= group.end
                };
                let trained = !self.groups.iter().any(is_within);
                found = Some(found == Some(true) || trained);
            });
        found
    }
}
