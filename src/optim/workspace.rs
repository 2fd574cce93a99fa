//! The parts of a network that a workspace trains, by their parameter groups.

use super::{Optimizer, OptimizerState, ParamGroup};
use crate::network::{Network, Workspace};

impl<N: Network> Workspace<N> {
    /// Trains no layer before the one with these parameters.
    ///
    /// Backward stops at this layer, unless the gradient of the inputs is asked for, and leaves the
    /// gradients of earlier layers unchanged. If the optimizer moves parameters without a gradient,
    /// by weight decay or momentum, freeze the earlier layers there as well.
    ///
    /// Earlier layers compute as in inference: batch normalizations use their running statistics, which
    /// stay unchanged, and dropout drops nothing. The later layers learn from the values that they get
    /// in inference.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [3] { body: Linear<_, 8>, Relu, head: Linear<_, 3> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut gradient = Net::zeros();
    /// let mut workspace = Net::workspace();
    /// workspace.train_from(layer!(Net, head));
    /// let x = [Tensor1::ones()];
    /// let labels = [Label::new(2)?];
    /// let mut pass = net.forward_train(&x, &mut workspace);
    /// pass.loss(&CrossEntropy, &labels);
    /// pass.backward(&mut gradient);
    /// assert_eq!(gradient.body.bias, [0.0; 8]);
    /// assert_ne!(gradient.head.bias, [0.0; 3]);
    /// # Ok::<(), shapewright::loss::LabelError>(())
    /// ```
    pub fn train_from(&mut self, layer: ParamGroup<N>) {
        self.train_from_position(layer.range(&N::gradient()).start);
    }

    /// Computes a part of the network as in inference while the rest trains, like PyTorch's
    /// `body.eval()`.
    ///
    /// Batch normalizations in this part use their running statistics and leave them unchanged, and
    /// dropout drops nothing. The parameters are trained nevertheless unless they are frozen.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Body: [4] -> [8] { Linear<_, 8>, norm: BatchNorm1d<_>, Dropout } }
    /// network! { struct Net: [4] -> [3] { body: Body, head: Linear<_, 3> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = Net::workspace();
    /// workspace.eval(layer!(Net, body));
    /// let x = [Tensor1::ones()];
    /// assert_eq!(
    ///     net.forward_train(&x, &mut workspace).outputs()[0],
    ///     net.forward(&x[0])
    /// );
    /// ```
    pub fn eval(&mut self, part: ParamGroup<N>) {
        self.eval_range(part.range(&N::gradient()));
    }

    /// Freezes the parameters that an optimizer's state has frozen.
    ///
    /// Backward stops at the first layer that is trained and computes no gradient of layers that are
    /// frozen as a whole, which compute as in inference. A layer without parameters, such as `Dropout`,
    /// belongs to the next layer of its list that has some. Of earlier settings, only those of
    /// [`eval`](Workspace::eval) stay.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [3] { norm: BatchNorm1d<_>, head: Linear<_, 3> } }
    /// let net = Net::init(&mut shapewright::rng(0));
    /// let mut workspace = Net::workspace();
    /// let state = Sgd::new(0.1).state::<Net>().freeze(layer!(Net, norm));
    /// workspace.follow(&state);
    /// let x = [Tensor1::ones()];
    /// assert_eq!(
    ///     net.forward_train(&x, &mut workspace).outputs()[0],
    ///     net.forward(&x[0])
    /// );
    /// ```
    pub fn follow<O: Optimizer>(&mut self, state: &OptimizerState<O, N>) {
        self.freeze_ranges(state.frozen(), state.first_trained());
    }
}
