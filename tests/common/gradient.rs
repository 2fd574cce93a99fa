//! Gradients against central differences.

use shapewright::prelude::*;
use shapewright::{Pass, Workspace};

use super::{In, Out, random};

/// Half the width of a central difference. Its truncation error is about 1e-11 of the numbers that
/// are compared, and so is the rounding error divided by it.
const STEP: f64 = 1e-5;
/// The largest number of elements that are varied; of larger tensors, these are evenly spaced.
const MOST_VARIED: usize = 150;
/// The largest error, relative to the norm of the gradient.
const TOLERANCE: f64 = 1e-6;
const SEED: u64 = 7;

/// Returns whether the tensor with this name is trained.
type IsTrained = fn(&str) -> bool;
const ALL: IsTrained = |_| true;

/// Returns the derivatives of `f` with respect to some of the numbers that `at` gives access to,
/// with their positions.
fn differences<X: ?Sized>(
    x: &mut X,
    len: usize,
    at: impl Fn(&mut X, usize) -> &mut f64,
    mut f: impl FnMut(&X) -> f64,
) -> Vec<(usize, f64)> {
    let every = len.div_ceil(MOST_VARIED).max(1);
    let mut slopes = Vec::new();
    for position in (0..len).step_by(every) {
        let middle = *at(x, position);
        *at(x, position) = middle + STEP;
        let above = f(x);
        *at(x, position) = middle - STEP;
        let below = f(x);

        *at(x, position) = middle;
        slopes.push((position, (above - below) / (2.0 * STEP)));
    }
    slopes
}

/// Asserts that the gradient `found` has the derivatives `wanted`, by the norm of the difference.
#[track_caller]
fn compare(what: &str, found: &[f64], wanted: &[(usize, f64)]) {
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let size = norm(&mut wanted.iter().map(|&(_, slope)| slope));
    let error = norm(
        &mut wanted
            .iter()
            .map(|&(position, slope)| found[position] - slope),
    );
    assert!(
        error.is_finite() && error <= TOLERANCE * size,
        "{what}: {error:e} off, of a norm of {size:e}"
    );
}

/// Checks the three kinds of backward pass of a network on a batch. The loss weights the outputs at
/// random.
#[track_caller]
pub fn check_network<N: Trainable<Element = f64>>(batch: usize) {
    check::<N>(random(batch, 2), false, ALL, |_| ());
}

/// Checks a network with `Lora` in the same way: the gradient of the matrices, all of which are random,
/// and of layers called `head`. All other parameters must be frozen: backward writes no gradient of
/// them.
#[track_caller]
pub fn check_adapters<N: Trainable<Element = f64>>(batch: usize) {
    let is_trained: IsTrained = |name| name.contains("lora_") || name.starts_with("head.");
    check::<N>(random(batch, 2), false, is_trained, |_| ());
}

/// Checks a network in the same way, with a workspace that `prepare` has changed.
#[track_caller]
pub fn check_network_in<N: Trainable<Element = f64>>(
    batch: usize,
    prepare: impl Fn(&mut Workspace<N>),
) {
    check::<N>(random(batch, 2), false, ALL, prepare);
}

/// Checks a network on indices, whose input gradient is zero, in the same way.
#[track_caller]
pub fn check_network_of_indices<N: Trainable<Element = f64>>(x: Vec<In<N>>) {
    check::<N>(x, true, ALL, |_| ());
}

#[track_caller]
fn check<N: Trainable<Element = f64>>(
    mut x: Vec<In<N>>,
    indices: bool,
    is_trained: IsTrained,
    prepare: impl Fn(&mut Workspace<N>),
) {
    let batch = x.len();
    let mut net = N::init(&mut shapewright::rng(1));
    // Otherwise one of two matrices has no gradient.
    net.for_each_param_mut(|name, _, values| {
        if name.ends_with("lora_B.weight") {
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, x)| *x = (i as f64 * 0.7 + 0.4).sin());
        }
    });
    let weights: Vec<Out<N>> = random(batch, 3);
    let mut workspace = N::workspace();
    prepare(&mut workspace);
    let (dx, gradient) = gradients(&*net, &x, &weights, is_trained, &mut workspace);

    let mut loss = |net: &N, x: &[In<N>]| -> f64 {
        workspace.reseed(SEED);
        let pass = net.forward_train(x, &mut workspace);
        pass.outputs()
            .iter()
            .zip(&weights)
            .map(|(y, w)| y.dot(w))
            .sum()
    };

    let len = batch * N::Input::LEN;
    if indices {
        assert_eq!(Tensor::flatten(&dx), vec![0.0; len]);
    } else {
        let wanted = differences(
            &mut x,
            len,
            |x, i| &mut x[i / N::Input::LEN].as_mut_slice()[i % N::Input::LEN],
            |x| loss(&net, x),
        );
        compare("inputs", Tensor::flatten(&dx), &wanted);
    }

    let len = net.params().len();
    if N::PARAMS > 0 {
        let mut wanted = differences(
            &mut *net,
            len,
            |net, i| &mut net.params_mut()[i],
            |net| loss(net, &x),
        );

        // Statistics have no gradient.
        let measured = measured(&*net, is_trained);
        wanted.retain(|(position, _)| !measured[*position]);
        compare("parameters", gradient.params(), &wanted);
    }
}

