//! Layers that look at the whole batch, and their statistics.

use shapewright::prelude::*;
use shapewright::threads::set_threads;
use shapewright::{
    ext::{
        BackwardInput, BackwardParams, Batching, FeatureOrder, Forward, ForwardTrain, Infer,
        Inferred, Layer, ShapeRule, Train,
    },
    tensor::{Element, Rank1},
};

/// Subtracts the mean of the batch from each feature, and in inference a running mean.
struct Center<const N: usize>;

#[derive(Clone, Copy, Debug, Parameters)]
#[repr(C)]
struct CenterParams<const N: usize, T: Element> {
    bias: [T; N],
    #[params(statistic)]
    running_mean: [T; N],
}

impl<const N: usize> ShapeRule<Rank1<N>> for Center<N> {
    const OUTPUT: Inferred = Inferred::shape(shapewright::tensor::Dims::new(&[N]));
}

impl<const N: usize, T: Element> Layer<T> for Center<N> {
    type Config = ();
    type Params = CenterParams<N, T>;
}

fn mean<const N: usize, T: Element>(x: &[Tensor1<N, T>]) -> [T; N] {
    let count = T::from_f64_lossy(x.len() as f64);
    std::array::from_fn(|i| x.iter().fold(T::zero(), |sum, x| sum + x[i]) / count)
}

impl<const N: usize, T: Element> Infer<Rank1<N>, Rank1<N>, T> for Center<N> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const BATCHING: Batching = Batching::WholeBatch;
    const MULTIPLY_ADDS: usize = N;

    fn forward(call: Forward<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let Forward { params, x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            (0..N).for_each(|i| y[i] = x[i] - params.running_mean[i] + params.bias[i]);
        }
    }
}

impl<const N: usize, T: Element> Train<Rank1<N>, Rank1<N>, T> for Center<N> {
    const READS_OUTPUT: bool = false;

