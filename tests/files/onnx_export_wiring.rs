//! Random networks that are written as ONNX files, by `tests/reference/make_wiring.py`.

use shapewright::prelude::*;

network! {
    /// Two inputs.
    pub struct Gate: (a: [2], b: [3]) -> [2] {
        x: Linear<_, 2> <- b,
        y: Sigmoid,
        Mul <- (a, y, a),
    }
}
network! {
    /// Two outputs.
    pub struct Fan: [3] -> (left: [2], right: [3]) {
        right: Tanh,
        left: Linear<_, 2> <- input,
    }
}
network! {
    pub struct Wired0: [3] -> (l7: [2], l3: [5]) {
        l0: Add <- (input, input),
        l1: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} } <- input,
        l2: Residual { a: Linear<_, 3>, b: Tanh, c: Sigmoid <- a, Mul <- (b, c), Linear<_, 5> },
        l3: Add <- (l2, l2),
        l4: Mul <- (input, l0, input),
        mid: Linear<_, 3>,
        l6: Relu,
        l7: Linear<_, 2>,
    }
}
network! {
    pub struct Wired1: [3] -> (mid: [2], l3: [3]) {
        l0: Tanh,
        l1: LayerNorm<_> <- input,
        l2: Mul <- (l0, l1),
        l3: Add <- (l2, l0),
        l4: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> } <- l0,
        l5: Softplus,
        l6: Mul <- (l4, l5, l5),
        mid: Linear<_, 2>,
    }
}
network! {
    pub struct Wired2: [4, 4, 2] -> [2] {
        l0: Conv2d<_, 2, 1>,
        l1: Conv2d<_, 2, 1> <- input,
        l2: Concat <- (input, input),
        l3: Softplus,
        l4: Mul <- (l3, l2, l3, l3),
        mid: Conv2d<_, 2, 1>,
        l6: Flatten <- l0,
        l7: Flatten <- l1,
        l8: Flatten <- mid,
        l9: Concat <- (l6, l7, l8),
        l10: Linear<_, 2>,
    }
}
network! {
    pub struct Wired3: (a: [3], b: [2]) -> [2] {
        l0: Linear<_, 3> <- b,
        l1: Concat <- (l0, b),
        l2: Mul <- (l1, l1),
        mid: Linear<_, 3>,
        l4: BatchNorm1d<_> <- l2,
        l5: Linear<_, 3>,
        l6: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> },
        l7: Concat <- (a, mid, l6),
        l8: Linear<_, 2>,
    }
}
network! {
    pub struct Wired4: [3] -> [2] {
        l0: BatchNorm1d<_>,
        l1: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) } <- input,
        l2: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> },
        l3: Residual { a: Linear<_, 3>, b: Tanh, c: Sigmoid <- a, Mul <- (b, c), Linear<_, 3> } <- l1,
        l4: Silu <- input,
        mid: Linear<_, 3>,
        l6: Linear<_, 2>,
        l7: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l8: Gate,
        l9: Concat <- (l0, l2, l3, l8),
        l10: Linear<_, 2>,
    }
}
network! {
    pub struct Wired5: [4, 4, 2] -> [2] {
        l0: BatchNorm2d<_>,
        l1: Relu <- input,
        l2: GlobalAvgPool2d <- l0,
        l3: MaxPool2d<2> <- input,
        mid: Conv2d<_, 3, 1>,
        l5: Tanh,
        l6: Add <- (l5, l5, l5),
        l7: Upsample<2>,
        l8: Flatten <- l1,
        l9: Flatten <- l7,
        l10: Concat <- (l2, l8, l9),
        l11: Linear<_, 2>,
    }
}
network! {
    pub struct Wired6: [3] -> [2] {
        l0: LayerNorm<_> <- input,
        l1: Relu <- input,
        l2: Softplus,
        l3: Dropout(0.0) <- l2,
        l4: Residual { p: Linear<_, 3>, q: Relu, Add <- (p, q, input), short: {} } <- l0,
        mid: Linear<_, 2>,
        l6: Concat <- (l3, mid),
        l7: Linear<_, 2>,
    }
}
network! {
    pub struct Wired7: (a: [3], b: [2]) -> [2] {
        l0: Linear<_, 3> <- b,
        l1: Softplus <- b,
        mid: Linear<_, 4> <- a,
        l3: Softplus,
        l4: Linear<_, 3>,
        l5: Linear<_, 3> <- l3,
        l6: Fan,
        l7: Gate,
        l8: Tanh <- l5,
        l9: Concat <- (l0, l1, l4, l7, l8),
        l10: Linear<_, 2>,
    }
}

pub fn save(folder: &std::path::Path) {
    super::onnx_export::save::<Wired0>(folder, 1e-5);
    super::onnx_export::save::<Wired1>(folder, 1e-5);
    super::onnx_export::save::<Wired2>(folder, 1e-5);
    super::onnx_export::save::<Wired3>(folder, 1e-5);
    super::onnx_export::save::<Wired4>(folder, 1e-5);
    super::onnx_export::save::<Wired5>(folder, 1e-5);
    super::onnx_export::save::<Wired6>(folder, 1e-5);
    super::onnx_export::save::<Wired7>(folder, 1e-5);
}
