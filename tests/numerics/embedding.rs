//! `Embedding` and the indices that it takes: PyTorch's values, gradients, numbers that are no
//! indices, threads, files.

use crate::common::gradient::check_network_of_indices;
use crate::common::reference::{cases, check_layer, text};
use crate::common::{In, Out, bits, random, settings};
use num_traits::Float;
use shapewright::prelude::*;
use shapewright::{
    loss::LabelError,
    nn::IndexError,
    optim::OptimizerState,
    tensor::{Element, LengthError},
    threads,
    train::{NonFinite, TrainError},
};

/// Checks each case, in both number types and every tier, and that there are no others.
macro_rules! reference {
    ($([$($layer:tt)*] $input:tt -> $output:tt)*) => {
        #[test]
        fn embeddings_are_those_of_pytorch() {
            let settings = settings();
            let cases = cases("embedding.json");
            let mut cases = cases.iter().filter(|case| case["kind"] == "Embedding");
            $({
                network! { struct Single: $input -> $output { $($layer)* } }
                network! { struct Double: $input -> $output as f64 { $($layer)* } }
                let case = cases.next().expect("a case for each network");
                assert_eq!(text(case, "layer"), stringify!($($layer)*).replace(' ', ""));
                settings.every_tier(|_| {
                    check_layer::<Single>(case);
                    check_layer::<Double>(case);
                });
            })*
            assert!(cases.next().is_none());
        }
    };
}
reference! {
    [Embedding<5, 3>] [1] -> [1, 3]
    [Embedding<5, 3>] [6] -> [6, 3]
    [Embedding<5, 3, PaddingIdx<2>>] [6] -> [6, 3]
    [Embedding<7, 1, PaddingIdx<0>>] [2, 4] -> [2, 4, 1]
    [Embedding<11, 17>] [3, 2, 2] -> [3, 2, 2, 17]
    [Embedding<60, 40, PaddingIdx<59>>] [12] -> [12, 40]
}

/// Whole numbers below `count`, some of them more often than others.
fn indices<N: Trainable>(batch: usize, count: usize, seed: u64) -> Vec<In<N>> {
    let number = |u: N::Element| (u * u * N::Element::from_f64_lossy(count as f64 - 0.01)).floor();
    random::<N::Input, N::Element>(batch, seed)
        .iter()
        .map(|x| x.map(number))
        .collect()
}

#[test]
fn gradients_are_those_of_differences() {
    network! { struct Alone: [4] -> [4, 3] as f64 { Embedding<6, 3> } }
    network! { struct Scalar: [] -> [3] as f64 { Embedding<6, 3> } }
    network! { struct Flat: [2, 3] -> [2] as f64 {
        Reshape<3, 2>, embed: Embedding<6, 3>, Flatten, Linear<_, 4>, Tanh, Linear<_, 2>
    } }
    network! { struct Rows: [5] -> [5, 2] as f64 { embed: Embedding<6, 4>, Tanh, Linear<_, 2> } }
    check_network_of_indices::<Alone>(indices::<Alone>(1, 6, 1));
    check_network_of_indices::<Alone>(indices::<Alone>(5, 6, 2));
    check_network_of_indices::<Scalar>(indices::<Scalar>(7, 6, 2));
    check_network_of_indices::<Flat>(indices::<Flat>(9, 6, 3));
    check_network_of_indices::<Rows>(indices::<Rows>(9, 6, 4));
}

network! { struct Padded: [3] -> [2] {
    embed: Embedding<4, 2, PaddingIdx<1>>, Flatten, head: Linear<_, 2>
} }

