//! Checks blocks: layers with lists of layers inside.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Ident};

use crate::builtin;
use crate::check::{Layer, check_layer, whole_number, written};
use crate::parse::{self, Generic, Item, List};
use crate::spans::Extent;

/// A layer with lists of layers inside.
pub struct Block {
    pub kind: BlockKind,
    pub branches: Vec<Branch>,
}

pub enum BlockKind {
    Residual,
    Concat,
    Split,
    /// So many times.
    Repeat(TokenStream),
}

/// A list of layers inside a block.
pub struct Branch {
    pub attrs: Vec<Attribute>,
    /// The field of the block that holds the list's parameters, and its key; none if the layers'
    /// own fields are the block's.
    pub field: Option<(Ident, String)>,
    /// How to call it.
    pub label: String,
    pub layers: Vec<Layer>,
}

const NAMES: [&str; 4] = ["Residual", "Concat", "Split", "Repeat"];

/// Whether a layer of this name has layers inside.
pub fn is_block(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The field names of one struct, each with nothing.
type Names = HashMap<String, ()>;

/// Understands what is between the braces of a layer; `None` after a mistake.
pub fn check(layer: &mut parse::Layer, errors: &mut Vec<Error>) -> Option<Block> {
    let items = layer.block.take()?;
    let found = written(&layer.path.to_token_stream());
    let span = layer.layer_tokens.span();
    if !is_block(&found) {
        let near = NAMES
            .iter()
            .find(|name| builtin::distance(name, &found) <= 2);
        let message = match near {
            Some(name) => format!("there is no block `{found}`; did you mean `{name}`?"),
            None => format!(
                "`{found}` has no layers inside; those that have are `Residual`, `Concat`, `Split` and `Repeat`"
            ),
        };
        errors.push(Error::new(span, message));
        return None;
    }
    if found != "Repeat" && !layer.generics.is_empty() {
        errors.push(Error::new(
            span,
            format!("`{found}` takes nothing between `<` and `>`"),
        ));
        return None;
    }
    let (kind, branches) = match found.as_str() {
        "Residual" => (BlockKind::Residual, residual(items, span, errors)?),
        "Repeat" => {
            let [Generic::Other(count)] = &layer.generics[..] else {
                let message =
                    "`Repeat` takes how often its layers are repeated: write `Repeat<6> { .. }`";
                errors.push(Error::new(span, message));
                return None;
            };
            whole_number(count, errors);
            (
                BlockKind::Repeat(quote_spanned!(count.span()=> { #count })),
                vec![body(items, span, errors)?],
            )
        }
        _ => {
            let tuple = found == "Split";
            let most = if tuple { 4 } else { 6 };
            if items.len() < 2 || items.len() > most {
                let message = format!(
                    "`{found}` has 2 to {most} branches, but {} {} written; a branch is a layer or a list in braces, \
                     with a name: `left: {{ .. }}`",
                    items.len(),
                    if items.len() == 1 { "is" } else { "are" }
                );
                errors.push(Error::new(span, message));
                return None;
            }
            (
                if tuple {
                    BlockKind::Split
                } else {
                    BlockKind::Concat
                },
                branches(items, errors),
            )
        }
    };
    Some(Block { kind, branches })
}

/// The layers of a list that is the whole block.
fn body(items: Vec<Item>, span: proc_macro2::Span, errors: &mut Vec<Error>) -> Option<Branch> {
    let mut names = Names::new();
    let mut layers = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Item::Layer(layer) => layers.push(check_layer(index, *layer, &mut names, errors)),
            Item::List(list) => {
                errors.push(Error::new(
                    list.tokens.span(),
                    "expected a layer; this block is one list of layers",
                ));
                return None;
            }
        }
    }
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

/// The layers, and the projection if there is one.
fn residual(
    items: Vec<Item>,
    span: proc_macro2::Span,
    errors: &mut Vec<Error>,
) -> Option<Vec<Branch>> {
    let (lists, layers): (Vec<Item>, Vec<Item>) = items
        .into_iter()
        .partition(|item| matches!(item, Item::List(_)));
    let mut branches = vec![body(layers, span, errors)?];
    let mut names: Names = branches[0]
        .layers
        .iter()
        .filter_map(|layer| Some((layer.field.as_ref()?.to_string(), ())))
        .collect();
    for item in lists {
        let Item::List(list) = item else { continue };
        if branches.len() == 2 {
            let message =
                "a second projection; `Residual` adds one list to its layers, or what it is given";
            errors.push(Error::new(list.tokens.span(), message));
            continue;
        }
        branches.push(own(0, list, &mut names, errors));
    }
    Some(branches)
}

fn branches(items: Vec<Item>, errors: &mut Vec<Error>) -> Vec<Branch> {
    let mut names = Names::new();
    let branch = |(index, item)| match item {
        Item::List(list) => own(index, list, &mut names, errors),
        Item::Layer(layer) => {
            let layer = check_layer(index, *layer, &mut names, errors);
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
    items.into_iter().enumerate().map(branch).collect()
}

/// A list with a field of its own.
fn own(index: usize, list: List, names: &mut Names, errors: &mut Vec<Error>) -> Branch {
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
    if names.insert(field.to_string(), ()).is_some() {
        let message = format!(
            "two branches are called `{field}`; a branch's name is its field and its key in weight files: choose another"
        );
        errors.push(Error::new(field.span(), message));
        field = format_ident!("branch_{index}_");
    }
    let mut inside = Names::new();
    let mut layers: Vec<Layer> = layers
        .into_iter()
        .enumerate()
        .map(|(index, layer)| check_layer(index, layer, &mut inside, errors))
        .collect();
    if layers.is_empty() {
        layers.push(Layer::identity(Extent::of(&tokens)));
    }
    let label = key.clone();
    Branch {
        attrs,
        field: Some((field, key)),
        label,
        layers,
    }
}

/// The block's type: `params` are its parameters, `branches` the types of its lists.
pub fn block_type(block: &Block, params: &Ident, branches: &[Ident]) -> TokenStream {
    match (&block.kind, branches) {
        (BlockKind::Residual, [body]) => quote!(__sw::Residual<#params, #body>),
        (BlockKind::Residual, _) => quote!(__sw::ResidualWith<#params, #(#branches),*>),
        (BlockKind::Concat, _) => quote!(__sw::Join<#params, (#(#branches,)*), false>),
        (BlockKind::Split, _) => quote!(__sw::Join<#params, (#(#branches,)*), true>),
        (BlockKind::Repeat(count), _) => quote!(__sw::Repeat<#params, #(#branches),*, #count>),
    }
}
