//! Writing weights.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::error::SaveError;
use super::escape::escape;
use super::header::FORM;
use super::layout::{FileTensor, Named};
use super::numbers::Dtype;
use crate::atomic_file;
use crate::params::param_tree::{Axes, join};
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// A writer of safetensors files with several parts, such as a network and the scaler of its
/// inputs.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shapewright::data::StandardScaler;
/// use shapewright::prelude::*;
/// use shapewright::weights::{Loader, Saver};
///
/// network! { struct Net: [2] -> [3] { fc: Linear<_, 3> } }
/// let mut x = [[1.0, 70.0], [3.0, 90.0]].map(Tensor1::from);
/// let scaler = StandardScaler::fit(&x)?;
/// scaler.transform(&mut x);
/// let net = Net::init(&mut shapewright::rng(0)); // and trained
///
/// let file = Saver::new()
///     .part("net", &*net)
///     .part("scaler", &scaler)
///     .to_bytes();
///
/// let loader = Loader::from_bytes(&file)?;
/// let names: Vec<&str> = loader.tensors().map(|(name, ..)| name).collect();
/// assert_eq!(
///     names,
///     ["net.fc.bias", "net.fc.weight", "scaler.mean", "scaler.std"]
/// );
/// let same: Box<Net> = loader.part("net").load()?;
/// let same_scaler: Box<StandardScaler<_>> = loader.part("scaler").load()?;
/// assert_eq!((same.params(), *same_scaler), (net.params(), scaler));
/// # Ok(())
/// # }
/// ```
///
/// In PyTorch, this is the `state_dict` of a module with the submodules `net` and `scaler`.
#[derive(Clone, Debug, Default)]
pub struct Saver {
    parts: Vec<String>,
    /// The names of all tensors.
    names: BTreeSet<String>,
    /// JSON of the entries after the form, each with a comma before it.
    metadata: String,
    tensors: Vec<Written>,
    /// The numbers of all tensors, by the number of bytes of one: 8, 4, 2 and 1. In this order,
    /// each begins in the file at a multiple of its size, as other readers need it.
    data: [Vec<u8>; 4],
}

/// A tensor of the file.
#[derive(Clone, Debug)]
struct Written {
    /// Its name with quotes, its type and its shape, in JSON.
    text: String,
    /// Its place in the numbers of all tensors.
    class: usize,
    bytes: Range<usize>,
}

impl Saver {
    /// Returns a saver without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a network, a scaler or other [`Parameters`]. The names of its tensors get this name and
    /// a point as a prefix; with an empty name, they have no prefix.
    ///
    /// # Panics
    /// Panics if there is already a part with this name, or a tensor with one of the resulting
    /// names: next to a network with an empty name and a layer `a`, a part named `a` can't have the
    /// same tensors.
    pub fn part<T: Element, P: Parameters<T>>(mut self, name: &str, part: &P) -> Self {
        assert!(
            !self.parts.iter().any(|known| known == name),
            "two parts of one file are called `{name}`; give each a name of its own"
        );
        self.parts.push(name.to_owned());

        for Named {
            name: own,
            first,
            tensor,
            differs,
        } in P::PARAM_TREE.listed()
        {
            let name = &join(name, own.as_str());
            // No reader would accept the file.
            assert!(
                self.names.insert(name.to_owned()),
                "two tensors of one file are called `{name}`; give the parts names that keep them apart"
            );

            let size = tensor.layout.number_bytes(size_of::<T>());
            let class = 3 - size.ilog2() as usize;
            let data = &mut self.data[class];
            let begin = data.len();
            let sizes = if differs.is_some() {
                Axes::EMPTY
            } else {
                let len = tensor.layout.bytes(size_of::<T>());
                let numbers = params::parameter_bytes(part, first, len);
                write(numbers, size, &tensor, data);
                tensor.file_sizes()
            };
            let bytes = begin..data.len();

            let dtype = Dtype::of::<T>(&tensor.layout).name();
            let mut text = String::new();
            escape(name, &mut text);
            text.push_str(&format!(r#":{{"dtype":"{dtype}","shape":{sizes}"#));
            self.tensors.push(Written { text, class, bytes });
        }
        self
    }

    /// Adds a text to the metadata. Each key may be added once.
    ///
    /// # Panics
    /// Panics if the key is `shapewright`, which is the key of the version number of files.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        assert!(
            key != FORM.0,
            "files have the number of their form under the key `{}`; take another key",
            FORM.0
        );
        self.metadata.push(',');
        escape(key, &mut self.metadata);
        self.metadata.push(':');
        escape(value, &mut self.metadata);
        self
    }

    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (key, form) = FORM;
        let mut header = format!(r#"{{"__metadata__":{{"{key}":"{form}"{}}}"#, self.metadata);
        for Written { text, class, bytes } in &self.tensors {
            let before: usize = self.data[..*class].iter().map(Vec::len).sum();
            let begin = before + bytes.start;
            let end = before + bytes.end;
            header.push_str(&format!(r#",{text},"data_offsets":[{begin},{end}]}}"#));
        }
        header.push('}');
        // Aligns the numbers to 8 bytes.
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }

        let numbers: usize = self.data.iter().map(Vec::len).sum();
        let mut file = Vec::with_capacity(8 + header.len() + numbers);
        file.extend_from_slice(&(header.len() as u64).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        self.data.iter().for_each(|data| file.extend(data));
        file
    }

    /// Writes the file atomically; see [files](crate#files).
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        save(path.as_ref(), &self.to_bytes())
    }
}

/// Returns the bytes of a safetensors file.
pub(crate) fn to_bytes<T: Element, P: Parameters<T>>(
    params: &P,
    metadata: &[(&str, &str)],
) -> Vec<u8> {
    let saver = Saver::new().part("", params);
    metadata
        .iter()
        .fold(saver, |saver, (key, value)| saver.metadata(key, value))
        .to_bytes()
}

/// Writes a file atomically.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    atomic_file::write(path, bytes).map_err(|error| SaveError {
        path: path.to_owned(),
        error,
    })
}

/// Appends a tensor's numbers, which have `size` bytes each, to a file, in the file's order and
/// little-endian.
fn write(numbers: &[u8], size: usize, tensor: &FileTensor, file: &mut Vec<u8>) {
    let mut rows = tensor.rows();
    while let Some(first) = rows.next() {
        for i in 0..rows.width {
            let position = (first + i * rows.stride) * size;
            let begin = file.len();
            file.extend_from_slice(&numbers[position..][..size]);
            if cfg!(target_endian = "big") {
                file[begin..][..size].reverse();
            }
        }
    }
}
