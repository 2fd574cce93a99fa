//! Networks for programs in C: [`ExportC`], and what the functions do that `#[export_c]` writes.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

pub use std::ffi::{c_char, c_int};

use crate::memory::{tensors, tensors_mut};
use crate::network::Network;
use crate::tensor::{Element, Shape, Tensor};

/// A network whose functions a program in C can call.
///
/// `#[export_c]` before a definition implements it and writes the functions: with the beginning
/// `classifier_` for `Classifier`, or with another one, `#[export_c(digits)]`. The crate becomes a
/// static library by `crate-type = ["staticlib"]` in its manifest, and [`c_header`](ExportC::c_header)
/// is the header. The example `c` has a program, its header and the command that links them.
///
/// | function | what it does |
/// |---|---|
/// | `classifier *classifier_init(uint64_t seed)` | makes a network, as [`init`](Network::init) does |
/// | `classifier *classifier_load(const char *path)` | reads weights; needs the feature `safetensors` |
/// | `int classifier_save(const classifier *net, const char *path)` | writes them |
/// | `int classifier_forward(net, x, y)` | computes one sample |
/// | `int classifier_forward_batch(net, x, y, n)` | computes `n` samples, on all threads |
/// | `void classifier_free(classifier *net)` | frees the network |
/// | `const char *classifier_error(void)` | says what went wrong last on this thread |
///
/// A function that fails returns `NULL` or -1, and leaves its outputs as they were or half-written.
/// A panic is such a failure, and does not leave the function. Threads may compute with the same
/// network at the same time. Errors are those of the thread.
///
/// The functions are `unsafe` code in the crate of the definition, as a program in C may call them
/// with anything; under `#![forbid(unsafe_code)]` they don't compile. The names are those of the
/// whole program, so that each is there once.
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     #[export_c]
///     pub struct Classifier: [28, 28, 1] -> [10] { Flatten, Linear<_, 10>, Softmax }
/// }
///
/// let header = Classifier::c_header();
/// assert!(header.contains("typedef float classifier_input[784];"));
/// ```
pub trait ExportC: Network {
    /// The beginning of the names in C.
    const PREFIX: &'static str;

    /// Returns the header: the types of inputs and outputs with their lengths, and the functions.
    ///
    /// Tensors are flat arrays in row-major order; several inputs or outputs lie one after the other.
    fn c_header() -> String {
        header::<Self>()
    }
}

fn header<N: ExportC>() -> String {
    let prefix = N::PREFIX;
    let guard = prefix.to_uppercase();
    let number = match size_of::<N::Element>() {
        4 => "float",
        _ => "double",
    };
    let mut header = String::new();
    let written = write!(
        header,
        "/* The network `{name}`, written by shapewright. */
#ifndef {guard}_H
#define {guard}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {{
#endif

/* {input} */
typedef {number} {prefix}_input[{input_len}];
/* {output} */
typedef {number} {prefix}_output[{output_len}];

/* A network with its {params} parameters. Threads may compute with it at the same time. */
typedef struct {prefix} {prefix};

/* Returns a network with random parameters, the same for the same seed; NULL after an error. */
{prefix} *{prefix}_init(uint64_t seed);

/* Returns a network with the weights of a safetensors file; NULL after an error. */
{prefix} *{prefix}_load(const char *path);

/* Writes the weights to a safetensors file. Returns 0; -1 after an error. */
int {prefix}_save(const {prefix} *net, const char *path);

/* Computes y of x. Returns 0; -1 after an error. */
int {prefix}_forward(const {prefix} *net, const {prefix}_input x, {prefix}_output y);

/* Computes n outputs of n inputs, which lie one after the other, on all threads. Returns 0; -1 after
   an error. */
int {prefix}_forward_batch(const {prefix} *net, const {number} *x, {number} *y, size_t n);

/* Frees a network; NULL is none. */
void {prefix}_free({prefix} *net);

/* Returns what went wrong last on this thread, until the next error; an empty text at first. */
const char *{prefix}_error(void);

#ifdef __cplusplus
}}
#endif

#endif
",
        name = N::NAME,
        input = <N::Input as Shape>::DIMS,
        input_len = <N::Input as Shape>::LEN,
        output = <N::Output as Shape>::DIMS,
        output_len = <N::Output as Shape>::LEN,
        params = N::PARAMS,
    );
    written.expect("a string takes any text");
    header
}

thread_local! {
    /// The last error.
    static ERROR: RefCell<CString> = RefCell::default();
}

/// Runs a function. If it fails or panics, keeps the sentence, and returns `failed`.
fn guarded<R>(failed: R, f: impl FnOnce() -> Result<R, String>) -> R {
    let result = catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(words(&*panic)));
    result.unwrap_or_else(|sentence| {
        // A text in C ends at its first zero.
        let sentence = CString::new(sentence.replace('\0', " ")).unwrap_or_default();
        ERROR.with(|error| error.replace(sentence));
        failed
    })
}

/// Returns the words of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|&words| words.to_owned());
    literal
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Returns what went wrong last on this thread.
pub fn error() -> *const c_char {
    ERROR.with(|error| error.borrow().as_ptr())
}

