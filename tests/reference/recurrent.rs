//! Recurrent layers against PyTorch: outputs and all gradients, in f32 and f64 and on every
//! instruction tier; and their names in PyTorch's files.

use crate::attention::networks;
use shapewright::prelude::*;

networks! {
    recurrent_layers_are_as_in_pytorch in "recurrent.json":
    "lstm": [6, 3] -> [6, 5] { a: Lstm<_, 5> }
    "lstm of 35": [4, 2] -> [4, 35] { a: Lstm<_, 35> }
    "lstm, no bias": [5, 4] -> [5, 8] { a: Lstm<_, 8, NoBias> }
    "lstm, stacked": [5, 3] -> [5, 4] { a: Lstm<_, 4, Layers<3>> }
    "lstm, both directions": [5, 3] -> [5, 8] { a: Lstm<_, 4, Bidirectional> }
    "lstm, all options": (x: [6, 3], mask: [6], h0: [4, 4], c0: [4, 4]) -> ([6, 8], [4, 4], [4, 4]) {
        a: Lstm<_, 4, Layers<2>, Bidirectional, Masked, InitialState, FinalState> <- (x, mask, h0, c0)
    }
    "lstm, states": (x: [5, 3], h0: [4], c0: [4]) -> ([5, 4], [4], [4]) {
        a: Lstm<_, 4, FinalState, InitialState> <- (x, h0, c0)
    }
    "gru": [6, 3] -> [6, 5] { a: Gru<_, 5> }
    "gru of 17": [4, 1] -> [4, 17] { a: Gru<_, 17> }
    "gru, no bias": [5, 4] -> [5, 8] { a: Gru<_, 8, NoBias, Layers<2>> }
    "gru, masked": (x: [6, 3], mask: [6]) -> ([6, 8], [2, 4]) {
        a: Gru<_, 4, Bidirectional, Masked, FinalState> <- (x, mask)
    }
    "gru, all options": (x: [6, 3], mask: [6], h0: [4, 4]) -> ([6, 8], [4, 4]) {
        a: Gru<_, 4, Layers<2>, Bidirectional, Masked, InitialState, FinalState> <- (x, mask, h0)
    }
    "rnn": [6, 3] -> [6, 5] { a: Rnn<_, 5> }
    "rnn, relu": [4, 3] -> [4, 16] { a: Rnn<_, 16, Relu, Layers<2>> }
    "rnn, all options": (x: [6, 3], mask: [6], h0: [4, 4]) -> ([6, 8], [4, 4]) {
        a: Rnn<_, 4, Layers<2>, Bidirectional, NoBias, Masked, InitialState, FinalState>
            <- (x, mask, h0)
    }
    "gru, reset before": [6, 3] -> [6, 5] { a: Gru<_, 5, ResetBefore> }
    "gru, rectified": [6, 3] -> [6, 5] { a: Gru<_, 5, Relu> }
    "gru, reset before and rectified": (x: [6, 3], mask: [6], h0: [20]) -> ([6, 20], [20]) {
        a: Gru<_, 20, ResetBefore, Relu, Masked, InitialState, FinalState> <- (x, mask, h0)
    }
}

/// Each number of PyTorch's file comes to its place, at run time and in `include_weights!`.
#[cfg(feature = "safetensors")]
#[test]
fn files_have_the_names_of_pytorch() {
    network! { struct Net: [5, 3] -> [5, 4] { rnn: Lstm<_, 2, Layers<2>, Bidirectional> } }
    let file = include_bytes!("recurrent.safetensors");
    let mut net = Net::zeros();
    let loader = shapewright::weights::Loader::from_bytes(file).expect("a file");
    net.load_from(&loader).expect("PyTorch's file");

    // The first layer has 8 * 3 + 8 * 2 + 8 + 8 numbers in each direction, the second 8 * 4 + ...
    let first = &net.rnn.first;
    assert_eq!(first[0].weight_ih[1][7], (7 * 3 + 1) as f32);
    assert_eq!(first[0].weight_hh[1][3], (24 + 3 * 2 + 1) as f32);
    assert_eq!(first[0].bias_ih[2], (40 + 2) as f32);
    assert_eq!(first[0].bias_hh[7], (48 + 7) as f32);
    assert_eq!(first[1].weight_ih[2][0], (56 + 2) as f32);
    let second = &net.rnn.later[0];
    assert_eq!(second[0].weight_ih[3][1], (112 + 4 + 3) as f32);
    assert_eq!(second[1].bias_hh[7], (112 + 2 * 64 - 1) as f32);

    static INCLUDED: &Net = shapewright::include_weights!("recurrent.safetensors" as Net);
    assert_eq!(INCLUDED.as_slice(), net.as_slice());
}
