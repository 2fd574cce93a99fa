//! What parameters are made of, as a constant: the tensors, their names, where they lie, and how weight files have
//! them. [`Parameters::visit`](super::Parameters::visit), files and `include_weights!` all read it.

use core::ops::Range;

use crate::sizes;
use crate::tensor::Dims;

/// The most axes of one tensor of parameters.
pub const MAX_AXES: usize = 8;

/// The sizes of up to eight axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    pub(crate) sizes: [usize; MAX_AXES],
    pub(crate) count: usize,
}

impl Axes {
    /// No axes: one number.
    pub(crate) const NONE: Axes = Axes { sizes: [1; MAX_AXES], count: 0 };

    /// The same with one more axis at the end; `None` if there are eight already.
    pub(crate) const fn and(mut self, size: usize) -> Option<Self> {
        if self.count == MAX_AXES {
            return None;
        }
        self.sizes[self.count] = size;
        self.count += 1;
        Some(self)
    }

    /// The sizes, outermost axis first.
    pub const fn sizes(&self) -> &[usize] {
        self.sizes.split_at(self.count).0
    }

    /// The number of elements; `None` if it is larger than a `usize`.
    pub(crate) const fn len(&self) -> Option<usize> {
        let (mut len, mut axis) = (1usize, 0);
        while axis < self.count {
            match len.checked_mul(self.sizes[axis]) {
                Some(product) => len = product,
                None => return None,
            }
            axis += 1;
        }
        Some(len)
    }
}

impl core::fmt::Display for Axes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.sizes())
    }
}

/// One tensor of parameters: its sizes here, and the order of its axes in weight files.
#[derive(Clone, Copy, Debug)]
pub struct TensorLayout {
    pub(crate) sizes: Axes,
    /// The file's axes, by their index here.
    pub(crate) in_file: [usize; MAX_AXES],
    /// Not trained but measured, as the running mean of a batch normalization.
    pub(crate) statistic: bool,
    /// The first axis here has an entry for each feature that the layer is given.
    features: bool,
    /// That axis is made of so many pixels with some channels each here, and of channels with so many pixels in files.
    pub(crate) pixels: usize,
}

impl TensorLayout {
    /// One number.
    pub(crate) const NUMBER: TensorLayout = TensorLayout {
        sizes: Axes::NONE,
        in_file: [0, 1, 2, 3, 4, 5, 6, 7],
        statistic: false,
        features: false,
        pixels: 1,
    };

    /// A tensor with these sizes, or with one axis if it has several parts.
    pub(crate) const fn of(dims: Dims) -> Self {
        let mut tensor = TensorLayout::NUMBER;
        let sizes = if dims.rank().is_some() { dims.sizes() } else { &[dims.len()] };
        while tensor.sizes.count < sizes.len() {
            tensor.sizes.sizes[tensor.sizes.count] = sizes[tensor.sizes.count];
            tensor.sizes.count += 1;
        }
        tensor
    }

    /// An array of these. Its new first axis is the first in files, too.
    const fn array(self, count: usize) -> Self {
        let Some(mut sizes) = self.sizes.and(1) else {
            panic!("a tensor of parameters has at most 8 axes");
        };
        let (mut in_file, mut axis) = ([0; MAX_AXES], sizes.count - 1);
        while axis > 0 {
            sizes.sizes[axis] = sizes.sizes[axis - 1];
            in_file[axis] = self.in_file[axis - 1] + 1;
            axis -= 1;
        }
        sizes.sizes[0] = count;
        TensorLayout { sizes, in_file, statistic: self.statistic, features: false, pixels: 1 }
    }

    /// The same for a layer that is given flattened images of so many pixels.
    pub(crate) const fn of_pixels(mut self, pixels: usize) -> Self {
        if self.features && self.sizes.count > 0 && self.sizes.sizes[0].is_multiple_of(pixels) {
            self.pixels = pixels;
        }
        self
    }

    /// The sizes here.
    pub(crate) const fn sizes(&self) -> &[usize] {
        self.sizes.sizes()
    }

    /// The number of elements.
    pub(crate) const fn len(&self) -> usize {
        match self.sizes.len() {
            Some(len) => len,
            None => panic!("more elements than memory"),
        }
    }
}

