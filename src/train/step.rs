//! One step of a training, and the evaluation of samples that are not trained on.

use num_traits::{Float, ToPrimitive};

use super::batch_source::Batch;
use super::error::{NonFinite, TrainError};
use super::finite;
use super::ranks::Together;
use super::{Output, Samples};
use crate::distributed::CommunicationError;
use crate::kernels::AlignedBuffer;
use crate::loss::{Accepts, Loss, TargetOf};
use crate::memory::{self, OutOfMemory, flatten_mut, tensors_mut};
use crate::metrics::Measures;
use crate::network::{Gradient, Network, Pass, Workspace};
use crate::optim::ParamGroup;
use crate::tensor::{Element, Shape};

/// One step of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step within the whole training, from 1.
    pub step: u64,
    /// The mean loss of the step's samples, with the parameters before the step.
    pub loss: f64,
    /// The learning rate.
    pub lr: f64,
    /// The norm of the gradient before clipping, if
    /// [`clip_grad_norm`](crate::train::Trainer::clip_grad_norm) was set.
    pub gradient_norm: Option<f64>,
}

/// A penalty whose gradient is added to that of each step.
pub(super) struct Penalty<N: Network> {
    pub name: &'static str,
    pub add: fn(&N, ParamGroup<N>, f64, &mut N) -> N::Element,
    pub group: ParamGroup<N>,
    pub lambda: f64,
}

/// A network with the buffers that its steps reuse.
pub(super) struct Model<'n, N: Network> {
    pub network: &'n mut N,
    pub gradient: Gradient<N>,
    pub workspace: Workspace<N>,
    outputs: AlignedBuffer<N::Element>,
    output_gradients: AlignedBuffer<N::Element>,
}

/// The part of a batch's loss in its step.
#[derive(Clone, Copy)]
pub(super) struct LossScale {
    /// The batch's share of the step, by which the gradient is multiplied.
    pub share: f64,
    /// True if a loss that is not finite is an error. Otherwise it counts as 0.
    pub is_needed: bool,
    /// The learning rate, for errors.
    pub lr: f64,
}

impl<'n, N: Network> Model<'n, N> {
    /// Allocates the buffers for batches of `batch_size` samples.
    pub fn new(
        network: &'n mut N,
        workspace: Workspace<N>,
        batch_size: usize,
    ) -> Result<Self, OutOfMemory> {
        let mut model = Model {
            network,
            gradient: Gradient::try_new()?,
            workspace,
            outputs: AlignedBuffer::new(),
            output_gradients: AlignedBuffer::new(),
        };

        model.workspace.try_reserve(batch_size)?;
        // For mixed batches, and for validation.
        reserve::<N>(&mut model.output_gradients, batch_size)?;
        Ok(model)
    }

