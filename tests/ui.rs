//! What the compiler says to mistakes, and what it must accept.

/// Each file has its errors beside it, in a `.stderr`. They are checked as `cargo check` prints them.
#[test]
fn mistakes_are_reported_in_prose() {
    trybuild::TestCases::new().compile_fail("ui-tests/fail/*/*.rs");
}
