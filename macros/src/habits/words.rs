//! The names of layers in other libraries.

use super::translate::is_recurrent;
use super::{Arg, Found};
use crate::builtin::{self, Builtin};

/// Names that are not nearly those of this library, with the layers that they mean.
const ALIASES: &[(&str, &str)] = &[
    ("Dense", "Linear"),
    ("FullyConnected", "Linear"),
    ("Conv2DTranspose", "ConvTranspose2d"),
    ("MaxPooling1D", "MaxPool1d"),
    ("MaxPooling2D", "MaxPool2d"),
    ("AveragePooling1D", "AvgPool1d"),
    ("AveragePooling2D", "AvgPool2d"),
    ("GlobalAveragePooling1D", "GlobalAvgPool1d"),
    ("GlobalAveragePooling2D", "GlobalAvgPool2d"),
    ("UpSampling2D", "Upsample"),
    ("GlobalMaxPooling1D", "MaxOverTime"),
    ("ZeroPadding1D", "ZeroPad1d"),
    ("ZeroPadding2D", "ZeroPad2d"),
    ("BatchNormalization", "BatchNorm2d"),
    ("LayerNormalization", "LayerNorm"),
    ("Swish", "Silu"),
    ("view", "Reshape"),
    ("Unflatten", "Reshape"),
    ("LazyLinear", "Linear"),
    ("SimpleRNN", "Rnn"),
    ("LazyConv1d", "Conv1d"),
    ("LazyConv2d", "Conv2d"),
];

/// The names among these that nobody would give to a layer of their own.
const CERTAIN: &[&str] = &[
    "Conv2DTranspose",
    "MaxPooling1D",
    "MaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "UpSampling2D",
    "GlobalMaxPooling1D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "BatchNormalization",
    "LayerNormalization",
];

/// Returns the layer that a name in another library means: `ReLU`, `max_pool2d` or `Dense`.
pub fn find(name: &str) -> Option<&'static Builtin> {
    let plain: String = name.chars().filter(|&c| c != '_').collect();
    let same = |builtin: &&Builtin| builtin.name.eq_ignore_ascii_case(&plain);
    if let Some(found) = builtin::BUILTINS.iter().find(same) {
        return Some(found);
    }
    let (_, meant) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
    builtin::find(meant)
}

/// Returns the layer that a name means which can be no layer of the user's own.
pub fn certain(name: &str) -> Option<&'static Builtin> {
    CERTAIN.contains(&name).then(|| find(name)).flatten()
}

/// Returns whether a name of another library may as well be that of a layer of the user's own.
pub fn may_be_own(name: &str) -> bool {
    ALIASES.iter().any(|(alias, _)| *alias == name) && !CERTAIN.contains(&name)
}

/// Returns whether Keras has a layer of this name, or PyTorch one whose first size is inferred: their
/// sizes have an order of their own.
pub fn is_keras(name: &str) -> bool {
    name.ends_with("1D")
        || name.ends_with("2D")
        || name.starts_with("Lazy")
        || name == "Dense"
        || name == "BatchNormalization"
        || name == "SimpleRNN"
}

/// Returns whether a recurrent layer is written as in Keras: with its units alone, or with arguments
/// that PyTorch's have not.
pub fn is_keras_call(builtin: &Builtin, args: &[Arg]) -> bool {
    let sizes = args.iter().filter(|arg| arg.key.is_none()).count();
    let of_keras = |arg: &Arg| {
        let keys = ["units", "return_sequences", "return_state", "reset_after"];
        arg.key.as_deref().is_some_and(|key| keys.contains(&key))
    };
    let of_pytorch = |arg: &Arg| {
        let keys = ["input_size", "hidden_size", "batch_first", "num_layers"];
        arg.key.as_deref().is_some_and(|key| keys.contains(&key))
    };
    let is_keras = sizes == 1 && !args.iter().any(of_pytorch) || args.iter().any(of_keras);
    is_recurrent(builtin) && is_keras
}

/// Answers calls that stand for no layer.
pub fn call(name: &str, args: &[Arg]) -> Option<Found> {
    match name {
        "Activation" => {
            let text = args.first()?.value.to_string();
            let meant = find(text.trim_matches('"'))?;
            Some(Found::of(meant, Vec::new(), false))
        }
        "Bidirectional" => Some(Found::answered(
            "it is an option of recurrent layers: `Lstm<_, 64, Bidirectional>`",
        )),
        "Input" | "InputLayer" => Some(Found::answered(
            "the shape of the input is behind the network's name: `struct Net: [784] -> [10]`",
        )),
        "Sequential" => Some(Found::answered(
            "the layers of a network are a list: write them one after another",
        )),
        "spectral_norm" | "SpectralNormalization" => Some(Found::answered(
            "the layer is written inside: `SpectralNorm<Linear<_, 10>>`",
        )),
        "cat" | "concat" | "concatenate" => Some(Found::answered(
            "outputs are joined by a layer: `Concat <- (a, b)`",
        )),
        _ => None,
    }
}
