//! The runs of parameters with the same settings.
//!
//! Nothing here depends on the network's type, so that it is compiled once.

use core::iter;
use core::ops::Range;

use super::{SettingError, SkippedSteps, not_negative};
use crate::params::param_tree::{ParamTree, PlaceKind};

/// Adjacent segments of all parameters of a network, in order.
#[derive(Clone)]
pub(super) struct Segments(Vec<Segment>);

/// A contiguous range of parameters with the same settings. It begins at the end of the segment
/// before it.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub end: usize,
    pub scale: f64,
    pub decay: bool,
    pub frozen: bool,
    /// The treatment: the gradient of a statistic is subtracted as it is, and buffers and frozen
    /// parameters stay as they are.
    pub kind: PlaceKind,
    /// The number of steps that were made while it was frozen.
    pub missed: u64,
}

impl Segments {
    /// Returns the segments of a network of `len` numbers, with a tree only if some are not trained.
    pub fn new(len: usize, tree: Option<&ParamTree>) -> Self {
        let whole = Segment {
            end: len,
            scale: 1.0,
            decay: true,
            frozen: false,
            kind: PlaceKind::Trained,
            missed: 0,
        };
        let mut segments = Segments(vec![whole]);

        if let Some(tree) = tree {
            tree.for_each_place(0, &mut |range, kind| {
                if kind != PlaceKind::Trained {
                    segments.change(range, &mut |segment| segment.kind = kind);
                }
            });
        }
        segments
    }

    /// Checks that the factors are in their ranges.
    pub fn check(&self) -> Result<(), SettingError> {
        self.0
            .iter()
            .try_for_each(|segment| not_negative(&[("scale", segment.scale)]))
    }

    /// Changes the settings of a range of parameters, which gets segments of its own.
    pub fn change(&mut self, range: Range<usize>, change: &mut dyn FnMut(&mut Segment)) {
        self.split_at(range.start);
        self.split_at(range.end);

        let mut start = 0;
        for segment in &mut self.0 {
            if range.contains(&start) {
                change(segment);
            }
            start = segment.end;
        }
    }

    /// Splits the segment around `end`, unless a segment ends there.
    fn split_at(&mut self, end: usize) {
        let found = self.0.binary_search_by_key(&end, |segment| segment.end);
        if let Err(index) = found
            && end > 0
        {
            let front = Segment {
                end,
                ..self.0[index]
            };
            self.0.insert(index, front);
        }
    }

    /// Returns the number of segments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the segment with this index, and its start.
    pub fn get(&self, index: usize) -> (usize, Segment) {
        let start = match index {
            0 => 0,
            _ => self.0[index - 1].end,
        };
        (start, self.0[index])
    }

    /// Counts a step that a segment misses.
    pub fn miss_step(&mut self, index: usize) {
        let missed = &mut self.0[index].missed;
        *missed = missed.saturating_add(1);
    }

    /// Returns the segments with their starts.
    fn iter(&self) -> impl Iterator<Item = (usize, &Segment)> {
        let starts = iter::once(0).chain(self.0.iter().map(|segment| segment.end));
        starts.zip(&self.0)
    }

    /// Returns the start of the first tensor, except buffers, that is not frozen as a whole; `len`,
    /// the number of parameters, if there is none.
    pub fn first_trained(&self, len: usize, tree: &ParamTree) -> usize {
        let mut found = len;
        tree.for_each_place(0, &mut |place, kind| {
            if let PlaceKind::Buffer { .. } | PlaceKind::Frozen = kind {
                return;
            }
            let trained = |(start, segment): (usize, &Segment)| {
                !segment.frozen && start.max(place.start) < segment.end.min(place.end)
            };
            if place.start < found && self.iter().any(trained) {
                found = place.start;
            }
        });
        found
    }

    /// Returns the ranges of frozen parameters, also of those that the types freeze. Adjacent ones are
    /// joined.
    pub fn frozen(&self) -> Vec<Range<usize>> {
        let is_frozen = |segment: &Segment| segment.frozen || segment.kind == PlaceKind::Frozen;
        let mut ranges = Vec::new();
        let mut start = 0;
        for run in self.0.chunk_by(|a, b| is_frozen(a) == is_frozen(b)) {
            let end = run[run.len() - 1].end;
            if is_frozen(&run[0]) {
                ranges.push(start..end);
            }
            start = end;
        }
        ranges
    }

    /// Calls `f` with the ranges of parameters whose gradient is set to zero: those that are frozen.
    /// What the types freeze has no gradient, and its memory is not touched.
    pub fn for_each_cleared(&self, f: &mut dyn FnMut(Range<usize>)) {
        for (start, segment) in self.iter() {
            if segment.frozen && segment.kind != PlaceKind::Frozen {
                f(start..segment.end);
            }
        }
    }

    /// Calls `f` with the ranges of statistics that are not frozen.
    pub fn for_each_measured(&self, f: &mut dyn FnMut(Range<usize>)) {
        for (start, segment) in self.iter() {
            if segment.kind == PlaceKind::Statistic && !segment.frozen {
                f(start..segment.end);
            }
        }
    }

    /// Returns the settings, each with its end, as they are written in checkpoints.
    pub fn written(&self) -> String {
        let settings = self.0.iter().map(
            |&Segment {
                 end,
                 scale,
                 decay,
                 frozen,
                 ..
             }| (end, scale, decay, frozen),
        );
        format!("{:?}", settings.collect::<Vec<_>>())
    }

    /// Returns the numbers of steps that were missed.
    pub fn missed(&self) -> Vec<SkippedSteps> {
        let missed = self.0.iter().map(|segment| SkippedSteps {
            end: segment.end,
            steps: segment.missed,
        });
        missed.collect()
    }

    /// Sets the numbers of steps that were missed, as runs of parameters.
    pub fn set_missed(&mut self, missed: &[SkippedSteps]) {
        // Each segment then lies within one run of parameters that have skipped the same steps.
        for run in missed {
            self.split_at(run.end);
        }
        let mut runs = missed.iter();
        let mut run = runs.next();
        for segment in &mut self.0 {
            if run.is_some_and(|run| run.end < segment.end) {
                run = runs.next();
            }
            segment.missed = run.map_or(0, |run| run.steps);
        }
    }
}
