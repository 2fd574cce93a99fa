//! Streams: layers that keep a state from call to call, alone and inside every block.

use std::collections::VecDeque;

use crate::common::gradient::check_network;
use crate::common::naive::{Naive, chain, dense, identity, join, map, sum};
use crate::common::{In, Out, bits, random};
use num_traits::Float;
use shapewright::prelude::*;
use shapewright::{
    InferenceWorkspace, State,
    ext::{
        BackwardInput, BackwardParams, FeatureOrder, Forward, Infer, Inferred, Layer, Needs,
        ShapeRule, Train,
    },
    tensor::Element,
    with_flushed_denormals,
};

/// Adds half of the input `K` steps ago. The state is the last `K` inputs and a position.
struct Delay<const K: usize>;

/// The mean of all inputs so far, summed in `f64` whatever the network computes in.
struct RunningMean;

/// Exponential smoothing with a learned coefficient: `s = a s + (1 - a) x`.
struct Smooth;

#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
struct SmoothParams<T: Element> {
    a: [T; 1],
}

macro_rules! keeps_the_shape {
    ($([$($generics:tt)*] $layer:ty;)*) => { $(
        impl<In: Shape, $($generics)*> ShapeRule<In> for $layer {
            const OUTPUT: Inferred = Inferred::shape(In::DIMS);
        }
    )* };
}
keeps_the_shape! {
    [const K: usize] Delay<K>;
    [] RunningMean;
    [] Smooth;
    [const BYTES: usize] Greedy<BYTES>;
    [] Stateless;
}

macro_rules! without_params {
    ($([$($generics:tt)*] $layer:ty;)*) => { $(
        impl<T: Element, $($generics)*> Layer<T> for $layer {
            type Config = ();
            type Params = ();
        }
    )* };
}
without_params! {
    [const K: usize] Delay<K>;
    [] RunningMean;
    [const BYTES: usize] Greedy<BYTES>;
    [] Stateless;
}

impl<T: Element> Layer<T> for Smooth {
    type Config = ();
    type Params = SmoothParams<T>;

    fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.a = [T::from_f64_lossy(0.75)];
    }
}

impl<S: Shape, T: Element, const K: usize> Infer<S, S, T> for Delay<K> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.state::<T>(K * S::LEN).state::<u16>(1);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, state, .. } = call;
        y.copy_from_slice(x);
        let Some(mut state) = state else { return };

        assert_eq!(x.len(), 1, "a stream has one input at a time");
        let kept = state.take::<T>(K * S::LEN);
        let next = state.take::<u16>(1);

        let oldest = &mut kept[usize::from(next[0]) * S::LEN..][..S::LEN];
        let half = T::from_f64_lossy(0.5);
        for ((y, x), old) in y.iter_mut().flatten().zip(&x[0]).zip(oldest) {
            *y += half * *old;
            *old = *x;
        }
        next[0] = (next[0] + 1) % K as u16;
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for RunningMean {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.state::<u64>(1).state::<f64>(S::LEN);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, state, .. } = call;
        y.copy_from_slice(x);
        let Some(mut state) = state else { return };

        let count = state.take::<u64>(1);
        let sums = state.take::<f64>(S::LEN);
        count[0] += 1;
        for (y, sum) in y.iter_mut().flatten().zip(sums) {
            *sum += y.to_f64().expect("a number");
            *y = T::from_f64_lossy(*sum / count[0] as f64);
        }
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for Smooth {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.state::<T>(S::LEN);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            params,
            x,
            y,
            state,
            ..
        } = call;
        let [a] = params.a;
        for (x, y) in x.iter().zip(&mut *y) {
            y.fill_with(|i| (T::one() - a) * x.as_slice()[i]);
        }
        let Some(mut state) = state else { return };

        for (y, smooth) in y.iter_mut().flatten().zip(state.take::<T>(S::LEN)) {
            *y += a * *smooth;
            *smooth = *y;
        }
    }
}

