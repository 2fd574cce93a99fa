//! The groups of parameters that do not simply train.
//!
//! Nothing here depends on the network's type, so that it is compiled once.

use core::ops::Range;
use std::sync::Arc;

use crate::network::modes::Mode;
use crate::network::summary::LayerSummary;
use crate::params::param_tree::{ParamTree, PlaceKind};

/// A group of parameters, and its mode.
pub(super) type Group = (Range<usize>, Mode);

/// The groups of parameters that were frozen or put into inference mode.
pub(super) struct ModeGroups {
    groups: Vec<Group>,
    /// The groups that their types freeze.
    frozen_by_type: Vec<Group>,
    /// The index of the first parameter that is trained.
    first_trained: usize,
    layers: &'static [LayerSummary],
    /// All these groups and all parameters below the first trained layer, shared with passes.
    all: Arc<[Group]>,
}

impl ModeGroups {
    /// Returns the groups of a network with these layers, with a tree only if types freeze some of its
    /// parameters.
    pub fn new(layers: &'static [LayerSummary], tree: Option<&ParamTree>) -> Self {
        let frozen_by_type = tree.map_or_else(Vec::new, frozen_by_type);
        ModeGroups {
            groups: Vec::new(),
            first_trained: 0,
            layers,
            all: Arc::from(&*frozen_by_type),
            frozen_by_type,
        }
    }

    /// Returns all groups.
    pub fn all(&self) -> Arc<[Group]> {
        Arc::clone(&self.all)
    }

    /// Trains no layer before the one that has the parameter at this index.
    pub fn train_from(&mut self, position: usize) {
        self.first_trained = position;
        self.update();
    }

    /// Puts a range of parameters into inference mode.
    pub fn eval(&mut self, range: Range<usize>) {
        self.groups.push((range, Mode::Eval));
        self.update();
    }

    /// Freezes the parameters in these ranges and no others, and trains none before a position.
    pub fn freeze(&mut self, ranges: Vec<Range<usize>>, first_trained: usize) {
        self.groups.retain(|(_, mode)| *mode == Mode::Eval);
        for range in ranges {
            self.groups.push((range, Mode::Frozen));
        }
        self.train_from(first_trained);
    }

    /// Trains all parameters that their types do not freeze.
    pub fn train_all(&mut self) {
        self.groups.clear();
        self.train_from(0);
    }

    /// Returns the index of the first layer that is trained.
    pub fn first_trained_layer(&self) -> usize {
        self.layers
            .iter()
            .rposition(|layer| layer.params > 0 && layer.params_at <= self.first_trained)
            .unwrap_or(0)
    }

    /// Updates `all` after a change.
    fn update(&mut self) {
        let end = self
            .layers
            .get(self.first_trained_layer())
            .map_or(0, |layer| layer.params_at);
        let below = (end > 0).then_some((0..end, Mode::Frozen));

        let groups = self.groups.iter().chain(&self.frozen_by_type);
        self.all = groups.cloned().chain(below).collect();
    }
}

/// Returns the groups of parameters that their types freeze: the tensors, and the layers around them,
/// which compute as in inference.
fn frozen_by_type(tree: &ParamTree) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    tree.for_each_place(0, &mut |place, kind| {
        if kind != PlaceKind::Frozen {
            return;
        }
        match groups.last_mut() {
            Some((before, _)) if before.end == place.start => before.end = place.end,
            _ => groups.push((place, Mode::Frozen)),
        }
    });
    tree.for_each_frozen_field(0, &mut |first, tree| {
        let mut whole: Option<Range<usize>> = None;
        tree.for_each_place(first, &mut |place, _| {
            let start = whole.as_ref().map_or(place.start, |whole| whole.start);
            whole = Some(start..place.end);
        });
        groups.extend(whole.map(|whole| (whole, Mode::Eval)));
    });
    groups
}
