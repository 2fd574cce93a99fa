//! Small programs that run all of the unsafe code, for Miri: `.ci/sanitize miri` has the command
//! and its flags.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::layers::{Scale, Swish};
use generic_array::GenericArray;
use generic_array::typenum::U2;
use num_traits::Float;
use shapewright::augment::{GaussianNoise, MixUp};
use shapewright::prelude::*;
use shapewright::tier::Tier;
use shapewright::{
    ext::{
        BackwardInPlace, BackwardInput, BackwardParams, Buffer, FeatureOrder, Forward,
        ForwardInPlace, InPlace, Infer, Inferred, Layer, ShapeRule, Train,
    },
    tensor::{Element, Rank1, Rank2},
    tier,
};

/// Claims to be so much work that every batch is cut over the threads.
struct Heavy;

impl<In: Shape> ShapeRule<In> for Heavy {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl InPlace for Heavy {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;
    const MULTIPLY_ADDS: usize = 1 << 18;
    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().for_each(|y| *y *= T::one() + T::one());
    }
    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { dy, .. } = call;
        dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
    }
}

network! {
    #[derive(Clone)]
    struct Inner: [2, 3] -> [5] { Flatten, scale: Scale<_>, Linear<_, 5>, Softmax }
}
network! {
    #[derive(Clone)]
    struct Net: [4] -> [3] {
        Dropout(0.2), Linear<_, 6>, Tanh, Heavy, Reshape<2, _>, inner: Inner, Swish, Gelu, Linear<_, 3, NoBias>, Relu,
    }
}
network! {
    struct Image: [3, 4, 3] -> [2] {
        MaxPool2d<2, Stride<1>>, Upsample<2>, MaxPool2d<2>, AvgPool2d<2, Stride<1>, Pad<1>, ExcludePad>,
        UpsampleBilinear<(1, 2)>, ZeroPad2d<1>, AvgPool2d<2>, AdaptiveAvgPool2d<2>, GlobalAvgPool2d, Linear<_, 2>,
    }
}
network! { struct Exact: [4] -> [2] as f64 { Linear<_, 3>, Heavy, Sigmoid, Swish(0.5), Linear<_, 2> } }

fn life<N: Trainable>() {
    let mut net = N::init(&mut shapewright::rng(1));
    let (mut gradient, mut workspace) = (N::zeros(), N::workspace());
    let mut adam = Adam::new(0.01).state::<N>();
    let mut sgd = Sgd::new(0.01).momentum(0.9).state::<N>();
    // Under Miri a batch takes a minute.
    let batches: &[usize] = if cfg!(miri) { &[1, 2] } else { &[2, 1, 3] };
    for &batch in batches {
        let x: Vec<common::In<N>> = common::random(batch, 2);
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()
            .copy_from_slice(&common::random(batch, 3));
        let dx = pass.backward_with_input(&mut gradient);
        assert!(dx.len() == batch && dx.iter().all(|dx| dx.sum().is_finite()));
        adam.step(&mut net, &gradient);
        net.forward_train(&x, &mut workspace)
            .backward_accumulate(&mut gradient);
        sgd.step(&mut net, &gradient);

        let mut y: Vec<common::Out<N>> = vec![Tensor::zeros(); batch];
        net.forward_batch(&x, &mut y);
        let alone = net.forward(&x[batch - 1]);
        let tolerance = N::Element::from_f64_lossy(1e-4);
        assert!(
            (alone - y[batch - 1])
                .iter()
                .all(|&off| off < tolerance && -off < tolerance)
        );
    }
    let mut names = 0;
    net.for_each_param(|_, _, values| names += usize::from(!values.is_empty()));
    assert!(names > 0 && net.to_boxed().params() == net.params());
}

fn two_portable_threads() -> common::Settings {
    let settings = common::settings();
    tier::force_tier(Tier::Portable).expect("the portable tier is always there");
    shapewright::threads::set_threads(2);
    settings
}

#[test]
fn networks_learn_on_two_threads() {
    let _settings = two_portable_threads();
    life::<Net>();
    life::<Exact>();
    life::<Image>();
    let net = Net::zeros();
    assert!(net.clone().params() == net.params());
}

