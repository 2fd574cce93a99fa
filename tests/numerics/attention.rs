//! Attention: gradients, masks, positions, and streams.

use crate::common::gradient::check_network;
use crate::common::{In, Out, bits, random};
use shapewright::prelude::*;

/// `test name: shapes { layers }, batches`
macro_rules! gradients {
    ($($name:ident: $input:tt -> $output:tt { $($layers:tt)* } $(, $batch:literal)+;)*) => { $(
        #[test]
        fn $name() {
            network! { struct Net: $input -> $output as f64 { $($layers)* } }
            $(check_network::<Net>($batch);)+
        }
    )* };
}

gradients! {
    self_attention: [5, 6] -> [5, 6] { MultiHeadAttention<_, 2> }, 1, 3;
    one_head: [3, 4] -> [3, 4] { MultiHeadAttention<4, 1, NoBias> }, 2;
    one_position: [1, 4] -> [1, 4] { MultiHeadAttention<_, 2> }, 2;
    causal: [5, 6] -> [5, 6] { MultiHeadAttention<_, 3, Causal> }, 1, 2;
    causal_of_many: [40, 4] -> [40, 4] { MultiHeadAttention<_, 2, Causal> }, 2;
    window: [40, 4] -> [40, 4] { MultiHeadAttention<_, 2, Causal, Window<5>> }, 1;
    grouped: [4, 8] -> [4, 8] { MultiHeadAttention<_, 4, KvHeads<2>> }, 2;
    multi_query: [4, 8] -> [4, 8] { MultiHeadAttention<_, 4, KvHeads<1>, NoBias, Causal> }, 2;
    head_dim: [4, 5] -> [4, 5] { MultiHeadAttention<_, 2, HeadDim<3>> }, 2;
    rotary: [4, 8] -> [4, 8] { MultiHeadAttention<_, 2, Rotary<100>, Causal> }, 2;
    rotary_interleaved: [4, 8] -> [4, 8] {
        MultiHeadAttention<_, 2, RotaryInterleaved<100>, KvHeads<1>>
    }, 2;
    between_layers: [5, 3] -> [5, 3] {
        Linear<_, 8>, Residual { LayerNorm, MultiHeadAttention<_, 2, Causal> }, Linear<_, 3>
    }, 2;
    with_dropout: [6, 4] -> [6, 4] { MultiHeadAttention<_, 2>(0.4) }, 1, 3;
    with_dropout_causal: [40, 4] -> [40, 4] { MultiHeadAttention<_, 2, Causal>(0.3) }, 2;

    cross: (q: [3, 4], m: [5, 6]) -> [3, 4] {
        MultiHeadAttention<_, 2, Cross> <- (q, m)
    }, 1, 3;
    cross_of_one_width: (q: [3, 4], m: [5, 4]) -> [3, 4] {
        MultiHeadAttention<_, 2, Cross> <- (q, m)
    }, 2;
    cross_twice_the_same: [3, 4] -> [3, 4] { MultiHeadAttention<_, 2, Cross> <- (input, input) }, 2;
    masked: (x: [5, 4], m: [5]) -> [5, 4] {
        mask: Relu <- m,
        MultiHeadAttention<_, 2, KeyPaddingMask> <- (x, mask)
    }, 1, 5;
    masked_cross: (q: [3, 4], k: [5, 2], m: [5]) -> [3, 4] {
        mask: Relu <- m,
        MultiHeadAttention<_, 2, Cross, KeyPaddingMask> <- (q, k, mask)
    }, 4;
    biased: (x: [5, 4], b: [5, 5]) -> [5, 4] {
        MultiHeadAttention<_, 2, AttentionBias> <- (x, b)
    }, 1, 3;
    biased_by_head: (q: [3, 4], k: [5, 4], b: [2, 3, 5]) -> [3, 4] {
        MultiHeadAttention<_, 2, Cross, AttentionBias> <- (q, k, b)
    }, 2;
    biased_causal: (x: [40, 4], b: [40, 40]) -> [40, 4] {
        MultiHeadAttention<_, 2, Causal, AttentionBias>(0.2) <- (x, b)
    }, 2;
    everything: (q: [3, 8], k: [6, 5], m: [6], b: [4, 3, 6]) -> [3, 8] {
        mask: Relu <- m,
        MultiHeadAttention<_, 4, Cross, KeyPaddingMask, AttentionBias, KvHeads<2>, HeadDim<3>>(0.1)
            <- (q, k, mask, b)
    }, 3;

    learned_positions: [4, 3] -> [4, 3] { PositionalEmbedding }, 1, 3;
    learned_positions_of_more: [4, 3] -> [4, 3] { Linear<_, 3>, PositionalEmbedding<6> }, 2;
    sinusoidal_positions: [4, 5] -> [4, 5] { Linear<_, 5>, PositionalEncoding, Tanh }, 2;
}

