//! The positions in memory of a file's numbers, and the list of a file's tensors, in const code.

use super::order::{Doubt, LayerOrder};
use super::pieces::Pieces;
use crate::network::Sentence;
use crate::params::param_tree::{
    Axes, LAYER, MAX_AXES, ParamTree, REVERSE, Suffix, TensorLayout, equal,
};
use crate::sizes;

impl Axes {
    /// Returns the axes in reverse order.
    pub(super) const fn reversed(&self) -> Axes {
        let mut reversed = *self;
        let mut axis = 0;
        while axis < self.count {
            reversed.sizes[axis] = self.sizes[self.count - 1 - axis];
            axis += 1;
        }
        reversed
    }
}

impl TensorLayout {
    /// Returns the sizes in files.
    pub(super) const fn file_sizes(&self) -> Axes {
        let mut sizes = self.sizes;
        let mut axis = 0;
        while axis < sizes.count {
            sizes.sizes[axis] = self.sizes.sizes[self.in_file[axis]];
            axis += 1;
        }
        sizes
    }
}

/// A tensor of parameters with the order of its first and last axes in files.
#[derive(Clone, Copy)]
pub(super) struct FileTensor {
    pub layout: TensorLayout,
    /// The order of the first axis, if it has an entry for each input feature in another order.
    input: Option<Pieces>,
    /// The order of the last axis, if it has an entry for each output feature in another order.
    output: Option<Pieces>,
}

/// Returns whether an axis is the one with this index.
const fn is_axis(axis: Option<usize>, index: usize) -> bool {
    matches!(axis, Some(axis) if axis == index)
}

impl FileTensor {
    /// A single number.
    pub const NUMBER: FileTensor = FileTensor {
        layout: TensorLayout::NUMBER,
        input: None,
        output: None,
    };

    /// Returns the tensor of a layer whose features have this order.
    pub const fn new(layout: TensorLayout, order: &LayerOrder) -> Self {
        let mut tensor = FileTensor {
            layout,
            input: None,
            output: None,
        };
        if order.axes_as_here {
            tensor.layout.in_file = TensorLayout::NUMBER.in_file;
        }
        if let Some(axis) = layout.features_axis()
            && !order.input.is_same()
            && order.input.len() == layout.sizes()[axis]
        {
            tensor.input = Some(order.input);
        }

        if let Some(axis) = layout.outputs_axis()
            && !order.output.is_same()
            && order.output.len() == layout.sizes()[axis]
        {
            tensor.output = Some(order.output);
        }
        tensor
    }

    /// Returns the sizes in files.
    pub const fn file_sizes(&self) -> Axes {
        self.layout.file_sizes()
    }

    /// Returns the tensor for a file that has its two axes in the other order.
    #[cfg(feature = "std")]
    pub const fn transposed(mut self) -> Self {
        let [first, second, ..] = self.layout.in_file;
        self.layout.in_file[0] = second;
        self.layout.in_file[1] = first;
        self
    }

    /// Returns the order of an axis of the file, if it is not that in memory.
    const fn order(&self, axis: usize) -> Option<Pieces> {
        let here = self.layout.in_file[axis];
        match (self.input, self.output) {
            (Some(input), _) if is_axis(self.layout.features_axis(), here) => Some(input),
            (_, Some(output)) if is_axis(self.layout.outputs_axis(), here) => Some(output),
            _ => None,
        }
    }

    /// Returns the file's rows as positions in memory.
    pub const fn rows(&self) -> Rows {
        let sizes = self.file_sizes();
        let count = self.layout.sizes.count;

        let mut strides = [0; MAX_AXES];
        let mut orders = [None; MAX_AXES];
        let mut axis = 0;
        while axis < count {
            let mut stride = 1;
            let mut inner = self.layout.in_file[axis] + 1;
            while inner < count {
                // If one of them is 0, the others may have any size.
                stride = sizes::product(&[stride, self.layout.sizes.sizes[inner]]);
                inner += 1;
            }
            strides[axis] = stride;
            orders[axis] = self.order(axis);
            axis += 1;
        }

        // The last axes that are contiguous in memory, which mostly are all axes, make one row.
        let mut axes = count;
        let mut width = 1;
        let mut stride = 1;
        let mut runs = None;
        while axes > 0 && strides[axes - 1] == width && orders[axes - 1].is_none() {
            axes -= 1;
            width = sizes::product(&[width, sizes.sizes[axes]]);
        }
        if axes == count && count > 0 {
            axes -= 1;
            width = sizes.sizes[axes];
            stride = strides[axes];
            runs = orders[axes];
        }

        Rows {
            sizes,
            strides,
            orders,
            axes,
            index: [0; MAX_AXES],
            first: 0,
            remaining: self.layout.len(),
            length: width,
            at: 0,
            runs,
            pitch: stride,
            width,
            stride,
        }
    }
}

