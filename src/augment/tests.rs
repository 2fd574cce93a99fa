//! Against values that PyTorch computed; `tests/reference/make_augment.py` has the formulas.

use serde_json::Value;

use super::affine::Change;
use super::crop::PaddingMode;
use super::{Augmenter, ColorJitter, Interpolation};
use crate::prelude::*;
use crate::tensor::Element;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("an array")
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect()
}

fn pair(value: &Value) -> [f64; 2] {
    numbers(value).try_into().expect("two numbers")
}

fn check<const H: usize, const W: usize, const C: usize, T: Element>(case: &Value, bound: f64) {
    let number = |key: &str| case[key].as_f64().expect("a number");
    let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
    let mut image = Tensor3::<H, W, C, T>::from_position(|i| T::from_f64_lossy(x[i]));

    match case["name"].as_str() {
        Some("affine") => {
            let interpolation = match case["mode"].as_str() {
                Some("bilinear") => Interpolation::Bilinear,
                _ => Interpolation::Nearest,
            };
            let change = Change {
                degrees: number("degrees"),
                translate: pair(&case["translate"]),
                scale: number("scale"),
                shear: pair(&case["shear"]),
            };

            let mut scratch = Tensor3::full(T::nan());
            change.apply(&mut image, &mut scratch, interpolation, number("fill"));
        }
        name => {
            let factor = number("factor");
            let jitter = match name {
                Some("contrast") => ColorJitter::new().contrast_between(factor, factor),
                _ => ColorJitter::new().brightness_between(factor, factor),
            };

            Augmenter::new(jitter, 0).augment(1, 0, &mut image);
        }
    }

    for (i, (found, expected)) in image.iter().zip(&y).enumerate() {
        let found = found.to_f64().expect("a number");
        assert!(
            (found - expected).abs() <= bound,
            "{found} is not {expected} at {i} of {case}"
        );
    }
}

#[test]
fn pytorch_computes_the_same() {
    let file = include_str!("../../tests/reference/augment.json");
    let json: Value = serde_json::from_str(file).expect("JSON");
    let cases = json["cases"].as_array().expect("cases");
    assert!(cases.len() > 100);

    for case in cases {
        macro_rules! shapes {
            ($([$h:literal, $w:literal, $c:literal])*) => {
                match numbers(&case["shape"])[..] {
                    $([h, w, c] if [h, w, c] == [$h as f64, $w as f64, $c as f64] => {
                        check::<$h, $w, $c, f32>(case, 3e-6);
                        check::<$h, $w, $c, f64>(case, 1e-12);
                    })*
                    _ => panic!("another shape: {case}"),
                }
            };
        }

        shapes!([8, 8, 1][5, 7, 3][9, 4, 2][1, 6, 1][4, 4, 1][3, 2, 2]);
    }
}

/// `numpy.pad` of `[0, 1, 2]` by 8 and of `[0]` by 2.
#[test]
fn padding_is_that_of_numpy() {
    let padded = |mode: PaddingMode, size: usize, pad: isize| -> Vec<usize> {
        (-pad..size as isize + pad)
            .map(|at| mode.position(at, size).expect("a position"))
            .collect()
    };

    assert_eq!(
        padded(PaddingMode::Edge, 3, 8),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    );
    assert_eq!(
        padded(PaddingMode::Reflect, 3, 8),
        [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    );
    assert_eq!(
        padded(PaddingMode::Symmetric, 3, 8),
        [1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1]
    );

    for mode in [
        PaddingMode::Edge,
        PaddingMode::Reflect,
        PaddingMode::Symmetric,
    ] {
        assert_eq!(padded(mode, 1, 2), [0; 5]);
    }

    assert_eq!(
        [-1, 0, 2, 3].map(|at| PaddingMode::Constant.position(at, 3)),
        [None, Some(0), Some(2), None]
    );
}
