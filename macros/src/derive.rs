//! `#[derive(Parameters)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, GenericParam, LitInt, Meta, Result, Token, Type,
};

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
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
    // The element is the last type parameter; a struct without one is of f32.
    let element = input
        .generics
        .params
        .iter()
        .rev()
        .find_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            _ => None,
        });
    let element = element.map_or_else(|| quote!(f32), |element| quote!(#element));
    let (types, idents): (Vec<_>, Vec<_>) = fields
        .named
        .iter()
        .map(|field| (&field.ty, &field.ident))
        .unzip();
    let title = name.to_string();
    // With generics, the constants of each type are looked at when it is used.
    let checked = input
        .generics
        .params
        .is_empty()
        .then(|| quote!(const _: usize = <#name as ::shapewright::Parameters<#element>>::LEN;));
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let wheres = where_clause.map(|clause| &clause.predicates);
    let mut members = Vec::new();
    let (mut trained, mut measured) = (Vec::new(), Vec::new());
    for ((field, ty), ident) in fields.named.iter().zip(&types).zip(&idents) {
        let key = ident.as_ref().map(|ident| ident.unraw().to_string());
        let attr = field
            .attrs
            .iter()
            .find(|attr| attr.path().is_ident("file_axes"));
        let file_axes = attr.map(|attr| file_axes(attr, ty)).transpose()?;
        let has = |name: &str| field.attrs.iter().any(|attr| attr.path().is_ident(name));
        let features = has("features").then(|| quote!(.features()));
        let outputs = has("outputs").then(|| quote!(.outputs()));
        let is_statistic = has("statistic");
        let statistic = is_statistic.then(|| quote!(.statistic()));
        if is_statistic {
            &mut measured
        } else {
            &mut trained
        }
        .push(ty);
        members.push(quote! {
            ::shapewright::emitted::ParamField::field(
                #key,
                ::core::mem::offset_of!(Self, #ident) / ::core::mem::size_of::<#element>(),
                <#ty as ::shapewright::Parameters<#element>>::PARAM_TREE #file_axes #statistic #features #outputs,
            )
        });
    }
    Ok(quote! {
        // SAFETY: `repr(C)`, and every field is parameters; `LEN` asserts that there are no gaps.
        #[automatically_derived]
        unsafe impl #impl_generics ::shapewright::Parameters<#element> for #name #type_generics
        where
            #(#types: ::shapewright::Parameters<#element>,)*
            #wheres
        {
            const LEN: usize = {
                let len = ::shapewright::emitted::sum(&[
                    #(<#types as ::shapewright::Parameters<#element>>::LEN),*
                ]);
                ::shapewright::emitted::report_layout::<Self, #element>(#title, len);
                len
            };
            const NUMBERS: usize =
                ::shapewright::emitted::sum(&[#(<#types as ::shapewright::Parameters<#element>>::NUMBERS),*]);
            const COUNT: usize = 0 #(+ <#trained as ::shapewright::Parameters<#element>>::COUNT)*;
            const STATISTICS: usize = 0
                #(+ <#trained as ::shapewright::Parameters<#element>>::STATISTICS)*
                #(+ <#measured as ::shapewright::Parameters<#element>>::LEN)*;
            const PARAM_TREE: ::shapewright::emitted::ParamTree = ::shapewright::emitted::ParamTree::Fields(&[#(#members),*]);
        }

        #checked
    })
}

/// The struct must be `repr(C)`, and not packed: its numbers are borrowed, and references are
/// aligned.
///
/// An attribute macro may still add to what is seen here, so the constants assert the same.
fn check_layout(input: &DeriveInput) -> Result<()> {
    let name = &input.ident;
    let mut repr_c = false;
    for attr in input
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("repr"))
    {
        for repr in attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            repr_c |= repr.path().is_ident("C");
            if repr.path().is_ident("packed") {
                let message = format!(
                    "`{name}` is packed, and its numbers, which are borrowed as a slice, would not be aligned; \
                     `#[repr(C)]` alone leaves no gaps between numbers of one type"
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

/// The order of a tensor's axes in files: each of them once.
fn file_axes(attr: &Attribute, ty: &Type) -> Result<TokenStream> {
    let axes = attr.parse_args_with(Punctuated::<LitInt, Token![,]>::parse_terminated)?;
    let mut sorted = axes
        .iter()
        .map(LitInt::base10_parse::<usize>)
        .collect::<Result<Vec<_>>>()?;
    sorted.sort_unstable();
    let (mut nested, mut count) = (ty, 0);
    while let Type::Array(array) = nested {
        (nested, count) = (&*array.elem, count + 1);
    }
    // How many axes an alias has the library says.
    if sorted != (0..sorted.len()).collect::<Vec<_>>() || (count > 0 && count != sorted.len()) {
        let example = (0..count)
            .rev()
            .map(|axis| axis.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let message = format!(
            "`file_axes` names each axis of the tensor once, the outermost is 0: `#[file_axes({example})]` is the \
             transpose"
        );
        return Err(Error::new(attr.span(), message));
    }
    Ok(quote!(.file_axes(&[#axes])))
}
