//! Networks that are cut into stages on several ranks.

use core::fmt;
use core::marker::PhantomData;
use std::collections::VecDeque;

use super::{CommunicationError, Communicator, Incoming, Outgoing};
use crate::loss::{Accepts, Loss, TargetOf};
use crate::memory::{self, flatten, flatten_mut};
use crate::network::{Gradient, Network, Pass, Trainable, Workspace};
use crate::optim::{Optimizer, OptimizerState};
use crate::tensor::{Element, Tensor, double};

type Input<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;

/// A function that sends bytes to the stage before, if there are some, and returns the next inputs.
type Next<'f, 'x, N> = dyn FnMut(Option<&[u8]>) -> Result<&'x [Input<N>], CommunicationError> + 'f;

/// Networks that follow each other: a tuple of two to six, each of which takes the outputs of the one
/// before it. Where shapes or number types differ, the tuple does not implement this trait.
pub trait Stages {
    /// The number of stages.
    const COUNT: usize;
}

/// The stage at an index of [`Stages`].
pub trait StageAt<const INDEX: usize>: Stages {
    /// Its network.
    type Network: Network;
}

macro_rules! stages {
    ($count:literal: $first:ident $($index:literal $next:ident $before:ident)*) => {
        impl<$first: Network, $($next),*> Stages for ($first, $($next),*)
        where
            $($next: Network<Input = $before::Output, Element = $before::Element>,)*
        {
            const COUNT: usize = $count;
        }

        impl<$first: Network, $($next),*> StageAt<0> for ($first, $($next),*)
        where
            Self: Stages,
        {
            type Network = $first;
        }

        stages!(@rest ($first $($next)*) $($index $next)*);
    };
    (@rest $all:tt) => {};
    (@rest ($($all:ident)*) $index:literal $here:ident $($rest:tt)*) => {
        impl<$($all),*> StageAt<$index> for ($($all,)*)
        where
            Self: Stages,
            $here: Network,
        {
            type Network = $here;
        }
        stages!(@rest ($($all)*) $($rest)*);
    };
}

stages!(2: A 1 B A);
stages!(3: A 1 B A 2 C B);
stages!(4: A 1 B A 2 C B 3 D C);
stages!(5: A 1 B A 2 C B 3 D C 4 E D);
stages!(6: A 1 B A 2 C B 3 D C 4 E D 5 F E);

/// A network that is cut into stages, each on a rank of its own: for networks that fit on no single
/// machine.
///
/// A batch is cut into micro-batches, which follow each other through the stages. Each stage computes
/// one backward pass after each forward pass as soon as it can (1F1B; Narayanan et al., 2019,
/// "PipeDream", with the flush of Narayanan et al., 2021): stage `p` of `s` keeps the activations of
/// at most `s - p` micro-batches. Of `m` micro-batches and `s` stages of equal length, a rank is idle
/// for `(s - 1) / (m + s - 1)` of the time.
///
/// The stages are networks of their own, and may be the layers of a whole one:
///
/// ```
/// use shapewright::distributed::{Communicator, Pipeline, ThreadGroup};
/// use shapewright::prelude::*;
/// network! { struct Body: [4] -> [8] { Linear<_, 8>, Tanh } }
/// network! { struct Head: [8] -> [1] { Linear<_, 1> } }
/// network! { struct Whole: [4] -> [1] { body: Body, head: Head } }
///
/// let x: Vec<Tensor1<4>> = (0..16).map(|i| Tensor::full(i as f32 / 16.0)).collect();
/// let y: Vec<_> = (0..16).map(|i| Tensor1::from([i as f32 / 8.0])).collect();
/// let losses = ThreadGroup::run(2, |rank| {
///     let pipeline = Pipeline::<(Body, Head)>::new(rank, 4)?;
///     let mut whole = Whole::init(&mut shapewright::rng(0));
///     let mut loss = 0.0;
///     match rank.rank() {
///         0 => {
///             let mut stage = pipeline.stage::<0, _>(&mut whole.body, Adam::new(0.02))?;
///             for _ in 0..200 {
///                 stage.step_first(&x)?;
///             }
///         }
///         _ => {
///             let mut stage = pipeline.stage::<1, _>(&mut whole.head, Adam::new(0.02))?;
///             for _ in 0..200 {
///                 loss = stage.step_last(&Mse, &y)?;
///             }
///         }
///     }
///     Ok(loss)
/// });
/// let losses: Result<Vec<f64>, shapewright::distributed::PipelineError> =
///     losses.into_iter().collect();
/// assert!(losses?[1] < 0.01);
/// # Ok::<(), shapewright::distributed::PipelineError>(())
/// ```
///
/// Stages whose shapes do not fit together do not compile:
///
/// ```compile_fail,E0271
/// use shapewright::distributed::{Communicator, Pipeline};
/// use shapewright::prelude::*;
/// network! { struct Body: [4] -> [8] { Linear<_, 8>, Tanh } }
/// network! { struct Head: [9] -> [1] { Linear<_, 1> } }
/// fn cut(ranks: &dyn Communicator) {
///     let _ = Pipeline::<(Body, Head)>::new(ranks, 4);
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Pipeline<'a, S> {
    communicator: &'a dyn Communicator,
    micro_batches: usize,
    stages: PhantomData<fn() -> S>,
}

