//! Convolutions.

use super::{Inputs, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::{Atom, Value, size_of};
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Sizes, Tensor};

/// The windows of a convolution or of a pooling, one entry for each axis of the image.
pub(super) struct Windows {
    pub kernel: Vec<usize>,
    pub strides: Vec<usize>,
    pub dilations: Vec<usize>,
    /// The padding at the beginning and at the end.
    pub pads: Vec<[usize; 2]>,
}

impl Windows {
    /// Reads the attributes of a node over an image of these sizes.
    pub fn read(node: &Node, kernel: Vec<usize>, image: &[usize]) -> Result<Self> {
        let rank = image.len();
        let list = |name: &str| -> Result<Vec<usize>> {
            let list = node.sizes(name)?.unwrap_or_else(|| vec![1; rank]);
            if list.len() != rank || list.iter().any(|&n| n == 0 || n > 1 << 20) {
                fail!("its `{name}` is {list:?} for an image with {rank} axes");
            }
            Ok(list)
        };
        if kernel.len() != rank || kernel.iter().any(|&k| k == 0 || k > 1 << 20) {
            fail!("its kernel is {kernel:?} for an image with {rank} axes");
        }
        let mut windows = Windows {
            kernel,
            strides: list("strides")?,
            dilations: list("dilations")?,
            pads: vec![[0; 2]; rank],
        };
        let pads = node.sizes("pads")?;
        match node.text("auto_pad", "NOTSET")? {
            "NOTSET" => {
                let pads = pads.unwrap_or_else(|| vec![0; 2 * rank]);
                if pads.len() != 2 * rank || pads.iter().any(|&pad| pad > 1 << 20) {
                    fail!("its `pads` are {pads:?} for an image with {rank} axes");
                }
                for axis in 0..rank {
                    windows.pads[axis] = [pads[axis], pads[rank + axis]];
                }
            }
            "VALID" => {}
            mode @ ("SAME_UPPER" | "SAME_LOWER") => {
                for (axis, &size) in image.iter().enumerate() {
                    let count = size.div_ceil(windows.strides[axis]);
                    let reached = (count - 1) * windows.strides[axis] + windows.span(axis);
                    let pad = reached.saturating_sub(size);
                    let (less, more) = (pad / 2, pad - pad / 2);
                    windows.pads[axis] = match mode {
                        "SAME_UPPER" => [less, more],
                        _ => [more, less],
                    };
                }
            }
            mode => fail!("its `auto_pad` is `{mode}`"),
        }
        Ok(windows)
    }

    /// Returns the number of pixels that a window spans.
    pub fn span(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }

    /// Returns the number of windows along an axis of this size.
    pub fn count(&self, axis: usize, size: usize) -> Result<usize> {
        let padded = size + self.pads[axis][0] + self.pads[axis][1];
        match padded.checked_sub(self.span(axis)) {
            Some(room) => Ok(room / self.strides[axis] + 1),
            None => fail!("its windows are larger than the image"),
        }
    }
}

/// An image with channels last: `[height, width, channels]`, or rows of several samples with a height
/// of 1.
pub(super) struct Image {
    pub source: usize,
    /// Height, width and channels.
    pub dims: [usize; 3],
    /// The atoms of the samples in a batch, which take the place of the height.
    pub batch: Vec<Atom>,
    /// The atoms of the channels in the order of memory.
    pub channels: Vec<Atom>,
}

