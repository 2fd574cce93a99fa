//! The encoding of numbers and texts in checkpoints, in words of eight bytes.

use core::time::Duration;

use crate::memory;
use crate::network::Network;
use crate::params::{self, ParameterBox};
use crate::tensor::Element;

/// An encoder that appends to the bytes of a file.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    pub fn float(&mut self, float: f64) {
        self.number(float.to_bits());
    }

    /// Writes a number that may be missing.
    pub fn maybe(&mut self, float: Option<f64>) {
        self.number(float.is_some().into());
        self.float(float.unwrap_or(0.0));
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// Writes all parameters of a network, in the byte order of this machine.
    pub fn network<N: Network>(&mut self, network: &N) {
        params::append_parameters(network, &mut self.0);
        self.pad();
    }

    /// Writes numbers of a network, in the byte order of this machine.
    pub fn values<T: Element>(&mut self, values: &[T]) {
        self.0.extend(memory::bytes(values));
        self.pad();
    }

    /// Writes bytes, padded to whole words.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.pad();
    }

    /// Pads to whole words.
    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }
}

/// A decoder of the bytes of a file. Its methods return `None` if the bytes are too few or not a
/// valid value.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn number(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub fn count(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    pub fn float(&mut self) -> Option<f64> {
        self.number().map(f64::from_bits)
    }

    /// Reads a Boolean; numbers other than 0 and 1 are not valid.
    pub fn flag(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Reads a number that may be missing.
    pub fn maybe(&mut self) -> Option<Option<f64>> {
        let is_some = self.flag()?;
        let float = self.float()?;
        Some(is_some.then_some(float))
    }

    /// Reads a time that a training can have taken. Larger ones are not valid, so that sums of
    /// times do not overflow.
    pub fn seconds(&mut self) -> Option<Duration> {
        const MAX: Duration = Duration::from_secs(1 << 40);
        Duration::try_from_secs_f64(self.float()?)
            .ok()
            .filter(|time| *time <= MAX)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.count()?;
        core::str::from_utf8(self.bytes(len)?).ok()
    }

    pub fn network<N: Network>(&mut self) -> Option<ParameterBox<N>> {
        let mut network = ParameterBox::zeros();
        let numbers = memory::bytes_mut(network.as_mut_slice());
        numbers.copy_from_slice(self.bytes(numbers.len())?);
        Some(network)
    }

    /// Reads `len` numbers of a network.
    pub fn values<T: Element>(&mut self, len: usize) -> Option<Vec<T>> {
        let bytes = self.bytes(len.checked_mul(size_of::<T>())?)?;
        let mut values = vec![T::zero(); len];
        memory::bytes_mut(&mut values).copy_from_slice(bytes);
        Some(values)
    }

    /// Reads `len` bytes, which are padded to whole words.
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (padded, rest) = self.0.split_at_checked(len.checked_next_multiple_of(8)?)?;
        self.0 = rest;
        Some(&padded[..len])
    }
}

/// Returns a checksum of bytes, which must be whole words. Each step is a bijection of the word and
/// of the sum so far, so that a change within a single word always changes the result.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.as_chunks().0;
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, word| {
        (sum ^ u64::from_le_bytes(*word))
            .wrapping_mul(0xd134_2543_de82_ef95)
            .rotate_left(29)
    })
}
