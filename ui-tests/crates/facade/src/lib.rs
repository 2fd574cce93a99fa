//! A library that re-exports the crate.

pub mod deep {
    pub use shapewright as ml;
}
pub use shapewright::*;
