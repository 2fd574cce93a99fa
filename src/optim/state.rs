//! The state of an optimizer that trains one network.

use core::ops::Range;

use super::segments::{Segment, Segments};
use super::{
    Optimizer, OptimizerSnapshot, ParamGroup, SettingError, StateError, assert_setting, share,
};
use crate::denormals::FloatMode;
use crate::kernels::flush;
use crate::network::Network;
use crate::params::param_tree::PlaceKind;
use crate::params::{self, Parameters};
use crate::tensor::Element;
use crate::threads;

/// An optimizer that trains one network: its settings, which may change from step to step, and the
/// values that it keeps between steps, each a network of the same type.
///
/// Parameter groups may have settings of their own; see [`layer!`](crate::layer!) for their names.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Mlp: [4] -> [3] {
///         fc1: Linear<_, 8>, Relu,
///         fc2: Linear<_, 8>, Relu,
///         head: Linear<_, 3>,
///     }
/// }
/// let mut adam = AdamW::new(1e-3)
///     .state::<Mlp>()
///     .freeze(layer!(Mlp, fc1))
///     .scale(layer!(Mlp, fc2), 0.1)
///     .no_decay(layer!(Mlp, head.bias));
/// let mut net = Mlp::init(&mut shapewright::rng(0));
/// let (before, mut gradient) = (net.to_boxed(), Mlp::zeros());
/// gradient.params_mut().fill(1.0);
/// adam.step(&mut net, &gradient);
/// assert_eq!(net.fc1.weight, before.fc1.weight);
/// assert_ne!(net.fc2.weight, before.fc2.weight);
/// ```
pub struct OptimizerState<O, N: Network> {
    /// The settings. A schedule changes the learning rate here. The number of values that the
    /// optimizer keeps must not change.
    pub optimizer: O,
    /// The values that the optimizer keeps, each for all elements but those that the types freeze.
    states: Vec<Vec<N::Element>>,
    steps: u64,
    segments: Segments,
    /// The elements of the states that are kept here, if other ranks keep the others.
    own: Option<Range<usize>>,
}

impl<O: Optimizer, N: Network> Clone for OptimizerState<O, N> {
    fn clone(&self) -> Self {
        OptimizerState {
            optimizer: self.optimizer.clone(),
            states: self.states.clone(),
            steps: self.steps,
            segments: self.segments.clone(),
            own: self.own.clone(),
        }
    }
}

impl<O: Optimizer, N: Network> OptimizerState<O, N> {
    /// Returns the initial state of an optimizer whose settings the caller checks.
    pub(crate) fn new(optimizer: O) -> Self {
        let count = optimizer.states();
        assert!(
            count <= threads::MOST_TOGETHER,
            "the optimizer remembers {count} numbers per parameter, but at most {} are possible",
            threads::MOST_TOGETHER
        );

        let states = vec![vec![num_traits::zero(); state_len::<N>()]; count];
        OptimizerState {
            optimizer,
            states,
            steps: 0,
            segments: Segments::new(len::<N>(), has_untrained::<N>().then_some(&N::PARAM_TREE)),
            own: None,
        }
    }

    /// Keeps only a range of the elements of the states, which no step has changed yet. Steps then
    /// update the parameters of this range alone.
    pub(crate) fn keep(&mut self, own: Range<usize>) {
        for state in &mut self.states {
            *state = vec![num_traits::zero(); own.len()];
        }
        self.own = Some(own);
    }

    /// Returns the elements of the states that are kept here.
    fn own(&self) -> Range<usize> {
        self.own.clone().unwrap_or(0..state_len::<N>())
    }

    /// Returns the number of steps that have been made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Checks that the settings of the optimizer and the factors of groups are in their ranges.
    ///
    /// # Errors
    /// Returns an error for the first one that is out of its range.
    pub fn check(&self) -> Result<(), SettingError> {
        self.optimizer.check()?;
        self.segments.check()
    }

    /// Multiplies the learning rate of a group by a factor in all later steps. The factor replaces
    /// one that was set before. [`step`](OptimizerState::step) panics if it is negative, NaN or
    /// infinite.
    pub fn scale(self, group: ParamGroup<N>, factor: f64) -> Self {
        self.change(group, |segment| segment.scale = factor)
    }

