//! `#[export_python]`: the class of a network for Python.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Ident, Meta};

use crate::attributes;
use crate::check::Network;
use crate::parse::Definition;

/// Removes the attribute from the definition, and returns whether it was there.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> bool {
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) =
        attrs.partition(|attr| attr.path().is_ident("export_python"));
    definition.attrs = others;

    for attr in &found {
        if !matches!(attr.meta, Meta::Path(_)) {
            errors.push(Error::new_spanned(
                attr,
                "`#[export_python]` stands alone: the class in Python has the name of the network",
            ));
        }
    }
    !found.is_empty()
}

/// Writes the class, whose methods only call those of the crate `shapewright-python`.
pub fn expand(network: &Network) -> TokenStream {
    let name = &network.name;
    let class: Ident = format_ident!("Py{name}");
    let vis = &network.vis;
    let text = name.to_string();
    let doc = format!("The class of [`{name}`] in Python.");
    let conditions: Vec<_> = attributes::conditions(&network.attrs).into_iter().collect();
    let python = quote!(::shapewright_python);
    let pyo3_path = "::shapewright_python::pyo3";

    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[#python::pyo3::pyclass(name = #text, frozen, crate = #pyo3_path)]
        #vis struct #class(#python::Class<#name>);

        #(#conditions)*
        #[#python::pyo3::pymethods]
        #[pyo3(crate = #pyo3_path)]
        impl #class {
            #[classattr]
            const PARAMS: ::core::primitive::usize = <#name as #python::Network>::PARAMS;

            #[new]
            #[pyo3(signature = (seed = 0))]
            fn new(seed: ::core::primitive::u64) -> Self {
                #class(#python::Class::init(seed))
            }

            #[staticmethod]
            fn load(path: ::std::path::PathBuf) -> #python::pyo3::PyResult<Self> {
                #python::Class::load(path).map(#class)
            }

            fn save(&self, path: ::std::path::PathBuf) -> #python::pyo3::PyResult<()> {
                self.0.save(path)
            }

            #[pyo3(signature = (*x))]
            fn forward<'py>(
                &self,
                x: &#python::pyo3::Bound<'py, #python::pyo3::types::PyTuple>,
            ) -> #python::pyo3::PyResult<#python::pyo3::Bound<'py, #python::pyo3::PyAny>> {
                self.0.forward(x)
            }

            #[pyo3(signature = (*x))]
            fn forward_batch<'py>(
                &self,
                x: &#python::pyo3::Bound<'py, #python::pyo3::types::PyTuple>,
            ) -> #python::pyo3::PyResult<#python::pyo3::Bound<'py, #python::pyo3::PyAny>> {
                self.0.forward_batch(x)
            }
        }
    }
}
