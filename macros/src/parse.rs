//! The syntax of `network!`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Ident, Path, Result, Token, Visibility, braced, bracketed, parenthesized,
};

use crate::{blocks, builtin, wiring};

/// A whole definition: `pub struct Net: [4] -> [3] as f64 { .. }`.
pub struct Definition {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub name: Ident,
    pub input: Ends,
    pub output: Ends,
    /// `f32` or `f64`.
    pub element: Ident,
    pub layers: Vec<Layer>,
    /// The mistakes inside the braces.
    pub errors: Vec<Error>,
}

/// The input or the output of a network: a shape, or several with names: `(a: [2], b: [3])`.
pub struct Ends {
    pub sizes: Sizes,
    /// The names of several shapes; empty for a shape without names.
    pub names: Vec<Ident>,
}

/// A shape, `[28, 28, 1]`, or a tuple of shapes, `([2], [3])`.
pub struct Sizes {
    pub tokens: TokenStream,
    pub kind: SizesKind,
}

pub enum SizesKind {
    Axes(Vec<TokenStream>),
    Tuple(Vec<Sizes>),
}

/// A layer: `fc: Linear<_, 128>` or `Dropout(0.5)`.
pub struct Layer {
    pub attrs: Vec<Attribute>,
    pub name: Option<Ident>,
    /// The path of the library's module before the name of a layer of the library, `nn::`; otherwise
    /// nothing.
    pub module: TokenStream,
    pub path: Path,
    pub generics: Vec<Generic>,
    /// The parentheses with their content, and the arguments one by one.
    pub arguments: Option<(TokenTree, Vec<TokenStream>)>,
    /// The content of a block's braces.
    pub block: Option<Vec<Item>>,
    /// The names behind `<-`, of the outputs that the layer reads.
    pub sources: Option<Vec<Ident>>,
    /// The layer without its attributes, as the user wrote it; for a block, the part before the
    /// braces.
    pub tokens: TokenStream,
    /// The layer's type and arguments, without its name.
    pub layer_tokens: TokenStream,
}

/// An item of a block: a layer, or a list of layers in braces of its own.
pub enum Item {
    Layer(Box<Layer>),
    List(List),
}

/// A list of layers inside a block: `shortcut: { .. }`.
pub struct List {
    pub attrs: Vec<Attribute>,
    pub name: Option<Ident>,
    pub layers: Vec<Layer>,
    pub tokens: TokenStream,
}

/// A generic argument of a layer, as it is written.
pub enum Generic {
    /// `_`
    Infer(Token![_]),
    /// A size, an option or a type, depending on the layer.
    Other(TokenStream),
}

/// Parses the path of the library in parentheses, `($crate)`, and the definition.
pub fn with_library(input: ParseStream) -> Result<(TokenStream, Definition)> {
    let library;
    parenthesized!(library in input);
    Ok((library.parse()?, input.parse()?))
}

impl Parse for Definition {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![struct]>()?;
        let name: Ident = input.parse()?;
        expect_shapes(input, &name)?;

        input.parse::<Token![:]>()?;
        let input_sizes = input.parse()?;
        input.parse::<Token![->]>()?;
        let output = input.parse()?;
        let element = element(input)?;

        let body;
        let braces = braced!(body in input);
        let mut errors = Vec::new();
        let layers = match body.call(layers) {
            Ok(layers) => layers,
            Err(error) => {
                errors.push(error);
                // The rest can't be read: its tokens are dropped.
                body.parse::<TokenStream>()?;
                Vec::new()
            }
        };
        if layers.is_empty() && errors.is_empty() {
            let message = format!(
                "`{name}` has no layers; a network has at least one, such as `Linear<_, 10>`"
            );
            errors.push(Error::new(braces.span.join(), message));
        }

        Ok(Definition {
            attrs,
            vis,
            name,
            input: input_sizes,
            output,
            element,
            layers,
            errors,
        })
    }
}

/// Reports a definition without shapes behind the network's name.
fn expect_shapes(input: ParseStream, name: &Ident) -> Result<()> {
    if input.peek(Token![<]) {
        return Err(input.error(format!(
            "a network has no generic parameters: its sizes are numbers or constants, and its \
             number type is chosen after the shapes: `{name}: [..] -> [..] as f64`"
        )));
    }
    if !input.peek(Token![:]) {
        return Err(input.error(format!(
            "expected the shapes of the network's input and output: \
             `struct {name}: [4] -> [3] {{ .. }}`"
        )));
    }
    Ok(())
}

