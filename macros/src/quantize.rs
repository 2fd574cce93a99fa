//! `#[quantized(CnnInt8)]`: a second network in 8 bits, and a third one with its forward pass for
//! training.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, Token, parse_quote};

use crate::attributes::{self, Derives};
use crate::check::Network;
use crate::expand;
use crate::fold::{Lists, Purpose};
use crate::parse::{Definition, SizesKind};

/// The attribute `#[quantized(CnnInt8, training = CnnQat)]`.
pub struct Quantized {
    name: Ident,
    training: Option<Ident>,
    attr: Attribute,
}

/// The names in the attribute.
struct Names {
    name: Ident,
    training: Option<Ident>,
}

impl Parse for Names {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let name = input.parse()?;
        let mut training = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "training" {
                return Err(Error::new(key.span(), "expected `training`"));
            }
            input.parse::<Token![=]>()?;
            training = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(Names { name, training })
    }
}

/// Removes the attribute from the definition, and returns it if it is right.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> Option<Quantized> {
    let own = &definition.name;
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) =
        attrs.partition(|attr| attr.path().is_ident("quantized"));
    definition.attrs = others;

    let mut found = found.into_iter();
    let attr = found.next()?;
    for another in found {
        errors.push(Error::new_spanned(
            another,
            "one quantized network is enough; remove this attribute",
        ));
    }

    let Ok(Names { name, training }) = attr.parse_args::<Names>() else {
        let message = format!(
            "expected the name of the quantized network: `#[quantized({own}Int8)]`, or with a name \
             for training as well, `#[quantized({own}Int8, training = {own}Qat)]`"
        );
        errors.push(Error::new_spanned(attr, message));
        return None;
    };
    let own_again = [Some(&name), training.as_ref()]
        .into_iter()
        .flatten()
        .find(|name| *name == own)
        .map(Ident::span);
    if let Some(span) = own_again {
        let message = format!(
            "the quantized network is another type, with a name of its own: write \
             `#[quantized({own}Int8)]`"
        );
        errors.push(Error::new(span, message));
        return None;
    }
    if training.as_ref() == Some(&name) {
        let message = format!(
            "the network for training is another type than the quantized one: write \
             `#[quantized({own}Int8, training = {own}Qat)]`"
        );
        errors.push(Error::new(name.span(), message));
        return None;
    }
    if definition.element != "f32" {
        let message = format!(
            "a quantized network computes with `f32` between its layers, and `{own}` with `{}`",
            definition.element
        );
        errors.push(Error::new_spanned(attr, message));
        return None;
    }
    Some(Quantized {
        name,
        training,
        attr,
    })
}

impl Quantized {
    /// Writes the network for training and the quantized one, and their traits. `networks` are copies
    /// of the original.
    pub fn expand(
        &self,
        networks: [Network; 3],
        emitted: &TokenStream,
        errors: &mut Vec<Error>,
    ) -> TokenStream {
        let [mut training, mut quantized, mut inputs] = networks;
        let original = training.name.clone();

        let from = quote!(self);
        let mut lists = Lists::new(&training.element, Purpose::Training);
        let training_code = lists.fold(&mut training.layers, &from, &quote!(__training));
        let is_known = !matches!(training.output.sizes.kind, SizesKind::Unknown);
        if is_known && !lists.worthwhile && errors.is_empty() {
            let message = format!(
                "there is nothing to quantize in `{original}`: no layer is a `Linear`, `Conv1d`, \
                 `Conv2d` or `Embedding` with parameters of its own; remove this attribute"
            );
            errors.push(Error::new_spanned(&self.attr, message));
        }
        let quantized_code = Lists::new(&quantized.element, Purpose::Quantized).fold(
            &mut quantized.layers,
            &from,
            &quote!(__quantized),
        );
        let inputs_code = Lists::new(&inputs.element, Purpose::EachInput).fold(
            &mut inputs.layers,
            &from,
            &quote!(),
        );

        let hidden = format_ident!("__{}Training", self.name);
        let name = &self.name;
        let training_name = self.training.as_ref().unwrap_or(&hidden);
        name_as(&mut training, training_name);
        name_as(&mut quantized, name);
        if self.training.is_none() {
            training.derives = Derives::none();
            training.attrs.retain(|attr| attr.path().is_ident("cfg"));
            training.attrs.push(parse_quote!(#[doc(hidden)]));
        } else {
            let doc = format!(
                "`{original}` for training with the forward pass of `{name}`: \
                 `{original}::quantized_training` makes it.\n\n"
            );
            training.attrs.insert(0, parse_quote!(#[doc = #doc]));
        }
        let doc = format!(
            "`{original}` with 8-bit weights, for inference: `{original}::quantized` makes it.\n\n"
        );
        quantized.attrs.insert(0, parse_quote!(#[doc = #doc]));

        // Mistakes in layers are reported for the first network only.
        let silent = quote!(#emitted::silent);
        let conditions = attributes::conditions(&inputs.attrs);
        let deprecated = attributes::allow_deprecated(&inputs);
        let second = expand::expand(&training, &silent);
        let third = expand::expand(&quantized, &silent);
        quote! {
            #second
            #third

            #(#conditions)*
            #deprecated
            const _: () = {
                use #emitted as __sw;
                use __sw::{NotALayer as _, bool, f32, f64, str, usize};

                impl __sw::Quantizable for #original {
                    type Training = #training_name;

                    fn training_into(&self, __training: &mut #training_name) {
                        #training_code
                    }
                }

                impl __sw::QuantizedTraining for #training_name {
                    type Quantized = #name;

                    fn quantized_into(&self, __quantized: &mut #name) -> bool {
                        let mut __is_known = true;
                        #quantized_code
                        __is_known
                    }

                    fn each_input(&mut self, __f: &mut dyn ::core::ops::FnMut(&mut f32, &mut f32)) {
                        #inputs_code
                    }
                }
            };
        }
    }
}

/// Gives a network another name, and no second network of its own.
fn name_as(network: &mut Network, name: &Ident) {
    network.name = name.clone();
    network.base = None;
    network.streams = false;
    network.export_c = None;
    network.export_python = false;
}
