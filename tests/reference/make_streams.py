"""Writes random causal networks for `tests/layers/random_streams.rs`: `python make_streams.py`, then
`cargo fmt`."""

import pathlib
import random

HEADER = '''//! Random causal networks, written by `tests/reference/make_streams.py`: any cut of a sequence into
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
'''

ACTIVATIONS = ["Tanh", "Sigmoid", "Gelu", "Silu", "Relu", "Softmax", "PRelu<_>", "Dropout(0.5)"]


class Writer:
    def __init__(self, seed, element):
        self.rng = random.Random(seed)
        self.cells = "super::single" if element == "f32" else "super::double"

    def recurrent(self, width):
        new = self.rng.randint(1, 4)
        kind = self.rng.choice(["Lstm", "Gru", "Rnn"])
        options = {
            "Lstm": ["", ", Layers<2>", ", NoBias"],
            "Gru": ["", ", ResetBefore", ", Relu", ", Layers<2>"],
            "Rnn": ["", ", Relu"],
        }[kind]
        return [f"{kind}<_, {new}{self.rng.choice(options)}>"], new

    def convolution(self, width):
        new = self.rng.randint(1, 4)
        kernel = self.rng.randint(1, 3)
        dilation = self.rng.choice(["", "", ", Dilation<2>", ", Dilation<3>"])
        bias = self.rng.choice(["", ", NoBias"])
        return [f"Conv1d<_, {new}, {kernel}{dilation}, Causal{bias}>"], new

    def scan(self, width):
        cell = self.rng.choice(["Elman", "Memory"])
        before = [] if width == 3 else ["Linear<_, 3>"]
        return [*before, f"Scan<{self.cells}::{cell}>"], 2

    def attention(self, width):
        before = [] if width == 4 else ["Linear<_, 4>"]
        rotary = self.rng.choice(["", ", Rotary", ", KvHeads<1>"])
        window = self.rng.randint(1, 4)
        return [*before, f"MultiHeadAttention<_, 2, Causal, Window<{window}>{rotary}>"], 4

    def position(self, width):
        if width % 2 == 0 and self.rng.random() < 0.5:
            return ["PositionalEncoding"], width
        return ["PositionalEmbedding<12>"], width

    def normalization(self, width):
        return [self.rng.choice(["LayerNorm", "RmsNorm"])], width

    def dense(self, width):
        new = self.rng.randint(1, 4)
        return [f"Linear<_, {new}>"], new

    def activation(self, width):
        return [self.rng.choice(ACTIVATIONS)], width

    def keeps(self, width, depth):
        """A list that gives the width that it is given."""
        layers, new = self.list(width, depth, self.rng.randint(1, 2))
        return layers if new == width else [*layers, f"Linear<_, {width}>"]

    def block(self, width, depth):
        kind = self.rng.choice(["Residual", "Repeat", "Concat", "Wired"])
        if kind == "Residual":
            return [f"Residual {{ {', '.join(self.keeps(width, depth - 1))} }}"], width
        if kind == "Repeat":
            return [f"Repeat<2> {{ {', '.join(self.keeps(width, depth - 1))} }}"], width
        layers, new = self.list(width, depth - 1, 1)
        if kind == "Concat":
            return [f"Concat {{ a: {{ {', '.join(layers)} }}, skip: {{}} }}"], new + width
        merge = self.rng.choice(["Add", "Mul"])
        name = f"at{self.rng.randint(0, 10**6)}"
        inner = ", ".join([*layers, f"{name}: Linear<_, {width}>", f"{merge} <- ({name}, input)"])
        return [f"Residual {{ {inner} }}"], width

    def list(self, width, depth, count):
        memory = [self.recurrent, self.convolution, self.scan, self.attention]
        others = [self.position, self.normalization, self.dense, self.activation]
        layers = []
        for _ in range(count):
            if depth > 0 and self.rng.random() < 0.35:
                new, width = self.block(width, depth)
            else:
                new, width = self.rng.choice(memory if self.rng.random() < 0.6 else others)(width)
            layers += new
        return layers, width


def main():
    networks = []
    for index in range(12):
        element = "f32" if index % 3 else "f64"
        writer = Writer(1000 + index, element)
        inputs, outputs = writer.rng.randint(1, 3), writer.rng.randint(1, 3)
        layers, _ = writer.list(inputs, 2, 4)
        body = "\n".join(f"        {layer}," for layer in [*layers, f"Linear<_, {outputs}>"])
        networks.append(f"    net{index} as {element}: {inputs} -> {outputs} {{\n{body}\n    }}\n")
    path = pathlib.Path(__file__).parents[1] / "layers" / "random_streams.rs"
    path.write_text(HEADER + "".join(networks) + "}\n")


main()
