//! Numbers of lines. The `csv` crate counts `\r\n` and empty lines only when it reads on behind them, so that the line
//! of a record would be off.

use std::collections::VecDeque;
use std::io::{self, Read};

/// Passes bytes on and keeps where lines start that are not empty.
pub(super) struct Lines<R> {
    source: R,
    /// The byte and the number of each line that may still be asked for.
    starts: VecDeque<(u64, u64)>,
    /// The next byte, its line, and the byte before it.
    byte: u64,
    line: u64,
    last: u8,
}

impl<R> Lines<R> {
    pub fn new(source: R) -> Self {
        Lines { source, starts: VecDeque::new(), byte: 0, line: 1, last: b'\n' }
    }

    /// The number of the first line that starts at this byte or behind it and is not empty. Bytes must not go back.
    pub fn at(&mut self, byte: u64) -> u64 {
        while self.starts.front().is_some_and(|&(start, _)| start < byte) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |&(_, line)| line)
    }

    fn pass(&mut self, byte: u8) {
        let ended = self.last == b'\n' || (self.last == b'\r' && byte != b'\n');
        if ended && self.byte > 0 {
            self.line += 1;
        }
        if ended && byte != b'\n' && byte != b'\r' {
            self.starts.push_back((self.byte, self.line));
        }
        (self.byte, self.last) = (self.byte + 1, byte);
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        buffer[..count].iter().for_each(|&byte| self.pass(byte));
        Ok(count)
    }
}
