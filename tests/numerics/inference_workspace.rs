//! Inference in memory of the caller.

use crate::common::{bits, random, settings};
use shapewright::prelude::*;
use shapewright::tier::{Tier, force_tier};

#[path = "../../src/network/inference/zoo.rs"]
mod zoo;

network! { struct Tiny: [4] -> [3] { Linear<_, 10>, Relu, Linear<_, 3> } }
network! { struct Dense: [784] -> [10] { Linear<_, 600>, Relu, Linear<_, 200>, Tanh, Linear<_, 10>, Softmax } }
network! {
    struct Image: [18, 17, 3] -> [5] {
        Conv2d<_, 16, 3>,
        Relu,
        Residual { Conv2d<_, 16, 3, Pad<1>>, Relu, GroupNorm<2, _> },
        MaxPool2d<2>,
        Concat { Conv2d<_, 8, 1>, Conv2d<_, 4, 3, Pad<1>> },
        GlobalAvgPool2d,
        Linear<_, 5>,
    }
}
network! { struct Double: [18, 17, 3] -> [5] as f64 { Conv2d<_, 16, 5>, Relu, AvgPool2d<2>, Flatten, Linear<_, 5> } }

fn check<N: Network>() {
    let net = N::init(&mut shapewright::rng(1));
    let mut workspace = InferenceWorkspace::new();
    for x in random::<N::Input, N::Element>(3, 2) {
        let expected = bits(net.forward(&x).as_slice());
        // The workspace has in it what the call before has left.
        let found = net.forward_with(&x, &mut workspace);
        assert_eq!(bits(found.as_slice()), expected);

        let mut found = Tensor::zeros();
        net.forward_into_with(&x, &mut found, &mut workspace);
        assert_eq!(bits(found.as_slice()), expected);

        let found = net.step_with(&x, &mut N::state(), &mut workspace);
        assert_eq!(bits(found.as_slice()), expected);
    }
}

#[test]
fn bits_are_those_of_forward_in_every_tier_and_at_every_number_of_threads() {
    let settings = settings();
    settings.every_tier(|_| {
        settings.every_threads(&[1, 3], |_| {
            check::<Tiny>();
            check::<Dense>();
            check::<Image>();
        });
    });
    settings.every_threads(&[1, 3], |_| check::<Double>());
}

#[test]
fn a_workspace_has_the_bytes_that_the_network_declares() {
    fn bytes<N: Network>() -> [usize; 2] {
        let bytes = N::WORKSPACE_BYTES.next_multiple_of(64);
        [size_of::<InferenceWorkspace<N>>(), bytes]
    }
    for [found, expected] in [bytes::<Tiny>(), bytes::<Dense>(), bytes::<Image>()] {
        assert_eq!(found, expected);
    }
    assert_eq!(align_of::<InferenceWorkspace<Image>>(), 64);
}

/// The tests of the crate without the standard library have the same numbers.
#[test]
fn bits_of_the_portable_tier_do_not_depend_on_the_standard_library() {
    let _settings = settings();
    force_tier(Tier::Portable).expect("a tier that every processor has");
    assert_eq!(zoo::bits(&mut zoo::Zoo::zeros()), zoo::BITS);
}
