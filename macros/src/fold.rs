//! Folds batch normalizations into the layers before them: `#[folded(CnnFolded)]` makes a second
//! network of a checked one, and the code that computes its parameters.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Ident, parse_quote};

use crate::attributes;
use crate::blocks::{Block, BlockKind};
use crate::builtin;
use crate::check::{Argument, Layer, Network};
use crate::expand;
use crate::parse::{Definition, SizesKind};

/// The layers that are folded into the one before them.
const NORMS: &[&str] = &["BatchNorm1d", "BatchNorm2d"];
/// The layers that they are folded into. The last of their options is `NoBias`.
const INTO: &[&str] = &["Linear", "Conv1d", "Conv2d", "ConvTranspose2d"];
/// The layers that do nothing in inference.
const IDLE: &[&str] = &["Dropout", "Dropout2d"];

/// The attribute `#[folded(CnnFolded)]`.
pub struct Folded {
    name: Ident,
    attr: Attribute,
}

/// Removes the attribute from the definition, and returns it if it is right.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> Option<Folded> {
    let own = &definition.name;
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) = attrs.partition(|attr| attr.path().is_ident("folded"));
    definition.attrs = others;

    let mut found = found.into_iter();
    let attr = found.next()?;
    for another in found {
        errors.push(Error::new_spanned(
            another,
            "one folded network is enough; remove this attribute",
        ));
    }

    match attr.parse_args::<Ident>() {
        Ok(name) if name != *own => Some(Folded { name, attr }),
        Ok(name) => {
            let message = format!(
                "the folded network is another type, with a name of its own: write \
                 `#[folded({own}Folded)]`"
            );
            errors.push(Error::new(name.span(), message));
            None
        }
        Err(_) => {
            let message =
                format!("expected the name of the folded network: `#[folded({own}Folded)]`");
            errors.push(Error::new_spanned(attr, message));
            None
        }
    }
}

impl Folded {
    /// Makes a network the folded one. Returns the code that computes its parameters, and whether
    /// anything has been folded.
    pub fn fold(&self, network: &mut Network) -> (TokenStream, bool) {
        let mut lists = Lists::new(&network.element, Purpose::Fold);
        let code = lists.fold(&mut network.layers, &quote!(self), &quote!(__folded));
        network.name = self.name.clone();
        network.base = None;
        (code, lists.worthwhile)
    }

    /// Writes the second network, and `Foldable` for the first.
    pub fn expand(
        &self,
        mut network: Network,
        emitted: &TokenStream,
        errors: &mut Vec<Error>,
    ) -> TokenStream {
        let original = network.name.clone();
        // A mistake in a template was reported there.
        let is_known = !matches!(network.output.sizes.kind, SizesKind::Unknown);
        let (code, is_worthwhile) = self.fold(&mut network);
        if is_known && !is_worthwhile && errors.is_empty() {
            let message = format!(
                "there is nothing to fold in `{original}`: no `BatchNorm1d` or `BatchNorm2d` \
                 stands directly behind a `Linear`, `Conv1d`, `Conv2d` or `ConvTranspose2d`; \
                 remove this attribute"
            );
            errors.push(Error::new_spanned(&self.attr, message));
        }

        let doc = format!(
            "`{original}` for inference: its batch normalizations are folded into the layers \
             before them. `{original}::folded` makes it.\n\n"
        );
        network.attrs.insert(0, parse_quote!(#[doc = #doc]));
        // Mistakes in layers are reported for the first network only.
        let second = expand::expand(&network, &quote!(#emitted::silent));
        let name = &network.name;
        let conditions = attributes::conditions(&network.attrs);
        let deprecated = attributes::allow_deprecated(&network);

        quote! {
            #second

            #(#conditions)*
            #deprecated
            const _: () = {
                use #emitted as __sw;
                use __sw::{NotALayer as _, bool, f32, f64, str, usize};
                impl __sw::Foldable for #original {
                    type Folded = #name;

                    fn fold_into(&self, __folded: &mut #name) {
                        #code
                    }
                }
            };
        }
    }
}

/// The purpose for which the lists of a network are folded, and the code that this gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The folded network, whose parameters are computed from those of the original.
    Fold,
    /// The network for training in 8 bits, whose parameters are computed in the same way.
    Training,
    /// The network in 8 bits, whose parameters are computed from those of the network for training.
    Quantized,
    /// Calls of a function with the quantization of each input in the network for training.
    EachInput,
}

impl Purpose {
    /// Returns the layer around one with an 8-bit form.
    fn wrapper(self) -> Option<&'static str> {
        match self {
            Purpose::Fold => None,
            Purpose::Training | Purpose::EachInput => Some(builtin::FAKE_QUANTIZE),
            Purpose::Quantized => Some(builtin::INT8),
        }
    }
}

/// The state of folding, shared by all lists of a network.
pub struct Lists<'a> {
    element: &'a Ident,
    purpose: Purpose,
    /// True if anything has been folded, or wrapped.
    pub worthwhile: bool,
}

