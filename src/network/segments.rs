//! Which layers run one after another over the same few samples before the next layers run.
//!
//! Large activations are to stay in the second-level cache from the layer that writes them to the
//! layer that reads them, so the layers of images run over few samples at a time; large weights are
//! to be read once for many samples, so dense layers run over all.

use super::layer::Flow;
use super::plan::{Stage, Step};
use crate::sizes;

/// What the outputs of one piece of a batch may take in the cache, in bytes; their gradients take
/// as much again.
const PIECE_BYTES: usize = 512 * 1024;
/// Pieces of at least so many samples are as good as the whole.
const MANY_SAMPLES: usize = 64;
/// A layer with so many times more weights than inputs and outputs of one sample runs over all
/// samples at once.
const MANY_WEIGHTS: usize = 8;

/// The layers from `first` to `last`.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The last of them that writes to a place of its own.
    pub(super) last_output: usize,
    /// How many samples run through all of them at once; 0 for all.
    pub(super) piece: usize,
    /// They want the whole batch and share it out between threads themselves.
    pub(super) whole_batch: bool,
}

/// The segments of a network of `N` layers.
#[derive(Clone, Copy)]
pub(super) struct Segments<const N: usize> {
    pub(super) list: [Segment; N],
    pub(super) count: usize,
}

/// How a segment runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its layers so far work where others wrote.
    Undecided,
    Few,
    All,
    WholeBatch,
}

impl<const N: usize> Segments<N> {
    pub(super) const NONE: Self = Segments {
        list: [Segment {
            first: 0,
            last: 0,
            last_output: 0,
            piece: 0,
            whole_batch: false,
        }; N],
        count: 0,
    };

    pub(super) const fn new(stages: &[Stage; N], steps: &[Step; N], training: bool) -> Self {
        let (mut segments, mut kind, mut numbers) = (Self::NONE, Kind::Undecided, 0);
        let mut i = 0;
        while i < N {
            let (stage, shares) = (&stages[i], steps[i].shares);
            let own = if shares {
                Kind::Undecided
            } else {
                kind_of(stage, training)
            };
            let after_whole = matches!(kind, Kind::WholeBatch) && !matches!(stage.flow, Flow::View);
            let differs = !matches!(own, Kind::Undecided)
                && !matches!(kind, Kind::Undecided)
                && own as u8 != kind as u8;
            if i == 0 || differs || after_whole {
                segments.list[segments.count] = Segment {
                    first: i,
                    last: i,
                    last_output: i,
                    piece: 0,
                    whole_batch: matches!(own, Kind::WholeBatch),
                };
                segments.count += 1;
                (kind, numbers) = (Kind::Undecided, stage.in_len);
            }
            let segment = &mut segments.list[segments.count - 1];
            segment.last = i;
            numbers = sizes::sum(&[numbers, stage.cache]);
            if !shares {
                segment.last_output = i;
                numbers = sizes::sum(&[numbers, stage.out_len]);
                kind = own;
            }
            if matches!(kind, Kind::WholeBatch) {
                segment.whole_batch = true;
            }
            if matches!(kind, Kind::Few) {
                let piece = PIECE_BYTES / sizes::product(&[numbers, stage.size]);
                segment.piece = if piece == 0 { 1 } else { piece };
            }
            i += 1;
        }
        segments
    }
}

const fn kind_of(stage: &Stage, training: bool) -> Kind {
    let numbers = sizes::sum(&[stage.in_len, stage.out_len, stage.cache]);
    let bytes = sizes::product(&[numbers, stage.size, MANY_SAMPLES]);
    if training && stage.whole_batch {
        Kind::WholeBatch
    } else if bytes <= PIECE_BYTES || stage.params / MANY_WEIGHTS > numbers {
        Kind::All
    } else {
        Kind::Few
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Plan, Stage};
    use crate::nn::{Dropout, Flatten, Linear, Relu, Sigmoid};
    use crate::tensor::{Rank1, Rank2};

    /// First layer, last layer, samples at a time.
    fn list<const N: usize>(stages: [Stage; N], training: bool) -> Vec<(usize, usize, usize)> {
        let plan = Plan::new(stages);
        let segments = if training {
            plan.training_segments
        } else {
            plan.inference_segments
        };
        segments.list[..segments.count]
            .iter()
            .map(|s| (s.first, s.last, s.piece))
            .collect()
    }

    #[test]
    fn dense_networks_are_one_segment() {
        let stages = [
            Stage::of::<Linear<784, 128>, Rank1<784>, Rank1<128>, f32>(),
            Stage::of::<Relu, Rank1<128>, Rank1<128>, f32>(),
            Stage::of::<Linear<128, 10>, Rank1<128>, Rank1<10>, f32>(),
        ];
        assert_eq!(list(stages, true), [(0, 2, 0)]);
        assert_eq!(list(stages, false), [(0, 2, 0)]);
    }

    #[test]
    fn layers_with_large_activations_run_over_few_samples() {
        // 64 rows of 64 features, twice with few weights, then flattened into many weights.
        let stages = [
            Stage::of::<Linear<64, 64>, Rank2<64, 64>, Rank2<64, 64>, f32>(),
            Stage::of::<Relu, Rank2<64, 64>, Rank2<64, 64>, f32>(),
            Stage::of::<Linear<64, 32>, Rank2<64, 64>, Rank2<64, 32>, f32>(),
            Stage::of::<Flatten, Rank2<64, 32>, Rank1<2048>, f32>(),
            Stage::of::<Dropout, Rank1<2048>, Rank1<2048>, f32>(),
            Stage::of::<Linear<2048, 128>, Rank1<2048>, Rank1<128>, f32>(),
            Stage::of::<Sigmoid, Rank1<128>, Rank1<128>, f32>(),
        ];
        // 4096 + 4096 + 2048 numbers of 4 bytes are 40 KiB a sample.
        assert_eq!(list(stages, true), [(0, 4, 12), (5, 6, 0)]);
        assert_eq!(list(stages, false), [(0, 4, 12), (5, 6, 0)]);
    }
}
