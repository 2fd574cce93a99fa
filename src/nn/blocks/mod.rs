//! Blocks: layers that contain lists of layers.

mod block;
mod repeat;
mod rules;

pub use block::Block;
pub use repeat::Repeat;
