//! Training on data sets whose samples are made when they are needed.

use shapewright::augment::MixUp;
use shapewright::data::text::{NextToken, Vocabulary, VocabularyBuilder};
use shapewright::data::{Batches, Dataset};
use shapewright::loss::{IgnorePadding, Padded};
use shapewright::metrics::{Accuracy, MeanAbsoluteError, Outputs, Perplexity};
use shapewright::prelude::*;
use shapewright::train::TrainError;
use std::sync::atomic::{AtomicUsize, Ordering};

const TEXT: &str = "the quick brown fox jumps over the lazy dog, and the dog sleeps on. ";
const LENGTH: usize = 6;
const TOKENS: usize = 29;

network! {
    struct Letters: [LENGTH] -> [LENGTH, TOKENS] {
        Embedding<TOKENS, 16>,
        Linear<_, 32>,
        Tanh,
        Linear<_, TOKENS>,
    }
}

fn text() -> (Vocabulary<TOKENS>, Vec<Index<TOKENS>>) {
    let text = TEXT.repeat(30);
    let vocabulary: Vocabulary<TOKENS> = VocabularyBuilder::characters()
        .build([&text])
        .expect("few characters");
    let tokens = vocabulary.encode(&text).expect("known characters");
    (vocabulary, tokens)
}

#[test]
fn a_language_model_learns_from_windows() {
    let (vocabulary, tokens) = text();
    let (train, validation) = tokens.split_at(1800);
    let windows = NextToken::<TOKENS, LENGTH>::new(train)
        .expect("windows")
        .draw(320);
    let (x, targets) = NextToken::<TOKENS, LENGTH>::new(validation)
        .expect("windows")
        .stride(LENGTH)
        .to_vecs();

    let mut net = Letters::init(&mut shapewright::rng(0));
    let history = Letters::trainer(Adam::new(0.02), CrossEntropy)
        .epochs(12)
        .validate(&x, &targets)
        .metric(Perplexity::new(Outputs::Logits))
        .metric(Accuracy::new())
        .fit_dataset(&mut net, &windows)
        .expect("a training");
    assert_eq!(history.epochs.len(), 12);
    assert_eq!(history.epochs[11].steps, 12 * 10);

    // A letter alone predicts the next one with about 0.8 nats.
    let last = history.last().expect("an epoch");
    let loss = last.validation_loss.expect("validation");
    assert!(loss < 1.0, "{loss}");
    let perplexity = last.metrics[0].1;
    assert!(
        (perplexity - loss.exp()).abs() < 1e-4 * perplexity,
        "{perplexity} {loss}"
    );

    // `q` is always followed by `u`.
    let q = vocabulary.encode("qqqqqq").expect("letters");
    let y = net.forward(&Tensor1::from_indices(&q).expect("six letters"));
    let [u] = vocabulary.encode("u").expect("a letter")[..] else {
        panic!("one letter")
    };
    let row: Tensor1<TOKENS> = Tensor1::from_slice(&y.as_slice()[..TOKENS]).expect("a row");
    assert_eq!(row.argmax(), u.index());
}

/// A data set with each window once is trained on as the same samples in slices are, bit for bit.
#[test]
fn a_data_set_is_trained_on_like_slices() {
    let (_, tokens) = text();
    let windows = NextToken::<TOKENS, LENGTH>::new(&tokens[..200]).expect("windows");
    let (x, targets) = windows.to_vecs();

    let train = |in_slices| {
        let mut net = Letters::init(&mut shapewright::rng(0));
        let trainer = Letters::trainer(Adam::new(0.02), CrossEntropy)
            .epochs(3)
            .batch_size(7);
        let history = if in_slices {
            trainer.fit(&mut net, &x, &targets)
        } else {
            trainer.fit_dataset(&mut net, &windows)
        };
        let history = history.expect("a training");
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
        (losses, net.forward(&x[0]))
    };
    assert!(train(true) == train(false));
}

