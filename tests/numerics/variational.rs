//! Samples of normal distributions, and the loss of variational autoencoders.

use crate::common::gradient::{check_loss, check_network};
use crate::common::random;
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};

network! {
    struct Sample: (mean: [3], log_variance: [3]) -> [3] as f64 {
        Reparameterize <- (mean, log_variance),
    }
}

network! {
    struct Vae: [6] -> (image: [6], mean: [2], log_variance: [2]) as f64 {
        fc: Linear<_, 5>,
        hidden: Tanh,
        mean: Linear<_, 2>,
        log_variance: Linear<_, 2> <- hidden,
        Reparameterize <- (mean, log_variance),
        Linear<_, 5>,
        Tanh,
        image: Linear<_, 6>,
    }
}

/// Means and log-variances.
type Latent<const N: usize> = Tensor<(Rank1<N>, Rank1<N>), f64>;

#[test]
fn gradients_of_both_sources() {
    check_network::<Sample>(1);
    check_network::<Sample>(4);
    check_network::<Vae>(1);
    check_network::<Vae>(3);
}

#[test]
fn samples_have_the_mean_and_the_variance() {
    const N: usize = 20_000;
    let (mean, variance) = ([1.0, -3.0, 0.0], [4.0_f64, 0.25, 1.0]);
    let x = (Tensor1::from(mean), Tensor1::from(variance.map(f64::ln)));
    let x: Vec<Latent<3>> = vec![Tensor::from(x); N];
    let (net, mut workspace) = (Sample::zeros(), Sample::workspace());
    let pass = net.forward_train(&x, &mut workspace);

    for i in 0..3 {
        let off = |power: i32| {
            let powers = pass.outputs().iter().map(|y| (y[i] - mean[i]).powi(power));
            powers.sum::<f64>() / N as f64
        };
        // Five standard deviations of the estimates.
        let deviation = variance[i].sqrt();
        assert!(off(1).abs() < 5.0 * deviation / (N as f64).sqrt());
        assert!((off(2) / variance[i] - 1.0).abs() < 5.0 * (2.0 / N as f64).sqrt());
        assert!((off(4) / variance[i].powi(2) - 3.0).abs() < 5.0 * (96.0 / N as f64).sqrt());
    }
}

/// Noise differs between numbers, samples and steps, and depends on the seed alone.
#[test]
fn noise_is_drawn_for_each_step() {
    let x: Vec<Latent<3>> = vec![Tensor::zeros(); 2];
    let net = Sample::zeros();
    let mut workspace = Sample::workspace();
    let mut draw = || net.forward_train(&x, &mut workspace).outputs().to_vec();
    let (first, second) = (draw(), draw());
    let mut numbers: Vec<f64> = [first.clone(), second]
        .iter()
        .flat_map(|y| Tensor::flatten(y).to_vec())
        .collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    assert_eq!(numbers.len(), 12);

    let mut workspace = Sample::workspace();
    let again = net.forward_train(&x, &mut workspace).outputs().to_vec();
    assert_eq!(first, again);
}

#[test]
fn inference_gives_the_mean() {
    let x: Vec<Latent<3>> = random(2, 1);
    let mut y = vec![Tensor1::zeros(); 2];
    Sample::zeros().forward_batch(&x, &mut y);
    for (x, y) in x.iter().zip(&y) {
        assert_eq!(x.as_slice()[..3], *y.as_slice());
    }
}