/// In training, each sample is the first of a stream.
impl<S: Shape, T: Element> Train<S, S, T> for Smooth {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        let [a] = params.a;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            dx.fill_with(|i| (T::one() - a) * dy.as_slice()[i]);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, S, S, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        for (x, dy) in x.iter().flatten().zip(dy.iter().flatten()) {
            gradient.a[0] -= *x * *dy;
        }
    }
}

fn delay(steps: usize) -> Naive {
    let mut kept: VecDeque<Vec<f64>> = VecDeque::new();
    Box::new(move |x| {
        kept.push_back(x.to_vec());
        let old = if kept.len() > steps {
            kept.pop_front().expect("an old input")
        } else {
            vec![0.0; x.len()]
        };
        x.iter().zip(old).map(|(x, old)| x + 0.5 * old).collect()
    })
}

fn running_mean() -> Naive {
    let mut all: Vec<Vec<f64>> = Vec::new();
    Box::new(move |x| {
        all.push(x.to_vec());
        (0..x.len())
            .map(|i| all.iter().map(|x| x[i]).sum::<f64>() / all.len() as f64)
            .collect()
    })
}

fn smooth(params: &SmoothParams<f64>) -> Naive {
    let [a] = params.a;
    let mut last = Vec::new();
    map(move |i, x| {
        if i == last.len() {
            last.push(0.0);
        }
        last[i] = a * last[i] + (1.0 - a) * x;
        last[i]
    })
}

const STEPS: usize = 11;

/// Returns the outputs of a stream, by [`Network::step`].
fn outputs<N: Network>(net: &N, x: &[In<N>], state: &mut State<N>) -> Vec<Out<N>> {
    x.iter().map(|x| net.step(x, state)).collect()
}

/// Checks everything that holds for the streams of any network, and returns the outputs of one.
#[track_caller]
fn check_streams<N: Network>(net: &N) -> Vec<Out<N>> {
    assert_eq!(size_of::<State<N>>(), N::STATE_BYTES);
    let x: Vec<In<N>> = random(STEPS, 1);
    let other_x: Vec<In<N>> = random(STEPS, 2);

    let mut state = N::state();
    let y = outputs(net, &x, &mut state);
    let other_y = outputs(net, &other_x, &mut N::state());
    let same = |a: &[Out<N>], b: &[Out<N>]| bits(Tensor::flatten(a)) == bits(Tensor::flatten(b));
    assert!(!same(&y, &other_y));

    // A reset state begins anew, and `step_into` continues what `step` began.
    state.reset();
    let mut again = outputs(net, &x[..5], &mut state);
    for x in &x[5..] {
        let mut y = Box::new(Out::<N>::full(N::Element::from_f64_lossy(f64::NAN)));
        net.step_into(x, &mut *y, &mut state);
        again.push(*y);
    }
    assert!(same(&again, &y), "a stream after a reset");

    // A copy continues on its own.
    let mut state = N::state();
    outputs(net, &x[..4], &mut state);
    let mut copy = state.clone();
    outputs(net, &other_x, &mut copy);
    assert!(same(&outputs(net, &x[4..], &mut state), &y[4..]));

    // Two alternating streams, with calls outside of any stream in between.
    let (mut state, mut other) = (N::state(), N::state());
    let mut batch = vec![Out::<N>::zeros(); STEPS];
    for step in 0..STEPS {
        assert!(same(&[net.step(&x[step], &mut state)], &y[step..=step]));
        assert!(same(
            &[net.step(&other_x[step], &mut other)],
            &other_y[step..=step]
        ));
        let _ = net.forward(&x[0]);
        net.forward_batch(&x, &mut batch);
    }

    // Outside of streams, each sample is the first of one.
    for (x, from_batch) in x.iter().zip(&batch) {
        let first = net.step(x, &mut N::state());
        assert!(same(&[net.forward(x)], &[first]), "forward");
        let close = |(a, b): (&N::Element, &N::Element)| {
            (*a - *b).abs() <= N::Element::from_f64_lossy(1e-5)
        };
        assert!(
            from_batch.iter().zip(&first).all(close),
            "{} in a batch",
            N::NAME
        );
    }

    // In a scope of flushed denormal numbers, which takes another code path.
    let flushed = with_flushed_denormals(|| outputs(net, &x, &mut N::state()));
    assert!(same(&flushed, &y), "with flushed denormals");
    y
}

