//! WAV files: their contents in every format, and the errors of malformed ones.
#![cfg(feature = "audio")]

use proptest::prelude::*;
use shapewright::Limits;
use shapewright::data::audio::{Wav, WavFormat};
use shapewright::data::{ReadError, ReadErrorKind, frames};
use shapewright::prelude::*;
use std::path::PathBuf;

/// A folder for the files of a test, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("shapewright-audio-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The bytes of a WAV file: the code of its format, channels, rate, bits and the data.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(format.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend(rate.wrapping_mul(u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn read(file: &[u8]) -> Result<Wav, ReadError> {
    Wav::read_from("s.wav", file)
}

#[test]
fn numbers_of_every_width_are_scaled() {
    let samples = |bits, data: &[u8]| read(&wav(1, 1, 8000, bits, data)).expect("a sound").samples;
    assert_eq!(samples(8, &[0, 128, 192]), [-1.0, 0.0, 0.5]);
    assert_eq!(samples(16, &[0, 0x80, 0, 0x40]), [-1.0, 0.5]);
    assert_eq!(samples(24, &[0, 0, 0x80, 0, 0, 0x40]), [-1.0, 0.5]);
    assert_eq!(samples(32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40]), [-1.0, 0.5]);

    let data: Vec<u8> = [0.25_f32, -1.5]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let sound = read(&wav(3, 2, 48_000, 32, &data)).expect("a sound");
    assert_eq!(sound.samples, [0.25, -1.5]);
    assert_eq!(
        (sound.sample_rate, sound.channels, sound.len()),
        (48_000, 2, 1)
    );
}

#[test]
fn channels_are_mixed_and_taken_apart() {
    let sound = Wav::new(8000, 2, vec![1.0, 0.0, -0.5, 0.5, 0.25, 0.75]);
    assert_eq!(sound.channel(1), Some(vec![0.0, 0.5, 0.75]));
    assert_eq!(sound.channel(2), None);
    assert_eq!(sound.into_mono(), [0.5, 0.0, 0.5]);
}

#[test]
fn malformed_files_are_refused() {
    #[track_caller]
    fn says(file: &[u8], kind: ReadErrorKind, text: &str) {
        let error = read(file).expect_err("a malformed file");
        assert_eq!(
            (error.kind, error.to_string()),
            (kind, format!("s.wav: expected {text}"))
        );
    }
    use ReadErrorKind::{Format, Length};
    let whole = wav(1, 1, 8000, 16, &[1, 2, 3, 4]);

    says(
        b"",
        Format,
        "a WAV file, but found the end of the file within its head; copy or download the file again",
    );
    says(
        b"OggS, and more bytes than a head has",
        Format,
        "a WAV file, but found an Ogg file; convert it, as with `ffmpeg -i in.wav -c:a pcm_s16le out.wav`",
    );
    says(
        &whole[..46],
        Length,
        "2 samples, but found the end of the file after 1 of them; copy or download the file again",
    );
    says(
        &wav(1, 1, 0, 16, &[1, 2]),
        Format,
        "a sampling rate of at least 1 Hz, but found 0 Hz; copy or download the file again",
    );
    says(
        &wav(6, 1, 8000, 8, &[1, 2]),
        Format,
        "a WAV file of whole numbers or of `f32`, but found another encoding; convert it, as with \
         `ffmpeg -i in.wav -c:a pcm_s16le out.wav`",
    );
    // What `scipy.io.wavfile.write` makes of NumPy's default type, and large files.
    let convert = "convert it, as with `ffmpeg -i in.wav -c:a pcm_s16le out.wav`";
    for (file, found) in [
        (wav(3, 1, 8000, 64, &[0; 8]), "floating-point numbers of 64"),
        (wav(1, 1, 8000, 12, &[0; 8]), "whole numbers of 12"),
        (wav(1, 1, 8000, 64, &[0; 8]), "whole numbers of 64"),
    ] {
        let numbers = "whole numbers of 8, 16, 24 or 32 bits, or numbers of `f32`";
        let text = format!("{numbers}, but found {found} bits; {convert}");
        says(&file, Format, &text);
    }
    let rf64 = [b"RF64", &whole[4..]].concat();
    let text = format!("a WAV file, but found an RF64 file; {convert}");
    says(&rf64, Format, &text);
    says(
        &wav(3, 1, 8000, 32, &f32::NAN.to_le_bytes()),
        Format,
        "samples that are finite, but found NaN as sample 0; write the file again without it",
    );
    let error = Wav::read("no-such.wav").expect_err("no file");
    assert_eq!(error.kind, ReadErrorKind::Io);
}

