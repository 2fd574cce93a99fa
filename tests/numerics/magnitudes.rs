//! Metrics, losses and norms of numbers whose squares or sums an `f64` or `f32` cannot hold, though
//! it can hold the result.

use shapewright::metrics::*;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank1};
use shapewright::train::Scores;

/// Squares of these overflow, or vanish.
const SCALES: [f64; 4] = [1e-300, 1e-170, 1e160, 1e300];

#[track_caller]
fn assert_near(what: &str, found: f64, wanted: f64) {
    assert!(
        (found / wanted - 1.0).abs() < 1e-6,
        "{what}: {found} instead of {wanted}"
    );
}

#[test]
fn metrics() {
    for scale in SCALES {
        let targets = [1.0, 2.0, 3.0, 4.0].map(|x| Tensor1::from([x * scale, 1.0]));
        let outputs = [1.5, 1.5, 3.5, 3.5].map(|x| Tensor1::from([x * scale, 1.0]));
        // The second number of each sample is right: it has an error of 0 and an R2 of 1.
        let rmse = RootMeanSquaredError::new().of(&outputs, &targets);
        assert_near("RMSE", rmse.expect("samples"), 0.25 * scale);
        let r2 = R2Score::new().of(&outputs, &targets);
        assert_near("R2", r2.expect("samples"), 0.9);
        let mae = MeanAbsoluteError::new().of(&outputs, &targets);
        assert_near("MAE", mae.expect("samples"), 0.25 * scale);
    }
}

#[test]
fn the_mean_of_numbers_whose_sum_overflows() {
    let most = 0.7 * f64::MAX;
    let largest = [Tensor1::from([most, -most]); 3];
    let zero = [Tensor1::zeros(); 3];
    let mae = MeanAbsoluteError::new().of(&largest, &zero);
    assert_near("MAE", mae.expect("samples"), most);
    let rmse = RootMeanSquaredError::new().of(&largest, &zero);
    assert_near("RMSE", rmse.expect("samples"), most);

    // The difference of one of two outputs overflows, and their mean does not.
    let outputs = [Tensor1::from([most]), Tensor1::from([0.0])];
    let targets = [Tensor1::from([-most]), Tensor1::from([0.0])];
    let mae = MeanAbsoluteError::new().of(&outputs, &targets);
    assert_near("MAE", mae.expect("samples"), most);

    let squares = [Tensor1::from([1.3e154, -1.2e154]); 3];
    let mse = MeanSquaredError::new().of(&squares, &zero);
    assert_near("MSE", mse.expect("samples"), 1.565e308);

    let logits = [Tensor1::from([1e308, 0.0]); 3];
    let labels = [Label::<2>::new(1).expect("a class"); 3];
    let loss = LogLoss::new(Outputs::Logits).of(&logits, &labels);
    assert_near("log loss", loss.expect("samples"), 1e308);
    let logits = [[1.5e308, -1.5e308], [0.0, 1e308]].map(Tensor1::from);
    let loss = LogLoss::new(Outputs::Logits).of(&logits, &labels[..2]);
    assert_near("log loss", loss.expect("samples"), 1.5e308);

    let scores = Scores {
        folds: vec![most, 0.5 * most, 0.75 * most],
    };
    assert_near("scores", scores.mean(), 0.75 * most);
    assert_near("their deviation", scores.deviation(), 0.25 * most);
    let scores = Scores {
        folds: vec![4e-200, 2e-200, 3e-200],
    };
    assert_near("their deviation", scores.deviation(), 1e-200);

    assert_near("mean", largest[0].map(f64::abs).mean(), most);
    assert_eq!(Tensor1::from([f32::MAX; 5]).mean(), f32::MAX);
    for n in [1, 4, 8] {
        let opposite = Tensor1::<16>::from_position(|i| [f32::MAX, -f32::MAX][i / n % 2]);
        assert_eq!(opposite.sum(), 0.0);
        assert_eq!(opposite.mean(), 0.0);
        let halves = Tensor1::<16>::full(0.5);
        assert_eq!(opposite.dot(&halves), 0.0);
        let twos = Tensor1::<16>::full(2.0);
        assert_eq!(opposite.dot(&twos), 0.0);
    }
    assert_eq!(Tensor1::from([f32::INFINITY; 5]).mean(), f32::INFINITY);
}

