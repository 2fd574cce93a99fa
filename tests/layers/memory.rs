//! The memory that layers ask for: all classes, number types and lengths, with any earlier
//! contents.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::common::gradient::check_network;
use crate::common::{In, Out, Settings, bits, random, settings};
use shapewright::prelude::*;
use shapewright::{
    ext::{
        ActivationStore, BackwardInput, BackwardParams, Batching, FeatureOrder, Forward,
        ForwardTrain, Infer, Inferred, Layer, Needs, Scratch, ShapeRule, StateMemory, ThreadMemory,
        Train, split_mut,
    },
    tensor::{Element, Number},
};

/// Implements the common traits of these layers, which keep the shape and learn nothing.
macro_rules! layers {
    ($([$($generics:tt)*] $layer:ty;)*) => { $(
        impl<In: Shape, $($generics)*> ShapeRule<In> for $layer {
            const OUTPUT: Inferred = Inferred::shape(In::DIMS);
        }

        impl<T: Element, $($generics)*> Layer<T> for $layer {
            type Config = ();
            type Params = ();
        }
    )* };
}
layers! {
    [] Mixed;
    [] Dirt;
    [const MODE: usize] Seen<MODE>;
    [const CHUNK: usize] Shared<CHUNK>;
    [const CLASS: usize, const BYTES: usize] Greedy<CLASS, BYTES>;
    [] Generous;
}

/// Doubles its inputs, and checks the memory of every class: pieces of several number types and odd
/// lengths, filled with patterns that depend on the sample, and read when all have been written.
struct Mixed;

/// A number that is made from a pattern.
trait Pattern: Number {
    fn of(pattern: u64) -> Self;
}

macro_rules! patterns {
    ($($t:ty),*) => { $(
        impl Pattern for $t {
            fn of(pattern: u64) -> Self {
                (pattern >> 40) as $t
            }
        }
    )* };
}
patterns!(u8, i8, i16, u32, i64, f32, f64, usize);

