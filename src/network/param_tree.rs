//! What parameters are made of, as a constant: the tensors, their names, where they lie, and how
//! weight files have them. [`Parameters::visit`](super::Parameters::visit), files and
//! `include_weights!` all read it.

use core::ops::Range;

use super::feature_order::FeatureOrder;
use super::layer::Compute;
use super::parameters::Parameters;
use crate::tensor::{Dims, Element, Shape};

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
    pub(crate) features: bool,
    /// The last axis here has an entry for each feature that the layer gives.
    pub(crate) outputs: bool,
}

impl TensorLayout {
    /// One number.
    pub(crate) const NUMBER: TensorLayout = TensorLayout {
        sizes: Axes::NONE,
        in_file: [0, 1, 2, 3, 4, 5, 6, 7],
        statistic: false,
        features: false,
        outputs: false,
    };

    /// A tensor with these sizes, or with one axis if it has several parts.
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
        TensorLayout {
            sizes,
            in_file,
            statistic: self.statistic,
            features: false,
            outputs: false,
        }
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
pub enum ParamTree {
    /// One tensor.
    Tensor(TensorLayout),
    /// The fields of a struct, in the order in which they lie.
    Fields(&'static [ParamField]),
    /// A list of layers, one after another, with those that have no parameters.
    Layers(&'static [ParamField]),
    /// The branches of a block, each of them a list of layers.
    Block(Joint, &'static [ParamField]),
    /// The items of an array, named by their index.
    Items {
        /// How many there are.
        count: usize,
        /// How many numbers each has.
        len: usize,
        /// What each is made of.
        item: &'static ParamTree,
    },
}

/// How the outputs of a block's branches come together.
#[derive(Clone, Copy, Debug)]
pub enum Joint {
    /// They are added, to the input if there is one branch alone.
    Sum,
    /// They are joined along the last axis, or are the parts of a tuple.
    SideBySide,
}

/// A field, a layer or a branch.
#[derive(Clone, Copy, Debug)]
pub struct ParamField {
    /// Its name; empty if what it is made of has names of its own.
    pub name: &'static str,
    /// How many numbers lie before it.
    pub first: usize,
    /// What it is made of.
    pub contents: ParamTree,
    /// Of a layer: what it does.
    pub layer: Option<LayerInfo>,
}

/// What is known of a layer where the order of features is followed.
#[derive(Clone, Copy, Debug)]
pub struct LayerInfo {
    /// The layer as it is written, without what is inside of it.
    pub text: &'static str,
    /// What it does on this input: never [`FeatureOrder::Mixes`] or [`FeatureOrder::Trailing`].
    pub order: FeatureOrder,
    /// Its tensors have their axes in files as they are here, whatever their `axes` say.
    pub axes_as_here: bool,
    pub input: Dims,
    pub output: Dims,
}

impl ParamField {
    /// A field of a struct.
    pub const fn field(name: &'static str, first: usize, contents: ParamTree) -> Self {
        ParamField {
            name,
            first,
            contents,
            layer: None,
        }
    }

    /// A layer of a list.
    pub const fn layer<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>(
        name: &'static str,
        text: &'static str,
        first: usize,
    ) -> Self {
        let layer = LayerInfo {
            text,
            order: L::ORDER.on(In::DIMS),
            axes_as_here: matches!(L::ORDER, FeatureOrder::Trailing),
            input: In::DIMS,
            output: Out::DIMS,
        };
        ParamField {
            name,
            first,
            contents: <L::Params as Parameters<T>>::PARAM_TREE,
            layer: Some(layer),
        }
    }
}

impl ParamTree {
    /// An array of these parameters, which are `len` numbers each.
    pub(crate) const fn array(item: &'static ParamTree, count: usize, len: usize) -> ParamTree {
        match item {
            ParamTree::Tensor(tensor) => ParamTree::Tensor(tensor.array(count)),
            _ => ParamTree::Items { count, len, item },
        }
    }

    /// The same tensor, with another order of axes in files: for each axis of the file the one that
    /// it is here.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor or has another number of axes.
    pub const fn file_axes(self, order: &[usize]) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`axes` belongs to a nested array of numbers, which is one tensor");
        };
        // That they are different the macro has checked.
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

    /// The same tensor, whose first axis here has an entry for each feature that the layer is
    /// given.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor.
    pub const fn features(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`features` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.features = true;
        ParamTree::Tensor(tensor)
    }

    /// The same tensor, whose last axis here has an entry for each feature that the layer gives.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor.
    pub const fn outputs(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!("`outputs` belongs to a nested array of numbers, which is one tensor");
        };
        tensor.outputs = true;
        ParamTree::Tensor(tensor)
    }

    /// The same tensor as one that is not trained but measured.
    ///
    /// # Panics
    /// In a constant, if this is not one tensor.
    pub const fn statistic(self) -> ParamTree {
        let ParamTree::Tensor(mut tensor) = self else {
            panic!(
                "`statistic` belongs to a number or a nested array of numbers, which is one tensor"
            );
        };
        tensor.statistic = true;
        ParamTree::Tensor(tensor)
    }

    /// The fields of a struct, the layers of a list or the branches of a block.
    pub(crate) const fn members(&self) -> &'static [ParamField] {
        match self {
            ParamTree::Fields(members)
            | ParamTree::Layers(members)
            | ParamTree::Block(_, members) => members,
            ParamTree::Tensor(_) | ParamTree::Items { .. } => &[],
        }
    }

    /// Whether the items of an array, which are `len` numbers each, have neither numbers nor layers.
    /// They are passed over, as there can be more of them than anybody can count.
    pub(crate) const fn is_hollow(&self, len: usize) -> bool {
        len == 0 && !self.has_layers()
    }

    /// Whether a layer is among the parts.
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

    /// Calls with the place of each tensor that has elements, in order, and whether it is a
    /// statistic. Does not allocate.
    pub(crate) fn for_each_place(&self, first: usize, visitor: &mut dyn FnMut(Range<usize>, bool)) {
        match self {
            ParamTree::Tensor(tensor) if tensor.len() == 0 => {}
            ParamTree::Tensor(tensor) => visitor(first..first + tensor.len(), tensor.statistic),
            ParamTree::Items { len: 0, .. } => {}
            ParamTree::Items { count, len, item } => {
                (0..*count).for_each(|i| item.for_each_place(first + i * len, visitor));
            }
            _ => {
                let members = self.members().iter();
                members.for_each(|member| {
                    member
                        .contents
                        .for_each_place(first + member.first, visitor)
                });
            }
        }
    }

    /// Calls with each tensor in order: its name, where it begins, and how it lies.
    pub(crate) fn for_each(
        &self,
        name: &str,
        first: usize,
        visitor: &mut dyn FnMut(&str, usize, &TensorLayout),
    ) {
        match self {
            ParamTree::Tensor(tensor) => visitor(name, first, tensor),
            ParamTree::Items { len, item, .. } if item.is_hollow(*len) => {}
            ParamTree::Items { count, len, item } => {
                for i in 0..*count {
                    item.for_each(&join(name, &i.to_string()), first + i * len, visitor);
                }
            }
            _ => {
                for member in self.members() {
                    member.contents.for_each(
                        &join(name, member.name),
                        first + member.first,
                        visitor,
                    );
                }
            }
        }
    }
}

/// The name of a part: "fc1" and "weight" become "fc1.weight".
pub(crate) fn join(name: &str, part: &str) -> String {
    if name.is_empty() || part.is_empty() {
        format!("{name}{part}")
    } else {
        format!("{name}.{part}")
    }
}
