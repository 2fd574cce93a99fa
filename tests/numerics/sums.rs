//! Sums over millions of numbers keep their digits: those of tensors, losses, metrics, scalers and
//! gradients.

use std::slice::{from_mut, from_ref};

use crate::common::settings;
use shapewright::data::{Imputer, StandardScaler};
use shapewright::metrics::*;
use shapewright::prelude::*;
use shapewright::tensor::Rank1;

/// The number of samples. A single chain of equal `f32` terms would be off by one in a thousand.
const MANY: usize = 1 << 18;

/// Panics unless `found` is `expected` to about the precision of an `f32`.
#[track_caller]
fn assert_exact(what: &str, found: impl Into<f64>, expected: f64) {
    let found = found.into();
    assert!(
        (found - expected).abs() <= 2e-6 * expected.abs(),
        "{what}: {found}, should be {expected}"
    );
}

#[test]
fn tensors() {
    const LEN: usize = 3_145_728;
    let tenths = Tensor1::<LEN>::full_boxed(0.1);
    const THIRD: usize = LEN / 3;
    let tall = Tensor2::<THIRD, 3>::full_boxed(0.1);
    let flat = Tensor2::<3, THIRD>::full_boxed(0.1);
    let ones = Tensor1::<20_000_000>::full_boxed(1.0);

    settings().every_tier(|_| {
        assert_exact("mean", tenths.mean(), f64::from(0.1_f32));
        assert_exact(
            "column",
            tall.sum_rows()[2],
            f64::from(0.1_f32) * THIRD as f64,
        );
        assert_exact(
            "row",
            flat.sum_columns()[2],
            f64::from(0.1_f32) * THIRD as f64,
        );
        assert_eq!((ones.sum(), ones.dot(&ones)), (2e7, 2e7));
    });
}

/// Checks that the mean loss of equal samples is the loss of one of them, and that the sum is
/// `MANY` times that.
fn check_loss<S: Shape, L: Loss<S, f32>>(
    what: &str,
    loss: impl Fn(Reduction) -> L,
    output: Tensor<S>,
    target: L::Target,
) where
    L::Target: Clone,
{
    let outputs = vec![output; MANY];
    let targets = vec![target.clone(); MANY];
    let mut gradients = vec![Tensor::zeros(); MANY];
    let of_one = loss(Reduction::Sum).loss(&[output], &[target], &mut [Tensor::zeros()]);
    assert!(of_one > 0.1, "{what} is {of_one}");
    let mean = loss(Reduction::Mean).loss(&outputs, &targets, &mut gradients);
    assert_exact(what, mean, f64::from(of_one));
    let sum = loss(Reduction::Sum).loss(&outputs, &targets, &mut gradients);
    assert_exact(what, sum, f64::from(of_one) * MANY as f64);
}

#[test]
fn losses_of_numbers() {
    let zero = Tensor0::from(0.1);
    let one = Tensor0::from(1.0);

    check_loss("Mae", |reduction| Mae.reduction(reduction), zero, one);
    check_loss("Mse", |reduction| Mse.reduction(reduction), zero, one);
    check_loss("Huber", |reduction| Huber.reduction(reduction), zero, one);
    check_loss(
        "SmoothL1",
        |reduction| SmoothL1.reduction(reduction),
        zero,
        one,
    );
    check_loss("Bce", |reduction| Bce.reduction(reduction), zero, one);
    check_loss(
        "BceWithLogits",
        |reduction| BceWithLogits.reduction(reduction),
        zero,
        one,
    );
    let weighted = |reduction| BceWithLogits.pos_weight(3.0).reduction(reduction);
    check_loss("weighted BceWithLogits", weighted, zero, one);
    check_loss(
        "KlDiv",
        |reduction| KlDiv.reduction(reduction),
        Tensor0::from(-0.7),
        one,
    );
    check_loss(
        "PoissonNll",
        |reduction| PoissonNll.reduction(reduction),
        zero,
        one,
    );
    check_loss(
        "HingeEmbedding",
        |reduction| HingeEmbedding.reduction(reduction),
        zero,
        Tensor0::from(-1.0),
    );
}

