//! `#[stream]`: a network given its input step by step computes the same bits as in blocks.

use crate::common::{bits, random};
use shapewright::ext::{FeatureOrder, Forward, Infer, Inferred, Layer, Needs, Reach, ShapeRule};
use shapewright::prelude::*;
use shapewright::tensor::Element;

/// The sum of this position and all before it.
struct RunningSum;

impl<In: Shape> ShapeRule<In> for RunningSum {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    const REACH: Reach = Reach::ALL_PAST;
}

impl<T: Element> Layer<T> for RunningSum {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for RunningSum {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.state::<T>(features::<S>());

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, state, .. } = call;
        let features = features::<S>();
        let mut zeros = [T::zero(); 64];
        let sum = match state {
            Some(mut state) => state.take(features),
            None => &mut zeros[..features],
        };
        for (x, y) in x.iter().zip(y) {
            let rows = x.as_slice().chunks_exact(features);
            for (x, y) in rows.zip(y.as_mut_slice().chunks_exact_mut(features)) {
                for ((x, y), sum) in x.iter().zip(y).zip(&mut *sum) {
                    *sum += *x;
                    *y = *sum;
                }
            }
        }
    }
}

const fn features<S: Shape>() -> usize {
    let dims = S::DIMS;
    dims.len() / dims.size(0)
}

network! {
    #[stream]
    #[derive(Clone, Debug)]
    struct Inner: [12, 8] -> [12, 8] { LayerNorm, Linear<_, 16>, RunningSum, Gelu, Linear<_, 8> }
}

network! {
    /// Every kind of wiring around layers with state.
    #[stream]
    #[derive(Clone, Debug)]
    pub struct Net: [12, 3] -> [12, 1] {
        first: Linear<_, 8>,
        Repeat<2> { Residual { RunningSum, Linear<_, 8>, Tanh } },
        mixed: Concat { a: { Linear<_, 5>, Sigmoid }, b: RunningSum, skip: {} },
        back: Linear<_, 8>,
        inner: Inner,
        sum: Add <- (inner, first),
        Softmax,
        Dropout(0.5),
        PRelu<_>,
        Linear<_, 1>,
    }
}

network! {
    /// Indices to the next ones, with shared parameters.
    #[stream]
    struct Language: [10] -> [10, 50] {
        embedding: Embedding<50, 24>,
        RunningSum,
        RmsNorm,
        #[tied(embedding)]
        Unembedding<_, 50>,
    }
}

network! {
    /// One answer for all positions so far.
    #[stream]
    struct Last: [8, 8] -> [8] { RunningSum, Linear<_, 8>, SelectLast, Softmax }
}

network! {
    #[stream]
    struct Double: (a: [6, 2], b: [6, 4]) -> (sum: [6, 3], last: [3]) as f64 {
        left: Linear<_, 3> <- a,
        right: Linear<_, 3> <- b,
        sum: Add <- (left, right),
        run: RunningSum <- sum,
        last: SelectLast <- run,
    }
}

fn tensor<S: Shape, T: Element>(numbers: &[T]) -> Tensor<S, T> {
    Tensor::from_slice(numbers).expect("as many numbers as the shape has")
}

