//! Metrics apart from their values: errors, printing, rows of labels, evaluation of networks.

use crate::common::{random, settings};
use shapewright::metrics::*;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank1, Rank2, Rank3};

fn labels<const N: usize>(classes: &[u8]) -> Vec<Label<N>> {
    Label::from_numbers(classes).expect("classes")
}

#[test]
fn without_samples_nothing_is_defined() {
    fn empty<O, G>(metric: impl Measures<O, G>, needed: usize) {
        let name = metric.name();
        let error = metric.of(&[], &[]).expect_err(&name);
        assert_eq!(
            error,
            MetricError::TooFewSamples { found: 0, needed },
            "{name}"
        );
    }

    type Scores = Tensor1<3>;
    type Class = Label<3>;

    empty::<Scores, Class>(Accuracy::new(), 1);
    empty::<Scores, Class>(TopKAccuracy::new(2), 1);
    empty::<Scores, Class>(BalancedAccuracy::new(), 1);
    empty::<Scores, Class>(Precision::new(Average::Macro), 1);
    empty::<Scores, Class>(Recall::new(Average::Micro), 1);
    empty::<Scores, Class>(F1::new(Average::Weighted), 1);
    empty::<Scores, Class>(F1::new(Average::Class(2)), 1);
    empty::<Scores, Class>(MatthewsCorrelation::new(), 1);
    empty::<Scores, Class>(LogLoss::new(Outputs::Logits), 1);
    empty::<Scores, Class>(RocAucOneVsRest::new(Outputs::Logits), 1);
    empty::<f32, bool>(RocAuc::new(), 1);
    empty::<f32, bool>(AveragePrecision::new(), 1);
    empty::<Scores, Scores>(MeanSquaredError::new(), 1);
    empty::<Scores, Scores>(RootMeanSquaredError::new(), 1);
    empty::<Scores, Scores>(MeanAbsoluteError::new(), 1);
    empty::<Scores, Scores>(R2Score::new(), 2);
}

#[test]
fn errors_say_what_is_missing() {
    let error = RocAuc::new()
        .of(&[0.1, 0.2], &[true, true])
        .expect_err("one class");
    assert_eq!(
        error,
        MetricError::MissingClass {
            class: 0,
            samples: 2
        }
    );
    let error = RocAuc::new()
        .of(&[0.1, 0.2], &[false, false])
        .expect_err("one class");
    assert_eq!(
        error.to_string(),
        "this compares each class with the others, but none of 2 samples is of class 1; measure on samples of \
         every class"
    );
    assert_eq!(
        AveragePrecision::new()
            .of(&[0.1], &[false])
            .expect_err("one class")
            .to_string(),
        {
            MetricError::MissingClass {
                class: 1,
                samples: 1,
            }
            .to_string()
        }
    );
    let error = RocAuc::new()
        .of(&[0.1, f32::NAN, 0.2], &[true, false, true])
        .expect_err("NaN");
    assert_eq!(error, MetricError::NotANumber { sample: 1 });
    assert!(
        error
            .to_string()
            .starts_with("this sorts the samples by score, but the score of sample 1 is NaN")
    );

    let outputs = [[0.2, 0.3, 0.5], [f64::NAN, 0.0, 1.0]].map(Tensor1::from);
    let auc = RocAucOneVsRest::new(Outputs::Probabilities);
    let error = auc
        .clone()
        .of(&outputs, &labels(&[0, 2]))
        .expect_err("no sample of class 1");
    // Class 0 comes first, and its scores have a NaN.
    assert_eq!(error, MetricError::NotANumber { sample: 1 });
    let error = auc
        .of(&outputs[..1], &labels(&[2]))
        .expect_err("no sample of class 0");
    assert_eq!(
        error,
        MetricError::MissingClass {
            class: 0,
            samples: 1
        }
    );
    assert_eq!(
        R2Score::new()
            .of(&[Tensor0::from(1.0)], &[Tensor0::from(1.0)])
            .expect_err("one sample")
            .to_string(),
        "this takes at least 2 samples, but has seen 1; update the metric first"
    );
}

