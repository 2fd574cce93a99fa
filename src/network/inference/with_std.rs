//! One sample on the caller's stack or in memory of its thread, batches on the worker threads.

use core::slice;

use super::{Memory, needs_of, run};
use crate::kept::kept;
use crate::network::context::Context;
use crate::network::needs::Needs;
use crate::network::network::Network;
use crate::tensor::{Element, Tensor};
use crate::{denormals, memory, sizes, threads};

/// The largest number of samples that run together: the activations of that many stay in cache,
/// while large weights are still read once for many samples.
const CHUNK_SAMPLES: usize = 64;

/// Returns the number of parts into which cutting a batch pays.
fn parts(samples: usize, multiply_adds: usize) -> usize {
    threads::parts(sizes::product(&[samples, multiply_adds]))
        .min(samples)
        .max(1)
}

/// Returns the context of a batch, whose layers may cut their work into `shares` parts.
#[inline(always)]
fn context<N: Network>(batch: usize, shares: usize) -> Context<'static, N::Element> {
    Context::new(N::Element::kernels(), 0, batch).with_most_parts(shares)
}

/// Memory on the stack.
#[repr(align(64))]
struct Stack<const BYTES: usize>([u8; BYTES]);

/// Runs one sample. A small scratch lies on the stack, where the optimizer turns it into registers.
#[inline(always)]
pub(in crate::network) fn one<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut [u8]>,
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
        let mut stack = Stack([0; 256]);
        let memory = Memory::of_samples(&mut stack.0);
        run(network, x, y, memory, state, &context::<N>(1, usize::MAX));
    } else if per_thread == 0 && per_sample <= 4096 {
        let mut stack = Stack([0; 4096]);
        let memory = Memory::of_samples(&mut stack.0);
        run(network, x, y, memory, state, &context::<N>(1, usize::MAX));
    } else {
        one_in_memory(network, x, y, state);
    }
}

/// Runs one sample in memory of this thread.
fn one_in_memory<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
    state: Option<&mut [u8]>,
) {
    let shares = threads::parts(N::MACS);
    let per_thread = const { needs_of::<N>().per_thread };
    with_memory_of::<N>(1, shares, per_thread, |memory| {
        run(network, x, y, memory, state, &context::<N>(1, shares));
    });
}

/// Runs one sample in the scope of flushed denormal numbers, which gives the same bits. The smallest
/// networks have no time for that.
#[cold]
#[inline(never)]
fn one_of_batch<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut [u8]>,
) {
    let _mode = denormals::FloatMode::of_scope();
    one_in_memory(network, slice::from_ref(x), slice::from_mut(y), state);
}

/// Runs a batch: each thread has a part of it, and runs that chunk by chunk.
pub(in crate::network) fn batch<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
) {
    let batch = x.len();
    let per_part = batch.div_ceil(parts(batch, N::MACS)).max(1);
    let needs = const { needs_of::<N>() };
    // Only the layers of a single sample share their work.
    let (shares, per_thread) = if batch == 1 {
        (threads::parts(N::MACS), needs.per_thread)
    } else {
        (1, needs.per_thread_of_batch)
    };

    let cx = context::<N>(batch, shares);
    threads::split_mut(y, per_part, &|part, y: &mut [_]| {
        let x = &x[part * per_part..][..y.len()];
        let samples = x.len().min(CHUNK_SAMPLES);
        with_memory_of::<N>(samples, shares, per_thread, |mut memory| {
            let chunks = x.chunks(CHUNK_SAMPLES);
            for (x, y) in chunks.zip(y.chunks_mut(CHUNK_SAMPLES)) {
                run(network, x, y, memory.reborrow(), None, &cx);
            }
        });
    });
}

/// Calls `f` with the memory that a network needs for `samples` samples and `shares` parts of work
/// with `per_thread` bytes each.
fn with_memory_of<N: Network>(
    samples: usize,
    shares: usize,
    per_thread: usize,
    f: impl FnOnce(Memory<'_>),
) {
    let per_sample = const { needs_of::<N>().per_sample };
    let threads = sizes::product(&[shares, per_thread]);
    let what = || format!("inference of `{}` on a batch of {samples}", N::NAME);
    with_memory(samples, per_sample, threads, what, |memory| {
        f(Memory {
            bytes: memory,
            threads,
            per_thread,
        });
    });
}

/// Returns the number of bytes that inference of a batch needs on this number of threads.
pub(in crate::network) fn workspace_bytes<N: Network>(batch: usize, threads: usize) -> usize {
    let Needs {
        per_sample,
        per_thread,
        per_thread_of_batch,
        ..
    } = const { needs_of::<N>() };
    // Each thread has a part of the batch, or of the work on a single sample.
    let workers = threads.min(batch);
    let samples = batch.div_ceil(workers.max(1)).min(CHUNK_SAMPLES);
    let (shares, per_thread) = if batch == 1 {
        (threads, per_thread)
    } else {
        (workers, per_thread_of_batch)
    };
    sizes::sum(&[
        sizes::product(&[workers, samples, per_sample]),
        sizes::product(&[shares, per_thread]),
    ])
}

/// Calls `f` with memory of this thread: `each` bytes for each of `samples` samples, and `more`
/// bytes.
///
/// The memory is kept for the next call, so that nothing is allocated once the largest network has
/// run. `what` names the purpose of the memory in errors.
///
/// # Panics
/// Panics if there is not enough memory.
#[inline(always)]
fn with_memory(
    samples: usize,
    each: usize,
    more: usize,
    what: impl Fn() -> String,
    f: impl FnOnce(&mut [u8]),
) {
    kept! {
        static MEMORY: u8;
    }

    // The buffer is taken out for the time of the call, so that a layer may run another network.
    let mut buffer = MEMORY.take();
    match memory::reserve_with(&mut buffer, samples, each, more, what) {
        Ok(memory) => f(memory),
        Err(error) => panic!("{error}"),
    }
    MEMORY.set(buffer);
}
