//! A reader of CMUdict, and the distance from its pronunciations.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;

/// A word and its pronunciations, phonemes with a space between them.
pub struct Entry {
    pub word: String,
    pub pronunciations: Vec<String>,
}

/// Reads a file, which may be gzipped.
pub fn read(path: &str) -> Result<String, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let mut source: Box<dyn Read> = match path.ends_with(".gz") {
        true => Box::new(flate2::read::GzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut text = String::new();
    source
        .read_to_string(&mut text)
        .map_err(|error| format!("{path}: {error}"))?;
    Ok(text)
}

/// Returns the words of a dictionary that consist of letters and apostrophes. A line is a word,
/// perhaps with the number of its pronunciation, and phonemes, which are returned without the stress
/// of the vowels: `read(2) R IY1 D`.
pub fn entries(dictionary: &str) -> Vec<Entry> {
    let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in dictionary.lines() {
        let line = line.split('#').next().unwrap_or(line);
        let Some((word, phonemes)) = line.split_once(' ') else {
            continue;
        };
        let word = word.split('(').next().unwrap_or(word);
        let phonemes = phonemes.replace(|c: char| c.is_ascii_digit(), "");
        let phonemes = phonemes.trim().to_owned();

        let pronunciations = words.entry(word).or_default();
        if !pronunciations.contains(&phonemes) {
            pronunciations.push(phonemes);
        }
    }

    let is_letter = |c: char| c.is_ascii_lowercase() || c == '\'';
    let words = words
        .into_iter()
        .filter(|(word, _)| word.chars().all(is_letter));
    words
        .map(|(word, pronunciations)| Entry {
            word: word.to_owned(),
            pronunciations,
        })
        .collect()
}

impl Entry {
    /// Returns whether it has at most this number of letters, and of phonemes.
    pub fn fits(&self, letters: usize, phonemes: usize) -> bool {
        let fits = |pronunciation: &String| pronunciation.split(' ').count() <= phonemes;
        self.word.len() <= letters && self.pronunciations.iter().all(fits)
    }

    /// Returns the edit distance of phonemes to the nearest pronunciation, and the length of that.
    pub fn nearest(&self, said: &str) -> (usize, usize) {
        let said: Vec<&str> = said.split_whitespace().collect();
        let distances = self.pronunciations.iter().map(|pronunciation| {
            let right: Vec<&str> = pronunciation.split(' ').collect();
            (edit_distance(&said, &right), right.len())
        });
        distances.min().unwrap_or_default()
    }
}

/// Returns the smallest number of phonemes to insert, to delete or to replace (Levenshtein, 1966).
fn edit_distance(a: &[&str], b: &[&str]) -> usize {
    // The distances of the first phonemes of `a` to each beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
