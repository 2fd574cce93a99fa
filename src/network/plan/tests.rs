//! Random lists of layers, run over their plan by an interpreter that knows what each layer must
//! read.
//!
//! The numbers are hashes. A layer's output is a hash of everything that it reads, so that one number
//! in the wrong place changes the result. Memory begins with garbage.

use core::cell::{Cell, RefCell};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus as Generator;

use super::{LayerPlan, Plan, Source, Spot, Stage};
use crate::network::activation_store::Area;
use crate::network::layer::{Flow, OutputKind, ReluFusion};
use crate::network::layer_input::MAX_SOURCES;
use crate::network::needs::{Batching, Needs};
use crate::network::segments::Segment;
use crate::network::wiring::Reads;
use crate::nn::{Linear, MaxPool2d, Relu};
use crate::tensor::Rank3;

#[test]
fn relu_runs_with_a_neighbour() {
    type Before = Rank3<4, 4, 2>;
    type After = Rank3<2, 2, 2>;
    let plan = Plan::new([
        Stage::of::<Relu, Before, Before, f32>(),
        Stage::of::<MaxPool2d<2, 2, 2, 2, 0, 0, 1, 1>, Before, After, f32>(),
        Stage::of::<Linear<2, 2>, After, After, f32>(),
        Stage::of::<Relu, After, After, f32>(),
        Stage::of::<Relu, After, After, f32>(),
    ]);
    let layers = plan.training.map(|layer| (layer.absorbed, layer.relu));

    // `Relu` before the maxima and after the dense layer; the last has no free neighbour.
    let absorbed = (true, false);
    let relu = (false, true);
    let plain = (false, false);
    assert_eq!(layers, [absorbed, relu, relu, absorbed, plain]);
}

#[test]
fn each_layer_reads_what_its_sources_wrote() {
    let mut seen = Seen::default();
    for seed in 0..if cfg!(miri) { 20 } else { 4000 } {
        let mut rng = crate::rng(seed);
        // Short lists first: what fails is small.
        let count = 1 + (seed as usize / 50).min(rng.random_range(0..12));
        let list = List::random(count, &mut rng);
        let check = match count {
            1 => check::<1>,
            2 => check::<2>,
            3 => check::<3>,
            4 => check::<4>,
            5 => check::<5>,
            6 => check::<6>,
            7 => check::<7>,
            8 => check::<8>,
            9 => check::<9>,
            10 => check::<10>,
            11 => check::<11>,
            _ => check::<12>,
        };

        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            let mut seen = Seen::default();
            check(&list, &mut rng, &mut seen);
            seen
        }));
        match result {
            Ok(found) => seen.add(&found),
            Err(panic) => {
                println!("seed {seed}: {list:#?}");
                std::panic::resume_unwind(panic);
            }
        }
    }

    // The lists have all that the plan decides.
    if !cfg!(miri) {
        let Seen {
            segments,
            chunks,
            shared,
            shares,
            epilogues,
            maxima,
            whole,
            reused,
        } = seen;
        for (what, times) in [
            ("lists of several segments", segments),
            ("segments of several chunks", chunks),
            ("layers in place", shared),
            ("shares of a gradient", shares),
            ("epilogues", epilogues),
            ("Relu behind maxima", maxima),
            ("buffers for all samples", whole),
            ("reused buffers", reused),
        ] {
            assert!(times > 200, "only {times} {what}");
        }
    }
}

/// The numbers of tests, by what they have tested.
#[derive(Default)]
struct Seen {
    segments: usize,
    chunks: usize,
    shared: usize,
    shares: usize,
    epilogues: usize,
    maxima: usize,
    whole: usize,
    reused: usize,
}

impl Seen {
    fn add(&mut self, other: &Seen) {
        self.segments += other.segments;
        self.chunks += other.chunks;
        self.shared += other.shared;
        self.shares += other.shares;
        self.epilogues += other.epilogues;
        self.maxima += other.maxima;
        self.whole += other.whole;
        self.reused += other.reused;
    }
}

/// A list of layers.
#[derive(Debug)]
struct List {
    /// The number of bytes of one number.
    unit: usize,
    /// The numbers of one sample of the input.
    input_len: usize,
    layers: Vec<Node>,
}

/// A layer.
#[derive(Clone, Debug)]
struct Node {
    flow: Flow,
    fusion: ReluFusion,
    reads_output: bool,
    /// The outputs that it reads, by number: 0 is the input of the list.
    sources: Vec<usize>,
    /// The numbers of one sample of the output, of the cache and of the scratch memory.
    len: usize,
    cache: usize,
    scratch: usize,
    batching: Batching,
    param_bytes: usize,
}

