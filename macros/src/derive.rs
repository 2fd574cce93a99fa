//! `#[derive(Parameters)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Field, Fields, GenericParam, LitInt, Meta, Path, Result, Token, Type,
    parse_quote,
};

/// Writes `Parameters` for a struct.
pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let library = &library(input)?;
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(name.span(), "parameters are a struct"));
    };
    check_layout(input)?;
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(
            name.span(),
            "parameters are fields with names: the names are keys in weight files",
        ));
    };

    // The element is the last type parameter; a struct without one is of `f32`.
    let last_type = input
        .generics
        .params
        .iter()
        .rev()
        .find_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            _ => None,
        });
    let element = last_type.map_or_else(
        || quote!(::core::primitive::f32),
        |element| quote!(#element),
    );

    let mut param_fields = Vec::new();
    let mut trained = Vec::new();
    let mut measured = Vec::new();
    for field in &fields.named {
        let options = FieldOptions::of(field)?;
        param_fields.push(param_field(field, library, &element, &options));
        if options.statistic.is_some() {
            measured.push(&field.ty);
        } else {
            trained.push(&field.ty);
        }
    }

    let types: Vec<_> = fields.named.iter().map(|field| &field.ty).collect();
    let title = name.to_string();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let wheres = where_clause.map(|clause| &clause.predicates);
    // With generics, the constants of each type are evaluated when it is used.
    let checked = input.generics.params.is_empty().then(|| {
        quote! {
            const _: ::core::primitive::usize = {
                // Finds nothing to check where a field is no parameters, which is an error above.
                #[allow(unused_imports)]
                use #library::emitted::Unchecked as _;
                #library::emitted::Checked::<#name, #element>::LEN
            };
        }
    });

    Ok(quote! {
        // SAFETY: `repr(C)`, and every field is parameters; `LEN` asserts that there are no gaps.
        #[automatically_derived]
        unsafe impl #impl_generics #library::Parameters<#element> for #name #type_generics
        where
            #(#types: #library::Parameters<#element>,)*
            #wheres
        {
            const LEN: ::core::primitive::usize = {
                let __len = #library::emitted::sum(&[
                    #(<#types as #library::Parameters<#element>>::LEN),*
                ]);
                // Without numbers, nothing has to be aligned.
                if __len > 0 || ::core::mem::size_of::<Self>() > 0 {
                    #library::emitted::report_layout::<Self, #element>(#title, __len);
                }
                __len
            };
            const NUMBERS: ::core::primitive::usize = #library::emitted::sum(&[
                #(<#types as #library::Parameters<#element>>::NUMBERS),*
            ]);
            const COUNT: ::core::primitive::usize = 0 #(+ <#trained as #library::Parameters<#element>>::COUNT)*;
            const STATISTICS: ::core::primitive::usize = 0
                #(+ <#trained as #library::Parameters<#element>>::STATISTICS)*
                #(+ <#measured as #library::Parameters<#element>>::LEN)*;
            const PARAM_TREE: #library::emitted::ParamTree =
                #library::emitted::ParamTree::Fields(&[#(#param_fields),*]);
        }

        #checked
    })
}

/// Writes the node of a field in the parameter tree.
fn param_field(
    field: &Field,
    library: &Path,
    element: &TokenStream,
    options: &FieldOptions,
) -> TokenStream {
    let ident = &field.ident;
    let ty = &field.ty;
    let key = match options.items {
        // The names of recurrent layers are those of their tensors.
        Some(_) => Some(String::new()),
        None if options.flatten => Some(String::new()),
        None => ident.as_ref().map(|ident| ident.unraw().to_string()),
    };
    let FieldOptions {
        axes,
        features,
        outputs,
        order,
        statistic,
        items,
        freezing,
        flatten: _,
    } = options;

    quote! {
        #library::emitted::ParamField::field(
            #key,
            ::core::mem::offset_of!(Self, #ident) / ::core::mem::size_of::<#element>(),
            <#ty as #library::Parameters<#element>>::PARAM_TREE
                #axes #statistic #features #outputs #order #items,
        )#freezing
    }
}

