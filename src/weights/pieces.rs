//! In which order the elements of an axis are in files.

/// How many pieces an axis can have.
const MOST: usize = 16;

/// Elements side by side: pixels of some channels each here, channels of so many pixels in files.
#[derive(Clone, Copy)]
struct Piece {
    len: usize,
    /// 1 if the order is the same.
    pixels: usize,
}

/// The order of the elements of an axis: pieces one after another.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    list: [Piece; MOST],
    count: usize,
}

/// Elements of a file's axis that lie at equal distances here.
pub(super) struct Run {
    /// The place of the first.
    pub first: usize,
    pub len: usize,
    pub step: usize,
}

impl Pieces {
    /// The same order here and in files.
    pub const fn same(len: usize) -> Self {
        Pieces {
            list: [Piece { len, pixels: 1 }; MOST],
            count: 1,
        }
    }

    /// `len` elements that are `channels` for each pixel here, and the pixels for each channel in
    /// files.
    pub const fn channels_last(len: usize, channels: usize) -> Self {
        let mut pieces = Pieces::same(len);
        if channels > 1 && channels < len {
            pieces.list[0].pixels = len / channels;
        }
        pieces
    }

    /// Whether the order is the same.
    pub const fn is_same(&self) -> bool {
        // Neighbours with the same order are one piece.
        self.count == 1 && self.list[0].pixels == 1
    }

    pub const fn len(&self) -> usize {
        let (mut len, mut i) = (0, 0);
        while i < self.count {
            len += self.list[i].len;
            i += 1;
        }
        len
    }

    /// `==` for constants.
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

    /// These elements and then others; `None` if those are too many pieces.
    pub const fn and(mut self, other: &Pieces) -> Option<Self> {
        let mut i = 0;
        while i < other.count {
            let (piece, last) = (other.list[i], self.count - 1);
            if piece.len == 0 {
                // Nothing is added.
            } else if self.list[last].len == 0 {
                self.list[last] = piece;
            } else if piece.pixels == 1 && self.list[last].pixels == 1 {
                self.list[last].len += piece.len;
            } else if self.count == MOST {
                return None;
            } else {
                self.list[self.count] = piece;
                self.count += 1;
            }
            i += 1;
        }
        Some(self)
    }

    /// `len` of the elements, from `first` on; `None` if they have no order of their own, as a part
    /// of an image.
    pub const fn part(&self, first: usize, len: usize) -> Option<Self> {
        let (mut part, mut begin, mut i) = (Pieces::same(0), 0, 0);
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
                    }; MOST],
                    count: 1,
                };
                match part.and(&piece) {
                    Some(longer) => part = longer,
                    None => return None,
                }
            }
            (begin, i) = (end, i + 1);
        }
        Some(part)
    }

    /// The elements of a file's axis, from `first` on, that lie at equal distances here.
    pub const fn run(&self, first: usize) -> Run {
        let (mut begin, mut i) = (0, 0);
        while i + 1 < self.count && first >= begin + self.list[i].len {
            begin += self.list[i].len;
            i += 1;
        }
        let (Piece { len, pixels }, at) = (self.list[i], first - begin);
        if pixels == 1 {
            return Run {
                first,
                len: len - at,
                step: 1,
            };
        }
        let (channels, pixel) = (len / pixels, at % pixels);
        Run {
            first: begin + pixel * channels + at / pixels,
            len: pixels - pixel,
            step: channels,
        }
    }

    /// Where an element of a file's axis is here.
    pub const fn place(&self, index: usize) -> usize {
        self.run(index).first
    }
}

#[cfg(test)]
mod tests {
    use super::Pieces;

    /// The places of all elements of a file's axis, one after another and run by run.
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
