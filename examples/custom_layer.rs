//! Defines a layer and a loss, checks their gradients against finite differences, and trains a
//! network with them.
//!
//! ```sh
//! cargo run --release --example custom_layer
//! ```

use shapewright::prelude::*;
use shapewright::{
    ext::{
        BackwardInput, BackwardParams, FeatureOrder, Forward, INFER, Infer, Inferred, Layer,
        ShapeRule, Train,
    },
    loss::AnyOutput,
    tensor::{Dims, Element, Rank1},
};

/// A layer that multiplies each of `N` features by a learned factor: `y[i] = factor[i] * x[i]`.
///
/// The type has the size; in a network, `Scale<_>` takes the size of its input.
pub struct Scale<const N: usize>;

/// The parameters of [`Scale`].
#[derive(Clone, Copy, Debug, Parameters)]
#[repr(C)]
pub struct ScaleParams<const N: usize, T: Element> {
    // One for each feature: PyTorch's weight files may have them in another order.
    #[params(features)]
    pub factor: [T; N],
}

// The shapes that it accepts: any vector if its size is `_`, a vector of N otherwise.
impl<In: Shape, const N: usize> ShapeRule<In> for Scale<N> {
    const OUTPUT: Inferred = {
        let size = if N == INFER { In::DIMS.size(0) } else { N };
        Inferred::takes(Dims::new(&[size]), In::DIMS, Dims::new(&[size])).infers(size)
    };
}

// Its parameters: one factor for each feature, initially 1.
impl<T: Element, const N: usize> Layer<T> for Scale<N> {
    type Config = ();
    type Params = ScaleParams<N, T>;

    fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.factor = [T::one(); N];
    }
}

// Its forward and backward passes. Each output belongs to the input at the same position.
impl<T: Element, const N: usize> Infer<Rank1<N>, Rank1<N>, T> for Scale<N> {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const MULTIPLY_ADDS: usize = N;

    fn forward(call: Forward<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let Forward { params, x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            for i in 0..N {
                y[i] = params.factor[i] * x[i];
            }
        }
    }
}

impl<T: Element, const N: usize> Train<Rank1<N>, Rank1<N>, T> for Scale<N> {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        for (dy, dx) in dy.iter().zip(dx.into_iter().flatten()) {
            for i in 0..N {
                dx[i] = params.factor[i] * dy[i];
            }
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, Rank1<N>, Rank1<N>, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        for (x, dy) in x.iter().zip(dy) {
            for i in 0..N {
                gradient.factor[i] += x[i] * dy[i];
            }
        }
    }
}

/// A loss: the mean of `ln cosh(output - target)`, which is like half the squared error for small
/// differences and like the absolute error for large ones.
#[derive(Clone, Copy)]
pub struct LogCosh;

impl<Out: Shape, T: Element> Loss<Out, T> for LogCosh {
    type Target = Tensor<Out, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<Out, T>],
        targets: &[Tensor<Out, T>],
        gradients: &mut [Tensor<Out, T>],
    ) -> T {
        let weight = T::one() / T::from_f64_lossy((outputs.len() * Out::LEN) as f64);
        let mut sum = T::zero();
        for ((output, target), gradient) in outputs.iter().zip(targets).zip(gradients) {
            for ((&o, &t), g) in output.iter().zip(target).zip(gradient) {
                sum += (o - t).cosh().ln();
                *g = (o - t).tanh() * weight;
            }
        }
        sum * weight
    }
}

network! {
    /// Maps three scaled features to two numbers, in f64 for the gradient check.
    #[derive(Clone)]
    struct Net: [3] -> [2] as f64 {
        scale: Scale<_>,
        hidden: Linear<_, 8>,
        Tanh,
        last: Scale<8>,
        out: Linear<_, 2>,
    }
}

fn main() {
    let mut rng = shapewright::rng(3);
    let x: Vec<Tensor1<3, f64>> = (0..64)
        .map(|_| Tensor::random(rand::distr::StandardUniform, &mut rng))
        .collect();

    // The targets are the product of the first two features and the sine of the third.
    let targets: Vec<Tensor1<2, f64>> = x
        .iter()
        .map(|x| Tensor1::from([x[0] * x[1], x[2].sin()]))
        .collect();

    let mut net = Net::init(&mut rng);
    let mut gradient = Net::zeros();
    let mut workspace = Net::workspace();
    println!(
        "largest error of the gradient: {:.1e}",
        check_gradient(&net, &x, &targets)
    );

    let mut adam = Adam::new(0.02).state::<Net>();
    let mut loss = f64::INFINITY;
    for step in 0..=1000 {
        let mut pass = net.forward_train(&x, &mut workspace);
        loss = pass.loss(&LogCosh, &targets);
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
        if step % 250 == 0 {
            println!("step {step:>4}: loss {loss:.6}");
        }
    }
    println!("factors of the first layer: {:.3?}", net.scale.factor);
    assert!(loss < 1e-3, "the network has not learned the targets");
}

/// Returns the largest difference between the gradient of the backward pass and central differences
/// of the loss, relative to the largest of these.
fn check_gradient(net: &Net, x: &[Tensor1<3, f64>], targets: &[Tensor1<2, f64>]) -> f64 {
    const STEP: f64 = 1e-5;

    let mut gradient = Net::zeros();
    let mut workspace = Net::workspace();

    let mut loss_of = |net: &Net| net.forward_train(x, &mut workspace).loss(&LogCosh, targets);
    let mut moved = net.to_boxed();
    let mut differences = Vec::new();
    for i in 0..Net::PARAMS {
        let value = net.params()[i];
        moved.params_mut()[i] = value + STEP;
        let above = loss_of(&moved);
        moved.params_mut()[i] = value - STEP;
        let below = loss_of(&moved);
        moved.params_mut()[i] = value;
        differences.push((above - below) / (2.0 * STEP));
    }

    let mut pass = net.forward_train(x, &mut workspace);
    pass.loss(&LogCosh, targets);
    pass.backward(&mut gradient);

    let largest = differences
        .iter()
        .fold(0.0, |largest: f64, d| largest.max(d.abs()));
    let errors = gradient
        .params()
        .iter()
        .zip(&differences)
        .map(|(g, d)| (g - d).abs() / largest);
    let error = errors.fold(0.0, f64::max);
    assert!(error < 1e-6, "the gradient is wrong by {error}");
    error
}