/// Runs a stream in blocks, and the same inputs step by step with blocks that begin anywhere.
fn check<N: Streaming>(net: &N, seed: u64) {
    let blocks: Vec<Tensor<N::Input, N::Element>> = random(3, seed);
    let inputs: Vec<N::Element> = blocks.iter().flat_map(|x| x.as_slice().to_vec()).collect();
    let length = N::Input::LEN / N::StepInput::LEN;
    let steps: Vec<Tensor<N::StepInput, N::Element>> =
        inputs.chunks_exact(N::StepInput::LEN).map(tensor).collect();

    let mut stream = N::stream();
    let mut whole = Vec::new();
    for x in &blocks {
        let mut y = Tensor::zeros();
        stream.block(net, x, &mut y);
        whole.extend_from_slice(y.as_slice());
    }
    assert_eq!(
        bits(net.forward(&blocks[0]).as_slice()),
        bits(&whole[..N::Output::LEN])
    );

    // A prompt is read in blocks and steps; the stream goes on behind it.
    for given in [1, length - 1, length, length + 1, 3 * length - 1] {
        let (mut read, mut slow) = (N::stream_boxed(), N::stream_boxed());
        let mut y = Tensor::zeros();
        read.prompt(net, &steps[..given], &mut y);
        let last = steps[..given].iter().map(|x| slow.step(net, x)).last();
        assert_eq!(Some(bits(y.as_slice())), last.map(|y| bits(y.as_slice())));
        let [next, same] = [read, slow].map(|mut stream| stream.step(net, &steps[given]));
        assert_eq!(bits(next.as_slice()), bits(same.as_slice()));
    }

    for first in 0..length {
        stream.reset();
        let mut given = Vec::new();
        let (single, rest) = steps.split_at(first);
        for x in single {
            given.extend_from_slice(stream.step(net, x).as_slice());
        }
        for steps in rest.chunks(length) {
            if steps.len() == length {
                let x: Vec<_> = steps.iter().flat_map(|x| x.as_slice().to_vec()).collect();
                let mut y = Tensor::zeros();
                stream.block(net, &tensor(&x), &mut y);
                given.extend_from_slice(y.as_slice());
            } else {
                let mut y = vec![Tensor::zeros(); steps.len()];
                stream.steps(net, steps, &mut y);
                given.extend(y.iter().flat_map(|y| y.as_slice().to_vec()));
            }
        }
        assert_eq!(
            bits(&given),
            bits(&whole),
            "{}: blocks begin at {first}",
            N::NAME
        );
    }
}

network! {
    /// WaveNet's layers: dilated causal convolutions, gated, with residuals and skips.
    #[stream]
    struct Wave: [20, 2] -> [20, 1] {
        first: Conv1d<_, 8, 1>,
        Repeat<2> {
            Residual { Conv1d<_, 16, 2, Causal>, Glu, Conv1d<_, 8, 1> },
            Residual { Conv1d<_, 16, 3, Dilation<5>, Causal>, Glu, Conv1d<_, 8, 1> },
        },
        Conv1d<_, 8, 4, Dilation<9>, Groups<8>, Causal, NoBias>,
        Relu,
        Conv1d<_, 33, 7, Causal>,
        Tanh,
        Conv1d<_, 1, 3, Causal>,
    }
}

network! {
    #[stream]
    struct WaveF64: [20, 2] -> [20, 3] as f64 {
        Conv1d<_, 8, 2, Causal>, Tanh, Conv1d<_, 40, 3, Dilation<4>, Causal>, Tanh,
        Conv1d<_, 3, 3, Causal>,
    }
}

#[test]
fn causal_convolutions_keep_the_last_inputs() {
    assert_eq!(Wave::RECEPTIVE_FIELD, 1 + 2 * (1 + 10) + 27 + 6 + 2);
    check(&*Wave::init(&mut shapewright::rng(11)), 12);
    check(&*WaveF64::init(&mut shapewright::rng(13)), 14);
}

#[test]
fn steps_give_the_bits_of_blocks() {
    let mut net = Net::init(&mut shapewright::rng(1));
    net.for_each_param_mut(|_, _, values| values.iter_mut().for_each(|x| *x += 0.01));
    check(&*net, 2);
    assert_eq!(Net::RECEPTIVE_FIELD, usize::MAX);
    assert_eq!(Net::LOOKAHEAD, 0);

    // The state of 2 + 1 + 1 layers of 8 and 16 numbers, in lines of 64 bytes.
    assert_eq!(Net::STATE_BYTES, 4 * 64);
    assert_eq!(Inner::RECEPTIVE_FIELD, usize::MAX);
}

/// Behind `SelectLast` each step has the output of a block that ends with it.
#[test]
fn a_step_gives_the_last_output_of_a_block() {
    let net = Last::init(&mut shapewright::rng(3));
    let [block] = &random::<_, f32>(1, 4)[..] else {
        unreachable!()
    };
    let expected = net.forward(block);

    let mut stream = Last::stream();
    let mut y = Tensor1::zeros();
    for t in 0..8 {
        let x: Tensor1<8> = tensor(&block.as_slice()[8 * t..][..8]);
        y = stream.step(&net, &x);
    }
    assert_eq!(bits(y.as_slice()), bits(expected.as_slice()));
}

