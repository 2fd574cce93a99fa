//! Forward passes for inference: one sample on the caller's stack, batches on the worker threads.

use core::slice;

use super::layer::{Compute, Context};
use super::network::Network;
use crate::denormals;
use crate::kept::{Kept, kept};
use crate::tensor::{Element, Tensor};
use crate::{memory, sizes, threads};

/// The largest number of samples that run together: the activations of that many stay in cache,
/// while large weights are still read once for many samples.
const CHUNK_SAMPLES: usize = 64;

/// Returns the number of parts into which cutting a batch pays.
fn parts(samples: usize, multiply_adds: usize) -> usize {
    threads::parts(sizes::product(&[samples, multiply_adds]))
        .min(samples)
        .max(1)
}

/// Runs one sample. A small scratch lies on the stack, where the optimizer turns it into registers.
#[inline(always)]
pub(super) fn one<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
) {
    if denormals::is_any_scope() {
        return one_of_batch(network, x, y);
    }

    let zero = <N::Element as num_traits::Zero>::zero();
    let len = <N as Compute<N::Input, N::Output, N::Element>>::SCRATCH;
    let x = slice::from_ref(x);
    let y = slice::from_mut(y);
    if len <= 32 {
        run(network, x, y, &mut [zero; 32][..len], 1);
    } else if len <= 1024 {
        run(network, x, y, &mut [zero; 1024][..len], 1);
    } else {
        with_scratch_of::<N>(1, |scratch| run(network, x, y, scratch, 1));
    }
}

/// Runs one sample as a batch, which gives the same bits and enters the scope of denormal numbers.
/// The smallest networks have no time for that.
#[cold]
#[inline(never)]
fn one_of_batch<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
) {
    batch(network, slice::from_ref(x), slice::from_mut(y));
}

/// Runs a batch: each thread has a part of it, and runs that chunk by chunk.
pub(super) fn batch<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
) {
    let batch = x.len();
    let per_part = batch.div_ceil(parts(batch, N::MACS)).max(1);

    threads::split_mut(y, per_part, &|part, y: &mut [_]| {
        let x = &x[part * per_part..][..y.len()];
        with_scratch_of::<N>(x.len().min(CHUNK_SAMPLES), |scratch| {
            let chunks = x.chunks(CHUNK_SAMPLES);
            for (x, y) in chunks.zip(y.chunks_mut(CHUNK_SAMPLES)) {
                run(network, x, y, scratch, batch);
            }
        });
    });
}

#[inline(always)]
fn run<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
    scratch: &mut [N::Element],
    batch: usize,
) {
    let cx = Context::new(N::Element::kernels(), 0, batch);
    <N as Compute<N::Input, N::Output, N::Element>>::forward(&(), network, x, y, scratch, &cx);
}

/// Calls `f` with the scratch memory that a network needs for `samples` samples.
fn with_scratch_of<N: Network>(samples: usize, f: impl FnOnce(&mut [N::Element])) {
    let len = <N as Compute<N::Input, N::Output, N::Element>>::SCRATCH;
    let what = || format!("inference of `{}` on a batch of {samples}", N::NAME);
    with_scratch(samples, len, what, f);
}

/// Calls `f` with scratch memory of this thread, `len` elements for each of `samples` samples.
///
/// The memory is kept for the next call, so that nothing is allocated once the largest network has
/// run. `what` says in an error what the memory is for.
///
/// # Panics
/// If there is not enough memory.
#[inline(always)]
pub(crate) fn with_scratch<T: Element>(
    samples: usize,
    len: usize,
    what: impl Fn() -> String,
    f: impl FnOnce(&mut [T]),
) {
    if len == 0 {
        return f(&mut []);
    }

    // The buffer is taken out for the time of the call, so that a layer may run another network.
    let mut buffer = T::scratch().take();
    match memory::reserve(&mut buffer, samples, len, what) {
        Ok(scratch) => f(scratch),
        Err(error) => panic!("{error}"),
    }
    T::scratch().set(buffer);
}

/// An element type with scratch memory for each thread.
#[doc(hidden)]
pub trait Scratch: crate::kernel_memory::KernelElement {
    /// Returns the place of this thread's scratch memory.
    #[doc(hidden)]
    fn scratch() -> &'static Kept<Self>;
}

macro_rules! scratch {
    ($($t:ty),*) => { $(
        impl Scratch for $t {
            fn scratch() -> &'static Kept<$t> {
                kept! {
                    static SCRATCH: $t;
                }
                &SCRATCH
            }
        }
    )* };
}
scratch!(f32, f64);

/// A value that a network takes as input: a tensor of the declared shape. For any other value the
/// compile error says so in a sentence.
#[diagnostic::on_unimplemented(
    message = "`{N}` takes `{Expected}`, but this is `{Self}`",
    label = "not what `{N}` takes",
    note = "the shape is declared where `{N}` is defined: give it a tensor of that shape, or \
            change the declaration"
)]
pub trait InputOf<Expected, N> {
    #[doc(hidden)]
    fn expected(&self) -> &Expected;
    #[doc(hidden)]
    fn expected_batch(batch: &[Self]) -> &[Expected]
    where
        Self: Sized;
}

impl<Expected, N> InputOf<Expected, N> for Expected {
    #[inline(always)]
    fn expected(&self) -> &Expected {
        self
    }
    #[inline(always)]
    fn expected_batch(batch: &[Self]) -> &[Expected] {
        batch
    }
}

/// A tensor that can receive the output of a network. For any other type the compile error says so
/// in a sentence.
#[diagnostic::on_unimplemented(
    message = "`{N}` gives `{Expected}`, but the outputs are to be written to `{Self}`",
    label = "not what `{N}` gives",
    note = "the shape is declared where `{N}` is defined"
)]
pub trait OutputOf<Expected, N>: Sized {
    #[doc(hidden)]
    fn expected_mut(batch: &mut [Self]) -> &mut [Expected];
}

impl<Expected, N> OutputOf<Expected, N> for Expected {
    #[inline(always)]
    fn expected_mut(batch: &mut [Self]) -> &mut [Expected] {
        batch
    }
}

/// The tensor of a network's input.
pub(super) type In<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
/// The tensor of a network's output.
pub(super) type Out<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;
