//! A scope in which network calls flush denormal numbers, by a mode of the processor.
//!
//! The scope marks its thread. Calls of the library on a marked thread, and the parts of them that
//! workers run, set the mode around their arithmetic and then restore the previous one. The rest of
//! the program runs in its own mode.

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// True if calls on this thread set the mode.
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// The number of scopes in the process: calls look at their thread only if there is one.
static SCOPES: AtomicUsize = AtomicUsize::new(0);

/// Calls `f`, and treats denormal numbers as 0 in all network calls within it.
///
/// Denormal numbers are those between 0 and the smallest normal one, 1.2e-38 in `f32` and 2.2e-308
/// in `f64`. Arithmetic on them takes up to 100 times as long.
///
/// Outside of such a scope, these become 0 where they would be denormal: outputs of activations,
/// gradients that pass through activations, gradients of losses, and the states and parameters that
/// optimizers update. These do not: products within dense layers and convolutions, forward and
/// backward. Where weights decay through 1e-18 to 1e-33, their products with small numbers are
/// denormal, and some steps of a training take 15 to 40 times as long. Then train in the scope:
/// `with_flushed_denormals(|| trainer.fit(..))`.
///
/// Weights can also be denormal in a file, and inputs in a recording: after a note has ended,
/// filters and recurrent layers outside of this crate ring on with ever smaller numbers, as every
/// audio programmer knows. A real-time callback calls its network like this:
///
/// ```
/// use shapewright::{prelude::*, with_flushed_denormals};
/// network! { struct Amp: [2] -> [1] { fc: Linear<_, 4>, Tanh, head: Linear<_, 1> } }
///
/// let amp = Amp::init(&mut shapewright::rng(0));
/// let silence = [Tensor1::from([1e-40, -1e-41]); 64];
/// let mut out = [Tensor1::zeros(); 64];
/// with_flushed_denormals(|| amp.forward_batch(&silence, &mut out));
/// ```
///
/// # Effects
/// - Forward passes, training passes with their losses, optimizer steps, weight averages and
///   products of matrices on this thread run with the processor's modes flush-to-zero and
///   denormals-are-zero (`MXCSR` on x86, `FPCR` on AArch64): a denormal operand counts as 0, and a
///   denormal result becomes 0. Layers and losses of your own run in it as well. On other
///   processors, and under Miri, it does nothing but call `f`.
/// - Workers run in the mode of their caller: results are bit-identical at every number of threads.
///   So do the trials of a [search](crate::search) that is run within `f`.
/// - Each call restores the mode that it found, also if it panics. All other code in `f`, and every
///   other thread of the program, keeps its mode. A thread that is started in `f` is not in the
///   scope. Scopes can be nested.
///
/// # Limits of the guarantee
/// Rust assumes that the mode never changes. Within the calls named above, the compiler may
/// therefore evaluate an expression at compile time, or in another way than written, and keep a
/// denormal result. The scope is for speed: it does not guarantee that every denormal number is
/// flushed, and none of the library's memory accesses depends on it. Normal results of normal
/// operands are the same as outside. A layer or a loss of your own must not be called within a
/// scope if its `unsafe` code depends on whether a denormal number equals 0.
pub fn with_flushed_denormals<R>(f: impl FnOnce() -> R) -> R {
    marked(true, f)
}

/// Returns whether this thread is in a scope.
pub(crate) fn is_marked() -> bool {
    MARKED.get()
}

/// Returns whether any thread of the process is in a scope.
#[inline(always)]
pub(crate) fn is_any_scope() -> bool {
    SCOPES.load(Ordering::Relaxed) != 0
}

/// Leaves the inherited mode: from now on, this thread computes as outside of a scope.
///
/// A new thread begins in the mode of the thread that spawned it, and workers are spawned where
/// they are first needed, which may be within a scope.
pub(crate) fn drop_inherited_mode() {
    processor::set_word(processor::word() & !processor::FLUSH);
}

/// Calls `f` on a worker, in a scope if the worker's caller is in one: a worker has no scope of its
/// own.
#[inline]
pub(crate) fn follow<R>(is_marked: bool, f: impl FnOnce() -> R) -> R {
    if !is_marked {
        return f();
    }
    with_flushed_denormals(|| {
        let _mode = FloatMode::of_scope();
        f()
    })
}