/// Checks the streams of a network against naive ones.
#[track_caller]
fn check<N: Network<Element = f64>>(reference: impl Fn(&N) -> Naive) {
    let mut net = N::init(&mut shapewright::rng(5));
    // Each repetition smooths with another coefficient.
    let mut a = 0.9;
    net.for_each_param_mut(|name, _, values| {
        if name.ends_with(".a") {
            values[0] = a;
            a *= 0.8;
        }
    });

    let y = check_streams(&*net);
    let mut naive = reference(&net);
    for (step, (x, y)) in random::<N::Input, f64>(STEPS, 1).iter().zip(&y).enumerate() {
        let wanted = naive(x.as_slice());
        crate::common::assert_close(
            &format!("{} in step {step}", N::NAME),
            y.as_slice(),
            &wanted,
            1e-12,
        );
    }
}

/// Returns the bytes of a state with `len` numbers of 8 bytes.
const fn line(len: usize) -> usize {
    (8 * len).next_multiple_of(64)
}

/// The bytes of the layers' states, on `len` numbers.
const fn delay_bytes(steps: usize, len: usize) -> usize {
    line(steps * len) + 64
}
const fn mean_bytes(len: usize) -> usize {
    64 + line(len)
}

network! { struct Plain: [3] -> [3] as f64 {
    Delay<2>, smooth: Smooth, RunningMean, Tanh, Delay<1>, Relu, fc: Linear<_, 3>, Relu, Delay<13>
} }

#[test]
fn lists_of_layers() {
    check::<Plain>(|net| {
        chain([
            delay(2),
            smooth(&net.smooth),
            running_mean(),
            map(|_, x| x.tanh()),
            delay(1),
            map(|_, x| x.max(0.0)),
            dense(&net.fc.weight, &net.fc.bias),
            map(|_, x| x.max(0.0)),
            delay(13),
        ])
    });
    let delays = delay_bytes(2, 3) + delay_bytes(1, 3) + delay_bytes(13, 3);
    assert_eq!(Plain::STATE_BYTES, delays + mean_bytes(3) + line(3));
}

#[test]
fn residuals() {
    network! { struct Net: [3] -> [3] as f64 {
        Residual { Delay<2>, fc: Linear<_, 4>, smooth: Smooth, Linear<_, 3> },
        Residual { RunningMean },
    } }
    check::<Net>(|net| {
        let body = chain([
            delay(2),
            dense(&net.layer_0.fc.weight, &net.layer_0.fc.bias),
            smooth(&net.layer_0.smooth),
            dense(&net.layer_0.layer_3.weight, &net.layer_0.layer_3.bias),
        ]);
        chain([sum(body, identity()), sum(running_mean(), identity())])
    });
    assert_eq!(
        Net::STATE_BYTES,
        delay_bytes(2, 3) + line(4) + mean_bytes(3)
    );
}

#[test]
fn residuals_with_a_shortcut() {
    network! { struct Net: [3] -> [5] as f64 {
        block: Residual {
            Delay<3>,
            fc: Linear<_, 5>,
            shortcut: { RunningMean, fc: Linear<_, 5>, smooth: Smooth },
        },
        Delay<1>,
    } }

    check::<Net>(|net| {
        let block = &net.block;
        let body = chain([delay(3), dense(&block.fc.weight, &block.fc.bias)]);
        let shortcut = chain([
            running_mean(),
            dense(&block.shortcut.fc.weight, &block.shortcut.fc.bias),
            smooth(&block.shortcut.smooth),
        ]);
        chain([sum(body, shortcut), delay(1)])
    });

    assert_eq!(
        Net::STATE_BYTES,
        delay_bytes(3, 3) + mean_bytes(3) + line(5) + delay_bytes(1, 5)
    );
}

