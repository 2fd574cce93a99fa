//! The trainer and its settings.

use core::ops::ControlFlow;
use std::path::PathBuf;

use super::batch_source::Augmentation;
use super::error::TrainError;
use super::history::{self, Epoch, History};
use super::ranks::{self, Together};
use super::run::Run;
use super::shards::Shards;
use super::step::{Penalty, Step};
use super::stop::StopHandle;
use super::{Input, Output, Samples, TrainSet};
use crate::augment::{Augment, MixUp};
use crate::data::{Dataset, Sample};
use crate::distributed::DataParallel;
use crate::loss::{Accepts, Loss, TargetOf};
use crate::metrics::Measures;
use crate::network::{InputOf, Network, Trainable, Workspace};
use crate::optim::{
    Optimizer, OptimizerState, ParamGroup, SettingError, Unfreezing, WeightAverage, at_least_one,
    l1_penalty, l2_penalty, not_negative, positive_single,
};
use crate::schedule::SchedulePolicy;

/// The position of a training, for settings that change with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The next step, from 1.
    pub step: u64,
    /// The number of steps of the whole training.
    pub steps: u64,
}

type Metric<'a, N, G> = Box<dyn Measures<Output<N>, G> + 'a>;
type Adjust<'a, O> = Box<dyn FnMut(&mut O, Progress) + 'a>;
type StepObserver<'a, N> = Box<dyn FnMut(&Step, &N) -> ControlFlow<()> + 'a>;
type EpochObserver<'a, N> = Box<dyn FnMut(&Epoch, &N) -> ControlFlow<()> + 'a>;

/// Makes the part of a training that ranks do together.
type NewRanks<N, L, G> = for<'r> fn(DataParallel<'r>) -> Box<dyn Together<N, L, G> + 'r>;

/// A training of a network over epochs, with its settings.
/// [`Net::trainer`](super::CreateTrainer::trainer) makes it.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
///
/// // y = 2 x + 1
/// let x: Vec<_> = (0..100)
///     .map(|i| Tensor1::from([i as f32 / 50.0 - 1.0]))
///     .collect();
/// let y: Vec<_> = x
///     .iter()
///     .map(|x| Tensor1::from([2.0 * x[0] + 1.0]))
///     .collect();
/// let mut net = Line::init(&mut shapewright::rng(0));
/// let history = Line::trainer(Adam::new(0.05), Mse)
///     .epochs(200)
///     .batch_size(20)
///     .validate(&x[80..], &y[80..])
///     .early_stopping(20)
///     .fit(&mut net, &x[..80], &y[..80])?;
/// assert!(history.last().unwrap().validation_loss.unwrap() < 1e-4);
/// assert!((net.layer_0.weight[0][0] - 2.0).abs() < 0.05);
/// # Ok::<(), shapewright::train::TrainError>(())
/// ```
///
/// # Checkpoints
/// With [`checkpoint`](Trainer::checkpoint) and [`resume`](Trainer::resume), an interrupted
/// training continues when the program is started again, whether [Ctrl-C](Trainer::stop_handle) or
/// a power failure interrupted it. It ends with the same bits as a training without the
/// interruption, with any number of threads:
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
/// # let folder = std::env::temp_dir().join(format!("shapewright-resume-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("line.checkpoint");
/// # let x = [[0.0], [1.0], [2.0]].map(Tensor1::from);
/// let trainer = || {
///     let schedule = CosineAnnealingLr::new(0.05, 100).warm_up(5, 0.1);
///     Line::trainer(AdamW::new(0.05), Mse).schedule(schedule).checkpoint(&path).resume(true)
/// };
/// let mut net = Line::init(&mut shapewright::rng(0));
/// trainer().epochs(40).fit(&mut net, &x, &x)?;
///
/// // Another run of the program continues from there.
/// let mut net = Line::init(&mut shapewright::rng(0));
/// let history = trainer().epochs(100).fit(&mut net, &x, &x)?;
/// assert_eq!(history.epochs.len(), 100);
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok::<(), shapewright::train::TrainError>(())
/// ```
#[must_use = "a trainer does nothing before `fit`"]
pub struct Trainer<'a, N: Network, O, L, G> {
    pub(super) state: OptimizerState<O, N>,
    pub(super) eval: Vec<ParamGroup<N>>,
    pub(super) unfreezing: Option<Unfreezing<N>>,
    pub(super) loss: L,
    /// Makes the memory of the training passes. The bound that a network can be trained stands where
    /// this is set, and nowhere else: the compiler reports its lack once.
    pub(super) new_workspace: fn() -> Workspace<N>,
    /// Trains. The bounds of the loss stand where this is set, for the same reason.
    fit: FitFn<N, O, L, G>,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    pub(super) accumulate: usize,
    pub(super) seed: u64,
    pub(super) validation: Option<Samples<'a, N, G>>,
    pub(super) patience: Option<usize>,
    pub(super) metrics: Vec<Metric<'a, N, G>>,
    pub(super) augmentation: Augmentation<'a, N>,
    pub(super) schedule: Option<SchedulePolicy<'a>>,
    pub(super) average: Option<WeightAverage<N>>,
    pub(super) average_from: Option<usize>,
    pub(super) clip_value: Option<f64>,
    pub(super) clip_norm: Option<f64>,
    pub(super) penalties: Vec<Penalty<N>>,
    pub(super) adjust: Option<Adjust<'a, O>>,
    pub(super) on_step: Vec<StepObserver<'a, N>>,
    pub(super) on_epoch: Vec<EpochObserver<'a, N>>,
    pub(super) checkpoint: Option<PathBuf>,
    pub(super) checkpoint_every: Option<usize>,
    pub(super) async_checkpoint: bool,
    pub(super) resume: bool,
    pub(super) distributed: Option<DataParallel<'a>>,
    /// Makes the part of the training that ranks do together.
    pub(super) new_ranks: Option<NewRanks<N, L, G>>,
    pub(super) stop: StopHandle,
    #[cfg(feature = "ctrlc")]
    pub(super) stop_on_ctrl_c: bool,
    #[cfg(feature = "progress")]
    pub(super) progress: bool,
}

