//! `Lora`: gradients against central differences, what is frozen, and merging.

use shapewright::ext::{
    BackwardInput, BackwardParams, FeatureOrder, Forward, ForwardTrain, Infer, Inferred, Layer,
    Needs, ShapeRule, Train,
};
use shapewright::prelude::*;
use shapewright::{TrainingMemory, tensor::Dims};

use crate::common::gradient::check_adapters;
use crate::common::{random, settings};

/// `test name: shapes { layers }, batches`
macro_rules! gradients {
    ($($name:ident: $input:tt -> $output:tt { $($layers:tt)* } $(, $batch:literal)+;)*) => { $(
        #[test]
        fn $name() {
            network! { struct Net: $input -> $output as f64 { $($layers)* } }
            $(check_adapters::<Net>($batch);)+
        }
    )* };
}

gradients! {
    linear: [5] -> [4] { Lora<2, Linear<_, 4>> }, 1, 3, 70;
    linear_with_alpha: [5] -> [4] { Lora<3, Linear<_, 4, NoBias>>(6.0) }, 2;
    linear_of_rows: [3, 4] -> [3, 6] { Lora<1, Linear<_, 6>>(0.5) }, 1, 3;
    linear_large: [70] -> [45] { Lora<8, Linear<_, 45>>(16.0), Relu }, 1, 9;
    linears: [6] -> [3] {
        Lora<2, Linear<_, 8>>, Tanh, Lora<4, Linear<_, 5>>(2.0), Relu, head: Linear<_, 3>
    }, 4;
    frozen_between: [6] -> [3] {
        Lora<2, Linear<_, 8>>,
        Tanh,
        #[frozen]
        norm: LayerNorm,
        #[frozen]
        fc: Linear<_, 7>,
        Tanh,
        head: Linear<_, 3>
    }, 4;
    repeated: [6] -> [6] { Repeat<3> { Residual { Lora<2, Linear<_, 6>>(3.0), Tanh } } }, 3;
    attention: [5, 8] -> [5, 8] { Lora<2, MultiHeadAttention<_, 2>>(3.0) }, 1, 3;
    attention_causal: [70, 4] -> [70, 4] { Lora<1, MultiHeadAttention<_, 2, Causal, Rotary>> }, 2;
    attention_without_bias: [5, 8] -> [5, 8] { Lora<2, MultiHeadAttention<_, 2, NoBias>> }, 2;
    attention_of_groups: [5, 8] -> [5, 8] {
        Lora<3, MultiHeadAttention<_, 4, KvHeads<2>, HeadDim<3>>>(2.0)
    }, 2;
    attention_between: [5, 6] -> [5, 2] {
        Lora<2, Linear<_, 8>>, Residual { Lora<2, MultiHeadAttention<_, 2>> }, head: Linear<_, 2>
    }, 2;
}

#[test]
fn attention_with_sources() {
    network! {
        struct Net: (x: [4, 6], memory: [5, 3], scores: [4, 5]) -> [4, 6] as f64 {
            read: Lora<2, MultiHeadAttention<_, 2, Cross, AttentionBias>>(1.5) <- (x, memory, scores),
        }
    }
    check_adapters::<Net>(3);
}

/// Returns the length of a vector.
fn norm<const N: usize>(x: &Tensor1<N>) -> f32 {
    x.dot(x).sqrt()
}

network! {
    struct Body: [6] -> [8] {
        fc1: Lora<2, Linear<_, 16>>(4.0),
        Relu,
        #[frozen]
        norm: BatchNorm1d<_>,
        Dropout(0.5),
        fc2: Lora<2, Linear<_, 8>>,
        Dropout(0.5),
    }
}
network! {
    struct Net: [6] -> [3] {
        #[frozen]
        embed: Linear<_, 6>,
        Tanh,
        Dropout(0.5),
        #[frozen]
        body: Body,
        head: Linear<_, 3>,
    }
}

/// The number of parameters of the body's matrices and the head.
const TRAINED: usize = 2 * (6 + 16) + 2 * (16 + 8) + 8 * 3 + 3;

#[test]
fn types_count_what_is_trained() {
    assert_eq!(Net::TRAINABLE_PARAMS, TRAINED);
    assert_eq!(
        Net::PARAMS,
        TRAINED + 6 * 6 + 6 + 6 * 16 + 16 + 32 + 16 * 8 + 8
    );

    let states: Vec<usize> = Adam::new(0.1)
        .state::<Net>()
        .states()
        .map(<[f32]>::len)
        .collect();
    // Padding at the ends of both networks.
    assert!(
        states
            .iter()
            .all(|len| (TRAINED..TRAINED + 32).contains(len)),
        "{states:?}"
    );

    let memory = TrainingMemory::of::<Net>(10, 2, 1);
    assert_eq!(memory.optimizer, 2 * states[0] * size_of::<f32>());
    assert_eq!(memory.gradient, memory.optimizer / 2);
    assert_eq!(memory.parameters, size_of::<Net>());
}

