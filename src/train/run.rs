//! A training under way: what to do in which order.

use core::ops::ControlFlow;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rand::Rng;

use super::batch_source::{At, Augmentation, BatchSource, Changed};
use super::checkpoint::Checkpoints;
use super::error::TrainError;
use super::finite;
use super::history::{Epoch, History};
use super::step::{Model, Step};
use super::trainer::{Progress, Trainer};
use super::{Input, Samples};
use crate::data::{Batches, Gathering, Sample};
use crate::loss::{Accepts, Loss, TargetOf};
use crate::memory;
use crate::network::Network;
use crate::optim::{Optimizer, WeightAverage, clip_grad_norm, clip_grad_value, not_negative};

/// A training under way. What is not a setting or a buffer is in checkpoints; parts of `settings`
/// have state, too.
pub(super) struct Run<'s, 'n, N: Network, O: Optimizer, L, G> {
    pub settings: Trainer<'s, N, O, L, G>,
    pub model: Model<'n, N>,
    pub epoch: Running,
    pub best: Option<Best<N>>,
    pub history: History,
    /// Whether early stopping or an observer has ended the training.
    pub ended: bool,
    train: Samples<'n, N, G>,
    checkpoints: Option<Checkpoints>,
    #[cfg(feature = "progress")]
    bar: super::progress_bar::Bar,
}

/// What has happened in the epoch that is running.
#[derive(Clone, Copy, Default)]
pub(super) struct Running {
    /// How many batches were used.
    pub batches: usize,
    /// The sum of the losses of their samples.
    pub loss: f64,
    /// How long that took.
    pub time: Duration,
    /// How long it waited for data.
    pub waiting: Duration,
}

/// The parameters with the lowest validation loss.
pub(super) struct Best<N> {
    pub loss: f64,
    pub epoch: usize,
    pub network: Box<N>,
}

/// Whether to go on.
type Flow = ControlFlow<()>;

