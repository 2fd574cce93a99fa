//! The settings of a training on several ranks.

use core::ops::Range;

use super::{Communicator, slices_of};

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
    pub(crate) sharded_optimizer: bool,
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
            sharded_optimizer: false,
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

    /// Sets whether each rank keeps the optimizer's state of its share of the parameters alone, updates
    /// these and sends them to the others; `false` by default. Stage 1 of ZeRO (Rajbhandari et al.,
    /// 2020).
    ///
    /// With [`Adam`](crate::optim::Adam), whose state is twice the parameters, a rank of `n` then keeps
    /// `2 / n` of their bytes. It sends `(n - 1) / n` of the bytes of the parameters in addition, since
    /// each rank still has the whole gradient, whose norm may be clipped. The result has the same
    /// bits, and a checkpoint has the whole state and may go on with or without this setting.
    pub fn sharded_optimizer(self, sharded_optimizer: bool) -> Self {
        DataParallel {
            sharded_optimizer,
            ..self
        }
    }

    /// Returns the slices of this rank, of which each has a shard of the data in
    /// [`fit_shards`](crate::train::Trainer::fit_shards).
    pub fn own_slices(&self) -> Range<usize> {
        slices_of(
            self.communicator.rank(),
            self.communicator.size(),
            self.slices,
        )
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