    /// Gives later layers larger learning rates than earlier ones: of the groups, from the first layer
    /// to the last, the last one keeps the learning rate of the optimizer, and each one before it has
    /// that of the next times `decay`.
    ///
    /// The early layers of a pretrained network are of use for many tasks, and change less in this way.
    /// Howard and Ruder, 2018 ("discriminative fine-tuning") divide by 2.6 from layer to layer; ELECTRA
    /// (Clark et al., 2020) multiplies by 0.8 or 0.9. Layers in no group keep their factor.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Net: [4] -> [3] {
    ///         fc1: Linear<_, 8>, Relu,
    ///         fc2: Linear<_, 8>, Relu,
    ///         head: Linear<_, 3>,
    ///     }
    /// }
    /// let layers = [layer!(Net, fc1), layer!(Net, fc2), layer!(Net, head)];
    /// // Learning rates of 0.25e-3, 0.5e-3 and 1e-3.
    /// let state = AdamW::new(1e-3).state::<Net>().layer_decay(layers, 0.5);
    /// ```
    ///
    /// # Panics
    /// [`step`](OptimizerState::step) panics if `decay` is negative, NaN or infinite.
    pub fn layer_decay(self, groups: impl IntoIterator<Item = ParamGroup<N>>, decay: f64) -> Self {
        let groups: Vec<_> = groups.into_iter().collect();
        let mut factor = 1.0;
        groups.into_iter().rev().fold(self, |state, group| {
            let state = state.scale(group, factor);
            factor *= decay;
            state
        })
    }

    /// Freezes a group: neither its parameters nor the values that the optimizer keeps for them
    /// change until the group is thawed.
    ///
    /// With a [trainer](crate::train::Trainer::param_groups), frozen layers compute as in inference:
    /// batch normalizations use their running statistics, and dropout drops nothing. In a custom
    /// training loop,
    /// [`Workspace::follow`](crate::Workspace::follow) has the same effect.
    pub fn freeze(self, group: ParamGroup<N>) -> Self {
        self.change(group, |segment| segment.frozen = true)
    }

    /// Ends [`OptimizerState::freeze`]. The steps that the group missed do not count: a group that
    /// was frozen from the beginning continues with its first step.
    pub fn thaw(self, group: ParamGroup<N>) -> Self {
        self.change(group, |segment| segment.frozen = false)
    }

    /// Turns off the weight decay of a group, usually of biases.
    pub fn no_decay(self, group: ParamGroup<N>) -> Self {
        self.change(group, |segment| segment.decay = false)
    }

    /// Freezes a group, or ends that.
    pub(super) fn set_frozen(&mut self, group: ParamGroup<N>, frozen: bool) {
        let range = group.range(&N::gradient());
        self.segments
            .change(range, &mut |segment| segment.frozen = frozen);
    }

    /// Changes the settings of a group.
    fn change(mut self, group: ParamGroup<N>, mut change: impl FnMut(&mut Segment)) -> Self {
        self.segments
            .change(group.range(&N::gradient()), &mut change);
        self
    }

    /// Returns the start of the first tensor, except buffers, that is not frozen as a whole; the
    /// number of parameters if there is none.
    pub(crate) fn first_trained(&self) -> usize {
        self.segments.first_trained(len::<N>(), &N::PARAM_TREE)
    }

    /// Returns the ranges of frozen parameters, also of those that the types freeze. Adjacent ones are
    /// joined.
    pub(crate) fn frozen(&self) -> Vec<Range<usize>> {
        self.segments.frozen()
    }

    /// Sets the gradient of frozen parameters to zero.
    pub(crate) fn clear_frozen(&self, gradient: &mut N) {
        self.segments.for_each_cleared(&mut |range| {
            gradient.params_mut()[range].fill(num_traits::zero());
        });
    }

    /// Updates the network's statistics by the measurements of a batch, which is one of several
    /// that are accumulated for a step, and clears the measurements.
    pub(crate) fn measure(&self, network: &mut N, gradient: &mut N) {
        self.segments.for_each_measured(&mut |range| {
            let gradient = &mut gradient.params_mut()[range.clone()];
            for (p, g) in network.params_mut()[range].iter_mut().zip(gradient) {
                *p = flush(*p - core::mem::take(g));
            }
        });
    }

