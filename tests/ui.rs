//! The compile errors of mistakes, and programs that must compile.

use std::process::Command;

use serde_json::Value;

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

/// ONNX files that are not there or not supported.
#[cfg(feature = "onnx")]
#[test]
fn onnx_files_that_are_not_translated_are_reported_in_prose() {
    mistakes("ui-tests/onnx/*.rs");
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

/// Programs that use features which are off: one error for each use, on its line, names the feature.
#[test]
fn features_that_are_off_are_named() {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline", "--keep-going", "--bins"])
        .args(["--message-format=json", "--manifest-path"])
        .arg("ui-tests/crates/missing/Cargo.toml")
        .env("CARGO_TARGET_DIR", "target/ui-crates")
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors: Vec<Value> = messages
        .filter(|message| message["message"]["level"] == "error")
        .filter(|message| {
            !message["message"]["spans"]
                .as_array()
                .is_none_or(Vec::is_empty)
        })
        .collect();

    for name in ["methods", "paths"] {
        let path = format!("ui-tests/crates/missing/src/bin/{name}.rs");
        let source = std::fs::read_to_string(path).expect("a program");
        let marks = source.lines().enumerate().filter_map(|(index, line)| {
            let (_, words) = line.split_once("//~ ")?;
            Some((index as u64 + 1, words.to_owned()))
        });
        let mut found: Vec<(u64, &str)> = errors
            .iter()
            .filter(|error| error["target"]["name"] == name)
            .map(|error| {
                let message = &error["message"];
                let rendered = message["rendered"].as_str().expect("a text");
                (line_of_program(&message["spans"]), rendered)
            })
            .collect();
        found.sort_unstable();

        let marks: Vec<(u64, String)> = marks.collect();
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        let marked: Vec<u64> = marks.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, marked, "{name}: {found:#?}");
        for ((line, rendered), (_, words)) in found.iter().zip(&marks) {
            assert!(rendered.contains(words), "{name}:{line}: {rendered}");
        }
    }
}

/// Returns the line of an error in the program, where it calls a macro if the error is inside.
fn line_of_program(spans: &Value) -> u64 {
    let spans = spans.as_array().expect("spans");
    let mut span = spans
        .iter()
        .find(|span| span["is_primary"] == true)
        .expect("a position");
    while span["expansion"].is_object() {
        span = &span["expansion"]["span"];
    }
    span["line_start"].as_u64().expect("a line")
}
