//! `Debug` and `Display`: nested rows, elided in the middle when there are many.

use core::fmt;

use super::Tensor;
use super::element::Scalar;
use super::shape::Shape;

/// A tensor with more elements than this is elided.
const ELIDE_ABOVE: usize = 1000;
/// How many entries are printed at each end of an elided axis.
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
        axis(f, self.as_slice(), S::DIMS.sizes(), 1, S::LEN > ELIDE_ABOVE)
    }
}

impl<S: Shape, T: Scalar> fmt::Debug for Tensor<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {:?} {} ", S::DIMS.sizes(), T::NAME)?;
        fmt::Display::fmt(self, f)
    }
}

fn axis<T: Scalar>(
    f: &mut fmt::Formatter<'_>,
    elements: &[T],
    sizes: &[usize],
    depth: usize,
    elide: bool,
) -> fmt::Result {
    let Some((&size, inner)) = sizes.split_first() else {
        return fmt::Display::fmt(&elements[0], f);
    };
    let step = inner.iter().product::<usize>();
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
        axis(f, &elements[i * step..(i + 1) * step], inner, depth + 1, elide)?;
        i += 1;
    }
    f.write_str("]")
}
