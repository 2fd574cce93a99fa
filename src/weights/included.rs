//! Weights that are part of the program.

use super::difference::{DifferenceKind, other_form_of};
use super::header::{Entry, Header, Item};
use super::json::Damage;
use super::layout::{FileOrder, Named};
use super::numbers::{TooLarge, read};
use super::order::LayerOrder;
use crate::memory;
use crate::network::{Network, Sentence};
use crate::params::param_tree::equal;
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// Returns the largest number of tensors and marks in the file of a network.
#[doc(hidden)]
pub const fn count<N: Network>() -> usize {
    count_of::<N, N::Element>()
}

/// Returns the largest number of tensors and marks in the file of parameters.
#[doc(hidden)]
pub const fn count_of<P: Parameters<T>, T: Element>() -> usize {
    P::PARAM_TREE.most()
}

/// A file in the program, and the part of it that is meant.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct File<'a> {
    pub path: &'a str,
    pub bytes: &'a [u8],
    /// The name of the part; empty for the whole file.
    pub part: &'a str,
    /// The name of the type that the part is to be.
    pub name: &'a str,
}

/// Returns a network with the weights of a whole file; `COUNT` is its [`count`].
///
/// # Panics
/// Panics if the file is damaged or does not fit; in a constant, this is a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn included<N: Network, const COUNT: usize>(path: &str, bytes: &[u8]) -> N {
    included_part::<N, N::Element, COUNT>(File {
        path,
        bytes,
        part: "",
        name: N::NAME,
    })
}

/// Returns a network, or other parameters, with the weights of a part of a file; `COUNT` is its
/// [`count_of`].
///
/// # Panics
/// Panics if the file is damaged or does not fit; in a constant, this is a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn included_part<P: Parameters<T>, T: Element, const COUNT: usize>(file: File<'_>) -> P {
    let mut named = [Named::NONE; COUNT];
    let order = order_of(&file);
    let count = P::PARAM_TREE.list(&mut [LayerOrder::NONE; COUNT], &mut named, order);
    let found = find::<T, COUNT>(&file, &named, count);

    let bytes = file.bytes;
    let mut parameters: P = params::zeroed_parameters_by_value();
    let numbers = params::parameters_as_mut_slice::<P, T>(&mut parameters);
    let numbers = memory::bytes_mut(numbers);
    let size = size_of::<T>();
    let mut i = 0;
    while i < count {
        let Named {
            first,
            tensor,
            differs,
            ..
        } = &named[i];
        // A mark has no numbers.
        if let (Some(entry), None) = (&found[i], differs) {
            let (_, numbers) = numbers.split_at_mut(*first * size);
            let (numbers, _) = numbers.split_at_mut(tensor.layout.bytes(size));
            let (bytes, _) = bytes.split_at(entry.end);
            let (_, bytes) = bytes.split_at(entry.begin);
            read::<T>(numbers, tensor, entry.dtype, bytes);
        }
        i += 1;
    }
    parameters
}

/// Returns what the file has in the order of this crate. A damaged file is reported later.
const fn order_of(file: &File<'_>) -> FileOrder {
    let Ok(mut header) = Header::new(file.bytes) else {
        return FileOrder::PyTorch;
    };
    // The metadata is at the beginning.
    while let Ok(Item::Metadata(key, value)) = header.next() {
        if equal(key, FileOrder::KEY) {
            return FileOrder::named(value);
        }
    }
    FileOrder::PyTorch
}

/// Finds the file's entry for each of the first `count` names.
///
/// # Panics
/// Panics if the file is damaged or does not fit.
#[track_caller]
const fn find<'a, T: Element, const COUNT: usize>(
    file: &File<'a>,
    named: &[Named; COUNT],
    count: usize,
) -> [Option<Entry<'a>>; COUNT] {
    let File {
        path,
        bytes,
        part,
        name,
    } = *file;
    let mut header = match Header::new(bytes) {
        Ok(header) => header,
        Err(damage) => stop(path, &damage),
    };
    let mut found: [Option<Entry<'_>>; COUNT] = [None; COUNT];
    let begin = Sentence::new("`")
        .text(path)
        .text("` does not fit `")
        .text(name)
        .text("`: ");
    let mut differences = Differences {
        text: begin,
        count: 0,
        omitted: 0,
    };

    // Each entry of the file, with the name of the network that it belongs to.
    loop {
        let entry = match header.next() {
            Ok(Item::Tensor(entry)) => entry,
            Ok(Item::Metadata(..)) => continue,
            Ok(Item::Form(form)) => other_form(path, form),
            Ok(Item::End) => break,
            Err(damage) => stop(path, &damage),
        };

        let Some(own) = within(part, entry.name) else {
            continue;
        };
        let mut i = 0;
        while i < count && !equal(named[i].name.as_str(), own) {
            i += 1;
        }
        let difference = if i == count {
            Some(DifferenceKind::Unknown { found: entry.sizes })
        } else if found[i].is_some() {
            Some(DifferenceKind::Twice)
        } else {
            found[i] = Some(entry);
            let (bytes, _) = bytes.split_at(entry.end);
            let (_, bytes) = bytes.split_at(entry.begin);
            differs::<T>(&named[i], &entry, bytes)
        };
        if let Some(difference) = difference {
            differences.tell(&difference, entry.name);
        }
    }

    // Each name of the network without an entry.
    let mut i = 0;
    while i < count {
        if found[i].is_none() {
            differences.tell(&named[i].missing(), named[i].name.as_str());
        }
        i += 1;
    }
    differences.stop_if_any();
    found
}

/// Returns the difference between a tensor of the network and an entry of the file with these bytes.
const fn differs<T: Element>(
    named: &Named,
    entry: &Entry<'_>,
    bytes: &[u8],
) -> Option<DifferenceKind> {
    let difference = named.differs_from(entry.sizes, entry.dtype);
    if difference.is_some() || named.differs.is_some() {
        return difference;
    }
    match TooLarge::new::<T>(&named.tensor.layout, entry.dtype) {
        Some(mut search) => {
            search.read(bytes);
            search.found()
        }
        None => None,
    }
}

/// Returns the name of a tensor without the name of its part and the point behind that; `None` if it
/// is in another part.
const fn within<'a>(part: &str, name: &'a str) -> Option<&'a str> {
    if part.is_empty() {
        return Some(name);
    }
    if name.len() <= part.len() {
        return None;
    }

    let (first, rest) = name.as_bytes().split_at(part.len());
    let mut i = 0;
    while i < first.len() {
        if first[i] != part.as_bytes()[i] {
            return None;
        }
        i += 1;
    }
    let (point, own) = rest.split_at(1);
    match core::str::from_utf8(own) {
        Ok(own) if point[0] == b'.' => Some(own),
        _ => None,
    }
}

