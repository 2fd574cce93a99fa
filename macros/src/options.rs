//! The options of a built-in layer, which are written after its sizes, and their defaults.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Error;
use syn::spanned::Spanned;

use crate::builtin::{self, Builtin, Choice, Default, Form, Size, Sizes, Value};
use crate::check::{Argument, written};
use crate::generics::{number, split};
use crate::parse::Generic;

/// Returns the generic arguments of each option, in the order of the layer's table; `None` if a
/// mistake leaves them unknown. `sizes` has the numbers of each size, which some options have as
/// their defaults.
pub fn of_builtin(
    builtin: &Builtin,
    options: &[Generic],
    sizes: &[Vec<Argument>],
    errors: &mut Vec<Error>,
) -> Option<Vec<Vec<Argument>>> {
    let errors_before = errors.len();
    let name = builtin.name;

    let mut values: Vec<Option<Vec<Argument>>> = builtin.options.iter().map(|_| None).collect();
    for generic in options {
        let tokens = match generic {
            Generic::Infer(underscore) => underscore.to_token_stream(),
            Generic::Other(tokens) => tokens.clone(),
        };
        match find(builtin, &tokens) {
            None => errors.push(Error::new(
                tokens.span(),
                unknown_option(builtin, &tokens, sizes),
            )),
            Some(index) if values[index].is_some() => {
                let message = format!(
                    "the option `{}` of `{name}` is given twice",
                    builtin.options[index].name
                );
                errors.push(Error::new(tokens.span(), message));
            }
            Some(index) => values[index] = Some(numbers_of_option(builtin, index, tokens, errors)),
        }
    }

    // Switches have no effect on shapes: with these alone, the shape is known after a mistake.
    let has_numbers = builtin
        .options
        .iter()
        .any(|option| !matches!(option.value, Value::Switch(_)));
    if errors.len() > errors_before && has_numbers {
        return None;
    }

    let written_or_default = values
        .into_iter()
        .zip(builtin.options)
        .map(|(value, option)| value.unwrap_or_else(|| default(option, sizes)));
    Some(written_or_default.collect())
}

/// Returns the generic arguments of all options, of which none is written.
pub fn defaults(builtin: &Builtin, sizes: &[Vec<Argument>]) -> Vec<Argument> {
    let options = builtin.options.iter();
    options.flat_map(|option| default(option, sizes)).collect()
}

