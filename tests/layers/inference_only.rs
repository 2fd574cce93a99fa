//! Layers without a backward pass: networks with them compute.

use crate::common::layers::{OneHot, Round};
use crate::common::naive::{Naive, chain, dense, identity, join, map, sum};
use crate::common::{In, Out, assert_close, bits, random, settings};
use shapewright::prelude::*;

fn round() -> Naive {
    map(|_, x| x.round())
}

fn one_hot() -> Naive {
    Box::new(|x| {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let first = x.iter().position(|&x| x == largest);
        (0..x.len())
            .map(|i| f64::from(u8::from(first == Some(i))))
            .collect()
    })
}

/// Checks all ways to compute against a naive network, with inputs that are not near a half after
/// the first layers.
#[track_caller]
fn check<N: Network<Element = f64>>(reference: impl Fn(&N) -> Naive) {
    let mut net = N::init(&mut shapewright::rng(3));
    net.params_mut().iter_mut().for_each(|value| *value *= 4.0);
    let x: Vec<In<N>> = random(70, 1);
    let wanted: Vec<f64> = x
        .iter()
        .flat_map(|x| reference(&net)(x.as_slice()))
        .collect();

    let y: Vec<Out<N>> = x.iter().map(|x| net.forward(x)).collect();
    assert_close(N::NAME, Tensor::flatten(&y), &wanted, 1e-13);
    for (x, y) in x.iter().zip(&y) {
        let mut into = Out::<N>::zeros();
        net.forward_into(x, &mut into);
        assert_eq!(bits(into.as_slice()), bits(y.as_slice()));
        let step = net.step(x, &mut N::state());
        assert_eq!(bits(step.as_slice()), bits(y.as_slice()));
    }

    settings().every_threads(&[1, 2, 3], |_| {
        let mut batch = vec![Out::<N>::full(f64::NAN); x.len()];
        net.forward_batch(&x, &mut batch);
        assert_close(N::NAME, Tensor::flatten(&batch), &wanted, 1e-13);
    });

    let summary = N::summary();
    assert_eq!(summary.params, N::PARAMS);
    assert!(summary.to_string().contains("OneHot"));
    assert!(summary.layers.iter().map(|layer| layer.macs).sum::<usize>() == N::MACS);
}

#[test]
fn lists_of_layers() {
    network! { struct Net: [4] -> [3] as f64 {
        fc: Linear<_, 6>, Round, Relu, head: Linear<_, 3>, Tanh, OneHot, Round
    } }
    check::<Net>(|net| {
        chain([
            dense(&net.fc.weight, &net.fc.bias),
            round(),
            map(|_, x| x.max(0.0)),
            dense(&net.head.weight, &net.head.bias),
            map(|_, x| x.tanh()),
            one_hot(),
            round(),
        ])
    });
    // Two alternating buffers of six numbers, and a position.
    assert_eq!(Net::WORKSPACE_BYTES, 2 * 8 * 6 + 8);
}

#[test]
fn blocks() {
    network! { struct Residuals: [4] -> [5] as f64 {
        Residual { fc: Linear<_, 4>, Round },
        Residual { OneHot },
        Residual { Linear<_, 5>, shortcut: { Round, fc: Linear<_, 5>, OneHot } },
    } }
    check::<Residuals>(|net| {
        let fc = &net.layer_0.fc;
        let body = chain([dense(&fc.weight, &fc.bias), round()]);
        let last = &net.layer_2;
        let shortcut = &last.shortcut.fc;
        chain([
            sum(body, identity()),
            sum(one_hot(), identity()),
            sum(
                dense(&last.layer_0.weight, &last.layer_0.bias),
                chain([round(), dense(&shortcut.weight, &shortcut.bias), one_hot()]),
            ),
        ])
    });

    network! { struct Branches: [4] -> ([5], [7]) as f64 {
        Concat { a: { fc: Linear<_, 3>, OneHot }, b: Round },
        Split { a: { fc: Linear<_, 5>, Round }, b: OneHot },
    } }
    check::<Branches>(|net| {
        let (first, second) = (&net.layer_0.a.fc, &net.layer_1.a.fc);
        chain([
            join([
                chain([dense(&first.weight, &first.bias), one_hot()]),
                round(),
            ]),
            join([
                chain([dense(&second.weight, &second.bias), round()]),
                one_hot(),
            ]),
        ])
    });

    network! { struct Repeats: [4] -> [4] as f64 {
        blocks: Repeat<3> { fc: Linear<_, 4>, Residual { Repeat<2> { Round, Tanh } }, Round },
        OneHot,
    } }
    check::<Repeats>(|net| {
        let blocks = net.blocks.iter().map(|block| {
            let tanh = || map(|_, x: f64| x.tanh());
            let inner = chain([round(), tanh(), round(), tanh()]);
            let fc = dense(&block.fc.weight, &block.fc.bias);
            chain([fc, sum(inner, identity()), round()])
        });
        chain(blocks.chain([one_hot()]))
    });
}

network! { struct Inner: [4] -> [4] as f64 { fc: Linear<_, 4>, Round } }
network! { struct Middle: [4] -> [4] as f64 { Residual { inner: Inner }, Tanh } }
network! { struct Outer: [4] -> [4] as f64 { fc: Linear<_, 4>, middle: Middle, inner: Inner, OneHot } }

#[test]
fn nested_networks() {
    let inner = |net: &Inner| chain([dense(&net.fc.weight, &net.fc.bias), round()]);
    check::<Outer>(|net| {
        chain([
            dense(&net.fc.weight, &net.fc.bias),
            sum(inner(&net.middle.layer_0.inner), identity()),
            map(|_, x| x.tanh()),
            inner(&net.inner),
            one_hot(),
        ])
    });
}
