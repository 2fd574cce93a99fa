//! Checks blocks: layers with lists of layers inside.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Ident};

use crate::builtin;
use crate::check::{Layer, check_layer, whole_number, written};
use crate::parse::{self, Generic, Item, List};
use crate::spans::{Extent, braced};
use crate::wiring::{self, Inputs};

/// A block that is understood.
pub struct Block {
    pub kind: BlockKind,
    pub branches: Vec<Branch>,
}

pub enum BlockKind {
    Residual,
    Concat,
    Split,
    /// With the number of repetitions.
    Repeat(TokenStream),
}

/// A list of layers inside a block.
pub struct Branch {
    pub attrs: Vec<Attribute>,
    /// The field of the block that holds the list's parameters, and its key; `None` if the fields
    /// of the layers are fields of the block.
    pub field: Option<(Ident, String)>,
    /// Its name in sentences.
    pub label: String,
    pub layers: Vec<Layer>,
}

const NAMES: [&str; 4] = ["Residual", "Concat", "Split", "Repeat"];

/// Returns whether a layer of this name has layers inside.
pub fn is_block(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The field names of one struct.
type Names = HashSet<String>;

/// Checks the content of a layer's braces; `None` without braces or after a mistake.
pub fn check(layer: &mut parse::Layer, errors: &mut Vec<Error>) -> Option<Block> {
    let items = layer.block.take()?;
    let found = written(&layer.path.to_token_stream());
    let span = layer.layer_tokens.span();
    if !is_block(&found) {
        errors.push(Error::new(span, unknown_block(&found)));
        return None;
    }
    if found != "Repeat" && !layer.generics.is_empty() {
        let message = format!("`{found}` takes nothing between `<` and `>`");
        errors.push(Error::new(span, message));
        return None;
    }

    let (kind, branches) = match found.as_str() {
        "Residual" => (BlockKind::Residual, residual(items, span, errors)?),
        "Repeat" => {
            let [Generic::Other(count)] = &layer.generics[..] else {
                let times = match &layer.arguments {
                    Some((_, arguments)) if arguments.len() == 1 => written(&arguments[0]),
                    _ => "6".to_owned(),
                };
                let message = format!(
                    "`Repeat` takes how often its layers are repeated: write `Repeat<{times}> {{ \
                     .. }}`"
                );
                errors.push(Error::new(span, message));
                return None;
            };
            let errors_before = errors.len();
            whole_number(count, errors);
            let count = match errors.len() > errors_before {
                true => quote!({ 1 }),
                false => braced(count),
            };
            (BlockKind::Repeat(count), vec![body(items, span, errors)?])
        }
        "Split" => (BlockKind::Split, branches(&found, 4, items, span, errors)?),
        _ => (BlockKind::Concat, branches(&found, 6, items, span, errors)?),
    };
    Some(Block { kind, branches })
}

/// The sentence about braces behind a name that is no block's.
fn unknown_block(found: &str) -> String {
    let near = NAMES
        .iter()
        .find(|name| builtin::distance(name, found) <= 2);
    match near {
        _ if wiring::MERGES.contains(&found) => {
            format!("`{found}` has no layers inside; it reads outputs: `{found} <- (a, b)`")
        }
        Some(name) => format!("there is no block `{found}`; did you mean `{name}`?"),
        None => format!(
            "`{found}` has no layers inside; those that have are `Residual`, `Concat`, `Split` \
             and `Repeat`"
        ),
    }
}

/// Checks the layers of a list inside a block.
fn check_layers(
    layers: Vec<parse::Layer>,
    names: &mut Names,
    errors: &mut Vec<Error>,
) -> Vec<Layer> {
    let sources = wiring::resolve(&layers, &Inputs::One, &[], errors);
    let mut checked: Vec<Layer> = layers
        .into_iter()
        .zip(sources)
        .enumerate()
        .map(|(index, (layer, sources))| check_layer(index, layer, sources, names, errors))
        .collect();
    wiring::check_tied(&mut checked, errors);
    checked
}

/// Checks a block that is one list of layers.
fn body(items: Vec<Item>, span: Span, errors: &mut Vec<Error>) -> Option<Branch> {
    let mut layers = Vec::new();
    for item in items {
        match item {
            Item::Layer(layer) => layers.push(*layer),
            Item::List(list) => {
                errors.push(Error::new(
                    list.tokens.span(),
                    "expected a layer; this block is one list of layers",
                ));
                return None;
            }
        }
    }
    let layers = check_layers(layers, &mut Names::new(), errors);

    if layers.is_empty() {
        errors.push(Error::new(
            span,
            "a block without layers; write at least one between the braces",
        ));
        return None;
    }

    Some(Branch {
        attrs: Vec::new(),
        field: None,
        label: "its layers".to_owned(),
        layers,
    })
}

/// Checks the layers of a `Residual`, and its projection if there is one.
fn residual(items: Vec<Item>, span: Span, errors: &mut Vec<Error>) -> Option<Vec<Branch>> {
    let (lists, layers): (Vec<Item>, Vec<Item>) = items
        .into_iter()
        .partition(|item| matches!(item, Item::List(_)));
    refuse_shortcut(&layers, errors);
    let mut branches = vec![body(layers, span, errors)?];
    let mut names: Names = branches[0]
        .layers
        .iter()
        .filter_map(|layer| Some(layer.field.as_ref()?.to_string()))
        .collect();

    for item in lists {
        let Item::List(list) = item else { continue };
        if branches.len() == 2 {
            let message =
                "a second projection; `Residual` adds one list to its layers, or what it is given";
            errors.push(Error::new(list.tokens.span(), message));
            continue;
        }
        branches.push(list_branch(0, list, &mut names, errors));
    }
    Some(branches)
}

/// Reports a layer with the name of a projection: its braces are missing.
fn refuse_shortcut(layers: &[Item], errors: &mut Vec<Error>) {
    for item in layers {
        if let Item::Layer(layer) = item
            && let Some(name) = layer.name.as_ref().filter(|name| *name == "shortcut")
        {
            let text = written(&layer.layer_tokens);
            errors.push(Error::new(
                name.span(),
                format!(
                    "a projection is a list in braces: write `shortcut: {{ {text} }}`, or give the \
                     layer another name"
                ),
            ));
        }
    }
}

/// Checks 2 to `most` branches, each a layer or a list.
fn branches(
    block: &str,
    most: usize,
    items: Vec<Item>,
    span: Span,
    errors: &mut Vec<Error>,
) -> Option<Vec<Branch>> {
    if items.len() < 2 || items.len() > most {
        let are = if items.len() == 1 { "is" } else { "are" };
        let message = format!(
            "`{block}` has 2 to {most} branches, but {} {are} written; a branch is a layer or a \
             list in braces, with a name: `left: {{ .. }}`",
            items.len(),
        );
        errors.push(Error::new(span, message));
        return None;
    }

    let mut names = Names::new();
    let branch = |(index, item)| match item {
        Item::List(list) => list_branch(index, list, &mut names, errors),
        Item::Layer(layer) => {
            let sources = wiring::resolve(core::slice::from_ref(&layer), &Inputs::One, &[], errors);
            let sources = sources.into_iter().next().unwrap_or(Err(0));
            let layer = check_layer(index, *layer, sources, &mut names, errors);
            let label = if layer.text.is_empty() {
                index.to_string()
            } else {
                layer.brief.clone()
            };
            Branch {
                attrs: Vec::new(),
                field: None,
                label,
                layers: vec![layer],
            }
        }
    };
    Some(items.into_iter().enumerate().map(branch).collect())
}

/// Checks a list that has a field of its own.
fn list_branch(index: usize, list: List, names: &mut Names, errors: &mut Vec<Error>) -> Branch {
    let List {
        attrs,
        name,
        layers,
        tokens,
    } = list;

    let key = name
        .as_ref()
        .map_or_else(|| index.to_string(), |name| name.unraw().to_string());
    let mut field = name.unwrap_or_else(|| format_ident!("branch_{index}"));
    if !names.insert(field.to_string()) {
        let message = format!(
            "two branches are called `{field}`; a branch's name is its field and its key in \
             weight files: choose another"
        );
        errors.push(Error::new(field.span(), message));
        field = format_ident!("branch_{index}_");
    }

    let mut layers = check_layers(layers, &mut Names::new(), errors);
    if layers.is_empty() {
        layers.push(Layer::identity(Extent::of(&tokens)));
    }

    Branch {
        attrs,
        label: key.clone(),
        field: Some((field, key)),
        layers,
    }
}

/// Writes the block's type: `params` is the type of its parameters, `branches` are the types of its
/// lists, and `count` writes the number of repetitions.
pub fn block_type(
    block: &Block,
    params: &Ident,
    branches: &[Ident],
    count: impl Fn(&TokenStream) -> TokenStream,
) -> TokenStream {
    let merge = match &block.kind {
        BlockKind::Residual => quote!(__sw::Add),
        BlockKind::Concat => quote!(__sw::Concat),
        BlockKind::Split => quote!(__sw::Pack<(#(<#branches as __sw::Ends>::To,)*)>),
        BlockKind::Repeat(number) => {
            let number = count(number);
            return quote!(__sw::Repeat<#params, #(#branches),*, #number>);
        }
    };
    quote!(__sw::Block<#params, (#(#branches,)*), #merge>)
}
