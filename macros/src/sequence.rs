//! Writes a list of layers: their shapes, the lists inside of blocks, the struct of their
//! parameters, forward and backward.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Ident};

use crate::blocks::Kind;
use crate::spans::ours;
use crate::step::{Sequence, Step};

/// What is derived for a network and the structs inside.
#[derive(Clone, Copy)]
pub struct Style<'a> {
    pub clone: bool,
    pub debug: bool,
    /// The user's attributes, of which other derives count.
    pub attrs: &'a [Attribute],
}

/// The type that a list of layers is as a layer, with its parameters and shapes.
pub struct Owner {
    pub layer: TokenStream,
    pub params: TokenStream,
    pub input: TokenStream,
    pub output: TokenStream,
}

/// A field of a struct of parameters.
pub struct ParamField<'a> {
    attrs: &'a [Attribute],
    field: Ident,
    pub params: TokenStream,
    doc: String,
    /// It may begin at a multiple of 64 bytes.
    aligned: bool,
}

/// The constants and types of all layers, and of those inside of blocks.
pub fn shapes(steps: &[Step], style: Style) -> TokenStream {
    steps
        .iter()
        .map(|step| {
            let inside = inside(step, style);
            let shapes = step.shapes();
            quote!(#inside #shapes)
        })
        .collect()
}

/// What is inside of a block: its lists of layers as types, and the structs of their parameters.
fn inside(step: &Step, style: Style) -> TokenStream {
    let Some(block) = &step.layer.block else {
        return TokenStream::new();
    };
    let Step {
        element,
        shape_in,
        dims_in,
        block_params,
        ..
    } = step;
    let mut code = TokenStream::new();
    let mut lists = Vec::new();
    let sequences = step.sequences();
    let steps_of: Vec<Vec<Step>> = sequences.iter().map(Sequence::steps).collect();
    let mut fields = Vec::new();
    for (((sequence, steps), branch), layer) in sequences
        .iter()
        .zip(&steps_of)
        .zip(&block.branches)
        .zip(&step.branches)
    {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            continue;
        };
        let (from, to, dims, label) = (
            &first.shape_in,
            &last.shape_out,
            &first.dims_in,
            &branch.label,
        );
        let shapes = shapes(steps, style);
        let (params, structure, place) = match &branch.field {
            None => {
                fields.extend(members(steps));
                let (inner, list) = (
                    format_ident!("__CONTENTS{}", sequence.tag),
                    contents(steps, &quote!(#block_params)),
                );
                code.extend(quote!(const #inner: __sw::ParamTree = #list;));
                lists.push((String::new(), quote!(0), quote!(#inner)));
                (block_params.clone(), TokenStream::new(), quote!(block))
            }
            Some((field, key)) => {
                let params = format_ident!("__Params{}", sequence.tag);
                let inner = contents(steps, &quote!(#params));
                let structure = structure(
                    &params,
                    &sequence.tag,
                    element,
                    &members(steps),
                    &inner,
                    label,
                    style,
                );
                let inner = quote!(<#params as __sw::Parameters<#element>>::PARAM_TREE);
                lists.push((
                    key.clone(),
                    place_of(&quote!(#block_params), field, element),
                    inner,
                ));
                fields.push(ParamField {
                    attrs: &branch.attrs,
                    field: field.clone(),
                    params: quote!(#params),
                    doc: format!("The parameters of `{label}`."),
                    aligned: true,
                });
                (params, structure, quote!(block.#field))
            }
        };
        let reference = branch.field.is_some();
        let shared = if reference {
            quote!(&#place)
        } else {
            place.clone()
        };
        let exclusive = if reference {
            quote!(&mut #place)
        } else {
            place
        };
        let initialize = initialize(steps, element);
        let owner = Owner {
            layer: quote!(#layer),
            params: quote!(#params),
            input: quote!(#from),
            output: quote!(#to),
        };
        let compute = compute(&owner, sequence, steps);
        code.extend(quote! {
            type #from = #shape_in;
            const #dims: __sw::Dims = #dims_in;
            #shapes
            #structure
            struct #layer;
            impl __sw::Ends for #layer {
                type From = #from;
                type To = #to;
                const NAME: &'static str = #label;
            }
            impl __sw::Branch<#block_params, #element> for #layer {
                fn params(block: &#block_params) -> &#params {
                    #shared
                }
                fn params_mut(block: &mut #block_params) -> &mut #params {
                    #exclusive
                }
            }
            impl<__In: __sw::Shape> __sw::ShapeRule<__In> for #layer {
                const OUTPUT: __sw::Inferred = __sw::Inferred::shape(<#to as __sw::Shape>::DIMS);
            }
            impl __sw::Layer<#element> for #layer {
                type Config = ();
                type Params = #params;

                fn initialize<R: __sw::Rng + ?::core::marker::Sized>(_: &(), params: &mut #params, rng: &mut R) {
                    #initialize
                }
            }
            #compute
        });
    }
    let contents = block_contents(&block.kind, &lists);
    let (tag, text) = (format!("{}_", step.tag), &step.layer.text);
    let structure = structure(block_params, &tag, element, &fields, &contents, text, style);
    quote!(#code #structure)
}

/// What the parameters of a block are made of: its lists of layers, each with its name, where its
/// parameters begin and what they are made of.
fn block_contents(kind: &Kind, lists: &[(String, TokenStream, TokenStream)]) -> TokenStream {
    let joint = match (kind, lists) {
        (Kind::Repeat(_), [(_, _, contents)]) => return contents.clone(),
        (Kind::Residual, _) => quote!(Sum),
        _ => quote!(SideBySide),
    };
    let branches = lists
        .iter()
        .map(|(key, first, contents)| quote!(__sw::ParamField::field(#key, #first, #contents)));
    quote!(__sw::ParamTree::Block(__sw::Joint::#joint, &[#(#branches),*]))
}

/// How many numbers lie before a field.
fn place_of(structure: &TokenStream, field: &Ident, element: &Ident) -> TokenStream {
    quote!(::core::mem::offset_of!(#structure, #field) / ::core::mem::size_of::<#element>())
}

/// What the parameters of a list of layers are made of: the layers, also those without parameters,
/// as the order of features depends on all of them.
pub fn contents(steps: &[Step], structure: &TokenStream) -> TokenStream {
    let layers = steps.iter().map(|step| {
        let Step {
            called,
            shape_in,
            shape_out,
            element,
            layer,
            ..
        } = step;
        let (key, text) = (&layer.key, &layer.text);
        let first = layer
            .field
            .as_ref()
            .map_or(quote!(0), |field| place_of(structure, field, element));
        quote!(__sw::ParamField::layer::<#called, #shape_in, #shape_out, #element>(#key, #text, #first))
    });
    quote!(__sw::ParamTree::Layers(&[#(#layers),*]))
}

/// The fields of the layers that have one.
pub fn members<'a>(steps: &[Step<'a>]) -> Vec<ParamField<'a>> {
    let member = |step: &Step<'a>| {
        let layer = step.layer;
        Some(ParamField {
            attrs: &layer.attrs,
            field: layer.field.clone()?,
            params: step.params_type(),
            doc: format!("The parameters of `{}`.", layer.text),
            aligned: layer.may_be_network(),
        })
    };
    steps.iter().filter_map(member).collect()
}

/// A struct of parameters as one block of numbers.
pub struct BlockOfNumbers {
    pub code: TokenStream,
    /// For each field the constant that says how many numbers lie before it to fill 64 bytes, if
    /// there may be some.
    pub gaps: Vec<Option<Ident>>,
    /// The constant that says how many fill the last 64 bytes.
    pub padding: Ident,
}

pub fn block_of_numbers(
    name: &TokenStream,
    tag: &str,
    element: &Ident,
    members: &[ParamField],
    contents: &TokenStream,
) -> BlockOfNumbers {
    let (padding, all) = (format_ident!("__PADDING{tag}"), format_ident!("__LEN{tag}"));
    let (mut code, mut len, mut gaps) = (TokenStream::new(), quote!(0), Vec::new());
    for (
        index,
        ParamField {
            params, aligned, ..
        },
    ) in members.iter().enumerate()
    {
        let gap = (*aligned && index > 0).then(|| format_ident!("__GAP{tag}{index}"));
        if let Some(gap) = &gap {
            code.extend(quote!(const #gap: usize = __sw::gap::<#params, #element>(#len);));
            len.extend(quote!(+ #gap));
        }
        len.extend(quote!(+ <#params as __sw::Parameters<#element>>::LEN));
        gaps.push(gap);
    }
    let types: Vec<_> = members.iter().map(|member| &member.params).collect();
    let title = name.to_string();
    let room = 16 * (members.len() + 1);
    code.extend(quote! {
        const #all: usize = #len;
        const #padding: usize = __sw::padding::<#element>(#all);

        // SAFETY: the struct is `repr(C)`, all its fields are parameters, and the padding fills the gaps between them
        // and at the end, as the assertion in `LEN` says.
        unsafe impl __sw::Parameters<#element> for #name {
            const LEN: usize = {
                let len = #all + #padding;
                __sw::report_layout::<Self, #element>(#title, len);
                len
            };
            const NUMBERS: usize = __sw::sum(&[
                #(<#types as __sw::Parameters<#element>>::NUMBERS,)*
                // What may stand between the fields.
                #room,
            ]);
            const COUNT: usize = 0 #(+ <#types as __sw::Parameters<#element>>::COUNT)*;
            const STATISTICS: usize = 0 #(+ <#types as __sw::Parameters<#element>>::STATISTICS)*;
            const PARAM_TREE: __sw::ParamTree = #contents;
        }
    });
    BlockOfNumbers {
        code,
        gaps,
        padding,
    }
}

/// The struct of the parameters inside of a block.
fn structure(
    name: &Ident,
    tag: &str,
    element: &Ident,
    members: &[ParamField],
    contents: &TokenStream,
    title: &str,
    style: Style,
) -> TokenStream {
    let BlockOfNumbers {
        code,
        gaps,
        padding,
    } = block_of_numbers(&quote!(#name), tag, element, members, contents);
    let fields = members
        .iter()
        .zip(&gaps)
        .enumerate()
        .map(|(index, (member, gap))| {
            let ParamField {
                attrs,
                field,
                params,
                doc,
                ..
            } = member;
            let filler = format_ident!("_padding_{index}");
            let gap = gap.as_ref().map(|gap| quote!(#filler: [#element; #gap],));
            let documented = attrs.iter().any(|attr| attr.path().is_ident("doc"));
            let doc = (!documented).then(|| quote!(#[doc = #doc]));
            let span = ours(field.span());
            quote_spanned!(span=> #gap #(#attrs)* #doc pub #field: #params)
        });
    let Style {
        clone,
        debug,
        attrs,
    } = style;
    let derives = attrs.iter().filter(|attr| attr.path().is_ident("derive"));
    let clone = clone.then(|| quote!(#[derive(::core::clone::Clone, ::core::marker::Copy)]));
    let shown: Vec<_> = members.iter().map(|member| &member.field).collect();
    let debug = debug.then(|| debug_impl(name, title, &shown));
    let doc = format!("The parameters of `{title}`.");
    quote! {
        #[doc = #doc]
        #[allow(dead_code, non_camel_case_types)]
        #clone
        #(#derives)*
        #[repr(C, align(64))]
        pub struct #name {
            #(#fields,)*
            _padding: [#element; #padding],
        }
        #code
        #debug
    }
}

/// Prints the fields, and leaves the padding away.
pub fn debug_impl(name: &Ident, title: &str, fields: &[&Ident]) -> TokenStream {
    let names = fields.iter().map(|field| field.to_string());
    quote! {
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#title)#(.field(#names, &self.#fields))*.finish()
            }
        }
    }
}

/// Initial values for all layers with fields.
pub fn initialize(steps: &[Step], element: &Ident) -> TokenStream {
    let layers = steps
        .iter()
        .filter(|step| step.layer.field.is_some())
        .map(|step| {
            let (own, config, field) = (&step.own, &step.config, &step.layer.field);
            quote!(<#own as __sw::Layer<#element>>::initialize(&#config, &mut params.#field, rng);)
        });
    quote! {
        #(#layers)*
        let _ = (params, rng);
    }
}

/// The rows of the table of layers: `base` numbers lie before the struct of their parameters,
/// `before` stands before their names.
pub fn summaries(
    steps: &[Step],
    structure: &TokenStream,
    base: &TokenStream,
    before: &str,
) -> TokenStream {
    let rows = steps.iter().map(|step| {
        let Step { called, shape_in, shape_out, dims_out, element, block_params, .. } = step;
        let (text, params) = (format!("{before}{}", step.layer.text), step.params_type());
        // A layer without a field has no parameters: they would begin where those of the next layer do.
        let next = steps[step.index..].iter().find_map(|step| step.layer.field.as_ref());
        let at = next.map_or_else(|| quote!(_padding), |field| quote!(#field));
        let at = quote! {
            #base + ::core::mem::offset_of!(#structure, #at) / ::core::mem::size_of::<#element>()
        };
        let sequences = step.sequences();
        let branches = step.layer.block.iter().flat_map(|block| &block.branches);
        let inner = sequences.iter().zip(branches).map(|(sequence, branch)| match &branch.field {
            None => summaries(&sequence.steps(), &quote!(#block_params), &at, ""),
            Some((field, key)) => {
                let own = format_ident!("__Params{}", sequence.tag);
                let base = quote! {
                    #at + ::core::mem::offset_of!(#block_params, #field) / ::core::mem::size_of::<#element>()
                };
                summaries(&sequence.steps(), &quote!(#own), &base, &format!("{key}."))
            }
        });
        quote! {
            __sw::LayerSummary {
                layer: #text,
                output: #dims_out,
                params: <#params as __sw::Parameters<#element>>::COUNT,
                params_at: #at,
                macs: <#called as __sw::Compute<#shape_in, #shape_out, #element>>::MULTIPLY_ADDS,
                inner: &[#(#inner)*],
            },
        }
    });
    quote!(#(#rows)*)
}

/// Forward and backward: the layers in a straight line.
pub fn compute(owner: &Owner, sequence: &Sequence, steps: &[Step]) -> TokenStream {
    let Owner {
        layer,
        params,
        input,
        output,
    } = owner;
    let (element, plan, count) = (sequence.element, sequence.plan(), steps.len());
    let stages = steps.iter().map(
        |Step {
             called,
             shape_in,
             shape_out,
             ..
         }| { quote!(__sw::Stage::of::<#called, #shape_in, #shape_out, #element>()) },
    );
    let inference = steps.iter().map(|step| {
        let Step {
            called,
            shape_in,
            shape_out,
            index,
            config,
            ..
        } = step;
        let params = step.params(&quote!(params), &quote!(&));
        quote!(run.layer::<#called, #shape_in, #shape_out, #index>(&#config, #params, cx);)
    });
    let call = |step: &Step, extra: TokenStream| {
        let Step {
            called,
            shape_in,
            shape_out,
            index,
            config,
            ..
        } = step;
        let params = step.params(&quote!(params), &quote!(&));
        quote!(run.layer::<#called, #shape_in, #shape_out>(#index, &#config, #params, #extra);)
    };
    let training = steps.iter().map(|step| call(step, quote!()));
    let backward = steps.iter().rev().map(|step| call(step, quote!()));
    let gradients = steps
        .iter()
        .filter(|step| step.layer.field.is_some())
        .map(|step| {
            let gradient = step.params(&quote!(gradient), &quote!(&mut));
            call(step, quote!(#gradient))
        });
    let (x, y) = (
        quote!(&[__sw::Tensor<#input, #element>]),
        quote!(&[__sw::Tensor<#output, #element>]),
    );
    let (x_mut, y_mut) = (
        quote!(&mut [__sw::Tensor<#input, #element>]),
        quote!(&mut [__sw::Tensor<#output, #element>]),
    );
    quote! {
        const #plan: __sw::Plan<#count> = __sw::Plan::new([#(#stages),*]);

        impl __sw::Compute<#input, #output, #element> for #layer {
            const ORDER: __sw::FeatureOrder = __sw::FeatureOrder::Layers;
            const READS_OUTPUT: bool = #plan.reads_output;
            const OUTPUT_KIND: __sw::OutputKind = #plan.gives;
            const WHOLE_BATCH: bool = #plan.whole_batch;
            const OVERWRITES: bool = true;
            const MULTIPLY_ADDS: usize = #plan.multiply_adds;
            const CACHE: usize = #plan.cache;
            const SCRATCH: usize = #plan.scratch();

            #[inline]
            fn forward(
                _: &(),
                params: &#params,
                x: #x,
                y: #y_mut,
                scratch: &mut [#element],
                cx: &__sw::Context<'_, #element>,
            ) {
                __sw::Inference::run(&#plan, x, y, scratch, |run| {
                    #(#inference)*
                });
                let _ = (params, cx);
            }

            fn forward_train(
                _: &(),
                params: &#params,
                x: #x,
                y: #y_mut,
                cache: __sw::ActivationStore<'_, #element>,
                cx: &__sw::Context<'_, #element>,
            ) {
                __sw::Training::run(&#plan, x, y, cache, &cx.within(params), |run| { #(#training)* });
                let _ = params;
            }

            fn backward_input(
                _: &(),
                params: &#params,
                x: #x,
                y: __sw::LayerOutputs<'_, #output, #element>,
                cache: __sw::ActivationStore<'_, #element>,
                dy: #y_mut,
                dx: ::core::option::Option<#x_mut>,
                cx: &__sw::Context<'_, #element>,
            ) {
                __sw::Backward::run(&#plan, x, y, cache, dy, dx, &cx.within(params), |run| { #(#backward)* });
                let _ = params;
            }

            fn backward_params(
                _: &(),
                params: &#params,
                x: #x,
                y: __sw::LayerOutputs<'_, #output, #element>,
                cache: __sw::ActivationStore<'_, #element>,
                dy: #y,
                gradient: &mut #params,
                cx: &__sw::Context<'_, #element>,
            ) {
                let mut run = __sw::Gradients::new(&#plan, x, y, cache, dy, &cx.within(params));
                #(#gradients)*
                let _ = (params, gradient, &mut run);
            }
        }
    }
}
