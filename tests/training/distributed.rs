//! Trainings on several ranks: the same bits at any number of them.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::{bits, folder, random};
use shapewright::data::Dataset;
use shapewright::data::text::NextToken;
use shapewright::distributed::{
    CommunicationError, Communicator, DataParallel, Incoming, Outgoing, Rank, SliceSum,
    ThreadGroup, gradient_bytes, slices_of,
};
use shapewright::metrics::{Accuracy, MeanSquaredError};
use shapewright::prelude::*;
use shapewright::train::{History, NonFinite, TrainError};

network! {
    struct Mlp: [6] -> [1] {
        hidden: Linear<_, 24>,
        Relu,
        Dropout(0.2),
        out: Linear<_, 1>,
    }
}

network! {
    struct Cnn: [8, 8, 2] -> [3] {
        conv1: Conv2d<_, 8, 3, NoBias>,
        norm1: BatchNorm2d<_>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        head: Linear<_, 3>,
    }
}

const TOKENS: usize = 12;
const CONTEXT: usize = 8;

network! {
    struct Gpt: [CONTEXT] -> [CONTEXT, TOKENS] {
        wte: Embedding<TOKENS, 16>,
        wpe: PositionalEmbedding,
        h: Repeat<2> {
            attention: Residual { ln_1: LayerNorm, attn: MultiHeadAttention<_, 2, Causal> },
            mlp: Residual { ln_2: LayerNorm, c_fc: Linear<_, 32>, Gelu, c_proj: Linear<_, 16> },
        },
        ln_f: LayerNorm,
        lm_head: Linear<_, TOKENS>,
    }
}

type Results = Vec<Result<History, TrainError>>;

/// Trains the MLP with most settings, on 50 samples in batches of 16, of which the last has 2.
fn train_mlp(rank: &Rank, path: &Path, epochs: usize) -> Result<History, TrainError> {
    let x = random(50, 1);
    let y: Vec<_> = x
        .iter()
        .map(|x: &Tensor1<6>| Tensor1::from([x[0] * x[1]]))
        .collect();
    let mut net = Mlp::init(&mut shapewright::rng(rank.rank() as u64));
    Mlp::trainer(AdamW::new(0.02), Mse)
        .epochs(epochs)
        .batch_size(16)
        .accumulate(2)
        .schedule(CosineAnnealingLr::new(0.02, 20))
        .clip_grad_norm(0.5)
        .average(WeightAverage::ema(0.9))
        .validate(&x[..20], &y[..20])
        .metric(MeanSquaredError::new())
        .distributed(DataParallel::new(rank))
        .checkpoint(path)
        .resume(true)
        .fit(&mut net, &x, &y)
}

fn train_cnn(rank: &Rank, path: &Path, epochs: usize, bf16: bool) -> Result<History, TrainError> {
    let x = random(44, 2);
    let labels = Label::<3>::from_values((0..44).map(|i| i % 3)).expect("three classes");
    let mut net = Cnn::init(&mut shapewright::rng(0));
    Cnn::trainer(Sgd::new(0.05).momentum(0.9), CrossEntropy)
        .epochs(epochs)
        .batch_size(20)
        .metric(Accuracy::new())
        .distributed(DataParallel::new(rank).bf16(bf16))
        .checkpoint(path)
        .resume(true)
        .fit(&mut net, &x, &labels)
}

fn train_gpt(rank: &Rank, path: &Path, epochs: usize) -> Result<History, TrainError> {
    let tokens = Index::<TOKENS>::from_values((0..300).map(|i| i * i % 7 + i % 5));
    let tokens = tokens.expect("few tokens");
    let windows = NextToken::<TOKENS, CONTEXT>::new(&tokens)
        .expect("a text")
        .draw(40);
    let mut net = Gpt::init(&mut shapewright::rng(0));
    Gpt::trainer(AdamW::new(1e-2), CrossEntropy)
        .epochs(epochs)
        .batch_size(12)
        .clip_grad_norm(1.0)
        .distributed(DataParallel::new(rank).slices(8))
        .checkpoint(path)
        .resume(true)
        .fit_dataset(&mut net, &windows)
}

