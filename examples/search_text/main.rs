//! Searches a folder of texts by meaning: a language model that others have trained turns each passage
//! into a vector, and the passages whose vectors are nearest to that of a question are its answers.
//!
//! The model is MiniLM-L6-v2 of 22.7 million parameters (Wang et al., 2020; Reimers and Gurevych,
//! 2019). Its files `model.safetensors` and `tokenizer.json` are not part of the crate: download them
//! from <https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2> into a folder.
//!
//! ```sh
//! cargo run --release --features safetensors,tokenizers --example search_text -- \
//!     target/minilm src/guide "Can I use a model that was trained in Python?"
//! ```
//!
//! Without a question it reads questions, one a line.

use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use shapewright::prelude::*;

mod model;

use model::{Encoder, MiniLm, WIDTH};

/// The number of answers.
const ANSWERS: usize = 3;
/// The number of passages that are turned into vectors at once.
const BATCH: usize = 32;

/// A part of a file.
struct Passage {
    file: PathBuf,
    /// The first line, counted from 1.
    line: usize,
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, questions @ ..] = arguments.as_slice() else {
        println!("arguments: the folder of the model, a folder of texts, and a question");
        return Ok(());
    };
    let encoder = Encoder::open(Path::new(model))?;
    println!("{} parameters", MiniLm::PARAMS);

    let passages = read(Path::new(folder))?;
    let start = Instant::now();
    let vectors = embed(&encoder, &passages)?;
    println!(
        "{} passages of {folder} in {:.1} s",
        passages.len(),
        start.elapsed().as_secs_f64()
    );

    if questions.is_empty() {
        for question in std::io::stdin().lock().lines() {
            answer(&encoder, &passages, &vectors, &question?)?;
        }
    }
    questions
        .iter()
        .try_for_each(|question| answer(&encoder, &passages, &vectors, question))
}

/// Reads the files of a folder whose names end in `.txt` or `.md`, and cuts them into paragraphs.
fn read(folder: &Path) -> Result<Vec<Passage>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("txt" | "md")) {
            files.push(path);
        }
    }
    files.sort();

    let mut passages: Vec<Passage> = Vec::new();
    for file in files {
        let mut open = false;
        for (number, line) in std::fs::read_to_string(&file)?.lines().enumerate() {
            let line = line.trim();
            match passages.last_mut() {
                _ if line.is_empty() => open = false,
                Some(passage) if open => {
                    passage.text.push(' ');
                    passage.text.push_str(line);
                }
                _ => {
                    open = true;
                    passages.push(Passage {
                        file: file.clone(),
                        line: number + 1,
                        text: line.to_owned(),
                    });
                }
            }
        }
    }
    Ok(passages)
}

/// Returns the vectors of all passages.
fn embed(encoder: &Encoder, passages: &[Passage]) -> Result<Vec<Tensor1<WIDTH>>, Box<dyn Error>> {
    let mut vectors = Vec::with_capacity(passages.len());
    for batch in passages.chunks(BATCH) {
        let texts: Vec<&str> = batch.iter().map(|passage| passage.text.as_str()).collect();
        vectors.extend(encoder.embed(&texts)?);
    }
    Ok(vectors)
}

/// Prints the passages that are nearest to a question.
fn answer(
    encoder: &Encoder,
    passages: &[Passage],
    vectors: &[Tensor1<WIDTH>],
    question: &str,
) -> Result<(), Box<dyn Error>> {
    let asked = encoder.embed(&[question])?[0];
    let mut found: Vec<(f32, &Passage)> = vectors
        .iter()
        .map(|vector| vector.dot(&asked))
        .zip(passages)
        .collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));

    println!("\n{question}");
    for (likeness, passage) in found.iter().take(ANSWERS) {
        let text: String = passage.text.chars().take(100).collect();
        println!(
            "{likeness:.3} {}:{} {text}",
            passage.file.display(),
            passage.line
        );
    }
    Ok(())
}
