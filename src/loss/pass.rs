//! The loss of a training pass.

use super::{Accepts, Loss, TargetOf};
use crate::denormals::FloatMode;
use crate::kernels::Kernels;
use crate::memory::flatten_mut;
use crate::network::{Network, Pass};

impl<N: Network> Pass<'_, '_, N> {
    /// Returns the loss of the outputs against the targets, and sets the gradient with respect to
    /// the outputs.
    ///
    /// # Panics
    /// Panics if there are not as many targets as inputs.
    pub fn loss<L, G>(&mut self, loss: &L, targets: &[G]) -> N::Element
    where
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        let kernels = self.kernels();
        let (outputs, gradients) = self.outputs_and_gradients_mut();
        let batch = outputs.len();
        assert!(
            targets.len() == batch,
            "the batch has {batch} inputs but {} targets; give the loss one target for each input",
            targets.len()
        );

        let _mode = FloatMode::of_scope();
        let value = loss.loss(outputs, G::expected(targets), gradients);

        // Probabilities, squares and scales of any loss can make gradients denormal. They are
        // flushed here once, so that no layer computes with them.
        kernels.flush_denormals(flatten_mut(gradients));
        value
    }
}
