//! The input of a layer: one tensor for each sample, or one from each of several sources.

use core::marker::PhantomData;

use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// The largest number of sources of a layer.
pub const MAX_SOURCES: usize = 6;

/// The outputs of each source of a layer. The number is a constant, so that each source has only the
/// code of the place where its outputs are.
#[doc(hidden)]
pub trait EachOutput<'a, T> {
    /// Returns the outputs of a source; nothing for one that the layer does not have.
    fn of<const NUMBER: usize>(&self) -> &'a [T];
}

/// The gradient of each source of a layer.
#[doc(hidden)]
pub trait EachGradient<'a, T> {
    /// Returns the gradient of a source; `None` if it is not needed.
    fn of<const NUMBER: usize>(&mut self) -> Option<&'a mut [T]>;
}

/// The input of a layer: a [`Shape`], or [`Inputs`] of several shapes.
pub trait LayerInput: 'static {
    /// The dimensions; those of a tuple for several sources.
    const DIMS: Dims;
    /// The number of elements of one sample.
    const LEN: usize;
    /// The number of elements of one sample from each source.
    #[doc(hidden)]
    const LENS: [usize; MAX_SOURCES];
    /// The number of sources.
    #[doc(hidden)]
    const SOURCES: usize;

    /// The inputs of several samples: a slice of tensors, or [`Batches`].
    type Batch<'a, T: Element>: Copy;
    /// The gradients of several samples, if they are requested: an optional slice of tensors, or
    /// [`Gradients`].
    type Gradients<'a, T: Element>;

    /// Creates the batch from the outputs of each source.
    #[doc(hidden)]
    fn batch<'a, T: Element>(outputs: impl EachOutput<'a, T>, count: usize) -> Self::Batch<'a, T>;
    /// Creates the gradients from that of each source.
    #[doc(hidden)]
    fn gradients<'a, T: Element>(
        gradients: impl EachGradient<'a, T>,
        count: usize,
    ) -> Self::Gradients<'a, T>;
    /// Returns the elements from each source, sample after sample.
    #[doc(hidden)]
    fn elements<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES];
    /// Returns the elements of the gradient for each source; `None` where it is not needed.
    #[doc(hidden)]
    fn gradient_elements<'a, T: Element>(
        gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES];
}

impl<S: Shape> LayerInput for S {
    const DIMS: Dims = <S as Shape>::DIMS;
    const LEN: usize = <S as Shape>::LEN;
    const LENS: [usize; MAX_SOURCES] = [<S as Shape>::LEN, 0, 0, 0, 0, 0];
    const SOURCES: usize = 1;

    type Batch<'a, T: Element> = &'a [Tensor<S, T>];
    type Gradients<'a, T: Element> = Option<&'a mut [Tensor<S, T>]>;

    #[inline(always)]
    fn batch<'a, T: Element>(outputs: impl EachOutput<'a, T>, count: usize) -> &'a [Tensor<S, T>] {
        tensors(outputs.of::<0>(), count)
    }

    #[inline(always)]
    fn gradients<'a, T: Element>(
        mut gradients: impl EachGradient<'a, T>,
        count: usize,
    ) -> Option<&'a mut [Tensor<S, T>]> {
        // A closure would be one more function for each layer.
        match gradients.of::<0>() {
            Some(dx) => Some(tensors_mut(dx, count)),
            None => None,
        }
    }

    #[inline(always)]
    fn elements<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES] {
        [flatten(batch), &[], &[], &[], &[], &[]]
    }

    #[inline(always)]
    fn gradient_elements<'a, T: Element>(
        gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES] {
        [gradients.map(flatten_mut), None, None, None, None, None]
    }
}

/// The input of a layer that reads several outputs: a tuple of 2 to 6 shapes.
pub struct Inputs<X>(PhantomData<X>);

/// A tuple of the shapes that a layer reads.
pub trait Sources: 'static {
    /// The dimensions of each.
    const PARTS: &'static [Dims];
    /// The number of elements of each, followed by zeros.
    const LENS: [usize; MAX_SOURCES];

    /// A slice of tensors from each source.
    type Slices<'a, T: Element>;
    /// A slice of tensors for each source, or `None`.
    type SlicesMut<'a, T: Element>;

    #[doc(hidden)]
    fn slices<'a, T: Element>(batches: Batches<'a, Self, T>) -> Self::Slices<'a, T>
    where
        Self: Sized;
    #[doc(hidden)]
    fn slices_mut<'a, T: Element>(gradients: Gradients<'a, Self, T>) -> Self::SlicesMut<'a, T>
    where
        Self: Sized;
}

