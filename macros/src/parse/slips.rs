//! Slips: mistakes in how something is written, after which the parser goes on.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::Error;
use syn::parse::ParseStream;

/// The slips of a definition. The first is reported: those behind it are often its consequences.
#[derive(Default)]
pub struct Slips {
    first: Option<Error>,
    count: usize,
}

impl Slips {
    /// Notes a slip.
    pub fn add(&mut self, error: Error) {
        self.count += 1;
        self.first.get_or_insert(error);
    }

    /// Notes a slip at a position.
    pub fn at(&mut self, span: Span, message: impl core::fmt::Display) {
        self.add(Error::new(span, message));
    }

    /// The number of slips so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the slip to report.
    pub fn into_error(self) -> Option<Error> {
        self.first
    }
}

/// Skips the tokens up to the next comma or semicolon.
pub fn skip_item(input: ParseStream) -> TokenStream {
    let mut skipped = TokenStream::new();
    while !(input.is_empty() || input.peek(syn::Token![,]) || input.peek(syn::Token![;])) {
        match input.parse::<TokenTree>() {
            Ok(token) => skipped.extend([token]),
            Err(_) => break,
        }
    }
    skipped
}
