//! The tree of a network's parameter tensors, as a constant: their names, positions, and axes in
//! weight files. [`Parameters::visit`](super::Parameters::visit), weight files and
//! `include_weights!` read it.

#[cfg(feature = "alloc")]
use alloc::format;
#[cfg(feature = "alloc")]
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Range;

use super::feature_order::FeatureOrder;
use crate::sizes;
use crate::tensor::Dims;

/// The largest number of axes of a parameter tensor.
pub const MAX_AXES: usize = 8;

/// The sizes of up to eight axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    pub(crate) sizes: [usize; MAX_AXES],
    pub(crate) count: usize,
}

impl Axes {
    /// No axes: one number.
    pub(crate) const NONE: Axes = Axes {
        sizes: [1; MAX_AXES],
        count: 0,
    };

    /// One axis without elements.
    #[cfg_attr(not(feature = "safetensors"), allow(dead_code))]
    pub(crate) const EMPTY: Axes = Axes {
        sizes: [0, 1, 1, 1, 1, 1, 1, 1],
        count: 1,
    };

    /// Appends an axis; `None` if there are [`MAX_AXES`] already.
    pub(crate) const fn and(mut self, size: usize) -> Option<Self> {
        if self.count == MAX_AXES {
            return None;
        }
        self.sizes[self.count] = size;
        self.count += 1;
        Some(self)
    }

    /// Returns the sizes, outermost axis first.
    pub const fn sizes(&self) -> &[usize] {
        self.sizes.split_at(self.count).0
    }

    /// Returns whether both are equal: `==` for constants.
    pub(crate) const fn same(&self, other: &Axes) -> bool {
        let mut axis = 0;
        while axis < self.count && axis < other.count && self.sizes[axis] == other.sizes[axis] {
            axis += 1;
        }
        axis == self.count && axis == other.count
    }

    /// The number of elements; `None` if it is larger than a `usize`. A size of 0 gives 0, whatever
    /// the others are.
    pub(crate) const fn len(&self) -> Option<usize> {
        let (mut len, mut zero, mut axis) = (Some(1usize), false, 0);
        while axis < self.count {
            zero = zero || self.sizes[axis] == 0;
            len = match len {
                Some(len) => len.checked_mul(self.sizes[axis]),
                None => None,
            };
            axis += 1;
        }
        if zero { Some(0) } else { len }
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.sizes())
    }
}

/// The layout of a parameter tensor: its sizes here, and the order of its axes in weight files.
#[derive(Clone, Copy, Debug)]
pub struct TensorLayout {
    pub(crate) sizes: Axes,
    /// The index here of each axis in the file.
    pub(crate) in_file: [usize; MAX_AXES],
    /// True if it is measured instead of trained, as the running mean of a batch normalization.
    pub(crate) statistic: bool,
    /// True if the first axis here has an entry for each input feature of the layer.
    pub(crate) features: bool,
    /// True if the last axis here has an entry for each output feature of the layer.
    pub(crate) outputs: bool,
    /// True if the two axes of features and outputs have changed places.
    pub(crate) outputs_first: bool,
    /// The layout in memory of a tensor with another number type than the network's.
    pub(crate) buffer: Option<BufferLayout>,
}

/// The layout of a [`Buffer`](super::Buffer) in memory. `number_bytes` times the number of elements
/// and `padding` are `len` elements of the network's number type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferLayout {
    /// The name of its number type, such as `i8`.
    pub number: &'static str,
    /// The number of bytes of a number.
    pub number_bytes: usize,
    /// The number of elements of the network's number type that it takes in memory.
    pub len: usize,
    /// The number of bytes behind its numbers that belong to none.
    pub padding: usize,
}

/// The treatment of a tensor by functions that visit all parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceKind {
    /// It is trained.
    Trained,
    /// It is measured, and its gradient is the change.
    Statistic,
    /// Its type says that it stays as it is: it has neither a gradient nor an optimizer's state.
    Frozen,
    /// It has numbers of another type, in this many bytes, and is only copied.
    Buffer { bytes: usize },
}

