//! The checks of a layer, each by a call at the user's tokens.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::LitStr;

use super::Step;
use crate::spans::Extent;

/// Constants that say which traits a type has, and so do not fail to compile where it lacks one.
pub struct Probes {
    /// True if it is a `ShapeRule`.
    pub fits: TokenStream,
    /// True if it is a `Layer`.
    pub layer: TokenStream,
    /// True if it is a `Layer` with parameters.
    pub holds: TokenStream,
    /// True if it is `Infer`.
    pub computes: TokenStream,
    /// True if it is `NamesOutput`.
    pub names_output: TokenStream,
}

impl Step<'_> {
    /// Writes the check of the shape rule's answer, and of the number of parameters.
    pub(super) fn report(&self) -> TokenStream {
        let Step {
            element,
            source,
            inferred,
            dims_in,
            held,
            ..
        } = self;
        let text = LitStr::new(&self.layer.text, Span::call_site());
        let brief = &self.layer.brief;
        let way = self.way();
        let place = quote! {
            __sw::Place { layer: #text, brief: #brief, source: #source, way: &[#way] }
        };
        let report = self
            .layer
            .extent
            .call(quote!(__sw::report), quote!(&#inferred, #place, #dims_in));
        let report = (!self.layer.quiet).then(|| quote!(#report;));

        let report_held = self.layer.field.is_some().then(|| {
            let report = self
                .layer
                .extent
                .call(quote!(__sw::report_parameters), quote!(#text, &#held));
            let report_element = self.layer.path.to_string().ends_with("Embedding").then(|| {
                let written = format_ident!("__Written{}", self.tag);
                self.layer.extent.call(
                    quote!(__sw::report_element::<#written, #element>),
                    quote!(#text),
                )
            });
            quote! {
                if #inferred.is_fine() {
                    #report;
                    #report_element
                }
            }
        });
        if report.is_none() && report_held.is_none() {
            return TokenStream::new();
        }
        quote! {
            const _: () = {
                #report
                #report_held
            };
        }
    }

    /// Writes the shapes on the way to the layer, which an error shows: what the list is given, and
    /// what the last few layers give. Layers without sizes take any number of features.
    fn way(&self) -> Option<TokenStream> {
        if self.layer.generics.is_empty() || self.way.is_empty() {
            return None;
        }
        let shapes = self.way.iter().map(|(name, output)| {
            let dims = format_ident!("__DIMS{}{output}", self.list);
            quote!((#name, #dims))
        });
        Some(quote!(#(#shapes),*))
    }

    /// Writes the questions about a type that may lack some of the traits of layers.
    pub(super) fn probes(&self, asked_type: &TokenStream, own_type: &TokenStream) -> Probes {
        let Step {
            element,
            shape_in,
            shape_out,
            own,
            ..
        } = self;
        let asked = quote!(__sw::Probe<#asked_type, #shape_in, #shape_in, #element>);
        Probes {
            fits: quote!(<#asked>::FITS),
            layer: quote!(<__sw::Probe<#own_type, #shape_in, #shape_out, #element>>::LAYER),
            holds: quote!(<__sw::Probe<#own_type, #shape_in, #shape_out, #element>>::HOLDS),
            computes: quote!(<__sw::Probe<#own, #shape_in, #shape_out, #element>>::COMPUTES),
            names_output: quote!(<#asked>::NAMES_OUTPUT),
        }
    }

    /// Writes the check that a layer of the user's own has all traits, and that its output is the
    /// one that it names.
    pub(super) fn report_traits(&self, probes: &Probes) -> TokenStream {
        let Step {
            element,
            inferred,
            dims_in,
            dims_out,
            shape_out,
            ..
        } = self;
        let Probes {
            fits,
            layer,
            computes,
            ..
        } = probes;
        let text = &self.layer.text;
        let element = element.to_string();
        let sources = self.layer.sources.len();

        if self.layer.is_of_library() {
            let report = self.layer.extent.call(
                quote!(__sw::report_cell),
                quote!(#text, #element, #fits, #layer),
            );
            return quote!(const _: () = #report;);
        }

        let shaped =
            quote!(!#dims_out.is_unknown() && <#shape_out as __sw::Shape>::DIMS.same(&#dims_out));
        let report = self.layer.extent.call(
            quote!(__sw::report_traits),
            // Without the shape that it is given, and its own, which `report_shape` reports, it is
            // unknown what the layer would have to compute.
            quote!(
                #text, #element, #sources, #fits, #layer,
                #computes || __sw::has_unknown(#dims_in) || !(#inferred.is_fine() && #shaped)
            ),
        );
        let report_shape = self.layer.extent.call(
            quote!(__sw::report_shape),
            quote!(#text, #dims_in, #dims_out, <#shape_out as __sw::Shape>::DIMS),
        );
        quote! {
            const _: () = {
                #report;
                if #fits && #inferred.is_fine() {
                    #report_shape;
                }
            };
        }
    }

    /// Writes the check that a layer shares the parameters of a layer with the same ones.
    pub(super) fn report_tied(&self) -> Option<TokenStream> {
        let Step { own, element, .. } = self;
        let (_, base) = self.tied.as_ref()?;
        let name = self.layer.tied.as_ref()?;
        let text = &self.layer.text;
        let base_name = name.to_string();

        let is_same = quote! {
            <__sw::Same<
                <#own as __sw::Layer<#element>>::Params,
                <#base as __sw::Layer<#element>>::Params,
            >>::IS_SAME
        };

        let report = Extent::of(name).call(
            quote!(__sw::report_tied),
            quote!(#text, #base_name, #is_same),
        );
        Some(quote! {
            const _: () = {
                use __sw::Different as _;
                #report
            };
        })
    }
}
