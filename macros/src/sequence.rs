//! Writes a list of layers: their shapes, the lists inside blocks, the struct of their parameters,
//! forward and backward.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Ident};

use crate::attributes::{self, Derives};
use crate::blocks::{BlockKind, Branch};
use crate::spans::ours;
use crate::step::{Sequence, Step};

/// The derives of a network, which the structs inside it share.
#[derive(Clone, Copy)]
pub struct Style<'a> {
    pub derives: &'a Derives,
    /// The user's attributes; only other derives among them are copied.
    pub attrs: &'a [Attribute],
}

/// The type that implements a list of layers as one layer, with its shapes.
pub struct Owner {
    pub layer: TokenStream,
    pub input: TokenStream,
    pub output: TokenStream,
}

/// A field of a struct of parameters.
pub struct ParamField<'a> {
    attrs: &'a [Attribute],
    field: Ident,
    pub params: TokenStream,
    doc: String,
    /// True if the field may have to begin at a multiple of 64 bytes.
    aligned: bool,
}

/// Writes the constants and types of all layers, including those inside blocks.
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

/// Writes the inside of a block: its branches as types, and the structs of their parameters.
fn inside(step: &Step, style: Style) -> TokenStream {
    let Some(block) = &step.layer.block else {
        return TokenStream::new();
    };

    let sequences = step.sequences();
    let steps_of: Vec<Vec<Step>> = sequences.iter().map(Sequence::steps).collect();

    let mut code = TokenStream::new();
    let mut fields = Vec::new();
    let mut branch_trees = Vec::new();
    for (((sequence, steps), branch), layer) in sequences
        .iter()
        .zip(&steps_of)
        .zip(&block.branches)
        .zip(&step.branches)
    {
        let params = branch_params(step, branch, sequence, steps, style);
        let implementation = branch_layer(step, branch, layer, sequence, steps, style, &params);
        let declarations = &params.declarations;
        code.extend(quote!(#declarations #implementation));
        fields.extend(params.fields);
        branch_trees.push(params.tree);
    }

    let Step {
        element,
        block_params,
        ..
    } = step;
    let tag = format!("{}_", step.tag);
    let text = &step.layer.text;
    let param_tree = block_param_tree(&block.kind, &branch_trees);
    let structure = structure(
        block_params,
        &tag,
        element,
        &fields,
        &param_tree,
        text,
        style,
    );
    quote!(#code #structure)
}

/// The parameters of a branch within those of its block.
struct BranchParams<'a> {
    /// The type that holds them: a struct of their own, or the block's.
    params: TokenStream,
    /// The expressions for a shared and an exclusive reference to them in a `block`.
    shared: TokenStream,
    exclusive: TokenStream,
    /// The fields that they add to the block's struct.
    fields: Vec<ParamField<'a>>,
    /// The struct of their own, or the constant of their tree.
    declarations: TokenStream,
    tree: BranchTree,
}

/// The parameter tree of a branch, with its key and its first position in the block's.
struct BranchTree {
    key: String,
    first: TokenStream,
    tree: TokenStream,
}

fn branch_params<'a>(
    step: &Step<'a>,
    branch: &'a Branch,
    sequence: &Sequence<'a>,
    steps: &[Step<'a>],
    style: Style,
) -> BranchParams<'a> {
    let Step {
        element,
        block_params,
        ..
    } = step;

    let Some((field, key)) = &branch.field else {
        let tree_name = format_ident!("__PARAM_TREE{}", sequence.tag);
        let tree = param_tree(steps, &quote!(#block_params));
        return BranchParams {
            params: quote!(#block_params),
            shared: quote!(__block),
            exclusive: quote!(__block),
            fields: param_fields(steps),
            declarations: quote!(const #tree_name: __sw::ParamTree = #tree;),
            tree: BranchTree {
                key: String::new(),
                first: quote!(0),
                tree: quote!(#tree_name),
            },
        };
    };

    let label = &branch.label;
    let params = format_ident!("__Params{}", sequence.tag);
    let declarations = structure(
        &params,
        &sequence.tag,
        element,
        &param_fields(steps),
        &param_tree(steps, &quote!(#params)),
        label,
        style,
    );
    BranchParams {
        params: quote!(#params),
        shared: quote!(&__block.#field),
        exclusive: quote!(&mut __block.#field),
        fields: vec![ParamField {
            attrs: &branch.attrs,
            field: field.clone(),
            params: quote!(#params),
            doc: format!("The parameters of `{label}`."),
            aligned: true,
        }],
        declarations,
        tree: BranchTree {
            key: key.clone(),
            first: position_of(&quote!(#block_params), field, element),
            tree: quote!(<#params as __sw::Parameters<#element>>::PARAM_TREE),
        },
    }
}

/// Writes a branch as a layer: its type with the traits of branches and of layers.
fn branch_layer(
    step: &Step,
    branch: &Branch,
    layer: &Ident,
    sequence: &Sequence,
    steps: &[Step],
    style: Style,
    params: &BranchParams,
) -> TokenStream {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return TokenStream::new();
    };
    let Step {
        element,
        shape_in,
        dims_in,
        block_params,
        ..
    } = step;
    let BranchParams {
        params,
        shared,
        exclusive,
        ..
    } = params;

    let from = &first.shape_in;
    let to = &last.shape_out;
    let dims = &first.dims_in;
    let label = &branch.label;

    let owner = Owner {
        layer: quote!(#layer),
        input: quote!(#from),
        output: quote!(#to),
    };
    let shapes = shapes(steps, style);
    let initialize = initialize(steps);
    let compute = compute(&owner, sequence, steps);

    quote! {
        type #from = #shape_in;
        const #dims: __sw::Dims = #dims_in;
        #shapes
        struct #layer;
        impl __sw::Ends for #layer {
            type From = #from;
            type To = #to;
            const NAME: &'static str = #label;
        }
        impl __sw::Branch<#block_params, #element> for #layer {
            fn params(__block: &#block_params) -> &#params {
                #shared
            }
            fn params_mut(__block: &mut #block_params) -> &mut #params {
                #exclusive
            }
        }
        impl<__In: __sw::Shape> __sw::ShapeRule<__In> for #layer {
            const OUTPUT: __sw::Inferred = __sw::Inferred::shape(<#to as __sw::Shape>::DIMS);
        }
        impl __sw::Layer<#element> for #layer {
            type Config = ();
            type Params = #params;

            fn initialize<R: __sw::Rng + ?::core::marker::Sized>(
                _: &(),
                __params: &mut #params,
                __rng: &mut R,
            ) {
                #initialize
            }
        }
        #compute
    }
}

/// The parameter tree of a block: its branches.
fn block_param_tree(kind: &BlockKind, branches: &[BranchTree]) -> TokenStream {
    let joint = match (kind, branches) {
        (BlockKind::Repeat(_), [branch]) => return branch.tree.clone(),
        (BlockKind::Residual, _) => quote!(Sum),
        _ => quote!(SideBySide),
    };

    let branches = branches.iter().map(
        |BranchTree { key, first, tree }| quote!(__sw::ParamField::field(#key, #first, #tree)),
    );
    quote!(__sw::ParamTree::Block(__sw::Joint::#joint, &[#(#branches),*]))
}

/// An expression for the number of elements before a field.
fn position_of(structure: &TokenStream, field: &Ident, element: &Ident) -> TokenStream {
    quote!(::core::mem::offset_of!(#structure, #field) / ::core::mem::size_of::<#element>())
}

/// The parameter tree of a list of layers. It has those without parameters as well, as the feature
/// order depends on all of them.
pub fn param_tree(steps: &[Step], structure: &TokenStream) -> TokenStream {
    let layers = steps.iter().map(|step| {
        let Step {
            at, element, layer, ..
        } = step;
        let key = &layer.key;
        let text = &layer.text;
        let first = layer
            .field
            .as_ref()
            .map_or(quote!(0), |field| position_of(structure, field, element));
        let field = if layer.tied.is_some() {
            quote!(tied_field)
        } else {
            quote!(field)
        };

        let sources = &layer.sources;
        let reading = (*sources != [step.index]).then(|| quote!(.reading(&[#(#sources),*])));
        let frozen = layer.frozen.then(|| quote!(.frozen()));
        quote!(#at.#field(#key, #text, #first) #reading #frozen)
    });
    quote!(__sw::ParamTree::Layers(&[#(#layers),*]))
}

/// The fields of the layers that have one.
pub fn param_fields<'a>(steps: &[Step<'a>]) -> Vec<ParamField<'a>> {
    let param_field = |step: &Step<'a>| {
        let layer = step.layer;
        Some(ParamField {
            attrs: &layer.attrs,
            field: layer.field.clone()?,
            params: step.params_type(),
            doc: format!("The parameters of `{}`.", layer.text),
            aligned: layer.may_be_network(),
        })
    };
    steps.iter().filter_map(param_field).collect()
}

/// A struct of parameters as one flat slice of numbers.
pub struct FlatStruct {
    pub code: TokenStream,
    /// For each field that may need one, the length of the filler before it, which ends at a
    /// multiple of 64 bytes.
    pub gaps: Vec<Option<TokenStream>>,
    /// The constant with the length of the filler at the end.
    pub padding: Ident,
}

/// Writes the implementation of `Parameters` for a struct, and the constants of its fillers.
pub fn flat_struct(
    name: &TokenStream,
    tag: &str,
    element: &Ident,
    fields: &[ParamField],
    param_tree: &TokenStream,
) -> FlatStruct {
    let mut code = TokenStream::new();
    let mut len = quote!(0);
    let mut gaps = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let params = &field.params;
        let gap = (field.aligned && index > 0).then(|| format_ident!("__GAP{tag}{index}"));
        if let Some(gap) = &gap {
            code.extend(quote! {
                const #gap: __sw::Gap = __sw::Gap::before::<#params, #element>(#len);
            });
            len = quote!(#gap.end);
        }
        len.extend(quote!(+ <#params as __sw::Parameters<#element>>::LEN));
        gaps.push(gap.map(|gap| quote!(#gap.len)));
    }

    let padding = format_ident!("__FILLER{tag}");
    let unpadded = format_ident!("__LEN{tag}");
    let counts = format_ident!("__COUNTS{tag}");
    let types = fields.iter().map(|field| &field.params);
    let title = name.to_string();
    // A filler is shorter than 64 bytes, which are 16 numbers of `f32`.
    let fillers = 16 * (fields.len() + 1);
    code.extend(quote! {
        const #unpadded: usize = #len;
        const #padding: usize = __sw::padding::<#element>(#unpadded);
        const #counts: __sw::Counts =
            __sw::Counts::sum(&[#(__sw::Counts::of::<#types, #element>()),*]);

        // SAFETY: the struct is `repr(C)`, all its fields are parameters, and fillers take the
        // gaps between them and at the end, as the assertion in `LEN` checks.
        unsafe impl __sw::Parameters<#element> for #name {
            const LEN: usize = {
                let __len = #unpadded + #padding;
                __sw::report_layout::<Self, #element>(#title, __len);
                __len
            };
            // An upper bound, as the lengths of the fillers are not known yet.
            const NUMBERS: usize = __sw::sum(&[#counts.numbers, #fillers]);
            const COUNT: usize = #counts.count;
            const STATISTICS: usize = #counts.statistics;
            const PARAM_TREE: __sw::ParamTree = #param_tree;
        }
    });
    FlatStruct {
        code,
        gaps,
        padding,
    }
}

/// Writes a struct of parameters inside a block.
fn structure(
    name: &Ident,
    tag: &str,
    element: &Ident,
    fields: &[ParamField],
    param_tree: &TokenStream,
    title: &str,
    style: Style,
) -> TokenStream {
    let FlatStruct {
        code,
        gaps,
        padding,
    } = flat_struct(&quote!(#name), tag, element, fields, param_tree);

    let shown: Vec<_> = fields.iter().map(|field| &field.field).collect();
    let fields = fields
        .iter()
        .zip(&gaps)
        .enumerate()
        .map(|(index, (param_field, gap))| {
            let ParamField {
                attrs,
                field,
                params,
                doc,
                ..
            } = param_field;

            let filler = format_ident!("_padding_{index}");
            let gap = gap.as_ref().map(|gap| quote!(#filler: [#element; #gap],));
            let documented = attrs.iter().any(|attr| attr.path().is_ident("doc"));
            let doc = (!documented).then(|| quote!(#[doc = #doc]));

            let span = ours(field.span());
            quote_spanned!(span=> #gap #(#attrs)* #doc pub #field: #params)
        });

    let Style { derives, attrs } = style;
    let others = attrs.iter().filter(|attr| attributes::is_derive(attr));
    let clone = derives
        .clone
        .attribute(&quote!(::core::clone::Clone, ::core::marker::Copy));
    let debug = derives.debug.item(debug_impl(name, title, &shown));

    let doc = format!("The parameters of `{title}`.");
    quote! {
        #[doc = #doc]
        #clone
        #(#others)*
        #[repr(C, align(64))]
        pub struct #name {
            #(#fields,)*
            _padding: [#element; #padding],
        }
        #code
        #debug
    }
}

/// Writes a `Debug` that prints the fields and omits the fillers.
pub fn debug_impl(name: &Ident, title: &str, fields: &[&Ident]) -> TokenStream {
    let names = fields.iter().map(|field| field.to_string());
    quote! {
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                __f.debug_struct(#title)#(.field(#names, &self.#fields))*.finish()
            }
        }
    }
}

/// Writes the body of `initialize`: every layer with a field, in order.
pub fn initialize(steps: &[Step]) -> TokenStream {
    let layers = steps
        .iter()
        .filter(|step| step.layer.field.is_some())
        .map(|step| {
            let Step { at, layer, .. } = step;
            let field = &layer.field;
            let arguments = step.arguments();
            quote!(#at.initialize(#arguments, &mut __params.#field, __rng);)
        });
    quote! {
        #(#layers)*
        let _ = (__params, __rng);
    }
}

/// Writes the rows of the summary of a list of layers. `base` is the position of the struct of
/// their parameters, `prefix` stands before their names.
pub fn summaries(
    steps: &[Step],
    structure: &TokenStream,
    base: &TokenStream,
    prefix: &str,
) -> TokenStream {
    let rows = steps.iter().map(|step| {
        let Step {
            at,
            dims_out,
            element,
            block_params,
            ..
        } = step;
        let text = format!("{prefix}{}", step.layer.row());

        // A layer without a field has no parameters: they would begin where those of the next layer
        // do.
        let next = steps[step.index..]
            .iter()
            .find_map(|step| step.layer.field.as_ref());
        let first = match next {
            Some(field) => position_of(structure, field, element),
            None => position_of(structure, &format_ident!("_padding"), element),
        };
        let first = quote!(#base + #first);

        let sequences = step.sequences();
        let branches = step.layer.block.iter().flat_map(|block| &block.branches);
        let inner = sequences
            .iter()
            .zip(branches)
            .map(|(sequence, branch)| match &branch.field {
                None => summaries(&sequence.steps(), &quote!(#block_params), &first, ""),
                Some((field, key)) => {
                    let own = format_ident!("__Params{}", sequence.tag);
                    let within = position_of(&quote!(#block_params), field, element);
                    let base = quote!(#first + #within);
                    summaries(&sequence.steps(), &quote!(#own), &base, &format!("{key}."))
                }
            });

        // Shared parameters are counted where they belong.
        let summary = match step.tied {
            Some((base, _)) => quote!(#at.tied_summary(#text, #dims_out, #first, #base)),
            None => quote!(#at.summary(#text, #dims_out, #first)),
        };
        if step.layer.block.is_some() {
            quote!(__sw::LayerSummary { inner: &[#(#inner)*], ..#summary },)
        } else {
            quote!(#summary,)
        }
    });
    quote!(#(#rows)*)
}

/// The calls of the layers of a list, in the order in which they run.
struct Calls {
    /// Forward, in inference and in training.
    forward: TokenStream,
    backward: TokenStream,
    gradients: TokenStream,
    /// The calls that write the layers into an ONNX graph.
    exports: TokenStream,
}

impl Calls {
    fn new(steps: &[Step]) -> Self {
        let call = |step: &Step, extra: TokenStream| {
            let at = &step.at;
            let params = step.params(&quote!(__params), &quote!(&));
            let arguments = step.arguments();
            quote!(__run.call(#at, #arguments, #params, #extra);)
        };

        let gradient_call = |step: &Step| {
            let gradient = step.gradient();
            let base = match step.tied {
                Some((base, _)) => quote!(::core::option::Option::Some(#base)),
                None => quote!(::core::option::Option::None),
            };
            call(step, quote!(#gradient, #base))
        };
        let with_params = steps
            .iter()
            .filter(|step| step.layer.field.is_some() || step.tied.is_some());
        Calls {
            forward: steps.iter().map(|step| call(step, quote!())).collect(),
            backward: steps
                .iter()
                .rev()
                .map(|step| call(step, quote!()))
                .collect(),
            gradients: with_params.map(gradient_call).collect(),
            exports: steps
                .iter()
                .map(|step| {
                    let Step { at, layer, .. } = step;
                    let params = step.params(&quote!(__params), &quote!(&));
                    let arguments = step.arguments();
                    // A layer with the parameters of another one has their names.
                    let key = match step.tied {
                        Some((base, _)) => &steps[base].layer.key,
                        None => &layer.key,
                    };
                    let text = &layer.text;
                    let sources = &layer.sources;
                    quote!(__run.call(#at, #arguments, #params, [#key, #text], &[#(#sources),*])?;)
                })
                .collect(),
        }
    }
}

/// Writes the plan of a list of layers, and `Infer` and `Train` for its owner: forward and backward
/// call the layers one after another.
pub fn compute(owner: &Owner, sequence: &Sequence, steps: &[Step]) -> TokenStream {
    let Owner {
        layer,
        input,
        output,
    } = owner;
    let element = sequence.element;
    let plan = sequence.plan();
    let planned = format_ident!("__Planned{}", sequence.tag);
    let count = steps.len();
    let stages = steps.iter().map(Step::stage);
    let conditions = steps.iter().flat_map(Step::train_conditions);

    let Calls {
        forward,
        backward,
        gradients,
        exports,
    } = Calls::new(steps);

    quote! {
        const #plan: __sw::Plan<#count> = {
            use __sw::InferenceStage as _;
            __sw::Plan::new([#(#stages),*])
        };

        struct #planned;

        impl __sw::Planned<#count> for #planned {
            const PLAN: &'static __sw::Plan<#count> = &#plan;
        }

        impl __sw::Infer<#input, #output, #element> for #layer {
            const ORDER: __sw::FeatureOrder = __sw::FeatureOrder::Layers;
            const OUTPUT_KIND: __sw::OutputKind = #plan.gives;
            const MULTIPLY_ADDS: usize = #plan.multiply_adds;
            const BATCHING: __sw::Batching = #plan.batching;
            const NEEDS: __sw::Needs = #plan.needs;

            #[inline]
            fn forward(__call: __sw::Forward<'_, Self, #input, #output, #element>) {
                let __params = __call.params;
                __sw::Inference::<_, #planned, #count>::run(__call, |__run| {
                    #forward
                });
                let _ = __params;
            }

            __sw::with_export! {
                // No code where nobody calls it.
                #[inline]
                fn export(
                    _: &(),
                    __params: &Self::Params,
                    __call: __sw::Export<'_>,
                ) -> __sw::Exported {
                    let mut __run = __sw::ListExport::new(__call)?;
                    #exports
                    let _ = __params;
                    __run.finish()
                }
            }
        }

        impl __sw::Train<#input, #output, #element> for #layer
        where
            #(#conditions,)*
        {
            const READS_OUTPUT: bool = #plan.reads_output;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: __sw::Needs = #plan.train_needs;

            fn forward_train(__call: __sw::ForwardTrain<'_, Self, #input, #output, #element>) {
                let __params = __call.params;
                __sw::Training::<_, #planned, #count>::run(__call, |__run| {
                    #forward
                });
                let _ = __params;
            }

            fn backward_input(__call: __sw::BackwardInput<'_, Self, #input, #output, #element>) {
                let __params = __call.params;
                __sw::Backward::<_, #planned, #count>::run(__call, |__run| {
                    #backward
                });
                let _ = __params;
            }

            fn backward_params(__call: __sw::BackwardParams<'_, Self, #input, #output, #element>) {
                let __params = __call.params;
                __sw::Gradients::<_, #planned, #count>::run(__call, |__run, __gradient| {
                    #gradients
                    let _ = (__run, __gradient);
                });
                let _ = __params;
            }
        }
    }
}
