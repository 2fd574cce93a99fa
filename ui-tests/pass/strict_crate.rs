//! A crate that forbids what it can.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, warnings, unused, nonstandard_style)]
#![deny(unreachable_pub, unused_qualifications, let_underscore_drop)]

use shapewright::prelude::*;

network! {
    /// Four measurements to three classes.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Documented: [4] -> [3] {
        /// What it sees.
        #[allow(dead_code)]
        hidden: Linear<_, 10>,
        Relu,
        Dropout(0.5),
        Linear<10, 8, NoBias>,
        Reshape<2, _>,
        Linear<{ 2 * 2 }, 3>,
        Flatten,
        head: Linear<_, 3>,
    }
}

network! {
    #[derive(Debug)]
    struct Private: [4] -> [3] as f64 { Linear<_, 3>, Softmax }
}

network! {
    #[derive(Debug)]
    pub(crate) struct Nested: [2, 2] -> [3] { Flatten, inner: Documented }
}

fn main() {
    let net = Documented::init(&mut shapewright::rng(0));
    assert_eq!(net, net.clone());
    assert_eq!(net.hidden.weight[0].len(), 10);
    assert!(Documented::summary().to_string().contains("Linear<{ 2 * 2 }, 3>"));
    assert!(format!("{net:?}").starts_with("Documented { hidden: LinearParams { weight: [["));
    assert!(format!("{:?}", Private::zeros()).starts_with("Private { layer_0: "));
    assert!(format!("{:?}", Nested::zeros()).starts_with("Nested { inner: Documented { "));
}