impl TensorLayout {
    /// One number.
    pub(crate) const NUMBER: TensorLayout = TensorLayout {
        sizes: Axes::NONE,
        in_file: [0, 1, 2, 3, 4, 5, 6, 7],
        statistic: false,
        features: false,
        outputs: false,
        outputs_first: false,
        buffer: None,
    };

    /// Returns the layout of a tensor with these sizes; a tuple of tensors has one axis.
    pub(crate) const fn of(dims: Dims) -> Self {
        let mut tensor = TensorLayout::NUMBER;
        let sizes = if dims.rank().is_some() {
            dims.sizes()
        } else {
            &[dims.len()]
        };

        while tensor.sizes.count < sizes.len() {
            tensor.sizes.sizes[tensor.sizes.count] = sizes[tensor.sizes.count];
            tensor.sizes.count += 1;
        }
        tensor
    }

    /// Returns the layout of an array of these tensors. The new first axis is also the first in
    /// files.
    const fn array(self, count: usize) -> Self {
        let Some(mut sizes) = self.sizes.and(1) else {
            panic!("a tensor of parameters has at most 8 axes");
        };

        // Each axis moves one to the right.
        let mut in_file = [0; MAX_AXES];
        let mut axis = sizes.count - 1;
        while axis > 0 {
            sizes.sizes[axis] = sizes.sizes[axis - 1];
            in_file[axis] = self.in_file[axis - 1] + 1;
            axis -= 1;
        }
        sizes.sizes[0] = count;

        TensorLayout {
            sizes,
            in_file,
            statistic: self.statistic,
            features: false,
            outputs: false,
            outputs_first: false,
            buffer: None,
        }
    }

    /// Returns the sizes here, outermost axis first.
    pub(crate) const fn sizes(&self) -> &[usize] {
        self.sizes.sizes()
    }

    /// Returns the axis that has an entry for each input feature, if there is one.
    #[cfg(feature = "safetensors")]
    pub(crate) const fn features_axis(&self) -> Option<usize> {
        match (self.features, self.sizes.count, self.outputs_first) {
            (false, _, _) | (_, 0, _) => None,
            (true, _, false) => Some(0),
            (true, count, true) => Some(count - 1),
        }
    }

    /// Returns the axis that has an entry for each output feature, if there is one.
    #[cfg(feature = "safetensors")]
    pub(crate) const fn outputs_axis(&self) -> Option<usize> {
        match (self.outputs, self.sizes.count, self.outputs_first) {
            (false, _, _) | (_, 0, _) => None,
            (true, _, true) => Some(0),
            (true, count, false) => Some(count - 1),
        }
    }

    /// Returns the number of elements.
    pub(crate) const fn len(&self) -> usize {
        match self.sizes.len() {
            Some(len) => len,
            None => panic!("more elements than memory"),
        }
    }

    /// Returns the number of elements of the network's number type that it takes in memory.
    pub(crate) const fn place_len(&self) -> usize {
        match &self.buffer {
            Some(buffer) => buffer.len,
            None => self.len(),
        }
    }

    /// Returns the number of bytes of a number, in a network whose numbers have `size` bytes.
    pub(crate) const fn number_bytes(&self, size: usize) -> usize {
        match &self.buffer {
            Some(buffer) => buffer.number_bytes,
            None => size,
        }
    }

    /// Returns the number of bytes of its numbers, in a network whose numbers have `size` bytes.
    pub(crate) const fn bytes(&self, size: usize) -> usize {
        sizes::product(&[self.len(), self.number_bytes(size)])
    }

    /// Returns the treatment of the tensor, which may lie among frozen ones.
    const fn kind(&self, frozen: bool) -> PlaceKind {
        match &self.buffer {
            Some(buffer) => PlaceKind::Buffer {
                bytes: self.bytes(buffer.number_bytes),
            },
            None if frozen => PlaceKind::Frozen,
            None if self.statistic => PlaceKind::Statistic,
            None => PlaceKind::Trained,
        }
    }
}

/// Says whether the tensors of a field are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freezing {
    /// As the field around them is.
    Inherited,
    /// They are frozen, with all fields inside that are not trained in any case.
    Frozen,
    /// They are trained in any case, as the matrices of a `Lora` are.
    Trained,
}

