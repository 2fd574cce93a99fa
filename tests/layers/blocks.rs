//! Layers with layers inside: `Residual`, `Concat`, `Split` and `Repeat`.

use crate::common::gradient::check_network;
use crate::common::random;
use shapewright::prelude::*;
use shapewright::threads::set_threads;

macro_rules! gradients {
    ($($name:ident: $input:tt -> $output:tt { $($layers:tt)* } $(, $batch:literal)+;)*) => { $(
        #[test]
        fn $name() {
            network! { struct Net: $input -> $output as f64 { $($layers)* } }
            $(check_network::<Net>($batch);)+
        }
    )* };
}

gradients! {
    residual: [5] -> [5] { Residual { Linear<_, 7>, Tanh, Linear<_, 5> } }, 1, 3;
    residual_that_ends_in_place: [5] -> [5] { Linear<_, 5>, Residual { Linear<_, 5>, Tanh }, Tanh }, 2;
    residual_of_an_activation: [3, 4] -> [3, 4] { Residual { Sigmoid } }, 2;
    residual_of_a_view: [3, 4] -> [3, 4] { Residual { Reshape<4, 3>, Reshape<3, 4> }, Linear<_, 4> }, 2;
    residual_with_dropout: [5] -> [5] { Residual { Dropout(0.5), Linear<_, 5>, Dropout(0.5) } }, 3;
    projection: [5] -> [3] { Residual { Linear<_, 7>, Gelu, Linear<_, 3>, to: { Linear<_, 3, NoBias> } }, Tanh }, 1, 3;
    projection_that_ends_in_place: [5] -> [3] { Residual { Linear<_, 3>, Tanh, to: { Linear<_, 3>, Sigmoid } } }, 2;
    concat: [4] -> [9] { Concat { a: { Linear<_, 3>, Tanh }, b: Linear<_, 2>, Identity } }, 1, 3;
    concat_of_rows: [3, 4] -> [3, 9] { Concat { a: { Linear<_, 3>, Tanh }, Linear<_, 2>, skip: {} }, Tanh }, 2;
    concat_within: [4] -> [2] {
        Linear<_, 5>,
        Concat { skip: {}, deep: { Linear<_, 3>, Concat { {}, Linear<_, 2> }, Tanh } },
        Linear<_, 2>,
    }, 2;
    split: [4] -> ([2], [3, 2]) {
        Linear<_, 6>,
        Split { mean: Linear<_, 2>, rest: { Linear<_, 6>, Tanh, Reshape<3, 2> } },
    }, 1, 3;
    repeat: [4] -> [4] { Repeat<3> { Linear<_, 6>, Tanh, Linear<_, 4> } }, 1, 3;
    repeat_once: [4] -> [6] { Repeat<1> { Linear<_, 6>, Tanh } }, 2;
    repeat_that_reads_its_output: [4] -> [4] { Repeat<4> { Linear<_, 4>, Sigmoid }, Tanh }, 2;
    repeat_residuals: [4] -> [4] { Repeat<2> { Residual { Linear<_, 4>, Dropout(0.3), Tanh } } }, 3;
}

network! {
    #[derive(Clone, Debug, PartialEq)]
    struct Deep: [16] -> [10] {
        stem: Linear<_, 32>,
        Relu,
        blocks: Repeat<3> {
            /// Two layers.
            fc1: Linear<_, 48>,
            Residual { Linear<_, 48>, Relu, Dropout(0.1), out: Linear<_, 48> },
            fc2: Linear<_, 32>,
        },
        heads: Concat {
            wide: { Linear<_, 24>, Relu, last: Linear<_, 6> },
            narrow: Linear<_, 4>,
        },
        down: Residual { Linear<_, 10>, shortcut: { Linear<_, 10, NoBias> } },
    }
}

