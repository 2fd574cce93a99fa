//! One layer in the expansion: its constants and types, and the check of its shapes.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, LitStr};

use crate::blocks::{Block, BlockKind, block_type};
use crate::builtin::Output;
use crate::check::{Argument, Layer, MAX_AXES};
use crate::hoisted::HoistedSizes;
use crate::spans::{Extent, ours};

/// A list of layers: a network's, or one inside a block.
pub struct Sequence<'a> {
    /// Distinguishes its names from those of the other lists; empty for the network's own.
    pub tag: String,
    pub layers: &'a [Layer],
    pub element: &'a Ident,
    /// The subject of sentences about its input: "the network's input is".
    pub source: String,
    /// True if its input may be a tuple.
    pub tuple: bool,
    /// The largest number of axes of its input.
    pub axes: usize,
}

impl Sequence<'_> {
    pub fn steps(&self) -> Vec<Step<'_>> {
        let tuples = tuple_inputs(self);
        let axes = axes(self.layers, self.axes);
        (0..self.layers.len())
            .map(|index| Step::new(self, index, &tuples, &axes))
            .collect()
    }

    /// The name of the constant with the plan of its buffers.
    pub fn plan(&self) -> Ident {
        format_ident!("__PLAN{}", self.tag)
    }
}

/// The names of the constants and types that belong to one layer.
pub struct Step<'a> {
    pub layer: &'a Layer,
    pub index: usize,
    pub element: &'a Ident,
    /// The list's tag.
    list: &'a str,
    /// The list's tag followed by the layer's index.
    pub tag: String,
    /// The subject of sentences about the layer's input: "`Relu` before it gives".
    pub source: String,
    /// If the layer's input may be a tuple, the first layer of the run up to this one whose inputs
    /// all may be tuples.
    tuples_from: Option<usize>,
    pub inferred: Ident,
    pub dims_in: Ident,
    pub dims_out: Ident,
    /// The facts about its output that hold whatever its shape rule answers.
    output: Output,
    /// The largest number of axes of its input and of its output.
    axes_in: usize,
    axes: usize,
    /// The constant with the numbers of its parameters, and of those up to and including it.
    held: Ident,
    /// The same constant of the last layer with parameters before it, if there is one.
    held_before: Option<Ident>,
    pub shape_in: Ident,
    /// The shapes of several outputs that the layer reads.
    source_shapes: Vec<Ident>,
    pub shape_out: Ident,
    /// The layer's type.
    pub own: Ident,
    /// The type that is called: the layer's own, or its stand-in after a mistake.
    pub called: Ident,
    /// The constant that the calls of the layer take, and that with its arguments.
    pub at: Ident,
    arguments: Ident,
    /// The type of a block's parameters.
    pub block_params: Ident,
    /// The types of a block's branches.
    pub branches: Vec<Ident>,
    /// The position and the type of the layer whose parameters it shares.
    pub tied: Option<(usize, Ident)>,
    /// The sizes that are computed, each with a constant.
    sizes: HoistedSizes,
    /// Some outputs on the way to the layer: the name of the layer and the number of the output.
    way: Vec<(&'a str, usize)>,
}

/// The largest number of layers in the way of shapes that an error shows.
const WAY: usize = 4;

/// Returns the outputs on the way to a layer: of the list's input and of the layers before it, if
/// each reads the one before it.
fn way_to(layers: &[Layer], index: usize) -> Vec<(&str, usize)> {
    let first = index.saturating_sub(WAY);
    let is_chain = |index: &usize| layers[*index].sources == [*index];
    if !(first..=index).all(|index| is_chain(&index)) {
        return Vec::new();
    }
    let before = (first..index).map(|index| (layers[index].brief.as_str(), index + 1));
    core::iter::once(("", first)).chain(before).collect()
}

/// Constants that say which traits a type has, and so do not fail to compile where it lacks one.
struct Probes {
    /// True if it is a `ShapeRule`.
    fits: TokenStream,
    /// True if it is a `Layer`.
    layer: TokenStream,
    /// True if it is a `Layer` with parameters.
    holds: TokenStream,
    /// True if it is `Infer`.
    computes: TokenStream,
    /// True if it is `NamesOutput`.
    names_output: TokenStream,
}