/// Parses `as f64`, or nothing for `f32`.
fn element(input: ParseStream) -> Result<Ident> {
    if input.parse::<Option<Token![as]>>()?.is_none() {
        return Ok(Ident::new("f32", proc_macro2::Span::call_site()));
    }

    let element: Ident = input.parse()?;
    if element != "f32" && element != "f64" {
        let message = format!("`{element}` is no number type of networks; write `f32` or `f64`");
        return Err(Error::new(element.span(), message));
    }
    Ok(element)
}

impl Parse for Sizes {
    fn parse(input: ParseStream) -> Result<Self> {
        if !input.peek(syn::token::Bracket) && !input.peek(syn::token::Paren) {
            return Err(
                input.error("expected a shape in brackets, such as `[784]` or `[28, 28, 1]`")
            );
        }

        let tokens = input.fork().parse::<TokenTree>()?.to_token_stream();
        let content;
        let kind = if input.peek(syn::token::Bracket) {
            bracketed!(content in input);
            SizesKind::Axes(expressions(&content)?)
        } else {
            parenthesized!(content in input);
            let shapes = content.parse_terminated(Sizes::parse, Token![,])?;
            SizesKind::Tuple(shapes.into_iter().collect())
        };
        Ok(Sizes { tokens, kind })
    }
}

fn layers(input: ParseStream) -> Result<Vec<Layer>> {
    let layers: Punctuated<Layer, Token![,]> = Punctuated::parse_terminated(input)?;
    Ok(layers.into_iter().collect())
}

impl Parse for Layer {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let start = input.fork();
        let named = input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]);
        let name = if named {
            let name = input.parse()?;
            input.parse::<Token![:]>()?;
            Some(name)
        } else {
            None
        };

        let is_path = input.peek(Ident)
            || input.peek(Token![::])
            || input.peek(Token![crate])
            || input.peek(Token![self])
            || input.peek(Token![super]);
        if !is_path {
            return Err(input.error("expected a layer, such as `Relu` or `fc: Linear<_, 10>`"));
        }
        let layer_start = input.fork();
        let (module, path) = without_module(Path::parse_mod_style(input)?);
        let generics = if input.peek(Token![<]) && !input.peek(Token![<-]) {
            generics(input)?
        } else {
            Vec::new()
        };
        let arguments = if input.peek(syn::token::Paren) {
            let parentheses = input.fork().parse()?;
            let content;
            parenthesized!(content in input);
            Some((parentheses, expressions(&content)?))
        } else {
            None
        };
        let tokens = between(&start, input);
        let layer_tokens = between(&layer_start, input);

        let block = if input.peek(syn::token::Brace) {
            let content;
            braced!(content in input);
            let items: Punctuated<Item, Token![,]> = content.call(Punctuated::parse_terminated)?;
            Some(items.into_iter().collect())
        } else {
            None
        };
        let sources = sources(input)?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error(if input.peek(Token![->]) {
                "expected `,` between two layers; what a layer reads is behind `<-`"
            } else {
                "expected `,` between two layers"
            }));
        }

        Ok(Layer {
            attrs,
            name,
            module,
            path,
            generics,
            arguments,
            block,
            sources,
            tokens,
            layer_tokens,
        })
    }
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
fn sources(input: ParseStream) -> Result<Option<Vec<Ident>>> {
    if input.parse::<Option<Token![<-]>>()?.is_none() {
        return Ok(None);
    }
    if !input.peek(syn::token::Paren) {
        if !input.peek(Ident) {
            return Err(input.error(
                "expected the name of a layer before this one, or several in parentheses: `<- \
                 (a, b)`",
            ));
        }
        return Ok(Some(vec![source(input)?]));
    }

    let content;
    let parentheses = parenthesized!(content in input);
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
            parentheses.span.join(),
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
    let is_layer = input.peek2(Token![<]) || input.peek2(syn::token::Paren);
    if !input.peek(Ident) || is_layer {
        return Err(input.error(
            "expected the name of a layer before this one: give that layer a name, `name: ..`, and \
             write the name here",
        ));
    }
    input.parse()
}