/// The positions in memory of a file's numbers, row after row of the file.
pub(super) struct Rows {
    sizes: Axes,
    strides: [usize; MAX_AXES],
    /// The order of each axis, if it is not that in memory.
    orders: [Option<Pieces>; MAX_AXES],
    /// The number of axes before those of a row.
    axes: usize,
    /// The index along each of these axes.
    index: [usize; MAX_AXES],
    /// The position in memory at this index.
    first: usize,
    /// The number of numbers that are not returned yet.
    remaining: usize,
    /// The number of numbers along the last axes.
    length: usize,
    /// The number of these that are returned already.
    at: usize,
    /// The order of the last axis, if it is not that in memory: it consists of several rows then.
    runs: Option<Pieces>,
    /// The distance in memory between neighbours along the last axis.
    pitch: usize,
    /// The number of numbers in the current row.
    pub width: usize,
    /// The distance in memory between them.
    pub stride: usize,
}

impl Rows {
    /// Goes to the next row and returns the position of its first number.
    pub const fn next(&mut self) -> Option<usize> {
        if self.remaining == 0 {
            return None;
        }

        let mut first = self.first;
        if let Some(runs) = &self.runs {
            let run = runs.run(self.at);
            first += run.first * self.pitch;
            self.width = run.len;
            self.stride = run.step * self.pitch;
            self.at += run.len;
        } else {
            self.at += self.width;
        }

        self.remaining -= self.width;
        if self.at == self.length {
            self.at = 0;
            self.advance();
        }
        Some(first)
    }

    /// Advances the index along the axes before a row.
    const fn advance(&mut self) {
        let mut axis = self.axes;
        while axis > 0 {
            axis -= 1;
            let index = self.index[axis];
            let next = if index + 1 < self.sizes.sizes[axis] {
                index + 1
            } else {
                0
            };
            let (from, to) = match &self.orders[axis] {
                None => (index, next),
                Some(order) => (order.place(index), order.place(next)),
            };

            self.first = self.first - from * self.strides[axis] + to * self.strides[axis];
            self.index[axis] = next;
            if next > 0 {
                break;
            }
        }
    }
}

/// An entry of a network's file: a tensor, or the mark of a layer whose result is another one in
/// PyTorch.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub name: Sentence,
    /// The position of its first number in the parameters.
    pub first: usize,
    pub tensor: FileTensor,
    /// For a mark: the layer, and the reason.
    pub differs: Option<(&'static str, Doubt)>,
}

/// The name of a layer's mark in files, after the layer's name and a point. The mark is an empty
/// tensor, which PyTorch does not know.
const MARK: &str = "channels_last";

impl Named {
    pub const NONE: Named = Named {
        name: Sentence::new(""),
        first: 0,
        tensor: FileTensor::NUMBER,
        differs: None,
    };
}

/// The part of a file that is in the order of this crate, by its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileOrder {
    /// Nothing but what PyTorch has in this order.
    PyTorch,
    /// The features, so that no layer is followed.
    FeaturesAsHere,
    /// All numbers of each tensor, which the compiler copies at once.
    Memory,
}

impl FileOrder {
    /// The key in the metadata.
    pub const KEY: &str = "shapewright_order";

    /// Returns the order with this name.
    pub const fn named(name: &str) -> Self {
        if equal(name, "features_as_here") {
            FileOrder::FeaturesAsHere
        } else if equal(name, "memory") {
            FileOrder::Memory
        } else {
            FileOrder::PyTorch
        }
    }
}

/// The list of a file's entries while it is built.
struct List<'a> {
    file_order: FileOrder,
    orders: &'a [LayerOrder],
    named: &'a mut [Named],
    /// The number of layers so far.
    layers: usize,
    /// The number of entries so far.
    count: usize,
}

