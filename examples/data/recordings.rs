//! A reader of the Free Spoken Digit Dataset.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use shapewright::data::audio::Wav;
use shapewright::prelude::*;

/// Samples per second.
pub const RATE: u32 = 8000;

/// Someone says a digit.
pub struct Recording {
    pub speaker: String,
    pub digit: Label<10>,
    pub samples: Vec<f32>,
}

/// Reads the folder's WAV files, which are called `7_jackson_32.wav`, or its packed copy.
pub fn read(folder: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    if folder.join("index.tsv").exists() {
        return read_packed(folder);
    }
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort();

    let recording = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut parts = name.split('_');
        let (Some(digit), Some(speaker)) = (parts.next(), parts.next()) else {
            return Err(format!("{}: expected digit_speaker_take.wav", path.display()).into());
        };
        Ok(Recording {
            speaker: speaker.to_owned(),
            digit: Label::new(digit.parse()?)?,
            samples: Wav::read(path)?.at_rate(RATE)?.into_mono(),
        })
    };
    paths.iter().map(recording).collect()
}

/// Reads all samples from one file, and where each recording lies from a table.
fn read_packed(folder: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(folder.join("samples.i16le.gz"))?;
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes)?;
    let sample = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0;

    let index = fs::read_to_string(folder.join("index.tsv"))?;
    let recording = |line: &str| -> Result<Recording, Box<dyn Error>> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [digit, speaker, _, start, length] = fields[..] else {
            return Err(format!("index.tsv: expected five fields, found {line}").into());
        };
        let start: usize = 2 * start.parse::<usize>()?;
        let end = start + 2 * length.parse::<usize>()?;
        let samples = bytes
            .get(start..end)
            .ok_or("index.tsv: a recording beyond the samples")?;
        Ok(Recording {
            speaker: speaker.to_owned(),
            digit: Label::new(digit.parse()?)?,
            samples: samples.chunks_exact(2).map(sample).collect(),
        })
    };
    index.lines().skip(1).map(recording).collect()
}
