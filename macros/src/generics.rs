//! The generic arguments of a built-in layer, from its sizes and options as they are written.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, LitInt};

use crate::builtin::{Builtin, Form, Size, Sizes};
use crate::check::{Argument, whole_number, written};
use crate::options::{self, is_option, meant_as_option};
use crate::parse::{Generic, Layer};
use crate::spans::{braced, ours};

/// Returns the generic arguments of a built-in layer, or `None` if a mistake leaves its output
/// shape unknown.
pub fn of_builtin(
    builtin: &Builtin,
    layer: &Layer,
    errors: &mut Vec<Error>,
) -> Option<Vec<Argument>> {
    if let Sizes::Optional(sizes) = builtin.sizes
        && layer.generics.is_empty()
    {
        // The defaults of the type, unless its other sizes depend on these.
        let inferred = match builtin.derived {
            0 => 0,
            derived => sizes.len() + derived,
        };
        return Some((0..inferred).map(Argument::Inferred).collect());
    }

    // The numbers of each size stay apart: options may have them as their defaults.
    let (mut given, rest) = match &builtin.sizes {
        Sizes::Axes => return axes(builtin, layer, errors),
        Sizes::LastAxes => last_axes(builtin, layer, errors)?,
        Sizes::Named(sizes) | Sizes::Optional(sizes) => named(builtin, sizes, layer, errors)?,
    };
    given.extend(options::of_builtin(builtin, rest, &given, errors)?);

    let inferred = given
        .iter()
        .flatten()
        .filter(|size| matches!(size, Argument::Inferred(_)))
        .count();
    let derived = (0..builtin.derived).map(|i| Argument::Inferred(inferred + i));
    Some(given.into_iter().flatten().chain(derived).collect())
}

/// Returns generic arguments for a layer after a mistake in them, so that its parameters have their
/// names: those that can be read, and 1 for the others. `None` for a layer without parameters.
pub fn guess(builtin: &Builtin, layer: &Layer) -> Option<Vec<Argument>> {
    if !builtin.has_params {
        return None;
    }
    let one = || Argument::Given(quote!(1));
    let sizes = match builtin.sizes {
        Sizes::Named(sizes) | Sizes::Optional(sizes) => sizes,
        Sizes::Axes => return None,
        Sizes::LastAxes => {
            let mut given = vec![one(), Argument::Inferred(0), one(), one()];
            given.extend(options::defaults(builtin, &[vec![one()]]));
            return Some(given);
        }
    };

    let written = layer.generics.len();
    let omitted = match layer.generics.first() {
        Some(Generic::Other(_)) if sizes[0].form == Form::Inferred => {
            sizes.len().saturating_sub(written)
        }
        _ => 0,
    };
    let mut inferred = 0;
    let mut given = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let generic = index
            .checked_sub(omitted)
            .and_then(|at| layer.generics.get(at));
        if size.form == Form::Network {
            let Some(Generic::Other(tokens)) = generic else {
                return None;
            };
            syn::parse2::<syn::TypePath>(tokens.clone()).ok()?;
            given.push(vec![Argument::Given(tokens.clone())]);
            continue;
        }
        let number = match generic {
            Some(Generic::Other(tokens)) => whole_part(tokens).map(|number| quote!(#number)),
            _ => None,
        };
        let argument = match number {
            Some(number) => Argument::Given(number),
            None if size.form == Form::Inferred => {
                inferred += 1;
                Argument::Inferred(inferred - 1)
            }
            None => one(),
        };
        let count = match size.form {
            Form::Number | Form::Inferred | Form::Network => 1,
            Form::Pair => 2,
            Form::Sides => 4,
        };
        given.push(vec![argument; count]);
    }
    let options = options::defaults(builtin, &given);
    let derived = (0..builtin.derived).map(|index| Argument::Inferred(inferred + index));
    Some(
        given
            .into_iter()
            .flatten()
            .chain(options)
            .chain(derived)
            .collect(),
    )
}

/// Returns the whole part of a number that is written as a literal.
fn whole_part(tokens: &TokenStream) -> Option<usize> {
    let text = tokens.to_string().replace('_', "");
    let digits = text.trim_matches('"').split('.').next()?;
    digits
        .parse()
        .ok()
        .filter(|&number| number > 0 && number < 1 << 20)
}

/// The numbers of each size of a layer, and the generic arguments that are written after the sizes.
type SizesAndRest<'a> = (Vec<Vec<Argument>>, &'a [Generic]);

