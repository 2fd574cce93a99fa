//! The macros of the `shapewright` crate: `network!` and `#[derive(Parameters)]`. Use them through
//! it.
//!
//! `network!` is parsed (`parse`), its layers are checked against what is known of the built-in
//! ones (`check`, `builtin`, `generics`), and the struct with its trait implementations is written
//! (`expand`). The macro knows no layer's shape arithmetic: that is const code in the library. What
//! it can find itself it reports all at once; after an error it still emits the struct, so that the
//! rest of the program gives no second one.

mod blocks;
mod builtin;
mod check;
mod derive;
mod expand;
mod fold;
mod generics;
mod options;
mod parse;
mod sequence;
mod spans;
mod step;

use proc_macro::TokenStream;
use quote::quote;

/// See `shapewright::network!`.
#[proc_macro]
pub fn network(input: TokenStream) -> TokenStream {
    let mut definition = match syn::parse::<parse::Definition>(input) {
        Ok(definition) => definition,
        Err(error) => return error.into_compile_error().into(),
    };
    let mut errors = definition.errors.clone();
    let folded = fold::take(&mut definition, &mut errors);
    let network = check::check(definition, &mut errors);
    let mut tokens = expand::expand(&network, &quote!(::shapewright::emitted));
    if let Some(folded) = folded {
        tokens.extend(folded.expand(network, &mut errors));
    }
    tokens.extend(errors.into_iter().map(syn::Error::into_compile_error));
    tokens.into()
}

/// See `shapewright::Parameters`.
#[proc_macro_derive(Parameters, attributes(params))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
