//! Reads arbitrary bytes as an ONNX file, and writes the network that it becomes: neither must panic,
//! nor take much memory.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use shapewright_onnx::{Network, Options};

fuzz_target!(|bytes: &[u8]| {
    let options = Options::new().max_numbers(1 << 16);
    match Network::read(bytes, None, &options) {
        Ok(network) => {
            assert!(network.definition("pub", "Net").contains("struct Net"));
            assert!(network.weights().len() > 8);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
