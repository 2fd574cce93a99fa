//! Reads WAV files.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::{Wav, head};
use crate::data::bytes::{self, COPY_AGAIN, too_large};
use crate::data::{Place, ReadError, ReadErrorKind};
use crate::limits::Budget;

/// The number of samples that are read before the memory is checked again.
const CHUNK: usize = 4096;
/// The advice for a file in another encoding.
pub(super) const CONVERT: &str = "convert it, as with `ffmpeg -i in.wav -c:a pcm_s16le out.wav`";

impl Wav {
    /// Reads a WAV file with whole numbers of 8, 16, 24 or 32 bits, or with numbers of `f32`. Of
    /// numbers that use a part of their bits, such as 20 of 24, the lower bits are unused.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not in one of these formats, is cut or
    /// damaged, does not say how many samples it has, as that of an interrupted recording, has a
    /// sample that is NaN or infinite, or takes more memory than the [`Limits`](crate::Limits) let
    /// it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let (file, budget) = bytes::open(path)?;
        read_in(path, file, &budget)
    }

    /// Like [`read`](Wav::read), from any source; the path is for the error.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Wav::read).
    pub fn read_from(path: impl AsRef<Path>, source: impl Read) -> Result<Self, ReadError> {
        let (source, budget) = Budget::counting(source);
        read_in(path.as_ref(), source, &budget)
    }
}

fn read_in(path: &Path, source: impl Read, budget: &Budget) -> Result<Wav, ReadError> {
    let mut source = BufReader::new(source);
    let head = head::read(path, &mut source)?;
    let streamed = head::may_be_streamed(&head);
    let source = Cursor::new(head).chain(source);
    let mut reader = WavReader::new(source).map_err(|error| no_wav(path, error))?;
    let spec = reader.spec();
    if spec.sample_rate == 0 {
        let expected = "a sampling rate of at least 1 Hz";
        return Err(wrong(path, expected, "0 Hz".into(), COPY_AGAIN));
    }

    let mut samples = Samples {
        path,
        budget,
        expected: reader.len() as usize,
        streamed: streamed.then(|| reader.len() * u32::from(spec.bits_per_sample / 8)),
        samples: Vec::new(),
    };
    match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => samples.read(reader.samples::<f32>(), |sample| sample)?,
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let scale = 1.0 / f64::from(1_u32 << (bits - 1));
            samples.read(reader.samples::<i32>(), |sample: i32| {
                (f64::from(sample) * scale) as f32
            })?;
        }
        (_, bits) => {
            return Err(wrong(path, NUMBERS, format!("{bits} bits"), CONVERT));
        }
    }

    let channels = usize::from(spec.channels);
    Ok(Wav::new(spec.sample_rate, channels, samples.samples).of_file(path))
}

/// The numbers that are read.
pub(super) const NUMBERS: &str = "whole numbers of 8, 16, 24 or 32 bits, or numbers of `f32`";

/// The samples that have been read.
struct Samples<'a> {
    path: &'a Path,
    budget: &'a Budget,
    /// The number of samples that the file declares.
    expected: usize,
    /// Their size in bytes, if a program may have written it before it knew it.
    streamed: Option<u32>,
    samples: Vec<f32>,
}

impl Samples<'_> {
    fn read<S>(
        &mut self,
        source: impl Iterator<Item = hound::Result<S>>,
        convert: impl Fn(S) -> f32,
    ) -> Result<(), ReadError> {
        // Memory grows with the samples that are there, not with their declared number.
        for sample in source {
            if self.samples.len().is_multiple_of(CHUNK) {
                self.check_memory()?;
            }
            let sample = convert(sample.map_err(|error| self.cut(error))?);
            if !sample.is_finite() {
                return Err(wrong(
                    self.path,
                    "samples that are finite",
                    format!("{sample} as sample {}", self.samples.len()),
                    "write the file again without it",
                ));
            }
            self.samples.push(sample);
        }
        Ok(())
    }

    /// Checks that the next samples are within the limit.
    fn check_memory(&self) -> Result<(), ReadError> {
        let next = self.expected.min(self.samples.len() + CHUNK);
        let need = |samples: usize| samples as u64 * size_of::<f32>() as u64;
        self.budget.check(need(next)).map_err(|mut error| {
            error.need = need(self.expected);
            too_large(self.path, Place::File, "its samples", error)
        })
    }

    /// Returns the error for a sample that could not be read.
    fn cut(&self, error: hound::Error) -> ReadError {
        match (error, self.streamed) {
            (hound::Error::IoError(error), Some(size)) if is_end(&error) => {
                head::unknown_size(self.path, size)
            }
            (hound::Error::IoError(error), None) if is_end(&error) => ReadError::new(
                self.path,
                ReadErrorKind::Length,
                Place::File,
                format!("{} samples", self.expected),
                format!("the end of the file after {} of them", self.samples.len()),
                COPY_AGAIN,
            ),
            (error, _) => no_wav(self.path, error),
        }
    }
}

/// Returns the error for a file whose head is not one of a WAV file.
fn no_wav(path: &Path, error: hound::Error) -> ReadError {
    let expected = "a WAV file";
    match error {
        hound::Error::IoError(error) if is_end(&error) => wrong(
            path,
            expected,
            "the end of the file within its head".into(),
            COPY_AGAIN,
        ),
        hound::Error::IoError(error) => ReadError::io(path, error),
        hound::Error::FormatError(message) => wrong(path, expected, message.into(), COPY_AGAIN),
        hound::Error::Unsupported => wrong(
            path,
            "a WAV file of whole numbers or of `f32`",
            "another encoding".into(),
            CONVERT,
        ),
        error => wrong(path, expected, error.to_string(), CONVERT),
    }
}

/// Returns whether the file ended too early. hound has an error of its own kind for that.
fn is_end(error: &io::Error) -> bool {
    let is_hounds = error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none();
    is_hounds || error.kind() == io::ErrorKind::UnexpectedEof
}

pub(super) fn wrong(path: &Path, expected: &str, found: String, advice: &str) -> ReadError {
    ReadError::new(
        path,
        ReadErrorKind::Format,
        Place::File,
        expected,
        found,
        advice,
    )
}
