//! The gradient with respect to the outputs of one layer.

use super::{OutputsAt, Pass, Workspace};
use crate::memory::{self, flatten, sample_bytes};
use crate::network::network::Network;
use crate::tensor::Shape;

impl<'w, N: Network> Pass<'_, 'w, N> {
    /// Returns the gradient of the loss with respect to the outputs of a layer, for the whole batch,
    /// sample after sample: the gradient of the numbers that [`layer_outputs`](Pass::layer_outputs)
    /// has for it. Layers are counted from 0, as there.
    ///
    /// Backward runs down to this layer and no further. It is for what has no gradient of its own:
    /// indices, whose [`Embedding`](crate::nn::Embedding) gives vectors that have one.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [3] -> [2] { Embedding<5, 4>, MeanOverTime, head: Linear<_, 2> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = Net::workspace();
    /// let x = [Tensor1::from([4.0, 0.0, 1.0])];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.output_gradients_mut()[0] = Tensor1::from([1.0, 0.0]);
    /// let gradients = pass.layer_gradients(0);
    /// assert_eq!(gradients.len(), 3 * 4);
    /// assert!((gradients[5] - net.head.weight[1][0] / 3.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// Panics if there is no layer with this index.
    #[track_caller]
    pub fn layer_gradients(mut self, layer: usize) -> &'w [N::Element] {
        let count = N::LAYERS.len();
        assert!(
            layer < count,
            "the gradient of layer {layer} is asked for, but `{}` has {count} layers, counted from 0",
            N::NAME
        );

        let batch = self.x.len();
        let len = N::LAYERS[layer].output.len();
        let offset = match N::OUTPUTS[layer] {
            OutputsAt::Input => return flatten(self.input_gradients()),
            OutputsAt::Output => None,
            // The gradient lies behind the outputs.
            OutputsAt::Cache(outputs) => Some(outputs + sample_bytes::<N::Element>(len)),
        };
        self.cx = self.cx.stopping_behind(layer);
        self.run_backward(None);

        let workspace: &'w Workspace<N> = self.workspace;
        match offset {
            Some(offset) => {
                memory::numbers(&workspace.cache.as_slice()[offset * batch..], batch * len)
            }
            None => &workspace.output_gradients.as_slice()[..batch * N::Output::LEN],
        }
    }
}
