//! Listens for speech on a Cortex-M4: Silero VAD, frame by frame, as sound comes from a microphone.
//! Its weights lie in flash, and all of its memory in a variable.
//!
//! `examples/microcontroller/run` runs it in QEMU and on the host, and compares the bits of both.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg_attr(target_os = "none", path = "board.rs")]
#[cfg_attr(not(target_os = "none"), path = "host.rs")]
mod platform;

#[allow(dead_code)]
#[path = "../../vad/network.rs"]
mod network;

use network::{FRAME, Vad};
use platform::{print, print_bits};
use shapewright::prelude::*;
use shapewright::{Stream, include_weights};

/// The weights, in flash, from the file that the program `weights` has written.
static VAD: &Vad = include_weights!(concat!(env!("WEIGHTS"), "/vad.safetensors") as Vad);

/// The number of frames, of 32 ms each.
const FRAMES: usize = 32;

/// A voice made of nothing but arithmetic: pulses through the resonances of a mouth, and a little
/// noise.
struct Voice {
    random: u32,
    /// The number of samples until the next pulse.
    rest: u32,
    pulse: f32,
    loudness: f32,
    /// The last two outputs of each resonance.
    resonances: [[f32; 2]; 3],
}

/// The factors of the last two outputs for resonances of 700, 1220 and 2600 Hz (the vowel "a") and of
/// 300, 2200 and 3000 Hz ("i").
const VOWELS: [[[f32; 2]; 3]; 2] = [
    [[1.8949, 0.9691], [1.7437, 0.9653], [1.0207, 0.9540]],
    [[1.9629, 0.9767], [1.2761, 0.9653], [0.7475, 0.9540]],
];

impl Voice {
    const fn new() -> Self {
        Voice {
            random: 1,
            rest: 0,
            pulse: 0.0,
            loudness: 0.0,
            resonances: [[0.0; 2]; 3],
        }
    }

    /// Returns the next sample: of a vowel, or of a pause.
    fn next(&mut self, vowel: Option<usize>) -> f32 {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let noise = (self.random >> 8) as f32 / 8_388_608.0 - 1.0;

        // 16 kHz / 120: a low voice, whose pitch trembles.
        self.pulse *= 0.9;
        if self.rest == 0 {
            self.rest = 110 + (self.random >> 28);
            self.pulse += 1.0;
        }
        self.rest -= 1;

        let target = if vowel.is_some() { 0.3 } else { 0.0 };
        self.loudness += 0.002 * (target - self.loudness);

        let mut x = self.loudness * self.pulse;
        for (last, [a, b]) in self.resonances.iter_mut().zip(VOWELS[vowel.unwrap_or(0)]) {
            x = (1.0 - a + b) * x + a * last[0] - b * last[1];
            *last = [x, last[0]];
        }
        x + 0.001 * noise
    }
}

#[cfg_attr(target_os = "none", allow(dead_code))]
fn main() {
    static mut STREAM: Stream<Vad> = Stream::new();
    // SAFETY: `main` runs once, and nothing else can name the variable.
    let stream = unsafe { &mut *(&raw mut STREAM) };

    let mut voice = Voice::new();
    let mut frame = Tensor1::<FRAME>::zeros();
    let mut most = 0;
    for i in 0..FRAMES {
        // A vowel, another one, and so on, between two pauses.
        let vowel = (8..20).contains(&i).then_some(i / 3 % 2);
        frame.iter_mut().for_each(|x| *x = voice.next(vowel));

        let (probability, instructions) =
            platform::count_instructions(|| stream.step(VAD, &frame)[0]);
        most = most.max(instructions);

        print("probability ");
        print_bits(probability.to_bits());
        print(if probability >= 0.5 {
            " speech\n"
        } else {
            "\n"
        });
    }
    platform::print_figures(size_of::<Vad>(), most);
}
