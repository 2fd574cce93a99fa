//! Layers, and the lists of them. After a slip, the parser goes on with the next layer.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, discouraged::Speculative};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, LitStr, Path, PathSegment, Result, Token};
use syn::{braced, bracketed, parenthesized};

use super::slips::skip_item;
use super::tokens::{between, expressions, generics, skip};
use super::{Item, Layer, List, Slips};
use crate::check::written;
use crate::{blocks, builtin, habits, wiring};

/// Parses the layers of a list.
pub fn layers(input: ParseStream, slips: &mut Slips) -> Vec<Layer> {
    items(input, slips, layer)
}

/// Parses items up to the end, with commas between them.
fn items<T>(
    input: ParseStream,
    slips: &mut Slips,
    item: fn(ParseStream, &mut Slips) -> T,
) -> Vec<T> {
    let mut items = Vec::new();
    while !input.is_empty() {
        if input.peek(Token![,]) {
            slips.add(input.error("expected a layer before the comma"));
            let _ = skip(input);
            continue;
        }

        let position = input.cursor();
        items.push(item(input, slips));
        separator(input, slips);
        if input.cursor() == position {
            let _ = skip(input);
        }
    }
    items
}

/// Parses the comma behind a layer; something else in its place is a slip.
fn separator(input: ParseStream, slips: &mut Slips) {
    if input.is_empty() || matches!(input.parse::<Option<Token![,]>>(), Ok(Some(_))) {
        return;
    }

    let is_arrow = input.peek(Token![->]) || input.peek(Token![=>]);
    let is_sign = is_arrow || input.peek(Token![;]) || input.peek(Token![|]);
    slips.add(input.error(if input.peek(Token![;]) {
        "expected `,` between two layers, not `;`"
    } else if is_arrow {
        "expected `,` between two layers; what a layer reads is behind `<-`"
    } else if input.peek(Token![>]) {
        "there is no `<` for this `>`"
    } else {
        "expected `,` between two layers"
    }));
    if is_arrow {
        let _ = skip(input);
    }
    if is_sign || input.peek(Token![>]) {
        let _ = skip(input);
        let _ = input.parse::<Option<Token![,]>>();
    }
}

/// Parses one layer. What can't be read becomes an unreadable one.
pub fn layer(input: ParseStream, slips: &mut Slips) -> Layer {
    let mut name = None;
    let before = slips.count();
    let read = read(input, &mut name, slips).and_then(|layer| {
        // A word in lower case is no layer: what follows it without a comma is part of the same
        // mistake.
        let is_word = |path: &Ident| path.to_string().starts_with(char::is_lowercase);
        let is_end = input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]);
        if !is_end && !layer.slipped && layer.path.get_ident().is_some_and(is_word) {
            return Err(Error::new(
                super::first_span(&layer.layer_tokens),
                "expected a layer, such as `Relu` or `fc: Linear<_, 10>`",
            ));
        }
        Ok(layer)
    });
    let mut layer = read.unwrap_or_else(|error| {
        slips.add(error);
        skip_item(input);
        Layer::unreadable(name)
    });
    layer.slipped |= slips.count() > before;
    layer
}

impl Layer {
    fn unreadable(name: Option<Ident>) -> Self {
        Layer {
            attrs: Vec::new(),
            name,
            module: TokenStream::new(),
            path: syn::parse_quote!(Unreadable),
            wrapper: None,
            rank: None,
            generics: Vec::new(),
            arguments: None,
            block: None,
            sources: None,
            tokens: TokenStream::new(),
            layer_tokens: TokenStream::new(),
            slipped: true,
            unreadable: true,
        }
    }
}