/// The options of an attention, as its definition in plain loops reads them.
#[derive(Clone, Copy, Default)]
struct Options {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    causal: bool,
    window: Option<usize>,
    /// The base, and whether neighbours are paired.
    rotary: Option<(f64, bool)>,
}

/// The inputs of one sample.
struct Sample<'a> {
    query: &'a [f64],
    memory: &'a [f64],
    mask: &'a [f64],
    bias: &'a [f64],
}

/// The weights, as `[in][out]`.
struct Weights {
    query: Vec<f64>,
    key: Vec<f64>,
    value: Vec<f64>,
    bias: Vec<f64>,
    out: Vec<f64>,
    out_bias: Vec<f64>,
}

/// Returns `x W + b`.
fn dense(x: &[f64], weight: &[f64], bias: &[f64], [rows, from, to]: [usize; 3]) -> Vec<f64> {
    let mut y = vec![0.0; rows * to];
    for i in 0..rows {
        for o in 0..to {
            let sum: f64 = (0..from)
                .map(|c| x[i * from + c] * weight[c * to + o])
                .sum();
            y[i * to + o] = sum + bias.get(o).unwrap_or(&0.0);
        }
    }
    y
}

fn rotate(rows: &mut [f64], width: usize, head_dim: usize, base: f64, neighbours: bool) {
    for (position, row) in rows.chunks_mut(width).enumerate() {
        for head in row.chunks_mut(head_dim) {
            for pair in 0..head_dim / 2 {
                let angle = position as f64 / base.powf(2.0 * pair as f64 / head_dim as f64);
                let [a, b] = if neighbours {
                    [2 * pair, 2 * pair + 1]
                } else {
                    [pair, pair + head_dim / 2]
                };
                let (x, y) = (head[a], head[b]);
                head[a] = x * angle.cos() - y * angle.sin();
                head[b] = y * angle.cos() + x * angle.sin();
            }
        }
    }
}

/// The definition of attention, for one sample.
fn naive(options: Options, weights: &Weights, sample: &Sample<'_>) -> Vec<f64> {
    let Options {
        heads,
        kv_heads,
        head_dim,
        ..
    } = options;
    let embed_dim = weights.out.len() / (heads * head_dim);
    let memory_dim = weights.key.len() / (kv_heads * head_dim);
    let queries = sample.query.len() / embed_dim;
    let keys = sample.memory.len() / memory_dim;
    let (width, kv_width) = (heads * head_dim, kv_heads * head_dim);

    let bias = |from: usize, len: usize| weights.bias.get(from..from + len).unwrap_or(&[]);
    let mut q = dense(
        sample.query,
        &weights.query,
        bias(0, width),
        [queries, embed_dim, width],
    );
    let sizes = [keys, memory_dim, kv_width];
    let mut k = dense(sample.memory, &weights.key, bias(width, kv_width), sizes);
    let v = dense(
        sample.memory,
        &weights.value,
        bias(width + kv_width, kv_width),
        sizes,
    );
    if let Some((base, neighbours)) = options.rotary {
        rotate(&mut q, width, head_dim, base, neighbours);
        rotate(&mut k, kv_width, head_dim, base, neighbours);
    }

    let mut attended = vec![0.0; queries * width];
    for head in 0..heads {
        let group = head / (heads / kv_heads);
        for i in 0..queries {
            let scores: Vec<f64> = (0..keys)
                .map(|j| {
                    let hidden = options.causal && j > i
                        || options.window.is_some_and(|window| j + window <= i)
                        || sample.mask.get(j) == Some(&0.0);
                    if hidden {
                        return f64::NEG_INFINITY;
                    }
                    let dot: f64 = (0..head_dim)
                        .map(|c| {
                            q[i * width + head * head_dim + c]
                                * k[j * kv_width + group * head_dim + c]
                        })
                        .sum();
                    let own = if sample.bias.len() == queries * keys {
                        0
                    } else {
                        head * queries * keys
                    };
                    dot / (head_dim as f64).sqrt()
                        + sample.bias.get(own + i * keys + j).unwrap_or(&0.0)
                })
                .collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if max == f64::NEG_INFINITY {
                continue;
            }

            let sum: f64 = scores.iter().map(|score| (score - max).exp()).sum();
            for (j, score) in scores.iter().enumerate() {
                let p = (score - max).exp() / sum;
                for c in 0..head_dim {
                    attended[i * width + head * head_dim + c] +=
                        p * v[j * kv_width + group * head_dim + c];
                }
            }
        }
    }
    dense(
        &attended,
        &weights.out,
        &weights.out_bias,
        [queries, width, embed_dim],
    )
}

