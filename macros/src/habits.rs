//! Layers as PyTorch, Keras and other libraries write them: they are read, and answered in the
//! syntax of `network!`.

mod translate;
mod words;

pub use words::certain;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser, discouraged::Speculative};
use syn::{Ident, LitStr, Result, Token};

use crate::builtin::{self, Builtin, Sizes};
use crate::check::written;
use crate::generics::split;
use crate::parse::{Layer, Slips, layer as parse_layer};

/// A layer in the words of another library.
pub struct Found {
    /// The layer as it is written here; `None` if there is none.
    text: Option<String>,
    /// Layers behind it.
    then: Option<String>,
    /// A further sentence of the answer.
    answer: Option<&'static str>,
    /// The name, if it may be that of a layer of the user's own.
    own: Option<String>,
}

/// An argument, with its name if it has one.
pub struct Arg {
    key: Option<String>,
    value: TokenStream,
}

/// The brackets around the arguments.
#[derive(Clone, Copy, PartialEq)]
enum Brackets {
    Angle,
    Round,
    Other,
}

/// Reads a layer if it is written as in another library; otherwise leaves the input as it is.
pub fn layer(input: ParseStream) -> Option<Result<Found>> {
    let ahead = input.fork();
    let found = read(&ahead)?;
    input.advance_to(&ahead);
    Some(Ok(found))
}

fn read(input: ParseStream) -> Option<Found> {
    if let Ok(text) = input.parse::<LitStr>() {
        let meant = words::find(&text.value())?;
        return Some(Found::of(meant, Vec::new(), false));
    }

    let (mut name, prefix, dotted) = chain(input)?;
    let (brackets, mut args) = arguments(input, &name)?;
    if let Some(layer) = name.strip_suffix("Config") {
        // Burn's `LinearConfig::new(784, 128).init(device)`.
        name = layer.to_owned();
        skip_calls(input)?;
        args.iter_mut().for_each(flatten_first);
    }
    if dotted && args.is_none() {
        args = Some(Vec::new());
    }
    let mut args = args?;

    let is_call = brackets != Brackets::Angle;
    if is_call && let Some(found) = words::call(&name, &args) {
        return Some(found);
    }
    let exact = builtin::find(&name);
    let meant = match exact.or_else(|| words::find(&name)) {
        Some(builtin) => builtin,
        // With the prefix, as in `nn.Bilinear(8, 16, 4)`, it is no layer of the user's own either.
        None if dotted && prefix => {
            return Some(Found::answered(
                "this library has none like it; the documentation of `shapewright::nn` lists its layers \
                 and says how to write one's own",
            ));
        }
        None => return None,
    };
    let has_key = args.iter().any(|arg| arg.key.is_some());
    let has_size = args.first().is_some_and(translate::is_size);
    if words::may_be_own(&name) && !(dotted || has_key || has_size) {
        return None;
    }
    if prefix && args.first().is_some_and(is_variable) {
        args.remove(0);
    }
    let keras = exact.is_none() && (words::is_keras(&name) || words::is_keras_call(meant, &args));
    // The library's own layers may be written with their path, `nn::Linear<_, 8>`.
    let is_habit = dotted
        || prefix && exact.is_none()
        || brackets == Brackets::Other
        || args.iter().any(|arg| arg.key.is_some())
        || match brackets {
            Brackets::Angle => exact.is_some() && translate::is_angle_habit(meant, &args),
            _ => !takes_arguments(meant) || translate::has_sizes(meant, &args) || keras,
        };
    let may_be_own = !prefix && words::may_be_own(&name);
    is_habit.then(|| Found {
        own: may_be_own.then_some(name),
        ..Found::of(meant, args, keras)
    })
}

/// Returns whether a layer may have parentheses without sizes before them.
fn takes_arguments(builtin: &Builtin) -> bool {
    let needs_sizes = match builtin.sizes {
        Sizes::Named(sizes) => !sizes.is_empty(),
        Sizes::Axes => true,
        Sizes::Optional(_) | Sizes::LastAxes => false,
    };
    builtin.arguments > 0 && !needs_sizes
}