/// Reads a fixed list of sizes.
fn named<'a>(
    builtin: &Builtin,
    sizes: &[Size],
    layer: &'a Layer,
    errors: &mut Vec<Error>,
) -> Option<SizesAndRest<'a>> {
    let errors_before = errors.len();
    let name = builtin.name;

    let written = layer
        .generics
        .iter()
        .take(sizes.len())
        .take_while(|generic| !is_option(builtin, generic))
        .count();
    if written < sizes.len() {
        let message = missing_size(name, sizes, &layer.generics[..written]);
        errors.push(Error::new(layer.layer_tokens.span(), message));
        return None;
    }

    let mut inferred = 0;
    let mut given = Vec::new();
    for (generic, size) in layer.generics.iter().zip(sizes) {
        given.push(numbers_of_size(name, size, generic, &mut inferred, errors));
    }
    (errors.len() == errors_before).then_some((given, &layer.generics[sizes.len()..]))
}

/// The sentence about sizes that are not there. If they can be `_`, it has those that are there.
fn missing_size(name: &str, sizes: &[Size], given: &[Generic]) -> String {
    if sizes[given.len()].form == Form::Network {
        return format!("`{name}` runs a network over time: write `{name}<Cell>` with its name");
    }
    let texts: Vec<String> = given
        .iter()
        .map(|generic| match generic {
            Generic::Infer(_) => "_".to_owned(),
            Generic::Other(tokens) => written(tokens),
        })
        .collect();
    let is_first = matches!(given.first(), Some(Generic::Other(_)))
        && sizes[0].form == Form::Inferred
        && given.len() + 1 == sizes.len();
    let is_last = sizes[given.len()..]
        .iter()
        .all(|size| size.form == Form::Inferred);
    let missing = if is_first {
        sizes[0].name
    } else {
        sizes[given.len()].name
    };

    let write = if is_first {
        format!("_, {}", texts.join(", "))
    } else if is_last {
        let others = sizes[given.len()..].iter().map(|_| "_".to_owned());
        texts
            .into_iter()
            .chain(others)
            .collect::<Vec<_>>()
            .join(", ")
    } else {
        let names: Vec<&str> = sizes.iter().map(|size| size.name).collect();
        names.join(", ")
    };
    format!("`{name}` is missing its {missing}: write `{name}<{write}>`")
}

