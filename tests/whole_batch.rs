//! Layers that look at the whole batch, and what they measure beside what is trained.

use shapewright::prelude::*;
use shapewright::threads::set_threads;
use shapewright::{Compute, Context, Element, FeatureOrder, Fit, Fits, Layer, Rank1, Slab};

/// Takes the mean of the batch from each feature, and the mean of all batches, more or less, in inference.
struct Center<const N: usize>;

#[derive(Clone, Copy, Debug, Parameters)]
#[repr(C)]
struct CenterParams<const N: usize, T: Element> {
    bias: [T; N],
    #[statistic]
    running_mean: [T; N],
}

impl<const N: usize> Fits<Rank1<N>> for Center<N> {
    const FIT: Fit = Fit::gives(shapewright::Dims::new(&[N]));
}

impl<const N: usize, T: Element> Layer<T> for Center<N> {
    type Config = ();
    type Params = CenterParams<N, T>;
}

fn mean<const N: usize, T: Element>(x: &[Tensor1<N, T>]) -> [T; N] {
    let count = T::from_f64_lossy(x.len() as f64);
    std::array::from_fn(|i| x.iter().fold(T::zero(), |sum, x| sum + x[i]) / count)
}

impl<const N: usize, T: Element> Compute<Rank1<N>, Rank1<N>, T> for Center<N> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const WHOLE_BATCH: bool = true;
    const MULTIPLY_ADDS: usize = N;

    fn forward(
        _: &(),
        params: &Self::Params,
        x: &[Tensor1<N, T>],
        y: &mut [Tensor1<N, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        for (x, y) in x.iter().zip(y) {
            (0..N).for_each(|i| y[i] = x[i] - params.running_mean[i] + params.bias[i]);
        }
    }

    fn forward_train(
        _: &(),
        params: &Self::Params,
        x: &[Tensor1<N, T>],
        y: &mut [Tensor1<N, T>],
        _: Slab<'_, T>,
        _: &Context<T>,
    ) {
        let mean = mean(x);
        for (x, y) in x.iter().zip(y) {
            (0..N).for_each(|i| y[i] = x[i] - mean[i] + params.bias[i]);
        }
    }

    fn backward_input(
        _: &(),
        _: &Self::Params,
        _: &[Tensor1<N, T>],
        _: &[Tensor1<N, T>],
        _: Slab<'_, T>,
        dy: &mut [Tensor1<N, T>],
        dx: Option<&mut [Tensor1<N, T>]>,
        _: &Context<T>,
    ) {
        let mean = mean(dy);
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            (0..N).for_each(|i| dx[i] = dy[i] - mean[i]);
        }
    }

    fn backward_params(
        _: &(),
        params: &Self::Params,
        x: &[Tensor1<N, T>],
        _: &[Tensor1<N, T>],
        _: Slab<'_, T>,
        dy: &[Tensor1<N, T>],
        gradient: &mut Self::Params,
        _: &Context<T>,
    ) {
        let (mean, tenth) = (mean(x), T::from_f64_lossy(0.1));
        for i in 0..N {
            gradient.bias[i] += dy.iter().fold(T::zero(), |sum, dy| sum + dy[i]);
            gradient.running_mean[i] += tenth * (params.running_mean[i] - mean[i]);
        }
    }
}

network! {
    #[derive(Clone)]
    struct Inner: [32] -> [32] as f64 { fc: Linear<_, 32>, center: Center<32>, Tanh }
}

network! {
    #[derive(Clone)]
    struct Net: [16] -> [4] as f64 {
        fc1: Linear<_, 32>,
        Tanh,
        Dropout(0.2),
        inner: Inner,
        center: Center<32>,
        Relu,
        head: Linear<_, 4>,
    }
}

const BATCH: usize = 300;

fn batch() -> (Vec<Tensor1<16, f64>>, Vec<Tensor1<4, f64>>) {
    let mut rng = shapewright::rng(3);
    let mut number = || rand::RngExt::random_range(&mut rng, -1.0..1.0);
    let inputs = (0..BATCH).map(|_| Tensor1::from(std::array::from_fn(|_| number()))).collect();
    (inputs, (0..BATCH).map(|_| Tensor1::from(std::array::from_fn(|_| number()))).collect())
}

