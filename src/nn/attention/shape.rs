//! The shape rule of attention.

use crate::network::{INFER, Inferred, Reach, Sentence};
use crate::nn::rule::zero_size;
use crate::sizes;
use crate::tensor::Dims;

/// The largest number of elements of a block of scores: 128 KiB of `f32`.
const SCORES: usize = 1 << 15;
/// The largest number of queries in a block of scores: more would compute many scores of a causal
/// layer that no query sees.
const QUERIES: usize = 32;
/// The number of keys that are added up at a time.
const KEYS: usize = 64;
/// The number of keys in a run of such blocks, each of which is summed for itself: an element of the
/// outputs is off by at most `(64 + 64 + keys / 4096) * eps / 2` times the sum of the magnitudes of
/// its terms.
const RUN: usize = 64 * KEYS;
/// The number of blocks of queries whose parts of the gradients of keys and values are summed for
/// themselves, likewise.
const GRAD_RUN: usize = 256;

/// An attention as the network's definition states it.
#[derive(Clone, Copy)]
pub(super) struct AttentionRule {
    /// The width of the queries, or `INFER`.
    pub embed_dim: usize,
    pub heads: usize,
    pub causal: bool,
    pub cross: bool,
    pub key_padding: bool,
    pub attention_bias: bool,
    /// The number of heads of keys and values, or `INFER`.
    pub kv_heads: usize,
    /// The width of a head, or `INFER`.
    pub head_dim: usize,
    /// The bases of both kinds of rotary positions, or 0.
    pub rotary: [usize; 2],
    /// The number of positions that a query sees, or `INFER`.
    pub window: usize,
    /// The largest number of keys, or `INFER`.
    pub context: usize,
}

/// The sizes of attention on one sample.
#[derive(Clone, Copy)]
pub(super) struct AttentionSizes {
    /// The number of queries.
    pub queries: usize,
    /// The number of keys.
    pub keys: usize,
    /// The width of the queries' source, and that of the keys'.
    pub embed_dim: usize,
    pub memory_dim: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// The number of positions that a query sees, or `usize::MAX`.
    pub window: usize,
    /// The number of keys that are added up at a time.
    pub block: usize,
    /// The number of positions that a stream keeps; 0 if the layer has no state.
    pub ring: usize,
}

impl AttentionSizes {
    /// The width of all heads of queries.
    pub const fn width(&self) -> usize {
        sizes::product(&[self.heads, self.head_dim])
    }

    /// The width of all heads of keys, which is that of the values.
    pub const fn kv_width(&self) -> usize {
        sizes::product(&[self.kv_heads, self.head_dim])
    }

    /// The largest number of keys that a block of queries meets.
    pub const fn most_keys(&self) -> usize {
        let in_stream = if self.ring == 0 {
            0
        } else {
            sizes::sum(&[self.ring, self.block])
        };
        sizes::larger(self.keys, in_stream)
    }

    /// The number of queries whose scores are in memory at a time.
    pub const fn query_block(&self) -> usize {
        let most = SCORES / sizes::larger(self.most_keys(), 1);
        let most = if most < 4 { 4 } else { most };
        let most = if most > QUERIES { QUERIES } else { most };
        if self.queries < most {
            self.queries
        } else {
            most
        }
    }

    /// The number of positions in a run of blocks of keys.
    pub const fn key_run(&self) -> usize {
        sizes::next_multiple(RUN, self.block)
    }

    /// The number of sums of a run that a block of queries may have beside others.
    pub const fn run_sums(&self) -> usize {
        if self.ring == 0 && self.keys <= self.key_run() {
            return 0;
        }
        sizes::product(&[self.query_block(), self.head_dim])
    }

    /// The number of queries in a run of blocks of queries, if there are several runs.
    pub const fn query_run(&self) -> Option<usize> {
        let run = sizes::product(&[self.query_block(), GRAD_RUN]);
        if self.queries > run { Some(run) } else { None }
    }

    /// The number of gradients of keys and values of a head that a run of queries has.
    pub const fn grad_run_sums(&self) -> usize {
        match self.query_run() {
            Some(_) => sizes::product(&[2, self.keys, self.head_dim]),
            None => 0,
        }
    }

