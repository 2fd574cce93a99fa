//! The shapes that operators compute from lists of numbers, for constants and for outputs of layers
//! alike.

use crate::attributes::{axes_of, axis_of};
use crate::error::{Result, fail};
use crate::read::Node;
use crate::tensor::{Sizes, Tensor};

/// The shape that `Reshape` makes of another one.
pub(crate) fn reshaped(shape: &[usize], wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>> {
    let mut sizes = Vec::new();
    let mut open = None;
    for (axis, &size) in wanted.iter().enumerate() {
        sizes.push(match size {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !allow_zero => match shape.get(axis) {
                Some(&size) => size,
                None => fail!("it keeps the axis {axis}, which {} has not", Sizes(shape)),
            },
            0.. => size as usize,
            _ => fail!("it reshapes to {wanted:?}"),
        });
    }

    let len: usize = shape.iter().product();
    let known = sizes
        .iter()
        .try_fold(1_usize, |n, &size| n.checked_mul(size));
    let fits = match (open, known) {
        (Some(axis), Some(known)) if known > 0 && len.is_multiple_of(known) => {
            sizes[axis] = len / known;
            true
        }
        (None, Some(known)) => known == len,
        _ => false,
    };
    if !fits {
        fail!("it reshapes {} to {wanted:?}", Sizes(shape));
    }
    Ok(sizes)
}

/// The axes of size 1 that `Squeeze` removes, in ascending order.
pub(crate) fn squeezed(shape: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>> {
    let axes = match axes {
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
        Some(axes) => axes_of(axes, shape.len())?,
    };
    if axes.iter().any(|&axis| shape[axis] != 1) {
        fail!(
            "it removes an axis of {} that is not of size 1",
            Sizes(shape)
        );
    }
    Ok(axes)
}

/// The range of an axis that `Slice` takes: the first index, the distance and the number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub first: usize,
    pub step: i64,
    pub count: usize,
}

/// The axes that `Slice` cuts, with their ranges.
pub(crate) fn slices(
    shape: &[usize],
    starts: &[i64],
    ends: &[i64],
    axes: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> Result<Vec<(usize, Range)>> {
    let counts = [
        Some(ends.len()),
        axes.map(<[_]>::len),
        steps.map(<[_]>::len),
    ];
    if counts.iter().flatten().any(|&count| count != starts.len()) {
        fail!("its starts, ends, axes and steps are not of one length");
    }

    let mut ranges = Vec::new();
    for i in 0..starts.len() {
        let axis = axis_of(axes.map_or(i as i64, |axes| axes[i]), shape.len())?;
        let step = steps.map_or(1, |steps| steps[i]);
        let size = shape[axis] as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (start, end) = (from_end(starts[i]), from_end(ends[i]));
        let (first, count) = match step {
            1.. => {
                let (first, end) = (start.clamp(0, size), end.clamp(0, size));
                (first, (end - first).max(0).div_ceil_by(step))
            }
            ..=-1 => {
                let (first, end) = (start.clamp(0, size - 1), end.clamp(-1, size - 1));
                (
                    first,
                    (first - end).max(0).div_ceil_by(step.saturating_neg()),
                )
            }
            0 => fail!("its step is 0"),
        };
        let range = Range {
            first: first as usize,
            step,
            count: count as usize,
        };
        ranges.push((axis, range));
    }
    Ok(ranges)
}

trait DivCeilBy {
    fn div_ceil_by(self, by: i64) -> i64;
}

impl DivCeilBy for i64 {
    /// Divides a number that is not negative and rounds up.
    fn div_ceil_by(self, by: i64) -> i64 {
        self / by + i64::from(self % by != 0)
    }
}

/// The sizes of the parts that `Split` makes of an axis.
pub(crate) fn parts(size: usize, wanted: Option<&[i64]>, outputs: usize) -> Result<Vec<usize>> {
    let parts: Vec<usize> = match wanted {
        Some(wanted) => wanted.iter().map(|&part| part.max(0) as usize).collect(),
        None if outputs == 0 => Vec::new(),
        None => {
            // The last part is smaller if they are not equal.
            let part = size.div_ceil(outputs);
            (0..outputs)
                .map(|i| part.min(size.saturating_sub(i * part)))
                .collect()
        }
    };
    let sum = parts
        .iter()
        .try_fold(0_usize, |sum, &part| sum.checked_add(part));
    if parts.len() != outputs || sum != Some(size) {
        fail!("it splits an axis of {size} into {parts:?}");
    }
    Ok(parts)
}

/// The axes of a transposition.
pub(crate) fn permutation(node: &Node, rank: usize) -> Result<Vec<usize>> {
    let Some(perm) = node.ints("perm")? else {
        return Ok((0..rank).rev().collect());
    };
    let axes = perm
        .iter()
        .map(|&axis| axis_of(axis, rank))
        .collect::<Result<Vec<_>>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        fail!("its `perm` {perm:?} does not name each of {rank} axes once");
    }
    Ok(axes)
}

/// A list of numbers from an attribute of older versions, or from an input of newer ones.
pub(crate) fn list(node: &Node, name: &str, input: Option<&Tensor>) -> Result<Option<Vec<i64>>> {
    match (node.ints(name)?, input) {
        (Some(list), _) => Ok(Some(list)),
        (None, Some(tensor)) => Ok(Some(tensor.as_ints().to_vec())),
        (None, None) => Ok(None),
    }
}
