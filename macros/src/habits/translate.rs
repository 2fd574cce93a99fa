//! Arguments of other libraries as sizes, options and arguments of a layer here.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{Arg, words};
use crate::builtin::{Builtin, Choice, Form, Sizes, Value};
use crate::check::written;
use crate::generics::split;

/// The order of arguments in PyTorch.
fn order(name: &str) -> &'static [&'static str] {
    match name {
        "Linear" => &["in_features", "out_features", "bias"],
        "Conv1d" | "Conv2d" => &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "bias",
        ],
        "ConvTranspose2d" => &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "output_padding",
            "groups",
            "bias",
            "dilation",
        ],
        "MaxPool1d" | "MaxPool2d" => &["kernel_size", "stride", "padding", "dilation"],
        "AvgPool1d" | "AvgPool2d" => &["kernel_size", "stride", "padding"],
        "AdaptiveAvgPool1d" | "AdaptiveAvgPool2d" | "AdaptiveMaxPool1d" | "AdaptiveMaxPool2d" => {
            &["output_size"]
        }
        "Embedding" => &["num_embeddings", "embedding_dim", "padding_idx"],
        "Lstm" | "Gru" => &[
            "input_size",
            "hidden_size",
            "num_layers",
            "bias",
            "batch_first",
            "dropout",
            "bidirectional",
        ],
        "Rnn" => &[
            "input_size",
            "hidden_size",
            "num_layers",
            "nonlinearity",
            "bias",
            "batch_first",
            "dropout",
            "bidirectional",
        ],
        "BatchNorm1d" | "BatchNorm2d" | "InstanceNorm2d" => {
            &["num_features", "eps", "momentum", "affine"]
        }
        "GroupNorm" => &["num_groups", "num_channels", "eps", "affine"],
        "PRelu" => &["num_parameters"],
        "ZeroPad1d" | "ReflectionPad1d" | "ReplicationPad1d" | "ZeroPad2d" | "ReflectionPad2d"
        | "ReplicationPad2d" => &["padding"],
        "Upsample" | "UpsampleBilinear" => &["scale_factor"],
        "Dropout" | "Dropout2d" => &["p"],
        "LeakyRelu" => &["negative_slope"],
        "Elu" | "Celu" => &["alpha"],
        "Softplus" => &["beta", "threshold"],
        "HardTanh" => &["min_val", "max_val"],
        _ => &[],
    }
}

/// The order of arguments in Keras, where it differs.
fn keras_order(name: &str) -> &'static [&'static str] {
    match name {
        "Linear" => &["out_features", "activation"],
        "Conv1d" | "Conv2d" | "ConvTranspose2d" => {
            &["out_channels", "kernel_size", "stride", "padding"]
        }
        "BatchNorm2d" => &[],
        "Lstm" | "Gru" | "Rnn" => &["hidden_size"],
        name => order(name),
    }
}

/// Returns PyTorch's name for an argument of Keras.
fn pytorch_name<'a>(builtin: &Builtin, key: &'a str) -> &'a str {
    match key {
        "units" if is_recurrent(builtin) => "hidden_size",
        "activation" if is_recurrent(builtin) => "nonlinearity",
        "units" | "d_output" => "out_features",
        "d_input" => "in_features",
        "filters" => "out_channels",
        "strides" => "stride",
        "pool_size" => "kernel_size",
        "size" => "scale_factor",
        "input_dim" => "num_embeddings",
        "output_dim" => "embedding_dim",
        "rate" => "p",
        "use_bias" => "bias",
        "elementwise_affine" => "affine",
        "momentum" | "eps" => key,
        key => key,
    }
}

/// Returns PyTorch's name for the argument that Flax calls `features`.
fn output_of(builtin: &Builtin) -> &'static str {
    match builtin.name {
        "Linear" => "out_features",
        "Embedding" => "embedding_dim",
        "Lstm" | "Gru" | "Rnn" => "hidden_size",
        _ => "out_channels",
    }
}

/// Returns whether a layer is a recurrent one.
pub fn is_recurrent(builtin: &Builtin) -> bool {
    matches!(builtin.name, "Lstm" | "Gru" | "Rnn")
}

/// PyTorch's name for an option.
fn key_of_option(name: &str) -> &str {
    match name {
        "Stride" => "stride",
        "Pad" => "padding",
        "Dilation" => "dilation",
        "Groups" => "groups",
        "NoBias" => "bias",
        "OutputPad" => "output_padding",
        "PaddingIdx" => "padding_idx",
        "NoAffine" | "Affine" => "affine",
        "Layers" => "num_layers",
        "Bidirectional" => "bidirectional",
        "Relu" => "nonlinearity",
        "ResetBefore" => "reset_after",
        "Masked" => "mask",
        "InitialState" => "h0",
        "FinalState" => "return_state",
        _ => "count_include_pad",
    }
}