/// Parses a layer, and its name as soon as it is known.
fn read(input: ParseStream, name: &mut Option<Ident>, slips: &mut Slips) -> Result<Layer> {
    let attrs = input.call(Attribute::parse_outer)?;
    let start = input.fork();
    let (own_name, mistaken_name) = layer_name(input, slips)?;
    *name = own_name;

    refuse(input, name.as_ref())?;
    let layer_start = input.fork();
    if let Some(found) = habits::layer(input) {
        let found = found?;
        let tokens = between(&start, input);
        let span = super::first_span(&tokens);
        let written = between(&layer_start, input);
        // The compiler reports a string in the wrong quotes itself.
        if !habits::has_wrong_quotes(&written) {
            slips.at(span, found.sentence(name.as_ref(), &written));
        }
        let mut layer = found.layer(span).unwrap_or_else(|| Layer::unreadable(None));
        layer.slipped = true;
        layer.attrs = attrs;
        layer.name = name.clone();
        layer.sources = sources(input, slips)?;
        return Ok(layer);
    }

    let (mut module, mut path) = without_module(path(input, slips)?);
    let mut rank = None;
    let wrapper = path.get_ident().filter(|name| is_wrapper(name)).cloned();
    if let Some(wrapper) = &wrapper {
        input
            .parse::<Token![<]>()
            .map_err(|_| without_layer(wrapper))?;
        if wrapper == builtin::LORA {
            rank = Some(self::rank(input, wrapper)?);
        }
        (module, path) = without_module(self::path(input, slips)?);
    }
    if input.peek(Token![+]) || input.peek(Token![*]) {
        return Err(sum_of_names(input, &path)?);
    }
    let merges_by = is_merge(&path).then(|| wrong_arrow(input)).flatten();
    let generics = if input.peek(Token![<]) && !input.peek(Token![<-]) && merges_by.is_none() {
        generics(input, slips)?
    } else {
        Vec::new()
    };
    if wrapper.is_some() && input.parse::<Option<Token![>]>>()?.is_none() {
        return Err(input.error("expected `>` behind the layer inside"));
    }
    if generics.is_empty() && (input.peek(Token![_]) || input.peek(syn::Lit)) {
        let found = written(&path.to_token_stream());
        return Err(input.error(format!("expected `<`: sizes are written `{found}<..>`")));
    }
    if blocks::is_block(&written(&path.to_token_stream())) {
        refuse_brackets(input, &path)?;
    }
    let mut arguments = arguments(input, slips)?;
    let tokens = between(&start, input);
    let layer_tokens = between(&layer_start, input);
    if mistaken_name && let Some(name) = name {
        let way_out = format!(
            "a layer's name is followed by `:`: write `{name}: {}`",
            written(&layer_tokens)
        );
        slips.at(name.span(), way_out);
    }

    let block = if input.peek(syn::token::Brace) {
        let content;
        braced!(content in input);
        Some(items(&content, slips, item))
    } else {
        None
    };
    if let Some(arrow) = merges_by.or_else(|| wrong_arrow(input).filter(|_| is_merge(&path))) {
        slips.add(input.error(format!(
            "what a layer reads is behind `<-`, and not `{arrow}`"
        )));
        while !input.is_empty() && !input.peek(syn::token::Paren) {
            skip(input)?;
        }
        let content;
        parenthesized!(content in input);
        let names = sources_inside(&content)?;
        return Ok(Layer {
            name: name.clone(),
            module,
            path,
            sources: Some(names),
            unreadable: false,
            ..Layer::unreadable(None)
        });
    }
    let mut sources = sources(input, slips)?;
    if sources.is_none() && block.is_none() && is_merge(&path) {
        sources = merge_sources(input, &path, &mut arguments, slips)?;
    } else if let Some(read) = &mut sources
        && read.len() == 1
        && is_merge(&path)
    {
        more_sources(input, &path, read, slips)?;
    }

    Ok(Layer {
        attrs,
        name: name.clone(),
        module,
        path,
        wrapper,
        rank,
        generics,
        arguments,
        block,
        sources,
        tokens,
        layer_tokens,
        slipped: false,
        unreadable: false,
    })
}

