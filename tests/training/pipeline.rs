//! Networks that are cut into stages: the bits of the same passes on one rank.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::{bits, random};
use shapewright::distributed::{
    CommunicationError, Communicator, Incoming, Outgoing, Pipeline, PipelineError, Rank,
    ThreadGroup,
};
use shapewright::optim::OptimizerState;
use shapewright::prelude::*;

network! { struct Front: [5] -> [12] { Linear<_, 9>, Tanh, Dropout(0.2), Linear<_, 12>, Relu } }
network! { struct Middle: [12] -> [7] { Linear<_, 8>, LayerNorm, Gelu, Dropout(0.1), Linear<_, 7> } }
network! { struct Back: [7] -> [2] { Tanh, Linear<_, 2> } }
network! { struct Whole: [5] -> [2] { front: Front, middle: Middle, back: Back } }

const BATCH: usize = 12;
const STEPS: usize = 4;

fn batches() -> Vec<(Vec<Tensor1<5>>, Vec<Tensor1<2>>)> {
    (0..STEPS as u64)
        .map(|step| (random(BATCH, step), random(BATCH, 100 + step)))
        .collect()
}

/// Trains the stages one after another on one thread, and returns the bits of their parameters and the
/// losses.
fn train_alone(micro_batches: usize) -> ([Vec<u64>; 3], Vec<f64>) {
    let mut whole = Whole::init(&mut shapewright::rng(0));
    let Whole {
        front,
        middle,
        back,
        ..
    } = &mut *whole;
    let mut optimizers: (
        OptimizerState<_, Front>,
        OptimizerState<_, Middle>,
        OptimizerState<_, Back>,
    ) = (
        AdamW::new(0.02).state(),
        AdamW::new(0.02).state(),
        AdamW::new(0.02).state(),
    );
    let mut workspaces = (Front::workspace(), Middle::workspace(), Back::workspace());
    let mut gradients = (Front::zeros(), Middle::zeros(), Back::zeros());

    let len = BATCH / micro_batches;
    let mut losses = Vec::new();
    for (x, y) in batches() {
        gradients.0.params_mut().fill(0.0);
        gradients.1.params_mut().fill(0.0);
        gradients.2.params_mut().fill(0.0);
        let mut mean = 0.0;
        for (x, y) in x.chunks(len).zip(y.chunks(len)) {
            let mut first = front.forward_train(x, &mut workspaces.0);
            let (outputs, first_dy) = first.outputs_and_gradients_mut();
            let mut second = middle.forward_train(outputs, &mut workspaces.1);
            let (outputs, second_dy) = second.outputs_and_gradients_mut();
            let mut last = back.forward_train(outputs, &mut workspaces.2);
            mean += 1.0 / micro_batches as f64 * f64::from(last.loss(&Mse, y));
            for gradient in last.output_gradients_mut().iter_mut().flatten() {
                *gradient *= (1.0 / micro_batches as f64) as f32;
            }

            let mut own = Back::zeros();
            second_dy.copy_from_slice(last.backward_with_input(&mut own));
            add(gradients.2.params_mut(), own.params());
            let mut own = Middle::zeros();
            first_dy.copy_from_slice(second.backward_with_input(&mut own));
            add(gradients.1.params_mut(), own.params());
            first.backward_accumulate(&mut gradients.0);
        }
        optimizers.0.step(front, &gradients.0);
        optimizers.1.step(middle, &gradients.1);
        optimizers.2.step(back, &gradients.2);
        losses.push(mean);
    }
    (
        [
            bits(front.params()),
            bits(middle.params()),
            bits(back.params()),
        ],
        losses,
    )
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value);
}

type Stages = (Front, Middle, Back);

/// The number of messages from each rank that each other one has received.
type Received = [[AtomicUsize; 3]; 3];

/// A rank whose messages end only when the other rank has received them, as long ones do in MPI.
struct Synchronous<'a> {
    rank: &'a Rank,
    received: &'a Received,
    sent: [AtomicUsize; 3],
}

