//! The `network!` macro of the `shapewright` crate.
