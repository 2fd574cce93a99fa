//! One mistake, one sentence on the line of the mistake: the programs in `ui-tests/mistakes`.
//!
//! By default a sample is compiled. `MISTAKES=all cargo test --all-features --test mistakes --
//! --nocapture` compiles all of them and prints the score of each kind; with the name of a kind, or
//! with one program such as `blocks:3`, those, with what the compiler says.

mod compiler;
mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use compiler::{Compiler, Message};
use program::Program;

/// Names that only the library and its macro know. Two underscores are followed by a letter: those
/// of an underlining are not.
const INTERNAL: [&str; 11] = [
    "emitted::",
    "network!{",
    "Sizes<",
    "ToShape",
    "OrStub",
    "Probe<",
    "OutputShape<",
    "Within<",
    "Held<",
    "Choose",
    "Mistaken",
];
/// Programs that are not reported as one would wish, because stable Rust has no form for it.
///
/// - An equation between const generics (`reshape`, `center_crop`) is no bound. The constants that
///   check it instead are those of a generic function, which `cargo check` does not compute.
/// - Two items of one name: what is emitted for the second names the first, so that its
///   implementations conflict, and nothing that is emitted can tell the two apart.
/// - A layer with arguments that does not exist, `Unknown(3)`, is missing as a type and as a function.
/// - `for` loops over `Batches`, which lends its batches and is no iterator: the sentence is that of
///   `Iterator`.
/// - A method of a generic trait, `RocAuc::of`: the compiler asks for the trait twice.
/// - A template in the place of a network: the compiler adds that the bound comes from a macro.
const OPEN: [&str; 10] = [
    "calls:center_crop",
    "calls:reshape",
    "calls:reshape_explicit",
    "definitions:a_struct_of_the_same_name",
    "definitions:generic",
    "definitions:two_networks_of_one_name",
    "definitions:two_networks_of_one_name_and_layers",
    "files:batches_in_a_for_loop",
    "libraries:29",
    "predictions:roc_auc_of_logits_of_classes",
];
/// The number of programs in a sample is one in this many.
const SAMPLE: usize = 9;
/// The number of programs that are compiled at a time.
const JOBS: usize = 2;

#[test]
fn one_mistake_is_one_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui-tests/mistakes");
    let chosen = std::env::var("MISTAKES").unwrap_or_default();
    let all = program::read(&root);
    let programs: Vec<&Program> = all
        .iter()
        .enumerate()
        .filter(|(index, program)| match chosen.as_str() {
            "" => index % SAMPLE == 0,
            "all" => true,
            chosen => match chosen.split_once(':') {
                Some((kind, name)) => program.kind == kind && program.name == name,
                None => program.kind == chosen,
            },
        })
        .map(|(_, program)| program)
        .collect();

    let compiler = Compiler::new();
    let verdicts = judge_all(&compiler, &programs, chosen.contains(':'));
    let mut scores: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (program, verdict) in programs.iter().zip(verdicts) {
        let (good, of) = scores.entry(&program.kind).or_default();
        *of += 1;
        match verdict {
            Ok(()) => *good += 1,
            Err(reason) => {
                let name = format!("{}:{}", program.kind, program.name);
                if chosen == "all" || !OPEN.contains(&&name[..]) {
                    wrong.push(format!("{name}: {reason}"));
                }
            }
        }
    }

    for (kind, (good, of)) in &scores {
        println!("{kind}: {good} of {of}");
    }
    let good: usize = scores.values().map(|(good, _)| good).sum();
    println!("all: {good} of {}", programs.len());
    let open = |wrong: &&String| OPEN.iter().any(|open| wrong.starts_with(open));
    let (open, new): (Vec<&String>, Vec<&String>) = wrong.iter().partition(|wrong| open(wrong));
    for line in open {
        println!("open: {line}");
    }
    assert!(new.is_empty(), "\n{new:#?}");
}

/// Compiles programs, and judges what the compiler says.
fn judge_all(compiler: &Compiler, programs: &[&Program], shown: bool) -> Vec<Result<(), String>> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(vec![Ok(()); programs.len()]);
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(program) = programs.get(index) else {
                        return;
                    };
                    let name = format!("{}_{}", program.kind, program.name);
                    let messages = compiler.check(&name, &program.source);
                    if shown {
                        for message in &messages {
                            println!("{}", message.rendered);
                        }
                    }
                    verdicts.lock().expect("no panic")[index] = judge(program, &messages);
                }
            });
        }
    });
    verdicts.into_inner().expect("no panic")
}

/// Returns what is not as one would wish.
fn judge(program: &Program, messages: &[Message]) -> Result<(), String> {
    let errors: Vec<&Message> = messages.iter().filter(|message| message.is_error).collect();
    let first = errors.first().map_or("", |error| error.text.as_str());
    if errors.len() != program.errors {
        let texts: Vec<&str> = errors
            .iter()
            .map(|error| error.text.as_str())
            .take(4)
            .collect();
        return Err(format!("{} errors: {}", errors.len(), texts.join(" || ")));
    }

    for error in &errors {
        if let Some(internal) = internal(&error.rendered) {
            return Err(format!("names `{internal}`: {first}"));
        }
    }
    if program.line.is_some() && errors[0].line != program.line {
        let (found, wanted) = (errors[0].line, program.line);
        return Err(format!("at {found:?} and not at {wanted:?}: {first}"));
    }
    let missing = program
        .words
        .iter()
        .find(|word| !errors[0].rendered.contains(*word));
    match missing {
        Some(word) => Err(format!("lacks `{word}`: {first}")),
        None => Ok(()),
    }
}

/// Returns the name of something internal in a message.
fn internal(message: &str) -> Option<&str> {
    let words = |c: char| !(c.is_alphanumeric() || c == '_');
    let hidden = |word: &&str| {
        let rest = word.strip_prefix("__").unwrap_or_default();
        rest.starts_with(|c: char| c.is_alphabetic())
    };
    let found = INTERNAL.iter().find(|name| message.contains(*name));
    found.copied().or_else(|| message.split(words).find(hidden))
}