/// Checks that a training gives the same file on 1, 2, 3 and 4 ranks, also if it is interrupted and
/// goes on with another number of ranks.
fn check(name: &str, train: impl Fn(&Rank, &Path, usize) -> Result<History, TrainError> + Sync) {
    let folder = folder(&format!("distributed-{name}"));
    let mut expected = Vec::new();
    for ranks in 1..=4 {
        let path = folder.join(format!("{ranks}"));
        let results: Results = ThreadGroup::run(ranks, |rank| train(rank, &path, 3));
        for result in results {
            assert_eq!(result.expect("a training").epochs.len(), 3);
        }
        let file = fs::read(&path).expect("a checkpoint");
        if ranks == 1 {
            expected = file;
        } else {
            assert!(file == expected, "{name} has other bits on {ranks} ranks");
        }
    }

    let path = folder.join("resumed");
    for (ranks, epochs) in [(4, 1), (1, 2), (2, 3)] {
        for result in ThreadGroup::run(ranks, |rank| train(rank, &path, epochs)) {
            result.expect("a training that goes on");
        }
    }
    let file = fs::read(&path).expect("a checkpoint");
    assert!(
        file == expected,
        "{name} has other bits after it was resumed"
    );
}

#[test]
fn an_mlp_has_the_same_bits_on_any_number_of_ranks() {
    check("mlp", train_mlp);
}

#[test]
fn a_cnn_with_batch_normalization_has_the_same_bits_on_any_number_of_ranks() {
    check("cnn", |rank, path, epochs| {
        train_cnn(rank, path, epochs, false)
    });
}

#[test]
fn gradients_of_16_bits_are_the_same_on_any_number_of_ranks() {
    check("bf16", |rank, path, epochs| {
        train_cnn(rank, path, epochs, true)
    });
}

#[test]
fn an_optimizer_in_shares_has_the_same_bits() {
    let train = |rank: &Rank, path: &Path, epochs: usize, sharded: bool| {
        let x = random(40, 2);
        let y: Vec<_> = x
            .iter()
            .map(|x: &Tensor1<6>| Tensor1::from([x[0] - x[1]]))
            .collect();
        let mut net = Normed::init(&mut shapewright::rng(0));
        let parallel = DataParallel::new(rank).sharded_optimizer(sharded);
        Normed::trainer(AdamW::new(0.02), Mse)
            .param_groups(|state| {
                state
                    .freeze(layer!(Normed, second))
                    .no_decay(layer!(Normed, norm))
            })
            .epochs(epochs)
            .batch_size(16)
            .clip_grad_norm(0.5)
            .distributed(parallel)
            .checkpoint(path)
            .resume(true)
            .fit(&mut net, &x, &y)
    };
    check("sharded", |rank, path, epochs| {
        train(rank, path, epochs, true)
    });

    let folder = folder("distributed-sharded-or-not");
    let path = folder.join("whole");
    ThreadGroup::run(2, |rank| train(rank, &path, 3, false).expect("a training"));
    let sharded = folder.join("4");
    ThreadGroup::run(4, |rank| {
        train(rank, &sharded, 3, true).expect("a training")
    });
    assert!(fs::read(path).expect("a file") == fs::read(sharded).expect("a file"));
}

network! {
    struct Normed: [6] -> [1] {
        first: Linear<_, 10>,
        norm: BatchNorm1d<_>,
        Tanh,
        second: Linear<_, 7>,
        lora: Lora<2, Linear<_, 5>>,
        Relu,
        out: Linear<_, 1>,
    }
}

// Its gradient is sent in several pieces while it is computed.
network! {
    struct Large: [4] -> [4, 700] {
        embed: Embedding<700, 64>,
        wide: Linear<_, 600>,
        Relu,
        frozen: Linear<_, 300>,
        scale: BatchNorm1d<_>,
        blocks: Repeat<2> { Residual { norm: LayerNorm, fc: Linear<_, 300>, Gelu } },
        narrow: Linear<_, 64>,
        #[tied(embed)]
        head: Unembedding<_, 700>,
    }
}