#[test]
fn losses_of_classes() {
    let thirds = Tensor1::from([-3.0_f32.ln(); 3]);
    let label = Label::<3>::new(1).expect("a class");

    check_loss(
        "CrossEntropy",
        |reduction| CrossEntropy.reduction(reduction),
        thirds,
        label,
    );
    check_loss("Nll", |reduction| Nll.reduction(reduction), thirds, label);

    let weights = [0.3; 3];
    // The mean is over the weights.
    let sum_of = |reduction: Reduction| {
        if reduction == Reduction::Mean {
            [1.0; 3]
        } else {
            weights
        }
    };

    let weighted = |reduction| {
        CrossEntropy
            .class_weights(sum_of(reduction))
            .reduction(reduction)
    };

    let outputs = vec![thirds; MANY];
    let loss: f32 = weighted(Reduction::Sum).loss(
        &outputs,
        &vec![label; MANY],
        &mut vec![Tensor::zeros(); MANY],
    );
    assert_exact("weighted", loss, 0.3 * 3.0_f64.ln() * MANY as f64);

    let smoothed = |reduction| CrossEntropy.label_smoothing(0.3).reduction(reduction);
    check_loss(
        "smoothed CrossEntropy",
        smoothed,
        Tensor1::from([0.0, 1.0, 3.0]),
        label,
    );

    let optional = |reduction| Nll.optional_labels().reduction(reduction);
    check_loss("Nll with optional labels", optional, thirds, Some(label));
}

#[test]
fn losses_of_tuples() {
    type Pair = (Rank1<1>, Rank1<1>);
    let pair = |a: f32, b: f32| Tensor::<Pair>::from((Tensor1::from([a]), Tensor1::from([b])));
    let target = Tensor1::from([1.0]);

    check_loss(
        "GaussianNll",
        |reduction| GaussianNll.reduction(reduction),
        pair(0.1, 0.7),
        target,
    );
    check_loss(
        "MarginRanking",
        |reduction| MarginRanking.reduction(reduction),
        pair(0.1, 0.7),
        target,
    );

    let plane = |a: [f32; 2], b: [f32; 2]| Tensor::from((Tensor1::from(a), Tensor1::from(b)));
    check_loss(
        "CosineEmbedding",
        |r| CosineEmbedding.reduction(r),
        plane([1.0, 0.0], [1.0, 1.0]),
        1.0,
    );

    let triplet = Tensor::from((target, Tensor1::from([1.3]), Tensor1::from([1.7])));
    check_loss(
        "TripletMargin",
        |reduction| TripletMargin.reduction(reduction),
        triplet,
        (),
    );
}

#[test]
fn distances_of_long_vectors() {
    type Pair = Tensor<(Rank1<MANY>, Rank1<MANY>)>;
    type Triplet = Tensor<(Rank1<MANY>, Rank1<MANY>, Rank1<MANY>)>;
    let pair = Pair::full_boxed(0.1);
    let mut gradient = Pair::zeros_boxed();
    let loss = CosineEmbedding.loss(from_ref(&*pair), &[-1.0], from_mut(&mut *gradient));
    assert_exact("cosine", loss, 1.0);

    let elements = [0.0, 0.3, 0.1].map(|x| vec![x; MANY]).concat();
    let triplet = Triplet::from_slice_boxed(&elements).expect("three vectors");
    let mut gradient = Triplet::zeros_boxed();
    let loss = TripletMargin.loss(from_ref(&*triplet), &[()], from_mut(&mut *gradient));
    assert_exact(
        "distances",
        loss,
        1.0 + (MANY as f64).sqrt() * (f64::from(0.3_f32) - f64::from(0.1_f32)),
    );
}

#[test]
fn metrics_of_many_samples() {
    let outputs = vec![Tensor1::from([0.1_f32, 0.7]); MANY];
    let targets = vec![Tensor1::zeros(); MANY];
    let [a, b] = [0.1_f32, 0.7_f32].map(f64::from);

    let exact = |name: &str, found: Result<f64, MetricError>, expected: f64| {
        let found = found.expect(name);
        assert!(
            (found - expected).abs() <= 1e-15,
            "{name}: {found}, should be {expected}"
        );
    };

    exact(
        "MSE",
        MeanSquaredError::new().of(&outputs, &targets),
        (a * a + b * b) / 2.0,
    );
    exact(
        "MAE",
        MeanAbsoluteError::new().of(&outputs, &targets),
        (a + b) / 2.0,
    );
    exact(
        "RMSE",
        RootMeanSquaredError::new().of(&outputs, &targets),
        (a + b) / 2.0,
    );

    let labels = vec![Label::<2>::new(0).expect("a class"); MANY];
    let log_loss = LogLoss::new(Outputs::Probabilities).of(&outputs, &labels);
    exact("log loss", log_loss, -a.ln());
}