impl List {
    /// Returns a random list in which every output has a reader, as `network!` demands it.
    fn random(count: usize, rng: &mut Generator) -> Self {
        let unit = [8, 1024, 16 * 1024, 64 * 1024][rng.random_range(0..4)];
        let input_len = random_len(rng);
        let mut list = List {
            unit,
            input_len,
            layers: Vec::new(),
        };
        // Some lists are chains with few connections, some are dense.
        let jumps = [0.1, 0.5, 0.9][rng.random_range(0..3)];
        for index in 0..count {
            list.push_random(index, jumps, rng);
        }

        // Every output but the last is read.
        for output in 1..count {
            if !list.is_read(output) {
                let mut readers: Vec<usize> = (output..count)
                    .filter(|&layer| {
                        let node = &list.layers[layer];
                        node.flow == Flow::Apart
                            && node.fusion != ReluFusion::Maxima
                            && node.sources.len() < MAX_SOURCES
                    })
                    .collect();
                if readers.is_empty() {
                    // The layer behind it reads it instead. Its old source is read by another one,
                    // or by the layer that gave the output.
                    list.layers.truncate(output);
                    break;
                }
                let reader = readers.swap_remove(rng.random_range(0..readers.len()));
                let sources = &mut list.layers[reader].sources;
                sources.insert(rng.random_range(0..=sources.len()), output);
            }
        }
        // Layers without a reader were cut off, and with them the readers of others.
        while let Some(layer) = (1..list.layers.len()).find(|&output| !list.is_read(output)) {
            list.layers.truncate(layer);
        }
        // The number of layers is fixed: the rest are views.
        while list.layers.len() < count {
            let before = list.layers.len();
            let node = Node {
                flow: Flow::View,
                sources: vec![before],
                len: list.len(before),
                ..Node::EMPTY
            };
            list.layers.push(node);
        }
        list
    }

    fn push_random(&mut self, index: usize, jumps: f64, rng: &mut Generator) {
        let source = |rng: &mut Generator| match rng.random_bool(jumps) {
            true => rng.random_range(0..=index),
            false => index,
        };
        let mut node = Node {
            sources: vec![source(rng)],
            ..Node::EMPTY
        };

        match rng.random_range(0..10) {
            0 => node.flow = Flow::View,
            1 | 2 => {
                node.flow = Flow::InPlace;
                node.reads_output = rng.random();
            }
            3 | 4 => {
                node.flow = Flow::InPlace;
                node.reads_output = true;
                node.fusion = ReluFusion::IsRelu;
            }
            kind => {
                node.reads_output = rng.random();
                node.cache = rng.random_range(0..3);
                node.scratch = rng.random_range(0..3);
                node.len = random_len(rng);
                node.param_bytes = [0, 0, 1 << 10, 1 << 30][rng.random_range(0..4)];
                node.batching = [
                    Batching::Auto,
                    Batching::Auto,
                    Batching::Few,
                    Batching::All,
                    Batching::WholeBatch,
                ][rng.random_range(0..5)];
                node.fusion = match kind {
                    5 | 6 => ReluFusion::Maxima,
                    7 => ReluFusion::Epilogue,
                    _ => ReluFusion::None,
                };
                if node.fusion != ReluFusion::Maxima {
                    let more = [0, 0, 1, 1, 2, 5][rng.random_range(0..6)];
                    node.sources.extend((0..more).map(|_| source(rng)));
                }
            }
        }

        if node.flow != Flow::Apart {
            node.len = self.len(node.sources[0]);
        }
        self.layers.push(node);
    }

    /// Returns the numbers of one sample of an output.
    fn len(&self, output: usize) -> usize {
        match output.checked_sub(1) {
            None => self.input_len,
            Some(layer) => self.layers[layer].len,
        }
    }

    fn is_read(&self, output: usize) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.sources.contains(&output))
    }

    fn stage(&self, index: usize) -> Stage {
        let node = &self.layers[index];
        let bytes = |len: usize| len * self.unit;
        let mut source_bytes = [0; MAX_SOURCES];
        for (bytes, &source) in source_bytes.iter_mut().zip(&node.sources) {
            *bytes = self.len(source) * self.unit;
        }

        Stage {
            flow: node.flow,
            output_kind: OutputKind::Values,
            relu_fusion: node.fusion,
            reads: if node.sources == [index] {
                Reads::BEFORE
            } else {
                Reads::of(&node.sources)
            },
            absorbed: false,
            relu: false,
            in_bytes: source_bytes.iter().sum(),
            out_bytes: bytes(node.len),
            source_bytes,
            param_bytes: node.param_bytes,
            multiply_adds: 0,
            batching: node.batching,
            needs: Needs {
                per_sample: bytes(node.scratch),
                state: 64 * node.scratch,
                ..Needs::NONE
            },
            reads_output: node.reads_output,
            train_needs: Needs {
                per_sample: bytes(node.cache),
                ..Needs::NONE
            },
        }
    }
}

