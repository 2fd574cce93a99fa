//! The passes of attention, on slices.

use core::ops::Range;

use rand::Rng;

use super::lora::AttentionAdapters;
#[cfg(feature = "std")]
use super::maps;
use super::rotary::Rotary;
use super::shape::AttentionSizes;
use crate::kernels::{
    ANY_SHAPE, AttentionGrad, AttentionSoftmax, Kernels, Matrix, Product, Start, Transpose,
    Visible, product_memory,
};
use crate::memory::{StateMemory, ThreadMemory};
use crate::network::{Context, Needs};
use crate::nn::add_to;
use crate::nn::kernel_needs::{kernel_needs, weight_grad_needs};
use crate::sizes;
use crate::tensor::Element;
use crate::threads;

/// Adjacent columns of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, T> {
    /// The matrix from the first of the columns on.
    pub data: &'a [T],
    /// The number of columns of the whole matrix.
    pub stride: usize,
}

impl<'a, T> Columns<'a, T> {
    fn matrix(self) -> Matrix<'a, T> {
        Matrix::row_major(self.data, self.stride)
    }
}

/// The weights of an attention. Biases are empty if there are none.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a, T> {
    pub query: Columns<'a, T>,
    pub key: Columns<'a, T>,
    pub value: Columns<'a, T>,
    /// The biases of queries, keys and values.
    pub bias: &'a [T],
    pub out: &'a [T],
    pub out_bias: &'a [T],
}

/// The sources of an attention, each of which has the numbers of all samples. Mask and bias are
/// empty if there are none.
#[derive(Clone, Copy)]
pub(super) struct Given<'a, T> {
    pub query: &'a [T],
    pub memory: &'a [T],
    pub mask: &'a [T],
    pub bias: &'a [T],
}

/// The gradients of the sources that are asked for. That of the memory is `None` if it is the
/// query's source.
pub(super) struct Asked<'a, T> {
    pub query: Option<&'a mut [T]>,
    pub memory: Option<&'a mut [T]>,
    pub mask: Option<&'a mut [T]>,
    pub bias: Option<&'a mut [T]>,
}

/// An attention with its options, as it computes.
#[derive(Clone, Copy)]
pub(super) struct Attention<'a, T: Element> {
    pub sizes: &'a AttentionSizes,
    pub causal: bool,
    pub cross: bool,
    pub rotary: Rotary,
    /// The probability of dropping a weight.
    pub dropout: f64,
    /// The updates of the weights of queries and values, if there are some.
    pub adapters: Option<AttentionAdapters<'a, T>>,
    pub cx: &'a Context<'a, T>,
}

/// The values that forward computes for each sample.
pub(super) struct Activations<'a, T> {
    /// The queries of all heads, a row for each position.
    pub queries: &'a mut [T],
    /// The keys of all heads and then the values, a row for each position.
    pub keys_values: &'a mut [T],
    /// The outputs of all heads.
    pub attended: &'a mut [T],
    /// The maximum and the inverse sum of each head and query; empty in inference.
    pub statistics: &'a mut [T],
    /// The hidden numbers of the adapters of queries and values; empty without adapters.
    pub hidden: [&'a mut [T]; 2],
}

/// The gradients of the activations.
pub(super) struct ActivationGrads<'a, T> {
    pub queries: &'a mut [T],
    pub keys_values: &'a mut [T],
    pub attended: &'a mut [T],
    pub hidden: [&'a mut [T]; 2],
}

/// The keys and values of a head.
#[derive(Clone, Copy)]
struct Keys<'a, T> {
    /// The keys as columns, `stride` numbers from one row to the next.
    columns: &'a [T],
    stride: usize,
    /// The values as rows, `value_stride` apart.
    values: &'a [T],
    value_stride: usize,
    /// The number of positions after which the same columns and rows are used again.
    ring: usize,
}

impl<T> Keys<'_, T> {
    /// Returns the column and the row of a position.
    fn slot(&self, position: usize) -> usize {
        position % self.ring
    }
}

/// The memory of one thread.
struct Memory<'a, T> {
    scores: &'a mut [T],
    statistics: &'a mut [T],
    rotations: &'a mut [T],
    columns: &'a mut [T],
    /// The outputs of a block of queries over a run of keys.
    sums: &'a mut [T],
    /// The memory that backward needs in addition.
    grads: GradMemory<'a, T>,
    /// The memory of products.
    panel: &'a mut [T],
}

/// The memory of one thread in backward.
struct GradMemory<'a, T> {
    scores: &'a mut [T],
    value_columns: &'a mut [T],
    means: &'a mut [T],
    /// The gradients of the keys and values of a head over a run of queries, in rows of a key and
    /// its value.
    sums: &'a mut [T],
}

/// The largest length of the memory of a product in the passes; those of `backward` are more.
const fn panel(sizes: &AttentionSizes, backward: bool) -> usize {
    let all = usize::MAX;
    let (width, kv_width) = (sizes.width(), sizes.kv_width());
    let keys = sizes.most_keys();
    let forward = [
        product_memory(all, width, sizes.embed_dim, false),
        product_memory(all, kv_width, sizes.memory_dim, false),
        product_memory(all, sizes.embed_dim, width, false),
        product_memory(all, keys, sizes.head_dim, false),
        product_memory(all, sizes.head_dim, sizes.block, false),
    ];
    let grads = [
        product_memory(all, width, sizes.embed_dim, true),
        product_memory(all, sizes.embed_dim, width, true),
        product_memory(all, sizes.memory_dim, kv_width, true),
        product_memory(all, sizes.head_dim, keys, false),
        product_memory(all, sizes.head_dim, sizes.query_block(), false),
    ];

    let mut most = 0;
    let mut i = 0;
    while i < 5 {
        most = sizes::larger(most, forward[i]);
        if backward {
            most = sizes::larger(most, grads[i]);
        }
        i += 1;
    }
    if cfg!(feature = "std") { most } else { 0 }
}