/// Returns a pattern that depends on the sample, the piece and the position.
fn pattern<S: Shape, T: Element>(x: &Tensor<S, T>, piece: u64, i: usize) -> u64 {
    let first = x.as_slice()[0].to_f64().expect("a number").to_bits();
    (first ^ (piece << 32) ^ i as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
        .wrapping_mul(0xd134_2543_de82_ef95)
}

/// Calls a function for each number of a piece of memory with `len` numbers per sample.
fn each<N: Pattern, S: Shape, T: Element>(
    x: &[Tensor<S, T>],
    piece: u64,
    numbers: &mut [N],
    f: impl Fn(&mut N, N),
) {
    let len = numbers.len() / x.len();
    assert_eq!(numbers.len(), len * x.len());
    for (x, numbers) in x.iter().zip(numbers.chunks_mut(len)) {
        for (i, number) in numbers.iter_mut().enumerate() {
            f(number, N::of(pattern(x, piece, i)));
        }
    }
}

/// Takes pieces of memory, writes all of them, and then checks what they hold.
macro_rules! pieces {
    ($x:expr, $from:expr, $count:expr, [$($name:ident: $t:ty, $len:expr;)*]) => {
        let x = $x;
        $(let $name = $from.take::<$t>($len);)*
        $(assert_eq!($name.len(), $count * $len);)*
        let mut piece = 0;
        $({
            piece += 1;
            each(x, piece, &mut *$name, |to, value| *to = value);
        })*
        pieces!(@read x, [$($name)*]);
    };
    (@read $x:expr, [$($name:ident)*]) => {
        let mut piece = 0;
        $({
            piece += 1;
            each($x, piece, $name, |found, value| assert_eq!(*found, value));
        })*
        assert!(piece > 0);
    };
}

impl Mixed {
    fn scratch<S: Shape, T: Element + Pattern>(x: &[Tensor<S, T>], mut scratch: Scratch<'_>) {
        pieces!(x, scratch, x.len(), [
            a: u8, 3; b: i16, 5; c: T, S::LEN; d: f64, 1; e: f32, 7; f: i8, 1; g: usize, 2;
        ]);
    }

    fn thread_memory<S: Shape, T: Element + Pattern>(
        x: &[Tensor<S, T>],
        mut memory: ThreadMemory<'_>,
    ) {
        // This memory is per thread, not per sample.
        let x = &x[..1];
        pieces!(x, memory, 1, [a: i16, 33; b: u8, 1; c: T, S::LEN; d: i64, 9; e: f32, 17;]);
        assert!(a.as_ptr().addr().is_multiple_of(64) && e.as_ptr().addr().is_multiple_of(64));
    }

    /// Checks the state that the step before has left, and changes it.
    fn state(mut state: StateMemory<'_>) {
        let count = state.take::<u8>(1);
        let flags = state.take::<i16>(33);
        let sums = state.take::<f64>(3);
        for (i, flag) in (0..).zip(&mut *flags) {
            assert_eq!(*flag, i16::from(count[0]) * i);
            *flag += i;
        }
        assert_eq!(*sums, [f64::from(count[0]); 3]);
        sums.iter_mut().for_each(|sum| *sum += 1.0);
        count[0] += 1;
    }

    /// Writes the cache, or checks what was written.
    fn cache<S: Shape, T: Element>(
        x: &[Tensor<S, T>],
        mut cache: ActivationStore<'_>,
        write: bool,
    ) {
        assert_eq!(cache.count(), x.len());

        let a = cache.take::<u8>(3);
        let b = cache.take::<i16>(5);
        let c = cache.take::<f64>(S::LEN);
        let d = cache.take::<f32>(1);
        let e = cache.take::<u32>(S::LEN);

        if write {
            each(x, 1, &mut *a, |to, value| *to = value);
            each(x, 2, &mut *b, |to, value| *to = value);
            each(x, 3, &mut *c, |to, value| *to = value);
            each(x, 4, &mut *d, |to, value| *to = value);
            each(x, 5, &mut *e, |to, value| *to = value);
        }

        pieces!(@read x, [a b c d e]);
    }
}

impl<S: Shape, T: Element + Pattern> Infer<S, S, T> for Mixed {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE
        .per_sample::<u8>(3)
        .per_sample::<i16>(5)
        .per_sample::<T>(S::LEN)
        .per_sample::<f64>(1)
        .per_sample::<f32>(7)
        .per_sample::<i8>(1)
        .per_sample::<usize>(2)
        .per_thread::<i16>(33)
        .per_thread::<u8>(1)
        .per_thread::<T>(S::LEN)
        .per_thread::<i64>(9)
        .per_thread::<f32>(17)
        .state::<u8>(1)
        .state::<i16>(33)
        .state::<f64>(3);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            x,
            y,
            scratch,
            thread_memory,
            state,
            ..
        } = call;
        Mixed::scratch(x, scratch);
        Mixed::thread_memory(x, thread_memory);
        if let Some(state) = state {
            Mixed::state(state);
        }
        for (x, y) in x.iter().zip(y) {
            *y = x.map(|x| x + x);
        }
    }
}

impl<S: Shape, T: Element + Pattern> Train<S, S, T> for Mixed {
    const READS_OUTPUT: bool = false;
    const TRAIN_NEEDS: Needs = Needs::NONE
        .per_sample::<u8>(3)
        .per_sample::<i16>(5)
        .per_sample::<f64>(S::LEN)
        .per_sample::<f32>(1)
        .per_sample::<u32>(S::LEN)
        .per_thread::<i16>(33)
        .per_thread::<u8>(1)
        .per_thread::<T>(S::LEN)
        .per_thread::<i64>(9)
        .per_thread::<f32>(17);

    fn forward_train(call: ForwardTrain<'_, Self, S, S, T>) {
        let ForwardTrain {
            x,
            y,
            cache,
            thread_memory,
            ..
        } = call;
        Mixed::cache(x, cache, true);
        Mixed::thread_memory(x, thread_memory);
        for (x, y) in x.iter().zip(y) {
            *y = x.map(|x| x + x);
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput {
            x,
            cache,
            dy,
            dx,
            thread_memory,
            ..
        } = call;
        Mixed::cache(x, cache, false);
        Mixed::thread_memory(x, thread_memory);
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            *dx = dy.map(|dy| dy + dy);
        }
    }
}

/// Fills all of its memory with bytes of 0xff, which are a NaN in each number type.
struct Dirt;

impl Dirt {
    const BYTES: usize = 40_000;