/// PyTorch draws other numbers, so the distribution is checked, to 4 standard errors.
#[test]
fn initial_values_are_standard_normal_and_zero_for_the_padding() {
    network! { struct Large: [1] -> [1, 50] { embed: Embedding<200, 50, PaddingIdx<7>> } }

    let net = Large::init(&mut shapewright::rng(1));
    assert_eq!(net.embed.weight[7], [0.0; 50]);

    let others: Vec<f64> = net
        .embed
        .weight
        .iter()
        .filter(|row| **row != [0.0; 50])
        .flatten()
        .map(|&w| w.into())
        .collect();
    assert_eq!(others.len(), 199 * 50);

    let n = others.len() as f64;
    let mean = others.iter().sum::<f64>() / n;
    let variance = others.iter().map(|w| w * w).sum::<f64>() / n;
    assert!(
        mean.abs() < 4.0 / n.sqrt() && (variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
        "{mean} {variance}"
    );
}

/// Checks the padding with optimizers that move parameters without a gradient as well.
fn padding_stays_zero(optimizer: impl Optimizer + Sync) {
    let mut net = Padded::init(&mut shapewright::rng(2));
    let mut gradient = Padded::zeros();
    let mut workspace = Padded::workspace();
    gradient.embed.weight = [[5.0; 2]; 4];
    let mut state: OptimizerState<_, Padded> = optimizer.state();
    let x = [[1.0, 1.0, 2.0], [0.0, 1.0, 1.0]].map(Tensor1::from);

    for _ in 0..3 {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &[Tensor1::from([3.0, -3.0]); 2]);
        pass.backward(&mut gradient);

        assert_eq!(
            (gradient.embed.weight[1], gradient.embed.weight[3]),
            ([0.0; 2], [0.0; 2])
        );
        assert!(gradient.embed.weight[0] != [0.0; 2] && gradient.embed.weight[2] != [0.0; 2]);

        state.step(&mut net, &gradient);
    }

    assert_eq!(net.embed.weight[1], [0.0; 2]);
}

#[test]
fn the_padding_has_no_gradient_and_stays_zero() {
    padding_stays_zero(AdamW::new(0.1));
    padding_stays_zero(Lion::new(0.1).weight_decay(0.1));
    padding_stays_zero(Sgd::new(0.1).momentum(0.9).weight_decay(0.1));
}

/// Checks inputs that are not indices, which are possible if they are not made with `Index`.
fn no_index_is_read<N>(of: impl Fn(&N) -> Vec<Vec<N::Element>>)
where
    N: Trainable<Input = shapewright::tensor::Rank1<3>, Output = shapewright::tensor::Rank2<3, 2>>,
{
    let number = N::Element::from_f64_lossy;
    let net = N::init(&mut shapewright::rng(3));
    let rows = of(&net);

    let wrong = [
        -1.0,
        -1e-9,
        0.5,
        3.000_001,
        4.0,
        5.0,
        16_777_217.0,
        1e30,
        f64::MAX,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];

    for wrong in wrong.map(number) {
        let x = [Tensor::from([number(3.0), wrong, number(-0.0)])];
        let mut gradient = N::zeros();
        let mut workspace = N::workspace();
        let mut pass = net.forward_train(&x, &mut workspace);

        let y = pass.outputs()[0];
        let y: Vec<&[N::Element]> = y.as_slice().chunks(2).collect();
        assert_eq!((y[0], y[2]), (&rows[3][..], &rows[0][..]));
        assert!(y[1].iter().all(|y| y.is_nan()), "{wrong} gives {:?}", y[1]);
        assert_eq!(
            bits(net.forward(&x[0]).as_slice()),
            bits(pass.outputs()[0].as_slice())
        );

        pass.output_gradients_mut()[0] = Tensor::ones();
        assert_eq!(pass.backward_with_input(&mut gradient)[0], Tensor::zeros());
        let sum: N::Element = gradient.params().iter().copied().sum();
        assert_eq!(
            sum,
            number(4.0),
            "two rows of two have a gradient, after {wrong}"
        );
    }
}

#[test]
fn invalid_indices_give_nan_and_no_gradient() {
    network! { struct Single: [3] -> [3, 2] { embed: Embedding<4, 2> } }
    network! { struct Double: [3] -> [3, 2] as f64 { embed: Embedding<4, 2> } }
    no_index_is_read::<Single>(|net| net.embed.weight.iter().map(|row| row.to_vec()).collect());
    no_index_is_read::<Double>(|net| net.embed.weight.iter().map(|row| row.to_vec()).collect());
}