/// Returns the needs of inference.
pub(super) const fn needs<T: Element>(sizes: &AttentionSizes, rotary: bool) -> Needs {
    let needs = per_thread::<T>(sizes, rotary, false)
        .per_sample::<T>(queries_len(sizes))
        .per_sample::<T>(keys_values_len(sizes))
        .per_sample::<T>(queries_len(sizes));
    if sizes.ring == 0 {
        return needs;
    }
    let cached = sizes::product(&[sizes.ring, sizes.kv_width()]);
    needs.state::<u64>(1).state::<T>(cached).state::<T>(cached)
}

/// Returns the needs of training.
pub(super) const fn train_needs<T: Element>(sizes: &AttentionSizes, rotary: bool) -> Needs {
    let passes = per_thread::<T>(sizes, rotary, true)
        .per_sample::<T>(queries_len(sizes))
        .per_sample::<T>(keys_values_len(sizes))
        .per_sample::<T>(queries_len(sizes))
        .per_sample::<T>(statistics_len(sizes))
        .per_sample::<T>(queries_len(sizes))
        .per_sample::<T>(keys_values_len(sizes))
        .per_sample::<T>(queries_len(sizes));

    let (width, kv_width) = (sizes.width(), sizes.kv_width());
    let weights = weight_grad_needs::<T>(sizes.embed_dim, width)
        .or(weight_grad_needs::<T>(sizes.memory_dim, kv_width))
        .or(weight_grad_needs::<T>(width, sizes.embed_dim));
    passes.or(weights).in_training()
}

/// Returns the memory of a thread, in the order of [`take_memory`].
const fn per_thread<T: Element>(sizes: &AttentionSizes, rotary: bool, backward: bool) -> Needs {
    let columns = sizes::product(&[sizes.head_dim, sizes.keys]);
    let needs = Needs::NONE
        .per_thread::<T>(sizes.scores())
        .per_thread::<T>(2 * sizes.query_block())
        .per_thread::<T>(rotations_len(sizes, rotary))
        .per_thread::<T>(columns)
        .per_thread::<T>(sizes.run_sums());
    let needs = if backward {
        needs
            .per_thread::<T>(sizes.scores())
            .per_thread::<T>(columns)
            .per_thread::<T>(sizes.query_block())
            .per_thread::<T>(sizes.grad_run_sums())
    } else {
        needs
    };
    let panel = panel(sizes, backward);
    needs.and(kernel_needs::<T>(panel, panel))
}

/// Takes the memory of a thread.
fn take_memory<'a, T: Element>(
    sizes: &AttentionSizes,
    rotary: bool,
    backward: bool,
    mut memory: ThreadMemory<'a>,
) -> Memory<'a, T> {
    let columns = sizes.head_dim * sizes.keys;
    Memory {
        scores: memory.take(sizes.scores()),
        statistics: memory.take(2 * sizes.query_block()),
        rotations: memory.take(rotations_len(sizes, rotary)),
        columns: memory.take(columns),
        sums: memory.take(sizes.run_sums()),
        grads: if backward {
            GradMemory {
                scores: memory.take(sizes.scores()),
                value_columns: memory.take(columns),
                means: memory.take(sizes.query_block()),
                sums: memory.take(sizes.grad_run_sums()),
            }
        } else {
            GradMemory {
                scores: &mut [],
                value_columns: &mut [],
                means: &mut [],
                sums: &mut [],
            }
        },
        panel: memory.take_at_most(panel(sizes, backward)),
    }
}

pub(super) const fn queries_len(sizes: &AttentionSizes) -> usize {
    sizes::product(&[sizes.queries, sizes.width()])
}

pub(super) const fn keys_values_len(sizes: &AttentionSizes) -> usize {
    sizes::product(&[sizes.keys, 2, sizes.kv_width()])
}

pub(super) const fn statistics_len(sizes: &AttentionSizes) -> usize {
    sizes::product(&[2, sizes.heads, sizes.queries])
}

const fn rotations_len(sizes: &AttentionSizes, rotary: bool) -> usize {
    if rotary {
        sizes::product(&[sizes.queries, sizes.head_dim])
    } else {
        0
    }
}

/// The numbers that dropout draws for one sample.
struct Draws<R> {
    rng: R,
    threshold: u64,
}

impl<R: Rng> Draws<R> {
    /// Calls `f(x, keep)` for each of several items.
    fn apply<X>(&mut self, items: impl IntoIterator<Item = X>, mut f: impl FnMut(X, bool)) {
        // Each draw of 64 bits decides about two items.
        let mut draws = 0;
        for (index, item) in items.into_iter().enumerate() {
            draws = if index % 2 == 0 {
                self.rng.next_u64()
            } else {
                draws >> 32
            };
            f(item, draws & 0xffff_ffff >= self.threshold);
        }
    }
}

