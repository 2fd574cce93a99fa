//! The trainer: what to do in which order.

use core::ops::ControlFlow;
use std::time::Instant;

use num_traits::{Float, ToPrimitive};
use rand::Rng;
use rand::seq::SliceRandom;

use super::error::TrainError;
use super::history::{Epoch, History};
use crate::loss::{Loss, Takes, TargetOf};
use crate::memory::{AlignedBuffer, tensors, tensors_mut};
use crate::network::{Network, Pass, Workspace};
use crate::optim::{Optimizer, OptimizerState};
use crate::tensor::{Shape, Tensor};

type Input<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
type Output<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// Inputs with their targets.
pub struct Samples<'a, N: Network, G> {
    /// The inputs.
    pub inputs: &'a [Input<N>],
    /// Their targets.
    pub targets: &'a [G],
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

type Measure<'a, N, G> = Box<dyn FnMut(&N, Samples<'_, N, G>) -> f64 + 'a>;
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
    measures: Vec<(String, Measure<'a, N, G>)>,
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
            measures: Vec::new(),
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

    /// Measures something at the end of each epoch, on the validation samples, or on the training samples if
    /// there are none.
    pub fn measure(
        mut self,
        name: impl Into<String>,
        measure: impl FnMut(&N, Samples<'_, N, G>) -> f64 + 'a,
    ) -> Self {
        self.measures.push((name.into(), Box::new(measure)));
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
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        let steps = (self.epochs * inputs.len().div_ceil(self.batch_size)) as u64;
        #[cfg(feature = "progress")]
        let bar = super::bar::Bar::new(self.progress, steps);
        let mut history = History::default();
        let mut best: Option<(f64, usize, Box<N>)> = None;
        for epoch in 1..=self.epochs {
            let begin = Instant::now();
            order.shuffle(&mut rng);
            let mut sum = 0.0;
            for batch in order.chunks(self.batch_size) {
                let progress = Progress { epoch, step: run.state.steps() + 1, steps };
                if let Some(adjust) = &mut self.adjust {
                    adjust(&mut run.state.optimizer, progress);
                }
                sum += run.step(&self.loss, train, batch, progress)? * batch.len() as f64;
                #[cfg(feature = "progress")]
                bar.step();
            }
            let validation_loss =
                self.validation.map(|samples| run.loss_of(&self.loss, samples, self.batch_size));
            let measured = self.validation.unwrap_or(train);
            let network: &N = run.network;
            let measures = self.measures.iter_mut();
            let epoch = Epoch {
                epoch,
                steps: run.state.steps(),
                loss: sum / inputs.len() as f64,
                validation_loss,
                measures: measures
                    .map(|(name, measure)| (name.clone(), measure(network, measured)))
                    .collect(),
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
struct Run<'n, N: Network, O: Optimizer, G> {
    network: &'n mut N,
    gradient: Box<N>,
    workspace: Workspace<N>,
    state: OptimizerState<O, N>,
    inputs: AlignedBuffer<N::Element>,
    targets: Vec<G>,
    outputs: AlignedBuffer<N::Element>,
    output_gradients: AlignedBuffer<N::Element>,
}

impl<'n, N: Network, O: Optimizer + Sync, G: Clone> Run<'n, N, O, G> {
    fn new(network: &'n mut N, optimizer: O, seed: u64) -> Self {
        let mut workspace = N::workspace();
        workspace.reseed(seed);
        Run {
            network,
            gradient: N::zeros(),
            workspace,
            state: optimizer.state(),
            inputs: AlignedBuffer::new(),
            targets: Vec::new(),
            outputs: AlignedBuffer::new(),
            output_gradients: AlignedBuffer::new(),
        }
    }

    /// One step on the samples at these places; their loss before it.
    fn step<L>(
        &mut self,
        loss: &L,
        samples: Samples<'_, N, G>,
        batch: &[usize],
        at: Progress,
    ) -> Result<f64, TrainError>
    where
        L: Loss<N::Output, N::Element>,
        L::Takes: Takes<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        let inputs = self.inputs.reserve(batch.len() * N::Input::LEN);
        for (input, &i) in inputs.chunks_exact_mut(N::Input::LEN).zip(batch) {
            input.copy_from_slice(samples.inputs[i].as_slice());
        }
        let inputs: &[Input<N>] = tensors(inputs, batch.len());
        self.targets.clear();
        self.targets.extend(batch.iter().map(|&i| samples.targets[i].clone()));
        let mut pass = self.network.forward_train(inputs, &mut self.workspace);
        let value = pass.loss(loss, &self.targets);
        if !value.is_finite() {
            return Err(not_finite(&pass, inputs, at));
        }
        pass.backward(&mut self.gradient);
        self.state.step(self.network, &self.gradient);
        Ok(value.to_f64().unwrap_or(f64::NAN))
    }

    /// The mean loss of samples that are not trained on.
    fn loss_of<L>(&mut self, loss: &L, samples: Samples<'_, N, G>, batch_size: usize) -> f64
    where
        L: Loss<N::Output, N::Element>,
        G: TargetOf<L::Target, L, N>,
    {
        let mut sum = 0.0;
        for (inputs, targets) in samples.inputs.chunks(batch_size).zip(samples.targets.chunks(batch_size)) {
            let (count, len) = (inputs.len(), inputs.len() * N::Output::LEN);
            let outputs: &mut [Output<N>] = tensors_mut(self.outputs.reserve(len), count);
            let gradients: &mut [Output<N>] = tensors_mut(self.output_gradients.reserve(len), count);
            self.network.forward_batch(inputs, outputs);
            let value = loss.loss(outputs, G::expected(targets), gradients);
            sum += value.to_f64().unwrap_or(f64::NAN) * inputs.len() as f64;
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
