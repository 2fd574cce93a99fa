//! `#[stream]`: the inputs that each output of a network depends on, and a second network over one
//! step, which shares the parameters of the first.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Ident, Meta, parse_quote};

use crate::attributes::Derives;
use crate::blocks::BlockKind;
use crate::builtin;
use crate::check::{Argument, Layer, Network};
use crate::expand;
use crate::parse::{Definition, Sizes, SizesKind};
use crate::spans::{Extent, braced};
use crate::step::Step;

/// Removes the attribute from the definition, and returns whether it was there.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> bool {
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) = attrs.partition(|attr| attr.path().is_ident("stream"));
    definition.attrs = others;

    for attr in &found {
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.push(Error::new_spanned(
                attr,
                "`#[stream]` takes nothing in parentheses: the first axis of the input is time, \
                 and the rest follows from the layers",
            ));
        }
    }
    !found.is_empty()
}

/// The name of the network over one step.
fn step_name(network: &Ident) -> Ident {
    format_ident!("__{network}Step")
}

/// Writes the network over one step of a network. Mistakes in layers are reported for the network
/// itself.
pub fn expand_step(mut network: Network, emitted: &TokenStream) -> TokenStream {
    let name = network.name;
    network.name = step_name(&name);
    network.streams = false;
    network.base = None;
    network.is_step = true;
    network.derives = Derives::none();
    network.attrs.retain(|attr| attr.path().is_ident("cfg"));
    network.attrs.push(parse_quote!(#[doc(hidden)]));

    if let Some(length) = first_size(&network.input.sizes) {
        keep_lengths(&mut network.layers, &length);
    }
    let mut part = 0usize;
    set_lengths(&mut network.input.sizes, &mut || quote!(1));
    set_lengths(&mut network.output.sizes, &mut || {
        let length = quote!({ <#name as __sw::Streaming>::LENGTHS[#part] });
        part += 1;
        length
    });
    set_networks(&mut network.layers, &network.element);
    expand::expand(&network, &quote!(#emitted::silent))
}

/// Replaces the size of the first axis, of each part of a tuple.
fn set_lengths(sizes: &mut Sizes, length: &mut impl FnMut() -> TokenStream) {
    match &mut sizes.kind {
        SizesKind::Axes(sizes) => {
            if let Some(first) = sizes.first_mut() {
                *first = length();
            }
        }
        SizesKind::Tuple(parts) => parts.iter_mut().for_each(|part| set_lengths(part, length)),
        SizesKind::Unknown => {}
    }
}

/// Returns the size of the first axis of a shape, or of the first part of a tuple.
fn first_size(sizes: &Sizes) -> Option<TokenStream> {
    match &sizes.kind {
        SizesKind::Axes(sizes) => sizes.first().map(braced),
        SizesKind::Tuple(parts) => parts.first().and_then(first_size),
        SizesKind::Unknown => None,
    }
}

/// Writes the length of a block where a layer infers it, such as the number of positions that an
/// attention keeps.
fn keep_lengths(layers: &mut [Layer], length: &TokenStream) {
    for layer in layers {
        let builtin = builtin::find(&layer.path.to_string()).filter(|_| layer.builtin);
        let index = builtin.and_then(|builtin| builtin.length);
        if let (Some(builtin), Some(index)) = (builtin, index)
            && let Some(Argument::Inferred(number)) = layer.generics.get(index).cloned()
        {
            layer.generics[index] = Argument::Given(length.clone());

            // A `_` that is written is not inferred any more; what follows from others always is.
            if index < layer.generics.len() - builtin.derived {
                for argument in &mut layer.generics {
                    if let Argument::Inferred(later) = argument {
                        *later -= usize::from(*later > number);
                    }
                }
            }
        }
        let branches = layer.block.iter_mut().flat_map(|block| &mut block.branches);
        branches.for_each(|branch| keep_lengths(&mut branch.layers, length));
    }
}

/// Replaces the networks among the layers by those over one step.
fn set_networks(layers: &mut [Layer], element: &Ident) {
    for layer in layers {
        // A type without arguments may be a network.
        if layer.may_be_network() && layer.generics.is_empty() && layer.config.is_none() {
            let path = &layer.path;
            let module = &layer.module;
            layer.path = quote! {
                <__sw::Streamable<
                    { <__sw::Probe<#module #path, (), (), #element>>::STREAMS },
                    #module #path
                > as __sw::Choose>::Layer
            };
            layer.module = TokenStream::new();
        }
        let branches = layer.block.iter_mut().flat_map(|block| &mut block.branches);
        branches.for_each(|branch| set_networks(&mut branch.layers, element));
    }
}

/// The constants with the receptive field of each output, and the checks that no layer looks ahead.
pub struct ReceptiveFields {
    pub code: TokenStream,
    /// The constant of the network's output.
    last: Ident,
}

impl ReceptiveFields {
    pub fn new(network: &Network, steps: &[Step]) -> Self {
        let mut code = TokenStream::new();
        let title = network.name.to_string();
        let last = write_list(
            steps,
            "",
            &quote!(__sw::ReceptiveField::INPUT),
            &title,
            &mut code,
        );
        ReceptiveFields { code, last }
    }

    /// Writes the reach of the network as a layer.
    pub fn reach(&self) -> TokenStream {
        let last = &self.last;
        quote!(#last.reach())
    }
}

/// The constant with the receptive field of an output of a list.
fn field_of(tag: &str, output: usize) -> Ident {
    format_ident!("__FIELD{tag}{output}")
}

/// Writes the receptive fields of a list, whose input has the field `first`. Returns the constant of
/// the last.
fn write_list(
    steps: &[Step],
    tag: &str,
    first: &TokenStream,
    title: &str,
    code: &mut TokenStream,
) -> Ident {
    let input = field_of(tag, 0);
    code.extend(quote!(const #input: __sw::ReceptiveField = #first;));

    for step in steps {
        let sources = step
            .layer
            .sources
            .iter()
            .map(|&source| field_of(tag, source));
        let before = format_ident!("__FIELD_BEFORE{}", step.tag);
        code.extend(quote! {
            const #before: __sw::ReceptiveField =
                __sw::ReceptiveField::of_sources(&[#(#sources),*]);
        });

        let after = if step.layer.block.is_some() {
            write_block(step, &before, title, code)
        } else {
            write_layer(step, &before, title, code)
        };
        let output = field_of(tag, step.index + 1);
        code.extend(quote!(const #output: __sw::ReceptiveField = #after;));
    }
    field_of(tag, steps.len())
}

/// Writes the receptive fields inside a block. Returns that of its output.
fn write_block(step: &Step, before: &Ident, title: &str, code: &mut TokenStream) -> TokenStream {
    let lists = step.sequences();
    let mut ends = Vec::new();
    for list in &lists {
        let steps = list.steps();
        ends.push(write_list(&steps, &list.tag, &quote!(#before), title, code));
    }
    match &step.layer.block {
        Some(block) if matches!(block.kind, BlockKind::Repeat(_)) => {
            let count = step.repetitions();
            quote!(#before.repeated(#(#ends)*, #count))
        }
        _ => quote!(__sw::ReceptiveField::of_sources(&[#(#ends),*])),
    }
}

/// Returns whether a layer states the size of the first axis, which is another one in a step.
fn writes_length(layer: &Layer) -> bool {
    let builtin = builtin::find(&layer.path.to_string()).filter(|_| layer.builtin);
    let is_reshape = builtin.is_some_and(|builtin| builtin.name == "Reshape");
    // The number of axes comes first.
    is_reshape && matches!(layer.generics.get(1), Some(Argument::Given(_)))
}

/// Writes the check of a layer. Returns the receptive field of its output.
fn write_layer(step: &Step, before: &Ident, title: &str, code: &mut TokenStream) -> TokenStream {
    let Step {
        layer,
        element,
        called,
        shape_in,
        shape_out,
        dims_in,
        ..
    } = step;
    let reach = format_ident!("__REACH{}", step.tag);
    let value = if writes_length(layer) {
        quote!(__sw::Reach::WRITTEN_LENGTH)
    } else {
        quote!(<#called as __sw::ShapeRule<#shape_in>>::REACH)
    };
    code.extend(quote!(const #reach: __sw::Reach = #value;));

    if !layer.mistaken && !layer.quiet {
        let text = &layer.text;
        let kind = if layer.is_of_library() {
            quote!(__sw::Streamed::BuiltIn)
        } else {
            let probe = quote!(<__sw::Probe<#called, #shape_in, #shape_out, #element>>::NETWORK);
            quote!(__sw::Streamed::Own(#probe))
        };
        let report = layer.extent.call(
            quote!(__sw::report_causal),
            quote!(#title, #text, #kind, &#before, &#reach, #dims_in),
        );
        code.extend(quote!(const _: () = #report;));
    }
    quote!(#before.through(&#reach))
}

/// Writes the network as a stream.
pub fn implementation(network: &Network, steps: &[Step], fields: &ReceptiveFields) -> TokenStream {
    let name = &network.name;
    let step = step_name(name);
    let last = &fields.last;

    let mut code = TokenStream::new();
    let input_fields = [quote!(__sw::ReceptiveField::INPUT)];
    let input = step_shape(&network.input.sizes, "INPUT", &input_fields, &mut code);

    let output_fields: Vec<TokenStream> = match steps.last() {
        Some(pack) if pack.layer.is_pack() => {
            let sources = pack
                .layer
                .sources
                .iter()
                .map(|&source| field_of("", source));
            sources.map(|field| quote!(#field)).collect()
        }
        _ => vec![quote!(#last)],
    };
    let output = step_shape(&network.output.sizes, "OUTPUT", &output_fields, &mut code);
    let lengths = (0..part_count(&network.output.sizes)).map(|part| {
        let field = &output_fields[part.min(output_fields.len() - 1)];
        quote!(#field.length(<__Output as __sw::Shape>::DIMS, #part))
    });

    let title = name.to_string();
    let report = Extent::of(&network.input.sizes.tokens).call(
        quote!(__sw::report_time),
        quote!(#title, <__Input as __sw::Shape>::DIMS),
    );
    quote! {
        #code
        const _: () = #report;

        impl __sw::Streaming for #name {
            type Step = #step;
            type StepInput = #input;
            type StepOutput = #output;
            const RECEPTIVE_FIELD: usize = #last.positions;
            const LENGTHS: &'static [usize] = &[#(#lengths),*];
        }
    }
}

/// Returns the number of shapes of a tuple; 1 for a shape.
fn part_count(sizes: &Sizes) -> usize {
    match &sizes.kind {
        SizesKind::Tuple(parts) => parts.len(),
        SizesKind::Axes(_) | SizesKind::Unknown => 1,
    }
}

/// Writes the shape of one step of an input or output, and the constants that it is made from.
fn step_shape(
    sizes: &Sizes,
    what: &str,
    fields: &[TokenStream],
    code: &mut TokenStream,
) -> TokenStream {
    let all = format_ident!("__{}", if what == "INPUT" { "Input" } else { "Output" });
    let mut shape = |part: usize, dims: TokenStream| {
        let constant = format_ident!("__STEP_{what}{part}");
        let field = &fields[part.min(fields.len() - 1)];
        code.extend(quote!(const #constant: __sw::Dims = #field.of_step(#dims);));
        let axes = 0..4usize;
        quote! {
            <__sw::Sizes<
                { #constant.rank_or_marker() },
                #({ #constant.size(#axes) }),*
            > as __sw::ToShape>::Shape
        }
    };

    let dims = quote!(<#all as __sw::Shape>::DIMS);
    match &sizes.kind {
        SizesKind::Tuple(parts) => {
            let shapes = (0..parts.len()).map(|part| shape(part, quote!(#dims.parts()[#part])));
            let shapes: Vec<_> = shapes.collect();
            quote!((#(#shapes,)*))
        }
        SizesKind::Axes(_) | SizesKind::Unknown => shape(0, dims),
    }
}
