//! The table of the built-in layers: their names and how they are written. Their shape rules and
//! their arithmetic are in the library.

/// A built-in layer as it is written. Its generic arguments are its sizes and then its options, in
/// the order of the table.
pub struct Builtin {
    pub name: &'static str,
    pub sizes: Sizes,
    pub options: &'static [Choice],
    /// The number of sizes that its `Inferred` gives in addition to those written `_`. They become
    /// generic arguments after all others.
    pub derived: usize,
    /// The index of the generic argument that is the length of the sequence unless another number is
    /// written. In one step of a stream, it is still the length of a block.
    pub length: Option<usize>,
    /// The number of constructor arguments, which may all be omitted.
    pub arguments: usize,
    /// The largest number of outputs that the layer reads.
    pub sources: usize,
    /// True if the layer has parameters, so that it needs a field even without a name.
    pub has_params: bool,
    pub output: Output,
}

/// The facts about a layer's output that hold whatever its shape rule answers. The more is known
/// here, the less the compiler has to compute.
#[derive(Clone, Copy, PartialEq)]
pub enum Output {
    /// The input's shape. Every input fits.
    Input,
    /// The input's shape, also if the input does not fit.
    InputOrMistake,
    /// A shape with at most as many axes as the input, or with one axis after a mistake.
    NoMoreAxes,
    /// A shape with at most this number of axes.
    Axes(usize),
}