/// Returns the path of the library: `::shapewright`, or that in `#[params(crate = path)]` on the
/// struct.
fn library(input: &DeriveInput) -> Result<Path> {
    let mut library = parse_quote!(::shapewright);
    let params = input
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("params"));
    for attr in params {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error(
                    "expected the path of `shapewright`, as in `#[params(crate = my::shapewright)]`",
                ));
            }
            library = meta.value()?.call(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(library)
}

/// Checks that the struct is `repr(C)` and not packed: its numbers are borrowed, and references
/// must be aligned.
///
/// An attribute macro may still change the struct after this, so the constants assert the same.
fn check_layout(input: &DeriveInput) -> Result<()> {
    let name = &input.ident;
    let mut repr_c = false;
    let reprs = input
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("repr"));
    for attr in reprs {
        for repr in attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            repr_c |= repr.path().is_ident("C");
            if repr.path().is_ident("packed") {
                let message = format!(
                    "`{name}` is packed, and its numbers, which are borrowed as a slice, would \
                     not be aligned; `#[repr(C)]` alone leaves no gaps between numbers of one type"
                );
                return Err(Error::new(repr.span(), message));
            }
        }
    }

    if !repr_c {
        let message = format!(
            "`{name}` needs `#[repr(C)]`, so that its fields lie in their order without gaps"
        );
        return Err(Error::new(name.span(), message));
    }

    Ok(())
}

/// The options of `#[params(..)]` on a field, each as the method call that sets it.
#[derive(Default)]
struct FieldOptions {
    axes: Option<TokenStream>,
    features: Option<TokenStream>,
    outputs: Option<TokenStream>,
    order: Option<TokenStream>,
    statistic: Option<TokenStream>,
    items: Option<TokenStream>,
    freezing: Option<TokenStream>,
    /// True if the names of its tensors are not preceded by its own.
    flatten: bool,
}

impl FieldOptions {
    fn of(field: &Field) -> Result<Self> {
        let mut options = FieldOptions::default();

        let params = field
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("params"));
        for attr in params {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("features") {
                    options.features = Some(quote!(.features()));
                } else if meta.path.is_ident("outputs") {
                    options.outputs = Some(quote!(.outputs()));
                } else if meta.path.is_ident("outputs_first") {
                    options.order = Some(quote!(.outputs_first()));
                } else if meta.path.is_ident("statistic") {
                    options.statistic = Some(quote!(.statistic()));
                } else if meta.path.is_ident("directions") {
                    options.items = Some(quote!(.directions()));
                } else if meta.path.is_ident("further_layers") {
                    options.items = Some(quote!(.further_layers()));
                } else if meta.path.is_ident("frozen") {
                    options.freezing = Some(quote!(.frozen()));
                } else if meta.path.is_ident("trained") {
                    options.freezing = Some(quote!(.trained()));
                } else if meta.path.is_ident("flatten") {
                    options.flatten = true;
                } else if meta.path.is_ident("axes") {
                    options.axes = Some(axes(&meta, &field.ty)?);
                } else {
                    return Err(meta.error(
                        "expected `features`, `outputs`, `statistic`, `frozen` or `axes(..)`, as in \
                         `#[params(features, axes(1, 0))]`",
                    ));
                }
                Ok(())
            })?;
        }

        Ok(options)
    }
}

/// Parses the order of a tensor's axes in files, which names each of them once.
fn axes(meta: &ParseNestedMeta<'_>, ty: &Type) -> Result<TokenStream> {
    let list;
    syn::parenthesized!(list in meta.input);
    let axes = Punctuated::<LitInt, Token![,]>::parse_terminated(&list)?;
    let mut sorted = axes
        .iter()
        .map(LitInt::base10_parse::<usize>)
        .collect::<Result<Vec<_>>>()?;
    sorted.sort_unstable();

    let mut nested = ty;
    let mut count = 0;
    while let Type::Array(array) = nested {
        nested = &*array.elem;
        count += 1;
    }

    // The number of axes of a type alias is unknown here: the library checks it.
    let names_each_once = sorted == (0..sorted.len()).collect::<Vec<_>>();
    if !names_each_once || (count > 0 && count != sorted.len()) {
        let example = (0..count)
            .rev()
            .map(|axis| axis.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(meta.error(format!(
            "`axes` names each axis of the tensor once, the outermost is 0: \
             `#[params(axes({example}))]` is the transpose"
        )));
    }
    Ok(quote!(.file_axes(&[#axes])))
}
