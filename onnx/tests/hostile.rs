//! Damaged, truncated and hostile files: errors, never panics, and no large memory.

use std::path::{Path, PathBuf};

use shapewright_onnx::{Network, Options, names, tensor};

/// The committed models.
fn models() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/onnx/models");
    let mut models = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the models") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            let bytes = std::fs::read(&path).expect("a model");
            models.push((path, bytes));
        }
    }
    assert!(models.len() >= 4, "{} models", models.len());
    models
}

/// The sizes that the models leave open, and a small limit.
fn options() -> Options {
    Options::new()
        .size("batch", 1)
        .size("length", 6)
        .size("rows", 3)
        .max_numbers(1 << 14)
}

/// Reads bytes with all functions. A size that is missing is an error as any other.
fn read(bytes: &[u8]) {
    for options in [options(), Options::new().max_numbers(1 << 14)] {
        match Network::read(bytes, None, &options) {
            Ok(network) => {
                assert!(network.definition("pub", "Net").contains("struct Net"));
                assert_eq!(network.weights().len() % 4, 0);
                let _ = network.weights_in_memory();
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let _ = names(bytes);
    let _ = tensor(bytes);
}

#[test]
fn truncated_files_are_errors() {
    for (path, bytes) in models() {
        let step = bytes.len() / 200 + 1;
        for end in (0..bytes.len()).step_by(step) {
            let result = Network::read(&bytes[..end], None, &options());
            let error = result.expect_err(&format!("{} cut off at {end}", path.display()));
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Bytes that are changed, repeated and moved, by a generator with a fixed seed.
#[test]
fn changed_files_do_not_panic() {
    let rounds = std::env::var("ROUNDS").ok();
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(300);
    let seed = std::env::var("SEED").ok();
    let mut state: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let models = models();
    for _ in 0..rounds {
        for (_, bytes) in &models {
            let mut bytes = bytes.clone();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                let numbers = [0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff];
                match random(5) {
                    0 => bytes[at] = numbers[random(numbers.len())],
                    1 => bytes[at] = bytes[at].wrapping_add(1),
                    2 => bytes[at] ^= 1 << random(8),
                    3 => {
                        let from = random(bytes.len());
                        let len = random(24).min(bytes.len() - at.max(from));
                        bytes.copy_within(from..from + len, at);
                    }
                    _ => {
                        let end = (at + random(12)).min(bytes.len());
                        bytes.drain(at..end);
                    }
                }
                if bytes.is_empty() {
                    break;
                }
            }
            read(&bytes);
        }
    }
}

/// A field that says that it is longer than all memory, and graphs within graphs.
#[test]
fn lengths_and_nesting_are_limited() {
    // A graph (field 7) of 2^62 bytes.
    let long = [0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    let error = Network::read(&long, None, &options()).expect_err("a long field");
    assert!(
        error.to_string().contains("longer than the file"),
        "{error}"
    );

    // Graph > node > attribute > graph > ..
    let mut bytes = Vec::new();
    let wrap = |field: u8, inside: &[u8]| {
        let mut message = vec![field << 3 | 2];
        let mut len = inside.len();
        while len >= 0x80 {
            message.push(len as u8 | 0x80);
            len >>= 7;
        }
        message.push(len as u8);
        message.extend(inside);
        message
    };
    for _ in 0..5000 {
        bytes = wrap(1, &wrap(5, &wrap(6, &bytes)));
    }
    let error = Network::read(&wrap(7, &bytes), None, &options()).expect_err("nested graphs");
    assert!(error.to_string().contains("nests"), "{error}");
}