/// The sizes of a layer.
pub enum Sizes {
    /// A fixed list, each with its name.
    Named(&'static [Size]),
    /// A fixed list, or none of them: the layer has defaults.
    Optional(&'static [Size]),
    /// One for each axis.
    Axes,
    /// One for each of the last 1 to 3 axes; none means `_` for the last. The generic arguments are
    /// the number of axes, and always three sizes.
    LastAxes,
}

pub struct Size {
    pub name: &'static str,
    pub form: Form,
}

/// The way in which a size is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// A number.
    Number,
    /// A number, or `_`.
    Inferred,
    /// A number for both axes or ends, or a pair in parentheses; two generic arguments.
    Pair,
    /// A number for all sides, or left, right, top and bottom in parentheses; four generic
    /// arguments.
    Sides,
    /// The name of a network.
    Network,
}

/// An option. Options are written after the sizes, in any order.
pub struct Choice {
    pub name: &'static str,
    pub value: Value,
}

/// The value of an option.
pub enum Value {
    /// Written as the name alone, which sets its generic argument to this `bool`; omitted, the
    /// argument is the other one.
    Switch(bool),
    /// `Name<2>`: one generic argument.
    Number(Default),
    /// `Name<2>`, or the name alone for this number: one generic argument, which is 0 if the option
    /// is omitted.
    Level(usize),
    /// `Name<2>` for both axes, or `Name<2, 1>`: two generic arguments.
    Pair(Default),
}

/// The numbers of an option that is omitted.
#[derive(Clone, Copy)]
pub enum Default {
    Is(usize),
    /// None: the library's `INFER`.
    None,
    /// Those of the size with this index, which has as many numbers.
    Size(usize),
}

/// The layer whose generic argument is another one.
pub const SPECTRAL_NORM: &str = "SpectralNorm";
/// The layers that can be inside of it.
pub const SPECTRALLY_NORMALIZED: &[&str] = &["Linear", "Conv1d", "Conv2d"];

/// The layer whose generic arguments are a rank and another layer.
pub const LORA: &str = "Lora";
/// The layers that can be inside of it.
pub const ADAPTED: &[&str] = &["Linear", "MultiHeadAttention"];

/// The layer around one that computes in 8 bits, and the one for training.
pub const INT8: &str = "Int8";
pub const FAKE_QUANTIZE: &str = "FakeQuantize";
/// The layers that can be inside of both.
pub const QUANTIZED: &[&str] = &["Linear", "Conv1d", "Conv2d", "Embedding"];

/// The layers whose generic argument is another layer.
pub const WRAPPERS: &[&str] = &[SPECTRAL_NORM, LORA, INT8, FAKE_QUANTIZE];

/// A layer without sizes, options and parameters.
const fn plain(name: &'static str) -> Builtin {
    Builtin {
        name,
        sizes: Sizes::Named(&[]),
        options: &[],
        derived: 0,
        length: None,
        arguments: 0,
        sources: 1,
        has_params: false,
        output: Output::Axes(4),
    }
}

/// A layer that computes each element on its own.
const fn elementwise(name: &'static str, arguments: usize) -> Builtin {
    Builtin {
        arguments,
        output: Output::Input,
        ..plain(name)
    }
}

/// A layer without sizes and parameters that reads this number of outputs.
const fn joint(name: &'static str, sources: usize) -> Builtin {
    Builtin {
        sources,
        ..plain(name)
    }
}

/// A layer without sizes whose output has at most `axes` axes.
const fn with_axes(name: &'static str, axes: usize) -> Builtin {
    Builtin {
        output: Output::Axes(axes),
        ..plain(name)
    }
}

const fn switch(name: &'static str, value: bool) -> Choice {
    Choice {
        name,
        value: Value::Switch(value),
    }
}

const fn number(name: &'static str, default: usize) -> Choice {
    Choice {
        name,
        value: Value::Number(Default::Is(default)),
    }
}

/// An option with a number that the library chooses if it is omitted.
const fn optional(name: &'static str) -> Choice {
    Choice {
        name,
        value: Value::Number(Default::None),
    }
}

/// An option that may have a number, `default` without one.
const fn level(name: &'static str, default: usize) -> Choice {
    Choice {
        name,
        value: Value::Level(default),
    }
}

const fn pair(name: &'static str, default: usize) -> Choice {
    Choice {
        name,
        value: Value::Pair(Default::Is(default)),
    }
}

/// The stride of pooling along one axis, by default the size of the window.
const STRIDE: Choice = Choice {
    name: "Stride",
    value: Value::Number(Default::Size(0)),
};
/// The strides of pooling along two axes.
const STRIDES: Choice = Choice {
    name: "Stride",
    value: Value::Pair(Default::Size(0)),
};

/// A layer with one size over images or sequences.
const fn sized(
    name: &'static str,
    size: &'static [Size; 1],
    options: &'static [Choice],
    axes: usize,
) -> Builtin {
    Builtin {
        sizes: Sizes::Named(size),
        options,
        output: Output::Axes(axes),
        ..plain(name)
    }
}

const KERNEL: &[Size; 1] = &[Size {
    name: "kernel_size",
    form: Form::Number,
}];
const KERNELS: &[Size; 1] = &[Size {
    name: "kernel_size",
    form: Form::Pair,
}];
const OUTPUT: &[Size; 1] = &[Size {
    name: "output_size",
    form: Form::Number,
}];
const OUTPUTS: &[Size; 1] = &[Size {
    name: "output_size",
    form: Form::Pair,
}];
const SCALE: &[Size; 1] = &[Size {
    name: "scale_factor",
    form: Form::Pair,
}];
const ENDS: &[Size; 1] = &[Size {
    name: "padding",
    form: Form::Pair,
}];
const OVERLAP: &[Size; 1] = &[Size {
    name: "overlap",
    form: Form::Number,
}];
const SIDES: &[Size; 1] = &[Size {
    name: "padding",
    form: Form::Sides,
}];

const IN_CHANNELS: Size = Size {
    name: "in_channels",
    form: Form::Inferred,
};
const NUM_FEATURES: Sizes = Sizes::Named(&[Size {
    name: "num_features",
    form: Form::Inferred,
}]);
const OUT_CHANNELS: Size = Size {
    name: "out_channels",
    form: Form::Number,
};

const RECURRENT: Sizes = Sizes::Named(&[
    Size {
        name: "input_size",
        form: Form::Inferred,
    },
    Size {
        name: "hidden_size",
        form: Form::Number,
    },
]);

/// A recurrent layer.
const fn recurrent(name: &'static str, options: &'static [Choice]) -> Builtin {
    Builtin {
        sizes: RECURRENT,
        options,
        derived: 7,
        arguments: 1,
        sources: 4,
        has_params: true,
        output: Output::Axes(2),
        ..plain(name)
    }
}

const LAYERS: Choice = number("Layers", 1);
const BIDIRECTIONAL: Choice = switch("Bidirectional", true);
const NO_BIAS: Choice = switch("NoBias", false);
const MASKED: Choice = switch("Masked", true);
const INITIAL_STATE: Choice = switch("InitialState", true);
/// The option of recurrent layers that makes their output a tuple.
pub const FINAL_STATE: Choice = switch("FinalState", true);

pub const BUILTINS: &[Builtin] = &[
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "in_features",
                form: Form::Inferred,
            },
            Size {
                name: "out_features",
                form: Form::Number,
            },
        ]),
        options: &[switch("NoBias", false)],
        has_params: true,
        output: Output::NoMoreAxes,
        ..plain("Linear")
    },
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "num_embeddings",
                form: Form::Number,
            },
            Size {
                name: "embedding_dim",
                form: Form::Number,
            },
        ]),
        options: &[optional("PaddingIdx")],
        has_params: true,
        ..plain("Embedding")
    },
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "embedding_dim",
                form: Form::Inferred,
            },
            Size {
                name: "num_embeddings",
                form: Form::Number,
            },
        ]),
        has_params: true,
        output: Output::NoMoreAxes,
        ..plain("Unembedding")
    },
    Builtin {
        sizes: Sizes::Named(&[
            IN_CHANNELS,
            OUT_CHANNELS,
            Size {
                name: "kernel_size",
                form: Form::Number,
            },
        ]),
        options: &[
            number("Stride", 1),
            number("Pad", 0),
            number("Dilation", 1),
            number("Groups", 1),
            switch("Causal", true),
            switch("NoBias", false),
        ],
        derived: 1,
        has_params: true,
        output: Output::Axes(2),
        ..plain("Conv1d")
    },
    Builtin {
        sizes: Sizes::Named(&[
            IN_CHANNELS,
            OUT_CHANNELS,
            Size {
                name: "kernel_size",
                form: Form::Pair,
            },
        ]),
        options: &[
            pair("Stride", 1),
            pair("Pad", 0),
            pair("Dilation", 1),
            number("Groups", 1),
            switch("NoBias", false),
        ],
        derived: 1,
        has_params: true,
        output: Output::Axes(3),
        ..plain("Conv2d")
    },
    Builtin {
        sizes: Sizes::Named(&[
            IN_CHANNELS,
            OUT_CHANNELS,
            Size {
                name: "kernel_size",
                form: Form::Pair,
            },
        ]),
        options: &[
            pair("Stride", 1),
            pair("Pad", 0),
            pair("OutputPad", 0),
            pair("Dilation", 1),
            number("Groups", 1),
            switch("NoBias", false),
        ],
        derived: 1,
        has_params: true,
        output: Output::Axes(3),
        ..plain("ConvTranspose2d")
    },
    recurrent(
        "Lstm",
        &[
            LAYERS,
            BIDIRECTIONAL,
            NO_BIAS,
            MASKED,
            INITIAL_STATE,
            FINAL_STATE,
        ],
    ),
    recurrent(
        "Gru",
        &[
            LAYERS,
            BIDIRECTIONAL,
            NO_BIAS,
            MASKED,
            INITIAL_STATE,
            FINAL_STATE,
            switch("ResetBefore", true),
            switch("Relu", true),
        ],
    ),
    recurrent(
        "Rnn",
        &[
            LAYERS,
            BIDIRECTIONAL,
            NO_BIAS,
            MASKED,
            INITIAL_STATE,
            FINAL_STATE,
            switch("Relu", true),
        ],
    ),
    Builtin {
        sizes: Sizes::Named(&[Size {
            name: "cell",
            form: Form::Network,
        }]),
        options: &[INITIAL_STATE, FINAL_STATE],
        derived: 1,
        sources: 4,
        has_params: true,
        ..plain("Scan")
    },
    sized(
        "MaxPool1d",
        KERNEL,
        &[STRIDE, number("Pad", 0), number("Dilation", 1)],
        2,
    ),
    sized(
        "MaxPool2d",
        KERNELS,
        &[STRIDES, pair("Pad", 0), pair("Dilation", 1)],
        3,
    ),
    sized(
        "AvgPool1d",
        KERNEL,
        &[STRIDE, number("Pad", 0), switch("ExcludePad", false)],
        2,
    ),
    sized(
        "AvgPool2d",
        KERNELS,
        &[STRIDES, pair("Pad", 0), switch("ExcludePad", false)],
        3,
    ),
    sized("AdaptiveMaxPool1d", OUTPUT, &[], 2),
    sized("AdaptiveMaxPool2d", OUTPUTS, &[], 3),
    sized("AdaptiveAvgPool1d", OUTPUT, &[], 2),
    sized("AdaptiveAvgPool2d", OUTPUTS, &[], 3),
    with_axes("GlobalAvgPool1d", 1),
    with_axes("GlobalAvgPool2d", 1),
    Builtin {
        sources: 2,
        ..with_axes("MeanOverTime", 1)
    },
    Builtin {
        sources: 2,
        ..with_axes("MaxOverTime", 1)
    },
    sized("ZeroPad1d", ENDS, &[], 2),
    sized("ReflectionPad1d", ENDS, &[], 2),
    sized("ReplicationPad1d", ENDS, &[], 2),
    sized("ZeroPad2d", SIDES, &[], 3),
    sized("ReflectionPad2d", SIDES, &[], 3),
    sized("ReplicationPad2d", SIDES, &[], 3),
    sized("Overlap", OVERLAP, &[], 3),
    sized("Upsample", SCALE, &[], 3),
    sized("UpsampleBilinear", SCALE, &[], 3),
    Builtin {
        sizes: Sizes::Named(&[Size {
            name: "index",
            form: Form::Number,
        }]),
        ..plain("SelectPart")
    },
    with_axes("Flatten", 1),
    Builtin {
        output: Output::NoMoreAxes,
        ..plain("SelectLast")
    },
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "start",
                form: Form::Number,
            },
            Size {
                name: "length",
                form: Form::Number,
            },
        ]),
        output: Output::NoMoreAxes,
        ..plain("Slice")
    },
    Builtin {
        output: Output::NoMoreAxes,
        sizes: Sizes::Named(&[
            Size {
                name: "start",
                form: Form::Number,
            },
            Size {
                name: "length",
                form: Form::Number,
            },
        ]),
        ..plain("SliceFeatures")
    },
    Builtin {
        sizes: Sizes::Axes,
        ..plain("Expand")
    },
    Builtin {
        sizes: NUM_FEATURES,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("Affine")
    },
    joint("Sub", 2),
    joint("Div", 2),
    joint("MatMul", 2),
    joint("Maximum", 2),
    joint("Minimum", 2),
    joint("Equal", 2),
    joint("Greater", 2),
    joint("Where", 3),
    joint("Reparameterize", 2),
    elementwise("Exp", 0),
    elementwise("Log", 0),
    elementwise("Sqrt", 0),
    elementwise("Pow", 1),
    elementwise("Abs", 0),
    elementwise("Erf", 0),
    elementwise("Sin", 0),
    elementwise("Cos", 0),
    elementwise("Floor", 0),
    Builtin {
        output: Output::NoMoreAxes,
        ..plain("Transpose")
    },
    Builtin {
        sizes: Sizes::Axes,
        output: Output::NoMoreAxes,
        ..plain("Permute")
    },
    Builtin {
        output: Output::NoMoreAxes,
        ..plain("IsMissing")
    },
    Builtin {
        sizes: NUM_FEATURES,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("Standardize")
    },
    Builtin {
        sizes: Sizes::Axes,
        ..plain("Reshape")
    },
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "embed_dim",
                form: Form::Inferred,
            },
            Size {
                name: "num_heads",
                form: Form::Number,
            },
        ]),
        options: &[
            switch("Causal", true),
            switch("Cross", true),
            switch("KeyPaddingMask", true),
            switch("AttentionBias", true),
            optional("KvHeads"),
            optional("HeadDim"),
            level("Rotary", 10_000),
            level("RotaryInterleaved", 10_000),
            optional("Window"),
            switch("NoBias", false),
        ],
        derived: 6,
        length: Some(16),
        arguments: 1,
        sources: 4,
        has_params: true,
        output: Output::Axes(2),
        ..plain("MultiHeadAttention")
    },
    Builtin {
        sizes: Sizes::Optional(&[Size {
            name: "num_positions",
            form: Form::Inferred,
        }]),
        derived: 1,
        length: Some(0),
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("PositionalEmbedding")
    },
    Builtin {
        output: Output::InputOrMistake,
        ..plain("PositionalEncoding")
    },
    elementwise("Dropout", 1),
    Builtin {
        arguments: 1,
        output: Output::InputOrMistake,
        ..plain("Dropout2d")
    },
    elementwise("Relu", 0),
    elementwise("Relu6", 0),
    elementwise("LeakyRelu", 1),
    Builtin {
        sizes: Sizes::Optional(&[Size {
            name: "num_parameters",
            form: Form::Inferred,
        }]),
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("PRelu")
    },
    elementwise("Elu", 1),
    elementwise("Selu", 0),
    elementwise("Celu", 1),
    elementwise("Gelu", 0),
    elementwise("GeluTanh", 0),
    elementwise("Silu", 0),
    elementwise("Mish", 0),
    elementwise("Softplus", 2),
    elementwise("Softsign", 0),
    elementwise("Tanh", 0),
    elementwise("HardTanh", 2),
    elementwise("Sigmoid", 0),
    elementwise("LogSigmoid", 0),
    elementwise("HardSigmoid", 0),
    elementwise("HardSwish", 0),
    Builtin {
        output: Output::InputOrMistake,
        ..plain("Softmax")
    },
    Builtin {
        output: Output::InputOrMistake,
        ..plain("LogSoftmax")
    },
    Builtin {
        output: Output::NoMoreAxes,
        ..plain("Glu")
    },
    Builtin {
        output: Output::NoMoreAxes,
        ..plain("Magnitude")
    },
    Builtin {
        sizes: Sizes::LastAxes,
        options: &[switch("NoBias", false), switch("NoAffine", false)],
        arguments: 1,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("LayerNorm")
    },
    Builtin {
        sizes: Sizes::LastAxes,
        options: &[switch("NoAffine", false)],
        arguments: 1,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("RmsNorm")
    },
    Builtin {
        sizes: Sizes::Named(&[
            Size {
                name: "num_groups",
                form: Form::Number,
            },
            Size {
                name: "num_channels",
                form: Form::Inferred,
            },
        ]),
        options: &[switch("NoAffine", false)],
        arguments: 1,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("GroupNorm")
    },
    Builtin {
        sizes: NUM_FEATURES,
        options: &[switch("Affine", true)],
        arguments: 1,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("InstanceNorm2d")
    },
    Builtin {
        sizes: NUM_FEATURES,
        options: &[switch("NoAffine", false)],
        arguments: 2,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("BatchNorm1d")
    },
    Builtin {
        sizes: NUM_FEATURES,
        options: &[switch("NoAffine", false)],
        arguments: 2,
        has_params: true,
        output: Output::InputOrMistake,
        ..plain("BatchNorm2d")
    },
];

