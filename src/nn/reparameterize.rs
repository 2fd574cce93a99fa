//! Samples of normal distributions whose parameters a network computes.

use crate::init::standard_normal;
use crate::memory::flatten_mut;
use crate::network::{
    BackwardInput, Context, Forward, ForwardTrain, Infer, Inferred, Layer, LayerInput, Reach,
    Sentence, ShapeRule, Train,
};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{self, Export, Exported};
use crate::params::FeatureOrder;
use crate::tensor::{Dims, Element, Shape};

/// A sample of the normal distributions with this mean and this logarithm of the variance:
/// `Reparameterize <- (mean, log_variance)` is `mean + exp(log_variance / 2) * noise` in training,
/// with standard normal noise for each number, and the mean in inference. The sources and the output
/// have one shape.
///
/// The latent variables of a variational autoencoder (Kingma and Welling, 2014). The noise depends
/// on the workspace's seed and the step, not on the number of threads.
/// [`NegativeElbo`](struct@crate::loss::NegativeElbo) is the loss.
///
/// PyTorch's `mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)` in training.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Vae: [64] -> (image: [64], mean: [2], log_variance: [2]) {
///         encode: Linear<_, 32>,
///         hidden: Relu,
///         mean: Linear<_, 2>,
///         log_variance: Linear<_, 2> <- hidden,
///         Reparameterize <- (mean, log_variance),
///         Linear<_, 32>,
///         Relu,
///         image: Linear<_, 64>,
///     }
/// }
///
/// network! {
///     struct Sample: (mean: [1], log_variance: [1]) -> [1] {
///         Reparameterize <- (mean, log_variance),
///     }
/// }
/// let (net, mut workspace) = (Sample::zeros(), Sample::workspace());
/// let batch = vec![Tensor::from((Tensor1::from([5.0]), Tensor1::from([2.0_f32.ln()]))); 1000];
/// assert_eq!(net.forward(&batch[0]), Tensor1::from([5.0]));
///
/// let pass = net.forward_train(&batch, &mut workspace);
/// let squares = pass.outputs().iter().map(|y| (y[0] - 5.0).powi(2));
/// let variance = squares.sum::<f32>() / 1000.0;
/// assert!((variance - 2.0).abs() < 0.3);
/// ```
///
/// Sources of different shapes are a compile error:
///
/// ```compile_fail
/// use shapewright::prelude::*;
/// network! {
///     struct Wrong: (mean: [2], log_variance: [1]) -> [2] {
///         Reparameterize <- (mean, log_variance),
///     }
/// }
/// ```
pub struct Reparameterize;

impl<In: LayerInput> ShapeRule<In> for Reparameterize {
    const OUTPUT: Inferred = {
        match In::DIMS.parts() {
            [mean, log_variance] if In::SOURCES == 2 => equal(*mean, *log_variance),
            _ => {
                let sentence = Sentence::new(
                    "reads two outputs: write `Reparameterize <- (mean, \
                                              log_variance)`",
                );
                Inferred::wrong(sentence, Dims::UNKNOWN)
            }
        }
    };
    const REACH: Reach = Reach::POSITION;
}

/// The shape rule of the two sources.
const fn equal(mean: Dims, log_variance: Dims) -> Inferred {
    if mean.is_unknown() || log_variance.is_unknown() {
        return Inferred::shape(Dims::UNKNOWN);
    }
    if mean.same(&log_variance) {
        return Inferred::shape(mean);
    }
    let sentence = Sentence::new("reads a mean and a log-variance of one shape, but they are ")
        .dims(mean)
        .text(" and ")
        .dims(log_variance)
        .text("; make the two equal");
    Inferred::wrong(sentence, mean)
}

impl<T: Element> Layer<T> for Reparameterize {
    type Config = ();
    type Params = ();
}

impl<In: LayerInput, Out: Shape, T: Element> Infer<In, Out, T> for Reparameterize {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), _: &(), call: Export<'_>) -> Exported {
        export::simple::first_source(call)
    }

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward { x, y, .. } = call;
        flatten_mut(y).copy_from_slice(In::elements(x)[0]);
    }
}

/// Calls `f` for each number of the batch, with its index and `exp(log_variance / 2) * noise`.
fn for_each_deviation<T: Element>(
    len: usize,
    log_variances: &[T],
    cx: &Context<T>,
    mut f: impl FnMut(usize, T),
) {
    let half = T::from_f64_lossy(0.5);
    for (sample, log_variances) in log_variances.chunks_exact(len).enumerate() {
        let mut rng = cx.rng(sample);
        for (i, &log_variance) in log_variances.iter().enumerate() {
            let noise = T::from_f64_lossy(standard_normal(&mut rng));
            f(sample * len + i, (log_variance * half).exp() * noise);
        }
    }
}

impl<In: LayerInput, Out: Shape, T: Element> Train<In, Out, T> for Reparameterize {
    const READS_OUTPUT: bool = false;

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain { x, y, cx, .. } = call;
        let [means, log_variances, ..] = In::elements(x);
        let y = flatten_mut(y);
        y.copy_from_slice(means);
        if !cx.is_eval() {
            for_each_deviation(Out::LEN, log_variances, cx, |i, off| y[i] += off);
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { x, dy, dx, cx, .. } = call;
        let dy = flatten_mut(dy);
        let [means, log_variances, ..] = In::gradient_elements(dx);
        if let Some(dx) = means {
            dx.copy_from_slice(dy);
        }

        let Some(dx) = log_variances else { return };
        if cx.is_eval() {
            dx.fill(T::zero());
            return;
        }
        let half = T::from_f64_lossy(0.5);
        let [_, log_variances, ..] = In::elements(x);
        for_each_deviation(Out::LEN, log_variances, cx, |i, off| {
            dx[i] = dy[i] * off * half;
        });
    }
}