    fn fill(mut scratch: Scratch<'_>, mut memory: ThreadMemory<'_>) {
        scratch.take::<u8>(Dirt::BYTES).fill(0xff);
        memory.take::<u8>(Dirt::BYTES).fill(0xff);
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for Dirt {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const MULTIPLY_ADDS: usize = 1 << 20;
    const NEEDS: Needs = Needs::NONE
        .per_sample::<u8>(Dirt::BYTES)
        .per_thread::<u8>(Dirt::BYTES);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        Dirt::fill(call.scratch, call.thread_memory);
        call.y.copy_from_slice(call.x);
    }
}

/// Fills the memory that threads keep for inference.
fn dirty() {
    network! { struct Net: [1] -> [1] { Dirt } }
    let net = Net::zeros();
    net.forward_batch(&[Tensor1::zeros(); 128], &mut [Tensor1::zeros(); 128]);
    let _ = net.forward(&Tensor1::zeros());
}

const BATCHES: [usize; 8] = [0, 1, 2, 3, 63, 64, 65, 1000];

/// Returns the bits of the outputs of every way to compute, and of the results of training.
fn results<N: Trainable>(batch: usize, before: impl Fn(&mut Workspace<N>)) -> Vec<u64> {
    let net = N::init(&mut shapewright::rng(1));
    let x: Vec<In<N>> = random(batch, 2);
    let mut y = vec![Out::<N>::full(N::Element::from_f64_lossy(f64::NAN)); batch];

    dirty();
    net.forward_batch(&x, &mut y);
    let mut results = bits(Tensor::flatten(&y));

    dirty();
    for (i, x) in x.iter().enumerate().step_by(31) {
        let y = net.forward(x);
        results.extend(bits(y.as_slice()));
        let mut state = N::state();
        for step in 0..4 {
            let y = net.step(x, &mut state);
            if step == 0 {
                assert_eq!(bits(y.as_slice()), bits(net.forward(x).as_slice()), "{i}");
            }
            results.extend(bits(y.as_slice()));
        }
    }

    let mut workspace = N::workspace();
    let mut gradient = N::zeros();
    for _ in 0..2 {
        // The first time, there is nothing to fill.
        before(&mut workspace);
        let mut pass = net.forward_train(&x, &mut workspace);
        results.extend(bits(Tensor::flatten(pass.outputs())));
        pass.output_gradients_mut().copy_from_slice(&y);
        let dx = pass.backward_with_input(&mut gradient);
        results.extend(bits(Tensor::flatten(dx)));
        results.extend(bits(gradient.params()));
    }
    results
}

/// Checks that neither threads nor earlier contents of memory change a result.
fn check<N: Trainable>(settings: &Settings, batches: &[usize]) {
    for &batch in batches {
        let mut wanted = None;
        settings.every_threads(&[1, 2, 3, 4], |threads| {
            let dirt = [f64::NAN, 0.0, f64::MAX];
            let dirt = &dirt[..if batch > 3 { 1 } else { 3 }];
            for &dirt in dirt {
                let dirt = N::Element::from_f64_lossy(dirt);
                let found = results::<N>(batch, |workspace| workspace.fill_with(dirt));
                let wanted = wanted.get_or_insert_with(|| found.clone());
                assert!(
                    found == *wanted,
                    "{} on {batch} samples and {threads} threads",
                    N::NAME
                );
            }
        });
    }
}

#[test]
fn pieces_of_all_types_do_not_overlap() {
    network! { struct Single: [5] -> [5] { Mixed } }
    network! { struct Several: [5] -> [3] { Mixed, Linear<_, 7>, Mixed, Tanh, Mixed, Linear<_, 3> } }
    network! { struct Double: [5] -> [5] as f64 { Mixed, Residual { Linear<_, 5>, Mixed }, Mixed } }
    network! { struct Nested: [5] -> [5] { first: Single, Mixed, second: Single } }
    network! { struct Blocks: [5] -> [9] {
        Repeat<3> { Mixed, Linear<_, 5>, Tanh },
        Residual { Mixed, Linear<_, 5>, shortcut: { Linear<_, 5>, Mixed } },
        nested: Nested,
        Concat { a: { Mixed, Linear<_, 3>, Mixed }, b: Mixed, Linear<_, 1> },
        Mixed,
    } }

    let settings = settings();
    check::<Single>(&settings, &BATCHES);
    check::<Several>(&settings, &BATCHES);
    check::<Double>(&settings, &BATCHES);
    check::<Blocks>(&settings, &BATCHES);

    // The sum of the states of all layers: 64 bytes for flags and sums, 128 for numbers of 2 bytes.
    assert_eq!(Single::STATE_BYTES, 64 + 128 + 64);
    assert_eq!(Blocks::STATE_BYTES, 12 * Single::STATE_BYTES);
}

/// Checks layers with enough work to be cut between threads, on few samples at a time and on all.
#[test]
fn pieces_of_all_types_are_those_of_their_thread() {
    network! { struct Wide: [33] -> [9] {
        Mixed, Linear<_, 600>, Relu, Mixed, Repeat<2> { Linear<_, 600>, Mixed }, Linear<_, 9>, Mixed
    } }
    network! { struct Images: [32, 32, 3] -> [5] {
        Mixed, Conv2d<_, 16, 3, Pad<1>>, Relu, Mixed, BatchNorm2d<_>, Mixed, MaxPool2d<4>,
        Flatten, Mixed, Linear<_, 5>, Mixed,
    } }
    let settings = settings();
    check::<Wide>(&settings, &[0, 1, 5, 65]);
    check::<Images>(&settings, &[0, 1, 5, 65]);
}

#[test]
fn gradients_with_all_classes_of_memory() {
    network! { struct Net: [5] -> [3] as f64 {
        Mixed, Linear<_, 4>, Residual { Linear<_, 4>, Mixed, Tanh }, Mixed, Linear<_, 3>
    } }
    check_network::<Net>(3);
}

/// The number of threads may change within a pass. Its memory is for those of the beginning.
#[test]
fn the_number_of_threads_changes_within_a_pass() {
    network! { struct Net: [33] -> [9] { Mixed, Linear<_, 600>, Relu, Mixed, Shared<0>, Linear<_, 9> } }
    let net = Net::init(&mut shapewright::rng(1));
    let x: Vec<Tensor1<33>> = random(65, 2);
    let weights: Vec<Tensor1<9>> = random(65, 3);
    let settings = settings();

    let mut wanted = None;
    for [first, second] in [[1, 1], [1, 4], [4, 1], [2, 4]] {
        settings.every_threads(&[first], |_| {
            let mut gradient = Net::zeros();
            let mut workspace = Net::workspace();
            let mut pass = net.forward_train(&x, &mut workspace);
            pass.output_gradients_mut().copy_from_slice(&weights);
            shapewright::threads::set_threads(second);
            pass.backward(&mut gradient);

            let found = bits(gradient.params());
            assert!(found == *wanted.get_or_insert_with(|| found.clone()));
        });
    }
}

/// Cuts its work into chunks of `CHUNK` samples, or as the context says if that is 0, and keeps the
/// memory of all parts.
struct Shared<const CHUNK: usize>;

/// The memory that the parts of a call had.
static PARTS: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());

