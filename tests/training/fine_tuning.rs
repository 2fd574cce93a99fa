//! Learning rates that fall from layer to layer, gradual unfreezing, and the state of optimizers for
//! networks that are frozen by their types.

use std::ops::ControlFlow;

use shapewright::optim::Unfreezing;
use shapewright::prelude::*;

use crate::common::random;

network! {
    struct Net: [3] -> [2] {
        fc1: Linear<_, 4>,
        Tanh,
        fc2: Linear<_, 4>,
        norm: BatchNorm1d<_>,
        Dropout(0.5),
        head: Linear<_, 2>,
    }
}

fn data() -> (Vec<Tensor1<3>>, Vec<Label<2>>) {
    let labels = (0..20).map(|i| Label::new(i % 2).expect("a class"));
    (random(20, 1), labels.collect())
}

#[test]
fn learning_rates_fall_toward_the_first_layer() {
    let layers = [layer!(Net, fc1), layer!(Net, fc2), layer!(Net, head)];
    let mut sgd = Sgd::new(0.5).state::<Net>().layer_decay(layers, 0.25);
    let mut net = Net::zeros();
    let mut gradient = Net::zeros();
    gradient.for_each_param_mut(|_, _, values| values.fill(1.0));
    sgd.step(&mut net, &gradient);
    assert_eq!(net.fc1.bias, [-0.5 / 16.0; 4]);
    assert_eq!(net.fc2.weight, [[-0.5 / 4.0; 4]; 4]);
    assert_eq!(net.head.bias, [-0.5; 2]);
    // In no group.
    assert_eq!(net.norm.weight, [-0.5; 4]);
}

#[test]
#[should_panic(expected = "scale")]
fn a_negative_decay_is_refused() {
    let layers = [layer!(Net, fc1), layer!(Net, head)];
    let mut sgd = Sgd::new(0.5).state::<Net>().layer_decay(layers, -1.0);
    sgd.step(&mut Net::zeros(), &Net::zeros());
}

fn unfreezing() -> Unfreezing<Net> {
    Unfreezing::new([
        layer!(Net, fc1),
        layer!(Net, fc2),
        layer!(Net, norm),
        layer!(Net, head),
    ])
}

#[test]
fn layers_are_thawed_one_after_another() {
    let counts = |unfreezing: &Unfreezing<Net>| -> Vec<usize> {
        (1..=8)
            .map(|epoch| unfreezing.frozen(epoch).len())
            .collect()
    };
    assert_eq!(counts(&unfreezing()), [3, 2, 1, 0, 0, 0, 0, 0]);
    assert_eq!(counts(&unfreezing().every(3)), [3, 3, 3, 2, 2, 2, 1, 1]);

    let (x, labels) = data();
    let mut net = Net::init(&mut shapewright::rng(0));
    let mut before = net.to_boxed();
    let mut changed = Vec::new();
    Net::trainer(Adam::new(0.01), CrossEntropy)
        .epochs(5)
        .unfreezing(unfreezing())
        .on_epoch(|_, net| {
            changed.push([
                net.fc1 != before.fc1,
                net.fc2 != before.fc2,
                net.norm != before.norm,
                net.head != before.head,
            ]);
            before = net.to_boxed();
            ControlFlow::Continue(())
        })
        .fit(&mut net, &x, &labels)
        .expect("a training");
    let wanted = [
        [false, false, false, true],
        [false, false, true, true],
        [false, true, true, true],
        [true; 4],
        [true; 4],
    ];
    assert_eq!(changed, wanted);
}

