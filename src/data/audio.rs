//! Sound: WAV files, read and written.
//!
//! ```
//! use shapewright::data::audio::{Wav, WavFormat};
//! use shapewright::data::frames;
//! use shapewright::prelude::*;
//! # let folder = std::env::temp_dir().join(format!("shapewright-wav-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("tone.wav");
//! let tone = (0..16_000).map(|t| 0.5 * (t as f32 * 0.1).sin()).collect();
//! Wav::mono(16_000, tone).write(&path, WavFormat::Int16)?;
//!
//! let sound = Wav::read(&path)?.at_rate(16_000)?.into_mono();
//! for frame in frames::<512, f32>(&sound, 256) {
//!     assert!(frame.max() > 0.4);
//! }
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod head;
mod read;
mod write;

pub use write::WavFormat;

use std::path::{Path, PathBuf};

use super::{Place, ReadError, ReadErrorKind};

/// The content of a WAV file: samples from -1 to 1.
///
/// Whole numbers of 8, 16, 24 or 32 bits are divided by the magnitude of the smallest one, so that
/// they become -1 up to almost 1. Numbers of a file in floating point stay as they are, also beyond
/// -1 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// The number of samples per second of each channel, in Hz.
    pub sample_rate: u32,
    /// The number of channels: 1 for mono, 2 for stereo.
    pub channels: usize,
    /// The samples of all channels for each moment, one moment after another.
    pub samples: Vec<f32>,
    /// The file that it was read from, for errors.
    path: PathBuf,
}

impl Wav {
    /// Creates a sound of one channel.
    pub fn mono(sample_rate: u32, samples: Vec<f32>) -> Self {
        Self::new(sample_rate, 1, samples)
    }

    /// Creates a sound of several channels, with the samples of all channels for each moment, one
    /// moment after another.
    pub fn new(sample_rate: u32, channels: usize, samples: Vec<f32>) -> Self {
        Wav {
            sample_rate,
            channels,
            samples,
            path: PathBuf::from("the sound"),
        }
    }

    /// Returns the number of samples of each channel.
    pub fn len(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }

    /// Returns whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sound if it has this sampling rate. Nothing is resampled.
    ///
    /// # Errors
    /// Returns an error with both rates if it has another one.
    pub fn at_rate(self, sample_rate: u32) -> Result<Self, ReadError> {
        if self.sample_rate == sample_rate {
            return Ok(self);
        }
        Err(ReadError::new(
            &self.path,
            ReadErrorKind::Value,
            Place::File,
            format!("a sampling rate of {sample_rate} Hz"),
            format!("{} Hz", self.sample_rate),
            format!("resample it, as with `ffmpeg -i in.wav -ar {sample_rate} out.wav`"),
        ))
    }

    /// Returns the mean of the channels for each moment.
    pub fn into_mono(self) -> Vec<f32> {
        if self.channels <= 1 {
            return self.samples;
        }
        let mean = |moment: &[f32]| {
            let sum: f64 = moment.iter().map(|&sample| f64::from(sample)).sum();
            (sum / moment.len() as f64) as f32
        };
        self.samples.chunks_exact(self.channels).map(mean).collect()
    }

    /// Returns the samples of one channel, counted from 0; `None` if there are fewer channels.
    pub fn channel(&self, channel: usize) -> Option<Vec<f32>> {
        if channel >= self.channels {
            return None;
        }
        let moments = self.samples.chunks_exact(self.channels);
        Some(moments.map(|moment| moment[channel]).collect())
    }

    /// Sets the file that is named in errors.
    fn of_file(self, path: &Path) -> Self {
        Wav {
            path: path.to_owned(),
            ..self
        }
    }
}
