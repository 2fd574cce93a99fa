//! `#[export_c]`: the functions of a network for programs in C.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Ident, Meta};

use crate::attributes;
use crate::check::Network;
use crate::parse::Definition;

/// Removes the attribute from the definition, and returns the beginning of the names in C.
pub fn take(definition: &mut Definition, errors: &mut Vec<Error>) -> Option<Ident> {
    let attrs = core::mem::take(&mut definition.attrs).into_iter();
    let (found, others): (Vec<_>, Vec<_>) =
        attrs.partition(|attr| attr.path().is_ident("export_c"));
    definition.attrs = others;

    let mut found = found.into_iter();
    let attr = found.next()?;
    for another in found {
        errors.push(Error::new_spanned(
            another,
            "the functions can't be there twice; remove this attribute",
        ));
    }

    let name = &definition.name;
    let prefix = snake_case(&name.to_string());
    if matches!(attr.meta, Meta::Path(_)) {
        return Some(Ident::new(&prefix, name.span()));
    }
    let parsed = attr.parse_args::<Ident>();
    if parsed.is_err() {
        let message = format!(
            "`#[export_c]` takes the beginning of the names in C, or nothing: \
             `#[export_c({prefix})]`"
        );
        errors.push(Error::new_spanned(attr, message));
    }
    parsed.ok()
}

/// Returns a name such as `LeNet5` as `le_net5`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letter.is_uppercase()
            && before != '_'
            && (!before.is_uppercase() || letters.peek().is_some_and(|next| next.is_lowercase()));
        if begins_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
        before = letter;
    }
    snake
}

/// Writes the functions, which only call those of the library.
pub fn expand(network: &Network, prefix: &Ident, emitted: &TokenStream) -> TokenStream {
    let name = &network.name;
    let element = &network.element;
    let conditions = attributes::conditions(&network.attrs);
    let text = prefix.to_string();
    let [init, load, save, forward, forward_batch, free, error] = [
        "init",
        "load",
        "save",
        "forward",
        "forward_batch",
        "free",
        "error",
    ]
    .map(|function| format_ident!("{prefix}_{function}"));

    quote! {
        #(#conditions)*
        const _: () = {
            use #emitted as __sw;
            use __sw::export_c::{self, c_char, c_int};

            impl export_c::ExportC for #name {
                const PREFIX: &'static __sw::str = #text;
            }

            #[unsafe(no_mangle)]
            extern "C" fn #init(seed: __sw::u64) -> *mut #name {
                export_c::init(seed)
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn #load(path: *const c_char) -> *mut #name {
                // SAFETY: as the header asks for.
                unsafe { export_c::load(path) }
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn #save(net: *const #name, path: *const c_char) -> c_int {
                // SAFETY: as the header asks for.
                unsafe { export_c::save(net, path) }
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn #forward(
                net: *const #name,
                x: *const #element,
                y: *mut #element,
            ) -> c_int {
                // SAFETY: as the header asks for.
                unsafe { export_c::forward(net, x, y) }
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn #forward_batch(
                net: *const #name,
                x: *const #element,
                y: *mut #element,
                n: __sw::usize,
            ) -> c_int {
                // SAFETY: as the header asks for.
                unsafe { export_c::forward_batch(net, x, y, n) }
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn #free(net: *mut #name) {
                // SAFETY: as the header asks for.
                unsafe { export_c::free(net) }
            }
            #[unsafe(no_mangle)]
            extern "C" fn #error() -> *const c_char {
                export_c::error()
            }
        };
    }
}