impl<'a> Lists<'a> {
    pub fn new(element: &'a Ident, purpose: Purpose) -> Self {
        Lists {
            element,
            purpose,
            worthwhile: false,
        }
    }

    /// Folds a list of layers in place. Returns the code that computes its parameters, `to`, from
    /// those of the original list, `from`.
    pub fn fold(
        &mut self,
        layers: &mut Vec<Layer>,
        from: &TokenStream,
        to: &TokenStream,
    ) -> TokenStream {
        let extent = layers.first().map(|layer| layer.extent);
        let readers = readers(layers);
        let tied: Vec<Ident> = layers
            .iter()
            .filter_map(|layer| layer.tied.clone())
            .collect();
        // The parameters of a layer that shares them are not its own to change.
        let has_own = |layer: &Layer| {
            let field = layer.field.as_ref();
            field.is_some_and(|field| !tied.contains(field))
        };
        let mut kept: Vec<(Layer, Option<Layer>)> = Vec::new();
        // For each output of the old list, its number in the new one.
        let mut numbers = vec![0];
        for mut layer in layers.drain(..) {
            let is_only_reader = readers[layer.sources[0]] == 1;
            for source in &mut layer.sources {
                *source = numbers[*source];
            }

            if is(&layer, IDLE) {
                numbers.push(layer.sources[0]);
                continue;
            }
            let is_last = layer.sources == [kept.len()] && is_only_reader;
            match kept.last_mut() {
                Some((before, norm @ None))
                    if is_last && is(&layer, NORMS) && is(before, INTO) && has_own(before) =>
                {
                    *norm = Some(layer)
                }
                _ => kept.push((layer, None)),
            }
            numbers.push(kept.len());
        }

        let mut code = TokenStream::new();
        for (mut layer, norm) in kept {
            let wrapper = self.purpose.wrapper();
            let wrapper = wrapper.filter(|_| has_own(&layer) && has_int8(&layer));
            code.extend(match (wrapper, self.purpose, norm) {
                (Some(_), Purpose::Quantized | Purpose::EachInput, norm) => {
                    if norm.is_some() {
                        give_bias(&mut layer);
                    }
                    self.quantize(&mut layer, from, to)
                }
                (_, _, Some(norm)) => {
                    let is_fold = matches!(self.purpose, Purpose::Fold | Purpose::Training);
                    match is_fold {
                        true => self.pair(&mut layer, &norm, wrapper.is_some(), from, to),
                        false => self.folded_before(&mut layer, from, to),
                    }
                }
                (_, _, None) => self.single(&mut layer, wrapper.is_some(), from, to),
            });
            if let Some(wrapper) = wrapper {
                self.worthwhile = true;
                wrap(&mut layer, wrapper);
            }
            layers.push(layer);
        }

        if layers.is_empty() {
            layers.extend(extent.map(Layer::identity));
        }
        code
    }

