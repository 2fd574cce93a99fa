//! An optimizer at work on one network.

use std::ops::Range;

use super::{
    Optimizer, OptimizerSnapshot, ParamGroup, SettingError, SkippedSteps, StateError,
    assert_setting, from_zero, share,
};
use crate::denormals::FloatMode;
use crate::kernels::flush;
use crate::network::{Network, Parameters};
use crate::threads;

/// An optimizer at work on one network: its settings, which may change from step to step, and what
/// it remembers, in values of the network's own type.
///
/// Parts of the network may have settings of their own; see [`layer!`](crate::layer!) for their
/// names.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Mlp: [4] -> [3] { fc1: Linear<_, 8>, Relu, fc2: Linear<_, 8>, Relu, head: Linear<_, 3> } }
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
pub struct OptimizerState<O: Optimizer, N: Network> {
    /// The settings; a schedule changes the learning rate here. How much the optimizer remembers
    /// must not change.
    pub optimizer: O,
    states: Vec<Box<N>>,
    steps: u64,
    /// All parameters in their order.
    segments: Vec<Segment>,
}

/// Parameters that lie side by side and are treated alike.
#[derive(Clone, Copy)]
struct Segment {
    end: usize,
    scale: f64,
    decay: bool,
    frozen: bool,
    /// Not trained: what comes as its gradient is subtracted.
    statistic: bool,
    /// How many steps were made while it was frozen.
    missed: u64,
}

impl<O: Optimizer, N: Network> Clone for OptimizerState<O, N> {
    fn clone(&self) -> Self {
        OptimizerState {
            optimizer: self.optimizer.clone(),
            states: self.states.iter().map(|memory| memory.to_boxed()).collect(),
            steps: self.steps,
            segments: self.segments.clone(),
        }
    }
}

