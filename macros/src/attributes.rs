//! The attributes of a network: derives, some of which the expansion writes itself, and conditions.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Meta, Path, Token, parse_quote};

use crate::check::{Layer, Network};

/// The traits that are derived for a network and that the expansion derives or implements.
pub struct Derives {
    /// `Clone` is derived with `Copy`, so that cloning a box does not pass the stack.
    pub clone: Derived,
    /// `Debug` omits the fillers.
    pub debug: Derived,
    /// serde's traits write and read parameters by their names.
    pub serialize: Derived,
    pub deserialize: Derived,
    /// The place of the first derive of these two, if there is one.
    pub serde_at: Option<Span>,
}

/// The condition under which a trait is derived.
pub enum Derived {
    Never,
    Always,
    /// With the condition of a `cfg_attr`.
    If(TokenStream),
}

impl Derived {
    /// Derives the trait under this condition as well.
    fn add(&mut self, condition: Option<&TokenStream>) {
        *self = match (&*self, condition) {
            (Derived::Always, _) | (_, None) => Derived::Always,
            (Derived::Never, Some(new)) => Derived::If(new.clone()),
            (Derived::If(old), Some(new)) => Derived::If(quote!(any(#old, #new))),
        };
    }

    /// Writes an attribute that derives these traits under the condition.
    pub fn attribute(&self, traits: &TokenStream) -> TokenStream {
        match self {
            Derived::Never => TokenStream::new(),
            Derived::Always => quote!(#[derive(#traits)]),
            Derived::If(condition) => quote!(#[cfg_attr(#condition, derive(#traits))]),
        }
    }

    /// Writes an item that is there under the condition.
    pub fn item(&self, item: TokenStream) -> TokenStream {
        match self {
            Derived::Never => TokenStream::new(),
            Derived::Always => item,
            Derived::If(condition) => quote!(#[cfg(#condition)] #item),
        }
    }
}

impl Derives {
    /// No traits.
    pub fn none() -> Self {
        Derives {
            clone: Derived::Never,
            debug: Derived::Never,
            serialize: Derived::Never,
            deserialize: Derived::Never,
            serde_at: None,
        }
    }

    /// Removes the traits from the attributes of a network. Reports the attributes that a network
    /// can't have.
    pub fn take(attrs: &mut Vec<Attribute>, errors: &mut Vec<Error>) -> Self {
        let mut derives = Derives::none();

        for attr in attrs.iter_mut() {
            if sets_layout(attr) {
                errors.push(Error::new(
                    attr.span(),
                    "the memory layout of a network is fixed; remove this attribute",
                ));
                continue;
            }

            // Some lints do not look at `repr(C)`, or at a second, folded network: what is expected
            // may not come.
            if attr.path().is_ident("expect")
                && let Meta::List(list) = &mut attr.meta
            {
                list.path = parse_quote!(allow);
            }

            if attr.path().is_ident("derive") {
                let kept = derives.take_from(&attr.meta, None, errors);
                *attr = parse_quote!(#[#kept]);
            } else if attr.path().is_ident("cfg_attr")
                && let Ok(metas) =
                    attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            {
                let condition = metas.first().map(ToTokens::to_token_stream);
                let kept = metas.iter().enumerate().map(|(index, meta)| {
                    if index > 0 && meta.path().is_ident("derive") {
                        derives.take_from(meta, condition.as_ref(), errors)
                    } else {
                        meta.to_token_stream()
                    }
                });
                *attr = parse_quote!(#[cfg_attr(#(#kept),*)]);
            }
        }

        attrs.retain(|attr| !sets_layout(attr));
        derives
    }

    /// Takes the traits from a `derive(..)`, and returns it with the others.
    fn take_from(
        &mut self,
        derive: &Meta,
        condition: Option<&TokenStream>,
        errors: &mut Vec<Error>,
    ) -> TokenStream {
        let Meta::List(list) = derive else {
            return derive.to_token_stream();
        };
        let paths = list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);

        let errors_before = errors.len();
        let mut kept = Vec::new();
        for path in paths.into_iter().flatten() {
            let segments = path.segments.iter();
            let names: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
            let is_serde = |name: &String| name == "Serialize" || name == "Deserialize";
            if names.last().is_some_and(is_serde) {
                self.serde_at.get_or_insert(path.span());
            }
            match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                [.., "Clone" | "Copy"] => self.clone.add(condition),
                [.., "Debug"] => self.debug.add(condition),
                ["Serialize"] | ["serde", "Serialize"] => self.serialize.add(condition),
                ["Deserialize"] | ["serde", "Deserialize"] => self.deserialize.add(condition),
                [.., "Default"] => errors.push(Error::new(
                    path.span(),
                    "a network can't be made by `Default`, on the stack: remove it and use `init` \
                     or `zeros`",
                )),
                [.., name @ ("Eq" | "Ord" | "PartialOrd" | "Hash")] => {
                    // One sentence for all of them.
                    if errors.len() == errors_before {
                        errors.push(Error::new(
                            path.span(),
                            format!(
                                "a network's numbers may be NaN and have no `{name}`; remove it: \
                                 `PartialEq` can be derived"
                            ),
                        ));
                    }
                }
                _ => kept.push(path),
            }
        }
        quote!(derive(#(#kept),*))
    }
}

/// Returns the conditions under which the network is there, for the other items of its expansion.
pub fn conditions(attrs: &[Attribute]) -> Vec<&Attribute> {
    let attrs = attrs.iter();
    attrs.filter(|attr| attr.path().is_ident("cfg")).collect()
}

/// Writes an attribute for code that names a network and its fields, if one of them is deprecated.
pub fn allow_deprecated(network: &Network) -> Option<TokenStream> {
    let is_deprecated = |attr: &Attribute| {
        attr.path().is_ident("deprecated")
            || attr.path().is_ident("cfg_attr")
                && has_ident(attr.meta.to_token_stream(), "deprecated")
    };
    let mut layers: Vec<&Layer> = network.layers.iter().collect();
    let mut found = network.attrs.iter().any(is_deprecated);
    while let Some(layer) = layers.pop() {
        found |= layer.attrs.iter().any(is_deprecated);
        let branches = layer.block.iter().flat_map(|block| &block.branches);
        layers.extend(branches.flat_map(|branch| &branch.layers));
    }
    found.then(|| quote!(#[allow(deprecated)]))
}

/// Returns whether an attribute derives traits, perhaps under a condition.
pub fn is_derive(attr: &Attribute) -> bool {
    let derives_if = || match &attr.meta {
        Meta::List(list) => has_ident(list.tokens.clone(), "derive"),
        _ => false,
    };
    attr.path().is_ident("derive") || attr.path().is_ident("cfg_attr") && derives_if()
}

/// Returns whether an attribute is `repr`, or a `cfg_attr` with one.
fn sets_layout(attr: &Attribute) -> bool {
    let has_repr = || match &attr.meta {
        Meta::List(list) => has_ident(list.tokens.clone(), "repr"),
        _ => false,
    };
    attr.path().is_ident("repr") || attr.path().is_ident("cfg_attr") && has_repr()
}

/// Returns whether an identifier occurs anywhere in the tokens.
fn has_ident(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => has_ident(group.stream(), name),
        _ => false,
    })
}