impl Node {
    const EMPTY: Self = Node {
        flow: Flow::Apart,
        fusion: ReluFusion::None,
        reads_output: false,
        sources: Vec::new(),
        len: 0,
        cache: 0,
        scratch: 0,
        batching: Batching::Auto,
        param_bytes: 0,
    };
}

fn random_len(rng: &mut Generator) -> usize {
    [1, 1, 2, 3, 30][rng.random_range(0..5)]
}

/// The bit of a number that is not negative, as `Relu` makes it.
const POSITIVE: u64 = 1 << 63;

fn hash(numbers: impl IntoIterator<Item = u64>) -> u64 {
    let mixed = numbers
        .into_iter()
        .fold(0x9e37_79b9_7f4a_7c15, |sum: u64, x| {
            (sum.rotate_left(23) ^ x).wrapping_mul(0xd6e8_feb8_6659_fd93)
        });
    (mixed ^ (mixed >> 32)) & !POSITIVE
}

fn garbage(len: usize, rng: &mut Generator) -> Vec<u64> {
    (0..len).map(|_| rng.random()).collect()
}

/// Returns one sample of the output of a layer with a buffer of its own, from its sources.
fn apart(node: &Node, index: usize, sources: &[&[u64]]) -> Vec<u64> {
    let is_maxima = node.fusion == ReluFusion::Maxima;
    let all = sources.iter().flat_map(|x| x.iter());
    // The maxima of numbers that are not negative are not negative.
    let positive = is_maxima && all.clone().all(|x| x & POSITIVE != 0);
    let ignored = if is_maxima { POSITIVE } else { 0 };
    let sum = hash([index as u64].into_iter().chain(all.map(|x| x & !ignored)));
    let positive = if positive { POSITIVE } else { 0 };
    (0..node.len)
        .map(|position| hash([sum, position as u64]) | positive)
        .collect()
}

fn in_place(node: &Node, index: usize, y: &mut [u64]) {
    for y in y {
        *y = match node.fusion {
            ReluFusion::IsRelu => *y | POSITIVE,
            _ => hash([index as u64, *y]),
        };
    }
}

/// Replaces a gradient with respect to outputs by that with respect to inputs.
fn return_in_place(index: u64, y: Option<&[u64]>, dy: &mut [u64]) {
    for (position, dy) in dy.iter_mut().enumerate() {
        *dy = hash([index, *dy, y.map_or(1, |y| y[position])]);
    }
}

const RELU: u64 = 1 << 40;

/// One sample of the gradient for a source of a layer with a buffer of its own.
fn share(index: usize, source: usize, len: usize, dy: &[u64]) -> Vec<u64> {
    let sum = hash([index as u64, source as u64].into_iter().chain(dy.to_vec()));
    (0..len)
        .map(|position| hash([sum, position as u64]))
        .collect()
}

/// The contents of `dy` after a backward for inputs, as that for parameters reads them.
fn left(dy: &[u64]) -> Vec<u64> {
    dy.iter().map(|&dy| hash([77, dy])).collect()
}

/// The number at a position of a cache.
fn cached(index: usize, sample: usize, position: usize) -> u64 {
    hash([99, index as u64, sample as u64, position as u64])
}

/// One sample of everything, computed without a plan.
struct Wanted {
    /// The outputs by number: 0 is the input of the list.
    outputs: Vec<Vec<u64>>,
    /// The gradients of the outputs.
    gradients: Vec<Vec<u64>>,
}

impl Wanted {
    /// Computes the outputs from the first.
    fn forward(list: &List, input: Vec<u64>) -> Self {
        let mut outputs = vec![input];
        for (index, node) in list.layers.iter().enumerate() {
            let sources: Vec<&[u64]> = node.sources.iter().map(|&s| &outputs[s][..]).collect();
            let mut y = match node.flow {
                Flow::Apart => apart(node, index, &sources),
                _ => sources[0].to_vec(),
            };
            if node.flow == Flow::InPlace {
                in_place(node, index, &mut y);
            }
            outputs.push(y);
        }
        Wanted {
            outputs,
            gradients: Vec::new(),
        }
    }

    /// Computes the gradients from the last; `Relu` runs where the plan wants it.
    fn backward(&mut self, list: &List, hosts: &Hosts, dy: Vec<u64>) {
        let count = list.layers.len();
        self.gradients = (0..=count)
            .map(|number| vec![0; list.len(number)])
            .collect();
        self.gradients[count] = dy;
        for (index, node) in list.layers.iter().enumerate().rev() {
            let mut dy = self.gradient(hosts, index);
            if node.flow == Flow::InPlace && !hosts.is_absorbed(index) {
                let y = node.reads_output.then(|| &self.outputs[index + 1][..]);
                return_in_place(index as u64, y, &mut dy);
            }

            for (number, &source) in node.sources.iter().enumerate() {
                let share = match node.flow {
                    Flow::Apart => share(index, number, list.len(source), &dy),
                    _ => dy.clone(),
                };
                for (sum, x) in self.gradients[source].iter_mut().zip(share) {
                    *sum = sum.wrapping_add(x);
                }
            }
        }
    }