/// Returns the named parameter as `f64`; nothing if there is none.
fn param<N: Network<Element = f32>>(net: &N, name: &str) -> Vec<f64> {
    let mut found = Vec::new();
    net.for_each_param(|key, _, values| {
        if key == name {
            found = values.iter().map(|&x| f64::from(x)).collect();
        }
    });
    found
}

/// Returns columns of a matrix.
fn columns(matrix: &[f64], stride: usize, range: std::ops::Range<usize>) -> Vec<f64> {
    matrix
        .chunks(stride)
        .flat_map(|row| row[range.clone()].to_vec())
        .collect()
}

/// Reads the weights of the layer `a`, whose parameters are all random.
fn weights<N: Network<Element = f32>>(net: &N, options: Options) -> Weights {
    let (width, kv_width) = (
        options.heads * options.head_dim,
        options.kv_heads * options.head_dim,
    );
    let packed = param(net, "a.in_proj_weight");
    let all = width + 2 * kv_width;
    let of = |name: &str, range: std::ops::Range<usize>| {
        if packed.is_empty() {
            param(net, name)
        } else {
            columns(&packed, all, range)
        }
    };
    Weights {
        query: of("a.q_proj_weight", 0..width),
        key: of("a.k_proj_weight", width..width + kv_width),
        value: of("a.v_proj_weight", width + kv_width..all),
        bias: param(net, "a.in_proj_bias"),
        out: param(net, "a.out_proj.weight"),
        out_bias: param(net, "a.out_proj.bias"),
    }
}

/// Compares a network of one attention `a` with the definition. `parts` takes a sample apart.
#[track_caller]
fn check_definition<N: Trainable<Element = f32>>(
    options: Options,
    parts: impl for<'x> Fn(&'x [f64]) -> Sample<'x>,
    change: impl Fn(&mut In<N>),
) {
    let mut net = N::init(&mut shapewright::rng(1));
    let numbers: Vec<Tensor1<64>> = random(N::PARAMS.div_ceil(64), 9);
    let mut numbers = Tensor::flatten(&numbers).iter();
    net.for_each_param_mut(|_, _, values| {
        values
            .iter_mut()
            .zip(&mut numbers)
            .for_each(|(to, from)| *to = *from);
    });

    let mut x: Vec<In<N>> = random(3, 5);
    x.iter_mut().for_each(&change);
    let mut y = vec![Out::<N>::zeros(); 3];
    net.forward_batch(&x, &mut y);
    let mut workspace = N::workspace();
    assert_eq!(
        bits(Tensor::flatten(
            net.forward_train(&x, &mut workspace).outputs()
        )),
        bits(Tensor::flatten(&y))
    );

    let weights = weights(&*net, options);
    for (x, y) in x.iter().zip(&y) {
        assert_eq!(bits(net.forward(x).as_slice()), bits(y.as_slice()));
        let x: Vec<f64> = x.as_slice().iter().map(|&x| f64::from(x)).collect();
        let want = naive(options, &weights, &parts(&x));
        let size = want.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        for (got, want) in y.as_slice().iter().zip(&want) {
            assert!(
                (f64::from(*got) - want).abs() <= 3e-6 * size,
                "{got} is not {want}"
            );
        }
    }
}

/// One sequence.
fn alone(x: &[f64]) -> Sample<'_> {
    Sample {
        query: x,
        memory: x,
        mask: &[],
        bias: &[],
    }
}