#[test]
fn infinities_and_nan_stay() {
    for (x, y) in [
        (f64::INFINITY, 0.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NAN, 1e160),
        (0.0, f64::NAN),
    ] {
        let outputs = [Tensor1::from([1e300]), Tensor1::from([x])];
        let targets = [Tensor1::from([0.0]), Tensor1::from([y])];
        let want = (x - y).abs();
        for value in [
            MeanAbsoluteError::new().of(&outputs, &targets),
            MeanSquaredError::new().of(&outputs, &targets),
            RootMeanSquaredError::new().of(&outputs, &targets),
        ] {
            let value = value.expect("samples");
            assert!(
                value == want || (value.is_nan() && want.is_nan()),
                "{x}, {y}: {value}"
            );
        }

        let mut gradients = [Tensor1::zeros(); 2];
        for value in [
            Mse.loss(&outputs, &targets, &mut gradients),
            Mae.loss(&outputs, &targets, &mut gradients),
            Huber.loss(&outputs, &targets, &mut gradients),
        ] {
            assert!(
                value == want || (value.is_nan() && want.is_nan()),
                "{x}, {y}: {value}"
            );
        }
    }
}

/// Checks the mean of ten losses of the same output, and that the sum is infinite.
fn check<S: Shape, T: Element, L, G>(
    name: &str,
    make: impl Fn(Reduction) -> L,
    samples: (Tensor<S, T>, G),
    want: f64,
) where
    L: Loss<S, T, Target = G>,
    G: Clone,
{
    let outputs = vec![samples.0; 10];
    let targets = vec![samples.1; 10];
    let mut gradients = vec![Tensor::zeros(); 10];
    let mut loss = |reduction| {
        make(reduction)
            .loss(&outputs, &targets, &mut gradients)
            .to_f64()
            .expect("a float")
    };
    assert_near(name, loss(Reduction::Mean), want);
    assert_eq!(loss(Reduction::Sum), f64::INFINITY, "{name}");
    assert!(
        gradients
            .iter()
            .flat_map(|g| g.iter())
            .all(|g| g.is_finite()),
        "{name}"
    );
}

/// Checks the losses at a number `most` that is half the largest one, and at its root.
fn losses<T: Element>(most: f64) {
    let number = T::from_f64_lossy;
    let one = |x: f64| Tensor1::from([number(x)]);
    let root = most.sqrt();

    check("Mse", |r| Mse.reduction(r), (one(root), one(0.0)), most);
    check("Mae", |r| Mae.reduction(r), (one(most), one(0.0)), most);
    check("Huber", |r| Huber.reduction(r), (one(most), one(0.0)), most);
    let smooth = |r| SmoothL1.beta(most).reduction(r);
    check(
        "SmoothL1",
        smooth,
        (one(most * 0.9), one(0.0)),
        0.405 * most,
    );
    let hinge = |r| HingeEmbedding.reduction(r);
    check("HingeEmbedding", hinge, (one(most), one(1.0)), most);

    let logits = |r| BceWithLogits.reduction(r);
    check("BceWithLogits", logits, (one(most), one(0.0)), most);
    let weighted = |r| BceWithLogits.pos_weight(0.5).reduction(r);
    check("pos_weight", weighted, (one(-most), one(1.0)), 0.5 * most);

    let pair = Tensor::<(Rank1<1>, Rank1<1>), T>::from((one(-most), one(0.0)));
    let ranking = |r| MarginRanking.reduction(r);
    check("MarginRanking", ranking, (pair, one(1.0)), most);
    let pair = Tensor::<(Rank1<1>, Rank1<1>), T>::from((one(root), one(1.0)));
    let gaussian = |r| GaussianNll.reduction(r);
    check("GaussianNll", gaussian, (pair, one(0.0)), 0.5 * most);
    // Half of a square that is out of range.
    let pair = Tensor::<(Rank1<1>, Rank1<1>), T>::from((one(1.2 * root), one(1.0)));
    check("GaussianNll", gaussian, (pair, one(0.0)), 0.72 * most);

    let label = Label::<3>::new(1).expect("a class");
    let scores = Tensor1::from([most, 0.0, 0.0].map(number));
    let cross = |r| CrossEntropy.reduction(r);
    check("CrossEntropy", cross, (scores, label), most);
    let weights = |r| CrossEntropy.class_weights([1.0, 0.5, 2.0]).reduction(r);
    check("class weights", weights, (scores, label), most);
    let smoothing = |r| CrossEntropy.label_smoothing(0.3).reduction(r);
    check("smoothing", smoothing, (scores, label), 0.9 * most);
    let scores = Tensor1::from([0.0, -most, 0.0].map(number));
    let nll = |r| Nll.reduction(r);
    check("Nll", nll, (scores, label), most);
}

