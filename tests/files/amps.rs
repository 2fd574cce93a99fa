//! Models of guitar amplifiers that others have trained, against their outputs in double precision.
#![cfg(all(feature = "audio", feature = "npy"))]

use std::path::PathBuf;

use shapewright::data::audio::Wav;
use shapewright::data::npy;
use shapewright::tensor::Rank0;

use crate::common::{bits, shared_file};

#[allow(dead_code)]
#[path = "../../examples/amp/models.rs"]
mod models;

use models::{Amp, BLOCK};

/// The samples that are compared. The sound begins after 0.1 s of silence.
const COUNT: usize = 8_192;

fn file(name: &str) -> Option<PathBuf> {
    shared_file("amps", name)
}

/// Plays the beginning of a sound in blocks, compares it with the expected output, and plays a part
/// of it step by step.
fn check(model: &str, sound: &str, expected: &str, tolerance: f32) {
    let (Some(model), Some(sound), Some(expected)) = (file(model), file(sound), file(expected))
    else {
        return;
    };
    let text = std::fs::read_to_string(model).expect("a model");
    let mut amp = Amp::from_json(&text).expect("a model that is known");
    let x = &Wav::read(sound).expect("a sound").into_mono()[..COUNT];
    let expected = npy::read_many::<Rank0, f32>(expected).expect("the expected output");

    let mut y = vec![0.0; COUNT];
    amp.process(x, &mut y);
    let difference = |(y, expected): (&f32, &_)| -> f32 {
        let expected: &shapewright::Tensor0 = expected;
        (y - expected.as_slice()[0]).abs()
    };
    let largest = y.iter().zip(&expected).map(difference).fold(0.0, f32::max);
    println!("{}: off by {largest:e}", amp.name);
    assert!(y.iter().all(|y| y.is_finite()));
    assert!(largest <= tolerance, "{}: off by {largest}", amp.name);

    // The same bits: two blocks from the middle of a step on, steps, and blocks again.
    let first = 5_000;
    let last = first + 10 * BLOCK + 7;
    amp.restart();
    let mut stepped = vec![0.0; COUNT];
    amp.process(&x[..first], &mut stepped[..first]);
    for t in first..last {
        stepped[t] = amp.step(x[t]);
    }
    let end = last + 3 * BLOCK;
    amp.process(&x[last..end], &mut stepped[last..end]);
    assert_eq!(bits(&stepped[..end]), bits(&y[..end]), "{}", amp.name);
}

#[test]
fn an_lstm_of_guitarml() {
    check(
        "guitarml_lstm32.json",
        "input44.wav",
        "guitarml_lstm32.out.npy",
        1e-4,
    );
}

#[test]
fn a_gru_of_guitarml() {
    check(
        "guitarml_gru64.json",
        "input44.wav",
        "guitarml_gru64.out.npy",
        5e-4,
    );
}

#[test]
fn an_lstm_of_nam() {
    check("nam_lstm.nam", "input48.wav", "nam_lstm.out.npy", 2e-6);
}

#[test]
fn a_wavenet_of_nam() {
    check(
        "nam_wavenet.nam",
        "input48.wav",
        "nam_wavenet.out.npy",
        5e-5,
    );
}

/// Files of other networks, and files that were cut, are refused with a reason.
#[test]
fn models_that_are_not_known_are_errors() {
    let error = |text: &str| match Amp::from_json(text) {
        Ok(amp) => panic!("{} is read from {text}", amp.name),
        Err(error) => error,
    };
    assert!(error("{").contains("EOF"));
    assert!(error(r#"{ "architecture": "ConvNet" }"#).contains("`ConvNet` is not known"));

    let model = |skip: u32, hidden: u32| {
        format!(
            r#"{{ "model_data": {{ "input_size": 1, "output_size": 1, "num_layers": 1,
            "skip": {skip}, "unit_type": "LSTM", "hidden_size": {hidden} }}, "state_dict": {{}} }}"#
        )
    };
    assert_eq!(error(&model(0, 8)), "`skip` is 0 instead of 1");
    assert_eq!(error(&model(1, 9)), "there is no LSTM with 9 units here");
    assert!(error(&model(1, 8)).starts_with("there is no `"));

    let weights = |numbers: usize, value: &str| {
        let list = vec![value; numbers].join(", ");
        format!(
            r#"{{ "architecture": "LSTM", "config": {{ "input_size": 1, "hidden_size": 3,
            "num_layers": 1 }}, "weights": [{list}] }}"#
        )
    };
    assert_eq!(error(&weights(69, "0")), "there are too few weights");
    assert_eq!(error(&weights(71, "0")), "there are too many weights");
    assert!(error(&weights(70, "0.5")).ends_with("it is another state"));
    assert!(error(&weights(70, "\"a\"")).ends_with("where numbers are expected"));
    assert!(Amp::from_json(&weights(70, "0")).is_ok());
}
