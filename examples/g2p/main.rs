//! Says how English words are pronounced, with the networks of the Python package g2p-en: a recurrent
//! encoder reads the letters, and a recurrent decoder writes the phonemes.
//!
//! ```sh
//! cargo run --release --features npy --example g2p -- shapewright transformer
//! cargo run --release --features npy --example g2p -- --weights checkpoint20.npz tokenizer
//! ```
//!
//! The weights are the file `g2p_en/checkpoint20.npz` of the package (Kyubyong Park and Jongseok Kim,
//! Apache 2.0), which is not part of this crate.

use std::error::Error;
use std::path::Path;

mod model;

use model::G2p;

/// The weights that are read unless others are given. They are not part of the crate.
const WEIGHTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/g2p_en/checkpoint20.npz"
);

const USAGE: &str = "arguments: [--weights checkpoint20.npz] WORDS
The weights are those of the Python package g2p-en 2.1.0.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut path = WEIGHTS.to_owned();
    if words.first().is_some_and(|first| first == "--weights") && words.len() > 1 {
        path = words.swap_remove(1);
        words.remove(0);
    }
    if !Path::new(&path).is_file() {
        println!("{USAGE}");
        return Ok(());
    }
    if words.is_empty() {
        words = ["shapewright", "transformer", "recurrent"]
            .map(String::from)
            .into();
    }

    let mut g2p = G2p::open(&path)?;
    for word in &words {
        println!("{word}: {}", g2p.phonemes(word).join(" "));
    }
    Ok(())
}
