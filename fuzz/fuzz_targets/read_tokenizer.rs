//! Reads arbitrary bytes as the tokenizer of a pretrained model, and a text with it: neither must
//! panic.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use shapewright::data::text::Tokenizer;

const TEXT: &str = "It was the bést of [SEP] times, 12345 日本 \u{1F600}!\t</s>";

fuzz_target!(|bytes: &[u8]| {
    let tokenizer = match Tokenizer::<400>::read_from("tokenizer.json", bytes) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };

    if let Ok(tokens) = tokenizer.encode(TEXT) {
        tokenizer.decode(&tokens);
    }
    if let Ok(pair) = tokenizer.encode_pair_padded::<16>(TEXT, "it") {
        assert!(pair.len <= 16);
    }
});
