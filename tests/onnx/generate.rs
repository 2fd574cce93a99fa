//! The committed files about the cases, and the tests that they are those of the translator:
//! `UPDATE=1 cargo test --features onnx --test onnx generate` writes them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::cases::{self, Case};

/// The largest number of networks of an operator that are compiled.
const PER_OPERATOR: usize = 3;

/// Compares a file with its contents, or writes it.
pub fn compare(name: &str, contents: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/onnx")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, contents).expect("a file that is written");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("a committed file");
    let mut lines = contents.lines().zip(committed.lines());
    if let Some((new, old)) = lines.find(|(new, old)| new != old) {
        panic!("{name} is not what the translator gives now:\n{old}\n{new}");
    }
    assert_eq!(contents.len(), committed.len(), "{name} has other lines");
}

/// Each case has a line: how it is supported, or the error that it gives.
#[test]
fn table_of_all_cases() {
    let Some(folder) = cases::folder() else {
        return;
    };
    let mut table = String::from("case\tresult\n");
    let mut supported = 0;
    for name in cases::all(&folder) {
        let result = match cases::read(&folder, &name) {
            Ok(case) => {
                supported += 1;
                format!("supported: {:?}", case.form)
            }
            Err(error) => error.to_string(),
        };
        let _ = writeln!(table, "{name}\t{result}");
    }
    println!("{supported} cases are supported");
    compare("onnx_nodes.tsv", &table);
}

/// The networks of the cases, a few of each operator.
#[test]
fn networks_of_cases() {
    let Some(folder) = cases::folder() else {
        return;
    };
    let mut text = String::from(
        "//! Networks that `onnx2net` writes for the cases of the ONNX project, a few of each operator.\n\
         //! The tests in `generate.rs` write this file.\n\nuse shapewright::prelude::*;\n\n\
         use crate::run::check;\n",
    );
    let limit = std::env::var("PER_OPERATOR").ok();
    let limit = limit
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(PER_OPERATOR);
    let mut chosen: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for name in cases::all(&folder) {
        if let Ok(case) = cases::read(&folder, &name) {
            let operator = name.split('/').next().unwrap_or_default();
            chosen.entry(operator.to_owned()).or_default().push(case);
        }
    }
    for (operator, cases) in &chosen {
        let limit = if operator.starts_with("pytorch") {
            5 * limit
        } else {
            limit
        };
        // Cases that are as far apart in the list as possible.
        let step = cases.len().div_ceil(limit).max(1);
        for case in cases.iter().step_by(step) {
            text.push_str(&test(case));
        }
    }
    compare("nodes.rs", &text);
}

/// Writes the network of a case and its test.
fn test(case: &Case) -> String {
    let mut function = String::new();
    for letter in case.name.chars() {
        match letter {
            '/' | '-' => function.push('_'),
            _ => function.extend(letter.to_lowercase()),
        }
    }
    let mut text = format!("\n#[test]\nfn {function}() {{\n    network! {{\n");
    for line in case.network.definition("", "Net").lines() {
        if !line.starts_with("///") {
            let _ = writeln!(text, "        {line}");
        }
    }
    let _ = writeln!(text, "    }}\n    check::<Net>({:?});\n}}", case.name);
    text
}
