//! Checks what the macro can know of a definition, and makes of each layer what the expansion
//! needs.

use std::collections::HashMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, Meta, Path, Token, Visibility};

use crate::blocks::{self, Block};
use crate::builtin;
use crate::generics;
use crate::parse::{self, Definition, Generic, SizesKind};
use crate::spans::Extent;

/// A definition whose layers are understood.
pub struct Network {
    pub attrs: Vec<Attribute>,
    /// `Clone` was derived. The expansion derives it with `Copy`, so that cloning a box does not
    /// pass the stack.
    pub clone: bool,
    /// `Debug` was derived. It is written by the expansion, which leaves the padding away.
    pub debug: bool,
    pub vis: Visibility,
    pub name: Ident,
    pub input: parse::Sizes,
    pub output: parse::Sizes,
    pub element: Ident,
    pub layers: Vec<Layer>,
}

pub struct Layer {
    pub attrs: Vec<Attribute>,
    /// The public field, if the layer has one.
    pub field: Option<Ident>,
    /// The prefix of its parameters' names: the name, or the index.
    pub key: String,
    /// The layer as it is written, and how to call it briefly.
    pub text: String,
    pub brief: String,
    pub extent: Extent,
    pub path: TokenStream,
    pub generics: Vec<Argument>,
    pub config: Option<TokenStream>,
    /// Of a layer that is not built in it is not known whether it is one.
    pub builtin: bool,
    /// The layers inside.
    pub block: Option<Block>,
}

/// A generic argument of a layer's type.
#[derive(Clone)]
pub enum Argument {
    Given(TokenStream),
    /// The so manieth `_`.
    Inferred(usize),
}

pub fn check(definition: Definition, errors: &mut Vec<Error>) -> Network {
    let Definition {
        mut attrs,
        vis,
        name,
        input,
        output,
        element,
        layers,
        errors: _,
    } = definition;
    check_shape(&input, errors);
    check_shape(&output, errors);
    let (clone, debug) = take_derives(&mut attrs, errors);
    let mut names = HashMap::new();
    let mut checked: Vec<Layer> = layers
        .into_iter()
        .enumerate()
        .map(|(index, layer)| check_layer(index, layer, &mut names, errors))
        .collect();
    if checked.is_empty() {
        checked.push(Layer::unknown());
    }
    Network {
        attrs,
        clone,
        debug,
        vis,
        name,
        input,
        output,
        element,
        layers: checked,
    }
}

fn check_shape(shape: &parse::Sizes, errors: &mut Vec<Error>) {
    match &shape.kind {
        SizesKind::Axes(sizes) => {
            if sizes.len() > 4 {
                let message = format!("a tensor has at most 4 axes, but these are {}", sizes.len());
                errors.push(Error::new(shape.tokens.span(), message));
            }
            sizes.iter().for_each(|size| whole_number(size, errors));
        }
        SizesKind::Tuple(parts) => {
            if parts.len() < 2 || parts.len() > 4 {
                let message = format!("a tuple has 2 to 4 shapes, but these are {}", parts.len());
                errors.push(Error::new(shape.tokens.span(), message));
            }
            parts.iter().for_each(|part| check_shape(part, errors));
        }
    }
}

