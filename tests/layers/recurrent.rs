//! Recurrent layers.

use crate::common::gradient::check_network;
use crate::common::{bits, random, settings};
use shapewright::ext::{
    BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule, Train,
};
use shapewright::prelude::*;
use shapewright::tensor::Element;

#[test]
fn gradients() {
    network! { struct One: [5, 3] -> [5, 9] as f64 { Lstm<_, 9> } }
    network! { struct Behind: [5, 3] -> [2] as f64 { Linear<_, 4>, gru: Gru<_, 5>, SelectLast, Linear<_, 2> } }
    network! { struct Simple: [4, 3] -> [4, 9] as f64 { Linear<_, 4>, Rnn<_, 9> } }
    check_network::<One>(1);
    check_network::<One>(5);
    check_network::<Behind>(1);
    check_network::<Behind>(5);
    check_network::<Simple>(3);
}

#[test]
fn gradients_of_stacks() {
    network! { struct Two: [4, 3] -> [4, 10] as f64 { Linear<_, 4>, Lstm<_, 5, Layers<2>, Bidirectional> } }
    network! { struct Three: [4, 3] -> [4, 4] as f64 { Gru<_, 4, Layers<3>, ResetBefore> } }
    network! { struct Bare: [4, 3] -> [4, 8] as f64 { Linear<_, 3>, Gru<_, 4, Layers<3>, NoBias, Bidirectional, ResetBefore> } }
    network! { struct Rect: [4, 3] -> [4, 8] as f64 { Rnn<_, 4, Layers<2>, Relu, Bidirectional> } }
    check_network::<Two>(3);
    check_network::<Three>(3);
    check_network::<Bare>(3);
    check_network::<Rect>(3);
}

/// 1 where the input is above -0.3, so that some steps of a random mask are padding.
struct Steps;

impl<In: Shape> ShapeRule<In> for Steps {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<T: Element> Layer<T> for Steps {
    type Config = ();
    type Params = ();
}
impl<S: Shape, T: Element> Infer<S, S, T> for Steps {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let above = |x: T| {
            if x.to_f64() > Some(-0.3) {
                T::one()
            } else {
                T::zero()
            }
        };
        call.x
            .iter()
            .zip(call.y)
            .for_each(|(x, y)| *y = x.map(above));
    }
}
impl<S: Shape, T: Element> Train<S, S, T> for Steps {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        call.dx
            .into_iter()
            .flatten()
            .for_each(|dx| *dx = Tensor::zeros());
    }
}

#[test]
fn gradients_with_masks_and_states() {
    network! { struct Masked: (x: [5, 3], mask: [5]) -> [5, 4] as f64 {
        steps: Steps <- mask,
        Lstm<_, 2, Bidirectional, Masked> <- (x, steps),
    } }
    network! { struct States: (x: [5, 3], h: [2, 4], c: [2, 4]) -> [5, 4] as f64 {
        Lstm<_, 4, InitialState, Layers<2>> <- (x, h, c),
    } }
    network! { struct Both: (x: [5, 3], mask: [5], h: [8]) -> [5, 4] as f64 {
        steps: Steps <- mask,
        first: Linear<_, 4> <- h,
        Gru<_, 4, InitialState, Masked, ResetBefore> <- (x, steps, first),
    } }
    network! { struct Rect: (x: [5, 3], mask: [5], h: [4, 3]) -> [5, 6] as f64 {
        steps: Steps <- mask,
        inner: Linear<_, 2> <- x,
        Rnn<_, 3, InitialState, Relu, Masked, Bidirectional, Layers<2>> <- (inner, steps, h),
    } }
    network! { struct Last: (x: [5, 3], mask: [5]) -> ([5, 4], [4], [4]) as f64 {
        steps: Steps <- mask,
        Lstm<_, 4, FinalState, Masked> <- (x, steps),
    } }
    network! { struct Seq2Seq: (x: [5, 3], y: [4, 2], mask: [5]) -> [4, 4] as f64 {
        steps: Steps <- mask,
        encoder: Lstm<_, 4, FinalState, Masked, Layers<2>> <- (x, steps),
        h: SelectPart<1> <- encoder,
        c: SelectPart<2> <- encoder,
        decoder: Lstm<_, 4, InitialState, Layers<2>> <- (y, h, c),
    } }
    network! { struct Ends: [5, 3] -> ([5, 6], [2, 3]) as f64 { Rnn<_, 3, Bidirectional, FinalState> } }
    check_network::<Last>(4);
    check_network::<Seq2Seq>(4);
    check_network::<Ends>(2);
    check_network::<Masked>(4);
    check_network::<States>(3);
    check_network::<Both>(4);
    check_network::<Rect>(4);
}