/// Returns whether what is written between angle brackets is a habit of another library: values
/// without names for options, lists of sizes, or numbers for arguments.
pub fn is_angle_habit(builtin: &Builtin, args: &[Arg]) -> bool {
    let is_group = |arg: &Arg| {
        group_of(&arg.value)
            .is_some_and(|(found, inner)| found == Delimiter::Bracket || split(inner).len() > 1)
    };
    let has_list = |delimiter: Delimiter| {
        let mut groups = args.iter().filter_map(|arg| group_of(&arg.value));
        groups.any(|(found, _)| found == delimiter)
    };
    let asks_same = args.iter().any(|arg| is_same(&arg.value));

    match builtin.sizes {
        Sizes::Axes => args.iter().any(is_group),
        Sizes::Named([]) => {
            builtin.arguments > 0
                && args.iter().all(|arg| is_literal(&arg.value))
                && !args.is_empty()
        }
        Sizes::Named(sizes) if !builtin.options.is_empty() => {
            let rest = args.get(sizes.len()..).unwrap_or_default();
            let order = order(builtin.name);
            let is_value = |arg: &Arg| is_literal(&arg.value) || is_bool(&arg.value);
            let fits = |(index, arg): (usize, &Arg)| {
                let key = order.get(sizes.len() + index).copied().unwrap_or_default();
                is_value(arg)
                    && is_bool(&arg.value) == matches!(key, "bias" | "affine")
                    && !key.is_empty()
            };
            let positional = !rest.is_empty() && rest.iter().enumerate().all(fits);
            asks_same || positional || has_list(Delimiter::Bracket)
        }
        _ => has_list(Delimiter::Bracket),
    }
}

/// Returns whether an argument is a whole number, or a list of them.
pub fn is_size(arg: &Arg) -> bool {
    group_of(&arg.value).is_some() || integer(&arg.value).is_some()
}

/// Returns whether arguments in parentheses are sizes, where a layer may have other arguments.
pub fn has_sizes(builtin: &Builtin, args: &[Arg]) -> bool {
    matches!(builtin.sizes, Sizes::LastAxes) && args.first().is_some_and(is_size)
}

/// Returns the layer as it is written here, and the layers behind it.
pub fn translate(builtin: &Builtin, args: &[Arg], keras: bool) -> (String, Option<String>) {
    let is_tanh = |arg: &Arg| {
        arg.key.as_deref() == Some("approximate") && arg.value.to_string().contains("tanh")
    };
    if builtin.name == "Gelu" && args.iter().any(is_tanh) {
        return ("GeluTanh".to_owned(), None);
    }

    let order = if keras {
        keras_order(builtin.name)
    } else {
        order(builtin.name)
    };
    let mut values: Vec<(String, TokenStream)> = Vec::new();
    let mut free = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        let key = match &arg.key {
            Some(key) if key == "features" => Some(output_of(builtin)),
            Some(key) if !key.is_empty() => Some(pytorch_name(builtin, key)),
            _ if is_same(&arg.value) => Some("padding"),
            _ if option_of(builtin, &arg.value).is_some() => {
                option_of(builtin, &arg.value).map(key_of_option)
            }
            _ => order.get(index).copied(),
        };
        match key {
            Some(key) => values.push((key.to_owned(), arg.value.clone())),
            None => free.push(arg.value.clone()),
        }
    }
    let value = |key: &str| {
        let mut found = values.iter().filter(|(own, _)| own == key);
        found.next().map(|(_, value)| value.clone())
    };

    let mut inside = match builtin.sizes {
        Sizes::Named(sizes) | Sizes::Optional(sizes) => {
            let size = |size: &crate::builtin::Size| match value(size.name) {
                Some(value) => size_text(&value, size.form),
                None if size.form == Form::Inferred => "_".to_owned(),
                None => "..".to_owned(),
            };
            let is_given = sizes.iter().any(|size| value(size.name).is_some());
            let is_needed = matches!(builtin.sizes, Sizes::Named(_));
            let given = sizes.iter().filter(|_| is_needed || is_given);
            given.map(size).collect()
        }
        Sizes::Axes | Sizes::LastAxes => {
            let all = free.iter().flat_map(flattened);
            let size = |size: TokenStream| match written(&size).as_str() {
                "-1" => "_".to_owned(),
                size => size.to_owned(),
            };
            all.map(size).collect::<Vec<_>>()
        }
    };
    let kernel = value("kernel_size");
    inside.extend(builtin.options.iter().filter_map(|option| {
        let value = value(key_of_option(option.name))?;
        option_text(option, &value, kernel.as_ref())
    }));

    let mut text = builtin.name.to_owned();
    if !inside.is_empty() {
        text = format!("{text}<{}>", inside.join(", "));
    }
    if builtin.arguments > 0 && !matches!(builtin.sizes, Sizes::LastAxes) {
        let is_size_or_option = |key: &str| {
            let is_size = match builtin.sizes {
                Sizes::Named(sizes) | Sizes::Optional(sizes) => {
                    sizes.iter().any(|size| size.name == key)
                }
                _ => false,
            };
            is_size
                || builtin
                    .options
                    .iter()
                    .any(|option| key_of_option(option.name) == key)
        };
        // Other arguments of recurrent layers have no counterpart.
        let is_own = |key: &str| match is_recurrent(builtin) {
            true => key == "dropout" && !keras,
            false => !is_size_or_option(key),
        };
        let own = values.iter().filter(|(key, _)| is_own(key));
        let own: Vec<String> = own.map(|(_, value)| written(value)).collect();
        if own.len() == builtin.arguments {
            text = format!("{text}({})", own.join(", "));
        }
    }
    let is_false = |key: &str| value(key).is_some_and(|value| value.to_string() == "False");
    let gives_last = keras && (value("return_sequences").is_none() || is_false("return_sequences"));
    if is_recurrent(builtin) {
        return (text, gives_last.then(|| "SelectLast".to_owned()));
    }
    let then = value("activation").and_then(|name| {
        let name = name.to_string();
        words::find(name.trim_matches('"')).map(|meant| meant.name.to_owned())
    });
    (text, then)
}