#[test]
fn a_language_model_continues() {
    let net = Language::init(&mut shapewright::rng(5));
    let tokens: Tensor1<10> = Tensor::from_position(|i| (7 * i % 50) as f32);
    let expected = net.forward(&tokens);

    let mut stream = Language::stream();
    for t in 0..10 {
        let y = stream.step(&net, &Tensor0::from(tokens[t]));
        assert_eq!(
            bits(y.as_slice()),
            bits(&expected.as_slice()[50 * t..][..50])
        );
    }
}

#[test]
fn several_inputs_and_outputs() {
    let net = Double::init(&mut shapewright::rng(6));
    let a: Tensor2<6, 2, f64> = random(1, 7)[0];
    let b: Tensor2<6, 4, f64> = random(1, 8)[0];
    let y = net.forward(&Tensor::from((a, b)));
    let (sum, last) = y.parts();

    let mut stream = Double::stream();
    for t in 0..6 {
        let a: Tensor1<2, f64> = tensor(&a.as_slice()[2 * t..][..2]);
        let b: Tensor1<4, f64> = tensor(&b.as_slice()[4 * t..][..4]);
        let y = stream.step(&net, &Tensor::from((a, b)));
        let (sum_now, last_now) = y.parts();
        assert_eq!(
            bits(sum_now.as_slice()),
            bits(&sum.as_slice()[3 * t..][..3])
        );
        if t == 5 {
            assert_eq!(bits(last_now.as_slice()), bits(last.as_slice()));
        }
    }
}

/// A clone continues a stream in two ways; a new stream in a `static` is as good as any.
#[test]
fn streams_are_independent() {
    static START: Stream<Inner> = Stream::new();
    let net = Inner::init(&mut shapewright::rng(9));
    let x: Vec<Tensor1<8>> = random(4, 10);

    let mut stream = START.clone();
    let first = stream.step(&net, &x[0]);
    let mut other = Inner::stream_boxed();
    (*other).clone_from(&stream);
    let second = stream.step(&net, &x[1]);
    assert_ne!(other.step(&net, &x[2]), second);

    let mut again = START.clone();
    assert_eq!(again.step(&net, &x[0]), first);
    assert_eq!(again.step(&net, &x[1]), second);
}