/// In eval mode there is no noise, and an image does not depend on the log-variance.
#[test]
fn eval_mode_gives_the_mean() {
    let x: Vec<Tensor1<6, f64>> = random(3, 1);
    let net = Vae::init(&mut shapewright::rng(2));
    let mut workspace = Vae::workspace();
    workspace.eval(layer!(Vae));
    let mut pass = net.forward_train(&x, &mut workspace);
    for (x, y) in x.iter().zip(pass.outputs()) {
        assert!(
            net.forward(x)
                .iter()
                .zip(y.iter())
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
    }

    for gradient in pass.output_gradients_mut() {
        gradient.as_mut_slice().fill(0.0);
        gradient.as_mut_slice()[..6].fill(1.0);
    }
    let mut gradient = Vae::zeros();
    pass.backward(&mut gradient);
    assert_eq!(gradient.log_variance.bias, [0.0; 2]);
    assert!(gradient.mean.bias.iter().all(|&slope| slope != 0.0));
}

#[test]
fn divergence_has_its_closed_form() {
    let (mean, log_variance) = ([0.5, -1.5], [1.0_f64, -2.0]);
    let wanted: f64 = (0..2)
        .map(|i| -0.5 * (1.0 + log_variance[i] - mean[i] * mean[i] - log_variance[i].exp()))
        .sum();
    let outputs: Vec<Latent<2>> = vec![
        Tensor::from((Tensor1::from(mean), Tensor1::from(log_variance))),
        Tensor::zeros(),
    ];
    let mut gradients = vec![Tensor::zeros(); 2];
    let loss = KlStandardNormal.loss(&outputs, &[(); 2], &mut gradients);
    assert!((loss - wanted / 2.0).abs() < 1e-15);
    assert_eq!(gradients[1], Tensor::zeros());

    // The standard normal distribution is the minimum, also next to it.
    let near: Vec<Latent<1>> = vec![Tensor::from((Tensor1::from([0.0]), Tensor1::from([1e-6])))];
    let loss = KlStandardNormal.loss(&near, &[()], &mut [Tensor::zeros()]);
    assert!((loss / 2.5e-13 - 1.0).abs() < 1e-3, "{loss:e}");
}

#[test]
fn gradients_of_the_losses() {
    type Outputs = (Rank2<2, 3>, Rank1<2>, Rank1<2>);
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::SampleMean] {
        let loss = KlStandardNormal.reduction(reduction);
        check_loss::<(Rank1<4>, Rank1<4>), _>(&loss, &[(); 3]);

        let targets: Vec<Tensor2<2, 3, f64>> = random(3, 5)
            .iter()
            .map(|t: &Tensor2<2, 3, f64>| t * t)
            .collect();
        let loss = NegativeElbo(BceWithLogits).reduction(reduction);
        check_loss::<Outputs, _>(&loss, &targets);
        check_loss::<Outputs, _>(&loss.beta(4.0), &targets);
        check_loss::<Outputs, _>(&NegativeElbo(Mse).reduction(reduction), &targets);
    }
}

/// PyTorch's sums of both terms, whatever the reduction of the loss inside.
#[test]
fn the_bound_is_the_sum_of_its_terms() {
    type Outputs = Tensor<(Rank1<5>, Rank1<2>, Rank1<2>), f64>;
    let outputs: Vec<Outputs> = random(3, 6);
    let targets: Vec<Tensor1<5, f64>> = random(3, 7)
        .iter()
        .map(|t: &Tensor1<5, f64>| t * t)
        .collect();
    let images: Vec<Tensor1<5, f64>> = outputs
        .iter()
        .map(|y| Tensor1::from_slice(&y.as_slice()[..5]).expect("5 numbers"))
        .collect();
    let latents: Vec<Latent<2>> = outputs
        .iter()
        .map(|y| Tensor::from_slice(&y.as_slice()[5..]).expect("4 numbers"))
        .collect();

    let sum = Reduction::Sum;
    let error = BceWithLogits
        .reduction(sum)
        .loss(&images, &targets, &mut [Tensor1::zeros(); 3]);
    let divergence =
        KlStandardNormal
            .reduction(sum)
            .loss(&latents, &[(); 3], &mut [Tensor::zeros(); 3]);

    let mut gradients = [Tensor::zeros(); 3];
    for inside in [Reduction::Mean, Reduction::Sum, Reduction::SampleMean] {
        let loss = NegativeElbo(BceWithLogits.reduction(inside)).beta(0.5);
        let added = loss.reduction(sum).loss(&outputs, &targets, &mut gradients);
        let mean = loss.loss(&outputs, &targets, &mut gradients);
        assert!((added - (error + 0.5 * divergence)).abs() < 1e-13);
        assert!((mean - added / 3.0).abs() < 1e-13);
    }
}

#[test]
fn a_weight_that_is_out_of_range_is_an_error() {
    let check = |beta| {
        let loss = NegativeElbo(Mse).beta(beta);
        Loss::<(Rank1<2>, Rank1<1>, Rank1<1>), f64>::check(&loss)
    };
    assert!(check(0.0).is_ok());
    let error = check(-1.0).expect_err("a negative weight");
    assert!(error.to_string().contains("beta"), "{error}");
    assert!(check(f64::NAN).is_err());
}

/// Trained with the trainer, the bound of repeated images comes near their own entropy.
#[test]
fn trains() {
    let x: Vec<Tensor1<6, f64>> = (0..64)
        .map(|i| Tensor1::from_fn(|[j]| f64::from(u8::from((i + j) % 2 == 0))))
        .collect();
    let mut net = Vae::init(&mut shapewright::rng(0));
    let history = Vae::trainer(Adam::new(0.02), NegativeElbo(BceWithLogits))
        .epochs(60)
        .batch_size(16)
        .fit(&mut net, &x, &x)
        .expect("trains");

    // Without any latent variable, each pixel has an entropy of 1 bit.
    let last = history.epochs.last().expect("60 epochs").loss;
    let alone = 6.0 * 2.0_f64.ln();
    assert!(last < 0.6 * alone, "{last}");
}
