//! Writes WAV files.

use std::io;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::Wav;
use crate::atomic_file::{AtomicFile, named};

/// The numbers of a WAV file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WavFormat {
    /// Whole numbers of 8 bits.
    Int8,
    /// Whole numbers of 16 bits, the most usual format.
    Int16,
    /// Whole numbers of 24 bits.
    Int24,
    /// Whole numbers of 32 bits.
    Int32,
    /// The samples as they are, also beyond -1 and 1.
    Float32,
}

impl WavFormat {
    const fn bits(self) -> u16 {
        match self {
            WavFormat::Int8 => 8,
            WavFormat::Int16 => 16,
            WavFormat::Int24 => 24,
            WavFormat::Int32 | WavFormat::Float32 => 32,
        }
    }
}

impl Wav {
    /// Writes a WAV file, which is replaced atomically; see [files](crate#files). In formats of
    /// whole numbers, samples are rounded to the nearest one, and those beyond -1 and 1 are
    /// clipped.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, if a sample is NaN or, in `Float32`,
    /// infinite, if the number of samples is no multiple of that of the channels, if the sampling
    /// rate is 0, or if the sound is larger, has more channels or a larger sampling rate than a WAV
    /// file can have; a file that was there before stays.
    pub fn write(&self, path: impl AsRef<Path>, format: WavFormat) -> io::Result<()> {
        let path = path.as_ref();
        self.write_in(path, format)
            .map_err(|error| named(path, error))
    }

    fn write_in(&self, path: &Path, format: WavFormat) -> io::Result<()> {
        let spec = self.spec(format)?;
        let mut file = AtomicFile::create(path)?;
        let mut writer = WavWriter::new(&mut file, spec).map_err(io_error)?;
        if format == WavFormat::Float32 {
            for &sample in &self.samples {
                writer.write_sample(sample).map_err(io_error)?;
            }
        } else {
            let scale = f64::from(1_u32 << (format.bits() - 1));
            for &sample in &self.samples {
                let number = (f64::from(sample) * scale).round();
                let number = number.clamp(-scale, scale - 1.0) as i32;
                writer.write_sample(number).map_err(io_error)?;
            }
        }
        writer.finalize().map_err(io_error)?;
        file.finish()
    }

    /// Returns the head of the file, or an error if there is none for this sound.
    fn spec(&self, format: WavFormat) -> io::Result<WavSpec> {
        let Wav {
            sample_rate,
            channels,
            ref samples,
            ..
        } = *self;

        let is_wrong = |sample: &f32| match format {
            WavFormat::Float32 => !sample.is_finite(),
            _ => sample.is_nan(),
        };
        if let Some(position) = samples.iter().position(is_wrong) {
            let sample = samples[position];
            return Err(invalid(format!("sample {position} is {sample}")));
        }
        if sample_rate == 0 {
            return Err(invalid("the sampling rate is 0 Hz".to_owned()));
        }
        if channels == 0 || !samples.len().is_multiple_of(channels) {
            let count = samples.len();
            return Err(invalid(format!(
                "{count} samples are not as many for each of {channels} channels"
            )));
        }

        /// The bytes of the head are fewer.
        const MOST_BYTES: u64 = u32::MAX as u64 - 1024;
        let bytes = u64::from(format.bits() / 8);
        let block = (channels as u64).checked_mul(bytes);
        let Some(block) = block.and_then(|block| u16::try_from(block).ok()) else {
            let most = u64::from(u16::MAX) / bytes;
            return Err(invalid(format!(
                "a WAV file has at most {most} channels of this format, and the sound has {channels}"
            )));
        };
        if u32::from(block).checked_mul(sample_rate).is_none() {
            return Err(invalid(format!(
                "a WAV file has at most 4 GB for each second, and {sample_rate} Hz of {block} bytes \
                 are more"
            )));
        }
        if samples.len() as u64 * bytes > MOST_BYTES {
            return Err(invalid(
                "the sound is too large for a WAV file, which has 4 GB at most".to_owned(),
            ));
        }

        Ok(WavSpec {
            // The block has the bytes of all channels, and is a `u16`.
            channels: channels as u16,
            sample_rate,
            bits_per_sample: format.bits(),
            sample_format: match format {
                WavFormat::Float32 => SampleFormat::Float,
                _ => SampleFormat::Int,
            },
        })
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn io_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        error => io::Error::other(error.to_string()),
    }
}
