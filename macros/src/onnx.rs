//! `onnx!` and `onnx_network!`: a definition from a file.

use std::path::{Path, PathBuf};

use proc_macro2::{Group, Literal, Span, TokenStream, TokenTree};
use quote::quote;
use shapewright_onnx::{Network, Options};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, LitInt, LitStr, Result, Token, Visibility, bracketed};

/// `pub Vad, "silero.onnx", batch = 1, input = [1, 576], outputs = ["probability"]`.
struct Call {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    path: LitStr,
    options: Options,
}

impl Parse for Call {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let usage = "expected `onnx!(pub Name, \"model.onnx\")`, and behind that the sizes that the \
                     file leaves open, such as `batch = 1`";
        let name = input
            .parse()
            .map_err(|error| Error::new(error.span(), usage))?;
        input.parse::<Token![,]>()?;
        let path = input
            .parse()
            .map_err(|error| Error::new(error.span(), usage))?;
        let mut options = Options::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                options = option(input, options)?;
            }
        }
        Ok(Call {
            attrs,
            vis,
            name,
            path,
            options,
        })
    }
}

/// Parses `batch = 1`, `"batch size" = 1`, `input = [1, 3, 224, 224]` or `outputs = ["a", "b"]`.
fn option(input: ParseStream, options: Options) -> Result<Options> {
    let name = match input.peek(LitStr) {
        true => input.parse::<LitStr>()?.value(),
        false => Ident::parse_any(input)?.unraw().to_string(),
    };
    input.parse::<Token![=]>()?;
    if input.peek(LitInt) {
        let size = input.parse::<LitInt>()?.base10_parse()?;
        return Ok(options.size(&name, size));
    }

    let content;
    bracketed!(content in input);
    if name == "outputs" {
        let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
        let names: Vec<String> = names.iter().map(LitStr::value).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Ok(options.outputs(&names));
    }
    let sizes = Punctuated::<LitInt, Token![,]>::parse_terminated(&content)?;
    let sizes = sizes.iter().map(LitInt::base10_parse);
    Ok(options.input(&name, &sizes.collect::<Result<Vec<usize>>>()?))
}

/// Writes the network of a file, and its weights if `embeds`.
pub fn expand(library: &TokenStream, definition: TokenStream, embeds: bool) -> Result<TokenStream> {
    let Call {
        attrs,
        vis,
        name,
        path: literal,
        options,
    } = syn::parse2(definition)?;
    let fail = |error: String| Error::new(literal.span(), error);

    let path = resolved(&literal);
    let shown = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| {
        let path = literal.value();
        fail(match error.kind() {
            std::io::ErrorKind::NotFound => format!(
                "there is no file `{path}`; the path is relative to this source file, or to the \
                 package's folder"
            ),
            _ => format!("`{path}`: {error}"),
        })
    })?;
    let network = Network::read(&bytes, path.parent(), &options)
        .map_err(|error| fail(format!("`{}`: {error}", literal.value())))?;

    let text = network.definition(&quote!(#vis).to_string(), &name.to_string());
    let text: TokenStream = text
        .parse()
        .map_err(|error| fail(format!("`{}`: {error}", literal.value())))?;
    let text = respanned(text, name.span());
    let weights = embeds.then(|| {
        let weights = Literal::byte_string(&network.weights_in_memory());
        let path = literal.value();
        quote! {
            impl #name {
                /// Returns the network with the weights of the ONNX file, which are in the read-only
                /// memory of the program.
                pub fn pretrained() -> &'static Self {
                    #[allow(long_running_const_eval)]
                    static PARAMETERS: #name = #library::emitted::included_part::<
                        #name,
                        _,
                        { #library::emitted::count_of::<#name, _>() },
                    >(#library::emitted::File {
                        path: #path,
                        bytes: #weights,
                        part: "",
                        name: ::core::stringify!(#name),
                    });
                    &PARAMETERS
                }
            }
        }
    });
    // The compiler translates again when the file changes.
    Ok(quote! {
        #library::emitted::define! { (#library) #(#attrs)* #text }
        #weights
        const _: &[::core::primitive::u8] = ::core::include_bytes!(#shown);
    })
}

/// Gives all tokens the span of the user's name: what the compiler says is about that, and the struct
/// is in scope where it is.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let tokens = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            let inside = respanned(group.stream(), span);
            token = TokenTree::Group(Group::new(group.delimiter(), inside));
        }
        token.set_span(span);
        token
    });
    tokens.collect()
}

/// Returns the path of a file: relative to the source file, as in `include_bytes!`, or to the package.
fn resolved(literal: &LitStr) -> PathBuf {
    let path = PathBuf::from(literal.value());
    if path.is_absolute() {
        return path;
    }
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let span: Span = literal.span();
    let source = span.unwrap().local_file();
    let beside =
        source
            .as_deref()
            .and_then(Path::parent)
            .map(|folder| match std::path::absolute(folder) {
                Ok(folder) => folder.join(&path),
                Err(_) => folder.join(&path),
            });
    match (beside, package) {
        (Some(beside), Some(package)) if !beside.is_file() && package.join(&path).is_file() => {
            package.join(&path)
        }
        (Some(beside), _) => beside,
        (None, Some(package)) => package.join(&path),
        (None, None) => path,
    }
}