/// Takes `Clone`, `Copy` and `Debug` out of the derived traits, and says whether a network is to be
/// cloned and to be printed; reports those that a network can't have.
fn take_derives(attrs: &mut Vec<Attribute>, errors: &mut Vec<Error>) -> (bool, bool) {
    let (mut clone, mut debug) = (false, false);
    for attr in attrs.iter_mut() {
        if sets_layout(attr) {
            errors.push(Error::new(
                attr.span(),
                "the memory layout of a network is fixed; remove this attribute",
            ));
        }
        if !attr.path().is_ident("derive") {
            continue;
        }
        let mut kept = Vec::new();
        let parsed =
            attr.parse_args_with(syn::punctuated::Punctuated::<Path, Token![,]>::parse_terminated);
        for path in parsed.into_iter().flatten() {
            match path.segments.last().map(|segment| segment.ident.to_string()).as_deref() {
                Some("Clone" | "Copy") => clone = true,
                Some("Debug") => debug = true,
                Some("Default") => errors.push(Error::new(
                    path.span(),
                    "a network can't be made by `Default`, on the stack: remove it and use `init` or `zeros`",
                )),
                _ => kept.push(path),
            }
        }
        *attr = syn::parse_quote!(#[derive(#(#kept),*)]);
    }
    attrs.retain(|attr| !sets_layout(attr));
    (clone, debug)
}

/// Whether it is `repr`, or may become it.
fn sets_layout(attr: &Attribute) -> bool {
    let has_repr = || match &attr.meta {
        Meta::List(list) => has_ident(list.tokens.clone(), "repr"),
        _ => false,
    };
    attr.path().is_ident("repr") || attr.path().is_ident("cfg_attr") && has_repr()
}

fn has_ident(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => has_ident(group.stream(), name),
        _ => false,
    })
}