/// A WAV file with these chunks behind the head, each of its size and its content.
fn of_chunks(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
    for &(name, size, content) in chunks {
        file.extend(name);
        file.extend(size.to_le_bytes());
        file.extend(content);
    }
    file
}

/// The format of samples that take `bits` bits, of which `valid` are used.
fn extensible(bits: u16, valid: u16) -> Vec<u8> {
    let mut format = wav(0xfffe, 1, 8000, bits, &[])[20..36].to_vec();
    format.extend(22_u16.to_le_bytes());
    format.extend(valid.to_le_bytes());
    format.extend(4_u32.to_le_bytes());
    format.extend([1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
    format
}

/// Samples that use a part of their bits use the upper ones.
#[test]
fn unused_bits_are_the_lower_ones() {
    let samples = |bits, valid, data: &[u8]| {
        let format = extensible(bits, valid);
        let size = data.len() as u32;
        let file = of_chunks(&[(b"fmt ", 40, &format), (b"data", size, data)]);
        read(&file).expect("a sound").samples
    };
    assert_eq!(
        samples(32, 24, &[0, 0, 0, 0x40, 0, 0, 0, 0x80]),
        [0.5, -1.0]
    );
    assert_eq!(samples(24, 20, &[0, 0, 0x40, 0, 0, 0x80]), [0.5, -1.0]);
    assert_eq!(samples(16, 12, &[0, 0x40]), [0.5]);
    assert_eq!(samples(24, 24, &[0, 0, 0x40]), [0.5]);
}

/// A chunk of an odd size has a byte of padding.
#[test]
fn other_chunks_are_passed_over() {
    let format = &wav(1, 1, 8000, 16, &[])[20..36];
    let file = of_chunks(&[
        (b"LIST", 3, b"abc\0"),
        (b"fmt ", 16, format),
        (b"bext", 5, b"fmt d\0"),
        (b"fact", 4, b"abcd"),
        (b"data", 2, &[0, 0x40]),
        (b"LIST", 1, b"a\0"),
    ]);
    assert_eq!(read(&file).expect("a sound").samples, [0.5]);
}

/// A program that is interrupted, or writes to a pipe, does not know the size of the samples.
#[test]
fn samples_of_unknown_size_are_no_empty_sound() {
    let format = &wav(1, 1, 8000, 16, &[])[20..36];
    let read_data = |size, data| read(&of_chunks(&[(b"fmt ", 16, format), (b"data", size, data)]));
    // The last one is SoX'; a file may have this size, so that it is known by its end.
    for size in [0, u32::MAX, i32::MAX as u32, 0x7fff_f000] {
        for data in [&[0, 0x40][..], &[0; 64], &[200; 64]] {
            let error = read_data(size, data).expect_err("an unknown size");
            assert_eq!(
                (error.kind, error.to_string()),
                (
                    ReadErrorKind::Length,
                    format!(
                        "s.wav: expected the size of the samples in the head, but found {size}, \
                         as programs leave it that are interrupted or write to a pipe; write the \
                         file again, as with `ffmpeg -i in.wav out.wav`"
                    )
                )
            );
        }
    }

    let empty = [(b"fmt ", 16, format), (b"data", 0, &[][..])];
    assert!(read(&of_chunks(&empty)).expect("a sound").is_empty());
    let with_list = [empty[0], empty[1], (b"LIST", 4, b"abcd")];
    assert!(read(&of_chunks(&with_list)).expect("a sound").is_empty());
}

#[test]
fn the_rate_must_be_the_wanted_one() {
    let sound = read(&wav(1, 1, 44_100, 16, &[0, 0])).expect("a sound");
    assert!(sound.clone().at_rate(44_100).is_ok());
    assert_eq!(
        sound.at_rate(16_000).expect_err("another rate").to_string(),
        "s.wav: expected a sampling rate of 16000 Hz, but found 44100 Hz; resample it, as with \
         `ffmpeg -i in.wav -ar 16000 out.wav`"
    );
}

#[test]
fn memory_is_bounded() {
    let file = wav(1, 1, 8000, 8, &[128; 10_000]);
    let limits = |bytes| Limits::new().max_bytes(bytes).within(|| read(&file));
    assert_eq!(limits(40_000).expect("enough memory").len(), 10_000);
    let error = limits(39_999).expect_err("a byte too few");
    assert_eq!(error.kind, ReadErrorKind::Limit);
    assert_eq!(
        error.to_string(),
        "s.wav: expected at most 39999 bytes of memory to be needed for a file, but found 40000 \
         for its samples; if you trust the file, read it within `Limits::new().max_bytes(..).within(..)`"
    );
}

#[test]
fn sounds_that_no_file_can_hold_are_not_written() {
    let folder = Folder::new("refused");
    let path = folder.0.join("s.wav");
    Wav::mono(8000, vec![0.5])
        .write(&path, WavFormat::Int16)
        .expect("a file");
    let before = std::fs::read(&path).expect("the file");

    for (sound, words) in [
        (Wav::mono(8000, vec![0.0, f32::NAN]), "sample 1 is NaN"),
        (
            Wav::new(8000, 2, vec![0.0; 3]),
            "3 samples are not as many for each of 2 channels",
        ),
        (
            Wav::new(8000, 0, Vec::new()),
            "0 samples are not as many for each of 0 channels",
        ),
        (
            Wav::new(u32::MAX, 2, Vec::new()),
            "4294967295 Hz of 4 bytes are more",
        ),
        (
            Wav::new(1, 70_000, Vec::new()),
            "at most 32767 channels of this format, and the sound has 70000",
        ),
        // The bytes of all channels are more than a number can be.
        (
            Wav::new(1, usize::MAX / 2 + 1, Vec::new()),
            "at most 32767 channels",
        ),
        (Wav::mono(0, vec![0.0]), "the sampling rate is 0 Hz"),
    ] {
        let error = sound
            .write(&path, WavFormat::Int16)
            .expect_err("no file")
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    // `read` takes no infinite sample.
    let error = Wav::mono(8000, vec![f32::INFINITY])
        .write(&path, WavFormat::Float32)
        .expect_err("no file")
        .to_string();
    assert!(error.contains("sample 0 is inf"), "{error}");
    assert_eq!(std::fs::read(&path).expect("the file"), before);
    assert_eq!(
        std::fs::read_dir(&folder.0).expect("a folder").count(),
        1,
        "a temporary file"
    );
}

#[test]
fn frames_are_views_of_the_samples() {
    let samples: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let starts = |hop| {
        frames::<4, f32>(&samples, hop)
            .map(|frame| frame[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(starts(4), [0.0, 4.0]);
    assert_eq!(starts(3), [0.0, 3.0, 6.0]);
    assert_eq!(starts(100), [0.0]);
    assert!(core::ptr::eq(
        &frames::<4, f32>(&samples, 3).last().expect("a frame")[0],
        &samples[6]
    ));
    assert_eq!(frames::<11, f32>(&samples, 1).len(), 0);
    assert_eq!(frames::<10, f32>(&samples, 1).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is written is read again: exactly as `f32`, and else within half a step, clipped.
    #[test]
    fn written_sounds_are_read(
        moments in prop::collection::vec([-1.3_f32..1.3, -1.3..1.3, -1.0..1.0], 0..40),
        channels in 1_usize..=3,
        rate in 1_u32..200_000,
    ) {
        let folder = Folder::new("written");
        let path = folder.0.join("s.wav");
        let samples: Vec<f32> = moments.iter().flat_map(|moment| moment[..channels].to_vec()).collect();
        let sound = Wav::new(rate, channels, samples.clone());

        sound.write(&path, WavFormat::Float32).expect("a file");
        let same = Wav::read(&path).expect("the file");
        prop_assert_eq!(&same.samples, &samples);
        prop_assert_eq!((same.sample_rate, same.channels), (rate, channels));

        for (format, bits) in [
            (WavFormat::Int8, 8),
            (WavFormat::Int16, 16),
            (WavFormat::Int24, 24),
            (WavFormat::Int32, 32),
        ] {
            sound.write(&path, format).expect("a file");
            let read = Wav::read(&path).expect("the file");
            prop_assert_eq!(read.channels, channels);
            let step = 2.0_f32.powi(1 - bits);
            for (&read, &sample) in read.samples.iter().zip(&samples) {
                let clipped = sample.clamp(-1.0, 1.0 - step);
                prop_assert!((read - clipped).abs() <= step * 0.5 + f32::EPSILON, "{} {}", read, sample);
            }
            prop_assert_eq!(read.samples.len(), samples.len());
        }
    }

    /// Damaged files are errors and never panics.
    #[test]
    fn damaged_files_do_not_panic(
        mut file in (any::<u16>(), 0_u16..4, any::<u32>(), 0_u16..40, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(format, channels, rate, bits, data)| wav(format % 4, channels, rate, bits, &data)),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        len in any::<prop::sample::Index>(),
    ) {
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let cut = &file[..len.index(file.len() + 1)];
        for file in [cut, &file] {
            if let Err(error) = read(file) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn frames_go_into_a_network() {
    network! { struct Energy: [4] -> [1] { Linear<_, 1> } }
    let net = Energy::zeros();
    let sound = Wav::mono(8000, vec![0.5; 12]);
    let outputs: Vec<_> = frames(&sound.samples, 2)
        .map(|frame| net.forward(frame))
        .collect();
    assert_eq!(outputs.len(), 5);
}
