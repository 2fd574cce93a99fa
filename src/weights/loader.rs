//! The loader of weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::{LoadError, LoadErrorKind};
use super::index;
use super::layout::FileOrder;
use super::name_patterns::renamed;
use super::source::{Contents, Source, Stored};
use crate::params::param_tree::Axes;

/// A safetensors file to be loaded into networks, in parts and under other names.
///
/// If a file has exactly the tensors of a network, [`SaveLoad::load`](super::SaveLoad::load) is
/// enough.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shapewright::prelude::*;
/// use shapewright::weights::Loader;
///
/// network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
/// network! { struct Old: [4] -> [3] { body: Encoder, head: Linear<_, 3> } }
/// network! { struct New: [4] -> [5] { encoder: Encoder, head: Linear<_, 5> } }
/// let old = Old::init(&mut shapewright::rng(1));
/// let file = old.to_safetensors(&[]);
///
/// // Everything except the head, which is new.
/// let mut new = New::init(&mut shapewright::rng(2));
/// let loader = Loader::from_bytes(&file)?
///     .rename(|name| name.replacen("body.", "encoder.", 1))
///     .only(|name| name.starts_with("encoder."));
/// new.load_from(&loader)?;
/// assert_eq!(new.encoder.params(), old.body.params());
///
/// // The same, into the nested network itself. `None` omits a tensor.
/// let loader =
///     Loader::from_bytes(&file)?.rename(|name| name.strip_prefix("body.").map(str::to_owned));
/// new.encoder.load_from(&loader)?;
/// # Ok(())
/// # }
/// ```
pub struct Loader<'a> {
    pub(super) files: Rc<[Source<'a>]>,
    pub(super) path: Option<PathBuf>,
    metadata: BTreeMap<String, String>,
    /// The tensors by their names in the network, as far as these are known.
    pub(super) tensors: BTreeMap<String, Stored>,
    /// The names in the file of tensors that [`Loader::rename`] has omitted.
    pub(super) omitted: Vec<String>,
    /// Names that several tensors have after [`Loader::rename`].
    pub(super) twice: Vec<String>,
    pub(super) only: Option<Names<'a>>,
    pub(super) may_be_missing: Option<Names<'a>>,
    pub(super) may_be_unused: Option<Names<'a>>,
    /// The prefix of the names of all tensors, without the point.
    pub(super) part: String,
}

/// A predicate over names.
type Names<'a> = Rc<dyn Fn(&str) -> bool + 'a>;

impl Loader<'static> {
    /// Opens a file, or a model in several files. The header is read; the numbers of a tensor are
    /// read when they are loaded, 64 KiB at a time and into their place, so that a large file needs
    /// little memory besides the network's, and tensors that are not loaded are not read.
    ///
    /// A path that ends in `.json` is that of an index, such as Hugging Face's
    /// `model.safetensors.index.json`, which says which tensor is in which file. The files are in
    /// its folder, and all must be there. Tensors of these files that the index does not name are left
    /// out.
    ///
    /// The files stay open as long as the loader lives. Programs that replace a file by another one,
    /// as this crate does when it saves, do not disturb it. What a program writes into the file itself
    /// is read as it is at that moment, or is an error if the file gets shorter.
    ///
    /// # Errors
    /// Returns an error if a file can't be read, is damaged or no safetensors file, or if its header,
    /// or the index, is larger than the [`Limits`](crate::Limits) allow.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let is_index = path
            .extension()
            .is_some_and(|extension| extension == "json");
        let (files, contents) = if is_index {
            index::open(path)?
        } else {
            let (file, contents) = Source::open(path)?;
            (vec![file], contents)
        };
        Ok(Loader::new(files, contents, Some(path.to_owned())))
    }
}

