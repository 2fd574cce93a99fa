//! A small tour through the unsafe code, for Miri: `MIRIFLAGS=-Zmiri-ignore-leaks cargo +nightly miri test --test
//! miri_small`. The flag is for the worker threads, which live as long as the process.

mod common;

use common::layers::{Scale, Swish};
use generic_array::GenericArray;
use generic_array::typenum::U2;
use num_traits::Float;
use shapewright::prelude::*;
use shapewright::tier::Tier;
use shapewright::{Context, Element, Fit, Fits, InPlace, Rank1, Rank2, tier};

/// Claims to be so much work that every batch is cut over the threads.
struct Heavy;

impl<In: Shape> Fits<In> for Heavy {
    const FIT: Fit = Fit::gives(In::DIMS);
}
impl InPlace for Heavy {
    type Config = ();
    const MULTIPLY_ADDS: usize = 1 << 18;
    fn forward_in_place<S: Shape, T: Element>(_: &(), y: &mut [Tensor<S, T>], _: &Context<T>) {
        y.iter_mut().for_each(|y| *y *= T::one() + T::one());
    }
    fn backward_in_place<S: Shape, T: Element>(
        _: &(),
        _: &[Tensor<S, T>],
        dy: &mut [Tensor<S, T>],
        _: &Context<T>,
    ) {
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

fn life<N: Network>() {
    let mut net = N::init(&mut shapewright::rng(1));
    let (mut gradient, mut workspace) = (N::zeros(), N::workspace());
    let mut adam = Adam::new(0.01).state::<N>();
    let mut sgd = Sgd::new(0.01).momentum(0.9).state::<N>();
    for batch in [3, 1, 5, 4] {
        let x: Vec<common::In<N>> = common::random(batch, 2);
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut().copy_from_slice(&common::random(batch, 3));
        let dx = pass.backward_with_input(&mut gradient);
        assert!(dx.len() == batch && dx.iter().all(|dx| dx.sum().is_finite()));
        adam.step(&mut net, &gradient);
        net.forward_train(&x, &mut workspace).backward_accumulate(&mut gradient);
        sgd.step(&mut net, &gradient);

        let mut y: Vec<common::Out<N>> = vec![Tensor::zeros(); batch];
        net.forward_batch(&x, &mut y);
        let alone = net.forward(&x[batch - 1]);
        let tolerance = N::Element::from_f64_lossy(1e-4);
        assert!((alone - y[batch - 1]).iter().all(|&off| off < tolerance && -off < tolerance));
    }
    let mut names = 0;
    net.for_each_param(|_, _, values| names += usize::from(!values.is_empty()));
    assert!(names > 0 && net.to_boxed().params() == net.params());
}

#[test]
fn networks_learn_on_two_threads() {
    let _settings = common::settings();
    tier::force_tier(Tier::Portable).expect("the portable tier is always there");
    shapewright::threads::set_threads(2);
    life::<Net>();
    life::<Exact>();
    life::<Image>();
    let net = Net::zeros();
    assert!(net.clone().params() == net.params());
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
fn tensors_become_slices_arrays_and_other_shapes() {
    let mut t = Tensor2::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    t.as_mut_slice()[5] = 7.0;
    assert_eq!(Tensor::flatten(&[t, t])[11], 7.0);
    assert_eq!(t.reshape::<Rank1<6>>()[5], 7.0);
    assert_eq!(t.row(1).as_slice(), [4.0, 5.0, 7.0]);
    assert_eq!(Tensor2::<3, 2>::over(t.as_slice()).expect("the length").as_slice(), t.as_slice());
    assert_eq!(t.transpose().matmul(&t)[[2, 2]], 58.0);
    let generic: GenericArray<bool, U2> = Tensor1::from([true, false]).into();
    assert_eq!(Tensor1::<2, bool>::from(generic), Tensor1::from([true, false]));
    let mut boxed = Tensor3::<2, 2, 2, u8>::full_boxed(3);
    boxed[[1, 1, 1]] = 4;
    assert_eq!(
        (boxed.iter().map(|&x| u32::from(x)).sum::<u32>(), Tensor1::<0>::zeros_boxed().sum()),
        (25, 0.0)
    );
    let mut both = Tensor::from((t, Tensor1::from([8.0])));
    *both.parts_mut().1 *= 2.0;
    assert_eq!(both.parts(), (&t, &Tensor1::from([16.0])));
}