#[test]
fn the_trainer_names_the_layer_that_was_given_no_index() {
    network! { struct Net: [2] -> [1] { embed: Embedding<4, 2>, Flatten, Linear<_, 8>, Relu, Linear<_, 1> } }

    let x = [Tensor1::from([0.0, 1.0]), Tensor1::from([2.0, 4.0])];
    let y = [Tensor1::zeros(); 2];
    let mut net = Net::init(&mut shapewright::rng(0));

    let error = Net::trainer(Sgd::new(0.1), Mse)
        .fit(&mut net, &x, &y)
        .expect_err("a loss of NaN");

    let cause = NonFinite::Index {
        layer: "embed: Embedding<4, 2>",
    };
    assert_eq!(
        error,
        TrainError::NotFinite {
            epoch: 1,
            step: 1,
            cause
        }
    );

    let sentence = "the loss is not finite: it began in the outputs of `embed: Embedding<4, 2>`; it gives NaN for a \
                    number that is no index of it (make inputs with `Index`) (at step 1, in epoch 1)";
    assert_eq!(error.to_string(), sentence);
}

network! { struct Large: [30] -> [2] {
    embed: Embedding<1501, 80, PaddingIdx<3>>, Flatten, Linear<_, 70>, Relu, Linear<_, 2>
} }
network! { struct Large64: [30] -> [2] as f64 {
    embed: Embedding<1501, 80, PaddingIdx<3>>, Flatten, Linear<_, 70>, Relu, Linear<_, 2>
} }
// Fewer rows than there are threads.
network! { struct Few: [100] -> [100, 900] { embed: Embedding<2, 900> } }

/// The bits of outputs and gradients, in a workspace and a gradient full of NaN, and of a gradient
/// that is added to.
fn step<N: Trainable>(x: &[In<N>]) -> [Vec<u64>; 4] {
    let net = N::init(&mut shapewright::rng(1));
    let g: Vec<Out<N>> = random(x.len(), 2);
    let mut workspace = N::workspace();
    let mut gradient = N::zeros();

    // All memory is there after a pass, and then full of NaN.
    net.forward_train(x, &mut workspace)
        .backward_with_input(&mut gradient);
    workspace.fill_with(N::Element::nan());
    gradient.for_each_param_mut(|_, _, values| values.fill(N::Element::nan()));

    let mut pass = net.forward_train(x, &mut workspace);
    let outputs = bits(Tensor::flatten(pass.outputs()));
    pass.output_gradients_mut().copy_from_slice(&g);
    let dx = bits(Tensor::flatten(pass.backward_with_input(&mut gradient)));
    assert!(dx.iter().all(|&bits| bits == 0));
    let first = bits(gradient.params());

    let mut pass = net.forward_train(x, &mut workspace);
    pass.output_gradients_mut().copy_from_slice(&g);
    pass.backward_accumulate(&mut gradient);
    [outputs, dx, first, bits(gradient.params())]
}

#[test]
fn the_number_of_threads_does_not_matter() {
    fn check<N: Trainable>(count: usize) {
        for batch in [5, 67] {
            let x = indices::<N>(batch, count, 5);
            threads::set_threads(1);
            let one = step::<N>(&x);

            for count in [2, 3] {
                threads::set_threads(count);
                assert!(
                    step::<N>(&x) == one,
                    "{} with {count} threads, a batch of {batch}",
                    N::NAME
                );
            }
        }
    }

    let settings = settings();
    settings.every_tier(|_| check::<Large>(1501));
    check::<Large64>(1501);
    check::<Few>(2);
}