/// Checks targets far from zero, where the rounding error of an `f64` is 6e-5.
#[test]
fn targets_far_from_zero() {
    let far = 1e12;
    let near = |i: usize| ((i * 7919) % 1000) as f64 / 1000.0 - 0.37;
    let samples = 20_000;
    let tensors = |off: f64, error: f64| -> Vec<Tensor0<f64>> {
        (0..samples)
            .map(|i| Tensor0::from(off + near(i) + error * near(i + 3)))
            .collect()
    };
    let rounded = |tensors: Vec<Tensor0<f64>>| -> Vec<Tensor0<f64>> {
        tensors
            .into_iter()
            .map(|x| Tensor0::from(x[[]] - far))
            .collect()
    };
    let outputs = tensors(far, 0.3);
    let targets = tensors(far, 0.0);
    let found = R2Score::new().of(&outputs, &targets).expect("a score");
    let outputs = rounded(outputs);
    let near_targets = rounded(targets.clone());
    let expected = R2Score::new().of(&outputs, &near_targets).expect("a score");
    assert!(
        0.5 < expected && expected < 0.95 && (found - expected).abs() < 1e-13,
        "{found}, not {expected}"
    );

    let scaler = StandardScaler::fit(&targets).expect("numbers");
    let expected = StandardScaler::fit(&near_targets).expect("numbers");
    assert!(
        (scaler.std[[]] / expected.std[[]] - 1.0).abs() < 1e-13,
        "{scaler:?}, not {expected:?}"
    );
}

#[test]
fn scalers_of_many_samples() {
    let samples: Vec<Tensor0> = (0..MANY)
        .map(|i| Tensor0::from(0.1 + (i % 2) as f32))
        .collect();
    let scaler = StandardScaler::fit(&samples).expect("numbers");
    assert_exact("mean", scaler.mean[[]], 0.6);
    assert_exact("std", scaler.std[[]], 0.5);
    assert_exact(
        "fill",
        Imputer::mean(&samples).expect("numbers").fill[[]],
        0.6,
    );
}

/// Returns the gradient of the parameters, which are 0.1, for inputs of `x` and output gradients of
/// 0.1.
fn gradient<N: Trainable<Element = f32>>(batch: usize, x: f32) -> Box<N> {
    let mut net = N::zeros();
    net.params_mut().fill(0.1);
    let inputs = vec![Tensor::full(x); batch];
    let mut gradient = N::zeros();
    let mut workspace = N::workspace();
    let mut pass = net.forward_train(&inputs, &mut workspace);
    pass.output_gradients_mut()
        .iter_mut()
        .for_each(|gradient| gradient.as_mut_slice().fill(0.1));
    pass.backward(&mut gradient);
    gradient
}

