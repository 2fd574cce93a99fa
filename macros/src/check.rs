//! Checks what the macro itself can check in a definition, and prepares each layer for the
//! expansion.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, Meta, Path, Visibility};

use crate::attributes::Derives;
use crate::blocks::{self, Block};
use crate::builtin::{self, Builtin};
use crate::generics;
use crate::habits;
use crate::options;
use crate::parse::{self, Definition, Generic, SizesKind};
use crate::spans::{Extent, braced};
use crate::wiring::{self, Inputs};

/// The largest number of axes of a shape.
pub const MAX_AXES: usize = 4;

/// A definition whose layers are understood.
pub struct Network {
    pub attrs: Vec<Attribute>,
    pub derives: Derives,
    pub vis: Visibility,
    pub name: Ident,
    pub input: parse::Ends,
    pub output: parse::Ends,
    pub element: Ident,
    pub layers: Vec<Layer>,
    /// True if it has `#[stream]`.
    pub streams: bool,
    /// The beginning of the names in C, with `#[export_c]`.
    pub export_c: Option<Ident>,
    /// True if it has `#[export_python]`.
    pub export_python: bool,
    /// The network in `#[merged(..)]`.
    pub base: Option<Path>,
    /// True if it computes one step of a stream.
    pub is_step: bool,
}

/// A layer that is understood.
pub struct Layer {
    pub attrs: Vec<Attribute>,
    /// The public field, if the layer has one.
    pub field: Option<Ident>,
    /// The prefix of its parameters' names: the name, or the index.
    pub key: String,
    /// The layer as it is written.
    pub text: String,
    /// Its name, or the layer as it is written if it has none.
    pub brief: String,
    pub extent: Extent,
    /// The module before the name of a built-in layer, if it is written.
    pub module: TokenStream,
    pub path: TokenStream,
    /// True if `#[frozen]` stands before it.
    pub frozen: bool,
    /// The name of the built-in layer around it, if there is one.
    pub wrapper: Option<Ident>,
    /// The rank of a `Lora`.
    pub rank: Option<TokenStream>,
    pub generics: Vec<Argument>,
    pub config: Option<TokenStream>,
    /// True if the layer is built in. Any other type may lack the traits of layers, and so may one
    /// that runs a network of the user's own.
    pub builtin: bool,
    /// The layers inside, if it is a block.
    pub block: Option<Block>,
    /// The field of an earlier layer whose parameters it shares.
    pub tied: Option<Ident>,
    /// The numbers of the outputs that it reads: 0 is the input of the list, and an output of a
    /// layer has the layer's number, counted from 1.
    pub sources: Vec<usize>,
    /// True if a mistake in it was reported, so that its output is unknown. Its sizes are guesses
    /// then, from which its parameters have their names.
    pub mistaken: bool,
    /// True if a slip in it was noted, so that nothing else is reported.
    pub quiet: bool,
    /// The outputs that it reads, as they are written: ` <- (a, b)`, or nothing.
    pub arrow: String,
    /// True if its options say that its output is a tuple.
    pub gives_tuple: bool,
    pub role: Role,
}

/// The role of a layer in its list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A layer that the user has written.
    Layer,
    /// One of several inputs of a network.
    Input,
    /// The tuple of several outputs of a network.
    Output,
}

/// A generic argument of a layer's type.
#[derive(Clone)]
pub enum Argument {
    Given(TokenStream),
    /// The `_` with this number, counted from 0.
    Inferred(usize),
}

