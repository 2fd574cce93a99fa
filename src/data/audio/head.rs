//! The head of a WAV file: the chunks before the samples.

use std::io::{self, Read};
use std::path::Path;

use super::super::{Place, ReadError, ReadErrorKind};
use super::read::{CONVERT, NUMBERS, wrong};

/// The length of the name and the size of a chunk.
const CHUNK_HEAD: u64 = 8;
/// The largest size of the chunk with the format that is looked at; it has 40 bytes at most.
const LARGEST_FORMAT: u32 = 1024;
/// The code of the format whose samples may have fewer valid bits than they take.
const EXTENSIBLE: [u8; 2] = 0xfffe_u16.to_le_bytes();
/// The codes of whole numbers and of floating point.
const WHOLE: u16 = 1;
const FLOAT: u16 = 3;
/// The sizes of samples in the head of a file whose writer could not go back to it, besides 0 and
/// those from [`STREAMED`] on.
const UNKNOWN_SIZES: [u32; 2] = [u32::MAX, i32::MAX as u32];
/// The least size that programs write in front of samples whose number they do not know, as SoX
/// does with `0x7fff_f000`. A file of this size may be complete.
const STREAMED: u32 = 0x7fff_0000;
/// The beginnings of files that are taken for WAV files, and what they are.
const OTHERS: [(&[u8], &str); 8] = [
    (b"RF64", "an RF64 file"),
    (b"BW64", "a BW64 file"),
    (b"RIFX", "a RIFX file, whose numbers are big-endian"),
    (b"FORM", "an AIFF file"),
    (b"fLaC", "a FLAC file"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
    (b"\xff\xfb", "an MP3 file"),
];

/// Reads up to the first sample, and returns the head without the chunks that are of no use.
///
/// A chunk of an odd size has a byte of padding behind it. Where samples have fewer valid bits than
/// they take, the valid ones are the upper ones and the others zero, so that all of them are read.
/// A head that is no head of a WAV file is returned as it is.
pub(super) fn read(path: &Path, source: &mut impl Read) -> Result<Vec<u8>, ReadError> {
    let io_error = |error| ReadError::io(path, error);
    let mut head = Vec::new();
    append(&mut head, source, 12).map_err(io_error)?;
    for (beginning, found) in OTHERS {
        if head.starts_with(beginning) {
            return Err(wrong(path, "a WAV file", found.into(), CONVERT));
        }
    }
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Ok(head);
    }

    loop {
        let at = head.len();
        append(&mut head, source, CHUNK_HEAD).map_err(io_error)?;
        let [name @ .., a, b, c, d] = &head[at..] else {
            return Ok(head);
        };
        let size = u32::from_le_bytes([*a, *b, *c, *d]);
        match name {
            b"data" => {
                check_size(path, &mut head, source, size)?;
                return Ok(head);
            }
            b"fmt " if size <= LARGEST_FORMAT => {
                append(&mut head, source, size.into()).map_err(io_error)?;
                let format = &mut head[at + CHUNK_HEAD as usize..];
                make_all_bits_valid(format);
                check_encoding(path, format)?;
                skip(source, (size % 2).into()).map_err(io_error)?;
            }
            [_, _, _, _] if name != b"fmt " => {
                head.truncate(at);
                skip(source, u64::from(size) + u64::from(size % 2)).map_err(io_error)?;
            }
            _ => return Ok(head),
        }
    }
}

/// Appends `count` bytes, or those that are left.
fn append(head: &mut Vec<u8>, source: &mut impl Read, count: u64) -> io::Result<()> {
    source.take(count).read_to_end(head).map(drop)
}

fn skip(source: &mut impl Read, count: u64) -> io::Result<()> {
    io::copy(&mut source.take(count), &mut io::sink()).map(drop)
}

/// Sets the number of valid bits of a format to that of all bits.
fn make_all_bits_valid(format: &mut [u8]) {
    if format.starts_with(&EXTENSIBLE) && format.len() >= 20 {
        format.copy_within(14..16, 18);
    }
}

/// Checks that numbers have one of the widths that are read.
fn check_encoding(path: &Path, format: &[u8]) -> Result<(), ReadError> {
    let number = |at: usize| {
        let bytes = format.get(at..at + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let is_extensible = format.starts_with(&EXTENSIBLE);
    let (Some(code), Some(bits)) = (number(if is_extensible { 24 } else { 0 }), number(14)) else {
        return Ok(());
    };

    let found = match (code, bits) {
        (WHOLE, 8 | 16 | 24 | 32) | (FLOAT, 32) => return Ok(()),
        (WHOLE, _) => format!("whole numbers of {bits} bits"),
        (FLOAT, _) => format!("floating-point numbers of {bits} bits"),
        _ => return Ok(()),
    };
    Err(wrong(path, NUMBERS, found, CONVERT))
}

/// Returns whether a program may have written the size of the samples, which end the head, before
/// it knew it.
pub(super) fn may_be_streamed(head: &[u8]) -> bool {
    head.last_chunk()
        .is_some_and(|size| u32::from_le_bytes(*size) >= STREAMED)
}

/// Checks that the size of the samples is known. A program that writes to a pipe, or was
/// interrupted, leaves 0 or one of the largest numbers there.
fn check_size(
    path: &Path,
    head: &mut Vec<u8>,
    source: &mut impl Read,
    size: u32,
) -> Result<(), ReadError> {
    let is_unknown = match size {
        size if UNKNOWN_SIZES.contains(&size) => true,
        0 => {
            let behind = head.len();
            append(head, source, CHUNK_HEAD).map_err(|error| ReadError::io(path, error))?;
            let is_chunk = |name: &[u8]| name.iter().all(|byte| matches!(byte, b' '..=b'~'));
            // Behind no samples, there is the end of the file or another chunk.
            let next = &head[behind..];
            !next.is_empty() && !next.get(..4).is_some_and(is_chunk)
        }
        _ => false,
    };
    if !is_unknown {
        return Ok(());
    }
    Err(unknown_size(path, size))
}

/// Returns the error for samples whose number the head does not have.
pub(super) fn unknown_size(path: &Path, size: u32) -> ReadError {
    ReadError::new(
        path,
        ReadErrorKind::Length,
        Place::File,
        "the size of the samples in the head",
        format!("{size}, as programs leave it that are interrupted or write to a pipe"),
        "write the file again, as with `ffmpeg -i in.wav out.wav`",
    )
}
