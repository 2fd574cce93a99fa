//! Writing weights.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use super::error::{SaveError, SaveErrorKind};
use super::escape::escape;
use super::half::{Half, Numbers, value_of};
use super::header::FORM;
use super::layout::{FileOrder, Named};
use super::numbers::Dtype;
use crate::atomic_file::AtomicFile;
use crate::params::Parameters;
use crate::params::param_tree::{Axes, join};
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
    pub fn part<T: Element, P: Parameters<T>>(self, name: &str, part: &P) -> Self {
        self.add(name, part, None, &|_| true)
    }

    /// Adds of a network, or other [`Parameters`], what is trained, without what is frozen by its type:
    /// the matrices of every [`Lora`](struct@crate::nn::Lora), and layers that are trained as a whole.
    /// [`load_trained`](super::SaveLoad::load_trained) reads it.
    ///
    /// # Panics
    /// Panics where [`Saver::part`] does.
    pub fn trained_part<T: Element, P: Parameters<T>>(self, name: &str, part: &P) -> Self {
        let frozen = P::PARAM_TREE.frozen_starts();
        // A mark belongs to no tensor.
        let is_saved = |named: &Named| named.differs.is_some() || !frozen.contains(&named.first);
        self.add(name, part, None, &is_saved)
    }

    /// Adds a part as [`Saver::part`] does, with its trained numbers rounded to 16 bits: to the
    /// nearest number, and of two to the one with an even fraction. Infinities and NaN stay what they
    /// are. Statistics, such as running means, and [buffers](crate::ext::Buffer) keep their type:
    /// they are few, and may be out of the range of 16 bits.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::{Half, Loader, Saver};
    /// network! { struct Net: [2] -> [3] { fc: Linear<_, 3> } }
    /// let mut net = Net::zeros();
    /// net.fc.bias = [0.1, 1.0, -2.5];
    ///
    /// let file = Saver::new().part_half("", &*net, Half::F16)?.to_bytes();
    /// let read: Box<Net> = Loader::from_bytes(&file)?.load()?;
    /// assert_eq!(read.fc.bias, [0.099_975_586, 1.0, -2.5]);
    ///
    /// net.fc.bias[2] = 1e6;
    /// let error = Saver::new().part_half("", &*net, Half::F16).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the weights were not saved: `fc.bias` has 1000000 at position 2, which is beyond the largest \
    ///      F16, 65504; save them as BF16, or in the type of the network"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if a number would become infinite.
    ///
    /// # Panics
    /// Panics where [`Saver::part`] does.
    pub fn part_half<T: Element, P: Parameters<T>>(
        self,
        name: &str,
        part: &P,
        half: Half,
    ) -> Result<Self, SaveError> {
        for named in P::PARAM_TREE.listed(FileOrder::PyTorch) {
            if let Some((position, value)) = half.too_large_in(&named, part) {
                let kind = SaveErrorKind::TooLarge {
                    tensor: join(name, named.name.as_str()),
                    position,
                    value,
                    half,
                };
                return Err(SaveError { path: None, kind });
            }
        }
        Ok(self.add(name, part, Some(half), &|_| true))
    }

    /// Adds the tensors of a part that are to be saved, with its trained numbers in the type `half` if
    /// there is one.
    fn add<T: Element, P: Parameters<T>>(
        mut self,
        name: &str,
        part: &P,
        half: Option<Half>,
        is_saved: &dyn Fn(&Named) -> bool,
    ) -> Self {
        assert!(
            !self.parts.iter().any(|known| known == name),
            "two parts of one file are called `{name}`; give each a name of its own"
        );
        self.parts.push(name.to_owned());

        for named in P::PARAM_TREE.listed(FileOrder::PyTorch) {
            if !is_saved(&named) {
                continue;
            }
            let name = &join(name, named.name.as_str());
            // No reader would accept the file.
            assert!(
                self.names.insert(name.to_owned()),
                "two tensors of one file are called `{name}`; give the parts names that keep them apart"
            );

            let layout = &named.tensor.layout;
            let half = half.filter(|_| named.is_trained());
            let dtype = half.map_or(Dtype::of::<T>(layout), Half::dtype);
            let class = 3 - (dtype.bits() / 8).ilog2() as usize;
            let data = &mut self.data[class];
            let begin = data.len();

            let sizes = if named.differs.is_some() {
                Axes::EMPTY
            } else {
                let numbers = Numbers::new(&named, part);
                data.reserve(numbers.len() * dtype.bits() / 8);
                match half {
                    Some(half) => {
                        numbers.each(|x| data.extend(half.round(value_of(x)).to_le_bytes()))
                    }
                    None => numbers.each(|x| little_endian(x, data)),
                }
                named.tensor.file_sizes()
            };
            let bytes = begin..data.len();

            let mut text = String::new();
            escape(name, &mut text);
            text.push_str(&format!(r#":{{"dtype":"{}","shape":{sizes}"#, dtype.name()));
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
        let mut file = self.header();
        file.reserve_exact(self.data.iter().map(Vec::len).sum());
        self.data.iter().for_each(|data| file.extend(data));
        file
    }

    /// Returns the header of the file, with its length.
    fn header(&self) -> Vec<u8> {
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

        let length = (header.len() as u64).to_le_bytes();
        [&length, header.as_bytes()].concat()
    }

    /// Writes the file atomically; see [files](crate#files).
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        self.write(path).map_err(|error| SaveError {
            path: Some(path.to_owned()),
            kind: SaveErrorKind::Write(error),
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(&self.header())?;
        for data in &self.data {
            file.write_all(data)?;
        }
        file.finish()
    }
}

/// Appends a number to a file, little-endian.
fn little_endian(number: &[u8], file: &mut Vec<u8>) {
    let begin = file.len();
    file.extend_from_slice(number);
    if cfg!(target_endian = "big") {
        file[begin..].reverse();
    }
}