#[test]
fn a_gradient_that_is_sent_by_layers_has_the_same_bits() {
    let tokens = Index::<700>::from_values((0..60).map(|i| i * i * 17 % 700)).expect("tokens");
    let windows = NextToken::<700, 4>::new(&tokens).expect("a text").draw(12);
    check("large", |rank, path, epochs| {
        let mut net = Large::init(&mut shapewright::rng(0));
        Large::trainer(Sgd::new(0.1), CrossEntropy)
            .param_groups(|state| state.freeze(layer!(Large, frozen)))
            .epochs(epochs)
            .batch_size(8)
            .distributed(DataParallel::new(rank))
            .checkpoint(path)
            .resume(true)
            .fit_dataset(&mut net, &windows)
    });
}

/// The samples of one file of eight.
struct Shard(Vec<Tensor1<6>>);

impl Dataset<Tensor1<6>, Tensor1<1>> for Shard {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&self, position: usize, x: &mut Vec<Tensor1<6>>, y: &mut Vec<Tensor1<1>>) {
        x.push(self.0[position]);
        y.push(Tensor1::from([self.0[position][3]]));
    }
}

#[test]
fn shards_of_the_data_give_the_same_bits() {
    check("shards", |rank, path, epochs| {
        let parallel = DataParallel::new(rank).slices(8);
        // The smallest shard has 11 samples, which are not a multiple of the slice's 3.
        let shards: Vec<_> = parallel
            .own_slices()
            .map(|slice| Shard(random(11 + slice % 3, slice as u64)))
            .collect();
        let mut net = Mlp::init(&mut shapewright::rng(0));
        Mlp::trainer(AdamW::new(0.02), Mse)
            .epochs(epochs)
            .batch_size(24)
            .distributed(parallel)
            .checkpoint(path)
            .resume(true)
            .fit_shards(&mut net, &shards)
    });
}

#[test]
fn shards_that_do_not_fit_are_errors() {
    let errors = |count: usize, batch_size: usize| {
        let trained = ThreadGroup::run(1, |rank| {
            let shards: Vec<_> = (0..count)
                .map(|seed| Shard(random(8, seed as u64)))
                .collect();
            let mut net = Mlp::init(&mut shapewright::rng(0));
            let trainer = Mlp::trainer(AdamW::new(0.02), Mse).batch_size(batch_size);
            trainer
                .distributed(DataParallel::new(rank))
                .fit_shards(&mut net, &shards)
        });
        trained
            .into_iter()
            .next()
            .expect("one rank")
            .expect_err("a mistake")
            .to_string()
    };
    assert_eq!(
        errors(3, 8),
        "rank 0 has 4 slices, but 3 shards were given; give one for each of `own_slices`"
    );
    assert_eq!(
        errors(4, 10),
        "batches of 10 samples can't be cut into 4 slices of the same length; make the batch size \
         a multiple of the number of slices"
    );
}

#[test]
fn a_checkpoint_in_the_background_is_the_same() {
    let folder = folder("distributed-background");
    let x = random(40, 1);
    let y: Vec<Tensor1<1>> = random(40, 2);
    let train = |path: &Path, in_background: bool| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let trained = ThreadGroup::run(1, |rank| {
            let mut net = net.to_boxed();
            Mlp::trainer(Adam::new(0.01), Mse)
                .epochs(5)
                .distributed(DataParallel::new(rank))
                .checkpoint(path)
                .async_checkpoint(in_background)
                .fit(&mut net, &x, &y)
                .map(|_| net)
        });
        let trained = trained.into_iter().next().expect("one rank");
        net = trained?;
        Ok::<_, TrainError>((fs::read(path).expect("a checkpoint"), bits(net.params())))
    };
    let [now, later] = [false, true].map(|in_background| {
        train(&folder.join(format!("{in_background}")), in_background).expect("a training")
    });
    assert!(now == later);

    // The folder disappears after the check at the beginning.
    let gone = folder.join("gone");
    fs::create_dir(&gone).expect("a folder");
    let mut net = Mlp::init(&mut shapewright::rng(0));
    let error = Mlp::trainer(Adam::new(0.01), Mse)
        .epochs(5)
        .on_epoch(|_, _| {
            let _ = fs::remove_dir_all(&gone);
            ControlFlow::Continue(())
        })
        .checkpoint(gone.join("checkpoint"))
        .async_checkpoint(true)
        .fit(&mut net, &x, &y)
        .expect_err("a folder that is gone");
    assert!(error.to_string().contains("can't be written"), "{error}");
}

