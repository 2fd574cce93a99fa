//! The part of a training that ranks do together.

use core::fmt::Write;
use core::ops::{ControlFlow, Range};

use super::batch_source::Batch;
use super::buckets::Buckets;
use super::error::{NonFinite, TrainError};
use super::step::{LossScale, Model};
use super::{Output, Samples};
use crate::data::BatchShare;
use crate::distributed::{CommunicationError, DataParallel, Incoming, Outgoing, share_of};
use crate::kernels::tier::Tier;
use crate::loss::{Accepts, Loss, TargetOf};
use crate::memory;
use crate::network::Network;
use crate::optim::{params_around, state_len};
use crate::params;

/// The ranks of a training.
pub(super) struct Ranks<'a, N: Network> {
    settings: DataParallel<'a>,
    gradients: Buckets<N>,
    /// The gradients of earlier batches of a step.
    earlier: Vec<N::Element>,
}

/// The loss of the batches of a step, and its weight.
#[derive(Clone, Copy, Default)]
pub(super) struct WeightedLoss {
    /// The sum of the losses, each times its share of the step.
    pub loss: f64,
    pub weight: f64,
}

/// The place of a batch in a training.
#[derive(Clone, Copy)]
pub(super) struct BatchPlace {
    /// The number of batches before it in the whole training.
    pub number: u64,
    /// Its number of samples.
    pub len: usize,
    /// The number of samples of its step.
    pub step_len: usize,
    pub lr: f64,
}

/// The operations of [`Ranks`], as an object that [`Trainer::distributed`](super::Trainer::distributed)
/// chooses: a program that trains on one machine compiles none of them.
pub(super) trait Together<N: Network, L, G> {
    /// Returns the settings.
    fn settings(&self) -> DataParallel<'_>;

    /// Returns the share of this rank in the elements of the optimizer's states, if the ranks share
    /// them.
    fn own_state_share(&self) -> Option<Range<usize>>;

    /// Sets the gradient of the model to that of a batch over all ranks, of which `batch` is this
    /// rank's share. Statistics get the mean of what the slices have measured.
    fn backward(
        &mut self,
        model: &mut Model<'_, N>,
        loss: &L,
        batch: Batch<'_, N, G>,
        place: BatchPlace,
    ) -> Result<WeightedLoss, RankError>;

    /// Adds the gradient of the model to those of the earlier batches of a step, or takes it as the
    /// first.
    fn accumulate(&mut self, model: &mut Model<'_, N>, first: bool);

    /// Copies the parameters that each rank has updated to all others, if the ranks share the
    /// optimizer's state.
    fn gather_parameters(&self, network: &mut N) -> Result<(), TrainError>;

    /// Returns the whole states of the optimizer on rank 0, if the ranks share them.
    fn gather_states(
        &self,
        states: &[&[N::Element]],
    ) -> Result<Option<Vec<Vec<N::Element>>>, TrainError>;

    /// Copies the parameters of rank 0 to all others.
    fn copy_network(&self, network: &mut N) -> Result<(), TrainError>;

    /// Returns the outputs and losses of one chunk of validation samples for each rank.
    fn share_chunks(
        &self,
        loss: [f64; 2],
        outputs: &[Output<N>],
    ) -> Result<Vec<Vec<u8>>, TrainError>;

    /// Reads what [`share_chunks`](Together::share_chunks) returns of a rank, with the elements of the
    /// outputs to `outputs`. Returns `None` if the length is another one.
    fn read_chunk(&self, bytes: &[u8], outputs: &mut [N::Element]) -> Option<[f64; 2]>;
}

/// Returns the ranks of a training as an object.
pub(super) fn together<'r, N, L, G>(settings: DataParallel<'r>) -> Box<dyn Together<N, L, G> + 'r>
where
    N: Network,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N>,
{
    Box::new(Ranks::new(settings))
}

/// Returns a rank's share of each batch.
pub(super) fn batch_share(settings: &DataParallel<'_>) -> BatchShare {
    let slices = slices(settings);
    BatchShare {
        first: slices.start,
        end: slices.end,
        slices: settings.slices,
    }
}

/// Returns the slices of a rank.
fn slices(settings: &DataParallel<'_>) -> Range<usize> {
    let communicator = settings.communicator;
    share_of(communicator.rank(), communicator.size(), settings.slices)
}

