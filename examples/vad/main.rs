//! Finds the speech in a recording, with a detector that comes with the example: Silero VAD 6.2, a
//! network of 309,633 parameters that hears 32 ms at a time.
//!
//! The network is defined over blocks of frames and told frame by frame, as sound comes from a
//! microphone: a step keeps the last samples and the state of the recurrent layer.
//!
//! ```sh
//! cargo run --release --features audio,safetensors --example vad -- speech.wav
//! ```
//!
//! The recording has a sampling rate of 16 kHz; channels are mixed.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use shapewright::data::audio::Wav;
use shapewright::prelude::*;

mod model;

use model::{FRAME, RATE, Vad};

const WEIGHTS: &[u8] = include_bytes!("../data/silero_vad/silero_vad_16k.safetensors");

/// The recording that is played without an argument. It is not part of the crate.
const RECORDING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/silero_vad/speech.wav"
);

/// The probability from which on speech begins, and that below which it may end.
const BEGIN: f32 = 0.5;
const END: f32 = 0.35;
/// The shortest silence between two intervals of speech, and the shortest interval, in frames.
const SILENCE: usize = 4;
const SPEECH: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or(RECORDING.to_owned());
    if path == RECORDING && !Path::new(RECORDING).is_file() {
        println!("argument: a recording as a WAV file, with a sampling rate of 16 kHz");
        return Ok(());
    }
    let samples = Wav::read(&path)?.at_rate(RATE)?.into_mono();
    let net = model::weights(WEIGHTS)?;

    // The last frame ends in silence.
    let frames: Vec<Tensor1<FRAME>> = samples
        .chunks(FRAME)
        .map(|samples| {
            let mut frame = Tensor1::zeros();
            frame.as_mut_slice()[..samples.len()].copy_from_slice(samples);
            frame
        })
        .collect();

    let mut stream = Vad::stream_boxed();
    let mut probabilities = vec![Tensor1::zeros(); frames.len()];
    let start = Instant::now();
    for (frame, probability) in frames.iter().zip(&mut probabilities) {
        stream.step_into(&net, frame, probability);
    }
    let time = start.elapsed().as_secs_f64();

    let probabilities: Vec<f32> = probabilities.iter().map(|y| y[0]).collect();
    let second = |frame: usize| (frame * FRAME) as f64 / f64::from(RATE);
    for (begin, end) in intervals(&probabilities) {
        println!("{:6.2} s to {:6.2} s", second(begin), second(end));
    }

    let seconds = samples.len() as f64 / f64::from(RATE);
    println!(
        "{seconds:.2} s of sound in {:.2} ms: {:.0} times real time, {:.1} us a frame",
        time * 1e3,
        seconds / time,
        time * 1e6 / frames.len().max(1) as f64
    );
    println!(
        "{} bytes of weights, {} of state",
        size_of::<Vad>(),
        Vad::STATE_BYTES
    );
    Ok(())
}

/// Returns the intervals of speech, by the numbers of their first frame and of the first behind them.
fn intervals(probabilities: &[f32]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut begin = None;
    let mut silent = 0;

    // Silence behind the end closes the last interval.
    let behind = [0.0; SILENCE];
    for (frame, &probability) in probabilities.iter().chain(&behind).enumerate() {
        if probability >= BEGIN {
            begin = begin.or(Some(frame));
        }
        silent = if probability < END { silent + 1 } else { 0 };
        if silent < SILENCE {
            continue;
        }

        let end = frame + 1 - silent;
        if let Some(begin) = begin.take()
            && end >= begin + SPEECH
        {
            found.push((begin, end));
        }
    }
    found
}