/// The number of bytes of each part.
const PART_BYTES: usize = 1000;

impl<const CHUNK: usize> Shared<CHUNK> {
    fn run<S: Shape, T: Element>(
        x: &[Tensor<S, T>],
        y: &mut [Tensor<S, T>],
        memory: ThreadMemory<'_>,
        cx: &shapewright::ext::Context<'_, T>,
    ) {
        let chunk = match CHUNK {
            0 => x.len().div_ceil(cx.parts(1 << 20)),
            chunk => chunk,
        };
        if cx.in_worker() {
            assert_eq!(cx.parts(1 << 30), 1);
        }

        split_mut(y, chunk, memory, &|part, y: &mut [_], mut memory| {
            let bytes = memory.take::<u8>(PART_BYTES - 1);
            let last = memory.take::<u8>(1);
            let mark = part as u8 + 1;
            bytes.fill(mark);
            last.fill(!mark);
            std::thread::yield_now();

            let x = &x[part * chunk..];
            for (x, y) in x.iter().zip(y) {
                *y = x.map(|x| x + x);
            }
            assert!(bytes.iter().all(|&byte| byte == mark));
            assert_eq!(last, [!mark]);

            let range = bytes.as_ptr_range();
            assert!(range.start.addr().is_multiple_of(64));
            if CHUNK == 0 && !cx.in_worker() {
                let mut parts = PARTS.lock().expect("no panic");
                parts.push(range.start.addr()..range.end.addr());
            }
        });
    }
}

