//! Values that can be copied into batches.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::detection::{Detection, GridTarget, GroundTruth};
use crate::loss::{Label, Padded, Taught};
pub use crate::memory::Cloning;
use crate::tensor::{Element, Scalar, Shape, Tensor};

/// A sample: an input or a target that can be copied into a batch, as [`gather`](super::gather),
/// [`Batches`](super::Batches) and the [`Trainer`](crate::train::Trainer) do.
///
/// Implemented for tensors, labels, numbers, strings, references, and for options, arrays, tuples
/// and vectors of samples. A type of your own takes one line:
///
/// ```
/// use shapewright::data::{Sample, gather};
///
/// #[derive(Clone)]
/// struct Row {
///     name: String,
///     age: f32,
/// }
///
/// impl Sample for Row {}
///
/// let rows = ["Ada", "Bob", "Cy"].map(|name| Row {
///     name: name.to_owned(),
///     age: 42.0,
/// });
/// assert_eq!(gather(&rows, &[2, 0])[1].name, "Ada");
/// ```
///
/// # Large samples
/// A `clone` returns its result, so that a large one passes the caller's stack. A large type that
/// is `Copy` sets [`CLONING`](Sample::CLONING) to [`Cloning::in_place`], as tensors do, and is then
/// copied straight from memory to memory, in every build. Put large data of a type that is not
/// `Copy` into a `Vec` or a `Box`.
///
/// The standard library's `to_vec`, `clone` and `extend_from_slice` of vectors, and `vec![x; n]`,
/// may clone value by value over the stack in builds without optimization. For large samples, use
/// [`to_vec`], [`extend_from_slice`] and [`repeat`] of this module.
///
/// ```
/// use shapewright::data::{Cloning, Sample};
/// use shapewright::prelude::*;
///
/// #[derive(Clone, Copy)]
/// struct Scene {
///     depth: Tensor2<512, 512>,
///     class: Label<10>,
/// }
///
/// impl Sample for Scene {
///     const CLONING: Cloning<Self> = Cloning::in_place();
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be copied into batches",
    label = "not a `Sample`",
    note = "a type of your own that is `Clone` takes one line: `impl shapewright::data::Sample for {Self} {{}}`"
)]
pub trait Sample: Clone {
    /// The way in which it is cloned into a batch; by [`Clone`] by default.
    const CLONING: Cloning<Self> = Cloning::by_value();
}

/// Returns a vector of copies of samples.
///
/// Unlike the standard library's `to_vec`, it does not put large samples on the stack in any build;
/// see [`Sample`](Sample#large-samples).
///
/// ```
/// use shapewright::data;
/// use shapewright::prelude::*;
/// let images = Tensor3::<1024, 1024, 3>::zeros_vec(4);
/// let first = data::to_vec(&images[..2]);
/// assert!(first == images[..2]);
/// ```
pub fn to_vec<X: Sample>(samples: &[X]) -> Vec<X> {
    let mut copies = Vec::with_capacity(samples.len());
    extend_from_slice(&mut copies, samples);
    copies
}

/// Appends copies of samples to a vector.
///
/// Unlike `push` and the standard library's `extend_from_slice`, it does not put large samples on
/// the stack in any build; see [`Sample`](Sample#large-samples). [`core::slice::from_ref`] makes a
/// slice of one sample.
///
/// ```
/// use shapewright::data;
/// use shapewright::prelude::*;
/// let image = Tensor3::<1024, 1024, 3>::ones_boxed();
/// let mut images = Vec::new();
/// data::extend_from_slice(&mut images, std::slice::from_ref(&*image));
/// assert_eq!(images[0][[1023, 1023, 2]], 1.0);
/// ```
pub fn extend_from_slice<X: Sample>(to: &mut Vec<X>, samples: &[X]) {
    X::CLONING.append(to, samples);
}

/// Returns a vector of `n` copies of one sample.
///
/// Unlike `vec![x; n]`, it does not put a large sample on the stack in any build; see
/// [`Sample`](Sample#large-samples).
///
/// ```
/// use shapewright::data;
/// use shapewright::prelude::*;
/// let image = Tensor3::<1024, 1024, 3>::ones_boxed();
/// let batch = data::repeat(&*image, 3);
/// assert!(batch.len() == 3 && batch[2] == *image);
/// ```
pub fn repeat<X: Sample>(sample: &X, n: usize) -> Vec<X> {
    X::CLONING.repeat(sample, n)
}

