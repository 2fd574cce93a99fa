//! Statements of the pages about other files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// The files with this ending in a folder and the folders in it.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|end| end == ending) {
            found.push(path);
        }
    }
    found
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn quoted_messages_are_the_compilers() {
    let known: Vec<String> = files(&repository("ui-tests/fail"), "stderr")
        .iter()
        .map(|path| fs::read_to_string(path).expect("a file of messages"))
        .collect();
    let quoted: Vec<&str> = include_str!("compile_errors.md")
        .lines()
        .filter(|line| line.starts_with("error[") || line.starts_with("error:"))
        .collect();

    assert!(
        quoted.len() > 8,
        "the page quotes {} messages",
        quoted.len()
    );
    for message in quoted {
        assert!(
            known
                .iter()
                .any(|known| known.lines().any(|line| line == message)),
            "no mistake in `ui-tests/fail` has this message: {message}"
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn every_example_has_a_row() {
    let page = include_str!("examples.md");
    let (results, needs) = page
        .split_once("# What they need")
        .expect("the page has both tables");

    for path in files(&repository("examples"), "rs") {
        if path.parent() != Some(&repository("examples")) {
            continue;
        }

        let name = path.file_stem().expect("a name").to_string_lossy();
        assert!(
            results.contains(&format!("\n| `{name}` |")),
            "`{name}` has no row in the table of results"
        );
        assert!(
            needs.contains(&format!("`{name}`")),
            "`{name}` has no row in the table of what examples need"
        );
    }
}