impl Communicator for Synchronous<'_> {
    fn rank(&self) -> usize {
        self.rank.rank()
    }

    fn size(&self) -> usize {
        self.rank.size()
    }

    fn exchange(
        &self,
        sends: &[Outgoing<'_>],
        receives: &mut [Incoming<'_>],
    ) -> Result<(), CommunicationError> {
        self.rank.exchange(sends, receives)?;
        for receive in receives {
            self.received[receive.from][self.rank()].fetch_add(1, Ordering::SeqCst);
        }

        let begin = Instant::now();
        for send in sends {
            let sent = self.sent[send.to].fetch_add(1, Ordering::SeqCst) + 1;
            while self.received[self.rank()][send.to].load(Ordering::SeqCst) < sent {
                let seconds = begin.elapsed().as_secs_f64();
                if seconds > 20.0 {
                    return Err(CommunicationError::Timeout {
                        rank: send.to,
                        seconds,
                    });
                }
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

fn train_on_ranks(micro_batches: usize, synchronous: bool) -> (Vec<Vec<u64>>, Vec<f64>) {
    let received = Received::default();
    let trained = ThreadGroup::run_with_timeout(3, Duration::from_secs(20), |rank| {
        let waiting = Synchronous {
            rank,
            received: &received,
            sent: Default::default(),
        };
        let ranks: &dyn Communicator = if synchronous { &waiting } else { rank };
        let pipeline = Pipeline::<Stages>::new(ranks, micro_batches)?;
        let mut whole = Whole::init(&mut shapewright::rng(0));
        let adam = AdamW::new(0.02);
        let mut losses = Vec::new();
        let bits = match rank.rank() {
            0 => {
                let mut stage = pipeline.stage::<0, _>(&mut whole.front, adam)?;
                for (x, _) in batches() {
                    stage.step_first(&x)?;
                }
                bits(whole.front.params())
            }
            1 => {
                let mut stage = pipeline.stage::<1, _>(&mut whole.middle, adam)?;
                for _ in 0..STEPS {
                    stage.step_between(BATCH)?;
                }
                bits(whole.middle.params())
            }
            _ => {
                let mut stage = pipeline.stage::<2, _>(&mut whole.back, adam)?;
                for (_, y) in batches() {
                    losses.push(stage.step_last(&Mse, &y)?);
                }
                bits(whole.back.params())
            }
        };
        Ok::<_, PipelineError>((bits, losses))
    });
    let mut trained: Vec<_> = trained
        .into_iter()
        .map(|result| result.expect("a training"))
        .collect();
    let losses = std::mem::take(&mut trained[2].1);
    (trained.into_iter().map(|(bits, _)| bits).collect(), losses)
}

#[test]
fn stages_have_the_bits_of_the_same_passes_on_one_rank() {
    for micro_batches in [1, 2, 3, 6, 12] {
        let (expected, losses) = train_alone(micro_batches);
        for synchronous in [false, true] {
            let (bits, own) = train_on_ranks(micro_batches, synchronous);
            assert_eq!(own, losses, "{micro_batches} micro-batches");
            assert!(bits == expected, "{micro_batches} micro-batches");
        }
    }
}

#[test]
fn mistakes_are_errors() {
    let errors = |micro_batches: usize, ranks: usize, batch: usize| {
        let errors = ThreadGroup::run(ranks, |rank| {
            let pipeline = Pipeline::<(Front, Middle)>::new(rank, micro_batches)?;
            let mut front = Front::init(&mut shapewright::rng(0));
            let mut stage = pipeline.stage::<0, _>(&mut front, Sgd::new(0.1))?;
            if batch == 0 {
                stage.step_between(4)
            } else {
                stage.step_first(&random(batch, 0))
            }
        });
        let errors = errors
            .into_iter()
            .map(|error: Result<(), PipelineError>| error.expect_err("a mistake").to_string());
        errors.collect::<Vec<_>>()
    };
    assert_eq!(
        errors(2, 1, 4),
        ["the network is cut into 2 stages, but there are 1 ranks; start one for each stage"]
    );
    assert_eq!(
        errors(0, 2, 4)[0],
        "a batch can't be cut into 0 micro-batches; take at least 1"
    );
    assert_eq!(
        errors(3, 2, 4),
        [
            "a batch of 4 samples can't be cut into 3 micro-batches of the same length; give a \
             multiple of 3",
            "rank 1 computes stage 1, and not 0"
        ]
    );
    assert_eq!(
        errors(3, 2, 0)[0],
        "`step_between` is for the stages between the first and the last one, but this is stage 0 \
         of 2"
    );
}
