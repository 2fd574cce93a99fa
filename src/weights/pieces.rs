//! The order of an axis's elements in files.

/// The largest number of pieces of an axis.
const MAX_PIECES: usize = 16;

/// Adjacent elements: channels last in memory, channels first in files.
#[derive(Clone, Copy)]
struct Piece {
    len: usize,
    /// The number of pixels; 1 if the order is the same.
    pixels: usize,
}

/// The order of the elements of an axis: pieces, one after another.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    list: [Piece; MAX_PIECES],
    count: usize,
}

/// Elements of a file's axis that are equally spaced in memory.
pub(super) struct Run {
    /// The position of the first in memory.
    pub first: usize,
    pub len: usize,
    /// The distance between neighbours in memory.
    pub step: usize,
}

impl Pieces {
    /// Returns the order of `len` elements that is the same in memory and in files.
    pub const fn same(len: usize) -> Self {
        Pieces {
            list: [Piece { len, pixels: 1 }; MAX_PIECES],
            count: 1,
        }
    }

    /// Returns the order of `len` elements that have `channels` last in memory and first in files.
    pub const fn channels_last(len: usize, channels: usize) -> Self {
        let mut pieces = Pieces::same(len);
        if channels > 1 && channels < len {
            pieces.list[0].pixels = len / channels;
        }
        pieces
    }

    /// Returns whether the order is the same in memory and in files.
    pub const fn is_same(&self) -> bool {
        // Adjacent pieces with the same order are merged.
        self.count == 1 && self.list[0].pixels == 1
    }

    /// Returns the number of elements.
    pub const fn len(&self) -> usize {
        let mut len = 0;
        let mut i = 0;
        while i < self.count {
            len += self.list[i].len;
            i += 1;
        }
        len
    }

    /// Returns whether both are equal: `==` for constants.
    pub const fn equals(&self, other: &Pieces) -> bool {
        let mut i = 0;
        while i < self.count && i < other.count {
            if self.list[i].len != other.list[i].len || self.list[i].pixels != other.list[i].pixels
            {
                return false;
            }
            i += 1;
        }
        self.count == other.count
    }

    /// Returns these elements, followed by others; `None` if these are more than [`MAX_PIECES`].
    pub const fn and(mut self, other: &Pieces) -> Option<Self> {
        let mut i = 0;
        while i < other.count {
            let piece = other.list[i];
            let last = self.count - 1;

            if piece.len == 0 {
                // Nothing is added.
            } else if self.list[last].len == 0 {
                self.list[last] = piece;
            } else if piece.pixels == 1 && self.list[last].pixels == 1 {
                self.list[last].len += piece.len;
            } else if self.count == MAX_PIECES {
                return None;
            } else {
                self.list[self.count] = piece;
                self.count += 1;
            }

            i += 1;
        }

        Some(self)
    }

    /// Returns `len` of the elements, beginning with `first`; `None` if they are only a part of an
    /// image and have no order of their own.
    pub const fn part(&self, first: usize, len: usize) -> Option<Self> {
        let mut part = Pieces::same(0);
        let mut begin = 0;
        let mut i = 0;
        while i < self.count {
            let Piece { len: own, pixels } = self.list[i];
            let end = begin + own;
            let from = if begin > first { begin } else { first };
            let to = if end < first + len { end } else { first + len };

            if from < to {
                if pixels > 1 && (from > begin || to < end) {
                    return None;
                }
                let piece = Pieces {
                    list: [Piece {
                        len: to - from,
                        pixels,
                    }; MAX_PIECES],
                    count: 1,
                };
                match part.and(&piece) {
                    Some(longer) => part = longer,
                    None => return None,
                }
            }

            begin = end;
            i += 1;
        }
        Some(part)
    }

    /// Returns the run of a file's axis that begins with the element `first` and ends in its piece.
    pub const fn run(&self, first: usize) -> Run {
        let mut begin = 0;
        let mut i = 0;
        while i + 1 < self.count && first >= begin + self.list[i].len {
            begin += self.list[i].len;
            i += 1;
        }

        let Piece { len, pixels } = self.list[i];
        let at = first - begin;
        if pixels == 1 {
            return Run {
                first,
                len: len - at,
                step: 1,
            };
        }

        let channels = len / pixels;
        let pixel = at % pixels;
        Run {
            first: begin + pixel * channels + at / pixels,
            len: pixels - pixel,
            step: channels,
        }
    }

    /// Returns the position in memory of an element of a file's axis.
    pub const fn place(&self, index: usize) -> usize {
        self.run(index).first
    }
}

#[cfg(test)]
mod tests {
    use super::Pieces;

    /// Returns the places of all elements of a file's axis, both one by one and run by run.
    fn places(pieces: &Pieces) -> Vec<usize> {
        let places: Vec<usize> = (0..pieces.len()).map(|i| pieces.place(i)).collect();
        let mut runs = Vec::new();
        while runs.len() < places.len() {
            let run = pieces.run(runs.len());
            runs.extend((0..run.len).map(|i| run.first + i * run.step));
        }
        assert_eq!(runs, places);
        places
    }

    #[test]
    fn channels_come_first_in_files() {
        assert_eq!(places(&Pieces::channels_last(6, 3)), [0, 3, 1, 4, 2, 5]);
        assert_eq!(places(&Pieces::channels_last(6, 1)), [0, 1, 2, 3, 4, 5]);
        assert!(Pieces::channels_last(6, 6).is_same());
    }

    #[test]
    fn pieces_lie_one_after_another() {
        let pieces = Pieces::same(2).and(&Pieces::channels_last(4, 2)).unwrap();
        let pieces = pieces
            .and(&Pieces::same(1))
            .unwrap()
            .and(&Pieces::same(1))
            .unwrap();

        assert_eq!(places(&pieces), [0, 1, 2, 4, 3, 5, 6, 7]);
        assert!(
            pieces
                .part(2, 4)
                .unwrap()
                .equals(&Pieces::channels_last(4, 2))
        );
        assert!(pieces.part(6, 2).unwrap().equals(&Pieces::same(2)));
        assert_eq!(places(&pieces.part(1, 5).unwrap()), [0, 1, 3, 2, 4]);
        assert!(
            pieces.part(3, 2).is_none(),
            "half an image has no order of its own"
        );

        assert!(!pieces.equals(&Pieces::same(8)));
    }

    #[test]
    fn there_are_at_most_sixteen_pieces() {
        let image = Pieces::channels_last(4, 2);
        let mut pieces = image;
        for _ in 1..16 {
            pieces = pieces.and(&image).unwrap();
        }
        assert_eq!(pieces.len(), 64);
        assert!(pieces.and(&image).is_none());
    }
}
