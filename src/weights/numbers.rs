//! The numbers of a file: their types, and copies between the order in a file and that in memory.

use super::difference::DifferenceKind;
use super::layout::{FileTensor, Rows};
use crate::params::param_tree::{TensorLayout, equal};
use crate::tensor::{BF16, Element, F16};

/// The type of a file's numbers: an index into [`KNOWN`]; beyond it, an unknown type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype(usize);

/// The names of the known types and their numbers of bits.
const KNOWN: [(&str, usize); 21] = [
    ("F32", 32),
    ("F64", 64),
    ("F16", 16),
    ("BF16", 16),
    ("BOOL", 8),
    ("U8", 8),
    ("I8", 8),
    ("U16", 16),
    ("I16", 16),
    ("U32", 32),
    ("I32", 32),
    ("U64", 64),
    ("I64", 64),
    ("C64", 64),
    ("F8_E4M3", 8),
    ("F8_E5M2", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("F6_E2M3", 6),
    ("F4", 4),
];

impl Dtype {
    pub const F32: Dtype = Dtype(0);
    const F64: Dtype = Dtype(1);
    pub const F16: Dtype = Dtype(2);
    pub const BF16: Dtype = Dtype(3);
    const I64: Dtype = Dtype(12);

    /// Returns the type with this name.
    pub const fn named(name: &str) -> Self {
        let mut i = 0;
        while i < KNOWN.len() && !equal(KNOWN[i].0, name) {
            i += 1;
        }
        Dtype(i)
    }

    /// Returns the type of a tensor's numbers in a network whose numbers are `T`.
    pub const fn of<T: Element>(tensor: &TensorLayout) -> Self {
        match &tensor.buffer {
            Some(buffer) => Dtype::of_number(buffer.number),
            None if size_of::<T>() == 4 => Dtype::F32,
            None => Dtype::F64,
        }
    }

    /// Returns the type with the name of a [`Number`](crate::tensor::Number), such as `i8`.
    const fn of_number(name: &str) -> Self {
        let mut i = 0;
        while i < KNOWN.len() && !KNOWN[i].0.eq_ignore_ascii_case(name) {
            i += 1;
        }
        Dtype(i)
    }

    /// Returns the name of the type.
    pub const fn name(self) -> &'static str {
        if self.0 < KNOWN.len() {
            KNOWN[self.0].0
        } else {
            "an unknown type"
        }
    }

    /// Returns the number of bits; 0 for an unknown type.
    pub const fn bits(self) -> usize {
        if self.0 < KNOWN.len() {
            KNOWN[self.0].1
        } else {
            0
        }
    }

    /// Returns whether a tensor can be read from the type. A statistic may be a count, and a buffer
    /// has its own type alone.
    pub const fn is_read(self, tensor: &TensorLayout) -> bool {
        match &tensor.buffer {
            Some(buffer) => self.is(Dtype::of_number(buffer.number)),
            None => self.0 <= Dtype::BF16.0 || tensor.statistic && self.is(Dtype::I64),
        }
    }

    /// Returns the names of the types from which a tensor can be read, for sentences.
    pub const fn read_by(tensor: &TensorLayout) -> &'static str {
        match &tensor.buffer {
            Some(buffer) => Dtype::of_number(buffer.number).name(),
            None => "F32, F64, F16 or BF16",
        }
    }

    /// Returns whether both are equal: `==` for constants.
    const fn is(self, other: Dtype) -> bool {
        self.0 == other.0
    }
}

/// Sets the bytes of a tensor's numbers, in a network whose numbers are `T`, from all those of a file,
/// from whose type the tensor [is read](Dtype::is_read).
pub(super) const fn read<T: Element>(
    numbers: &mut [u8],
    tensor: &FileTensor,
    dtype: Dtype,
    bytes: &[u8],
) {
    NumberReader::new(tensor).read::<T>(numbers, tensor, dtype, bytes);
}