#[test]
fn self_attention_is_as_defined() {
    let options = Options {
        heads: 4,
        kv_heads: 4,
        head_dim: 9,
        ..Options::default()
    };
    network! { struct Plain: [37, 36] -> [37, 36] { a: MultiHeadAttention<_, 4> } }
    check_definition::<Plain>(options, alone, |_| {});

    network! { struct Causal: [70, 36] -> [70, 36] { a: MultiHeadAttention<_, 4, Causal> } }
    let causal = Options {
        causal: true,
        ..options
    };
    check_definition::<Causal>(causal, alone, |_| {});

    network! {
        struct Narrow: [70, 36] -> [70, 36] { a: MultiHeadAttention<_, 4, Causal, Window<11>> }
    }
    let narrow = Options {
        window: Some(11),
        ..causal
    };
    check_definition::<Narrow>(narrow, alone, |_| {});

    network! {
        struct Rotated: [20, 24] -> [20, 24] {
            a: MultiHeadAttention<_, 3, KvHeads<1>, HeadDim<10>, Rotary, NoBias>
        }
    }
    let rotated = Options {
        heads: 3,
        kv_heads: 1,
        head_dim: 10,
        rotary: Some((1e4, false)),
        ..Options::default()
    };
    check_definition::<Rotated>(rotated, alone, |_| {});

    network! {
        struct Neighbours: [20, 24] -> [20, 24] {
            a: MultiHeadAttention<_, 4, KvHeads<2>, RotaryInterleaved<500>>
        }
    }
    let neighbours = Options {
        heads: 4,
        kv_heads: 2,
        head_dim: 6,
        rotary: Some((500.0, true)),
        ..Options::default()
    };
    check_definition::<Neighbours>(neighbours, alone, |_| {});
}

#[test]
fn masks_and_biases_are_as_defined() {
    let options = Options {
        heads: 2,
        kv_heads: 2,
        head_dim: 4,
        ..Options::default()
    };
    network! {
        struct Net: (q: [5, 8], k: [70, 6], m: [70], b: [2, 5, 70]) -> [5, 8] {
            a: MultiHeadAttention<_, 2, Cross, KeyPaddingMask, AttentionBias> <- (q, k, m, b),
        }
    }
    fn sample(x: &[f64]) -> Sample<'_> {
        let (query, rest) = x.split_at(40);
        let (memory, rest) = rest.split_at(420);
        let (mask, bias) = rest.split_at(70);
        Sample {
            query,
            memory,
            mask,
            bias,
        }
    }
    let hide = |every: usize| {
        move |x: &mut In<Net>| {
            for (j, mask) in x.as_mut_slice()[460..530].iter_mut().enumerate() {
                *mask = if j % every == 0 { 0.0 } else { 1.0 };
            }
        }
    };
    check_definition::<Net>(options, sample, hide(3));
    // All keys are hidden: the output is the bias of the output layer.
    check_definition::<Net>(options, sample, hide(1));
}

#[test]
fn a_query_without_keys_has_no_gradient() {
    network! {
        struct Net: (x: [3, 4], m: [3]) -> [3, 4] {
            a: MultiHeadAttention<_, 2, KeyPaddingMask> <- (x, m),
        }
    }
    let net = Net::init(&mut shapewright::rng(0));
    let mut x: Vec<In<Net>> = random(1, 5);
    x[0].as_mut_slice()[12..].fill(0.0);

    let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut()[0].as_mut_slice().fill(1.0);
    let dx = pass.backward_with_input(&mut gradient)[0];
    assert_eq!(dx.as_slice(), [0.0; 15]);
    assert!(gradient.params().iter().all(|x| x.is_finite()));
    assert_eq!(gradient.a.in_proj_bias, [0.0; 12]);
    assert_eq!(gradient.a.out_proj.bias, [3.0; 4]);
}

/// The layer as it is in a stream: at a shorter length, with the context of the whole sequence.
macro_rules! stream {
    ($name:ident $layer:ident [$length:literal, $width:literal] $($numbers:tt)*) => {
        mod $layer {
            use shapewright::ext::INFER as NONE;
            pub type Layer = shapewright::nn::MultiHeadAttention<$($numbers)*>;
        }
        network! {
            struct $name: [$length, $width] -> [$length, $width] { a: $layer::Layer }
        }
    };
}

