//! `Scan`: gradients, the layers that it can stand for, streams, and names.

use crate::common::gradient::check_network;
use crate::common::{bits, random, settings};
use shapewright::prelude::*;

network! {
    struct Elman: (x: [3], h: [4]) -> [4] as f64 {
        ih: Linear<_, 4> <- x,
        hh: Linear<_, 4> <- h,
        Add <- (ih, hh),
        Tanh,
    }
}

network! {
    /// PyTorch's `nn.GRUCell`, with the output in front of the state.
    struct Gated: (x: [3], h: [4]) -> (y: [4], next: [4]) as f64 {
        ih: Linear<_, 12> <- x,
        hh: Linear<_, 12> <- h,
        ir: Slice<0, 4> <- ih,
        hr: Slice<0, 4> <- hh,
        Add <- (ir, hr),
        r: Sigmoid,
        iz: Slice<4, 4> <- ih,
        hz: Slice<4, 4> <- hh,
        Add <- (iz, hz),
        z: Sigmoid,
        i_n: Slice<8, 4> <- ih,
        hn: Slice<8, 4> <- hh,
        reset: Mul <- (r, hn),
        Add <- (i_n, reset),
        n: Tanh,
        // h' = n + z (h - n), with weights of -1 for the difference.
        minus: Linear<_, 4, NoBias> <- n,
        difference: Add <- (h, minus),
        kept: Mul <- (z, difference),
        next: Add <- (n, kept),
        y: Identity,
    }
}

network! {
    /// Two states of different shapes, and an output of another width.
    struct Cell: (x: [3], h: [4], c: [2]) -> (y: [2], h1: [4], c1: [2]) as f64 {
        all: Concat <- (x, h, c),
        fc: Linear<_, 5>,
        inner: Tanh,
        h1: Linear<_, 4>,
        c1: Linear<_, 2> <- inner,
        out: Concat <- (h, c1),
        y: Linear<_, 2>,
    }
}

#[test]
fn gradients_through_time() {
    network! { struct Plain: [5, 3] -> [5, 4] as f64 { Scan<Elman> } }
    network! { struct Between: [5, 2] -> [1] as f64 {
        Linear<_, 3>, Scan<Gated>, Tanh, Linear<_, 3>, Scan<Elman>, SelectLast, Linear<_, 1>,
    } }
    network! { struct One: [1, 3] -> [1, 2] as f64 { Scan<Cell> } }
    check_network::<Plain>(1);
    check_network::<Plain>(5);
    check_network::<Between>(3);
    check_network::<One>(2);
}

#[test]
fn gradients_of_states() {
    network! { struct Initial: (x: [5, 3], h: [6]) -> [5, 4] as f64 {
        h0: Linear<_, 4> <- h,
        Scan<Elman, InitialState> <- (x, h0),
    } }
    network! { struct Last: [5, 3] -> ([5, 4], [4]) as f64 { Scan<Elman, FinalState> } }
    network! { struct Both: (x: [5, 3], h: [4], c: [2]) -> ([5, 2], [4], [2]) as f64 {
        Scan<Cell, FinalState, InitialState> <- (x, h, c),
    } }
    network! { struct Seq2Seq: (x: [4, 3], y: [5, 3]) -> [5, 4] as f64 {
        encoder: Scan<Gated, FinalState> <- x,
        state: SelectPart<1>,
        decoder: Scan<Gated, InitialState> <- (y, state),
    } }
    check_network::<Initial>(3);
    check_network::<Last>(3);
    check_network::<Both>(4);
    check_network::<Seq2Seq>(2);
}

