//! Recurrent layers.

use crate::common::gradient::check_network;
use shapewright::prelude::*;

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

#[test]
fn gradients_with_masks_and_states() {
    network! { struct Masked: (x: [5, 3], mask: [5], h: [2], c: [2]) -> [5, 4] as f64 {
        Lstm<_, 2, Bidirectional, Masked> <- (x, mask),
    } }
    check_network::<Masked>(3);
}