#[test]
fn positive_and_negative_zero_are_one_score() {
    assert_eq!(RocAuc::new().of(&[0.0, -0.0], &[true, false]), Ok(0.5));
    assert_eq!(
        RocAuc::new().of(&[-0.0, 0.0, -0.0], &[true, false, false]),
        Ok(0.5)
    );
    assert_eq!(
        AveragePrecision::new().of(&[0.0, -0.0], &[true, false]),
        Ok(0.5)
    );
}

#[test]
fn infinite_scores_have_an_order() {
    let scores = [f64::INFINITY, 3.0, f64::NEG_INFINITY];
    assert_eq!(RocAuc::new().of(&scores, &[true, true, false]), Ok(1.0));
}

#[test]
fn nan_is_the_largest_score_of_a_class() {
    let outputs = [[0.5, f32::NAN, 0.9], [f32::NAN; 3]].map(Tensor1::from);
    for (classes, right) in [([1, 0], 1.0), ([2, 1], 0.0), ([1, 2], 0.5)] {
        let labels = labels::<3>(&classes);
        assert_eq!(
            Accuracy::new().of(&outputs, &labels),
            Ok(right),
            "{classes:?}"
        );
        assert_eq!(
            TopKAccuracy::new(1).of(&outputs, &labels),
            Ok(right),
            "{classes:?}"
        );
        assert_eq!(
            ConfusionMatrix::of(&outputs, &labels).accuracy(),
            Ok(right),
            "{classes:?}"
        );
    }

    assert_eq!(TopKAccuracy::new(2).of(&outputs, &labels(&[2, 1])), Ok(1.0));
}

#[test]
fn nan_gives_nan_where_numbers_are_summed() {
    let nan = [Tensor0::from(f32::NAN); 2];
    let zero = [Tensor0::from(0.0); 2];

    assert!(
        MeanSquaredError::new()
            .of(&nan, &zero)
            .is_ok_and(f64::is_nan)
    );
    assert!(
        RootMeanSquaredError::new()
            .of(&nan, &zero)
            .is_ok_and(f64::is_nan)
    );
    assert!(
        MeanAbsoluteError::new()
            .of(&nan, &zero)
            .is_ok_and(f64::is_nan)
    );
    assert!(R2Score::new().of(&nan, &zero).is_ok_and(f64::is_nan));
    assert!(R2Score::new().of(&zero, &nan).is_ok_and(f64::is_nan));

    let outputs = [Tensor1::from([f32::NAN, 0.0])];
    for given in [Outputs::Logits, Outputs::Probabilities] {
        // The score of the right class, and that of the other one.
        for class in [0, 1] {
            assert!(
                LogLoss::new(given)
                    .of(&outputs, &labels(&[class]))
                    .is_ok_and(f64::is_nan)
            );
        }
    }
}

#[test]
fn the_log_loss_of_large_logits_is_finite() {
    let outputs = [Tensor1::from([1000.0_f32, -1000.0])];
    assert_eq!(
        LogLoss::new(Outputs::Logits).of(&outputs, &labels(&[1])),
        Ok(2000.0)
    );
    assert_eq!(
        LogLoss::new(Outputs::Logits).of(&outputs, &labels(&[0])),
        Ok(0.0)
    );
}

#[test]
fn large_logits_have_an_order() {
    let outputs = [
        [800.0, 0.0, -800.0],
        [-900.0, 900.0, 0.0],
        [0.0, 1.0, 900.0],
    ]
    .map(Tensor1::from);
    let auc = RocAucOneVsRest::new(Outputs::Logits);
    let scores: [Tensor1<3>; 3] = outputs;
    assert_eq!(auc.of(&scores, &labels(&[0, 1, 2])), Ok(1.0));
}