#[test]
fn the_receptive_field_is_the_sum_over_layers() {
    /// Reads `N` positions before its own.
    struct Past<const N: usize>;
    impl<In: Shape, const N: usize> ShapeRule<In> for Past<N> {
        const OUTPUT: Inferred = Inferred::shape(In::DIMS);
        const REACH: Reach = Reach::past(N);
    }
    impl<T: Element, const N: usize> Layer<T> for Past<N> {
        type Config = ();
        type Params = ();
    }
    impl<S: Shape, T: Element, const N: usize> Infer<S, S, T> for Past<N> {
        const ORDER: FeatureOrder = FeatureOrder::Keeps;
        fn forward(_: Forward<'_, Self, S, S, T>) {}
    }

    network! {
        #[stream]
        struct Sum: [9, 4] -> [9, 8] {
            Past<3>,
            Residual { Past<2>, Relu, Past<4> },
            Repeat<5> { Past<1>, Residual { Past<1> } },
            Concat { a: Past<7>, b: { Past<5>, Past<1> } },
        }
    }
    assert_eq!(Sum::RECEPTIVE_FIELD, 1 + 3 + 6 + 5 * 2 + 7);
}

network! {
    /// A small language model, all of whose state is the keys and values of its attention.
    #[stream]
    struct Gpt: [12] -> [12, 30] {
        wte: Embedding<30, 16>,
        wpe: PositionalEmbedding,
        Repeat<2> {
            Residual { ln_1: LayerNorm, attn: MultiHeadAttention<_, 4, Causal> },
            Residual { ln_2: LayerNorm, up: Linear<_, 64>, Gelu, down: Linear<_, 16> },
        },
        ln_f: LayerNorm,
        head: Linear<_, 30, NoBias>,
    }
}

network! {
    #[stream]
    struct Llama: [12, 16] -> [12, 16] {
        PositionalEncoding,
        Residual { RmsNorm, MultiHeadAttention<_, 4, KvHeads<2>, Causal, Rotary, Window<3>, NoBias> },
    }
}

/// A step sees the positions that are kept, of which there are as many as a block has.
#[test]
fn attention_keeps_keys_and_values() {
    let net = Gpt::init(&mut shapewright::rng(15));
    let tokens: Tensor1<12> = Tensor::from_position(|i| (11 * i % 30) as f32);
    let expected = net.forward(&tokens);
    assert_eq!(Gpt::RECEPTIVE_FIELD, 1 + 2 * 11);

    let mut stream = Gpt::stream();
    for t in 0..12 {
        let y = stream.step(&net, &Tensor0::from(tokens[t]));
        assert_eq!(
            bits(y.as_slice()),
            bits(&expected.as_slice()[30 * t..][..30])
        );
    }

    assert_eq!(Llama::RECEPTIVE_FIELD, 3);
    check(&*Llama::init(&mut shapewright::rng(16)), 17);

    // A window may be longer than a block.
    network! {
        #[stream]
        struct Wide: [4, 8] -> [4, 8] { MultiHeadAttention<_, 2, Causal, Window<7>> }
    }
    network! {
        struct Long: [12, 8] -> [12, 8] { MultiHeadAttention<_, 2, Causal, Window<7>> }
    }
    let net = Wide::init(&mut shapewright::rng(22));
    check(&*net, 23);
    let mut long = Long::zeros();
    long.params_mut().copy_from_slice(net.params());
    let x: Tensor2<12, 8> = random(1, 24)[0];
    let expected = long.forward(&x);
    let mut stream = Wide::stream();
    for (x, y) in x.as_slice().chunks(8).zip(expected.as_slice().chunks(8)) {
        let found = stream.step(&net, &tensor(x));
        let far = found.iter().zip(y).any(|(a, b)| (a - b).abs() > 1e-5);
        assert!(!far, "{found:?} is not {y:?}");
    }
}

network! {
    #[stream]
    struct Amp: [16, 1] -> [16, 1] {
        Residual { Lstm<_, 20>, Linear<_, 1> },
        Gru<_, 8, Layers<2>>(0.5),
        Gru<_, 24, ResetBefore>,
        Rnn<_, 5, Relu>,
        Conv1d<_, 8, 3, Causal>,
        Linear<_, 1>,
    }
}

network! {
    #[stream]
    struct AmpF64: [9, 2] -> [9, 3] as f64 { Lstm<_, 8>, Gru<_, 40>, Linear<_, 3> }
}

#[test]
fn recurrent_layers_go_on() {
    check(&*Amp::init(&mut shapewright::rng(18)), 19);
    check(&*AmpF64::init(&mut shapewright::rng(20)), 21);
}

network! {
    /// Convolutions over the samples of each frame, whose frames overlap.
    #[stream]
    struct Spectrum: [6, 12] -> [6, 3] {
        Overlap<5>,
        Reshape<_, 17, 1>,
        ReflectionPad2d<(2, 3, 0, 0)>,
        stft: Conv2d<_, 10, (1, 7), Stride<1, 5>, NoBias>,
        Magnitude,
        ZeroPad2d<(1, 0, 0, 0)>,
        encoder: Conv2d<_, 40, (1, 2)>,
        Relu,
        ReplicationPad2d<(1, 0, 0, 0)>,
        Conv2d<_, 8, (1, 3), Pad<0, 1>, Dilation<3, 1>, Groups<2>>,
        Conv2d<_, 3, 1>,
        Reshape<_, 15>,
        Gru<_, 4>,
        Linear<_, 3>,
    }
}

network! {
    /// More overlap than a block has.
    #[stream]
    struct Far: [2, 3, 2] -> [2, 11, 2] as f64 { Overlap<8> }
}

network! {
    /// Behind the last position there is no time, so that all sizes may be written.
    #[stream]
    struct Square: [5, 4] -> [2, 2] { Rnn<_, 4>, SelectLast, Reshape<2, 2> }
}

#[test]
fn frames_of_a_signal() {
    check(&*Spectrum::init(&mut shapewright::rng(25)), 26);
    check(&*Far::zeros(), 27);
    assert_eq!(Far::RECEPTIVE_FIELD, 1 + 3);
    assert_eq!(Far::STATE_BYTES, 8 * 2 * 8);

    let net = Square::init(&mut shapewright::rng(28));
    let mut stream = Square::stream();
    let x: Tensor2<5, 4> = random(1, 29)[0];
    let mut y = Tensor2::zeros();
    for x in x.as_slice().chunks(4) {
        y = stream.step(&net, &tensor(x));
    }
    assert_eq!(bits(y.as_slice()), bits(net.forward(&x).as_slice()));
}