pub fn check_layer(
    index: usize,
    mut layer: parse::Layer,
    names: &mut HashMap<String, ()>,
    errors: &mut Vec<Error>,
) -> Layer {
    let text = written(&layer.tokens);
    let plain = written(&layer.layer_tokens);
    let extent = Extent::of(&layer.tokens);
    for attr in &layer.attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            errors.push(Error::new(
                attr.span(),
                "a layer can't be switched off: define two networks instead",
            ));
        }
    }
    let (is_block, before) = (layer.block.is_some(), errors.len());
    let block = blocks::check(&mut layer, errors);
    let written_path = written(&layer.path.to_token_stream());
    if !is_block && blocks::is_block(&written_path) {
        let message = format!(
            "`{written_path}` has layers inside: write `{plain} {{ .. }}` (for a layer of your own, write `self::{written_path}`)"
        );
        errors.push(Error::new(layer.layer_tokens.span(), message));
    }
    let mut known = layer
        .path
        .get_ident()
        .map(Ident::to_string)
        .and_then(|name| builtin::find(&name));
    let mut path = layer.path.to_token_stream();
    if known.is_none()
        && block.is_none()
        && errors.len() == before
        && let Some(ident) = layer.path.get_ident()
        && let Some(nearest) = builtin::nearest(&ident.to_string())
    {
        let (found, meant) = (ident.to_string(), nearest.name);
        let message = format!(
            "there is no layer `{found}`; did you mean `{meant}`? (for a layer of your own, write `self::{found}`)"
        );
        errors.push(Error::new(ident.span(), message));
        known = Some(nearest);
        path = Ident::new(meant, ident.span()).to_token_stream();
    }
    let generics = match known {
        _ if is_block => Some(Vec::new()),
        Some(builtin) => generics::of_builtin(builtin, &layer, errors),
        None => own_generics(&layer, errors),
    };
    let count = layer
        .arguments
        .as_ref()
        .map_or(0, |(_, arguments)| arguments.len());
    let mut config = layer
        .arguments
        .as_ref()
        .map(|(parentheses, _)| quote!(#path #parentheses));
    if let Some(builtin) = known
        && layer.arguments.is_some()
        && count != builtin.arguments
    {
        let takes = match builtin.arguments {
            0 => "takes no arguments in parentheses".to_owned(),
            all => {
                format!(
                    "takes {all} argument{} in parentheses, or none",
                    if all == 1 { "" } else { "s" }
                )
            }
        };
        let are = if count == 1 { "is" } else { "are" };
        let message = format!("`{}` {takes}, but {count} {are} written", builtin.name);
        errors.push(Error::new(layer.layer_tokens.span(), message));
        config = None;
    }
    let needs_field = layer.name.is_some() || known.is_none_or(|builtin| builtin.has_params);
    let field = needs_field.then(|| {
        layer
            .name
            .clone()
            .unwrap_or_else(|| format_ident!("layer_{index}"))
    });
    if let Some(field) = &field
        && names.insert(field.to_string(), ()).is_some()
    {
        let message = format!(
            "two layers are called `{field}`; a layer's name is its field and its key in weight files: choose another"
        );
        errors.push(Error::new(field.span(), message));
        return Layer {
            field: None,
            ..Layer::unknown()
        };
    }
    let broken = block.is_none() && (is_block || blocks::is_block(&written_path));
    let Some(generics) = generics.filter(|_| !broken) else {
        return Layer {
            attrs: layer.attrs,
            field,
            text,
            ..Layer::unknown()
        };
    };
    Layer {
        attrs: layer.attrs,
        field,
        key: layer
            .name
            .as_ref()
            .map_or_else(|| index.to_string(), |name| name.unraw().to_string()),
        text,
        brief: layer.name.as_ref().map_or(plain, Ident::to_string),
        extent,
        path,
        generics,
        config,
        builtin: known.is_some() || block.is_some(),
        block,
    }
}

impl Layer {
    /// What stands in for a layer that can't be understood: it accepts and gives unknown shapes.
    pub fn unknown() -> Self {
        Layer {
            attrs: Vec::new(),
            field: None,
            key: String::new(),
            text: String::new(),
            brief: String::new(),
            extent: Extent::of(&TokenStream::new()),
            path: quote!(::shapewright::emitted::Mistaken),
            generics: Vec::new(),
            config: None,
            builtin: true,
            block: None,
        }
    }

    /// Whether its parameters may be a struct that begins at a multiple of 64 bytes.
    pub fn may_be_network(&self) -> bool {
        !self.builtin || self.block.is_some()
    }

    /// What stands in an empty list.
    pub fn identity(extent: Extent) -> Self {
        Layer {
            extent,
            path: quote!(::shapewright::emitted::Identity),
            ..Layer::unknown()
        }
    }
}

/// The generic arguments of a layer of the user's own: as they are written.
fn own_generics(layer: &parse::Layer, errors: &mut Vec<Error>) -> Option<Vec<Argument>> {
    let before = errors.len();
    let mut inferred = 0;
    let argument = |generic: &Generic| match generic {
        Generic::Infer(_) => {
            inferred += 1;
            Argument::Inferred(inferred - 1)
        }
        Generic::Other(tokens) => {
            whole_number(tokens, errors);
            // Types as they are, everything else as a constant expression.
            let is_type = syn::parse2::<syn::GenericArgument>(tokens.clone()).is_ok();
            Argument::Given(if is_type {
                tokens.clone()
            } else {
                quote_spanned!(tokens.span()=> { #tokens })
            })
        }
    };
    let generics = layer.generics.iter().map(argument).collect();
    (errors.len() == before).then_some(generics)
}

/// Reports a literal that can't be a size.
pub fn whole_number(tokens: &TokenStream, errors: &mut Vec<Error>) {
    let Ok(Expr::Lit(ExprLit { lit, .. })) = syn::parse2(tokens.clone()) else {
        return;
    };
    let what = match lit {
        Lit::Int(_) | Lit::Bool(_) | Lit::Char(_) => return,
        Lit::Float(_) => "a float",
        _ => "not a number",
    };
    let message = format!("a size is a whole number, but `{tokens}` is {what}");
    errors.push(Error::new(tokens.span(), message));
}

/// Tokens as a person would write them.
pub fn written(tokens: &TokenStream) -> String {
    let mut text = String::new();
    let mut after = String::new();
    for token in tokens.clone() {
        let (spaced, piece) = match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' => (", ", ",".to_owned()),
                ':' if after != ":" && punct.spacing() == proc_macro2::Spacing::Alone => {
                    (": ", ":".to_owned())
                }
                '-' if after.is_empty() || after == "," => ("", "-".to_owned()),
                '*' | '+' | '/' | '%' | '-' => {
                    text.push(' ');
                    (" ", punct.as_char().to_string())
                }
                other => ("", other.to_string()),
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                ("", format!("{open}{}{close}", written(&group.stream())))
            }
            other => ("", other.to_string()),
        };
        text.push_str(&piece);
        text.push_str(spaced.trim_start_matches([',', ':']));
        after = piece;
    }
    text.trim().to_owned()
}
