//! The settings of a training on several ranks.

use super::Communicator;

/// The settings of a data-parallel training: each rank has the whole network and computes its share
/// of every batch. PyTorch's `DistributedDataParallel`.
///
/// [`Trainer::distributed`](crate::train::Trainer::distributed) takes it.
#[derive(Clone, Copy)]
#[must_use = "settings do nothing by themselves"]
pub struct DataParallel<'a> {
    pub(crate) communicator: &'a dyn Communicator,
    pub(crate) slices: usize,
    pub(crate) bf16: bool,
}

impl<'a> DataParallel<'a> {
    /// The number of slices if [`slices`](DataParallel::slices) is not called.
    pub const SLICES: usize = 4;

    /// Returns the settings of a training on the ranks of a communicator, with 4 slices and sums in
    /// the number type of the network.
    pub fn new(communicator: &'a dyn Communicator) -> Self {
        DataParallel {
            communicator,
            slices: Self::SLICES,
            bf16: false,
        }
    }

    /// Sets the number of slices that each batch is cut into: a power of two, and at least the number
    /// of ranks. The result depends on it, and not on the number of ranks.
    ///
    /// Slices differ in length by at most one sample. Each runs forward and backward on its own, so
    /// that large matrices want few slices: the gradient is written once per slice. Ranks that are
    /// not a power of two have shares of different sizes, and the slowest decides.
    pub fn slices(self, slices: usize) -> Self {
        DataParallel { slices, ..self }
    }

    /// Sets whether gradients travel as [`BF16`](crate::tensor::BF16), in half of the bytes of `f32`;
    /// `false` by default.
    ///
    /// The gradient of each slice and each sum of the tree is rounded to bf16, on one rank as well,
    /// so that the result still does not depend on the number of ranks. A sum has a relative error of
    /// up to `(1 + log2(slices)) / 256`.
    pub fn bf16(self, bf16: bool) -> Self {
        DataParallel { bf16, ..self }
    }

    /// Checks the number of slices; returns the mistake and the way out.
    pub(crate) fn check(&self) -> Result<(), String> {
        let size = self.communicator.size();
        if !self.slices.is_power_of_two() {
            return Err(format!(
                "a batch can't be cut into {} slices; take a power of two",
                self.slices
            ));
        }
        if self.slices < size {
            return Err(format!(
                "{size} ranks can't share {} slices; set `slices` to at least {}",
                self.slices,
                size.next_power_of_two()
            ));
        }
        Ok(())
    }
}
