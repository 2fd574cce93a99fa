//! Forward passes for inference.

#[cfg(feature = "std")]
#[path = "inference/with_std.rs"]
mod memory;
#[cfg(not(feature = "std"))]
#[path = "inference/without_std.rs"]
mod memory;

#[cfg(feature = "std")]
pub(super) use memory::workspace_bytes;
#[cfg(all(test, not(feature = "std")))]
mod zoo;

pub(super) use memory::{batch, one};

use core::slice;

use super::call::Forward;
use super::context::Context;
use super::infer::Infer;
use super::inference_workspace::InferenceWorkspace;
use super::needs::Needs;
use super::network::Network;
use crate::denormals;
use crate::memory::{Scratch, StateMemory, ThreadMemory};
use crate::tensor::{Element, Tensor};

/// The needs of a network.
const fn needs_of<N: Network>() -> Needs {
    <N as Infer<N::Input, N::Output, N::Element>>::NEEDS
}

/// Runs one sample in the caller's memory, on the calling thread.
#[inline(always)]
pub(super) fn one_with<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut [u8]>,
    workspace: &mut InferenceWorkspace<N>,
) {
    let _mode = denormals::FloatMode::of_scope();
    let cx = Context::new(N::Element::kernels(), 0, 1).of_part(0, true);
    let threads = const { needs_of::<N>().per_thread };
    let memory = Memory {
        bytes: workspace.bytes_mut(),
        threads,
        per_thread: threads,
    };
    let x = slice::from_ref(x);
    run(network, x, slice::from_mut(y), memory, state, &cx);
}

/// The memory of some samples: first that of all threads, then that of the samples.
struct Memory<'a> {
    bytes: &'a mut [u8],
    /// The number of bytes of all threads.
    threads: usize,
    /// The number of bytes of one thread.
    per_thread: usize,
}

#[cfg(feature = "std")]
impl<'a> Memory<'a> {
    /// Returns memory for samples alone.
    #[inline(always)]
    fn of_samples(bytes: &'a mut [u8]) -> Self {
        Memory {
            bytes,
            threads: 0,
            per_thread: 0,
        }
    }

    /// Returns the same memory for a shorter time.
    fn reborrow(&mut self) -> Memory<'_> {
        Memory {
            bytes: self.bytes,
            ..*self
        }
    }
}

/// Runs some samples.
#[inline(always)]
fn run<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
    memory: Memory<'_>,
    state: Option<&mut [u8]>,
    cx: &Context<N::Element>,
) {
    let (threads, samples) = memory.bytes.split_at_mut(memory.threads);
    let cx = cx.in_stream(N::IS_STREAM);

    <N as Infer<N::Input, N::Output, N::Element>>::forward(Forward {
        config: &(),
        params: network,
        scratch: Scratch::new(samples, x.len()),
        x,
        y,
        thread_memory: ThreadMemory::new(threads, memory.per_thread),
        state: state.map(StateMemory::new),
        cx: &cx,
    });
}

/// A value that a network takes as input: a tensor of the declared shape. For any other value the
/// compile error says so in a sentence.
#[diagnostic::on_unimplemented(
    message = "`{N}` takes `{Expected}`, but this is `{Self}`",
    label = "not what `{N}` takes",
    note = "the shape is declared where `{N}` is defined: give it a tensor of that shape, or \
            change the declaration",
    note = "`Tensor1::from_slice(&values)` makes a tensor of a slice or a `Vec`, `Tensor1::from` of \
            an array; `forward_batch` takes a slice of tensors, and functions of inputs and \
            targets take the inputs first"
)]
pub trait InputOf<Expected, N> {
    /// The type `T` itself. Functions that take inputs and targets name it in this form in their
    /// bounds on targets: the compiler looks at these only if the inputs fit, so that it reports
    /// two swapped arguments once.
    #[doc(hidden)]
    type Then<T>;

    #[doc(hidden)]
    fn expected(&self) -> &Expected;
    #[doc(hidden)]
    fn expected_batch(batch: &[Self]) -> &[Expected]
    where
        Self: Sized;
    #[doc(hidden)]
    fn then<T>(targets: &[Self::Then<T>]) -> &[T];
}

impl<Expected, N> InputOf<Expected, N> for Expected {
    type Then<T> = T;

    #[inline(always)]
    fn expected(&self) -> &Expected {
        self
    }
    #[inline(always)]
    fn expected_batch(batch: &[Self]) -> &[Expected] {
        batch
    }
    #[inline(always)]
    fn then<T>(targets: &[T]) -> &[T] {
        targets
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