    fn forward_train(call: ForwardTrain<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let ForwardTrain { params, x, y, .. } = call;
        let mean = mean(x);
        for (x, y) in x.iter().zip(y) {
            (0..N).for_each(|i| y[i] = x[i] - mean[i] + params.bias[i]);
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let BackwardInput { dy, dx, .. } = call;
        let mean = mean(dy);
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            (0..N).for_each(|i| dx[i] = dy[i] - mean[i]);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let BackwardParams {
            params,
            x,
            dy,
            gradient,
            ..
        } = call;
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
    let inputs = (0..BATCH)
        .map(|_| Tensor1::from(std::array::from_fn(|_| number())))
        .collect();
    (
        inputs,
        (0..BATCH)
            .map(|_| Tensor1::from(std::array::from_fn(|_| number())))
            .collect(),
    )
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

    // The gradient agrees with central differences, also through the means.
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
        assert!(
            (difference - slope).abs() < 1e-7,
            "{index}: {slope} and {difference}"
        );
    }
}

#[test]
fn optimizers_move_statistics_by_what_the_layer_says_and_nothing_else() {
    let mut net = Net::init(&mut shapewright::rng(0));
    assert_eq!(
        Net::PARAMS,
        16 * 32 + 32 + 32 * 32 + 32 + 32 + 32 + 32 * 4 + 4,
        "statistics are not trained"
    );
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
    assert_eq!(
        gradient.center.running_mean, change,
        "neither clipped nor decayed"
    );

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

/// Accumulated gradients of many batches leave the statistics of PyTorch, which updates them after
/// each: as they would be after steps that change nothing else.
#[test]
fn statistics_of_accumulated_gradients_are_updated_batch_by_batch() {
    network! { struct Batch: [3] -> [3] as f64 { norm: BatchNorm1d<_> } }
    network! { struct Spectral: [3] -> [2] as f64 { fc: SpectralNorm<Linear<_, 2>> } }
    const BATCHES: usize = 50;

    let x: Vec<Tensor1<3, f64>> = (0..2 * BATCHES)
        .map(|i| Tensor1::from_position(|j| 5.0 + ((3 * i + j) as f64).sin()))
        .collect();
    let mut still = Sgd::new(0.0).state::<Batch>();
    let mut one_by_one = Batch::init(&mut shapewright::rng(0));
    let mut at_once = one_by_one.to_boxed();
    let mut workspace = Batch::workspace();
    let mut gradient = Batch::zeros();
    for batch in x.chunks(2) {
        one_by_one
            .forward_train(batch, &mut workspace)
            .backward(&mut gradient);
        still.step(&mut one_by_one, &gradient);
    }

    gradient.params_mut().fill(0.0);
    for batch in x.chunks(2) {
        at_once
            .forward_train(batch, &mut workspace)
            .backward_accumulate(&mut gradient);
    }
    still.step(&mut at_once, &gradient);
    for (a, b) in at_once.params().iter().zip(one_by_one.params()) {
        assert!((a - b).abs() < 1e-12, "{a}, not {b}");
    }
    assert_eq!(at_once.norm.num_batches_tracked, BATCHES as f64);

    // The weight is the same for all batches, and one iteration of it is enough.
    let mut net = Spectral::init(&mut shapewright::rng(0));
    net.fc.weight_u = [0.6, 0.8];
    let mut workspace = Spectral::workspace();
    let [mut once, mut often] = [Spectral::zeros(), Spectral::zeros()];
    net.forward_train(&x[..2], &mut workspace)
        .backward(&mut once);
    for batch in x.chunks(2) {
        net.forward_train(batch, &mut workspace)
            .backward_accumulate(&mut often);
    }
    assert_ne!(once.fc.weight_u, [0.0; 2]);
    assert_eq!(often.fc.weight_u, once.fc.weight_u);
}

#[test]
fn inference_reads_the_statistics() {
    let mut net = Inner::zeros();
    net.center.running_mean = [-0.5; 32];
    let mut outputs = vec![Tensor1::zeros(); 5];
    net.forward_batch(&[Tensor1::<32, f64>::ones(); 5], &mut outputs);
    assert_eq!(outputs[4], Tensor1::from([0.5f64.tanh(); 32]));
}

network! { struct Body: [4] -> [4] as f64 { fc: Linear<_, 4>, norm: BatchNorm1d<_>, Tanh, Dropout } }
network! {
    struct Deep: [3] -> [2] as f64 {
        first: Linear<_, 4>,
        norm: BatchNorm1d<_>,
        body: Body,
        blocks: Repeat<2> { Residual { fc: Linear<_, 4>, norm: BatchNorm1d<_, NoAffine>, Dropout(0.3) } },
        head: Linear<_, 2>,
    }
}

/// Returns a network whose statistics are not those of any batch.
fn deep() -> Box<Deep> {
    let mut net = Deep::init(&mut shapewright::rng(1));
    let mut next = 0.3;
    net.for_each_param_mut(|name, _, values| {
        for value in values {
            next = (next * 7.3 + 0.1) % 1.0;
            match name.rsplit('.').next() {
                Some("running_mean") => *value = 2.0 * next - 1.0,
                Some("running_var") => *value = 0.5 + next,
                _ => {}
            }
        }
    });
    net
}

fn points(count: usize) -> Vec<Tensor1<3, f64>> {
    let mut rng = shapewright::rng(2);
    let uniform = rand::distr::Uniform::new(-1.0, 1.0).expect("a range");
    (0..count)
        .map(|_| Tensor::random(uniform, &mut rng))
        .collect()
}

/// Returns the outputs of a network in inference.
fn inferred(net: &Deep, x: &[Tensor1<3, f64>]) -> Vec<Tensor1<2, f64>> {
    x.iter().map(|x| net.forward(x)).collect()
}

/// If the whole network is in inference mode, its gradients are those of the function that
/// inference computes.
#[test]
fn inference_mode_is_the_function_of_inference() {
    let (mut net, x) = (deep(), points(6));
    let weights: Vec<Tensor1<2, f64>> = (0..6)
        .map(|i| Tensor1::from([0.3 * i as f64 - 0.7, 1.0 - 0.2 * i as f64]))
        .collect();
    let (mut workspace, mut gradient) = (Deep::workspace(), Deep::zeros());
    workspace.eval(layer!(Deep));
    let mut pass = net.forward_train(&x, &mut workspace);
    for (found, wanted) in pass.outputs().iter().zip(inferred(&net, &x)) {
        assert!(
            (*found - wanted).iter().all(|off| off.abs() < 1e-12),
            "{found:?} and {wanted:?}"
        );
    }
    pass.output_gradients_mut().copy_from_slice(&weights);
    let dx = pass.backward_with_input(&mut gradient).to_vec();

    let loss = |net: &Deep, x: &[Tensor1<3, f64>]| -> f64 {
        inferred(net, x)
            .iter()
            .zip(&weights)
            .map(|(y, w)| y.dot(w))
            .sum()
    };
    let mut statistics = Vec::new();
    net.for_each_param(|name, _, values| {
        let statistic = name.contains("running") || name.contains("tracked");
        statistics.extend(values.iter().map(|_| statistic));
    });
    let mut places = Vec::new();
    let base = net.params().as_ptr().addr();
    net.for_each_param(|_, _, values| {
        let first = (values.as_ptr().addr() - base) / size_of::<f64>();
        places.extend(first..first + values.len());
    });
    for (place, statistic) in places.into_iter().zip(statistics) {
        let middle = net.params()[place];
        let mut at = |value: f64| {
            net.params_mut()[place] = value;
            loss(&net, &x)
        };
        let slope = (at(middle + 1e-5) - at(middle - 1e-5)) / 2e-5;
        at(middle);
        // Statistics have no gradient.
        let wanted = if statistic { 0.0 } else { slope };
        assert!(
            (gradient.params()[place] - wanted).abs() < 1e-8,
            "number {place}"
        );
    }
    for (sample, dx) in dx.iter().enumerate() {
        for i in 0..3 {
            let at = |off: f64| {
                let mut x = x.clone();
                x[sample][i] += off;
                loss(&net, &x)
            };
            assert!(
                (dx[i] - (at(1e-5) - at(-1e-5)) / 2e-5).abs() < 1e-8,
                "input {i} of {sample}"
            );
        }
    }
}

/// Frozen normalizations use their running statistics. Dropout in a frozen part still drops, unless
/// it is told not to.
#[test]
fn frozen_normalizations_use_their_running_statistics() {
    let (mut net, x) = (deep(), points(8));
    let y: Vec<Tensor1<2, f64>> = x
        .iter()
        .map(|x| Tensor1::from([x[0] * x[1], x[2]]))
        .collect();
    let frozen = |state: shapewright::optim::OptimizerState<Sgd, Deep>| {
        state
            .freeze(layer!(Deep, norm))
            .freeze(layer!(Deep, body))
            .freeze(layer!(Deep, blocks))
    };
    let before = net.to_boxed();
    let trainer = Deep::trainer(Sgd::new(0.05), Mse)
        .batch_size(4)
        .epochs(3)
        .param_groups(frozen);
    let trainer = trainer.eval(layer!(Deep, body)).eval(layer!(Deep, blocks));
    // Before the first step, the loss of training is that of evaluation.
    let still = trainer
        .validate(&x, &y)
        .schedule(|_: u64| 0.0)
        .fit(&mut net, &x, &y)
        .expect("a training");
    for epoch in still.epochs {
        let validation = epoch.validation_loss.expect("a loss");
        assert!(
            (epoch.loss - validation).abs() < 1e-12,
            "{} and {validation}",
            epoch.loss
        );
    }
    assert_eq!(net.params(), before.params());

    let trainer = Deep::trainer(Sgd::new(0.05), Mse)
        .batch_size(4)
        .epochs(20)
        .param_groups(frozen);
    let trainer = trainer
        .eval(layer!(Deep, body))
        .eval(layer!(Deep, blocks))
        .validate(&x, &y);
    let history = trainer.fit(&mut net, &x, &y).expect("a training");
    assert!(history.epochs[19].validation_loss < history.epochs[0].validation_loss);
    assert_eq!(layer!(Deep, norm).of(&net), layer!(Deep, norm).of(&before));
    assert_eq!(layer!(Deep, body).of(&net), layer!(Deep, body).of(&before));
    assert_eq!(
        layer!(Deep, blocks).of(&net),
        layer!(Deep, blocks).of(&before)
    );
    assert_ne!(net.head.bias, before.head.bias);
    assert_ne!(net.first.bias, before.first.bias);
}

/// Each layer of a workspace can be in inference mode by itself.
#[test]
fn each_part_has_a_mode_of_its_own() {
    let (net, x) = (deep(), points(8));
    let outputs = |workspace: &mut shapewright::Workspace<Deep>, layer: &str| -> Vec<f64> {
        workspace.reseed(3);
        let pass = net.forward_train(&x, workspace);
        let found = pass
            .layer_outputs()
            .find(|(summary, _)| summary.layer.starts_with(layer));
        found.expect("the layer").1.to_vec()
    };
    let mut plain = Deep::workspace();
    let state = || Sgd::new(0.1).state::<Deep>();
    let mut workspace = Deep::workspace();
    let normalized = |workspace: &mut _| outputs(workspace, "norm");
    let with_running = || -> Vec<f64> {
        x.iter()
            .flat_map(|x| {
                (0..4).map(|i| {
                    let y: f64 = (0..3).map(|j| x[j] * net.first.weight[j][i]).sum::<f64>()
                        + net.first.bias[i];
                    (y - net.norm.running_mean[i]) / (net.norm.running_var[i] + 1e-5).sqrt()
                })
            })
            .collect()
    };
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    let by_batch = normalized(&mut plain);
    assert!(!close(&by_batch, &with_running()));

    workspace.follow(&state().freeze(layer!(Deep, norm)));
    assert!(close(&normalized(&mut workspace), &with_running()));
    // A normalization is in inference mode if all its statistics are frozen.
    workspace.follow(&state().freeze(layer!(Deep, norm.weight)));
    assert_eq!(normalized(&mut workspace), by_batch);
    workspace.follow(&state().freeze(layer!(Deep, norm.running_mean)));
    assert_eq!(normalized(&mut workspace), by_batch);
    // Freezing the statistics one after another has the same effect.
    let state_of_both = state()
        .freeze(layer!(Deep, norm.running_mean))
        .freeze(layer!(Deep, norm.running_var));
    workspace.follow(&state_of_both.freeze(layer!(Deep, norm.num_batches_tracked)));
    assert!(close(&normalized(&mut workspace), &with_running()));
    workspace.follow(&state().freeze(layer!(Deep, norm)).thaw(layer!(Deep, norm)));
    assert_eq!(normalized(&mut workspace), by_batch);
    workspace.eval(layer!(Deep, norm));
    assert!(close(&normalized(&mut workspace), &with_running()));
    workspace.train_all();
    assert_eq!(normalized(&mut workspace), by_batch);

    // Layers below the trained ones are in inference mode. A nested network that is trained from
    // one of its layers is trained as a whole.
    workspace.train_from(layer!(Deep, body.norm));
    assert!(close(&normalized(&mut workspace), &with_running()));
    let mut below = Deep::workspace();
    below.eval(layer!(Deep, norm));
    assert_eq!(outputs(&mut workspace, "head"), outputs(&mut below, "head"));
    workspace.train_from(layer!(Deep, norm));
    assert_eq!(normalized(&mut workspace), by_batch);

    // One of several blocks: its normalization, and its dropout.
    workspace.train_all();
    workspace.follow(&state().freeze(layer!(Deep, blocks[1])));
    let mut other = Deep::workspace();
    other.follow(&state().freeze(layer!(Deep, blocks[1].layer_0.norm)));
    let frozen = outputs(&mut workspace, "head");
    assert_eq!(frozen, outputs(&mut other, "head"));
    assert_ne!(frozen, outputs(&mut plain, "head"));
    workspace.eval(layer!(Deep, blocks[1]));
    assert_eq!(outputs(&mut workspace, "head"), frozen, "dropout stopped");
}