macro_rules! sources {
    ($($name:ident $index:literal),*) => {
        impl<$($name: Shape),*> Sources for ($($name,)*) {
            const PARTS: &'static [Dims] = &[$(<$name as Shape>::DIMS),*];
            const LENS: [usize; MAX_SOURCES] = {
                let mut lens = [0; MAX_SOURCES];
                $(lens[$index] = <$name as Shape>::LEN;)*
                lens
            };

            type Slices<'a, T: Element> = ($(&'a [Tensor<$name, T>],)*);

            #[inline(always)]
            fn slices<'a, T: Element>(batches: Batches<'a, Self, T>) -> Self::Slices<'a, T> {
                ($(tensors(batches.sources[$index], batches.count),)*)
            }

            type SlicesMut<'a, T: Element> = ($(Option<&'a mut [Tensor<$name, T>]>,)*);

            #[inline(always)]
            fn slices_mut<'a, T: Element>(
                gradients: Gradients<'a, Self, T>,
            ) -> Self::SlicesMut<'a, T> {
                let Gradients {
                    mut sources, count, ..
                } = gradients;
                ($(sources[$index].take().map(|dx| tensors_mut(dx, count)),)*)
            }
        }
    };
}
sources!(A 0, B 1);
sources!(A 0, B 1, C 2);
sources!(A 0, B 1, C 2, D 3);
sources!(A 0, B 1, C 2, D 3, E 4);
sources!(A 0, B 1, C 2, D 3, E 4, F 5);

impl<X: Sources> LayerInput for Inputs<X> {
    const DIMS: Dims = Dims::tuple(X::PARTS);
    const LEN: usize = sizes::sum(&X::LENS);
    const LENS: [usize; MAX_SOURCES] = X::LENS;
    const SOURCES: usize = X::PARTS.len();

    type Batch<'a, T: Element> = Batches<'a, X, T>;
    type Gradients<'a, T: Element> = Gradients<'a, X, T>;

    #[inline(always)]
    fn batch<'a, T: Element>(outputs: impl EachOutput<'a, T>, count: usize) -> Batches<'a, X, T> {
        Batches {
            sources: [
                outputs.of::<0>(),
                outputs.of::<1>(),
                outputs.of::<2>(),
                outputs.of::<3>(),
                outputs.of::<4>(),
                outputs.of::<5>(),
            ],
            count,
            shapes: PhantomData,
        }
    }

    #[inline(always)]
    fn gradients<'a, T: Element>(
        mut gradients: impl EachGradient<'a, T>,
        count: usize,
    ) -> Gradients<'a, X, T> {
        Gradients {
            sources: [
                gradients.of::<0>(),
                gradients.of::<1>(),
                gradients.of::<2>(),
                gradients.of::<3>(),
                gradients.of::<4>(),
                gradients.of::<5>(),
            ],
            count,
            shapes: PhantomData,
        }
    }

    #[inline(always)]
    fn elements<'a, T: Element>(batch: Self::Batch<'a, T>) -> [&'a [T]; MAX_SOURCES] {
        batch.sources
    }

    #[inline(always)]
    fn gradient_elements<'a, T: Element>(
        gradients: Self::Gradients<'a, T>,
    ) -> [Option<&'a mut [T]>; MAX_SOURCES] {
        gradients.sources
    }
}

/// The inputs of several samples from several sources.
pub struct Batches<'a, X, T: Element> {
    sources: [&'a [T]; MAX_SOURCES],
    count: usize,
    shapes: PhantomData<X>,
}

impl<X, T: Element> Clone for Batches<'_, X, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X, T: Element> Copy for Batches<'_, X, T> {}

impl<'a, X: Sources, T: Element> Batches<'a, X, T> {
    /// Returns the number of samples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns a tuple of slices of tensors, one slice for each source.
    #[inline(always)]
    pub fn slices(self) -> X::Slices<'a, T> {
        X::slices(self)
    }

    /// Returns the elements from each source, sample after sample.
    #[inline(always)]
    pub fn elements(&self) -> &[&'a [T]] {
        &self.sources[..X::PARTS.len()]
    }
}

/// The gradients of several samples for several sources, of which some may not be requested.
pub struct Gradients<'a, X, T: Element> {
    sources: [Option<&'a mut [T]>; MAX_SOURCES],
    count: usize,
    shapes: PhantomData<X>,
}

impl<'a, X: Sources, T: Element> Gradients<'a, X, T> {
    /// Returns the number of samples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns a tuple of optional slices of tensors, one for each source; `None` where the
    /// gradient is not needed.
    #[inline(always)]
    pub fn slices(self) -> X::SlicesMut<'a, T> {
        X::slices_mut(self)
    }

    /// Returns the elements of the gradient for each source, sample after sample; `None` where it
    /// is not needed.
    #[inline(always)]
    pub fn elements(&mut self) -> &mut [Option<&'a mut [T]>] {
        &mut self.sources[..X::PARTS.len()]
    }
}
