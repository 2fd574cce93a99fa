//! Writes a checked network: the struct, and in a `const _` the constants that carry its shapes and the
//! implementations of the library's traits.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, parse_quote};

use crate::check::{Network, written};
use crate::parse::{Sizes, SizesKind};
use crate::spans::{Extent, ours};
use crate::step::Step;

/// The index of the padding at the end as a field.
const PADDING: usize = usize::MAX;

/// The index and the name of the padding before a layer that may be a nested network: those begin at a multiple of
/// 64 bytes.
fn gap(network: &Network, index: usize) -> Option<(usize, Ident)> {
    let (before, layer) = (&network.layers[..index], &network.layers[index]);
    (!layer.builtin && before.iter().any(|layer| layer.field.is_some()))
        .then(|| (PADDING - index, format_ident!("_padding_{index}")))
}

pub fn expand(network: &Network) -> TokenStream {
    let structure = structure(network);
    let steps: Vec<Step> = (0..network.layers.len()).map(|index| Step::new(network, index)).collect();
    let shapes: TokenStream = steps.iter().map(Step::shapes).collect();
    let ends = ends(network, &steps);
    let parameters = parameters(network, &steps);
    let layer = layer(network, &steps);
    let compute = compute(network, &steps);
    let trait_impl = trait_impl(network, &steps);
    quote! {
        #structure

        #[allow(unused_braces, clippy::all, clippy::pedantic, clippy::nursery)]
        const _: () = {
            use ::shapewright::emitted as __sw;
            #[allow(unused_imports)]
            use __sw::NotALayer as _;
            #ends
            #shapes
            #parameters
            #layer
            #compute
            #trait_impl
        };
    }
}

/// The type that carries the types of the fields. It is private, so that a public network may have layers that are
/// less visible than itself.
fn fields_of(network: &Network) -> Ident {
    format_ident!("__{}Fields", network.name, span = Span::mixed_site())
}

/// The struct that the user sees.
fn structure(network: &Network) -> TokenStream {
    let Network { attrs, vis, name, input, output, element, layers, clone, debug } = network;
    let fields_of = fields_of(network);
    let mut doc = format!(
        "\n\n# Layers\nFrom `{}` to `{}`, numbers of `{element}`. `{name}::summary()` prints the table with the shapes \
         between the layers, parameters, multiply-adds and bytes.\n\n| | field | layer |\n|---|---|---|\n",
        written(&input.tokens),
        written(&output.tokens)
    );
    for (index, layer) in layers.iter().enumerate() {
        let field = layer.field.as_ref().map(|field| format!("`{field}`")).unwrap_or_default();
        let written = layer.text.split_once(": ").map_or(layer.text.as_str(), |(_, layer)| layer);
        doc.push_str(&format!("| {index} | {field} | `{written}` |\n"));
    }
    let fields = layers.iter().enumerate().filter_map(|(index, layer)| {
        let (attrs, field) = (&layer.attrs, layer.field.as_ref()?);
        let doc = (!attrs.iter().any(|attr| attr.path().is_ident("doc"))).then(|| {
            let text = format!("The parameters of `{}`.", layer.text);
            quote!(#[doc = #text])
        });
        let span = ours(field.span());
        let gap = gap(network, index).map(
            |(position, gap)| quote!(#gap: <#fields_of as ::shapewright::emitted::Field<#position>>::Params,),
        );
        Some(quote_spanned! {span=>
            #gap
            #(#attrs)*
            #doc
            pub #field: <#fields_of as ::shapewright::emitted::Field<#index>>::Params
        })
    });
    // Both derived, without generics: then cloning a `Box` copies from heap to heap and does not pass the stack.
    let clone = clone.then(|| quote!(#[derive(::core::clone::Clone, ::core::marker::Copy)]));
    let debug = debug.then(|| {
        let (title, shown) = (name.to_string(), layers.iter().filter_map(|layer| layer.field.as_ref()));
        let (shown, names): (Vec<_>, Vec<_>) = shown.map(|field| (field, field.to_string())).unzip();
        quote! {
            impl ::core::fmt::Debug for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#title)#(.field(#names, &self.#shown))*.finish()
                }
            }
        }
    });
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        struct #fields_of;

        #[allow(private_interfaces)]
        #(#attrs)*
        #[doc = #doc]
        #clone
        #[repr(C, align(64))]
        #vis struct #name {
            #(#fields,)*
            _padding: <#fields_of as ::shapewright::emitted::Field<#PADDING>>::Params,
        }

        #debug
    }
}

