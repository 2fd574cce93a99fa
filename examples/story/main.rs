//! Tells a story from a prompt, with a language model of 260,000 parameters that comes with the
//! example: Andrej Karpathy's "stories260K", a Llama trained on TinyStories (Eldan and Li, 2023).
//!
//! The network is defined over 512 tokens and told token by token: each step keeps the keys and
//! values of the positions before it, in a struct of constant size.
//!
//! ```sh
//! cargo run --release --example story -- "Lily found a red ball"
//! cargo run --release --example story -- --greedy
//! ```

use std::io::Write;
use std::time::Instant;

use shapewright::generate::Sampling;
use shapewright::prelude::*;

mod model;

use model::{END, LENGTH, Pieces, Stories, TOKENS};

const WEIGHTS: &[u8] = include_bytes!("../data/stories260k/stories260K.bin");
const VOCABULARY: &[u8] = include_bytes!("../data/stories260k/tok512.bin");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_greedy = arguments.first().is_some_and(|first| first == "--greedy");
    let prompt = arguments[usize::from(is_greedy)..].join(" ");
    let settings = match is_greedy {
        true => Sampling::greedy(),
        false => Sampling::new().temperature(0.8).top_p(0.9).seed(7),
    };

    let net = model::weights(WEIGHTS)?;
    let pieces = Pieces::new(VOCABULARY)?;
    let mut sampler = settings.sampler::<TOKENS>()?;
    let mut stream = Stories::stream_boxed();
    let mut logits = Tensor1::zeros();

    // The tokens of the prompt, then those that the network finds most likely or draws.
    let mut story = pieces.encode(&prompt);
    let given = story.len();
    let start = Instant::now();
    let mut out = std::io::stdout();
    for position in 0..LENGTH {
        let token = story[position];
        stream.step_into(&net, &Tensor0::from(token as f32), &mut logits);
        if position + 1 >= given {
            story.push(sampler.next(&logits, &[])?.index());
        }

        let next = story[position + 1];
        if next == END {
            break;
        }
        out.write_all(&pieces.text(token, next))?;
        out.flush()?;
    }

    let steps = story.len() - 1;
    let rate = steps as f64 / start.elapsed().as_secs_f64();
    println!("\n\n{steps} tokens, {rate:.0} per second");
    println!(
        "{} bytes of weights, {} of state",
        size_of::<Stories>(),
        Stories::STATE_BYTES
    );
    Ok(())
}