/// Reports what can't be a layer: keywords of Rust, brackets, and braces without a block.
fn refuse(input: ParseStream, name: Option<&Ident>) -> Result<()> {
    if input.peek(Token![for]) || input.peek(Token![while]) || input.peek(Token![loop]) {
        return Err(input.error(
            "layers are not repeated by a loop: write `Repeat<3> { .. }`, with as many parameters, \
             or write them one after another",
        ));
    }
    if input.peek(Token![if]) || input.peek(Token![match]) {
        return Err(input.error("a layer has no condition: define two networks instead"));
    }
    if input.peek(Token![return]) || input.peek(Token![fn]) || input.peek(Token![move]) {
        return Err(input.error("expected a layer, such as `Relu` or `fc: Linear<_, 10>`"));
    }
    if input.peek(syn::token::Brace) {
        let way_out = match name {
            Some(name) if blocks::is_block(&name.to_string()) => {
                format!("a block has no `:` before its braces: write `{name} {{ .. }}`")
            }
            Some(name) => {
                format!("layers in braces belong to a block: `{name}: Residual {{ .. }}`")
            }
            None => "layers in braces belong to a block, such as `Residual { .. }`".to_owned(),
        };
        return Err(input.error(way_out));
    }

    let ahead = input.fork();
    let Ok(TokenTree::Group(group)) = ahead.parse() else {
        return Ok(());
    };
    match group.delimiter() {
        Delimiter::Parenthesis if ahead.peek(Token![->]) => {
            ahead.parse::<Token![->]>()?;
            let reader = ahead.parse::<Ident>()?;
            let names = written(&group.stream());
            Err(input.error(format!(
                "what a layer reads is behind it: write `{reader} <- ({names})`"
            )))
        }
        Delimiter::Bracket => {
            let text = group.stream().to_string();
            let Some((_, times)) = text.rsplit_once(';') else {
                return Ok(());
            };
            Err(input.error(format!(
                "layers are repeated by a block: write `Repeat<{}> {{ .. }}`",
                times.trim()
            )))
        }
        _ => Ok(()),
    }
}

/// Reports the layers of a block in parentheses or brackets.
fn refuse_brackets(input: ParseStream, path: &Path) -> Result<()> {
    let ahead = input.fork();
    let Ok(TokenTree::Group(group)) = ahead.parse() else {
        return Ok(());
    };
    let has_count = group.stream().into_iter().count() == 1 && ahead.peek(syn::token::Brace);
    if group.delimiter() == Delimiter::Brace || has_count {
        return Ok(());
    }
    let path = written(&path.to_token_stream());
    let times = if path == "Repeat" { "<3>" } else { "" };
    Err(Error::new(
        group.span_open(),
        format!(
            "the layers of a block are in braces: write `{path}{times} {{ {} }}`",
            written(&group.stream())
        ),
    ))
}

/// Returns the sign that stands in place of `<-`, if one does.
fn wrong_arrow(input: ParseStream) -> Option<&'static str> {
    if input.peek(Token![->]) {
        Some("->")
    } else if input.peek(Token![<=]) {
        Some("<=")
    } else if input.peek(Token![=]) && !input.peek(Token![==]) {
        Some("=")
    } else {
        None
    }
}

/// The sentence about `a + b` in place of `Add <- (a, b)`.
fn sum_of_names(input: ParseStream, path: &Path) -> Result<Error> {
    let layer = if input.peek(Token![+]) { "Add" } else { "Mul" };
    let mut names = vec![written(&path.to_token_stream())];
    while input.peek(Token![+]) || input.peek(Token![*]) {
        skip(input)?;
        names.push(input.parse::<Ident>()?.to_string());
    }
    Ok(Error::new(
        super::first_span(&path.to_token_stream()),
        format!(
            "outputs are joined by a layer: `{layer} <- ({})`",
            names.join(", ")
        ),
    ))
}

/// Returns whether the generic argument of a layer is the layer inside it.
fn is_wrapper(name: &Ident) -> bool {
    builtin::WRAPPERS.iter().any(|wrapper| name == wrapper)
}

/// The error of a layer without the layer inside it.
fn without_layer(wrapper: &Ident) -> Error {
    let rank = if wrapper == builtin::LORA { "8, " } else { "" };
    let message = format!(
        "`{wrapper}` has a layer inside: write `{wrapper}<{rank}Linear<_, 10>>`, for example"
    );
    Error::new(wrapper.span(), message)
}