#[test]
fn means_of_losses_whose_sum_overflows() {
    losses::<f64>(0.5 * f64::MAX);
    losses::<f32>(0.5 * f64::from(f32::MAX));
}

/// Two logits whose difference is out of range have a loss that is, and a mean with other rows that
/// is not.
#[test]
fn the_mean_of_a_row_whose_loss_overflows() {
    let outputs = [[1.5e308, -1.5e308], [0.0, 1e308]].map(Tensor1::from);
    let labels = [Label::<2>::new(1).expect("a class"); 2];
    let mut gradients = [Tensor1::zeros(); 2];
    let loss = CrossEntropy.loss(&outputs, &labels, &mut gradients);
    assert_near("CrossEntropy", loss, 1.5e308);
    assert_eq!(gradients[0], Tensor1::from([0.5, -0.5]));
    let loss = CrossEntropy.loss(&outputs[..1], &labels[..1], &mut gradients[..1]);
    assert_eq!(loss, f64::INFINITY);
}

/// A singular value that is NaN makes all outputs NaN, as in PyTorch.
#[test]
fn a_spectral_norm_hides_no_nan() {
    network! { struct Net: [2] -> [3] { fc: SpectralNorm<Linear<_, 3>> } }
    let sound = Net::init(&mut shapewright::rng(0));
    let [mut of_u, mut of_weight, mut of_infinity] = [(); 3].map(|()| sound.to_boxed());
    of_u.fc.weight_u[1] = f32::NAN;
    of_weight.fc.layer.weight[0][1] = f32::NAN;
    of_infinity.fc.layer.weight[0][1] = f32::INFINITY;

    let x = [Tensor1::from([1.0, 2.0])];
    let mut workspace = Net::workspace();
    for net in [of_u, of_weight, of_infinity] {
        assert!(net.forward(&x[0]).iter().all(|y| y.is_nan()));
        let pass = net.forward_train(&x, &mut workspace);
        assert!(pass.outputs()[0].iter().all(|y| y.is_nan()));
    }

    // Zeros stay zeros.
    let net = Net::zeros();
    assert_eq!(net.forward(&x[0]), Tensor1::zeros());
    assert_eq!(
        net.forward_train(&x, &mut workspace).outputs()[0],
        Tensor1::zeros()
    );
}

/// The vector of an average of networks is shorter than 1, and its direction alone counts.
#[test]
fn a_spectral_norm_takes_vectors_of_any_length() {
    network! { #[folded(Folded)] struct Net: [2] -> [3] { fc: SpectralNorm<Linear<_, 3>> } }
    let net = Net::init(&mut shapewright::rng(0));
    let mut short = net.to_boxed();
    short.fc.weight_u.iter_mut().for_each(|u| *u *= 0.5);

    fn gradient(net: &Net, x: &[Tensor1<2>], eval: bool) -> Box<Net> {
        let mut workspace = Net::workspace();
        if eval {
            workspace.eval(layer!(Net));
        }
        let mut gradient = Net::zeros();
        let mut pass = net.forward_train(x, &mut workspace);
        pass.output_gradients_mut()[0] = Tensor1::from([1.0, -2.0, 3.0]);
        pass.backward(&mut gradient);
        gradient
    }

    let x = [Tensor1::from([1.0, 2.0])];
    assert_eq!(short.forward(&x[0]), net.forward(&x[0]));
    assert_eq!(short.folded().forward(&x[0]), net.folded().forward(&x[0]));
    for eval in [false, true] {
        let [short, whole] = [&short, &net].map(|net| gradient(net, &x, eval));
        for (a, b) in short.fc.layer.weight.iter().zip(&whole.fc.layer.weight) {
            assert!(
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5),
                "{a:?} {b:?}"
            );
        }
        assert!(!eval || short.fc.weight_u == [0.0; 3]);
    }
}