#[test]
fn concatenations() {
    network! { struct Net: [3] -> [9] as f64 {
        RunningMean,
        Concat {
            a: { Delay<2>, fc: Linear<_, 2> },
            b: { smooth: Smooth, Delay<2> },
            { fc: Linear<_, 4>, RunningMean },
        },
        Delay<4>,
    } }

    check::<Net>(|net| {
        let block = &net.layer_1;
        chain([
            running_mean(),
            join([
                chain([delay(2), dense(&block.a.fc.weight, &block.a.fc.bias)]),
                chain([smooth(&block.b.smooth), delay(2)]),
                chain([
                    dense(&block.branch_2.fc.weight, &block.branch_2.fc.bias),
                    running_mean(),
                ]),
            ]),
            delay(4),
        ])
    });

    let inside = 2 * delay_bytes(2, 3) + line(3) + mean_bytes(4);
    assert_eq!(Net::STATE_BYTES, mean_bytes(3) + inside + delay_bytes(4, 9));
}

#[test]
fn splits() {
    network! { struct Net: [3] -> ([2], [3]) as f64 {
        Delay<1>,
        Split { a: { RunningMean, fc: Linear<_, 2>, Delay<3> }, b: { smooth: Smooth } },
        // A layer of any shape keeps one state for both.
        Delay<2>,
    } }

    check::<Net>(|net| {
        let a = &net.layer_1.a;
        chain([
            delay(1),
            join([
                chain([running_mean(), dense(&a.fc.weight, &a.fc.bias), delay(3)]),
                smooth(&net.layer_1.b.smooth),
            ]),
            delay(2),
        ])
    });

    let inside = mean_bytes(3) + delay_bytes(3, 2) + line(3);
    assert_eq!(
        Net::STATE_BYTES,
        delay_bytes(1, 3) + inside + delay_bytes(2, 5)
    );
}

#[test]
fn repetitions() {
    network! { struct Net: [3] -> [3] as f64 {
        Delay<1>,
        blocks: Repeat<3> { Delay<2>, smooth: Smooth, fc: Linear<_, 3>, Tanh, RunningMean },
        RunningMean,
    } }

    check::<Net>(|net| {
        let block = |index: usize| {
            let block = &net.blocks[index];
            chain([
                delay(2),
                smooth(&block.smooth),
                dense(&block.fc.weight, &block.fc.bias),
                map(|_, x| x.tanh()),
                running_mean(),
            ])
        };

        chain([delay(1), block(0), block(1), block(2), running_mean()])
    });

    let each = delay_bytes(2, 3) + line(3) + mean_bytes(3);
    assert_eq!(
        Net::STATE_BYTES,
        delay_bytes(1, 3) + 3 * each + mean_bytes(3)
    );
}

network! { struct Inner: [3] -> [3] as f64 { Delay<1>, smooth: Smooth, fc: Linear<_, 3> } }
network! { struct Middle: [3] -> [3] as f64 { RunningMean, inner: Inner, Tanh, Delay<2> } }
network! { struct Outer: [3] -> [3] as f64 {
    first: Middle,
    Delay<1>,
    blocks: Repeat<2> { inner: Inner, rest: Residual { middle: Middle, RunningMean } },
    second: Middle,
} }

fn inner(net: &Inner) -> Naive {
    let fc = dense(&net.fc.weight, &net.fc.bias);
    chain([delay(1), smooth(&net.smooth), fc])
}

fn middle(net: &Middle) -> Naive {
    chain([
        running_mean(),
        inner(&net.inner),
        map(|_, x| x.tanh()),
        delay(2),
    ])
}

