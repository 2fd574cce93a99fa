//! A detector of speech that others have trained, against the probabilities of ONNX Runtime.
#![cfg(all(feature = "audio", feature = "npy", feature = "safetensors"))]

use std::path::{Path, PathBuf};

use shapewright::data::audio::Wav;
use shapewright::data::npy;
use shapewright::prelude::*;
use shapewright::tensor::Rank0;
use shapewright::weights::Loader;

use crate::common::bits;

#[path = "../../examples/vad/model.rs"]
mod model;

use model::{FRAME, FRAMES, RATE, Vad, weights};

const WEIGHTS: &[u8] = include_bytes!("../../examples/data/silero_vad/silero_vad_16k.safetensors");

/// Returns the path of a file that is no part of the crate; `None` if it is not there.
fn file(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/silero_vad")
        .join(name);
    if !path.is_file() {
        println!("skipped: needs {}", path.display());
        return None;
    }
    Some(path)
}

/// The whole recording has the probabilities of ONNX Runtime, frame by frame and in blocks alike.
#[test]
fn probabilities_are_those_of_onnx_runtime() {
    let (Some(sound), Some(expected)) = (file("speech.wav"), file("probabilities.npy")) else {
        return;
    };
    let sound = Wav::read(sound).expect("a sound").at_rate(RATE);
    let samples = sound.expect("a sound at 16 kHz").into_mono();
    let frames: Vec<Tensor1<FRAME>> = samples
        .chunks_exact(FRAME)
        .map(|frame| Tensor1::from_slice(frame).expect("a whole frame"))
        .collect();
    let expected = npy::read_many::<Rank0, f32>(expected).expect("the expected output");
    assert_eq!(frames.len(), expected.len());

    let net = weights(WEIGHTS).expect("the weights of this network");
    let mut stream = Vad::stream_boxed();
    let mut y = vec![Tensor1::zeros(); frames.len()];
    stream.steps(&net, &frames, &mut y);
    let far = y
        .iter()
        .zip(&expected)
        .map(|(y, expected)| (y[0] - expected.as_slice()[0]).abs())
        .fold(0.0, f32::max);
    println!("off by {far:e}");
    assert!(far <= 1e-5, "off by {far}");

    // In blocks, which begin at any frame, the bits are the same.
    for first in [0, 5] {
        stream.reset();
        let mut again = vec![Tensor1::zeros(); first];
        stream.steps(&net, &frames[..first], &mut again);
        let mut given: Vec<f32> = again.iter().map(|y| y[0]).collect();
        let (blocks, _) = samples[first * FRAME..].as_chunks::<{ FRAMES * FRAME }>();
        for block in blocks {
            let x = Tensor2::from_slice(block).expect("a whole block");
            let mut y = Tensor2::<FRAMES, 1>::zeros();
            stream.block(&net, &x, &mut y);
            given.extend_from_slice(y.as_slice());
        }
        let stepped: Vec<f32> = y.iter().map(|y| y[0]).collect();
        assert_eq!(bits(&given), bits(&stepped[..given.len()]));
        assert!(given.len() > 600);
    }
}

/// A network over other frames, or a file that is cut off, is refused with a reason.
#[test]
fn other_files_are_errors() {
    let error = |file: &[u8]| match weights(file) {
        Ok(_) => panic!("a file of {} bytes is read", file.len()),
        Err(error) => error.to_string(),
    };
    assert!(error(&WEIGHTS[..WEIGHTS.len() - 4]).contains("damaged"));

    let names = Loader::from_bytes(WEIGHTS).expect("a file");
    assert_eq!(names.tensors().count(), 15);
    network! { struct Other: [4] -> [2] { out: Linear<_, 2> } }
    assert!(error(&Other::zeros().to_safetensors(&[])).contains("`stft.weight`"));
}
