//! The trainer: what to do in which order.

use core::ops::ControlFlow;
use std::time::Instant;

use num_traits::{Float, ToPrimitive};
use rand::Rng;

use super::error::TrainError;
use super::history::{Epoch, History};
use crate::data::Batches;
use crate::loss::{Loss, Takes, TargetOf};
use crate::memory::{AlignedBuffer, tensors_mut};
use crate::metrics::Measures;
use crate::network::{Network, Pass, Workspace};
use crate::optim::{Optimizer, OptimizerState};
use crate::tensor::{Shape, Tensor};

type Input<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
type Output<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// Inputs with their targets.
struct Samples<'a, N: Network, G> {
    /// The inputs.
    inputs: &'a [Input<N>],
    /// Their targets.
    targets: &'a [G],
}

impl<N: Network, G> Clone for Samples<'_, N, G> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<N: Network, G> Copy for Samples<'_, N, G> {}

impl<N: Network, G> Samples<'_, N, G> {
    fn check(&self, samples: &'static str) -> Result<(), TrainError> {
        let (inputs, targets) = (self.inputs.len(), self.targets.len());
        match (inputs, targets) {
            (0, 0) => Err(TrainError::Empty { samples }),
            _ if inputs != targets => Err(TrainError::Lengths { samples, inputs, targets }),
            _ => Ok(()),
        }
    }
}

/// Where a training is, for what changes with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step that comes next, from 1.
    pub step: u64,
    /// How many steps the whole training has.
    pub steps: u64,
}

type Metric<'a, N, G> = Box<dyn Measures<Output<N>, G> + 'a>;
type Adjust<'a, O> = Box<dyn FnMut(&mut O, Progress) + 'a>;
type Observer<'a, N> = Box<dyn FnMut(&Epoch, &N) -> ControlFlow<()> + 'a>;

/// Trains a network over epochs; made by [`Network::trainer`].
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
///
/// // y = 2 x + 1
/// let x: Vec<_> = (0..100).map(|i| Tensor1::from([i as f32 / 50.0 - 1.0])).collect();
/// let y: Vec<_> = x.iter().map(|x| Tensor1::from([2.0 * x[0] + 1.0])).collect();
/// let mut net = Line::init(&mut shapewright::rng(0));
/// let history = Line::trainer(Adam::new(0.05), Mse)
///     .epochs(200)
///     .batch_size(20)
///     .validate(&x[80..], &y[80..])
///     .early_stopping(20)
///     .fit(&mut net, &x[..80], &y[..80])?;
/// assert!(history.last().unwrap().validation_loss.unwrap() < 1e-4);
/// assert!((net.layer_0.weight[0][0] - 2.0).abs() < 0.05);
/// # Ok::<(), shapewright::TrainError>(())
/// ```
pub struct Trainer<'a, N: Network, O, L, G> {
    optimizer: O,
    loss: L,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    validation: Option<Samples<'a, N, G>>,
    patience: Option<usize>,
    metrics: Vec<Metric<'a, N, G>>,
    adjust: Option<Adjust<'a, O>>,
    observers: Vec<Observer<'a, N>>,
    #[cfg(feature = "progress")]
    progress: bool,
}

