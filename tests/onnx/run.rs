//! Runs a network on the inputs of a case, with the layers of the library.

use shapewright::prelude::*;
use shapewright::weights::Loader;
use shapewright_onnx::Port;

use crate::cases::{self, Case, Form, Numbers};

/// Computes the outputs of a case and compares them with those of the ONNX project.
pub fn check<N: Network<Element = f32>>(name: &str) {
    let Some(folder) = cases::folder() else {
        return;
    };
    let case = cases::read(&folder, name).expect("a case that is supported");
    let weights = case.network.weights();
    let net: Box<N> = match case.network.has_weights() {
        true => Loader::from_bytes(&weights)
            .expect("a file")
            .load()
            .expect("the weights"),
        false => N::zeros(),
    };

    let batch = match case.form {
        Form::Whole | Form::FirstInput => None,
        Form::Samples => Some(0),
        Form::FirstOfSamples(axis) => Some(axis),
    };
    let samples = batch.map_or(1, |axis| case.inputs[0].1.0[axis]);
    for sample in 0..samples {
        let x = given(&case, batch.map(|axis| (axis, sample)));
        let x = Tensor::<N::Input>::from_slice_boxed(&x).expect("the input's size");
        let mut y = Tensor::<N::Output>::zeros_boxed();
        net.forward_into(&*x, &mut *y);
        compare(&case, y.as_slice(), batch.map(|axis| (axis, sample)));
    }
}

/// Returns the numbers of all inputs of a sample.
fn given(case: &Case, sample: Option<(usize, usize)>) -> Vec<f32> {
    let mut x = Vec::new();
    for port in case.network.inputs() {
        let (_, numbers) = case
            .inputs
            .iter()
            .find(|(name, _)| *name == port.file_name)
            .expect("an input of the file");
        x.extend(ordered(numbers, &port, sample));
    }
    x
}

/// Returns the numbers of a tensor of the file in the order of a port, or those of a sample.
fn ordered((shape, numbers): &Numbers, port: &Port, sample: Option<(usize, usize)>) -> Vec<f32> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let mut first = 0;
    if let Some((axis, sample)) = sample
        && axis < shape.len()
    {
        first = sample * strides[axis];
    }
    let sizes: Vec<usize> = port
        .order
        .iter()
        .map(|&axis| port.file_shape[axis])
        .collect();
    let len: usize = sizes.iter().product();
    (0..len)
        .map(|index| {
            let mut rest = index;
            let mut at = first;
            for (&size, &axis) in sizes.iter().zip(&port.order).rev() {
                at += rest % size * strides[axis];
                rest /= size;
            }
            numbers[at]
        })
        .collect()
}

/// Compares all outputs of a sample.
fn compare(case: &Case, y: &[f32], sample: Option<(usize, usize)>) {
    let mut rest = y;
    for port in case.network.outputs() {
        let found = case
            .outputs
            .iter()
            .find(|(name, _)| *name == port.file_name);
        let len: usize = port.file_shape.iter().product();
        let (own, behind) = rest.split_at(len);
        rest = behind;
        let (_, numbers) = found.expect("an output of the file");
        // The batch of recurrent outputs lies one axis later in their first output.
        let sample = sample.map(|(axis, sample)| match (axis, numbers.0.len()) {
            (1, 4) => (2, sample),
            _ => (axis, sample),
        });
        let expected = ordered(numbers, &port, sample);
        for (index, (y, e)) in own.iter().zip(&expected).enumerate() {
            let is_near = (y - e).abs() <= 1e-5 + 1e-3 * e.abs();
            let both_nan = y.is_nan() && e.is_nan();
            assert!(
                is_near || both_nan || y == e,
                "{}: `{}` has {y} at {index}, expected {e}",
                case.name,
                port.name
            );
        }
    }
}

/// The numbers from -1 to 1 that the scripts compute as well.
pub fn number(index: usize) -> f32 {
    ((index * 7919 % 1000) as f64 / 500.0 - 1.0) as f32
}

/// Returns the numbers of a file that NumPy has written.
pub fn expected(bytes: &[u8]) -> Vec<f32> {
    let [.., low, high] = bytes[..10] else {
        panic!("a header");
    };
    let numbers = &bytes[10 + usize::from(u16::from_le_bytes([low, high]))..];
    let numbers = numbers.as_chunks().0.iter();
    numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Compares the outputs of a network with those of ONNX Runtime.
pub fn assert_near(y: &[f32], expected: &[f32], most: f32) {
    assert_eq!(y.len(), expected.len());
    let pairs = y.iter().zip(expected);
    let far = pairs.map(|(y, e)| (y - e).abs()).fold(0.0, f32::max);
    println!("off by {far:e}");
    assert!(far <= most, "off by {far}: {y:?}, expected {expected:?}");
}