    /// The number of multiply-adds of a forward pass.
    pub const fn multiply_adds(&self) -> usize {
        let (width, kv_width) = (self.width(), self.kv_width());
        sizes::sum(&[
            sizes::product(&[2, self.queries, self.embed_dim, width]),
            sizes::product(&[2, self.keys, self.memory_dim, kv_width]),
            sizes::product(&[2, self.queries, self.keys, width]),
        ])
    }

    /// The number of scores in memory at a time.
    pub const fn scores(&self) -> usize {
        sizes::product(&[self.query_block(), self.most_keys()])
    }
}

impl AttentionRule {
    /// Returns the positions that an output depends on.
    pub const fn reach(&self) -> Reach {
        let sees_itself = !self.cross && !self.key_padding && !self.attention_bias;
        match self.window {
            _ if !sees_itself => Reach::WHOLE,
            _ if !self.causal => Reach::WHOLE.or("; add `Causal`"),
            INFER if self.context == INFER => Reach::ALL_PAST,
            INFER => Reach::past(self.context.saturating_sub(1)),
            window => Reach::past(window.saturating_sub(1)),
        }
    }

    /// Returns the output shape, and infers the sizes that are `_` or follow from others. `inputs`
    /// are the shapes of all sources.
    pub const fn infer(&self, inputs: &[Dims]) -> Inferred {
        let inferred = match self.check(inputs) {
            Some(mistake) => mistake,
            None => Inferred::shape(self.output(inputs)),
        };

        let sizes = self.sizes(inputs);
        let inferred = if self.embed_dim == INFER {
            inferred.infers(sizes.embed_dim)
        } else {
            inferred
        };

        let width = sizes.width();
        let kv_width = sizes.kv_width();
        let all = sizes::sum(&[width, kv_width, kv_width]);
        let is_packed =
            sizes.memory_dim == sizes.embed_dim && width == sizes.embed_dim && kv_width == width;
        inferred
            .infers(sizes.memory_dim)
            .infers(width)
            .infers(kv_width)
            .infers(all)
            .infers(sizes.keys)
            .infers(if is_packed { 0 } else { 1 })
    }

    /// Returns the sizes for these inputs; some numbers at least 1 after a mistake.
    pub const fn sizes(&self, inputs: &[Dims]) -> AttentionSizes {
        let query = if inputs.is_empty() {
            Dims::UNKNOWN
        } else {
            inputs[0]
        };
        let memory = if self.cross && inputs.len() > 1 {
            inputs[1]
        } else {
            query
        };
        let [queries, found] = rows(query);
        let [keys, memory_dim] = rows(memory);

        let embed_dim = if self.embed_dim == INFER {
            found
        } else {
            at_least_one(self.embed_dim)
        };
        let memory_dim = if self.cross { memory_dim } else { embed_dim };
        let heads = at_least_one(self.heads);
        let head_dim = match self.head_dim {
            INFER => at_least_one(embed_dim / heads),
            head_dim => at_least_one(head_dim),
        };
        let kv_heads = match self.kv_heads {
            INFER => heads,
            kv_heads => at_least_one(kv_heads),
        };

        let context = if self.context == INFER || self.context < keys {
            keys
        } else {
            self.context
        };
        let window = match self.window {
            INFER => usize::MAX,
            window => at_least_one(window),
        };
        // A stream keeps a window as it is written, also one that is longer than a block.
        let seen = if self.window == INFER {
            context
        } else {
            window
        };
        let block = if seen < KEYS { seen } else { KEYS };
        let (window, ring) = if self.has_state() {
            (seen, sizes::next_multiple(seen, block))
        } else {
            (window, 0)
        };

        AttentionSizes {
            queries,
            keys,
            embed_dim,
            memory_dim,
            heads,
            kv_heads,
            head_dim,
            window,
            block,
            ring,
        }
    }

    /// Returns whether a stream keeps keys and values.
    pub const fn has_state(&self) -> bool {
        self.causal && !self.cross && !self.key_padding && !self.attention_bias
    }

    /// Returns the index of the source with the mask of the keys.
    pub const fn mask_source(&self) -> usize {
        if self.cross { 2 } else { 1 }
    }

    /// Returns the index of the source with the bias.
    pub const fn bias_source(&self) -> usize {
        self.mask_source() + self.key_padding as usize
    }

    /// Returns the number of sources.
    const fn sources(&self) -> usize {
        self.bias_source() + self.attention_bias as usize
    }

