//! Networks with several inputs as layers of others.

use crate::common::gradient::check_network;
use crate::common::random;
use shapewright::prelude::*;
use shapewright::{layer, tensor::Rank1};

network! {
    /// Judges an action.
    struct Critic: (state: [4], action: [2]) -> [1] as f64 {
        seen: Linear<_, 3> <- state,
        act: Tanh,
        both: Concat <- (act, action),
        Linear<_, 5>,
        Sigmoid,
        Linear<_, 1>,
    }
}

network! {
    /// One source is the input, the other one a layer that has a second reader.
    struct Agent: [4] -> [3] as f64 {
        actor: Linear<_, 2>,
        action: Tanh,
        critic: Critic <- (input, action),
        Concat <- (critic, action),
    }
}

network! {
    /// The same layers in one list.
    struct Wired: [4] -> [3] as f64 {
        actor: Linear<_, 2>,
        action: Tanh,
        seen: Linear<_, 3> <- input,
        act: Tanh,
        both: Concat <- (act, action),
        Linear<_, 5>,
        Sigmoid,
        judged: Linear<_, 1>,
        Concat <- (judged, action),
    }
}

network! {
    /// Two layers of several inputs, one of which reads an output twice.
    struct Twin: (a: [3], b: [3]) -> [3] as f64 {
        scaled: Linear<_, 3> <- a,
        Mul <- (scaled, b),
    }
}

network! {
    /// A tuple without names, which a nested network takes apart.
    struct Whole: ([4], [2]) -> [1] as f64 { Dropout(0.4), critic: Critic }
}

network! {
    /// Inside blocks, in a repetition, and with several outputs.
    struct Blocks: (x: [4], goal: [2]) -> (value: [1], policy: [4]) as f64 {
        first: Residual {
            small: Linear<_, 3>,
            bent: Tanh,
            twin: Twin <- (bent, bent),
            again: Twin <- (twin, small),
            wide: Linear<_, 4>,
        } <- x,
        body: Repeat<2> {
            up: Linear<_, 4>,
            half: Linear<_, 2> <- input,
            judged: Whole <- (up, half),
            stretch: Linear<_, 4>,
            Add <- (stretch, input),
        },
        value: Whole <- (body, goal),
        policy: Linear<_, 4> <- body,
    }
}

network! {
    /// All outputs of a nested network at once.
    struct Ends: [4] -> [1] as f64 {
        heads: Heads,
        critic: Judge,
    }
}

network! {
    struct Heads: [4] -> (value: [1], policy: [2]) as f64 {
        body: Tanh,
        value: Linear<_, 1>,
        policy: Linear<_, 2> <- body,
    }
}

network! {
    struct Judge: (value: [1], policy: [2]) -> [1] as f64 {
        both: Concat <- (policy, value),
        Linear<_, 1>,
    }
}

network! {
    /// A network that looks at the whole batch.
    #[folded(NormedFolded)]
    struct Normed: (a: [3], b: [2]) -> [2] as f64 {
        fc: Linear<_, 2> <- a,
        norm: BatchNorm1d<_>,
        Mul <- (norm, b),
    }
}

network! {
    #[folded(AroundFolded)]
    struct Around: [3] -> [2] as f64 {
        b: Linear<_, 2>,
        dropped: Dropout(0.5),
        normed: Normed <- (input, dropped),
        fc: Linear<_, 2>,
        BatchNorm1d<_>,
    }
}

network! {
    /// Several inputs, of which the last two are equal, on images.
    struct Images: [4, 4, 2] -> [2, 2, 3] {
        small: Conv2d<_, 3, 3>,
        pooled: MaxPool2d<3, Stride<1>, Pad<1>>,
        mixed: Mixed <- (input, small, pooled),
    }
}

network! {
    struct Mixed: (whole: [4, 4, 2], a: [2, 2, 3], b: [2, 2, 3]) -> [2, 2, 3] {
        down: AvgPool2d<2> <- whole,
        wide: Conv2d<_, 3, 1>,
        Add <- (wide, a, b),
    }
}

#[test]
fn gradients_are_right() {
    check_network::<Agent>(3);
    check_network::<Twin>(3);
    check_network::<Blocks>(3);
    check_network::<Ends>(3);
    check_network::<Around>(5);
}