#[test]
fn a_threshold_decides_every_element() {
    let outputs = [[1.0, -2.0, f32::NAN], [0.0, 3.0, -1.0]].map(Tensor1::from);
    let targets = [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]].map(Tensor1::from);
    assert_eq!(
        AtThreshold::new(0.0, Accuracy::new()).of(&outputs, &targets),
        Ok(4.0 / 6.0)
    );
    assert_eq!(
        AtThreshold::new(-1.5, Recall::new(Average::Class(1))).of(&outputs, &targets),
        Ok(0.75)
    );
    assert_eq!(
        AtThreshold::new(2.0, Precision::new(Average::Class(1))).of(&outputs, &targets),
        Ok(1.0)
    );
}

#[test]
fn each_row_of_scores_has_its_label() {
    let rows: Vec<Tensor<Rank2<4, 3>>> = random(5, 1);
    let pixels: Vec<Tensor<Rank3<2, 2, 3>>> = rows
        .iter()
        .map(|row| *row.reshape::<Rank3<2, 2, 3>>())
        .collect();
    let flat: Vec<Tensor1<3>> = rows
        .iter()
        .flat_map(|row| (0..4).map(|i| *row.row(i)))
        .collect();
    let classes: Vec<u8> = (0..20).map(|i| i * 7 % 3).collect();
    let flat_labels = labels::<3>(&classes);
    let row_labels: Vec<[Label<3>; 4]> = flat_labels.as_chunks().0.to_vec();
    let pixel_labels: Vec<[[Label<3>; 2]; 2]> = row_labels
        .iter()
        .map(|&[a, b, c, d]| [[a, b], [c, d]])
        .collect();

    let matrix = ConfusionMatrix::of(&flat, &flat_labels);
    assert_eq!(matrix.total(), 20);
    assert_eq!(ConfusionMatrix::of(&rows, &row_labels), matrix);
    assert_eq!(ConfusionMatrix::of(&pixels, &pixel_labels), matrix);
    let loss = LogLoss::new(Outputs::Logits).of(&flat, &flat_labels);
    assert_eq!(
        LogLoss::new(Outputs::Logits).of(&pixels, &pixel_labels),
        loss
    );
}

#[test]
fn a_confusion_matrix_may_have_no_classes() {
    let mut matrix = ConfusionMatrix::<0>::new();
    let none: [Option<Label<0>>; 2] = [None; 2];
    matrix.update(&[Tensor1::<0>::zeros(); 2], &none);
    assert_eq!(matrix.counts(), [[0; 0]; 0]);
    assert_eq!(matrix.normalized(Normalize::All), [[0.0; 0]; 0]);
    assert_eq!((matrix.total(), matrix.nonzero().count()), (0, 0));
}

#[test]
fn confusion_matrices_add_up_and_print() {
    let outputs: Vec<Tensor1<3>> = random(40, 2);
    let classes = labels(&(0..40).map(|i| i % 3).collect::<Vec<u8>>());
    let whole = ConfusionMatrix::of(&outputs, &classes);
    let mut sum = ConfusionMatrix::of(&outputs[..15], &classes[..15]);
    sum.merge(&ConfusionMatrix::of(&outputs[15..], &classes[15..]));
    assert_eq!(sum, whole);
    let right = outputs
        .iter()
        .zip(&classes)
        .filter(|(x, label)| x.argmax() == label.index())
        .count();
    assert_eq!((whole.correct(), whole.total()), (right as u64, 40));
    sum.reset();
    assert_eq!(sum, ConfusionMatrix::new());

    let mut matrix = ConfusionMatrix::<2>::new();
    let [no, yes] = [0, 1].map(|class| Label::new(class).expect("a class"));
    (0..120).for_each(|_| matrix.add(yes, yes));
    matrix.add(yes, no);
    assert_eq!((matrix.count(no, yes), matrix.count(yes, no)), (1, 0));
    assert_eq!(
        matrix.to_string(),
        "label \\ predicted  0    1\n0                  0    1\n1                  0  120\n"
    );
    assert_eq!(
        matrix.named(&["nö", "a name that is long"]).to_string(),
        "label \\ predicted    nö  a name that is long\n\
         nö                    0                    1\n\
         a name that is long   0                  120\n"
    );
    assert_eq!(
        matrix.named(&["two\nlines", "a\ttab"]).to_string(),
        "label \\ predicted  two lines  a tab\n\
         two lines                  0      1\n\
         a tab                      0    120\n"
    );
}

