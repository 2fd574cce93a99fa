//! Numbers of 16 bits in files.

use super::layout::{FileTensor, Named};
use super::numbers::Dtype;
use crate::params::{self, Parameters};
use crate::tensor::{BF16, Element, F16};

/// A type of 16 bits that numbers are rounded to when they are saved; the file then takes half of the
/// space. They are read into networks of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// [`F16`], PyTorch's `torch.float16`: numbers up to 65504 with three to four decimal digits.
    F16,
    /// [`BF16`], PyTorch's `torch.bfloat16`: the range of an `f32` with two to three decimal digits.
    BF16,
}

impl Half {
    pub(super) const fn dtype(self) -> Dtype {
        match self {
            Half::F16 => Dtype::F16,
            Half::BF16 => Dtype::BF16,
        }
    }

    /// Returns the largest number.
    pub(super) const fn max(self) -> f64 {
        match self {
            Half::F16 => F16::from_bits(0x7bff).to_f32() as f64,
            Half::BF16 => BF16::from_bits(0x7f7f).to_f32() as f64,
        }
    }

    /// Returns the bits of the nearest number.
    pub(super) const fn round(self, value: f64) -> u16 {
        match self {
            Half::F16 => F16::from_f64(value).to_bits(),
            Half::BF16 => BF16::from_f64(value).to_bits(),
        }
    }

    /// Returns whether a finite number would become infinite.
    const fn is_too_large(self, value: f64) -> bool {
        let infinity = self.round(f64::INFINITY);
        value.is_finite() && self.round(value.abs()) == infinity
    }

    /// Returns the first number of a tensor that would become infinite, with its position in the
    /// file.
    pub(super) fn too_large_in<T: Element, P: Parameters<T>>(
        self,
        named: &Named,
        part: &P,
    ) -> Option<(usize, f64)> {
        if !named.is_trained() {
            return None;
        }
        let mut position = 0;
        let mut found = None;
        Numbers::new(named, part).each(|x| {
            let value = value_of(x);
            if found.is_none() && self.is_too_large(value) {
                found = Some((position, value));
            }
            position += 1;
        });
        found
    }
}

impl Named {
    /// Returns whether this is a tensor that is trained, and neither a statistic, a buffer nor a mark.
    pub(super) const fn is_trained(&self) -> bool {
        let layout = &self.tensor.layout;
        self.differs.is_none() && !layout.statistic && layout.buffer.is_none()
    }
}

/// The numbers of a tensor in memory, in the order of the file.
pub(super) struct Numbers<'a> {
    bytes: &'a [u8],
    /// The number of bytes of a number.
    size: usize,
    tensor: &'a FileTensor,
}

impl<'a> Numbers<'a> {
    /// Returns the numbers of a tensor, which is no mark, of these parameters.
    pub fn new<T: Element, P: Parameters<T>>(named: &'a Named, part: &'a P) -> Self {
        let layout = &named.tensor.layout;
        let len = layout.bytes(size_of::<T>());
        Numbers {
            bytes: params::parameter_bytes(part, named.first, len),
            size: layout.number_bytes(size_of::<T>()),
            tensor: &named.tensor,
        }
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.size
    }

    /// Calls `f` with the bytes of each number.
    pub fn each(&self, mut f: impl FnMut(&'a [u8])) {
        let mut rows = self.tensor.rows();
        while let Some(first) = rows.next() {
            for i in 0..rows.width {
                let position = (first + i * rows.stride) * self.size;
                f(&self.bytes[position..][..self.size]);
            }
        }
    }
}

/// Returns the value of an `f32` or `f64` with these bytes.
pub(super) fn value_of(number: &[u8]) -> f64 {
    match *number {
        [a, b, c, d] => f32::from_ne_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("networks have numbers of 4 or 8 bytes"),
    }
}
