//! Weights that are part of the program.

use super::difference::{DifferenceKind, other_form_of};
use super::header::{Damage, Entry, Header, Item, equal};
use super::layout::Named;
use super::numbers::read;
use super::order::LayerOrder;
use crate::memory;
use crate::network::{Network, Sentence};
use crate::params::{self, Parameters};

/// Returns the largest number of tensors and marks in the file of a network.
#[doc(hidden)]
pub const fn count<N: Network>() -> usize {
    <N as Parameters<N::Element>>::PARAM_TREE.most()
}

/// Returns a network with the weights of a file; `COUNT` is its [`count`].
///
/// # Panics
/// Panics if the file is damaged or does not fit; in a constant, this is a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn included<N: Network, const COUNT: usize>(path: &str, bytes: &[u8]) -> N {
    let mut named = [Named::NONE; COUNT];
    let count =
        <N as Parameters<N::Element>>::PARAM_TREE.list(&mut [LayerOrder::NONE; COUNT], &mut named);
    let found = find::<N, COUNT>(path, bytes, &named, count);

    let mut network: N = params::zeroed_parameters_by_value();
    let numbers = params::parameters_as_mut_slice::<N, N::Element>(&mut network);
    let numbers = memory::bytes_mut(numbers);
    let size = size_of::<N::Element>();
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
            read::<N::Element>(numbers, tensor, entry.dtype, bytes);
        }
        i += 1;
    }
    network
}

/// Finds the file's entry for each of the first `count` names.
///
/// # Panics
/// Panics if the file is damaged or does not fit.
#[track_caller]
const fn find<'a, N: Network, const COUNT: usize>(
    path: &str,
    bytes: &'a [u8],
    named: &[Named; COUNT],
    count: usize,
) -> [Option<Entry<'a>>; COUNT] {
    let mut header = match Header::new(bytes) {
        Ok(header) => header,
        Err(damage) => stop(path, &damage),
    };
    let mut found: [Option<Entry<'_>>; COUNT] = [None; COUNT];
    let begin = Sentence::new("`")
        .text(path)
        .text("` does not fit `")
        .text(N::NAME)
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

        let mut i = 0;
        while i < count && !equal(named[i].name.as_str(), entry.name) {
            i += 1;
        }
        let difference = if i == count {
            Some(DifferenceKind::Unknown { found: entry.sizes })
        } else if found[i].is_some() {
            Some(DifferenceKind::Twice)
        } else {
            found[i] = Some(entry);
            named[i].differs_from(entry.sizes, entry.dtype)
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
#[macro_export]
macro_rules! include_weights {
    ($path:literal as $network:ty) => {
        $crate::include_weights!(@ $path, $network)
    };
    ($macro:ident ! $arguments:tt as $network:ty) => {
        $crate::include_weights!(@ $macro! $arguments, $network)
    };
    (@ $path:expr, $network:ty) => {{
        #[allow(long_running_const_eval)]
        static NETWORK: $network = $crate::weights::included::<$network, { $crate::weights::count::<$network>() }>(
            $path,
            ::core::include_bytes!($path),
        );
        &NETWORK
    }};
}
