//! The source positions that errors point to.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
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

        let mut group = Group::new(proc_macro2::Delimiter::Parenthesis, arguments);
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
