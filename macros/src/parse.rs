//! The syntax of `network!`.

mod layer;
mod shape;
mod slips;
pub mod tokens;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Error, Ident, LitStr, Path, Result, Token, Visibility, braced, parenthesized,
};

pub use layer::layer;
pub use slips::Slips;

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
    /// It can't be read.
    Unknown,
}

/// A layer: `fc: Linear<_, 128>` or `Dropout(0.5)`.
pub struct Layer {
    pub attrs: Vec<Attribute>,
    pub name: Option<Ident>,
    /// The path of the library's module before the name of a layer of the library, `nn::`; otherwise
    /// nothing.
    pub module: TokenStream,
    pub path: Path,
    /// The name of the layer around it, as in `SpectralNorm<Linear<_, 128>>`.
    pub wrapper: Option<Ident>,
    /// The rank before the layer inside, as in `Lora<8, Linear<_, 128>>`.
    pub rank: Option<TokenStream>,
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
    /// True if a slip was noted in it. What else is wrong with it may be a consequence.
    pub slipped: bool,
    /// True if it could not be read at all.
    pub unreadable: bool,
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

/// Parses the path of the library in parentheses, `($crate)`, and returns it with the tokens of the
/// definition behind it.
pub fn with_library(input: ParseStream) -> Result<(TokenStream, TokenStream)> {
    let library;
    parenthesized!(library in input);
    Ok((library.parse()?, input.parse()?))
}

impl Parse for Definition {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut slips = Slips::default();
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let name = name(input, &mut slips)?;
        if input.peek(Token![=]) && input.peek2(Token![!]) {
            return Definition::stand_in(attrs, vis, name, input);
        }
        let generic = input.peek(Token![<]);
        expect_shapes(input, &name, &mut slips)?;

        let mut input_ends = Ends::parse(input, &mut slips);
        let mut early = None;
        if input.peek(Token![:]) {
            early = shape::element(input, &mut slips)?;
        }
        shape::arrow(input, &mut slips)?;
        let mut output = Ends::parse(input, &mut slips);
        let element = shape::element(input, &mut slips)?.or(early);
        if !input.peek(syn::token::Brace) {
            slips.add(input.error("expected the layers in braces: `{ .. }`"));
            while !input.is_empty() && !input.peek(syn::token::Brace) {
                tokens::skip(input)?;
            }
        }

        let body;
        let braces = braced!(body in input);
        let mut layers = layer::layers(&body, &mut slips);
        if layers.is_empty() && slips.count() == 0 {
            let message = format!(
                "`{name}` has no layers; a network has at least one, such as `Linear<_, 10>`"
            );
            slips.at(braces.span.open(), message);
        }
        expect_end(input, &mut slips)?;
        if generic {
            // Their sizes may name what is not there.
            input_ends = Ends::unknown();
            output = Ends::unknown();
            layers.clear();
        }

        Ok(Definition {
            attrs,
            vis,
            name,
            input: input_ends,
            output,
            element: element.unwrap_or_else(|| Ident::new("f32", Span::call_site())),
            layers,
            errors: slips.into_error().into_iter().collect(),
        })
    }
}

impl Definition {
    /// Parses `= ! "a sentence" " in parts"`, which a template writes in place of a definition
    /// after a mistake. Without a sentence, the mistake has been reported already.
    fn stand_in(
        attrs: Vec<Attribute>,
        vis: Visibility,
        name: Ident,
        input: ParseStream,
    ) -> Result<Self> {
        input.parse::<Token![=]>()?;
        input.parse::<Token![!]>()?;
        let mut sentence = String::new();
        while !input.is_empty() {
            sentence += &input.parse::<LitStr>()?.value();
        }

        let error = (!sentence.is_empty()).then(|| Error::new(name.span(), sentence));
        Ok(Definition {
            attrs,
            vis,
            name,
            input: Ends::unknown(),
            output: Ends::unknown(),
            element: Ident::new("f32", Span::call_site()),
            layers: Vec::new(),
            errors: error.into_iter().collect(),
        })
    }
}

impl Ends {
    /// Stands for what can't be read.
    fn unknown() -> Self {
        Ends {
            sizes: Sizes::unknown(),
            names: Vec::new(),
        }
    }
}

/// Parses `struct Net`.
fn name(input: ParseStream, slips: &mut Slips) -> Result<Ident> {
    let is_name = input.peek(Ident) && (input.peek2(Token![:]) || input.peek2(Token![=]));
    if input.parse::<Option<Token![struct]>>()?.is_none() {
        slips.add(
            input.error("expected `struct`: a network is written `struct Net: [4] -> [3] { .. }`"),
        );
        if !is_name {
            Ident::parse_any(input)?;
        }
    }
    if !input.peek(Ident) {
        let error =
            input.error("expected the name of the network: `struct Net: [4] -> [3] { .. }`");
        // What is left would be a second error.
        input.parse::<TokenStream>()?;
        return Err(error);
    }
    input.parse()
}

/// Parses the `:` behind the network's name. Generic parameters are a slip.
fn expect_shapes(input: ParseStream, name: &Ident, slips: &mut Slips) -> Result<()> {
    if input.peek(Token![<]) {
        slips.add(input.error(format!(
            "the generic parameters of a network are sizes, `{name}<const N: usize>`, and its number \
             type is chosen after the shapes: `{name}: [..] -> [..] as f64`"
        )));
        while !input.peek(Token![:]) || input.peek(Token![::]) {
            let token = tokens::skip(input)?;
            if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '>') {
                break;
            }
        }
    }

    if input.parse::<Option<Token![:]>>()?.is_none() {
        slips.add(input.error(format!(
            "expected the shapes of the network's input and output: \
             `struct {name}: [4] -> [3] {{ .. }}`"
        )));
        input.parse::<Option<Token![=]>>()?;
    }
    Ok(())
}

/// Notes what stands behind the braces.
fn expect_end(input: ParseStream, slips: &mut Slips) -> Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    slips.add(input.error(if input.peek(Token![;]) {
        "expected nothing behind the braces; remove the `;`"
    } else {
        "expected nothing behind the braces: each network has a `network! { .. }` of its own"
    }));
    input.parse::<TokenStream>()?;
    Ok(())
}

/// The position of the first token.
pub fn first_span(tokens: &TokenStream) -> Span {
    let first = tokens.clone().into_iter().next();
    first.map_or_else(Span::call_site, |token| token.span())
}