/// Returns whether an argument is a variable such as the `x` of `F.relu(x)`.
fn is_variable(arg: &Arg) -> bool {
    let mut tokens = arg.value.clone().into_iter();
    let name = match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), None) => name.to_string(),
        _ => return false,
    };
    arg.key.is_none() && name.starts_with(char::is_lowercase) && name != "true" && name != "false"
}

/// Parses `nn.Linear`, and returns the last name, whether a module of another library is before it,
/// and whether there are dots.
fn chain(input: ParseStream) -> Option<(String, bool, bool)> {
    const MODULES: [&str; 9] = [
        "nn",
        "F",
        "torch",
        "functional",
        "keras",
        "layers",
        "tf",
        "candle_nn",
        "x",
    ];

    let mut name = Ident::parse(input).ok()?.unraw().to_string();
    let mut prefix = false;
    let mut dotted = false;

    loop {
        let dot = input.peek(Token![.]);
        let colons = input.peek(Token![::]) && !input.peek3(Token![<]);
        if !(dot || colons) {
            return Some((name, prefix, dotted));
        }
        // `Linear::new(784, 128)`, or burn's `LinearConfig::new(784, 128)`.
        let layer = name.strip_suffix("Config").unwrap_or(&name);
        if colons && builtin::find(layer).is_some() {
            input.parse::<Token![::]>().ok()?;
            let function = Ident::parse_any(input).ok()?;
            let is_made = function == "new" || function == "default";
            return is_made.then_some((name, true, true));
        }
        if colons && !MODULES.contains(&name.as_str()) && !prefix {
            return None;
        }

        dotted |= dot;
        prefix = true;
        if dot {
            input.parse::<Token![.]>().ok()?;
        } else {
            input.parse::<Token![::]>().ok()?;
        }
        name = Ident::parse_any(input).ok()?.to_string();
    }
}

/// Parses the arguments in any brackets. They are `None` where there are no brackets.
fn arguments(input: ParseStream, name: &str) -> Option<(Brackets, Option<Vec<Arg>>)> {
    if input.peek(Token![<-]) {
        // `Reshape<-1, 4>`, and no source.
        if name != "Reshape" || !input.peek3(syn::Lit) {
            return Some((Brackets::Angle, None));
        }
        input.parse::<Token![<-]>().ok()?;
        let rest = angle(input)?;
        let args = split(rest)
            .into_iter()
            .enumerate()
            .map(|(index, value)| Arg {
                key: None,
                value: if index == 0 { quote::quote!(_) } else { value },
            });
        let mut args: Vec<Arg> = args.collect();
        args.first_mut()?.key = Some(String::new());
        return Some((Brackets::Angle, Some(args)));
    }
    if input.peek(Token![<]) {
        input.parse::<Token![<]>().ok()?;
        let inner = angle(input)?;
        if input.peek(syn::token::Paren) {
            return None;
        }
        return Some((Brackets::Angle, Some(args_of(inner))));
    }

    let ahead = input.fork();
    let Ok(TokenTree::Group(group)) = ahead.parse() else {
        return Some((Brackets::Angle, None));
    };
    let first = group.stream().into_iter().next();
    let brackets = match group.delimiter() {
        Delimiter::Parenthesis => Brackets::Round,
        Delimiter::Bracket => Brackets::Other,
        _ => match first {
            Some(TokenTree::Literal(_)) => Brackets::Other,
            Some(TokenTree::Ident(name)) if name == "_" => Brackets::Other,
            _ => return None,
        },
    };
    input.advance_to(&ahead);
    Some((brackets, Some(args_of(group.stream()))))
}

/// Skips calls such as `.init(device)`.
fn skip_calls(input: ParseStream) -> Option<()> {
    while input.peek(Token![.]) {
        input.parse::<Token![.]>().ok()?;
        Ident::parse_any(input).ok()?;
        if input.peek(syn::token::Paren) {
            input.parse::<TokenTree>().ok()?;
        }
    }
    Some(())
}