    /// Returns the shape of the output; unknown if the input does not fit.
    const fn output(&self, inputs: &[Dims]) -> Dims {
        if inputs.is_empty() || !inputs[0].parts().is_empty() || inputs[0].sizes().len() != 2 {
            return Dims::UNKNOWN;
        }
        inputs[0]
    }

    /// Returns the first mistake, if there is one.
    const fn check(&self, inputs: &[Dims]) -> Option<Inferred> {
        if let Some(mistake) = self.check_arguments(inputs) {
            return Some(mistake);
        }
        if inputs.len() != self.sources() {
            let sentence = self.missing_sources(inputs.len());
            return Some(Inferred::wrong(sentence, self.output(inputs)));
        }

        let mut i = 0;
        while i < inputs.len() {
            if inputs[i].is_unknown() {
                return Some(Inferred::shape(Dims::UNKNOWN));
            }
            i += 1;
        }

        if let Some(mistake) = self.check_widths(inputs) {
            return Some(mistake);
        }
        self.check_masks(inputs)
    }

    /// Returns the mistake of arguments that are wrong for any input.
    const fn check_arguments(&self, inputs: &[Dims]) -> Option<Inferred> {
        let output = self.output(inputs);
        const NAMED: usize = 5;
        let named: [_; NAMED] = [
            ("embed_dim", self.embed_dim),
            ("num_heads", self.heads),
            ("KvHeads of", self.kv_heads),
            ("a HeadDim of", self.head_dim),
            ("a Window of", self.window),
        ];
        let mut i = 0;
        while i < NAMED {
            let (name, size) = named[i];
            if size == 0 {
                return Some(zero_size(name, output));
            }
            i += 1;
        }

        let sentence = if self.kv_heads != INFER && !self.heads.is_multiple_of(self.kv_heads) {
            Sentence::new("has ")
                .number(self.heads)
                .text(" heads of queries, which can't share ")
                .number(self.kv_heads)
                .text(" heads of keys and values equally; make the first a multiple of the second")
        } else if self.rotary[0] > 0 && self.rotary[1] > 0 {
            Sentence::new(
                "rotates twice: `Rotary` pairs the halves of a head, `RotaryInterleaved` \
                 neighbours; write one of them",
            )
        } else if self.cross && (self.rotary[0] > 0 || self.rotary[1] > 0) {
            Sentence::new(
                "reads queries and keys from two sequences, whose positions can't be compared; \
                 omit the rotary positions",
            )
        } else if self.window != INFER && !self.causal {
            Sentence::new("has a `Window` over the positions before; write `Causal` as well")
        } else {
            return None;
        };
        Some(Inferred::wrong(sentence, output))
    }

    /// The sentence about another number of sources than the options ask for.
    const fn missing_sources(&self, found: usize) -> Sentence {
        let mut sentence = Sentence::new("reads ").text(if self.sources() == 1 {
            "one sequence"
        } else {
            "a sequence of queries"
        });
        if self.cross {
            sentence = sentence.text(", one of keys and values (`Cross`)");
        }
        if self.key_padding {
            sentence = sentence.text(", a mask of the keys (`KeyPaddingMask`)");
        }
        if self.attention_bias {
            sentence = sentence.text(", a bias of the scores (`AttentionBias`)");
        }
        sentence = sentence.text(if found == 1 {
            ", but one output is given; "
        } else {
            ", but "
        });
        if found != 1 {
            sentence = sentence.number(found).text(" outputs are given; ");
        }

        let names = match (self.cross, self.key_padding, self.attention_bias) {
            (false, false, false) => {
                "name one, or write `Cross`, `KeyPaddingMask` or \
                                      `AttentionBias` for more"
            }
            (true, false, false) => "write `<- (queries, memory)` behind it",
            (false, true, false) => "write `<- (sequence, mask)` behind it",
            (false, false, true) => "write `<- (sequence, bias)` behind it",
            (true, true, false) => "write `<- (queries, memory, mask)` behind it",
            (true, false, true) => "write `<- (queries, memory, bias)` behind it",
            (false, true, true) => "write `<- (sequence, mask, bias)` behind it",
            (true, true, true) => "write `<- (queries, memory, mask, bias)` behind it",
        };
        sentence.text(names)
    }