fn loss_and_gradient(net: &Net) -> (f64, Box<Net>) {
    let (inputs, targets) = batch();
    let (mut gradient, mut workspace) = (Net::zeros(), Net::workspace());
    let mut pass = net.forward_train(&inputs, &mut workspace);
    let loss = pass.loss(&Mse, &targets);
    pass.backward(&mut gradient);
    (loss, gradient)
}

#[test]
fn the_whole_batch_is_seen_at_every_number_of_threads() {
    let net = Net::init(&mut shapewright::rng(0));
    set_threads(1);
    let (loss, gradient) = loss_and_gradient(&net);
    for threads in [2, 3, 8] {
        set_threads(threads);
        let (other_loss, other) = loss_and_gradient(&net);
        assert_eq!(other_loss.to_bits(), loss.to_bits());
        assert_eq!(other.params(), gradient.params());
    }
    set_threads(0);

    // The gradient of the loss as differences have it, also through the means.
    for (index, &slope) in gradient.params().iter().enumerate().step_by(37) {
        let statistic = net.to_boxed();
        let mut places = Vec::new();
        statistic.for_each_param(|name, _, values| {
            if name.ends_with("running_mean") {
                let first = (values.as_ptr() as usize - statistic.params().as_ptr() as usize) / 8;
                places.push(first..first + values.len());
            }
        });
        assert_eq!(places.len(), 2);
        if places.iter().any(|place| place.contains(&index)) {
            continue;
        }
        let at = |shift: f64| {
            let mut net = net.clone();
            net.params_mut()[index] += shift;
            loss_and_gradient(&net).0
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((difference - slope).abs() < 1e-7, "{index}: {slope} and {difference}");
    }
}

#[test]
fn optimizers_move_statistics_by_what_the_layer_says_and_nothing_else() {
    let mut net = Net::init(&mut shapewright::rng(0));
    assert_eq!(Net::PARAMS, 16 * 32 + 32 + 32 * 32 + 32 + 32 + 32 + 32 * 4 + 4, "statistics are not trained");
    net.center.running_mean = [2.0; 32];
    let (_, mut gradient) = loss_and_gradient(&net);
    let change = gradient.center.running_mean;
    let norm = clip_grad_norm(&mut *gradient, 1e-3).unwrap();
    let squares = |net: &Net| {
        let mut sum = 0.0;
        net.for_each_param(|name, _, values| {
            if !name.ends_with("running_mean") {
                sum += values.iter().map(|v| v * v).sum::<f64>();
            }
        });
        sum.sqrt()
    };
    assert!(norm > 1e-3 && (squares(&gradient) - 1e-3).abs() < 1e-6);
    clip_grad_value(&mut *gradient, 1e-5);
    let all = l2_penalty(&*net, layer!(Net), 0.5, &mut *gradient);
    assert!((all - 0.25 * squares(&net).powi(2)).abs() < 1e-9);
    assert_eq!(gradient.center.running_mean, change, "neither clipped nor decayed");

    let mut adam = AdamW::new(0.1).weight_decay(0.5).state::<Net>();
    adam.step(&mut net, &gradient);
    for (now, change) in net.center.running_mean.iter().zip(change) {
        assert_eq!(*now, 2.0 - change);
    }
    let mut frozen = AdamW::new(0.1).state::<Net>().freeze(layer!(Net, center));
    let before = net.center;
    frozen.step(&mut net, &gradient);
    assert_eq!(net.center.running_mean, before.running_mean);
}

#[test]
fn inference_reads_the_statistics() {
    let mut net = Inner::zeros();
    net.center.running_mean = [-0.5; 32];
    let mut outputs = vec![Tensor1::zeros(); 5];
    net.forward_batch(&[Tensor1::<32, f64>::ones(); 5], &mut outputs);
    assert_eq!(outputs[4], Tensor1::from([0.5f64.tanh(); 32]));
}
