//! Networks of several sizes: `struct Mlp<const IN: usize>: [IN] -> [3] { .. }` is a template, and
//! `struct Small = Mlp<4>;` is a network by that template.
//!
//! A template becomes a macro of the same name, which writes the definition with numbers in place
//! of the sizes. It can't become a generic type, as types can't contain what is computed from
//! constants of generic types. A type of the same name answers the calls that mean a network with a
//! sentence. Mistakes that need no sizes are reported at the template; those in shapes are reported
//! at its layers, once for each network.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, GenericParam, Generics, Path, Result, Token, Visibility};

use crate::parse::{Definition, tokens};
use crate::spans::ours;
use crate::{check, fold, generics, mistake, quantize};

/// A definition with generic sizes.
struct Template {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    sizes: Vec<Ident>,
    /// The tokens behind the generic parameters: the shapes and the layers.
    body: TokenStream,
}

/// A network by a template: `pub struct Small = models::Mlp<4, 3>;`.
struct Instance {
    /// The definition up to the name.
    head: TokenStream,
    name: Ident,
    template: Path,
    sizes: Vec<TokenStream>,
    /// The mistake behind the sizes.
    error: Option<Error>,
}

/// Expands a template, or a network by a template. Returns nothing for any other definition.
pub fn expand(
    definition: &TokenStream,
    library: &TokenStream,
    emitted: &TokenStream,
) -> Option<TokenStream> {
    if let Ok(instance) = Instance::parse.parse2(definition.clone()) {
        return Some(instance.expand(library, emitted));
    }
    let template = Template::parse.parse2(definition.clone()).ok()?;
    Some(template.expand(library, emitted))
}

/// Parses the attributes, the visibility and the name of a network.
fn head(input: ParseStream) -> Result<(Vec<Attribute>, Visibility, Ident)> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    input.parse::<Token![struct]>()?;
    Ok((attrs, vis, input.parse()?))
}

impl Template {
    /// Parses a definition whose generic parameters are sizes.
    fn parse(input: ParseStream) -> Result<Self> {
        let (attrs, vis, name) = head(input)?;
        let generics: Generics = input.parse()?;
        let size = |param: GenericParam| match param {
            GenericParam::Const(size) if size.default.is_none() => {
                (size.ty.to_token_stream().to_string() == "usize").then_some(size.ident)
            }
            _ => None,
        };
        let sizes: Option<Vec<Ident>> = generics.params.into_iter().map(size).collect();
        match sizes {
            Some(sizes) if !sizes.is_empty() => Ok(Template {
                attrs,
                vis,
                name,
                sizes,
                body: input.parse()?,
            }),
            _ => Err(input.error("no sizes")),
        }
    }

    /// Reports the mistakes that need no sizes, and writes the macro.
    fn expand(self, library: &TokenStream, emitted: &TokenStream) -> TokenStream {
        let errors = self.errors();
        let Template {
            attrs,
            vis,
            name,
            sizes,
            body,
        } = self;

        // Tokens with the span of this macro are never reported as unused.
        let span = ours(name.span());
        let definition = if errors.is_empty() {
            let body = with_variables(body, &sizes);
            quote_spanned!(span=> #(#attrs)* $($head)* #body)
        } else {
            quote_spanned!(span=> $($head)* = !)
        };
        let takes = Literal::string(&format!(
            "`{name}` takes {} size{}, `{name}<{}>`, but ",
            sizes.len(),
            if sizes.len() == 1 { "" } else { "s" },
            names(&sizes),
        ));
        // What is visible outside of the crate would have to be a macro of the crate's root.
        let macro_vis = match &vis {
            Visibility::Public(_) => quote!(pub(crate)),
            other => other.to_token_stream(),
        };

        let ours = Ident::new(&name.to_string(), span);
        let module = Ident::new(&format!("__{name}"), span);
        let docs = attrs.iter().filter(|attr| attr.path().is_ident("doc"));
        let mut tokens = quote_spanned! {span=>
            #[doc(hidden)]
            mod #module {
                macro_rules! #ours {
                    ({ $($head:tt)* } $written:literal #($ #sizes:tt)*) => {
                        #library::network! { #definition }
                    };
                    ({ $($head:tt)* } $written:literal $($other:tt)*) => {
                        #library::network! { $($head)* = ! #takes $written }
                    };
                }
                pub(crate) use #ours;
            }
            #macro_vis use #module::#ours;

            #(#docs)*
            #vis struct #ours<#(const #sizes: #emitted::usize),*>(#emitted::Infallible);

            impl<#(const #sizes: #emitted::usize),*> #ours<#(#sizes),*> {
                #[doc(hidden)]
                pub fn init<R: ?#emitted::Sized>(_: &mut R) -> Self
                where
                    Self: #emitted::NamedNetwork,
                {
                    <Self as #emitted::NamedNetwork>::off()
                }

                #[doc(hidden)]
                pub fn zeros() -> Self
                where
                    Self: #emitted::NamedNetwork,
                {
                    <Self as #emitted::NamedNetwork>::off()
                }
            }
        };
        tokens.extend(errors.iter().map(|error| mistake::report(error, emitted)));
        tokens
    }

    /// Returns the mistakes that need no sizes.
    fn errors(&self) -> Vec<Error> {
        let Template {
            attrs,
            vis,
            name,
            body,
            ..
        } = self;
        let tokens = quote!(#(#attrs)* #vis struct #name #body);
        let mut definition: Definition = match syn::parse2(tokens) {
            Ok(definition) => definition,
            Err(error) => return vec![error],
        };

        let mut errors = core::mem::take(&mut definition.errors);
        if let Some(folded) = attrs.iter().find(|attr| attr.path().is_ident("folded")) {
            let message = format!(
                "each network has a folded one of its own: write the attribute where the sizes are, \
                 `#[folded(SmallFolded)] struct Small = {name}<{}>;`",
                names(&self.sizes)
            );
            errors.push(Error::new(folded.span(), message));
            fold::take(&mut definition, &mut Vec::new());
        }
        if let Some(quantized) = attrs.iter().find(|attr| attr.path().is_ident("quantized")) {
            let message = format!(
                "each network has a quantized one of its own: write the attribute where the sizes \
                 are, `#[quantized(SmallInt8)] struct Small = {name}<{}>;`",
                names(&self.sizes)
            );
            errors.push(Error::new(quantized.span(), message));
            quantize::take(&mut definition, &mut Vec::new());
        }
        check::check(definition, &mut errors);
        errors
    }
}