#[test]
fn gradients_over_many_places() {
    network! { struct OneByOne: [32, 32, 2] -> [32, 32, 3] { conv: Conv2d<_, 3, 1> } }
    network! { struct Kernel: [32, 32, 1] -> [32, 32, 2] { conv: Conv2d<_, 2, 3, Pad<1>> } }
    network! { struct Depthwise: [32, 32, 2] -> [32, 32, 2] { conv: Conv2d<_, 2, 3, Pad<1>, Groups<2>> } }
    network! { struct Rows: [1024, 2] -> [1024, 2] { fc: Linear<_, 2> } }
    network! { struct Slope: [1024] -> [1024] { act: PRelu<1> } }
    network! { struct Norm: [1024, 2] -> [1024, 2] { norm: LayerNorm<2> } }
    network! { struct Words: [1024] -> [1024, 2] { embed: Embedding<3, 2> } }

    const BATCH: usize = MANY / 1024;
    let tenth = f64::from(0.1_f32);
    let places = MANY as f64;

    let check = |what: &str, params: &[f32], weight: usize, bias: usize| {
        // Within blocks of 512 equal terms, roundings go the same way.
        let expected = tenth * tenth * places;
        assert!(
            (f64::from(params[weight]) / expected - 1.0).abs() < 1e-5,
            "{what}: {}",
            params[weight]
        );
        assert_exact(what, params[bias], tenth * places);
    };

    settings().every_tier(|_| {
        check("1 x 1", gradient::<OneByOne>(BATCH, 0.1).params(), 0, 6);
        check("3 x 3", gradient::<Kernel>(BATCH, 0.1).params(), 8, 18);
        check(
            "depthwise",
            gradient::<Depthwise>(BATCH, 0.1).params(),
            8,
            18,
        );
        check("rows", gradient::<Rows>(BATCH, 0.1).params(), 0, 4);
        assert_exact(
            "slope",
            gradient::<Slope>(BATCH, -0.1).params()[0],
            -tenth * tenth * places,
        );
        assert_exact(
            "norm",
            gradient::<Norm>(BATCH, 0.1).params()[3],
            tenth * places,
        );
        assert_exact(
            "embedding",
            gradient::<Words>(BATCH, 0.0).params()[1],
            tenth * places,
        );
    });
}

#[test]
fn singular_values_of_many_rows() {
    network! { struct One: [MANY] -> [1] { fc: SpectralNorm<Linear<_, 1, NoBias>> } }
    network! { struct Two: [MANY] -> [2] { fc: SpectralNorm<Linear<_, 2, NoBias>> } }

    let mut net = One::zeros();
    net.fc.layer.weight.fill([0.1]);
    net.fc.layer.weight[0] = [0.7];
    net.fc.weight_u = [1.0];
    let squares: f64 = net
        .fc
        .layer
        .weight
        .iter()
        .map(|w| f64::from(w[0]).powi(2))
        .sum();
    let mut x = Tensor1::<MANY>::zeros_vec(1);
    x[0][0] = 1.0;
    let expected = f64::from(0.7_f32) / squares.sqrt();
    assert_exact("inference", net.forward(&x[0])[0], expected);
    let mut workspace = One::workspace();
    let pass = net.forward_train(&x, &mut workspace);
    assert_exact("training", pass.outputs()[0][0], expected);

    // The rows are equal, and of length 1: the singular value is the root of their number, and the
    // next vector is that of a row.
    let mut net = Two::zeros();
    net.fc.layer.weight.fill([0.6, 0.8]);
    net.fc.weight_u = [1.0, 0.0];
    let mut workspace = Two::workspace();
    let mut gradient = Two::zeros();
    let pass = net.forward_train(&x, &mut workspace);
    assert_exact(
        "a product",
        pass.outputs()[0][1],
        f64::from(0.8_f32) / (MANY as f64).sqrt(),
    );
    pass.backward(&mut gradient);
    for (change, next) in gradient.fc.weight_u.iter().zip([1.0 - 0.6, -0.8]) {
        assert!((f64::from(*change) - next).abs() < 1e-6, "{change}");
    }
}

#[test]
fn gradients_of_positions_that_are_copied_often() {
    const TIMES: usize = 1 << 20;
    network! { struct Sequence: [2, 1] -> [{ TIMES + 2 }, 1] { ReplicationPad1d<(TIMES, 0)> } }
    network! { struct Image: [2, 2, 1] -> [1026, 1026, 1] { ReplicationPad2d<(1024, 0, 0, 1024)> } }

    fn gradient<N: Trainable<Element = f32>>(net: &N) -> Vec<f32> {
        let mut workspace = N::workspace();
        let x = [Tensor::zeros()];
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()[0].as_mut_slice().fill(0.1);
        pass.input_gradients()[0].as_slice().to_vec()
    }

    let tenth = f64::from(0.1_f32);
    let found = gradient(&*Sequence::zeros());
    assert_exact("a sequence", found[0], tenth * (TIMES + 1) as f64);
    assert_eq!(found[1], 0.1);

    let found = gradient(&*Image::zeros());
    assert_exact("an edge", found[0], tenth * 1025.0);
    assert_eq!(found[1], 0.1);
    assert_exact("a corner", found[2], tenth * 1025.0 * 1025.0);
    assert_exact("another edge", found[3], tenth * 1025.0);
}

