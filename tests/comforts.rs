//! Conveniences around networks: predictions, conversions, passes of two networks, preprocessing as
//! layers, cross-validation, parts of files in the program.

use shapewright::data::{Imputer, MinMaxScaler, StandardScaler, k_fold};
use shapewright::loss::Reduction;
use shapewright::nn::Index;
use shapewright::prelude::*;
use shapewright::rand::distr::StandardUniform;
use shapewright::tensor::Rank1;
use shapewright::train::cross_validate;

network! { #[derive(Clone)] struct Iris: [4] -> [3] { Linear<_, 8>, Relu, Linear<_, 3> } }
network! { struct Ends: [4] -> [3] { Linear<_, 3>, Softmax } }
network! { struct LogEnds: [4] -> [3] { Linear<_, 3>, LogSoftmax } }
network! { struct Answers: [4] -> [3] { Linear<_, 3>, Sigmoid } }
network! { struct Binary: [4] -> [1] as f64 { Linear<_, 1> } }
network! { struct Pixels: [4] -> [2, 3] { Linear<_, 6>, Reshape<2, 3> } }

fn samples<const N: usize>(count: usize) -> Vec<Tensor1<N>> {
    let mut rng = shapewright::rng(7);
    (0..count)
        .map(|_| Tensor::random(StandardUniform, &mut rng))
        .collect()
}

#[test]
fn predictions_are_those_of_forward_batch() {
    let net = Iris::init(&mut shapewright::rng(0));
    let x = samples(70);
    let mut expected = vec![Tensor1::zeros(); 70];
    net.forward_batch(&x, &mut expected);
    assert_eq!(net.predict(&x), expected);
    assert!(net.predict(&x[..0]).is_empty());

    let classes: Vec<Label<3>> = net.classes(&x);
    for (class, output) in classes.iter().zip(&expected) {
        assert_eq!(*class, output.class());
        assert_eq!(usize::from(*class), output.argmax());
    }
}

#[test]
fn probabilities_follow_the_last_layer() {
    let x = samples(5);
    let logits = Iris::init(&mut shapewright::rng(0));
    for (p, output) in logits.probabilities(&x).iter().zip(logits.predict(&x)) {
        assert_eq!(*p, output.softmax());
    }

    let ends = Ends::init(&mut shapewright::rng(0));
    assert_eq!(ends.probabilities(&x), ends.predict(&x));
    let answers = Answers::init(&mut shapewright::rng(0));
    assert_eq!(answers.probabilities(&x), answers.predict(&x));

    let mut logs = LogEnds::zeros();
    logs.params_mut().copy_from_slice(ends.params());
    for (a, b) in logs.probabilities(&x).iter().zip(ends.predict(&x)) {
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    let mut binary = Binary::zeros();
    for (logit, p) in [
        (0.0, 0.5),
        (-800.0, 0.0),
        (800.0, 1.0),
        (2.0, 1.0 / (1.0 + (-2.0_f64).exp())),
    ] {
        binary.layer_0.bias = [logit];
        let found = binary.probabilities(&[Tensor1::zeros()])[0][0];
        assert!((found - p).abs() < 1e-15, "{logit}: {found}");
    }

    let pixels = Pixels::init(&mut shapewright::rng(0));
    let classes: Vec<[Label<3>; 2]> = pixels.classes(&x);
    let probabilities = pixels.probabilities(&x);
    for (p, classes) in probabilities.iter().zip(&classes) {
        for (row, class) in p.as_array().iter().zip(classes) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(row.iter().all(|&other| other <= row[class.index()]));
        }
    }
}

#[test]
fn labels_and_indices_come_from_all_integers() {
    let expected = [0, 2, 1].map(|class| Label::<3>::new(class).expect("a class"));
    assert_eq!(
        Label::from_numbers(&[0_u8, 2, 1]).expect("classes"),
        expected
    );
    assert_eq!(
        Label::from_numbers(&[0_i64, 2, 1]).expect("classes"),
        expected
    );
    assert_eq!(
        Label::from_values(vec![0_usize, 2, 1]).expect("classes"),
        expected
    );
    assert_eq!(
        Label::from_values((0..3_u16).map(|i| 2 * i % 3)).expect("classes"),
        expected
    );
    assert_eq!(Label::<3>::try_from(2).expect("a class"), expected[1]);

    let error = Label::<3>::from_numbers(&[0_isize, -1]).expect_err("no class");
    assert_eq!((error.class, error.position), (-1, Some(1)));
    let indices = Index::<4>::from_values([3_usize, 0].iter()).expect("indices");
    assert_eq!(indices[0].index(), 3);
}

#[test]
fn tensors_come_from_vectors_and_iterators() {
    let rows = vec![vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0, 6.0]];
    let samples = Tensor1::<2>::from_rows(&rows).expect("rows of two");
    assert_eq!(
        samples,
        [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].map(Tensor1::from)
    );
    let matrix = Tensor2::<3, 2>::try_from(rows.clone()).expect("three rows of two");
    assert_eq!(matrix, Tensor2::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
    assert_eq!(
        Tensor2::<2, 2, i32>::try_from(vec![1, 2, 3, 4]).expect("four")[[1, 0]],
        3
    );
    assert_eq!(
        Tensor1::<3, u8>::from_values(1..4).expect("three"),
        Tensor1::from([1, 2, 3])
    );

    let ragged = vec![vec![1.0, 2.0], vec![3.0]];
    let sentence = "a tensor of shape [2] takes 2 elements, but row 1 has 1";
    assert_eq!(
        Tensor1::<2>::from_rows(&ragged)
            .expect_err("ragged")
            .to_string(),
        sentence
    );
    assert_eq!(
        Tensor2::<2, 2>::try_from(ragged)
            .expect_err("ragged")
            .to_string(),
        sentence
    );
    assert_eq!(
        Tensor2::<2, 2>::try_from(rows).expect_err("too many").found,
        6
    );
    for count in [2, 4] {
        let error = Tensor1::<3, i32>::from_values(0..count).expect_err("not three");
        assert_eq!(error.found, count as usize);
    }
}

#[test]
fn scalers_take_one_sample() {
    let data = samples::<3>(20);
    let standard = StandardScaler::fit(&data).expect("numbers");
    let range = MinMaxScaler::fit(&data).expect("numbers");
    let imputer = Imputer::mean(&data).expect("numbers");

    let mut all = data.clone();
    standard.transform(&mut all);
    range.transform(&mut all[..]);
    let mut one = data[4];
    standard.transform(&mut one);
    range.transform(&mut one);
    imputer.transform(&mut one);
    assert_eq!(one, all[4]);
    range.inverse_transform(&mut one);
    standard.inverse_transform(&mut one);
    assert!(one.iter().zip(&data[4]).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn the_most_frequent_value_fills() {
    let column = [3.0, 1.0, f32::NAN, 3.0, 1.0, 2.0].map(|x| Tensor1::from([x]));
    assert_eq!(
        Imputer::most_frequent(&column).expect("values").fill[0],
        1.0
    );
    let column = [3.0, 1.0, f32::NAN, 3.0].map(|x| Tensor1::from([x]));
    assert_eq!(
        Imputer::most_frequent(&column).expect("values").fill[0],
        3.0
    );
    assert!(Imputer::most_frequent(&column[2..3]).is_err());
}

#[test]
fn a_loss_is_the_mean_over_samples_of_the_sums() {
    let outputs = [[0.5, 2.0], [0.25, 1.0], [0.0, -1.0]].map(Tensor1::<2, f64>::from);
    let targets = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]].map(Tensor1::from);
    let mut gradients = [Tensor1::zeros(); 3];
    let mut sums = [Tensor1::zeros(); 3];
    let mean = Mse
        .reduction(Reduction::SampleMean)
        .loss(&outputs, &targets, &mut gradients);
    let sum = Mse
        .reduction(Reduction::Sum)
        .loss(&outputs, &targets, &mut sums);
    assert!((mean - sum / 3.0).abs() < 1e-15);
    for (gradient, sum) in Tensor::flatten(&gradients)
        .iter()
        .zip(Tensor::flatten(&sums))
    {
        assert!((gradient - sum / 3.0).abs() < 1e-15);
    }

    let mean =
        BceWithLogits
            .reduction(Reduction::SampleMean)
            .loss(&outputs, &targets, &mut gradients);
    let all = BceWithLogits.loss(&outputs, &targets, &mut sums);
    assert!((mean - 2.0 * all).abs() < 1e-14);

    // One label for each of two places.
    let scores = [Tensor2::<2, 2, f64>::from([[0.5, 1.0], [2.0, 0.0]])];
    let labels = [[Label::<2>::default(); 2]];
    let mut gradients = [Tensor2::zeros()];
    let mean = CrossEntropy
        .reduction(Reduction::SampleMean)
        .loss(&scores, &labels, &mut gradients);
    assert!((mean - 2.0 * CrossEntropy.loss(&scores, &labels, &mut gradients)).abs() < 1e-14);
}

network! { struct Generator: [2] -> [3] as f64 { Linear<_, 5>, Tanh, Linear<_, 3> } }
network! { struct Judge: [3] -> [1] as f64 { Linear<_, 4>, Tanh, Linear<_, 1> } }
network! {
    struct Both: [2] -> [1] as f64 { generator: Generator, judge: Judge }
}

/// The gradient through two networks is that of one network which has both.
#[test]
fn the_gradient_of_one_network_goes_back_into_another() {
    let mut rng = shapewright::rng(3);
    let both = Both::init(&mut rng);
    let noise: Vec<Tensor1<2, f64>> = (0..9)
        .map(|_| Tensor::random(StandardUniform, &mut rng))
        .collect();
    let targets = [Tensor1::ones(); 9];

    let mut expected = Both::zeros();
    let mut workspace = Both::workspace();
    let mut pass = both.forward_train(&noise, &mut workspace);
    let loss = pass.loss(&BceWithLogits, &targets);
    pass.backward(&mut expected);

    let mut gradient = Generator::zeros();
    let mut workspace = Generator::workspace();
    let mut judges = Judge::workspace();
    let mut pass = both.generator.forward_train(&noise, &mut workspace);
    let (fakes, gradients) = pass.outputs_and_gradients_mut();
    let mut judged = both.judge.forward_train(fakes, &mut judges);
    assert_eq!(judged.loss(&BceWithLogits, &targets), loss);
    judged.input_gradients_into(gradients);
    pass.backward(&mut gradient);
    for (a, b) in gradient.params().iter().zip(expected.generator.params()) {
        assert!((a - b).abs() < 1e-15);
    }
}

/// The gradient of the inputs outlives the inputs, and is that of `backward_with_input`.
#[test]
fn gradients_of_inputs_borrow_the_workspace_alone() {
    let mut net = Judge::init(&mut shapewright::rng(3));
    let mut workspace = Judge::workspace();
    let mut other = Judge::workspace();
    let mut gradient = Judge::zeros();
    let x = [
        Tensor1::from([0.1, 0.2, 0.3]),
        Tensor1::from([1.0, -1.0, 0.0]),
    ];
    let mut pass = net.forward_train(&x, &mut other);
    pass.loss(&Mse, &[Tensor1::ones(); 2]);
    let expected = pass.backward_with_input(&mut gradient);

    let gradients = {
        let inputs = x.to_vec();
        let mut pass = net.forward_train(&inputs, &mut workspace);
        pass.loss(&Mse, &[Tensor1::ones(); 2]);
        pass.input_gradients()
    };
    // The network may change while they are read.
    net.params_mut()[0] = 1.0;
    assert_eq!(gradients, expected);
    assert!(gradients[0].iter().any(|&g| g != 0.0));
}

#[test]
#[should_panic(expected = "the batch has 2 inputs, but there is room for 1 gradients")]
fn room_for_the_gradients_of_inputs_is_checked() {
    let net = Judge::zeros();
    let mut workspace = Judge::workspace();
    let x = [Tensor1::zeros(); 2];
    net.forward_train(&x, &mut workspace)
        .input_gradients_into(&mut [Tensor1::zeros()]);
}

network! {
    #[derive(Clone, PartialEq)]
    struct Table: [3] -> [2] {
        Concat { scale: Standardize<_>, missing: IsMissing },
        Linear<_, 8>,
        Relu,
        head: Linear<_, 2>,
    }
}

/// Two features of different sizes and one that is often missing, and missing more often in class 1.
fn table() -> (Vec<Tensor1<3>>, Vec<Label<2>>) {
    let x = samples::<4>(200);
    let class = |x: &Tensor1<4>| usize::from(x[0] + x[1] > 1.0);
    let rows = x.iter().map(|x| {
        let gap = x[3] < 0.2 + 0.5 * class(x) as f32;
        Tensor1::from([1000.0 * x[0], x[1], if gap { f32::NAN } else { x[2] }])
    });
    let labels = Label::from_values(x.iter().map(class)).expect("classes");
    (rows.collect(), labels)
}

fn train(x: &[Tensor1<3>], labels: &[Label<2>]) -> Result<Box<Table>, Box<dyn std::error::Error>> {
    let mut net = Table::init(&mut shapewright::rng(0));
    net.layer_0.scale.fit(x)?;
    Table::trainer(AdamW::new(0.02), CrossEntropy)
        .epochs(20)
        .fit(&mut net, x, labels)?;
    Ok(net)
}

#[test]
fn preprocessing_is_a_part_of_the_network() {
    let (x, labels) = table();
    let net = train(&x, &labels).expect("a training");
    let scale = &net.layer_0.scale;

    // Training has left the numbers as they were measured.
    let imputer = Imputer::<Rank1<3>>::mean(&x).expect("values");
    let mut filled = x.clone();
    imputer.transform(&mut filled);
    let scaler = StandardScaler::fit(&filled).expect("values");
    assert_eq!(scale.fill, *imputer.fill.as_array());
    assert_eq!(
        (scale.mean, scale.std),
        (*scaler.mean.as_array(), *scaler.std.as_array())
    );
    assert!(
        net.evaluate(&x, &labels)
            .expect("labels")
            .accuracy()
            .expect("samples")
            > 0.9
    );
}

#[test]
fn scaling_has_the_gradient_of_its_formula() {
    network! { struct Scaled: [2] -> [2] as f64 { scale: Standardize<_> } }
    let mut net = Scaled::init(&mut shapewright::rng(0));
    net.scale.fill = [5.0, 6.0];
    net.scale.mean = [1.0, 2.0];
    net.scale.std = [2.0, 4.0];
    let x = [Tensor1::from([3.0, f64::NAN])];
    let mut workspace = Scaled::workspace();
    let mut gradient = Scaled::zeros();
    let mut pass = net.forward_train(&x, &mut workspace);
    assert_eq!(pass.outputs()[0], Tensor1::from([1.0, 1.0]));
    pass.output_gradients_mut()[0] = Tensor1::from([3.0, 5.0]);
    assert_eq!(
        pass.backward_with_input(&mut gradient)[0],
        Tensor1::from([1.5, 0.0])
    );
    assert!(gradient.params().iter().all(|&g| g == 0.0));
}

#[test]
fn cross_validation_trains_a_model_for_each_fold() {
    let (x, labels) = table();
    let folds = k_fold(x.len(), 4, &mut shapewright::rng(0)).expect("folds");
    let mut trained = Vec::new();
    let scores = cross_validate(
        &x,
        &labels,
        &folds,
        |x, labels| {
            trained.push(x.len());
            train(x, labels)
        },
        |net, x, labels| Ok(net.evaluate(x, labels)?.accuracy()?),
    )
    .expect("trainings");
    assert_eq!((trained, scores.folds.len()), (vec![150; 4], 4));
    let mean = scores.folds.iter().sum::<f64>() / 4.0;
    assert!((scores.mean() - mean).abs() < 1e-12 && mean > 0.8);
    assert_eq!(
        format!("{scores:.1}"),
        format!("{mean:.1} ± {:.1}", scores.deviation())
    );

    let error = cross_validate(
        &x,
        &labels,
        &folds,
        |_, _| Err::<(), _>("no"),
        |_, _, _| Ok(0.0),
    );
    assert_eq!(error, Err("no"));
}

#[test]
fn metrics_are_found_by_their_names() {
    use shapewright::metrics::Accuracy;
    let (x, labels) = table();
    let mut net = Table::init(&mut shapewright::rng(0));
    let history = Table::trainer(Sgd::new(0.01), CrossEntropy)
        .epochs(2)
        .metric(Accuracy::new())
        .validate(&x, &labels)
        .fit(&mut net, &x, &labels)
        .expect("a training");
    assert_eq!(history.metric("accuracy").len(), 2);
    assert_eq!(
        history.epochs[1].metric("accuracy"),
        Some(history.metric("accuracy")[1])
    );
    assert!(history.metric("nothing").iter().all(|value| value.is_nan()));
}

#[cfg(feature = "safetensors")]
mod weights {
    use super::*;
    use shapewright::include_weights;
    use shapewright::weights::{Loader, Saver};

    network! { struct Small: [2] -> [3] { fc: Linear<_, 3> } }

    /// `tests/reference/parts.safetensors`, which `writes_the_file` has made.
    static NET: &Small = include_weights!("reference/parts.safetensors", "net" as Small);
    static SCALER: &StandardScaler<Rank1<2>> = include_weights!(
        "reference/parts.safetensors",
        "scaler" as StandardScaler<Rank1<2>>
    );

    fn parts() -> (Box<Small>, StandardScaler<Rank1<2>>) {
        let x = [[1.0, 70.0], [3.0, 90.0]].map(Tensor1::from);
        let scaler = StandardScaler::fit(&x).expect("values");
        (Small::init(&mut shapewright::rng(0)), scaler)
    }

    #[test]
    fn parts_of_a_file_are_included() {
        let (net, scaler) = parts();
        assert_eq!(NET.params(), net.params());
        assert_eq!(*SCALER, scaler);
    }

    /// Writes the file again with `SHAPEWRIGHT_WRITE=1`, and checks otherwise that it is the same.
    #[test]
    fn writes_the_file() {
        let (net, scaler) = parts();
        let file = Saver::new().part("net", &*net).part("scaler", &scaler);
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/reference/parts.safetensors"
        );
        if std::env::var_os("SHAPEWRIGHT_WRITE").is_some() {
            file.save(path).expect("a file that can be written");
        }
        assert_eq!(std::fs::read(path).expect("the file"), file.to_bytes());
    }

    #[test]
    fn a_network_is_saved_with_its_preprocessing() {
        let (x, labels) = table();
        let net = train(&x, &labels).expect("a training");
        let bytes = net.to_safetensors(&[]);
        let loader = Loader::from_bytes(&bytes).expect("a file");
        let again: Box<Table> = loader.load().expect("the same network");
        assert_eq!(again.predict(&x), net.predict(&x));
    }
}

