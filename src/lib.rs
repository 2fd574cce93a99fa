//! Neural networks whose shapes are types.
#![cfg_attr(not(test), allow(dead_code))]

#[doc(hidden)]
pub mod kernels;
pub mod threads;
pub mod tier;