/// Copies the parameters, and runs a sequence through steps of a shorter length.
fn run<N: Network<Element = f32>, S: Network<Element = f32>>(
    whole: &N,
    x: &[f32],
    state: &mut shapewright::State<S>,
) -> Vec<u64> {
    let mut step = S::zeros();
    step.params_mut().copy_from_slice(whole.params());
    let mut all = Vec::new();
    for x in x.chunks_exact(S::Input::LEN) {
        let mut input = Box::new(In::<S>::zeros());
        input.as_mut_slice().copy_from_slice(x);
        let y = step.step(&*input, state);
        all.extend(bits(y.as_slice()));
    }
    all
}

macro_rules! check_stream {
    ($whole:ident, $($step:ident),*) => {
        let whole = $whole::init(&mut shapewright::rng(3));
        let x: Vec<In<$whole>> = random(1, 4);
        let want = bits(whole.forward(&x[0]).as_slice());
        $(
            let mut state = $step::state();
            let got = run::<$whole, $step>(&whole, x[0].as_slice(), &mut state);
            assert_eq!(got, want, stringify!($step));
            state.reset();
            assert_eq!(run::<$whole, $step>(&whole, x[0].as_slice(), &mut state), want);
        )*
    };
}

#[test]
fn a_stream_has_the_bits_of_the_whole_sequence() {
    network! { struct Whole: [96, 24] -> [96, 24] { a: MultiHeadAttention<_, 3, Causal> } }
    stream!(Ones ones [1, 24] 24, 3, true, false, false, false, NONE, NONE, 0, 0, NONE, true, 24, 24, 24, 72, 96, 0);
    stream!(Threes threes [3, 24] 24, 3, true, false, false, false, NONE, NONE, 0, 0, NONE, true, 24, 24, 24, 72, 96, 0);
    stream!(Many many [48, 24] 24, 3, true, false, false, false, NONE, NONE, 0, 0, NONE, true, 24, 24, 24, 72, 96, 0);
    check_stream!(Whole, Ones, Threes, Many);
}

#[test]
fn a_stream_with_a_window_has_the_bits_of_the_whole_sequence() {
    network! {
        struct Small: [96, 24] -> [96, 24] { a: MultiHeadAttention<_, 3, Causal, Window<7>, Rotary> }
    }
    stream!(SmallOnes small_ones [1, 24] 24, 3, true, false, false, false, NONE, NONE, 10000, 0, 7, true, 24, 24, 24, 72, 96, 0);
    stream!(SmallFours small_fours [4, 24] 24, 3, true, false, false, false, NONE, NONE, 10000, 0, 7, true, 24, 24, 24, 72, 96, 0);
    stream!(SmallMany small_many [48, 24] 24, 3, true, false, false, false, NONE, NONE, 10000, 0, 7, true, 24, 24, 24, 72, 96, 0);
    check_stream!(Small, SmallOnes, SmallFours, SmallMany);

    network! {
        struct Large: [300, 24] -> [300, 24] {
            a: MultiHeadAttention<_, 4, Causal, Window<70>, RotaryInterleaved, KvHeads<2>, NoBias>
        }
    }
    stream!(LargeOnes large_ones [1, 24] 24, 4, true, false, false, false, 2, NONE, 0, 10000, 70, false, 24, 24, 12, 48, 300, 1);
    stream!(LargeTens large_tens [10, 24] 24, 4, true, false, false, false, 2, NONE, 0, 10000, 70, false, 24, 24, 12, 48, 300, 1);
    stream!(LargeMany large_many [150, 24] 24, 4, true, false, false, false, 2, NONE, 0, 10000, 70, false, 24, 24, 12, 48, 300, 1);
    check_stream!(Large, LargeOnes, LargeTens, LargeMany);
}

/// Behind the end of the context, each position sees the last ones, however the stream is cut.
#[test]
fn a_stream_goes_on_behind_its_context() {
    stream!(Ones ones [1, 8] 8, 2, true, false, false, false, NONE, NONE, 0, 0, NONE, true, 8, 8, 8, 24, 10, 0);
    stream!(Fives fives [5, 8] 8, 2, true, false, false, false, NONE, NONE, 0, 0, NONE, true, 8, 8, 8, 24, 10, 0);
    network! {
        struct Window: [60, 8] -> [60, 8] { a: MultiHeadAttention<_, 2, Causal, Window<10>> }
    }
    let whole = Window::init(&mut shapewright::rng(3));
    let x: Vec<In<Window>> = random(1, 4);
    let want = bits(whole.forward(&x[0]).as_slice());
    let ones = run::<Window, Ones>(&whole, x[0].as_slice(), &mut Ones::state());
    assert_eq!(ones, want);
    let fives = run::<Window, Fives>(&whole, x[0].as_slice(), &mut Fives::state());
    assert_eq!(fives, want);
}