/// The stage of a pipeline that this rank computes.
pub struct Stage<'a, N: Network, O> {
    communicator: &'a dyn Communicator,
    micro_batches: usize,
    network: &'a mut N,
    optimizer: OptimizerState<O, N>,
    gradient: Gradient<N>,
    /// One for each micro-batch that can be under way.
    workspaces: Vec<Workspace<N>>,
    /// The inputs of a batch, if another stage computes them.
    inputs: Vec<Input<N>>,
    steps: u64,
}

/// The error of a stage.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PipelineError {
    /// The ranks can't reach each other.
    Communication(CommunicationError),
    /// The pipeline can't be run like this.
    Setting {
        /// The mistake and the way out.
        reason: String,
    },
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PipelineError::Communication(error) => error.fmt(f),
            PipelineError::Setting { reason } => f.write_str(reason),
        }
    }
}

impl core::error::Error for PipelineError {}

impl From<CommunicationError> for PipelineError {
    fn from(error: CommunicationError) -> Self {
        PipelineError::Communication(error)
    }
}

/// The error of a mistake.
fn wrong<V>(reason: String) -> Result<V, PipelineError> {
    Err(PipelineError::Setting { reason })
}

impl<'a, S: Stages> Pipeline<'a, S> {
    /// Returns the pipeline of as many ranks as stages, which cuts a batch into micro-batches.
    ///
    /// # Errors
    /// Returns an error if there is not one rank for each stage, or no micro-batch.
    pub fn new(
        communicator: &'a dyn Communicator,
        micro_batches: usize,
    ) -> Result<Self, PipelineError> {
        let size = communicator.size();
        if size != S::COUNT {
            return wrong(format!(
                "the network is cut into {} stages, but there are {size} ranks; start one for each \
                 stage",
                S::COUNT
            ));
        }
        if micro_batches == 0 {
            return wrong("a batch can't be cut into 0 micro-batches; take at least 1".to_owned());
        }
        Ok(Pipeline {
            communicator,
            micro_batches,
            stages: PhantomData,
        })
    }

    /// Returns the stage of this rank, with the initial state of its optimizer.
    ///
    /// # Errors
    /// Returns an error if this is not the stage of this rank.
    ///
    /// # Panics
    /// Panics if a setting of the optimizer is out of its range.
    pub fn stage<'n, const INDEX: usize, O: Optimizer>(
        &self,
        network: &'n mut <S as StageAt<INDEX>>::Network,
        optimizer: O,
    ) -> Result<Stage<'n, <S as StageAt<INDEX>>::Network, O>, PipelineError>
    where
        S: StageAt<INDEX>,
        <S as StageAt<INDEX>>::Network: Trainable,
        'a: 'n,
    {
        let rank = self.communicator.rank();
        if rank != INDEX {
            return wrong(format!(
                "rank {rank} computes stage {rank}, and not {INDEX}"
            ));
        }
        let under_way = (S::COUNT - rank).min(self.micro_batches);
        let workspaces = (0..under_way).map(|_| <S as StageAt<INDEX>>::Network::workspace());
        Ok(Stage {
            communicator: self.communicator,
            micro_batches: self.micro_batches,
            network,
            optimizer: optimizer.state(),
            gradient: <S as StageAt<INDEX>>::Network::gradient(),
            workspaces: workspaces.collect(),
            inputs: Vec::new(),
            steps: 0,
        })
    }
}

