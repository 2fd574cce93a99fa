//! Sizes that are computed, such as `{ A - B }`, as constants of their own: the types of a layer
//! have each size several times, and a mistake in one would be reported as often.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use crate::blocks::BlockKind;
use crate::check::{Argument, Layer};
use crate::parse::first_span;
use crate::spans::ours;

/// The computed sizes of a layer, each with its text and the name of its constant.
pub struct HoistedSizes(Vec<(String, TokenStream, Ident)>);

impl HoistedSizes {
    /// Collects the sizes of a built-in layer or a block. Those of a layer of the user's own may be
    /// of any type.
    pub fn of(layer: &Layer, tag: &str) -> Self {
        let count = match &layer.block {
            Some(block) => match &block.kind {
                BlockKind::Repeat(count) => Some(count),
                _ => None,
            },
            None => None,
        };
        let given = layer.generics.iter().filter_map(|generic| match generic {
            Argument::Given(tokens) if layer.builtin => Some(tokens),
            _ => None,
        });

        let mut sizes = HoistedSizes(Vec::new());
        for tokens in given.chain(count) {
            sizes.add(tokens, tag);
        }
        sizes
    }

    /// Collects the sizes of a shape.
    pub fn of_shape(sizes: &[TokenStream], tag: &str) -> Self {
        let mut hoisted = HoistedSizes(Vec::new());
        for size in sizes {
            hoisted.add(size, tag);
        }
        hoisted
    }

    fn add(&mut self, tokens: &TokenStream, tag: &str) {
        if !is_computed(tokens) {
            return;
        }
        let text = tokens.to_string();
        if self.0.iter().all(|(own, ..)| *own != text) {
            let name = format_ident!("SIZE_{tag}_{}", self.0.len());
            self.0.push((text, tokens.clone(), name));
        }
    }

    /// Writes a size: by its constant if it has one.
    pub fn replace(&self, tokens: &TokenStream) -> TokenStream {
        if self.0.is_empty() {
            return tokens.clone();
        }
        let text = tokens.to_string();
        match self.0.iter().find(|(own, ..)| *own == text) {
            Some((_, _, name)) => quote!({ #name }),
            None => tokens.clone(),
        }
    }

    /// Writes the constants.
    pub fn constants(&self) -> TokenStream {
        let constant = |(_, tokens, name): &(String, TokenStream, Ident)| {
            let span = ours(first_span(tokens));
            quote_spanned!(span=> const #name: usize = #tokens;)
        };
        self.0.iter().map(constant).collect()
    }
}

/// Returns whether a size is neither a number nor a name.
fn is_computed(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() != Delimiter::Bracket => {
            is_computed(&group.stream())
        }
        // A path or `__sw::INFER` is no computation, and has no other sign.
        (Some(first), Some(second)) => {
            let is_path = |token: &TokenTree| match token {
                TokenTree::Punct(punct) => punct.as_char() == ':',
                TokenTree::Ident(_) => true,
                _ => false,
            };
            !(is_path(&first) && is_path(&second) && tokens.all(|token| is_path(&token)))
        }
        _ => false,
    }
}
