//! The course of a training: its epochs and steps in their order.

use core::mem;
use core::ops::ControlFlow;
use core::time::Duration;
use std::thread::{self, Scope};
use std::time::Instant;

use rand::Rng;

use super::batch_source::{Augmentation, AugmentedBatches, BatchSource, EpochSeed};
use super::checkpoint::{self, Checkpoints};
use super::error::TrainError;
use super::finite;
use super::history::{Epoch, History};
use super::ranks::{self, BatchPlace, RankError, Together};
use super::step::{LossScale, Model, Step};
use super::trainer::{Progress, Trainer};
use super::{Input, TrainSet};
use crate::data::{Batches, Gathering, Sample};
use crate::loss::{Accepts, Loss, TargetOf};
use crate::network::Network;
use crate::optim::{
    Optimizer, WeightAverage, clip_grad_norm, clip_grad_value, multiply, not_negative,
};
use crate::params;

/// A training in progress. Checkpoints contain everything in it that is neither a setting nor a
/// buffer, and the state of those `settings` that have some.
pub(super) struct Run<'s, 'n, N: Network, O: Optimizer, L, G> {
    pub settings: Trainer<'s, N, O, L, G>,
    pub model: Model<'n, N>,
    pub epoch: EpochProgress,
    pub best: Option<Best<N>>,
    pub history: History,
    /// True once early stopping or an observer has ended the training.
    pub ended: bool,
    train: TrainSet<'n, N, G>,
    checkpoints: Option<Checkpoints>,
    /// True but for the ranks after the first of several.
    is_first: bool,
    ranks: Option<Box<dyn Together<N, L, G> + 's>>,
    #[cfg(feature = "progress")]
    bar: super::progress_bar::Bar,
}

/// The progress of the current epoch.
#[derive(Clone, Copy, Default)]
pub(super) struct EpochProgress {
    /// The number of batches that were used.
    pub batches: usize,
    /// The sum of their losses times their weights, divided by the number of all samples of the
    /// epoch.
    pub loss: f64,
    /// The sum of their weights.
    pub weight: f64,
    /// The time that they took.
    pub time: Duration,
    /// The time for which the training waited for data.
    pub waiting: Duration,
}

/// The parameters with the lowest validation loss.
pub(super) struct Best<N> {
    pub loss: f64,
    pub epoch: usize,
    pub network: Box<N>,
}

/// The decision to continue or to stop.
type Flow = ControlFlow<()>;

