//! The source positions that errors point to.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The spans of the first and the last token of something that the user wrote.
#[derive(Clone, Copy)]
pub struct Extent {
    pub first: Span,
    pub last: Span,
}

impl Extent {
    /// The extent of these tokens.
    pub fn of(tokens: &impl ToTokens) -> Self {
        let mut tokens = tokens.to_token_stream().into_iter();
        let first = tokens
            .next()
            .map_or_else(Span::call_site, |token| token.span());

        let last = tokens.last().map_or(first, |token| token.span());
        Extent { first, last }
    }

    /// Writes `path(arguments)` such that an error in the call underlines the whole extent.
    pub fn call(self, path: TokenStream, arguments: TokenStream) -> TokenStream {
        let mut call: TokenStream = path
            .into_iter()
            .map(|mut token| {
                token.set_span(self.first);
                token
            })
            .collect();

        let mut group = Group::new(Delimiter::Parenthesis, arguments);
        group.set_span(self.last);
        call.extend([TokenTree::Group(group)]);
        call
    }
}

/// Returns a span that belongs to the macro and is located at one of the user's, so that lints
/// ignore the code.
pub fn ours(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Returns an expression in braces, as the value of a generic argument. Braces that the user has
/// written are enough, and no lint about them is.
pub fn braced(expression: &TokenStream) -> TokenStream {
    let mut inside = expression.clone();
    loop {
        let mut tokens = inside.clone().into_iter();
        inside = match (tokens.next(), tokens.next()) {
            // What another macro has matched as an expression is a group without delimiters.
            (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
                group.stream()
            }
            (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Brace => {
                inside = group.stream();
                break;
            }
            _ => break,
        };
    }

    let mut group = Group::new(Delimiter::Brace, inside);
    group.set_span(ours(Extent::of(expression).first));
    TokenTree::Group(group).into()
}
