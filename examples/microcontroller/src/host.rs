//! The same functions as in `board.rs`, for a program of the host.

/// Prints a text.
pub fn print(text: &str) {
    print!("{text}");
}

/// Prints a number in decimal digits.
pub fn print_number(number: u32) {
    print!("{number}");
}
