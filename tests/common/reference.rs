//! Reads the values that PyTorch computed. `tests/reference/make_reference.py` describes the
//! format.

use num_traits::Float;
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::Element;

use super::{In, Out, assert_close, tensors};

/// Reads the cases of a file.
pub fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the reference values");
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    let cases = json["cases"]
        .as_array_mut()
        .map(core::mem::take)
        .expect("cases");
    assert!(!cases.is_empty(), "{file} has no cases");
    cases
}

/// Returns the text under a key.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("`{key}` is a text in {}", value["name"]))
}

/// Returns the number under a key.
pub fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("`{key}` is a number in {}", value["name"]))
}

/// Returns the sizes of an array, without those of the first `skip` axes.
pub fn sizes(case: &Value, array: &str, skip: usize) -> Vec<usize> {
    let sizes = case["shapes"][array]
        .as_array()
        .unwrap_or_else(|| panic!("the shape of `{array}`"));
    sizes[skip..]
        .iter()
        .map(|size| size.as_u64().expect("a size") as usize)
        .collect()
}

/// Returns the numbers of an array.
pub fn array(value: &Value) -> Vec<f64> {
    let numbers = value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is an array"));
    numbers
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect()
}

/// Returns the expected result: the one that was computed in `f64`, if there are two.
pub fn expected(case: &Value, key: &str) -> Vec<f64> {
    let double = &case[&format!("{key}_f64")];
    let value = if double.is_null() { &case[key] } else { double };
    if value.is_number() {
        vec![value.as_f64().expect("a number")]
    } else {
        array(value)
    }
}

/// Returns the tolerance for the difference of a result from the reference, relative to its largest
/// number.
///
/// In `f64` the reference has 13 digits, and sums of a few hundred products in another order differ
/// in the last bits: 1e-12 leaves room for both. It is 0 where all sums are exact in any order.
pub fn tolerance<T: Element>(case: &Value) -> f64 {
    match (case["exact"] == true, size_of::<T>()) {
        (true, _) => 0.0,
        (_, 4) => 1e-5,
        _ => 1e-12,
    }
}

/// Converts a weight from PyTorch's `[out, in]` to our `[in][out]`.
pub fn transposed(weight: &[f64], outs: usize) -> Vec<f64> {
    let ins = weight.len() / outs;
    assert_eq!(weight.len(), ins * outs);
    (0..weight.len())
        .map(|i| weight[i % outs * ins + i / outs])
        .collect()
}

/// Converts a parameter of PyTorch's to our order: a matrix is transposed, a vector stays as it is.
/// `sizes` are ours.
pub fn parameter(name: &str, sizes: &[usize], numbers: Vec<f64>) -> Vec<f64> {
    assert_eq!(
        numbers.len(),
        sizes.iter().product::<usize>(),
        "{name} {sizes:?}"
    );
    if let [_, outs] = *sizes {
        transposed(&numbers, outs)
    } else {
        numbers
    }
}

/// Runs a case in every way that a layer can be called.
pub fn check_layer<N: Trainable>(case: &Value) {
    let what = |of: &str| {
        format!(
            "{} in {}, {of}",
            text(case, "name"),
            core::any::type_name::<N::Element>()
        )
    };
    let tolerance = tolerance::<N::Element>(case);
    let close = |of: &str, key: &str, found: &[N::Element]| {
        assert_close(&what(of), found, &expected(case, key), tolerance);
    };
    let x: Vec<In<N>> = tensors(&array(&case["x"]));
    let g: Vec<Out<N>> = tensors(&array(&case["g"]));

    // The weight of an embedding is the only one with two axes that has the same layout in PyTorch.
    let parameter = |name: &str, sizes: &[usize], numbers: Vec<f64>| {
        if case["kind"] == "Embedding" {
            numbers
        } else {
            parameter(name, sizes, numbers)
        }
    };

    let mut net = N::zeros();
    net.for_each_param_mut(|name, sizes, values| {
        let name = name.rsplit('.').next().expect("a name");
        let numbers = parameter(name, sizes, array(&case[name]));
        values
            .iter_mut()
            .zip(numbers)
            .for_each(|(value, x)| *value = N::Element::from_f64_lossy(x));
    });

    let one_by_one: Vec<Out<N>> = x.iter().map(|x| net.forward(x)).collect();
    close("forward", "y", Tensor::flatten(&one_by_one));

    let mut y = vec![Out::<N>::full(N::Element::nan()); x.len()];
    net.forward_batch(&x, &mut y);
    close("forward_batch", "y", Tensor::flatten(&y));

    let mut workspace = N::workspace();
    let mut gradient = N::zeros();
    let mut pass = net.forward_train(&x, &mut workspace);
    close("forward_train", "y", Tensor::flatten(pass.outputs()));
    pass.output_gradients_mut().copy_from_slice(&g);
    let dx = pass.backward_with_input(&mut gradient);
    close("input gradient", "grad_x", Tensor::flatten(dx));

    let mut parameters = 0;
    gradient.for_each_param(|name, sizes, values| {
        let name = name.rsplit('.').next().expect("a name");
        let wanted = parameter(name, sizes, expected(case, &format!("grad_{name}")));
        assert_close(&what(name), values, &wanted, tolerance);
        parameters += 1;
    });
    let parameters_of_case = ["weight", "bias"]
        .iter()
        .filter(|name| !case[name].is_null())
        .count();
    assert_eq!(parameters, parameters_of_case);
}