/// Reads one size for each axis: the generic arguments are the number of axes and the sizes.
fn axes(builtin: &Builtin, layer: &Layer, errors: &mut Vec<Error>) -> Option<Vec<Argument>> {
    let errors_before = errors.len();
    let axes = layer.generics.len();
    if axes == 0 || axes > 4 {
        let message = format!(
            "`{}` takes 1 to 4 sizes, one for each axis, but {axes} are written",
            builtin.name
        );
        errors.push(Error::new(layer.layer_tokens.span(), message));
        return None;
    }

    let mut generics = vec![Argument::Given(quote!({ #axes }))];
    generics.extend(free_sizes(&layer.generics, errors));
    (errors.len() == errors_before).then_some(generics)
}

/// Reads sizes of the last axes: the generic arguments are their number and three sizes, of which
/// those beyond the number are 1.
fn last_axes<'a>(
    builtin: &Builtin,
    layer: &'a Layer,
    errors: &mut Vec<Error>,
) -> Option<SizesAndRest<'a>> {
    const MOST: usize = 3;
    let errors_before = errors.len();

    let axes = layer
        .generics
        .iter()
        .take_while(|generic| !meant_as_option(builtin, generic))
        .count();
    if axes > MOST {
        let message = format!(
            "`{}` takes up to {MOST} sizes, one for each of the last axes, but {axes} are written",
            builtin.name
        );
        errors.push(Error::new(layer.layer_tokens.span(), message));
        return None;
    }

    let (sizes, options) = layer.generics.split_at(axes);
    let rank = axes.max(1);
    let mut given = vec![Argument::Given(quote!({ #rank }))];
    given.extend(if axes == 0 {
        vec![Argument::Inferred(0)]
    } else {
        free_sizes(sizes, errors)
    });
    given.resize(1 + MOST, Argument::Given(quote!(1)));
    (errors.len() == errors_before).then_some((vec![given], options))
}

/// Reads sizes that have no names.
fn free_sizes(generics: &[Generic], errors: &mut Vec<Error>) -> Vec<Argument> {
    let mut inferred = 0;
    let size = |generic: &Generic| match generic {
        Generic::Infer(_) => {
            inferred += 1;
            Argument::Inferred(inferred - 1)
        }
        Generic::Other(tokens) => number(tokens.clone(), errors),
    };
    generics.iter().map(size).collect()
}

/// Reads a number between the angle brackets.
///
/// The value of an expression is not known here. The library sees to it that it is not the number
/// that stands for `_`.
pub fn number(tokens: TokenStream, errors: &mut Vec<Error>) -> Argument {
    whole_number(&tokens, errors);
    let value = braced(&tokens);
    if is_small(&tokens) {
        return Argument::Given(value);
    }
    let span = ours(tokens.span());
    Argument::Given(quote_spanned! {span=>
        { let __size: usize = #value; __sw::written_size(__size) }
    })
}

/// Returns whether tokens are a literal that does not stand for `_` on any processor.
fn is_small(tokens: &TokenStream) -> bool {
    let literal = syn::parse2::<LitInt>(tokens.clone());
    literal.is_ok_and(|number| number.base10_parse().is_ok_and(|n: u32| n < u32::MAX))
}

/// Reads a size: one number, or as many as its form has. `inferred` counts the sizes written `_`.
fn numbers_of_size(
    name: &str,
    size: &Size,
    generic: &Generic,
    inferred: &mut usize,
    errors: &mut Vec<Error>,
) -> Vec<Argument> {
    let tokens = match generic {
        Generic::Infer(_) if size.form == Form::Inferred => {
            *inferred += 1;
            return vec![Argument::Inferred(*inferred - 1)];
        }
        Generic::Infer(underscore) if size.form == Form::Network => {
            let message =
                format!("`{name}` runs a network over time: write `{name}<Cell>` with its name");
            errors.push(Error::new(underscore.span(), message));
            return Vec::new();
        }
        Generic::Infer(underscore) => {
            let verb = if size.name.ends_with('s') {
                "are"
            } else {
                "is"
            };
            let message = format!(
                "the {} of `{name}` {verb} not fixed by its input: write a number",
                size.name
            );
            errors.push(Error::new(underscore.span(), message));
            return Vec::new();
        }
        Generic::Other(tokens) => tokens,
    };

    if size.form == Form::Network {
        if syn::parse2::<syn::TypePath>(tokens.clone()).is_err() {
            let message = format!(
                "`{name}` runs a network over time, but `{}` is no name of one",
                written(tokens)
            );
            errors.push(Error::new(tokens.span(), message));
        }
        return vec![Argument::Given(tokens.clone())];
    }

    let values = parenthesized(tokens).map(|group| split(group.stream()));
    let (count, what) = match size.form {
        Form::Number | Form::Inferred | Form::Network => (1, "one number"),
        Form::Pair => (2, "a number, or a pair such as `(3, 5)`"),
        Form::Sides => (4, "a number, or `(left, right, top, bottom)`"),
    };
    match values {
        Some(values) if values.len() == count => values
            .into_iter()
            .map(|value| number(value, errors))
            .collect(),
        Some(values) if values.len() != 1 => {
            let message = format!(
                "the {} of `{name}` is {what}, but `{}` is written",
                size.name,
                written(tokens)
            );
            errors.push(Error::new(tokens.span(), message));
            Vec::new()
        }
        _ => vec![number(tokens.clone(), errors); count],
    }
}

/// Returns the parentheses of a pair such as `(3, 5)`, if the tokens are nothing else.
fn parenthesized(tokens: &TokenStream) -> Option<Group> {
    let mut tokens = tokens.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => {
            Some(group)
        }
        _ => None,
    }
}

/// Splits tokens at the commas outside of angle brackets.
pub fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut values = vec![TokenStream::new()];
    let mut depth = 0;
    for token in tokens {
        match &token {
            TokenTree::Punct(p) if p.as_char() == ',' && depth == 0 => {
                values.push(TokenStream::new());
                continue;
            }
            TokenTree::Punct(p) if p.as_char() == '<' => depth += 1,
            TokenTree::Punct(p) if p.as_char() == '>' => depth -= 1,
            _ => {}
        }
        if let Some(value) = values.last_mut() {
            value.extend([token]);
        }
    }

    // After a trailing comma there is nothing.
    if values.last().is_some_and(TokenStream::is_empty) {
        values.pop();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::of_builtin;
    use crate::builtin;
    use crate::check::Argument;
    use crate::parse::Layer;

    /// Returns the generic arguments of a layer, or the errors.
    fn resolve(text: &str) -> String {
        let layer: Layer = match syn::parse_str(text) {
            Ok(layer) => layer,
            Err(slip) => return slip.to_string(),
        };
        let builtin =
            builtin::find(&layer.path.get_ident().expect("a name").to_string()).expect("a layer");
        let mut errors = Vec::new();
        let generics = of_builtin(builtin, &layer, &mut errors);

        if !errors.is_empty() {
            return errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" | ");
        }

        let text = |argument: Argument| match argument {
            Argument::Inferred(position) => format!("_{position}"),
            Argument::Given(tokens) => {
                let text = tokens.to_string();
                let inner = text
                    .strip_prefix("{ ")
                    .and_then(|text| text.strip_suffix(" }"));
                let inner = inner.unwrap_or(&text);
                let expression = inner
                    .strip_prefix("let __size : usize = ")
                    .and_then(|text| text.strip_suffix(" ; __sw :: written_size (__size)"));
                let inner = expression.map_or(inner, |value| {
                    let braces = value
                        .strip_prefix("{ ")
                        .and_then(|text| text.strip_suffix(" }"));
                    braces.unwrap_or(value)
                });
                inner.trim_end_matches("usize").to_owned()
            }
        };
        generics
            .expect("no error")
            .into_iter()
            .map(text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn options_come_in_the_order_of_the_table() {
        assert_eq!(
            resolve("Conv2d<_, 32, 3>"),
            "_0 32 3 3 1 1 0 0 1 1 1 true _1"
        );
        assert_eq!(
            resolve(
                "Conv2d<_, 32, (3, 5), NoBias, Groups<4>, Dilation<2, 3>, Pad<1, 2>, Stride<2>>"
            ),
            "_0 32 3 5 2 2 1 2 2 3 4 false _1"
        );
        assert_eq!(
            resolve("Conv2d<C, O, K, Stride<S>,>"),
            "C O K K S S 0 0 1 1 1 true _0"
        );
        assert_eq!(
            resolve("Conv2d<3, 4, (1), Pad<N / 2>>"),
            "3 4 (1) (1) 1 1 N / 2 N / 2 1 1 1 true _0"
        );
        assert_eq!(
            resolve("Conv2d<3, 4, (f(1, 2), 2), Pad<{ N }>>"),
            "3 4 f (1 , 2) 2 1 1 N N 1 1 1 true _0"
        );
        assert_eq!(
            resolve("Conv1d<_, 8, 5, Pad<2>>"),
            "_0 8 5 1 2 1 1 false true _1"
        );
        assert_eq!(
            resolve("Conv1d<_, 8, 5, Causal, NoBias>"),
            "_0 8 5 1 0 1 1 true false _1"
        );
        assert_eq!(resolve("Linear<_, 8, NoBias>"), "_0 8 false");
        assert_eq!(resolve("LayerNorm"), "1 _0 1 1 true true");
        assert_eq!(resolve("LayerNorm<NoBias>"), "1 _0 1 1 false true");
        assert_eq!(
            resolve("LayerNorm<_, N, _, NoAffine>"),
            "3 _0 N _1 true false"
        );
        assert_eq!(resolve("RmsNorm<8, C>"), "2 8 C 1 true");
        assert_eq!(resolve("InstanceNorm2d<_, Affine>"), "_0 true");
        assert_eq!(resolve("Embedding<5, 3, PaddingIdx<0>>"), "5 3 0");
        assert_eq!(resolve("Embedding<5, 3>"), "5 3 __sw :: INFER");
    }

    /// The number that stands for `_` and for options that are omitted.
    #[test]
    fn no_size_is_the_marker() {
        for marker in ["18446744073709551615", "0xffff_ffff_ffff_ffff_usize"] {
            for layer in [
                "Embedding<5, 3, PaddingIdx<X>>",
                "Linear<X, 2>",
                "Reshape<_, X>",
                "LayerNorm<X>",
                "GroupNorm<2, X>",
                "Conv2d<X, 8, 3>",
                "Conv1d<_, 8, X>",
            ] {
                assert_eq!(
                    resolve(&layer.replace('X', marker)),
                    format!("a size is less than 18446744073709551615, but `{marker}` is written"),
                    "{layer}"
                );
            }
        }
        assert_eq!(
            resolve("Linear<18446744073709551614, 2>"),
            "18446744073709551614 2 true"
        );
    }

    #[test]
    fn strides_of_pooling_are_the_kernel_size() {
        assert_eq!(resolve("MaxPool2d<2>"), "2 2 2 2 0 0 1 1");
        assert_eq!(resolve("MaxPool2d<(2, 3), Pad<1>>"), "2 3 2 3 1 1 1 1");
        assert_eq!(
            resolve("MaxPool2d<3, Dilation<1, 2>, Stride<2>>"),
            "3 3 2 2 0 0 1 2"
        );
        assert_eq!(resolve("MaxPool1d<3>"), "3 3 0 1");
        assert_eq!(resolve("AvgPool2d<3, Stride<2, 1>>"), "3 3 2 1 0 0 true");
        assert_eq!(resolve("AvgPool1d<4, ExcludePad, Pad<1>>"), "4 4 1 false");
    }

    #[test]
    fn sides_are_one_number_or_four() {
        assert_eq!(resolve("ZeroPad2d<1>"), "1 1 1 1");
        assert_eq!(resolve("ZeroPad2d<(1, 2, 3, P)>"), "1 2 3 P");
        for text in ["ZeroPad2d<(1, 2)>", "ZeroPad2d<(1, 2, 3, 4, 5)>"] {
            assert!(resolve(text).contains("is a number, or `(left, right, top, bottom)`, but"));
        }
    }

    #[test]
    fn mistakes_in_options_name_what_is_meant() {
        for (text, says) in [
            (
                "Conv2d<_, 8, 3, Padding<1>>",
                "`Conv2d` has no option `Padding`; did you mean `Pad`?",
            ),
            (
                "Conv2d<_, 8, 3, Strid<1>>",
                "`Conv2d` has no option `Strid`; did you mean `Stride`?",
            ),
            (
                "Conv2d<_, 8, 3, stride<1>>",
                "`Conv2d` has no option `stride`; did you mean `Stride`?",
            ),
            (
                "Conv2d<_, 8, 3, 2>",
                "`Conv2d<_, 8, 3, 2>` is written `Conv2d<_, 8, 3, Stride<2>>`; a kernel of two \
                 sizes is a pair such as `(3, 3)`",
            ),
            (
                "Conv2d<_, 8, 3, Foo>",
                "`Conv2d` has no option `Foo`; its options are `Stride<..>`, `Pad<..>`, \
                 `Dilation<..>`, `Groups<..>`, `NoBias`",
            ),
            (
                "Conv2d<_, 8, 3, Pad<1>, Pad<2>>",
                "the option `Pad` of `Conv2d` is given twice",
            ),
            (
                "Conv2d<_, 8, 3, Pad>",
                "the option `Pad` of `Conv2d` is written `Pad<2>` or `Pad<2, 1>`, not `Pad`",
            ),
            (
                "Conv2d<_, 8, 3, Pad<1, 2, 3>>",
                "the option `Pad` of `Conv2d` is written `Pad<2>` or `Pad<2, 1>`, not \
                 `Pad<1, 2, 3>`",
            ),
            (
                "Conv2d<_, 8, 3, Groups<1, 2>>",
                "the option `Groups` of `Conv2d` is written `Groups<2>`, not `Groups<1, 2>`",
            ),
            (
                "Conv2d<_, 8, 3, NoBias<1>>",
                "the option `NoBias` of `Conv2d` is written `NoBias`, not `NoBias<1>`",
            ),
            (
                "Conv2d<_, 8, 3, Stride<_>>",
                "the option `Stride` of `Conv2d` is not fixed by its input: write a number",
            ),
            (
                "Conv2d<_, 8, 3, Stride<1.5>>",
                "a size is a whole number, but `1.5` is a float",
            ),
            (
                "Conv2d<_, 8, Stride<2>>",
                "`Conv2d` is missing its kernel_size: write \
                 `Conv2d<in_channels, out_channels, kernel_size>`",
            ),
            (
                "Conv2d<_, 8, _>",
                "the kernel_size of `Conv2d` is not fixed by its input: write a number",
            ),
            (
                "Conv2d<_, 8, (3, 3, 3)>",
                "the kernel_size of `Conv2d` is a number, or a pair such as `(3, 5)`, but \
                 `(3, 3, 3)` is written",
            ),
            (
                "LayerNorm<_, NoBais>",
                "`LayerNorm` has no option `NoBais`; did you mean `NoBias`?",
            ),
            (
                "LayerNorm<_, NoBias, 3>",
                "`LayerNorm` has no option `3`; its options are `NoBias`, `NoAffine`",
            ),
            (
                "LayerNorm<1, 2, 3, 4>",
                "`LayerNorm` takes up to 3 sizes, one for each of the last axes, but 4 are written",
            ),
            (
                "GroupNorm<_, 8>",
                "the num_groups of `GroupNorm` are not fixed by its input: write a number",
            ),
            (
                "Conv1d<_, 8, (3, 3)>",
                "the kernel_size of `Conv1d` is one number, but `(3, 3)` is written",
            ),
        ] {
            assert_eq!(resolve(text), says, "{text}");
        }
    }
}