/// Any cut of a sequence into blocks gives the bits of the whole.
#[test]
fn streams_have_the_bits_of_the_whole() {
    macro_rules! check {
        ($($element:ident $hidden:literal: [$($layer:tt)*];)*) => { $({
            network! { struct Whole: [12, 3] -> [12, $hidden] as $element { rnn: $($layer)* } }
            network! { struct One: [1, 3] -> [1, $hidden] as $element { rnn: $($layer)* } }
            network! { struct Four: [4, 3] -> [4, $hidden] as $element { rnn: $($layer)* } }
            let whole = Whole::init(&mut shapewright::rng(1));
            let mut one = One::zeros();
            one.as_mut_slice().copy_from_slice(whole.as_slice());
            let mut four = Four::zeros();
            four.as_mut_slice().copy_from_slice(whole.as_slice());

            let x: Tensor2<12, 3, $element> = random(1, 2).remove(0);
            let mut wanted = whole.forward(&x);
            let rows = x.as_array();
            let mut state = One::state();
            let steps: Vec<$element> = rows
                .iter()
                .flat_map(|row| one.step(&Tensor2::from([*row]), &mut state).as_slice().to_vec())
                .collect();
            assert_eq!(bits(&steps), bits(wanted.as_slice()), "{}", stringify!($($layer)*));

            let mut state = Four::state();
            let blocks: Vec<$element> = rows
                .as_chunks::<4>()
                .0
                .iter()
                .flat_map(|rows| four.step(&Tensor2::from(*rows), &mut state).as_slice().to_vec())
                .collect();
            assert_eq!(bits(&blocks), bits(wanted.as_slice()), "{}", stringify!($($layer)*));
            assert_eq!(One::STATE_BYTES, Whole::STATE_BYTES);

            // And so does a batch of any length.
            for count in [1, 2, 3, 5, 7, 13] {
                let x = vec![x; count];
                for y in whole.predict(&x) {
                    assert_eq!(y, wanted, "{} in a batch", stringify!($($layer)*));
                }
                wanted = whole.forward(&x[0]);
            }
        })* };
    }
    check! {
        f32 8: [Lstm<_, 8>];
        f32 5: [Lstm<_, 5, NoBias>];
        f32 19: [Lstm<_, 19, Layers<3>>];
        f32 64: [Lstm<_, 64>];
        f32 16: [Gru<_, 16, Layers<2>>];
        f32 33: [Gru<_, 33, ResetBefore>];
        f32 40: [Gru<_, 40, Relu>];
        f32 21: [Rnn<_, 21>];
        f32 300: [Rnn<_, 300, Relu, Layers<2>>];
        f64 9: [Lstm<_, 9, Layers<2>>];
        f64 20: [Gru<_, 20, NoBias>];
        f64 7: [Gru<_, 7, ResetBefore, Relu>];
        f64 300: [Rnn<_, 300>];
    }
}

/// A stream of recurrent layers among others has the bits of the block.
#[test]
fn recurrent_layers_in_a_stream() {
    network! {
        #[stream]
        struct Net: [24, 2] -> [24, 1] {
            Conv1d<_, 4, 3, Causal>,
            Lstm<_, 18, Layers<2>>,
            Residual { Gru<_, 18, ResetBefore>, Tanh },
            Rnn<_, 5, Relu>,
            Linear<_, 1>,
        }
    }
    assert_eq!(Net::RECEPTIVE_FIELD, usize::MAX);
    let net = Net::init(&mut shapewright::rng(3));
    let x: Tensor2<24, 2> = random(1, 5).remove(0);
    let y = net.forward(&x);

    let mut stream = Net::stream();
    for (t, x) in x.as_array().iter().enumerate() {
        let found = stream.step(&net, &Tensor1::from(*x));
        assert_eq!(bits(found.as_slice()), bits(&[y[[t, 0]]]), "step {t}");
    }
}

/// Dropout between the layers is the same in both passes, and there is none in inference.
#[test]
fn dropout_between_layers() {
    network! { struct Net: [4, 3] -> [4, 6] as f64 { Lstm<_, 6, Layers<3>>(0.4) } }
    network! { struct Plain: [4, 3] -> [4, 6] as f64 { Lstm<_, 6, Layers<3>> } }
    check_network::<Net>(3);

    let net = Net::init(&mut shapewright::rng(1));
    let mut plain = Plain::zeros();
    plain.as_mut_slice().copy_from_slice(net.as_slice());
    let x: Vec<Tensor2<4, 3, f64>> = random(3, 2);
    assert_eq!(net.predict(&x), plain.predict(&x));

    let mut workspace = Net::workspace();
    let first = net.forward_train(&x, &mut workspace).outputs().to_vec();
    assert_ne!(first, plain.predict(&x));
    assert_ne!(net.forward_train(&x, &mut workspace).outputs(), first);
    workspace.eval(layer!(Net));
    assert_eq!(
        net.forward_train(&x, &mut workspace).outputs(),
        plain.predict(&x)
    );
}

/// The number of threads changes no bit of a training pass.
#[test]
fn threads_change_no_bit() {
    network! { struct Net: [9, 5] -> [9, 14] {
        Lstm<_, 40, Layers<2>, Bidirectional>,
        Gru<_, 40>,
        Gru<_, 30, ResetBefore>,
        Rnn<_, 14>,
    } }
    let net = Net::init(&mut shapewright::rng(1));
    let x: Vec<Tensor2<9, 5>> = random(37, 2);
    let g: Vec<Tensor2<9, 14>> = random(37, 3);

    let mut results = Vec::new();
    settings().every_threads(&[1, 2, 3], |_| {
        let (mut workspace, mut gradient) = (Net::workspace(), Net::zeros());
        let mut pass = net.forward_train(&x, &mut workspace);
        let y = bits(Tensor::flatten(pass.outputs()));
        pass.output_gradients_mut().copy_from_slice(&g);
        let dx = bits(Tensor::flatten(pass.backward_with_input(&mut gradient)));
        results.push([y, dx, bits(gradient.as_slice())].concat());
    });
    assert!(results.iter().all(|result| *result == results[0]));
}
