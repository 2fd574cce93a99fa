//! Gradual unfreezing: the last layers are trained first, and those before them later.

use core::fmt::{Debug, Formatter};

use super::{Optimizer, OptimizerState, ParamGroup};
use crate::network::{Network, Workspace};

/// A schedule by which more and more layers of a pretrained network are trained, beginning with the
/// last (Howard and Ruder, 2018, "Universal Language Model Fine-tuning for Text Classification").
///
/// ```
/// use shapewright::optim::Unfreezing;
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [4] -> [3] {
///         fc1: Linear<_, 8>, Relu,
///         fc2: Linear<_, 8>, Relu,
///         head: Linear<_, 3>,
///     }
/// }
/// // The head in the first epoch, `fc2` as well from the second, and all from the third.
/// let unfreezing = Unfreezing::new([layer!(Net, fc1), layer!(Net, fc2), layer!(Net, head)]);
///
/// let mut net = Net::init(&mut shapewright::rng(0)); // or pretrained
/// let before = net.to_boxed();
/// let x = [Tensor1::from([0.1, 0.2, 0.3, 0.4])];
/// Net::trainer(Adam::new(1e-2), CrossEntropy)
///     .epochs(2)
///     .unfreezing(unfreezing)
///     .fit(&mut net, &x, &[Label::new(1)?])?;
/// assert_eq!(net.fc1.weight, before.fc1.weight);
/// assert_ne!(net.fc2.weight, before.fc2.weight);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A loop by hand calls [`apply`](Unfreezing::apply) at the beginning of each epoch.
pub struct Unfreezing<N: Network> {
    groups: Vec<ParamGroup<N>>,
    epochs: usize,
}

impl<N: Network> Unfreezing<N> {
    /// Returns a schedule for these groups, from the first layer to the last. One more is trained in
    /// each epoch; the last one from the first epoch on. Layers in no group are left as they are.
    pub fn new(groups: impl IntoIterator<Item = ParamGroup<N>>) -> Self {
        Unfreezing {
            groups: groups.into_iter().collect(),
            epochs: 1,
        }
    }

    /// Sets the number of epochs after which one more group is trained; 1 by default.
    ///
    /// # Panics
    /// Panics if it is 0.
    #[track_caller]
    pub fn every(mut self, epochs: usize) -> Self {
        assert!(
            epochs > 0,
            "the layers of `Unfreezing` are thawed one after another, each after at least 1 epoch"
        );
        self.epochs = epochs;
        self
    }

    /// Returns the groups that are frozen in an epoch, which is counted from 1.
    pub fn frozen(&self, epoch: usize) -> &[ParamGroup<N>] {
        let trained = 1 + epoch.saturating_sub(1) / self.epochs;
        &self.groups[..self.groups.len().saturating_sub(trained)]
    }

    /// Freezes and thaws the groups as it is due in an epoch, which is counted from 1: in the state of
    /// an optimizer and in the workspace, so that frozen layers compute as in inference.
    ///
    /// ```
    /// use shapewright::optim::Unfreezing;
    /// use shapewright::prelude::*;
    /// network! { struct Net: [4] -> [3] { body: Linear<_, 8>, Relu, head: Linear<_, 3> } }
    /// let unfreezing = Unfreezing::new([layer!(Net, body), layer!(Net, head)]);
    /// let mut adam = Adam::new(1e-2).state::<Net>();
    /// let mut workspace = Net::workspace();
    /// for epoch in 1..=3 {
    ///     unfreezing.apply(epoch, &mut adam, &mut workspace);
    ///     // .. the steps of the epoch ..
    /// }
    /// assert!(unfreezing.frozen(2).is_empty());
    /// ```
    pub fn apply<O: Optimizer>(
        &self,
        epoch: usize,
        state: &mut OptimizerState<O, N>,
        workspace: &mut Workspace<N>,
    ) {
        let frozen = self.frozen(epoch).len();
        for (index, group) in self.groups.iter().enumerate() {
            state.set_frozen(*group, index < frozen);
        }
        workspace.follow(state);
    }

    /// Returns the schedule as it is written in checkpoints.
    pub(crate) fn written(&self, network: &N) -> String {
        let mut groups = Vec::new();
        for group in &self.groups {
            groups.push(group.range(network));
        }
        format!("{groups:?} every {}", self.epochs)
    }
}

impl<N: Network> Clone for Unfreezing<N> {
    fn clone(&self) -> Self {
        Unfreezing {
            groups: self.groups.clone(),
            epochs: self.epochs,
        }
    }
}

impl<N: Network> Debug for Unfreezing<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unfreezing")
            .field("groups", &self.groups)
            .field("epochs", &self.epochs)
            .finish()
    }
}