impl<'a, N, O, L, G> Trainer<'a, N, O, L, G>
where
    N: Network,
    O: Optimizer + Sync,
    L: Loss<N::Output, N::Element>,
    L::Takes: Takes<N::Ends, L, N>,
    G: TargetOf<L::Target, L, N> + Clone,
{
    /// One epoch, batches of 32, seed 0.
    pub(crate) fn new(optimizer: O, loss: L) -> Self {
        Trainer {
            optimizer,
            loss,
            epochs: 1,
            batch_size: 32,
            seed: 0,
            validation: None,
            patience: None,
            metrics: Vec::new(),
            adjust: None,
            observers: Vec::new(),
            #[cfg(feature = "progress")]
            progress: false,
        }
    }

    /// How often all samples are gone through.
    pub fn epochs(self, epochs: usize) -> Self {
        Trainer { epochs, ..self }
    }

    /// How many samples make a step; the last step of an epoch may have fewer.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Trainer { batch_size, ..self }
    }

    /// What the order of the samples and random layers draw from.
    pub fn seed(self, seed: u64) -> Self {
        Trainer { seed, ..self }
    }

    /// Samples that are not trained on: their loss is taken at the end of each epoch.
    pub fn validate(self, inputs: &'a [Input<N>], targets: &'a [G]) -> Self {
        Trainer { validation: Some(Samples { inputs, targets }), ..self }
    }

    /// Stops when the validation loss has not fallen for so many epochs, and goes back to the parameters with
    /// which it was lowest.
    pub fn early_stopping(self, epochs: usize) -> Self {
        Trainer { patience: Some(epochs), ..self }
    }

    /// A metric to take at the end of each epoch, of the validation samples, or of the training samples if there
    /// are none. Where it is not defined, the history has NaN.
    pub fn metric(mut self, metric: impl Measures<Output<N>, G> + 'a) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Changes the optimizer's settings before each step, such as the learning rate by a schedule.
    pub fn adjust(self, adjust: impl FnMut(&mut O, Progress) + 'a) -> Self {
        Trainer { adjust: Some(Box::new(adjust)), ..self }
    }

    /// Is told each epoch when it has ended, and may stop the training with [`ControlFlow::Break`].
    pub fn on_epoch(mut self, observer: impl FnMut(&Epoch, &N) -> ControlFlow<()> + 'a) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Whether to draw a bar with the losses and the time that is left; nothing is drawn where standard error is
    /// not a terminal.
    #[cfg(feature = "progress")]
    pub fn progress(self, progress: bool) -> Self {
        Trainer { progress, ..self }
    }

    /// Trains the network.
    ///
    /// # Errors
    /// If the samples are empty or do not fit together, if a setting makes no sense, or if the loss becomes NaN
    /// or infinite; see [`TrainError`].
    pub fn fit(mut self, network: &mut N, inputs: &[Input<N>], targets: &[G]) -> Result<History, TrainError> {
        let train = Samples::<N, G> { inputs, targets };
        self.check(train)?;
        let mut rng = crate::rng(self.seed);
        let mut run = Run::new(network, self.optimizer.clone(), rng.next_u64());
        let mut batches = Batches::new(inputs, targets, self.batch_size);
        let steps = (self.epochs * batches.steps()) as u64;
        #[cfg(feature = "progress")]
        let bar = super::bar::Bar::new(self.progress, steps);
        let mut history = History::default();
        let mut best: Option<(f64, usize, Box<N>)> = None;
        for epoch in 1..=self.epochs {
            let begin = Instant::now();
            batches.shuffle(&mut rng);
            let mut sum = 0.0;
            while let Some((inputs, targets)) = batches.next_batch() {
                let progress = Progress { epoch, step: run.state.steps() + 1, steps };
                if let Some(adjust) = &mut self.adjust {
                    adjust(&mut run.state.optimizer, progress);
                }
                let batch = Samples { inputs, targets };
                sum += run.step(&self.loss, batch, progress)? * inputs.len() as f64;
                #[cfg(feature = "progress")]
                bar.step();
            }
            let mut validation_loss = None;
            if self.validation.is_some() || !self.metrics.is_empty() {
                let samples = self.validation.unwrap_or(train);
                let loss = run.evaluate(&self.loss, samples, self.batch_size, &mut self.metrics);
                validation_loss = self.validation.map(|_| loss);
            }
            let network: &N = run.network;
            let metrics = self.metrics.iter();
            let epoch = Epoch {
                epoch,
                steps: run.state.steps(),
                loss: sum / inputs.len() as f64,
                validation_loss,
                metrics: metrics.map(|metric| (metric.name(), metric.value().unwrap_or(f64::NAN))).collect(),
                seconds: begin.elapsed().as_secs_f64(),
            };
            #[cfg(feature = "progress")]
            bar.epoch(&epoch, self.epochs);
            let mut stop = false;
            for observer in &mut self.observers {
                stop |= observer(&epoch, network).is_break();
            }
            if let (Some(patience), Some(loss)) = (self.patience, validation_loss) {
                match &mut best {
                    Some((lowest, _, _)) if loss.is_nan() || loss >= *lowest => {}
                    Some((lowest, at, params)) => {
                        (*lowest, *at) = (loss, epoch.epoch);
                        params.params_mut().copy_from_slice(network.params());
                    }
                    None => best = Some((loss, epoch.epoch, network.to_boxed())),
                }
                stop |= best.as_ref().is_some_and(|(_, at, _)| epoch.epoch - at >= patience);
            }
            history.epochs.push(epoch);
            if stop {
                break;
            }
        }
        if let Some((_, epoch, params)) = best {
            run.network.params_mut().copy_from_slice(params.params());
            history.restored = Some(epoch);
        }
        Ok(history)
    }

    fn check(&self, train: Samples<'_, N, G>) -> Result<(), TrainError> {
        train.check("training")?;
        if let Some(validation) = self.validation {
            validation.check("validation")?;
        } else if self.patience.is_some() {
            let reason = "early stopping needs validation samples; give them with `validate`";
            return Err(TrainError::Setting { reason });
        }
        if self.batch_size == 0 {
            return Err(TrainError::Setting {
                reason: "a batch has at least one sample; the batch size is 0",
            });
        }
        Ok(())
    }
}

/// A training under way: the buffers that its steps use again and again.
struct Run<'n, N: Network, O: Optimizer> {
    network: &'n mut N,
    gradient: Box<N>,
    workspace: Workspace<N>,
    state: OptimizerState<O, N>,
    outputs: AlignedBuffer<N::Element>,
    output_gradients: AlignedBuffer<N::Element>,
}