impl<S: Shape, T: Element, const CHUNK: usize> Infer<S, S, T> for Shared<CHUNK> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const BATCHING: Batching = Batching::WholeBatch;
    const NEEDS: Needs = Needs::NONE
        .per_thread::<u8>(PART_BYTES - 1)
        .per_thread::<u8>(1);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        Self::run(call.x, call.y, call.thread_memory, call.cx);
    }
}

impl<S: Shape, T: Element, const CHUNK: usize> Train<S, S, T> for Shared<CHUNK> {
    const READS_OUTPUT: bool = false;

    fn forward_train(call: ForwardTrain<'_, Self, S, S, T>) {
        assert_eq!(call.x.len(), call.cx.batch());
        Self::run(call.x, call.y, call.thread_memory, call.cx);
    }

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        assert_eq!(call.x.len(), call.cx.batch());
        if let Some(dx) = call.dx {
            Self::run(call.dy, dx, call.thread_memory, call.cx);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, S, S, T>) {
        unreachable!("{} samples", call.x.len());
    }
}

#[test]
fn parts_of_shared_work_have_memory_of_their_own() {
    network! { struct Net: [3] -> [3] { Shared<0>, Residual { Linear<_, 3>, Shared<0> } } }
    // The first layer alone would not be cut, as it declares no work.
    network! { struct Heavy: [3] -> [3] { Shared<0>, Dirt } }
    let settings = settings();
    check_shares::<Net>(&settings);
    settings.every_threads(&[1, 2, 4], |_| {
        let x: Vec<Tensor1<3>> = random(200, 1);
        let mut y = vec![Tensor1::zeros(); 200];
        let heavy = Heavy::zeros();
        heavy.forward_batch(&x, &mut y);
        assert!(x.iter().zip(&y).all(|(x, y)| x + x == *y));
        assert_eq!(heavy.forward(&x[0]), y[0]);
    });
}

fn check_shares<N: Trainable>(settings: &Settings) {
    let batch = 120;
    let mut wanted = None;
    settings.every_threads(&[1, 2, 3, 4], |_| {
        let parts = shapewright::threads::threads();
        let found = {
            let net = N::init(&mut shapewright::rng(1));
            let x: Vec<In<N>> = random(batch, 2);
            let mut workspace = N::workspace();
            let mut gradient = N::zeros();

            PARTS.lock().expect("no panic").clear();
            let mut pass = net.forward_train(&x, &mut workspace);
            let ranges = PARTS.lock().expect("no panic").split_off(0);
            let mut results = bits(Tensor::flatten(pass.outputs()));
            pass.output_gradients_mut()
                .copy_from_slice(&random(batch, 3));
            results.extend(bits(Tensor::flatten(
                pass.backward_with_input(&mut gradient),
            )));
            results.extend(bits(gradient.params()));

            let mut y = vec![Out::<N>::zeros(); batch];
            net.forward_batch(&x, &mut y);
            results.extend(bits(Tensor::flatten(&y)));

            // Two consecutive layers share memory.
            let each = ranges.len() / 2;
            assert!(each >= 1 && each <= parts);
            for ranges in ranges.chunks(each) {
                let mut ranges = ranges.to_vec();
                ranges.sort_by_key(|range| range.start);
                assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
            }
            results
        };
        assert!(found == *wanted.get_or_insert_with(|| found.clone()));
    });
}

/// A layer that records the number of its calls and of their samples.
struct Seen<const MODE: usize>;

/// For each mode, the number of calls and the largest number of samples of one.
static SEEN: [(AtomicUsize, AtomicUsize); 4] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 4];

impl<const MODE: usize> Seen<MODE> {
    fn note(samples: usize) {
        SEEN[MODE].0.fetch_add(1, Relaxed);
        SEEN[MODE].1.fetch_max(samples, Relaxed);
    }