/// The difference of an output from its target may be out of range where its share is not.
#[test]
fn quantiles_of_opposite_numbers() {
    fn check<T: Element>(most: f64) {
        let number = |x: f64| T::from_f64_lossy(x);
        let outputs = [Tensor1::from([number(-most)])];
        let mut gradients = [Tensor1::zeros()];
        let targets = [Tensor0::from(number(most))];
        let loss = Quantile([0.125]).loss(&outputs, &targets, &mut gradients);
        assert_near("Quantile", loss.to_f64().expect("a float"), 0.25 * most);
        assert_eq!(gradients[0][0], number(-0.125));
    }
    check::<f64>(1.5e308);
    check::<f32>(3e38);
}

#[test]
fn magnitudes_of_any_size() {
    use num_traits::ToPrimitive;
    network! { struct Single: [2] -> [1] { Magnitude } }
    network! { struct Double: [2] -> [1] as f64 { Magnitude } }

    fn check<N: Trainable>(scales: &[f64]) {
        let net = N::zeros();
        let mut workspace = N::workspace();
        for &scale in scales {
            let mut x = [Tensor::zeros()];
            for (x, part) in x[0].as_mut_slice().iter_mut().zip([3.0, -4.0]) {
                *x = N::Element::from_f64_lossy(part * scale);
            }
            let mut pass = net.forward_train(&x, &mut workspace);
            let y = pass.outputs()[0].as_slice()[0];
            assert_near("Magnitude", y.to_f64().expect("a float"), 5.0 * scale);

            pass.output_gradients_mut()[0].as_mut_slice()[0] = num_traits::one();
            let gradients = pass.input_gradients()[0];
            for (gradient, expected) in gradients.as_slice().iter().zip([0.6, -0.8]) {
                assert_near(
                    "its gradient",
                    gradient.to_f64().expect("a float"),
                    expected,
                );
            }
        }
    }
    check::<Double>(&SCALES);
    check::<Single>(&[1e-37, 1e-25, 1e-21, 1.0, 1e20, 1e37]);

    let y = Single::zeros().forward(&Tensor1::from([0.0, 0.0]));
    assert_eq!(y[0], 0.0);
    let y = Single::zeros().forward(&Tensor1::from([f32::NAN, 1.0]));
    assert!(y[0].is_nan());
}

#[test]
fn distances_and_angles() {
    fn check<T: Element>(scales: &[f64]) {
        for &scale in scales {
            let vector = |x: [f64; 2]| Tensor1::from(x.map(|x| T::from_f64_lossy(x * scale)));
            let triplet: Tensor<(Rank1<2>, Rank1<2>, Rank1<2>), T> =
                Tensor::from((vector([0.0, 0.0]), vector([3.0, 4.0]), vector([0.0, 1.0])));
            let mut gradients = [Tensor::zeros()];
            let loss = TripletMargin.margin(0.0).epsilon(0.0);
            let value = loss.loss(&[triplet], &[()], &mut gradients);
            let value = value.to_f64().expect("a float");
            assert_near("TripletMargin", value, 4.0 * scale);
            let slope = gradients[0].as_slice()[2].to_f64().expect("a float");
            assert_near("its gradient", slope, 0.6);
        }
    }
    check::<f64>(&SCALES);
    check::<f32>(&[1e-37, 1e-25, 1.0, 1e25, 1e37]);

    let pair: Tensor<(Rank1<2>, Rank1<2>), f64> =
        Tensor::from((Tensor1::from([1e160, 0.0]), Tensor1::from([1e300, 1e300])));
    let loss = CosineEmbedding.loss(&[pair], &[1.0], &mut [Tensor::zeros()]);
    assert_near("CosineEmbedding", loss, 1.0 - 0.5_f64.sqrt());
    // The constant that keeps vectors of zeros apart is not scaled with the vector.
    let pair: Tensor<(Rank1<2>, Rank1<2>), f64> =
        Tensor::from((Tensor1::from([1e160, 1.0]), Tensor1::from([1e4, 2.0])));
    let loss = CosineEmbedding.loss(&[pair], &[1.0], &mut [Tensor::zeros()]);
    assert_near("CosineEmbedding", loss, 1.9999999e-8);
}

network! { struct Line: [1] -> [1] as f64 { fc: Linear<1, 1> } }
network! { struct Line32: [1] -> [1] { fc: Linear<1, 1> } }