impl<O: Optimizer, N: Network> OptimizerState<O, N> {
    /// Of an optimizer whose settings are or will be checked.
    pub(crate) fn new(optimizer: O) -> Self {
        let count = optimizer.states();
        assert!(
            count <= threads::MOST_TOGETHER,
            "the optimizer remembers {count} numbers per parameter, but at most {} are possible",
            threads::MOST_TOGETHER
        );
        let states = (0..count).map(|_| N::zeros()).collect();
        let whole = Segment {
            end: len::<N>(),
            scale: 1.0,
            decay: true,
            frozen: false,
            statistic: false,
            missed: 0,
        };
        let mut state = OptimizerState {
            optimizer,
            states,
            steps: 0,
            segments: vec![whole],
        };
        if <N as Parameters<N::Element>>::STATISTICS > 0 {
            N::PARAM_TREE.for_each_place(0, &mut |range, statistic| {
                if statistic {
                    state.change_range(range, |segment| segment.statistic = true);
                }
            });
        }
        state
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the optimizer's settings and the factors of parts are in their ranges.
    ///
    /// # Errors
    /// If one is not: the first.
    pub fn check(&self) -> Result<(), SettingError> {
        self.optimizer.check()?;
        self.segments
            .iter()
            .try_for_each(|segment| from_zero(&[("scale", segment.scale)]))
    }

    /// Multiplies the learning rate of a part by a factor of its own, from the next step on. The
    /// factor replaces the one that was set before. It must be a number from 0 up, or
    /// [`step`](OptimizerState::step) panics.
    pub fn scale(self, part: ParamGroup<N>, factor: f64) -> Self {
        self.change(part, |segment| segment.scale = factor)
    }

    /// Freezes a part: neither its parameters nor what is remembered of them change, until it is
    /// thawed.
    ///
    /// A [trainer](crate::train::Trainer::param_groups) lets normalizations over the batch that are frozen use
    /// their running statistics, as in inference. In a loop of your own,
    /// [`Workspace::follow`](crate::Workspace::follow) does.
    pub fn freeze(self, part: ParamGroup<N>) -> Self {
        self.change(part, |segment| segment.frozen = true)
    }

    /// Ends [`OptimizerState::freeze`]. The steps of a part are counted without those that it
    /// missed: one that was frozen from the beginning now begins with its first step.
    pub fn thaw(self, part: ParamGroup<N>) -> Self {
        self.change(part, |segment| segment.frozen = false)
    }

    /// Takes the weight decay from a part, usually from biases.
    pub fn no_decay(self, part: ParamGroup<N>) -> Self {
        self.change(part, |segment| segment.decay = false)
    }

    fn change(mut self, part: ParamGroup<N>, change: impl Fn(&mut Segment)) -> Self {
        self.change_range(part.range(&N::zeros()), change);
        self
    }

    fn change_range(&mut self, range: Range<usize>, change: impl Fn(&mut Segment)) {
        self.cut(range.start);
        self.cut(range.end);
        let mut start = 0;
        for segment in &mut self.segments {
            if range.contains(&start) {
                change(segment);
            }
            start = segment.end;
        }
    }

    /// Lets a segment end here.
    fn cut(&mut self, end: usize) {
        let found = self
            .segments
            .binary_search_by_key(&end, |segment| segment.end);
        if let Err(index) = found
            && end > 0
        {
            self.segments.insert(
                index,
                Segment {
                    end,
                    ..self.segments[index]
                },
            );
        }
    }

    /// The segments with where they begin.
    fn segments(&self) -> impl Iterator<Item = (usize, &Segment)> {
        let starts = std::iter::once(0).chain(self.segments.iter().map(|segment| segment.end));
        starts.zip(&self.segments)
    }

    /// Where the first tensor begins that is not frozen, or not in all of its parts; the number of
    /// parameters if there is none.
    pub(crate) fn first_trained(&self) -> usize {
        let mut found = len::<N>();
        N::PARAM_TREE.for_each_place(0, &mut |place, _| {
            let trained = |(start, segment): (usize, &Segment)| {
                !segment.frozen && start.max(place.start) < segment.end.min(place.end)
            };
            if place.start < found && self.segments().any(trained) {
                found = place.start;
            }
        });
        found
    }

    /// Where frozen parameters lie that have no others between them.
    pub(crate) fn frozen(&self) -> impl Iterator<Item = Range<usize>> {
        self.segments
            .chunk_by(|a, b| a.frozen == b.frozen)
            .scan(0, |start, run| {
                let range = *start..run.last()?.end;
                *start = range.end;
                Some((run[0].frozen, range))
            })
            .filter_map(|(frozen, range)| frozen.then_some(range))
    }

    /// Sets the gradient of frozen parts to zero, as if they had none.
    pub(crate) fn clear_frozen(&self, gradient: &mut N) {
        for (start, segment) in self.segments().filter(|(_, segment)| segment.frozen) {
            gradient.params_mut()[start..segment.end].fill(num_traits::zero());
        }
    }

    /// Changes the network's statistics by what a batch measured, when it is one of several that
    /// make a step.
    pub(crate) fn measure(&self, network: &mut N, gradient: &mut N) {
        for (start, segment) in self
            .segments()
            .filter(|(_, segment)| segment.statistic && !segment.frozen)
        {
            let gradient = &mut gradient.params_mut()[start..segment.end];
            for (p, g) in network.params_mut()[start..segment.end]
                .iter_mut()
                .zip(gradient)
            {
                *p = flush(*p - std::mem::take(g));
            }
        }
    }

    /// The settings of parts, to be compared.
    pub(crate) fn parts(&self) -> Vec<impl std::fmt::Debug> {
        self.segments
            .iter()
            .map(
                |&Segment {
                     end,
                     scale,
                     decay,
                     frozen,
                     ..
                 }| (end, scale, decay, frozen),
            )
            .collect()
    }

    /// All that the state is beside its settings, to be written down: what
    /// [`OptimizerState::restore`] takes.
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
        let missed = self.segments.iter().map(|segment| SkippedSteps {
            end: segment.end,
            steps: segment.missed,
        });
        OptimizerSnapshot {
            steps: self.steps,
            missed: missed.collect(),
            states: self.states.iter().map(|memory| memory.params()).collect(),
        }
    }