network! {
    struct Blocks: [4] -> ([2], [3]) {
        Residual { Linear<_, 3>, Tanh, Linear<_, 4> },
        Heavy,
        Repeat<2> { Linear<_, 4>, Sigmoid },
        Concat { a: { Linear<_, 2>, Tanh }, skip: {} },
        Residual { Linear<_, 5>, to: { Linear<_, 5, NoBias> } },
        Split { mean: Linear<_, 2>, rest: { Linear<_, 3>, Tanh } },
    }
}
network! {
    struct Images: [4, 3, 2] -> [2] {
        Conv2d<_, 4, 3, Pad<1>>, BatchNorm2d<_>, Relu, Conv2d<_, 4, 2, Groups<2>>, GroupNorm<2, _>,
        ConvTranspose2d<_, 2, 2, Stride<2>>, MaxPool2d<2>, PRelu<_>, Flatten, LayerNorm<_>, Heavy, Linear<_, 2>,
    }
}
network! {
    struct Cell: (x: [2], h: [3]) -> (y: [2], next: [3]) {
        Concat <- (x, h), Linear<_, 3>, LayerNorm, next: Tanh, Heavy, y: Linear<_, 2>,
    }
}
network! { struct Spectral: [3, 2] -> [2, 2] { SpectralNorm<Conv1d<_, 2, 2>>, SpectralNorm<Linear<_, 2>> } }
network! { struct Scanned: [3, 2] -> ([3, 2], [3]) { Scan<Cell, FinalState> } }
network! { struct Words: [3, 2] -> [2] { Embedding<5, 3>, Reshape<_, 3>, Permute<1, 0>, SelectLast, Linear<_, 2> } }

#[test]
fn blocks_learn_on_two_threads() {
    let _settings = two_portable_threads();
    life::<Blocks>();
}

#[test]
fn images_are_learned_on_two_threads() {
    let _settings = two_portable_threads();
    life::<Images>();
}

#[test]
fn cells_are_scanned_on_two_threads() {
    let _settings = two_portable_threads();
    life::<Scanned>();
    life::<Spectral>();
}

#[test]
fn words_are_learned() {
    let _settings = two_portable_threads();
    let mut net = Words::init(&mut shapewright::rng(1));
    let (mut gradient, mut workspace) = (Words::zeros(), Words::workspace());
    let mut adam = Adam::new(0.01).state::<Words>();
    let x = [Tensor2::from([[0.0, 1.0], [4.0, 4.0], [2.0, 0.0]]); 3];
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut()[1].as_mut_slice().fill(1.0);
    pass.backward(&mut gradient);
    adam.step(&mut net, &gradient);
    assert!(net.forward(&x[0]).sum().is_finite());
}

/// A payload of a panic whose drop panics with another such payload.
struct Grenade(u32);

impl Drop for Grenade {
    fn drop(&mut self) {
        if self.0 > 0 {
            std::panic::panic_any(Grenade(self.0 - 1));
        }
    }
}

/// Doubles, or panics where the first number is negative. It claims so much work that every sample
/// becomes a part of its own.
struct Dangerous;

impl<In: Shape> ShapeRule<In> for Dangerous {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<T: Element> Layer<T> for Dangerous {
    type Config = ();
    type Params = ();
}
impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for Dangerous {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const MULTIPLY_ADDS: usize = 1 << 18;

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            if x.as_slice()[0] < T::zero() {
                std::panic::panic_any(Grenade(2));
            }
            y.fill_with(|i| x.as_slice()[i] + x.as_slice()[i]);
        }
    }
}

impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for Dangerous {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { dy, dx, .. } = call;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            dx.fill_with(|i| dy.as_slice()[i] + dy.as_slice()[i]);
        }
    }
}

network! { struct Danger: [2] -> [2] { Dangerous, Tanh } }

#[test]
fn workers_outlive_panics() {
    let _settings = two_portable_threads();
    let net = Danger::init(&mut shapewright::rng(1));
    let mut workspace = Danger::workspace();

    for signs in [
        [1.0, 1.0],
        [-1.0, 1.0],
        [1.0, -1.0],
        [-1.0, -1.0],
        [1.0, 1.0],
    ] {
        let x = signs.map(|sign| Tensor1::from([sign, 1.0]));
        let mut y = vec![Tensor1::zeros(); 2];

        let inference = || net.forward_batch(&x, &mut y);
        let inference = catch_unwind(AssertUnwindSafe(inference)).map_err(std::mem::forget);
        let training = || assert_eq!(net.forward_train(&x, &mut workspace).outputs().len(), 2);
        let training = catch_unwind(AssertUnwindSafe(training)).map_err(std::mem::forget);

        let fine = signs == [1.0, 1.0];
        assert_eq!((inference.is_ok(), training.is_ok()), (fine, fine));
        assert!(!fine || y.iter().all(|y| (y[0] - 0.964_027_6).abs() < 1e-5));
    }
}