/// Norms and penalties of a gradient of a million numbers.
#[test]
fn norms_of_gradients() {
    network! { struct Wide: [1024] -> [1024] { fc: Linear<_, 1024> } }

    let mut net = Wide::zeros();
    let mut gradient = Wide::zeros();
    net.params_mut().fill(0.1);
    gradient.params_mut().fill(0.1);
    let tenth = f64::from(0.1_f32);
    let count = Wide::PARAMS as f64;

    assert_exact(
        "norm",
        clip_grad_norm(&mut *gradient, 1e9).expect("a norm"),
        tenth * count.sqrt(),
    );
    assert_exact(
        "l1",
        l1_penalty(&*net, layer!(Wide), 1.0, &mut *gradient),
        tenth * count,
    );
    assert_exact(
        "l2",
        l2_penalty(&*net, layer!(Wide), 2.0, &mut *gradient),
        tenth * tenth * count,
    );
}

/// Attention over many keys, whose weights are all equal, and of many queries.
#[test]
fn attention_over_many_positions() {
    const MANY: usize = 300_000;
    network! {
        struct ManyKeys: (x: [1, 1], memory: [300_000, 1]) -> [1, 1] {
            MultiHeadAttention<_, 1, Cross> <- (x, memory)
        }
    }
    network! {
        struct ManyQueries: (x: [300_000, 1], memory: [2, 1]) -> [300_000, 1] {
            MultiHeadAttention<_, 1, Cross> <- (x, memory)
        }
    }

    // Queries and keys are 0; values and outputs are what comes in.
    fn network<N: Network<Element = f32>>(mut net: Box<N>) -> Box<N> {
        net.for_each_param_mut(|name, _, values| match name {
            "0.in_proj_weight" => values[2] = 1.0,
            "0.out_proj.weight" => values[0] = 1.0,
            _ => {}
        });
        net
    }

    let tenth = f64::from(0.1_f32);
    settings().every_tier(|_| {
        let x = Tensor::full_boxed(0.1);
        let y = network(ManyKeys::zeros()).forward(&*x);
        assert_exact("the mean of the values", y[[0, 0]], tenth);

        let net = network(ManyQueries::zeros());
        let mut workspace = ManyQueries::workspace();
        let mut gradient = ManyQueries::zeros();
        let x = Tensor::full_boxed(0.1);
        let mut pass = net.forward_train(from_ref(&*x), &mut workspace);
        pass.output_gradients_mut()[0].fill_with(|_| 0.1);
        pass.backward(&mut gradient);
        gradient.for_each_param(|name, _, values| {
            if name == "0.in_proj_bias" {
                // One chain would be off by 9e-5.
                let off = f64::from(values[2]) / (tenth * MANY as f64) - 1.0;
                assert!(off.abs() < 5e-6, "the gradient of values is off by {off}");
            }
        });
    });
}

#[test]
fn means_over_time() {
    const LONG: usize = 1 << 22;
    network! { struct Mean: [LONG, 1] -> [1] { MeanOverTime } }
    network! { struct Masked: (x: [LONG, 1], mask: [LONG]) -> [1] { MeanOverTime <- (x, mask) } }
    // More channels than are summed at a time, and a length that is no power of two.
    network! { struct Wide: [99_999, 19] -> [19] { MeanOverTime } }

    let tenth = f64::from(0.1_f32);
    let x = Tensor2::<LONG, 1>::full_boxed(0.1);
    assert_exact("mean", Mean::zeros().forward(&*x)[0], tenth);

    let mut masked = Tensor::<<Masked as Network>::Input>::zeros_vec(1);
    let (x, mask) = masked[0].parts_mut();
    x.as_mut_slice().fill(0.1);
    mask.as_mut_slice()[..LONG - 5].fill(1.0);
    let mut y = [Tensor1::zeros()];
    Masked::zeros().forward_batch(&masked, &mut y);
    assert_exact("masked mean", y[0][0], tenth);

    let x = Tensor2::<99_999, 19>::from_fn_boxed(|[_, channel]| 0.1 * channel as f32);
    let y = Wide::zeros().forward(&*x);
    for channel in 0..19 {
        let expected = f64::from(0.1 * channel as f32);
        assert_exact(&format!("channel {channel}"), y[channel], expected);
    }
}