/// Calls `f` as in a scope, or as outside of all scopes.
pub(crate) fn marked<R>(mark: bool, f: impl FnOnce() -> R) -> R {
    /// Restores the mark, also after a panic.
    struct Before(bool);

    impl Drop for Before {
        fn drop(&mut self) {
            MARKED.set(self.0);
            SCOPES.fetch_sub(1, Ordering::Relaxed);
        }
    }

    // Only this thread's own scopes matter to its calls, so that no ordering with other threads is
    // needed.
    SCOPES.fetch_add(1, Ordering::Relaxed);
    let _before = Before(MARKED.replace(mark));
    f()
}

/// A guard of the processor's mode, which it restores when it is dropped, on the thread where it
/// was made.
#[must_use]
pub(crate) struct FloatMode {
    before: Option<processor::Word>,
    not_send: PhantomData<*const ()>,
}

impl FloatMode {
    const UNCHANGED: FloatMode = FloatMode {
        before: None,
        not_send: PhantomData,
    };

    /// Flushes denormal numbers if this thread is in a scope.
    #[inline(always)]
    pub(crate) fn of_scope() -> FloatMode {
        if is_any_scope() {
            FloatMode::in_scope()
        } else {
            FloatMode::UNCHANGED
        }
    }

    /// Computes as outside of a scope, for work that an idle thread does for others: which thread
    /// does it depends on chance.
    pub(crate) fn of_others() -> FloatMode {
        if MARKED.get() {
            FloatMode::change(false)
        } else {
            FloatMode::UNCHANGED
        }
    }

    /// Like [`FloatMode::of_scope`], for a process with scopes.
    #[cold]
    #[inline(never)]
    fn in_scope() -> FloatMode {
        if MARKED.get() {
            FloatMode::change(true)
        } else {
            FloatMode::UNCHANGED
        }
    }

    /// Sets or clears the flushing bits.
    fn change(flushes: bool) -> FloatMode {
        let before = processor::word();
        let after = if flushes {
            before | processor::FLUSH
        } else {
            before & !processor::FLUSH
        };
        if after == before {
            return FloatMode::UNCHANGED;
        }

        processor::set_word(after);
        FloatMode {
            before: Some(before),
            not_send: PhantomData,
        }
    }
}

impl Drop for FloatMode {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(before) = self.before {
            processor::set_word(before);
        }
    }
}

/// The control word of floating-point arithmetic.
///
/// Neither function is inlined, and the compiler assumes that both change any memory: no load or
/// store, nor the arithmetic on loaded numbers, moves across their calls.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod processor {
    use core::arch::asm;

    /// `MXCSR`.
    pub(super) type Word = u32;
    /// Flush-to-zero, bit 15, and denormals-are-zero, bit 6, which every x86-64 processor has.
    pub(super) const FLUSH: Word = 1 << 15 | 1 << 6;

    #[inline(never)]
    pub(super) fn word() -> Word {
        let mut word: Word = 0;
        // SAFETY: it writes the four bytes of the variable at the pointer.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
        word
    }

    #[inline(never)]
    pub(super) fn set_word(word: Word) {
        // SAFETY: it reads the four bytes of the variable at the pointer. Except for the two bits,
        // the word is one that was read from the processor, so that no exception is unmasked and
        // the rounding is unchanged. The code that runs until the word is restored takes denormal
        // numbers for 0, and none of its memory accesses depends on one.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &word, options(nostack)) };
    }
}

/// The control word of floating-point arithmetic, as above.
#[cfg(all(target_arch = "aarch64", not(miri)))]
mod processor {
    use core::arch::asm;

    /// `FPCR`.
    pub(super) type Word = u64;
    /// Flush-to-zero of operands and results, bit 24.
    pub(super) const FLUSH: Word = 1 << 24;

    #[inline(never)]
    pub(super) fn word() -> Word {
        let word: Word;
        // SAFETY: it reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nostack, preserves_flags)) };
        word
    }

    #[inline(never)]
    pub(super) fn set_word(word: Word) {
        // SAFETY: except for one bit, the word is one that was read from the processor; the rest is
        // as for x86-64.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack)) };
    }
}

/// A processor without such a mode, or one that this crate does not know.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod processor {
    pub(super) type Word = u8;
    pub(super) const FLUSH: Word = 0;

    pub(super) fn word() -> Word {
        0
    }

    pub(super) fn set_word(_: Word) {}
}

#[cfg(test)]
mod tests;