/// The positions of the keys that a block of queries meets.
#[derive(Clone, Copy)]
struct Span {
    /// The first position of a row of scores, at the beginning of a block of keys.
    base: usize,
    /// The first position that one of the queries sees, and the end of them.
    first: usize,
    end: usize,
}

impl Span {
    fn len(self) -> usize {
        self.end - self.base
    }
}

/// The mask and the bias of one sample and head, or nothing.
#[derive(Clone, Copy)]
struct Masks<'a, T> {
    mask: &'a [T],
    bias: &'a [T],
}

/// Successive queries of one sample and head.
#[derive(Clone, Copy)]
struct Queries<'a, T> {
    /// All queries of the sample.
    rows: &'a [T],
    head: usize,
    /// The position of the first of all queries.
    position: usize,
    /// The index of the first query, and the number of them.
    first: usize,
    count: usize,
}

impl<T: Element> Attention<'_, T> {
    fn is_rotary(&self) -> bool {
        self.rotary.base > 0
    }

    /// Computes the outputs of all samples. With a `state` there is one sample, the next of a
    /// stream.
    pub fn forward(
        &self,
        weights: &Weights<'_, T>,
        given: &Given<'_, T>,
        y: &mut [T],
        activations: Activations<'_, T>,
        thread_memory: ThreadMemory<'_>,
        state: Option<StateMemory<'_>>,
    ) {
        let sizes = self.sizes;
        let trains = !activations.statistics.is_empty();
        let memory = &mut take_memory(sizes, self.is_rotary(), trains, thread_memory);
        let Activations {
            queries,
            keys_values,
            attended,
            statistics,
            hidden,
        } = activations;
        self.project(weights, given, queries, keys_values, memory.panel);
        if let Some(adapters) = &self.adapters {
            let keys_values = &mut *keys_values;
            adapters.forward(self, given, queries, keys_values, hidden, memory.panel);
        }

        match state.filter(|_| sizes.ring > 0) {
            Some(state) => self.continue_stream(queries, keys_values, attended, state, memory),
            None => {
                self.rotate(queries, keys_values, 0, memory.rotations, false);
                let samples = queries
                    .chunks_exact(queries_len(sizes))
                    .zip(keys_values.chunks_exact(keys_values_len(sizes)))
                    .zip(attended.chunks_exact_mut(queries_len(sizes)));
                for (index, ((queries, keys_values), attended)) in samples.enumerate() {
                    let kept = if trains {
                        &mut statistics[index * statistics_len(sizes)..][..statistics_len(sizes)]
                    } else {
                        &mut []
                    };
                    self.forward_sample(index, given, queries, keys_values, attended, kept, memory);
                }
            }
        }

        let width = sizes.width();
        self.product(
            [attended.len() / width, sizes.embed_dim, width],
            Matrix::row_major(attended, width),
            Matrix::row_major(weights.out, sizes.embed_dim),
            (y, sizes.embed_dim),
            match weights.out_bias {
                [] => Start::Zero,
                bias => Start::Bias(bias),
            },
            memory.panel,
        );
    }

    /// Computes a product of `m` rows, `n` columns and the inner dimension `k`. Its bits depend
    /// neither on the number of rows nor on that of columns, of which there may be more or fewer in a
    /// stream than in a whole sequence.
    fn product(
        &self,
        [m, n, k]: [usize; 3],
        a: Matrix<'_, T>,
        b: Matrix<'_, T>,
        (c, c_stride): (&mut [T], usize),
        start: Start<'_, T>,
        panel: &mut [T],
    ) {
        self.cx.kernels.product(Product {
            m,
            n,
            k,
            a,
            b,
            c,
            c_stride,
            start,
            relu: false,
            whole: ANY_SHAPE,
            memory: panel,
        });
    }

    /// Computes queries, keys and values.
    fn project(
        &self,
        weights: &Weights<'_, T>,
        given: &Given<'_, T>,
        queries: &mut [T],
        keys_values: &mut [T],
        panel: &mut [T],
    ) {
        let sizes = self.sizes;
        let (width, kv_width) = (sizes.width(), sizes.kv_width());
        let start = |range: Range<usize>| match weights.bias {
            [] => Start::Zero,
            bias => Start::Bias(&bias[range]),
        };

        let [embed_dim, memory_dim] = [sizes.embed_dim, sizes.memory_dim];
        let rows = queries.len() / width;
        self.product(
            [rows, width, embed_dim],
            Matrix::row_major(given.query, embed_dim),
            weights.query.matrix(),
            (queries, width),
            start(0..width),
            panel,
        );

        let rows = keys_values.len() / (2 * kv_width);
        for (index, columns) in [weights.key, weights.value].into_iter().enumerate() {
            let first = width + index * kv_width;
            self.product(
                [rows, kv_width, memory_dim],
                Matrix::row_major(given.memory, memory_dim),
                columns.matrix(),
                (&mut keys_values[index * kv_width..], 2 * kv_width),
                start(first..first + kv_width),
                panel,
            );
        }
    }

    /// Rotates the queries and keys of all samples, the first of which are at the position `first`,
    /// or back if `inverse`.
    fn rotate(
        &self,
        queries: &mut [T],
        keys_values: &mut [T],
        first: usize,
        rotations: &mut [T],
        inverse: bool,
    ) {
        if !self.is_rotary() {
            return;
        }
        let sizes = self.sizes;
        let head_dim = sizes.head_dim;
        self.rotary.fill(rotations, first, head_dim);

        let (width, kv_width) = (sizes.width(), sizes.kv_width());
        for queries in queries.chunks_exact_mut(queries_len(sizes)) {
            self.rotary
                .rotate(queries, [width; 2], head_dim, rotations, inverse);
        }
        for keys in keys_values.chunks_exact_mut(keys_values_len(sizes)) {
            let columns = [kv_width, 2 * kv_width];
            self.rotary
                .rotate(keys, columns, head_dim, rotations, inverse);
        }
    }

    /// Computes what the queries of one sample attend to.
    #[allow(clippy::too_many_arguments)]
    fn forward_sample(
        &self,
        index: usize,
        given: &Given<'_, T>,
        queries: &[T],
        keys_values: &[T],
        attended: &mut [T],
        statistics: &mut [T],
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let mut draws = self.draws(index, !statistics.is_empty());
        #[cfg(feature = "std")]
        let mut map = maps::begin(sizes.heads, sizes.queries, sizes.keys);

        for head in 0..sizes.heads {
            self.load_columns(head, keys_values, 0, memory.columns);
            let columns = core::mem::take(&mut memory.columns);
            let keys = self.keys_of(head, keys_values, columns);
            let masks = self.masks(index, head, given);

            for first in (0..sizes.queries).step_by(sizes.query_block()) {
                let count = sizes.query_block().min(sizes.queries - first);
                let queries = Queries {
                    rows: queries,
                    head,
                    position: 0,
                    first,
                    count,
                };
                let kept = match &mut *statistics {
                    [] => &mut memory.statistics[..2 * count],
                    all => &mut all[2 * (head * sizes.queries + first)..][..2 * count],
                };
                let visible = self.attend(
                    queries,
                    keys,
                    masks,
                    (memory.scores, kept, false),
                    memory.panel,
                );
                #[cfg(feature = "std")]
                if let Some(map) = &mut map {
                    let span = self.span(queries);
                    let scores = &memory.scores[..count * span.len()];
                    map.set(head, first, span.base, scores, span.len());
                }
                if let Some(draws) = &mut draws {
                    self.drop_scores(draws, visible, count, memory.scores);
                }
                self.add_values(queries, keys, attended, memory);
            }
            memory.columns = columns;
        }
        #[cfg(feature = "std")]
        maps::end(map);
    }

    /// Appends the keys and values of the next positions of a stream to the cache, and computes what
    /// the queries attend to.
    fn continue_stream(
        &self,
        queries: &mut [T],
        keys_values: &mut [T],
        attended: &mut [T],
        mut state: StateMemory<'_>,
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let (head_dim, kv_width) = (sizes.head_dim, sizes.kv_width());
        let passed: &mut [u64] = state.take(1);
        let columns: &mut [T] = state.take(sizes.ring * kv_width);
        let values: &mut [T] = state.take(sizes.ring * kv_width);

        let position = passed[0] as usize;
        passed[0] += sizes.queries as u64;
        self.rotate(queries, keys_values, position, memory.rotations, false);

        let mut first = 0;
        while first < sizes.queries {
            // Once the ring is full, a position overwrites one that the query before it may see.
            let room = sizes.ring.saturating_sub(position + first);
            let run = room.clamp(1, sizes.queries - first);

            let slot = (position + first) % sizes.ring;
            let rows = keys_values[2 * kv_width * first..].chunks_exact(2 * kv_width);
            for (row, slot) in rows.take(run).zip(slot..) {
                let (keys, row_values) = row.split_at(kv_width);
                for (column, &key) in keys.iter().enumerate() {
                    columns[column * sizes.ring + slot] = key;
                }
                values[slot * kv_width..][..kv_width].copy_from_slice(row_values);
            }

            for head in 0..sizes.heads {
                let group = head / (sizes.heads / sizes.kv_heads);
                let keys = Keys {
                    columns: &columns[group * head_dim * sizes.ring..],
                    stride: sizes.ring,
                    values: &values[group * head_dim..],
                    value_stride: kv_width,
                    ring: sizes.ring,
                };
                let masks = Masks {
                    mask: &[],
                    bias: &[],
                };
                for first in (first..first + run).step_by(sizes.query_block()) {
                    let end = (first + sizes.query_block()).min(sizes.queries);
                    let queries = Queries {
                        rows: queries,
                        head,
                        position,
                        first,
                        count: end.min(first + run) - first,
                    };
                    let kept = &mut memory.statistics[..2 * queries.count];
                    let out = (&mut *memory.scores, kept, false);
                    self.attend(queries, keys, masks, out, memory.panel);
                    self.add_values(queries, keys, attended, memory);
                }
            }
            first += run;
        }
    }

    /// Writes the keys of a head, or the values that lie `offset` numbers behind them, as columns,
    /// unless those of its group are there already.
    fn load_columns(&self, head: usize, keys_values: &[T], offset: usize, columns: &mut [T]) {
        let sizes = self.sizes;
        let shared = sizes.heads / sizes.kv_heads;
        if !head.is_multiple_of(shared) {
            return;
        }
        self.cx.kernels.transpose(Transpose {
            rows: sizes.keys,
            cols: sizes.head_dim,
            from: &keys_values[offset + head / shared * sizes.head_dim..],
            from_stride: 2 * sizes.kv_width(),
            to: columns,
            to_stride: sizes.keys,
        });
    }

    /// Returns the keys and values of a head of one sample, whose columns are loaded.
    fn keys_of<'k>(&self, head: usize, keys_values: &'k [T], columns: &'k [T]) -> Keys<'k, T> {
        let sizes = self.sizes;
        let group = head / (sizes.heads / sizes.kv_heads);
        Keys {
            columns,
            stride: sizes.keys,
            values: &keys_values[sizes.kv_width() + group * sizes.head_dim..],
            value_stride: 2 * sizes.kv_width(),
            ring: usize::MAX,
        }
    }

    /// Returns the mask and the bias of a sample and a head.
    fn masks<'g>(&self, index: usize, head: usize, given: &Given<'g, T>) -> Masks<'g, T> {
        let AttentionSizes { keys, .. } = *self.sizes;
        let mask = match given.mask {
            [] => &[][..],
            mask => &mask[index * keys..][..keys],
        };
        let bias = match given.bias {
            [] => &[][..],
            bias => &bias[self.bias_range(index, head, given)],
        };
        Masks { mask, bias }
    }

    /// Returns the range of the bias of a sample and a head: each head has one of its own, or all
    /// have the same.
    fn bias_range(&self, index: usize, head: usize, given: &Given<'_, T>) -> Range<usize> {
        let AttentionSizes { queries, keys, .. } = *self.sizes;
        let samples = given.query.len() / (queries * self.sizes.embed_dim);
        let of_sample = given.bias.len() / samples;
        let own = if of_sample == queries * keys { 0 } else { head };
        let first = index * of_sample + own * queries * keys;
        first..first + queries * keys
    }

    /// Returns the positions of the keys that these queries meet.
    fn span(&self, queries: Queries<'_, T>) -> Span {
        let sizes = self.sizes;
        if !self.causal {
            return Span {
                base: 0,
                first: 0,
                end: sizes.keys,
            };
        }
        let position = queries.position + queries.first;
        let first = (position + 1).saturating_sub(sizes.window);
        Span {
            base: first - first % sizes.block,
            first,
            end: position + queries.count,
        }
    }

    /// Computes the probabilities of the keys for each query. Their statistics are computed, or used
    /// if they are `known`.
    fn attend(
        &self,
        queries: Queries<'_, T>,
        keys: Keys<'_, T>,
        masks: Masks<'_, T>,
        (scores, statistics, known): (&mut [T], &mut [T], bool),
        panel: &mut [T],
    ) -> Visible {
        let sizes = self.sizes;
        let span = self.span(queries);
        let scores = &mut scores[..queries.count * span.len()];

        // The keys of a ring lie in one piece or two.
        let mut from = span.first;
        while from < span.end {
            let slot = keys.slot(from);
            let n = (span.end - from).min(keys.ring - slot);
            self.product(
                [queries.count, n, sizes.head_dim],
                self.head_rows(queries, queries.rows),
                Matrix::row_major(&keys.columns[slot..], keys.stride),
                (&mut scores[from - span.base..], span.len()),
                Start::Zero,
                panel,
            );
            from += n;
        }

        let visible = self.visible(queries);
        let bias = match masks.bias {
            [] => &[][..],
            bias => &bias[queries.first * sizes.keys + span.base..],
        };
        self.cx.kernels.attention_softmax(AttentionSoftmax {
            visible,
            scale: self.scale(),
            bias: (bias, sizes.keys),
            mask: match masks.mask {
                [] => &[],
                mask => &mask[span.base..span.end],
            },
            scores,
            statistics,
            known,
        });
        visible
    }

    /// Returns the keys that each query sees, counted from the beginning of a row of scores.
    fn visible(&self, queries: Queries<'_, T>) -> Visible {
        let span = self.span(queries);
        Visible {
            keys: span.len(),
            first: if self.causal {
                queries.position + queries.first - span.base
            } else {
                0
            },
            causal: self.causal,
            window: self.sizes.window,
            block: self.sizes.block,
        }
    }

    /// Returns the factor of the scores.
    fn scale(&self) -> T {
        T::one() / T::from_f64_lossy(self.sizes.head_dim as f64).sqrt()
    }

    /// Returns the rows of a head for these queries, in a matrix with a row for each query.
    fn head_rows<'r>(&self, queries: Queries<'_, T>, rows: &'r [T]) -> Matrix<'r, T> {
        let width = self.sizes.width();
        let first = queries.first * width + queries.head * self.sizes.head_dim;
        Matrix::row_major(&rows[first..], width)
    }

    /// Sums the values by their probabilities.
    fn add_values(
        &self,
        queries: Queries<'_, T>,
        keys: Keys<'_, T>,
        attended: &mut [T],
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let span = self.span(queries);
        let (width, head_dim) = (sizes.width(), sizes.head_dim);
        let attended = &mut attended[queries.first * width + queries.head * head_dim..];

        // In runs that begin at the same positions in every call.
        let mut base = span.base;
        while base < span.end {
            let behind = base - base % sizes.key_run() + sizes.key_run();
            let run = Span {
                base,
                first: base.max(span.first),
                end: span.end.min(behind),
            };
            let scores = Matrix::row_major(&memory.scores[base - span.base..], span.len());
            if base == span.base {
                self.sum_values(
                    queries.count,
                    run,
                    keys,
                    scores,
                    (attended, width),
                    memory.panel,
                );
            } else {
                let to = (&mut *memory.sums, head_dim);
                self.sum_values(queries.count, run, keys, scores, to, memory.panel);
                let rows = memory.sums.chunks_exact(head_dim).take(queries.count);
                for (row, sums) in rows.enumerate() {
                    add_to(&mut attended[row * width..][..head_dim], sums);
                }
            }
            base = behind;
        }
    }

    /// Computes the sum of the values of a run of keys by their probabilities.
    fn sum_values(
        &self,
        count: usize,
        run: Span,
        keys: Keys<'_, T>,
        scores: Matrix<'_, T>,
        (sums, stride): (&mut [T], usize),
        panel: &mut [T],
    ) {
        let sizes = self.sizes;

        // In blocks that begin at the same positions in every call.
        let mut block = run.base;
        while block < run.end {
            let from = block.max(run.first);
            let end = run.end.min(block + sizes.block);
            let slot = keys.slot(from);
            self.product(
                [count, sizes.head_dim, end - from],
                Matrix::row_major(&scores.data[from - run.base..], scores.row_stride),
                Matrix::row_major(&keys.values[slot * keys.value_stride..], keys.value_stride),
                (&mut *sums, stride),
                if block == run.base {
                    Start::Zero
                } else {
                    Start::Accumulate
                },
                panel,
            );
            block += sizes.block;
        }
    }

    /// Returns the draws of dropout for one sample, if there are any.
    fn draws(&self, index: usize, trains: bool) -> Option<Draws<impl Rng + use<T>>> {
        let drops = trains && self.dropout > 0.0 && !self.cx.is_eval();
        drops.then(|| Draws {
            rng: self.cx.rng(index),
            threshold: (self.dropout * 4_294_967_296.0) as u64,
        })
    }

    /// Returns the factor of the probabilities that are kept.
    fn keep_factor(&self) -> T {
        T::from_f64_lossy(1.0 / (1.0 - self.dropout))
    }

    /// Drops probabilities, and multiplies the others.
    fn drop_scores(
        &self,
        draws: &mut Draws<impl Rng>,
        visible: Visible,
        count: usize,
        scores: &mut [T],
    ) {
        let factor = self.keep_factor();
        let rows = scores.chunks_exact_mut(visible.keys).take(count);
        for (row, scores) in rows.enumerate() {
            draws.apply(&mut scores[visible.keys_of(row)], |x, keep| {
                *x = if keep { *x * factor } else { T::zero() };
            });
        }
    }

    /// Computes the gradients of the activations and of the sources. `activations` are those of
    /// forward.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        weights: &Weights<'_, T>,
        given: &Given<'_, T>,
        activations: Activations<'_, T>,
        mut grads: ActivationGrads<'_, T>,
        dy: &[T],
        mut asked: Asked<'_, T>,
        thread_memory: ThreadMemory<'_>,
    ) {
        let sizes = self.sizes;
        let memory = &mut take_memory(sizes, self.is_rotary(), true, thread_memory);
        let width = sizes.width();
        self.product(
            [grads.attended.len() / width, width, sizes.embed_dim],
            Matrix::row_major(dy, sizes.embed_dim),
            Matrix::row_major(weights.out, sizes.embed_dim).transposed(),
            (grads.attended, width),
            Start::Zero,
            memory.panel,
        );

        grads.keys_values.fill(T::zero());
        if let Some(bias) = &mut asked.bias {
            bias.fill(T::zero());
        }
        if let Some(mask) = &mut asked.mask {
            mask.fill(T::zero());
        }
        let samples = grads.queries.len() / queries_len(sizes);
        for index in 0..samples {
            let rows = index * queries_len(sizes)..(index + 1) * queries_len(sizes);
            let keys = index * keys_values_len(sizes)..(index + 1) * keys_values_len(sizes);
            let kept = index * statistics_len(sizes)..(index + 1) * statistics_len(sizes);
            self.backward_sample(
                index,
                given,
                Activations {
                    queries: &mut activations.queries[rows.clone()],
                    keys_values: &mut activations.keys_values[keys.clone()],
                    attended: &mut activations.attended[rows.clone()],
                    statistics: &mut activations.statistics[kept],
                    hidden: [&mut [], &mut []],
                },
                ActivationGrads {
                    queries: &mut grads.queries[rows.clone()],
                    keys_values: &mut grads.keys_values[keys],
                    attended: &mut grads.attended[rows],
                    hidden: [&mut [], &mut []],
                },
                asked.bias.as_deref_mut(),
                memory,
            );
        }

        self.rotate(grads.queries, grads.keys_values, 0, memory.rotations, true);
        if let Some(adapters) = &self.adapters {
            let rows = (&*grads.queries, &*grads.keys_values);
            adapters.backward_hidden(self, rows, &mut grads.hidden, memory.panel);
        }
        self.backward_sources(weights, &grads, asked, memory.panel);
    }

    /// Computes the gradients of the sources from those of queries, keys and values.
    fn backward_sources(
        &self,
        weights: &Weights<'_, T>,
        grads: &ActivationGrads<'_, T>,
        asked: Asked<'_, T>,
        panel: &mut [T],
    ) {
        let (queries, keys_values) = (&*grads.queries, &*grads.keys_values);
        let sizes = self.sizes;
        let (width, kv_width) = (sizes.width(), sizes.kv_width());
        let mut query = asked.query;
        if let Some(query) = query.as_deref_mut() {
            self.product(
                [queries.len() / width, sizes.embed_dim, width],
                Matrix::row_major(queries, width),
                weights.query.matrix().transposed(),
                (query, sizes.embed_dim),
                Start::Zero,
                panel,
            );
            if let Some(adapters) = &self.adapters {
                adapters.backward_query(self, &grads.hidden, query, panel);
            }
        }

        let memory = if self.cross { asked.memory } else { query };
        let Some(memory) = memory else { return };
        let rows = keys_values.len() / (2 * kv_width);
        for (index, columns) in [weights.key, weights.value].into_iter().enumerate() {
            self.product(
                [rows, sizes.memory_dim, kv_width],
                Matrix::row_major(&keys_values[index * kv_width..], 2 * kv_width),
                columns.matrix().transposed(),
                (memory, sizes.memory_dim),
                if self.cross && index == 0 {
                    Start::Zero
                } else {
                    Start::Accumulate
                },
                panel,
            );
        }
        if let Some(adapters) = &self.adapters {
            adapters.backward_memory(self, &grads.hidden, memory, panel);
        }
    }

    /// Computes the gradients of queries, keys and values of one sample.
    fn backward_sample(
        &self,
        index: usize,
        given: &Given<'_, T>,
        activations: Activations<'_, T>,
        grads: ActivationGrads<'_, T>,
        mut bias_grad: Option<&mut [T]>,
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let mut draws = self.draws(index, true);
        let keys_values = &*activations.keys_values;

        for head in 0..sizes.heads {
            self.load_columns(head, keys_values, 0, memory.columns);
            let offset = sizes.kv_width();
            self.load_columns(head, keys_values, offset, memory.grads.value_columns);
            let columns = core::mem::take(&mut memory.columns);
            let keys = self.keys_of(head, keys_values, columns);
            let masks = self.masks(index, head, given);

            for first in (0..sizes.queries).step_by(sizes.query_block()) {
                let queries = Queries {
                    rows: activations.queries,
                    head,
                    position: 0,
                    first,
                    count: sizes.query_block().min(sizes.queries - first),
                };
                self.begin_grad_run(queries, memory.grads.sums);
                let kept = &mut activations.statistics[2 * (head * sizes.queries + first)..]
                    [..2 * queries.count];
                let out = (&mut *memory.scores, kept, true);
                let visible = self.attend(queries, keys, masks, out, memory.panel);

                let bias = match &mut bias_grad {
                    Some(bias) => &mut bias[self.bias_range(index, head, given)],
                    None => &mut [],
                };
                self.backward_scores(
                    queries,
                    visible,
                    (activations.attended, grads.attended),
                    bias,
                    &mut draws,
                    memory,
                );
                self.backward_rows(
                    queries,
                    keys_values,
                    (grads.queries, grads.keys_values, grads.attended),
                    memory,
                );
                self.end_grad_run(queries, memory.grads.sums, grads.keys_values);
            }
            memory.columns = columns;
        }
    }

    /// Returns the keys that the run of these queries meets, and whether these are its first and its
    /// last; `None` if all queries are one run.
    fn grad_run(&self, queries: Queries<'_, T>) -> Option<(Range<usize>, bool, bool)> {
        let run = self.sizes.query_run()?;
        let start = queries.first - queries.first % run;
        let end = self.sizes.queries.min(start + run);
        let one = |first| Queries {
            first,
            count: 1,
            ..queries
        };
        let keys = self.span(one(start)).base..self.span(one(end - 1)).end;
        let is_last = queries.first + queries.count == end;
        Some((keys, queries.first == start, is_last))
    }

    /// Sets the sums of a run to 0 before its first queries.
    fn begin_grad_run(&self, queries: Queries<'_, T>, sums: &mut [T]) {
        let row = 2 * self.sizes.head_dim;
        if let Some((keys, true, _)) = self.grad_run(queries) {
            sums[keys.start * row..keys.end * row].fill(T::zero());
        }
    }

    /// Adds the gradients of a run to those of all queries behind its last ones.
    fn end_grad_run(&self, queries: Queries<'_, T>, sums: &[T], keys_values: &mut [T]) {
        let sizes = self.sizes;
        let (head_dim, kv_width) = (sizes.head_dim, sizes.kv_width());
        let group = queries.head / (sizes.heads / sizes.kv_heads);
        let Some((keys, _, true)) = self.grad_run(queries) else {
            return;
        };

        for key in keys {
            let (key_sums, value_sums) =
                sums[2 * key * head_dim..][..2 * head_dim].split_at(head_dim);
            let row = &mut keys_values[2 * key * kv_width..][..2 * kv_width];
            add_to(&mut row[group * head_dim..][..head_dim], key_sums);
            add_to(
                &mut row[kv_width + group * head_dim..][..head_dim],
                value_sums,
            );
        }
    }

    /// Computes the gradients of the scores from those of what is attended to; the probabilities
    /// become those that have been kept.
    fn backward_scores(
        &self,
        queries: Queries<'_, T>,
        visible: Visible,
        (attended, attended_grad): (&[T], &[T]),
        bias: &mut [T],
        draws: &mut Option<Draws<impl Rng>>,
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let span = self.span(queries);
        let len = queries.count * span.len();
        let scores = &mut memory.scores[..len];
        let grads = &mut memory.grads.scores[..len];

        self.product(
            [queries.count, span.len(), sizes.head_dim],
            self.head_rows(queries, attended_grad),
            Matrix::row_major(&memory.grads.value_columns[span.base..], sizes.keys),
            (grads, span.len()),
            Start::Zero,
            memory.panel,
        );

        // The sum of the probabilities times their gradients is that of the outputs times theirs.
        let means = &mut memory.grads.means[..queries.count];
        for (row, mean) in means.iter_mut().enumerate() {
            let first = (queries.first + row) * sizes.width() + queries.head * sizes.head_dim;
            let of_head = first..first + sizes.head_dim;
            *mean = self
                .cx
                .kernels
                .dot(&attended[of_head.clone()], &attended_grad[of_head]);
        }

        let bias = match bias {
            [] => &mut [],
            bias => &mut bias[queries.first * sizes.keys + span.base..],
        };
        match draws {
            None => self.cx.kernels.attention_grad(AttentionGrad {
                visible,
                scale: self.scale(),
                means,
                probabilities: scores,
                gradient: grads,
                bias: (bias, sizes.keys),
            }),
            Some(draws) => {
                let factor = self.keep_factor();
                let scale = self.scale();
                let rows = scores
                    .chunks_exact_mut(span.len())
                    .zip(grads.chunks_exact_mut(span.len()));
                for (row, (scores, grads)) in rows.enumerate() {
                    let seen = visible.keys_of(row);
                    grads[..seen.start].fill(T::zero());
                    grads[seen.end..].fill(T::zero());
                    let pairs = scores[seen.clone()]
                        .iter_mut()
                        .zip(&mut grads[seen.clone()]);
                    draws.apply(pairs.enumerate(), |(j, (p, dp)), keep| {
                        let kept = if keep { factor } else { T::zero() };
                        let change = *p * (*dp * kept - means[row]);
                        if !bias.is_empty() {
                            bias[row * sizes.keys + seen.start + j] += change;
                        }
                        *dp = change * scale;
                        *p *= kept;
                    });
                }
            }
        }
    }

    /// Computes the gradients of queries, and adds to those of keys and values, from those of the
    /// scores.
    fn backward_rows(
        &self,
        queries: Queries<'_, T>,
        keys_values: &[T],
        (query_grads, key_value_grads, attended_grad): (&mut [T], &mut [T], &[T]),
        memory: &mut Memory<'_, T>,
    ) {
        let sizes = self.sizes;
        let (head_dim, width, kv_width) = (sizes.head_dim, sizes.width(), sizes.kv_width());
        let span = self.span(queries);
        let group = queries.head / (sizes.heads / sizes.kv_heads);
        let keys_at = span.base * 2 * kv_width + group * head_dim;
        let scores = Matrix::row_major(memory.scores, span.len());
        let grads = Matrix::row_major(memory.grads.scores, span.len());

        let to = queries.first * width + queries.head * head_dim;
        self.product(
            [queries.count, head_dim, span.len()],
            grads,
            Matrix::row_major(&keys_values[keys_at..], 2 * kv_width),
            (&mut query_grads[to..], width),
            Start::Zero,
            memory.panel,
        );

        let (sums, stride, keys_at, values_at) = match sizes.query_run() {
            None => (key_value_grads, 2 * kv_width, keys_at, keys_at + kv_width),
            Some(_) => {
                let row = 2 * head_dim;
                (
                    &mut *memory.grads.sums,
                    row,
                    span.base * row,
                    span.base * row + head_dim,
                )
            }
        };
        let products = [
            (grads, queries.rows, keys_at),
            (scores, attended_grad, values_at),
        ];
        for (factors, rows, to) in products {
            self.product(
                [span.len(), head_dim, queries.count],
                factors.transposed(),
                self.head_rows(queries, rows),
                (&mut sums[to..], stride),
                Start::Accumulate,
                memory.panel,
            );
        }
    }
}