impl<'a, N: Network> Ranks<'a, N> {
    fn new(settings: DataParallel<'a>) -> Self {
        Ranks {
            settings,
            gradients: Buckets::new(settings.slices, settings.bf16),
            earlier: Vec::new(),
        }
    }

    /// Adds the losses and the weights of all slices, slice after slice. `own` has those of this
    /// rank.
    fn add_losses(&self, own: &[f64]) -> Result<WeightedLoss, RankError> {
        let mut total = WeightedLoss::default();
        for bytes in agree_bytes(&self.settings, Ok(memory::bytes(own)))? {
            for pair in bytes.as_chunks::<8>().0.chunks_exact(2) {
                total.loss += f64::from_ne_bytes(pair[0]);
                total.weight += f64::from_ne_bytes(pair[1]);
            }
        }
        Ok(total)
    }

    /// Returns the share of a rank in the elements of the optimizer's states, if the ranks share them.
    fn state_share(&self, rank: usize) -> Option<Range<usize>> {
        let size = self.settings.communicator.size();
        self.settings
            .sharded_optimizer
            .then(|| share_of(rank, size, state_len::<N>()))
    }
}

impl<N, L, G> Together<N, L, G> for Ranks<'_, N>
where
    N: Network,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N>,
{
    fn settings(&self) -> DataParallel<'_> {
        self.settings
    }

    fn own_state_share(&self) -> Option<Range<usize>> {
        self.state_share(self.settings.communicator.rank())
    }

    fn backward(
        &mut self,
        model: &mut Model<'_, N>,
        loss: &L,
        batch: Batch<'_, N, G>,
        place: BatchPlace,
    ) -> Result<WeightedLoss, RankError> {
        let Samples { inputs, targets } = batch.samples;
        let share = batch_share(&self.settings);
        let first = share.samples(place.len).start;

        let mut own = Vec::new();
        let mut total = None;
        let slices = slices(&self.settings);
        for slice in slices.clone() {
            let is_last = slice + 1 == slices.end;
            let samples = share.slice(slice, place.len);
            if samples.is_empty() {
                own.extend([0.0, 0.0]);
                if is_last {
                    total = Some(self.add_losses(&own)?);
                }
                self.gradients.add_zeros(slice);
                continue;
            }

            let samples = samples.start - first..samples.end - first;
            let slice_batch = Batch {
                samples: Samples {
                    inputs: &inputs[samples.clone()],
                    targets: &targets[samples],
                },
                mixed: None,
            };
            // Random layers draw anew in each slice.
            let pass = place.number * self.settings.slices as u64 + slice as u64;
            model.workspace.go_to(pass);

            let weight = slice_batch.weight(loss);
            let scale = LossScale {
                share: weight / place.step_len as f64,
                is_needed: weight > 0.0,
                lr: place.lr,
            };
            let forward = model.forward(loss, slice_batch, scale);
            let (value, pass, gradient) = forward.map_err(RankError::Here)?;
            own.extend([scale.share * value, weight]);

            // The gradient of the last slice is sent while it is computed, once it is known that no
            // rank has failed.
            if is_last {
                total = Some(self.add_losses(&own)?);
            }
            let communicator = self.settings.communicator;
            if is_last && communicator.size() > 1 && self.gradients.are_several() {
                self.gradients
                    .add_and_reduce(slice, pass, gradient, communicator)?;
            } else {
                pass.backward(gradient);
                self.gradients.add(slice, gradient);
            }
        }

        self.gradients.reduce(self.settings.communicator)?;
        let slices = self.settings.slices.min(place.len);
        self.gradients.write_to(&mut model.gradient, slices);
        Ok(total.unwrap_or_default())
    }

    fn accumulate(&mut self, model: &mut Model<'_, N>, first: bool) {
        let mut begin = 0;
        for (place, _) in self.gradients.places() {
            let gradient = &mut model.gradient.params_mut()[place.clone()];
            if first {
                self.earlier.truncate(begin);
                self.earlier.extend_from_slice(gradient);
            } else {
                let earlier = &mut self.earlier[begin..begin + place.len()];
                for (sum, value) in earlier.iter_mut().zip(gradient) {
                    *sum += *value;
                    *value = *sum;
                }
            }
            begin += place.len();
        }
    }

    fn gather_parameters(&self, network: &mut N) -> Result<(), TrainError> {
        let communicator = self.settings.communicator;
        let Some(own) = self.state_share(communicator.rank()) else {
            return Ok(());
        };

        let values = params::parameters_in(network, params_around::<N>(&own));
        let all = communicator.all_gather(memory::bytes(values))?;
        for (rank, bytes) in all.iter().enumerate() {
            let share = self.state_share(rank).unwrap_or_default();
            let values = &mut network.params_mut()[params_around::<N>(&share)];
            let values = memory::bytes_mut(values);
            if values.len() != bytes.len() {
                return Err(TrainError::Communication(CommunicationError::Length {
                    rank,
                    expected: values.len(),
                    found: bytes.len(),
                }));
            }
            values.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn gather_states(
        &self,
        states: &[&[N::Element]],
    ) -> Result<Option<Vec<Vec<N::Element>>>, TrainError> {
        let DataParallel { communicator, .. } = self.settings;
        let Some(own) = self.state_share(communicator.rank()) else {
            return Ok(None);
        };

        let mut whole = Vec::new();
        for state in states {
            if communicator.rank() > 0 {
                let bytes = memory::bytes(state);
                communicator.exchange(&[Outgoing { to: 0, bytes }], &mut [])?;
                continue;
            }

            let mut values = vec![num_traits::zero(); state_len::<N>()];
            values[own.clone()].copy_from_slice(state);
            let mut rest = &mut values[own.len()..];
            let mut receives = Vec::new();
            for from in 1..communicator.size() {
                let len = self.state_share(from).unwrap_or_default().len();
                let (share, later) = rest.split_at_mut(len);
                rest = later;
                let bytes = memory::bytes_mut(share);
                receives.push(Incoming { from, bytes });
            }
            communicator.exchange(&[], &mut receives)?;
            whole.push(values);
        }
        Ok(Some(whole))
    }

    fn copy_network(&self, network: &mut N) -> Result<(), TrainError> {
        let bytes = memory::bytes_mut(network.params_mut());
        self.settings.communicator.broadcast(bytes, 0)?;
        Ok(())
    }

    fn share_chunks(
        &self,
        loss: [f64; 2],
        outputs: &[Output<N>],
    ) -> Result<Vec<Vec<u8>>, TrainError> {
        let mut bytes = memory::bytes(&loss).to_vec();
        bytes.extend_from_slice(memory::bytes(memory::flatten(outputs)));
        Ok(self.settings.communicator.all_gather(&bytes)?)
    }

    fn read_chunk(&self, bytes: &[u8], outputs: &mut [N::Element]) -> Option<[f64; 2]> {
        let (loss, values) = bytes.split_first_chunk::<16>()?;
        let outputs = memory::bytes_mut(outputs);
        if values.len() != outputs.len() {
            return None;
        }
        outputs.copy_from_slice(values);
        let [value, weight] = [&loss[..8], &loss[8..]]
            .map(|bytes| f64::from_ne_bytes(core::array::from_fn(|i| bytes[i])));
        Some([value, weight])
    }
}

/// The error of a step on several ranks.
pub(super) enum RankError {
    /// A number on this rank, which the other ranks do not know of yet.
    Here(NonFinite),
    Train(TrainError),
}

impl From<CommunicationError> for RankError {
    fn from(error: CommunicationError) -> Self {
        RankError::Train(error.into())
    }
}

impl From<TrainError> for RankError {
    fn from(error: TrainError) -> Self {
        RankError::Train(error)
    }
}

/// The first byte of a message of a rank that goes on.
const GOES_ON: u8 = 0;
/// The first byte of a message of a rank that has failed; its error follows as text.
const FAILED: u8 = 1;

/// Returns the bytes of all ranks, or an error on all of them if one has failed.
fn agree_bytes(
    settings: &DataParallel<'_>,
    own: Result<&[u8], &TrainError>,
) -> Result<Vec<Vec<u8>>, TrainError> {
    let message = match own {
        Ok(bytes) => [&[GOES_ON], bytes].concat(),
        Err(error) => [&[FAILED], error.to_string().as_bytes()].concat(),
    };
    let mut all = settings.communicator.all_gather(&message)?;
    for (rank, bytes) in all.iter_mut().enumerate() {
        if bytes.first() == Some(&FAILED) {
            let message = String::from_utf8_lossy(&bytes[1..]).into_owned();
            return Err(TrainError::Rank { rank, message });
        }
        bytes.drain(..1.min(bytes.len()));
    }
    Ok(all)
}

/// Returns the result of this rank if no rank has failed. On each of the others, the error is one
/// about the rank that has.
pub(super) fn agree<V>(
    settings: Option<&DataParallel<'_>>,
    result: Result<V, TrainError>,
) -> Result<V, TrainError> {
    let agreed = agree_on(settings, result.as_ref().err());
    let value = result?;
    agreed?;
    Ok(value)
}

/// Tells the other ranks whether this one has failed. Returns an error if another one has.
fn agree_on(
    settings: Option<&DataParallel<'_>>,
    error: Option<&TrainError>,
) -> Result<(), TrainError> {
    match (settings, error) {
        (None, _) => Ok(()),
        // After an error of the messages themselves there is nobody to talk to.
        (_, Some(TrainError::Communication(_) | TrainError::Rank { .. })) => Ok(()),
        (Some(settings), None) => agree_bytes(settings, Ok(&[])).map(drop),
        (Some(settings), Some(error)) => agree_bytes(settings, Err(error)).map(drop),
    }
}

/// Returns whether any rank wants to stop.
pub(super) fn any_stops(
    settings: &DataParallel<'_>,
    flow: ControlFlow<()>,
) -> Result<ControlFlow<()>, TrainError> {
    let own = [u8::from(flow.is_break())];
    let all = settings.communicator.all_gather(&own)?;
    let stops = all.iter().any(|flow| flow.contains(&1));
    Ok(if stops {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    })
}

/// Returns bytes of rank 0 on all ranks.
pub(super) fn share_bytes(
    settings: &DataParallel<'_>,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, TrainError> {
    let communicator = settings.communicator;
    let mut len = (bytes.len() as u64).to_ne_bytes();
    communicator.broadcast(&mut len, 0)?;

    let mut bytes = bytes;
    bytes.resize(u64::from_ne_bytes(len) as usize, 0);
    communicator.broadcast(&mut bytes, 0)?;
    Ok(bytes)
}

/// Returns the smallest of the numbers of all ranks.
pub(super) fn smallest(settings: &DataParallel<'_>, own: usize) -> Result<usize, TrainError> {
    let all = settings
        .communicator
        .all_gather(&(own as u64).to_ne_bytes())?;
    let numbers = all.iter().filter_map(|bytes| bytes.first_chunk());
    let smallest = numbers.map(|bytes| u64::from_ne_bytes(*bytes)).min();
    Ok(smallest.unwrap_or(0) as usize)
}

/// Compares settings with those of rank 0.
pub(super) fn compare(
    settings: &DataParallel<'_>,
    own: &[(String, String)],
) -> Result<(), TrainError> {
    let rank = settings.communicator.rank();
    let mut text = String::new();
    for (name, value) in own {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}\u{1f}{}", value.replace('\n', " "));
    }

    let all = settings.communicator.all_gather(text.as_bytes())?;
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let expected = read(&all[0]);
    for (other, found) in all.iter().enumerate() {
        let found = read(found);
        if found == expected {
            continue;
        }

        let value = |text: &str, name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('\u{1f}'))
                .find(|(own, _)| *own == name)
                .map_or_else(|| "nothing".to_owned(), |(_, value)| value.to_owned())
        };
        let names = expected.lines().chain(found.lines());
        let name = names
            .filter_map(|line| line.split_once('\u{1f}'))
            .map(|(name, _)| name)
            .find(|name| value(&expected, name) != value(&found, name))
            .unwrap_or("the order of the settings");
        return Err(TrainError::RankDiffers {
            rank: other,
            is_here: other == rank,
            what: name.to_owned(),
            expected: value(&expected, name),
            found: value(&found, name),
        });
    }
    Ok(())
}

/// Returns what must be the same on all ranks in addition to the settings of a checkpoint.
pub(super) fn program<L>(settings: &DataParallel<'_>) -> Vec<(String, String)> {
    // Both tiers with fused multiply-add give the same bits.
    let fused = crate::kernels::tier::tier() >= Tier::Avx2;
    let texts = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("ranks", settings.communicator.size().to_string()),
        ("loss", core::any::type_name::<L>().to_owned()),
        ("fused multiply-add", fused.to_string()),
        ("sharded optimizer", settings.sharded_optimizer.to_string()),
    ];
    texts.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
