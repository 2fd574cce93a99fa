//! Constant tensors.

use std::fmt;
use std::rc::Rc;

use crate::error::{Result, fail};

/// The kind of a tensor's numbers. Networks compute all of them as floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int,
    Bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    Float(Rc<Vec<f32>>),
    Int(Rc<Vec<i64>>),
}

/// A tensor whose numbers are known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub shape: Vec<usize>,
    pub kind: Kind,
    pub numbers: Numbers,
}

/// Returns the number of elements of a shape.
///
/// # Errors
/// Returns an error if it is larger than `most`.
pub(crate) fn checked_len(shape: &[usize], most: usize) -> Result<usize> {
    let len = shape
        .iter()
        .try_fold(1_usize, |len, &size| len.checked_mul(size));
    match len {
        Some(len) if len <= most => Ok(len),
        _ => fail!(
            "a tensor {} has more than {most} numbers, which is the limit of this reader",
            Sizes(shape)
        ),
    }
}

/// Sizes in a sentence: `[2, 3]`.
pub(crate) struct Sizes<'a>(pub &'a [usize]);

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The distance of neighbours along each axis.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Returns the position in a tensor with these sizes and strides of each element of a tensor of
/// another shape, in the order of the latter. A stride of 0 repeats.
pub(crate) fn positions(shape: &[usize], strides: &[usize], first: usize) -> Vec<usize> {
    let len = shape.iter().product();
    let mut positions = Vec::with_capacity(len);
    let mut index = vec![0; shape.len()];
    let mut position = first;
    for _ in 0..len {
        positions.push(position);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    positions
}

impl Tensor {
    pub fn floats(shape: &[usize], numbers: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        Tensor {
            shape: shape.to_vec(),
            kind: Kind::Float,
            numbers: Numbers::Float(Rc::new(numbers)),
        }
    }

    pub fn ints(shape: &[usize], numbers: Vec<i64>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        Tensor {
            shape: shape.to_vec(),
            kind: Kind::Int,
            numbers: Numbers::Int(Rc::new(numbers)),
        }
    }

    /// A list of integers as a tensor of one axis.
    pub fn list(numbers: Vec<i64>) -> Self {
        Tensor::ints(&[numbers.len()], numbers)
    }

    pub fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Float(numbers) => numbers.len(),
            Numbers::Int(numbers) => numbers.len(),
        }
    }

    /// Returns the numbers as floats.
    pub fn as_floats(&self) -> Rc<Vec<f32>> {
        match &self.numbers {
            Numbers::Float(numbers) => numbers.clone(),
            Numbers::Int(numbers) => Rc::new(numbers.iter().map(|&n| n as f32).collect()),
        }
    }

    /// Returns the numbers as integers, as ONNX casts them.
    pub fn as_ints(&self) -> Rc<Vec<i64>> {
        match &self.numbers {
            Numbers::Float(numbers) => Rc::new(numbers.iter().map(|&n| n as i64).collect()),
            Numbers::Int(numbers) => numbers.clone(),
        }
    }

    /// Returns the only number.
    pub fn single(&self) -> Option<f32> {
        match &self.as_floats()[..] {
            &[number] => Some(number),
            _ => None,
        }
    }

    /// Returns the number that all elements have.
    pub fn uniform(&self) -> Option<f32> {
        let numbers = self.as_floats();
        let first = *numbers.first()?;
        let all = numbers.iter().all(|n| n.to_bits() == first.to_bits());
        all.then_some(first)
    }

    /// Returns the same numbers under another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.len());
        Tensor {
            shape: shape.to_vec(),
            ..self.clone()
        }
    }

    /// Returns a tensor of this shape whose elements are those at these positions.
    pub fn gathered(&self, shape: &[usize], positions: &[usize]) -> Self {
        let numbers = match &self.numbers {
            Numbers::Float(n) => {
                Numbers::Float(Rc::new(positions.iter().map(|&at| n[at]).collect()))
            }
            Numbers::Int(n) => Numbers::Int(Rc::new(positions.iter().map(|&at| n[at]).collect())),
        };
        Tensor {
            shape: shape.to_vec(),
            kind: self.kind,
            numbers,
        }
    }

    /// Returns the tensor with its axes in this order.
    pub fn transposed(&self, axes: &[usize]) -> Self {
        let own = strides(&self.shape);
        let shape: Vec<usize> = axes.iter().map(|&axis| self.shape[axis]).collect();
        let strides: Vec<usize> = axes.iter().map(|&axis| own[axis]).collect();
        self.gathered(&shape, &positions(&shape, &strides, 0))
    }

    /// Returns the tensor with axes of size 1 repeated, as NumPy broadcasts to a shape.
    ///
    /// # Errors
    /// Returns an error if the shape is not reached, or larger than `most`.
    pub fn broadcast(&self, shape: &[usize], most: usize) -> Result<Self> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        checked_len(shape, most)?;
        let Some(missing) = shape.len().checked_sub(self.shape.len()) else {
            fail!(
                "{} does not broadcast to {}",
                Sizes(&self.shape),
                Sizes(shape)
            );
        };
        let own = strides(&self.shape);
        let mut strides = vec![0; shape.len()];
        for (axis, &size) in self.shape.iter().enumerate() {
            if size == shape[missing + axis] {
                strides[missing + axis] = own[axis];
            } else if size != 1 {
                fail!(
                    "{} does not broadcast to {}",
                    Sizes(&self.shape),
                    Sizes(shape)
                );
            }
        }
        Ok(self.gathered(shape, &positions(shape, &strides, 0)))
    }
}

/// Returns the shape to which two shapes broadcast.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        shape.push(match (size(a, axis), size(b, axis)) {
            (m, n) if m == n => m,
            (1, n) => n,
            (m, 1) => m,
            _ => fail!("{} and {} do not broadcast", Sizes(a), Sizes(b)),
        });
    }
    Ok(shape)
}