/// Checks a definition. A layer that can't be understood becomes [`Layer::unknown`].
pub fn check(definition: Definition, errors: &mut Vec<Error>) -> Network {
    let Definition {
        mut attrs,
        vis,
        name,
        mut input,
        mut output,
        element,
        layers,
        errors: _,
    } = definition;
    let mut layers = layers;
    layers
        .iter_mut()
        .for_each(|layer| refuse_itself(&name, layer, errors));
    for (ends, what) in [(&mut input, "input"), (&mut output, "output")] {
        check_ends(ends, what, errors);
        forget_wrong_sizes(&mut ends.sizes);
    }
    let derives = Derives::take(&mut attrs, errors);

    let inputs = match &input.names[..] {
        [] => Inputs::One,
        names => Inputs::Several(names),
    };
    let mut sources = wiring::resolve(&layers, &inputs, &output.names, errors);
    let packed = outputs(&layers, &output, input.names.len(), errors);

    let mut checked: Vec<Layer> = input.names.iter().enumerate().map(part_of_input).collect();
    let mut names = HashSet::new();
    for (index, layer) in layers.into_iter().enumerate() {
        let sources = core::mem::replace(&mut sources[index], Err(0));
        checked.push(check_layer(index, layer, sources, &mut names, errors));
    }
    checked.extend(packed);
    wiring::check_tied(&mut checked, errors);
    if checked.is_empty() {
        checked.push(Layer::unknown());
    }

    Network {
        attrs,
        derives,
        vis,
        name,
        input,
        output,
        element,
        layers: checked,
        streams: false,
        export_c: None,
        export_python: false,
        base: None,
        is_step: false,
    }
}

/// Reports a network that is a layer of itself.
fn refuse_itself(name: &Ident, layer: &mut parse::Layer, errors: &mut Vec<Error>) {
    let is_itself = layer.module.is_empty() && layer.path.is_ident(name) && layer.block.is_none();
    if is_itself && !layer.unreadable {
        errors.push(Error::new(
            layer.path.span(),
            format!("`{name}` can't contain itself; write the layers that are meant"),
        ));
        layer.unreadable = true;
    }
    for item in layer.block.iter_mut().flatten() {
        match item {
            parse::Item::Layer(layer) => refuse_itself(name, layer, errors),
            parse::Item::List(list) => {
                let layers = list.layers.iter_mut();
                layers.for_each(|layer| refuse_itself(name, layer, errors));
            }
        }
    }
}

