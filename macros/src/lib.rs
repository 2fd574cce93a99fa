//! The macros of the `shapewright` crate, which re-exports them: `network!` and
//! `#[derive(Parameters)]`.
//!
//! `network!` parses the definition (`parse`), checks its layers against the table of the built-in
//! ones (`check`, `blocks`, `builtin`, `generics`, `options`), and writes the struct with its trait
//! implementations (`expand`, `sequence`, `step`), or for generic sizes a macro (`template`). It
//! does no shape arithmetic: that is const code in the library. It reports all mistakes that it
//! finds at once. After a mistake it still emits the struct, so that the rest of the program causes
//! no further errors.

mod attributes;
mod blocks;
mod builtin;
mod check;
mod derive;
mod expand;
mod export_c;
mod export_python;
mod fold;
mod generics;
mod habits;
mod hoisted;
mod merge;
mod mistake;
#[cfg(feature = "onnx")]
mod onnx;
mod options;
mod parse;
mod quantize;
mod sequence;
mod spans;
mod step;
mod stream;
mod template;
mod wiring;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::Parser;

/// Defines a network; documented as `shapewright::network!`, which puts the path of the library in
/// parentheses before the definition.
#[proc_macro]
pub fn network(input: TokenStream) -> TokenStream {
    let (library, definition) = match parse::with_library.parse(input) {
        Ok(parsed) => parsed,
        Err(error) => return error.into_compile_error().into(),
    };
    let emitted = quote!(#library::emitted);
    if let Some(tokens) = template::expand(&definition, &library, &emitted) {
        return tokens.into();
    }
    let mut errors = Vec::new();
    let Understood {
        network,
        folded,
        quantized,
    } = match understand(definition.clone(), &mut errors) {
        Ok(understood) => understood,
        Err(error) => return mistake::report(&error, &emitted).into(),
    };

    let mut tokens = expand::expand(&network, &emitted);
    if let Some(prefix) = &network.export_c {
        tokens.extend(export_c::expand(&network, prefix, &emitted));
    }
    if network.export_python {
        tokens.extend(export_python::expand(&network));
    }
    if network.streams {
        // The definition is read again, as its parts can't be copied.
        if let Ok(Understood { network, .. }) = understand(definition.clone(), &mut Vec::new()) {
            tokens.extend(stream::expand_step(network, &emitted));
        }
        if let Ok(Understood {
            mut network,
            folded: Some(folded),
            ..
        }) = understand(definition.clone(), &mut Vec::new())
        {
            folded.fold(&mut network);
            tokens.extend(stream::expand_step(network, &emitted));
        }
    }
    if let Some(quantized) = quantized {
        let again = || understand(definition.clone(), &mut Vec::new());
        if let (Ok(a), Ok(b), Ok(c)) = (again(), again(), again()) {
            let networks = [a, b, c].map(|understood| understood.network);
            tokens.extend(quantized.expand(networks, &emitted, &mut errors));
        }
    }
    if let Some(folded) = folded {
        tokens.extend(folded.expand(network, &emitted, &mut errors));
    }

    tokens.extend(errors.iter().map(|error| mistake::report(error, &emitted)));
    tokens.into()
}

/// Defines a network by an ONNX file, with its weights; documented as `shapewright::onnx!`.
#[cfg(feature = "onnx")]
#[proc_macro]
pub fn onnx(input: TokenStream) -> TokenStream {
    from_onnx(input, true)
}

/// Defines a network by an ONNX file, without its weights; documented as
/// `shapewright::onnx_network!`.
#[cfg(feature = "onnx")]
#[proc_macro]
pub fn onnx_network(input: TokenStream) -> TokenStream {
    from_onnx(input, false)
}

#[cfg(feature = "onnx")]
fn from_onnx(input: TokenStream, embeds: bool) -> TokenStream {
    let tokens = parse::with_library
        .parse(input)
        .and_then(|(library, definition)| onnx::expand(&library, definition, embeds));
    tokens.unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A definition with the attributes that make further networks of it.
struct Understood {
    network: check::Network,
    folded: Option<fold::Folded>,
    quantized: Option<quantize::Quantized>,
}

/// Reads and checks a definition.
fn understand(
    definition: proc_macro2::TokenStream,
    errors: &mut Vec<syn::Error>,
) -> syn::Result<Understood> {
    let mut definition: parse::Definition = syn::parse2(definition)?;
    errors.append(&mut definition.errors);
    let folded = fold::take(&mut definition, errors);
    let quantized = quantize::take(&mut definition, errors);
    let base = merge::take(&mut definition, errors);
    let streams = stream::take(&mut definition, errors);
    let export_c = export_c::take(&mut definition, errors);
    let export_python = export_python::take(&mut definition, errors);

    let mut network = check::check(definition, errors);
    network.streams = streams;
    network.export_c = export_c;
    network.export_python = export_python;
    network.base = base;
    Ok(Understood {
        network,
        folded,
        quantized,
    })
}

/// Implements the trait; documented as `shapewright::Parameters`.
#[proc_macro_derive(Parameters, attributes(params))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
