//! The shapes of a network's input and output.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, Result, Token, parenthesized};

use super::tokens::{expressions, skip};
use super::{Ends, Sizes, SizesKind, Slips};
use crate::check::written;

impl Sizes {
    /// Parses a shape; what is none becomes the unknown shape.
    pub fn parse(input: ParseStream, slips: &mut Slips) -> Self {
        let begins = input.peek(syn::token::Bracket)
            || input.peek(syn::token::Paren)
            || input.peek(syn::Lit)
            || input.peek(Ident);
        if !begins {
            slips
                .add(input.error("expected a shape in brackets, such as `[784]` or `[28, 28, 1]`"));
            return Sizes::unknown();
        }
        match skip(input) {
            Ok(token) => Sizes::of(token, slips),
            Err(_) => Sizes::unknown(),
        }
    }

    fn of(token: TokenTree, slips: &mut Slips) -> Self {
        let tokens = token.to_token_stream();
        let kind = match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let axes = |input: ParseStream| Ok(axes(input, slips));
                axes.parse2(group.stream()).map(SizesKind::Axes)
            }
            TokenTree::Group(group) => {
                let content = group.stream();
                if has_shapes(&content) {
                    let shapes = |input: ParseStream| Ok(shapes(input, slips));
                    shapes.parse2(content).map(SizesKind::Tuple)
                } else {
                    let way_out = format!("a shape is in brackets: `[{}]`", written(&content));
                    slips.at(group.span_open(), way_out);
                    let axes = |input: ParseStream| Ok(axes(input, slips));
                    axes.parse2(content).map(SizesKind::Axes)
                }
            }
            token => {
                slips.at(token.span(), format!("a shape is in brackets: `[{token}]`"));
                Ok(SizesKind::Axes(vec![token.to_token_stream()]))
            }
        };

        Sizes {
            tokens,
            kind: kind.unwrap_or(SizesKind::Unknown),
        }
    }

    /// The shape that stands for one that can't be read.
    pub fn unknown() -> Self {
        Sizes {
            tokens: TokenStream::new(),
            kind: SizesKind::Unknown,
        }
    }
}

/// Returns whether parentheses have shapes inside, or nothing, and no sizes.
fn has_shapes(content: &TokenStream) -> bool {
    content
        .clone()
        .into_iter()
        .next()
        .is_none_or(|token| matches!(token, TokenTree::Group(_)))
}

/// Parses the sizes of a shape.
fn axes(input: ParseStream, slips: &mut Slips) -> Vec<TokenStream> {
    let mut sizes = expressions(input, slips);
    for size in &mut sizes {
        without_type(size, slips);
    }
    sizes
        .into_iter()
        .flat_map(|size| split_at_x(size, slips))
        .collect()
}

/// Takes `4: f32` for `4`.
fn without_type(size: &mut TokenStream, slips: &mut Slips) {
    let tokens: Vec<TokenTree> = size.clone().into_iter().collect();
    let is_colon =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    if let [first, colon, rest @ ..] = &tokens[..]
        && is_colon(colon)
        && !rest.first().is_some_and(is_colon)
    {
        slips.at(
            colon.span(),
            "a shape has sizes alone; the number type comes after the shapes: `[4] -> [3] as f64`",
        );
        *size = first.to_token_stream();
    }
}