#[test]
fn norms_and_penalties() {
    for scale in SCALES {
        let mut gradient = Line::zeros();
        gradient.fc.weight = [[3.0 * scale]];
        gradient.fc.bias = [4.0 * scale];
        let norm = clip_grad_norm(&mut *gradient, 1.0).expect("a finite norm");
        assert_near("norm", norm, 5.0 * scale);
        if scale > 1.0 {
            assert_near("clipped", gradient.fc.bias[0], 0.8);
        }

        let mut net = Line::zeros();
        net.fc.weight = [[3.0 * scale]];
        let lambda = (1.0 / scale).min(1e38);
        let penalty = l2_penalty(&*net, layer!(Line), lambda / 9.0, &mut *gradient);
        if scale > 1e-200 {
            assert_near("L2", penalty, 0.5 * scale * lambda * scale);
        }
        net.fc.weight = [[f64::MAX]];
        net.fc.bias = [f64::MAX];
        let penalty = l1_penalty(&*net, layer!(Line), 0.25, &mut *gradient);
        assert_near("L1", penalty, f64::MAX * 0.5);
    }
}

network! { struct Windows: [4, 6, 2] -> [2] { AvgPool2d<2>, AvgPool2d<3, Stride<1>, Pad<1>>, GlobalAvgPool2d } }
network! { struct Sequence: [7, 2] -> [2, 2] { AvgPool1d<3, Stride<2>>, AdaptiveAvgPool1d<2> } }
network! { struct Adaptive: [5, 5, 2] -> [3, 2, 2] { AdaptiveAvgPool2d<(3, 2)> } }
network! { struct Finer: [2, 2, 2] -> [8, 8, 2] { UpsampleBilinear<2>, Upsample<2> } }
network! { struct Windows64: [4, 6, 2] -> [2] as f64 { AvgPool2d<2>, AvgPool2d<3, Pad<1>, ExcludePad>, GlobalAvgPool2d } }

/// The mean of equal numbers is that number, also where their sum is infinite.
#[test]
fn means_over_windows_of_the_largest_number() {
    macro_rules! check {
        ($net:ident, $max:expr, $padded:literal) => {
            for number in [$max, -$max] {
                let y = $net::zeros().forward(&Tensor::full(number));
                for &y in y.as_slice() {
                    let share = y / number;
                    assert!(
                        if $padded {
                            (0.3..1.0).contains(&share)
                        } else {
                            (0.999_999..=1.0).contains(&share)
                        },
                        "{y}"
                    );
                }
            }
        };
    }
    check!(Windows, f32::MAX, true);
    check!(Sequence, f32::MAX, false);
    check!(Adaptive, f32::MAX, false);
    check!(Finer, f32::MAX, false);
    check!(Windows64, f64::MAX, false);
}

/// The distance between parameters is infinite, and their mean is not.
#[test]
fn averages_of_opposite_parameters() {
    let with = |x: f32| {
        let mut net = Line32::zeros();
        net.fc.weight = [[x]];
        net.fc.bias = [1.0];
        net
    };
    let most = f32::MAX;
    for (mut average, want) in [
        (WeightAverage::<Line32>::swa(), 0.0),
        (WeightAverage::ema(0.25), 0.5 * most),
        (WeightAverage::ema(0.75), -0.5 * most),
        (WeightAverage::ema_corrected(0.5), most / 3.0),
    ] {
        average.update(&with(-most));
        average.update(&with(most));
        let weight = average.network().fc.weight[0][0];
        assert!((weight - want).abs() <= 1e-6 * most, "{weight}");
        assert_eq!(average.network().fc.bias, [1.0]);
        average.update(&with(f32::INFINITY));
        assert_eq!(average.network().fc.weight[0][0], f32::INFINITY);
    }
}

