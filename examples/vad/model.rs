//! Silero VAD 6.2: its network over frames of sound at 16 kHz, and its weights.

use shapewright::weights::{LoadError, Loader};

// By itself, as programs without the standard library have it, too.
#[path = "network.rs"]
mod network;

pub use network::*;

/// Reads the weights in PyTorch's names, in which all convolutions are `Conv1d`.
///
/// # Errors
/// Returns an error if the bytes are damaged or are those of another network.
pub fn weights(file: &[u8]) -> Result<Box<Vad>, LoadError> {
    Loader::from_bytes(file)?
        .rename(|name| name.replacen("encoder.", "encoder", 1))
        .reshape(|name, sizes| match *sizes {
            [outputs, inputs, 1] if name == "out.weight" => Some(vec![outputs, inputs]),
            [outputs, inputs, width] => Some(vec![outputs, inputs, 1, width]),
            _ => None,
        })
        .load()
}
