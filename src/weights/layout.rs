//! Where the numbers of a file lie in memory, and the tensors that a file has, in constants.

use super::order::{Doubt, LayerOrder};
use super::pieces::Pieces;
use crate::network::Sentence;
use crate::network::param_tree::{Axes, MAX_AXES, ParamTree, TensorLayout};
use crate::sizes;

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
}

/// A tensor of parameters with the order of its first and last axes in files.
#[derive(Clone, Copy)]
pub(super) struct FileTensor {
    pub layout: TensorLayout,
    /// Of the first axis, if it has an entry for each feature that comes in.
    input: Option<Pieces>,
    /// Of the last axis, if it has an entry for each feature that goes out.
    output: Option<Pieces>,
}

impl FileTensor {
    /// One number.
    pub const NUMBER: FileTensor = FileTensor {
        layout: TensorLayout::NUMBER,
        input: None,
        output: None,
    };

    /// A tensor of a layer with these features.
    pub const fn new(layout: TensorLayout, order: &LayerOrder) -> Self {
        let mut tensor = FileTensor {
            layout,
            input: None,
            output: None,
        };
        if order.axes_as_here {
            tensor.layout.in_file = TensorLayout::NUMBER.in_file;
        }
        if let [first, .., _] | [first] = layout.sizes()
            && layout.features
            && !order.input.is_same()
            && order.input.len() == *first
        {
            tensor.input = Some(order.input);
        }
        if let [.., last] = layout.sizes()
            && layout.outputs
            && !order.output.is_same()
            && order.output.len() == *last
        {
            tensor.output = Some(order.output);
        }
        tensor
    }

    /// The sizes in files.
    pub const fn file_sizes(&self) -> Axes {
        self.layout.file_sizes()
    }

    /// The order of an axis of the file.
    const fn order(&self, axis: usize) -> Option<Pieces> {
        let here = self.layout.in_file[axis];
        match (self.input, self.output) {
            (Some(input), _) if here == 0 => Some(input),
            (_, Some(output)) if here + 1 == self.layout.sizes.count => Some(output),
            _ => None,
        }
    }

    /// The file's rows as places in memory.
    pub const fn rows(&self) -> Rows {
        let (sizes, count) = (self.file_sizes(), self.layout.sizes.count);
        let (mut strides, mut orders, mut axis) = ([0; MAX_AXES], [None; MAX_AXES], 0);
        while axis < count {
            let (mut stride, mut inner) = (1, self.layout.in_file[axis] + 1);
            while inner < count {
                // Where one of them is 0, the others may be as large as they like.
                stride = sizes::product(&[stride, self.layout.sizes.sizes[inner]]);
                inner += 1;
            }
            strides[axis] = stride;
            orders[axis] = self.order(axis);
            axis += 1;
        }
        // The last axes are one long row if they lie the same way in memory, as all do mostly.
        let (mut axes, mut width, mut stride, mut runs) = (count, 1, 1, None);
        while axes > 0 && strides[axes - 1] == width && orders[axes - 1].is_none() {
            axes -= 1;
            width = sizes::product(&[width, sizes.sizes[axes]]);
        }
        if axes == count && count > 0 {
            axes -= 1;
            (width, stride, runs) = (sizes.sizes[axes], strides[axes], orders[axes]);
        }
        let (length, left) = (width, self.layout.len());
        let index = [0; MAX_AXES];
        Rows {
            sizes,
            strides,
            orders,
            axes,
            index,
            first: 0,
            left,
            length,
            at: 0,
            runs,
            pitch: stride,
            width,
            stride,
        }
    }
}

/// Where the numbers of a file lie in memory, row after row of the file.
pub(super) struct Rows {
    sizes: Axes,
    strides: [usize; MAX_AXES],
    /// The order of each axis, if it is another than here.
    orders: [Option<Pieces>; MAX_AXES],
    /// How many axes there are before those that are a row.
    axes: usize,
    index: [usize; MAX_AXES],
    first: usize,
    left: usize,
    /// How many numbers the last axes have, and how many of them were given.
    length: usize,
    at: usize,
    /// The order of the last axis: it is given in several rows then.
    runs: Option<Pieces>,
    /// How far apart neighbours lie along the last axis here.
    pitch: usize,
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
        let mut first = self.first;
        if let Some(runs) = &self.runs {
            let run = runs.run(self.at);
            first += run.first * self.pitch;
            (self.width, self.stride) = (run.len, run.step * self.pitch);
            self.at += run.len;
        } else {
            self.at += self.width;
        }
        self.left -= self.width;
        if self.at == self.length {
            self.at = 0;
            self.advance();
        }
        Some(first)
    }

    /// Goes on to the next of the axes before a row.
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

