//! The code of `network!`: constants, names, flat parameters, summary, initial values.

use crate::common::{Settings, assert_close, bits, random, settings};
use shapewright::prelude::*;
use shapewright::{
    Parameters,
    tensor::{Dims, Element},
};

network! {
    /// A documented network.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Small: [4] -> [3] {
        /// The first layer.
        fc1: Linear<_, 10>,
        Relu,
        Linear<10, 3, NoBias>,
    }
}
network! {
    #[derive(Clone, Debug, PartialEq)]
    pub struct Encoder: [2, 3] -> [5] { Flatten, fc: Linear<_, 5>, Tanh }
}
network! {
    #[derive(Clone, Debug, PartialEq)]
    struct Outer: [2, 3] -> [2] { encoder: Encoder, Gelu, decoder: Small2, head: Linear<_, 2>, Softmax }
}
network! { #[derive(Clone, Debug, PartialEq)] struct Small2: [5] -> [3] { Linear<_, 3>, Dropout, Linear<_, 3> } }

fn keys<N: Trainable>(net: &N) -> Vec<String> {
    let mut keys = Vec::new();
    net.for_each_param(|name, sizes, values| {
        assert_eq!(values.len(), sizes.iter().product::<usize>());
        keys.push(format!("{name} {sizes:?}"));
    });
    keys
}

#[test]
fn constants_are_those_worked_out_by_hand() {
    // fc1: 4 * 10 + 10; the last one: 10 * 3.
    assert_eq!((Small::PARAMS, Small::MACS), (50 + 30, 40 + 30));
    // Ten numbers between the layers; in training also their gradients, the output and its
    // gradient. Each buffer is a multiple of 8 bytes for each sample.
    assert_eq!(
        (Small::WORKSPACE_BYTES, Small::TRAIN_WORKSPACE_BYTES),
        (4 * 10, 4 * (2 * 10 + 2 * 3))
    );
    assert_eq!(size_of::<Small>(), 4 * 80);
    assert_eq!((align_of::<Small>(), align_of::<Outer>()), (64, 64));

    // A `Linear` on twelve rows, in f64.
    network! { struct Rows: [3, 4, 2] -> [12] as f64 { Linear<_, 7>, Relu, Gelu, Linear<_, 1>, Flatten } }
    assert_eq!(
        (Rows::PARAMS, Rows::MACS),
        (2 * 7 + 7 + 7 + 1, 12 * 2 * 7 + 12 * 7)
    );
    // Two alternating buffers for inference; two activations and two gradients of 84 numbers for
    // training.
    assert_eq!(
        (Rows::WORKSPACE_BYTES, Rows::TRAIN_WORKSPACE_BYTES),
        (8 * 2 * 84, 8 * (4 * 84 + 2 * 12))
    );
    assert_eq!(size_of::<Rows>(), 8 * 32);

    // A nested network's own memory comes on top. Encoder: nothing between its layers, as Flatten
    // is a view and Tanh works in place. Small2: 3 numbers, for training also what Dropout
    // changes in place.
    assert_eq!((Encoder::WORKSPACE_BYTES, Small2::WORKSPACE_BYTES), (0, 16));
    assert_eq!(Outer::PARAMS, 35 + (18 + 12) + 8);
    assert_eq!(Outer::MACS, 30 + 15 + 9 + 6);
    assert_eq!(Outer::WORKSPACE_BYTES, 24 + 24 + 16);
    // Slots of 5 (Encoder), 5 (Gelu) and 3 (Small2) with gradients, Small2's own 2 * 3, the output
    // of 2.
    assert_eq!(
        Outer::TRAIN_WORKSPACE_BYTES,
        2 * (24 + 24 + 16) + 2 * 16 + 4 * 2 * 2
    );

    // Views alone, and an activation alone.
    network! { struct View: [6] -> [2, 3] { Reshape<2, _> } }
    assert_eq!((View::PARAMS, View::MACS, View::WORKSPACE_BYTES), (0, 0, 0));
    assert_eq!(View::TRAIN_WORKSPACE_BYTES, 4 * 12);
    assert_eq!(size_of::<View>(), 0);
}

#[test]
fn parameters_have_the_names_of_their_layers() {
    assert_eq!(
        keys(&*Small::zeros()),
        ["fc1.weight [4, 10]", "fc1.bias [10]", "2.weight [10, 3]"]
    );

    let nested = [
        "encoder.fc.weight [6, 5]",
        "encoder.fc.bias [5]",
        "decoder.0.weight [5, 3]",
        "decoder.0.bias [3]",
        "decoder.2.weight [3, 3]",
        "decoder.2.bias [3]",
        "head.weight [3, 2]",
        "head.bias [2]",
    ];
    assert_eq!(keys(&*Outer::zeros()), nested);

    let mut net = Outer::zeros();
    let mut names = Vec::new();
    net.for_each_param_mut(|name, sizes, values| {
        names.push(format!("{name} {sizes:?}"));
        values.fill(names.len() as f32);
    });
    assert_eq!(names, nested);
    assert_eq!(
        (
            net.encoder.fc.bias,
            net.decoder.layer_2.weight[2],
            net.head.bias
        ),
        ([2.0; 5], [5.0; 3], [8.0; 2])
    );
}

/// Positions in the flat slice that belong to no parameter.
fn padding<N: Trainable>(net: &N) -> Vec<usize> {
    let begin = net.params().as_ptr();
    let mut used = vec![false; net.params().len()];
    net.for_each_param(|name, _, values| {
        // SAFETY: the visitor is given parts of the flat slice; if not, an index below is out of
        // range.
        let first = unsafe { values.as_ptr().offset_from(begin) } as usize;
        for used in &mut used[first..first + values.len()] {
            assert!(!std::mem::replace(used, true), "{name} overlaps another");
        }
    });
    (0..used.len()).filter(|&i| !used[i]).collect()
}

#[test]
fn flat_parameters_are_contiguous() {
    // 80 numbers are 5 lines of 64 bytes.
    assert_eq!(padding(&*Small::zeros()), [0; 0]);

    let mut small = Small::zeros();
    assert_eq!(small.params().as_ptr().cast(), &raw const *small);
    small
        .params_mut()
        .iter_mut()
        .enumerate()
        .for_each(|(i, x)| *x = i as f32);
    assert_eq!(
        (
            small.fc1.weight[1][2],
            small.fc1.bias[9],
            small.layer_2.weight[9][2]
        ),
        (12.0, 49.0, 79.0)
    );

    // Encoder has 35 of 48 numbers, Small2 30 of 32, the head the first 8 of the last 16.
    let wanted: Vec<usize> = (35..48).chain(78..80).chain(88..96).collect();
    assert_eq!(
        (padding(&*Outer::zeros()), Outer::zeros().params().len()),
        (wanted, 96)
    );

    // A nested network that does not come first begins at a multiple of 64 bytes.
    network! { struct Late: [4] -> [5] { Linear<_, 6>, Reshape<2, 3>, encoder: Encoder } }
    let wanted: Vec<usize> = (30..32).chain(67..80).collect();
    assert_eq!(padding(&*Late::zeros()), wanted);
    assert_eq!((Late::PARAMS, <Late as Parameters<f32>>::LEN), (65, 80));
}

#[test]
fn padding_stays_zero_and_is_no_parameter() {
    network! { struct Late: [4] -> [5] { Linear<_, 6>, Reshape<2, 3>, encoder: Encoder } }

    fn train<O: Optimizer + Sync>(optimizer: O) {
        let mut net = Late::init(&mut shapewright::rng(2));
        let padding = padding(&*net);
        assert_eq!(
            net.params().iter().filter(|&&x| x == 0.0).count(),
            padding.len()
        );

        let mut gradient = Late::zeros();
        let mut workspace = Late::workspace();
        let mut state = optimizer.state::<Late>();
        let x: Vec<Tensor1<4>> = crate::common::random(6, 1);

        for _ in 0..3 {
            let mut pass = net.forward_train(&x, &mut workspace);
            pass.loss(&Mse, &[Tensor1::ones(); 6]);
            pass.backward_accumulate(&mut gradient);
            state.step(&mut net, &gradient);

            for i in &padding {
                assert_eq!((net.params()[*i], gradient.params()[*i]), (0.0, 0.0));
            }
        }
    }

    train(Sgd::new(0.1).momentum(0.9).weight_decay(0.1));
    train(Adam::new(0.1).weight_decay(0.1));
    train(NAdam::new(0.1).weight_decay(0.1));
    train(RAdam::new(0.1).betas(0.9, 0.9));
    train(Adamax::new(0.1));
    train(Adagrad::new(0.1).initial_accumulator_value(0.5));
    train(Adadelta::new(1.0));
    train(RmsProp::new(0.1).centered(true).momentum(0.9));
    train(Lion::new(0.1));
}

#[test]
fn the_summary_is_a_table() {
    let wanted = "\
Outer: [2, 3] -> [2], f32
  layer               output  parameters  multiply-adds
  encoder: Encoder    [5]             35             30
  Gelu                [5]              0              0
  decoder: Small2     [3]             30             24
  head: Linear<_, 2>  [2]              8              6
  Softmax             [2]              0              0
  total                               73             60
bytes: 292 of parameters; per sample 64 for inference, 176 for training";
    assert_eq!(Outer::summary().to_string(), wanted);
    let summary = Small::summary();
    assert_eq!(
        (summary.name, summary.element, summary.params, summary.macs),
        ("Small", "f32", 80, 70)
    );
    assert_eq!(
        (summary.input, summary.output),
        (Dims::new(&[4]), Dims::new(&[3]))
    );
    assert_eq!(summary.layers[0].layer, "fc1: Linear<_, 10>");
    network! { struct Big: [1000] -> [1234] as f64 { Linear<_, 1234> } }
    assert!(
        Big::summary()
            .to_string()
            .contains(" 1,235,234      1,234,000\n"),
        "{}",
        Big::summary()
    );
}

#[test]
fn derived_traits_and_clone_are_kept() {
    let net = Outer::init(&mut shapewright::rng(5));
    let mut copy = net.clone();
    assert_eq!(copy, net);
    copy.head.bias[1] += 1.0;
    assert_ne!(copy, net);
    assert!(
        format!("{:?}", Small::zeros())
            .starts_with("Small { fc1: LinearParams { weight: [[0.0, 0.0,")
    );
    fn is_copy<T: Copy + Send + Sync + 'static>() {}
    is_copy::<Outer>();
}

#[test]
fn sizes_may_be_constants_and_expressions() {
    const INPUT: usize = 6;
    const HIDDEN: usize = 2 * INPUT;

    mod sizes {
        pub const fn half(n: usize) -> usize {
            n / 2
        }
    }

    network! {
        struct Sized: [INPUT / 3, 3] -> [sizes::half(8)] {
            Reshape<{ INPUT }>,
            Linear<INPUT, HIDDEN>,
            Linear<_, { HIDDEN + 1 }>,
            last: Linear<{ 2 * INPUT + 1 }, { sizes::half(8) }, NoBias>,
        }
    }

    assert_eq!(Sized::PARAMS, 6 * 12 + 12 + 12 * 13 + 13 + 13 * 4);
    let y: Tensor1<4> = Sized::zeros().forward(&Tensor2::<2, 3>::ones());
    assert_eq!(y, Tensor1::zeros());
}

mod inner {
    use shapewright::prelude::*;
    network! { pub(super) struct Visible: [2] -> [2] { pub_field: Linear<_, 2> } }
    network! { pub(crate) struct Double: [2] -> [2] as f64 { Linear<_, 2>, Sigmoid } }
}

#[test]
fn networks_in_modules_have_the_visibility_that_is_written() {
    network! { struct Both: [2] -> [2] { a: inner::Visible, self::inner::Visible } }
    let mut both = Both::zeros();
    both.a.pub_field.weight = [[1.0, 2.0], [3.0, 4.0]];
    both.layer_1.pub_field.bias = [5.0, 6.0];
    assert_eq!(both.forward(&Tensor1::ones()), Tensor1::from([5.0, 6.0]));
    let y: Tensor1<2, f64> = inner::Double::zeros().forward(&Tensor1::ones());
    assert_eq!(y, Tensor1::from([0.5, 0.5]));
}

#[test]
fn the_same_seed_gives_the_same_parameters() {
    network! { #[derive(Debug, PartialEq)] struct Pinned: [3] -> [2] { Linear<_, 2>, Linear<_, 2, NoBias> } }
    network! { struct PinnedDouble: [3] -> [2] as f64 { Linear<_, 2> } }

    let net = Pinned::init(&mut shapewright::rng(42));
    assert_eq!(net, Pinned::init(&mut shapewright::rng(42)));
    assert_ne!(
        net.params(),
        Pinned::init(&mut shapewright::rng(43)).params()
    );

    // Other numbers here mean that weights made by an earlier version can't be made again from
    // their seed.
    let bits: Vec<u32> = net.params()[..6].iter().map(|x| x.to_bits()).collect();
    assert_eq!(
        bits,
        [
            1052365246, 3193322110, 1057950318, 1047384908, 1051559320, 1037063792
        ]
    );

    const DOUBLE: [u64; 2] = [4600209555309965150, 13820077549629019258];
    let double = PinnedDouble::init(&mut shapewright::rng(42));
    assert_eq!(
        double.params()[..2]
            .iter()
            .map(|x| x.to_bits())
            .collect::<Vec<_>>(),
        DOUBLE
    );

    // One generator after the other: the second network differs.
    let mut rng = shapewright::rng(42);
    assert_eq!(Pinned::init(&mut rng), net);
    assert_ne!(Pinned::init(&mut rng), net);
}

#[test]
fn initial_values_are_uniform_as_in_pytorch() {
    fn check<N: Trainable>(fan_in: usize) {
        let net = N::init(&mut shapewright::rng(9));
        let bound = 1.0 / (fan_in as f64).sqrt();

        net.for_each_param(|name, _, values| {
            let values: Vec<f64> = values
                .iter()
                .map(|x| num_traits::ToPrimitive::to_f64(x).expect("a number"))
                .collect();

            let n = values.len() as f64;
            assert!(
                values.iter().all(|x| x.abs() <= bound * (1.0 + 1e-6)),
                "{name} leaves its bounds"
            );

            let mean = values.iter().sum::<f64>() / n;
            let square = values.iter().map(|x| x * x).sum::<f64>() / n;
            // Five standard deviations of the mean, and of the mean square, of n uniform numbers.
            assert!(
                mean.abs() < 5.0 * bound / (3.0 * n).sqrt(),
                "{name} has the mean {mean}"
            );

            let off = square - bound * bound / 3.0;
            assert!(
                off.abs() < 5.0 * bound * bound * (4.0 / 45.0 / n).sqrt(),
                "{name}: variance {square}"
            );
        });
    }

    network! { struct Single: [100] -> [200] { Linear<_, 200> } }
    network! { struct Double: [3, 64] -> [3, 150] as f64 { Linear<_, 150> } }

    check::<Single>(100);
    check::<Double>(64);

    fn zeros<N: Trainable>() -> bool {
        N::zeros()
            .params()
            .iter()
            .all(|&x| x == N::Element::from_f64_lossy(0.0))
    }

    assert!(zeros::<Single>() && zeros::<Double>());
}

network! {
    struct OneSample: [32, 33, 3] -> [2048] {
        Conv2d<_, 16, 5, Pad<2>>,
        Relu,
        Conv2d<_, 32, 3, Pad<1>>,
        Conv2d<_, 16, 1>,
        MaxPool2d<2>,
        Flatten,
        Linear<_, 128>,
        Relu,
        Linear<_, 2048>,
    }
}
network! {
    struct OneDoubleSample: [32, 33, 3] -> [128] as f64 { Conv2d<_, 16, 5, Pad<2>>, MaxPool2d<2>, Flatten, Linear<_, 128>, Relu }
}

/// Large layers share one sample between threads.
#[test]
fn one_sample_has_the_same_bits_on_any_number_of_threads() {
    fn outputs<N: Trainable>(settings: &Settings) -> Vec<Vec<u64>> {
        let net = N::init(&mut shapewright::rng(1));
        let x = &random::<N::Input, N::Element>(1, 2)[0];
        let mut outputs = Vec::new();

        settings.every_threads(&[1, 2, 3, 7], |_| {
            let y = net.forward(x);
            assert!(y.iter().any(|&y| y != num_traits::zero()));
            outputs.push(bits(y.as_slice()));
        });

        outputs
    }

    let settings = settings();
    settings.every_tier(|_| {
        let outputs = outputs::<OneSample>(&settings);
        assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
    });

    let outputs = outputs::<OneDoubleSample>(&settings);
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A single sample takes other code paths than a batch, with the same result.
#[test]
fn one_sample_gives_what_it_gives_in_a_batch() {
    let net = OneSample::init(&mut shapewright::rng(1));
    let x = random::<<OneSample as Network>::Input, f32>(2, 2);
    let mut batch = vec![Tensor1::zeros(); 2];
    net.forward_batch(&x, &mut batch);
    let expected: Vec<f64> = batch[0].iter().map(|&y| f64::from(y)).collect();
    assert_close("outputs", net.forward(&x[0]).as_slice(), &expected, 1e-5);
}

network! { struct Images: [8, 8, 16] -> [10] { Conv2d<_, 16, 3, Pad<1>>, Relu, Flatten, Linear<_, 10> } }
network! { struct DoubleImages: [8, 8, 16] -> [10] as f64 { Conv2d<_, 16, 3, Pad<1>>, Relu, Flatten, Linear<_, 10> } }

/// In batches of one length, the outputs of a sample have the same bits at any position and beside
/// any other samples.
#[test]
fn an_output_does_not_depend_on_the_others_of_its_batch() {
    fn check<N: Trainable>(settings: &Settings) {
        let net = N::init(&mut shapewright::rng(1));
        for count in [2, 3, 67, 150] {
            let x = random::<N::Input, N::Element>(count, 2);
            let of = |x: &[Tensor<N::Input, N::Element>]| {
                let mut y = vec![Tensor::<N::Output, N::Element>::zeros(); x.len()];
                net.forward_batch(x, &mut y);
                bits(Tensor::flatten(&y))
            };
            let width = <N::Output as Shape>::LEN;
            let wanted = of(&x);
            let last = &wanted[(count - 1) * width..];

            settings.every_threads(&[1, 2, 3], |_| {
                let mut reversed = x.clone();
                reversed.reverse();
                assert_eq!(&of(&reversed)[..width], last, "first of {count}");

                let mut others = vec![Tensor::zeros(); count];
                others[count / 2] = x[count - 1];
                assert_eq!(
                    &of(&others)[count / 2 * width..][..width],
                    last,
                    "among zeros, {count}"
                );
            });
        }
    }

    let settings = settings();
    settings.every_tier(|_| check::<Images>(&settings));
    check::<DoubleImages>(&settings);
}

/// Named parameters without numbers.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
struct Nothing {
    first: (),
    second: [(); 3],
}

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct NothingOf<T: Element> {
    inner: [Nothing; 2],
    numbers: [T; 0],
}

#[test]
fn parameters_may_have_no_numbers() {
    // A boxed value without a size has the address of its alignment, which is less than a number's.
    let mut nothing = Box::new(Nothing {
        first: (),
        second: [(); 3],
    });
    assert_eq!(<Nothing as Parameters<f32>>::LEN, 0);
    assert!(Parameters::<f32>::as_slice(&*nothing).is_empty());
    assert!(Parameters::<f32>::as_mut_slice(&mut *nothing).is_empty());
    assert!(Parameters::<f64>::as_slice(&*Box::new(())).is_empty());

    let generic = NothingOf::<f32> {
        inner: [*nothing; 2],
        numbers: [],
    };
    assert!(generic.as_slice().is_empty());

    let mut names = Vec::new();
    generic.visit("", &mut |name, _, _| names.push(name.to_owned()));
    assert_eq!(names, ["numbers"]);
}