impl<'n, N: Network, O: Optimizer + Sync> Run<'n, N, O> {
    fn new(network: &'n mut N, optimizer: O, seed: u64) -> Self {
        let mut workspace = N::workspace();
        workspace.reseed(seed);
        Run {
            network,
            gradient: N::zeros(),
            workspace,
            state: optimizer.state(),
            outputs: AlignedBuffer::new(),
            output_gradients: AlignedBuffer::new(),
        }
    }

    /// One step on these samples; their loss before it.
    fn step<L, G>(&mut self, loss: &L, batch: Samples<'_, N, G>, at: Progress) -> Result<f64, TrainError>
    where
        L: Loss<N::Output, N::Element>,
        L::Takes: Takes<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        let mut pass = self.network.forward_train(batch.inputs, &mut self.workspace);
        let value = pass.loss(loss, batch.targets);
        if !value.is_finite() {
            return Err(not_finite(&pass, batch.inputs, at));
        }
        pass.backward(&mut self.gradient);
        self.state.step(self.network, &self.gradient);
        Ok(value.to_f64().unwrap_or(f64::NAN))
    }

    /// Runs samples that are not trained on: feeds the metrics, and gives the mean loss.
    fn evaluate<L, G>(
        &mut self,
        loss: &L,
        samples: Samples<'_, N, G>,
        batch_size: usize,
        metrics: &mut [Metric<'_, N, G>],
    ) -> f64
    where
        L: Loss<N::Output, N::Element>,
        G: TargetOf<L::Target, L, N>,
    {
        metrics.iter_mut().for_each(|metric| metric.reset());
        let mut sum = 0.0;
        for (inputs, targets) in samples.inputs.chunks(batch_size).zip(samples.targets.chunks(batch_size)) {
            let (count, len) = (inputs.len(), inputs.len() * N::Output::LEN);
            let outputs: &mut [Output<N>] = tensors_mut(self.outputs.reserve(len), count);
            let gradients: &mut [Output<N>] = tensors_mut(self.output_gradients.reserve(len), count);
            self.network.forward_batch(inputs, outputs);
            let value = loss.loss(outputs, G::expected(targets), gradients);
            sum += value.to_f64().unwrap_or(f64::NAN) * inputs.len() as f64;
            metrics.iter_mut().for_each(|metric| metric.update(outputs, targets));
        }
        sum / samples.inputs.len() as f64
    }
}

/// Finds where a loss that is not finite began.
fn not_finite<N: Network>(pass: &Pass<'_, N>, inputs: &[Input<N>], at: Progress) -> TrainError {
    let finite = |values: &[N::Element]| values.iter().all(|x| x.is_finite());
    let layer = pass.layer_outputs().find(|(_, values)| !finite(values)).map(|(layer, _)| layer.layer);
    let inputs = !finite(Tensor::flatten(inputs));
    TrainError::NotFinite { epoch: at.epoch, step: at.step, layer, inputs }
}