impl<'s, 'n, N, O, L, G> Run<'s, 'n, N, O, L, G>
where
    N: Network,
    O: Optimizer + Sync,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N> + Sample + Send + Sync,
{
    /// Begins a training, or continues one from its checkpoint.
    pub fn new(
        settings: Trainer<'s, N, O, L, G>,
        network: &'n mut N,
        train: TrainSet<'n, N, G>,
    ) -> Result<Self, TrainError> {
        let mut settings = settings;
        let parallel = settings.distributed;
        let ranks = match (parallel, settings.new_ranks) {
            (Some(parallel), Some(new)) => Some(new(parallel)),
            _ => None,
        };
        let is_first = parallel.is_none_or(|parallel| parallel.communicator.rank() == 0);
        if !is_first {
            settings.only_trains();
        }

        if let Some(own) = ranks.as_ref().and_then(|ranks| ranks.own_state_share()) {
            settings.state.keep(own);
        }

        if let Some(parallel) = &parallel {
            let mut own = ranks::program::<L>(parallel);
            own.push(("epochs".to_owned(), settings.epochs.to_string()));
            own.extend(checkpoint::settings(&settings, train.epoch_len()));
            ranks::compare(parallel, &own)?;
        }
        let checkpoints = Checkpoints::new(&settings, train.epoch_len(), is_first);
        let checkpoints = checkpoints.map_err(TrainError::Checkpoint);
        let checkpoints = ranks::agree(parallel.as_ref(), checkpoints)?;

        let share = parallel.as_ref().map(ranks::batch_share);
        let batch_size = settings.batch_size.min(train.epoch_len());
        let largest = share.map_or(batch_size, |share| share.longest_slice(batch_size));
        let workspace = (settings.new_workspace)();
        let model = Model::new(network, workspace, largest).map_err(TrainError::Memory);
        let mut model = ranks::agree(parallel.as_ref(), model)?;
        model.workspace.follow(&settings.state);
        settings
            .eval
            .iter()
            .for_each(|group| model.workspace.eval(*group));

        let mut run = Run {
            #[cfg(feature = "progress")]
            bar: super::progress_bar::Bar::new(settings.progress),
            settings,
            model,
            epoch: EpochProgress::default(),
            best: None,
            history: History::default(),
            ended: false,
            train,
            checkpoints: None,
            is_first,
            ranks,
        };

        if let Some(checkpoints) = &checkpoints
            && run.settings.resume
        {
            run.resume(checkpoints)?;
        }
        if let Some(ranks) = &run.ranks {
            ranks.copy_network(run.model.network)?;
        }
        finite::check_initial(&*run.model.network, run.position())?;
        run.checkpoints = checkpoints;
        Ok(run)
    }

    /// Restores the training from its checkpoint, if there is one. Rank 0 reads it for all.
    fn resume(&mut self, checkpoints: &Checkpoints) -> Result<(), TrainError> {
        let parallel = self.settings.distributed;
        let bytes = if self.is_first {
            checkpoints.read().map_err(TrainError::Checkpoint)
        } else {
            Ok(None)
        };
        let mut bytes = ranks::agree(parallel.as_ref(), bytes)?;
        if let Some(parallel) = &parallel {
            // Every file has some bytes.
            bytes = Some(ranks::share_bytes(parallel, bytes.unwrap_or_default())?);
            bytes = bytes.filter(|bytes| !bytes.is_empty());
        }

        let resumed = bytes.map_or(Ok(()), |bytes| checkpoints.resume(&bytes, self));
        ranks::agree(parallel.as_ref(), resumed.map_err(TrainError::Checkpoint))
    }

    /// Trains to the end.
    pub fn run(self) -> Result<History, TrainError> {
        // The scope is that of the thread that augments the batches, if they are augmented.
        thread::scope(|scope| self.run_in(scope))
    }

    fn run_in<'scope>(mut self, scope: &'scope Scope<'scope, '_>) -> Result<History, TrainError>
    where
        's: 'scope,
        'n: 'scope,
        N: 'scope,
        G: 'scope,
    {
        #[cfg(feature = "ctrlc")]
        let _listening = self.listen()?;

        let mut rng = crate::rng(self.settings.seed);
        self.model.workspace.reseed(rng.next_u64());

        let mut batches = self.train.batches(self.settings.batch_size);
        if let Some(parallel) = &self.settings.distributed {
            batches = batches.sharing(ranks::batch_share(parallel));
        }
        let mut batches = Gathering::new(batches);
        self.go_to_checkpoint(batches.batches_mut(), &mut rng);

        let augmentation = mem::replace(&mut self.settings.augmentation, Augmentation::NONE);
        let mut augmented = AugmentedBatches::new(
            scope,
            batches.batches_mut(),
            augmentation,
            self.settings.seed,
        );

        /// The number of epochs for which the history has memory in advance; it grows for more.
        const MAX_RESERVED: usize = 1000;
        self.history
            .epochs
            .reserve(self.settings.epochs.min(MAX_RESERVED));

        while !self.ended && self.history.epochs.len() < self.settings.epochs {
            let begin = Instant::now();
            let flow = self.steps(&mut batches, &mut augmented, &mut rng)?;
            ranks::agree(self.settings.distributed.as_ref(), self.check_finite())?;

            if flow.is_break() {
                self.history.interrupted = true;
                self.epoch.time += begin.elapsed();
                self.write_checkpoint()?;
                break;
            }

            self.end_epoch(begin)?;
            let epochs = self.history.epochs.len();
            let last = self.ended || epochs == self.settings.epochs;
            if last || epochs.is_multiple_of(self.settings.epochs_per_checkpoint()) {
                self.write_checkpoint()?;
            }
        }

        let finished = self
            .checkpoints
            .as_mut()
            .map_or(Ok(()), Checkpoints::finish);
        let finished = finished.map_err(TrainError::Checkpoint);
        ranks::agree(self.settings.distributed.as_ref(), finished)?;

        self.set_result();
        Ok(self.history)
    }

    /// Brings the order of the samples and the random layers to the position of the checkpoint.
    /// Each order follows from the one before it, so all of them are drawn again.
    fn go_to_checkpoint(&mut self, batches: &mut Batches<'_, Input<N>, G>, rng: &mut impl Rng) {
        let epochs = self.history.epochs.len();
        let within = self.epoch.batches;

        for _ in 0..epochs + usize::from(within > 0) {
            batches.shuffle(rng);
        }
        batches.go_to(within);
        self.model
            .workspace
            .go_to(epochs as u64 * batches.steps() as u64 + within as u64);

        #[cfg(feature = "progress")]
        {
            let position = self.position();
            self.bar.begin(position.step, position.steps);
        }
    }

    /// Makes the remaining steps of the epoch, until something asks to stop.
    fn steps(
        &mut self,
        batches: &mut Gathering<'_, Input<N>, G>,
        augmented: &mut Option<AugmentedBatches<'_, N, G>>,
        rng: &mut impl Rng,
    ) -> Result<Flow, TrainError> {
        if self.stops(Flow::Continue(()))?.is_break() {
            return Ok(Flow::Break(()));
        }

        if let Some(unfreezing) = &self.settings.unfreezing {
            let epoch = self.history.epochs.len() + 1;
            let state = &mut self.settings.state;
            unfreezing.apply(epoch, state, &mut self.model.workspace);
        }
        if self.epoch.batches == 0 {
            let begin = Instant::now();
            batches.batches_mut().shuffle(rng);
            self.epoch.waiting += begin.elapsed();
        }

        let count = batches.batches_mut().steps();
        let epoch_seed = EpochSeed {
            seed: self.settings.seed,
            epoch: self.history.epochs.len() + 1,
        };
        BatchSource::run(
            batches,
            augmented,
            epoch_seed,
            self.epoch.batches,
            |source| {
                while self.epoch.batches < count {
                    let flow = self.step(source, count)?;
                    #[cfg(feature = "progress")]
                    self.bar.step();
                    let flow = self.stops(flow)?;
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Ok(Flow::Continue(()))
            },
        )
    }

    /// Returns whether the training stops here, as an observer or a handle wants, on any rank.
    fn stops(&self, flow: Flow) -> Result<Flow, TrainError> {
        let flow = if self.settings.stop.is_stopped() {
            Flow::Break(())
        } else {
            flow
        };
        match &self.settings.distributed {
            Some(parallel) => ranks::any_stops(parallel, flow),
            None => Ok(flow),
        }
    }

    /// Makes one step, on one or several of the epoch's `batches` batches.
    fn step(
        &mut self,
        source: &mut BatchSource<'_, '_, '_, N, G>,
        batches: usize,
    ) -> Result<Flow, TrainError> {
        let done = self.position();
        let at = Progress {
            step: done.step + 1,
            ..done
        };

        let lr = self.set_lr(at)?;
        let loss = self.accumulate_gradient(source, batches, at, lr)?;
        let gradient_norm = self.finish_gradient(at)?;

        let Run {
            settings,
            model,
            ranks,
            ..
        } = self;
        settings.state.step(model.network, &model.gradient);
        if let Some(ranks) = ranks {
            ranks.gather_parameters(model.network)?;
        }
        update_average(settings, model.network, at.epoch, false);

        let step = Step {
            epoch: at.epoch,
            step: at.step,
            loss,
            lr,
            gradient_norm,
        };
        let mut flow = Flow::Continue(());
        for observer in &mut settings.on_step {
            if observer(&step, model.network).is_break() {
                flow = Flow::Break(());
            }
        }
        Ok(flow)
    }

    /// Sets the learning rate by the schedule, adjusts the optimizer's other settings, and returns
    /// the learning rate.
    fn set_lr(&mut self, at: Progress) -> Result<f64, TrainError> {
        let settings = &mut self.settings;
        let optimizer = &mut settings.state.optimizer;

        if let Some(lr) = settings
            .schedule
            .as_ref()
            .and_then(|schedule| schedule.lr(at.step - 1, at.epoch as u64 - 1))
        {
            not_negative(&[("lr", lr)])
                .map_err(|error| TrainError::Setting(error.of("the schedule")))?;
            *optimizer.lr_mut() = lr;
        }
        if let Some(adjust) = &mut settings.adjust {
            adjust(optimizer, at);
            optimizer.check().map_err(TrainError::Setting)?;
        }

        Ok(*optimizer.lr_mut())
    }

    /// Computes the gradient of the batches of a step, and returns their mean loss.
    fn accumulate_gradient(
        &mut self,
        source: &mut BatchSource<'_, '_, '_, N, G>,
        batches: usize,
        at: Progress,
        lr: f64,
    ) -> Result<f64, TrainError> {
        let epochs = self.history.epochs.len();
        let Run {
            settings,
            model,
            epoch,
            train,
            ranks,
            ..
        } = self;

        // The batches and samples of this step: the last step of an epoch may have fewer.
        let count = settings.accumulate.min(batches - epoch.batches);
        let first_sample = epoch.batches * settings.batch_size;
        let samples = count
            .saturating_mul(settings.batch_size)
            .min(train.epoch_len() - first_sample);

        let mut loss = 0.0;
        let mut weight = 0.0;
        for index in 0..count {
            let begin = Instant::now();
            let Some(batch) = source.next_batch() else {
                break;
            };
            epoch.waiting += begin.elapsed();

            if let Some(ranks) = ranks {
                let number = epoch.batches + index;
                let begin = number * settings.batch_size;
                let place = BatchPlace {
                    number: (epochs * batches + number) as u64,
                    len: settings.batch_size.min(train.epoch_len() - begin),
                    step_len: samples,
                    lr,
                };
                let total = ranks.backward(model, &settings.loss, batch, place);
                let total = total.map_err(|error| {
                    let error = match error {
                        RankError::Train(error) => return error,
                        RankError::Here(cause) => finite::error(at, cause),
                    };
                    let before = check_network(settings, model, at);
                    let error = before.err().unwrap_or(error);
                    // Tells the other ranks, which are waiting for the losses.
                    let told = ranks::agree::<()>(Some(&ranks.settings()), Err(error.clone()));
                    told.err().unwrap_or(error)
                })?;
                loss += total.loss;
                weight += total.weight;

                finite::check_measured(&*model.gradient, at)?;
                settings.state.measure(model.network, &mut model.gradient);
                if count > 1 {
                    ranks.accumulate(model, index == 0);
                }
                continue;
            }

            // The losses are multiplied by shares, as their sum may be infinite where their mean is not.
            let own = batch.weight(&settings.loss);
            weight += own;
            let share = if count == 1 {
                1.0
            } else {
                own / samples as f64
            };
            // A batch without a weight, whose loss is NaN, is no mistake if a later one has some.
            let is_needed = own > 0.0 || index + 1 == count && weight == 0.0;
            let scale = LossScale {
                share,
                is_needed,
                lr,
            };
            let value = model.backward(&settings.loss, batch, scale, index > 0);
            let value = value.map_err(|cause| {
                // The parameters may have become infinite or NaN in the step before.
                let before = check_network(settings, model, at);
                before.err().unwrap_or_else(|| finite::error(at, cause))
            })?;
            loss += share * value;

            finite::check_measured(&*model.gradient, at)?;
            settings.state.measure(model.network, &mut model.gradient);
        }

        // The shares are those of equal weights until all weights are known.
        if (count > 1 || ranks.is_some()) && weight != samples as f64 {
            let factor = samples as f64 / weight;
            multiply(&mut *model.gradient, factor);
            loss *= factor;
        }

        epoch.batches += count;
        epoch.loss += loss * (weight / train.epoch_len() as f64);
        epoch.weight += weight;
        Ok(loss)
    }

    /// Adds the penalties to the gradient of a step and clips it. Returns its norm before clipping,
    /// if the norm is clipped.
    fn finish_gradient(&mut self, at: Progress) -> Result<Option<f64>, TrainError> {
        let settings = &self.settings;
        let network = &*self.model.network;
        let gradient = &mut *self.model.gradient;

        for penalty in &settings.penalties {
            (penalty.add)(network, penalty.group, penalty.lambda, gradient);
        }
        settings.state.clear_frozen(gradient);

        if let Some(value) = settings.clip_value {
            clip_grad_value(gradient, value);
        }
        settings
            .clip_norm
            .map(|norm| clip_grad_norm(gradient, norm))
            .transpose()
            .map_err(|error| TrainError::NonFiniteNorm {
                epoch: at.epoch,
                step: at.step,
                norm: error.norm,
            })
    }

    /// Checks all values that the steps have changed, before they are used, written or returned.
    fn check_finite(&self) -> Result<(), TrainError> {
        check_network(&self.settings, &self.model, self.position())
    }

    /// Returns the position after the last step that was made.
    fn position(&self) -> Progress {
        let epochs = self.history.epochs.len();
        let per_epoch = self.steps_per_epoch();
        let within = self.epoch.batches.div_ceil(self.settings.accumulate);

        Progress {
            epoch: epochs + 1,
            step: (epochs * per_epoch + within) as u64,
            steps: self.settings.epochs.saturating_mul(per_epoch) as u64,
        }
    }

    fn steps_per_epoch(&self) -> usize {
        self.train
            .epoch_len()
            .div_ceil(self.settings.batch_size)
            .div_ceil(self.settings.accumulate)
    }

    /// Finishes an epoch after its last step.
    fn end_epoch(&mut self, begin: Instant) -> Result<(), TrainError> {
        let at = self.position();
        update_average(&mut self.settings, self.model.network, at.epoch, true);

        let validation_loss = self.evaluate(at)?;
        let metrics = self.settings.metrics.iter();
        let epoch = Epoch {
            epoch: at.epoch,
            steps: at.step,
            loss: self.epoch.loss * (self.train.epoch_len() as f64 / self.epoch.weight),
            validation_loss,
            metrics: metrics
                .map(|metric| (metric.name(), metric.value().unwrap_or(f64::NAN)))
                .collect(),
            seconds: (self.epoch.time + begin.elapsed()).as_secs_f64(),
            waiting: self.epoch.waiting.as_secs_f64(),
        };

        #[cfg(feature = "progress")]
        self.bar.epoch(&epoch, self.settings.epochs);
        self.observe(&epoch);
        self.update_best(&epoch)?;
        self.update_plateau(&epoch);

        self.history.epochs.push(epoch);
        self.epoch = EpochProgress::default();
        Ok(())
    }

    /// Updates the metrics, and returns the loss of the validation samples if there are some.
    fn evaluate(&mut self, at: Progress) -> Result<Option<f64>, TrainError> {
        let Run {
            settings,
            model,
            train,
            ranks,
            ..
        } = self;
        if settings.validation.is_none() && settings.metrics.is_empty() {
            return Ok(None);
        }

        // The settings were checked: metrics of a data set have validation samples.
        let Some(samples) = settings.validation.or(train.samples()) else {
            return Ok(None);
        };
        let loss = model.evaluate(
            averaged(&settings.average),
            &settings.loss,
            samples,
            settings.batch_size,
            &mut settings.metrics,
            ranks.as_deref(),
        )?;

        if settings.validation.is_none() {
            return Ok(None);
        }
        if !loss.is_finite() {
            return Err(finite::error(at, finite::of_validation(samples)));
        }
        Ok(Some(loss))
    }

    /// Calls the observers of epochs.
    fn observe(&mut self, epoch: &Epoch) {
        if self.settings.on_epoch.is_empty() {
            return;
        }

        let network: &N = averaged(&self.settings.average).unwrap_or(self.model.network);
        let mut observe = || {
            for observer in &mut self.settings.on_epoch {
                self.ended |= observer(epoch, network).is_break();
            }
        };
        #[cfg(feature = "progress")]
        let mut observe = || self.bar.suspend(&mut observe);
        observe();
    }

    /// Keeps the parameters with the lowest validation loss for early stopping, and ends the
    /// training when the loss has not fallen for too long.
    fn update_best(&mut self, epoch: &Epoch) -> Result<(), TrainError> {
        let (Some(patience), Some(loss)) = (self.settings.patience, epoch.validation_loss) else {
            return Ok(());
        };

        let network: &N = averaged(&self.settings.average).unwrap_or(self.model.network);
        match &mut self.best {
            Some(best) if loss.is_nan() || loss >= best.loss => {}
            Some(best) => {
                best.loss = loss;
                best.epoch = epoch.epoch;
                params::copy_parameters(network, &mut *best.network);
            }
            None => {
                self.best = Some(Best {
                    loss,
                    epoch: epoch.epoch,
                    network: copy(network)?,
                })
            }
        }

        self.ended |= self
            .best
            .as_ref()
            .is_some_and(|best| epoch.epoch - best.epoch >= patience);
        Ok(())
    }

    /// Sets the learning rate by a `ReduceLrOnPlateau`, if the schedule is one.
    fn update_plateau(&mut self, epoch: &Epoch) {
        let settings = &mut self.settings;
        let Some(plateau) = settings
            .schedule
            .as_mut()
            .and_then(|schedule| schedule.plateau_mut())
        else {
            return;
        };

        let metric = |name| {
            epoch
                .metrics
                .iter()
                .find(|(other, _)| other == name)
                .map(|&(_, value)| value)
        };
        let watched = plateau.watched().map_or(epoch.validation_loss, metric);
        let lr = settings.state.optimizer.lr_mut();
        *lr = watched.map_or(*lr, |watched| plateau.step(*lr, watched));
    }

    /// Sets the network to the result of the training, if that is not the network itself: the best
    /// parameters of early stopping, or the average.
    fn set_result(&mut self) {
        let result = if let Some(best) = &self.best {
            self.history.restored = Some(best.epoch);
            &*best.network
        } else if let Some(average) = averaged(&self.settings.average) {
            average
        } else {
            return;
        };
        params::copy_parameters(result, self.model.network);
    }

    fn write_checkpoint(&mut self) -> Result<(), TrainError> {
        if self.checkpoints.is_none() {
            return Ok(());
        }
        let states = match &self.ranks {
            Some(ranks) => {
                let own: Vec<&[N::Element]> = self.settings.state.states().collect();
                ranks.gather_states(&own)?
            }
            None => None,
        };
        // It is taken out, as what it writes is the rest.
        let Some(mut checkpoints) = self.checkpoints.take() else {
            return Ok(());
        };
        let written = if self.is_first {
            let bytes = checkpoints.encode(self, states.as_deref());
            checkpoints.write(bytes, self.settings.async_checkpoint)
        } else {
            Ok(())
        };
        self.checkpoints = Some(checkpoints);
        let written = written.map_err(TrainError::Checkpoint);
        ranks::agree(self.settings.distributed.as_ref(), written)
    }

    /// Lets Ctrl-C stop the training until the result is dropped, if the settings say so.
    #[cfg(feature = "ctrlc")]
    fn listen(&self) -> Result<Option<super::stop::OnCtrlC>, TrainError> {
        if !self.settings.stop_on_ctrl_c {
            return Ok(None);
        }
        super::stop::OnCtrlC::stops(&self.settings.stop).map(Some)
    }
}

