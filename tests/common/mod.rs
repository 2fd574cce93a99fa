//! Code that the tests share.
#![allow(dead_code)]

pub mod gradient;
pub mod layers;
pub mod naive;
pub mod reference;

use std::sync::{Mutex, MutexGuard, PoisonError};

use shapewright::prelude::*;
use shapewright::tier::{self, Tier};
use shapewright::{tensor::Element, threads};

/// One input of a network.
pub type In<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
/// One output of a network.
pub type Out<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// A lock on the settings of the process: tier and threads. Dropping it restores them, also after a
/// panic.
pub struct Settings(#[allow(dead_code)] MutexGuard<'static, ()>);

/// Locks the settings: waits until no other test of this binary changes them.
pub fn settings() -> Settings {
    static HELD: Mutex<()> = Mutex::new(());
    Settings(HELD.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Settings {
    /// Calls a function in every tier that this processor has.
    pub fn every_tier(&self, mut f: impl FnMut(Tier)) {
        for &tier in tier::supported_tiers() {
            tier::force_tier(tier).expect("a supported tier");
            f(tier);
        }
        tier::unforce_tier();
    }

    /// Calls a function with each of these numbers of threads.
    pub fn every_threads(&self, counts: &[usize], mut f: impl FnMut(usize)) {
        for &count in counts {
            threads::set_threads(count);
            f(count);
        }
        threads::set_threads(0);
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        tier::unforce_tier();
        threads::set_threads(0);
    }
}

/// Runs the test of this name once more, in a process that can't spawn threads. Returns `true` in
/// that process.
///
/// In that process, threads request stacks that no system has the memory for.
pub fn without_threads(test: &str) -> bool {
    const STACK: &str = "RUST_MIN_STACK";
    const TOO_MUCH: &str = "1152921504606846976";
    if std::env::var(STACK).is_ok_and(|stack| stack == TOO_MUCH) {
        std::thread::Builder::new()
            .spawn(|| ())
            .expect_err("no thread");
        return true;
    }

    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    command
        .args(["--exact", test, "--test-threads", "1", "--nocapture"])
        .env(STACK, TOO_MUCH);

    let output = command.output().expect("this program again");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

/// Returns `count` tensors of random numbers from -1 to 1.
pub fn random<S: Shape, T: Element>(count: usize, seed: u64) -> Vec<Tensor<S, T>> {
    let uniform = rand::distr::Uniform::new_inclusive(-T::one(), T::one()).expect("a range");
    let mut rng = shapewright::rng(seed);
    (0..count)
        .map(|_| Tensor::random(&uniform, &mut rng))
        .collect()
}

/// Returns tensors that are filled with these numbers one after another.
pub fn tensors<S: Shape, T: Element>(numbers: &[f64]) -> Vec<Tensor<S, T>> {
    assert_eq!(
        numbers.len() % S::LEN,
        0,
        "{} numbers for tensors of {}",
        numbers.len(),
        S::LEN
    );

    let tensor = |numbers: &[f64]| {
        Tensor::from_position(|i| T::from_f64(numbers[i]).expect("a number of the element"))
    };
    numbers.chunks(S::LEN).map(tensor).collect()
}

/// Makes an empty folder for the files of one test.
///
/// # Panics
///
/// Panics when a test of the same program has taken this name before: the two could run at the same
/// time.
pub fn folder(name: &str) -> std::path::PathBuf {
    static TAKEN: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let again = {
        let mut taken = TAKEN.lock().unwrap_or_else(|error| error.into_inner());
        let again = taken.iter().any(|other| other == name);
        taken.push(name.to_string());
        again
    };
    assert!(!again, "two tests have a folder `{name}`");

    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(env!("CARGO_CRATE_NAME"))
        .join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an old folder of this test");
    }
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Returns the path of a file of shared data, which is no part of the crate. Where it is not there,
/// prints that and returns `None`.
pub fn shared_file(folder: &str, name: &str) -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(folder)
        .join(name);
    if !path.is_file() {
        println!("skipped: needs {}", path.display());
        return None;
    }
    Some(path)
}

/// Returns the path of the folder that `examples/faces/fetch.py` has filled: that of the variable
/// `FACES`, or `target/faces`. `None`, with a printed line, if it is not there.
pub fn faces_folder() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("FACES").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/faces"),
        Into::into,
    );
    if !folder.join("astronaut.png").is_file() {
        println!(
            "skipped: needs {}, which `examples/faces/fetch.py` fills",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

/// Returns the path of a file of MiniLM, which `fetch.sh` of the shared data has put into a folder:
/// that of the variable `MINILM`, or `target/minilm`. `None`, with a printed line, if it is not there.
pub fn minilm_file(name: &str) -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("MINILM").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/minilm"),
        Into::into,
    );
    let path = folder.join(name);
    if !path.is_file() {
        println!(
            "skipped: needs {}, which the folder `minilm` of the shared data fetches",
            path.display()
        );
        return None;
    }
    Some(path)
}

/// Returns the bits of numbers, which differ for signed zeros and are equal for the same NaN.
pub fn bits<T: Element>(numbers: &[T]) -> Vec<u64> {
    numbers
        .iter()
        .map(|x| x.to_f64().expect("a number").to_bits())
        .collect()
}

/// Asserts that each number differs from the expected one by at most `tolerance` times the largest
/// expected one.
#[track_caller]
pub fn assert_close<T: Element>(what: &str, found: &[T], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: the number of numbers");
    let scale = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    for (i, (found, &expected)) in found.iter().zip(expected).enumerate() {
        let found = found.to_f64().expect("a number");
        let off = (found - expected).abs();
        assert!(
            off <= tolerance * scale,
            "{what}: number {i} is {found}, not {expected}: {off:e} off, where {:e} is allowed",
            tolerance * scale
        );
    }
}