#[test]
fn nested_networks() {
    check::<Middle>(middle);

    check::<Outer>(|net| {
        let block = |index: usize| {
            let block = &net.blocks[index];
            let rest = chain([middle(&block.rest.middle), running_mean()]);
            chain([inner(&block.inner), sum(rest, identity())])
        };

        let ends = (middle(&net.first), middle(&net.second));
        chain([ends.0, delay(1), block(0), block(1), ends.1])
    });

    assert_eq!(Inner::STATE_BYTES, delay_bytes(1, 3) + line(3));
    assert_eq!(
        Middle::STATE_BYTES,
        mean_bytes(3) + Inner::STATE_BYTES + delay_bytes(2, 3)
    );

    let each = Inner::STATE_BYTES + Middle::STATE_BYTES + mean_bytes(3);
    assert_eq!(
        Outer::STATE_BYTES,
        2 * Middle::STATE_BYTES + delay_bytes(1, 3) + 2 * each
    );
}

#[test]
fn nested_networks_with_several_inputs() {
    network! { struct Two: (a: [3], b: [3]) -> [3] as f64 {
        late: Delay<2> <- a,
        last: Smooth <- b,
        Add <- (late, last),
    } }
    network! { struct Net: [3] -> [3] as f64 {
        mean: RunningMean,
        two: Two <- (input, mean),
        Delay<1>,
    } }

    check::<Net>(|net| {
        let last = chain([running_mean(), smooth(&net.two.last)]);
        chain([sum(delay(2), last), delay(1)])
    });
    assert_eq!(
        Net::STATE_BYTES,
        mean_bytes(3) + Two::STATE_BYTES + delay_bytes(1, 3)
    );
}

/// Scratch on the stack in two sizes and in the memory of the thread; images, whose layers run over
/// few samples at a time; numbers of 4 bytes.
#[test]
fn streams_of_any_size() {
    network! { struct Medium: [40] -> [40] as f64 {
        Delay<2>, fc: Linear<_, 150>, RunningMean, Linear<_, 40>, smooth: Smooth, Tanh, Delay<1>
    } }
    network! { struct Large: [500] -> [500] as f64 {
        Residual { Delay<2>, Linear<_, 150>, RunningMean, Linear<_, 500>, Smooth }, Delay<1>
    } }
    network! { struct Images: [24, 24, 3] -> [5] {
        Delay<2>, Conv2d<_, 8, 3, Pad<1>>, Relu, RunningMean, MaxPool2d<2>, Smooth,
        Residual { Conv2d<_, 8, 3, Pad<1>>, Delay<1> }, Flatten, Linear<_, 5>, RunningMean,
    } }
    network! { struct Odd: [3, 5] -> [3, 7] {
        Delay<3>, Repeat<2> { Smooth, Linear<_, 5>, RunningMean }, Linear<_, 7>, Relu, Delay<1>
    } }

    fn check<N: Network>() {
        check_streams(&*N::init(&mut shapewright::rng(2)));
    }

    check::<Medium>();
    check::<Large>();
    check::<Images>();
    check::<Odd>();
}

/// A network without a state has streams as well: each step is a forward pass.
#[test]
fn streams_without_a_state() {
    network! { struct Net: [4] -> [2] { Linear<_, 5>, Tanh, Linear<_, 2> } }
    assert_eq!(Net::STATE_BYTES, 0);
    let net = Net::init(&mut shapewright::rng(0));
    let mut state = Net::state();
    for x in random::<_, f32>(5, 3) {
        assert_eq!(net.step(&x, &mut state), net.forward(&x));
    }
    assert_eq!(size_of_val(&state), 0);
}

/// Threads share the network. Each has a stream of its own, and streams move between threads.
#[test]
fn streams_on_several_threads() {
    let net = &*Outer::init(&mut shapewright::rng(1));
    let x: Vec<In<Outer>> = random(STEPS, 4);
    let wanted = outputs(net, &x, &mut Outer::state());

    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(outputs(net, &x, &mut Outer::state()), wanted);
                }
            });
        }
    });

    let mut state = Outer::state();
    for (x, wanted) in x.iter().zip(&wanted) {
        state = std::thread::scope(|scope| {
            let step = move || {
                let mut state = state;
                assert_eq!(net.step(x, &mut state), *wanted);
                state
            };
            scope.spawn(step).join().expect("a step")
        });
    }
}