#[test]
fn pairs_of_more_classes_than_a_u32_counts_are_told_apart() {
    // Label 2^31 and prediction 0 have the place 2^64, which wraps to that of label 0.
    const N: usize = 1 << 33;
    let label = |class: usize| Label::<N>::new(class).expect("a class");
    // The last class that a label can be.
    let last = u32::MAX as usize;
    let pairs = [(0, 0), (1 << 31, 0), (1 << 31, 7), (last, last)];
    let mut matrix = ConfusionMatrix::<N>::new();
    for (of, taken_for) in pairs {
        matrix.add(label(taken_for), label(of));
    }
    matrix.merge(&matrix.clone());

    let counts: Vec<_> = matrix
        .nonzero()
        .map(|(of, taken_for, count)| (of.index(), taken_for.index(), count))
        .collect();
    assert_eq!(counts, pairs.map(|(of, taken_for)| (of, taken_for, 2)));
    assert_eq!(matrix.count(label(1 << 31), label(0)), 2);
    assert_eq!(matrix.count(label(0), label(7)), 0);
    assert_eq!(matrix.total(), 8);
}

#[test]
#[should_panic(expected = "but found 8589934592 classes with a count for each pair; take those")]
fn counts_that_no_memory_has_are_refused() {
    ConfusionMatrix::<{ 1 << 33 }>::new().counts();
}

#[test]
#[should_panic(expected = "class 3 is not one of 3 classes")]
fn a_class_that_is_not_there_is_refused() {
    F1::<3>::new(Average::Class(3));
}

#[test]
#[should_panic(expected = "the metric was given 2 outputs but 1 targets")]
fn outputs_and_targets_have_one_length() {
    Accuracy::new().update(&[Tensor1::<3>::zeros(); 2], &labels(&[0]));
}

network! { struct Small: [4] -> [3] { Linear<_, 8>, Tanh, Linear<_, 3> } }
network! { struct Double: [4] -> [3] as f64 { Linear<_, 8>, Tanh, Linear<_, 3> } }
network! { struct Wide: [3] -> [300, 500] { Linear<_, 150000>, Reshape<300, 500> } }

fn evaluates<N: Trainable<Input = Rank1<4>, Output = Rank1<3>>>() {
    let net = N::init(&mut shapewright::rng(0));
    // More than two pieces, the last one short.
    let inputs: Vec<Tensor1<4, N::Element>> = random(2500, 3);
    let classes = labels::<3>(&(0..2500).map(|i| (i % 3) as u8).collect::<Vec<_>>());
    let mut expected = ConfusionMatrix::new();
    for (x, &label) in inputs.iter().zip(&classes) {
        expected.add(Label::new(net.forward(x).argmax()).expect("a class"), label);
    }
    let matrix = net
        .evaluate(&inputs, &classes)
        .expect("a label for each input");
    assert_eq!(matrix, expected);
    assert!(
        matrix.predicted().iter().filter(|&&n| n > 0).count() > 1,
        "a test with one prediction"
    );

    let mut accuracy = Accuracy::new();
    let mut top = TopKAccuracy::new(2);
    net.measure(&inputs, &classes, &mut [&mut accuracy, &mut top])
        .expect("a label for each input");
    assert_eq!(accuracy.value(), expected.accuracy());
    assert!(top.value().expect("samples") > expected.accuracy().expect("samples"));

    let error = net
        .evaluate(&inputs, &classes[1..])
        .expect_err("a label is missing");
    assert_eq!(
        error,
        CountError {
            inputs: 2500,
            targets: 2499
        }
    );
    let error = net
        .measure(&inputs[2..], &classes, &mut [&mut accuracy])
        .expect_err("inputs are missing");
    assert_eq!(
        error.to_string(),
        "there are 2498 inputs but 2500 targets; give one target for each input"
    );
    assert_eq!(
        net.evaluate(&inputs[..0], &classes[..0]),
        Ok(ConfusionMatrix::new())
    );
}

