//! Random networks whose layers read named outputs, written by `tests/reference/make_wiring.py`.

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
    let each: Vec<f64> = x
        .iter()
        .flat_map(|x| net.forward(x).as_slice().to_vec())
        .collect();
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
                assert_eq!(
                    bits(values),
                    bits(&gradient[first..][..values.len()]),
                    "{name}"
                );
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
network! {
    struct Net0: [3] -> [2] as f64 {
        l0: Linear<_, 4>,
        l1: Residual { a: Linear<_, 3>, b: Tanh, c: Sigmoid <- a, Mul <- (b, c), Linear<_, 4> },
        l2: Sigmoid,
        mid: Linear<_, 3> <- l0,
        l4: Fan,
        l5: Gate,
        l6: Concat <- (l2, l5),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net1: [3] -> [2] as f64 {
        l0: Linear<_, 4> <- input,
        l1: Add <- (l0, l0),
        l2: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> } <- input,
        mid: Linear<_, 4>,
        l4: Relu <- input,
        l5: Concat <- (l1, mid, l4),
        l6: Linear<_, 2>,
    }
}
network! {
    struct Net2: [4, 4, 2] -> [2] as f64 {
        l0: Gelu <- input,
        l1: Silu,
        l2: GlobalAvgPool2d <- input,
        l3: Gelu,
        l4: GlobalAvgPool2d <- input,
        l5: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> },
        l6: MaxPool2d<2> <- l0,
        l7: MaxPool2d<2>,
        l8: Add <- (l7, l7, l7, l7),
        mid: Conv2d<_, 2, 1>,
        l10: Flatten <- l1,
        l11: Flatten <- mid,
        l12: Concat <- (l3, l5, l10, l11),
        l13: Linear<_, 2>,
    }
}
network! {
    struct Net3: [3] -> (mid: [3], l2: [3], l5: [3]) as f64 {
        l0: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) },
        l1: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) },
        l2: Add <- (l1, l1),
        l3: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- l1,
        l4: Gate,
        l5: Add <- (input, input),
        mid: Linear<_, 3> <- l4,
    }
}
network! {
    struct Net4: [3] -> [2] as f64 {
        l0: Add <- (input, input, input, input),
        l1: Add <- (input, l0),
        l2: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} },
        mid: Linear<_, 2>,
        l4: Repeat<2> { u: Linear<_, 2>, v: Tanh, Add <- (v, input) },
        l5: Softplus <- input,
        l6: Linear<_, 4>,
        l7: Repeat<2> { u: Linear<_, 4>, v: Tanh, Add <- (v, input) },
        l8: Mul <- (l7, l7),
        l9: Concat <- (l4, l8),
        l10: Linear<_, 2>,
    }
}
network! {
    struct Net5: [4, 4, 2] -> [2] as f64 {
        l0: Concat <- (input, input, input),
        l1: Relu,
        l2: Concat <- (l1, input),
        l3: MaxPool2d<2> <- input,
        l4: BatchNorm2d<_> <- l1,
        l5: MaxPool2d<2>,
        l6: Dropout(0.0) <- l2,
        l7: Upsample<2> <- l5,
        mid: Conv2d<_, 2, 1>,
        l9: Flatten <- l3,
        l10: Flatten <- l6,
        l11: Flatten <- mid,
        l12: Concat <- (l9, l10, l11),
        l13: Linear<_, 2>,
    }
}
network! {
    struct Net6: (a: [3], b: [2]) -> [2] as f64 {
        l0: Linear<_, 3> <- b,
        l1: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l2: Gate,
        l3: Gate <- l1,
        l4: Softplus,
        mid: Linear<_, 2>,
        l6: Concat <- (a, l2, mid),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net7: [3] -> (l8: [3], l4: [2], l5: [2], mid: [4]) as f64 {
        l0: Silu,
        l1: Softplus <- input,
        l2: Softplus <- l1,
        l3: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l4: Gate,
        l5: Gate <- l3,
        mid: Linear<_, 4> <- input,
        l7: Mul <- (l0, input),
        l8: Silu,
    }
}
network! {
    struct Net8: [4, 4, 2] -> [2] as f64 {
        l0: Concat <- (input, input),
        l1: Dropout(0.0),
        l2: Add <- (input, input),
        l3: Mul <- (input, l2),
        mid: Conv2d<_, 1, 3, Pad<1>>,
        l5: Dropout(0.0),
        l6: BatchNorm2d<_>,
        l7: BatchNorm2d<_> <- l1,
        l8: GlobalAvgPool2d <- mid,
        l9: Flatten <- l6,
        l10: Flatten <- l7,
        l11: Concat <- (l8, l9, l10),
        l12: Linear<_, 2>,
    }
}
network! {
    struct Net9: (a: [3], b: [3]) -> [2] as f64 {
        l0: Linear<_, 3> <- a,
        l1: Softplus,
        l2: Sigmoid <- b,
        l3: Gelu,
        l4: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) } <- l3,
        l5: Add <- (l1, l4),
        l6: Mul <- (l5, l3),
        l7: Relu,
        l8: Sigmoid,
        mid: Linear<_, 2>,
        l10: Linear<_, 2>,
    }
}
network! {
    struct Net10: [3] -> [2] as f64 {
        l0: Residual { p: Linear<_, 3>, q: Relu, Add <- (p, q, input), short: {} },
        l1: Relu,
        mid: Linear<_, 3> <- input,
        l3: Residual { p: Linear<_, 3>, q: Relu, Add <- (p, q, input), short: {} } <- l0,
        l4: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> } <- l1,
        l5: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} },
        l6: Concat <- (mid, l3, l5),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net11: [4, 4, 2] -> [2] as f64 {
        l0: GlobalAvgPool2d,
        l1: Repeat<2> { u: Linear<_, 2>, v: Tanh, Add <- (v, input) },
        mid: Linear<_, 3>,
        l3: Fan,
        l4: Gate,
        l5: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} },
        l6: Repeat<2> { u: Linear<_, 4>, v: Tanh, Add <- (v, input) },
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net12: (a: [3], b: [2]) -> [2] as f64 {
        l0: Linear<_, 3> <- b,
        l1: Silu <- b,
        mid: Linear<_, 3> <- b,
        l3: Fan,
        l4: Gate,
        l5: Residual { a: Linear<_, 3>, b: Tanh, c: Sigmoid <- a, Mul <- (b, c), Linear<_, 2> },
        l6: Concat <- (a, l0, l1, l5),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net13: [3] -> (l6: [2], l3: [4], l5: [2]) as f64 {
        l0: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- input,
        l1: Gate,
        mid: Linear<_, 4>,
        l3: Tanh,
        l4: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- input,
        l5: Gate,
        l6: Gate <- l4,
    }
}
network! {
    struct Net14: [4, 4, 2] -> [2] as f64 {
        l0: MaxPool2d<2>,
        l1: GlobalAvgPool2d,
        l2: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- l1,
        l3: Gate,
        l4: Gate <- l2,
        l5: Dropout(0.0) <- l3,
        l6: Repeat<2> { u: Linear<_, 2>, v: Tanh, Add <- (v, input) } <- l4,
        l7: Dropout(0.0),
        l8: Softplus <- l1,
        mid: Linear<_, 2>,
        l10: Concat <- (l5, l7, mid),
        l11: Linear<_, 2>,
    }
}
network! {
    struct Net15: (a: [3], b: [3]) -> (l8: [2], l2: [3], mid: [3], l7: [2]) as f64 {
        l0: Linear<_, 3> <- b,
        l1: Residual { p: Linear<_, 3>, q: Relu, Add <- (p, q, input), short: {} } <- l0,
        l2: Mul <- (a, l1),
        l3: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} } <- l1,
        l4: Silu <- l3,
        mid: Linear<_, 3>,
        l6: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- l4,
        l7: Gate,
        l8: Gate <- l6,
    }
}
network! {
    struct Net16: (a: [3], b: [3]) -> [2] as f64 {
        l0: Linear<_, 3> <- b,
        l1: Mul <- (b, l0),
        l2: Add <- (l1, l1, b),
        l3: Sigmoid,
        l4: LayerNorm<_>,
        l5: Gelu,
        l6: Add <- (l0, l2),
        l7: LayerNorm<_>,
        l8: Sigmoid <- l0,
        mid: Linear<_, 2>,
        l10: Concat <- (a, l5, l7, mid),
        l11: Linear<_, 2>,
    }
}
network! {
    struct Net17: [4, 4, 2] -> [2] as f64 {
        l0: Dropout(0.0) <- input,
        l1: MaxPool2d<2>,
        l2: MaxPool2d<2>,
        l3: MaxPool2d<2> <- input,
        l4: GlobalAvgPool2d <- l3,
        l5: Upsample<2> <- l3,
        l6: Concat <- (l5, l0, input),
        l7: BatchNorm2d<_> <- l3,
        mid: Conv2d<_, 2, 1>,
        l9: Flatten <- l2,
        l10: Flatten <- l6,
        l11: Flatten <- mid,
        l12: Concat <- (l4, l9, l10, l11),
        l13: Linear<_, 2>,
    }
}
network! {
    struct Net18: (a: [3], b: [3]) -> [2] as f64 {
        l0: Linear<_, 3> <- a,
        l1: Silu <- b,
        l2: Dropout(0.0) <- l1,
        l3: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- a,
        l4: Gate,
        l5: Softplus,
        mid: Linear<_, 2>,
        l7: Concat <- (l0, l2, mid),
        l8: Linear<_, 2>,
    }
}
network! {
    struct Net19: (a: [3], b: [2]) -> [2] as f64 {
        l0: Linear<_, 3> <- a,
        l1: Concat { l: { a: Tanh, Add <- (a, input) }, r: Linear<_, 2> },
        l2: Mul <- (a, l0, l0),
        l3: Dropout(0.0),
        l4: Add <- (a, l3, l3),
        l5: Add <- (b, b, b, b),
        mid: Linear<_, 2>,
        l7: Concat <- (l1, l4, mid),
        l8: Linear<_, 2>,
    }
}
network! {
    struct Net20: [4, 4, 2] -> [2] as f64 {
        l0: GlobalAvgPool2d,
        l1: Mul <- (l0, l0),
        mid: Linear<_, 4> <- l0,
        l3: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l4: Gate,
        l5: Concat <- (l1, l4),
        l6: Linear<_, 2>,
    }
}
network! {
    struct Net21: [3] -> [2] as f64 {
        l0: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} } <- input,
        l1: BatchNorm1d<_> <- l0,
        l2: Relu <- l0,
        l3: LayerNorm<_> <- input,
        l4: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l5: Gate,
        l6: Gate <- l4,
        mid: Linear<_, 2>,
        l8: Concat <- (l1, l2, l5, mid),
        l9: Linear<_, 2>,
    }
}
network! {
    struct Net22: (a: [3], b: [3]) -> [2] as f64 {
        l0: Linear<_, 3> <- a,
        l1: Concat <- (l0, b),
        mid: Linear<_, 3>,
        l3: Dropout(0.0),
        l4: Linear<_, 3> <- l0,
        l5: LayerNorm<_> <- a,
        l6: Add <- (l3, l0, mid),
        l7: Linear<_, 3> <- l1,
        l8: Fan,
        l9: Gate,
        l10: Concat <- (l4, l5, l6, l9),
        l11: Linear<_, 2>,
    }
}
network! {
    struct Net23: [4, 4, 2] -> [2] as f64 {
        l0: Relu <- input,
        l1: GlobalAvgPool2d,
        mid: Linear<_, 3>,
        l3: Linear<_, 3>,
        l4: Mul <- (l3, l3),
        l5: LayerNorm<_> <- l4,
        l6: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) },
        l7: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} } <- l6,
        l8: Linear<_, 2>,
    }
}
network! {
    struct Net24: [3] -> [2] as f64 {
        l0: Mul <- (input, input, input, input),
        l1: Relu,
        mid: Linear<_, 2>,
        l3: Concat <- (mid, input),
        l4: Gelu,
        l5: Residual { p: Linear<_, 5>, q: Relu, Add <- (p, q, input), short: {} },
        l6: Linear<_, 3>,
        l7: Repeat<2> { u: Linear<_, 3>, v: Tanh, Add <- (v, input) } <- l0,
        l8: Concat <- (l6, l7),
        l9: Linear<_, 2>,
    }
}
network! {
    struct Net25: (a: [3], b: [2]) -> [2] as f64 {
        l0: Linear<_, 3> <- a,
        l1: Mul <- (l0, l0),
        l2: Silu,
        mid: Linear<_, 3>,
        l4: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- b,
        l5: Gate,
        l6: Linear<_, 2> <- a,
        l7: Concat <- (mid, l5, l6),
        l8: Linear<_, 2>,
    }
}
network! {
    struct Net26: [4, 4, 2] -> [2] as f64 {
        l0: GlobalAvgPool2d <- input,
        l1: GlobalAvgPool2d <- input,
        l2: Concat { l: { a: Linear<_, 2>, b: Relu, Mul <- (a, b, b) }, r: {} },
        mid: Conv2d<_, 2, 1> <- input,
        l4: Silu,
        l5: Flatten <- l4,
        l6: Concat <- (l0, l2, l5),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net27: (a: [3], b: [2]) -> [2] as f64 {
        l0: Linear<_, 3> <- b,
        l1: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> },
        l2: Gate,
        mid: Linear<_, 3>,
        l4: Fan,
        l5: Gate,
        l6: Concat <- (a, l5),
        l7: Linear<_, 2>,
    }
}
network! {
    struct Net28: [3] -> [2] as f64 {
        l0: Add <- (input, input),
        l1: Concat <- (l0, input),
        l2: Concat <- (input, input),
        l3: Split { l: { a: Linear<_, 2>, b: Tanh, Add <- (a, b) }, r: Linear<_, 3> } <- l1,
        l4: Gate,
        l5: Gate <- l3,
        l6: Add <- (l0, l0),
        l7: Silu <- input,
        mid: Linear<_, 2>,
        l9: Concat <- (l2, l4, l5, l6, mid),
        l10: Linear<_, 2>,
    }
}
network! {
    struct Net29: [4, 4, 2] -> [2] as f64 {
        l0: Concat <- (input, input),
        l1: GlobalAvgPool2d <- l0,
        mid: Linear<_, 3>,
        l3: Residual { Linear<_, 3>, Fan, r: Gate, Concat <- (r, input), Linear<_, 3> },
        l4: LayerNorm<_>,
        l5: BatchNorm2d<_> <- input,
        l6: Conv2d<_, 2, 3, Pad<1>> <- input,
        l7: Silu,
        l8: Mul <- (l5, l5, l7, l5),
        l9: Flatten <- l8,
        l10: Concat <- (l4, l9),
        l11: Linear<_, 2>,
    }
}
network! {
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

tests! {
    net0 Net0 false
    net1 Net1 false
    net2 Net2 false
    net3 Net3 false
    net4 Net4 false
    net5 Net5 true
    net6 Net6 false
    net7 Net7 false
    net8 Net8 true
    net9 Net9 false
    net10 Net10 false
    net11 Net11 false
    net12 Net12 false
    net13 Net13 false
    net14 Net14 false
    net15 Net15 false
    net16 Net16 false
    net17 Net17 true
    net18 Net18 false
    net19 Net19 false
    net20 Net20 false
    net21 Net21 true
    net22 Net22 false
    net23 Net23 false
    net24 Net24 false
    net25 Net25 false
    net26 Net26 false
    net27 Net27 false
    net28 Net28 false
    net29 Net29 true
    large Large false
}
