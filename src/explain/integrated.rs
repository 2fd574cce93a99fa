//! Integrated gradients.

use super::quadrature::Quadrature;
use super::saliency::{Explainer, In, check};
use crate::memory::{flatten, flatten_mut, zeroed_tensors};
use crate::network::{InputOf, Network, Trainable};
use crate::tensor::{Element, Tensor, double};

/// The most inputs in one pass.
const BATCH: usize = 64;

/// Settings of [`Explainer::integrated_gradients`].
///
/// The baseline is what stands for "nothing": an image without ink, or a text of padding. It is zero
/// unless [`baseline`](IntegratedGradients::baseline) sets another one.
#[derive(Clone, Debug)]
#[must_use = "settings do nothing by themselves"]
pub struct IntegratedGradients<N: Network> {
    baseline: Option<Box<In<N>>>,
    steps: usize,
    quadrature: Quadrature,
}

/// The shares of each number of the input in the difference of an output from that of the baseline.
#[derive(Clone, Debug)]
pub struct Attribution<N: Network> {
    /// The share of each number.
    pub values: Box<In<N>>,
    /// The difference of the output from that of the baseline.
    pub difference: f64,
    /// The sum of the shares less the difference, which is 0 but for the error of the integral:
    /// "completeness". More steps make it smaller.
    pub error: f64,
}

impl<N: Network> Default for IntegratedGradients<N> {
    fn default() -> Self {
        IntegratedGradients {
            baseline: None,
            steps: 50,
            quadrature: Quadrature::default(),
        }
    }
}

impl<N: Network> IntegratedGradients<N> {
    /// Returns Captum's settings: 50 steps of Gauss-Legendre from a baseline of zeros.
    pub fn new() -> Self {
        IntegratedGradients::default()
    }

    /// Sets the baseline.
    pub fn baseline<X: InputOf<In<N>, N>>(self, baseline: &X) -> Self {
        let mut own: Box<In<N>> = Tensor::zeros_boxed();
        let from = baseline.expected().as_slice();
        own.as_mut_slice().copy_from_slice(from);
        IntegratedGradients {
            baseline: Some(own),
            ..self
        }
    }

    /// Sets the number of gradients along the path from the baseline to the input.
    ///
    /// # Panics
    /// Panics if it is 0.
    #[track_caller]
    pub fn steps(self, steps: usize) -> Self {
        assert!(
            steps > 0,
            "integrated gradients are asked for 0 steps; 20 to 300 are usual"
        );
        IntegratedGradients { steps, ..self }
    }

    /// Sets the rule of the integral.
    pub fn quadrature(self, quadrature: Quadrature) -> Self {
        IntegratedGradients { quadrature, ..self }
    }
}

impl<N: Trainable> Explainer<'_, N> {
    /// Returns how a number of the output is made up of shares of the input's numbers: the integral
    /// of the gradient along the line from the baseline to the input, times their difference
    /// (Sundararajan, Taly and Yan, 2017, "Axiomatic Attribution for Deep Networks").
    ///
    /// # Panics
    /// Panics if the output has no number with this index.
    #[track_caller]
    pub fn integrated_gradients<X: InputOf<In<N>, N>>(
        &mut self,
        x: &X,
        output: usize,
        settings: &IntegratedGradients<N>,
    ) -> Attribution<N> {
        check::<N>(output);
        let x = x.expected().as_slice();
        let zeros: Box<In<N>> = Tensor::zeros_boxed();
        let baseline = settings.baseline.as_deref().unwrap_or(&zeros);
        let baseline = baseline.as_slice();

        let mut sums = vec![0.0; x.len()];
        let points = settings.quadrature.points(settings.steps);
        for points in points.chunks(BATCH) {
            let mut path: Vec<In<N>> = zeroed_tensors(points.len());
            let rows = flatten_mut(&mut path).chunks_exact_mut(x.len());
            for (row, &(position, _)) in rows.zip(points) {
                for ((to, &x), &from) in row.iter_mut().zip(x).zip(baseline) {
                    let [x, from] = [double(x), double(from)];
                    *to = N::Element::from_f64_lossy(from + position * (x - from));
                }
            }

            let gradients = flatten(self.gradients(&path, output));
            for (gradient, &(_, weight)) in gradients.chunks_exact(x.len()).zip(points) {
                for (sum, &g) in sums.iter_mut().zip(gradient) {
                    *sum += weight * double(g);
                }
            }
        }

        let mut ends: Vec<In<N>> = zeroed_tensors(2);
        let (first, second) = flatten_mut(&mut ends).split_at_mut(x.len());
        first.copy_from_slice(x);
        second.copy_from_slice(baseline);
        let outputs = self.net.predict(&ends);
        let at = |end: usize| double(outputs[end].as_slice()[output]);
        let difference = at(0) - at(1);

        let mut values: Box<In<N>> = Tensor::zeros_boxed();
        let mut total = 0.0;
        let numbers = values.as_mut_slice();
        for (((value, sum), &x), &from) in numbers.iter_mut().zip(sums).zip(x).zip(baseline) {
            let share = sum * (double(x) - double(from));
            total += share;
            *value = N::Element::from_f64_lossy(share);
        }
        Attribution {
            values,
            difference,
            error: total - difference,
        }
    }
}