    /// Returns the number of calls and the largest number of samples of one, in training.
    fn in_training<N: Trainable>(batch: usize) -> (usize, usize) {
        let net = N::zeros();
        let x = In::<N>::zeros_vec(batch);
        let (calls, most) = &SEEN[MODE];
        calls.store(0, Relaxed);
        most.store(0, Relaxed);
        let _ = net.forward_train(&x, &mut N::workspace());
        (calls.load(Relaxed), most.load(Relaxed))
    }
}

impl<S: Shape, T: Element, const MODE: usize> Infer<S, S, T> for Seen<MODE> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const BATCHING: Batching = [
        Batching::Auto,
        Batching::Few,
        Batching::All,
        Batching::WholeBatch,
    ][MODE];

    fn forward(call: Forward<'_, Self, S, S, T>) {
        Self::note(call.x.len());
        call.y.copy_from_slice(call.x);
    }
}

impl<S: Shape, T: Element, const MODE: usize> Train<S, S, T> for Seen<MODE> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        if let Some(dx) = call.dx {
            dx.copy_from_slice(call.dy);
        }
    }
}

#[test]
fn layers_say_how_many_samples_they_want() {
    // Of samples of 64 KiB, a few at a time are faster.
    network! { struct Auto: [16384] -> [16384] { Seen<0> } }
    network! { struct Few: [16384] -> [16384] { Seen<1> } }
    network! { struct All: [16384] -> [16384] { Seen<2> } }
    network! { struct Whole: [16384] -> [16384] { Seen<3> } }
    network! { struct Between: [16384] -> [16384] { Seen<1>, Seen<2>, Seen<1> } }
    network! { struct Block: [16384] -> [16384] { Residual { Seen<1>, Repeat<2> { Seen<2> } } } }

    let settings = settings();
    settings.every_threads(&[1], |_| {
        let (calls, most) = Seen::<0>::in_training::<Auto>(20);
        assert!(calls > 1 && most < 20, "{calls} {most}");
        let (calls, most) = Seen::<1>::in_training::<Few>(20);
        assert!(calls > 1 && most < 20, "{calls} {most}");
        assert_eq!(Seen::<2>::in_training::<All>(20), (1, 20));
        assert_eq!(Seen::<3>::in_training::<Whole>(20), (1, 20));
        assert_eq!(Seen::<2>::in_training::<Between>(20), (1, 20));
        let (calls, most) = Seen::<1>::in_training::<Between>(20);
        assert!(calls > 2 && most < 20, "{calls} {most}");

        // A block passes on what its layers want.
        assert_eq!(Seen::<2>::in_training::<Block>(20), (2, 20));
        let (calls, most) = Seen::<1>::in_training::<Block>(20);
        assert!(calls > 1 && most < 20, "{calls} {most}");
    });
    // It gets the whole batch with several threads as well.
    settings.every_threads(&[2, 4], |_| {
        assert_eq!(Seen::<3>::in_training::<Whole>(20), (1, 20));
    });
}

/// Takes a number of bytes of one class of memory: per sample in inference, per thread, or per
/// sample in training. It has asked for three numbers of 4 bytes.
struct Greedy<const CLASS: usize, const BYTES: usize>;

impl<S: Shape, T: Element, const CLASS: usize, const BYTES: usize> Infer<S, S, T>
    for Greedy<CLASS, BYTES>
{
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.per_sample::<f32>(3).per_thread::<f32>(3);

    fn forward(mut call: Forward<'_, Self, S, S, T>) {
        match CLASS {
            0 => drop(call.scratch.take::<u8>(BYTES)),
            1 => drop(call.thread_memory.take::<u8>(BYTES)),
            _ => {}
        }
    }
}

