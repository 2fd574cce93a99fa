//! Where the numbers of a file lie in memory, and the tensors of parameters in constants.

use crate::network::Sentence;
use crate::network::contents::{Axes, Contents, MAX_AXES, TensorLayout};

impl Axes {
    /// `==` for constants.
    pub(super) const fn same(&self, other: &Axes) -> bool {
        let mut axis = 0;
        while axis < self.count && axis < other.count && self.sizes[axis] == other.sizes[axis] {
            axis += 1;
        }
        axis == self.count && axis == other.count
    }

    /// The same axes, last first.
    pub(super) const fn reversed(&self) -> Axes {
        let (mut reversed, mut axis) = (*self, 0);
        while axis < self.count {
            reversed.sizes[axis] = self.sizes[self.count - 1 - axis];
            axis += 1;
        }
        reversed
    }
}

impl TensorLayout {
    /// The sizes in files.
    pub(super) const fn file_sizes(&self) -> Axes {
        let (mut sizes, mut axis) = (self.sizes, 0);
        while axis < sizes.count {
            sizes.sizes[axis] = self.sizes.sizes[self.in_file[axis]];
            axis += 1;
        }
        sizes
    }

    /// The same with its features as two axes, pixels and channels, if files have them in another order.
    const fn with_pixels(&self) -> TensorLayout {
        if self.pixels == 1 {
            return *self;
        }
        let mut split = TensorLayout::NUMBER;
        split.sizes.count = self.sizes.count + 1;
        (split.sizes.sizes[0], split.sizes.sizes[1]) = (self.pixels, self.sizes.sizes[0] / self.pixels);
        let (mut axis, mut in_file) = (1, 0);
        while axis < self.sizes.count {
            split.sizes.sizes[axis + 1] = self.sizes.sizes[axis];
            axis += 1;
        }
        axis = 0;
        while axis < self.sizes.count {
            if self.in_file[axis] == 0 {
                (split.in_file[in_file], split.in_file[in_file + 1]) = (1, 0);
                in_file += 2;
            } else {
                split.in_file[in_file] = self.in_file[axis] + 1;
                in_file += 1;
            }
            axis += 1;
        }
        split
    }

    /// The file's rows as places in memory.
    pub(super) const fn rows(&self) -> Rows {
        self.with_pixels().plain_rows()
    }

    const fn plain_rows(&self) -> Rows {
        let (sizes, count) = (self.file_sizes(), self.sizes.count);
        let (mut strides, mut axis) = ([0; MAX_AXES], 0);
        while axis < count {
            let (mut stride, mut inner) = (1, self.in_file[axis] + 1);
            while inner < count {
                stride *= self.sizes.sizes[inner];
                inner += 1;
            }
            strides[axis] = stride;
            axis += 1;
        }
        // The last axes are one long row if they lie the same way in memory, as all do mostly.
        let (mut axes, mut width, mut stride) = (count, 1, 1);
        while axes > 0 && strides[axes - 1] == width {
            axes -= 1;
            width *= sizes.sizes[axes];
        }
        if axes == count && count > 0 {
            axes -= 1;
            (width, stride) = (sizes.sizes[axes], strides[axes]);
        }
        Rows { sizes, strides, axes, index: [0; MAX_AXES], first: 0, left: self.len(), width, stride }
    }
}

/// Where the numbers of a file lie in memory, row after row of the file.
pub(super) struct Rows {
    sizes: Axes,
    strides: [usize; MAX_AXES],
    /// How many axes there are before those that are a row.
    axes: usize,
    index: [usize; MAX_AXES],
    first: usize,
    left: usize,
    /// How many numbers a row has.
    pub width: usize,
    /// How far apart they lie in memory.
    pub stride: usize,
}

impl Rows {
    /// The place of the next row's first number.
    pub const fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        self.left -= self.width;
        let (first, mut axis) = (self.first, self.axes);
        while axis > 0 {
            axis -= 1;
            self.first += self.strides[axis];
            self.index[axis] += 1;
            if self.index[axis] < self.sizes.sizes[axis] {
                break;
            }
            self.first -= self.strides[axis] * self.sizes.sizes[axis];
            self.index[axis] = 0;
        }
        Some(first)
    }
}

/// A tensor in a constant: its name, where it begins, and how it lies.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub name: Sentence,
    pub first: usize,
    pub tensor: TensorLayout,
}

impl Contents {
    /// The tensor of this index.
    pub(super) const fn nth(&self, mut index: usize) -> Named {
        let (mut contents, mut name, mut first, mut pixels) = (self, Sentence::new(""), 0, 1);
        loop {
            match contents {
                Contents::Tensor(tensor) => {
                    return Named { name, first, tensor: tensor.of_pixels(pixels) };
                }
                Contents::Items { len, item, .. } => {
                    let each = item.count();
                    name = dotted(name).number(index / each);
                    first += index / each * *len;
                    (contents, index, pixels) = (*item, index % each, 1);
                }
                Contents::Fields(fields) => {
                    let mut field = 0;
                    while index >= fields[field].contents.count() {
                        index -= fields[field].contents.count();
                        field += 1;
                    }
                    name = dotted(name).text(fields[field].name);
                    first += fields[field].first;
                    pixels = fields[field].pixels_below(pixels);
                    contents = &fields[field].contents;
                }
            }
        }
    }
}

/// "fc1" becomes "fc1.", so that a name can go on.
const fn dotted(name: Sentence) -> Sentence {
    if name.as_str().is_empty() { name } else { name.text(".") }
}
