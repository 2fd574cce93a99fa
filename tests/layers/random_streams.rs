//! Random causal networks, written by `tests/reference/make_streams.py`: any cut of a sequence into
//! steps and blocks has the bits of the whole.

use crate::common::{bits, random};
use proptest::prelude::*;
use shapewright::prelude::*;

/// The length of a block of a stream, and of the whole sequence.
const BLOCK: usize = 4;
const WHOLE: usize = 12;

/// Checks a cut: each number is a block, if it is 0 and one is left, or as many steps.
fn check<B, W>(seed: u64, cuts: &[usize])
where
    B: Streaming,
    W: Network<Element = B::Element>,
{
    let whole = W::init(&mut shapewright::rng(seed));
    let mut net = B::zeros();
    net.params_mut().copy_from_slice(whole.params());
    let x: Tensor<W::Input, W::Element> = random(1, seed).remove(0);
    let wanted = whole.forward(&x);

    let (inputs, outputs) = (B::StepInput::LEN, B::StepOutput::LEN);
    let mut rest = x.as_slice();
    let mut found = Vec::new();
    let mut stream = B::stream();
    let mut cuts = cuts.iter();
    while !rest.is_empty() {
        let cut = *cuts.next().unwrap_or(&1);
        if cut == 0 && rest.len() >= BLOCK * inputs {
            let (block, later) = rest.split_at(BLOCK * inputs);
            let mut y = Tensor::zeros();
            stream.block(&net, &Tensor::from_slice(block).expect("a block"), &mut y);
            found.extend_from_slice(y.as_slice());
            rest = later;
        } else {
            let steps = cut.clamp(1, rest.len() / inputs);
            let (taken, later) = rest.split_at(steps * inputs);
            let step = |x| Tensor::<B::StepInput, _>::from_slice(x).expect("a step");
            let x: Vec<_> = taken.chunks_exact(inputs).map(step).collect();
            let mut y = vec![Tensor::zeros(); steps];
            stream.steps(&net, &x, &mut y);
            found.extend_from_slice(Tensor::flatten(&y));
            rest = later;
        }
    }
    assert_eq!(found.len(), WHOLE * outputs);
    assert_eq!(bits(&found), bits(wanted.as_slice()), "cuts {cuts:?}");
}

/// Cells of `Scan` that read three numbers and give two. Not all of them are drawn.
macro_rules! cells {
    ($module:ident as $element:ident) => {
        #[allow(dead_code)]
        mod $module {
            use shapewright::prelude::*;

            network! {
                pub struct Elman: (x: [3], h: [2]) -> [2] as $element {
                    both: Concat <- (x, h),
                    Linear<_, 2>,
                    LayerNorm,
                    Tanh,
                }
            }
            network! {
                pub struct Memory: (x: [3], h: [4], c: [1]) -> (y: [2], next: [4], c1: [1]) as $element {
                    all: Concat <- (x, h, c),
                    c1: Linear<_, 1>,
                    next: Linear<_, 4> <- all,
                    Silu,
                    y: Linear<_, 2>,
                }
            }
        }
    };
}
cells!(single as f32);
cells!(double as f64);

/// Writes the property of each network, over blocks and as a whole.
macro_rules! streams {
    ($($name:ident as $element:ident: $inputs:literal -> $outputs:literal { $($layers:tt)* })*) => { $(
        mod $name {
            use super::{BLOCK, WHOLE};
            use shapewright::prelude::*;

            network! {
                #[stream]
                pub struct Block: [BLOCK, $inputs] -> [BLOCK, $outputs] as $element { $($layers)* }
            }
            network! {
                #[stream]
                pub struct Whole: [WHOLE, $inputs] -> [WHOLE, $outputs] as $element { $($layers)* }
            }
        }
    )*
        proptest! {
            #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

            $(
                #[test]
                fn $name(seed in 0..u64::MAX, cuts in prop::collection::vec(0..6usize, 0..12)) {
                    check::<$name::Block, $name::Whole>(seed, &cuts);
                }
            )*
        }
    };
}