/// Returns a network with random parameters.
pub fn init<N: Network>(seed: u64) -> *mut N {
    guarded(ptr::null_mut(), || {
        Ok(Box::into_raw(N::init(&mut crate::rng(seed))))
    })
}

#[cfg(not(feature = "safetensors"))]
const NEEDS_SAFETENSORS: &str = "weight files need the feature `safetensors` of shapewright";

/// Returns a network with the weights of a file.
///
/// # Safety
/// The path is null or a text that ends with a zero.
pub unsafe fn load<N: Network>(path: *const c_char) -> *mut N {
    guarded(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let path = unsafe { text(path) }?;
        load_of(path).map(Box::into_raw)
    })
}

#[cfg(feature = "safetensors")]
fn load_of<N: Network>(path: &str) -> Result<Box<N>, String> {
    let loader = crate::weights::Loader::open(path).map_err(|error| error.to_string())?;
    loader.load().map_err(|error| error.to_string())
}

#[cfg(not(feature = "safetensors"))]
fn load_of<N: Network>(_: &str) -> Result<Box<N>, String> {
    Err(NEEDS_SAFETENSORS.to_owned())
}

/// Writes the weights of a network.
///
/// # Safety
/// The network is null or one of this type, and the path null or a text that ends with a zero.
pub unsafe fn save<N: Network>(net: *const N, path: *const c_char) -> c_int {
    guarded(-1, || {
        // SAFETY: as the caller promises.
        let (net, path) = unsafe { (network(net)?, text(path)?) };
        save_to(net, path).map(|()| 0)
    })
}

#[cfg(feature = "safetensors")]
fn save_to<N: Network>(net: &N, path: &str) -> Result<(), String> {
    crate::weights::SaveLoad::save(net, path).map_err(|error| error.to_string())
}

#[cfg(not(feature = "safetensors"))]
fn save_to<N: Network>(_: &N, _: &str) -> Result<(), String> {
    Err(NEEDS_SAFETENSORS.to_owned())
}

/// Computes one sample.
///
/// # Safety
/// As for [`forward_batch`] with one sample.
pub unsafe fn forward<N: Network>(
    net: *const N,
    x: *const N::Element,
    y: *mut N::Element,
) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { compute(net, x, y, 1) }
}

/// Computes some samples.
///
/// # Safety
/// The network is null or one of this type; `x` and `y` are null or have room for `n` samples, and
/// nobody else uses `y` meanwhile.
pub unsafe fn forward_batch<N: Network>(
    net: *const N,
    x: *const N::Element,
    y: *mut N::Element,
    n: usize,
) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { compute(net, x, y, n) }
}

/// Computes some samples; one of them without the threads.
///
/// # Safety
/// As for [`forward_batch`].
unsafe fn compute<N: Network>(
    net: *const N,
    x: *const N::Element,
    y: *mut N::Element,
    n: usize,
) -> c_int {
    guarded(-1, || {
        // SAFETY: as the caller promises.
        let net = unsafe { network(net) }?;
        if n == 0 {
            return Ok(0);
        }
        check("x", x, n, <N::Input as Shape>::LEN)?;
        check("y", y.cast_const(), n, <N::Output as Shape>::LEN)?;

        // SAFETY: neither is null, both are aligned, their sizes fit, and the caller promises the rest.
        let (x, y) = unsafe {
            (
                slice::from_raw_parts(x, n * <N::Input as Shape>::LEN),
                slice::from_raw_parts_mut(y, n * <N::Output as Shape>::LEN),
            )
        };
        let x: &[Tensor<N::Input, N::Element>] = tensors(x, n);
        let y: &mut [Tensor<N::Output, N::Element>] = tensors_mut(y, n);
        match (x, y) {
            ([x], [y]) => net.forward_into(x, y),
            (x, y) => net.forward_batch(x, y),
        }
        Ok(0)
    })
}

/// Refuses what is no array of `n` samples of `len` numbers.
fn check<T: Element>(name: &str, at: *const T, n: usize, len: usize) -> Result<(), String> {
    if at.is_null() {
        return Err(format!("`{name}` is NULL"));
    }
    if !at.is_aligned() {
        let bytes = align_of::<T>();
        return Err(format!(
            "`{name}` does not lie at a multiple of {bytes} bytes"
        ));
    }
    let bytes = n
        .checked_mul(len)
        .and_then(|n| n.checked_mul(size_of::<T>()));
    match bytes {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(format!(
            "`{name}` with {n} samples is larger than the memory"
        )),
    }
}

/// Frees a network.
///
/// # Safety
/// The network is null or comes from [`init`] or [`load`], and nobody uses it any more.
pub unsafe fn free<N: Network>(net: *mut N) {
    guarded((), || {
        if !net.is_null() {
            // SAFETY: as the caller promises, it was a box.
            drop(unsafe { Box::from_raw(net) });
        }
        Ok(())
    });
}

/// # Safety
/// The network is null or one of this type.
unsafe fn network<'a, N>(net: *const N) -> Result<&'a N, String> {
    // SAFETY: as the caller promises.
    unsafe { net.as_ref() }.ok_or_else(|| "`net` is NULL".to_owned())
}

/// # Safety
/// The text is null or ends with a zero.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, String> {
    if text.is_null() {
        return Err("`path` is NULL".to_owned());
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| "`path` is no UTF-8".to_owned())
}