macro_rules! copied {
    ($(($($generics:tt)*) $of:ty;)*) => { $(
        impl<$($generics)*> Sample for $of {
            const CLONING: Cloning<Self> = Cloning::in_place();
        }
    )* };
}
copied! {
    () f32; () f64;
    () i8; () i16; () i32; () i64; () i128; () isize;
    () u8; () u16; () u32; () u64; () u128; () usize;
    () bool; () char; () ();
    (S: Shape, T: Scalar) Tensor<S, T>;
    (const CLASSES: usize) Label<CLASSES>;
    (X: ?Sized) &X;
    (const CLASSES: usize, T: Copy) GroundTruth<CLASSES, T>;
    (const CLASSES: usize, T: Copy) Detection<CLASSES, T>;
}

macro_rules! cloned {
    ($(($($generics:tt)*) $of:ty;)*) => { $(
        impl<$($generics)*> Sample for $of {}
    )* };
}
cloned! {
    () String;
    () PathBuf;
    (X: Clone) Vec<X>;
    (X: Clone) Box<X>;
    (X: Clone) Box<[X]>;
    (X: ?Sized) Rc<X>;
    (X: ?Sized) Arc<X>;
    (const H: usize, const W: usize, const CLASSES: usize) GridTarget<H, W, CLASSES>;
}

impl<X: Sample> Sample for Option<X> {
    const CLONING: Cloning<Self> = Cloning::of_parts(X::CLONING.is_in_place());
}

impl<Y: Sample> Sample for Padded<Y> {
    const CLONING: Cloning<Self> = Cloning::of_parts(Y::CLONING.is_in_place());
}

impl<Y: Sample, S: Shape, T: Element> Sample for Taught<Y, S, T> {
    const CLONING: Cloning<Self> = Cloning::of_parts(Y::CLONING.is_in_place());
}

impl<X: Sample, const N: usize> Sample for [X; N] {
    const CLONING: Cloning<Self> = Cloning::of_parts(X::CLONING.is_in_place());
}

macro_rules! tuples {
    ($(($($part:ident),*);)*) => { $(
        impl<$($part: Sample),*> Sample for ($($part,)*) {
            const CLONING: Cloning<Self> = Cloning::of_parts($($part::CLONING.is_in_place())&&*);
        }
    )* };
}
tuples! {
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
    (A, B, C, D, E, F, G);
    (A, B, C, D, E, F, G, H);
}

/// Samples that are changed where they are: a slice, an array or a vector of tensors, or a single
/// tensor.
///
/// ```
/// use shapewright::data::StandardScaler;
/// use shapewright::prelude::*;
/// let mut data = vec![Tensor1::from([1.0]), Tensor1::from([3.0])];
/// let scaler = StandardScaler::fit(&data)?;
/// scaler.transform(&mut data);
/// let mut one = Tensor1::from([3.0]);
/// scaler.transform(&mut one);
/// assert_eq!(one, data[1]);
/// # Ok::<(), shapewright::data::PreprocessError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "expected samples of `Tensor<{S}, {T}>`, but these are `{Self}`",
    label = "not samples of `Tensor<{S}, {T}>`",
    note = "what was fitted to samples of one shape transforms samples of that shape: a tensor, a \
            slice, an array or a `Vec` of them"
)]
pub trait SamplesMut<S: Shape, T: Scalar> {
    /// Returns the samples as a slice.
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>];
}

impl<S: Shape, T: Scalar> SamplesMut<S, T> for Tensor<S, T> {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        core::slice::from_mut(self)
    }
}

impl<S: Shape, T: Scalar> SamplesMut<S, T> for [Tensor<S, T>] {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        self
    }
}

impl<S: Shape, T: Scalar, const N: usize> SamplesMut<S, T> for [Tensor<S, T>; N] {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        self
    }
}

impl<S: Shape, T: Scalar> SamplesMut<S, T> for Vec<Tensor<S, T>> {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        self
    }
}

impl<S: Shape, T: Scalar, X: SamplesMut<S, T> + ?Sized> SamplesMut<S, T> for Box<X> {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        (**self).samples_mut()
    }
}

impl<S: Shape, T: Scalar, X: SamplesMut<S, T> + ?Sized> SamplesMut<S, T> for &mut X {
    fn samples_mut(&mut self) -> &mut [Tensor<S, T>] {
        (**self).samples_mut()
    }
}