#[test]
fn networks_are_evaluated_in_pieces() {
    settings().every_threads(&[1, 2], |_| {
        evaluates::<Small>();
        evaluates::<Double>();
    });
}

#[test]
fn large_outputs_are_evaluated() {
    let net = Wide::init(&mut shapewright::rng(0));
    let inputs: Vec<Tensor1<3>> = random(5, 4);
    let classes = vec![[Label::<500>::default(); 300]; 5];
    let matrix = net
        .evaluate(&inputs, &classes)
        .expect("labels for each input");
    assert_eq!(matrix.total(), 1500);
    let mut y = Tensor::zeros_boxed();
    net.forward_into(&inputs[4], &mut *y);
    let mut last = ConfusionMatrix::of(std::slice::from_ref(&*y), &classes[..1]);
    last.merge(
        &net.evaluate(&inputs[..4], &classes[..4])
            .expect("labels for each input"),
    );
    assert_eq!(last, matrix);
}

/// A metric of the user's own: the largest difference.
#[derive(Default)]
struct Worst(f64);

impl Metric for Worst {
    fn name(&self) -> String {
        "largest error".to_owned()
    }
    fn value(&self) -> Result<f64, MetricError> {
        Ok(self.0)
    }
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl<S: Shape, T: Element> Measures<Tensor<S, T>, Tensor<S, T>> for Worst {
    fn update(&mut self, outputs: &[Tensor<S, T>], targets: &[Tensor<S, T>]) {
        for (&y, &t) in Tensor::flatten(outputs)
            .iter()
            .zip(Tensor::flatten(targets))
        {
            self.0 = self.0.max((y - t).abs().to_f64().expect("a number"));
        }
    }
}

#[test]
fn a_list_of_metrics_has_a_user_s_own() {
    let net = Small::init(&mut shapewright::rng(0));
    let inputs: Vec<Tensor1<4>> = random(9, 5);
    let targets: Vec<Tensor1<3>> = random(9, 6);
    let mut worst = Worst::default();
    let mut mae = MeanAbsoluteError::new();
    net.measure(&inputs, &targets, &mut [&mut worst, &mut mae])
        .expect("a target for each input");
    assert!(worst.value().expect("a number") > mae.value().expect("samples"));
    let list: [&dyn Measures<Tensor1<3>, Tensor1<3>>; 2] = [&worst, &mae];
    assert_eq!(list.map(|metric| metric.name()), ["largest error", "MAE"]);
}

#[test]
fn a_trainer_measures_at_the_end_of_each_epoch() {
    let inputs: Vec<Tensor1<4>> = random(60, 7);
    let classes: Vec<Label<3>> = inputs
        .iter()
        .map(|x| Label::new(usize::from(x[0] > 0.0)).expect("a class"))
        .collect();

    let mut net = Small::init(&mut shapewright::rng(0));
    let history = Small::trainer(Adam::new(0.05), CrossEntropy)
        .epochs(15)
        .metric(Accuracy::new())
        .fit(&mut net, &inputs, &classes)
        .expect("a training");

    let accuracies: Vec<f64> = history
        .epochs
        .iter()
        .map(|epoch| epoch.metrics[0].1)
        .collect();
    let last = net
        .evaluate(&inputs, &classes)
        .expect("a label for each input");

    assert_eq!(accuracies.last().copied(), last.accuracy().ok());
    assert!(
        accuracies[14] > 0.9 && accuracies[0] < accuracies[14],
        "{accuracies:?}"
    );
}

#[test]
#[should_panic(expected = "a threshold of NaN")]
fn a_threshold_of_nan_is_refused() {
    let _ = AtThreshold::new(f64::NAN, Accuracy::<2>::new());
}
