//! `#[derive(Parameters)]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Result};

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
    // The element is the type parameter; a struct without one is of f32.
    let element = input.generics.params.iter().find_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        _ => None,
    });
    let element = element.map_or_else(|| quote!(f32), |element| quote!(#element));
    let (types, idents): (Vec<_>, Vec<_>) =
        fields.named.iter().map(|field| (&field.ty, &field.ident)).unzip();
    let keys: Vec<String> =
        fields.named.iter().flat_map(|field| &field.ident).map(ToString::to_string).collect();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let wheres = where_clause.map(|clause| &clause.predicates);
    let lifetime = syn::Lifetime::new("'__a", Span::mixed_site());
    let visits = |method: &str, reference: TokenStream| {
        let method = format_ident!("{method}");
        quote! { #(
            <#types as ::shapewright::Parameters<#element>>::#method(
                #reference self.#idents, &::shapewright::emitted::join(name, #keys), visitor,
            );
        )* }
    };
    let (visit, visit_mut) = (visits("visit", quote!(&)), visits("visit_mut", quote!(&mut)));
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
            const COUNT: usize = 0 #(+ <#types as ::shapewright::Parameters<#element>>::COUNT)*;

            fn visit<#lifetime>(
                &#lifetime self,
                name: &str,
                visitor: ::shapewright::Visitor<'_, #lifetime, #element>,
            ) {
                #visit
            }

            fn visit_mut<#lifetime>(
                &#lifetime mut self,
                name: &str,
                visitor: ::shapewright::VisitorMut<'_, #lifetime, #element>,
            ) {
                #visit_mut
            }
        }
    })
}