impl<N: Network, O: Optimizer + Sync> Stage<'_, N, O> {
    /// Sets the seed of random layers, which draw anew in each micro-batch; 0 by default.
    pub fn reseed(&mut self, seed: u64) {
        self.workspaces
            .iter_mut()
            .for_each(|workspace| workspace.reseed(seed));
    }

    /// Returns the optimizer's state, whose learning rate may be changed between steps.
    pub fn optimizer_mut(&mut self) -> &mut OptimizerState<O, N> {
        &mut self.optimizer
    }

    /// Makes a step of the first stage with the inputs of a batch.
    ///
    /// # Errors
    /// Returns an error if this is not the first stage, if the batch can't be cut into micro-batches
    /// of the same length, or if the ranks can't reach each other.
    pub fn step_first(&mut self, inputs: &[Input<N>]) -> Result<(), PipelineError> {
        if self.communicator.rank() != 0 {
            return wrong(
                "`step_first` is for stage 0; the others get their inputs from it".into(),
            );
        }
        let len = self.micro_len(inputs.len())?;
        let mut chunks = inputs.chunks(len);
        let no_loss = &mut |_: &mut Pass<'_, '_, N>, _| {};
        self.run(len, no_loss, &mut |_| Ok(chunks.next().unwrap_or(&[])))
    }

    /// Makes a step of a stage between the first and the last one, with a batch of `len` samples.
    ///
    /// # Errors
    /// Returns an error if this is the first or the last stage, and where
    /// [`step_first`](Stage::step_first) does.
    pub fn step_between(&mut self, len: usize) -> Result<(), PipelineError> {
        let rank = self.communicator.rank();
        if rank == 0 || rank + 1 == self.communicator.size() {
            return wrong(format!(
                "`step_between` is for the stages between the first and the last one, but this is \
                 stage {rank} of {}",
                self.communicator.size()
            ));
        }
        self.run_received(len, &mut |_, _| {})
    }

    /// Makes a step of the last stage with the targets of a batch, and returns the mean of the losses
    /// of the micro-batches.
    ///
    /// # Errors
    /// Returns an error if this is not the last stage, and where [`step_first`](Stage::step_first)
    /// does.
    pub fn step_last<L, G>(&mut self, loss: &L, targets: &[G]) -> Result<f64, PipelineError>
    where
        L: Loss<N::Output, N::Element>,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N>,
    {
        if self.communicator.rank() + 1 != self.communicator.size() {
            return wrong("`step_last` is for the last stage, which has the loss".into());
        }
        let len = self.micro_len(targets.len())?;
        let share = 1.0 / self.micro_batches as f64;
        let factor = N::Element::from_f64_lossy(share);

        let mut mean = 0.0;
        self.run_received(targets.len(), &mut |pass, micro| {
            let value = pass.loss(loss, &targets[micro * len..][..len]);
            mean += share * double(value);
            for gradient in flatten_mut(pass.output_gradients_mut()) {
                *gradient *= factor;
            }
        })?;
        Ok(mean)
    }

    /// Returns the length of a micro-batch.
    fn micro_len(&self, batch: usize) -> Result<usize, PipelineError> {
        let count = self.micro_batches;
        if batch == 0 || !batch.is_multiple_of(count) {
            return wrong(format!(
                "a batch of {batch} samples can't be cut into {count} micro-batches of the same \
                 length; give a multiple of {count}"
            ));
        }
        Ok(batch / count)
    }

    /// Makes a step with inputs from the stage before.
    fn run_received(
        &mut self,
        batch: usize,
        loss: &mut dyn FnMut(&mut Pass<'_, '_, N>, usize),
    ) -> Result<(), PipelineError> {
        let len = self.micro_len(batch)?;
        let mut inputs = core::mem::take(&mut self.inputs);
        if inputs.len() != batch {
            inputs = memory::zeroed_tensors(batch);
        }
        let communicator = self.communicator;
        let from = communicator.rank() - 1;
        let mut chunks = inputs.chunks_mut(len);
        let stepped = self.run(len, loss, &mut |sent| {
            let chunk = chunks.next().unwrap_or_default();
            let bytes = memory::bytes_mut(flatten_mut(chunk));
            let sends = sent.map(|bytes| Outgoing { to: from, bytes });
            communicator.exchange(sends.as_slice(), &mut [Incoming { from, bytes }])?;
            Ok(&*chunk)
        });
        self.inputs = inputs;
        stepped
    }

    /// Runs all micro-batches of a step and updates the parameters.
    fn run<'x>(
        &mut self,
        len: usize,
        loss: &mut dyn FnMut(&mut Pass<'_, '_, N>, usize),
        next: &mut Next<'_, 'x, N>,
    ) -> Result<(), PipelineError>
    where
        N: 'x,
    {
        let Stage {
            communicator,
            micro_batches,
            network,
            optimizer,
            gradient,
            workspaces,
            steps,
            ..
        } = self;
        let rank = communicator.rank();
        let before = rank.checked_sub(1);
        let behind = Some(rank + 1).filter(|&behind| behind < communicator.size());
        let count = *micro_batches;
        let first_pass = *steps * count as u64;

        // The forward passes that are ahead of the backward passes.
        let ahead = communicator.size() - 1 - rank;
        let mut free: Vec<&mut Workspace<N>> = workspaces.iter_mut().collect();
        let mut passes: VecDeque<Pass<'_, '_, N>> = VecDeque::new();
        let mut begun = 0;
        let mut outputs = Vec::new();
        let mut input_gradients: Vec<Input<N>> = match before {
            Some(_) => memory::zeroed_tensors(len),
            None => Vec::new(),
        };
        // True if they are those of the last pass, and go with the next exchange.
        let mut unsent = false;

        for ended in 0..count {
            let until = count.min(ended + ahead + 1);
            outputs.clear();
            while begun < until {
                let sent = unsent.then(|| memory::bytes(flatten(&input_gradients)));
                let x = next(sent)?;
                unsent = false;

                // There is one for each micro-batch under way.
                let Some(workspace) = free.pop() else { break };
                workspace.go_to(first_pass + begun as u64);
                let mut pass = network.forward_train(x, workspace);
                loss(&mut pass, begun);
                begun += 1;

                outputs.clear();
                if let Some(to) = behind {
                    outputs.extend_from_slice(memory::bytes(flatten(pass.outputs())));
                    if begun < until {
                        let bytes = &outputs;
                        communicator.exchange(&[Outgoing { to, bytes }], &mut [])?;
                    }
                }
                passes.push_back(pass);
            }

            let Some(mut pass) = passes.pop_front() else {
                break;
            };
            if let Some(behind) = behind {
                // The outputs of the last forward pass, if there was one, go with it.
                let send = Outgoing {
                    to: behind,
                    bytes: &outputs,
                };
                let sends = (!outputs.is_empty()).then_some(send);
                let receive = Incoming {
                    from: behind,
                    bytes: memory::bytes_mut(flatten_mut(pass.output_gradients_mut())),
                };
                communicator.exchange(sends.as_slice(), &mut [receive])?;
            }

            let dx = before.map(|_| &mut *input_gradients);
            free.push(pass.backward_of_stage(gradient, ended > 0, dx));
            match before {
                Some(_) if begun < count => unsent = true,
                Some(to) => {
                    let bytes = memory::bytes(flatten(&input_gradients));
                    communicator.exchange(&[Outgoing { to, bytes }], &mut [])?;
                }
                None => {}
            }
        }
        drop(passes);

        *steps += 1;
        optimizer.step(network, gradient);
        Ok(())
    }
}