    /// Returns the settings of groups as they are written in checkpoints.
    pub(crate) fn written_groups(&self) -> String {
        self.segments.written()
    }

    /// Returns the content of the state without its settings, to be saved.
    /// [`OptimizerState::restore`] takes it.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<1, 1> } }
    /// let (mut net, gradient) = (Line::zeros(), Line::init(&mut shapewright::rng(0)));
    /// let mut adam = Adam::new(0.1).state::<Line>();
    /// adam.step(&mut net, &gradient);
    ///
    /// let mut other = Adam::new(0.1).state::<Line>();
    /// other.restore(&adam.snapshot())?;
    /// let mut copy = net.to_boxed();
    /// adam.step(&mut net, &gradient);
    /// other.step(&mut copy, &gradient);
    /// assert_eq!(copy.params(), net.params());
    /// # Ok::<(), shapewright::optim::StateError>(())
    /// ```
    pub fn snapshot(&self) -> OptimizerSnapshot<'_, N::Element> {
        OptimizerSnapshot {
            steps: self.steps,
            missed: self.segments.missed(),
            states: self.states.iter().map(Vec::as_slice).collect(),
        }
    }

    /// Returns the values that the optimizer keeps between steps: slices with the layout of
    /// [`Network::params`], without the parameters that their types freeze.
    pub fn states(&self) -> impl Iterator<Item = &[N::Element]> {
        self.states.iter().map(Vec::as_slice)
    }

    /// Returns the name of the first tensor for which the optimizer keeps values that `is_right`
    /// refuses.
    pub(crate) fn find_wrong(&self, is_right: impl Fn(&[N::Element]) -> bool) -> Option<String> {
        let state = self.states.iter().find(|state| !is_right(state))?;
        let kept = self.own();

        let mut places = Vec::new();
        let mut omitted = 0;
        N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
            if kind == PlaceKind::Frozen {
                omitted += place.len();
            } else {
                places.push((place.start, place.start - omitted..place.end - omitted));
            }
        });
        let wrong = places
            .iter()
            .find(|(_, own)| !is_right(&state[within(own, &kept)]));
        let at = wrong.map(|(first, _)| *first);
        let mut name = String::new();
        N::PARAM_TREE.for_each("", 0, &mut |tensor, first, layout| {
            if Some(first) == at && layout.len() > 0 {
                tensor.clone_into(&mut name);
            }
        });
        Some(name)
    }

    /// Restores a snapshot. With the same settings, the state then continues like the one from
    /// which the snapshot was taken, bit for bit. The settings of the optimizer and of parameter
    /// groups are not restored.
    ///
    /// # Errors
    /// Returns [`StateError`] if the snapshot is of another optimizer or network; the state is then
    /// unchanged.
    pub fn restore(
        &mut self,
        snapshot: &OptimizerSnapshot<'_, N::Element>,
    ) -> Result<(), StateError> {
        snapshot.check(self.states.len(), state_len::<N>(), len::<N>())?;

        self.steps = snapshot.steps;
        let own = self.own();
        for (state, saved) in self.states.iter_mut().zip(&snapshot.states) {
            state.copy_from_slice(&saved[own.clone()]);
        }
        self.segments.set_missed(&snapshot.missed);
        Ok(())
    }
}

/// Returns the part of a range that lies within another one, counted from the start of that one.
fn within(range: &Range<usize>, outer: &Range<usize>) -> Range<usize> {
    let start = range.start.clamp(outer.start, outer.end);
    let end = range.end.clamp(outer.start, outer.end);
    start - outer.start..end - outer.start
}

/// Returns the parameters around a range of the elements of an optimizer's states: the range itself, and
/// what the types freeze within it or in front of it.
pub(crate) fn params_around<N: Network>(range: &Range<usize>) -> Range<usize> {
    let mut omitted = 0;
    let mut around = range.clone();
    N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
        if kind != PlaceKind::Frozen {
            return;
        }
        let at = place.start - omitted;
        omitted += place.len();
        if at < range.start {
            around.start += place.len();
        }
        if at < range.end {
            around.end += place.len();
        }
    });
    around
}