/// Steps of any shape, cells with caches and random numbers, and scans inside blocks and cells.
#[test]
fn gradients_of_other_cells() {
    network! { struct Frame: (x: [4, 3, 2], h: [4, 3, 2]) -> [4, 3, 2] as f64 {
        both: Concat <- (x, h),
        conv: Conv2d<_, 2, 3, Pad<1>>,
        norm: GroupNorm<1, _>,
        Tanh,
    } }
    network! { struct Video: [3, 4, 3, 2] -> [3, 4, 3, 2] as f64 { Scan<Frame> } }
    network! { struct Noisy: (x: [3], h: [3]) -> [3] as f64 {
        Add <- (x, h),
        Linear<_, 8>,
        Dropout(0.4),
        Linear<_, 3>,
        Tanh,
    } }
    network! { struct Blocks: [4, 3] -> [4, 3] as f64 {
        Repeat<2> { Residual { Scan<Noisy>, LayerNorm } },
    } }
    // A sum over the last steps in each step.
    network! { struct Nested: (x: [4, 3], h: [3]) -> [3] as f64 {
        Scan<Noisy, InitialState> <- (x, h),
        SelectLast,
    } }
    network! { struct Windows: [2, 4, 3] -> [2, 3] as f64 { Scan<Nested> } }
    network! { struct Numbers: (x: [], h: [2]) -> [2] as f64 {
        row: Reshape<1> <- x,
        both: Concat <- (row, h),
        Linear<_, 2>,
        Tanh,
    } }
    network! { struct Series: [6] -> [6, 2] as f64 { Scan<Numbers> } }
    check_network::<Video>(2);
    check_network::<Blocks>(3);
    check_network::<Windows>(3);
    check_network::<Series>(3);
}

/// A dropout draws anew in each step, and does nothing in inference.
#[test]
fn random_numbers_of_each_step() {
    network! { struct Drops: (x: [50], h: [50]) -> (y: [50], next: [50]) as f64 {
        next: Add <- (x, h),
        y: Dropout(0.5) <- x,
    } }
    network! { struct Net: [2, 50] -> [2, 50] as f64 { Scan<Drops> } }
    let net = Net::zeros();
    let x = [Tensor2::ones()];
    assert_eq!(net.forward(&x[0]), x[0]);

    let mut workspace = Net::workspace();
    let y = net.forward_train(&x, &mut workspace).outputs()[0];
    assert_ne!(y.as_array()[0], y.as_array()[1]);
}

#[test]
fn a_cell_by_hand_is_the_layer() {
    network! { struct Library: [6, 3] -> [6, 4] as f64 { a: Rnn<_, 4>, Linear<_, 3>, b: Gru<_, 4> } }
    network! { struct ByHand: [6, 3] -> [6, 4] as f64 { a: Scan<Elman>, Linear<_, 3>, b: Scan<Gated> } }
    let library = Library::init(&mut shapewright::rng(1));
    let mut net = ByHand::zeros();
    let [weights] = &library.a.first;
    net.a.ih.weight = weights.weight_ih;
    net.a.ih.bias = weights.bias_ih;
    net.a.hh.weight = weights.weight_hh;
    net.a.hh.bias = weights.bias_hh;
    net.layer_1 = library.layer_1;
    let [weights] = &library.b.first;
    net.b.ih.weight = weights.weight_ih;
    net.b.ih.bias = weights.bias_ih;
    net.b.hh.weight = weights.weight_hh;
    net.b.hh.bias = weights.bias_hh;
    for (i, row) in net.b.minus.weight.iter_mut().enumerate() {
        row[i] = -1.0;
    }

    let x: Vec<Tensor2<6, 3, f64>> = random(3, 2);
    let (mut workspace, mut gradient) = (Library::workspace(), Library::zeros());
    let (mut own_workspace, mut own) = (ByHand::workspace(), ByHand::zeros());
    let mut pass = library.forward_train(&x, &mut workspace);
    let mut own_pass = net.forward_train(&x, &mut own_workspace);
    let g = random(3, 3);
    pass.output_gradients_mut().copy_from_slice(&g);
    own_pass.output_gradients_mut().copy_from_slice(&g);

    let close = |found: &[f64], wanted: &[f64]| {
        assert_eq!(found.len(), wanted.len());
        for (x, y) in found.iter().zip(wanted) {
            assert!((x - y).abs() < 1e-12, "{x} and {y}");
        }
    };
    close(
        Tensor::flatten(own_pass.outputs()),
        Tensor::flatten(pass.outputs()),
    );
    close(
        Tensor::flatten(own_pass.backward_with_input(&mut own)),
        Tensor::flatten(pass.backward_with_input(&mut gradient)),
    );
    let [weights] = &gradient.b.first;
    close(
        own.b.hh.weight.as_flattened(),
        weights.weight_hh.as_flattened(),
    );
    let [weights] = &gradient.a.first;
    close(
        own.a.ih.weight.as_flattened(),
        weights.weight_ih.as_flattened(),
    );
    close(&own.a.hh.bias, &weights.bias_hh);
}