/// Parses the rank of a `Lora`, and the comma behind it.
fn rank(input: ParseStream, wrapper: &Ident) -> Result<TokenStream> {
    if input.peek(Ident) && input.peek2(Token![<]) {
        return Err(Error::new(
            wrapper.span(),
            format!("`{wrapper}` has a rank before the layer: write `{wrapper}<8, ..>`"),
        ));
    }
    let start = input.fork();
    while !input.is_empty() && !input.peek(Token![,]) && !input.peek(Token![>]) {
        skip(input)?;
    }
    let rank = between(&start, input);
    if rank.is_empty() || input.parse::<Option<Token![,]>>()?.is_none() {
        return Err(without_layer(wrapper));
    }
    Ok(rank)
}

fn is_merge(path: &Path) -> bool {
    wiring::MERGES.iter().any(|merge| path.is_ident(merge))
}

/// Parses the parentheses of a layer, if it has any.
#[allow(clippy::type_complexity)]
fn arguments(
    input: ParseStream,
    slips: &mut Slips,
) -> Result<Option<(TokenTree, Vec<TokenStream>)>> {
    if !input.peek(syn::token::Paren) {
        return Ok(None);
    }
    let parentheses = input.fork().parse()?;
    let content;
    parenthesized!(content in input);
    Ok(Some((parentheses, expressions(&content, slips))))
}

/// Parses a layer's name and the `:` behind it. The second value tells whether there is `=` instead.
fn layer_name(input: ParseStream, slips: &mut Slips) -> Result<(Option<Ident>, bool)> {
    let mut before = Vec::new();
    while input.peek(Token![pub]) || input.peek(Token![let]) || input.peek(Token![mut]) {
        before.push(skip(input)?);
    }
    if input.peek(Token![self]) && input.peek2(Token![.]) {
        before.push(skip(input)?);
        skip(input)?;
    }

    let is_other = |input: ParseStream| input.peek(Token![=]) && !input.peek(Token![==]);
    if input.peek(syn::Lit) && input.peek2(Token![:]) {
        slips.add(input.error("a layer's name begins with a letter, such as `fc1: Linear<_, 8>`"));
        skip(input)?;
        skip(input)?;
        return Ok((None, false));
    }
    if input.peek(Ident) && input.peek2(Token![-]) && !input.peek2(Token![->]) {
        slips.add(input.error("a layer's name has letters, numbers and `_`, such as `fc_1`"));
        while !(input.is_empty() || input.peek(Token![,])) {
            if input.peek(Token![:]) {
                skip(input)?;
                break;
            }
            skip(input)?;
        }
        return Ok((None, false));
    }

    if input.peek(Ident) && input.peek2(Token![=]) && input.peek3(syn::token::Paren) {
        // In `Add = (a, b)`, `Add` is the layer and not its name.
        let path = input.fork().parse::<Ident>().map(Path::from);
        if path.is_ok_and(|path| is_merge(&path)) {
            return Ok((None, false));
        }
    }

    let ahead = input.fork();
    let name = Ident::parse_any(&ahead);
    let colon = ahead.peek(Token![:]) && !ahead.peek(Token![::]);
    let is_named = name.is_ok() && (colon || is_other(&ahead));
    let name = is_named.then_some(name.ok()).flatten();
    if let Some(first) = before.first() {
        let way_out = match &name {
            Some(name) => {
                format!("a layer's name stands alone: write `{name}: ..` without `{first}`")
            }
            None => format!("a layer stands alone, without `{first}`"),
        };
        if colon || name.is_none() {
            slips.at(first.span(), way_out);
        }
    }
    let Some(name) = name else {
        return Ok((None, false));
    };

    skip(&ahead)?;
    if ahead.peek(syn::token::Brace) {
        input.advance_to(&ahead);
        return Ok((Some(name), false));
    }
    if !input.peek(Ident) {
        slips.at(
            name.span(),
            format!("`{name}` is a word of Rust; choose another name, such as `{name}_`"),
        );
        input.advance_to(&ahead);
        return Ok((Some(Ident::new(&format!("{name}_"), name.span())), false));
    }
    input.advance_to(&ahead);
    if !colon && input.peek(LitStr) {
        // `activation = "relu"` names no layer.
        return Ok((None, false));
    }
    Ok((Some(name), !colon))
}

