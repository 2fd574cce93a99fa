//! Networks from ONNX files: the test cases of the ONNX project, one operator each, and whole networks.
#![cfg(all(feature = "onnx", feature = "std"))]

mod cases;
mod exported;
mod generate;
#[rustfmt::skip]
mod nodes;
mod real;
mod run;