/// Copies parameters in the order in which the networks list them.
fn copy<From: Network<Element = f64>, To: Network<Element = f64>>(from: &From) -> Box<To> {
    let mut numbers = Vec::new();
    from.for_each_param(|_, _, values| numbers.extend_from_slice(values));
    let mut numbers = numbers.into_iter();
    let mut to = To::zeros();
    to.for_each_param_mut(|_, _, values| {
        values.fill_with(|| numbers.next().expect("as many parameters"));
    });
    assert_eq!(numbers.next(), None);
    to
}

#[test]
fn a_nested_network_computes_as_its_layers_do() {
    let agent = Agent::init(&mut shapewright::rng(1));
    let wired: Box<Wired> = copy(&*agent);
    let x = random::<Rank1<4>, f64>(70, 2);
    let targets = random::<Rank1<3>, f64>(70, 3);
    assert_eq!(agent.forward(&x[0]), wired.forward(&x[0]));
    assert_eq!(agent.predict(&x), wired.predict(&x));
    assert_eq!(Agent::MACS, Wired::MACS);

    let mut gradients = (Agent::zeros(), Wired::zeros());
    let mut workspaces = (Agent::workspace(), Wired::workspace());
    let mut pass = agent.forward_train(&x, &mut workspaces.0);
    let loss = pass.loss(&Mse, &targets);
    let agent_dx = pass.backward_with_input(&mut gradients.0).to_vec();
    let mut pass = wired.forward_train(&x, &mut workspaces.1);
    assert_eq!(pass.loss(&Mse, &targets), loss);
    let wired_dx = pass.backward_with_input(&mut gradients.1).to_vec();

    let of_agent: Box<Wired> = copy(&*gradients.0);
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
    assert!(close(of_agent.params(), gradients.1.params()));
    assert!(close(
        Tensor::flatten(&agent_dx),
        Tensor::flatten(&wired_dx)
    ));
}

#[test]
fn layers_before_a_nested_network_can_be_frozen() {
    let net = Agent::init(&mut shapewright::rng(1));
    let x = random(5, 2);
    let targets = random(5, 3);
    let mut workspace = Agent::workspace();
    let mut step = |position: Option<_>| {
        if let Some(position) = position {
            workspace.train_from(position);
        }
        let mut gradient = Agent::zeros();
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &targets);
        pass.backward(&mut gradient);
        gradient
    };

    let all = step(None);
    let frozen = step(Some(layer!(Agent, critic)));
    assert_ne!(all.actor.bias, [0.0; 2]);
    assert_eq!(frozen.actor.bias, [0.0; 2]);
    assert_eq!(frozen.critic.params(), all.critic.params());
}

#[test]
fn the_inputs_are_those_that_are_named() {
    network! {
        struct Sources: (a: [1], b: [1], c: [1]) -> [3] {
            Concat <- (c, b, a),
        }
    }
    network! {
        struct Reordered: (x: [1], y: [1], z: [1]) -> [3] {
            sources: Sources <- (y, z, x),
        }
    }
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0]).expect("three numbers");
    assert_eq!(
        Reordered::zeros().forward(&x),
        Tensor1::from([1.0, 3.0, 2.0])
    );
}

#[test]
fn batches_single_samples_and_training_agree() {
    let net = Images::init(&mut shapewright::rng(4));
    let x = random::<<Images as Network>::Input, f32>(70, 5);
    let y = net.predict(&x);
    let mut workspace = Images::workspace();
    let pass = net.forward_train(&x, &mut workspace);
    for ((x, y), trained) in x.iter().zip(&y).zip(pass.outputs()) {
        let one = net.forward(x);
        for ((one, many), trained) in one.iter().zip(y).zip(trained) {
            assert!((one - many).abs() < 1e-5 && (trained - many).abs() < 1e-5);
        }
    }
}

#[test]
fn a_folded_network_has_folded_networks_inside() {
    let mut net = Around::init(&mut shapewright::rng(6));
    net.normed.norm.running_mean = [0.5, -1.0];
    net.normed.norm.running_var = [4.0, 0.25];
    let folded: Box<AroundFolded> = net.folded();
    const { assert!(AroundFolded::PARAMS < Around::PARAMS) };
    for x in random::<Rank1<3>, f64>(5, 7) {
        let (a, b) = (net.forward(&x), folded.forward(&x));
        assert!(
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12),
            "{a} {b}"
        );
    }
}

#[test]
fn the_table_shows_what_is_read() {
    let summary = Agent::summary().to_string();
    let row = summary
        .lines()
        .find(|line| line.contains("critic"))
        .expect("a row");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "critic:", "Critic", "<-", "(input,", "action)", "[1]", "51", "42"
        ],
        "{summary}"
    );
}
