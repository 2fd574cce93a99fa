//! One layer in the expansion: the names of its constants and types, and what the code of a list says
//! of it.

mod known;
mod reports;
mod shapes;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use crate::blocks::{BlockKind, block_type};
use crate::builtin::Output;
use crate::check::{Argument, Layer};
use crate::hoisted::HoistedSizes;

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
        let tuples = known::tuple_inputs(self);
        let axes = known::axes(self.layers, self.axes);
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
            axes_in: known::axes_read(layer, axes),
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
            way: known::way_to(sequence.layers, index),
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
            wrapper,
            rank,
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
        let inner = quote_spanned!(span=> #module #path<#(#generics),*>);
        match wrapper {
            Some(wrapper) if rank.is_some() => {
                let rank = rank.as_ref().map(|rank| self.sizes.replace(rank));
                quote_spanned!(span=> __sw::#wrapper<#rank, #inner>)
            }
            Some(wrapper) => quote_spanned!(span=> __sw::#wrapper<#inner>),
            None => inner,
        }
    }

    /// Writes the number of repetitions of a `Repeat`.
    pub fn repetitions(&self) -> Option<TokenStream> {
        match &self.layer.block.as_ref()?.kind {
            BlockKind::Repeat(count) => Some(self.sizes.replace(count)),
            _ => None,
        }
    }

    /// Writes the layer's arguments in a call: an `Option`.
    pub fn arguments(&self) -> TokenStream {
        let arguments = &self.arguments;
        match &self.layer.config {
            Some(_) => quote!(::core::option::Option::Some(&#arguments)),
            None => quote!(::core::option::Option::None),
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
        let stage = if known::may_lack_backward(self.layer) {
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
        if self.layer.builtin && !self.layer.is_int8() {
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

    /// Writes a reference to the layer's parameters in a value of the type that holds them.
    pub fn params(&self, value: &TokenStream, reference: &TokenStream) -> TokenStream {
        match (&self.layer.field, &self.layer.tied) {
            (Some(field), _) => quote!(#reference #value.#field),
            (None, Some(field)) => quote!(__sw::tied(#reference #value.#field)),
            (None, None) => quote!(#reference ()),
        }
    }
}
