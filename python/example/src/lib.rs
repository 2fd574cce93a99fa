//! The module `digits` for Python. `maturin develop --release` builds it.

use pyo3::prelude::*;
use shapewright::prelude::*;

network! {
    /// The network of `examples/lenet.rs`, which trains it and writes its weights.
    #[export_python]
    pub struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    /// Two inputs, two outputs, and numbers of double precision.
    #[export_python]
    pub struct TwoInputs: (a: [2], b: [1, 3]) -> (both: [5], squashed: [5]) as f64 {
        flat: Flatten <- b,
        both: Concat <- (a, flat),
        squashed: Tanh <- both,
    }
}

/// Handwritten digits.
#[pymodule]
mod digits {
    #[pymodule_export]
    use super::{PyLeNet, PyTwoInputs};
}

/// Returns the stub file, `digits.pyi`.
pub fn stub() -> String {
    [
        shapewright_python::STUB_IMPORTS.to_owned(),
        shapewright_python::stub::<LeNet>(),
        shapewright_python::stub::<TwoInputs>(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    /// With `WRITE_STUB=1` the file is written instead.
    #[test]
    fn the_stub_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/digits.pyi");
        if std::env::var_os("WRITE_STUB").is_some() {
            std::fs::write(path, super::stub()).expect("the stub file");
        }
        let found = std::fs::read_to_string(path).expect("the stub file");
        assert_eq!(found, super::stub());
    }
}