streams! {
    net0 as f64: 2 -> 3 {
        Lstm<_, 4, NoBias>,
        Conv1d<_, 2, 2, Dilation<3>, Causal>,
        Linear<_, 4>,
        MultiHeadAttention<_, 2, Causal, Window<1>>,
        RmsNorm,
        Linear<_, 3>,
    }
    net1 as f32: 1 -> 1 {
        Linear<_, 4>,
        MultiHeadAttention<_, 2, Causal, Window<4>>,
        MultiHeadAttention<_, 2, Causal, Window<2>, KvHeads<1>>,
        MultiHeadAttention<_, 2, Causal, Window<2>, KvHeads<1>>,
        LayerNorm,
        Linear<_, 1>,
    }
    net2 as f32: 3 -> 3 {
        Conv1d<_, 3, 2, Causal>,
        Lstm<_, 2>,
        Conv1d<_, 2, 2, Dilation<3>, Causal, NoBias>,
        Residual { PositionalEncoding, at676285: Linear<_, 2>, Add <- (at676285, input) },
        Linear<_, 3>,
    }
    net3 as f64: 2 -> 3 {
        Dropout(0.5),
        PositionalEncoding,
        Linear<_, 3>,
        Scan<super::double::Memory>,
        Rnn<_, 2>,
        Linear<_, 3>,
    }
    net4 as f32: 2 -> 1 {
        LayerNorm,
        Residual { Conv1d<_, 1, 1, Causal>, Linear<_, 2> },
        Concat { a: { Linear<_, 4>, MultiHeadAttention<_, 2, Causal, Window<4>> }, skip: {} },
        Linear<_, 3>,
        Scan<super::single::Elman>,
        Linear<_, 1>,
    }
    net5 as f32: 2 -> 2 {
        Linear<_, 3>,
        Gru<_, 3, ResetBefore>,
        PositionalEmbedding<12>,
        Residual { Rnn<_, 3>, Linear<_, 4>, MultiHeadAttention<_, 2, Causal, Window<1>, Rotary>, Linear<_, 3> },
        Linear<_, 2>,
    }
    net6 as f64: 2 -> 1 {
        Residual { Rnn<_, 2, Relu> },
        Linear<_, 4>,
        MultiHeadAttention<_, 2, Causal, Window<3>>,
        Residual { PositionalEncoding, PositionalEncoding },
        MultiHeadAttention<_, 2, Causal, Window<4>, Rotary>,
        Linear<_, 1>,
    }
    net7 as f32: 1 -> 3 {
        Concat { a: { LayerNorm }, skip: {} },
        Linear<_, 4>,
        MultiHeadAttention<_, 2, Causal, Window<3>, KvHeads<1>>,
        PositionalEncoding,
        Residual { PositionalEmbedding<12> },
        Linear<_, 3>,
    }
    net8 as f32: 3 -> 2 {
        Residual { LayerNorm },
        Linear<_, 3>,
        Repeat<2> { Residual { Lstm<_, 1>, Linear<_, 3> } },
        PositionalEmbedding<12>,
        Linear<_, 2>,
    }
    net9 as f64: 1 -> 1 {
        Linear<_, 4>,
        MultiHeadAttention<_, 2, Causal, Window<2>>,
        Residual { Residual { Gru<_, 3>, Conv1d<_, 3, 3, Causal>, Linear<_, 4> } },
        Conv1d<_, 4, 1, Causal, NoBias>,
        Conv1d<_, 4, 2, Dilation<2>, Causal, NoBias>,
        Linear<_, 1>,
    }
    net10 as f32: 3 -> 3 {
        Gru<_, 4, Layers<2>>,
        Residual { PositionalEmbedding<12>, at281992: Linear<_, 4>, Mul <- (at281992, input) },
        MultiHeadAttention<_, 2, Causal, Window<3>, KvHeads<1>>,
        Linear<_, 3>,
        Scan<super::single::Elman>,
        Linear<_, 3>,
    }
    net11 as f32: 2 -> 2 {
        Repeat<2> { Linear<_, 2>, Concat { a: { Sigmoid }, skip: {} }, Linear<_, 2> },
        Linear<_, 3>,
        Scan<super::single::Memory>,
        Conv1d<_, 1, 3, Dilation<2>, Causal>,
        Linear<_, 4>,
        Linear<_, 2>,
    }
}
