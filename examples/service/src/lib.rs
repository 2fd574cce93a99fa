//! A network behind HTTP: requests that come at the same time are computed as one batch.
//!
//! ```sh
//! cd examples/service
//! cargo run --release -- ../microcontroller/lenet.safetensors 127.0.0.1:8080
//! curl http://127.0.0.1:8080/openapi.json
//! ```
//!
//! `kill -HUP` reads the weights again, and no request is lost; Ctrl-C or `kill` answers what has
//! come, and ends.

pub mod api;
pub mod batcher;
pub mod metrics;
pub mod model;
mod openapi;