/// Returns for each layer whether its input may be a tuple.
fn tuple_inputs(sequence: &Sequence) -> Vec<bool> {
    let outputs = tuple_outputs(sequence.layers, sequence.tuple);
    let layers = sequence.layers.iter();
    layers.map(|layer| reads_tuple(layer, &outputs)).collect()
}

/// Returns for the input and each output of a list, by number, whether it may be a tuple; `given` is
/// that of the input.
fn tuple_outputs(layers: &[Layer], given: bool) -> Vec<bool> {
    let mut outputs = vec![given];
    for layer in layers {
        outputs.push(may_give_tuple(layer, reads_tuple(layer, &outputs)));
    }
    outputs
}

/// Returns whether a layer may read a tuple; `outputs` are the outputs before it.
fn reads_tuple(layer: &Layer, outputs: &[bool]) -> bool {
    match layer.sources[..] {
        [source] => outputs.get(source).copied().unwrap_or_default(),
        _ => false,
    }
}

/// Returns whether the output of a layer may be a tuple; `given` says whether its input may be one.
///
/// `Split` makes tuples, and most layers pass them on. A nested network and a layer of the user's
/// own may make one.
fn may_give_tuple(layer: &Layer, given: bool) -> bool {
    match &layer.block {
        Some(Block {
            kind: BlockKind::Split,
            ..
        }) => true,
        Some(Block {
            kind: BlockKind::Concat,
            ..
        }) => false,
        Some(block) => block.branches.iter().any(|branch| {
            let outputs = tuple_outputs(&branch.layers, given);
            outputs.last().copied().unwrap_or(given)
        }),
        None => given || !layer.builtin || layer.is_pack(),
    }
}

/// Returns for the input and each output of a list, by number, the largest number of its axes.
fn axes(layers: &[Layer], given: usize) -> Vec<usize> {
    let mut axes = vec![given];
    for layer in layers {
        axes.push(axes_of(layer, axes_read(layer, &axes)));
    }
    axes
}

/// Returns the largest number of axes that a layer reads; `outputs` are those of the outputs before
/// it.
fn axes_read(layer: &Layer, outputs: &[usize]) -> usize {
    let read = layer.sources.iter().map(|&source| outputs.get(source));
    let most = read.map(|axes| axes.copied().unwrap_or(MAX_AXES)).max();
    most.unwrap_or(MAX_AXES)
}

/// Returns the largest number of axes of a layer's output; `given` is that of its inputs.
fn axes_of(layer: &Layer, given: usize) -> usize {
    match (&layer.block, layer.output()) {
        (Some(block), _) => {
            let lasts = block.branches.iter().map(|branch| {
                let outputs = axes(&branch.layers, given);
                outputs.last().copied().unwrap_or(given)
            });
            lasts.fold(given, usize::max)
        }
        (None, Output::Input | Output::InputOrMistake) => given,
        // After a mistake, the output may have one axis.
        (None, Output::NoMoreAxes) => given.max(1),
        (None, Output::Axes(axes)) => axes,
    }
}

/// Returns whether a layer may have no backward pass: it is one of the user's own, or a block with
/// one.
fn may_lack_backward(layer: &Layer) -> bool {
    match &layer.block {
        Some(block) => block
            .branches
            .iter()
            .any(|branch| branch.layers.iter().any(may_lack_backward)),
        None => !layer.builtin,
    }
}