/// The layer that gives one of several inputs.
fn part_of_input((index, name): (usize, &Ident)) -> Layer {
    let text = name.to_string();
    Layer {
        key: name.unraw().to_string(),
        brief: text.clone(),
        text,
        extent: Extent::of(name),
        path: quote!(__sw::SelectPart<#index>),
        sources: vec![0],
        role: Role::Input,
        ..Layer::unknown()
    }
}

/// Returns the layer that makes a tuple of the outputs of a network, if there are several.
fn outputs(
    layers: &[parse::Layer],
    output: &parse::Ends,
    inputs: usize,
    errors: &mut Vec<Error>,
) -> Option<Layer> {
    if !(2..=4).contains(&output.names.len()) {
        return None;
    }

    let mut numbers = Vec::new();
    let errors_before = errors.len();
    for name in &output.names {
        let is_name = |layer: &parse::Layer| layer.name.as_ref() == Some(name);
        match layers.iter().rposition(is_name) {
            Some(layer) => numbers.push(inputs + layer + 1),
            // The parser gives a name that is there twice another one, and reports it.
            None if errors_before > 0 => {}
            None => {
                let message = format!(
                    "no layer is called `{name}`, and an output has the name of the layer that \
                     gives it: write `{name}: ..` before that layer"
                );
                errors.push(Error::new(name.span(), message));
            }
        }
    }
    if numbers.len() < output.names.len() {
        return Some(Layer {
            sources: vec![inputs + layers.len()],
            ..Layer::unknown()
        });
    }

    let names: Vec<String> = output.names.iter().map(Ident::to_string).collect();
    let text = format!("({})", names.join(", "));
    Some(Layer {
        key: "outputs".to_owned(),
        brief: text.clone(),
        text,
        path: quote!(__sw::Pack),
        sources: numbers,
        role: Role::Output,
        ..Layer::unknown()
    })
}

/// Reports a wrong number of named inputs or outputs, and shapes that can't be.
fn check_ends(ends: &parse::Ends, what: &str, errors: &mut Vec<Error>) {
    let SizesKind::Tuple(shapes) = &ends.sizes.kind else {
        return check_shape(&ends.sizes, errors);
    };
    if ends.names.is_empty() || (2..=4).contains(&shapes.len()) {
        return check_shape(&ends.sizes, errors);
    }

    let message = match &shapes[..] {
        [one] => format!(
            "one {what} has no name; write its shape alone, `{}`",
            written(&one.tokens)
        ),
        _ => format!(
            "a network has at most 4 {what}s, but these are {}",
            shapes.len()
        ),
    };
    errors.push(Error::new(ends.sizes.tokens.span(), message));
    shapes.iter().for_each(|shape| check_shape(shape, errors));
}

/// Reports shapes with too many axes, tuples of a wrong length, and sizes that are no whole
/// numbers.
fn check_shape(shape: &parse::Sizes, errors: &mut Vec<Error>) {
    match &shape.kind {
        SizesKind::Axes(sizes) => {
            if sizes.len() > 4 {
                let message = format!("a tensor has at most 4 axes, but these are {}", sizes.len());
                errors.push(Error::new(shape.tokens.span(), message));
            }

            for size in sizes {
                if !is_batch(size) {
                    whole_number(size, errors);
                    continue;
                }

                let others = sizes.iter().filter(|size| !is_batch(size));
                let others: Vec<String> = others.map(written).collect();
                let message = format!(
                    "a shape is that of one sample, and has no batch axis: write `[{}]`",
                    others.join(", ")
                );
                errors.push(Error::new(size.span(), message));
            }
        }
        SizesKind::Tuple(shapes) => {
            if shapes.len() < 2 || shapes.len() > 4 {
                let message = format!("a tuple has 2 to 4 shapes, but these are {}", shapes.len());
                errors.push(Error::new(shape.tokens.span(), message));
            }
            shapes.iter().for_each(|shape| check_shape(shape, errors));
        }
        SizesKind::Unknown => {}
    }
}

/// Makes a shape unknown if one of its sizes is not a whole number, which has been reported.
fn forget_wrong_sizes(shape: &mut parse::Sizes) {
    let is_wrong = |size: &TokenStream| {
        let mut found = Vec::new();
        whole_number(size, &mut found);
        !found.is_empty()
    };
    match &mut shape.kind {
        SizesKind::Axes(sizes) if sizes.iter().any(is_wrong) => shape.kind = SizesKind::Unknown,
        SizesKind::Tuple(shapes) => shapes.iter_mut().for_each(forget_wrong_sizes),
        SizesKind::Axes(_) | SizesKind::Unknown => {}
    }
}

/// Returns whether a size stands for any number of samples, as in other libraries.
pub fn is_batch(size: &TokenStream) -> bool {
    matches!(size.to_string().as_str(), "_" | "None" | "- 1" | "-1")
        && size.clone().into_iter().count() <= 2
}

/// Checks a layer of a list; `names` are the fields of the list so far. Of several mistakes in a
/// layer, the first is reported, and none if a slip in it was noted.
pub fn check_layer(
    index: usize,
    layer: parse::Layer,
    sources: Result<Vec<usize>, usize>,
    names: &mut HashSet<String>,
    errors: &mut Vec<Error>,
) -> Layer {
    if layer.unreadable {
        let field = layer.name.filter(|name| names.insert(name.to_string()));
        return Layer {
            field,
            sources: sources.unwrap_or_else(|before| vec![before]),
            ..Layer::unknown()
        };
    }

    let errors_before = errors.len();
    let slipped = layer.slipped;
    let has_block = layer.block.is_some();
    let checked = understand(index, layer, sources, names, errors);
    if !has_block {
        errors.truncate(errors_before + usize::from(!slipped));
    }
    checked
}

/// Prepares a layer for the expansion, and reports what is wrong with it.
fn understand(
    index: usize,
    mut layer: parse::Layer,
    sources: Result<Vec<usize>, usize>,
    names: &mut HashSet<String>,
    errors: &mut Vec<Error>,
) -> Layer {
    let text = written(&layer.tokens);
    let plain = written(&layer.layer_tokens);
    let extent = Extent::of(&layer.tokens);
    check_attributes(&layer, errors);
    let frozen = take_frozen(&mut layer, errors);

    let has_braces = layer.block.is_some();
    let errors_before = errors.len();
    let block = blocks::check(&mut layer, errors);
    let written_path = written(&layer.path.to_token_stream());
    // `Concat` with braces is a block, whose braces have been taken.
    let is_merge = !has_braces && wiring::is_merge(&layer) && layer.sources.is_some();
    let lacks_braces = !has_braces && !is_merge && blocks::is_block(&written_path);
    if lacks_braces {
        errors.push(without_braces(&layer, &written_path));
    }

    let mut known = layer
        .path
        .get_ident()
        .and_then(|name| builtin::find(&name.to_string()));
    let mut path = layer.path.to_token_stream();
    let mut misnamed = false;
    if is_merge {
        path = quote!(__sw::#path);
    } else if known.is_none()
        && block.is_none()
        && errors.len() == errors_before
        && let Some((meant, meant_path)) = misspelt(&layer, errors)
    {
        known = Some(meant);
        path = meant_path;
        misnamed = true;
    }

    if let Some(error) = wrong_inside(&layer, &path) {
        errors.push(error);
        return Layer {
            attrs: layer.attrs,
            sources: sources.unwrap_or_else(|before| vec![before]),
            ..Layer::unknown()
        };
    }

    let generics = match known {
        _ if has_braces => Some(Vec::new()),
        Some(builtin) => generics::of_builtin(builtin, &layer, errors),
        None => own_generics(&layer, errors),
    };
    let config = config(&layer, &path, known, errors);

    let tied = wiring::take_tied(&mut layer, errors);
    let has_params = !is_merge && known.is_none_or(|builtin| builtin.has_params);
    let needs_field = tied.is_none() && (layer.name.is_some() || has_params);
    let unnamed = || format_ident!("layer_{index}");
    let field = needs_field.then(|| layer.name.clone().unwrap_or_else(unnamed));
    if let Some(field) = &field
        && !names.insert(field.to_string())
    {
        let message = format!(
            "two layers are called `{field}`; a layer's name is its field and its key in weight \
             files: choose another"
        );
        errors.push(Error::new(field.span(), message));
        return Layer {
            sources: sources.unwrap_or_else(|before| vec![before]),
            ..Layer::unknown()
        };
    }

    let broken_block = block.is_none() && (has_braces || lacks_braces);
    let is_broken = broken_block || sources.is_err();
    let sources = sources.unwrap_or_else(|before| vec![before]);
    let mistaken = misnamed || generics.is_none();
    let guess = || known.and_then(|builtin| generics::guess(builtin, &layer));
    let Some(generics) = generics.or_else(guess).filter(|_| !is_broken) else {
        return Layer {
            attrs: layer.attrs,
            field,
            text,
            sources,
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
        module: match block {
            None if !is_merge => layer.module,
            _ => TokenStream::new(),
        },
        path,
        frozen,
        wrapper: layer.wrapper,
        rank: layer.rank.as_ref().map(braced),
        generics,
        config: config.filter(|_| !mistaken && !layer.slipped),
        mistaken,
        quiet: layer.slipped,
        builtin: known.is_some_and(|builtin| !builtin.runs_network())
            || block.is_some()
            || is_merge,
        block,
        tied,
        sources,
        arrow: arrow(layer.sources.as_deref()),
        gives_tuple: known.is_some_and(|builtin| options::gives_tuple(builtin, &layer.generics)),
        role: Role::Layer,
    }
}

/// Returns the error of a block without its braces.
fn without_braces(layer: &parse::Layer, block: &str) -> Error {
    let or = match block {
        "Concat" => ", or `Concat <- (a, b)` with the names of layers before it",
        _ => "",
    };
    // One generic argument of `Repeat` is its number of repetitions. Anything else there, or in
    // parentheses, is a layer.
    let times = match &layer.generics[..] {
        [Generic::Other(times)] if block == "Repeat" => format!("<{}>", written(times)),
        _ if block == "Repeat" => "<3>".to_owned(),
        _ => String::new(),
    };
    let message = format!(
        "`{block}` has layers inside: write `{block}{times} {{ .. }}`{or} (for a layer of your own, \
         write `self::{block}`)"
    );
    Error::new(layer.layer_tokens.span(), message)
}

/// Returns the sources of a layer with the arrow before them, as they are written.
fn arrow(sources: Option<&[Ident]>) -> String {
    match sources {
        None => String::new(),
        Some([one]) => format!(" <- {one}"),
        Some(several) => {
            let names: Vec<String> = several.iter().map(Ident::to_string).collect();
            format!(" <- ({})", names.join(", "))
        }
    }
}

/// Returns the error of a layer inside another one that does not take it.
fn wrong_inside(layer: &parse::Layer, path: &TokenStream) -> Option<Error> {
    let wrapper = layer.wrapper.as_ref()?;
    let inside = path.to_string();
    let (taken, takes) = if wrapper == builtin::LORA {
        let takes = "adapts a `Linear` or a `MultiHeadAttention`";
        (builtin::ADAPTED, takes)
    } else if wrapper == builtin::SPECTRAL_NORM {
        let takes = "normalizes the weight of a `Linear`, `Conv1d` or `Conv2d`";
        (builtin::SPECTRALLY_NORMALIZED, takes)
    } else {
        let takes = "computes a `Linear`, `Conv1d`, `Conv2d` or `Embedding` in 8 bits";
        (builtin::QUANTIZED, takes)
    };
    if taken.contains(&inside.as_str()) {
        return None;
    }
    let message = format!("`{wrapper}` {takes}, and `{}` is none", written(path));
    Some(Error::new(layer.path.span(), message))
}

/// Reports attributes that would remove a layer: the shapes depend on every one.
fn check_attributes(layer: &parse::Layer, errors: &mut Vec<Error>) {
    for attr in &layer.attrs {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            errors.push(Error::new(
                attr.span(),
                "a layer can't be switched off: define two networks instead",
            ));
        }
    }
}

/// Removes `#[frozen]` from the attributes of a layer, and returns whether it was there.
fn take_frozen(layer: &mut parse::Layer, errors: &mut Vec<Error>) -> bool {
    let attrs = core::mem::take(&mut layer.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) = attrs.partition(|attr| attr.path().is_ident("frozen"));
    layer.attrs = others;

    for attr in &found {
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.push(Error::new(
                attr.span(),
                "`#[frozen]` stands alone, before the layer that is not trained",
            ));
        }
    }
    !found.is_empty()
}

/// Reports a name that is nearly that of a built-in layer, and returns that layer with its path.
fn misspelt(
    layer: &parse::Layer,
    errors: &mut Vec<Error>,
) -> Option<(&'static Builtin, TokenStream)> {
    let ident = layer.path.get_ident()?;
    let found = ident.to_string();
    let nearest = habits::certain(&found).or_else(|| builtin::nearest(&found))?;
    let meant = nearest.name;

    let one = format!("{found}1d");
    let two = format!("{found}2d");
    let message = if builtin::find(&one).is_some() && builtin::find(&two).is_some() {
        let takes = match found.as_str() {
            "BatchNorm" => "features",
            _ => "sequences",
        };
        format!(
            "there is no layer `{found}`; `{one}` takes {takes}, and `{two}` images (for a layer \
             of your own, write `self::{found}`)"
        )
    } else {
        format!(
            "there is no layer `{found}`; did you mean `{meant}`? (for a layer of your own, write \
             `self::{found}`)"
        )
    };
    errors.push(Error::new(ident.span(), message));
    Some((nearest, Ident::new(meant, ident.span()).to_token_stream()))
}

/// Returns the layer's constructor call, if it has arguments. Reports a wrong number of them.
fn config(
    layer: &parse::Layer,
    path: &TokenStream,
    known: Option<&Builtin>,
    errors: &mut Vec<Error>,
) -> Option<TokenStream> {
    let (parentheses, arguments) = layer.arguments.as_ref()?;
    let count = arguments.len();
    if let Some(wrapper) = layer.wrapper.as_ref().filter(|name| *name == builtin::LORA) {
        if count == 1 {
            let module = &layer.module;
            return Some(quote!(#module #wrapper #parentheses));
        }
        let message = format!(
            "`{wrapper}` takes 1 argument in parentheses, its `alpha`, or none, but {count} are \
             written"
        );
        errors.push(Error::new(layer.layer_tokens.span(), message));
        return None;
    }
    let Some(builtin) = known.filter(|builtin| builtin.arguments != count) else {
        let module = &layer.module;
        return Some(quote!(#module #path #parentheses));
    };

    let takes = match builtin.arguments {
        0 => "takes no arguments in parentheses".to_owned(),
        all => {
            let s = if all == 1 { "" } else { "s" };
            format!("takes {all} argument{s} in parentheses, or none")
        }
    };
    let are = if count == 1 { "is" } else { "are" };
    let message = format!("`{}` {takes}, but {count} {are} written", builtin.name);
    errors.push(Error::new(layer.layer_tokens.span(), message));
    None
}

impl Layer {
    /// The stand-in for a layer that can't be understood: it accepts any shape, and its output
    /// shape is unknown.
    pub fn unknown() -> Self {
        Layer {
            attrs: Vec::new(),
            field: None,
            key: String::new(),
            text: String::new(),
            brief: String::new(),
            extent: Extent::of(&TokenStream::new()),
            module: TokenStream::new(),
            path: quote!(__sw::Mistaken),
            frozen: false,
            wrapper: None,
            rank: None,
            generics: Vec::new(),
            config: None,
            builtin: true,
            block: None,
            tied: None,
            sources: vec![0],
            mistaken: false,
            quiet: false,
            arrow: String::new(),
            gives_tuple: false,
            role: Role::Layer,
        }
    }

    /// Returns whether it computes in 8 bits, and has no backward pass.
    pub fn is_int8(&self) -> bool {
        self.wrapper
            .as_ref()
            .is_some_and(|wrapper| wrapper == builtin::INT8)
    }

    /// Returns whether it makes a tuple of several outputs of a network.
    pub fn is_pack(&self) -> bool {
        self.role == Role::Output
    }

    /// Returns the facts about its output that hold whatever its shape rule answers.
    pub fn output(&self) -> builtin::Output {
        let builtin = if self.builtin && !self.mistaken {
            builtin::find(&self.path.to_string())
        } else {
            None
        };
        builtin.map_or(builtin::Output::Axes(MAX_AXES), |builtin| builtin.output)
    }

    /// Returns the layer and what it reads, for a table.
    pub fn row(&self) -> String {
        match self.role {
            Role::Layer => format!("{}{}", self.text, self.arrow),
            Role::Input => format!("input {}", self.text),
            Role::Output => format!("output {}", self.text),
        }
    }

    /// Returns whether its parameters may be a struct that begins at a multiple of 64 bytes.
    pub fn may_be_network(&self) -> bool {
        !self.builtin || self.block.is_some()
    }

    /// Returns whether its type belongs to the library.
    pub fn is_of_library(&self) -> bool {
        self.builtin || builtin::find(&self.path.to_string()).is_some()
    }

    /// The only layer of a list that is written without layers.
    pub fn identity(extent: Extent) -> Self {
        Layer {
            extent,
            path: quote!(__sw::Identity),
            ..Layer::unknown()
        }
    }
}

/// Returns the generic arguments of a layer of the user's own, as they are written.
fn own_generics(layer: &parse::Layer, errors: &mut Vec<Error>) -> Option<Vec<Argument>> {
    let errors_before = errors.len();
    let mut inferred = 0;
    let argument = |generic: &Generic| match generic {
        Generic::Infer(_) => {
            inferred += 1;
            Argument::Inferred(inferred - 1)
        }
        Generic::Other(tokens) => {
            whole_number(tokens, errors);
            if options::is_of_any(tokens) {
                let layer = written(&layer.path.to_token_stream());
                let option = written(tokens);
                let message = format!(
                    "`{option}` is an option, which only a layer of the library under its own name \
                     has: if `{layer}` is another name for one, write its own (for a type of your \
                     own, write `self::{option}`)"
                );
                errors.push(Error::new(tokens.span(), message));
            }

            if has_placeholder(tokens) {
                errors.push(Error::new(
                    tokens.span(),
                    format!(
                        "`_` stands for a size of a layer itself: `{}` in `<..>` can have none; \
                         layers stand in the list, one after another",
                        written(tokens)
                    ),
                ));
            }

            // Types stay as they are; everything else becomes a constant expression.
            let is_type = syn::parse2::<syn::GenericArgument>(tokens.clone()).is_ok();
            Argument::Given(if is_type {
                tokens.clone()
            } else {
                braced(tokens)
            })
        }
    };

    let generics = layer.generics.iter().map(argument).collect();
    (errors.len() == errors_before).then_some(generics)
}

/// Returns whether tokens contain `_`.
fn has_placeholder(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "_",
        TokenTree::Group(group) => has_placeholder(&group.stream()),
        _ => false,
    })
}

/// Reports a literal that can't be a size.
pub fn whole_number(tokens: &TokenStream, errors: &mut Vec<Error>) {
    let Ok(Expr::Lit(ExprLit { lit, .. })) = syn::parse2(tokens.clone()) else {
        return;
    };
    let message = match lit {
        Lit::Int(number) if is_marker(&number) => format!(
            "a size is less than {}, but `{tokens}` is written",
            u64::MAX
        ),
        Lit::Int(_) | Lit::Bool(_) | Lit::Char(_) => return,
        Lit::Float(_) => format!("a size is a whole number, but `{tokens}` is a float"),
        _ => format!("a size is a whole number, but `{tokens}` is not a number"),
    };
    errors.push(Error::new(tokens.span(), message));
}

/// Returns whether a literal is the number that stands for a size that is not written: the library's
/// `INFER`.
fn is_marker(number: &LitInt) -> bool {
    matches!(number.suffix(), "" | "usize") && matches!(number.base10_parse(), Ok(u64::MAX))
}

/// Returns tokens as a person would write them.
pub fn written(tokens: &TokenStream) -> String {
    let mut text = String::new();
    let mut before = String::new();
    for token in tokens.clone() {
        let (word, space_after) = match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' => (",".to_owned(), " "),
                ':' if before != ":" && punct.spacing() == Spacing::Alone => (":".to_owned(), " "),
                // A sign, and no operator.
                '-' if before.is_empty() || before == "," => ("-".to_owned(), ""),
                '*' | '+' | '/' | '%' | '-' => {
                    text.push(' ');
                    (punct.as_char().to_string(), " ")
                }
                other => (other.to_string(), ""),
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                (format!("{open}{}{close}", written(&group.stream())), "")
            }
            other => (other.to_string(), ""),
        };

        text.push_str(&word);
        text.push_str(space_after);
        before = word;
    }
    text.trim().to_owned()
}