/// A reader of a tensor's numbers, which may come one piece after another.
pub(super) struct NumberReader {
    rows: Rows,
    /// The position in memory of the next number.
    position: usize,
    /// The number of numbers that are missing in the current row.
    missing: usize,
}

impl NumberReader {
    pub const fn new(tensor: &FileTensor) -> Self {
        NumberReader {
            rows: tensor.rows(),
            position: 0,
            missing: 0,
        }
    }

    /// Sets the next of a tensor's numbers, as [`read`] does: `bytes` are those of whole numbers.
    pub const fn read<T: Element>(
        &mut self,
        numbers: &mut [u8],
        tensor: &FileTensor,
        dtype: Dtype,
        bytes: &[u8],
    ) {
        let same = dtype.is(Dtype::of::<T>(&tensor.layout));
        match (same, tensor.layout.number_bytes(size_of::<T>())) {
            (true, 1) => self.copy::<1>(numbers.as_chunks_mut().0, bytes),
            (true, 2) => self.copy::<2>(numbers.as_chunks_mut().0, bytes),
            (true, 4) => self.copy::<4>(numbers.as_chunks_mut().0, bytes),
            (true, _) => self.copy::<8>(numbers.as_chunks_mut().0, bytes),
            (false, 4) => self.convert::<4>(numbers.as_chunks_mut().0, dtype, bytes),
            (false, _) => self.convert::<8>(numbers.as_chunks_mut().0, dtype, bytes),
        }
    }

    /// Returns the position in memory of the next number, and how many numbers of its row are next,
    /// of which `available` are at hand.
    const fn next(&mut self, available: usize) -> Option<(usize, usize)> {
        if self.missing == 0 {
            let Some(first) = self.rows.next() else {
                return None;
            };
            self.position = first;
            self.missing = self.rows.width;
        }

        let first = self.position;
        let count = if self.missing < available {
            self.missing
        } else {
            available
        };
        self.position += count * self.rows.stride;
        self.missing -= count;
        Some((first, count))
    }

    /// Converts numbers, which have `N` bytes, from those of a file.
    ///
    /// The compiler runs this function and [`copy`](Self::copy) as well, and takes half a microsecond
    /// for each step. The loops therefore have as few calls as possible.
    const fn convert<const N: usize>(
        &mut self,
        numbers: &mut [[u8; N]],
        dtype: Dtype,
        bytes: &[u8],
    ) {
        let size = dtype.bits() / 8;
        let mut bytes = bytes;
        while let Some((first, count)) = self.next(bytes.len() / size)
            && count > 0
        {
            let (mut row, rest) = bytes.split_at(count * size);
            bytes = rest;

            let stride = self.rows.stride;
            let mut position = first;
            while let Some((value, rest)) = take(dtype, row) {
                numbers[position] = to_bytes(value);
                position += stride;
                row = rest;
            }
        }
    }

    /// Copies numbers, which have `N` bytes, from a file with the same type.
    const fn copy<const N: usize>(&mut self, numbers: &mut [[u8; N]], bytes: &[u8]) {
        let mut bytes = bytes;
        while let Some((first, count)) = self.next(bytes.len() / N)
            && count > 0
        {
            let (row, rest) = bytes.split_at(count * N);
            bytes = rest;

            let (row, _) = row.as_chunks();
            let stride = self.rows.stride;
            if stride == 1 && cfg!(target_endian = "little") {
                numbers
                    .split_at_mut(first)
                    .1
                    .split_at_mut(count)
                    .0
                    .copy_from_slice(row);
            } else {
                let mut position = first;
                let mut i = 0;
                while i < row.len() {
                    numbers[position] = row[i];
                    #[cfg(target_endian = "big")]
                    numbers[position].reverse();
                    position += stride;
                    i += 1;
                }
            }
        }
    }
}

/// The search for the first number of a tensor that is finite in a file and would be infinite in the
/// network. Its bytes may come one piece after another.
pub(super) struct TooLarge {
    position: usize,
    found: Option<(usize, f64)>,
}