    /// What the optimizer remembers, each as a network whose parameters have names.
    pub fn states(&self) -> impl Iterator<Item = &N> {
        self.states.iter().map(|memory| &**memory)
    }

    /// Goes on as the state that the parts were taken from, bit for bit, with the same settings:
    /// those of the optimizer and of parts of the network are not among what is restored.
    ///
    /// # Errors
    /// [`StateError`] if the parts are of another optimizer or network; the state is left as it is.
    pub fn restore(&mut self, parts: &OptimizerSnapshot<'_, N::Element>) -> Result<(), StateError> {
        parts.check(self.states.len(), len::<N>())?;
        self.steps = parts.steps;
        for (memory, numbers) in self.states.iter_mut().zip(&parts.states) {
            memory.params_mut().copy_from_slice(numbers);
        }
        parts.missed.iter().for_each(|missed| self.cut(missed.end));
        let mut missed = parts.missed.iter();
        let mut now = missed.next();
        for segment in &mut self.segments {
            if now.is_some_and(|missed| missed.end < segment.end) {
                now = missed.next();
            }
            segment.missed = now.map_or(0, |missed| missed.steps);
        }
        Ok(())
    }
}

/// How many numbers a network has, with the padding.
fn len<N: Network>() -> usize {
    <N as Parameters<N::Element>>::LEN
}

impl<O: Optimizer + Sync, N: Network> OptimizerState<O, N> {
    /// Changes the network's parameters by their gradient. Does not allocate.
    ///
    /// # Panics
    /// If a setting is out of its range ([`OptimizerState::check`]), as a learning rate that is
    /// negative or NaN, or if the settings were changed to remember more or less than before.
    #[track_caller]
    pub fn step(&mut self, network: &mut N, gradient: &N) {
        assert_setting(self.check());
        assert!(
            self.states.len() == self.optimizer.states(),
            "the optimizer remembers {} numbers per parameter, but its state was made for {}; make a new state",
            self.optimizer.states(),
            self.states.len()
        );
        let _mode = FloatMode::of_scope();
        // A state can be restored with any counts.
        self.steps = self.steps.saturating_add(1);
        let count = self.states.len();
        let mut states: [&mut [N::Element]; threads::MOST_TOGETHER] = Default::default();
        for (memory, slice) in self.states.iter_mut().zip(&mut states) {
            *slice = memory.params_mut();
        }
        let (mut params, mut gradient, mut start) = (network.params_mut(), gradient.params(), 0);
        for segment in &mut self.segments {
            let len = segment.end - start;
            start = segment.end;
            let mut pieces: [&mut [N::Element]; threads::MOST_TOGETHER] = Default::default();
            for (piece, memory) in pieces.iter_mut().zip(&mut states[..count]) {
                *piece = memory
                    .split_off_mut(..len)
                    .expect("a memory is as long as the network");
            }
            let params = params
                .split_off_mut(..len)
                .expect("segments end within the network");
            let gradient = gradient
                .split_off(..len)
                .expect("segments end within the network");
            if segment.frozen {
                segment.missed = segment.missed.saturating_add(1);
                continue;
            }
            if segment.statistic {
                params
                    .iter_mut()
                    .zip(gradient)
                    .for_each(|(p, &g)| *p = flush(*p - g));
                continue;
            }
            let mut optimizer = self.optimizer.clone();
            *optimizer.lr_mut() *= segment.scale;
            if let Some(decay) = optimizer.weight_decay_mut()
                && !segment.decay
            {
                *decay = 0.0;
            }
            let step = (self.steps - segment.missed).max(1);
            let per_part = share(len);
            threads::split_together(
                params,
                &mut pieces[..count],
                per_part,
                &|part, params, states| {
                    let gradient = &gradient[part * per_part..][..params.len()];
                    optimizer.update(step, params, gradient, states);
                },
            );
        }
    }
}
