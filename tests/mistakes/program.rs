//! The programs with one mistake each: how they are written in `ui-tests/mistakes`.
//!
//! In a `.txt` file, each line is a network, with ` / ` where a new line begins and `!` before the
//! line that has the mistake, if it is not the first: `[4] -> [3] { Relu, / !Linear<5, 3> }`. Then
//! come ` ~ ` with words that the message must have, `@2` with the number of the line, and ` with `
//! with items that stand before the network. The program uses the network and its fields.
//!
//! In a `.rs` file, `//# name` begins a program, and `//!` the lines that all of them begin with.
//! `//# name without serde` is a program that is right with this feature of the library.
//! The line of the mistake ends in `//~`, followed by the words. `//~! 2` is the number of errors
//! where there is more than one mistake.

use std::fs;
use std::path::Path;

/// A program with a mistake, and what its message must have.
pub struct Program {
    /// The file and the name in it.
    pub kind: String,
    pub name: String,
    pub source: String,
    /// The line of the mistake, if it is to be checked.
    pub line: Option<usize>,
    /// Words of the message.
    pub words: Vec<String>,
    /// The number of errors.
    pub errors: usize,
}

const HEAD: &str = "#![allow(dead_code, unused_variables, unused_imports, unused_mut)]\n";
const PRELUDE: &str = "use shapewright::prelude::*;\n";

/// Reads all programs of a folder, ordered by file.
pub fn read(folder: &Path) -> Vec<Program> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();

    let mut programs = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("text");
        let kind = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("txt") => programs.extend(
                text.lines()
                    .enumerate()
                    .map(|(number, line)| network(&kind, number + 1, line)),
            ),
            Some("rs") => programs.extend(parts(&kind, &text)),
            _ => {}
        }
    }
    programs
}

fn words_of(text: &str) -> Vec<String> {
    text.split(" | ")
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Makes a program of a line of a `.txt` file.
fn network(kind: &str, number: usize, text: &str) -> Program {
    let (text, items) = text.split_once(" with ").unwrap_or((text, ""));
    let (text, at) = match text.rsplit_once('@') {
        Some((text, at)) if at.trim().parse::<usize>().is_ok() => {
            (text.trim_end(), at.trim().parse().ok())
        }
        _ => (text, None),
    };
    let (network, words) = text.split_once(" ~").unwrap_or((text, ""));

    let mut source = format!("{HEAD}{PRELUDE}{items}\n");
    let first = source.lines().count() + 1;
    let mut line = at.unwrap_or(1);
    source.push_str("network! { struct Net: ");
    for (index, piece) in network.split(" / ").enumerate() {
        // The shapes and the first layers are on lines of their own.
        let pieces = match (index, piece.split_once("{ ")) {
            (0, Some((head, layer))) => vec![format!("{head}{{"), layer.to_owned()],
            _ => vec![piece.to_owned()],
        };
        for piece in pieces {
            let own = source.lines().count() + 1 - first;
            if piece.contains('!') && at.is_none() {
                line = if source.ends_with('\n') { own + 1 } else { own };
            }
            source.push_str(&piece.replacen('!', "", usize::from(at.is_none())));
            source.push('\n');
        }
    }
    source.push_str("}\n");

    let fields = ["fc1", "fc2"].iter().filter(|name| network.contains(*name));
    let uses: String = fields.map(|name| format!("let _ = &net.{name};")).collect();
    source.push_str(&format!(
        "fn main() {{\nlet mut net = Net::init(&mut shapewright::rng(0));\n\
         let x: Vec<Tensor<<Net as Network>::Input, <Net as Network>::Element>> = Vec::new();\n\
         let mut y: Vec<Tensor<<Net as Network>::Output, <Net as Network>::Element>> = Vec::new();\n\
         net.forward_batch(&x, &mut y);\nlet _ = net.params_mut();\n{uses}\n}}\n"
    ));
    Program {
        kind: kind.to_owned(),
        name: number.to_string(),
        source,
        line: Some(first + line - 1),
        words: words_of(words),
        errors: 1,
    }
}

/// Makes the programs of a `.rs` file.
fn parts(kind: &str, text: &str) -> Vec<Program> {
    let mut common = String::new();
    let mut programs = Vec::new();
    for part in text.split("//# ") {
        let (name, body) = part.split_once('\n').unwrap_or((part, ""));
        if programs.is_empty() && common.is_empty() && !text.starts_with("//# ") {
            let lines = part.lines().filter_map(|line| line.strip_prefix("//! "));
            common = lines.map(|line| format!("{line}\n")).collect();
            continue;
        }
        let (name, feature) = name.split_once(" without ").unwrap_or((name, ""));
        if body.is_empty() || (feature.trim() == "serde" && cfg!(feature = "serde")) {
            continue;
        }

        let (attributes, body): (Vec<&str>, Vec<&str>) =
            body.lines().partition(|line| line.starts_with("#!["));
        let head: String = attributes.iter().map(|line| format!("{line}\n")).collect();
        let mut source = format!("{HEAD}{head}{PRELUDE}{common}");
        let mut line = None;
        let mut words = Vec::new();
        let mut errors = 1;
        for text in body {
            if let Some((_, number)) = text.split_once("//~!") {
                errors = number.trim().parse().expect("a number of errors");
            } else if let Some((_, found)) = text.split_once("//~") {
                line = Some(source.lines().count() + 1);
                words = words_of(found);
            }
            // Without the words, which the compiler would show with the line.
            let code = text.split("//~").next().unwrap_or_default();
            source.push_str(code.trim_end());
            source.push('\n');
        }
        if !source.contains("fn main") {
            source.push_str("fn main() {}\n");
        }
        programs.push(Program {
            kind: kind.to_owned(),
            name: name.trim().to_owned(),
            source,
            line,
            words,
            errors,
        });
    }
    programs
}