#[test]
fn indices_are_checked_when_they_are_made() {
    assert_eq!(Index::<4>::new(3).map(Index::index), Ok(3));
    assert_eq!(
        Index::<4>::new(4),
        Err(IndexError {
            index: 4,
            count: 4,
            position: None
        })
    );
    assert_eq!(
        Index::<4>::new(4).expect_err("4").to_string(),
        "index 4 is not one of 4 embeddings, which are 0 to 3"
    );
    assert_eq!(
        Index::<4>::from_numbers(&[3_i64, -1]),
        Err(IndexError {
            index: -1,
            count: 4,
            position: Some(1)
        })
    );
    assert_eq!(
        Index::<0>::new(0).expect_err("none").to_string(),
        "index 0 is not one of 0 embeddings"
    );
    let word = Index::<4>::new(2).expect("an index");
    assert_eq!(
        (Index::from(Label::from(word)), word.to_string()),
        (word, "2".to_owned())
    );
    let _: LabelError = Label::<4>::new(4).expect_err("not a class");

    let words = [3, 0, 2, 1].map(|i| Index::<4>::new(i).expect("an index"));
    assert_eq!(
        Tensor2::<2, 2>::from_indices(&words),
        Ok(Tensor2::from([[3.0, 0.0], [2.0, 1.0]]))
    );
    assert_eq!(
        Tensor1::<4, f64>::from_indices(&words),
        Ok(Tensor1::from([3.0, 0.0, 2.0, 1.0]))
    );
    let error: LengthError = Tensor1::<3>::from_indices(&words).expect_err("four are not three");
    assert_eq!(
        error.to_string(),
        "a tensor of shape [3] takes 3 elements, but the slice has 4"
    );
    // The last index that an f32 can hold.
    const MOST: usize = 1 << 24;
    assert_eq!(
        Index::<MOST>::new(MOST - 1)
            .expect("an index")
            .to_element::<f32>() as usize,
        MOST - 1
    );
}

#[test]
fn the_summary_has_the_embedding() {
    let embed = &Large::summary().layers[0];
    let shape = embed.output.to_string();
    assert_eq!(
        (embed.layer, embed.params, embed.macs),
        ("embed: Embedding<1501, 80, PaddingIdx<3>>", 1501 * 80, 0)
    );
    assert_eq!(shape, "[30, 80]");
    assert_eq!(Large::PARAMS, 1501 * 80 + (30 * 80 + 1) * 70 + 71 * 2);
}

#[cfg(feature = "safetensors")]
#[test]
fn files_are_pytorchs() {
    use shapewright::weights::Loader;
    network! { struct Net: [3] -> [2] { embed: Embedding<6, 4, PaddingIdx<0>>, Flatten, Linear<_, 2> } }
    let path = format!(
        "{}/tests/reference/embedding.safetensors",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut net = Net::zeros();
    net.load(&path).expect("PyTorch's weights");
    let cases = cases("embedding.json");
    let case = cases
        .iter()
        .find(|case| case["kind"] == "Sequential")
        .expect("the model");
    let x = crate::common::tensors(&crate::common::reference::array(&case["x"]));
    let mut y = vec![Tensor::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    crate::common::assert_close(
        "y",
        Tensor::flatten(&y),
        &crate::common::reference::expected(case, "y"),
        1e-5,
    );

    let ours = net.to_safetensors(&[]);
    let theirs = Loader::open(&path).expect("a file");
    let tensors = |loader: &Loader| {
        loader
            .tensors()
            .map(|(name, dtype, sizes)| format!("{name} {dtype} {sizes:?}"))
            .collect::<Vec<_>>()
    };
    let ours = Loader::from_bytes(&ours).expect("our file");
    assert_eq!(
        tensors(&ours),
        [
            "2.bias F32 [2]",
            "2.weight F32 [2, 12]",
            "embed.weight F32 [6, 4]"
        ]
    );
    assert_eq!(tensors(&ours), tensors(&theirs));
    let mut again = Net::zeros();
    again.load_from(&ours).expect("our weights");
    assert_eq!(again.params(), net.params());
}
