//! Parameters: structs of numbers that can also be seen as one flat slice.

use super::param_tree::{ParamTree, TensorLayout};
use crate::memory;
use crate::sizes;
use crate::tensor::{Element, Shape, Tensor};

/// Is told each tensor of parameters: its name, its sizes and its elements.
pub type Visitor<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a [T]);
/// Is told each tensor of parameters, and may change its elements.
pub type VisitorMut<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a mut [T]);

/// Numbers that a layer or network learns, in a struct that is one contiguous block of `T`.
///
/// Implemented for `f32`, `f64`, tensors, arrays of parameters, `()` and, through `network!` and
/// `#[derive(Parameters)]`, for structs of them.
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
/// `#[params(axes(1, 0))]` is the transpose, and `#[params(axes(3, 2, 0, 1))]` names for each axis in the
/// file the one that it is here.
///
/// Where the first axis of a field has an entry for each feature that the layer is given,
/// `#[params(features)]` lets files have them in PyTorch's order behind a `Flatten` of images, which have
/// their channels last here and first there. Where the last axis has an entry for each feature that
/// the layer gives, `#[params(outputs)]` lets files have those in the order that a layer behind it needs:
/// an image that a `Reshape` makes of them, or features that they are added to.
///
/// What a layer measures while it is trained, as the running mean of a batch normalization, is a
/// field with `#[params(statistic)]`: it is saved and loaded like the others, but optimizers only subtract
/// its "gradient", in which the layer's `backward_params` puts the change.
///
/// # Safety
/// The type consists of exactly `LEN` values of `T`, side by side and without padding (`repr(C)`
/// structs of `Parameters`), and every combination of values of `T` is a value of the type. Derive
/// it: the derive checks the first and knows the second of the fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be parameters of `{T}`",
    note = "parameters are `f32`, `f64`, tensors and arrays of them, and `#[repr(C)]` structs of those with \
            `#[derive(Parameters)]`"
)]
pub unsafe trait Parameters<T: Element>: Sized + Send + Sync + 'static {
    /// How many `T`s the type takes in memory.
    const LEN: usize;
    /// How many `T`s the fields have, without a look at the type, which may be too large for any
    /// memory. Does not wrap.
    #[doc(hidden)]
    const NUMBERS: usize = Self::LEN;
    /// How many of them are trained; the others are statistics, or padding that stays zero.
    const COUNT: usize = Self::LEN;
    /// How many of them are statistics.
    #[doc(hidden)]
    const STATISTICS: usize = 0;
    /// The tensors: names, places and layouts.
    #[doc(hidden)]
    const PARAM_TREE: ParamTree;
    /// For references in constants.
    #[doc(hidden)]
    const CONTENTS_REF: &'static ParamTree = &Self::PARAM_TREE;

    /// Calls the visitor with each tensor: its name below `name`, its sizes and its elements.
    fn visit<'a>(&'a self, name: &str, visitor: Visitor<'_, 'a, T>) {
        let numbers = self.as_slice();
        Self::PARAM_TREE.for_each(name, 0, &mut |name, first, tensor| {
            visitor(name, tensor.sizes(), &numbers[first..][..tensor.len()]);
        });
    }

    /// Calls the visitor with each tensor, to be changed.
    fn visit_mut<'a>(&'a mut self, name: &str, visitor: VisitorMut<'_, 'a, T>) {
        let (mut rest, mut gone) = (self.as_mut_slice(), 0);
        Self::PARAM_TREE.for_each(name, 0, &mut |name, first, tensor| {
            let (_, from_first) = core::mem::take(&mut rest).split_at_mut(first - gone);
            let (numbers, after) = from_first.split_at_mut(tensor.len());
            (rest, gone) = (after, first + tensor.len());
            visitor(name, tensor.sizes(), numbers);
        });
    }

    /// All numbers as one flat slice of `LEN` elements.
    #[inline(always)]
    fn as_slice(&self) -> &[T] {
        memory::parameters_as_slice(self)
    }

    /// All numbers as one flat slice, to be changed.
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [T] {
        memory::parameters_as_mut_slice(self)
    }
}

// SAFETY: no elements at all.
unsafe impl<T: Element> Parameters<T> for () {
    const LEN: usize = 0;
    const PARAM_TREE: ParamTree = ParamTree::Fields(&[]);
}

macro_rules! numbers {
    ($($t:ty),*) => { $(
        // SAFETY: one number.
        unsafe impl Parameters<$t> for $t {
            const LEN: usize = 1;
            const PARAM_TREE: ParamTree = ParamTree::Tensor(TensorLayout::NUMBER);
        }
    )* };
}
numbers!(f32, f64);

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