#[test]
fn positions_count_in_a_stream() {
    network! {
        struct Whole: [12, 5] -> [12, 5] { a: PositionalEmbedding, PositionalEncoding }
    }
    type Positions = shapewright::nn::PositionalEmbedding<12, 5>;
    network! {
        struct Step: [2, 5] -> [2, 5] {
            a: Positions, PositionalEncoding
        }
    }
    let whole = Whole::init(&mut shapewright::rng(3));
    let x: Vec<In<Whole>> = random(1, 4);
    let want = bits(whole.forward(&x[0]).as_slice());
    assert_eq!(
        run::<Whole, Step>(&whole, x[0].as_slice(), &mut Step::state()),
        want
    );
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    network! {
        struct Net: [33, 24] -> [33, 24] {
            MultiHeadAttention<_, 3, Causal>(0.2),
            b: MultiHeadAttention<_, 4, KvHeads<2>, Rotary>,
        }
    }
    let net = Net::init(&mut shapewright::rng(3));
    let x: Vec<In<Net>> = random(9, 4);
    let mut all = Vec::new();
    for threads in 1..4 {
        shapewright::threads::set_threads(threads);
        let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
        workspace.reseed(1);
        let mut pass = net.forward_train(&x, &mut workspace);
        let mut all_bits = bits(Tensor::flatten(pass.outputs()));
        pass.output_gradients_mut().copy_from_slice(&x);
        let dx = pass.backward_with_input(&mut gradient);
        all_bits.extend(bits(Tensor::flatten(dx)));
        all_bits.extend(bits(gradient.params()));
        all.push(all_bits);
    }
    assert!(all[0] == all[1] && all[0] == all[2]);
}

network! {
    #[stream]
    struct Story: [20] -> [20, 11] {
        wte: Embedding<11, 12>,
        wpe: PositionalEmbedding,
        Repeat<2> {
            Residual { RmsNorm, MultiHeadAttention<_, 3, Causal, KvHeads<1>, Rotary, NoBias> },
            Residual { LayerNorm, Linear<_, 24>, Gelu, Linear<_, 12> },
        },
        inner: Windowed,
        RmsNorm,
        head: Linear<_, 11>,
    }
}

network! {
    #[stream]
    struct Windowed: [20, 12] -> [20, 12] {
        PositionalEncoding,
        Residual { attend: MultiHeadAttention<_, 2, Causal, Window<6>> },
        PositionalEmbedding<30>,
    }
}

/// One definition serves blocks and steps, in any order of both.
#[test]
fn a_transformer_has_the_bits_of_blocks_in_a_stream() {
    let net = Story::init(&mut shapewright::rng(1));
    let tokens: Vec<f32> = (0..20).map(|i| ((i * 7) % 11) as f32).collect();
    let x = Tensor1::from_slice(&tokens).expect("20 tokens");
    let want = net.forward(&x);

    let mut stream = Story::stream();
    let mut again = Story::stream();
    for (t, &token) in tokens.iter().enumerate() {
        let y = stream.step(&net, &Tensor0::from(token));
        assert_eq!(bits(y.as_slice()), bits(&want.as_array()[t]), "step {t}");
    }
    let mut y = Box::new(Out::<Story>::zeros());
    again.block(&net, &x, &mut y);
    assert_eq!(bits(y.as_slice()), bits(want.as_slice()));

    // What comes behind the first block sees the same, however that came.
    let next = again.step(&net, &Tensor0::from(3.0));
    assert_eq!(
        bits(stream.step(&net, &Tensor0::from(3.0)).as_slice()),
        bits(next.as_slice())
    );
    assert_eq!(Story::RECEPTIVE_FIELD, 1 + 19 + 5 + 19);
    assert_eq!(Windowed::RECEPTIVE_FIELD, 6);
}