impl Translator<'_> {
    /// Presents `[batch, channels, .. sizes]` as an image.
    pub(super) fn image(&mut self, x: &Value) -> Result<Image> {
        let rank = x.axes.len();
        let shape = x.shape();
        if !(3..=4).contains(&rank) {
            fail!(
                "it takes sequences and images, with 3 or 4 axes, and not {}",
                Sizes(&shape)
            );
        }
        let batch = x.axes[0].clone();
        let channels = x.axes[1].clone();
        let sizes: Vec<Vec<Atom>> = x.axes[2..].to_vec();
        if !batch.is_empty() && sizes.len() == 2 && !sizes[0].is_empty() {
            fail!(
                "it takes a batch of {} images; translate the file for a batch of 1, of which \
                 `forward_batch` takes any number",
                shape[0]
            );
        }
        let height = match batch.is_empty() {
            true if sizes.len() == 2 => sizes[0].clone(),
            true => Vec::new(),
            false => batch.clone(),
        };
        let width = sizes[sizes.len() - 1].clone();
        let dims = [size_of(&height), size_of(&width), size_of(&channels)];
        let source = self.present(x, &[[height, width, channels.clone()].concat()])?;
        Ok(Image {
            source: self.reshape_to(source, &dims),
            dims,
            batch,
            channels,
        })
    }

    /// Returns the value of an image with the axes of a file.
    pub(super) fn of_image(&mut self, x: &Value, image: &Image, source: usize) -> Value {
        let [height, width, channels] = self.dims(source)[..] else {
            unreachable!("an image has three axes");
        };
        let rank = x.axes.len();
        let mut axes = vec![image.batch.clone(), self.atoms(channels)];
        if rank == 4 {
            // A batch lies where the height would be.
            let height = if image.batch.is_empty() { height } else { 1 };
            axes.push(self.atoms(height));
        }
        axes.push(self.atoms(width));
        let mut order = vec![0];
        order.extend(2..rank);
        order.push(1);
        Value {
            source,
            order: order.iter().flat_map(|&axis| axes[axis].clone()).collect(),
            axes,
            kind: Kind::Float,
            exclusive: true,
        }
    }

    /// Returns windows over an image of height and width: those of a sequence have the height 1.
    pub(super) fn windows_2d(windows: Windows, image: &Image, rank: usize) -> Windows {
        let mut windows = windows;
        if rank == 3 {
            windows.kernel.insert(0, 1);
            windows.strides.insert(0, 1);
            windows.dilations.insert(0, 1);
            windows.pads.insert(0, [0; 2]);
        } else if !image.batch.is_empty() {
            // The height is 1 in each sample, and the kernel sees nothing but padding around it.
            windows.strides[0] = 1;
        }
        windows
    }

    /// Pads an image where both ends are padded differently, and leaves the rest to the layer.
    pub(super) fn pad_image(
        &mut self,
        image: &mut Image,
        windows: &mut Windows,
        kind: &'static str,
    ) {
        if windows.pads.iter().all(|[a, b]| a == b) {
            return;
        }
        let [[top, bottom], [left, right]] = [windows.pads[0], windows.pads[1]];
        let [height, width, channels] = image.dims;
        image.dims = [height + top + bottom, width + left + right, channels];
        let layer = Layer::new(kind, &[image.source], &image.dims)
            .argument(format!("({left}, {right}, {top}, {bottom})"));
        image.source = self.add(layer);
        windows.pads = vec![[0; 2]; 2];
    }

    pub(super) fn convolution(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let value = match node.operator.as_str() {
            "Conv" => self.conv(node, inputs)?,
            "ConvTranspose" => self.conv_transpose(node, inputs)?,
            _ => return Ok(None),
        };
        Ok(Some(vec![value]))
    }

    fn conv(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let x = inputs.computed(0)?.clone();
        let weight = inputs.needed(1)?;
        let bias = inputs.constant(2)?.map(|bias| bias.as_floats().to_vec());
        let rank = x.axes.len();
        if weight.shape.len() != rank || rank < 3 {
            fail!(
                "its weight {} has other axes than its input",
                Sizes(&weight.shape)
            );
        }
        let groups = group_count(node)?;
        let windows = Windows::read(node, weight.shape[2..].to_vec(), &x.shape()[2..])?;

        let mut image = self.image(&x)?;
        let mut windows = Self::windows_2d(windows, &image, rank);
        if rank == 4 && !image.batch.is_empty() {
            let one_row = windows.kernel[0] == 1 && windows.pads[0] == [0; 2];
            if !one_row {
                fail!("it takes a batch of images; translate the file for a batch of 1");
            }
        }
        let outputs = weight.shape[0];
        if weight.shape[1].checked_mul(groups) != Some(image.dims[2]) {
            fail!(
                "its weight {} does not fit {} channels",
                Sizes(&weight.shape),
                image.dims[2]
            );
        }
        if !outputs.is_multiple_of(groups) || outputs == 0 {
            fail!("its {groups} groups do not share {outputs} channels equally");
        }
        self.pad_image(&mut image, &mut windows, "ZeroPad2d");
        let [height, width, _] = image.dims;
        let weight = inputs_in_memory(&x, &image, weight, groups, 1);

        // Sequences have layers of their own.
        let is_sequence = rank == 3 && image.batch.is_empty();
        let [rows, columns] = [windows.count(0, height)?, windows.count(1, width)?];
        let pads = [windows.pads[0][0], windows.pads[1][0]];
        let source = if is_sequence {
            let source = self.reshape_to(image.source, &[width, image.dims[2]]);
            let layer = Layer::new("Conv1d", &[source], &[columns, outputs])
                .argument("_")
                .argument(outputs)
                .argument(windows.kernel[1])
                .option("Stride", &windows.strides[1..], 1)
                .option("Pad", &pads[1..], 0)
                .option("Dilation", &windows.dilations[1..], 1)
                .option("Groups", &[groups], 1)
                .weight(weight, bias);
            let source = self.add(layer);
            return Ok(self.of_sequence(&x, source));
        } else {
            let sizes = &weight.shape;
            let weight =
                weight.reshaped(&[sizes[0], sizes[1], windows.kernel[0], windows.kernel[1]]);
            let layer = Layer::new("Conv2d", &[image.source], &[rows, columns, outputs])
                .argument("_")
                .argument(outputs)
                .argument(pair(&windows.kernel))
                .option("Stride", &windows.strides, 1)
                .option("Pad", &pads, 0)
                .option("Dilation", &windows.dilations, 1)
                .option("Groups", &[groups], 1)
                .weight(weight, bias);
            self.add(layer)
        };
        Ok(self.of_image(&x, &image, source))
    }

    /// Returns the value of a sequence `[length, channels]` with the axes `[1, channels, length]`.
    pub(super) fn of_sequence(&mut self, x: &Value, source: usize) -> Value {
        let [length, channels] = self.dims(source)[..] else {
            unreachable!("a sequence has two axes");
        };
        debug_assert_eq!(x.axes.len(), 3);
        self.value(source, &[1, channels, length], &[0, 2, 1], Kind::Float)
    }

    fn conv_transpose(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let x = inputs.computed(0)?.clone();
        let weight = inputs.needed(1)?;
        let bias = inputs.constant(2)?.map(|bias| bias.as_floats().to_vec());
        let rank = x.axes.len();
        let shape = x.shape();
        if weight.shape.len() != rank || rank < 3 {
            fail!(
                "its weight {} has other axes than its input",
                Sizes(&weight.shape)
            );
        }
        let groups = group_count(node)?;
        // The padding depends on the output here, and is read below.
        let mut plain = node.clone();
        plain.attributes.remove("auto_pad");
        let windows = Windows::read(&plain, weight.shape[2..].to_vec(), &shape[2..])?;

        let sizes = rank - 2;
        let mut output_pads = node
            .sizes("output_padding")?
            .unwrap_or_else(|| vec![0; sizes]);
        let mut pads = windows.pads.clone();
        let wanted = node.sizes("output_shape")?;
        let auto = node.text("auto_pad", "NOTSET")?;
        if output_pads.len() != sizes {
            fail!("its `output_padding` is {output_pads:?}");
        }
        for axis in 0..sizes {
            let full = (shape[2 + axis] - 1) * windows.strides[axis]
                + output_pads[axis]
                + windows.span(axis);
            let size = match &wanted {
                Some(wanted) if wanted.len() >= sizes => wanted[wanted.len() - sizes + axis],
                Some(_) => fail!("its `output_shape` has too few sizes"),
                None if auto.starts_with("SAME") => shape[2 + axis] * windows.strides[axis],
                None => continue,
            };
            let total = full.saturating_sub(size);
            let (less, more) = (total / 2, total - total / 2);
            pads[axis] = if auto == "SAME_UPPER" {
                [less, more]
            } else {
                [more, less]
            };
            if full < size {
                output_pads[axis] += size - full;
            }
        }

        let image = self.image(&x)?;
        if !image.batch.is_empty() {
            fail!("it takes a batch of several samples; translate the file for a batch of 1");
        }
        if weight.shape[0] != image.dims[2] {
            fail!(
                "its weight {} does not fit {} channels",
                Sizes(&weight.shape),
                image.dims[2]
            );
        }
        let outputs = weight.shape[1] * groups;
        let mut windows = Self::windows_2d(windows, &image, rank);
        if rank == 3 {
            output_pads.insert(0, 0);
            pads.insert(0, [0; 2]);
        }

        // The layer pads both ends alike; what is too much is cut off.
        let inner: Vec<usize> = pads.iter().map(|[a, b]| *a.min(b)).collect();
        let mut dims = [0, 0, outputs];
        for axis in 0..2 {
            let full = (image.dims[axis] - 1) * windows.strides[axis] + windows.span(axis);
            // Padding at the end that the layer does not have: larger than its stride.
            if output_pads[axis] >= windows.strides[axis].max(windows.dilations[axis]) {
                fail!("its output padding {output_pads:?} is not below its strides");
            }
            let Some(size) = (full + output_pads[axis]).checked_sub(2 * inner[axis]) else {
                fail!("its padding is larger than its output");
            };
            dims[axis] = size;
        }
        if dims.contains(&0) {
            fail!("its output is empty");
        }
        windows.pads = inner.iter().map(|&pad| [pad; 2]).collect();
        let weight = inputs_in_memory(&x, &image, weight, groups, 0);
        let sizes = [
            weight.shape[0],
            weight.shape[1],
            windows.kernel[0],
            windows.kernel[1],
        ];
        let layer = Layer::new("ConvTranspose2d", &[image.source], &dims)
            .argument("_")
            .argument(outputs)
            .argument(pair(&windows.kernel))
            .option("Stride", &windows.strides, 1)
            .option("Pad", &inner, 0)
            .option("OutputPad", &output_pads, 0)
            .option("Dilation", &windows.dilations, 1)
            .option("Groups", &[groups], 1)
            .weight(weight.reshaped(&sizes), bias);
        let source = self.add(layer);
        let mut value = self.of_image(&x, &image, source);
        for axis in 0..rank - 2 {
            let at = axis + 2 - (rank - 2);
            let ends = [0, 1].map(|end: usize| inner[at] as i64 - pads[at][end] as i64);
            value = self.pad_axis(&value, 2 + axis, ends, "constant")?;
        }
        Ok(value)
    }
}

fn group_count(node: &Node) -> Result<usize> {
    match usize::try_from(node.int("group", 1)?) {
        Ok(groups) if groups > 0 => Ok(groups),
        _ => fail!("its number of groups is not above 0"),
    }
}

/// Returns the weight with its input channels in the order of memory; they are axis 1 or 0.
fn inputs_in_memory(
    x: &Value,
    image: &Image,
    weight: &Tensor,
    groups: usize,
    axis: usize,
) -> Tensor {
    let order = x.indices(1, &image.channels);
    if groups > 1 || order.iter().copied().eq(0..order.len()) {
        return weight.clone();
    }
    let behind: usize = weight.shape[axis + 1..].iter().product();
    let before: usize = weight.shape[..axis].iter().product();
    let mut at = Vec::with_capacity(weight.len());
    for row in 0..before {
        for &index in &order {
            let first = (row * order.len() + index) * behind;
            at.extend(first..first + behind);
        }
    }
    weight.gathered(&weight.shape, &at)
}

/// A size for both axes, or a pair.
pub(super) fn pair(sizes: &[usize]) -> String {
    match sizes {
        [a, b] if a == b => a.to_string(),
        [a, b] => format!("({a}, {b})"),
        _ => sizes[0].to_string(),
    }
}