#[test]
fn a_training_on_draws_continues_from_its_checkpoint() {
    let (_, tokens) = text();
    let windows = NextToken::<TOKENS, LENGTH>::new(&tokens)
        .expect("windows")
        .draw(100);
    let folder = std::env::temp_dir().join(format!("shapewright-draws-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("letters.checkpoint");

    let train = |epochs, checkpoint| {
        let mut net = Letters::init(&mut shapewright::rng(0));
        let mut trainer = Letters::trainer(Adam::new(0.02), CrossEntropy).epochs(epochs);
        if checkpoint {
            trainer = trainer.checkpoint(&path).resume(true);
        }
        trainer.fit_dataset(&mut net, &windows).expect("a training");
        net.forward(&Tensor1::ones())
    };
    train(2, true);
    let resumed = train(4, true);
    std::fs::remove_dir_all(&folder).expect("the folder");
    assert!(resumed == train(4, false));
}

/// Samples that count how often they are made.
struct Counting {
    samples: usize,
    made: AtomicUsize,
}

impl Dataset<Tensor1<2>, Tensor1<1>> for Counting {
    fn len(&self) -> usize {
        self.samples
    }
    fn push(&self, position: usize, x: &mut Vec<Tensor1<2>>, y: &mut Vec<Tensor1<1>>) {
        self.made.fetch_add(1, Ordering::Relaxed);
        x.push(Tensor1::from([position as f32 * 0.01, 1.0]));
        y.push(Tensor1::from([position as f32 * 0.02]));
    }
}

network! { struct Line: [2] -> [1] { Linear<_, 1> } }

#[test]
fn each_sample_is_made_once_in_an_epoch() {
    let data = Counting {
        samples: 50,
        made: AtomicUsize::new(0),
    };
    let mut net = Line::init(&mut shapewright::rng(0));
    Line::trainer(Sgd::new(0.1), Mse)
        .epochs(3)
        .batch_size(8)
        .fit_dataset(&mut net, &data)
        .expect("a training");
    assert_eq!(data.made.load(Ordering::Relaxed), 150);
}

/// Another thread makes and mixes the samples.
#[test]
fn samples_of_a_data_set_are_mixed_like_slices() {
    let data = Counting {
        samples: 50,
        made: AtomicUsize::new(0),
    };
    let (mut x, mut y) = (Vec::new(), Vec::new());
    (0..50).for_each(|position| data.push(position, &mut x, &mut y));

    let trainer = || {
        Line::trainer(Sgd::new(0.1), Mse)
            .epochs(3)
            .batch_size(8)
            .mixup(MixUp::new(0.4))
    };
    let (mut net, mut of_slices) = (
        Line::init(&mut shapewright::rng(0)),
        Line::init(&mut shapewright::rng(0)),
    );
    trainer().fit_dataset(&mut net, &data).expect("a training");
    trainer().fit(&mut of_slices, &x, &y).expect("a training");
    assert!(net.forward(&x[7]) == of_slices.forward(&x[7]));
}

#[test]
fn data_sets_that_cannot_be_trained_on_are_refused() {
    let data = |samples| Counting {
        samples,
        made: AtomicUsize::new(0),
    };
    let mut net = Line::init(&mut shapewright::rng(0));
    let empty = Line::trainer(Sgd::new(0.1), Mse).fit_dataset(&mut net, &data(0));
    assert!(matches!(
        empty,
        Err(TrainError::Empty {
            samples: "training"
        })
    ));

    let error = Line::trainer(Sgd::new(0.1), Mse)
        .metric(MeanAbsoluteError::new())
        .fit_dataset(&mut net, &data(5))
        .expect_err("a metric without samples");
    let text = error.to_string();
    assert!(
        text.contains("need validation samples; give them with `validate`"),
        "{text}"
    );
}

/// A data set that appends two inputs.
struct Twice;

impl Dataset<Tensor1<2>, Tensor1<1>> for Twice {
    fn len(&self) -> usize {
        4
    }
    fn push(&self, _: usize, x: &mut Vec<Tensor1<2>>, y: &mut Vec<Tensor1<1>>) {
        x.extend([Tensor1::zeros(); 2]);
        y.push(Tensor1::zeros());
    }
}

#[test]
#[should_panic = "`Dataset::push` appends one input and one target, but now there are 2 and 1 of 1"]
fn a_data_set_that_appends_too_much_is_named() {
    Batches::of_dataset(&Twice, 2).next_batch();
}

network! { struct Series: [4] -> [4, 1] { Reshape<4, 1>, Linear<_, 1> } }

/// Padding of NaN in the targets stops no training.
#[test]
fn padded_sequences_are_trained_on() {
    let x: Vec<Tensor1<4>> = (0..40)
        .map(|i| Tensor1::from([i as f32 * 0.02, 0.5, 0.1, 0.3]))
        .collect();
    let targets: Vec<Padded<Tensor2<4, 1>>> = x
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let length = 1 + i % 4;
            let y = |at: usize| {
                if at < length {
                    3.0 * x[at] - 1.0
                } else {
                    f32::NAN
                }
            };
            Padded::new(Tensor2::from([[y(0)], [y(1)], [y(2)], [y(3)]]), length)
        })
        .collect();
    let mut net = Series::init(&mut shapewright::rng(0));
    let history = Series::trainer(Adam::new(0.05), IgnorePadding(Mse))
        .epochs(150)
        .metric(IgnorePadding(MeanAbsoluteError::new()))
        .fit(&mut net, &x, &targets)
        .expect("a training");
    let last = history.last().expect("an epoch");
    assert!(last.loss < 1e-4 && last.metrics[0].1 < 0.02, "{last:?}");
}
