//! Resolves the sources of layers: `Add <- (a, b)` reads the outputs of the layers `a` and `b`.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Error, Ident};

use crate::blocks;
use crate::check::{self as checked, written};
use crate::parse::Layer;

/// The layers that read several outputs.
pub const MERGES: [&str; 3] = ["Add", "Mul", "Concat"];
/// The largest number of sources of a layer.
const MOST_SOURCES: usize = 6;

/// The names of a list's inputs: `input` for a list with one.
pub enum Inputs<'a> {
    One,
    Several(&'a [Ident]),
}

/// Returns the numbers of the outputs that each layer reads: 0 is the input of the list, and an
/// output of a layer has the layer's number, counted from 1. If there are several inputs, they are
/// the outputs of as many layers before the first. For a layer with a mistake it is an error with the
/// number of the output before it.
///
/// `outputs` are the layers that the network's outputs name; without any, the last layer's output is
/// that of the list.
pub fn resolve(
    layers: &[Layer],
    inputs: &Inputs,
    outputs: &[Ident],
    errors: &mut Vec<Error>,
) -> Vec<Result<Vec<usize>, usize>> {
    let before = match inputs {
        Inputs::One => 0,
        Inputs::Several(names) => names.len(),
    };
    let names: Vec<Option<String>> = layers
        .iter()
        .map(|layer| Some(layer.name.as_ref()?.unraw().to_string()))
        .collect();
    let scope = Scope {
        inputs,
        before,
        names: &names,
    };

    let mut sources = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let found = match &layer.sources {
            Some(read) => scope.sources(index, layer, read, errors),
            None => check_default(index, layer, inputs, errors).then(|| vec![before + index]),
        };
        sources.push(found.ok_or(before + index));
    }
    check_names(layers, inputs, errors);

    // A wrong name of an output is reported where the outputs are joined.
    let is_named = |output: &Ident| {
        let name = output.unraw().to_string();
        names.contains(&Some(name))
    };
    let is_known = sources.iter().all(Result::is_ok) && !layers.iter().any(|layer| layer.slipped);
    if errors.is_empty() && is_known && outputs.iter().all(is_named) {
        scope.check_readers(layers, &sources, outputs, errors);
    }
    sources
}

/// Reports layers that have the name of an input.
fn check_names(layers: &[Layer], inputs: &Inputs, errors: &mut Vec<Error>) {
    let Inputs::Several(inputs) = inputs else {
        return;
    };
    for name in layers.iter().filter_map(|layer| layer.name.as_ref()) {
        if inputs.iter().any(|input| input.unraw() == name.unraw()) {
            let message = format!(
                "an input of the network is called `{name}` as well; choose another name for the \
                 layer"
            );
            errors.push(Error::new(name.span(), message));
        }
    }
}

/// Returns `tokens` of a layer as a person would write them, with the braces of a block.
fn whole(layer: &Layer, tokens: &TokenStream) -> String {
    let text = written(tokens);
    match layer.block {
        Some(_) => format!("{text} {{ .. }}"),
        None => text,
    }
}

/// The outputs that a layer may name.
struct Scope<'a> {
    inputs: &'a Inputs<'a>,
    /// The number of outputs before those of the layers, in addition to the list's own input.
    before: usize,
    names: &'a [Option<String>],
}