    /// Returns what a layer leaves in its buffer, with `Relu` if that runs as part of the layer.
    fn output(&self, hosts: &Hosts, index: usize) -> &[u64] {
        &self.outputs[1 + index.max(hosts.relu_of(index).unwrap_or(0))]
    }

    /// Returns the gradient of a layer's output, before `Relu` if that runs as part of the layer.
    fn gradient(&self, hosts: &Hosts, index: usize) -> Vec<u64> {
        let mut dy = self.gradients[index + 1].clone();
        if hosts.relu_of(index).is_some() {
            return_in_place(RELU, Some(self.output(hosts, index)), &mut dy);
        }
        dy
    }
}

/// For each `Relu` that runs as part of a neighbour, the neighbour.
struct Hosts(Vec<Option<usize>>);

impl Hosts {
    /// Asserts that each `Relu` has a neighbour that may run it.
    fn of(list: &List, layers: &[LayerPlan]) -> Self {
        let mut hosts = vec![None; layers.len()];
        let readers = |output: usize| {
            let sources = list.layers.iter().flat_map(|node| &node.sources);
            sources.filter(|&&source| source == output).count()
        };

        for (relu, plan) in layers.iter().enumerate().filter(|(_, plan)| plan.absorbed) {
            let node = &list.layers[relu];
            assert_eq!(node.fusion, ReluFusion::IsRelu);
            assert!(!plan.relu);
            let is_before = |host: usize| layers[host].relu && !hosts.contains(&Some(host));
            let host = match relu.checked_sub(1) {
                Some(before) if is_before(before) => before,
                _ => relu + 1,
            };
            assert!(
                layers[host].relu,
                "layer {host} does not run the Relu {relu}"
            );

            // Nobody else reads what lies between the two.
            let (first, second) = (relu.min(host), relu.max(host));
            assert_eq!(list.layers[second].sources, [first + 1]);
            assert_eq!(readers(first + 1), 1);
            let host_node = &list.layers[host];
            assert_eq!(host_node.flow, Flow::Apart);
            if host > relu {
                assert_eq!(host_node.fusion, ReluFusion::Maxima);
            } else {
                assert_ne!(host_node.batching, Batching::WholeBatch);
            }
            hosts[relu] = Some(host);
        }

        let runs = layers.iter().filter(|plan| plan.relu).count();
        assert_eq!(runs, hosts.iter().flatten().count());
        Hosts(hosts)
    }

    fn is_absorbed(&self, index: usize) -> bool {
        self.0[index].is_some()
    }

    /// Returns the `Relu` that runs as part of a layer.
    fn relu_of(&self, index: usize) -> Option<usize> {
        self.0.iter().position(|&host| host == Some(index))
    }
}

/// Samples `first..first + count` of a buffer of `len` numbers per sample.
fn part(first: usize, count: usize, len: usize) -> core::ops::Range<usize> {
    first * len..(first + count) * len
}

/// A list of layers with its plan, and the right outputs.
struct Test<'a, const N: usize> {
    list: &'a List,
    plan: &'a Plan<N>,
    hosts: &'a Hosts,
    /// One for each sample.
    wanted: &'a [Wanted],
}

