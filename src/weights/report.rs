//! The report of what was loaded.

use core::fmt;

/// The tensors that were loaded, and those that were not: neither of the network nor of the file.
///
/// [`SaveLoad::load_from`](super::SaveLoad::load_from) returns it, and its text lists what is left.
/// Tensors are only left if the program has said so, by [`Loader::only`], [`Loader::rename`],
/// [`Loader::allow_missing`] or [`Loader::allow_unused`]; there is an example at
/// [`Loader::allow_missing`]. Names are sorted. [Marks](super#the-order-of-features) are in no list.
///
/// [`Loader::only`]: super::Loader::only
/// [`Loader::rename`]: super::Loader::rename
/// [`Loader::allow_missing`]: super::Loader::allow_missing
/// [`Loader::allow_unused`]: super::Loader::allow_unused
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    loaded: Vec<(String, String)>,
    missing: Vec<String>,
    unused: Vec<String>,
}

impl LoadReport {
    pub(super) fn new(
        mut loaded: Vec<(String, String)>,
        mut missing: Vec<String>,
        mut unused: Vec<String>,
    ) -> Self {
        loaded.sort();
        missing.sort();
        unused.sort();
        LoadReport {
            loaded,
            missing,
            unused,
        }
    }

    /// Returns the tensors that were loaded: the name in the network, and that in the file.
    pub fn loaded(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.loaded
            .iter()
            .map(|(name, in_file)| (name.as_str(), in_file.as_str()))
    }

    /// Returns the names of the network's tensors that were not loaded, and that are as they were.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Returns the names in the file of tensors that were not used.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Returns whether the whole network was loaded, from the whole file.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.loaded.len() {
            1 => f.write_str("1 tensor of the network was loaded")?,
            count => write!(f, "{count} tensors of the network were loaded")?,
        }
        list(f, "not loaded, and as they were", &self.missing)?;
        list(f, "in the file, and not used", &self.unused)
    }
}

/// Writes a line with names, if there are some.
fn list(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    for (i, name) in names.iter().enumerate() {
        if i == 0 {
            write!(f, "\n- {what}: `{name}`")?;
        } else {
            write!(f, ", `{name}`")?;
        }
    }
    Ok(())
}