/// Returns a copy of a network, or an error if there is no memory for it.
fn copy<N: Network>(network: &N) -> Result<Box<N>, TrainError> {
    let mut copy: Box<N> = params::try_zeroed_parameters().map_err(TrainError::Memory)?;
    params::copy_parameters(network, &mut *copy);
    Ok(copy)
}

/// Adds the parameters to the average, if it is updated at this time: at the end of an epoch or
/// after a step.
fn update_average<N: Network, O: Optimizer, L, G>(
    settings: &mut Trainer<'_, N, O, L, G>,
    network: &N,
    epoch: usize,
    end_of_epoch: bool,
) {
    let first = settings.first_averaged();
    if let Some(average) = &mut settings.average
        && average.is_by_epoch() == end_of_epoch
        && epoch >= first
    {
        average.update(network);
    }
}

/// Checks the parameters after a step, and all values that depend on them.
fn check_network<N: Network, O: Optimizer, L, G>(
    settings: &Trainer<'_, N, O, L, G>,
    model: &Model<'_, N>,
    at: Progress,
) -> Result<(), TrainError> {
    finite::check_network(
        &*model.network,
        &*model.gradient,
        &settings.state,
        averaged(&settings.average),
        at,
    )
}

/// Returns the average, once it has been updated.
fn averaged<N: Network>(average: &Option<WeightAverage<N>>) -> Option<&N> {
    average
        .as_ref()
        .filter(|average| average.updates() > 0)
        .map(WeightAverage::network)
}
