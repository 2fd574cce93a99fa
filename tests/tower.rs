//! The top-level modules of the crate form a tower: each uses modules below it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Some of the modules, each below the next.
const ORDER: [&str; 8] = [
    "memory",
    "threads",
    "tensor",
    "params",
    "network",
    "nn",
    "loss",
    "detection",
];
/// Modules above all of those.
const TOP: [&str; 3] = ["emitted", "metrics", "train"];

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
        uses.entry(module.clone()).or_default().extend(used);
        uses.entry(module.clone()).or_default().remove(&module);
    }
    uses
}

#[test]
fn modules_form_a_tower() {
    let mut rest = uses();
    let mut floors = BTreeMap::new();

    // Each floor has the modules that use none of those that are left.
    for floor in 0.. {
        let used_alone = |used: &BTreeSet<String>| used.iter().all(|used| !rest.contains_key(used));
        let lowest: Vec<_> = rest
            .iter()
            .filter(|(_, used)| used_alone(used))
            .map(|(module, _)| module.clone())
            .collect();
        if lowest.is_empty() {
            break;
        }
        for module in lowest {
            rest.remove(&module);
            floors.insert(module, floor);
        }
    }

    // What stands above a cycle is not part of it.
    loop {
        let used: BTreeSet<_> = rest.values().flatten().cloned().collect();
        let len = rest.len();
        rest.retain(|module, _| used.contains(module));
        if rest.len() == len {
            break;
        }
    }
    let cycle: BTreeSet<_> = rest.keys().cloned().collect();
    rest.values_mut()
        .for_each(|used| used.retain(|used| cycle.contains(used)));
    assert!(
        rest.is_empty(),
        "among these modules, some use each other, directly or by way of others: {rest:?}; let one \
         of them do without, or move what both need below them"
    );

    // The files have been read: the tower has its known floors.
    for pair in ORDER.windows(2) {
        assert!(
            floors[pair[0]] < floors[pair[1]],
            "`{}` lies below `{}`: {floors:?}",
            pair[0],
            pair[1]
        );
    }
    for top in TOP {
        assert!(floors["detection"] < floors[top], "`{top}`: {floors:?}");
    }
}
