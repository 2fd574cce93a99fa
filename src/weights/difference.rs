//! The differences between a file and a network, in const code.

use super::header::FORM;
use super::layout::Named;
use super::numbers::Dtype;
use super::order::Doubt;
use crate::network::Sentence;
use crate::params::param_tree::{Axes, TensorLayout};

/// The kind of a [`Difference`](super::Difference). Shapes are those in files.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The network has the tensor, the file does not.
    Missing {
        /// The shape in the network.
        expected: Axes,
    },
    /// The file has the tensor, the network does not.
    Unknown {
        /// The shape in the file.
        found: Axes,
    },
    /// The shapes are different.
    Shape {
        /// The shape in the network.
        expected: Axes,
        /// The shape in the file.
        found: Axes,
    },
    /// The numbers in the file have a type from which the tensor is not read.
    Type {
        /// The types from which it is read.
        expected: &'static str,
        /// The type in the file.
        found: &'static str,
    },
    /// A number of the file is beyond the largest `f32`, and the network has no larger ones. An
    /// infinity of the file stays one.
    TooLarge {
        /// The position of the first such number in the tensor as the file has it, counted from 0.
        position: usize,
        /// The number.
        value: f64,
    },
    /// Several tensors of the file have this name.
    Twice,
    /// The file lacks the mark of a layer whose result is, or may be, another one in PyTorch: its
    /// weights may be PyTorch's.
    Order {
        /// The layer, as it is written in the network.
        layer: &'static str,
        /// The end of a sentence: the difference or the doubt, and what to do.
        why: &'static str,
    },
}

impl Named {
    /// Returns the difference if the file does not have it.
    pub(super) const fn missing(&self) -> DifferenceKind {
        match self.differs {
            Some((layer, doubt)) => DifferenceKind::Order {
                layer,
                why: doubt.why(),
            },
            None => DifferenceKind::Missing {
                expected: self.tensor.file_sizes(),
            },
        }
    }

    /// Returns the difference if the file has it, with this shape and type. The numbers may differ as
    /// well: see [`TooLarge`](super::numbers::TooLarge).
    pub(super) const fn differs_from(&self, found: Axes, dtype: Dtype) -> Option<DifferenceKind> {
        if self.differs.is_none() {
            return DifferenceKind::between(&self.tensor.layout, found, dtype);
        }

        // A mark is an empty tensor.
        let expected = Axes::EMPTY;
        if expected.same(&found) {
            None
        } else {
            Some(DifferenceKind::Shape { expected, found })
        }
    }
}

impl Doubt {
    /// Returns the words that follow "the result of `Layer`".
    const fn why(self) -> &'static str {
        match self {
            Doubt::Depends => {
                "depends on the order of its inputs, which is another one in PyTorch, where images have their \
                 channels first; put it before `Flatten`, or a `Linear` before it"
            }
            Doubt::Moved => {
                "depends on the order in which its inputs were flattened: before, a layer worked along the last \
                 axis, which is the first one in PyTorch, so that it was moved there, and no file says whether it was \
                 moved back; if it was, leave this name out with `Loader::only`; a `Permute` that only brings the channels \
                 first is not needed before a `Flatten`: files have this order anyway"
            }
            Doubt::Viewed => {
                "depends on which features are along its last axis, and flattened images, with their channels first \
                 in PyTorch, have others there; leave a `Flatten` before `Reshape` away, put a `Linear` between or, if the \
                 axes were moved in PyTorch as they are here, leave this name out with `Loader::only`"
            }
            Doubt::Given => {
                "depends on the order of the network's inputs, of which it makes an image or a sequence: channels \
                 are last here and first in PyTorch; let it take the image itself, or give it inputs in that order \
                 and leave this name out with `Loader::only`"
            }
            Doubt::Output => {
                "is the network's output, whose axes a `Reshape` has made of features, and these have another order \
                 in PyTorch, where images have their channels first; put a `Linear` before the `Reshape`, or let \
                 the network return the features"
            }
            Doubt::SquareFirst => {
                "depends on the order of the axes of its weights, which have equal sizes, so that no file says \
                 whether channels are first there; they are read with channels first; if they are so, leave this \
                 name out with `Loader::only`"
            }
            Doubt::SquareLast => {
                "depends on the order of the axes of its weights, which have equal sizes, so that no file says \
                 whether channels are first there; they are read with channels last; if they are so, leave this \
                 name out with `Loader::only`"
            }
        }
    }
}

impl DifferenceKind {
    /// Returns the difference of a tensor that both have.
    pub(super) const fn between(tensor: &TensorLayout, found: Axes, dtype: Dtype) -> Option<Self> {
        let expected = tensor.file_sizes();
        if !expected.same(&found) {
            Some(DifferenceKind::Shape { expected, found })
        } else if !dtype.is_read(tensor) {
            Some(DifferenceKind::Type {
                expected: Dtype::read_by(tensor),
                found: dtype.name(),
            })
        } else {
            None
        }
    }

    /// Appends a clause about the tensor with this name to `sentence`.
    pub(super) const fn tell(&self, sentence: Sentence, name: &str) -> Sentence {
        let sentence = sentence.text("`").text(name);

        match self {
            DifferenceKind::Missing { expected } => sentence
                .text("` is missing; the network takes ")
                .sizes(expected.sizes()),
            DifferenceKind::Unknown { found } => sentence
                .text("`, ")
                .sizes(found.sizes())
                .text(", is none of the network's"),
            DifferenceKind::Shape { expected, found } => {
                let sentence = sentence
                    .text("` has the shape ")
                    .sizes(found.sizes())
                    .text(", but the network takes ")
                    .sizes(expected.sizes());
                if found.same(&expected.reversed()) {
                    sentence.text("; the file has it transposed")
                } else {
                    sentence
                }
            }
            DifferenceKind::Type { expected, found } => sentence
                .text("` is of ")
                .text(found)
                .text("; convert it to ")
                .text(expected),
            DifferenceKind::Order { layer, why } => sentence
                .text("` is missing, which is in files of this crate alone: the result of `")
                .text(layer)
                .text("` ")
                .text(why),
            DifferenceKind::TooLarge { position, value } => {
                large_number(sentence.text("` has "), *value)
                    .text(" at position ")
                    .number(*position)
                    .text(
                        ", which is beyond the largest f32, 3.4028235e38; correct the file, or make the network \
                         `as f64`",
                    )
            }
            DifferenceKind::Twice => {
                sentence.text("` is there more than once; give each tensor its own name")
            }
        }
    }
}

/// Appends a number of at least 1000, rounded to four digits, such as `-1.25e300`.
const fn large_number(sentence: Sentence, value: f64) -> Sentence {
    let mut rest = value.abs();
    let mut exponent = 3;
    while rest >= 9999.5 {
        rest /= 10.0;
        exponent += 1;
    }

    let mut digits = (rest + 0.5) as usize;
    let sign = if value < 0.0 { "-" } else { "" };
    let mut sentence = sentence.text(sign).number(digits / 1000);
    digits %= 1000;
    if digits > 0 {
        sentence = sentence.text(".");
    }
    while digits > 0 {
        sentence = sentence.number(digits / 100);
        digits = digits % 100 * 10;
    }
    sentence.text("e").number(exponent)
}

/// Appends a clause about a file of another form to `sentence`.
pub(super) const fn other_form_of(sentence: Sentence, found: &str) -> Sentence {
    sentence
        .text("has the form ")
        .text(found)
        .text(" of this crate's weight files, but this version reads ")
        .text(FORM.1)
        .text("; read it with the version that wrote it")
}