    /// Sets the gradient to that of a batch, or adds it to that of the batches before it, and
    /// returns the loss of the batch.
    pub fn backward<'m, L, G>(
        &'m mut self,
        loss: &L,
        batch: Batch<'m, N, G>,
        scale: LossScale,
        add: bool,
    ) -> Result<f64, NonFinite>
    where
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        let (value, pass, gradient) = self.forward(loss, batch, scale)?;
        if add {
            pass.backward_accumulate(gradient);
        } else {
            pass.backward(gradient);
        }
        Ok(value)
    }

    /// Returns the loss of a batch, and its pass up to the gradient of the outputs. The gradient of the
    /// parameters goes to the gradient that is returned as well.
    pub fn forward<'m, L, G>(
        &'m mut self,
        loss: &L,
        batch: Batch<'m, N, G>,
        scale: LossScale,
    ) -> Result<(f64, Pass<'m, 'm, N>, &'m mut Gradient<N>), NonFinite>
    where
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        let LossScale {
            share,
            is_needed,
            lr,
        } = scale;
        let Batch {
            samples: Samples { inputs, targets },
            mixed,
        } = batch;
        let Model {
            network,
            gradient,
            workspace,
            output_gradients,
            ..
        } = self;
        let network: &'m N = network;

        let mut pass = network.forward_train(inputs, workspace);
        let mut value = pass.loss(loss, targets);
        if let Some((kept, others)) = mixed {
            let own = output_gradients.reserve(inputs.len() * N::Output::LEN);
            own.copy_from_slice(flatten_mut(pass.output_gradients_mut()));

            // For a loss that is linear in its target, such as cross-entropy, this is the loss on
            // the mixed target.
            let [kept, rest] = [kept, 1.0 - kept].map(N::Element::from_f64_lossy);
            value = kept * value + rest * pass.loss(loss, others);
            for (gradient, &own) in flatten_mut(pass.output_gradients_mut())
                .iter_mut()
                .zip(&*own)
            {
                *gradient = kept * own + rest * *gradient;
            }
        }

        if !value.is_finite() && !is_needed {
            value = num_traits::zero();
        }
        if !value.is_finite() {
            return Err(finite::of_loss(&pass, network, inputs, lr));
        }
        if !finite::all(flatten_mut(pass.output_gradients_mut())) {
            return Err(NonFinite::LossGradient);
        }

        if share != 1.0 {
            let share = N::Element::from_f64_lossy(share);
            flatten_mut(pass.output_gradients_mut())
                .iter_mut()
                .for_each(|gradient| *gradient *= share);
        }

        Ok((value.to_f64().unwrap_or(f64::NAN), pass, gradient))
    }

    /// Runs samples that are not trained on through the network or its average, updates the metrics
    /// and returns the mean loss.
    pub fn evaluate<L, G>(
        &mut self,
        average: Option<&N>,
        loss: &L,
        samples: Samples<'_, N, G>,
        batch_size: usize,
        metrics: &mut [Box<dyn Measures<Output<N>, G> + '_>],
        ranks: Option<&dyn Together<N, L, G>>,
    ) -> Result<f64, TrainError>
    where
        L: Loss<N::Output, N::Element>,
        G: TargetOf<L::Target, L, N>,
    {
        let network: &N = average.unwrap_or(self.network);
        metrics.iter_mut().for_each(|metric| metric.reset());

        // Each rank computes one of several chunks, and then all of them know its outputs.
        let parallel = ranks.map(|ranks| ranks.settings().communicator);
        let (rank, size) = parallel.map_or((0, 1), |ranks| (ranks.rank(), ranks.size()));

        let chunks = samples.inputs.chunks(batch_size);
        let chunks: Vec<_> = chunks.zip(samples.targets.chunks(batch_size)).collect();
        let mut mean = 0.0;
        let mut weight = 0.0;
        for round in chunks.chunks(size) {
            let own = round.get(rank);
            let mut of_loss = [0.0; 2];
            let count = own.map_or(0, |(inputs, _)| inputs.len());
            let outputs: &mut [Output<N>] =
                tensors_mut(reserve::<N>(&mut self.outputs, count)?, count);
            if let Some((inputs, targets)) = own {
                let gradients: &mut [Output<N>] =
                    tensors_mut(reserve::<N>(&mut self.output_gradients, count)?, count);
                network.forward_batch(inputs, outputs);
                let value = loss.loss(outputs, G::expected(targets), gradients);
                let value = value.to_f64().unwrap_or(f64::NAN);
                of_loss = [value, loss.weight(G::expected(targets))];
            }

            let measured = !metrics.is_empty();
            let sent = ranks.map(|ranks| {
                let outputs = if measured { &*outputs } else { &[] };
                ranks.share_chunks(of_loss, outputs)
            });
            let received = sent.transpose()?;

            for (from, (inputs, targets)) in round.iter().enumerate() {
                let count = inputs.len();
                let outputs: &mut [Output<N>] =
                    tensors_mut(reserve::<N>(&mut self.outputs, count)?, count);
                if let (Some(ranks), Some(received)) = (ranks, &received) {
                    let len = if measured { count * N::Output::LEN } else { 0 };
                    let values = &mut flatten_mut(outputs)[..len];
                    of_loss = ranks.read_chunk(&received[from], values).ok_or(
                        CommunicationError::Length {
                            rank: from,
                            expected: size_of_val(&of_loss) + size_of_val(values),
                            found: received[from].len(),
                        },
                    )?;
                }

                let [value, own] = of_loss;
                if own > 0.0 {
                    mean += value * (own / samples.inputs.len() as f64);
                }
                weight += own;
                metrics
                    .iter_mut()
                    .for_each(|metric| metric.update(outputs, targets));
            }
        }
        Ok(mean * (samples.inputs.len() as f64 / weight))
    }
}

/// Reserves memory for the outputs of a batch, or for their gradient.
fn reserve<N: Network>(
    buffer: &mut AlignedBuffer<N::Element>,
    batch: usize,
) -> Result<&mut [N::Element], OutOfMemory> {
    let what = || format!("the outputs of `{}` for a batch of {batch}", N::NAME);
    memory::reserve(buffer, batch, N::Output::LEN, what)
}