/// A layer with a state can be trained, where each sample is the first of a stream.
#[test]
fn layers_with_a_state_are_trained() {
    network! { struct Net: [3] -> [2] as f64 {
        Linear<_, 4>,
        smooth: Smooth,
        Repeat<2> { Residual { smooth: Smooth, Linear<_, 4>, Tanh } },
        Concat { a: Smooth, b: { Linear<_, 2>, Smooth } },
        Linear<_, 2>,
    } }
    check_network::<Net>(1);
    check_network::<Net>(5);
    // Each of the states takes one cache line.
    assert_eq!(Net::STATE_BYTES, 5 * 64);
}

/// Takes a number of bytes of state, and has asked for 3 numbers of 4 bytes.
struct Greedy<const BYTES: usize>;

/// Takes a number from its state, and has asked for nothing.
struct Stateless;

impl<S: Shape, T: Element, const BYTES: usize> Infer<S, S, T> for Greedy<BYTES> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.state::<f32>(3);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, state, .. } = call;
        y.copy_from_slice(x);
        if let Some(mut state) = state {
            assert_eq!(state.take::<u8>(BYTES), vec![0; BYTES]);
            state.take::<u8>(0);
            state.take::<u8>(BYTES / 64);
        }
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for Stateless {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, state, .. } = call;
        y.copy_from_slice(x);
        state.map(|mut state| state.take::<f32>(1)[0]);
    }
}

#[test]
fn a_layer_has_the_state_that_it_asked_for() {
    network! { struct Modest: [2] -> [2] { Greedy<63>, Delay<1> } }
    network! { struct Second: [2] -> [2] { Delay<2>, Greedy<64>, Delay<1> } }
    network! { struct TooLong: [2] -> [2] { Delay<2>, Repeat<2> { Greedy<65> }, Delay<1> } }
    network! { struct Unasked: [2] -> [2] { Delay<2>, Residual { Stateless }, Delay<1> } }

    fn step<N: Network<Element = f32>>() -> Result<(), String> {
        let step = || {
            let (net, x) = (N::zeros(), Tensor::zeros());
            let _ = net.forward(&x);
            let _ = net.step(&x, &mut N::state());
        };
        let panic = std::thread::spawn(step).join();
        panic.map_err(|panic| *panic.downcast::<String>().expect("a sentence"))
    }
    assert_eq!(step::<Modest>(), Ok(()));

    let sentence = |asked, left| {
        Err(format!(
            "a layer takes {asked} bytes of memory, and {left} are left of those that it asked \
             for; `NEEDS` and `TRAIN_NEEDS` of a layer have a piece for each `take`"
        ))
    };
    assert_eq!(step::<Second>(), sentence(64, 0));
    assert_eq!(step::<TooLong>(), sentence(128, 64));
    assert_eq!(step::<Unasked>(), sentence(64, 0));
}

/// States and outputs that are larger than the stack.
#[test]
fn large_states_live_on_the_heap() {
    network! { struct Line: [300, 300, 1] -> [300, 300, 1] { Delay<2> } }

    let stream = || {
        let net = Line::zeros();
        let x = Tensor3::full_boxed(2.0);
        let mut y = Tensor3::zeros_boxed();
        let mut workspace = InferenceWorkspace::boxed();
        let mut state = Line::state_boxed();
        let mut outputs = Vec::new();
        for _ in 0..2 {
            net.step_into(&*x, &mut *y, &mut state);
            outputs.push(y[[299, 299, 0]]);
        }

        let mut other = state.to_boxed();
        net.step_into_with(&*x, &mut *y, &mut other, &mut workspace);
        outputs.push(y[[299, 299, 0]]);
        state.reset();
        net.step_into(&*x, &mut *y, &mut state);
        outputs.push(y[[299, 299, 0]]);
        other.clone_from(&state);
        net.step_into(&*x, &mut *y, &mut other);
        outputs.push(y[[299, 299, 0]]);
        assert_eq!(outputs, [2.0, 2.0, 3.0, 2.0, 2.0]);
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let thread = thread.spawn(stream).expect("a thread");
    thread.join().expect("no overflow");
}
