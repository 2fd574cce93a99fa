//! A detector of speech that others have trained, against the probabilities of ONNX Runtime.
#![cfg(all(feature = "audio", feature = "npy", feature = "safetensors"))]

use std::path::PathBuf;

use shapewright::data::audio::Wav;
use shapewright::data::npy;
use shapewright::prelude::*;
use shapewright::tensor::Rank0;
use shapewright::weights::Loader;

use crate::common::{bits, settings, shared_file};

#[path = "../../examples/vad/model.rs"]
mod model;

use model::{FRAME, FRAMES, RATE, Vad, weights};

const WEIGHTS: &[u8] = include_bytes!("../../examples/data/silero_vad/silero_vad_16k.safetensors");

fn file(name: &str) -> Option<PathBuf> {
    shared_file("silero_vad", name)
}

/// Computes the probabilities of all frames, one after another.
fn steps(net: &Vad, frames: &[Tensor1<FRAME>]) -> Vec<f32> {
    let mut y = vec![Tensor1::zeros(); frames.len()];
    Vad::stream_boxed().steps(net, frames, &mut y);
    y.iter().map(|y| y[0]).collect()
}

/// Computes the probabilities in blocks, but for those of the `first` frames and of the frames behind
/// the last whole block, which are missing.
fn blocks(net: &Vad, frames: &[Tensor1<FRAME>], first: usize) -> Vec<f32> {
    let mut stream = Vad::stream_boxed();
    let (single, rest) = frames.split_at(first);
    let mut y = vec![Tensor1::zeros(); first];
    stream.steps(net, single, &mut y);

    let mut given: Vec<f32> = y.iter().map(|y| y[0]).collect();
    for block in Tensor::flatten(rest).chunks_exact(FRAMES * FRAME) {
        let x = Tensor2::from_slice(block).expect("a whole block");
        let mut y = Tensor2::<FRAMES, 1>::zeros();
        stream.block(net, &x, &mut y);
        given.extend_from_slice(y.as_slice());
    }
    given
}

/// The whole recording has the probabilities of ONNX Runtime, and blocks have the bits of steps.
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
    settings().every_tier(|tier| {
        let y = steps(&net, &frames);
        let far = y
            .iter()
            .zip(Tensor::flatten(&expected))
            .map(|(y, expected)| (y - expected).abs())
            .fold(0.0, f32::max);
        println!("off by {far:e} on {tier}");
        assert!(far <= 1e-5, "off by {far} on {tier}");

        for first in [0, 5] {
            let given = blocks(&net, &frames, first);
            assert!(given.len() + FRAMES > frames.len());
            assert_eq!(
                bits(&given),
                bits(&y[..given.len()]),
                "from {first} on {tier}"
            );
        }
    });
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