/// The shapes of input and output, and the check of what is declared.
fn ends(network: &Network, steps: &[Step]) -> TokenStream {
    let name = network.name.to_string();
    let (input, output) = (shape(&network.input), shape(&network.output));
    let (input_extent, output_extent) =
        (Extent::of(&network.input.tokens), Extent::of(&network.output.tokens));
    let check_input =
        input_extent.call(quote!(__sw::report_empty), quote!(#name, "input", <__Input as __sw::Shape>::DIMS));
    let declared = quote!(<__Output as __sw::Shape>::DIMS);
    let check_output_empty =
        output_extent.call(quote!(__sw::report_empty), quote!(#name, "output", #declared));
    let last = &steps[steps.len() - 1];
    let (given, text) = (&last.dims_out, &last.layer.text);
    let check_output = output_extent
        .call(quote!(__sw::report_output), quote!(#name, #text, <__Output as __sw::Shape>::DIMS, #given));
    quote! {
        type __Input = #input;
        type __Output = #output;
        type __Shape0 = __Input;
        const __DIMS0: __sw::Dims = <__Input as __sw::Shape>::DIMS;
        const _: () = #check_input;
        const _: () = #check_output_empty;
        const _: () = #check_output;
    }
}

/// A shape as a type. What is too much has been reported.
fn shape(sizes: &Sizes) -> TokenStream {
    match &sizes.kind {
        SizesKind::Axes(sizes) => {
            let rank = format_ident!("Rank{}", sizes.len().min(4));
            let sizes = sizes.iter().take(4);
            quote!(__sw::#rank<#({ #sizes }),*>)
        }
        SizesKind::Tuple(parts) if parts.len() < 2 || parts.len() > 4 => quote!(__sw::UnknownShape),
        SizesKind::Tuple(parts) => {
            let parts = parts.iter().map(shape);
            quote!((#(#parts,)*))
        }
    }
}

/// The fields' types and the struct as one block of numbers.
fn parameters(network: &Network, steps: &[Step]) -> TokenStream {
    let fields_of = fields_of(network);
    let Network { name, element, .. } = network;
    let with_field: Vec<&Step> = steps.iter().filter(|step| step.layer.field.is_some()).collect();
    let types: Vec<_> = with_field.iter().map(|step| step.params_type()).collect();
    let indices = with_field.iter().map(|step| step.index);
    let fields: Vec<_> = with_field.iter().map(|step| &step.layer.field).collect();
    let keys: Vec<_> = with_field.iter().map(|step| &step.layer.key).collect();
    let (mut gaps, mut len) = (TokenStream::new(), quote!(0));
    for (step, params) in with_field.iter().zip(&types) {
        if let Some((position, _)) = gap(network, step.index) {
            let gap = format_ident!("__GAP{}", step.index);
            gaps.extend(quote! {
                const #gap: usize = __sw::gap::<#params, #element>(#len);
                impl __sw::Field<#position> for #fields_of {
                    type Params = [#element; #gap];
                }
            });
            len.extend(quote!(+ #gap));
        }
        len.extend(quote!(+ <#params as __sw::Parameters<#element>>::LEN));
    }
    quote! {
        #(impl __sw::Field<#indices> for #fields_of {
            type Params = #types;
        })*

        #gaps
        const __LEN: usize = #len;
        /// How many numbers fill the last 64 bytes.
        const __PADDING: usize = __sw::padding::<#element>(__LEN);
        impl __sw::Field<#PADDING> for #fields_of {
            type Params = [#element; __PADDING];
        }

        // SAFETY: the struct is `repr(C)`, all its fields are parameters, and the padding fills the gaps between them
        // and at the end, as the assertion in `LEN` says.
        unsafe impl __sw::Parameters<#element> for #name {
            const LEN: usize = {
                let len = __LEN + __PADDING;
                assert!(len * ::core::mem::size_of::<#element>() == ::core::mem::size_of::<#name>());
                len
            };
            const COUNT: usize = 0 #(+ <#types as __sw::Parameters<#element>>::COUNT)*;
            const STATISTICS: usize = 0 #(+ <#types as __sw::Parameters<#element>>::STATISTICS)*;
            const CONTENTS: __sw::Contents = __sw::Contents::Fields(&[#(__sw::Member {
                name: #keys,
                first: ::core::mem::offset_of!(#name, #fields) / ::core::mem::size_of::<#element>(),
                contents: <#types as __sw::Parameters<#element>>::CONTENTS,
            }),*]);
        }
    }
}

/// The network as a layer: which shape it takes and how its parameters begin.
fn layer(network: &Network, steps: &[Step]) -> TokenStream {
    let Network { name, element, .. } = network;
    let initialize = steps.iter().filter(|step| step.layer.field.is_some()).map(|step| {
        let (own, config, field) = (&step.own, &step.config, &step.layer.field);
        quote!(<#own as __sw::Layer<#element>>::initialize(&#config, &mut params.#field, rng);)
    });
    quote! {
        impl<__In: __sw::Shape> __sw::Fits<__In> for #name {
            const FIT: __sw::Fit = __sw::Fit::takes(
                <__Input as __sw::Shape>::DIMS,
                <__In as __sw::Shape>::DIMS,
                <__Output as __sw::Shape>::DIMS,
            );
        }

        impl __sw::NamesOutput for #name {
            type Output = __Output;
        }

        impl __sw::Layer<#element> for #name {
            type Config = ();
            type Params = Self;

            fn initialize<R: __sw::Rng + ?::core::marker::Sized>(_: &(), params: &mut Self, rng: &mut R) {
                #(#initialize)*
                let _ = (params, rng);
            }
        }
    }
}

/// Forward and backward: the layers in a straight line.
fn compute(network: &Network, steps: &[Step]) -> TokenStream {
    let Network { name, element, .. } = network;
    let count = steps.len();
    let stages = steps.iter().map(|Step { called, shape_in, shape_out, .. }| {
        quote!(__sw::Stage::of::<#called, #shape_in, #shape_out, #element>())
    });
    let call = |step: &Step, extra: TokenStream| {
        let Step { called, shape_in, shape_out, index, config, .. } = step;
        let params = step.params(&quote!(params), &quote!(&));
        quote!(run.layer::<#called, #shape_in, #shape_out>(#index, &#config, #params, #extra);)
    };
    let inference = steps.iter().map(|step| call(step, quote!(cx)));
    let training = steps.iter().map(|step| call(step, quote!()));
    let backward = steps.iter().rev().map(|step| call(step, quote!()));
    let gradients = steps.iter().filter(|step| step.layer.field.is_some()).map(|step| {
        let gradient = step.params(&quote!(gradient), &quote!(&mut));
        call(step, quote!(#gradient))
    });
    let (x, y) = (quote!(&[__sw::Tensor<__Input, #element>]), quote!(&[__sw::Tensor<__Output, #element>]));
    let (x_mut, y_mut) =
        (quote!(&mut [__sw::Tensor<__Input, #element>]), quote!(&mut [__sw::Tensor<__Output, #element>]));
    quote! {
        const __PLAN: __sw::Plan<#count> = __sw::Plan::new([#(#stages),*]);

        impl __sw::Compute<__Input, __Output, #element> for #name {
            const READS_OUTPUT: bool = __PLAN.reads_output;
            const GIVES: __sw::Gives = __PLAN.gives;
            const WHOLE_BATCH: bool = __PLAN.whole_batch;
            const OVERWRITES: bool = true;
            const MULTIPLY_ADDS: usize = __PLAN.multiply_adds;
            const CACHE: usize = __PLAN.cache;
            const SCRATCH: usize = __PLAN.scratch();

            #[inline]
            fn forward(
                _: &(),
                params: &Self,
                x: #x,
                y: #y_mut,
                scratch: &mut [#element],
                cx: &__sw::Context<#element>,
            ) {
                __sw::Inference::run(&__PLAN, x, y, scratch, |run| {
                    #(#inference)*
                });
                let _ = (params, cx);
            }

            fn forward_train(
                _: &(),
                params: &Self,
                x: #x,
                y: #y_mut,
                cache: __sw::Slab<'_, #element>,
                cx: &__sw::Context<#element>,
            ) {
                __sw::Training::run(&__PLAN, x, y, cache, cx, |run| { #(#training)* });
                let _ = params;
            }

            fn backward_input(
                _: &(),
                params: &Self,
                x: #x,
                y: #y,
                cache: __sw::Slab<'_, #element>,
                dy: #y_mut,
                dx: ::core::option::Option<#x_mut>,
                cx: &__sw::Context<#element>,
            ) {
                __sw::Backward::run(&__PLAN, x, y, cache, dy, dx, cx, |run| { #(#backward)* });
                let _ = params;
            }

            fn backward_params(
                _: &(),
                params: &Self,
                x: #x,
                y: #y,
                cache: __sw::Slab<'_, #element>,
                dy: #y,
                gradient: &mut Self,
                cx: &__sw::Context<#element>,
            ) {
                let mut run = __sw::Gradients::new(&__PLAN, x, y, cache, dy, cx);
                #(#gradients)*
                let _ = (params, gradient, &mut run);
            }
        }
    }
}

/// The network as a network.
fn trait_impl(network: &Network, steps: &[Step]) -> TokenStream {
    let Network { name, element, .. } = network;
    let title = name.to_string();
    let layers = steps.iter().map(|step| {
        let Step { called, shape_in, shape_out, dims_out, .. } = step;
        let (text, params) = (&step.layer.text, step.params_type());
        // A layer without a field has no parameters: they would begin where those of the next layer do.
        let next = steps[step.index..].iter().find_map(|step| step.layer.field.as_ref());
        let at = next.map_or_else(|| quote!(_padding), |field| quote!(#field));
        quote! {
            __sw::LayerSummary {
                layer: #text,
                output: #dims_out,
                params: <#params as __sw::Parameters<#element>>::COUNT,
                params_at: ::core::mem::offset_of!(#name, #at) / ::core::mem::size_of::<#element>(),
                macs: <#called as __sw::Compute<#shape_in, #shape_out, #element>>::MULTIPLY_ADDS,
            }
        }
    });
    let element: syn::Type = parse_quote!(#element);
    quote! {
        impl __sw::Network for #name {
            type Element = #element;
            type Input = __Input;
            type Output = __Output;
            type Ends = <__sw::EndsIn<{ __PLAN.gives as usize }> as __sw::End>::Ends;
            const NAME: &'static str = #title;
            const LAYERS: &'static [__sw::LayerSummary] = &[#(#layers),*];
            const OUTPUTS: &'static [__sw::OutputsAt] = &__PLAN.outputs();
        }
    }
}