/// Returns the gradients of the inputs and of the parameters. Asserts that the three kinds of
/// backward pass agree.
#[track_caller]
fn gradients<N: Trainable<Element = f64>>(
    net: &N,
    x: &[In<N>],
    weights: &[Out<N>],
    is_trained: IsTrained,
    workspace: &mut Workspace<N>,
) -> (Vec<In<N>>, Box<N>) {
    let mut gradient = N::zeros();
    // `backward` must overwrite whatever the gradient holds.
    gradient.for_each_param_mut(|_, _, values| values.fill(f64::NAN));
    let mut step = |backward: &mut dyn FnMut(Pass<'_, '_, N>, &mut N), gradient: &mut N| {
        workspace.reseed(SEED);
        let mut pass = net.forward_train(x, workspace);
        pass.output_gradients_mut().copy_from_slice(weights);
        backward(pass, gradient);
    };

    step(&mut |pass, gradient| pass.backward(gradient), &mut gradient);

    let mut dx = vec![In::<N>::zeros(); x.len()];
    let mut with_input = N::zeros();
    step(
        &mut |pass, gradient| dx.copy_from_slice(pass.backward_with_input(gradient)),
        &mut with_input,
    );
    gradient.for_each_param_mut(|name, _, values| {
        if !is_trained(name) {
            assert!(
                values.iter().all(|x| x.is_nan()),
                "a gradient of {name}, which is frozen"
            );
            values.fill(0.0);
        }
    });
    assert_eq!(
        gradient.params(),
        with_input.params(),
        "backward and backward_with_input"
    );

    let mut accumulated = N::zeros();
    accumulated.for_each_param_mut(|_, _, values| values.fill(0.5));
    let start = accumulated.to_boxed();
    step(
        &mut |pass, gradient| pass.backward_accumulate(gradient),
        &mut accumulated,
    );
    // Running statistics are updated batch by batch.
    let measured = measured(&*accumulated, is_trained);
    let sums = accumulated.params().iter().zip(start.params());
    for (((sum, start), term), measured) in sums.zip(gradient.params()).zip(measured) {
        assert!(
            measured || (sum - (start + term)).abs() <= 1e-12 * (1.0 + term.abs()),
            "{sum} is not {start} + {term}"
        );
    }

    (dx, gradient)
}

/// Returns, for each number of a network, whether it belongs to a running statistic or is not trained.
fn measured<N: Trainable<Element = f64>>(net: &N, is_trained: IsTrained) -> Vec<bool> {
    let mut measured = vec![false; net.params().len()];
    net.for_each_param(|name, _, values| {
        let first = values.as_ptr().addr() - net.params().as_ptr().addr();
        let is_statistic = [
            "running_mean",
            "running_var",
            "num_batches_tracked",
            "weight_u",
        ]
        .iter()
        .any(|end| name.ends_with(end));
        measured[first / size_of::<f64>()..][..values.len()]
            .fill(is_statistic || !is_trained(name));
    });
    measured
}

/// Checks a loss's gradient, on outputs from -3 to 3.
#[track_caller]
pub fn check_loss<S: Shape, L: Loss<S, f64>>(loss: &L, targets: &[L::Target]) {
    let mut outputs: Vec<Tensor<S, f64>> = random(targets.len(), 4);
    outputs.iter_mut().for_each(|y| *y *= 3.0);
    check_loss_at(loss, outputs, targets);
}

/// Checks a loss's gradient on these outputs.
#[track_caller]
pub fn check_loss_at<S: Shape, L: Loss<S, f64>>(
    loss: &L,
    mut outputs: Vec<Tensor<S, f64>>,
    targets: &[L::Target],
) {
    let mut gradients = vec![Tensor::full(f64::NAN); targets.len()];
    loss.loss(&outputs, targets, &mut gradients);

    let mut ignored = gradients.clone();
    let wanted = differences(
        &mut outputs,
        targets.len() * S::LEN,
        |y, i| &mut y[i / S::LEN].as_mut_slice()[i % S::LEN],
        |y| loss.loss(y, targets, &mut ignored),
    );
    compare("outputs", Tensor::flatten(&gradients), &wanted);
}