    /// Folds a normalization into the layer before it.
    fn pair(
        &mut self,
        layer: &mut Layer,
        norm: &Layer,
        is_wrapped: bool,
        from: &TokenStream,
        to: &TokenStream,
    ) -> TokenStream {
        let (Some(field), Some(norm_field)) = (&layer.field, &norm.field) else {
            return TokenStream::new();
        };
        self.worthwhile = true;

        let element = self.element;
        let config = norm
            .config
            .clone()
            .unwrap_or_else(|| quote!(<__sw::BatchNormArguments as __sw::Configuration>::DEFAULT));
        let to = inside(quote!(#to.#field), is_wrapped);
        let code = quote! {
            __sw::fold::<#element, _>(&#from.#field, &#from.#norm_field, #config, &mut #to);
        };
        give_bias(layer);
        code
    }

    /// Copies a layer that a normalization was folded into.
    fn folded_before(
        &mut self,
        layer: &mut Layer,
        from: &TokenStream,
        to: &TokenStream,
    ) -> TokenStream {
        give_bias(layer);
        self.single(layer, false, from, to)
    }

    /// Quantizes a layer, or calls the function with its input.
    fn quantize(&self, layer: &mut Layer, from: &TokenStream, to: &TokenStream) -> TokenStream {
        if layer.wrapper.take().is_some() {
            unwrap_spectral_norm(layer);
        }
        let field = &layer.field;
        match self.purpose {
            Purpose::EachInput => quote! {
                __f(&mut #from.#field.input_scale, &mut #from.#field.input_zero_point);
            },
            _ => quote!(__is_known &= __sw::quantize(&#from.#field, &mut #to.#field);),
        }
    }

    /// Keeps a layer, and folds the lists inside it.
    fn single(
        &mut self,
        layer: &mut Layer,
        is_wrapped: bool,
        from: &TokenStream,
        to: &TokenStream,
    ) -> TokenStream {
        let Some(field) = &layer.field else {
            return TokenStream::new();
        };
        let element = self.element;
        let from = quote!(#from.#field);
        let to = inside(quote!(#to.#field), is_wrapped);

        match &mut layer.block {
            // A type without arguments may be a network, which may have a folded one.
            None if !layer.builtin && layer.generics.is_empty() && layer.config.is_none() => {
                self.nested(layer, &from, &to)
            }
            None if layer
                .wrapper
                .as_ref()
                .is_some_and(|w| w == builtin::SPECTRAL_NORM) =>
            {
                self.worthwhile |= self.purpose == Purpose::Fold;
                layer.wrapper = None;
                unwrap_spectral_norm(layer);
                match self.purpose {
                    Purpose::Fold | Purpose::Training => {
                        quote!(__sw::fold_spectral_norm::<#element, _>(&#from, &mut #to);)
                    }
                    _ => self.copy(&from, &to),
                }
            }
            None => self.copy(&from, &to),
            Some(block) if matches!(block.kind, BlockKind::Repeat(_)) => {
                let once = self.branches(block, &quote!(__from), &quote!(__to));
                match self.purpose {
                    Purpose::EachInput => quote!(for __from in &mut #from { #once }),
                    _ => quote!(for (__from, __to) in #from.iter().zip(&mut #to) { #once }),
                }
            }
            Some(block) => self.branches(block, &from, &to),
        }
    }

    /// Copies the parameters of a layer that is the same in both networks.
    fn copy(&self, from: &TokenStream, to: &TokenStream) -> TokenStream {
        let element = self.element;
        match self.purpose {
            Purpose::EachInput => TokenStream::new(),
            _ => quote!(__sw::copy::<#element>(&#from, &mut #to);),
        }
    }

    /// Replaces a layer that may be a network by what it has become.
    fn nested(&mut self, layer: &mut Layer, from: &TokenStream, to: &TokenStream) -> TokenStream {
        let element = self.element;
        let path = &layer.path;
        let has = match self.purpose {
            Purpose::Fold => quote!(FOLDS),
            _ => quote!(QUANTIZES),
        };
        let nested = quote!(__sw::Nested<{ <__sw::Probe<#path, (), (), #element>>::#has }, #path>);
        let of_training = quote!(<#nested as __sw::TrainingNested<_, _>>);
        let (chosen, code) = match self.purpose {
            Purpose::Fold => {
                self.worthwhile = true;
                let code = quote!(<#nested as __sw::FoldInto<#element, _, _>>::fold_into(&#from, &mut #to););
                (quote!(<#nested as __sw::Choose>::Layer), code)
            }
            Purpose::Training => (
                quote!(<#nested as __sw::ChooseQuantized>::Training),
                quote!(<#nested as __sw::QuantizeNested<_, _>>::training_into(&#from, &mut #to);),
            ),
            Purpose::Quantized => (
                quote!(<#nested as __sw::ChooseQuantized>::Quantized),
                quote!(__is_known &= #of_training::quantized_into(&#from, &mut #to);),
            ),
            Purpose::EachInput => {
                let params = quote!(<#nested as __sw::ChooseQuantized>::Training);
                let quantized = quote!(<#nested as __sw::ChooseQuantized>::Quantized);
                let of_training = quote! {
                    <#nested as __sw::TrainingNested<
                        <#params as __sw::Layer<#element>>::Params,
                        <#quantized as __sw::Layer<#element>>::Params,
                    >>
                };
                (params, quote!(#of_training::each_input(&mut #from, __f);))
            }
        };
        if self.purpose != Purpose::Fold {
            self.worthwhile = true;
        }
        layer.path = chosen;
        code
    }

    /// Folds the branches of a block.
    fn branches(&mut self, block: &mut Block, from: &TokenStream, to: &TokenStream) -> TokenStream {
        let branches = block.branches.iter_mut().map(|branch| match &branch.field {
            None => self.fold(&mut branch.layers, from, to),
            Some((field, _)) => self.fold(
                &mut branch.layers,
                &quote!(#from.#field),
                &quote!(#to.#field),
            ),
        });
        branches.collect()
    }
}

/// Returns the parameters of the layer inside a wrapped one.
fn inside(params: TokenStream, is_wrapped: bool) -> TokenStream {
    match is_wrapped {
        true => quote!(#params.layer),
        false => params,
    }
}

/// Gives a layer that a normalization is folded into a bias.
fn give_bias(layer: &mut Layer) {
    let derived = builtin::find(&layer.path.to_string()).map_or(0, |builtin| builtin.derived);
    let bias = layer.generics.len() - 1 - derived;
    layer.generics[bias] = Argument::Given(quote!(true));
    for text in [&mut layer.text, &mut layer.brief] {
        *text = text.replace(", NoBias", "");
    }
}

/// Removes a spectral normalization from the text of a layer.
fn unwrap_spectral_norm(layer: &mut Layer) {
    for text in [&mut layer.text, &mut layer.brief] {
        *text = text.replacen("SpectralNorm<", "", 1).replacen(">>", ">", 1);
    }
}

/// Returns whether a layer has an 8-bit form.
fn has_int8(layer: &Layer) -> bool {
    let is_bare = layer
        .wrapper
        .as_ref()
        .is_none_or(|w| w == builtin::SPECTRAL_NORM);
    layer.builtin
        && is_bare
        && layer.block.is_none()
        && layer.tied.is_none()
        && builtin::QUANTIZED.contains(&layer.path.to_string().as_str())
}

/// Puts a wrapper around a layer.
fn wrap(layer: &mut Layer, wrapper: &str) {
    let path = format!("{}<", layer.path);
    let wrapped = format!("{wrapper}<{path}");
    for text in [&mut layer.text, &mut layer.brief] {
        if text.contains(&path) {
            *text = text.replacen(&path, &wrapped, 1) + ">";
        }
    }
    layer.wrapper = Some(Ident::new(wrapper, proc_macro2::Span::mixed_site()));
}

/// Returns how often each output of a list is read, by its number, in a list without the layers that
/// do nothing: their readers read what they read. That of the list is read once after all layers.
fn readers(layers: &[Layer]) -> Vec<usize> {
    // For each output, the first one that is the same.
    let mut origins = vec![0];
    for (index, layer) in layers.iter().enumerate() {
        origins.push(match is(layer, IDLE) {
            true => origins[layer.sources[0]],
            false => index + 1,
        });
    }

    let mut readers = vec![0; layers.len() + 1];
    readers[origins[layers.len()]] = 1;
    let computing = layers.iter().filter(|layer| !is(layer, IDLE));
    for &source in computing.flat_map(|layer| &layer.sources) {
        readers[origins[source]] += 1;
    }
    origins.into_iter().map(|origin| readers[origin]).collect()
}

/// Returns whether a layer is a built-in one with one of these names.
fn is(layer: &Layer, names: &[&str]) -> bool {
    layer.builtin && layer.wrapper.is_none() && names.contains(&layer.path.to_string().as_str())
}
