//! `Debug` and `Display`: nested rows, elided in the middle when there are many.

use core::fmt;

use super::Tensor;
use super::shape::{Dims, Shape};
use crate::memory::Scalar;

/// The largest number of elements of a tensor that is printed in full.
const ELIDE_ABOVE: usize = 1000;
/// The number of entries at each end of an elided axis.
const EDGE: usize = 3;

/// Prints the elements as nested rows, with the precision of the format: `{:.2}`.
///
/// ```
/// use shapewright::Tensor2;
/// let m: Tensor2<2, 2> = Tensor2::from([[1.0, 2.0], [3.0, 4.5]]);
/// assert_eq!(format!("{m:.1}"), "[[1.0, 2.0],\n [3.0, 4.5]]");
/// assert_eq!(format!("{m:?}"), "Tensor [2, 2] f32 [[1, 2],\n [3, 4.5]]");
/// ```
impl<S: Shape, T: Scalar> fmt::Display for Tensor<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_elements(f, self.as_slice(), &S::DIMS)
    }
}

impl<S: Shape, T: Scalar> fmt::Debug for Tensor<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {} {} ", S::DIMS, T::NAME)?;
        fmt::Display::fmt(self, f)
    }
}

/// Writes the elements of a tensor, or of each tensor of a tuple in parentheses.
fn write_elements<T: Scalar>(
    f: &mut fmt::Formatter<'_>,
    elements: &[T],
    dims: &Dims,
) -> fmt::Result {
    if dims.parts().is_empty() {
        return write_axis(f, elements, dims.sizes(), 1, dims.len() > ELIDE_ABOVE);
    }

    let mut rest = elements;
    for (i, part) in dims.parts().iter().enumerate() {
        f.write_str(if i == 0 { "(" } else { ",\n" })?;
        let (first, others) = rest.split_at(part.len());
        write_elements(f, first, part)?;
        rest = others;
    }
    f.write_str(")")
}

/// Writes the entries of the first of `sizes`, which is inside `depth` brackets.
fn write_axis<T: Scalar>(
    f: &mut fmt::Formatter<'_>,
    elements: &[T],
    sizes: &[usize],
    depth: usize,
    elide: bool,
) -> fmt::Result {
    let Some((&size, inner)) = sizes.split_first() else {
        return elements
            .iter()
            .try_for_each(|element| fmt::Display::fmt(element, f));
    };
    let stride = inner.iter().product::<usize>();

    f.write_str("[")?;
    let mut i = 0;
    while i < size {
        if i > 0 {
            f.write_str(",")?;
            if inner.is_empty() {
                f.write_str(" ")?;
            } else {
                write!(f, "\n{:depth$}", "")?;
            }
        }

        if elide && i == EDGE && size > 2 * EDGE + 1 {
            f.write_str("...")?;
            i = size - EDGE;
            continue;
        }

        let entry = &elements[i * stride..(i + 1) * stride];
        write_axis(f, entry, inner, depth + 1, elide)?;
        i += 1;
    }
    f.write_str("]")
}