#[test]
fn names_are_those_of_the_fields() {
    let mut net = Deep::init(&mut shapewright::rng(0));
    net.blocks[1].layer_1.out.bias = [2.0; 48];
    net.heads.wide.last.bias = [3.0; 6];
    net.heads.narrow.bias = [4.0; 4];
    net.down.shortcut.layer_0.weight[9] = [5.0; 10];

    let (mut names, mut found) = (Vec::new(), Vec::new());
    net.for_each_param(|name, sizes, values| {
        names.push(format!("{name} {sizes:?}"));
        if values.iter().any(|&value| value >= 2.0) {
            found.push(name.to_owned());
        }
    });
    assert_eq!(
        found,
        [
            "blocks.1.1.out.bias",
            "heads.wide.last.bias",
            "heads.narrow.bias",
            "down.shortcut.0.weight"
        ]
    );

    for name in [
        "blocks.0.fc1.weight [32, 48]",
        "blocks.2.1.0.bias [48]",
        "heads.wide.0.weight [32, 24]",
        "down.0.weight [10, 10]",
    ] {
        assert!(
            names.iter().any(|other| other == name),
            "{name} in {names:?}"
        );
    }

    let text = format!("{net:?}");
    assert!(text.contains("wide") && text.contains("shortcut") && !text.contains("padding"));
    assert!(*net.clone() == *net);

    // All numbers are trained or padding.
    let mut numbers = 0;
    net.for_each_param(|_, _, values| numbers += values.len());
    assert_eq!(numbers, Deep::PARAMS);
}

#[test]
fn tables_have_the_layers_inside() {
    let text = Deep::summary().to_string();
    let row = |name: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{name} in\n{text}"))
    };

    assert!(row("blocks: Repeat<3>").contains("[32]"));
    assert!(row("out: Linear<_, 48>").starts_with("      out"), "{text}");
    assert!(row("wide.last: Linear<_, 6>").contains("[6]"));
    assert!(row("shortcut.Linear<_, 10, NoBias>").contains("100"));

    let inner = Deep::LAYERS[3].inner;
    let net = Deep::init(&mut shapewright::rng(0));
    assert_eq!(
        net.params()[inner[2].params_at],
        net.heads.wide.last.weight[0][0]
    );
    assert_eq!(
        inner.iter().map(|layer| layer.params).sum::<usize>(),
        Deep::LAYERS[3].params
    );
}

#[test]
fn bits_do_not_depend_on_threads_and_inference_agrees_with_training() {
    let (net, x): (_, Vec<Tensor1<16>>) = (Deep::init(&mut shapewright::rng(0)), random(70, 1));
    let targets: Vec<Tensor1<10>> = random(70, 2);
    let run = || {
        let (mut gradient, mut workspace) = (Deep::zeros(), Deep::workspace());
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &targets);
        pass.backward(&mut gradient);
        gradient
    };
    set_threads(1);
    let one = run();
    for threads in [2, 3] {
        set_threads(threads);
        assert_eq!(run().params(), one.params());
    }
    set_threads(0);

    network! {
        struct Still: [16] -> [10] {
            Repeat<2> { Linear<_, 32>, Residual { Linear<_, 32>, Relu, }, Linear<_, 16> },
            Concat { a: { Linear<_, 6>, Relu }, b: Linear<_, 4> },
            Residual { Linear<_, 10>, Relu },
        }
    }
    let (net, mut workspace) = (Still::init(&mut shapewright::rng(0)), Still::workspace());
    let trained = net.forward_train(&x, &mut workspace).outputs().to_vec();
    let mut outputs = vec![Tensor1::zeros(); x.len()];
    net.forward_batch(&x, &mut outputs);
    assert_eq!(outputs, trained);
    for (x, y) in x.iter().zip(&trained).take(3) {
        for (a, b) in net.forward(x).iter().zip(y) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }
}

#[test]
fn a_block_trains_and_parts_have_names() {
    let mut net = Deep::init(&mut shapewright::rng(3));
    let (x, targets): (Vec<Tensor1<16>>, Vec<Tensor1<10>>) = (random(32, 1), random(32, 2));
    let mut adam = Adam::new(3e-3)
        .state::<Deep>()
        .freeze(layer!(Deep, blocks))
        .freeze(layer!(Deep, heads.wide.last));

    let before = net.clone();
    let (mut gradient, mut workspace) = (Deep::zeros(), Deep::workspace());
    let mut losses = Vec::new();

    for _ in 0..200 {
        let mut pass = net.forward_train(&x, &mut workspace);
        losses.push(pass.loss(&Mse, &targets));
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
    }

    assert!(losses[199] < 0.5 * losses[0], "{losses:?}");
    assert_eq!(net.blocks[2].fc1.weight, before.blocks[2].fc1.weight);
    assert_eq!(net.heads.wide.last.bias, before.heads.wide.last.bias);
    assert_ne!(net.heads.narrow.bias, before.heads.narrow.bias);
}