/// Parses a path without generic arguments. Its last `::` before some is a slip.
fn path(input: ParseStream, slips: &mut Slips) -> Result<Path> {
    let mut segments = Punctuated::new();
    let leading_colon = input.parse()?;

    loop {
        if !input.peek(Ident::peek_any) || input.peek(Token![_]) {
            return Err(input.error("expected a layer, such as `Relu` or `fc: Linear<_, 10>`"));
        }
        segments.push_value(PathSegment::from(Ident::parse_any(input)?));
        if !input.peek(Token![::]) {
            break;
        }

        if input.peek3(Token![<]) {
            let name = segments.to_token_stream();
            let ahead = input.fork();
            ahead.parse::<Token![::]>()?;
            let generics = ahead.fork();
            self::generics(&ahead, &mut Slips::default())?;
            let written = format!("{}{}", written(&name), written(&between(&generics, &ahead)));
            slips.add(input.error(format!(
                "a layer has no `::` before its sizes: write `{written}`"
            )));
            input.parse::<Token![::]>()?;
            break;
        }
        segments.push_punct(input.parse()?);
    }

    Ok(Path {
        leading_colon,
        segments,
    })
}

/// Splits the path of a layer of the library, such as `shapewright::nn::Conv2d`, into the module and
/// the name.
///
/// The module is recognized by its name. A layer of the user's own in a module of the same name is
/// written with `self::` or `crate::`.
fn without_module(path: Path) -> (TokenStream, Path) {
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let is_of_library = match &names[..] {
        [first, ..] if ["crate", "self", "super"].contains(&&first[..]) => false,
        [.., module, name] => {
            ["nn", "prelude", "shapewright"].contains(&&module[..])
                && (builtin::find(name).is_some()
                    || name == builtin::SPECTRAL_NORM
                    || name == builtin::LORA
                    || blocks::is_block(name)
                    || wiring::MERGES.contains(&&name[..]))
        }
        _ => false,
    };
    if !is_of_library {
        return (TokenStream::new(), path);
    }

    let mut tokens: Vec<TokenTree> = path.to_token_stream().into_iter().collect();
    let name: TokenStream = tokens.pop().into_iter().collect();
    match syn::parse2(name) {
        Ok(name) => (tokens.into_iter().collect(), name),
        Err(_) => (TokenStream::new(), path),
    }
}

/// Parses `<- name` or `<- (name, name)` behind a layer, if it is there.
fn sources(input: ParseStream, slips: &mut Slips) -> Result<Option<Vec<Ident>>> {
    if input.parse::<Option<Token![<-]>>()?.is_none() {
        return Ok(None);
    }
    let content;
    let span = input.span();
    if input.peek(syn::token::Bracket) {
        slips.add(input.error("the names stand in parentheses: `<- (a, b)`"));
        bracketed!(content in input);
    } else if input.peek(syn::token::Paren) {
        parenthesized!(content in input);
    } else if input.peek(Ident) {
        return Ok(Some(vec![source(input)?]));
    } else {
        return Err(input.error(
            "expected the name of a layer before this one, or several in parentheses: `<- (a, b)`",
        ));
    }

    let names = match sources_inside(&content) {
        Ok(names) => names,
        Err(error) => {
            // What is left in the parentheses would be a second error.
            content.parse::<TokenStream>()?;
            return Err(error);
        }
    };
    if names.is_empty() {
        return Err(Error::new(
            span,
            "expected the names of layers before this one: `<- (a, b)`",
        ));
    }
    Ok(Some(names))
}

/// Parses names with commas between them.
fn sources_inside(input: ParseStream) -> Result<Vec<Ident>> {
    let mut names = Vec::new();
    while !input.is_empty() {
        names.push(source(input)?);
        if !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
            return Err(input.error("expected `,` between two names"));
        }
    }
    Ok(names)
}

