//! Parameters: structs of numbers that are also accessible as one flat slice.

use super::param_tree::{ParamTree, TensorLayout};
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

/// A function that is called with the name, the sizes and the elements of each parameter tensor.
pub type Visitor<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a [T]);
/// A function that is called with the name, the sizes and the mutable elements of each parameter
/// tensor.
pub type VisitorMut<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a mut [T]);

/// The numbers that a layer or network learns, in a struct that is one contiguous block of `T`.
///
/// Implemented for `f32`, `f64`, tensors, arrays of parameters, `()` and, through `network!` and
/// `#[derive(Parameters)]`, for structs of them. A [`Buffer`](crate::ext::Buffer) among them has
/// numbers of another type, such as 8-bit weights.
///
/// ```
/// use shapewright::{Parameters, tensor::Element};
/// #[derive(Clone, Copy, Parameters)]
/// #[repr(C)]
/// struct ScaleParams<const N: usize, T: Element> {
///     factor: [T; N],
/// }
/// let mut params = ScaleParams {
///     factor: [1.0, 2.0, 3.0],
/// };
/// params.as_mut_slice()[1] = 5.0;
/// assert_eq!(params.factor, [1.0, 5.0, 3.0]);
/// let mut names = Vec::new();
/// params.visit("scale", &mut |name, sizes, _| {
///     names.push(format!("{name} {sizes:?}"))
/// });
/// assert_eq!(names, ["scale.factor [3]"]);
/// ```
///
/// In weight files a tensor has its axes in the same order, unless the field says otherwise:
/// `#[params(axes(1, 0))]` is the transpose, and `#[params(axes(3, 2, 0, 1))]` gives the index here
/// of each axis in the file.
///
/// `#[params(features)]` is for a field whose first axis has an entry for each input feature of the
/// layer. Behind a `Flatten` of images, which have their channels last here and first in PyTorch,
/// files then have these entries in PyTorch's order. `#[params(outputs)]` is for a field whose last
/// axis has an entry for each output feature. Files then have these entries in the order that a
/// later layer needs, such as a `Reshape` to an image, or an addition to other features.
///
/// `#[params(statistic)]` is for a field that the layer measures during training instead of
/// learning it, such as the running mean of a batch normalization. It is saved and loaded like the
/// others, but optimizers only subtract its "gradient", in which the layer's `backward_params` puts
/// the change.
///
/// `#[params(frozen)]` is for a field that nothing trains, such as the weights around which a
/// [`Lora`](struct@crate::nn::Lora) is: it has neither a gradient nor an optimizer's state. Fields
/// inside it with `#[params(trained)]` are trained nevertheless.
///
/// # Safety
/// The type has the size of `LEN` values of `T` and an alignment that is at least that of `T`. It
/// consists of values of `T`, contiguous and without padding (`repr(C)` structs of `Parameters`),
/// except for the padding that `PARAM_TREE` names. Every combination of values of `T` is a value of
/// the type. Derive the trait: the derive checks the first condition, and the others follow from
/// the fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be parameters of `{T}`",
    note = "parameters are `f32`, `f64`, tensors and arrays of them, and `#[repr(C)]` structs of \
            those with `#[derive(Parameters)]`",
    note = "numbers of another type than the network's are in a `shapewright::ext::Buffer`"
)]
pub unsafe trait Parameters<T: Element>: Sized + Send + Sync + 'static {
    /// The number of elements that the type takes in memory.
    const LEN: usize;
    /// The number of elements of all fields. It does not use the size of the type, which may be
    /// larger than any memory, and saturates instead of wrapping.
    #[doc(hidden)]
    const NUMBERS: usize = Self::LEN;
    /// The number of parameters: elements that are trained, and numbers in
    /// [buffers](crate::ext::Buffer). The others are statistics, or padding that stays zero.
    const COUNT: usize = Self::LEN;
    /// The number of elements that are statistics.
    #[doc(hidden)]
    const STATISTICS: usize = 0;
    /// The number of numbers in buffers.
    #[doc(hidden)]
    const BUFFER_NUMBERS: usize = Self::PARAM_TREE.buffer_numbers();
    /// The number of elements that the type freezes: they have neither a gradient nor an optimizer's
    /// state.
    #[doc(hidden)]
    const FROZEN: usize = Self::PARAM_TREE.frozen_numbers(false, true);
    /// True if all bytes belong to numbers, so that the parameters are a slice.
    #[doc(hidden)]
    const IS_SLICE: bool = !Self::PARAM_TREE.has_padding();
    /// The tensors: names, positions and layouts.
    #[doc(hidden)]
    const PARAM_TREE: ParamTree;
    /// A reference to `PARAM_TREE`, for use in constants.
    #[doc(hidden)]
    const CONTENTS_REF: &'static ParamTree = &Self::PARAM_TREE;

    /// Calls `visitor` with the name, the sizes and the elements of each tensor, except buffers. The
    /// names begin with `name`.
    #[cfg(feature = "alloc")]
    fn visit<'a>(&'a self, name: &str, visitor: Visitor<'_, 'a, T>) {
        Self::PARAM_TREE.for_each(name, 0, &mut |name, first, tensor| {
            if tensor.buffer.is_none() {
                let numbers = super::parameters_in(self, first..first + tensor.len());
                visitor(name, tensor.sizes(), numbers);
            }
        });
    }

    /// Calls `visitor` with the name, the sizes and the mutable elements of each tensor, except
    /// buffers. The names begin with `name`.
    #[cfg(feature = "alloc")]
    fn visit_mut<'a>(&'a mut self, name: &str, visitor: VisitorMut<'_, 'a, T>) {
        // The elements that are not handed out yet, and the index of the first of them.
        let mut rest = self.as_mut_slice();
        let mut rest_first = 0;

        Self::PARAM_TREE.for_each(name, 0, &mut |name, first, tensor| {
            if tensor.buffer.is_some() {
                return;
            }
            let (_, from_first) = core::mem::take(&mut rest).split_at_mut(first - rest_first);
            let (numbers, after) = from_first.split_at_mut(tensor.len());
            rest = after;
            rest_first = first + tensor.len();
            visitor(name, tensor.sizes(), numbers);
        });
    }

    /// Returns all elements as one flat slice of length `LEN`. It does not compile if there is
    /// [padding](crate::ext::Buffer#padding) behind a buffer.
    #[inline(always)]
    fn as_slice(&self) -> &[T] {
        super::parameters_as_slice(self)
    }

    /// Returns all elements as one flat mutable slice.
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [T] {
        super::parameters_as_mut_slice(self)
    }
}

