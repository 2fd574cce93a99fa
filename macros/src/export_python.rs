//! `#[export_python]`: the class of a network for Python.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Error, Meta};

use crate::attributes;
use crate::check::Network;
use crate::parse::Definition;

/// Removes the attribute from the definition, and returns whether it was there and is right.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> bool {
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) =
        attrs.partition(|attr| attr.path().is_ident("export_python"));
    definition.attrs = others;

    let is_plain = found.iter().all(|attr| matches!(attr.meta, Meta::Path(_)));
    if !is_plain || found.len() > 1 {
        errors.push(Error::new_spanned(
            &found[found.len() - 1],
            "`#[export_python]` stands alone: the class in Python has the name of the network",
        ));
        return false;
    }
    !found.is_empty()
}

/// Writes the class by a macro of the crate `shapewright-python`: where that crate is missing, this is
/// one error, which names it.
pub fn expand(network: &Network) -> TokenStream {
    let name = &network.name;
    let class = format_ident!("Py{name}");
    let vis = &network.vis;
    let text = name.to_string();
    let doc = format!("The class of [`{name}`] in Python.");
    let conditions = attributes::conditions(&network.attrs);
    let python = quote_spanned!(name.span()=> ::shapewright_python);
    quote! {
        #(#conditions)*
        #python::class! { #[doc = #doc] #vis #class #name #text }
    }
}