/// Parses the name of one output.
fn source(input: ParseStream) -> Result<Ident> {
    if input.peek(Ident) && input.peek2(Token![.]) {
        let name = input.fork().parse::<Ident>()?;
        return Err(input.error(format!(
            "one of the outputs of `{name}` can't be read alone: write `{name}`, which gives all of \
             them as a tuple, to a network with as many inputs, or return one output from `{name}`"
        )));
    }
    let is_layer = input.peek2(Token![<]) || input.peek2(syn::token::Paren);
    if !input.peek(Ident) || is_layer {
        return Err(input.error(
            "expected the name of a layer before this one: give that layer a name, `name: ..`, and \
             write the name here",
        ));
    }
    input.parse()
}

/// Takes `Add(a, b)` for `Add <- (a, b)`.
fn merge_sources(
    input: ParseStream,
    path: &Path,
    arguments: &mut Option<(TokenTree, Vec<TokenStream>)>,
    slips: &mut Slips,
) -> Result<Option<Vec<Ident>>> {
    let names = match arguments {
        Some((_, names)) if names.len() > 1 => names,
        _ => return Ok(None),
    };
    let names: Vec<Ident> = names
        .iter()
        .map(|name| syn::parse2(name.clone()))
        .collect::<Result<_>>()
        .map_err(|_| input.error("expected the names of layers behind `<-`: `<- (a, b)`"))?;
    *arguments = None;
    slips.at(
        super::first_span(&path.to_token_stream()),
        arrow(path, &names),
    );
    Ok(Some(names))
}

/// Takes `Add <- a, b` for `Add <- (a, b)`.
fn more_sources(
    input: ParseStream,
    path: &Path,
    names: &mut Vec<Ident>,
    slips: &mut Slips,
) -> Result<()> {
    let ahead = input.fork();
    let is_name = |name: &Ident| name.to_string().starts_with(char::is_lowercase);
    while ahead.parse::<Option<Token![,]>>()?.is_some() {
        let next = ahead.parse::<Ident>();
        let Ok(next) = next else { break };
        if !is_name(&next) || !(ahead.is_empty() || ahead.peek(Token![,])) {
            break;
        }
        names.push(next);
        input.advance_to(&ahead);
    }
    if names.len() > 1 {
        slips.at(
            super::first_span(&path.to_token_stream()),
            arrow(path, names),
        );
    }
    Ok(())
}

/// The sentence about sources that are written in another way.
fn arrow(path: &Path, names: &[Ident]) -> String {
    let names: Vec<String> = names.iter().map(Ident::to_string).collect();
    let path = written(&path.to_token_stream());
    format!(
        "what a layer reads is in parentheses behind `<-`: write `{path} <- ({})`",
        names.join(", ")
    )
}

/// Parses an item of a block.
fn item(input: ParseStream, slips: &mut Slips) -> Item {
    let ahead = input.fork();
    let _ = ahead.call(Attribute::parse_outer);
    let named = ahead.peek(Ident) && ahead.peek2(Token![:]) && ahead.peek3(syn::token::Brace);
    if !named && !ahead.peek(syn::token::Brace) {
        return Item::Layer(Box::new(layer(input, slips)));
    }
    list(input, named, slips).map_or_else(
        |error| {
            slips.add(error);
            Item::Layer(Box::new(Layer::unreadable(None)))
        },
        Item::List,
    )
}

fn list(input: ParseStream, named: bool, slips: &mut Slips) -> Result<List> {
    let attrs = input.call(Attribute::parse_outer)?;
    let start = input.fork();
    let name = if named { Some(input.parse()?) } else { None };
    input.parse::<Option<Token![:]>>()?;

    let content;
    braced!(content in input);
    let layers = layers(&content, slips);
    Ok(List {
        attrs,
        name,
        layers,
        tokens: between(&start, input),
    })
}

impl syn::parse::Parse for Layer {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut slips = Slips::default();
        let layer = layer(input, &mut slips);
        slips.into_error().map_or(Ok(layer), Err)
    }
}