#[test]
fn a_gpt_has_the_same_bits_on_any_number_of_ranks() {
    check("gpt", train_gpt);
}

/// Trains without most settings; with several slices on two ranks.
fn train_plainly(slices: Option<usize>) -> (Box<Mlp>, f64) {
    let x = random(48, 1);
    let y: Vec<_> = x
        .iter()
        .map(|x: &Tensor1<6>| Tensor1::from([x[0] * x[1]]))
        .collect();
    let trained = ThreadGroup::run(slices.map_or(1, |slices| slices.min(2)), |rank| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let trainer = Mlp::trainer(Sgd::new(0.05), Mse)
            .epochs(3)
            .batch_size(16)
            .eval(layer!(Mlp, hidden));
        let trainer = match slices {
            Some(slices) => trainer.distributed(DataParallel::new(rank).slices(slices)),
            None => trainer,
        };
        let history = trainer.fit(&mut net, &x, &y).expect("a training");
        (net, history.epochs[2].loss)
    });
    trained.into_iter().next().expect("rank 0")
}

#[test]
fn one_slice_has_the_bits_of_a_training_without_ranks() {
    let (plain, loss) = train_plainly(None);
    let (one, same) = train_plainly(Some(1));
    assert_eq!(bits(plain.params()), bits(one.params()));
    assert_eq!(loss, same);
}

network! { struct Line: [6] -> [1] { hidden: Linear<_, 9>, Tanh, out: Linear<_, 1> } }

#[test]
fn slices_give_the_gradient_of_the_whole_batch() {
    let x = random(45, 1);
    let y: Vec<_> = x
        .iter()
        .map(|x: &Tensor1<6>| Tensor1::from([x[0] * x[1]]))
        .collect();
    let train = |rank: Option<&Rank>| {
        let mut net = Line::init(&mut shapewright::rng(0));
        let trainer = Line::trainer(Sgd::new(0.1), Mse)
            .epochs(4)
            .batch_size(16)
            .accumulate(2);
        let trainer = match rank {
            Some(rank) => trainer.distributed(DataParallel::new(rank).slices(8)),
            None => trainer,
        };
        let history = trainer.fit(&mut net, &x, &y).expect("a training");
        let losses: Vec<_> = history.epochs.iter().map(|epoch| epoch.loss).collect();
        (net, losses)
    };

    let (expected, losses) = train(None);
    for (net, own_losses) in ThreadGroup::run(3, |rank| train(Some(rank))) {
        for (own, expected) in net.params().iter().zip(expected.params()) {
            assert!((own - expected).abs() < 1e-5, "{own} {expected}");
        }
        for (own, expected) in own_losses.iter().zip(&losses) {
            assert!((own - expected).abs() < 1e-5 * expected, "{own} {expected}");
        }
    }
}

