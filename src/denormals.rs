//! A scope in which network calls flush denormal numbers, by a mode of the processor.
//!
//! The scope marks its thread. Calls of the library on a marked thread, and the parts of them that
//! workers run, set the mode around their arithmetic and then put back what was there. What the
//! program does between them runs as ever.

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Whether calls on this thread set the mode.
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// How many scopes there are in the process: calls look at their thread only if there is one.
static SCOPES: AtomicUsize = AtomicUsize::new(0);

/// Calls `f` with network calls in which denormal numbers count as 0.
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
/// # What it does
/// - Forward passes, training passes with their losses, optimizer steps, weight averages and
///   products of matrices on this thread run with the processor's modes flush-to-zero and
///   denormals-are-zero (`MXCSR` on x86, `FPCR` on AArch64): a denormal operand counts as 0, and a
///   denormal result becomes 0. Layers and losses of your own run in it as well. On other
///   processors, and under Miri, it does nothing but call `f`.
/// - Workers follow: the results are the same bits at every number of threads. So do the trials of
///   a [search](crate::search) that is run within `f`.
/// - Each call puts the mode back that it found, also if it panics. All else in `f`, and every
///   other thread of the program, runs in the mode that it had. A thread that is started in `f` is
///   not in the scope. Scopes can be nested.
///
/// # What is not promised
/// Rust assumes that the mode is never changed. Within the calls named above, the compiler may thus
/// compute a number when it compiles, or in another way than written, and keep it denormal: that
/// denormal numbers are flushed is promised for speed, not for each of them, and none of the
/// library's memory accesses depends on it. Results that are normal, and of operands that are, are
/// the same as outside. A layer or a loss of your own whose `unsafe` code depends on whether a
/// denormal number equals 0 must not be called within.
pub fn with_flushed_denormals<R>(f: impl FnOnce() -> R) -> R {
    marked(true, f)
}

/// Whether this thread is in a scope.
pub(crate) fn is_marked() -> bool {
    MARKED.get()
}

/// Whether a thread of the process is in a scope.
#[inline(always)]
pub(crate) fn is_any_scope() -> bool {
    SCOPES.load(Ordering::Relaxed) != 0
}

/// Computes as outside of a scope on this thread from now on: a new thread begins in the mode of
/// the thread that made it, and workers are made where they are first needed, which may be within a
/// scope.
pub(crate) fn drop_inherited_mode() {
    processor::set_word(processor::word() & !processor::FLUSH);
}

/// Calls on a worker as its caller is in a scope or not: no worker is in one of its own.
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

/// Calls as in a scope, or as outside of all.
pub(crate) fn marked<R>(mark: bool, f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            MARKED.set(self.0);
            SCOPES.fetch_sub(1, Ordering::Relaxed);
        }
    }
    // Only this thread's own scopes matter to its calls, so that no order with other threads is
    // needed.
    SCOPES.fetch_add(1, Ordering::Relaxed);
    let _before = Before(MARKED.replace(mark));
    f()
}

/// The processor's mode is changed until this is dropped, on the thread where it was made.
#[must_use]
pub(crate) struct FloatMode {
    before: Option<processor::Word>,
    here: PhantomData<*const ()>,
}

impl FloatMode {
    const UNCHANGED: FloatMode = FloatMode {
        before: None,
        here: PhantomData,
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

    /// Computes as outside of a scope: what a thread does for others while it waits depends on
    /// chance.
    pub(crate) fn of_others() -> FloatMode {
        if MARKED.get() {
            FloatMode::change(false)
        } else {
            FloatMode::UNCHANGED
        }
    }

    #[cold]
    #[inline(never)]
    fn in_scope() -> FloatMode {
        if MARKED.get() {
            FloatMode::change(true)
        } else {
            FloatMode::UNCHANGED
        }
    }

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
            here: PhantomData,
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
/// Neither function is inlined, and the compiler takes both for changing any memory: loads and
/// stores, and with them the arithmetic on what was loaded, stay on their side.
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
        // SAFETY: it writes four bytes at the pointer, which are a variable's.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
        word
    }

    #[inline(never)]
    pub(super) fn set_word(word: Word) {
        // SAFETY: it reads four bytes at the pointer. The word is one that the processor gave, but
        // for the two bits, so that no exception is unmasked and no rounding changed. The
        // code that runs until it is set back takes denormal numbers for 0, and no memory
        // access of it depends on one.
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
        // SAFETY: reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nostack, preserves_flags)) };
        word
    }

    #[inline(never)]
    pub(super) fn set_word(word: Word) {
        // SAFETY: the word is one that the processor gave, but for one bit; else as above.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack)) };
    }
}

/// A processor without such a mode, or one of which nothing is known here.
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
