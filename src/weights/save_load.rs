//! The weight file of one network.

use std::path::Path;

use super::save::{save, to_bytes};
use super::{LoadError, Loader, SaveError};
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
        save(path.as_ref(), &self.to_safetensors(metadata))
    }

    /// Returns the bytes of a safetensors file with the parameters and metadata.
    ///
    /// # Panics
    /// Panics if a key is `shapewright`, under which each file has the version of its format.
    fn to_safetensors(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        to_bytes(self, metadata)
    }

    /// Sets the parameters from a safetensors file that has all of them and nothing else.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, is damaged, or does not fit; the error lists all
    /// differences. The network then stays as it was.
    fn load(&mut self, path: impl AsRef<Path>) -> Result<(), LoadError> {
        self.load_from(&Loader::open(path)?)
    }

    /// Sets the parameters, or some of them, from a safetensors file in a [`Loader`].
    ///
    /// # Errors
    /// Returns an error if the file does not fit; the error lists all differences. The network then
    /// stays as it was.
    fn load_from(&mut self, loader: &Loader<'_>) -> Result<(), LoadError> {
        loader.load_into(self)
    }
}

impl<N: Network> SaveLoad for N {}
