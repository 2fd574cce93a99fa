//! Plays a guitar through the model of an amplifier, one sample after another or in blocks of 64.
//!
//! It reads models of GuitarML's Automated-GuitarAmpModelling (`.json`: an LSTM or a GRU) and of
//! Neural Amp Modeler (`.nam`: an LSTM, or the "standard" WaveNet), which have been trained on
//! recordings of an amplifier, and WAV files:
//!
//! ```sh
//! cargo run --release --features audio --example amp -- amp.nam guitar.wav played.wav
//! cargo run --release --features audio --example amp -- amp.json guitar.wav played.wav --steps
//! ```
//!
//! Without arguments, a synthetic string is played through a network with random parameters.

use std::error::Error;
use std::time::Instant;

use shapewright::data::audio::{Wav, WavFormat};

mod models;

use models::Amp;

const USAGE: &str = "arguments: MODEL INPUT.wav OUTPUT.wav [--steps]
MODEL is a file of GuitarML (.json) or of Neural Amp Modeler (.nam).
With --steps, each sample is played by itself; otherwise 64 at a time.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let by_steps = arguments.last().is_some_and(|last| last == "--steps");
    arguments.truncate(arguments.len() - usize::from(by_steps));

    let (amp, sound, path) = match &arguments[..] {
        [] => demonstration(),
        [model, input, output] => {
            let text =
                std::fs::read_to_string(model).map_err(|error| format!("{model}: {error}"))?;
            let amp = Amp::from_json(&text).map_err(|error| format!("{model}: {error}"))?;
            let mut sound = Wav::read(input)?;
            if let Some(rate) = amp.sample_rate {
                sound = sound.at_rate(rate)?;
            }
            (amp, sound, &**output)
        }
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    };

    play(amp, sound, path, by_steps)
}

/// Returns an amplifier with random parameters, a plucked string, and the file for the output.
fn demonstration() -> (Amp, Wav, &'static str) {
    println!("{USAGE}\n\nWithout them: a synthetic string, through a network that is not trained.");
    let string = pluck(44_100, 110.0, 2.0);
    (Amp::random(0), Wav::mono(44_100, string), "target/amp.wav")
}

/// Returns the sound of a string: noise that goes round in a delay line, and a mean that takes away
/// the high frequencies (Karplus and Strong, 1983).
fn pluck(rate: u32, frequency: f32, seconds: f32) -> Vec<f32> {
    let period = (rate as f32 / frequency) as usize;
    let count = (rate as f32 * seconds) as usize;
    let mut noise = 1_u32;
    let mut sound: Vec<f32> = (0..period)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect();
    for t in period..count {
        let before = if t > period {
            sound[t - period - 1]
        } else {
            0.0
        };
        sound.push(0.498 * (sound[t - period] + before));
    }
    sound
}

/// Plays a sound, and writes what comes out.
fn play(mut amp: Amp, sound: Wav, path: &str, by_steps: bool) -> Result<(), Box<dyn Error>> {
    let rate = sound.sample_rate;
    let x = sound.into_mono();
    let mut y = vec![0.0; x.len()];

    let start = Instant::now();
    if by_steps {
        for (&x, y) in x.iter().zip(&mut y) {
            *y = amp.step(x);
        }
    } else {
        amp.process(&x, &mut y);
    }
    let time = start.elapsed().as_secs_f64();

    let seconds = x.len() as f64 / f64::from(rate);
    println!(
        "{}: {seconds:.2} s of sound in {:.1} ms, {:.1} times real time, {:.0} ns a sample",
        amp.name,
        time * 1e3,
        seconds / time,
        time * 1e9 / x.len().max(1) as f64
    );
    Wav::mono(rate, y).write(path, WavFormat::Float32)?;
    println!("written to {path}");
    Ok(())
}