#[test]
fn a_rank_with_other_settings_is_refused() {
    let x = random(8, 1);
    let y: Vec<Tensor1<1>> = random(8, 2);
    let errors = ThreadGroup::run(3, |rank| {
        let size = if rank.rank() == 2 { 4 } else { 8 };
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let trainer = Mlp::trainer(Sgd::new(0.1), Mse).batch_size(size);
        trainer
            .distributed(DataParallel::new(rank))
            .fit(&mut net, &x, &y)
    });
    for (rank, error) in errors.into_iter().enumerate() {
        let here = if rank == 2 {
            ", which is this one,"
        } else {
            ""
        };
        assert_eq!(
            error.expect_err("settings that differ").to_string(),
            format!(
                "rank 2{here} can't take part in the training: `batch size` is 4 there, but 8 on \
                 rank 0; run the same program with the same arguments on all ranks"
            )
        );
    }
}

#[test]
fn too_few_slices_are_an_error_on_every_rank() {
    let x = random(8, 1);
    let y: Vec<Tensor1<1>> = random(8, 2);
    for error in ThreadGroup::run(3, |rank| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let trainer = Mlp::trainer(Sgd::new(0.1), Mse);
        trainer
            .distributed(DataParallel::new(rank).slices(2))
            .fit(&mut net, &x, &y)
    }) {
        assert_eq!(
            error.expect_err("three ranks").to_string(),
            "3 ranks can't share 2 slices; set `slices` to at least 4"
        );
    }
}

#[test]
fn a_number_that_is_not_finite_ends_all_ranks() {
    let mut x: Vec<Tensor1<6>> = random(8, 1);
    // In one of the slices of rank 0 or 1, whichever has the sample.
    x[3][2] = f32::INFINITY;
    let y: Vec<Tensor1<1>> = random(8, 2);
    let errors = ThreadGroup::run(2, |rank| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let trainer = Mlp::trainer(Sgd::new(0.1), Mse).batch_size(8);
        trainer
            .distributed(DataParallel::new(rank))
            .fit(&mut net, &x, &y)
    });
    let errors: Vec<_> = errors
        .into_iter()
        .map(|error| error.expect_err("infinity"))
        .collect();
    let is_cause = |error: &TrainError| {
        matches!(
            error,
            TrainError::NotFinite {
                cause: NonFinite::Inputs,
                ..
            }
        )
    };
    assert_eq!(errors.iter().filter(|error| is_cause(error)).count(), 1);
    let other = errors
        .iter()
        .find(|error| !is_cause(error))
        .expect("the other rank");
    assert!(
        other
            .to_string()
            .contains("the inputs of the batch are not finite"),
        "{other}"
    );
}

#[test]
fn an_observer_of_rank_0_stops_all_ranks() {
    let x = random(40, 1);
    let y: Vec<Tensor1<1>> = random(40, 2);
    let steps = ThreadGroup::run(2, |rank| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let mut calls = 0;
        let history = Mlp::trainer(Sgd::new(0.1), Mse)
            .epochs(5)
            .batch_size(8)
            .on_step(|step, _| {
                calls += 1;
                if step.step == 7 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .distributed(DataParallel::new(rank))
            .fit(&mut net, &x, &y)
            .expect("a training");
        assert_eq!(history.epochs.len(), 1);
        assert!(history.interrupted);
        (calls, bits(net.params()))
    });
    assert_eq!((steps[0].0, steps[1].0), (7, 0));
    assert_eq!(steps[0].1, steps[1].1);
}

/// Trains until rank 1 leaves in its seventh step, then goes on with 2 ranks.
#[test]
fn a_rank_that_dies_ends_all_others_and_leaves_a_whole_checkpoint() {
    let folder = folder("distributed-dead");
    let path = folder.join("killed");
    let x = random(40, 1);
    let y: Vec<Tensor1<1>> = random(40, 2);
    let train = |rank: &Rank, path: &Path, dies_at: u64| {
        let mut net = Mlp::init(&mut shapewright::rng(0));
        let mut calls = 0;
        Mlp::trainer(Adam::new(0.01), Mse)
            .epochs(3)
            .batch_size(8)
            .adjust(move |_, at| {
                calls += 1;
                if rank.rank() == 1 && at.step == dies_at && calls > 0 {
                    std::panic::resume_unwind(Box::new("this rank dies"));
                }
            })
            .distributed(DataParallel::new(rank))
            .checkpoint(path)
            .resume(true)
            .fit(&mut net, &x, &y)
    };

    let begin = Instant::now();
    let results = std::panic::catch_unwind(|| {
        ThreadGroup::run(2, |rank| {
            let trained = train(rank, &path, 13);
            assert_eq!(
                trained.expect_err("rank 1 has died"),
                TrainError::Communication(CommunicationError::Lost { rank: 1 })
            );
        })
    });
    assert!(results.is_err() && begin.elapsed() < Duration::from_secs(60));

    for ranks in [1, 2] {
        let whole = folder.join("whole");
        let rest = folder.join(format!("rest-{ranks}"));
        fs::copy(&path, &rest).expect("the checkpoint of epoch 2");
        for path in [&rest, &whole] {
            for result in ThreadGroup::run(ranks, |rank| train(rank, path, 0)) {
                assert_eq!(result.expect("a training").epochs.len(), 3);
            }
        }
        assert!(fs::read(&rest).expect("a file") == fs::read(&whole).expect("a file"));
    }
}

#[test]
fn a_rank_that_hangs_is_an_error_after_the_timeout() {
    let timeout = Duration::from_millis(200);
    let errors = ThreadGroup::run_with_timeout(2, timeout, |rank| {
        if rank.rank() == 1 {
            std::thread::sleep(Duration::from_millis(600));
            return Ok(());
        }
        rank.barrier()
    });
    let error = errors[0].as_ref().expect_err("rank 1 does not come");
    assert!(
        error
            .to_string()
            .contains("rank 1 has not answered for 0 s"),
        "{error}"
    );
}

/// A rank that counts what it sends.
struct Counting<'a>(&'a Rank, AtomicUsize);