/// The distance between two gradients is infinite, and their weighted mean is not.
#[test]
fn steps_of_opposite_gradients() {
    fn check<O: Optimizer + Sync>(name: &str, optimizer: O) {
        let mut single = Line32::zeros();
        let mut double = Line::zeros();
        let mut gradient = Line32::zeros();
        let mut gradient64 = Line::zeros();
        let mut state = optimizer.clone().state::<Line32>();
        let mut state64 = optimizer.state::<Line>();
        for (step, sign) in [1.0, -1.0, 1.0, -1.0, 1.0].into_iter().enumerate() {
            gradient.fc.weight = [[3e38 * sign as f32]];
            gradient64.fc.weight = [[3e38_f32 as f64 * sign]];
            state.step(&mut single, &gradient);
            state64.step(&mut double, &gradient64);
            let (found, want) = (single.fc.weight[0][0], double.fc.weight[0][0]);
            assert!(found.is_finite(), "{name}, step {step}: {found}");
            if matches!(name, "Adamax" | "Lion" | "Sgd" | "Nesterov") {
                let off = (f64::from(found) - want).abs();
                assert!(
                    off <= 1e-5 * want.abs(),
                    "{name}, step {step}: {found}, {want}"
                );
            }
        }
    }
    check("Adam", Adam::new(0.01));
    check("AdamW", AdamW::new(0.01));
    check("NAdam", NAdam::new(0.01));
    check("RAdam", RAdam::new(0.01));
    check("RmsProp", RmsProp::new(0.01).centered(true));
    check("Adamax", Adamax::new(0.01));
    check("Lion", Lion::new(0.01));
    check("Sgd", Sgd::new(0.01).momentum(0.5));
    check("Nesterov", Sgd::new(0.01).momentum(0.5).nesterov(true));
}

network! { struct Batches: [1] -> [1] { norm: BatchNorm1d<_> } }

/// The distance of a batch's mean from the running mean is infinite, and a tenth of it is not.
#[test]
fn a_running_mean_moves_to_the_other_end() {
    let mut net = Batches::init(&mut shapewright::rng(0));
    net.norm.running_mean = [-3e38];
    let mut workspace = Batches::workspace();
    let mut gradient = Batches::zeros();
    let inputs = [Tensor1::from([3e38]); 2];
    let mut pass = net.forward_train(&inputs, &mut workspace);
    pass.output_gradients_mut().fill(Tensor1::from([0.0]));
    pass.backward(&mut gradient);
    let change = gradient.norm.running_mean[0];
    assert!((change / -6e37 - 1.0).abs() < 1e-6, "{change}");
}

#[test]
fn products_that_overflow_cancel_out() {
    let x = Tensor1::from([1e200, 3.0, 1e200]);
    assert_eq!(x.dot(&Tensor1::from([1e200, 1.0, -1e200])), 3.0);
    assert_eq!(x.dot(&Tensor1::from([1e200, 1.0, 1.0])), f64::INFINITY);
    let x = Tensor1::from([1e30_f32, 3.0, 1e30]);
    assert_eq!(x.dot(&Tensor1::from([1e30, 1.0, -1e30])), 3.0);
}

/// The factor of these is no normal number.
#[test]
fn large_norms_are_clipped_to_small_ones() {
    let mut gradient = Line32::zeros();
    gradient.fc.weight = [[1.8e38]];
    gradient.fc.bias = [2.4e38];
    let norm = clip_grad_norm(&mut *gradient, 1e-3).expect("a finite norm");
    assert_near("norm", norm, 3e38);
    assert_near("clipped", gradient.fc.weight[0][0].into(), 6e-4);
    assert_near("clipped", gradient.fc.bias[0].into(), 8e-4);
}

/// The squares of these gradients are infinite, and the parts of them that are kept are not.
#[test]
fn steps_of_large_gradients() {
    fn check<O: Optimizer + Sync>(name: &str, optimizer: O) {
        let mut single = Line32::zeros();
        let mut gradient = Line32::zeros();
        gradient.fc.weight = [[1e20]];
        let mut double = Line::zeros();
        let mut gradient64 = Line::zeros();
        gradient64.fc.weight = [[1e20]];

        let mut state = optimizer.clone().state::<Line32>();
        let mut state64 = optimizer.state::<Line>();
        for _ in 0..3 {
            state.step(&mut single, &gradient);
            state64.step(&mut double, &gradient64);
            assert!(double.fc.weight[0][0] < -1e-4, "{name} moves");
            let weight = f64::from(single.fc.weight[0][0]);
            assert_near(name, weight, double.fc.weight[0][0]);
        }
    }
    check("Adam", Adam::new(0.01));
    check("AdamW", AdamW::new(0.01));
    check("NAdam", NAdam::new(0.01));
    check("RAdam", RAdam::new(0.01));
    check("RmsProp", RmsProp::new(0.01));
    check("Adamax", Adamax::new(0.01));
}