impl<const N: usize> Test<'_, N> {
    /// Asserts that a layer reads what its sources have given.
    fn check_sources(&self, index: usize, first: usize, sources: &[&[u64]]) {
        let node = &self.list.layers[index];
        let is_maxima = self.hosts.relu_of(index).is_some_and(|relu| relu < index);
        let ignored = if is_maxima { POSITIVE } else { 0 };
        for (source, x) in node.sources.iter().zip(sources) {
            let wanted = self.wanted[first..].iter();
            let len = self.list.len(*source);
            assert_eq!(x.len() % len, 0);
            for (x, wanted) in x.chunks(len).zip(wanted) {
                assert!(
                    x.iter()
                        .zip(&wanted.outputs[*source])
                        .all(|(x, wanted)| x & !ignored == wanted & !ignored),
                    "layer {index} reads something else than output {source}"
                );
            }
        }
    }

    /// Computes a layer with a buffer of its own.
    fn forward_apart(&self, index: usize, first: usize, sources: &[&[u64]], y: &mut [u64]) {
        self.check_sources(index, first, sources);
        let node = &self.list.layers[index];
        for (sample, y) in y.chunks_mut(node.len).enumerate() {
            let sources: Vec<&[u64]> = sources
                .iter()
                .zip(&node.sources)
                .map(|(x, &source)| &x[part(sample, 1, self.list.len(source))])
                .collect();
            y.copy_from_slice(&apart(node, index, &sources));
        }
        if self.hosts.relu_of(index).is_some() {
            y.iter_mut().for_each(|y| *y |= POSITIVE);
        }
    }

    fn check_output(&self, output: &[u64]) {
        let len = self.list.len(N);
        for (y, wanted) in output.chunks(len).zip(self.wanted) {
            assert_eq!(y, wanted.outputs[N], "the output of the list");
        }
    }

    /// Runs inference as `flow::Inference` does.
    fn infer(&self, input: &[u64], rng: &mut Generator, seen: &mut Seen) {
        let Test { list, plan, .. } = self;
        let samples = self.wanted.len();
        let mut buffers = plan.buffers.map(|buffer| {
            let bytes = buffer.end - buffer.start;
            assert_eq!(bytes % list.unit, 0);
            garbage(bytes / list.unit * samples, rng)
        });
        let mut output = garbage(list.len(N) * samples, rng);

        for segment in &plan.inference_segments.list[..plan.inference_segments.count] {
            let chunk_len = match segment.chunk_len {
                0 => samples,
                len => len,
            };
            seen.chunks += usize::from(chunk_len < samples);
            for first in (0..samples).step_by(chunk_len) {
                let count = chunk_len.min(samples - first);
                let range = |spot: Spot, len: usize| match spot {
                    Spot::Chunk(_) => part(0, count, len),
                    _ => part(first, count, len),
                };

                for index in segment.first..=segment.last {
                    let node = &list.layers[index];
                    let layer = plan.inference[index];
                    if layer.absorbed || (layer.shares && node.flow == Flow::View) {
                        continue;
                    }

                    // A layer that reads its own buffer finds it empty.
                    let mut buffer = core::mem::take(match layer.spot {
                        Spot::Chunk(buffer) | Spot::Whole(buffer) => &mut buffers[buffer],
                        Spot::Output => &mut output,
                        _ => panic!("layer {index} overwrites the input"),
                    });
                    let y = &mut buffer[range(layer.spot, node.len)];
                    if !layer.shares {
                        let sources: Vec<&[u64]> = node
                            .sources
                            .iter()
                            .zip(layer.sources)
                            .map(|(&number, Source { spot, .. })| {
                                let from = match spot {
                                    Spot::Chunk(buffer) | Spot::Whole(buffer) => &buffers[buffer],
                                    Spot::Input => input,
                                    _ => panic!("layer {index} reads the output of the list"),
                                };
                                &from[range(spot, list.len(number))]
                            })
                            .collect();
                        match node.flow {
                            Flow::Apart => self.forward_apart(index, first, &sources, y),
                            _ => {
                                self.check_sources(index, first, &sources);
                                y.copy_from_slice(sources[0]);
                            }
                        }
                    } else {
                        self.check_sources(index, first, &[y]);
                    }
                    if node.flow == Flow::InPlace {
                        in_place(node, index, y);
                    }

                    match layer.spot {
                        Spot::Chunk(at) | Spot::Whole(at) => buffers[at] = buffer,
                        _ => output = buffer,
                    }
                }
            }
        }
        self.check_output(&output);
    }

    /// Calls `f` with the chunks of a segment of training, as `flow::for_chunks` does.
    fn for_chunks(&self, segment: Segment, parts: usize, mut f: impl FnMut(usize, usize, usize)) {
        let samples = self.wanted.len();
        let parts = if segment.whole_batch { 1 } else { parts };
        let per_part = samples.div_ceil(parts);
        for part in 0..samples.div_ceil(per_part) {
            let mut first = part * per_part;
            let end = samples.min(first + per_part);
            while first < end {
                let count = match segment.chunk_len {
                    0 => end - first,
                    len => len.min(end - first),
                };
                f(part, first, count);
                first += count;
            }
        }
    }

    /// Runs training as `flow::Training`, `flow::Backward` and `flow::Gradients` do, and backward
    /// down to the layer `stop_at`; `parts` is the number of threads.
    fn train(
        &self,
        input: &[u64],
        stop_at: usize,
        with_input: bool,
        parts: usize,
        rng: &mut Generator,
    ) {
        let Test {
            list, plan, hosts, ..
        } = self;
        let samples = self.wanted.len();
        let mut output = garbage(list.len(N) * samples, rng);
        let mut store = Store {
            unit: list.unit,
            samples,
            len: plan.train_needs.per_sample,
            cells: garbage(plan.train_needs.per_sample / list.unit * samples, rng),
            part: Cell::new(0),
            users: RefCell::new(Vec::new()),
        };
        let segments = &plan.training_segments.list[..plan.training_segments.count];

        for segment in segments {
            store.begin();
            self.for_chunks(*segment, parts, |part_index, first, count| {
                store.part.set(part_index);
                for index in segment.first..=segment.last {
                    let node = &list.layers[index];
                    let layer = plan.training[index];
                    if node.batching == Batching::WholeBatch {
                        assert_eq!(count, samples, "layer {index} is given a part of the batch");
                    } else if node.flow != Flow::View && !layer.absorbed {
                        assert!(!segment.whole_batch, "layer {index} runs on one thread");
                    }
                    if layer.absorbed || layer.spot == Spot::Input {
                        continue;
                    }

                    let at = match layer.spot {
                        Spot::Slot { outputs, .. } => store.range(outputs, first, count, node.len),
                        _ => part(first, count, node.len),
                    };
                    let mut y = match layer.spot {
                        Spot::Output => output[at.clone()].to_vec(),
                        _ => store.cells[at.clone()].to_vec(),
                    };
                    if layer.shares {
                        self.check_sources(index, first, &[&y]);
                    } else {
                        let sources = self.read_sources(index, first, count, &store, input, &at);
                        let sources: Vec<&[u64]> = sources.iter().map(|x| &x[..]).collect();
                        match node.flow {
                            Flow::Apart => self.forward_apart(index, first, &sources, &mut y),
                            _ => {
                                self.check_sources(index, first, &sources);
                                y.copy_from_slice(sources[0]);
                            }
                        }
                    }
                    if node.flow == Flow::InPlace {
                        in_place(node, index, &mut y);
                    }
                    match layer.spot {
                        Spot::Output => output[at].copy_from_slice(&y),
                        _ => store.cells[at].copy_from_slice(&y),
                    }

                    let at = store.range(layer.cache, first, count, node.cache);
                    for (position, cell) in store.cells[at].iter_mut().enumerate() {
                        let (sample, position) = (position / node.cache, position % node.cache);
                        *cell = cached(index, first + sample, position);
                    }
                }
            });
        }
        self.check_output(&output);

        // The output is not available if no layer reads it.
        let output = if plan.reads_output { &output[..] } else { &[] };
        let gradients = self.wanted.iter().map(|wanted| &wanted.gradients);
        let mut dy_out: Vec<u64> = gradients.clone().flat_map(|all| all[N].to_vec()).collect();
        let mut dx_in = with_input.then(|| garbage(list.input_len * samples, rng));

        for segment in segments.iter().rev() {
            store.begin();
            self.for_chunks(*segment, parts, |part_index, first, count| {
                store.part.set(part_index);
                for index in (segment.first.max(stop_at)..=segment.last).rev() {
                    self.backward_layer(
                        index,
                        (first, count),
                        stop_at,
                        input,
                        output,
                        &mut store,
                        &mut dy_out,
                        dx_in.as_deref_mut(),
                    );
                }
            });
        }

        if let Some(dx) = dx_in {
            let wanted: Vec<u64> = gradients.flat_map(|all| all[0].to_vec()).collect();
            assert_eq!(dx, wanted, "the gradient of the input");
        }

        // What is left for the gradients of the parameters.
        store.begin();
        for index in stop_at..N {
            let node = &list.layers[index];
            let layer = plan.training[index];
            if node.flow != Flow::Apart {
                continue;
            }
            let sources = self.read_sources(index, 0, samples, &store, input, &(0..0));
            let sources: Vec<&[u64]> = sources.iter().map(|x| &x[..]).collect();
            self.check_sources(index, 0, &sources);
            self.check_kept(index, (0, samples), output, &store);
            let dy = match layer.spot {
                Spot::Slot { gradient, .. } => {
                    &store.cells[store.range(gradient, 0, samples, node.len)]
                }
                _ => &dy_out[..],
            };
            for (dy, wanted) in dy.chunks(node.len).zip(self.wanted) {
                let wanted = left(&wanted.gradient(hosts, index));
                assert_eq!(dy, wanted, "layer {index}: dy for its parameters");
            }
        }
    }

    /// Returns the outputs that a layer reads in training; `own` is where it writes.
    fn read_sources(
        &self,
        index: usize,
        first: usize,
        count: usize,
        store: &Store,
        input: &[u64],
        own: &core::ops::Range<usize>,
    ) -> Vec<Vec<u64>> {
        let node = &self.list.layers[index];
        let layer = self.plan.training[index];
        let read = |(&number, source): (&usize, Source)| {
            let len = self.list.len(number);
            match source.spot {
                Spot::Input => input[part(first, count, len)].to_vec(),
                Spot::Slot { outputs, .. } => {
                    let at = store.range(outputs, first, count, len);
                    assert!(
                        at.end <= own.start || own.end <= at.start || layer.spot == Spot::Output,
                        "layer {index} reads where it writes"
                    );
                    store.cells[at].to_vec()
                }
                _ => panic!("layer {index} reads the output of the list"),
            }
        };
        node.sources.iter().zip(layer.sources).map(read).collect()
    }

    /// Asserts that a layer finds in backward its output, if it reads that, and its cache.
    fn check_kept(
        &self,
        index: usize,
        (first, count): (usize, usize),
        output: &[u64],
        store: &Store,
    ) {
        let node = &self.list.layers[index];
        let layer = self.plan.training[index];
        let at = store.range(layer.cache, first, count, node.cache);
        for (position, &cell) in store.cells[at].iter().enumerate() {
            let (sample, position) = (position / node.cache, position % node.cache);
            assert_eq!(
                cell,
                cached(index, first + sample, position),
                "layer {index}: its cache"
            );
        }

        if node.reads_output || layer.relu {
            let y = match layer.spot {
                Spot::Slot { outputs, .. } => {
                    &store.cells[store.range(outputs, first, count, node.len)]
                }
                _ => &output[part(first, count, node.len)],
            };
            for (y, wanted) in y.chunks(node.len).zip(&self.wanted[first..]) {
                let wanted = wanted.output(self.hosts, index);
                assert_eq!(y, wanted, "layer {index}: its output in backward");
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all memory of a backward pass")]
    fn backward_layer(
        &self,
        index: usize,
        (first, count): (usize, usize),
        stop_at: usize,
        input: &[u64],
        output: &[u64],
        store: &mut Store,
        dy_out: &mut [u64],
        mut dx_in: Option<&mut [u64]>,
    ) {
        let Test {
            list, plan, hosts, ..
        } = self;
        let node = &list.layers[index];
        let layer = plan.training[index];
        if layer.spot == Spot::Input || layer.absorbed {
            return;
        }

        let dy_at = match layer.spot {
            Spot::Slot { gradient, .. } => store.range(gradient, first, count, node.len),
            _ => part(first, count, node.len),
        };
        let mut dy = match layer.spot {
            Spot::Slot { .. } => store.cells[dy_at.clone()].to_vec(),
            _ => dy_out[dy_at.clone()].to_vec(),
        };
        for (dy, wanted) in dy.chunks(node.len).zip(&self.wanted[first..]) {
            assert_eq!(dy, wanted.gradients[index + 1], "layer {index}: dy");
        }
        self.check_kept(index, (first, count), output, store);

        for (dy, wanted) in dy.chunks_mut(node.len).zip(&self.wanted[first..]) {
            let y = wanted.output(hosts, index);
            if layer.relu {
                return_in_place(RELU, Some(y), dy);
            }
            if node.flow == Flow::InPlace {
                return_in_place(index as u64, node.reads_output.then_some(y), dy);
            }
        }

        if !layer.shares {
            let sources = self.read_sources(index, first, count, store, input, &(0..0));
            let sources: Vec<&[u64]> = sources.iter().map(|x| &x[..]).collect();
            if node.flow == Flow::Apart {
                self.check_sources(index, first, &sources);
            }

            // All shares are written before any of them is added.
            let mut sums = Vec::new();
            for (number, (&output, source)) in node.sources.iter().zip(layer.sources).enumerate() {
                let len = list.len(output);
                let shares: Vec<u64> = dy
                    .chunks(node.len)
                    .flat_map(|dy| match node.flow {
                        Flow::Apart => share(index, number, len, dy),
                        _ => dy.to_vec(),
                    })
                    .collect();
                if source.layer.is_some_and(|layer| layer < stop_at) {
                    continue;
                }

                let sum = match source.spot {
                    Spot::Slot { gradient, .. } => Some(store.range(gradient, first, count, len)),
                    _ => None,
                };
                let Some(at) = source.share else {
                    match (sum, &mut dx_in) {
                        (Some(sum), _) => store.cells[sum].copy_from_slice(&shares),
                        (None, Some(dx)) => {
                            dx[part(first, count, len)].copy_from_slice(&shares);
                        }
                        (None, None) => {}
                    }
                    continue;
                };
                let share = store.range_in(plan.shares, at, first, count, len);
                store.cells[share.clone()].copy_from_slice(&shares);
                sums.push((share, sum, part(first, count, len)));
            }
            for (share, sum, in_input) in sums {
                let share = store.cells[share].to_vec();
                let sum = match (sum, &mut dx_in) {
                    (Some(sum), _) => &mut store.cells[sum],
                    (None, Some(dx)) => &mut dx[in_input],
                    (None, None) => continue,
                };
                for (sum, x) in sum.iter_mut().zip(share) {
                    *sum = sum.wrapping_add(x);
                }
            }
            if node.flow == Flow::Apart {
                dy = left(&dy);
            }
        }
        match layer.spot {
            Spot::Slot { .. } => store.cells[dy_at].copy_from_slice(&dy),
            _ => dy_out[dy_at].copy_from_slice(&dy),
        }
    }
}

/// The cache of training.
struct Store {
    unit: usize,
    samples: usize,
    /// The number of bytes per sample.
    len: usize,
    cells: Vec<u64>,
    /// The part of the batch, and so the thread, that runs.
    part: Cell<usize>,
    /// The part of the batch that has used each cell in the present segment.
    users: RefCell<Vec<Option<usize>>>,
}

impl Store {
    /// Begins a segment, before which all threads have waited for each other.
    fn begin(&self) {
        *self.users.borrow_mut() = vec![None; self.cells.len()];
    }

    /// Notes that the present part of the batch uses some cells. No other part may use them at the
    /// same time.
    fn used(&self, cells: core::ops::Range<usize>) -> core::ops::Range<usize> {
        for user in &mut self.users.borrow_mut()[cells.clone()] {
            let part = *user.get_or_insert(self.part.get());
            assert_eq!(part, self.part.get(), "two threads use the same memory");
        }
        cells
    }

    /// Returns the range of some samples in the slot of an area that layers use in turn.
    fn range_in(
        &self,
        area: Area,
        within: usize,
        first: usize,
        count: usize,
        len: usize,
    ) -> core::ops::Range<usize> {
        assert!(within + len * self.unit <= area.len && area.offset + area.len <= self.len);
        assert_eq!((within % self.unit, area.len % self.unit), (0, 0));
        let base = area.offset / self.unit * self.samples
            + area.len / self.unit * first
            + within / self.unit * count;
        self.used(base..base + count * len)
    }

    /// Returns the range of some samples in the slot that begins at a byte of each.
    fn range(
        &self,
        offset: usize,
        first: usize,
        count: usize,
        len: usize,
    ) -> core::ops::Range<usize> {
        assert!(offset + len * self.unit <= self.len);
        assert_eq!(offset % self.unit, 0);
        let base = offset / self.unit * self.samples;
        self.used(base + first * len..base + (first + count) * len)
    }
}

/// Runs a list over its plan.
fn check<const N: usize>(list: &List, rng: &mut Generator, seen: &mut Seen) {
    let plan = Plan::<N>::new(core::array::from_fn(|index| list.stage(index)));
    let hosts = Hosts::of(list, &plan.training);
    let samples = rng.random_range(1..9);
    let input = garbage(list.input_len * samples, rng);
    let mut wanted: Vec<Wanted> = input
        .chunks(list.input_len)
        .map(|input| Wanted::forward(list, input.to_vec()))
        .collect();
    for wanted in &mut wanted {
        wanted.backward(list, &hosts, garbage(list.len(N), rng));
    }

    let test = Test {
        list,
        plan: &plan,
        hosts: &hosts,
        wanted: &wanted,
    };
    test.infer(&input, rng, seen);
    let parts = rng.random_range(1..4);
    test.train(&input, 0, true, parts, rng);
    test.train(&input, rng.random_range(0..N), false, parts, rng);

    // The memory for all layers.
    let most = |bytes: fn(&Node) -> usize| list.layers.iter().map(bytes).max().unwrap_or(0);
    let buffers: usize = plan.buffers.iter().map(|b| b.end - b.start).sum();
    let scratch = most(|node| node.scratch) * list.unit;
    assert_eq!(plan.needs.per_sample, buffers + scratch);
    let mut states = Vec::new();
    for (node, layer) in list.layers.iter().zip(plan.inference) {
        states.extend((0..64 * node.scratch).map(|byte| layer.state + byte));
    }
    assert_eq!(states, (0..plan.needs.state).collect::<Vec<_>>());
    let whole = list
        .layers
        .iter()
        .any(|node| node.batching == Batching::WholeBatch);
    assert_eq!(plan.batching == Batching::WholeBatch, whole);

    let apart = plan
        .inference
        .iter()
        .filter(|layer| matches!(layer.spot, Spot::Chunk(_) | Spot::Whole(_)) && !layer.shares);
    seen.reused += apart.count() - plan.buffers.iter().filter(|b| b.end > b.start).count();
    let inference = plan.inference.iter();
    seen.whole += inference
        .filter(|layer| matches!(layer.spot, Spot::Whole(_)))
        .count();
    seen.segments += usize::from(plan.training_segments.count > 1);
    for (index, layer) in plan.training.iter().enumerate() {
        seen.shared += usize::from(layer.shares && list.layers[index].flow == Flow::InPlace);
        let shares = layer.sources.iter().filter_map(|source| source.share);
        seen.shares += shares.count();
        if let Some(relu) = hosts.relu_of(index) {
            seen.maxima += usize::from(relu < index);
            seen.epilogues += usize::from(relu > index);
        }
    }
}