impl Freezing {
    /// Returns whether the field is frozen if the field around it is `frozen`.
    pub(crate) const fn within(self, frozen: bool) -> bool {
        match self {
            Freezing::Inherited => frozen,
            Freezing::Frozen => true,
            Freezing::Trained => false,
        }
    }
}

/// A tree of parameter tensors.
#[derive(Clone, Copy, Debug)]
pub enum ParamTree {
    /// One tensor.
    Tensor(TensorLayout),
    /// The fields of a struct, in the order of memory.
    Fields(&'static [ParamField]),
    /// A list of layers, in order, including those without parameters.
    Layers(&'static [ParamField]),
    /// The branches of a block, each of which is a list of layers.
    Block(Joint, &'static [ParamField]),
    /// The items of an array.
    Items {
        /// Their names.
        names: ItemNames,
        /// The number of items.
        count: usize,
        /// The number of elements of each item.
        len: usize,
        /// The tree of each item.
        item: &'static ParamTree,
    },
}

/// The names of the items of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemNames {
    /// Their index.
    Indices,
    /// Those of the tensors inside, followed by `_l0` or, for the second item, `_l0_reverse`:
    /// PyTorch's names for the directions of the first recurrent layer.
    FirstDirections,
    /// Those of the tensors inside, followed by `_l1`, `_l2` and so on: PyTorch's names for further
    /// recurrent layers.
    Layers,
}

/// The text behind the name of a tensor: the number of a recurrent layer, and whether it is
/// the reversed direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suffix {
    pub layer: Option<usize>,
    pub reverse: bool,
}

impl Suffix {
    /// Nothing.
    pub const NONE: Self = Suffix {
        layer: None,
        reverse: false,
    };
}

impl ItemNames {
    /// Returns the suffix of the tensors in the item at an index of an array that has this suffix
    /// itself; `None` if the item is named by its index.
    pub(crate) const fn suffix(self, index: usize, of_array: Suffix) -> Option<Suffix> {
        match self {
            // The directions of a further layer.
            ItemNames::Indices if of_array.layer.is_some() => Some(Suffix {
                reverse: index > 0,
                ..of_array
            }),
            ItemNames::Indices => None,
            ItemNames::FirstDirections => Some(Suffix {
                layer: Some(0),
                reverse: index > 0,
            }),
            ItemNames::Layers => Some(Suffix {
                layer: Some(index + 1),
                ..of_array
            }),
        }
    }
}

/// The way in which a block combines the outputs of its branches.
#[derive(Clone, Copy, Debug)]
pub enum Joint {
    /// It adds them; the output of a single branch is added to the input.
    Sum,
    /// It concatenates them along the last axis, or makes them the parts of a tuple.
    SideBySide,
}

/// A field of a struct, a layer of a list, or a branch of a block.
#[derive(Clone, Copy, Debug)]
pub struct ParamField {
    /// The name; empty if the tensors inside have complete names.
    pub name: &'static str,
    /// The number of elements before it.
    pub first: usize,
    /// The tree of its tensors.
    pub contents: ParamTree,
    /// The description of the layer, if it is one.
    pub layer: Option<LayerInfo>,
    /// True if it is trained.
    pub freezing: Freezing,
}

/// A description of a layer that suffices to follow the order of features.
#[derive(Clone, Copy, Debug)]
pub struct LayerInfo {
    /// The layer as it is written, without the layers inside it.
    pub text: &'static str,
    /// Its effect on this input: never [`FeatureOrder::Mixes`] or [`FeatureOrder::Trailing`].
    pub order: FeatureOrder,
    /// Its tensors have their axes in files as they are here, whatever their `axes` say.
    pub axes_as_here: bool,
    /// The outputs that it reads, by number: 0 is the input of the list, `k + 1` the output of layer
    /// `k`. Empty for the output before it.
    pub sources: &'static [usize],
    /// The shape of the input; a tuple if it reads several outputs.
    pub input: Dims,
    /// The shape of the output.
    pub output: Dims,
}

/// Returns whether two texts are equal: `==` for constants.
pub(crate) const fn equal(a: &str, b: &str) -> bool {
    let a = a.as_bytes();
    let b = b.as_bytes();
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

impl ParamField {
    /// A field of a struct.
    pub const fn field(name: &'static str, first: usize, contents: ParamTree) -> Self {
        ParamField {
            name,
            first,
            contents,
            layer: None,
            freezing: Freezing::Inherited,
        }
    }

    /// Freezes the field.
    pub const fn frozen(self) -> Self {
        ParamField {
            freezing: Freezing::Frozen,
            ..self
        }
    }

    /// Trains the field even within a frozen one.
    pub const fn trained(self) -> Self {
        ParamField {
            freezing: Freezing::Trained,
            ..self
        }
    }

    /// Sets the outputs that the layer reads.
    pub const fn reading(mut self, sources: &'static [usize]) -> Self {
        if let Some(layer) = &mut self.layer {
            layer.sources = sources;
        }
        self
    }
}

impl ParamTree {
    /// Returns the tree of an array of `count` items, each of which has `len` elements.
    ///
    /// Padding may lie between buffers, so that an array of them is not one tensor, whatever its
    /// sizes are.
    pub(crate) const fn array(item: &'static ParamTree, count: usize, len: usize) -> ParamTree {
        match item {
            ParamTree::Tensor(tensor) if tensor.buffer.is_none() => {
                ParamTree::Tensor(tensor.array(count))
            }
            _ => ParamTree::Items {
                names: ItemNames::Indices,
                count,
                len,
                item,
            },
        }
    }

    /// Names the items as the directions of the first recurrent layer.
    ///
    /// # Panics
    /// Panics if this is not an array of structs; in a constant, this is a compile error.
    #[doc(hidden)]
    #[track_caller]
    pub const fn directions(self) -> ParamTree {
        self.named(ItemNames::FirstDirections)
    }

    /// Names the items as further recurrent layers. See [`directions`](Self::directions).
    #[doc(hidden)]
    #[track_caller]
    pub const fn further_layers(self) -> ParamTree {
        self.named(ItemNames::Layers)
    }

    #[track_caller]
    const fn named(self, of_items: ItemNames) -> ParamTree {
        let ParamTree::Items {
            count, len, item, ..
        } = self
        else {
            panic!("`directions` and `further_layers` belong to an array of structs");
        };
        ParamTree::Items {
            names: of_items,
            count,
            len,
            item,
        }
    }

    /// Sets the order of the tensor's axes in files: for each axis in the file, its index here.
    ///
    /// # Panics
    /// Panics if this is not one tensor or has another number of axes; in a constant, this is a
    /// compile error.
    #[track_caller]
    pub const fn file_axes(self, order: &[usize]) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`axes` belongs to a nested array of numbers, which is one tensor");
        };
        // The macro has checked that no axis is named twice.
        assert!(
            order.len() == tensor.sizes.count,
            "`axes` names each axis of the tensor once"
        );

        let mut axis = 0;
        while axis < order.len() {
            tensor.in_file[axis] = order[axis];
            axis += 1;
        }
        ParamTree::Tensor(tensor)
    }