#[test]
fn trainers_gather_and_change_batches_on_other_threads() {
    let _settings = two_portable_threads();
    network! { struct Small: [3] -> [2] { Linear<_, 2>, Heavy } }

    let (x, labels) = (
        common::random::<Rank1<3>, f32>(7, 1),
        vec![Label::<2>::new(1).expect("a class"); 7],
    );

    let trainer = || {
        Small::trainer(Sgd::new(0.1), CrossEntropy)
            .epochs(2)
            .batch_size(3)
    };

    for trainer in [
        trainer(),
        trainer()
            .augment(GaussianNoise::new(0.1))
            .mixup(MixUp::new(0.2)),
    ] {
        let mut net = Small::init(&mut shapewright::rng(1));
        let history = trainer.fit(&mut net, &x, &labels).expect("a training");
        assert_eq!(history.epochs.len(), 2);
    }
}

#[test]
fn parameters_of_ones_own_are_numbers() {
    #[derive(Clone, Parameters)]
    #[repr(C)]
    struct Own<const N: usize, T: Element> {
        one: T,
        rows: [[T; N]; 2],
        none: [T; 0],
        inner: common::layers::ScaleParams<3, T>,
    }

    fn check<T: Element>() {
        let mut own = Own::<2, T> {
            one: T::one(),
            rows: [[T::one(); 2]; 2],
            none: [],
            inner: common::layers::ScaleParams {
                factor: [T::one(); 3],
            },
        };

        let numbers = <Own<2, T> as Parameters<T>>::LEN;
        assert_eq!((numbers, size_of::<Own<2, T>>()), (8, 8 * size_of::<T>()));
        own.as_mut_slice()
            .iter_mut()
            .enumerate()
            .for_each(|(i, x)| *x = T::from_f64_lossy(i as f64));
        assert_eq!(
            [own.one, own.rows[1][1], own.inner.factor[2]],
            [0.0, 4.0, 7.0].map(T::from_f64_lossy)
        );

        let copy = own.clone();
        assert!(copy.as_slice() == own.as_slice() && own.none.is_empty());
    }

    check::<f32>();
    check::<f64>();
}

/// Multiplies by a learned number, and keeps numbers of other types, with padding behind some.
struct Keeper;

#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
struct KeeperParams<T: Element> {
    wide: Buffer<Rank1<2>, u64, T>,
    bytes: [Buffer<Rank1<3>, i8, T>; 2],
    halves: Buffer<Rank2<1, 3>, u16, T>,
    factor: [T; 2],
}

impl<T: Element> KeeperParams<T> {
    fn filled() -> Self {
        KeeperParams {
            wide: Tensor1::from([0x7ff0_0000_0000_0001, 1]).into(),
            bytes: [[1, -128, 127], [0, -1, 2]].map(|bytes| Tensor1::from(bytes).into()),
            halves: Tensor2::from([[0x7f80, 1, 0xffff]]).into(),
            factor: [T::one(); 2],
        }
    }

    fn has_its_bits(&self) -> bool {
        let filled = Self::filled();
        self.wide == filled.wide && self.bytes == filled.bytes && self.halves == filled.halves
    }
}

impl<In: Shape> ShapeRule<In> for Keeper {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<T: Element> Layer<T> for Keeper {
    type Config = ();
    type Params = KeeperParams<T>;

    fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut KeeperParams<T>, _: &mut R) {
        *params = KeeperParams::filled();
    }
}
impl<S: Shape, T: Element> Infer<S, S, T> for Keeper {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { params, x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            *y = x.map(|x| x * params.factor[1]);
        }
    }
}
impl<S: Shape, T: Element> Train<S, S, T> for Keeper {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            *dx = dy.map(|dy| dy * params.factor[1]);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, S, S, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        x.iter()
            .zip(dy)
            .for_each(|(x, dy)| gradient.factor[1] += x.dot(dy));
    }
}