/// A training goes on from its checkpoint with the same layers frozen, to the same bits.
#[test]
fn unfreezing_goes_on_from_a_checkpoint() {
    let (x, labels) = data();
    let path = std::env::temp_dir().join(format!("unfreezing-{}.checkpoint", std::process::id()));
    let train = |epochs: usize, resume: bool| {
        let mut net = Net::init(&mut shapewright::rng(0));
        let trainer = Net::trainer(Adam::new(0.01), CrossEntropy)
            .batch_size(6)
            .epochs(epochs)
            .unfreezing(unfreezing().every(2));
        let trainer = if resume {
            trainer.checkpoint(&path).resume(true)
        } else {
            trainer
        };
        trainer.fit(&mut net, &x, &labels).expect("a training");
        net
    };
    let whole = train(6, false);
    train(3, true);
    let again = train(6, true);
    assert_eq!(whole.params(), again.params());
    std::fs::remove_file(&path).expect("the checkpoint");
}

/// Frozen layers are in inference mode, with the dropout in front of them.
#[test]
fn frozen_layers_drop_nothing() {
    network! {
        struct Deep: [3] -> [2] {
            fc1: Linear<_, 16>,
            Dropout(0.5),
            fc2: Linear<_, 16>,
            Tanh,
            Dropout(0.5),
            head: Linear<_, 2>,
        }
    }
    let net = Deep::init(&mut shapewright::rng(0));
    let (x, _) = data();
    let differs = |state: shapewright::optim::OptimizerState<Sgd, Deep>| {
        let mut workspace = Deep::workspace();
        workspace.follow(&state);
        let outputs = net.forward_train(&x, &mut workspace).outputs().to_vec();
        outputs
            .iter()
            .zip(&net.predict(&x))
            .any(|(y, wanted)| (y[0] - wanted[0]).abs() > 1e-4)
    };
    let state = || Sgd::new(0.1).state::<Deep>();
    assert!(differs(state()));
    // The dropout in front of the head belongs to it.
    assert!(differs(
        state().freeze(layer!(Deep, fc1)).freeze(layer!(Deep, fc2))
    ));
    // That in front of `fc2` belongs to `fc2`: with the head frozen as well, nothing is dropped.
    assert!(!differs(
        state().freeze(layer!(Deep, fc2)).freeze(layer!(Deep, head))
    ));
}

network! {
    struct Adapted: [3] -> [2] {
        fc1: Lora<2, Linear<_, 64>>,
        Tanh,
        #[frozen]
        fc2: Linear<_, 64>,
        Tanh,
        head: Linear<_, 2>,
    }
}

/// Checkpoints have no values of optimizers for what is frozen, and a training goes on from them.
#[test]
fn checkpoints_of_adapters() {
    let (x, labels) = data();
    let path = std::env::temp_dir().join(format!("adapters-{}.checkpoint", std::process::id()));
    let train = |epochs: usize, resume: bool| {
        let mut net = Adapted::init(&mut shapewright::rng(0));
        let trainer = Adapted::trainer(AdamW::new(0.01), CrossEntropy)
            .epochs(epochs)
            .clip_grad_norm(0.1)
            .average(WeightAverage::ema(0.9));
        let trainer = if resume {
            trainer.checkpoint(&path).resume(true)
        } else {
            trainer
        };
        trainer.fit(&mut net, &x, &labels).expect("a training");
        net
    };
    let whole = train(4, false);
    train(2, true);
    let bytes = std::fs::metadata(&path).expect("the checkpoint").len() as usize;
    // The network and its average, and two values for what is trained.
    let needed = 2 * size_of::<Adapted>() + 2 * size_of::<f32>() * (Adapted::TRAINABLE_PARAMS + 32);
    assert!(
        bytes < needed + 4000,
        "{bytes} bytes, where {needed} are needed"
    );
    let again = train(4, true);
    assert_eq!(whole.params(), again.params());
    std::fs::remove_file(&path).expect("the checkpoint");
    let before = Adapted::init(&mut shapewright::rng(0));
    assert_eq!(whole.fc1.layer, before.fc1.layer);
    assert_eq!(whole.fc2, before.fc2);
    assert_ne!(whole.fc1.lora_B, before.fc1.lora_B);
}
