//! Parameters: structs of numbers that can also be seen as one flat slice.

use crate::memory;
use crate::tensor::Element;

/// Is told each tensor of parameters: its name, its sizes and its elements.
pub type Visitor<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a [T]);
/// Is told each tensor of parameters, and may change its elements.
pub type VisitorMut<'v, 'a, T> = &'v mut dyn FnMut(&str, &[usize], &'a mut [T]);

/// Numbers that a layer or network learns, in a struct that is one contiguous block of `T`.
///
/// Implemented for `f32`, `f64`, arrays of parameters, `()` and, through `network!` and
/// `#[derive(Parameters)]`, for structs of them.
///
/// ```
/// use shapewright::{Element, Parameters};
/// #[derive(Clone, Copy, Parameters)]
/// #[repr(C)]
/// struct ScaleParams<const N: usize, T: Element> {
///     factor: [T; N],
/// }
/// let mut params = ScaleParams { factor: [1.0, 2.0, 3.0] };
/// params.as_mut_slice()[1] = 5.0;
/// assert_eq!(params.factor, [1.0, 5.0, 3.0]);
/// let mut names = Vec::new();
/// params.visit("scale", &mut |name, sizes, _| names.push(format!("{name} {sizes:?}")));
/// assert_eq!(names, ["scale.factor [3]"]);
/// ```
///
/// # Safety
/// The type consists of exactly `LEN` values of `T`, side by side and without padding (`repr(C)` structs
/// of `Parameters`), and every combination of values of `T` is a value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be parameters of `{T}`",
    note = "parameters are `f32`, `f64`, arrays of them, and `#[repr(C)]` structs of those with \
            `#[derive(Parameters)]`"
)]
pub unsafe trait Parameters<T: Element>: Sized + Send + Sync + 'static {
    /// How many `T`s the type takes in memory.
    const LEN: usize;
    /// How many of them are parameters; the others are padding that stays zero.
    const COUNT: usize = Self::LEN;
    /// The number of axes if this is a number or a nested array of numbers: one tensor.
    #[doc(hidden)]
    const AXES: Option<usize> = None;

    /// Calls the visitor with each tensor: its name below `name`, its sizes and its elements.
    fn visit<'a>(&'a self, name: &str, visitor: Visitor<'_, 'a, T>);

    /// Calls the visitor with each tensor, to be changed.
    fn visit_mut<'a>(&'a mut self, name: &str, visitor: VisitorMut<'_, 'a, T>);

    /// The sizes of the axes of a nested array, outermost first.
    #[doc(hidden)]
    fn push_sizes(_: &mut Vec<usize>) {}

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

/// The name of a part: "fc1" and "weight" become "fc1.weight".
#[doc(hidden)]
pub fn join(name: &str, part: &str) -> String {
    match (name, part) {
        ("", part) => part.to_owned(),
        (name, "") => name.to_owned(),
        (name, part) => format!("{name}.{part}"),
    }
}

// SAFETY: no elements at all.
unsafe impl<T: Element> Parameters<T> for () {
    const LEN: usize = 0;
    fn visit<'a>(&'a self, _: &str, _: Visitor<'_, 'a, T>) {}
    fn visit_mut<'a>(&'a mut self, _: &str, _: VisitorMut<'_, 'a, T>) {}
}

macro_rules! numbers {
    ($($t:ty),*) => { $(
        // SAFETY: one number.
        unsafe impl Parameters<$t> for $t {
            const LEN: usize = 1;
            const AXES: Option<usize> = Some(0);
            fn visit<'a>(&'a self, name: &str, visitor: Visitor<'_, 'a, $t>) {
                visitor(name, &[], core::slice::from_ref(self));
            }
            fn visit_mut<'a>(&'a mut self, name: &str, visitor: VisitorMut<'_, 'a, $t>) {
                visitor(name, &[], core::slice::from_mut(self));
            }
        }
    )* };
}
numbers!(f32, f64);

// SAFETY: an array is its items side by side.
unsafe impl<T: Element, P: Parameters<T>, const N: usize> Parameters<T> for [P; N] {
    const LEN: usize = N * P::LEN;
    const COUNT: usize = N * P::COUNT;
    const AXES: Option<usize> = match P::AXES {
        Some(axes) => Some(axes + 1),
        None => None,
    };

    fn visit<'a>(&'a self, name: &str, visitor: Visitor<'_, 'a, T>) {
        if Self::AXES.is_some() {
            visitor(name, &sizes::<Self, T>(), memory::parameters_as_slice(self));
        } else {
            for (i, item) in self.iter().enumerate() {
                item.visit(&join(name, &i.to_string()), visitor);
            }
        }
    }

    fn visit_mut<'a>(&'a mut self, name: &str, visitor: VisitorMut<'_, 'a, T>) {
        if Self::AXES.is_some() {
            visitor(name, &sizes::<Self, T>(), memory::parameters_as_mut_slice(self));
        } else {
            for (i, item) in self.iter_mut().enumerate() {
                item.visit_mut(&join(name, &i.to_string()), visitor);
            }
        }
    }

    fn push_sizes(sizes: &mut Vec<usize>) {
        sizes.push(N);
        P::push_sizes(sizes);
    }
}

fn sizes<P: Parameters<T>, T: Element>() -> Vec<usize> {
    let mut sizes = Vec::new();
    P::push_sizes(&mut sizes);
    sizes
}