network! { #[derive(Clone, Debug)] struct Keeps: [2] -> [2] { Linear<_, 2>, keeper: Keeper, Keeper } }
network! { #[derive(Clone, Debug)] struct KeepsDouble: [2] -> [2] as f64 { Linear<_, 2>, keeper: Keeper, Keeper } }

/// After a move, padding is uninitialized, and nothing reads it.
#[test]
fn buffers_are_copied_and_their_padding_is_not_read() {
    let _settings = two_portable_threads();

    macro_rules! check {
        ($net:ident) => {{
            let check = |net: &$net| {
                assert!(net.keeper.has_its_bits() && net.layer_2.has_its_bits());
            };
            // A move by value leaves the padding uninitialized.
            let moved: $net = *$net::init(&mut shapewright::rng(1));
            let mut net = Box::new(moved);
            check(&net);
            check(&net.to_boxed());

            let mut gradient = Box::new(*$net::zeros());
            let mut workspace = $net::workspace();
            let mut adam = Adam::new(0.01).state::<$net>().freeze(layer!($net, keeper));
            let mut average = WeightAverage::<$net>::ema(0.5);
            let x = common::random(3, 1);
            for _ in 0..2 {
                let mut pass = net.forward_train(&x, &mut workspace);
                pass.loss(&Mse, &x);
                pass.backward(&mut gradient);
                l2_penalty(&*net, layer!($net), 0.1, &mut *gradient);
                clip_grad_norm(&mut *gradient, 0.1).expect("a finite norm");
                adam.step(&mut net, &gradient);
                average.update(&net);
            }
            check(&net);
            check(average.network());
            let mut again = adam.clone();
            again.restore(&adam.snapshot()).expect("the same network");
            for state in again.states() {
                let mut kept = $net::zeros();
                kept.params_mut().copy_from_slice(state);
                assert!(kept.layer_2.halves.as_slice() == [0; 3]);
            }

            net.for_each_param(|_, _, values| assert!(values.iter().all(|x| x.is_finite())));
            net.for_each_param_mut(|_, _, values| values.fill(0.5));
            check(&net);

            // Exclusive access gives padding the value 0.
            let mut moved = *net;
            let zeros = moved
                .params_mut()
                .iter()
                .filter(|x| x.to_bits() == 0)
                .count();
            assert!(zeros > 0);
            check(&moved);
            moved.params_mut().fill(1.0);
            assert_eq!(moved.layer_2.factor, [1.0; 2]);

            let mut net = Box::new(*$net::init(&mut shapewright::rng(1)));
            $net::trainer(Sgd::new(0.1).momentum(0.9), Mse)
                .epochs(1)
                .average(WeightAverage::swa())
                .validate(&x, &x)
                .early_stopping(3)
                .fit(&mut net, &x, &x)
                .expect("a training");
            check(&net);
        }};
    }
    check!(Keeps);
    check!(KeepsDouble);
}

#[cfg(feature = "safetensors")]
#[test]
fn buffers_are_read_and_written() {
    use shapewright::weights::Loader;
    let moved: Keeps = *Keeps::init(&mut shapewright::rng(1));
    let bytes = moved.to_safetensors(&[]);
    let mut again = Box::new(*Keeps::zeros());
    again
        .load_from(&Loader::from_bytes(&bytes).expect("a file"))
        .expect("the weights");
    assert!(again.keeper.has_its_bits() && again.layer_2.has_its_bits());
    assert_eq!(again.to_safetensors(&[]), bytes);
}

#[cfg(feature = "safetensors")]
#[test]
fn weights_are_read_and_written() {
    use shapewright::weights::{Loader, Saver};
    let (net, exact) = (
        Net::init(&mut shapewright::rng(1)),
        Exact::init(&mut shapewright::rng(2)),
    );
    let bytes = net.to_safetensors(&[("note", "small")]);
    let mut again = Net::zeros();
    again
        .load_from(&Loader::from_bytes(&bytes).expect("a file"))
        .expect("the weights");
    assert!(again.params() == net.params());

    // Of another type, and at any address.
    let saver = Saver::new().part("a", &*exact).part("b", &*net);
    let bytes = [&[0], &saver.to_bytes()[..]].concat();
    let loader = Loader::from_bytes(&bytes[1..]).expect("a file");
    let mut narrow: Box<Exact> = loader.part("a").load().expect("the weights");
    assert!(narrow.params() == exact.params());
    narrow
        .load_from(&Loader::from_bytes(&net.to_safetensors(&[])).expect("a file"))
        .expect_err("others");
    for len in [0, 7, 8, 30, bytes.len() - 2] {
        assert!(Loader::from_bytes(&bytes[1..][..len]).is_err());
    }
}

#[test]
fn losses_read_labels_and_tensors() {
    let _settings = common::settings();
    tier::force_tier(Tier::Portable).expect("the portable tier is always there");
    let x = common::random::<Rank2<2, 3>, f32>(2, 1);
    let mut gradients = vec![Tensor::zeros(); 2];
    let labels = [0, 1, 2, 1].map(|class| Label::<3>::new(class).expect("a class"));
    let loss: f32 = CrossEntropy.loss(&x, labels.as_chunks::<2>().0, &mut gradients);
    assert!(loss > 0.0 && gradients[1].sum().abs() < 1e-6);
    assert_eq!(Mse.loss(&x, &x, &mut gradients), 0.0);
    assert!(BceWithLogits.loss(&x, &x, &mut gradients) > 0.0);
}

#[test]
fn labels_are_grouped_and_samples_without_bytes_repeated() {
    let images = [
        Tensor2::from([[0_u8, 1, 2], [2, 1, 0]]),
        Tensor2::from([[1, 1, 1], [9, 0, 9]]),
    ];
    let labels: Vec<[[Option<Label<3>>; 3]; 2]> =
        Label::from_tensors_without(9, &images).expect("classes");
    assert_eq!(
        labels[0][1].map(|label| label.map(Label::index)),
        [2, 1, 0].map(Some)
    );
    assert_eq!(
        labels[1][1].map(|label| label.is_some()),
        [false, true, false]
    );

    let none: Vec<[[Label<3>; 0]; 2]> =
        Label::from_tensors(&[Tensor2::<2, 0, u8>::zeros(); 3]).expect("no numbers");
    assert_eq!(none, [[[], []]; 3]);
    let many = shapewright::data::repeat(&Tensor2::<2, 0>::zeros(), usize::MAX);
    assert_eq!(many.len(), usize::MAX);
}

#[test]
fn tensors_become_slices_arrays_and_other_shapes() {
    let mut t = Tensor2::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    t.as_mut_slice()[5] = 7.0;

    assert_eq!(Tensor::flatten(&[t, t])[11], 7.0);
    assert_eq!(t.reshape::<Rank1<6>>()[5], 7.0);
    assert_eq!(t.row(1).as_slice(), [4.0, 5.0, 7.0]);
    assert_eq!(
        Tensor2::<3, 2>::over(t.as_slice())
            .expect("the length")
            .as_slice(),
        t.as_slice()
    );
    assert_eq!(t.transpose().matmul(&t)[[2, 2]], 58.0);

    let generic: GenericArray<bool, U2> = Tensor1::from([true, false]).into();
    assert_eq!(
        Tensor1::<2, bool>::from(generic),
        Tensor1::from([true, false])
    );

    let mut boxed = Tensor3::<2, 2, 2, u8>::full_boxed(3);
    boxed[[1, 1, 1]] = 4;
    assert_eq!(
        (
            boxed.iter().map(|&x| u32::from(x)).sum::<u32>(),
            Tensor1::<0>::zeros_boxed().sum()
        ),
        (25, 0.0)
    );

    let mut both = Tensor::from((t, Tensor1::from([8.0])));
    *both.parts_mut().1 *= 2.0;
    assert_eq!(both.parts(), (&t, &Tensor1::from([16.0])));
}

#[test]
fn gradients_begin_as_zeros_and_move_between_threads() {
    let mut gradient = Net::gradient();
    assert!(gradient.params().iter().all(|&g| g == 0.0));
    gradient.for_each_param_mut(|_, _, values| values.fill(1.5));
    let gradient = std::thread::spawn(move || {
        gradient.inner.layer_2.bias[0] = 2.5;
        gradient
    });
    let gradient = gradient.join().expect("no panic");
    assert_eq!(gradient.inner.layer_2.bias[..2], [2.5, 1.5]);
}
