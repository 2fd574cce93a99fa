//! The weight file of one network.

use std::collections::BTreeSet;
use std::path::Path;

use super::layout::FileOrder;
use super::{Half, LoadError, LoadReport, Loader, SaveError, Saver};
use crate::network::Network;

/// Methods of every network for weight files.
pub trait SaveLoad: Network {
    /// Writes the parameters to a safetensors file, in the form of PyTorch's `state_dict`; see
    /// [`weights`](super). The file is written completely or not at all, and replaces an
    /// existing one; see [files](crate#files).
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        self.save_with(path, &[])
    }

    /// Writes the parameters to a safetensors file, together with metadata: pairs of a key and a
    /// value, each key once.
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    ///
    /// # Panics
    /// Panics if a key is `shapewright`, under which each file has the version of its format.
    fn save_with(
        &self,
        path: impl AsRef<Path>,
        metadata: &[(&str, &str)],
    ) -> Result<(), SaveError> {
        saver(self, metadata).save(path)
    }

    /// Writes the parameters to a safetensors file with numbers of 16 bits, which takes half of the
    /// space; see [`Saver::part_half`]. [`load`](SaveLoad::load) reads it as any other.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Half;
    /// network! { struct Net: [2] -> [3] { fc: Linear<_, 3> } }
    ///
    /// let path = std::env::temp_dir().join(format!("half-{}.safetensors", std::process::id()));
    /// let net = Net::init(&mut shapewright::rng(0));
    /// net.save_half(&path, Half::BF16)?;
    ///
    /// let mut read = Net::zeros();
    /// read.load(&path)?;
    /// assert!((read.fc.bias[0] - net.fc.bias[0]).abs() <= net.fc.bias[0].abs() / 256.0);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if a number would become infinite, with the name of its tensor, or if the file
    /// can't be written.
    fn save_half(&self, path: impl AsRef<Path>, half: Half) -> Result<(), SaveError> {
        let path = path.as_ref();
        let saver = Saver::new().part_half("", self, half);
        let saver = saver.map_err(|error| SaveError {
            path: Some(path.to_owned()),
            ..error
        })?;
        saver.save(path)
    }

    /// Writes what is trained to a safetensors file, without what is frozen by its type: the adapters of a
    /// large network take a small file.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// network! { struct Net: [64] -> [64] { fc: Lora<2, Linear<_, 64>> } }
    ///
    /// let path = std::env::temp_dir().join(format!("adapter-{}.safetensors", std::process::id()));
    /// let mut net = Net::init(&mut shapewright::rng(0));
    /// net.fc.lora_B.weight = [[1.0; 64]; 2]; // or trained
    /// net.save_trained(&path)?;
    ///
    /// let mut other = Net::init(&mut shapewright::rng(1));
    /// let before = other.to_boxed();
    /// other.load_trained(&path)?;
    /// assert_eq!(other.fc.lora_A, net.fc.lora_A);
    /// assert_eq!(other.fc.layer, before.fc.layer);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    fn save_trained(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        Saver::new().trained_part("", self).save(path)
    }

    /// Sets what is trained from a file of [`save_trained`](SaveLoad::save_trained). What is frozen by
    /// its type stays as it is.
    ///
    /// # Errors
    /// Returns an error where [`load`](SaveLoad::load) does, also if the file has frozen parameters that
    /// do not fit.
    fn load_trained(&mut self, path: impl AsRef<Path>) -> Result<(), LoadError> {
        let starts = Self::PARAM_TREE.frozen_starts();
        let listed = Self::PARAM_TREE.listed(FileOrder::PyTorch).into_iter();
        let frozen: BTreeSet<String> = listed
            .filter(|named| named.differs.is_none() && starts.contains(&named.first))
            .map(|named| named.name.as_str().to_owned())
            .collect();
        let loader = Loader::open(path)?.allow_missing(move |name| frozen.contains(name));
        self.load_from(&loader).map(drop)
    }

    /// Returns the bytes of a safetensors file with the parameters and metadata.
    ///
    /// # Panics
    /// Panics if a key is `shapewright`, under which each file has the version of its format.
    fn to_safetensors(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        saver(self, metadata).to_bytes()
    }

    /// Sets the parameters from a safetensors file that has all of them and nothing else; a path that
    /// ends in `.json` is that of an index of several files, as for [`Loader::open`].
    ///
    /// # Errors
    /// Returns an error if the file can't be read, is damaged, or does not fit; the error lists all
    /// differences. The network then stays as it was, except after a
    /// [`LoadErrorKind::Interrupted`](super::LoadErrorKind::Interrupted).
    fn load(&mut self, path: impl AsRef<Path>) -> Result<(), LoadError> {
        self.load_from(&Loader::open(path)?).map(drop)
    }

    /// Sets the parameters, or some of them, from a safetensors file in a [`Loader`]. The report says
    /// which were loaded and what is left.
    ///
    /// # Errors
    /// Returns an error if the file does not fit; the error lists all differences. The network then
    /// stays as it was, except after a [`LoadErrorKind::Interrupted`](super::LoadErrorKind::Interrupted).
    fn load_from(&mut self, loader: &Loader<'_>) -> Result<LoadReport, LoadError> {
        loader.load_into(self)
    }
}

impl<N: Network> SaveLoad for N {}

/// Returns the writer of a network's file.
fn saver<N: Network>(network: &N, metadata: &[(&str, &str)]) -> Saver {
    let saver = Saver::new().part("", network);
    metadata
        .iter()
        .fold(saver, |saver, (key, value)| saver.metadata(key, value))
}
