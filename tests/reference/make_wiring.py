"""Writes random networks whose layers read named outputs: `python make_wiring.py`, then `cargo fmt`."""

import pathlib
import random

HEADER = '''//! Random networks whose layers read named outputs, written by `tests/reference/make_wiring.py`.

use crate::common::gradient::check_network;
use crate::common::{In, Out, assert_close, bits, random, settings};
use shapewright::optim::ParamGroup;
use shapewright::prelude::*;

/// The numbers of a network's step: its outputs, and the gradients of inputs and parameters.
type Numbers = [Vec<f64>; 3];

fn step<N: Trainable<Element = f64>>(net: &N, x: &[In<N>], dy: &[Out<N>]) -> Numbers {
    let mut workspace = N::workspace();
    let mut gradient = N::zeros();
    let mut pass = net.forward_train(x, &mut workspace);
    let y = Tensor::flatten(pass.outputs()).to_vec();
    pass.output_gradients_mut().copy_from_slice(dy);
    let dx = Tensor::flatten(pass.backward_with_input(&mut gradient)).to_vec();
    [y, dx, gradient.params().to_vec()]
}

/// Checks the gradients of a network, that a batch gives what its samples give, that the number of
/// threads changes nothing, and that the layers before `mid` can be frozen. With `norms`, samples of
/// a batch depend on each other in training.
fn check<N: Trainable<Element = f64>>(mid: ParamGroup<N>, norms: bool) {
    let settings = settings();
    check_network::<N>(3);

    let net = N::init(&mut shapewright::rng(5));
    let x: Vec<In<N>> = random(11, 6);
    let dy: Vec<Out<N>> = random(11, 7);
    let mut y = vec![Out::<N>::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    let each: Vec<f64> = x.iter().flat_map(|x| net.forward(x).as_slice().to_vec()).collect();
    assert_close("a batch", Tensor::flatten(&y), &each, 1e-12);
    let [trained, _, gradient] = step(&*net, &x, &dy);
    if !norms {
        assert_close("training", &trained, &each, 1e-12);

        let mut workspace = N::workspace();
        workspace.train_from(mid);
        let mut frozen = N::zeros();
        frozen.params_mut().fill(f64::NAN);
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut().copy_from_slice(&dy);
        pass.backward(&mut frozen);
        let mut is_trained = false;
        frozen.for_each_param(|name, _, values| {
            is_trained |= name.starts_with("mid.");
            let first = (values.as_ptr().addr() - frozen.params().as_ptr().addr()) / 8;
            if is_trained {
                assert_eq!(bits(values), bits(&gradient[first..][..values.len()]), "{name}");
            } else {
                assert!(values.iter().all(|x| x.is_nan()), "{name}");
            }
        });
        assert!(is_trained);
    }

    // Enough samples for several threads.
    let batch = ((1 << 19) / N::MACS).clamp(11, 2000);
    let x: Vec<In<N>> = random(batch, 8);
    let dy: Vec<Out<N>> = random(batch, 9);
    let mut one: Option<Numbers> = None;
    settings.every_threads(&[1, 3], |_| {
        let [_, dx, gradient] = step(&*net, &x, &dy);
        let mut y = vec![Out::<N>::zeros(); x.len()];
        net.forward_batch(&x, &mut y);
        let numbers = [Tensor::flatten(&y).to_vec(), dx, gradient];
        let one = one.get_or_insert_with(|| numbers.clone());
        for (one, found) in one.iter().zip(&numbers) {
            assert!(bits(one) == bits(found), "threads change numbers");
        }
    });
}

/// Writes a test of each network.
macro_rules! tests {
    ($($test:ident $net:ident $norms:literal)*) => { $(
        #[test]
        fn $test() {
            check::<$net>(layer!($net, mid), $norms);
        }
    )* };
}

network! {
    /// Two inputs.
    struct Gate: (a: [2], b: [3]) -> [2] as f64 {
        x: Linear<_, 2> <- b,
        y: Sigmoid,
        Mul <- (a, y, a),
    }
}
network! {
    /// Two outputs.
    struct Fan: [3] -> (left: [2], right: [3]) as f64 {
        right: Tanh,
        left: Linear<_, 2> <- input,
    }
}
'''

ACTIVATIONS = ["Tanh", "Gelu", "Sigmoid", "Relu", "Softplus", "Silu", "Dropout(0.0)"]