impl<'a> Step<'a> {
    fn new(sequence: &'a Sequence, index: usize, tuples: &[bool], axes: &[usize]) -> Self {
        let layer = &sequence.layers[index];
        let source = match layer.sources[..] {
            [0] => sequence.source.clone(),
            [source] if source == index => {
                format!("`{}` before it gives", sequence.layers[index - 1].brief)
            }
            [source] => format!("`{}` gives", sequence.layers[source - 1].brief),
            _ => "its sources give".to_owned(),
        };
        let tag = format!("{}{index}", sequence.tag);
        let output = |name: &str, number: usize| format_ident!("{name}{}{number}", sequence.tag);
        let (shape_in, dims_in) = match layer.sources[..] {
            [source] => (output("__Shape", source), output("__DIMS", source)),
            _ => (output("__Inputs", index), output("__INPUT_DIMS", index)),
        };
        let source_shapes = match &layer.sources[..] {
            [_] => Vec::new(),
            sources => sources
                .iter()
                .map(|&source| output("__Shape", source))
                .collect(),
        };
        let after = format!("{}{}", sequence.tag, index + 1);

        let held_before = sequence.layers[..index]
            .iter()
            .rposition(|layer| layer.field.is_some());
        let branches = layer.block.as_ref().map_or(0, |block| block.branches.len());

        // A run ends before a layer that reads another output than the one before it.
        let mut tuples_from = None;
        for index in (0..=index).rev().take_while(|&index| tuples[index]) {
            tuples_from = Some(index);
            if sequence.layers[index].sources != [index] {
                break;
            }
        }

        let tied = layer.tied.as_ref().and_then(|field| {
            let is_base = |layer: &Layer| layer.field.as_ref() == Some(field);
            let base = sequence.layers.iter().position(is_base)?;
            Some((base, output("__Layer", base)))
        });

        let mut step = Step {
            layer,
            index,
            tied,
            list: &sequence.tag,
            element: sequence.element,
            source,
            tuples_from,
            inferred: format_ident!("__INFERRED{tag}"),
            dims_in,
            dims_out: format_ident!("__DIMS{after}"),
            output: layer.output(),
            axes_in: axes_read(layer, axes),
            axes: axes[index + 1],
            held: format_ident!("__HELD{tag}"),
            held_before: held_before.map(|before| format_ident!("__HELD{}{before}", sequence.tag)),
            shape_in,
            source_shapes,
            shape_out: format_ident!("__Shape{after}"),
            own: format_ident!("__Layer{tag}"),
            called: format_ident!("__Called{tag}"),
            at: format_ident!("__LAYER{tag}"),
            arguments: format_ident!("ARGUMENTS_{tag}"),
            block_params: format_ident!("__Params{tag}"),
            branches: (0..branches)
                .map(|branch| format_ident!("__Branch{tag}_{branch}"))
                .collect(),
            sizes: HoistedSizes::of(layer, &tag),
            way: way_to(sequence.layers, index),
            tag,
        };
        if step.always_fits() {
            step.called = step.own.clone();
        }
        step
    }