/// The function that trains with a trainer.
type FitFn<N, O, L, G> =
    for<'s> fn(Trainer<'s, N, O, L, G>, &mut N, TrainSet<'_, N, G>) -> Result<History, TrainError>;

/// Trains with a trainer.
fn fit<N, O, L, G>(
    trainer: Trainer<'_, N, O, L, G>,
    network: &mut N,
    train: TrainSet<'_, N, G>,
) -> Result<History, TrainError>
where
    N: Network,
    O: Optimizer + Sync,
    L: Loss<N::Output, N::Element>,
    L::Accepts: Accepts<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N> + Sample + Send + Sync,
{
    let checked = trainer.state.check().and_then(|()| trainer.loss.check());
    ranks::agree(
        trainer.distributed.as_ref(),
        checked.map_err(TrainError::Setting),
    )?;
    Run::new(trainer, network, train)?.run()
}

impl<'a, N: Network, O, L, G> Trainer<'a, N, O, L, G> {
    /// Returns a trainer with the defaults: one epoch, batches of 32 samples, seed 0.
    pub(crate) fn new(optimizer: O, loss: L) -> Self
    where
        N: Trainable,
        O: Optimizer + Sync,
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N> + Sample + Send + Sync,
    {
        Trainer {
            state: OptimizerState::new(optimizer),
            eval: Vec::new(),
            unfreezing: None,
            loss,
            new_workspace: N::workspace,
            fit,
            epochs: 1,
            batch_size: 32,
            accumulate: 1,
            seed: 0,
            validation: None,
            patience: None,
            metrics: Vec::new(),
            augmentation: Augmentation::NONE,
            schedule: None,
            average: None,
            average_from: None,
            clip_value: None,
            clip_norm: None,
            penalties: Vec::new(),
            adjust: None,
            on_step: Vec::new(),
            on_epoch: Vec::new(),
            checkpoint: None,
            checkpoint_every: None,
            async_checkpoint: false,
            resume: false,
            distributed: None,
            new_ranks: None,
            stop: StopHandle::new(),
            #[cfg(feature = "ctrlc")]
            stop_on_ctrl_c: false,
            #[cfg(feature = "progress")]
            progress: false,
        }
    }