/// Returns the names as they stand between angle brackets.
fn names(sizes: &[Ident]) -> String {
    let names: Vec<String> = sizes.iter().map(Ident::to_string).collect();
    names.join(", ")
}

/// Puts the macro's variables in the place of the sizes.
fn with_variables(tokens: TokenStream, sizes: &[Ident]) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) => match sizes.iter().find(|size| **size == ident) {
            Some(size) => quote!($ #size),
            None => ident.into_token_stream(),
        },
        TokenTree::Group(group) => {
            let inside = with_variables(group.stream(), sizes);
            let mut replaced = Group::new(group.delimiter(), inside);
            replaced.set_span(group.span());
            replaced.into_token_stream()
        }
        other => other.into_token_stream(),
    });
    replaced.collect()
}

impl Instance {
    /// Parses a network by a template.
    fn parse(input: ParseStream) -> Result<Self> {
        let (attrs, vis, name) = head(input)?;
        input.parse::<Token![=]>()?;
        let template = Path::parse_mod_style(input)?;
        let has_sizes = input.parse::<Option<Token![<]>>()?.is_some();
        if !has_sizes && !input.is_empty() && !input.peek(Token![;]) {
            return Err(input.error("no template"));
        }

        let mut sizes = TokenStream::new();
        let mut depth = 0;
        while has_sizes && (depth > 0 || !input.peek(Token![>])) {
            let token = tokens::skip(input)?;
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
                _ => {}
            }
            sizes.extend([token]);
        }
        if has_sizes {
            input.parse::<Token![>]>()?;
        }

        input.parse::<Option<Token![;]>>()?;
        let error = (!input.is_empty()).then(|| {
            input.error(
                "expected nothing behind the sizes: each network has a `network! { .. }` of its \
                 own",
            )
        });
        input.parse::<TokenStream>()?;
        Ok(Instance {
            head: quote!(#(#attrs)* #vis struct #name),
            name,
            template,
            sizes: generics::split(sizes),
            error,
        })
    }

    /// Writes a call of the template's macro.
    fn expand(self, library: &TokenStream, emitted: &TokenStream) -> TokenStream {
        let Instance {
            head,
            name,
            template,
            sizes,
            mut error,
        } = self;
        let mut errors = Vec::new();
        sizes
            .iter()
            .for_each(|size| check::whole_number(size, &mut errors));
        if let Some(inferred) = sizes.iter().find(|size| size.to_string() == "_") {
            let message =
                format!("the sizes of `{name}` are numbers or constants: write one for `_`");
            errors.push(Error::new(inferred.span(), message));
        }
        if let Some(error) = errors.into_iter().next().or(error.take()) {
            let mut tokens = mistake::report(&error, emitted);
            tokens.extend(quote!(#library::network! { #head = ! }));
            return tokens;
        }

        let written = Literal::string(&match sizes.len() {
            0 => "none is written".to_owned(),
            1 => "1 is written".to_owned(),
            count => format!("{count} are written"),
        });
        let sizes = sizes.into_iter().map(as_one_token);
        quote!(#template! { { #head } #written #(#sizes)* })
    }
}

/// Returns a size as one token, in parentheses if it is a computation.
fn as_one_token(size: TokenStream) -> TokenTree {
    let mut tokens = size.clone().into_iter();
    if let (Some(token @ (TokenTree::Literal(_) | TokenTree::Ident(_))), None) =
        (tokens.next(), tokens.next())
    {
        return token;
    }
    let span = size.span();
    let mut group = Group::new(Delimiter::Parenthesis, size);
    group.set_span(ours(span));
    group.into()
}