impl Scope<'_> {
    /// Returns the sources of a layer that names them.
    fn sources(
        &self,
        index: usize,
        layer: &Layer,
        read: &[Ident],
        errors: &mut Vec<Error>,
    ) -> Option<Vec<usize>> {
        let name = whole(layer, &layer.layer_tokens);
        let is_merge = is_merge(layer);
        let span = crate::spans::Extent::of(&layer.layer_tokens).first;
        if is_merge && !(layer.generics.is_empty() && layer.arguments.is_none()) {
            let path = written(&layer.path.to_token_stream());
            let list: Vec<String> = read.iter().map(Ident::to_string).collect();
            let message = format!(
                "`{path}` has neither sizes nor arguments: write `{path} <- ({})`",
                list.join(", ")
            );
            errors.push(Error::new(span, message));
            return None;
        }
        if is_merge && read.len() < 2 {
            errors.push(Error::new(span, at_least_two(&name)));
            return None;
        }
        if read.len() > MOST_SOURCES {
            let message = format!(
                "a layer reads at most {MOST_SOURCES} outputs, but these are {}; join some of them \
                 first",
                read.len()
            );
            errors.push(Error::new(read[MOST_SOURCES].span(), message));
            return None;
        }
        if layer.block.is_some() && !blocks::is_block(&written(&layer.path.to_token_stream())) {
            // That it has no layers inside is reported with the block.
            return None;
        }
        let builtin = layer
            .path
            .get_ident()
            .and_then(|name| crate::builtin::find(&name.to_string()));
        let reads_one =
            builtin.is_some_and(|builtin| builtin.sources == 1) || layer.block.is_some();
        if read.len() > 1 && !is_merge && reads_one {
            let list: Vec<String> = read.iter().map(Ident::to_string).collect();
            let message = format!(
                "`{name}` reads one output, but {} are named; `Concat <- ({list})` or `Add <- \
                 ({list})` before it makes one of them",
                read.len(),
                list = list.join(", ")
            );
            errors.push(Error::new(span, message));
            return None;
        }

        let found: Vec<Option<usize>> = read
            .iter()
            .map(|source| self.number(index, source, errors))
            .collect();
        found.into_iter().collect()
    }

    /// Reports inputs and outputs that no layer reads.
    fn check_readers(
        &self,
        layers: &[Layer],
        sources: &[Result<Vec<usize>, usize>],
        outputs: &[Ident],
        errors: &mut Vec<Error>,
    ) {
        let is_read = |number: usize| {
            sources
                .iter()
                .flatten()
                .flatten()
                .any(|&source| source == number)
        };

        if let Inputs::Several(names) = self.inputs {
            for (index, name) in names.iter().enumerate() {
                if !is_read(index + 1) {
                    let message = format!(
                        "no layer reads the input `{name}`; write `<- {name}` behind one that is \
                         to read it, or remove the input"
                    );
                    errors.push(Error::new(name.span(), message));
                }
            }
        }

        for (index, layer) in layers.iter().enumerate() {
            let is_output = match &self.names[index] {
                _ if outputs.is_empty() => index + 1 == layers.len(),
                Some(name) => outputs.iter().any(|output| output.unraw() == name),
                None => false,
            };

            if !is_output && !is_read(self.before + index + 1) {
                let text = whole(layer, &layer.tokens);
                let way_out = match &layer.name {
                    Some(name) => format!("write `<- {name}` behind one"),
                    None => "give it a name and write `<- name` behind one".to_owned(),
                };
                let message = format!(
                    "no layer reads what `{text}` gives; {way_out} that is to read it, or remove \
                     the layer"
                );
                errors.push(Error::new(
                    crate::spans::Extent::of(&layer.tokens).first,
                    message,
                ));
            }
        }
    }

    /// Returns the number of the output that a layer names.
    fn number(&self, index: usize, source: &Ident, errors: &mut Vec<Error>) -> Option<usize> {
        let name = source.unraw().to_string();
        let is_name = |own: &Option<String>| own.as_ref() == Some(&name);
        match self.inputs {
            Inputs::One if name == "input" => {
                if self.names[..index].iter().any(is_name) {
                    let message = "`input` is the name of what the list is given, and of a layer \
                                   before this one; call that layer otherwise";
                    errors.push(Error::new(source.span(), message));
                    return None;
                }
                return Some(0);
            }
            Inputs::Several(names) => {
                if let Some(input) = names.iter().position(|input| input.unraw() == name) {
                    return Some(input + 1);
                }
            }
            Inputs::One => {}
        }

        if let Some(layer) = self.names[..index].iter().rposition(is_name) {
            return Some(self.before + layer + 1);
        }

        let list = self.list(index);
        let message = if is_name(&self.names[index]) {
            format!("`{name}` is this layer itself, which can read {list}")
        } else if self.names[index..].iter().any(is_name) {
            format!(
                "`{name}` comes later, and a layer reads what layers before it give; move this \
                 layer behind it"
            )
        } else {
            format!("there is no `{name}` before this layer in its list, which has {list}")
        };
        errors.push(Error::new(source.span(), message));
        None
    }

    /// Lists the names that a layer may read.
    fn list(&self, index: usize) -> String {
        let inputs: Vec<String> = match self.inputs {
            Inputs::One => vec!["input".to_owned()],
            Inputs::Several(names) => names.iter().map(Ident::to_string).collect(),
        };
        let layers = self.names[..index].iter().flatten().cloned();
        let quoted: Vec<String> = inputs
            .into_iter()
            .chain(layers)
            .map(|name| format!("`{name}`"))
            .collect();
        match &quoted[..] {
            [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
            names => names.concat(),
        }
    }
}