/// Returns whether a network has statistics, buffers or parameters that their types freeze.
pub(super) const fn has_untrained<N: Network>() -> bool {
    <N as Parameters<N::Element>>::STATISTICS > 0
        || <N as Parameters<N::Element>>::BUFFER_NUMBERS > 0
        || <N as Parameters<N::Element>>::FROZEN > 0
}

/// Returns the number of parameters of a network, including padding.
const fn len<N: Network>() -> usize {
    <N as Parameters<N::Element>>::LEN
}

/// Returns the number of elements of a network for which an optimizer keeps values.
pub(crate) const fn state_len<N: Network>() -> usize {
    len::<N>() - <N as Parameters<N::Element>>::FROZEN
}

impl<O: Optimizer + Sync, N: Network> OptimizerState<O, N> {
    /// Makes a step: updates the network's parameters by their gradient, without allocation.
    ///
    /// # Panics
    /// Panics if a setting is out of its range ([`OptimizerState::check`]), such as a learning rate
    /// that is negative or NaN, or if the optimizer now keeps more or fewer values than the state
    /// has.
    #[track_caller]
    pub fn step(&mut self, network: &mut N, gradient: &N) {
        assert_setting(self.check());
        assert!(
            self.states.len() == self.optimizer.states(),
            "the optimizer remembers {} numbers per parameter, but its state was made for {}; make \
             a new state",
            self.optimizer.states(),
            self.states.len()
        );

        let _mode = FloatMode::of_scope();
        // Saturates because a state can be restored with any counts.
        self.steps = self.steps.saturating_add(1);

        let own = self.own();
        // The rest of the slices, of which each segment takes the front.
        let count = self.states.len();
        let mut states: [&mut [N::Element]; threads::MOST_TOGETHER] = Default::default();
        for (state, slice) in self.states.iter_mut().zip(&mut states) {
            *slice = state.as_mut_slice();
        }
        let mut params = network.params_mut();

        let mut state_start = 0;
        for index in 0..self.segments.len() {
            let (start, segment) = self.segments.get(index);
            let place = start..segment.end;
            let len = place.len();
            let state_len = match segment.kind {
                PlaceKind::Frozen => 0,
                _ => len,
            };
            // The elements of the segment that are kept here.
            let elements = state_start..state_start + state_len;
            let kept = within(&own, &elements);
            state_start = elements.end;
            let mut segment_states: [&mut [N::Element]; threads::MOST_TOGETHER] =
                Default::default();
            for (front, state) in segment_states.iter_mut().zip(&mut states[..count]) {
                *front = state
                    .split_off_mut(..kept.len())
                    .expect("a state is as long as the network");
            }
            let params = params
                .split_off_mut(..len)
                .expect("segments end within the network");

            if segment.frozen {
                self.segments.miss_step(index);
                continue;
            }
            match segment.kind {
                PlaceKind::Buffer { .. } | PlaceKind::Frozen => {}
                PlaceKind::Statistic => params
                    .iter_mut()
                    .zip(params::parameters_in(gradient, place))
                    .for_each(|(p, &g)| *p = flush(*p - g)),
                PlaceKind::Trained => {
                    let step = (self.steps - segment.missed).max(1);
                    let optimizer = segment.optimizer(&self.optimizer);
                    update(
                        &optimizer,
                        step,
                        &mut params[kept.clone()],
                        params::parameters_in(
                            gradient,
                            place.start + kept.start..place.start + kept.end,
                        ),
                        &mut segment_states[..count],
                    );
                }
            }
        }
    }
}

impl Segment {
    /// Returns the optimizer with the settings of this segment.
    fn optimizer<O: Optimizer>(&self, optimizer: &O) -> O {
        let mut optimizer = optimizer.clone();
        *optimizer.lr_mut() *= self.scale;
        if let Some(decay) = optimizer.weight_decay_mut()
            && !self.decay
        {
            *decay = 0.0;
        }
        optimizer
    }
}

/// Updates parameters by their gradient, divided among the threads.
fn update<O: Optimizer + Sync, T: Element>(
    optimizer: &O,
    step: u64,
    params: &mut [T],
    gradient: &[T],
    states: &mut [&mut [T]],
) {
    let per_part = share(params.len());
    threads::split_together(params, states, per_part, &|part, params, states| {
        let gradient = &gradient[part * per_part..][..params.len()];
        optimizer.update(step, params, gradient, states);
    });
}
