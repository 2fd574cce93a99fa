//! Tells a story on a Cortex-M4: a language model of 260,000 parameters, whose weights lie in flash,
//! and the keys and values of all tokens in a variable.
//!
//! `examples/microcontroller/run` runs it in QEMU and on the host, and compares both texts with that
//! of llama2.c.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg_attr(target_os = "none", path = "board.rs")]
#[cfg_attr(not(target_os = "none"), path = "host.rs")]
mod platform;

#[allow(dead_code)]
#[path = "../../story/network.rs"]
mod network;

use network::{END, Stories, TOKENS};
use platform::{print, print_bytes};
use shapewright::prelude::*;
use shapewright::{Stream, include_weights};

/// The weights, in flash, from the file that the program `weights` has written.
static STORIES: &Stories =
    include_weights!(concat!(env!("WEIGHTS"), "/stories.safetensors") as Stories);

/// The pieces of text that tokens stand for: behind four bytes, for each token its score, its length
/// and its bytes.
static VOCABULARY: &[u8] = include_bytes!("../../data/stories260k/tok512.bin");

/// The token of the byte 0; the others follow.
const FIRST_BYTE: usize = 3;

/// The number of tokens that are told.
const STEPS: usize = 200;

/// Prints the text of a token behind another one.
fn print_piece(previous: usize, token: usize) {
    if let Some(byte) = token.checked_sub(FIRST_BYTE)
        && let Ok(byte) = u8::try_from(byte)
    {
        return print_bytes(&[byte]);
    }

    let mut rest = &VOCABULARY[4..];
    let mut text: &[u8] = &[];
    for _ in 0..=token {
        let (header, behind) = rest.split_at(8);
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        (text, rest) = behind.split_at(length as usize);
    }
    match text {
        [b' ', text @ ..] if previous == END => print_bytes(text),
        _ => print_bytes(text),
    }
}

#[cfg_attr(target_os = "none", allow(dead_code))]
fn main() {
    static mut STREAM: Stream<Stories> = Stream::new();
    // SAFETY: `main` runs once, and nothing else can name the variable.
    let stream = unsafe { &mut *(&raw mut STREAM) };

    let mut logits = Tensor1::<TOKENS>::zeros();
    let mut token = END;
    let mut most = 0;
    for _ in 0..STEPS {
        let input = Tensor0::from(token as f32);
        let ((), instructions) =
            platform::count_instructions(|| stream.step_into(STORIES, &input, &mut logits));
        most = most.max(instructions);

        let next = logits.argmax();
        if next == END {
            break;
        }
        print_piece(token, next);
        token = next;
    }
    print("\n");
    platform::print_figures(size_of::<Stories>(), most);
}
