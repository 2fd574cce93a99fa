//! `#[derive(Parameters)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, GenericParam, LitInt, Result, Token, Type};

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(name.span(), "parameters are a struct"));
    };
    let repr_c = input.attrs.iter().any(|attr| {
        attr.path().is_ident("repr") && attr.parse_args::<syn::Ident>().is_ok_and(|repr| repr == "C")
    });
    if !repr_c {
        let message =
            format!("`{name}` needs `#[repr(C)]`, so that its fields lie in their order without gaps");
        return Err(Error::new(name.span(), message));
    }
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(
            name.span(),
            "parameters are fields with names: the names are keys in weight files",
        ));
    };
    // The element is the last type parameter; a struct without one is of f32.
    let element = input.generics.params.iter().rev().find_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        _ => None,
    });
    let element = element.map_or_else(|| quote!(f32), |element| quote!(#element));
    let (types, idents): (Vec<_>, Vec<_>) =
        fields.named.iter().map(|field| (&field.ty, &field.ident)).unzip();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let wheres = where_clause.map(|clause| &clause.predicates);
    let mut members = Vec::new();
    let (mut trained, mut measured) = (Vec::new(), Vec::new());
    for ((field, ty), ident) in fields.named.iter().zip(&types).zip(&idents) {
        let key = ident.as_ref().map(|ident| ident.unraw().to_string());
        let attr = field.attrs.iter().find(|attr| attr.path().is_ident("file_axes"));
        let file_axes = attr.map(|attr| file_axes(attr, ty)).transpose()?;
        let has = |name: &str| field.attrs.iter().any(|attr| attr.path().is_ident(name));
        let features = has("features").then(|| quote!(.features()));
        let is_statistic = has("statistic");
        let statistic = is_statistic.then(|| quote!(.statistic()));
        if is_statistic { &mut measured } else { &mut trained }.push(ty);
        members.push(quote! {
            ::shapewright::emitted::Member {
                name: #key,
                first: ::core::mem::offset_of!(Self, #ident) / ::core::mem::size_of::<#element>(),
                contents: <#ty as ::shapewright::Parameters<#element>>::CONTENTS #file_axes #statistic #features,
                pixels: 1,
            }
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
                let len = 0 #(+ <#types as ::shapewright::Parameters<#element>>::LEN)*;
                assert!(len * ::core::mem::size_of::<#element>() == ::core::mem::size_of::<Self>());
                len
            };
            const NUMBERS: usize =
                ::shapewright::emitted::sum(&[#(<#types as ::shapewright::Parameters<#element>>::NUMBERS),*]);
            const COUNT: usize = 0 #(+ <#trained as ::shapewright::Parameters<#element>>::COUNT)*;
            const STATISTICS: usize = 0
                #(+ <#trained as ::shapewright::Parameters<#element>>::STATISTICS)*
                #(+ <#measured as ::shapewright::Parameters<#element>>::LEN)*;
            const CONTENTS: ::shapewright::emitted::Contents = ::shapewright::emitted::Contents::Fields(&[#(#members),*]);
        }
    })
}

/// The order of a tensor's axes in files: each of them once.
fn file_axes(attr: &Attribute, ty: &Type) -> Result<TokenStream> {
    let axes = attr.parse_args_with(Punctuated::<LitInt, Token![,]>::parse_terminated)?;
    let mut sorted = axes.iter().map(LitInt::base10_parse::<usize>).collect::<Result<Vec<_>>>()?;
    sorted.sort_unstable();
    let (mut nested, mut count) = (ty, 0);
    while let Type::Array(array) = nested {
        (nested, count) = (&*array.elem, count + 1);
    }
    // How many axes an alias has the library says.
    if sorted != (0..sorted.len()).collect::<Vec<_>>() || (count > 0 && count != sorted.len()) {
        let example = (0..count).rev().map(|axis| axis.to_string()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "`file_axes` names each axis of the tensor once, the outermost is 0: `#[file_axes({example})]` is the \
             transpose"
        );
        return Err(Error::new(attr.span(), message));
    }
    Ok(quote!(.file_axes(&[#axes])))
}