/// What a file has of a network: a tensor, or the mark of a layer that computes something else in
/// PyTorch.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub name: Sentence,
    /// Where it begins.
    pub first: usize,
    pub tensor: FileTensor,
    /// Of a mark: the layer, and why it has one.
    pub differs: Option<(&'static str, Doubt)>,
}

/// What the mark of a layer is called in files, behind the layer's name and a point: an empty
/// tensor, which PyTorch does not know.
const MARK: &str = "channels_last";

impl Named {
    pub const NONE: Named = Named {
        name: Sentence::new(""),
        first: 0,
        tensor: FileTensor::NUMBER,
        differs: None,
    };

    /// How many numbers it has.
    pub const fn len(&self) -> usize {
        if self.differs.is_some() {
            0
        } else {
            self.tensor.layout.len()
        }
    }
}

/// Where what a file has is written to.
struct List<'a> {
    orders: &'a [LayerOrder],
    named: &'a mut [Named],
    /// How many layers and tensors there were.
    layers: usize,
    count: usize,
}

impl List<'_> {
    const fn push(&mut self, named: Named) {
        self.named[self.count] = named;
        self.count += 1;
    }

    const fn add(
        &mut self,
        contents: &ParamTree,
        name: Sentence,
        first: usize,
        order: &LayerOrder,
    ) {
        match contents {
            ParamTree::Tensor(tensor) => {
                self.push(Named {
                    name,
                    first,
                    tensor: FileTensor::new(*tensor, order),
                    differs: None,
                });
            }
            ParamTree::Items { count, len, item } => {
                let count = if item.is_hollow(*len) { 0 } else { *count };
                let mut i = 0;
                while i < count {
                    self.add(
                        item,
                        dotted(name).number(i),
                        first + i * *len,
                        &LayerOrder::NONE,
                    );
                    i += 1;
                }
            }
            _ => {
                let (members, mut i) = (contents.members(), 0);
                while i < members.len() {
                    let member = &members[i];
                    let first = first + member.first;
                    let name = if member.name.is_empty() {
                        name
                    } else {
                        dotted(name).text(member.name)
                    };
                    let mut own = *order;
                    if let Some(layer) = &member.layer {
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
                    self.add(&member.contents, name, first, &own);
                    i += 1;
                }
            }
        }
    }
}

impl ParamTree {
    /// How many tensors and marks there can be.
    pub(super) const fn most(&self) -> usize {
        sizes::sum(&[self.tensors(), self.layers()])
    }

    const fn tensors(&self) -> usize {
        match self {
            ParamTree::Tensor(_) => 1,
            ParamTree::Items { len, item, .. } if item.is_hollow(*len) => 0,
            ParamTree::Items { count, item, .. } => sizes::product(&[*count, item.tensors()]),
            _ => {
                let (members, mut sum, mut i) = (self.members(), 0, 0);
                while i < members.len() {
                    sum = sizes::sum(&[sum, members[i].contents.tensors()]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Sets what a file has of these parameters, and gives how much that is. Both slices have
    /// [`ParamTree::most`] entries.
    pub(super) const fn list(&self, orders: &mut [LayerOrder], named: &mut [Named]) -> usize {
        self.follow(orders);
        let mut list = List {
            orders,
            named,
            layers: 0,
            count: 0,
        };
        list.add(self, Sentence::new(""), 0, &LayerOrder::NONE);
        list.count
    }

    /// The same when the program runs.
    pub(super) fn listed(&self) -> Vec<Named> {
        let (mut orders, mut named) = (
            vec![LayerOrder::NONE; self.most()],
            vec![Named::NONE; self.most()],
        );
        let count = self.list(&mut orders, &mut named);
        named.truncate(count);
        named
    }
}

/// "fc1" becomes "fc1.", so that a name can go on.
const fn dotted(name: Sentence) -> Sentence {
    if name.as_str().is_empty() {
        name
    } else {
        name.text(".")
    }
}
