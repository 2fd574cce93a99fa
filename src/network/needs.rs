//! The memory that a layer asks for.

use crate::memory::{line_bytes, sample_bytes};
use crate::sizes;
use crate::tensor::Number;

/// The memory that a layer asks for, in bytes, by how long it lives and for whom.
///
/// The constant is made from lengths and number types, which each layer chooses for itself:
///
/// ```
/// use shapewright::ext::Needs;
/// // For each sample 10 numbers and 10 flags; for each thread 100 numbers; between calls 3 numbers.
/// const NEEDS: Needs = Needs::NONE
///     .per_sample::<f32>(10)
///     .per_sample::<u8>(10)
///     .per_thread::<f32>(100)
///     .state::<f64>(3);
/// assert_eq!(NEEDS.bytes_per_sample(), 40 + 16);
/// assert_eq!(NEEDS.bytes_per_thread(), 448);
/// assert_eq!(NEEDS.state_bytes(), 64);
/// ```
///
/// Each piece is rounded up: to 8 bytes per sample, to 64 bytes per thread and in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub(crate) per_sample: usize,
    /// The number of bytes for each thread in a call on one sample.
    pub(crate) per_thread: usize,
    /// The number of bytes for each thread in a call on a batch, at least `per_thread`.
    pub(crate) per_thread_of_batch: usize,
    pub(crate) state: usize,
}

impl Needs {
    /// No memory.
    pub const NONE: Self = Needs {
        per_sample: 0,
        per_thread: 0,
        per_thread_of_batch: 0,
        state: 0,
    };

    /// Adds a piece of `len` numbers for each sample.
    pub const fn per_sample<T: Number>(self, len: usize) -> Self {
        self.and(Needs {
            per_sample: sample_bytes::<T>(len),
            ..Needs::NONE
        })
    }

    /// Adds a piece of `len` numbers for each thread.
    pub const fn per_thread<T: Number>(self, len: usize) -> Self {
        self.for_kernel::<T>(len, len)
    }

    /// Adds the memory of a kernel for each thread: `of_one` numbers in a call on one sample, and
    /// `of_batch` numbers, or as many if those are more, in a call on a batch.
    ///
    /// A batch shares weights among many samples, and many rows are worth memory that one is not.
    pub(crate) const fn for_kernel<T: Number>(self, of_one: usize, of_batch: usize) -> Self {
        self.and(Needs {
            per_thread: line_bytes::<T>(of_one),
            per_thread_of_batch: line_bytes::<T>(sizes::larger(of_one, of_batch)),
            ..Needs::NONE
        })
    }

    /// Returns the needs in training, which computes a batch of one sample as any other batch.
    pub(crate) const fn in_training(self) -> Self {
        Needs {
            per_thread: self.per_thread_of_batch,
            ..self
        }
    }

    /// Adds a piece of `len` numbers that a stream keeps from call to call.
    pub const fn state<T: Number>(self, len: usize) -> Self {
        self.and(Needs {
            state: line_bytes::<T>(len),
            ..Needs::NONE
        })
    }

    /// Returns the sum of both needs, for a layer that uses both at the same time.
    pub const fn and(self, other: Self) -> Self {
        Needs {
            per_sample: sizes::sum(&[self.per_sample, other.per_sample]),
            per_thread: sizes::sum(&[self.per_thread, other.per_thread]),
            per_thread_of_batch: sizes::sum(&[self.per_thread_of_batch, other.per_thread_of_batch]),
            state: sizes::sum(&[self.state, other.state]),
        }
    }

    /// Returns the needs of two computations that run one after the other: the larger memory per
    /// sample and per thread, and the sum of both states.
    pub const fn or(self, other: Self) -> Self {
        Needs {
            per_sample: sizes::larger(self.per_sample, other.per_sample),
            per_thread: sizes::larger(self.per_thread, other.per_thread),
            per_thread_of_batch: sizes::larger(self.per_thread_of_batch, other.per_thread_of_batch),
            state: sizes::sum(&[self.state, other.state]),
        }
    }

    /// Returns the needs of `n` repetitions of a computation that keep their memory per sample.
    pub(crate) const fn times(self, n: usize) -> Self {
        Needs {
            per_sample: sizes::product(&[n, self.per_sample]),
            state: sizes::product(&[n, self.state]),
            ..self
        }
    }

    /// Returns whether no memory is needed.
    pub const fn is_none(&self) -> bool {
        self.per_sample == 0 && self.per_thread_of_batch == 0 && self.state == 0
    }

    /// Returns the number of cache lines that a call for one sample needs on one thread.
    #[doc(hidden)]
    pub const fn sample_lines(&self) -> usize {
        sizes::sum(&[self.per_thread, self.per_sample]).div_ceil(64)
    }

    /// Returns the number of bytes for each sample.
    pub const fn bytes_per_sample(&self) -> usize {
        self.per_sample
    }

    /// Returns the number of bytes for each thread in a call on one sample.
    pub const fn bytes_per_thread(&self) -> usize {
        self.per_thread
    }

    /// Returns the number of bytes that a stream keeps from call to call.
    pub const fn state_bytes(&self) -> usize {
        self.state
    }
}

/// The number of samples that a layer computes best at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// As the sizes suggest: few samples if activations are large, so that they stay in the cache,
    /// and all samples if weights are large, so that they are read once.
    Auto,
    /// Few samples: their activations stay in the cache.
    Few,
    /// All samples of a thread: a recurrent layer multiplies by the same weights in each step.
    All,
    /// In training the whole batch in one call, as batch normalization needs it; the layer may use
    /// threads itself. In inference as [`Auto`](Batching::Auto).
    WholeBatch,
}
