//! Recurrent layers.

mod compute;
mod layers;
mod params;
mod shape;

pub use layers::{Gru, Lstm, Rnn};
pub use params::{
    RecurrentDropout, RecurrentNoBiasParams, RecurrentNoBiasWeights, RecurrentParams,
    RecurrentWeights,
};