impl Parse for Ends {
    fn parse(input: ParseStream) -> Result<Self> {
        let ahead = input.fork();
        let has_names = ahead.peek(syn::token::Paren) && {
            let content;
            parenthesized!(content in ahead);
            content.peek(Ident)
        };
        if !has_names {
            return Ok(Ends {
                sizes: input.parse()?,
                names: Vec::new(),
            });
        }

        let tokens = input.fork().parse::<TokenTree>()?.to_token_stream();
        let content;
        parenthesized!(content in input);
        let mut names = Vec::new();
        let mut shapes = Vec::new();
        while !content.is_empty() {
            if !content.peek(Ident) {
                return Err(content
                    .error("expected a name before the shape, as the others have: `name: [4]`"));
            }
            let name: Ident = content.parse()?;
            if names.contains(&name) {
                return Err(Error::new(
                    name.span(),
                    format!("`{name}` is here twice; choose another name"),
                ));
            }
            if content.parse::<Option<Token![:]>>()?.is_none() {
                return Err(Error::new(
                    name.span(),
                    format!("expected a shape behind the name: `{name}: [4]`"),
                ));
            }
            names.push(name);
            shapes.push(content.parse()?);
            if !content.is_empty() && content.parse::<Option<Token![,]>>()?.is_none() {
                return Err(content.error("expected `,` between two shapes"));
            }
        }

        Ok(Ends {
            sizes: Sizes {
                tokens,
                kind: SizesKind::Tuple(shapes),
            },
            names,
        })
    }
}

impl Parse for Item {
    fn parse(input: ParseStream) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        let named = ahead.peek(Ident) && ahead.peek2(Token![:]) && ahead.peek3(syn::token::Brace);
        if !named && !ahead.peek(syn::token::Brace) {
            return Ok(Item::Layer(Box::new(input.parse()?)));
        }

        let attrs = input.call(Attribute::parse_outer)?;
        let start = input.fork();
        let name = if named { Some(input.parse()?) } else { None };
        input.parse::<Option<Token![:]>>()?;

        let content;
        braced!(content in input);
        let layers = content.call(layers)?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,` after the list"));
        }

        Ok(Item::List(List {
            attrs,
            name,
            layers,
            tokens: between(&start, input),
        }))
    }
}

/// Parses the generic arguments of a layer: `<_, 128, NoBias>`.
fn generics(input: ParseStream) -> Result<Vec<Generic>> {
    input.parse::<Token![<]>()?;
    let mut generics = Vec::new();
    while !input.peek(Token![>]) {
        generics.push(generic(input)?);
        if !input.peek(Token![>]) {
            input.parse::<Token![,]>()?;
        }
    }
    // Of a `>>`, this takes the first character only.
    input.parse::<Token![>]>()?;
    Ok(generics)
}

fn generic(input: ParseStream) -> Result<Generic> {
    if input.peek(Token![_]) {
        return Ok(Generic::Infer(input.parse()?));
    }

    let mut tokens = TokenStream::new();
    let mut depth = 0;
    while !(depth == 0 && (input.peek(Token![,]) || input.peek(Token![>]))) {
        let token: TokenTree = input.parse()?;
        match &token {
            TokenTree::Punct(p) if p.as_char() == '<' => depth += 1,
            TokenTree::Punct(p) if p.as_char() == '>' => depth -= 1,
            _ => {}
        }
        tokens.extend([token]);
    }
    if tokens.is_empty() {
        return Err(input.error("expected a size, `_` or an option"));
    }
    Ok(Generic::Other(tokens))
}

/// Parses expressions with commas between them, as tokens. The compiler parses them where they are
/// emitted, so the macro does not need syn's parser of expressions, which takes long to build.
fn expressions(input: ParseStream) -> Result<Vec<TokenStream>> {
    let mut expressions = Vec::new();
    while !input.is_empty() {
        expressions.push(expression(input)?);
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(expressions)
}

fn expression(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    let mut after_value = false;
    while !(input.is_empty() || input.peek(Token![,])) {
        // Generic arguments have commas of their own.
        if input.peek(Token![::]) && input.peek3(Token![<]) {
            let start = input.fork();
            input.parse::<Token![::]>()?;
            generics(input)?;
            tokens.extend(between(&start, input));
            after_value = false;
            continue;
        }

        let error = input.error("expected `,` between two values");
        let token = input.parse()?;
        let value = is_value(&token);
        if value && after_value {
            return Err(error);
        }
        after_value = value;
        tokens.extend([token]);
    }
    if tokens.is_empty() {
        return Err(input.error("expected a value before the comma"));
    }
    Ok(tokens)
}

/// Returns whether a token is a literal or the name of a constant: two of these next to each other
/// are no expression.
fn is_value(token: &TokenTree) -> bool {
    match token {
        TokenTree::Literal(_) => true,
        TokenTree::Ident(name) => name.to_string().starts_with(char::is_uppercase),
        _ => false,
    }
}

/// Returns the tokens from one position of a stream to a later one.
fn between(start: ParseStream, end: ParseStream) -> TokenStream {
    let mut cursor = start.cursor();
    let end = end.cursor();
    let mut tokens = TokenStream::new();
    while cursor < end {
        let Some((token, next)) = cursor.token_tree() else {
            break;
        };
        tokens.extend([token]);
        cursor = next;
    }
    tokens
}
