//! Writing weights.

use std::path::Path;

use super::error::SaveError;
use super::header::escape;
use super::numbers::{Dtype, write};
use crate::beside;
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
    P::CONTENTS.for_each("", &mut |name, first, tensor| {
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

/// Writes a file that is there whole or not at all.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    beside::write(path, bytes).map_err(|error| SaveError { path: path.to_owned(), error })
}
