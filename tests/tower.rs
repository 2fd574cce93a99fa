//! The top-level modules of the crate form a tower: few of them use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The pairs of modules that use each other. The list only becomes shorter.
const PAIRS: [(&str, &str); 3] = [
    // `memory::label_numbers` views labels as numbers.
    ("loss", "memory"),
    // `memory` views `Parameters` as slices.
    ("memory", "network"),
    // `memory` views tensors as slices.
    ("memory", "tensor"),
];

/// Returns the Rust files of a folder and of those in it, without modules of tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the crate");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => files(&path),
            Some(extension) if extension == "rs" && !path.ends_with("tests.rs") => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// Returns the code of a file without comments and without its module of tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file of the crate");
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or("");
        if line.trim() == "#[cfg(test)]" && next.starts_with("mod ") {
            break;
        }
        code += line.split("//").next().unwrap_or("");
        code.push('\n');
    }
    code
}

/// Returns the identifier at the beginning of a text.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

/// Returns what `crate::` stands before: one name, or the names in a list.
fn names(after: &str) -> Vec<&str> {
    let Some(list) = after.strip_prefix('{') else {
        return vec![identifier(after)];
    };

    let mut names = Vec::new();
    let mut depth = 0;
    let mut item = 0;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(identifier(list[item..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(identifier(list[item..at].trim_start()));
                item = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// Returns the modules that each top-level module uses.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module_of = |path: &Path| {
        let inside = path.strip_prefix(&source).expect("a path in the source");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    };

    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for path in files(&source) {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let code = code(&path);
        let used = code
            .match_indices("crate::")
            .flat_map(|(at, found)| names(&code[at + found.len()..]))
            .map(str::to_owned);
        uses.entry(module).or_default().extend(used);
    }
    uses
}

#[test]
fn few_modules_use_each_other() {
    let uses = uses();
    let uses_other = |a: &str, b: &str| uses.get(a).is_some_and(|used| used.contains(b));

    let mut found = BTreeSet::new();
    for a in uses.keys() {
        for b in uses.keys().filter(|b| a < *b) {
            if uses_other(a, b) && uses_other(b, a) {
                found.insert((a.as_str(), b.as_str()));
            }
        }
    }

    let known: BTreeSet<_> = PAIRS.into_iter().collect();
    let more: Vec<_> = found.difference(&known).collect();
    assert!(
        more.is_empty(),
        "these modules use each other, and did not before: {more:?}; let one of them do without, \
         or move what both need below them"
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "these modules no longer use each other: {gone:?}; remove them from the list"
    );

    // The files have been read: the tower has its known floors.
    assert!(uses_other("network", "tensor") && uses_other("plots", "train"));
    assert!(!uses_other("tensor", "nn") && !uses_other("optim", "train"));
}
