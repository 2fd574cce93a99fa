//! Writes a checked network: the struct, and within a `const _` the constants that carry its shapes
//! and the implementations of the library's traits.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, parse_quote};

use crate::attributes;
use crate::check::{MAX_AXES, Network, Role, is_batch, written};
use crate::hoisted::HoistedSizes;
use crate::parse::{Sizes, SizesKind};
use crate::sequence::{self, FlatStruct, Owner, Style};
use crate::spans::{Extent, braced, ours};
use crate::step::{Sequence, Step};
use crate::stream::{self, ReceptiveFields};

/// The index of the filler at the end as a field.
const PADDING: usize = usize::MAX;

/// The index and the name of the filler before a layer that may be a nested network, which begins
/// at a multiple of 64 bytes.
fn gap_of(network: &Network, index: usize) -> Option<(usize, Ident)> {
    let layer = &network.layers[index];
    let has_field_before = network.layers[..index]
        .iter()
        .any(|layer| layer.field.is_some());
    (layer.may_be_network() && has_field_before)
        .then(|| (PADDING - index, format_ident!("_padding_{index}")))
}

/// Writes a network; `emitted` is the module of the library that the code refers to.
pub fn expand(network: &Network, emitted: &TokenStream) -> TokenStream {
    let Network {
        name,
        element,
        layers,
        ..
    } = network;

    let sequence = Sequence {
        tag: String::new(),
        layers,
        element,
        source: "the network's input is".to_owned(),
        tuple: matches!(network.input.sizes.kind, SizesKind::Tuple(_)),
        axes: match &network.input.sizes.kind {
            SizesKind::Axes(sizes) => sizes.len().min(MAX_AXES),
            _ => MAX_AXES,
        },
    };
    let steps = sequence.steps();
    let style = Style {
        derives: &network.derives,
        attrs: &network.attrs,
    };
    let fields = network
        .streams
        .then(|| ReceptiveFields::new(network, &steps));
    let owner = Owner {
        layer: quote!(#name),
        input: quote!(__Input),
        output: quote!(__Output),
    };

    let structure = structure(network, emitted);
    let ends = ends(network, &steps);
    let shapes = sequence::shapes(&steps, style);
    let parameters = parameters(network, &steps);
    let layer = layer(network, &steps, fields.as_ref());
    let compute = sequence::compute(&owner, &sequence, &steps);
    let trait_impl = trait_impl(network, &steps);
    let check_memory = check_memory(network);
    let stream = fields.map(|fields| {
        let implementation = stream::implementation(network, &steps, &fields);
        let code = fields.code;
        quote!(#code #implementation)
    });

    let merge = crate::merge::implementation(network);

    let conditions = attributes::conditions(&network.attrs);
    let fields_of = fields_of(network);
    let debug = debug(network);
    let serde = serde(network);
    let deprecated = attributes::allow_deprecated(network);

    // No lints are allowed here, which a crate may forbid: they do not look at code of a macro, as
    // long as its spans do not belong to the user's tokens.
    quote! {
        #structure

        #(#conditions)*
        #[doc(hidden)]
        struct #fields_of;

        #(#conditions)*
        #deprecated
        const _: () = {
            use #emitted as __sw;
            use __sw::{NotALayer as _, bool, f32, f64, str, usize};
            #debug
            #serde
            #ends
            #shapes
            #parameters
            #layer
            #compute
            #trait_impl
            #check_memory
            #stream
            #merge
        };
    }
}

/// Writes the check that the memory of one sample does not exceed the address space.
fn check_memory(network: &Network) -> TokenStream {
    let Network { name, element, .. } = network;
    let title = name.to_string();

    let output = quote!(__sw::sample_bytes::<#element>(<__Output as __sw::Shape>::LEN));
    let training = quote!(__sw::sum(&[__PLAN.train_needs.bytes_per_sample(), #output, #output]));
    let arguments = quote!(#title, #training, __PLAN.needs.bytes_per_sample());

    let workspace = Extent::of(name).call(quote!(__sw::report_workspace), arguments);
    quote! {
        const _: () = if __sw::is_within_memory(<__Output as __sw::Shape>::DIMS) {
            #workspace
        };
    }
}

/// The name of the type that carries the types of the fields. It is private, so that a public
/// network may have layers that are less visible than itself.
fn fields_of(network: &Network) -> Ident {
    format_ident!("__{}Fields", network.name, span = Span::mixed_site())
}

/// The documentation of the struct: the table of its layers.
fn layers_doc(network: &Network) -> String {
    let Network {
        name,
        input,
        output,
        element,
        layers,
        ..
    } = network;

    let mut doc = format!(
        "\n\n# Layers\nFrom `{}` to `{}`, numbers of `{element}`. `{name}::summary()` prints the \
         table with the shapes between the layers, parameters, multiply-adds and bytes.\n\n| | \
         field | layer |\n|---|---|---|\n",
        written(&input.sizes.tokens),
        written(&output.sizes.tokens)
    );
    let mut index = 0;
    for layer in layers {
        let field = layer
            .field
            .as_ref()
            .map(|field| format!("`{field}`"))
            .unwrap_or_default();
        let row = layer.row();
        let written = row.split_once(": ").map_or(&row[..], |(_, layer)| layer);
        let number = match layer.role {
            Role::Layer => {
                index += 1;
                (index - 1).to_string()
            }
            Role::Input | Role::Output => String::new(),
        };
        doc.push_str(&format!("| {number} | {field} | `{written}` |\n"));
    }
    doc
}

/// Writes the struct that the user sees.
fn structure(network: &Network, emitted: &TokenStream) -> TokenStream {
    let Network {
        attrs,
        vis,
        name,
        layers,
        derives,
        ..
    } = network;
    let fields_of = fields_of(network);
    let doc = layers_doc(network);

    let fields = layers.iter().enumerate().filter_map(|(index, layer)| {
        let attrs = &layer.attrs;
        let field = layer.field.as_ref()?;

        let doc = (!attrs.iter().any(|attr| attr.path().is_ident("doc"))).then(|| {
            let text = format!("The parameters of `{}`.", layer.text);
            quote!(#[doc = #text])
        });

        let span = ours(field.span());
        let gap = gap_of(network, index).map(
            |(position, gap)| quote!(#gap: <#fields_of as #emitted::Field<#position>>::Params,),
        );
        Some(quote_spanned! {span=>
            #gap
            #(#attrs)*
            #doc
            pub #field: <#fields_of as #emitted::Field<#index>>::Params
        })
    });

    // Both are derived, without generics: then cloning a `Box` copies from heap to heap and does
    // not pass the stack.
    let clone = derives
        .clone
        .attribute(&quote!(::core::clone::Clone, ::core::marker::Copy));

    quote! {
        #(#attrs)*
        #[doc = #doc]
        #clone
        #[repr(C, align(64))]
        #vis struct #name {
            #(#fields,)*
            _padding: <#fields_of as #emitted::Field<#PADDING>>::Params,
        }
    }
}

/// Writes `Debug` where it is derived.
fn debug(network: &Network) -> TokenStream {
    let Network { name, derives, .. } = network;
    let layers = network.layers.iter();
    let shown: Vec<_> = layers.filter_map(|layer| layer.field.as_ref()).collect();
    let implementation = sequence::debug_impl(name, &name.to_string(), &shown);
    derives.debug.item(implementation)
}

/// Writes serde's traits where they are derived. Without the feature `serde` of the library, the
/// macros that do it report that.
fn serde(network: &Network) -> TokenStream {
    let Network { name, derives, .. } = network;
    let Some(place) = derives.serde_at else {
        return TokenStream::new();
    };
    let extent = Extent {
        first: place,
        last: place,
    };
    let report = |name: &str| {
        let text = format!(
            "`{name}` of a network needs the feature `serde`: `cargo add shapewright --features \
             serde`"
        );
        extent.call(quote!(__sw::mistake), quote!(#text))
    };
    let missing = report("Serialize");
    let serialize = quote_spanned!(place=> __sw::serialize! { #name, #missing });
    let missing = report("Deserialize");
    let deserialize = quote_spanned!(place=> __sw::deserialize! { #name, #missing });
    let serialize = derives.serialize.item(serialize);
    let deserialize = derives.deserialize.item(deserialize);
    quote!(#serialize #deserialize)
}

/// Writes the shapes of input and output, and the checks of what is declared.
fn ends(network: &Network, steps: &[Step]) -> TokenStream {
    let name = network.name.to_string();
    let input_sizes = HoistedSizes::of_shape(&all_sizes(&network.input.sizes), "INPUT");
    let output_sizes = HoistedSizes::of_shape(&all_sizes(&network.output.sizes), "OUTPUT");
    let input = shape(&network.input.sizes, &input_sizes);
    let output = shape(&network.output.sizes, &output_sizes);
    let input_extent = Extent::of(&network.input.sizes.tokens);
    let output_extent = Extent::of(&network.output.sizes.tokens);

    let check_input = input_extent.call(
        quote!(__sw::report_size),
        quote!(#name, "input", <__Input as __sw::Shape>::DIMS),
    );
    let declared = quote!(<__Output as __sw::Shape>::DIMS);
    let check_output_size = output_extent.call(
        quote!(__sw::report_size),
        quote!(#name, "output", #declared),
    );

    let last = &steps[steps.len() - 1];
    let check_output = match &network.output.sizes.kind {
        SizesKind::Tuple(shapes) if last.layer.is_pack() => {
            let names = network.output.names.iter().zip(shapes);
            let checks = names
                .zip(&last.layer.sources)
                .map(|((output, sizes), source)| {
                    let output = output.unraw().to_string();
                    let declared = shape(sizes, &output_sizes);
                    let given = format_ident!("__DIMS{source}");
                    Extent::of(&sizes.tokens).call(
                        quote!(__sw::report_named_output),
                        quote!(#name, #output, <#declared as __sw::Shape>::DIMS, #given),
                    )
                });
            quote!(#(#checks;)*)
        }
        _ => {
            let given = &last.dims_out;
            let text = &last.layer.text;
            let answer = last.answer();
            output_extent.call(
                quote!(__sw::report_output),
                quote!(#name, #text, <__Output as __sw::Shape>::DIMS, #given, __DIMS0, &#answer),
            )
        }
    };
    let possible = quote!(__sw::is_possible(<__Input as __sw::Shape>::DIMS));
    let sizes = [input_sizes.constants(), output_sizes.constants()];
    quote! {
        #(#sizes)*
        type __Input = #input;
        type __Output = #output;
        type __Shape0 = <__sw::Within<{ #possible }, __Input> as __sw::ToShape>::Shape;
        const __DIMS0: __sw::Dims = <__Shape0 as __sw::Shape>::DIMS;
        const _: () = #check_input;
        const _: () = {
            #check_output_size;
            #check_output
        };
    }
}

/// Returns the sizes of a shape, or of all shapes of a tuple.
fn all_sizes(sizes: &Sizes) -> Vec<TokenStream> {
    match &sizes.kind {
        SizesKind::Axes(sizes) => sizes
            .iter()
            .filter(|size| !is_batch(size))
            .map(braced)
            .collect(),
        SizesKind::Tuple(shapes) => shapes.iter().flat_map(all_sizes).collect(),
        SizesKind::Unknown => Vec::new(),
    }
}

/// Writes a shape as a type. Too many axes or shapes have been reported.
fn shape(sizes: &Sizes, hoisted: &HoistedSizes) -> TokenStream {
    match &sizes.kind {
        SizesKind::Axes(sizes) => {
            // That a size is none of a sample has been reported.
            let sizes: Vec<_> = sizes.iter().filter(|size| !is_batch(size)).collect();
            let rank = format_ident!("Rank{}", sizes.len().min(4));
            let sizes = sizes.into_iter().take(4);
            let sizes = sizes.map(|size| hoisted.replace(&braced(size)));
            quote!(__sw::#rank<#(#sizes),*>)
        }
        SizesKind::Unknown => quote!(__sw::UnknownShape),
        SizesKind::Tuple(shapes) if shapes.len() < 2 || shapes.len() > 4 => {
            quote!(__sw::UnknownShape)
        }
        SizesKind::Tuple(shapes) => {
            let shapes = shapes.iter().map(|sizes| shape(sizes, hoisted));
            quote!((#(#shapes,)*))
        }
    }
}

/// Writes the types of the fields, and `Parameters` for the struct.
fn parameters(network: &Network, steps: &[Step]) -> TokenStream {
    let fields_of = fields_of(network);
    let Network { name, element, .. } = network;

    let fields = sequence::param_fields(steps);
    let param_tree = sequence::param_tree(steps, &quote!(#name));
    let FlatStruct {
        code,
        gaps,
        padding,
    } = sequence::flat_struct(&quote!(#name), "", element, &fields, &param_tree);

    let with_field = || steps.iter().filter(|step| step.layer.field.is_some());
    let indices = with_field().map(|step| step.index);
    let types = fields.iter().map(|field| &field.params);
    let gaps = with_field().zip(&gaps).filter_map(|(step, gap)| {
        let (position, _) = gap_of(network, step.index)?;
        let gap = gap.as_ref()?;
        Some(quote! {
            impl __sw::Field<#position> for #fields_of {
                type Params = [#element; #gap];
            }
        })
    });

    quote! {
        #(impl __sw::Field<#indices> for #fields_of {
            type Params = #types;
        })*
        #(#gaps)*
        impl __sw::Field<#PADDING> for #fields_of {
            type Params = [#element; #padding];
        }
        #code
    }
}

/// Writes the network as a layer: its shape rule and its initial parameters.
fn layer(network: &Network, steps: &[Step], fields: Option<&ReceptiveFields>) -> TokenStream {
    let Network { name, element, .. } = network;
    let initialize = sequence::initialize(steps);
    let reach = fields.map(ReceptiveFields::reach).into_iter();
    let inputs = network.input.names.iter();
    let inputs = inputs.map(|input| input.unraw().to_string());
    quote! {
        impl<__In: __sw::LayerInput> __sw::ShapeRule<__In> for #name {
            const OUTPUT: __sw::Inferred = __sw::Inferred::of_network(
                &[#(#inputs),*],
                <__Input as __sw::Shape>::DIMS,
                <__In as __sw::LayerInput>::SOURCES,
                <__In as __sw::LayerInput>::DIMS,
                <__Output as __sw::Shape>::DIMS,
            );
            #(const REACH: __sw::Reach = #reach;)*
        }

        impl __sw::NamesOutput for #name {
            type Output = __Output;
        }

        impl __sw::Layer<#element> for #name {
            type Config = ();
            type Params = Self;

            fn initialize<R: __sw::Rng + ?::core::marker::Sized>(
                _: &(),
                __params: &mut Self,
                __rng: &mut R,
            ) {
                #initialize
            }
        }
    }
}

/// Writes the network as a network: its constants, and the conditions under which it can be trained.
fn trait_impl(network: &Network, steps: &[Step]) -> TokenStream {
    let Network { name, element, .. } = network;
    let title = name.to_string();
    let layers = sequence::summaries(steps, &quote!(#name), &quote!(0), "");
    let element: syn::Type = parse_quote!(#element);
    let train_conditions = steps.iter().flat_map(Step::train_conditions);
    let is_stream = network.streams || network.is_step;
    let inputs = network
        .input
        .names
        .iter()
        .map(|name| name.unraw().to_string());
    let outputs = network
        .output
        .names
        .iter()
        .map(|name| name.unraw().to_string());

    quote! {
        impl __sw::Network for #name {
            type Element = #element;
            type Input = __Input;
            type Output = __Output;
            type Ends = <__sw::EndsIn<{ __PLAN.gives as usize }> as __sw::End>::Ends;
            type StateLines = __sw::CacheLines<{ __PLAN.needs.state_bytes() / 64 }>;
            type InferenceLines = __sw::CacheLines<{ __PLAN.needs.sample_lines() }>;
            const NAME: &'static str = #title;
            const IS_STREAM: bool = #is_stream;
            const INPUT_NAMES: &'static [&'static str] = &[#(#inputs),*];
            const OUTPUT_NAMES: &'static [&'static str] = &[#(#outputs),*];
            const TRAINING: __sw::Needs = __PLAN.train_needs;
            const LAYERS: &'static [__sw::LayerSummary] = &[#layers];
            const OUTPUTS: &'static [__sw::OutputsAt] = &__PLAN.outputs();
        }

        impl __sw::Trainable for #name
        where
            #(#train_conditions,)*
        {
        }
    }
}