network! {
    #[stream]
    struct Streamed: [12, 3] -> [12, 2] as f64 {
        Conv1d<_, 3, 2, Causal>,
        a: Scan<Cell>,
        Linear<_, 3>,
        b: Scan<Elman>,
        Residual { Tanh, Linear<_, 3>, Scan<Gated> },
        Linear<_, 2>,
    }
}

#[test]
fn steps_have_the_bits_of_the_whole() {
    assert_eq!(Streamed::RECEPTIVE_FIELD, usize::MAX);
    let net = Streamed::init(&mut shapewright::rng(3));
    let x: Tensor2<12, 3, f64> = random(1, 5).remove(0);
    let y = net.forward(&x);

    let mut stream = Streamed::stream();
    for _ in 0..2 {
        for (x, y) in x.as_array().iter().zip(y.as_array()) {
            let found = stream.step(&net, &Tensor1::from(*x));
            assert_eq!(bits(found.as_slice()), bits(y));
        }
        stream.reset();
    }
    let mut out = Tensor2::zeros();
    stream.block(&net, &x, &mut out);
    assert_eq!(bits(out.as_slice()), bits(y.as_slice()));

    // The last call leaves a state: the same block goes on from it.
    stream.block(&net, &x, &mut out);
    assert_ne!(out, y);
}

/// Each call begins with the state that it reads, and not with that of the call before.
#[test]
fn a_state_that_is_read_is_not_kept() {
    network! { struct Net: (x: [2, 3], h: [4]) -> [2, 4] as f64 { Scan<Elman, InitialState> <- (x, h) } }
    assert_eq!(Net::STATE_BYTES, 0);
    let net = Net::init(&mut shapewright::rng(1));
    let x: Tensor<<Net as Network>::Input, f64> = random(1, 2).remove(0);
    let mut state = Net::state();
    assert_eq!(net.step(&x, &mut state), net.step(&x, &mut state));
}

#[test]
fn parameters_are_those_of_the_cell() {
    network! { struct Net: [5, 3] -> [5, 4] as f64 { rnn: Scan<Elman>, Linear<_, 3>, Scan<Elman> } }
    let mut names = Vec::new();
    Net::zeros().for_each_param(|name, _, _| names.push(name.to_owned()));
    assert_eq!(
        names,
        [
            "rnn.ih.weight",
            "rnn.ih.bias",
            "rnn.hh.weight",
            "rnn.hh.bias",
            "1.weight",
            "1.bias",
            "2.ih.weight",
            "2.ih.bias",
            "2.hh.weight",
            "2.hh.bias",
        ]
    );
    assert_eq!(Net::PARAMS, 2 * (3 * 4 + 4 + 4 * 4 + 4) + 4 * 3 + 3);
    assert_eq!(Net::MACS, 5 * (2 * (3 * 4 + 4 * 4) + 4 * 3));
}

/// The number of threads changes no bit of a training pass, and gradients accumulate.
#[test]
fn threads_change_no_bit() {
    network! { struct Wide: (x: [20], h: [60]) -> [60] as f64 {
        both: Concat <- (x, h),
        Linear<_, 60>,
        LayerNorm,
        Tanh,
    } }
    network! { struct Net: [9, 20] -> [9, 5] as f64 { Scan<Wide>, Linear<_, 5> } }
    let net = Net::init(&mut shapewright::rng(1));
    let x: Vec<Tensor2<9, 20, f64>> = random(37, 2);
    let g: Vec<Tensor2<9, 5, f64>> = random(37, 3);

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