impl List<'_> {
    const fn push(&mut self, named: Named) {
        let mut named = named;
        if let FileOrder::Memory = self.file_order {
            named.tensor.layout.in_file = TensorLayout::NUMBER.in_file;
        }
        self.named[self.count] = named;
        self.count += 1;
    }

    /// Adds the entries of a tree whose tensors begin with this name and at this position.
    ///
    /// The names of the tensors end in the suffix.
    const fn add(
        &mut self,
        tree: &ParamTree,
        (name, suffix): (Sentence, Suffix),
        first: usize,
        order: &LayerOrder,
    ) {
        match tree {
            ParamTree::Tensor(tensor) => {
                let name = match suffix.layer {
                    None => name,
                    Some(layer) => name.text(LAYER).number(layer).text(if suffix.reverse {
                        REVERSE
                    } else {
                        ""
                    }),
                };
                self.push(Named {
                    name,
                    first,
                    tensor: FileTensor::new(*tensor, order),
                    differs: None,
                });
            }
            ParamTree::Items {
                names,
                count,
                len,
                item,
            } => {
                let count = if item.is_hollow(*len) { 0 } else { *count };
                let mut i = 0;
                while i < count {
                    let named = match names.suffix(i, suffix) {
                        Some(suffix) => (name, suffix),
                        None => (dotted(name).number(i), suffix),
                    };
                    self.add(item, named, first + i * *len, &LayerOrder::NONE);
                    i += 1;
                }
            }
            _ => {
                let fields = tree.members();
                let mut i = 0;
                while i < fields.len() {
                    let field = &fields[i];
                    let first = first + field.first;
                    let name = if field.name.is_empty() {
                        name
                    } else {
                        dotted(name).text(field.name)
                    };

                    let mut own = *order;
                    if let Some(layer) = &field.layer {
                        own = self.orders[self.layers];
                        self.layers += 1;
                        if let Some(doubt) = own.doubt {
                            let name = dotted(name).text(MARK);
                            let differs = Some((layer.text, doubt));
                            self.push(Named {
                                name,
                                first,
                                tensor: FileTensor::NUMBER,
                                differs,
                            });
                        }
                    }

                    self.add(&field.contents, (name, suffix), first, &own);
                    i += 1;
                }
            }
        }
    }
}

impl ParamTree {
    /// Returns the largest number of tensors and marks.
    pub(super) const fn most(&self) -> usize {
        sizes::sum(&[self.tensors(), self.layers()])
    }

    /// Returns the number of tensors.
    const fn tensors(&self) -> usize {
        match self {
            ParamTree::Tensor(_) => 1,
            ParamTree::Items { len, item, .. } if item.is_hollow(*len) => 0,
            ParamTree::Items { count, item, .. } => sizes::product(&[*count, item.tensors()]),
            _ => {
                let fields = self.members();
                let mut sum = 0;
                let mut i = 0;
                while i < fields.len() {
                    sum = sizes::sum(&[sum, fields[i].contents.tensors()]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Writes the entries of these parameters' file to `named` and returns their number. Both
    /// slices have [`ParamTree::most`] entries, and `orders` none other than [`LayerOrder::NONE`].
    pub(super) const fn list(
        &self,
        orders: &mut [LayerOrder],
        named: &mut [Named],
        file_order: FileOrder,
    ) -> usize {
        if let FileOrder::PyTorch = file_order {
            self.follow(orders);
        }

        let mut list = List {
            file_order,
            orders,
            named,
            layers: 0,
            count: 0,
        };
        list.add(
            self,
            (Sentence::new(""), Suffix::NONE),
            0,
            &LayerOrder::NONE,
        );
        list.count
    }

    /// Like [`ParamTree::list`], at run time.
    #[cfg(feature = "std")]
    pub(super) fn listed(&self, file_order: FileOrder) -> Vec<Named> {
        let mut orders = vec![LayerOrder::NONE; self.most()];
        let mut named = vec![Named::NONE; self.most()];
        let count = self.list(&mut orders, &mut named, file_order);
        named.truncate(count);
        named
    }
}

/// Appends a point to a name that is not empty, so that a field's name can follow.
const fn dotted(name: Sentence) -> Sentence {
    if name.as_str().is_empty() {
        name
    } else {
        name.text(".")
    }
}
