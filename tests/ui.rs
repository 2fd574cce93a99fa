//! The compile errors of mistakes, and programs that must compile.

use std::process::Command;

/// The compiler that wrote the `.stderr` files. Others word and underline some errors differently.
const COMPILER: &str = "rustc 1.95.";

/// Each file has its errors next to it, in a `.stderr`. They are checked as `cargo check` prints
/// them.
#[test]
fn mistakes_are_reported_in_prose() {
    mistakes("ui-tests/fail/*/*.rs");
}

/// Weight files that do not fit, at compile time.
#[cfg(feature = "safetensors")]
#[test]
fn weights_that_do_not_fit_are_reported_in_prose() {
    mistakes("ui-tests/weights/*.rs");
}

fn mistakes(files: &str) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc says its version");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.starts_with(COMPILER) {
        trybuild::TestCases::new().compile_fail(files);
    } else {
        println!(
            "skipped: the messages are those of {COMPILER}*, and this is {}",
            version.trim()
        );
    }
}

/// Each file compiles without a warning, and what it asserts holds.
#[test]
fn valid_programs_compile_and_run() {
    trybuild::TestCases::new().pass("ui-tests/pass/*.rs");
}

/// Programs that have crates of their own: with the crate under another name, through a library that
/// re-exports it, without the standard library.
#[test]
fn crates_that_are_right_compile() {
    for name in ["app", "embedded"] {
        let status = Command::new(env!("CARGO"))
            .args(["check", "--quiet", "--offline"])
            .arg("--manifest-path")
            .arg(format!("ui-tests/crates/{name}/Cargo.toml"))
            .env("CARGO_TARGET_DIR", "target/ui-crates")
            .status()
            .expect("cargo runs");
        assert!(
            status.success(),
            "`ui-tests/crates/{name}` does not compile"
        );
    }
}
