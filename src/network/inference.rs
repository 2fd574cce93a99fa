//! Forward passes for inference: one sample on the caller's stack, batches on the worker threads.

use core::slice;

use super::call::Forward;
use super::call_memory::{Scratch, StateMemory, ThreadMemory};
use super::context::Context;
use super::infer::Infer;
use super::needs::Needs;
use super::network::Network;
use super::state::State;
use crate::denormals;
use crate::kernels::{AlignedBuffer, kept};
use crate::tensor::{Element, Tensor};
use crate::{memory, sizes, threads};

/// The largest number of samples that run together: the activations of that many stay in cache,
/// while large weights are still read once for many samples.
const CHUNK_SAMPLES: usize = 64;

/// The needs of a network.
const fn needs_of<N: Network>() -> Needs {
    <N as Infer<N::Input, N::Output, N::Element>>::NEEDS
}

/// Returns the number of parts into which cutting a batch pays.
fn parts(samples: usize, multiply_adds: usize) -> usize {
    threads::parts(sizes::product(&[samples, multiply_adds]))
        .min(samples)
        .max(1)
}

/// Memory on the stack.
#[repr(align(64))]
struct Stack<const BYTES: usize>([u8; BYTES]);

/// Runs one sample. A small scratch lies on the stack, where the optimizer turns it into registers.
#[inline(always)]
pub(super) fn one<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut State<N>>,
) {
    if denormals::is_any_scope() {
        return one_of_batch(network, x, y, state);
    }

    let Needs {
        per_sample,
        per_thread,
        ..
    } = const { needs_of::<N>() };
    let x = slice::from_ref(x);
    let y = slice::from_mut(y);
    if per_thread == 0 && per_sample <= 256 {
        run(network, x, y, &mut Stack([0; 256]).0, 0, state, 1);
    } else if per_thread == 0 && per_sample <= 4096 {
        run(network, x, y, &mut Stack([0; 4096]).0, 0, state, 1);
    } else {
        let shares = threads::parts(N::MACS);
        with_memory_of::<N>(1, shares, |memory, threads| {
            run(network, x, y, memory, threads, state, 1);
        });
    }
}

/// Runs one sample in the scope of flushed denormal numbers, which gives the same bits. The smallest
/// networks have no time for that.
#[cold]
#[inline(never)]
fn one_of_batch<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut State<N>>,
) {
    let _mode = denormals::FloatMode::of_scope();
    let shares = threads::parts(N::MACS);
    with_memory_of::<N>(1, shares, |memory, threads| {
        let x = slice::from_ref(x);
        run(network, x, slice::from_mut(y), memory, threads, state, 1);
    });
}

/// Runs a batch: each thread has a part of it, and runs that chunk by chunk.
pub(super) fn batch<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
) {
    let batch = x.len();
    let per_part = batch.div_ceil(parts(batch, N::MACS)).max(1);
    // Only the layers of a single sample share their work.
    let shares = if batch == 1 {
        threads::parts(N::MACS)
    } else {
        1
    };

    threads::split_mut(y, per_part, &|part, y: &mut [_]| {
        let x = &x[part * per_part..][..y.len()];
        with_memory_of::<N>(x.len().min(CHUNK_SAMPLES), shares, |memory, threads| {
            let chunks = x.chunks(CHUNK_SAMPLES);
            for (x, y) in chunks.zip(y.chunks_mut(CHUNK_SAMPLES)) {
                run(network, x, y, memory, threads, None, batch);
            }
        });
    });
}

/// Runs some samples. `memory` begins with `threads` bytes for all threads; those for all samples
/// follow.
#[inline(always)]
fn run<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
    memory: &mut [u8],
    threads: usize,
    state: Option<&mut State<N>>,
    batch: usize,
) {
    let (threads, samples) = memory.split_at_mut(threads);
    let per_thread = const { needs_of::<N>().per_thread };
    // Without memory for threads there is no limit.
    let most_parts = threads.len().checked_div(per_thread).unwrap_or(usize::MAX);
    <N as Infer<N::Input, N::Output, N::Element>>::forward(Forward {
        config: &(),
        params: network,
        scratch: Scratch::new(samples, x.len()),
        x,
        y,
        thread_memory: ThreadMemory::new(threads, per_thread),
        state: state.map(|state| StateMemory::new(state.bytes_mut())),
        cx: &Context::new(N::Element::kernels(), 0, batch, most_parts),
    });
}

/// Calls `f` with the memory that a network needs for `samples` samples and `shares` parts of work,
/// and with the number of bytes for the parts, which come first.
fn with_memory_of<N: Network>(samples: usize, shares: usize, f: impl FnOnce(&mut [u8], usize)) {
    let Needs {
        per_sample,
        per_thread,
        ..
    } = const { needs_of::<N>() };
    let threads = sizes::product(&[shares, per_thread]);
    let what = || format!("inference of `{}` on a batch of {samples}", N::NAME);
    with_memory(samples, per_sample, threads, what, |memory| {
        f(memory, threads);
    });
}

/// Returns the number of bytes that inference of a batch needs on this number of threads.
pub(super) fn workspace_bytes<N: Network>(batch: usize, threads: usize) -> usize {
    let Needs {
        per_sample,
        per_thread,
        ..
    } = const { needs_of::<N>() };
    // Each thread has a part of the batch, or of the work on a single sample.
    let workers = threads.min(batch);
    let samples = batch.div_ceil(workers.max(1)).min(CHUNK_SAMPLES);
    let shares = if batch == 1 { threads } else { workers };
    sizes::sum(&[
        sizes::product(&[workers, samples, per_sample]),
        sizes::product(&[shares, per_thread]),
    ])
}

/// Calls `f` with memory of this thread: `each` bytes for each of `samples` samples, and `more`
/// bytes.
///
/// The memory is kept for the next call, so that nothing is allocated once the largest network has
/// run. `what` says in an error what the memory is for.
///
/// # Panics
/// If there is not enough memory.
#[inline(always)]
fn with_memory(
    samples: usize,
    each: usize,
    more: usize,
    what: impl Fn() -> String,
    f: impl FnOnce(&mut [u8]),
) {
    kept! {
        static MEMORY: AlignedBuffer<u8> = AlignedBuffer::new();
    }

    // The buffer is taken out for the time of the call, so that a layer may run another network.
    let mut buffer = MEMORY.take();
    match memory::reserve_with(&mut buffer, samples, each, more, what) {
        Ok(memory) => f(memory),
        Err(error) => panic!("{error}"),
    }
    MEMORY.set(buffer);
}

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