impl TooLarge {
    /// Begins the search, in a network whose numbers are `T`; `None` if there is no such number of this
    /// type.
    pub const fn new<T: Element>(tensor: &TensorLayout, dtype: Dtype) -> Option<Self> {
        if !dtype.is(Dtype::F64) || !Dtype::of::<T>(tensor).is(Dtype::F32) {
            return None;
        }
        Some(TooLarge {
            position: 0,
            found: None,
        })
    }

    /// Searches the next bytes, which are those of whole numbers.
    pub const fn read(&mut self, bytes: &[u8]) {
        let (numbers, _) = bytes.as_chunks();
        let mut i = 0;
        while i < numbers.len() && self.found.is_none() {
            let value = f64::from_le_bytes(numbers[i]);
            if value.is_finite() && (value as f32).is_infinite() {
                self.found = Some((self.position + i, value));
            }
            i += 1;
        }
        self.position += numbers.len();
    }

    /// Returns the difference if there is such a number.
    pub const fn found(&self) -> Option<DifferenceKind> {
        match self.found {
            Some((position, value)) => Some(DifferenceKind::TooLarge { position, value }),
            None => None,
        }
    }
}

/// Returns the first number as an f64, and the bytes after it. The conversion is exact, except for
/// whole numbers beyond 2^53, which are rounded.
const fn take(dtype: Dtype, bytes: &[u8]) -> Option<(f64, &[u8])> {
    Some(match (dtype, bytes) {
        (Dtype::F64, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            (f64::from_le_bytes([a, b, c, d, e, f, g, h]), rest)
        }
        (Dtype::F32, &[a, b, c, d, ref rest @ ..]) => {
            (f32::from_le_bytes([a, b, c, d]) as f64, rest)
        }
        (Dtype::F16, &[a, b, ref rest @ ..]) => (
            F16::from_bits(u16::from_le_bytes([a, b])).to_f32() as f64,
            rest,
        ),
        (Dtype::BF16, &[a, b, ref rest @ ..]) => (
            BF16::from_bits(u16::from_le_bytes([a, b])).to_f32() as f64,
            rest,
        ),
        (Dtype::I64, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
            (i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64, rest)
        }
        _ => return None,
    })
}

/// Returns the bytes of a number as an f32 or f64.
const fn to_bytes<const N: usize>(value: f64) -> [u8; N] {
    let single;
    let double;
    let bytes: &[u8] = if N == 4 {
        single = (value as f32).to_ne_bytes();
        &single
    } else {
        double = value.to_ne_bytes();
        &double
    };

    match bytes.first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("numbers have 4 or 8 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::Dtype;
    use crate::params::param_tree::{BufferLayout, TensorLayout};

    #[test]
    fn counts_are_read_as_statistics_alone() {
        let trained = TensorLayout::NUMBER;
        let statistic = TensorLayout {
            statistic: true,
            ..trained
        };
        let read = |name| {
            (
                Dtype::named(name).is_read(&trained),
                Dtype::named(name).is_read(&statistic),
            )
        };
        assert_eq!(
            ["BF16", "I64", "I32"].map(read),
            [(true, true), (false, true), (false, false)]
        );
    }

    #[test]
    fn buffers_are_read_from_their_own_type() {
        let buffer = |number| TensorLayout {
            buffer: Some(BufferLayout {
                number,
                number_bytes: 1,
                len: 1,
                padding: 0,
            }),
            ..TensorLayout::NUMBER
        };
        assert!(Dtype::named("I8").is_read(&buffer("i8")));
        assert!(Dtype::named("F64").is_read(&buffer("f64")));
        assert!(!Dtype::named("F32").is_read(&buffer("f64")));
        assert!(!Dtype::named("I64").is_read(&buffer("i8")));
        assert_eq!(Dtype::read_by(&buffer("u16")), "U16");
    }
}