fn at_least_two(name: &str) -> String {
    format!(
        "`{name}` reads at least two outputs: write `{name} <- (a, b)` with the names of layers \
         before it, or `input`"
    )
}

/// Returns whether a layer reads the output before it. Reports a layer that has to name its sources.
fn check_default(index: usize, layer: &Layer, inputs: &Inputs, errors: &mut Vec<Error>) -> bool {
    let errors_before = errors.len();
    let name = whole(layer, &layer.layer_tokens);
    let span: Span = crate::spans::Extent::of(&layer.layer_tokens).first;
    if let (Inputs::Several(names), 0) = (inputs, index) {
        // A single one has no name, which is an error elsewhere.
        if names.len() == 1 {
            return false;
        }
        let list: Vec<String> = names.iter().map(Ident::to_string).collect();
        let such_as = match is_merge(layer) {
            true => format!("({})", list.join(", ")),
            false => list[0].clone(),
        };
        let message = format!(
            "the network has several inputs: write which of them the first layer reads, such as \
             `{name} <- {such_as}`"
        );
        errors.push(Error::new(span, message));
    } else if is_merge(layer) && !layer.path.is_ident("Concat") {
        let name = written(&layer.path.to_token_stream());
        errors.push(Error::new(span, at_least_two(&name)));
    }
    errors.len() == errors_before
}

/// Returns whether a layer joins several outputs.
pub fn is_merge(layer: &Layer) -> bool {
    layer.block.is_none()
        && layer
            .path
            .get_ident()
            .is_some_and(|name| MERGES.iter().any(|merge| name == merge))
}

/// Removes `#[tied(name)]` from a layer's attributes, and returns the name.
pub fn take_tied(layer: &mut Layer, errors: &mut Vec<Error>) -> Option<Ident> {
    if let Some(attr) = layer.attrs.iter().find(|attr| is_nearly_tied(attr)) {
        let message = "a layer that shares the parameters of another has the attribute \
                       `#[tied(name)]`";
        errors.push(Error::new_spanned(attr, message));
    }
    let attrs = core::mem::take(&mut layer.attrs).into_iter();
    let attrs = attrs.filter(|attr| !is_nearly_tied(attr));
    let (found, others): (Vec<_>, Vec<_>) = attrs.partition(|attr| attr.path().is_ident("tied"));
    layer.attrs = others;

    let attr = found.first()?;
    match attr.parse_args::<Ident>() {
        Ok(name) => Some(name),
        Err(_) => {
            let message = "expected the name of the layer whose parameters this one shares: \
                           `#[tied(embed)]`";
            errors.push(Error::new_spanned(attr, message));
            None
        }
    }
}

/// Returns whether an attribute is written nearly as `#[tied(..)]` is.
fn is_nearly_tied(attr: &Attribute) -> bool {
    attr.path().get_ident().is_some_and(|name| {
        [
            "tie",
            "ties",
            "tied_to",
            "tied_with",
            "tied_weights",
            "shared",
        ]
        .iter()
        .any(|near| name == near)
    })
}

/// Reports layers that are tied to something else than an earlier layer with parameters.
pub fn check_tied(layers: &mut [checked::Layer], errors: &mut Vec<Error>) {
    for index in 0..layers.len() {
        let Some(name) = layers[index].tied.clone() else {
            continue;
        };
        let is_base = |layer: &checked::Layer| layer.field.as_ref() == Some(&name);
        if layers[..index].iter().any(is_base) {
            continue;
        }

        let message = if layers[index..].iter().any(is_base) {
            format!("`{name}` comes later: a layer shares the parameters of one before it")
        } else {
            let fields = layers[..index]
                .iter()
                .filter_map(|layer| layer.field.as_ref());
            let named: Vec<String> = fields.map(|field| format!("`{field}`")).collect();
            let those = match &named[..] {
                [] => String::new(),
                _ => format!("; there is {}", named.join(", ")),
            };
            format!(
                "no layer before this one is called `{name}` and has parameters of its own{those}; \
                 `#[tied(..)]` names the layer whose parameters this one shares"
            )
        };
        errors.push(Error::new(name.span(), message));
        layers[index] = checked::Layer {
            sources: layers[index].sources.clone(),
            ..checked::Layer::unknown()
        };
    }
}
