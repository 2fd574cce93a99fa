//! Reads arbitrary bytes as a weight file: it must not panic, and an error must leave the network
//! unchanged.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use shapewright::prelude::*;
use shapewright::weights::Loader;

network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { struct Net: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }

fuzz_target!(|bytes: &[u8]| {
    let mut net = Net::zeros();
    net.params_mut().fill(0.5);
    let loaded = Loader::from_bytes(bytes).and_then(|loader| {
        let loader = loader.only(|name| name != "steps");
        net.load_from(&loader)
    });

    if let Err(error) = loaded {
        assert!(!error.to_string().is_empty());
        assert!(net.params().iter().all(|&x| x == 0.5));
    }
});
