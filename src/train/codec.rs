//! Numbers and texts as the bytes of a checkpoint, in words of eight.

use std::time::Duration;

use crate::memory;
use crate::network::Network;

/// Appends to the bytes of a file.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    pub fn float(&mut self, float: f64) {
        self.number(float.to_bits());
    }

    /// A number that may be missing.
    pub fn maybe(&mut self, float: Option<f64>) {
        self.number(float.is_some().into());
        self.float(float.unwrap_or(0.0));
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// All numbers of a network, in the bytes of this machine.
    pub fn network<N: Network>(&mut self, network: &N) {
        self.bytes(memory::bytes(network.params()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }
}

/// Takes from the bytes of a file; `None` where they are not what is asked for.
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

    /// Yes or no; other numbers than 1 and 0 are neither.
    pub fn flag(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn maybe(&mut self) -> Option<Option<f64>> {
        let there = self.flag()?;
        let float = self.float()?;
        Some(there.then_some(float))
    }

    /// A time that a training can have taken, far from where sums of times overflow.
    pub fn seconds(&mut self) -> Option<Duration> {
        const MOST: Duration = Duration::from_secs(1 << 40);
        Duration::try_from_secs_f64(self.float()?)
            .ok()
            .filter(|time| *time <= MOST)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.count()?;
        core::str::from_utf8(self.bytes(len)?).ok()
    }

    pub fn network<N: Network>(&mut self) -> Option<Box<N>> {
        let mut network = N::zeros();
        let numbers = memory::bytes_mut(network.params_mut());
        numbers.copy_from_slice(self.bytes(numbers.len())?);
        Some(network)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (padded, rest) = self.0.split_at_checked(len.checked_next_multiple_of(8)?)?;
        self.0 = rest;
        Some(&padded[..len])
    }
}

/// A sum over the bytes, of whole words. Each step is one to one in the word and in the sum before,
/// so that a change within one word always shows.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.as_chunks().0;
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, word| {
        (sum ^ u64::from_le_bytes(*word))
            .wrapping_mul(0xd134_2543_de82_ef95)
            .rotate_left(29)
    })
}
