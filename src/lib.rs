//! Neural networks whose shapes are types.
