//! The segments of a network: groups of layers that run one after another over the same few samples
//! before the next group runs.
//!
//! Large activations should stay in the second-level cache from the layer that writes them to the
//! layer that reads them: the layers of images run over few samples at a time. Large weights should
//! be read once for many samples: dense layers run over all samples.

use super::layer::Flow;
use super::needs::Batching;
use super::plan::{LayerPlan, Stage};
use crate::sizes;

/// The number of bytes that the outputs of one chunk of a batch may take in the cache. Their
/// gradients take as much again.
const CHUNK_BYTES: usize = 512 * 1024;
/// The number of samples from which a chunk is as good as the whole batch.
const MANY_SAMPLES: usize = 64;
/// A layer runs over all samples at once if its weights take more than this many times as many bytes
/// as its input, its output and its own memory for one sample.
const MANY_WEIGHTS: usize = 8;

/// The layers from `first` to `last`.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The number of samples that run through all of them at a time; 0 for all samples.
    pub(super) chunk_len: usize,
    /// True if they need the whole batch and distribute it over threads themselves.
    pub(super) whole_batch: bool,
}

/// The segments of a network of `N` layers.
#[derive(Clone, Copy)]
pub(super) struct Segments<const N: usize> {
    pub(super) list: [Segment; N],
    pub(super) count: usize,
}

/// The samples that a segment runs over at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Not decided yet: all layers of the segment so far work in place.
    Undecided,
    /// As many samples as fit into the cache.
    Few,
    /// All samples of a thread.
    All,
    /// All samples of the batch.
    WholeBatch,
}

impl<const N: usize> Segments<N> {
    pub(super) const NONE: Self = Segments {
        list: [Segment {
            first: 0,
            last: 0,
            chunk_len: 0,
            whole_batch: false,
        }; N],
        count: 0,
    };

    pub(super) const fn new(stages: &[Stage; N], layers: &[LayerPlan; N], training: bool) -> Self {
        let mut segments = Self::NONE;
        // The extent of the segment so far, and its bytes per sample: its input, the outputs of its
        // layers, and their own memory.
        let mut extent = Extent::Undecided;
        let mut bytes = 0;
        // Whether a layer of the segment so far computes anything.
        let mut computes = false;

        let mut i = 0;
        while i < N {
            let stage = &stages[i];
            let shares = layers[i].shares;
            let own = if shares {
                Extent::Undecided
            } else {
                extent_of(stage, training)
            };

            // A layer begins a segment if it wants another extent, if it computes anything after a
            // layer that needs the whole batch, or if it needs the whole batch after a layer that
            // computes anything.
            let after_whole =
                matches!(extent, Extent::WholeBatch) && !matches!(stage.flow, Flow::View);
            let differs = !matches!(own, Extent::Undecided)
                && !matches!(extent, Extent::Undecided)
                && own as u8 != extent as u8;
            let is_whole = computes && matches!(own, Extent::WholeBatch);
            if i == 0 || differs || after_whole || is_whole {
                segments.list[segments.count] = Segment {
                    first: i,
                    last: i,
                    chunk_len: 0,
                    whole_batch: matches!(own, Extent::WholeBatch),
                };
                segments.count += 1;
                extent = Extent::Undecided;
                bytes = stage.in_bytes;
                computes = false;
            }
            computes = computes || !matches!(stage.flow, Flow::View);

            let segment = &mut segments.list[segments.count - 1];
            segment.last = i;
            bytes = sizes::sum(&[bytes, own_bytes(stage, training)]);
            if !shares {
                bytes = sizes::sum(&[bytes, stage.out_bytes]);
                extent = own;
            }

            if matches!(extent, Extent::WholeBatch) {
                segment.whole_batch = true;
            }
            if matches!(extent, Extent::Few) {
                segment.chunk_len = sizes::larger(CHUNK_BYTES / sizes::larger(bytes, 1), 1);
            }
            i += 1;
        }
        segments
    }
}

impl<const N: usize> Segments<N> {
    /// Returns the index of the segment of a layer.
    pub(super) const fn of(&self, layer: usize) -> usize {
        let mut segment = 0;
        while self.list[segment].last < layer {
            segment += 1;
        }
        segment
    }

    /// Returns the index of the first layer after a segment.
    pub(super) const fn end(&self, segment: usize) -> usize {
        self.list[segment].last + 1
    }
}

/// Returns the extent that is best for one layer.
const fn extent_of(stage: &Stage, training: bool) -> Extent {
    match stage.batching {
        Batching::Few => return Extent::Few,
        Batching::All => return Extent::All,
        Batching::WholeBatch if training => return Extent::WholeBatch,
        Batching::WholeBatch | Batching::Auto => {}
    }

    let many = sizes::product(&[all_bytes(stage, training), MANY_SAMPLES]);
    if many <= CHUNK_BYTES || has_many_weights(stage, training) {
        Extent::All
    } else {
        Extent::Few
    }
}

/// Returns whether a layer should read its weights once for all samples.
pub(super) const fn has_many_weights(stage: &Stage, training: bool) -> bool {
    stage.param_bytes / MANY_WEIGHTS > all_bytes(stage, training)
}

/// Returns the number of bytes per sample that a layer reads, writes and has for itself.
const fn all_bytes(stage: &Stage, training: bool) -> usize {
    sizes::sum(&[stage.in_bytes, stage.out_bytes, own_bytes(stage, training)])
}

/// Returns the number of bytes per sample that a layer has for itself.
const fn own_bytes(stage: &Stage, training: bool) -> usize {
    if training {
        stage.train_needs.per_sample
    } else {
        stage.needs.per_sample
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Plan, Stage};
    use crate::network;
    use crate::nn::{Dropout, Flatten, Gelu, Linear, Relu, Sigmoid};
    use crate::tensor::{Rank1, Rank2};

    /// Returns the first layer, the last layer and the chunk length of each segment.
    fn list<const N: usize>(stages: [Stage; N], training: bool) -> Vec<(usize, usize, usize)> {
        let plan = Plan::new(stages);
        let segments = if training {
            plan.training_segments
        } else {
            plan.inference_segments
        };
        segments.list[..segments.count]
            .iter()
            .map(|s| (s.first, s.last, s.chunk_len))
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

    #[test]
    fn a_network_with_large_weights_inside_is_given_all_samples() {
        network! {
            struct Dense: [16, 384] -> [16, 384] { Linear<_, 1536>, Gelu, Linear<_, 384> }
        }
        network! {
            struct Light: [64, 64] -> [64, 64] { Linear<_, 64>, Gelu, Linear<_, 64> }
        }
        type In = Rank2<16, 384>;
        type LightIn = Rank2<64, 64>;
        let stages = [
            Stage::of::<Sigmoid, In, In, f32>(),
            Stage::of::<Dense, In, In, f32>(),
            Stage::of::<Gelu, In, In, f32>(),
        ];
        for training in [true, false] {
            assert_eq!(list(stages, training)[1], (1, 1, 0), "{training}");
        }

        let stages = [Stage::of::<Light, LightIn, LightIn, f32>()];
        for training in [true, false] {
            assert_ne!(list(stages, training)[0].2, 0, "{training}");
        }
    }
}