    /// Returns the mistake of sequences whose widths do not fit.
    const fn check_widths(&self, inputs: &[Dims]) -> Option<Inferred> {
        let output = self.output(inputs);
        if output.is_unknown() {
            let wanted = Sentence::new("[length, embed_dim]");
            return Some(Inferred::mismatch(wanted, way_to_rank(inputs[0]), output));
        }
        let [_, width] = rows(inputs[0]);
        if self.embed_dim != INFER && self.embed_dim != width {
            let wanted = Sentence::new("[_, ").number(self.embed_dim).text("]");
            let way_out = Sentence::new("; write `_` for its embed_dim to take what comes");
            return Some(Inferred::mismatch(wanted, way_out, output));
        }
        if self.head_dim == INFER && !width.is_multiple_of(self.heads) {
            let sentence = Sentence::new("has an embed_dim of ")
                .number(width)
                .text(", which ")
                .number(self.heads)
                .text(" heads can't share equally; make one a multiple of the other, or write ")
                .text("`HeadDim<..>`");
            return Some(Inferred::wrong(sentence, output));
        }

        let head_dim = self.sizes(inputs).head_dim;
        if (self.rotary[0] > 0 || self.rotary[1] > 0) && head_dim % 2 == 1 {
            let sentence = Sentence::new("rotates pairs of numbers, but a head has ")
                .number(head_dim)
                .text("; make that even");
            return Some(Inferred::wrong(sentence, output));
        }
        if self.cross && (!inputs[1].parts().is_empty() || inputs[1].sizes().len() != 2) {
            let sentence = Sentence::new("takes keys and values of [length, width], but they are ")
                .dims(inputs[1])
                .text("; put a `Reshape` before it");
            return Some(Inferred::wrong(sentence, output));
        }
        if self.context != INFER && self.sizes(inputs).keys > self.context {
            let sentence = Sentence::new("has a context of ")
                .number(self.context)
                .text(" positions, but the sequence has ")
                .number(self.sizes(inputs).keys);
            return Some(Inferred::wrong(sentence, output));
        }
        None
    }

    /// Returns the mistake of a mask or a bias of another shape.
    const fn check_masks(&self, inputs: &[Dims]) -> Option<Inferred> {
        let output = self.output(inputs);
        let AttentionSizes { queries, keys, .. } = self.sizes(inputs);

        if self.key_padding {
            let mask = inputs[self.mask_source()];
            let wanted = Dims::new(&[keys]);
            if !mask.same(&wanted) {
                let sentence = Sentence::new("has ")
                    .number(keys)
                    .text(" keys, whose mask is ")
                    .dims(wanted)
                    .text(", but that is ")
                    .dims(mask)
                    .text("; make the two lengths equal");
                return Some(Inferred::wrong(sentence, output));
            }
        }
        if self.attention_bias {
            let bias = inputs[self.bias_source()];
            let one = Dims::new(&[queries, keys]);
            let each = Dims::new(&[self.heads, queries, keys]);
            if !bias.same(&one) && !bias.same(&each) {
                let sentence = Sentence::new("takes a bias of ")
                    .dims(one)
                    .text(", or ")
                    .dims(each)
                    .text(" with one for each head, but that is ")
                    .dims(bias);
                return Some(Inferred::wrong(sentence, output));
            }
        }
        None
    }
}

const fn at_least_one(size: usize) -> usize {
    if size == 0 { 1 } else { size }
}

/// Returns the length and the width of a sequence; 1 for what it does not have.
const fn rows(dims: Dims) -> [usize; 2] {
    match dims.sizes() {
        [length, width] => [*length, *width],
        _ => [1, 1],
    }
}

/// The way out for an input that is no sequence.
const fn way_to_rank(dims: Dims) -> Sentence {
    match dims.sizes() {
        _ if !dims.parts().is_empty() => Sentence::new("; it takes one tensor"),
        [width] => Sentence::new("; put `Reshape<1, ")
            .number(*width)
            .text(">` before it for a sequence of one position"),
        [height, width, channels] => Sentence::new("; put `Reshape<")
            .number(sizes::product(&[*height, *width]))
            .text(", ")
            .number(*channels)
            .text(">` before it for a sequence of pixels"),
        _ => Sentence::new("; put a `Reshape<length, embed_dim>` before it"),
    }
}