/// Columns of the gradient of a weight: the sum over all rows of `x` times those of `dy`.
pub(in crate::nn) struct WeightGrad<'a, T> {
    /// The inputs of the weight, as many numbers in each row as the weight has rows.
    pub x: &'a [T],
    /// The gradients of the outputs, from the first column on.
    pub dy: &'a [T],
    /// The distance of the rows of `dy`.
    pub dy_stride: usize,
    /// The first of the columns, and their number.
    pub first: usize,
    pub columns: usize,
}

/// Computes the gradient of a weight of `[rows, columns]`, all of whose columns are in `parts`.
/// Threads share it by its rows.
pub(in crate::nn) fn weight_grad<T: Element>(
    [rows, columns]: [usize; 2],
    parts: &[WeightGrad<'_, T>],
    gradient: &mut [T],
    memory: ThreadMemory<'_>,
    cx: &Context<T>,
) {
    let kernels = cx.kernels;
    let start = || {
        if cx.accumulate() {
            Start::Accumulate
        } else {
            Start::Zero
        }
    };

    let samples = parts.first().map_or(0, |part| part.x.len() / rows);
    let chunk = rows
        .div_ceil(cx.parts(sizes::product(&[samples, rows, columns])))
        .max(1);
    threads::split_mut_with(
        gradient,
        chunk * columns,
        memory,
        &|index, gradient: &mut [T], mut memory| {
            let panel = memory.take_at_most(product_memory(rows, columns, usize::MAX, false));
            for part in parts {
                kernels.product(Product {
                    m: gradient.len() / columns,
                    n: part.columns,
                    k: part.x.len() / rows,
                    a: Matrix {
                        data: &part.x[index * chunk..],
                        row_stride: 1,
                        col_stride: rows,
                    },
                    b: Matrix::row_major(part.dy, part.dy_stride),
                    c: &mut gradient[part.first..],
                    c_stride: columns,
                    start: start(),
                    relu: false,
                    whole: usize::MAX,
                    memory: panel,
                });
            }
        },
    );
}
