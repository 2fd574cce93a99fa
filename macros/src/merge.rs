//! `#[merged(Base)]`: the code that copies parameters between a network with `Lora` around some layers
//! and the same network without.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Path};

use crate::blocks::{Block, BlockKind};
use crate::builtin;
use crate::check::{Layer, Network};
use crate::parse::Definition;

/// Removes the attribute from the definition, and returns the base in it.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> Option<Path> {
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) = attrs.partition(|attr| attr.path().is_ident("merged"));
    definition.attrs = others;

    let mut found = found.into_iter();
    let attr = found.next()?;
    for another in found {
        errors.push(Error::new_spanned(
            another,
            "one base is enough; remove this attribute",
        ));
    }
    match attr.parse_args::<Path>() {
        Ok(base) => Some(base),
        Err(_) => {
            let message = "expected the name of the network without `Lora`, which must be defined: \
                           `#[merged(Base)]`";
            errors.push(Error::new_spanned(attr, message));
            None
        }
    }
}

/// The direction in which parameters are copied.
#[derive(Clone, Copy)]
enum Direction {
    /// From the network to its base.
    Merge,
    /// From the base to the network.
    Set,
}

/// Writes `Mergeable` for a network with a base.
pub fn implementation(network: &Network) -> Option<TokenStream> {
    let base = network.base.as_ref()?;
    let name = &network.name;
    let copy = |direction, from, to| {
        Copy {
            element: &network.element,
            direction,
        }
        .layers(&network.layers, &from, &to)
    };
    let merge = copy(Direction::Merge, quote!(self), quote!(__base));
    let set = copy(Direction::Set, quote!(__base), quote!(self));

    Some(quote! {
        impl __sw::Mergeable for #name {
            type Base = #base;

            fn merge_into(&self, __base: &mut #base) {
                use __sw::{CopyPair as _, MergePair as _};
                const { __sw::assert_complete::<#name, #base>() };
                #merge
            }

            fn set_base(&mut self, __base: &#base) {
                use __sw::{CopyPair as _, SetPair as _};
                const { __sw::assert_complete::<#name, #base>() };
                #set
            }
        }
    })
}

struct Copy<'a> {
    element: &'a syn::Ident,
    direction: Direction,
}

impl Copy<'_> {
    /// Copies the parameters of a list of layers.
    fn layers(&self, layers: &[Layer], from: &TokenStream, to: &TokenStream) -> TokenStream {
        let layers = layers.iter().map(|layer| self.layer(layer, from, to));
        layers.collect()
    }

    /// Copies the parameters of a layer.
    fn layer(&self, layer: &Layer, from: &TokenStream, to: &TokenStream) -> TokenStream {
        let Some(field) = &layer.field else {
            return TokenStream::new();
        };
        let element = self.element;
        let from = quote!(#from.#field);
        let to = quote!(#to.#field);

        let is_adapted = layer
            .wrapper
            .as_ref()
            .is_some_and(|name| name == builtin::LORA);
        match &layer.block {
            Some(block) if matches!(block.kind, BlockKind::Repeat(_)) => {
                let once = self.branches(block, &quote!(__from), &quote!(__to));
                quote!(for (__from, __to) in __sw::zipped(&#from, &mut #to) { #once })
            }
            Some(block) => self.branches(block, &from, &to),
            None if is_adapted => match self.direction {
                Direction::Merge => {
                    let config = layer.config.clone().unwrap_or_else(|| {
                        quote!(<__sw::LoraAlpha as __sw::Configuration>::DEFAULT)
                    });
                    quote!(__sw::Adapted::merge_into(&#from, #config, &mut #to);)
                }
                Direction::Set => quote!(__sw::Adapted::set_layer(&mut #to, &#from);),
            },
            // It may be a network with a base of its own.
            None if !layer.builtin => {
                let method = match self.direction {
                    Direction::Merge => quote!(merge),
                    Direction::Set => quote!(set),
                };
                quote!(__sw::Pair::<#element, _, _>::new(&#from, &mut #to).#method();)
            }
            None => quote!(__sw::copy_same::<#element, _>(&#from, &mut #to);),
        }
    }

    /// Copies the parameters of the branches of a block.
    fn branches(&self, block: &Block, from: &TokenStream, to: &TokenStream) -> TokenStream {
        let branches = block.branches.iter().map(|branch| match &branch.field {
            None => self.layers(&branch.layers, from, to),
            Some((field, _)) => {
                self.layers(&branch.layers, &quote!(#from.#field), &quote!(#to.#field))
            }
        });
        branches.collect()
    }
}