impl Builtin {
    /// Returns whether the layer runs a network that is written between its angle brackets.
    pub fn runs_network(&self) -> bool {
        matches!(
            self.sizes,
            Sizes::Named([Size {
                form: Form::Network,
                ..
            }])
        )
    }
}

/// Returns the built-in layer of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// Returns the built-in layer that a name is probably meant to be.
///
/// A name that extends a built-in one (`Linear2`), or ends in another number (`Relu2`), is taken
/// for a layer of the user's own. So is a name of three letters, unless it differs in case only:
/// too many short names are near each other.
pub fn nearest(name: &str) -> Option<&'static Builtin> {
    let allowed = match name.len() {
        0..4 => 0,
        4..7 => 1,
        _ => 2,
    };

    let letters = |name: &str| {
        name.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    };

    BUILTINS
        .iter()
        .filter(|builtin| !name.starts_with(builtin.name) && letters(name) != letters(builtin.name))
        .map(|builtin| {
            let distance = if builtin.name.eq_ignore_ascii_case(name) {
                0
            } else {
                distance(builtin.name, name)
            };
            (distance, builtin)
        })
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, builtin)| builtin)
}

/// Returns the Damerau-Levenshtein distance: the number of letters to change, insert, delete or
/// swap with their neighbour.
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();

    // `edits[i][j]` is the distance of the first `i` letters of `a` from the first `j` of `b`.
    let mut edits = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                edits[i][j] = i + j;
                continue;
            }

            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (edits[i - 1][j] + 1)
                .min(edits[i][j - 1] + 1)
                .min(edits[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(edits[i - 2][j - 2] + 1);
            }
            edits[i][j] = best;
        }
    }
    edits[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{BUILTINS, distance, find, nearest};

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("Linear", "Linear"), 0);
        assert_eq!(distance("Linear", "Liner"), 1);
        assert_eq!(distance("Linear", "Lienar"), 1);
        assert_eq!(distance("Relu", "Tanh"), 4);
    }

    #[test]
    fn near_names_are_mistakes_and_longer_ones_are_not() {
        assert_eq!(nearest("Liner").map(|b| b.name), Some("Linear"));
        assert_eq!(nearest("ReLU").map(|b| b.name), Some("Relu"));
        assert_eq!(nearest("Droupot").map(|b| b.name), Some("Dropout"));
        for (misspelt, meant) in [
            ("ELU", "Elu"),
            ("SiLU", "Silu"),
            ("GLU", "Glu"),
            ("PReLU", "PRelu"),
            ("ReLU6", "Relu6"),
            ("LeakyReLU", "LeakyRelu"),
            ("LeakRelu", "LeakyRelu"),
            ("Hardtanh", "HardTanh"),
            ("HardSwich", "HardSwish"),
            ("SoftPlus", "Softplus"),
            ("GeluTahn", "GeluTanh"),
            ("LogSofmax", "LogSoftmax"),
        ] {
            assert_eq!(nearest(misspelt).map(|b| b.name), Some(meant), "{misspelt}");
        }

        assert!(nearest("Linear2").is_none());
        assert!(nearest("Relu2").is_none());
        assert!(nearest("Scale").is_none());
        assert!(nearest("Encoder").is_none());
    }

    #[test]
    fn no_name_is_taken_for_another() {
        for builtin in BUILTINS {
            assert_eq!(find(builtin.name).map(|b| b.name), Some(builtin.name));
            assert_eq!(
                BUILTINS
                    .iter()
                    .filter(|b| b.name.eq_ignore_ascii_case(builtin.name))
                    .count(),
                1
            );
        }
    }
}
