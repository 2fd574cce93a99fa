//! Forward passes for inference: one sample on the caller's stack, batches over the worker threads.

use super::layer::{Compute, Context};
use super::network::Network;
use crate::denormals;
use crate::kernels::{AlignedBuffer, Kept, kept};
use crate::tensor::{Element, Tensor};
use crate::{memory, sizes, threads};

/// A batch is run in pieces of at most this many samples, so that a piece's activations stay in
/// cache while large weights are still read for many samples at once.
const PIECE: usize = 64;

/// How many parts a batch is worth.
pub(super) fn parts(samples: usize, multiply_adds: usize) -> usize {
    threads::parts(sizes::product(&[samples, multiply_adds]))
        .min(samples)
        .max(1)
}

/// One sample. A small scratch is on the stack, where the optimizer turns it into registers.
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
    if len <= 32 {
        run(
            network,
            std::slice::from_ref(x),
            std::slice::from_mut(y),
            &mut [zero; 32][..len],
            1,
        );
    } else if len <= 1024 {
        run(
            network,
            std::slice::from_ref(x),
            std::slice::from_mut(y),
            &mut [zero; 1024][..len],
            1,
        );
    } else {
        with_scratch_of::<N>(1, |scratch| {
            run(
                network,
                std::slice::from_ref(x),
                std::slice::from_mut(y),
                scratch,
                1,
            );
        });
    }
}

/// The same bits, computed as a batch, which looks for a scope itself: the smallest networks have
/// no time for that.
#[cold]
#[inline(never)]
fn one_of_batch<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
) {
    batch(network, std::slice::from_ref(x), std::slice::from_mut(y));
}

/// A batch, cut over the threads and there into pieces.
pub(super) fn batch<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
) {
    let batch = x.len();
    let per_part = batch.div_ceil(parts(batch, N::MACS)).max(1);
    threads::split_mut(y, per_part, &|part, y: &mut [_]| {
        let x = &x[part * per_part..][..y.len()];
        with_scratch_of::<N>(x.len().min(PIECE), |scratch| {
            for (x, y) in x.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
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

/// Calls with the scratch memory that a network needs for some samples.
fn with_scratch_of<N: Network>(samples: usize, f: impl FnOnce(&mut [N::Element])) {
    let len = <N as Compute<N::Input, N::Output, N::Element>>::SCRATCH;
    with_scratch(
        samples,
        len,
        || format!("inference of `{}` on a batch of {samples}", N::NAME),
        f,
    );
}

/// Calls with memory of this thread, `len` numbers for each of some samples, that is kept for the
/// next call: nothing is allocated once the largest network has run.
///
/// # Panics
/// If there is no memory for it.
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
    // Taken out of its place for the time of the call, so that a layer may run another network.
    let mut buffer = T::scratch().take();
    match memory::reserve(&mut buffer, samples, len, what) {
        Ok(scratch) => f(scratch),
        Err(error) => panic!("{error}"),
    }
    T::scratch().set(buffer);
}

/// Where an element type keeps each thread's scratch.
#[doc(hidden)]
pub trait Scratch: Sized + 'static {
    #[doc(hidden)]
    fn scratch() -> &'static Kept<AlignedBuffer<Self>>;
}

macro_rules! scratch {
    ($($t:ty),*) => { $(
        impl Scratch for $t {
            fn scratch() -> &'static Kept<AlignedBuffer<$t>> {
                kept! {
                    static SCRATCH: AlignedBuffer<$t> = AlignedBuffer::new();
                }
                &SCRATCH
            }
        }
    )* };
}
scratch!(f32, f64);

/// Whether a value is what a network takes; says so in a sentence if it is not.
#[diagnostic::on_unimplemented(
    message = "`{N}` takes `{Expected}`, but this is `{Self}`",
    label = "not what `{N}` takes",
    note = "the shape is declared where `{N}` is defined: give it a tensor of that shape, or change the \
            declaration"
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

/// Whether tensors can receive a network's outputs; says so in a sentence if they can't.
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

/// The tensor that a shape and an element make: `Tensor<In, T>`, for bounds.
pub(super) type In<N> = Tensor<<N as Network>::Input, <N as Network>::Element>;
/// The tensor of a network's output.
pub(super) type Out<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;