#[cfg(feature = "serde")]
mod serde {
    use super::*;

    network! {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Written: [2] -> [2] { fc: Linear<_, 2>, Residual { inner: Linear<_, 2> } }
    }
    network! {
        #[derive(serde::Serialize)]
        struct WrittenOnly: [1] -> [1] as f64 { Linear<_, 1> }
    }

    #[test]
    fn networks_are_maps_of_their_tensors() {
        let net = Written::init(&mut shapewright::rng(0));
        let text = serde_json::to_string(&*net).expect("numbers");
        assert!(text.starts_with(r#"{"fc.weight":["#), "{text}");
        let again: Written = serde_json::from_str(&text).expect("the same network");
        assert_eq!(again, *net);
        let one = serde_json::to_string(&*WrittenOnly::zeros()).expect("numbers");
        assert_eq!(one, r#"{"0.weight":[0.0],"0.bias":[0.0]}"#);
    }

    #[test]
    fn differences_are_told() {
        let text = serde_json::to_string(&*Written::zeros()).expect("numbers");
        let error = |text: &str| match serde_json::from_str::<Written>(text) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        };
        let short = text.replace(r#""fc.bias":[0.0,0.0]"#, r#""fc.bias":[0.0]"#);
        assert!(error(&short).starts_with("`fc.bias` of `Written` has 2 numbers, [2], but 1 came"));
        let other = text.replace("fc.bias", "fc.offset");
        assert!(error(&other).starts_with("`fc.bias` of `Written` is missing"));
        let more = text.replace("{", r#"{"more":[],"#);
        assert!(error(&more).starts_with("`Written` has no parameters `more`"));
        let twice = text.replace("{", r#"{"fc.bias":[1.0,1.0],"#);
        assert!(error(&twice).starts_with("`fc.bias` of `Written` is there twice"));
    }
}