    /// Sets the number of passes over all samples; 1 by default.
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// Sets the number of samples per batch; 32 by default. The last batch of an epoch may have
    /// fewer.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Trainer { batch_size, ..self }
    }

    /// Sets the number of batches whose gradients are accumulated for one step; 1 by default. A
    /// step is then that of one large batch, in the memory of a small one.
    ///
    /// The gradient of the step is the mean of the batches' gradients by their
    /// [weights](Loss::weight): their numbers of samples or, for a mean over labels, the weights of
    /// their labels. The last step of an epoch may have fewer batches.
    pub fn accumulate(self, batches: usize) -> Self {
        Trainer {
            accumulate: batches,
            ..self
        }
    }

    /// Sets the seed of the order of the samples and of random layers; 0 by default.
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Changes the inputs at random, anew in each epoch, by a transform or a tuple of transforms;
    /// see [`augment`](crate::augment). Another thread changes the next batch during a step.
    /// Validation and metrics see the samples unchanged.
    ///
    /// The result for a sample depends only on the seed, the epoch and the sample's position. The
    /// order of the samples is the same as without augmentation. If a transform panics,
    /// [`fit`](Trainer::fit) panics as well.
    pub fn augment(mut self, augment: impl Augment<N::Input, N::Element> + Send + 'a) -> Self {
        self.augmentation.augment = Some(Box::new(augment));
        self
    }

    /// Mixes the samples of each batch in pairs, after [`augment`](Trainer::augment) and on the
    /// same thread.
    ///
    /// The loss is the mean of the losses on both targets, weighted by the shares of their samples.
    /// For a loss that is linear in the target, such as
    /// [`CrossEntropy`](struct@crate::loss::CrossEntropy) without class weights, this is the loss
    /// on the mixed target; for [`Mse`](struct@crate::loss::Mse) it has the same gradient.
    pub fn mixup(mut self, mixup: MixUp) -> Self {
        self.augmentation.mixup = Some(mixup);
        self
    }

    /// Sets the validation samples, which are not trained on. Their loss is computed at the end of
    /// each epoch.
    pub fn validate<X, Y>(self, inputs: &'a [X], targets: &'a [Y]) -> Self
    where
        X: InputOf<Input<N>, N>,
        Y: TargetOf<X::Then<G>, L, N>,
    {
        Trainer {
            validation: Some(Samples {
                inputs: X::expected_batch(inputs),
                targets: X::then(Y::expected(targets)),
            }),
            ..self
        }
    }

    /// Stops when the validation loss has not fallen for `epochs` epochs, and restores the
    /// parameters with which it was lowest. `epochs` must be at least 1.
    pub fn early_stopping(self, epochs: usize) -> Self {
        Trainer {
            patience: Some(epochs),
            ..self
        }
    }

    /// Adds a metric, which is computed at the end of each epoch on the validation samples, or on
    /// the training samples if there are no others. Where the metric is not defined, the history
    /// has NaN. Names must differ; see [`Metric::named`](crate::metrics::Metric::named).
    pub fn metric(mut self, metric: impl Measures<Output<N>, G> + 'a) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Sets the learning rate by a [`schedule`](crate::schedule), in place of the optimizer's own.
    ///
    /// A schedule changes it with each step, or with each epoch
    /// ([`by_epoch`](crate::schedule::Schedule::by_epoch)). A
    /// [`ReduceLrOnPlateau`](crate::schedule::ReduceLrOnPlateau) changes it when the validation
    /// loss no longer falls, or a [metric](crate::schedule::ReduceLrOnPlateau::watch) no longer
    /// improves.
    pub fn schedule(self, schedule: impl Into<SchedulePolicy<'a>>) -> Self {
        Trainer {
            schedule: Some(schedule.into()),
            ..self
        }
    }

    /// Sets options of parameter groups by the methods of [`OptimizerState`]: learning rates of
    /// their own, frozen layers, no weight decay.
    ///
    /// The backward pass ends at the lowest layer that is trained. Frozen layers compute as in
    /// inference: batch normalization uses its running statistics, and dropout drops nothing, also
    /// that of a layer such as `Dropout` in front of frozen layers.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! { struct Mlp: [1] -> [1] { body: Linear<_, 8>, Relu, head: Linear<_, 1> } }
    /// let x = [[0.0], [1.0], [2.0]].map(Tensor1::from);
    /// let mut net = Mlp::init(&mut shapewright::rng(0));
    /// let before = net.to_boxed();
    /// Mlp::trainer(AdamW::new(0.1), Mse)
    ///     .param_groups(|state| {
    ///         state
    ///             .freeze(layer!(Mlp, body))
    ///             .scale(layer!(Mlp, head.weight), 0.1)
    ///             .no_decay(layer!(Mlp, head.bias))
    ///     })
    ///     .fit(&mut net, &x, &x)?;
    /// assert_eq!(net.body.weight, before.body.weight);
    /// assert_ne!(net.head.weight, before.head.weight);
    /// # Ok::<(), shapewright::train::TrainError>(())
    /// ```
    pub fn param_groups(
        self,
        groups: impl FnOnce(OptimizerState<O, N>) -> OptimizerState<O, N>,
    ) -> Self {
        Trainer {
            state: groups(self.state),
            ..self
        }
    }

    /// Computes the layers of a group as in inference, as PyTorch's `body.eval()` does, while the
    /// others train.
    ///
    /// Their batch normalization uses its running statistics and does not update them, as it does
    /// where it is [frozen](Trainer::param_groups), and their dropout drops nothing. The parameters
    /// of the group are trained unless they are frozen.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Body: [1] -> [8] { fc: Linear<_, 8>, norm: BatchNorm1d<_>, Relu, Dropout }
    /// }
    /// network! { struct Net: [1] -> [1] { body: Body, head: Linear<_, 1> } }
    /// let x = [[0.0], [1.0], [2.0]].map(Tensor1::from);
    /// let mut net = Net::init(&mut shapewright::rng(0));
    /// Net::trainer(AdamW::new(0.1), Mse)
    ///     .param_groups(|state| state.freeze(layer!(Net, body)))
    ///     .eval(layer!(Net, body))
    ///     .fit(&mut net, &x, &x)?;
    /// assert_eq!(net.body.norm.num_batches_tracked, 0.0);
    /// # Ok::<(), shapewright::train::TrainError>(())
    /// ```
    pub fn eval(mut self, group: ParamGroup<N>) -> Self {
        self.eval.push(group);
        self
    }

    /// Trains the last layers first, and those before them later. At the beginning of each epoch, the
    /// groups of the schedule are frozen and thawed as it is due.
    pub fn unfreezing(self, unfreezing: Unfreezing<N>) -> Self {
        Trainer {
            unfreezing: Some(unfreezing),
            ..self
        }
    }

    /// Averages the parameters. Validation, observers of epochs and the trained network get the
    /// average. [`swa`](WeightAverage::swa) is updated at the end of each epoch, other averages
    /// after each step.
    pub fn average(self, average: WeightAverage<N>) -> Self {
        Trainer {
            average: Some(average),
            ..self
        }
    }

    /// Sets the first epoch whose parameters are [averaged](Trainer::average), counted from 1; all
    /// are by default. A training that ends before it gives the parameters of its last step.
    pub fn average_from(self, epoch: usize) -> Self {
        Trainer {
            average_from: Some(epoch),
            ..self
        }
    }

    /// Clips the elements of each gradient to `[-clip_value, clip_value]`, by
    /// [`clip_grad_value`](crate::optim::clip_grad_value), before its norm is clipped.
    pub fn clip_grad_value(self, clip_value: f64) -> Self {
        Trainer {
            clip_value: Some(clip_value),
            ..self
        }
    }

    /// Clips the norm of each gradient to `max_norm`, by
    /// [`clip_grad_norm`](crate::optim::clip_grad_norm). Frozen parameters do not count.
    pub fn clip_grad_norm(self, max_norm: f64) -> Self {
        Trainer {
            clip_norm: Some(max_norm),
            ..self
        }
    }

    /// Adds the gradient of `lambda * sum |p|` over a parameter group to that of each step, by
    /// [`l1_penalty`]. The losses in the history do not contain the penalty.
    pub fn l1_penalty(mut self, group: ParamGroup<N>, lambda: f64) -> Self {
        self.penalties.push(Penalty {
            name: "l1_penalty",
            add: l1_penalty,
            group,
            lambda,
        });
        self
    }

    /// Adds the gradient of `lambda / 2 * sum p^2` over a parameter group to that of each step, by
    /// [`l2_penalty`]. The losses in the history do not contain the penalty.
    pub fn l2_penalty(mut self, group: ParamGroup<N>, lambda: f64) -> Self {
        self.penalties.push(Penalty {
            name: "l2_penalty",
            add: l2_penalty,
            group,
            lambda,
        });
        self
    }

    /// Changes the optimizer's settings before each step, after the [schedule](Trainer::schedule).
    /// A training that may [resume](Trainer::resume) must derive the settings from the [`Progress`]
    /// alone, because checkpoints hold only the learning rate.
    pub fn adjust(self, adjust: impl FnMut(&mut O, Progress) + 'a) -> Self {
        Trainer {
            adjust: Some(Box::new(adjust)),
            ..self
        }
    }

    /// Adds an observer that is called after each step. It may interrupt the training with
    /// [`ControlFlow::Break`], as a [`StopHandle`] does.
    pub fn on_step(mut self, observer: impl FnMut(&Step, &N) -> ControlFlow<()> + 'a) -> Self {
        self.on_step.push(Box::new(observer));
        self
    }

    /// Adds an observer that is called after each epoch. It may end the training with
    /// [`ControlFlow::Break`].
    pub fn on_epoch(mut self, observer: impl FnMut(&Epoch, &N) -> ControlFlow<()> + 'a) -> Self {
        self.on_epoch.push(Box::new(observer));
        self
    }

    /// Writes everything that the training needs to continue to this file, at the end of each epoch
    /// and when the training is interrupted. The file is replaced atomically; see
    /// [files](crate#files). If it can't be written, [`fit`](Trainer::fit) returns an error before
    /// the first step.
    pub fn checkpoint(self, path: impl Into<PathBuf>) -> Self {
        Trainer {
            checkpoint: Some(path.into()),
            ..self
        }
    }

    /// Writes the [checkpoint](Trainer::checkpoint) once every `epochs` epochs and after the last
    /// one; after each epoch by default.
    pub fn checkpoint_every(self, epochs: usize) -> Self {
        Trainer {
            checkpoint_every: Some(epochs),
            ..self
        }
    }

    /// Sets whether a thread of its own writes the [checkpoint](Trainer::checkpoint) while the training
    /// goes on; `false` by default. PyTorch's `async_save`.
    ///
    /// The training waits for a copy in memory and not for the disk, and for the checkpoint before if
    /// that is still being written. [`fit`](Trainer::fit) returns when the last one is on the disk.
    /// An error of a file is returned at the next checkpoint or at the end.
    pub fn async_checkpoint(self, async_checkpoint: bool) -> Self {
        Trainer {
            async_checkpoint,
            ..self
        }
    }

    /// Sets whether to continue from the [checkpoint](Trainer::checkpoint) if the file exists;
    /// `false` by default. Its parameters replace those of the network, and the training gives, bit
    /// for bit, the result of a training without the interruption.
    ///
    /// The network, the optimizer and the other settings must be those of the training that wrote
    /// the file; only the number of epochs may differ. The loss, the schedule, the samples, the
    /// transforms and the closures must be the same as well, but are not compared. A training that
    /// early stopping or an observer of epochs has ended stays ended.
    pub fn resume(self, resume: bool) -> Self {
        Trainer { resume, ..self }
    }

    /// Trains on several [ranks](crate::distributed), each of which calls this with the same settings
    /// and samples: a rank computes its share of each batch, and all have the same network after each
    /// step.
    ///
    /// The batch is cut into [slices](DataParallel::slices). Batch normalization uses the statistics
    /// of a slice, in place of those of the batch, and its running statistics get the mean over the
    /// slices. The gradient, its norm for clipping, the loss and the metrics are those of whole
    /// batches. The result has the same bits at any number of ranks, but not those of a training
    /// without this setting.
    ///
    /// The parameters of rank 0 replace those of the other ranks at the start. Rank 0 alone draws the
    /// progress bar, calls the observers, and reads and writes checkpoints, which may go on with
    /// another number of ranks. Checkpoints have no times, so that they can be compared.
    ///
    /// ```
    /// use shapewright::distributed::{DataParallel, ThreadGroup};
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
    /// let x: Vec<_> = (0..64).map(|i| Tensor1::from([i as f32 / 64.0])).collect();
    /// ThreadGroup::run(2, |rank| {
    ///     let mut net = Line::init(&mut shapewright::rng(0));
    ///     let parallel = DataParallel::new(rank).slices(2);
    ///     Line::trainer(Adam::new(0.05), Mse).distributed(parallel).fit(&mut net, &x, &x)
    /// })
    /// .into_iter()
    /// .collect::<Result<Vec<_>, _>>()?;
    /// # Ok::<(), shapewright::train::TrainError>(())
    /// ```
    pub fn distributed(self, parallel: DataParallel<'a>) -> Self
    where
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        Trainer {
            distributed: Some(parallel),
            new_ranks: Some(ranks::together),
            ..self
        }
    }

    /// Sets the handle that stops the training from another thread; see [`StopHandle`].
    pub fn stop_handle(self, stop: &StopHandle) -> Self {
        Trainer {
            stop: stop.clone(),
            ..self
        }
    }

    /// Sets whether Ctrl-C stops the training as its [`StopHandle`] does; `false` by default. A
    /// second Ctrl-C ends the program as usual. Where Ctrl-C is ignored, as in a program that a
    /// script runs in the background, it stays ignored.
    #[cfg(feature = "ctrlc")]
    pub fn stop_on_ctrl_c(self, stop_on_ctrl_c: bool) -> Self {
        Trainer {
            stop_on_ctrl_c,
            ..self
        }
    }

    /// Sets whether to draw a progress bar with the losses and the remaining time; `false` by
    /// default. Nothing is drawn if standard error is not a terminal. The output of observers of
    /// epochs appears above the bar.
    #[cfg(feature = "progress")]
    pub fn progress(self, progress: bool) -> Self {
        Trainer { progress, ..self }
    }

    /// Trains the network.
    ///
    /// # Errors
    /// Returns an error if there are no samples or not one target for each input, if a setting is
    /// invalid, if the loss, its gradient, a parameter or a statistic becomes NaN or infinite, or
    /// if a checkpoint can't be read or written; see [`TrainError`].
    pub fn fit<X, Y>(
        self,
        network: &mut N,
        inputs: &[X],
        targets: &[Y],
    ) -> Result<History, TrainError>
    where
        X: InputOf<Input<N>, N>,
        Y: TargetOf<X::Then<G>, L, N>,
    {
        let inputs = X::expected_batch(inputs);
        let targets = X::then(Y::expected(targets));
        self.train(network, TrainSet::Samples(Samples { inputs, targets }))
    }

    /// Trains the network on a data set, whose samples are made when a batch is gathered, such as
    /// the windows of a text ([`NextToken`](crate::data::text::NextToken)). An epoch has the number
    /// of samples that the data set [draws](Dataset::draws), or each once.
    ///
    /// [Metrics](Trainer::metric) need validation samples.
    ///
    /// # Errors
    /// Returns the errors of [`fit`](Trainer::fit).
    pub fn fit_dataset(
        self,
        network: &mut N,
        dataset: &impl Dataset<Input<N>, G>,
    ) -> Result<History, TrainError> {
        if self.validation.is_none() && !self.metrics.is_empty() {
            return Err(combination(
                "metrics of a training on a data set need validation samples; give them with \
                 `validate`"
                    .to_owned(),
            ));
        }
        self.train(network, TrainSet::Dataset(dataset))
    }

    /// Trains the network on data in shards that no single machine has to hold: one shard for each
    /// [slice](DataParallel::slices) of a [distributed](Trainer::distributed) training. `shards` are
    /// those of [`own_slices`](DataParallel::own_slices), such as one file each.
    ///
    /// Each slice of a batch has samples of its own shard. An epoch takes as many samples of each as
    /// the smallest one has, in an order that is shuffled within each shard. The batch size must be a
    /// multiple of the number of slices. The result does not depend on the number of ranks.
    ///
    /// ```
    /// use shapewright::distributed::{DataParallel, ThreadGroup};
    /// use shapewright::data::Dataset;
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
    ///
    /// struct Shard(Vec<Tensor1<1>>);
    /// impl Dataset<Tensor1<1>, Tensor1<1>> for Shard {
    ///     fn len(&self) -> usize {
    ///         self.0.len()
    ///     }
    ///     fn push(&self, position: usize, x: &mut Vec<Tensor1<1>>, y: &mut Vec<Tensor1<1>>) {
    ///         x.push(self.0[position]);
    ///         y.push(self.0[position]);
    ///     }
    /// }
    ///
    /// ThreadGroup::run(2, |rank| {
    ///     let parallel = DataParallel::new(rank).slices(4);
    ///     // Two of four shards, which a program would read from files.
    ///     let shards: Vec<_> = parallel
    ///         .own_slices()
    ///         .map(|slice| Shard((0..16).map(|i| Tensor1::from([(slice + i) as f32 / 20.0])).collect()))
    ///         .collect();
    ///     let mut net = Line::init(&mut shapewright::rng(0));
    ///     let trainer = Line::trainer(Adam::new(0.05), Mse).batch_size(8).distributed(parallel);
    ///     trainer.fit_shards(&mut net, &shards)
    /// })
    /// .into_iter()
    /// .collect::<Result<Vec<_>, _>>()?;
    /// # Ok::<(), shapewright::train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`fit`](Trainer::fit), and an error if the number of shards or the batch
    /// size does not fit, or if a shard [draws](Dataset::draws) its samples.
    pub fn fit_shards<D: Dataset<Input<N>, G>>(
        self,
        network: &mut N,
        shards: &[D],
    ) -> Result<History, TrainError> {
        let Some(parallel) = self.distributed else {
            return Err(combination(
                "a training on shards needs ranks, of which there may be one; give them with \
                 `distributed`"
                    .to_owned(),
            ));
        };

        let own = parallel.own_slices();
        let mistake = if shards.len() != own.len() {
            Some(format!(
                "rank {} has {} slices, but {} shards were given; give one for each of `own_slices`",
                parallel.communicator.rank(),
                own.len(),
                shards.len()
            ))
        } else if !self.batch_size.is_multiple_of(parallel.slices) || self.batch_size == 0 {
            Some(format!(
                "batches of {} samples can't be cut into {} slices of the same length; make the \
                 batch size a multiple of the number of slices",
                self.batch_size, parallel.slices
            ))
        } else if shards.iter().any(|shard| shard.draws().is_some()) {
            Some("a shard can't draw its samples; let each have its samples once".to_owned())
        } else {
            None
        };
        let right = mistake.map_or(Ok(()), |mistake| Err(combination(mistake)));
        ranks::agree(Some(&parallel), right)?;

        let smallest = shards.iter().map(Dataset::len).min().unwrap_or(0);
        let len = ranks::smallest(&parallel, smallest)?;
        let shards = Shards::new(shards, own, parallel.slices, len);
        self.train(network, TrainSet::Shards(&shards, len))
    }

    fn train(self, network: &mut N, train: TrainSet<'_, N, G>) -> Result<History, TrainError> {
        ranks::agree(self.distributed.as_ref(), self.check(train))?;
        (self.fit)(self, network, train)
    }

    /// Checks the samples and all settings before the first step.
    fn check(&self, train: TrainSet<'_, N, G>) -> Result<(), TrainError> {
        train.check()?;
        self.validation
            .map_or(Ok(()), |validation| validation.check("validation"))?;

        self.check_numbers()
            .map_err(|error| TrainError::Setting(error.of("the trainer")))?;
        self.check_names()?;
        self.check_plateau()?;

        if let Some(distributed) = &self.distributed {
            distributed.check().map_err(combination)?;
        }

        let wrong = [
            (
                self.distributed.is_some() && self.augmentation.mixup.is_some(),
                "`mixup` mixes the samples of a whole batch, which no rank of a distributed \
                 training has; train without one of them",
            ),
            (
                self.patience.is_some() && self.validation.is_none(),
                "early stopping needs validation samples; give them with `validate`",
            ),
            (
                self.resume && self.checkpoint.is_none(),
                "`resume` needs a file to go on from; name it with `checkpoint`",
            ),
            (
                self.async_checkpoint && self.checkpoint.is_none(),
                "`async_checkpoint` needs a file to write; name it with `checkpoint`",
            ),
            (
                self.checkpoint_every.is_some() && self.checkpoint.is_none(),
                "`checkpoint_every` needs a file to write; name it with `checkpoint`",
            ),
            (
                self.average_from.is_some() && self.average.is_none(),
                "`average_from` needs an average of the parameters; give it with `average`",
            ),
        ];
        let found = wrong.into_iter().find(|(is_wrong, _)| *is_wrong);
        found.map_or(Ok(()), |(_, reason)| Err(combination(reason.to_owned())))
    }

    /// Checks that each number is in its range.
    fn check_numbers(&self) -> Result<(), SettingError> {
        at_least_one(&[
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("accumulate", self.accumulate),
            ("early_stopping", self.patience.unwrap_or(1)),
            ("average_from", self.first_averaged()),
            ("checkpoint_every", self.epochs_per_checkpoint()),
        ])?;

        self.clip_value
            .map_or(Ok(()), |value| positive_single("clip_grad_value", value))?;
        self.clip_norm
            .map_or(Ok(()), |norm| positive_single("clip_grad_norm", norm))?;

        self.penalties
            .iter()
            .try_for_each(|penalty| not_negative(&[(penalty.name, penalty.lambda)]))
    }

    /// Checks that each metric has a unique name, for the columns of the history.
    fn check_names(&self) -> Result<(), TrainError> {
        let names: Vec<String> = self.metrics.iter().map(|metric| metric.name()).collect();

        for (index, name) in names.iter().enumerate() {
            let other = if history::COLUMNS.contains(&&**name) {
                "the history has a column of that name"
            } else if names[..index].contains(name) {
                "so has another"
            } else {
                continue;
            };

            return Err(combination(format!(
                "a metric has the name `{name}`, and {other}; give it a name of its own with \
                 `named`"
            )));
        }
        Ok(())
    }

    /// Checks that a [`ReduceLrOnPlateau`](crate::schedule::ReduceLrOnPlateau) watches a value that
    /// exists and can improve.
    fn check_plateau(&self) -> Result<(), TrainError> {
        let Some(plateau) = self.schedule.as_ref().and_then(SchedulePolicy::plateau) else {
            return Ok(());
        };

        let reason = match plateau.watched() {
            Some(name) if self.metrics.iter().all(|metric| metric.name() != name) => format!(
                "`ReduceLrOnPlateau` watches the metric `{name}`, which the trainer does not have; \
                 give it with `metric`"
            ),
            Some(_) => return Ok(()),
            None if self.validation.is_none() => {
                "`ReduceLrOnPlateau` needs validation samples; give them with `validate`".to_owned()
            }
            None if plateau.watches_larger() => {
                "`ReduceLrOnPlateau` watches the validation loss, which is better if it is \
                 smaller, but its mode is `Max`; name the metric that it is to watch with `watch`"
                    .to_owned()
            }
            None => return Ok(()),
        };
        Err(combination(reason))
    }
}

impl<N: Network, O, L, G> Trainer<'_, N, O, L, G> {
    /// Returns the first epoch whose parameters are averaged, counted from 1.
    pub(super) fn first_averaged(&self) -> usize {
        self.average_from.unwrap_or(1)
    }

    /// Leaves everything that is visible outside of the training to another rank.
    pub(super) fn only_trains(&mut self) {
        self.on_step.clear();
        self.on_epoch.clear();
        #[cfg(feature = "progress")]
        {
            self.progress = false;
        }
    }

    /// Returns the number of epochs from one checkpoint to the next.
    pub(super) fn epochs_per_checkpoint(&self) -> usize {
        self.checkpoint_every.unwrap_or(1)
    }
}

/// The error of settings that exclude each other.
fn combination(reason: String) -> TrainError {
    TrainError::Combination { reason }
}
