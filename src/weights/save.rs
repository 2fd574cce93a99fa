//! Writing weights.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SaveError;
use super::header::escape;
use super::numbers::{Dtype, write};
use crate::network::Parameters;
use crate::tensor::Element;

/// The bytes of a safetensors file.
pub(crate) fn to_bytes<T: Element, P: Parameters<T>>(params: &P, metadata: &[(&str, &str)]) -> Vec<u8> {
    let (mut header, mut data) = (String::from("{"), Vec::with_capacity(size_of_val(params)));
    let begin = |header: &mut String| {
        if header.len() > 1 {
            header.push(',');
        }
    };
    if !metadata.is_empty() {
        header.push_str("\"__metadata__\":{");
        for (i, (key, value)) in metadata.iter().enumerate() {
            if i > 0 {
                header.push(',');
            }
            escape(key, &mut header);
            header.push(':');
            escape(value, &mut header);
        }
        header.push('}');
    }
    P::CONTENTS.for_each("", 0, &mut |name, first, tensor| {
        begin(&mut header);
        escape(name, &mut header);
        let at = data.len();
        write(&params.as_slice()[first..][..tensor.len()], tensor, &mut data);
        let (dtype, sizes) = (Dtype::of::<T>().name(), tensor.file_sizes());
        let entry = format!(r#":{{"dtype":"{dtype}","shape":{sizes},"data_offsets":[{at},{}]}}"#, data.len());
        header.push_str(&entry);
    });
    header.push('}');
    // Spaces, so that the numbers begin at a multiple of 8 bytes.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = Vec::with_capacity(8 + header.len() + data.len());
    file.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&data);
    file
}

/// Writes a file beside the one that is meant, and puts it in its place when all of it is on the disk.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    replace(path, bytes).map_err(|error| SaveError { path: path.to_owned(), error })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in a file's name"));
    };
    let mut beside = name.to_owned();
    beside.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let beside = path.with_file_name(beside);
    let written = File::create_new(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Nothing more can be done if this fails, too.
        let _ = fs::remove_file(&beside);
    }
    written
}