impl<'a> Loader<'a> {
    /// Reads the bytes of a file, which need no alignment.
    ///
    /// # Errors
    /// Returns an error if they are damaged or no safetensors file.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        match Source::in_memory(bytes.into()) {
            Ok((file, contents)) => Ok(Loader::new(vec![file], contents, None)),
            Err(kind) => Err(LoadError { path: None, kind }),
        }
    }

    /// Returns what the file has in the order of this crate.
    pub(super) fn order(&self) -> FileOrder {
        let name = self.metadata.get(FileOrder::KEY);
        name.map_or(FileOrder::PyTorch, |name| FileOrder::named(name))
    }

    fn new(files: Vec<Source<'a>>, contents: Contents, path: Option<PathBuf>) -> Self {
        Loader {
            files: files.into(),
            path,
            metadata: contents.metadata,
            tensors: contents.tensors,
            omitted: Vec::new(),
            twice: Vec::new(),
            only: None,
            may_be_missing: None,
            may_be_unused: None,
            part: String::new(),
        }
    }

    /// Returns the metadata of the file: keys and values, without the version number of this
    /// crate's files. An index has its own, with numbers as texts and without lists and objects.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns an iterator over the tensors, sorted by name: name, type of the numbers, and shape,
    /// as they are in the file.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &'static str, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.dtype.name(), tensor.sizes.sizes()))
    }

    /// Maps the name of each tensor in the file to its name in the network; `None` omits the
    /// tensor.
    pub fn rename<N: Into<Option<String>>>(mut self, mut name: impl FnMut(&str) -> N) -> Self {
        for (old, tensor) in std::mem::take(&mut self.tensors) {
            match name(&old).into() {
                None => self.omitted.push(tensor.name),
                Some(new) => {
                    if self.tensors.insert(new.clone(), tensor).is_some() {
                        self.twice.push(new);
                    }
                }
            }
        }
        self
    }

    /// Renames tensors by pairs of patterns: the first is the beginning of names in the file, the
    /// second is put in its place. It is a whole name, or what is before a point: `fc` is the beginning
    /// of `fc.weight` and of `fc.bias`, and not of `fc2.weight`. The first pair that fits a name counts;
    /// a name that none fits stays. An empty pattern is the beginning of every name.
    ///
    /// A placeholder in braces, such as `{i}`, stands for any text without a point, mostly a number:
    /// up to the next point, or to the text that follows it in the pattern. Both patterns of a pair
    /// have the same placeholders.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    ///
    /// network! { struct Old: [4] -> [4] { layer: Repeat<2> { dense: Linear<_, 4>, Tanh } } }
    /// network! { struct Attention: [4] -> [4] { q: Linear<_, 4>, Tanh } }
    /// network! { struct New: [4] -> [4] { layers: Repeat<2> { attention: Attention } } }
    /// let old = Old::init(&mut shapewright::rng(1));
    /// let file = old.to_safetensors(&[]);
    ///
    /// let names = [("layer.{i}.dense", "layers.{i}.attention.q")];
    /// let new: Box<New> = Loader::from_bytes(&file)?.rename_patterns(&names)?.load()?;
    /// assert_eq!(new.layers[1].attention.q.weight, old.layer[1].dense.weight);
    ///
    /// let names = [("bert.layer.{i}", "layers.{i}"), ("layer.{i}.dense", "layers.q")];
    /// let error = Loader::from_bytes(&file)?.rename_patterns(&names).err().expect("mistakes");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the names of the weights were not changed:\n\
    ///      - `layer.{i}.dense` and `layers.q` do not have the same placeholders: only one of them has `{i}`"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error with all mistakes: a pattern that can't be read, or that fits no name for which
    /// it is the first; placeholders that only one pattern of a pair has; and two tensors that get the
    /// same name.
    pub fn rename_patterns(mut self, patterns: &[(&str, &str)]) -> Result<Self, LoadError> {
        let names = self.tensors.keys().map(String::as_str);
        let names = renamed(names, patterns).map_err(|errors| LoadError {
            path: self.path.clone(),
            kind: LoadErrorKind::Patterns(errors),
        })?;

        let tensors = std::mem::take(&mut self.tensors).into_values();
        self.tensors = names.into_iter().zip(tensors).collect();
        Ok(self)
    }

    /// Gives tensors other sizes, with as many elements in the same order, as PyTorch's `view` does:
    /// `sizes` returns them for a name, as it is after [`Loader::rename`], and the sizes in the file;
    /// `None` keeps those.
    ///
    /// A layer may have the numbers of another one under another shape, such as a [`Linear`] those of
    /// a convolution over one position, or a [`Conv2d`] with a kernel 1 high those of a `Conv1d`. Sizes
    /// with another number of elements change nothing, so that loading says what does not fit; nor do
    /// sizes of a tensor that is [transposed](Loader::transpose).
    ///
    /// [`Linear`]: crate::nn::Linear
    /// [`Conv2d`]: crate::nn::Conv2d
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    ///
    /// network! { struct Old: [9, 4] -> [9, 3] { conv: Conv1d<_, 3, 1> } }
    /// network! { struct New: [9, 4] -> [9, 3] { conv: Linear<_, 3> } }
    /// let old = Old::init(&mut shapewright::rng(1));
    /// let file = old.to_safetensors(&[]);
    ///
    /// let loader = Loader::from_bytes(&file)?.reshape(|_, sizes| match *sizes {
    ///     [outputs, inputs, 1] => Some(vec![outputs, inputs]),
    ///     _ => None,
    /// });
    /// let new: Box<New> = loader.load()?;
    /// assert_eq!(new.conv.weight, old.conv.weight[0]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reshape(mut self, mut sizes: impl FnMut(&str, &[usize]) -> Option<Vec<usize>>) -> Self {
        for (name, tensor) in &mut self.tensors {
            let Some(new) = sizes(name, tensor.sizes.sizes()).filter(|_| !tensor.transposed) else {
                continue;
            };
            let axes = new
                .into_iter()
                .try_fold(Axes::NONE, |axes, size| axes.and(size));
            if let Some(axes) = axes
                && axes.len() == tensor.sizes.len()
            {
                tensor.sizes = axes;
            }
        }
        self
    }

    /// Swaps the axes of the tensors with two axes for which `takes` returns true. The names are those
    /// after [`Loader::rename`].
    ///
    /// GPT-2's dense layers, for example, are `[in_features, out_features]` in the files of Hugging Face's
    /// models (`Conv1D` there), where those of PyTorch's `nn.Linear` are `[out_features, in_features]`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    ///
    /// network! { struct Gpt: [768] -> [3072] { c_fc: Linear<_, 3072> } }
    /// # fn load(path: &str) -> Result<Box<Gpt>, Box<dyn std::error::Error>> {
    /// let loader = Loader::open(path)?.transpose(|name| name.ends_with("c_fc.weight"));
    /// let net: Box<Gpt> = loader.load()?;
    /// # Ok(net)
    /// # }
    /// # assert!(load("no-such-file").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn transpose(mut self, takes: impl Fn(&str) -> bool) -> Self {
        for (name, tensor) in &mut self.tensors {
            if tensor.sizes.sizes().len() == 2 && takes(name) {
                tensor.sizes = tensor.sizes.reversed();
                tensor.transposed = !tensor.transposed;
            }
        }
        self
    }

    /// Restricts loading to the tensors for which `takes` returns true, both in the file and in the
    /// network: all others are unchanged in the network. The names are the network's.
    pub fn only(mut self, takes: impl Fn(&str) -> bool + 'a) -> Self {
        self.only = Some(Rc::new(takes));
        self
    }

    /// Lets parameters be missing in the file for which `may` returns true: those that are there are
    /// loaded, and the others are unchanged in the network. The names are the network's.
    ///
    /// With [`Loader::allow_unused`], this is PyTorch's `load_state_dict(.., strict=False)`, but for
    /// the names that the program says. The [report](super::LoadReport) tells which were missing.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use shapewright::prelude::*;
    /// use shapewright::weights::Loader;
    /// network! { struct Old: [4] -> [2] { body: Linear<_, 8>, Tanh, pooler: Linear<_, 2> } }
    /// network! { struct New: [4] -> [3] { body: Linear<_, 8>, Tanh, head: Linear<_, 3> } }
    /// let file = Old::init(&mut shapewright::rng(1)).to_safetensors(&[]);
    ///
    /// let mut new = New::init(&mut shapewright::rng(2));
    /// let loader = Loader::from_bytes(&file)?
    ///     .allow_missing(|name| name.starts_with("head."))
    ///     .allow_unused(|name| name.starts_with("pooler."));
    /// let report = new.load_from(&loader)?;
    /// assert_eq!(report.missing(), ["head.bias", "head.weight"]);
    /// assert_eq!(
    ///     report.to_string(),
    ///     "2 tensors of the network were loaded\n\
    ///      - not loaded, and as they were: `head.bias`, `head.weight`\n\
    ///      - in the file, and not used: `pooler.bias`, `pooler.weight`"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_missing(mut self, may: impl Fn(&str) -> bool + 'a) -> Self {
        self.may_be_missing = Some(Rc::new(may));
        self
    }

    /// Lets tensors of the file be unknown to the network for which `may` returns true. The names are
    /// those after [`Loader::rename`].
    pub fn allow_unused(mut self, may: impl Fn(&str) -> bool + 'a) -> Self {
        self.may_be_unused = Some(Rc::new(may));
        self
    }

    /// Returns the part that [`Saver::part`](super::Saver::part) added under this name: the tensors
    /// whose names begin with it and a point.
    pub fn part(&self, name: &str) -> Loader<'_> {
        let part = if self.part.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.part)
        };
        let inside = |name: &str| {
            name.strip_prefix(&part)
                .is_some_and(|rest| rest.starts_with('.'))
        };

        let tensors = self.tensors.iter().filter(|(name, _)| inside(name));
        let tensors = tensors
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let twice = self.twice.iter().filter(|name| inside(name));
        let twice = twice.cloned().collect();

        Loader {
            files: self.files.clone(),
            path: self.path.clone(),
            metadata: self.metadata.clone(),
            tensors,
            omitted: Vec::new(),
            twice,
            only: self.only.clone(),
            may_be_missing: self.may_be_missing.clone(),
            may_be_unused: self.may_be_unused.clone(),
            part,
        }
    }
}
