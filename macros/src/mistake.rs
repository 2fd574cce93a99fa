//! Reports what the macro finds.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

use crate::spans::Extent;

/// Writes a constant that panics with the sentence of an error, at its tokens; `emitted` is the
/// module of the library that has the function.
///
/// `compile_error!` would do so as well, but the compiler stops after it: it would hide mistakes in
/// other places.
pub fn report(error: &Error, emitted: &TokenStream) -> TokenStream {
    error
        .into_iter()
        .map(|error| {
            let text = error.to_string();
            let extent = Extent::of(&error.to_compile_error());
            let call = extent.call(quote!(__sw::mistake), quote!(#text));
            quote! {
                const _: () = {
                    use #emitted as __sw;
                    #call
                };
            }
        })
        .collect()
}
