//! Names of the user's own that the macro's code must not pick up.
#![deny(warnings)]
#![allow(dead_code, non_upper_case_globals, non_camel_case_types)]

use shapewright::{Network as _, network, nn::Linear};

struct Tensor;
struct Option;
struct Shape;
struct Inferred;
struct ShapeRule;
struct Layer;
struct Compute;
struct Context;
struct ActivationStore;
struct Parameters;
struct Network;
struct Plan;
struct Rank1;
struct Dims;
struct Box;
struct Vec;
struct Result;
struct Some;
struct None;
struct Clone;
struct Copy;
struct Sized;
struct FnMut;
struct INFER;
mod core {}
mod std {}
mod shapewright_macros {}

const N: usize = 5;
const DIMS0: usize = 7;
const FIT0: usize = 1;
const T: usize = 2;
const In: usize = 3;
const index: usize = 4;

network! {
    #[derive(Clone)]
    struct Net: [N] -> [T] { x: Linear<N, DIMS0>, y: Linear<_, In>, gradient: Linear<_, index>, params: Linear<_, T> }
}

/// Names of fields that the emitted functions use for their own variables.
mod fields {
    use shapewright::prelude::*;
    network! {
        pub struct Fields: [2] -> [2] {
            cx: Linear<_, 2>, run: Linear<_, 2>, name: Linear<_, 2>, visitor: Linear<_, 2>, rng: Linear<_, 2>,
            scratch: Linear<_, 2>, cache: Linear<_, 2>, dy: Linear<_, 2>, dx: Linear<_, 2>, layer_0: Linear<_, 2>,
            r#type: Linear<_, 2>, weight: Linear<_, 2>,
        }
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    let y = net.forward(&shapewright::Tensor1::<N>::ones());
    assert_eq!(y.iter().count(), T);
    assert_eq!(fields::Fields::zeros().cx.bias, [0.0; 2]);
    assert_eq!(fields::Fields::PARAMS, 12 * 6);
}