/// The differences between a file and a network as one sentence, as many as there is room for.
struct Differences {
    text: Sentence,
    count: usize,
    /// The number of differences that are not in the text.
    omitted: usize,
}

impl Differences {
    /// The largest length of the text in bytes, which leaves room in a sentence for the number of
    /// omitted differences.
    const MAX_LEN: usize = 960;

    /// Appends a difference of the tensor with this name.
    const fn tell(&mut self, difference: &DifferenceKind, name: &str) {
        let text = if self.count == 0 {
            self.text
        } else {
            self.text.text("; ")
        };
        let text = difference.tell(text, name);

        if self.count == 0 || (self.omitted == 0 && text.as_str().len() <= Self::MAX_LEN) {
            self.text = text;
        } else {
            self.omitted += 1;
        }
        self.count += 1;
    }

    /// Panics with the sentence if there is a difference.
    #[track_caller]
    const fn stop_if_any(self) {
        if self.omitted > 0 {
            panic!(
                "{}",
                self.text
                    .text("; and ")
                    .number(self.omitted)
                    .text(" more differences")
                    .as_str()
            );
        }
        if self.count > 0 {
            panic!("{}", self.text.as_str());
        }
    }
}

/// Panics with a sentence about a damaged file.
#[track_caller]
const fn stop(path: &str, damage: &Damage) -> ! {
    let sentence = Sentence::new("`")
        .text(path)
        .text("` is damaged or no safetensors file: ")
        .text(damage.what);
    panic!(
        "{}",
        sentence
            .text(" (byte ")
            .number(damage.at)
            .text(")")
            .as_str()
    )
}

/// Panics with a sentence about a file of another form.
#[track_caller]
const fn other_form(path: &str, found: &str) -> ! {
    let sentence = Sentence::new("`").text(path).text("` ");
    panic!("{}", other_form_of(sentence, found).as_str())
}

/// Includes a network with the weights of a safetensors file in the program: a `&'static` in
/// read-only memory, ready when the program starts.
///
/// The compiler checks the file against the network: a damaged file, and missing, unknown or
/// wrongly shaped tensors are a compile error that names them. The path is relative to the source
/// file, as in `include_bytes!`, and may also be `concat!(..)`. Cargo compiles again when the file
/// changes; that takes the compiler about 0.7 seconds for each 100,000 weights, and six seconds if
/// it has to convert them to another type.
///
/// ```
/// use shapewright::prelude::*;
/// use shapewright::include_weights;
/// network! { struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
/// network! { struct Mlp: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }
/// # macro_rules! include_weights { ("mlp.safetensors" as $network:ty) => { shapewright::include_weights!(
/// #     concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/weights.safetensors") as $network
/// # ) } }
/// static MLP: &Mlp = include_weights!("mlp.safetensors" as Mlp);
/// let scores = MLP.forward(&Tensor1::ones());
/// # assert!(scores[0] != 0.0);
/// ```
///
/// A file with several parts, as a [`Saver`](crate::weights::Saver) writes it, is included part by
/// part, by the part's name. Besides networks, these are all [parameters](trait@crate::Parameters),
/// such as scalers:
///
/// ```ignore
/// static NET: &Mlp = include_weights!("model.safetensors", "net" as Mlp);
/// static SCALER: &StandardScaler<Rank1<4>> =
///     include_weights!("model.safetensors", "scaler" as StandardScaler<Rank1<4>>);
/// ```
#[macro_export]
macro_rules! include_weights {
    ($path:literal as $params:ty) => {
        $crate::include_weights!(@ $path, "", $params)
    };
    ($path:literal, $part:literal as $params:ty) => {
        $crate::include_weights!(@ $path, $part, $params)
    };
    ($macro:ident ! $arguments:tt as $params:ty) => {
        $crate::include_weights!(@ $macro! $arguments, "", $params)
    };
    ($macro:ident ! $arguments:tt, $part:literal as $params:ty) => {
        $crate::include_weights!(@ $macro! $arguments, $part, $params)
    };
    (@ $path:expr, $part:expr, $params:ty) => {{
        #[allow(long_running_const_eval)]
        static PARAMETERS: $params =
            $crate::weights::included_part::<$params, _, { $crate::weights::count_of::<$params, _>() }>(
                $crate::weights::File {
                    path: $path,
                    bytes: ::core::include_bytes!($path),
                    part: $part,
                    name: ::core::stringify!($params),
                },
            );
        &PARAMETERS
    }};
    ($($other:tt)*) => {
        ::core::compile_error! {
            "`include_weights!` takes the path of a file as a literal, and the type of the network \
behind `as`: `include_weights!(\"net.safetensors\" as Net)`"
        }
    };
}
