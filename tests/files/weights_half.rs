//! Weight files with numbers of 16 bits.
#![cfg(feature = "safetensors")]

use shapewright::prelude::*;
use shapewright::tensor::{BF16, F16};
use shapewright::weights::{Half, Loader, SaveErrorKind, Saver};

use crate::common::{bits, folder};

network! { #[derive(Clone)] struct Single: [2] -> [3] { fc: Linear<_, 3>, norm: BatchNorm1d<_> } }
network! { struct Double: [2] -> [3] as f64 { fc: Linear<_, 3> } }

/// Returns the shape, type and bytes of each tensor of a file.
fn tensors(file: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let (length, rest) = file.split_first_chunk::<8>().expect("a header");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).expect("JSON");
    let mut tensors = Vec::new();
    for (name, tensor) in header.as_object().expect("tensors") {
        let Some(offsets) = tensor["data_offsets"].as_array() else {
            continue;
        };
        let [begin, end] = [&offsets[0], &offsets[1]].map(|at| at.as_u64().expect("a number"));
        let dtype = tensor["dtype"].as_str().expect("a type");
        let text = format!("{dtype} {}", tensor["shape"]);
        // Other readers need numbers at multiples of their size.
        let size = if dtype == "F32" { 4 } else { 2 };
        assert_eq!((begin % size, length[0] % 8), (0, 0), "{name}");
        let bytes = data[begin as usize..end as usize].to_vec();
        tensors.push((name.clone(), text, bytes));
    }
    tensors
}

/// Each number is the one that NumPy and ml_dtypes round to.
#[test]
fn numbers_are_rounded_as_others_round_them() {
    let file = include_str!("../reference/weights_half.json");
    let cases: serde_json::Value = serde_json::from_str(file).expect("JSON");
    let values = |key: &str| -> Vec<f64> {
        let values = cases[key].as_array().expect("numbers").iter();
        let values = values.map(|x| x.as_str().and_then(|x| x.parse().ok()).expect("a number"));
        values.collect()
    };
    let expected = |key: &str| -> Vec<u16> {
        let bits = cases[key].as_array().expect("numbers").iter();
        bits.map(|x| x.as_u64().expect("bits") as u16).collect()
    };

    let written = |values: &[f64], half| -> Vec<u16> {
        let mut written = Vec::new();
        for &[a, b, c] in values.as_chunks().0 {
            let mut net = Double::zeros();
            net.fc.bias = [a, b, c];
            let saver = Saver::new().part_half("", &*net, half).expect("numbers");
            let tensors = tensors(&saver.to_bytes());
            let (numbers, _) = tensors[0].2.as_chunks();
            written.extend(numbers.iter().map(|&bytes| u16::from_le_bytes(bytes)));
        }
        written
    };

    let found = written(&values("values"), Half::F16);
    assert!(found.len() > 60);
    assert_eq!(found, expected("f16")[..found.len()]);
    let found = written(&values("single"), Half::BF16);
    assert_eq!(found, expected("bf16")[..found.len()]);
}

#[test]
fn trained_numbers_take_half_of_the_space() {
    let mut net = Single::init(&mut shapewright::rng(1));
    // Both are beyond the largest F16.
    net.norm.running_var = [1e5; 3];
    net.fc.weight[1] = [f32::INFINITY, -1.0 / 3.0, f32::NAN];

    for (half, name) in [(Half::F16, "F16"), (Half::BF16, "BF16")] {
        let saver = Saver::new()
            .part_half("net", &*net, half)
            .expect("numbers")
            .metadata("a", "b")
            .part("whole", &*net);
        let file = saver.to_bytes();
        let found: Vec<_> = tensors(&file)
            .into_iter()
            .filter(|(name, ..)| name.starts_with("net."))
            .map(|(name, text, _)| format!("{name} {text}"))
            .collect();
        assert_eq!(
            found,
            [
                format!("net.fc.bias {name} [3]"),
                format!("net.fc.weight {name} [3,2]"),
                format!("net.norm.bias {name} [3]"),
                "net.norm.num_batches_tracked F32 []".to_owned(),
                "net.norm.running_mean F32 [3]".to_owned(),
                "net.norm.running_var F32 [3]".to_owned(),
                format!("net.norm.weight {name} [3]"),
            ]
        );

        let mut rounded = net.clone();
        let round = |x: &mut f32| {
            *x = match half {
                Half::F16 => F16::from_f32(*x).to_f32(),
                Half::BF16 => BF16::from_f32(*x).to_f32(),
            }
        };
        rounded
            .fc
            .weight
            .as_flattened_mut()
            .iter_mut()
            .for_each(round);
        rounded.fc.bias.iter_mut().for_each(round);
        let loader = Loader::from_bytes(&file).expect("a file");
        let read: Box<Single> = loader.part("net").load().expect("weights");
        assert_eq!(bits(read.params()), bits(rounded.params()));
        let whole: Box<Single> = loader.part("whole").load().expect("weights");
        assert_eq!(bits(whole.params()), bits(net.params()));
    }
}

#[test]
fn numbers_that_would_become_infinite_are_refused() {
    let folder = folder("weights-half");
    let path = folder.join("net.safetensors");
    let mut net = Single::zeros();
    net.norm.running_var = [1.0; 3];
    // The largest numbers that are rounded down.
    net.fc.weight[0] = [65519.996, -65519.996, f32::NEG_INFINITY];
    net.save_half(&path, Half::F16).expect("a file");
    let mut read = Single::zeros();
    read.load(&path).expect("weights");
    assert_eq!(read.fc.weight[0], [65504.0, -65504.0, f32::NEG_INFINITY]);

    net.fc.weight[1][0] = -65520.0;
    let before = std::fs::read(&path).expect("the file");
    let error = net.save_half(&path, Half::F16).expect_err("too large");
    // The file has the transpose of the weight.
    assert!(
        matches!(&error.kind, SaveErrorKind::TooLarge { tensor, position: 1, value: -65520.0, half: Half::F16 }
            if tensor == "fc.weight"),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!(
            "the weights were not saved to `{}`: `fc.weight` has -65520 at position 1, which is beyond the largest \
             F16, 65504; save them as BF16, or in the type of the network",
            path.display()
        )
    );
    assert_eq!(std::fs::read(&path).expect("the file"), before);
    net.save_half(&path, Half::BF16).expect("a file");

    let mut double = Double::zeros();
    double.fc.bias[2] = 3.4e38;
    let error = Saver::new()
        .part_half("a", &*double, Half::BF16)
        .expect_err("too large");
    assert_eq!(
        error.to_string(),
        "the weights were not saved: `a.fc.bias` has 340000000000000000000000000000000000000 at position 2, which is \
         beyond the largest BF16, 338953138925153550000000000000000000000; save them in the type of the network"
    );
    let error = net.save_half(folder.join("no/file"), Half::BF16);
    let error = error.expect_err("no folder");
    assert!(matches!(error.kind, SaveErrorKind::Write(_)), "{error}");
}