/// A frozen part computes as in inference: batch normalization with its running statistics, and
/// dropout not at all, also in front of it.
#[test]
fn frozen_layers_are_in_inference_mode() {
    let mut net = Net::init(&mut shapewright::rng(0));
    net.body.norm.running_mean = [0.3; 16];
    net.body.fc2.lora_B.weight = [[0.1; 8]; 2];
    let before = net.to_boxed();
    let x: Vec<Tensor1<6>> = random(12, 1);
    let labels: Vec<Label<3>> = (0..12)
        .map(|i| Label::new(i % 3).expect("a class"))
        .collect();

    let mut workspace = Net::workspace();
    let mut gradient = Net::gradient();
    let mut adam = AdamW::new(0.01).weight_decay(0.1).state::<Net>();
    for step in 0..3 {
        let outputs = net.predict(&x);
        let mut pass = net.forward_train(&x, &mut workspace);
        for (y, wanted) in pass.outputs().iter().zip(&outputs) {
            let distance = norm(&(*y - *wanted));
            assert!(distance < 1e-5, "step {step}: {distance}");
        }
        pass.loss(&CrossEntropy, &labels);
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
    }

    assert_eq!(net.embed, before.embed);
    assert_eq!(net.body.norm, before.body.norm);
    assert_eq!(net.body.fc1.layer, before.body.fc1.layer);
    assert_eq!(net.body.fc2.layer, before.body.fc2.layer);
    assert_ne!(net.body.fc1.lora_A, before.body.fc1.lora_A);
    assert_ne!(net.body.fc1.lora_B, before.body.fc1.lora_B);
    assert_ne!(net.head, before.head);
}

/// A layer whose backward must not be called.
struct Wall;

impl<In: Shape> ShapeRule<In> for Wall {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: shapewright::tensor::Element> Layer<T> for Wall {
    type Config = ();
    type Params = [T; 2];
}

impl<S: Shape> Infer<S, S, f32> for Wall {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE;

    fn forward(call: Forward<'_, Self, S, S, f32>) {
        let Forward { x, y, .. } = call;
        y.copy_from_slice(x);
    }
}

impl<S: Shape> Train<S, S, f32> for Wall {
    const READS_OUTPUT: bool = false;

    fn forward_train(call: ForwardTrain<'_, Self, S, S, f32>) {
        let ForwardTrain { x, y, .. } = call;
        y.copy_from_slice(x);
    }

    fn backward_input(_: BackwardInput<'_, Self, S, S, f32>) {
        panic!("backward went below the first layer that is trained");
    }

    fn backward_params(_: BackwardParams<'_, Self, S, S, f32>) {
        panic!("backward computed the gradient of a frozen layer");
    }
}

/// Backward stops at the first layer that is trained, also inside networks and blocks.
#[test]
fn backward_stops_at_the_first_trained_layer() {
    network! {
        struct Inner: [4] -> [4] {
            #[frozen]
            wall: Wall,
            Tanh,
            Residual { #[frozen] inner_wall: Wall, Lora<2, Linear<_, 4>> },
        }
    }
    network! {
        struct Outer: [4] -> [2] {
            #[frozen]
            fc: Linear<_, 4>,
            Residual { inner: Inner },
            head: Linear<_, 2>,
        }
    }
    let net = Outer::init(&mut shapewright::rng(0));
    let mut workspace = Outer::workspace();
    let mut gradient = Outer::gradient();
    let x: Vec<Tensor1<4>> = random(3, 1);
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &[Tensor1::zeros(); 3]);
    pass.backward(&mut gradient);
    assert_eq!(gradient.fc.bias, [0.0; 4]);
    assert_ne!(gradient.head.bias, [0.0; 2]);
    assert!(Dims::new(&[4]).sizes() == [4]);
}

network! { struct Block: [3, 8] -> [3, 8] {
    attention: MultiHeadAttention<_, 2>,
    norm: LayerNorm,
    fc: Linear<_, 8, NoBias>,
} }
network! { struct Base: [3, 6] -> [2] {
    fc: Linear<_, 8>,
    Tanh,
    block: Block,
    Repeat<2> { Residual { Linear<_, 8>, norm: BatchNorm1d<_> } },
    grouped: MultiHeadAttention<_, 4, KvHeads<2>, HeadDim<3>>,
    Flatten,
    head: Linear<_, 2>,
} }
network! {
    #[merged(Block)]
    struct AdaptedBlock: [3, 8] -> [3, 8] {
        attention: Lora<2, MultiHeadAttention<_, 2>>(3.0),
        norm: LayerNorm,
        fc: Lora<2, Linear<_, 8, NoBias>>,
    }
}
network! {
    #[merged(Base)]
    struct Adapted: [3, 6] -> [2] {
        fc: Lora<3, Linear<_, 8>>(6.0),
        Tanh,
        block: AdaptedBlock,
        Repeat<2> { Residual { Lora<2, Linear<_, 8>>, norm: BatchNorm1d<_> } },
        grouped: Lora<2, MultiHeadAttention<_, 4, KvHeads<2>, HeadDim<3>>>(0.5),
        Flatten,
        head: Linear<_, 2>,
    }
}

#[test]
fn merged_is_as_adapted() {
    let _settings = settings();
    let base = Base::init(&mut shapewright::rng(0));
    let mut net = Adapted::init(&mut shapewright::rng(1));
    net.set_base(&base);
    let x: Vec<Tensor2<3, 6>> = random(5, 1);

    // The matrices `B` are zero.
    let (unchanged, found) = (base.predict(&x), net.predict(&x));
    assert!(
        unchanged
            .iter()
            .zip(&found)
            .all(|(a, b)| norm(&(*a - *b)) < 1e-5)
    );
    assert_eq!(net.merged().params(), base.params());

    net.for_each_param_mut(|name, _, values| {
        if name.ends_with("lora_B.weight") {
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, x)| *x = (i as f32).sin() / 3.0);
        }
    });
    let adapted = net.predict(&x);
    let merged: Box<Base> = net.merged();
    let found = merged.predict(&x);
    for ((a, b), before) in adapted.iter().zip(&found).zip(&unchanged) {
        let distance = norm(&(*a - *b)) / norm(a);
        assert!(distance < 1e-5, "{a:?} and {b:?}");
        assert!(norm(&(*a - *before)) > 1e-2, "nothing has changed");
    }
    assert_ne!(merged.block.attention, base.block.attention);
    assert_eq!(merged.head, base.head);
}