/// Takes `[1, 32], [3, 3]` for `1, 32, [3, 3]`.
fn flatten_first(args: &mut Vec<Arg>) {
    let first = args
        .first()
        .and_then(|arg| match arg.value.clone().into_iter().next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                Some(args_of(group.stream()))
            }
            _ => None,
        });
    if let Some(sizes) = first.filter(|_| args.len() > 1) {
        args.splice(..1, sizes);
    }
}

/// Parses the tokens up to the `>`.
fn angle(input: ParseStream) -> Option<TokenStream> {
    let mut tokens = TokenStream::new();
    let mut depth = 0;
    loop {
        let token: TokenTree = input.parse().ok()?;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if depth == 0 => return Some(tokens),
                '>' => depth -= 1,
                ';' => return None,
                _ => {}
            }
        }
        tokens.extend([token]);
    }
}

/// Splits arguments at their commas, and takes their names off.
fn args_of(tokens: TokenStream) -> Vec<Arg> {
    split(tokens)
        .into_iter()
        .map(|value| {
            let mut tokens = value.clone().into_iter();
            match (tokens.next(), tokens.next()) {
                (Some(TokenTree::Ident(key)), Some(TokenTree::Punct(sign)))
                    if matches!(sign.as_char(), '=' | ':')
                        && sign.spacing() == proc_macro2::Spacing::Alone =>
                {
                    Arg {
                        key: Some(key.to_string()),
                        value: tokens.collect(),
                    }
                }
                _ => Arg { key: None, value },
            }
        })
        .collect()
}

impl Found {
    fn of(builtin: &'static Builtin, args: Vec<Arg>, keras: bool) -> Self {
        let (text, then) = translate::translate(builtin, &args, keras);
        Found {
            text: Some(text),
            then,
            answer: match builtin.name {
                "Softmax" | "LogSoftmax" if !args.is_empty() => Some("it is over the last axis"),
                "Conv2d" | "ConvTranspose2d" if args.len() == 4 && args[3].key.is_none() => {
                    Some("a kernel of two sizes is a pair such as `(3, 3)`")
                }
                _ => None,
            },
            own: None,
        }
    }

    /// A layer that is not written at all.
    fn answered(answer: &'static str) -> Self {
        Found {
            text: None,
            then: None,
            answer: Some(answer),
            own: None,
        }
    }

    /// The sentence about it; `tokens` are what is written.
    pub fn sentence(&self, name: Option<&Ident>, tokens: &TokenStream) -> String {
        let found = written(tokens);
        let Some(text) = &self.text else {
            return format!("`{found}` is no layer; {}", self.answer.unwrap_or_default());
        };
        let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let then = self
            .then
            .as_ref()
            .map(|then| format!(", {then}"))
            .unwrap_or_default();
        let answer = self
            .answer
            .map(|answer| format!("; {answer}"))
            .unwrap_or_default();
        let own = self
            .own
            .as_ref()
            .map(|own| format!(" (for a layer of your own, write `self::{own}`)"))
            .unwrap_or_default();
        format!("`{found}` is written `{name}{text}{then}`{answer}{own}")
    }

    /// The layer as it is written here, at a position.
    pub fn layer(&self, span: Span) -> Option<Layer> {
        // `..` stands for a size that is missing, and is no layer to go on with.
        let text = self.text.as_ref().filter(|text| !text.contains(".."))?;
        let tokens: TokenStream = text.parse().ok()?;
        let tokens = respan(tokens, span);
        let parse = |input: ParseStream| Ok(parse_layer(input, &mut Slips::default()));
        parse.parse2(tokens).ok()
    }
}

/// Gives all tokens one position.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let inner = respan(group.stream(), span);
                let mut group = proc_macro2::Group::new(group.delimiter(), inner);
                group.set_span(span);
                TokenTree::Group(group)
            }
            mut token => {
                token.set_span(span);
                token
            }
        })
        .collect()
}

/// Returns whether there is a string in single quotes.
pub fn has_wrong_quotes(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => has_wrong_quotes(&group.stream()),
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            text.starts_with('\'') && text.chars().count() > 3 && !text.contains('\\')
        }
        _ => false,
    })
}
