//! The way in which values are cloned.

use core::marker::PhantomData;

use super::append_bytes;

/// The way in which a [`Sample`](crate::data::Sample) is cloned into a batch.
pub struct Cloning<X> {
    /// True only if `X` is `Copy`, as the constructors ensure.
    in_place: bool,
    of: PhantomData<fn() -> X>,
}

impl<X: Clone> Cloning<X> {
    /// Clones by [`Clone::clone`], whose result passes the stack.
    pub const fn by_value() -> Self {
        Cloning {
            in_place: false,
            of: PhantomData,
        }
    }
}

impl<X: Copy> Cloning<X> {
    /// Copies from memory to memory, whatever the size.
    pub const fn in_place() -> Self {
        Cloning {
            in_place: true,
            of: PhantomData,
        }
    }
}

impl<X> Cloning<X> {
    /// Tells whether `X` is copied from memory to memory, and so is `Copy`.
    pub(crate) const fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// The way of a type which is `Copy` if all its parts are; `in_place` tells whether they are.
    pub(crate) const fn of_parts(in_place: bool) -> Self {
        Cloning {
            in_place,
            of: PhantomData,
        }
    }
}

impl<X: Clone> Cloning<X> {
    /// Appends copies of values to a vector; see [`to_vec`](super::to_vec).
    pub(crate) fn append(&self, to: &mut Vec<X>, values: &[X]) {
        if self.in_place {
            // SAFETY: values that are cloned in place are `Copy`, as the constructors require.
            unsafe { append_bytes(to, values) }
        } else {
            to.extend_from_slice(values);
        }
    }

    /// Returns a vector of `n` copies of a value; see [`to_vec`](super::to_vec).
    pub(crate) fn repeat(&self, value: &X, n: usize) -> Vec<X> {
        let mut copies = Vec::with_capacity(n);
        if size_of::<X>() == 0 && self.in_place {
            // SAFETY: a vector of values without bytes has room for any number of them, and none has
            // to be made, as they are `Copy`.
            unsafe { copies.set_len(n) };
        } else {
            (0..n).for_each(|_| self.append(&mut copies, core::slice::from_ref(value)));
        }
        copies
    }
}