    /// The lists of a block's branches.
    pub fn sequences(&self) -> Vec<Sequence<'a>> {
        let branches = self
            .layer
            .block
            .iter()
            .flat_map(|block| &block.branches)
            .enumerate();
        branches
            .map(|(branch, inner)| Sequence {
                tag: format!("{}_{branch}_", self.tag),
                layers: &inner.layers,
                element: self.element,
                source: self.source.clone(),
                tuple: self.tuples_from.is_some(),
                axes: self.axes_in,
            })
            .collect()
    }

    /// Writes the layer's type; `inferred` gives the size for each `_`.
    fn type_with(&self, inferred: impl Fn(usize) -> TokenStream) -> TokenStream {
        let Layer {
            module,
            path,
            generics,
            block,
            ..
        } = self.layer;
        if let Some(block) = block {
            let count = |count: &TokenStream| self.sizes.replace(count);
            return block_type(block, &self.block_params, &self.branches, count);
        }
        if self.layer.is_pack() {
            let shapes = &self.source_shapes;
            return quote!(#path<(#(#shapes,)*)>);
        }
        if generics.is_empty() {
            return quote!(#module #path);
        }

        let generics = generics.iter().map(|generic| match generic {
            Argument::Given(tokens) => self.sizes.replace(tokens),
            Argument::Inferred(position) => inferred(*position),
        });
        let span = self.layer.extent.last;
        quote_spanned!(span=> #module #path<#(#generics),*>)
    }

    /// Returns whether the output's shape is that of the input, also after a mistake.
    fn keeps_shape(&self) -> bool {
        let is_shape = self.layer.sources.len() == 1 && self.tuples_from.is_none();
        is_shape && matches!(self.output, Output::Input | Output::InputOrMistake)
    }

    /// Returns whether nothing can be wrong with the layer, whatever its input is. A layer with a
    /// name has a field, so that its parameters are counted and may be too many.
    fn always_fits(&self) -> bool {
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

    /// Writes the layer's arguments in a call, if it has any.
    pub fn arguments(&self) -> Option<TokenStream> {
        let arguments = &self.arguments;
        self.layer.config.as_ref().map(|_| quote!(&#arguments,))
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
        let mut is_fine = quote!(#inferred.is_fine());
        let mut report_traits = quote!();
        if self.layer.mistaken {
            asked_type = quote!(__sw::Mistaken);
            is_fine = quote!(false);
        } else if !self.layer.builtin {
            let probes = self.probes(&asked_type, &own_type);
            sizes = self.output_of(&probes.names_output, &asked_type, &sizes);
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

    /// Writes the check of the shape rule's answer, and of the number of parameters.
    fn report(&self) -> TokenStream {
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

    /// Writes the questions about a type that may lack some of the traits of layers.
    fn probes(&self, asked_type: &TokenStream, own_type: &TokenStream) -> Probes {
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
    fn report_traits(&self, probes: &Probes) -> TokenStream {
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

    /// Writes the properties of the layer that the plan depends on.
    pub fn stage(&self) -> TokenStream {
        let Step {
            called,
            shape_in,
            shape_out,
            element,
            at,
            ..
        } = self;
        let stage = if may_lack_backward(self.layer) {
            quote!(<__sw::Stages<#called, #shape_in, #shape_out, #element>>::STAGE)
        } else {
            quote!(#at.stage())
        };
        let sources = &self.layer.sources;
        if *sources == [self.index] {
            stage
        } else {
            quote!(#stage.reading(&[#(#sources),*]))
        }
    }

    /// Writes the conditions under which the list can be trained: for each layer that may have no
    /// backward pass, here or inside a block. Thus the compiler names that layer, and not the block.
    ///
    /// The lifetime `'__train` has no meaning of its own: without it, the compiler would refuse a
    /// condition that does not hold at the definition, and not where the network is trained.
    pub fn train_conditions(&self) -> Vec<TokenStream> {
        if self.layer.block.is_some() {
            let lists = self.sequences();
            let steps = lists.iter().flat_map(Sequence::steps);
            return steps.flat_map(|step| step.train_conditions()).collect();
        }
        if self.layer.builtin {
            return Vec::new();
        }

        let Step {
            called,
            shape_in,
            shape_out,
            element,
            ..
        } = self;
        let sources = self.layer.sources.len();
        let probe = quote!(<__sw::Probe<#called, #shape_in, #shape_out, #element>>::NETWORK);
        let by = quote!({ __sw::trained_by(#probe, #sources) });
        let trains = quote!(__sw::Trains<#by, #shape_in, #shape_out, #element>);
        vec![quote!(for<'__train> #called: #trains)]
    }

    /// Writes the type of the layer's parameters.
    pub fn params_type(&self) -> TokenStream {
        let Step { own, element, .. } = self;
        quote!(<#own as __sw::Layer<#element>>::Params)
    }

    /// Writes an exclusive reference to the gradient of the layer's parameters.
    pub fn gradient(&self) -> TokenStream {
        match (&self.layer.field, &self.layer.tied) {
            (None, Some(field)) => quote!(__sw::tied_mut(&mut __gradient.#field)),
            _ => self.params(&quote!(__gradient), &quote!(&mut)),
        }
    }

    /// Writes the check that a layer shares the parameters of a layer with the same ones.
    fn report_tied(&self) -> Option<TokenStream> {
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

    /// Writes a reference to the layer's parameters in a value of the type that holds them.
    pub fn params(&self, value: &TokenStream, reference: &TokenStream) -> TokenStream {
        match (&self.layer.field, &self.layer.tied) {
            (Some(field), _) => quote!(#reference #value.#field),
            (None, Some(field)) => quote!(__sw::tied(#reference #value.#field)),
            (None, None) => quote!(#reference ()),
        }
    }
}