impl<'s, 'n, N, O, L, G> Run<'s, 'n, N, O, L, G>
where
    N: Network,
    O: Optimizer + Sync,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N> + Sample + Send + Sync,
{
    /// Begins a training, or goes on with one that has a checkpoint.
    pub fn new(
        settings: Trainer<'s, N, O, L, G>,
        network: &'n mut N,
        train: Samples<'n, N, G>,
    ) -> Result<Self, TrainError> {
        let checkpoints =
            Checkpoints::new(&settings, train.inputs.len()).map_err(TrainError::Checkpoint)?;
        let batch_size = settings.batch_size.min(train.inputs.len());
        let mut model = Model::new(network, batch_size).map_err(TrainError::Memory)?;
        model.workspace.follow(&settings.state);
        settings
            .eval
            .iter()
            .for_each(|part| model.workspace.eval(*part));
        let mut run = Run {
            #[cfg(feature = "progress")]
            bar: super::progress_bar::Bar::new(settings.progress),
            settings,
            model,
            epoch: Running::default(),
            best: None,
            history: History::default(),
            ended: false,
            train,
            checkpoints: None,
        };
        if let Some(checkpoints) = &checkpoints
            && run.settings.resume
        {
            checkpoints.read(&mut run).map_err(TrainError::Checkpoint)?;
        }
        finite::check_initial(&*run.model.network, run.here())?;
        run.checkpoints = checkpoints;
        Ok(run)
    }

    /// Trains to the end.
    pub fn run(self) -> Result<History, TrainError> {
        // For the thread that changes the batches, if they are changed.
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
        let batches = Batches::new(
            self.train.inputs,
            self.train.targets,
            self.settings.batch_size,
        );
        let mut batches = Gathering::new(batches);
        self.go_to(batches.batches_mut(), &mut rng);
        let changes = std::mem::replace(&mut self.settings.changes, Augmentation::NONE);
        let mut changed = Changed::new(scope, batches.batches_mut(), changes, self.settings.seed);
        /// Room for more epochs is made when they come.
        const MOST: usize = 1000;
        self.history.epochs.reserve(self.settings.epochs.min(MOST));
        while !self.ended && self.history.epochs.len() < self.settings.epochs {
            let begin = Instant::now();
            let flow = self.steps(&mut batches, &mut changed, &mut rng)?;
            self.check_finite()?;
            if flow.is_break() {
                self.history.interrupted = true;
                self.epoch.time += begin.elapsed();
                self.write_checkpoint()?;
                break;
            }
            self.end_epoch(begin)?;
            let epochs = self.history.epochs.len();
            let last = self.ended || epochs == self.settings.epochs;
            if last || epochs.is_multiple_of(self.settings.checkpoint_every) {
                self.write_checkpoint()?;
            }
        }
        if let Some(best) = &self.best {
            self.model
                .network
                .params_mut()
                .copy_from_slice(best.network.params());
            self.history.restored = Some(best.epoch);
        } else if let Some(average) = averaged(&self.settings.average) {
            self.model
                .network
                .params_mut()
                .copy_from_slice(average.params());
        }
        Ok(self.history)
    }

    /// Brings the order of the samples and what random layers draw to where a checkpoint was
    /// written. Each order follows from the one before, so all are drawn again.
    fn go_to(&mut self, batches: &mut Batches<'_, Input<N>, G>, rng: &mut impl Rng) {
        let (epochs, within) = (self.history.epochs.len(), self.epoch.batches);
        for _ in 0..epochs + usize::from(within > 0) {
            batches.shuffle(rng);
        }
        batches.go_to(within);
        self.model
            .workspace
            .go_to(epochs as u64 * batches.steps() as u64 + within as u64);
        #[cfg(feature = "progress")]
        {
            let per_epoch = batches.steps().div_ceil(self.settings.accumulate);
            let done = epochs * per_epoch + within.div_ceil(self.settings.accumulate);
            self.bar.begin(
                done as u64,
                self.settings.epochs.saturating_mul(per_epoch) as u64,
            );
        }
    }

    /// The steps that are left of this epoch, until something asks to stop.
    fn steps(
        &mut self,
        batches: &mut Gathering<'_, Input<N>, G>,
        changed: &mut Option<Changed<'_, N, G>>,
        rng: &mut impl Rng,
    ) -> Result<Flow, TrainError> {
        if self.settings.stop.is_stopped() {
            return Ok(Flow::Break(()));
        }
        if self.epoch.batches == 0 {
            let begin = Instant::now();
            batches.batches_mut().shuffle(rng);
            self.epoch.waiting += begin.elapsed();
        }
        let count = batches.batches_mut().steps();
        let at = At {
            seed: self.settings.seed,
            epoch: self.history.epochs.len() + 1,
        };
        BatchSource::run(batches, changed, at, self.epoch.batches, |feed| {
            while self.epoch.batches < count {
                let mut flow = self.step(feed, count)?;
                #[cfg(feature = "progress")]
                self.bar.step();
                if self.settings.stop.is_stopped() {
                    flow = Flow::Break(());
                }
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            Ok(Flow::Continue(()))
        })
    }

    /// One step, on one batch or on several of the epoch's.
    fn step(
        &mut self,
        feed: &mut BatchSource<'_, '_, '_, N, G>,
        batches: usize,
    ) -> Result<Flow, TrainError> {
        let Run {
            settings,
            model,
            epoch: running,
            train,
            ..
        } = self;
        let (first, per_epoch) = (running.batches, batches.div_ceil(settings.accumulate));
        let count = settings.accumulate.min(batches - first);
        let begin = first * settings.batch_size;
        let samples = count
            .saturating_mul(settings.batch_size)
            .min(train.inputs.len() - begin);
        let (epoch, within) = (self.history.epochs.len(), first / settings.accumulate);
        let step = (epoch * per_epoch + within) as u64;
        let steps = settings.epochs.saturating_mul(per_epoch) as u64;
        let at = Progress {
            epoch: epoch + 1,
            step: step + 1,
            steps,
        };

        let optimizer = &mut settings.state.optimizer;
        if let Some(lr) = settings
            .schedule
            .as_ref()
            .and_then(|schedule| schedule.lr(step, epoch as u64))
        {
            not_negative(&[("lr", lr)])
                .map_err(|error| TrainError::Setting(error.of("the schedule")))?;
            *optimizer.lr_mut() = lr;
        }
        if let Some(adjust) = &mut settings.adjust {
            adjust(optimizer, at);
            optimizer.check().map_err(TrainError::Setting)?;
        }
        let lr = *optimizer.lr_mut();

        let mut loss = 0.0;
        for index in 0..count {
            let begin = Instant::now();
            let Some(batch) = feed.next_batch() else {
                break;
            };
            running.waiting += begin.elapsed();
            let len = batch.samples.inputs.len() as f64;
            let value = model.backward(&settings.loss, batch, len / samples as f64, index > 0, lr);
            loss += len
                * value.map_err(|cause| {
                    // The step before may have been what went wrong.
                    let before = check_network(settings, model, at);
                    before.err().unwrap_or_else(|| finite::error(at, cause))
                })?;
            finite::check_measured(&*model.gradient, at)?;
            settings.state.measure(model.network, &mut model.gradient);
        }
        let (network, gradient) = (&mut *model.network, &mut *model.gradient);
        for penalty in &settings.penalties {
            (penalty.add)(network, penalty.group, penalty.lambda, gradient);
        }
        settings.state.clear_frozen(gradient);
        if let Some(value) = settings.clip_value {
            clip_grad_value(gradient, value);
        }
        let gradient_norm = settings
            .clip_norm
            .map(|norm| clip_grad_norm(gradient, norm))
            .transpose();
        let gradient_norm = gradient_norm.map_err(|error| TrainError::NonFiniteNorm {
            epoch: at.epoch,
            step: at.step,
            norm: error.norm,
        })?;
        settings.state.step(network, gradient);
        average(settings, network, epoch, false);
        running.batches += count;
        running.loss += loss;

        let loss = loss / samples as f64;
        let step = Step {
            epoch: at.epoch,
            step: at.step,
            loss,
            lr,
            gradient_norm,
        };
        let mut flow = Flow::Continue(());
        for observer in &mut settings.on_step {
            if observer(&step, network).is_break() {
                flow = Flow::Break(());
            }
        }
        Ok(flow)
    }

    /// Looks at all that the steps have changed, before it is used, written or returned.
    fn check_finite(&self) -> Result<(), TrainError> {
        check_network(&self.settings, &self.model, self.here())
    }

    /// After the last step that was made.
    fn here(&self) -> Progress {
        let (per_epoch, done) = (self.steps_per_epoch(), self.history.epochs.len());
        let within = self.epoch.batches.div_ceil(self.settings.accumulate);
        Progress {
            epoch: done + 1,
            step: (done * per_epoch + within) as u64,
            steps: self.settings.epochs.saturating_mul(per_epoch) as u64,
        }
    }

    fn steps_per_epoch(&self) -> usize {
        self.train
            .inputs
            .len()
            .div_ceil(self.settings.batch_size)
            .div_ceil(self.settings.accumulate)
    }

    /// What comes after the last step of an epoch.
    fn end_epoch(&mut self, begin: Instant) -> Result<(), TrainError> {
        let steps = ((self.history.epochs.len() + 1) * self.steps_per_epoch()) as u64;
        let Run {
            settings,
            model,
            epoch: running,
            history,
            train,
            ..
        } = self;
        let done = history.epochs.len();
        average(settings, model.network, done, true);
        let mut validation_loss = None;
        let average = averaged(&settings.average);
        if settings.validation.is_some() || !settings.metrics.is_empty() {
            let samples = settings.validation.unwrap_or(*train);
            let (loss, metrics) = (&settings.loss, &mut settings.metrics);
            let loss = model.evaluate(average, loss, samples, settings.batch_size, metrics);
            let loss = loss.map_err(TrainError::Memory)?;
            validation_loss = settings.validation.map(|_| loss);
        }
        if let (Some(samples), Some(loss)) = (settings.validation, validation_loss)
            && !loss.is_finite()
        {
            let cause = finite::of_validation(samples);
            return Err(TrainError::NotFinite {
                epoch: done + 1,
                step: steps,
                cause,
            });
        }
        let network: &N = average.unwrap_or(model.network);
        let metrics = settings.metrics.iter();
        let epoch = Epoch {
            epoch: done + 1,
            steps,
            loss: running.loss / train.inputs.len() as f64,
            validation_loss,
            metrics: metrics
                .map(|metric| (metric.name(), metric.value().unwrap_or(f64::NAN)))
                .collect(),
            seconds: (running.time + begin.elapsed()).as_secs_f64(),
            waiting: running.waiting.as_secs_f64(),
        };
        #[cfg(feature = "progress")]
        self.bar.epoch(&epoch, settings.epochs);
        let observed = !settings.on_epoch.is_empty();
        let mut observe = || {
            for observer in &mut settings.on_epoch {
                self.ended |= observer(&epoch, network).is_break();
            }
        };
        #[cfg(feature = "progress")]
        let mut observe = || self.bar.aside(&mut observe);
        if observed {
            observe();
        }
        if let (Some(patience), Some(loss)) = (settings.patience, validation_loss) {
            match &mut self.best {
                Some(best) if loss.is_nan() || loss >= best.loss => {}
                Some(best) => {
                    (best.loss, best.epoch) = (loss, epoch.epoch);
                    best.network.params_mut().copy_from_slice(network.params());
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
        }
        if let Some(plateau) = settings
            .schedule
            .as_mut()
            .and_then(|schedule| schedule.plateau_mut())
        {
            let metric = |name| {
                epoch
                    .metrics
                    .iter()
                    .find(|(other, _)| other == name)
                    .map(|&(_, value)| value)
            };
            let watched = plateau.watched().map_or(validation_loss, metric);
            let lr = settings.state.optimizer.lr_mut();
            *lr = watched.map_or(*lr, |watched| plateau.step(*lr, watched));
        }
        history.epochs.push(epoch);
        *running = Running::default();
        Ok(())
    }

    fn write_checkpoint(&self) -> Result<(), TrainError> {
        let written = self
            .checkpoints
            .as_ref()
            .map(|checkpoints| checkpoints.write(self));
        written.unwrap_or(Ok(())).map_err(TrainError::Checkpoint)
    }

    #[cfg(feature = "ctrlc")]
    fn listen(&self) -> Result<Option<super::stop::OnCtrlC>, TrainError> {
        if !self.settings.stop_on_ctrl_c {
            return Ok(None);
        }
        super::stop::OnCtrlC::stops(&self.settings.stop).map(Some)
    }
}

/// A copy of a network.
fn copy<N: Network>(network: &N) -> Result<Box<N>, TrainError> {
    let mut copy: Box<N> = memory::try_zeroed_parameters().map_err(TrainError::Memory)?;
    copy.params_mut().copy_from_slice(network.params());
    Ok(copy)
}

/// Takes the parameters into the average, at the end of an epoch or after a step.
fn average<N: Network, O: Optimizer, L, G>(
    settings: &mut Trainer<'_, N, O, L, G>,
    network: &N,
    epochs_before: usize,
    end_of_epoch: bool,
) {
    if let Some(average) = &mut settings.average
        && average.is_by_epoch() == end_of_epoch
        && epochs_before + 1 >= settings.average_from
    {
        average.update(network);
    }
}

/// Looks at the parameters after a step, and at all that follows them.
fn check_network<N: Network, O: Optimizer, L, G>(
    settings: &Trainer<'_, N, O, L, G>,
    model: &Model<'_, N>,
    at: Progress,
) -> Result<(), TrainError> {
    let average = averaged(&settings.average);
    finite::check_network(
        &*model.network,
        &*model.gradient,
        &settings.state,
        average,
        at,
    )
}

/// The average, once there is one.
fn averaged<N: Network>(average: &Option<WeightAverage<N>>) -> Option<&N> {
    average
        .as_ref()
        .filter(|average| average.updates() > 0)
        .map(WeightAverage::network)
}
