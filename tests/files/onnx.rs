//! Networks by `onnx!`.
#![cfg(all(feature = "audio", feature = "npy", feature = "onnx"))]

use shapewright::data::audio::Wav;
use shapewright::data::npy;
use shapewright::prelude::*;
use shapewright::tensor::Rank0;

use crate::common::{settings, shared_file};

/// The number of frames of a block.
const FRAMES: usize = 16;
/// The number of samples of a frame.
const FRAME: usize = 512;
/// The number of samples of the frame before that are in front of each.
const OVERLAP: usize = 64;

onnx!(
    /// Silero VAD, as it is shipped.
    pub Vad,
    "../../examples/data/silero_vad/silero_vad_16k_sequence.onnx",
    sequence_length = 16,
);

/// The shipped file of Silero has the probabilities of ONNX Runtime, which are those of the definition
/// by hand as well.
#[test]
fn silero_has_the_probabilities_of_onnx_runtime() {
    let (Some(sound), Some(expected)) = (
        shared_file("silero_vad", "speech.wav"),
        shared_file("silero_vad", "probabilities.npy"),
    ) else {
        return;
    };
    let sound = Wav::read(sound).expect("a sound").at_rate(16_000);
    let samples = sound.expect("a sound at 16 kHz").into_mono();
    let expected = npy::read_many::<Rank0, f32>(expected).expect("the expected output");
    let expected = Tensor::flatten(&expected);

    let net = Vad::pretrained();
    settings().every_tier(|tier| {
        let (mut h, mut c) = (Tensor2::zeros(), Tensor2::zeros());
        let mut probabilities = Vec::new();
        let mut before = [0.0; OVERLAP];
        for block in samples.chunks_exact(FRAMES * FRAME) {
            let mut frames = Vec::new();
            for frame in block.chunks_exact(FRAME) {
                frames.extend(before);
                frames.extend(frame);
                before.copy_from_slice(&frame[FRAME - OVERLAP..]);
            }
            let x = Tensor2::<FRAMES, { FRAME + OVERLAP }>::from_slice(&frames).expect("a block");
            let y = net.forward(&Tensor::from((x, h, c)));
            let (own, next_h, next_c) = y.parts();
            probabilities.extend_from_slice(own.as_slice());
            (h, c) = (*next_h, *next_c);
        }

        assert!(probabilities.len() + FRAMES > expected.len());
        let pairs = probabilities.iter().zip(expected);
        let far = pairs.map(|(y, e)| (y - e).abs()).fold(0.0, f32::max);
        println!("off by {far:e} on {tier}");
        assert!(far <= 1e-5, "off by {far} on {tier}");
    });
}

onnx_network!(
    Detector,
    "../../examples/data/silero_vad/silero_vad_16k_sequence.onnx",
    sequence_length = 16,
    outputs = ["speech_probs"],
);

/// The network of a file is trained as any other.
#[test]
fn a_network_of_a_file_is_trained() {
    let mut net = Detector::init(&mut shapewright::rng(0));
    let (mut gradient, mut workspace) = (Detector::zeros(), Detector::workspace());
    let x = [Tensor::from((
        Tensor2::<FRAMES, 576>::from_position(|i| (i % 7) as f32 / 7.0),
        Tensor2::<1, 128>::zeros(),
        Tensor2::<1, 128>::zeros(),
    ))];
    let target = [Tensor1::<FRAMES>::ones()];
    let mut losses = Vec::new();
    let mut sgd = Sgd::new(0.05).state::<Detector>();
    for _ in 0..4 {
        let mut pass = net.forward_train(&x, &mut workspace);
        losses.push(pass.loss(&Mse, &target));
        pass.backward(&mut gradient);
        sgd.step(&mut net, &gradient);
    }
    assert!(losses[3] < losses[0], "{losses:?}");
}