    /// Marks the tensor's first axis here as having an entry for each input feature of the layer.
    ///
    /// # Panics
    /// Panics if this is not one tensor; in a constant, this is a compile error.
    #[track_caller]
    pub const fn features(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`features` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.features = true;
        ParamTree::Tensor(tensor)
    }

    /// Marks the tensor's last axis here as having an entry for each output feature of the layer.
    ///
    /// # Panics
    /// Panics if this is not one tensor; in a constant, this is a compile error.
    #[track_caller]
    pub const fn outputs(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`outputs` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.outputs = true;
        ParamTree::Tensor(tensor)
    }

    /// Says that the first axis is that of the outputs, and the last one that of the features.
    ///
    /// # Panics
    /// Panics if this is not one tensor; in a constant, this is a compile error.
    #[doc(hidden)]
    #[track_caller]
    pub const fn outputs_first(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`outputs_first` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.outputs_first = true;
        ParamTree::Tensor(tensor)
    }

    /// Marks the tensor as measured instead of trained.
    ///
    /// # Panics
    /// Panics if this is not one tensor; in a constant, this is a compile error.
    #[track_caller]
    pub const fn statistic(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!(
                "`statistic` belongs to a number or a nested array of numbers, which is one tensor"
            );
        };
        assert!(
            tensor.buffer.is_none(),
            "a `Buffer` is not trained in any case: omit `statistic`"
        );
        tensor.statistic = true;
        ParamTree::Tensor(tensor)
    }

    /// Returns the fields of a struct, the layers of a list or the branches of a block; nothing for
    /// a tensor or an array.
    pub(crate) const fn members(&self) -> &'static [ParamField] {
        match self {
            ParamTree::Fields(fields) | ParamTree::Layers(fields) | ParamTree::Block(_, fields) => {
                fields
            }
            ParamTree::Tensor(_) | ParamTree::Items { .. } => &[],
        }
    }

    /// Returns whether the items of an array, which are `len` numbers each, have neither numbers
    /// nor layers. Such items are skipped, as there can be more of them than a loop can visit.
    pub(crate) const fn is_hollow(&self, len: usize) -> bool {
        len == 0 && !self.has_layers()
    }

    /// Returns whether a layer is among the parts.
    const fn has_layers(&self) -> bool {
        if let ParamTree::Items { item, .. } = self {
            return item.has_layers();
        }
        let (members, mut has, mut i) = (self.members(), false, 0);
        while i < members.len() {
            has = has || members[i].layer.is_some() || members[i].contents.has_layers();
            i += 1;
        }
        has
    }

    /// Returns the number of numbers in buffers.
    pub(crate) const fn buffer_numbers(&self) -> usize {
        match self {
            ParamTree::Tensor(tensor) => {
                if tensor.buffer.is_some() {
                    tensor.len()
                } else {
                    0
                }
            }
            ParamTree::Items { count, item, .. } => {
                sizes::product(&[*count, item.buffer_numbers()])
            }
            _ => {
                let (members, mut sum, mut i) = (self.members(), 0, 0);
                while i < members.len() {
                    sum = sizes::sum(&[sum, members[i].contents.buffer_numbers()]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Returns the number of bytes of all numbers that are trained or in buffers, in a network
    /// whose numbers have `size` bytes.
    pub(crate) const fn number_bytes(&self, size: usize) -> usize {
        match self {
            ParamTree::Tensor(tensor) if tensor.statistic => 0,
            ParamTree::Tensor(tensor) => tensor.bytes(size),
            ParamTree::Items { count, item, .. } => {
                sizes::product(&[*count, item.number_bytes(size)])
            }
            _ => {
                let (members, mut sum, mut i) = (self.members(), 0, 0);
                while i < members.len() {
                    sum = sizes::sum(&[sum, members[i].contents.number_bytes(size)]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Returns the number of frozen elements outside buffers, in a tree that is `frozen` itself or
    /// not: with statistics all that have neither a gradient nor an optimizer's state, otherwise
    /// only those that would be trained.
    pub(crate) const fn frozen_numbers(&self, frozen: bool, with_statistics: bool) -> usize {
        match self {
            ParamTree::Tensor(tensor) => {
                let counts = tensor.buffer.is_none() && (with_statistics || !tensor.statistic);
                if frozen && counts { tensor.len() } else { 0 }
            }
            ParamTree::Items { count, item, .. } => {
                sizes::product(&[*count, item.frozen_numbers(frozen, with_statistics)])
            }
            _ => {
                let (members, mut sum, mut i) = (self.members(), 0, 0);
                while i < members.len() {
                    let frozen = members[i].freezing.within(frozen);
                    let own = members[i].contents.frozen_numbers(frozen, with_statistics);
                    sum = sizes::sum(&[sum, own]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Returns the number of numbers in fields that are trained in any case.
    pub(crate) const fn adapter_numbers(&self, is_adapter: bool) -> usize {
        match self {
            ParamTree::Tensor(tensor) => {
                if is_adapter {
                    tensor.len()
                } else {
                    0
                }
            }
            ParamTree::Items { count, item, .. } => {
                sizes::product(&[*count, item.adapter_numbers(is_adapter)])
            }
            _ => {
                let (members, mut sum, mut i) = (self.members(), 0, 0);
                while i < members.len() {
                    let is_adapter = is_adapter || matches!(members[i].freezing, Freezing::Trained);
                    let own = members[i].contents.adapter_numbers(is_adapter);
                    sum = sizes::sum(&[sum, own]);
                    i += 1;
                }
                sum
            }
        }
    }

    /// Returns whether there is padding behind a buffer.
    pub(crate) const fn has_padding(&self) -> bool {
        match self {
            ParamTree::Tensor(tensor) => match &tensor.buffer {
                Some(buffer) => buffer.padding > 0,
                None => false,
            },
            ParamTree::Items { count, item, .. } => *count > 0 && item.has_padding(),
            _ => {
                let (members, mut has, mut i) = (self.members(), false, 0);
                while i < members.len() {
                    has = has || members[i].contents.has_padding();
                    i += 1;
                }
                has
            }
        }
    }

    /// Sets the padding behind each buffer to zero bytes, in parameters that begin at `memory` and
    /// whose numbers have `size` bytes.
    ///
    /// # Safety
    /// This is the tree of the parameters, which the caller may write to.
    pub(crate) const unsafe fn clear_padding(&self, memory: *mut u8, size: usize) {
        match self {
            ParamTree::Tensor(tensor) => {
                if let Some(buffer) = &tensor.buffer {
                    // SAFETY: the padding follows the numbers, and belongs to the parameters.
                    unsafe {
                        memory
                            .add(tensor.bytes(size))
                            .write_bytes(0, buffer.padding)
                    }
                }
            }
            ParamTree::Items {
                count, len, item, ..
            } => {
                let count = if item.has_padding() { *count } else { 0 };
                let mut i = 0;
                while i < count {
                    // SAFETY: the items are side by side, and `item` is the tree of each.
                    unsafe { item.clear_padding(memory.add(i * *len * size), size) }
                    i += 1;
                }
            }
            _ => {
                let (members, mut i) = (self.members(), 0);
                while i < members.len() {
                    let ParamField {
                        first, contents, ..
                    } = &members[i];
                    // SAFETY: a member begins at its first element.
                    unsafe { contents.clear_padding(memory.add(*first * size), size) }
                    i += 1;
                }
            }
        }
    }

    /// Returns whether `bytes`, counted from the first byte of the parameters, have padding among
    /// them; the numbers of the network have `size` bytes.
    pub(crate) fn has_padding_in(&self, bytes: Range<usize>, size: usize) -> bool {
        let mut found = false;
        self.for_each_place(0, &mut |place, kind| {
            if let PlaceKind::Buffer { bytes: numbers } = kind {
                let padding = place.start * size + numbers..place.end * size;
                found |= padding.start.max(bytes.start) < padding.end.min(bytes.end);
            }
        });
        found
    }

    /// Calls with the ranges between buffers, in order, of parameters that are `len` elements. They
    /// have elements of the network's number type alone.
    pub(crate) fn for_each_range(&self, len: usize, visitor: &mut dyn FnMut(Range<usize>)) {
        let mut begin = 0;
        if self.buffer_numbers() > 0 {
            self.for_each_place(0, &mut |place, kind| {
                if let PlaceKind::Buffer { .. } = kind {
                    if begin < place.start {
                        visitor(begin..place.start);
                    }
                    begin = place.end;
                }
            });
        }
        if begin < len {
            visitor(begin..len);
        }
    }

    /// Calls with the place of each tensor that has elements, in order, and with its treatment.
    /// Does not allocate.
    pub(crate) fn for_each_place(
        &self,
        first: usize,
        visitor: &mut dyn FnMut(Range<usize>, PlaceKind),
    ) {
        self.for_each_place_within(false, first, visitor);
    }

    /// Like [`for_each_place`](Self::for_each_place), for a tree that is `frozen` itself or not.
    fn for_each_place_within(
        &self,
        frozen: bool,
        first: usize,
        visitor: &mut dyn FnMut(Range<usize>, PlaceKind),
    ) {
        match self {
            ParamTree::Tensor(tensor) if tensor.len() == 0 => {}
            ParamTree::Tensor(tensor) => {
                visitor(first..first + tensor.place_len(), tensor.kind(frozen));
            }
            ParamTree::Items { len: 0, .. } => {}
            ParamTree::Items {
                count, len, item, ..
            } => {
                (0..*count)
                    .for_each(|i| item.for_each_place_within(frozen, first + i * len, visitor));
            }
            _ => {
                for field in self.members() {
                    field.contents.for_each_place_within(
                        field.freezing.within(frozen),
                        first + field.first,
                        visitor,
                    );
                }
            }
        }
    }

    /// Returns the positions of the tensors that the types freeze.
    #[cfg(all(feature = "std", feature = "safetensors"))]
    pub(crate) fn frozen_starts(&self) -> std::collections::BTreeSet<usize> {
        let mut starts = std::collections::BTreeSet::new();
        self.for_each_place(0, &mut |place, kind| {
            if kind == PlaceKind::Frozen {
                starts.insert(place.start);
            }
        });
        starts
    }

    /// Calls with the position of each layer and each field that is frozen as a whole by its own
    /// attribute, with the number of elements before it and its tree.
    pub(crate) fn for_each_frozen_field(
        &self,
        first: usize,
        visitor: &mut dyn FnMut(usize, &ParamTree),
    ) {
        match self {
            ParamTree::Tensor(_) | ParamTree::Items { len: 0, .. } => {}
            ParamTree::Items {
                count, len, item, ..
            } => {
                (0..*count).for_each(|i| item.for_each_frozen_field(first + i * len, visitor));
            }
            _ => {
                for field in self.members() {
                    let first = first + field.first;
                    if field.freezing == Freezing::Frozen {
                        visitor(first, &field.contents);
                    }
                    field.contents.for_each_frozen_field(first, visitor);
                }
            }
        }
    }

    /// Calls `visitor` with each tensor, in order: its name, the index of its first element, and
    /// its layout.
    #[cfg(feature = "alloc")]
    pub(crate) fn for_each(
        &self,
        name: &str,
        first: usize,
        visitor: &mut dyn FnMut(&str, usize, &TensorLayout),
    ) {
        self.for_each_with(name, Suffix::NONE, first, visitor);
    }

    /// Like `for_each`; the names of the tensors end in a suffix.
    #[cfg(feature = "alloc")]
    fn for_each_with(
        &self,
        name: &str,
        suffix: Suffix,
        first: usize,
        visitor: &mut dyn FnMut(&str, usize, &TensorLayout),
    ) {
        match self {
            ParamTree::Tensor(tensor) => match suffix.layer {
                None => visitor(name, first, tensor),
                Some(layer) => {
                    let reverse = if suffix.reverse { REVERSE } else { "" };
                    visitor(&format!("{name}{LAYER}{layer}{reverse}"), first, tensor);
                }
            },
            ParamTree::Items { len, item, .. } if item.is_hollow(*len) => {}
            ParamTree::Items {
                names,
                count,
                len,
                item,
            } => {
                for i in 0..*count {
                    let first = first + i * len;
                    match names.suffix(i, suffix) {
                        Some(suffix) => item.for_each_with(name, suffix, first, visitor),
                        None => {
                            item.for_each_with(&join(name, &i.to_string()), suffix, first, visitor);
                        }
                    }
                }
            }
            _ => {
                for field in self.members() {
                    let name = join(name, field.name);
                    field
                        .contents
                        .for_each_with(&name, suffix, first + field.first, visitor);
                }
            }
        }
    }
}

/// The text before the number of a recurrent layer in a name, and that behind it for the reversed
/// direction.
pub(crate) const LAYER: &str = "_l";
pub(crate) const REVERSE: &str = "_reverse";

/// Joins a name and the name of a part of it: "fc1" and "weight" become "fc1.weight".
#[cfg(feature = "alloc")]
pub(crate) fn join(name: &str, part: &str) -> String {
    if name.is_empty() || part.is_empty() {
        format!("{name}{part}")
    } else {
        format!("{name}.{part}")
    }
}
