//! What the compiler says to mistakes, and what it must accept.

/// Each file has its errors beside it, in a `.stderr`. They are checked as `cargo check` prints them.
#[test]
fn mistakes_are_reported_in_prose() {
    trybuild::TestCases::new().compile_fail("ui-tests/fail/*/*.rs");
}

/// Each file compiles without a warning, and what it asserts holds.
#[test]
fn what_is_right_compiles_and_runs() {
    trybuild::TestCases::new().pass("ui-tests/pass/*.rs");
}