// SAFETY: no elements at all.
unsafe impl<T: Element> Parameters<T> for () {
    const LEN: usize = 0;
    const PARAM_TREE: ParamTree = ParamTree::Fields(&[]);
}

// SAFETY: one number.
unsafe impl<T: Element> Parameters<T> for T {
    const LEN: usize = 1;
    const PARAM_TREE: ParamTree = ParamTree::Tensor(TensorLayout::NUMBER);
}

// SAFETY: a tensor is exactly its elements.
unsafe impl<S: Shape, T: Element> Parameters<T> for Tensor<S, T> {
    const LEN: usize = S::LEN;
    const PARAM_TREE: ParamTree = ParamTree::Tensor(TensorLayout::of(S::DIMS));
}

// SAFETY: an array is its items side by side.
unsafe impl<T: Element, P: Parameters<T>, const N: usize> Parameters<T> for [P; N] {
    const LEN: usize = sizes::product(&[N, P::LEN]);
    const NUMBERS: usize = sizes::product(&[N, P::NUMBERS]);
    const COUNT: usize = sizes::product(&[N, P::COUNT]);
    const STATISTICS: usize = sizes::product(&[N, P::STATISTICS]);
    const PARAM_TREE: ParamTree = ParamTree::array(P::CONTENTS_REF, N, P::LEN);
}