class Net:
    def __init__(self, name, seed, image):
        self.rng = random.Random(seed)
        self.name = name
        self.image = image
        self.lines = []
        self.norms = False
        self.outputs = {}  # name -> shape
        self.unread = []
        self.last = None  # the shape before the next layer, and its name
        self.count = 0
        self.has_mid = False

    def add(self, layer, shape, sources=None):
        """Adds a layer; without sources it reads the output before it."""
        name = "l%d" % self.count
        if layer.startswith(("Linear", "Conv2d")) and not self.has_mid and self.count >= 2:
            name, self.has_mid = "mid", True
        self.count += 1
        if sources is None:
            sources = [self.last]
            arrow = ""
        elif len(sources) == 1:
            arrow = " <- " + sources[0]
        else:
            arrow = " <- (%s)" % ", ".join(sources)
        for source in sources:
            if source in self.unread:
                self.unread.remove(source)
        self.lines.append("%s: %s%s" % (name, layer, arrow))
        self.outputs[name] = shape
        self.unread.append(name)
        self.last = name
        return name

    def pick(self):
        """An output, and how a layer says that it reads it."""
        rng = self.rng
        if self.last is not None and rng.random() < 0.55:
            return self.last, None
        name = rng.choice(list(self.outputs))
        return name, [name]

    def vector(self):
        rng = self.rng
        name, sources = self.pick()
        shape = self.outputs[name]
        if len(shape) != 1:
            return self.images(name, sources, shape)
        n = shape[0]
        kind = rng.randrange(13)
        if kind <= 1:
            k = rng.choice([2, 3, 3, 4])
            self.add("Linear<_, %d>" % k, [k], sources)
        elif kind <= 4:
            self.add(rng.choice(ACTIVATIONS), shape, sources)
        elif kind == 5:
            if rng.random() < 0.3:
                self.norms = True
                self.add("BatchNorm1d<_>", shape, sources)
            else:
                self.add("LayerNorm<_>", shape, sources) if n > 2 else None
        elif kind == 6:
            self.add(
                rng.choice(
                    [
                        "Residual { a: Linear<_, 3>, b: Tanh, c: Sigmoid <- a, Mul <- (b, c), Linear<_, %d> }",
                        "Residual { p: Linear<_, %d>, q: Relu, Add <- (p, q, input), short: {} }",
                        "Residual { Linear<_, 3>, Fan, r: Gate, Concat <- (r, input), Linear<_, %d> }",
                    ]
                )
                % n,
                shape,
                sources,
            )
        elif kind == 7:
            self.add("Repeat<2> { u: Linear<_, %d>, v: Tanh, Add <- (v, input) }" % n, shape, sources)
        elif kind == 8:
            layer, width = rng.choice(
                [
                    ("Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> }", n + 2),
                    ("Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} }", n + 2),
                ]
            )
            self.add(layer, [width], sources)
        elif kind == 9:
            pair = self.add("Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> }", None, sources)
            del self.outputs[pair]
            self.add("Gate", [2])
            if rng.random() < 0.5:
                self.add("Gate", [2], [pair])
        elif kind == 10 and n != 3:
            self.add("Linear<_, 3>", [3], sources)
            self.add("Fan", None)
            del self.outputs[self.last]
            self.add("Gate", [2])
        else:
            self.merge(name, shape)

    def images(self, name, sources, shape):
        rng = self.rng
        h, _, c = shape
        kind = rng.randrange(9)
        if kind <= 1:
            k = rng.choice([1, 2, 3])
            layer = rng.choice(["Conv2d<_, %d, 3, Pad<1>>", "Conv2d<_, %d, 1>"])
            self.add(layer % k, [h, h, k], sources)
        elif kind <= 3:
            self.add(rng.choice(ACTIVATIONS), shape, sources)
        elif kind == 4 and h >= 2:
            self.add("MaxPool2d<2>", [h // 2, h // 2, c], sources)
        elif kind == 5 and h <= 2:
            self.add("Upsample<2>", [2 * h, 2 * h, c], sources)
        elif kind == 6:
            self.add("GlobalAvgPool2d", [c], sources)
        elif kind == 7 and h > 1 and rng.random() < 0.4:
            self.norms = True
            self.add("BatchNorm2d<_>", shape, sources)
        else:
            self.merge(name, shape)

    def merge(self, name, shape):
        rng = self.rng
        same = [o for o, s in self.outputs.items() if s == shape]
        joined = [o for o, s in self.outputs.items() if s[:-1] == shape[:-1]]
        count = rng.choice([2, 2, 2, 3, 4])
        if rng.random() < 0.7:
            sources = [name] + [rng.choice(same) for _ in range(count - 1)]
            rng.shuffle(sources)
            self.add(rng.choice(["Add", "Mul"]), shape, sources)
        else:
            sources = [name] + [rng.choice(joined) for _ in range(count - 1)]
            width = sum(self.outputs[source][-1] for source in sources)
            if width <= 8:
                self.add("Concat", shape[:-1] + [width], sources)

    def text(self):
        rng = self.rng
        several = not self.image and rng.random() < 0.4
        if self.image:
            self.outputs["input"] = [4, 4, 2]
            ends = "[4, 4, 2]"
        elif several:
            self.outputs = {"a": [3], "b": [rng.choice([2, 3])]}
            ends = "(a: [3], b: [%d])" % self.outputs["b"][0]
            self.unread = ["a", "b"]
        else:
            self.outputs["input"] = [3]
            ends = "[3]"
        if several:
            self.add("Linear<_, 3>", [3], [rng.choice(["a", "b"])])
        else:
            self.last = "input"
        layers = rng.randint(5, 9)
        while len(self.lines) < layers:
            self.vector()
        if not self.has_mid:
            self.add("Linear<_, 2>" if len(self.outputs[self.last]) == 1 else "Conv2d<_, 2, 1>",
                     self.outputs[self.last][:-1] + [2])

        # Everything that nobody has read yet is joined.
        for name in list(self.unread):
            if len(self.outputs[name]) == 3:
                h, _, c = self.outputs[name]
                self.add("Flatten", [h * h * c], [name])
        if not self.image and rng.random() < 0.4 and len(self.unread) <= 4:
            ones = [name for name in self.unread if name != self.last]
            if ones:
                last = self.last
                ends += " -> (%s)" % ", ".join("%s: [%d]" % (n, self.outputs[n][0]) for n in [last] + ones)
                if not any(n in ("a", "b") for n in ones):
                    return self.written(ends)
                ends = ends.split(" -> ")[0]
        while len(self.unread) > 1:
            joined = self.unread[:6]
            self.add("Concat", [sum(self.outputs[name][0] for name in joined)], joined)
        self.add("Linear<_, 2>", [2])
        return self.written(ends + " -> [2]")

    def written(self, ends):
        lines = "".join("        %s,\n" % line for line in self.lines)
        return "network! {\n    struct %s: %s as f64 {\n%s    }\n}\n" % (self.name, ends, lines)


LARGE = """network! {
    /// Several segments.
    struct Large: [16, 16, 4] -> [5] as f64 {
        a: Conv2d<_, 8, 3, Pad<1>>,
        b: Relu,
        c: Tanh <- a,
        pool: MaxPool2d<4>,
        flat: Flatten,
        mid: Linear<_, 128>,
        d: Add <- (mid, flat),
        e: Tanh,
        square: Mul <- (d, e, mid),
        image: Reshape<4, 4, 8>,
        f: Conv2d<_, 8, 3, Pad<1>>,
        g: Relu,
        big: Upsample<4>,
        h: Concat <- (c, big, b, input, input),
        i: Conv2d<_, 4, 1>,
        j: Add <- (i, input),
        k: Flatten,
        l: Linear<_, 128>,
        m: Add <- (l, square, e),
        Linear<_, 5>,
    }
}
"""


def main():
    texts, tests = [], []
    for number in range(30):
        name = "Net%d" % number
        net = Net(name, 1000 + number, number % 3 == 2)
        texts.append(net.text())
        tests.append("    net%d %s %s\n" % (number, name, str(net.norms).lower()))
    texts.append(LARGE)
    tests.append("    large Large false\n")
    text = HEADER + "".join(texts) + "\ntests! {\n" + "".join(tests) + "}\n"
    here = pathlib.Path(__file__).parent
    (here / "../layers/random_wiring.rs").write_text(text)
    (here / "../files/onnx_export_wiring.rs").write_text(onnx())


def onnx():
    """Networks of `f32` that are written as ONNX files."""
    text = "//! Random networks that are written as ONNX files, by `tests/reference/make_wiring.py`.\n\n"
    text += "use shapewright::prelude::*;\n\n"
    gates = HEADER[HEADER.index("network! {\n    /// Two inputs.") :]
    names = ["Wired%d" % number for number in range(8)]
    nets = [Net(name, 2000 + number, number % 3 == 2).text() for number, name in enumerate(names)]
    text += "".join([gates] + nets).replace(" as f64", "").replace("struct ", "pub struct ")
    text += "\npub fn save(folder: &std::path::Path) {\n"
    text += "".join("    super::onnx_export::save::<%s>(folder, 1e-5);\n" % name for name in names)
    return text + "}\n"


main()