/// What parameters are made of.
#[derive(Clone, Copy, Debug)]
pub enum Contents {
    /// One tensor.
    Tensor(TensorLayout),
    /// The fields of a struct, in the order in which they lie.
    Fields(&'static [Member]),
    /// The items of an array, named by their index.
    Items {
        /// How many there are.
        count: usize,
        /// How many numbers each has.
        len: usize,
        /// What each is made of.
        item: &'static Contents,
    },
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// How many numbers lie before it.
    pub first: usize,
    /// How many pixels the images have whose flattened features the layer is given, if it is one; 1 otherwise.
    pub pixels: usize,
    /// What it is made of.
    pub contents: Contents,
}

impl Member {
    /// The pixels of images whose features the member is given: a layer hands them on to its tensors, and a network
    /// nested in another begins with an order of its own.
    pub(crate) const fn pixels_below(&self, pixels: usize) -> usize {
        match self.contents {
            Contents::Tensor(_) if self.pixels == 1 => pixels,
            _ => self.pixels,
        }
    }
}

impl Contents {
    /// An array of these parameters, which are `len` numbers each.
    pub(crate) const fn array(item: &'static Contents, count: usize, len: usize) -> Contents {
        match item {
            Contents::Tensor(tensor) => Contents::Tensor(tensor.array(count)),
            _ => Contents::Items { count, len, item },
        }
    }

    /// The same tensor, with another order of axes in files: for each axis of the file the one that it is here.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor or has another number of axes.
    pub const fn file_axes(self, order: &[usize]) -> Contents {
        let Contents::Tensor(mut tensor) = self else {
            panic!("`file_axes` belongs to a nested array of numbers, which is one tensor");
        };
        // That they are different the macro has checked.
        assert!(order.len() == tensor.sizes.count, "`file_axes` names each axis of the tensor once");
        let mut axis = 0;
        while axis < order.len() {
            tensor.in_file[axis] = order[axis];
            axis += 1;
        }
        Contents::Tensor(tensor)
    }

    /// The same tensor, whose first axis here has an entry for each feature that the layer is given.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor.
    pub const fn features(self) -> Contents {
        let Contents::Tensor(mut tensor) = self else {
            panic!("`features` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.features = true;
        Contents::Tensor(tensor)
    }

    /// The same tensor as one that is not trained but measured.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor.
    pub const fn statistic(self) -> Contents {
        let Contents::Tensor(mut tensor) = self else {
            panic!("`statistic` belongs to a number or a nested array of numbers, which is one tensor");
        };
        tensor.statistic = true;
        Contents::Tensor(tensor)
    }

    /// Calls with the place of each tensor, in order, and whether it is a statistic. Does not allocate.
    pub(crate) fn for_each_place(&self, first: usize, visitor: &mut dyn FnMut(Range<usize>, bool)) {
        match self {
            Contents::Tensor(tensor) => visitor(first..first + tensor.len(), tensor.statistic),
            Contents::Fields(fields) => {
                fields.iter().for_each(|field| field.contents.for_each_place(first + field.first, visitor));
            }
            Contents::Items { count, len, item } => {
                (0..*count).for_each(|i| item.for_each_place(first + i * len, visitor));
            }
        }
    }

    /// How many tensors there are.
    pub const fn count(&self) -> usize {
        match self {
            Contents::Tensor(_) => 1,
            Contents::Items { count, item, .. } => sizes::product(&[*count, item.count()]),
            Contents::Fields(fields) => {
                let (mut sum, mut field) = (0, 0);
                while field < fields.len() {
                    sum = sizes::sum(&[sum, fields[field].contents.count()]);
                    field += 1;
                }
                sum
            }
        }
    }

    /// Calls with each tensor in order: its name, where it begins, and how it lies.
    pub(crate) fn for_each(&self, name: &str, visitor: &mut dyn FnMut(&str, usize, &TensorLayout)) {
        self.for_each_below(name, 0, 1, visitor);
    }

    fn for_each_below(
        &self,
        name: &str,
        first: usize,
        pixels: usize,
        visitor: &mut dyn FnMut(&str, usize, &TensorLayout),
    ) {
        match self {
            Contents::Tensor(tensor) => visitor(name, first, &tensor.of_pixels(pixels)),
            Contents::Fields(fields) => {
                for member in *fields {
                    let (name, first) = (join(name, member.name), first + member.first);
                    let pixels = member.pixels_below(pixels);
                    member.contents.for_each_below(&name, first, pixels, visitor);
                }
            }
            Contents::Items { count, len, item } => {
                for i in 0..*count {
                    item.for_each_below(&join(name, &i.to_string()), first + i * len, 1, visitor);
                }
            }
        }
    }
}

/// The name of a part: "fc1" and "weight" become "fc1.weight".
fn join(name: &str, part: &str) -> String {
    if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") }
}
