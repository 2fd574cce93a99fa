//! Gradients of an output with respect to the input and to embeddings.

use core::fmt::{self, Debug, Formatter};
use core::slice;

use crate::memory::{flatten, flatten_mut};
use crate::network::{InputOf, Network, Trainable, Workspace};
use crate::optim::ParamGroup;
use crate::tensor::{Element, Shape, Tensor, double};

/// One input of a network.
pub(super) type In<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;

/// Explains the outputs of a network. It has the memory of a training pass.
///
/// Its functions take an input, and the index of a number of the output, counted over all axes: the
/// class, for a network that gives a score for each class. They panic if there is no such number.
pub struct Explainer<'n, N: Network> {
    pub(super) net: &'n N,
    workspace: Workspace<N>,
}

/// Two measures of how much a token matters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenSaliency {
    /// The norm of the gradient with respect to the token's embedding: how much the output changes
    /// with the embedding.
    pub norm: f64,
    /// The product of that gradient and the embedding. It has a sign: above 0, the token speaks for
    /// the output.
    pub gradient_times_input: f64,
}

impl<'n, N: Trainable> Explainer<'n, N> {
    /// Creates the memory for the explanations of a network.
    pub fn new(net: &'n N) -> Self {
        let mut workspace = N::workspace();
        workspace.eval(ParamGroup::whole());
        Explainer { net, workspace }
    }

    /// Returns the gradient of a number of the output with respect to the input.
    ///
    /// Its magnitude is the saliency of each number of the input (Simonyan, Vedaldi and Zisserman,
    /// 2013, "Deep Inside Convolutional Networks"). The gradient of indices is zero; see
    /// [`token_saliency`](Explainer::token_saliency).
    ///
    /// ```
    /// use shapewright::explain::Explainer;
    /// use shapewright::prelude::*;
    /// network! { struct Line: [2] -> [1] { fc: Linear<_, 1> } }
    /// let mut line = Line::zeros();
    /// line.fc.weight = [[3.0], [-1.0]];
    /// let x = Tensor1::from([5.0, 2.0]);
    /// let mut explainer = Explainer::new(&*line);
    /// assert_eq!(*explainer.gradient(&x, 0), Tensor1::from([3.0, -1.0]));
    /// assert_eq!(*explainer.gradient_times_input(&x, 0), Tensor1::from([15.0, -2.0]));
    /// ```
    ///
    /// # Panics
    /// Panics if the output has no number with this index.
    #[track_caller]
    pub fn gradient<X: InputOf<In<N>, N>>(&mut self, x: &X, output: usize) -> Box<In<N>> {
        check::<N>(output);
        let mut gradient: Box<In<N>> = Tensor::zeros_boxed();
        gradient.as_mut_slice().copy_from_slice(flatten(
            self.gradients(slice::from_ref(x.expected()), output),
        ));
        gradient
    }

    /// Returns the gradient times the input, number by number (Shrikumar et al., 2016, "Not Just a
    /// Black Box").
    ///
    /// # Panics
    /// Panics if the output has no number with this index.
    #[track_caller]
    pub fn gradient_times_input<X: InputOf<In<N>, N>>(
        &mut self,
        x: &X,
        output: usize,
    ) -> Box<In<N>> {
        let mut product = self.gradient(x, output);
        let numbers = product.as_mut_slice();
        let x = x.expected().as_slice();
        numbers.iter_mut().zip(x).for_each(|(g, &x)| *g *= x);
        product
    }

    /// Returns how much each token of a text matters, by the gradient with respect to the output of
    /// an embedding. [`layer!`](crate::layer!) names the embedding; it may be any layer of the
    /// network with parameters whose outputs have a row for each position.
    ///
    /// ```
    /// use shapewright::explain::Explainer;
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Net: [4] -> [2] { words: Embedding<100, 8>, MeanOverTime, Linear<_, 2> }
    /// }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut explainer = Explainer::new(&*net);
    /// let tokens = Tensor1::from([3.0, 14.0, 15.0, 92.0]);
    /// let saliency = explainer.token_saliency(&tokens, 1, layer!(Net, words));
    /// assert_eq!(saliency.len(), 4);
    /// assert!(saliency.iter().all(|token| token.norm > 0.0));
    /// ```
    ///
    /// # Panics
    /// Panics if the output has no number with this index, or if the group is not a whole layer of
    /// the network itself, but a part of one, or a layer inside of another one.
    #[track_caller]
    pub fn token_saliency<X: InputOf<In<N>, N>>(
        &mut self,
        x: &X,
        output: usize,
        embedding: ParamGroup<N>,
    ) -> Vec<TokenSaliency> {
        check::<N>(output);
        let range = embedding.range(self.net);
        let layer = N::LAYERS
            .iter()
            .position(|layer| layer.params > 0 && layer.params_at == range.start)
            .filter(|&layer| range.len() >= N::LAYERS[layer].params);
        let Some(layer) = layer else {
            panic!(
                "token_saliency wants a whole layer of `{}`, such as `layer!({}, embed)`, and not a \
                 part of one",
                N::NAME,
                N::NAME
            )
        };

        let x = slice::from_ref(x.expected());
        let mut pass = self.net.forward_train(x, &mut self.workspace);
        let values = pass.layer_outputs().nth(layer).map(|(_, values)| values);
        let values = values.unwrap_or_default().to_vec();
        flatten_mut(pass.output_gradients_mut())[output] = num_traits::one();
        let gradients = pass.layer_gradients(layer);

        let width = N::LAYERS[layer].output.sizes().last().copied();
        let width = width.unwrap_or(1).max(1);
        let rows = gradients
            .chunks_exact(width)
            .zip(values.chunks_exact(width));
        rows.map(|(gradient, values)| TokenSaliency {
            norm: dot(gradient, gradient).sqrt(),
            gradient_times_input: dot(gradient, values),
        })
        .collect()
    }

    /// Returns the gradients of a number of the output with respect to each of several inputs.
    pub(super) fn gradients(&mut self, x: &[In<N>], output: usize) -> &[In<N>] {
        let mut pass = self.net.forward_train(x, &mut self.workspace);
        let gradients = flatten_mut(pass.output_gradients_mut());
        for gradient in gradients.chunks_exact_mut(N::Output::LEN) {
            gradient[output] = num_traits::one();
        }
        pass.input_gradients()
    }
}

/// Panics unless the output has a number with this index.
#[track_caller]
pub(super) fn check<N: Network>(output: usize) {
    assert!(
        output < N::Output::LEN,
        "output {output} is to be explained, but `{}` has {} outputs, counted from 0",
        N::NAME,
        N::Output::LEN
    );
}

/// Returns the sum of the products.
fn dot<T: Element>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| double(a) * double(b)).sum()
}

impl<N: Network> Debug for Explainer<'_, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explainer")
            .field("network", &N::NAME)
            .finish_non_exhaustive()
    }
}
