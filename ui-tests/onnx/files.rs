//! Files that are not there, sizes that are missing, and operators that are not supported.

use shapewright::prelude::*;

onnx!(Missing, "no_such_file.onnx");

onnx!(Open, "arg_max.onnx");

onnx!(Unsupported, "arg_max.onnx", batch = 1);

onnx!(Misspelt, "arg_max.onnx", bach = 1, batch = 1);

onnx!("arg_max.onnx");

fn main() {}