impl<S: Shape, T: Element, const CLASS: usize, const BYTES: usize> Train<S, S, T>
    for Greedy<CLASS, BYTES>
{
    const READS_OUTPUT: bool = false;

    fn forward_train(mut call: ForwardTrain<'_, Self, S, S, T>) {
        match CLASS {
            1 => drop(call.thread_memory.take::<u8>(BYTES)),
            2 => drop(call.cache.take::<u8>(BYTES)),
            _ => {}
        }
    }

    fn backward_input(_: BackwardInput<'_, Self, S, S, T>) {}
}

/// Asks for much memory of every class, and takes none.
struct Generous;

impl<S: Shape, T: Element> Infer<S, S, T> for Generous {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.per_sample::<f32>(300).per_thread::<f32>(300);

    fn forward(_: Forward<'_, Self, S, S, T>) {}
}

impl<S: Shape, T: Element> Train<S, S, T> for Generous {
    const READS_OUTPUT: bool = false;

    fn backward_input(_: BackwardInput<'_, Self, S, S, T>) {}
}

/// Returns the message of a panic, if there is one.
fn panic_of(f: impl FnOnce() + Send + 'static) -> Option<String> {
    let panic = std::thread::spawn(f).join().err()?;
    Some(*panic.downcast::<String>().expect("a sentence"))
}

#[test]
fn a_layer_has_the_memory_that_it_asked_for() {
    network! { struct Modest: [2] -> [2] { Greedy<0, 16>, Greedy<1, 64>, Greedy<2, 16> } }
    network! { struct Sample: [2] -> [2] { Greedy<0, 17> } }
    network! { struct Thread: [2] -> [2] { Greedy<1, 65> } }
    network! { struct Cache: [2] -> [2] { Greedy<2, 17>, Linear<_, 2> } }
    // The memory that another layer asks for does not help.
    network! { struct SampleBeside: [2] -> [2] { Generous, Greedy<0, 17> } }
    network! { struct ThreadBeside: [2] -> [2] { Generous, Residual { Generous, Greedy<1, 65> } } }
    network! { struct CacheBeside: [2] -> [2] { Generous, Greedy<2, 17>, Linear<_, 2> } }

    fn infer<N: Network<Element = f32>>() {
        let mut y = Tensor::zeros_vec(3);
        N::zeros().forward_batch(&Tensor::zeros_vec(3), &mut y);
        let _ = N::zeros().forward(&Tensor::zeros());
    }
    fn train<N: Trainable<Element = f32>>() {
        let _ = N::zeros().forward_train(&Tensor::zeros_vec(3), &mut N::workspace());
    }

    // With several threads, a layer must not take the memory of another thread.
    let settings = settings();
    settings.every_threads(&[1, 4], |_| {
        assert_eq!(panic_of(infer::<Modest>), None);
        assert_eq!(panic_of(train::<Modest>), None);

        let way_out = "of a layer have a piece for each `take`";
        let sentence = |asked: usize, left: usize| {
            Some(format!(
                "a layer takes {asked} bytes of memory, and {left} are left of those that it \
                 asked for; `NEEDS` and `TRAIN_NEEDS` {way_out}"
            ))
        };
        // 24 bytes for each of three samples.
        assert_eq!(panic_of(infer::<Sample>), sentence(72, 48));
        assert_eq!(panic_of(infer::<SampleBeside>), sentence(72, 48));
        assert_eq!(panic_of(infer::<Thread>), sentence(128, 64));
        assert_eq!(panic_of(infer::<ThreadBeside>), sentence(128, 64));
        assert_eq!(panic_of(train::<Thread>), sentence(128, 64));
        assert_eq!(panic_of(train::<ThreadBeside>), sentence(128, 64));
        let cache = format!(
            "a layer takes 24 bytes of the cache for each sample, and 16 are left of those that \
             it asked for; `TRAIN_NEEDS` {way_out}"
        );
        assert_eq!(panic_of(train::<Cache>).as_ref(), Some(&cache));
        assert_eq!(panic_of(train::<CacheBeside>), Some(cache));
    });
}

#[test]
fn work_is_cut_into_as_many_parts_as_have_memory() {
    network! { struct Singles: [2] -> [2] { Shared<1> } }
    fn train() {
        let _ = Singles::zeros().forward_train(&Tensor::zeros_vec(100), &mut Singles::workspace());
    }
    fn infer() {
        Singles::zeros().forward_batch(&Tensor::zeros_vec(50), &mut Tensor::zeros_vec(50));
    }

    let settings = settings();
    settings.every_threads(&[1], |_| {
        let sentence = |parts| {
            Some(format!(
                "a layer cuts its work into {parts} parts, and there are 1088 bytes of memory for \
                 each of 1; cut it into at most as many as `Context::parts` says"
            ))
        };
        assert_eq!(panic_of(train), sentence(100));
        assert_eq!(panic_of(infer), sentence(50));
    });
}
