//! Weights that are part of the program.

use super::error::{DifferenceKind, other_form_of};
use super::header::{Damage, Entry, Header, Item, equal};
use super::layout::Named;
use super::numbers::read;
use super::order::LayerOrder;
use crate::memory;
use crate::network::{Network, Parameters, Sentence};

/// How many tensors and marks of layers a file of a network can have.
#[doc(hidden)]
pub const fn count<N: Network>() -> usize {
    <N as Parameters<N::Element>>::PARAM_TREE.most()
}

/// A network with the weights of a file: `COUNT` is [`count`] of it.
///
/// # Panics
/// In a constant, if the file is damaged or does not fit.
#[doc(hidden)]
#[track_caller]
pub const fn included<N: Network, const COUNT: usize>(path: &str, bytes: &[u8]) -> N {
    let mut header = match Header::new(bytes) {
        Ok(header) => header,
        Err(damage) => stop(path, &damage),
    };
    let mut named = [Named::NONE; COUNT];
    let count =
        <N as Parameters<N::Element>>::PARAM_TREE.list(&mut [LayerOrder::NONE; COUNT], &mut named);
    let mut i;
    let mut found: [Option<Entry<'_>>; COUNT] = [None; COUNT];
    let begin = Sentence::new("`")
        .text(path)
        .text("` does not fit `")
        .text(N::NAME)
        .text("`: ");
    let mut differences = Differences {
        text: begin,
        count: 0,
        left: 0,
    };
    loop {
        let entry = match header.next() {
            Ok(Item::Tensor(entry)) => entry,
            Ok(Item::Metadata(..)) => continue,
            Ok(Item::Form(found)) => other_form(path, found),
            Ok(Item::End) => break,
            Err(damage) => stop(path, &damage),
        };
        i = 0;
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
    i = 0;
    while i < count {
        if found[i].is_none() {
            differences.tell(&named[i].missing(), named[i].name.as_str());
        }
        i += 1;
    }
    differences.stop_if_any();
    let mut network: N = memory::zeroed_parameters_by_value();
    let numbers = memory::parameters_as_mut_slice::<N, N::Element>(&mut network);
    i = 0;
    while i < count {
        let Named {
            first,
            tensor,
            differs,
            ..
        } = &named[i];
        if let (
            Some(Entry {
                dtype, begin, end, ..
            }),
            None,
        ) = (&found[i], differs)
        {
            let numbers = numbers
                .split_at_mut(*first)
                .1
                .split_at_mut(tensor.layout.len())
                .0;
            read(
                numbers,
                tensor,
                *dtype,
                bytes.split_at(*end).0.split_at(*begin).1,
            );
        }
        i += 1;
    }
    network
}

/// What does not fit, one after the other as far as there is room.
struct Differences {
    text: Sentence,
    count: usize,
    /// How many are not in the text.
    left: usize,
}

impl Differences {
    /// Bytes, so that a sentence has room for the number of the differences that are left out.
    const MOST: usize = 960;

    const fn tell(&mut self, difference: &DifferenceKind, name: &str) {
        let text = if self.count == 0 {
            self.text
        } else {
            self.text.text("; ")
        };
        let text = difference.tell(text, name);
        if self.count == 0 || (self.left == 0 && text.as_str().len() <= Self::MOST) {
            self.text = text;
        } else {
            self.left += 1;
        }
        self.count += 1;
    }

    #[track_caller]
    const fn stop_if_any(self) {
        if self.left > 0 {
            panic!(
                "{}",
                self.text
                    .text("; and ")
                    .number(self.left)
                    .text(" more differences")
                    .as_str()
            );
        }
        if self.count > 0 {
            panic!("{}", self.text.as_str());
        }
    }
}

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

#[track_caller]
const fn other_form(path: &str, found: &str) -> ! {
    let sentence = Sentence::new("`").text(path).text("` ");
    panic!("{}", other_form_of(sentence, found).as_str())
}

/// A network with the weights of a safetensors file, as part of the program: `&'static`, in
/// read-only memory, ready when the program starts.
///
/// The file is checked against the network at compile time: a damaged file, and missing, unknown or
/// wrongly shaped tensors are a compile error that names them. The path is relative to the source
/// file, as in `include_bytes!`, and may also be `concat!(..)`. Cargo compiles anew when the file
/// changes; that takes the compiler about 0.7 seconds for each 100,000 weights, and six if it has
/// to convert them to another type.
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
        static NETWORK: $network = $crate::emitted::included::<$network, { $crate::emitted::count::<$network>() }>(
            $path,
            ::core::include_bytes!($path),
        );
        &NETWORK
    }};
}