/// Returns the name of the option that a value already is.
fn option_of(builtin: &Builtin, value: &TokenStream) -> Option<&'static str> {
    let (name, _) = name_of(value)?;
    let mut options = builtin.options.iter();
    options
        .find(|option| option.name == name)
        .map(|option| option.name)
}

/// Returns a size as it is written here.
fn size_text(value: &TokenStream, form: Form) -> String {
    let Some((_, inner)) = group_of(value) else {
        return written(value);
    };
    let parts: Vec<String> = split(inner).iter().map(written).collect();
    match (form, &parts[..]) {
        (Form::Pair | Form::Sides, [_, _, ..]) => format!("({})", parts.join(", ")),
        (Form::Pair, [one]) => format!("({one}, {one})"),
        _ => parts.join(", "),
    }
}

/// Returns an option as it is written here, unless it has its default.
fn option_text(
    option: &Choice,
    value: &TokenStream,
    kernel: Option<&TokenStream>,
) -> Option<String> {
    let text = value.to_string();
    if name_of(value).is_some_and(|(name, _)| name == option.name) && !is_same(value) {
        return Some(written(value));
    }

    if let Value::Switch(on) = option.value {
        // The names of nonlinearities, and the opposite of `reset_after`.
        if option.name == "Relu" {
            let is_relu = text.trim_matches(['"', '\'']).eq_ignore_ascii_case("relu");
            return is_relu.then(|| option.name.to_owned());
        }
        let on = on != (option.name == "ResetBefore");
        let wanted = match text.to_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" | "none" => false,
            // Something else in this place, such as the weights of candle's layers.
            _ => return None,
        };
        return (wanted == on).then(|| option.name.to_owned());
    }

    if is_same(value) {
        let same = match kernel.and_then(integer) {
            Some(kernel) => (kernel.saturating_sub(1) / 2).to_string(),
            None => "..".to_owned(),
        };
        return Some(format!("{}<{same}>", option.name));
    }

    if text.trim_matches('"').eq_ignore_ascii_case("valid") {
        return None;
    }

    let inner = match group_of(value) {
        Some((_, inner)) => written(&inner),
        None => written(value),
    };
    Some(format!("{}<{inner}>", option.name))
}

/// Returns whether a value asks for padding that keeps the size: `"same"`, `Same`, `Pad<same>`.
fn is_same(value: &TokenStream) -> bool {
    let mut tokens = value.clone().into_iter();
    let is = |token: &TokenTree| {
        token
            .to_string()
            .trim_matches('"')
            .eq_ignore_ascii_case("same")
    };
    let is_padding = name_of(value).is_some_and(|(name, len)| {
        matches!(name.as_str(), "Pad" | "Padding" | "padding") && len == 4
    });
    match tokens.next() {
        Some(first) if is(&first) && tokens.next().is_none() => true,
        Some(_) if is_padding => value
            .clone()
            .into_iter()
            .nth(2)
            .is_some_and(|token| is(&token)),
        _ => false,
    }
}

/// Returns the first name and the number of tokens.
fn name_of(value: &TokenStream) -> Option<(String, usize)> {
    match value.clone().into_iter().next()? {
        TokenTree::Ident(name) => Some((name.to_string(), value.clone().into_iter().count())),
        _ => None,
    }
}

/// Returns the sizes inside brackets, or the value itself.
fn flattened(value: &TokenStream) -> Vec<TokenStream> {
    match group_of(value) {
        Some((_, inner)) => split(inner),
        None => vec![value.clone()],
    }
}

/// Returns the inside of brackets, if the value is nothing else.
fn group_of(value: &TokenStream) -> Option<(Delimiter, TokenStream)> {
    let mut tokens = value.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() != Delimiter::Brace => {
            Some((group.delimiter(), group.stream()))
        }
        _ => None,
    }
}

fn is_literal(value: &TokenStream) -> bool {
    let mut tokens = value.clone().into_iter();
    matches!(
        (tokens.next(), tokens.next()),
        (Some(TokenTree::Literal(_)), None)
    )
}

fn is_bool(value: &TokenStream) -> bool {
    matches!(
        value.to_string().as_str(),
        "true" | "false" | "True" | "False"
    )
}

fn integer(value: &TokenStream) -> Option<usize> {
    value.to_string().replace('_', "").parse().ok()
}
