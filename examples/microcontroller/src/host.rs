//! The same functions as in `board.rs`, for a program of the host.

#![allow(dead_code)]

use std::io::Write;

/// Prints a text.
pub fn print(text: &str) {
    print!("{text}");
}

/// Prints the bytes of a text.
pub fn print_bytes(text: &[u8]) {
    std::io::stdout()
        .write_all(text)
        .expect("the output is open");
}

/// Prints a number in decimal digits.
pub fn print_number(number: u32) {
    print!("{number}");
}

/// Prints the bits of a number in hexadecimal digits.
pub fn print_bits(bits: u32) {
    print!("{bits:08x}");
}

/// Calls `f`, and counts nothing.
pub fn count_instructions<R>(f: impl FnOnce() -> R) -> (R, u32) {
    (f(), 0)
}

/// Prints nothing: these are figures of the board.
pub fn print_figures(_weights: usize, _instructions: u32) {}