impl Communicator for Counting<'_> {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn exchange(
        &self,
        sends: &[Outgoing<'_>],
        receives: &mut [Incoming<'_>],
    ) -> Result<(), CommunicationError> {
        let bytes: usize = sends.iter().map(|send| send.bytes.len()).sum();
        self.1.fetch_add(bytes, Ordering::Relaxed);
        self.0.exchange(sends, receives)
    }
}

#[test]
fn a_step_sends_as_many_bytes_as_its_constant_says() {
    const LEN: usize = 6 * 24 + 24 + 24 + 1;
    for (ranks, bytes) in [
        (1, const { gradient_bytes::<Mlp>(1) }),
        (2, const { gradient_bytes::<Mlp>(2) }),
        (4, const { gradient_bytes::<Mlp>(4) }),
    ] {
        let sent = ThreadGroup::run(ranks, |rank| {
            let counting = Counting(rank, AtomicUsize::new(0));
            let mut sum = SliceSum::<f32>::new(4, LEN);
            for slice in slices_of(rank.rank(), ranks, 4) {
                sum.add(slice, &[1.0; LEN]);
            }
            assert_eq!(
                sum.all_reduce(&counting).expect("all ranks are there")[LEN - 1],
                4.0
            );
            counting.1.into_inner()
        });
        let most = sent.into_iter().max().expect("ranks");
        assert!(
            most <= bytes && bytes <= most + 32,
            "{ranks} ranks: {most} of {bytes}"
        );
    }
}

#[test]
fn bytes_reach_all_ranks_from_any_root() {
    for size in 1..=5 {
        for root in 0..size {
            for bytes in ThreadGroup::run(size, |rank| {
                let mut bytes = if rank.rank() == root {
                    [7, 8, 9]
                } else {
                    [0; 3]
                };
                rank.broadcast(&mut bytes, root)
                    .expect("all ranks are there");
                rank.barrier().expect("all ranks are there");
                let own = vec![rank.rank() as u8; rank.rank()];
                let all = rank.all_gather(&own).expect("all ranks are there");
                let expected: Vec<_> = (0..size).map(|rank| vec![rank as u8; rank]).collect();
                assert_eq!(all, expected);
                bytes
            }) {
                assert_eq!(bytes, [7, 8, 9]);
            }
        }
    }
}
