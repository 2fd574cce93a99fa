//! Recurrent layers and cells in a `Scan` against PyTorch: outputs and all gradients, in f32 and f64
//! and on every instruction tier; and their names in PyTorch's files.

use crate::attention::networks;
use shapewright::ext::{
    BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule,
};
use shapewright::prelude::*;
use shapewright::tensor::Element;

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

/// `1 - x`.
struct OneMinus;

impl<In: Shape> ShapeRule<In> for OneMinus {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for OneMinus {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;

    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let one_minus = |y: &mut Tensor<S, T>| *y = y.map(|y| T::one() - y);
        call.y.iter_mut().for_each(one_minus);
    }

    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        call.dy.iter_mut().for_each(|dy| *dy = dy.map(|dy| -dy));
    }
}

/// The cells of `scan.json`, and the networks that run them.
macro_rules! scans {
    ($module:ident as $element:ident) => {
        mod $module {
            use super::OneMinus;
            use shapewright::prelude::*;

            network! {
                struct Unit<const I: usize, const H: usize>: (x: [I], h: [H]) -> [H] as $element {
                    both: Concat <- (x, h),
                    forget: Linear<_, H>,
                    f: Sigmoid,
                    keep: OneMinus,
                    reset: Mul <- (f, h),
                    candidate_in: Concat <- (x, reset),
                    candidate: Linear<_, H>,
                    n: Tanh,
                    kept: Mul <- (keep, h),
                    new: Mul <- (f, n),
                    Add <- (kept, new),
                }
            }
            network! { struct SmallUnit = Unit<3, 5>; }
            network! { struct LargeUnit = Unit<2, 18>; }
            network! { pub struct OfUnits: [6, 3] -> [6, 5] as $element { a: Scan<SmallUnit> } }
            network! {
                pub struct OfUnitsWithStates: (x: [4, 2], h: [18]) -> ([4, 18], [18]) as $element {
                    a: Scan<LargeUnit, InitialState, FinalState> <- (x, h),
                }
            }

            network! {
                struct Elman<const I: usize, const H: usize, const O: usize>:
                    (x: [I], h: [H]) -> (out: [O], next: [H]) as $element
                {
                    ih: Linear<_, H> <- x,
                    hh: Linear<_, H, NoBias> <- h,
                    Add <- (ih, hh),
                    norm: LayerNorm,
                    next: Tanh,
                    out: Linear<_, O>,
                }
            }
            network! { struct WideElman = Elman<3, 8, 2>; }
            network! { struct NarrowElman = Elman<1, 6, 3>; }
            network! { pub struct OfElmans: [5, 3] -> [5, 2] as $element { a: Scan<WideElman> } }
            network! {
                pub struct OfElmansWithState: [7, 1] -> ([7, 3], [6]) as $element {
                    a: Scan<NarrowElman, FinalState>,
                }
            }

            network! {
                struct Peephole: (x: [3], h: [4], c: [4]) -> (y: [4], h1: [4], c1: [4]) as $element {
                    all: Concat <- (x, h, c),
                    gates: Linear<_, 16>,
                    Slice<0, 4>,
                    i: Sigmoid,
                    Slice<4, 4> <- gates,
                    f: Sigmoid,
                    Slice<8, 4> <- gates,
                    g: Tanh,
                    Slice<12, 4> <- gates,
                    o: Sigmoid,
                    kept: Mul <- (f, c),
                    new: Mul <- (i, g),
                    c1: Add <- (kept, new),
                    Tanh,
                    shown: Identity,
                    h1: Mul <- (o, shown),
                    y: Identity,
                }
            }
            network! {
                pub struct OfPeepholes:
                    (x: [5, 3], h: [4], c: [4]) -> ([5, 4], [4], [4]) as $element
                {
                    a: Scan<Peephole, InitialState, FinalState> <- (x, h, c),
                }
            }
        }
    };
}
scans!(single as f32);
scans!(double as f64);

#[test]
fn cells_in_a_scan_are_as_in_pytorch() {
    let cases = crate::common::reference::cases("scan.json");
    let mut found = 0;
    macro_rules! check {
        ($($case:literal: $net:ident;)*) => { $(
            let is_case = |case: &&serde_json::Value| case["name"] == $case;
            let case = cases.iter().find(is_case).expect($case);
            crate::common::settings().every_tier(|_| {
                crate::attention::check::<single::$net>(case);
                crate::attention::check::<double::$net>(case);
            });
            #[cfg(feature = "safetensors")]
            crate::attention::check_shapes(&*single::$net::zeros(), case);
            found += 1;
        )* };
    }
    check! {
        "minimal gated unit": OfUnits;
        "minimal gated unit, states": OfUnitsWithStates;
        "normalized": OfElmans;
        "normalized, last state": OfElmansWithState;
        "peephole": OfPeepholes;
    }
    assert_eq!(found, cases.len());
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
