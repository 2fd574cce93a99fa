//! The shape of a layer's output as a type, the layer's own type, and the constants of both.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::Step;
use super::reports::Probes;
use crate::blocks::BlockKind;
use crate::builtin::Output;
use crate::check::MAX_AXES;
use crate::spans::ours;

impl Step<'_> {
    /// Returns whether the output's shape is that of the input, also after a mistake.
    fn keeps_shape(&self) -> bool {
        let is_shape = self.layer.sources.len() == 1 && self.tuples_from.is_none();
        is_shape && matches!(self.output, Output::Input | Output::InputOrMistake)
    }

    /// Returns whether nothing can be wrong with the layer, whatever its input is. A layer with a
    /// name has a field, so that its parameters are counted and may be too many.
    pub(super) fn always_fits(&self) -> bool {
        self.keeps_shape() && self.output == Output::Input && self.layer.field.is_none()
    }

    /// Writes the answer of the layer's shape rule.
    pub fn answer(&self) -> TokenStream {
        let Step {
            inferred, dims_out, ..
        } = self;
        if self.always_fits() {
            quote!(__sw::Inferred::shape(#dims_out))
        } else {
            quote!(#inferred)
        }
    }

    /// Writes the layer's output shape, its type without `_`, the checks of both, and the constant
    /// for its calls.
    pub fn shapes(&self) -> TokenStream {
        let first = ours(self.layer.extent.first);
        let types = if self.always_fits() {
            self.known_types()
        } else {
            self.inferred_types()
        };
        let at = self.layer_at();
        quote_spanned!(first=> #types #at)
    }

    /// Writes the types of a layer that fits every input.
    fn known_types(&self) -> TokenStream {
        let own = &self.own;
        let own_type = self.type_with(|_| quote!({ __sw::INFER }));
        let shape = self.same_shape();
        let first = ours(self.layer.extent.first);
        quote_spanned! {first=>
            type #own = #own_type;
            #shape
        }
    }

    /// Writes the output's shape for a layer that keeps the shape of its input.
    fn same_shape(&self) -> TokenStream {
        let Step {
            dims_in,
            dims_out,
            shape_in,
            shape_out,
            ..
        } = self;
        quote! {
            use #dims_in as #dims_out;
            type #shape_out = #shape_in;
        }
    }

    /// Writes the constants for the layer's calls: the layer, and its arguments if it has any.
    fn layer_at(&self) -> TokenStream {
        let Step {
            index,
            element,
            shape_in,
            shape_out,
            own,
            called,
            at,
            arguments,
            ..
        } = self;
        let arguments = self.layer.config.as_ref().map(
            |config| quote!(const #arguments: <#own as __sw::Layer<#element>>::Config = #config;),
        );
        quote! {
            const #at: __sw::LayerAt<#called, #shape_in, #shape_out, #element, #index> =
                __sw::LayerAt::HERE;
            #arguments
        }
    }

    /// Writes the types of a layer whose shape rule is asked, and the checks of its answer.
    fn inferred_types(&self) -> TokenStream {
        let Step {
            tag,
            inferred,
            dims_out,
            shape_in,
            dims_in,
            own,
            called,
            ..
        } = self;
        let first = ours(self.layer.extent.first);
        let asked = format_ident!("__Asked{tag}");

        let mut asked_type = self.type_with(|_| quote!({ __sw::INFER }));
        let mut own_type = self.type_with(|position| quote!({ #inferred.inferred(#position) }));
        let mut sizes = self.output_sizes();
        if self.layer.gives_tuple {
            sizes = self.output_of(&quote!(#dims_out.is_tuple()), &own_type, &sizes);
        }
        let mut is_fine = quote!(#inferred.is_fine());
        let mut report_traits = quote!();
        if self.layer.mistaken {
            asked_type = quote!(__sw::Mistaken);
            is_fine = quote!(false);
        } else if !self.layer.builtin {
            let probes = self.probes(&asked_type, &own_type);
            if !self.layer.is_of_library() {
                sizes = self.output_of(&probes.names_output, &asked_type, &sizes);
            }
            report_traits = self.report_traits(&probes);

            // A type that lacks one of the traits is replaced: what it lacks is reported once.
            let Probes {
                fits,
                holds,
                computes,
                ..
            } = probes;
            asked_type = quote!(<__sw::Known<{ #fits }, #asked_type> as __sw::Choose>::Layer);
            own_type = quote!(<__sw::Known<{ #holds }, #own_type> as __sw::Choose>::Layer);
            is_fine = quote!(#is_fine && #computes);
        }
        let passes_tuples = match &self.layer.block {
            Some(block) => !matches!(block.kind, BlockKind::Concat),
            None => self.layer.is_pack(),
        };
        if passes_tuples {
            sizes = self.output_of(&quote!(#dims_out.is_tuple()), &quote!(#asked), &sizes);
        }

        let own_type = self.held(own_type);
        let shape = if self.keeps_shape() {
            self.same_shape()
        } else {
            let shape = self.output_shape(&quote!(<#sizes as __sw::ToShape>::Shape));
            quote! {
                const #dims_out: __sw::Dims = #inferred.output();
                #shape
            }
        };

        let report = self.report();
        let report_tied = self.report_tied();
        let sizes = self.sizes.constants();
        let inside = self.dims_inside();
        let inputs = (!self.source_shapes.is_empty()).then(|| {
            let shapes = &self.source_shapes;
            quote! {
                type #shape_in = __sw::Inputs<(#(#shapes,)*)>;
                const #dims_in: __sw::Dims = <#shape_in as __sw::LayerInput>::DIMS;
            }
        });

        quote_spanned! {first=>
            #inputs
            #sizes
            type #asked = #asked_type;
            const #inferred: __sw::Inferred = {
                #inside
                <#asked as __sw::ShapeRule<#shape_in>>::OUTPUT.within_memory()
            };
            #report
            #shape
            #own_type
            #report_tied
            #report_traits
            type #called = <__sw::OrStub<{ #is_fine }, #own> as __sw::Choose>::Layer;
        }
    }

    /// Writes the use of the shapes inside a block. If the compiler has refused something there, it
    /// takes the block's own shape for refused as well; otherwise it would report that its traits
    /// are missing.
    fn dims_inside(&self) -> Option<TokenStream> {
        self.layer.block.as_ref()?;
        let sequences = self.sequences();
        let dims = sequences
            .iter()
            .map(|list| format_ident!("__DIMS{}{}", list.tag, list.layers.len()));
        Some(quote!(let _ = (#(#dims,)*);))
    }

    /// Writes the type that the output's shape is made from: its sizes, or for a tuple the earlier
    /// output that has the same shape.
    fn output_sizes(&self) -> TokenStream {
        let Step {
            index, dims_out, ..
        } = self;
        let axes = match self.tuples_from {
            Some(_) => MAX_AXES,
            None => self.axes,
        };
        let axes = 0..axes;
        let sizes = quote! {
            __sw::Sizes<{ #dims_out.rank_or_marker() }, #({ #dims_out.size(#axes) }),*>
        };
        let Some(start) = self.tuples_from else {
            return sizes;
        };

        // Types can't be built from the sizes of a tuple: where a tuple is passed on, its shape is
        // that of an earlier output. The condition asks for the dimensions first: asking for the
        // origin first would nest twice as many constants, of which the compiler allows 128.
        let shapes = self.list_shapes(start);
        let origin = self.origin();
        let kept = quote!(#dims_out.is_tuple() && #origin <= #index);
        quote! {
            __sw::OutputShape<{ #kept }, __sw::ShapeAt<#shapes, #origin>, #sizes>
        }
    }

    /// Writes the type of the output that `layer` names itself under a condition, or else `sizes`.
    fn output_of(
        &self,
        condition: &TokenStream,
        layer: &TokenStream,
        sizes: &TokenStream,
    ) -> TokenStream {
        let inferred = &self.inferred;
        quote!(__sw::OutputShape<{ #condition && #inferred.is_fine() }, #layer, #sizes>)
    }

    /// The name of the type that carries the shapes of a list, beginning with layer `start`.
    fn list_shapes(&self, start: usize) -> Ident {
        format_ident!("__Shapes{}{start}", self.list)
    }

    /// The name of the constant with the number of the output that has the same shape first.
    fn origin(&self) -> Ident {
        format_ident!("__ORIGIN{}", self.tag)
    }

    /// Writes the output's shape with its name.
    ///
    /// A shape that is written in terms of the one before would make a chain through all layers,
    /// which the compiler follows wherever one of them is used: half a minute for 80 layers. So the
    /// shapes that may be tuples are numbered, and a tuple names the first one that is the same by
    /// its number.
    fn output_shape(&self, shape: &TokenStream) -> TokenStream {
        let Step {
            list,
            index,
            dims_in,
            dims_out,
            shape_in,
            shape_out,
            ..
        } = self;
        let Some(start) = self.tuples_from else {
            return quote!(type #shape_out = #shape;);
        };
        let shapes = self.list_shapes(start);
        let origin = self.origin();

        let number = index + 1;
        let (begin, origin_before) = if start == *index {
            let begin = quote! {
                struct #shapes;
                impl __sw::ListShapes<#index> for #shapes {
                    type Shape = #shape_in;
                }
            };
            (begin, quote!(#index))
        } else {
            let before = format_ident!("__ORIGIN{list}{}", index - 1);
            (TokenStream::new(), quote!(#before))
        };

        quote! {
            #begin
            const #origin: usize = __sw::origin(#number, &#dims_out, #origin_before, &#dims_in);
            impl __sw::ListShapes<#number> for #shapes {
                type Shape = #shape;
            }
            type #shape_out = <#shapes as __sw::ListShapes<#number>>::Shape;
        }
    }

    /// Writes the layer's type, or a stand-in if memory can't hold its parameters, which is
    /// reported.
    fn held(&self, layer: TokenStream) -> TokenStream {
        let Step {
            tag,
            own,
            element,
            held,
            ..
        } = self;
        if self.layer.field.is_none() {
            return quote!(type #own = #layer;);
        }

        let written = format_ident!("__Written{tag}");
        let before = match &self.held_before {
            Some(before) => quote!(#before.all),
            None => quote!(0),
        };
        quote! {
            type #written = #layer;
            const #held: __sw::Held = __sw::Held::new::<#written, #element>(#before);
            type #own = <__sw::OrOversized<{ #held.fits }, #written> as __sw::Choose>::Layer;
        }
    }
}
