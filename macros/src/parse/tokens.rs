//! Generic arguments and expressions, as tokens.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, discouraged::Speculative};
use syn::{Error, Ident, Result, Token};

use super::{Generic, Slips};
use crate::{builtin, options};

/// Parses the generic arguments of a layer: `<_, 128, NoBias>`.
pub fn generics(input: ParseStream, slips: &mut Slips) -> Result<Vec<Generic>> {
    let open = input.parse::<Token![<]>()?;
    let mut generics = Vec::new();
    while !input.peek(Token![>]) {
        if input.is_empty() {
            slips.at(open.span, NOT_CLOSED);
            return Ok(generics);
        }
        if input.peek(Token![,]) {
            slips.add(input.error("expected a size, `_` or an option"));
        } else {
            generics.push(generic(input, slips)?);
        }

        let rest = input.fork();
        if input.peek(Token![;]) {
            slips.add(input.error("expected `,` between two sizes, not `;`"));
            input.parse::<Token![;]>()?;
        } else if rest.parse::<Option<Token![,]>>()?.is_some() {
            if rest.is_empty() || begins_layer(&rest) {
                slips.at(open.span, NOT_CLOSED);
                return Ok(generics);
            }
            input.advance_to(&rest);
        } else if !input.peek(Token![>]) && !input.is_empty() {
            slips.add(input.error("expected `,` between two sizes"));
        }
    }
    // Of a `>>`, this takes the first character only.
    input.parse::<Token![>]>()?;
    Ok(generics)
}

const NOT_CLOSED: &str = "this `<` has no `>`: write it behind the layer's sizes and options";

/// Returns whether a layer begins here, where a generic argument is expected.
fn begins_layer(input: ParseStream) -> bool {
    let ahead = input.fork();
    let Ok(name) = ahead.parse::<Ident>() else {
        return false;
    };
    let is_named = ahead.peek(Token![:]) && !ahead.peek(Token![::]);
    let ends = ahead.is_empty()
        || ahead.peek(Token![,])
        || ahead.peek(Token![<])
        || ahead.peek(syn::token::Paren);
    if is_named || !ends || builtin::find(&name.to_string()).is_none() {
        return is_named;
    }
    // `Relu` is an option as well, in `Rnn<_, 8, Relu, Bidirectional>`.
    let is_option = options::is_of_any(&name.into_token_stream());
    !(is_option && is_closed(&ahead))
}

/// Returns whether a `>` closes the angle brackets that the input lies in.
fn is_closed(input: ParseStream) -> bool {
    let ahead = input.fork();
    let mut depth = 0;
    while !ahead.is_empty() {
        // An arrow to the sources of a layer opens nothing.
        let is_arrow = ahead.peek(Token![<-]) || ahead.peek(Token![->]);
        let Ok(token) = ahead.parse::<TokenTree>() else {
            return false;
        };
        match token {
            TokenTree::Punct(_) if is_arrow => {
                let _: Result<TokenTree> = ahead.parse();
            }
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && depth == 0 => return true,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
            _ => {}
        }
    }
    false
}

fn generic(input: ParseStream, slips: &mut Slips) -> Result<Generic> {
    if input.peek(Token![_]) {
        return Ok(Generic::Infer(input.parse()?));
    }

    let mut tokens = TokenStream::new();
    let mut depth = 0;
    let mut after_value = false;
    while !(input.is_empty()
        || depth == 0 && (input.peek(Token![,]) || input.peek(Token![>]) || input.peek(Token![;])))
    {
        let ahead = input.fork();
        let token: TokenTree = ahead.parse()?;
        let value = is_value(&token);
        if value && after_value {
            slips.add(input.error("expected `,` between two sizes"));
            return Ok(Generic::Other(tokens));
        }
        input.advance_to(&ahead);
        after_value = value;
        match &token {
            TokenTree::Punct(p) if p.as_char() == '<' => depth += 1,
            TokenTree::Punct(p) if p.as_char() == '>' => depth -= 1,
            _ => {}
        }
        tokens.extend([token]);
    }
    Ok(Generic::Other(tokens))
}

/// Parses expressions with commas between them, as tokens. The compiler parses them where they are
/// emitted, so the macro does not need syn's parser of expressions, which takes long to build.
pub fn expressions(input: ParseStream, slips: &mut Slips) -> Vec<TokenStream> {
    let mut expressions = Vec::new();
    while !input.is_empty() {
        match expression(input, slips) {
            Ok(tokens) if tokens.is_empty() => {
                slips.add(input.error("expected a value before the comma"));
            }
            Ok(tokens) => expressions.push(tokens),
            Err(error) => {
                slips.add(error);
                break;
            }
        }
        if input.peek(Token![,]) || input.peek(Token![;]) {
            // What stands here was noted as a slip if it is no comma.
            let _: Result<TokenTree> = input.parse();
        }
    }
    expressions
}

/// Parses one expression up to a comma, or up to where one is missing.
fn expression(input: ParseStream, slips: &mut Slips) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let mut after_value = false;
    while !(input.is_empty() || input.peek(Token![,])) {
        // Generic arguments have commas of their own.
        if input.peek(Token![::]) && input.peek3(Token![<]) {
            let start = input.fork();
            input.parse::<Token![::]>()?;
            generics(input, slips)?;
            tokens.extend(between(&start, input));
            after_value = false;
            continue;
        }
        if input.peek(Token![;]) {
            slips.add(input.error("expected `,` between two values, not `;`"));
            break;
        }

        let ahead = input.fork();
        let token = ahead.parse()?;
        let value = is_value(&token);
        if value && after_value {
            slips.add(input.error("expected `,` between two values"));
            break;
        }
        input.advance_to(&ahead);
        after_value = value;
        tokens.extend([token]);
    }
    Ok(tokens)
}

/// Returns whether a token is a literal or the name of a constant: two of these next to each other
/// are no expression.
fn is_value(token: &TokenTree) -> bool {
    match token {
        TokenTree::Literal(_) => true,
        TokenTree::Ident(name) => name.to_string().starts_with(char::is_uppercase),
        _ => false,
    }
}

/// Returns the tokens from one position of a stream to a later one.
pub fn between(start: ParseStream, end: ParseStream) -> TokenStream {
    let mut cursor = start.cursor();
    let end = end.cursor();
    let mut tokens = TokenStream::new();
    while cursor < end {
        let Some((token, next)) = cursor.token_tree() else {
            break;
        };
        tokens.extend([token]);
        cursor = next;
    }
    tokens
}

/// Takes the next token as it is.
pub fn skip(input: ParseStream) -> Result<TokenTree> {
    input
        .parse()
        .map_err(|_| Error::new(input.span(), "unexpected end"))
}