/// Takes `28x28` for two sizes.
fn split_at_x(size: TokenStream, slips: &mut Slips) -> Vec<TokenStream> {
    let text = size.to_string();
    let parts: Vec<&str> = text.split('x').collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() < 2 || !parts.iter().all(is_number) || text.starts_with("0x") {
        return vec![size];
    }

    let span = super::first_span(&size);
    slips.at(
        span,
        format!("sizes are separated by commas: `[{}]`", parts.join(", ")),
    );
    let numbers = parts.iter().filter_map(|part| part.parse().ok());
    numbers
        .map(|number: usize| quote::quote_spanned!(span=> #number))
        .collect()
}

/// Parses the shapes of a tuple.
fn shapes(input: ParseStream, slips: &mut Slips) -> Vec<Sizes> {
    let mut shapes = Vec::new();
    while !input.is_empty() {
        let position = input.cursor();
        shapes.push(Sizes::parse(input, slips));
        if input.cursor() == position {
            let _ = skip(input);
        }
        if !input.is_empty() && !matches!(input.parse::<Option<Token![,]>>(), Ok(Some(_))) {
            slips.add(input.error("expected `,` between two shapes"));
        }
    }
    shapes
}

impl Ends {
    /// Parses a shape, or several with names: `(a: [2], b: [3])`.
    pub fn parse(input: ParseStream, slips: &mut Slips) -> Self {
        let ahead = input.fork();
        let has_names = ahead.peek(syn::token::Paren) && has_name(&ahead).unwrap_or_default();
        if !has_names {
            return Ends {
                sizes: Sizes::parse(input, slips),
                names: Vec::new(),
            };
        }
        named(input, slips).unwrap_or_else(|error| {
            slips.add(error);
            Ends {
                sizes: Sizes::unknown(),
                names: Vec::new(),
            }
        })
    }
}

/// Returns whether parentheses begin with a name and what is to be a shape.
fn has_name(input: ParseStream) -> Result<bool> {
    let content;
    parenthesized!(content in input);
    Ok(content.peek(Ident) && (content.peek2(Token![:]) || content.peek2(syn::token::Bracket)))
}

/// Parses shapes with names.
fn named(input: ParseStream, slips: &mut Slips) -> Result<Ends> {
    let tokens = input.fork().parse::<TokenTree>()?.to_token_stream();
    let content;
    parenthesized!(content in input);
    let mut names: Vec<Ident> = Vec::new();
    let mut shapes = Vec::new();
    while !content.is_empty() {
        if !content.peek(Ident) {
            slips.add(
                content.error("expected a name before the shape, as the others have: `name: [4]`"),
            );
            names.push(format_ident!("input_{}", names.len()));
            shapes.push(Sizes::parse(&content, slips));
            content.parse::<Option<Token![,]>>()?;
            continue;
        }
        let mut name: Ident = content.parse()?;
        if names.contains(&name) {
            slips.add(Error::new(
                name.span(),
                format!("`{name}` is here twice; choose another name"),
            ));
            name = format_ident!("{name}_{}", names.len());
        }
        if content.parse::<Option<Token![:]>>()?.is_none() {
            slips.add(Error::new(
                name.span(),
                format!("expected a shape behind the name: `{name}: [4]`"),
            ));
        }
        let position = content.cursor();
        let shape = Sizes::parse(&content, slips);
        if content.cursor() == position && !content.is_empty() {
            skip(&content)?;
        }
        names.push(name);
        shapes.push(shape);
        if !content.is_empty() && content.parse::<Option<Token![,]>>()?.is_none() {
            slips.add(content.error("expected `,` between two shapes"));
        }
    }

    Ok(Ends {
        sizes: Sizes {
            tokens,
            kind: SizesKind::Tuple(shapes),
        },
        names,
    })
}

/// Parses the arrow between the two shapes; another sign in its place is a slip.
pub fn arrow(input: ParseStream, slips: &mut Slips) -> Result<()> {
    if input.parse::<Option<Token![->]>>()?.is_some() {
        return Ok(());
    }
    slips.add(input.error("expected `->` between the shapes of the input and the output"));
    let is_shape = |input: ParseStream| {
        input.peek(syn::token::Bracket)
            || input.peek(syn::token::Paren)
            || input.peek(syn::token::Brace)
    };
    while !input.is_empty() && !is_shape(input) {
        skip(input)?;
    }
    Ok(())
}

/// Parses `as f64`, or nothing for `f32`.
pub fn element(input: ParseStream, slips: &mut Slips) -> Result<Option<Ident>> {
    if input.peek(Token![:]) {
        slips.add(input.error("the number type comes after the shapes: `[4] -> [3] as f64`"));
        input.parse::<Token![:]>()?;
    } else if input.parse::<Option<Token![as]>>()?.is_none() {
        return Ok(None);
    }

    let element: Ident = input.parse()?;
    if element == "f32" || element == "f64" {
        return Ok(Some(element));
    }
    let lower = element.to_string().to_lowercase();
    let (meant, message) = match lower.as_str() {
        "f64" | "double" => (
            "f64",
            format!("`{element}` is no number type of networks; write `f64`"),
        ),
        _ => (
            "f32",
            format!("`{element}` is no number type of networks; write `f32` or `f64`"),
        ),
    };
    slips.add(Error::new(element.span(), message));
    Ok(Some(Ident::new(meant, element.span())))
}