/// Returns the generic arguments of an option that is omitted.
fn default(option: &Choice, sizes: &[Vec<Argument>]) -> Vec<Argument> {
    match option.value {
        Value::Switch(on) => {
            let off = !on;
            vec![Argument::Given(quote!(#off))]
        }
        Value::Number(Default::Size(size)) | Value::Pair(Default::Size(size)) => {
            sizes[size].clone()
        }
        Value::Number(Default::Is(number)) => vec![Argument::Given(quote!(#number))],
        Value::Level(_) => vec![Argument::Given(quote!(0))],
        Value::Number(Default::None) => vec![Argument::Given(quote!({ __sw::INFER }))],
        Value::Pair(Default::None) => vec![Argument::Given(quote!({ __sw::INFER })); 2],
        Value::Pair(Default::Is(number)) => vec![Argument::Given(quote!(#number)); 2],
    }
}

/// Returns whether a generic argument is an option of the layer, and no size.
pub fn is_option(builtin: &Builtin, generic: &Generic) -> bool {
    matches!(generic, Generic::Other(tokens) if find(builtin, tokens).is_some())
}

/// Returns whether a generic argument is an option or a misspelt one. For layers whose number of
/// sizes varies, where a name that is near no option may be a constant.
pub fn meant_as_option(builtin: &Builtin, generic: &Generic) -> bool {
    let Generic::Other(tokens) = generic else {
        return false;
    };
    let Some((name, _)) = option(tokens) else {
        return false;
    };
    builtin
        .options
        .iter()
        .any(|option| builtin::distance(option.name, &name.to_string()) <= 2)
}

/// Returns whether a generic argument is written as an option of some built-in layer.
pub fn is_of_any(tokens: &TokenStream) -> bool {
    let Some((name, inner)) = option(tokens) else {
        return false;
    };
    let options = builtin::BUILTINS.iter().flat_map(|builtin| builtin.options);
    options
        .filter(|option| name == option.name)
        .any(|option| match option.value {
            Value::Switch(_) => inner.is_none(),
            Value::Level(_) => true,
            Value::Number(_) | Value::Pair(_) => inner.is_some(),
        })
}

/// Returns whether the options of a layer make its output a tuple.
pub fn gives_tuple(builtin: &Builtin, generics: &[Generic]) -> bool {
    let is_last_state = |generic: &Generic| match generic {
        Generic::Other(tokens) => find(builtin, tokens)
            .is_some_and(|option| builtin.options[option].name == builtin::FINAL_STATE.name),
        Generic::Infer(_) => false,
    };
    generics.iter().any(is_last_state)
}

/// Splits an option into its name and the content of its angle brackets, if it has any.
fn option(tokens: &TokenStream) -> Option<(Ident, Option<TokenStream>)> {
    let mut tokens = tokens.clone().into_iter();
    let Some(TokenTree::Ident(name)) = tokens.next() else {
        return None;
    };

    let mut rest: Vec<TokenTree> = tokens.collect();
    if rest.is_empty() {
        return Some((name, None));
    }
    if rest.len() < 2 || !is_punct(rest.first(), '<') || !is_punct(rest.last(), '>') {
        return None;
    }
    rest.pop();
    Some((name, Some(rest.into_iter().skip(1).collect())))
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

/// Returns the index of an option in the layer's table.
fn find(builtin: &Builtin, tokens: &TokenStream) -> Option<usize> {
    let (name, _) = option(tokens)?;
    builtin
        .options
        .iter()
        .position(|option| name == option.name)
}

/// Reads the generic arguments of an option that is written.
fn numbers_of_option(
    builtin: &Builtin,
    index: usize,
    tokens: TokenStream,
    errors: &mut Vec<Error>,
) -> Vec<Argument> {
    let choice = &builtin.options[index];
    let inner = option(&tokens).and_then(|(_, inner)| inner);
    let values = match (&choice.value, inner.map(split)) {
        (&Value::Switch(on), None) => return vec![Argument::Given(quote!(#on))],
        (&Value::Level(default), None) => return vec![Argument::Given(quote!(#default))],
        (Value::Number(_) | Value::Level(_), Some(values)) if values.len() == 1 => values,
        (Value::Pair(_), Some(values)) if values.len() == 1 || values.len() == 2 => values,
        _ => {
            let message = format!(
                "the option `{}` of `{}` is written {}, not `{}`",
                choice.name,
                builtin.name,
                example(choice),
                written(&tokens)
            );
            errors.push(Error::new(tokens.span(), message));
            return Vec::new();
        }
    };

    let mut arguments = Vec::new();
    for value in values {
        if value.to_string() == "_" {
            let message = format!(
                "the option `{}` of `{}` is not fixed by its input: write a number",
                choice.name, builtin.name
            );
            errors.push(Error::new(value.span(), message));
            break;
        }
        arguments.push(number(value, errors));
    }
    if matches!(choice.value, Value::Pair(_)) && arguments.len() == 1 {
        arguments.push(arguments[0].clone());
    }
    arguments
}

/// Returns examples of how an option is written.
fn example(choice: &Choice) -> String {
    let name = choice.name;
    match choice.value {
        Value::Switch(_) => format!("`{name}`"),
        Value::Number(_) => format!("`{name}<2>`"),
        Value::Level(default) => format!("`{name}` or `{name}<{default}>`"),
        Value::Pair(_) => format!("`{name}<2>` or `{name}<2, 1>`"),
    }
}

/// The sentence about something after the sizes that is no option of the layer.
fn unknown_option(builtin: &Builtin, tokens: &TokenStream, sizes: &[Vec<Argument>]) -> String {
    let name = builtin.name;
    let found = written(tokens);
    let first = match sizes.first().and_then(|size| size.first()) {
        Some(Argument::Given(tokens)) => written(tokens).trim_matches(['{', '}', ' ']).to_owned(),
        _ => "2".to_owned(),
    };
    if builtin.options.is_empty() {
        let form = match &builtin.sizes {
            Sizes::Named([]) => {
                return format!(
                    "`{name}` takes nothing between `<` and `>`, but `{found}` is written"
                );
            }
            Sizes::Named([Size { form, .. }]) => Some(form),
            _ => None,
        };
        return match form {
            Some(Form::Pair) => format!(
                "`{name}` takes one size, but `{found}` is written after it; two are a pair: \
                 `{name}<({first}, {found})>`"
            ),
            Some(Form::Sides) => format!(
                "`{name}` takes one size, but `{found}` is written after it; four are \
                 `{name}<(1, 1, 2, 2)>`"
            ),
            _ => format!("`{name}` has no options, but `{found}` is written after its sizes"),
        };
    }

    if let Some((ident, _)) = option(tokens)
        && let off = format!("No{ident}")
        && builtin.options.iter().any(|option| option.name == off)
    {
        return format!(
            "`{name}` has what `{found}` asks for, unless `{off}` is written; remove it, or write \
             `{off}`"
        );
    }
    if let Some((ident, _)) = option(tokens)
        && let Some(nearest) = nearest(builtin, &ident.to_string())
    {
        return format!(
            "`{name}` has no option `{ident}`; did you mean `{}`?",
            nearest.name
        );
    }

    let all = builtin.options.iter().map(|option| match option.value {
        Value::Switch(_) | Value::Level(_) => format!("`{}`", option.name),
        _ => format!("`{}<..>`", option.name),
    });
    let all = all.collect::<Vec<_>>().join(", ");
    format!("`{name}` has no option `{found}`; its options are {all}")
}

/// Returns the option that a name is probably meant to be: one is the beginning of the other, or
/// the letters are nearly the same.
fn nearest<'a>(builtin: &'a Builtin, found: &str) -> Option<&'a Choice> {
    let begins =
        |option: &&Choice| found.starts_with(option.name) || option.name.starts_with(found);
    let near = |option: &&Choice| {
        let distance = builtin::distance(option.name, found);
        distance <= 3 && 2 * distance <= found.len().max(option.name.len())
    };

    let options = builtin.options;
    options.iter().find(begins).or_else(|| {
        options
            .iter()
            .filter(near)
            .min_by_key(|option| builtin::distance(option.name, found))
    })
}
