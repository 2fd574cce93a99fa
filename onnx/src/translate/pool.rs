//! Pooling.

use super::conv::{Image, Windows, pair};
use super::{Inputs, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::Value;
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::Tensor;

impl Translator<'_> {
    pub(super) fn pool(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        let operator = node.operator.as_str();
        if !matches!(
            operator,
            "MaxPool" | "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool"
        ) {
            return Ok(None);
        }
        let x = inputs.computed(0)?.clone();
        let rank = x.axes.len();
        if rank < 3 {
            fail!("it takes `[batch, channels, ..]`");
        }
        if self.is_read(node, 1) {
            fail!("it gives the places of the maxima, which no layer does");
        }
        if operator.starts_with("Global") {
            let axes: Vec<usize> = (2..rank).collect();
            let kind = match operator {
                "GlobalMaxPool" => "MaxOverTime",
                _ => "MeanOverTime",
            };
            return Ok(Some(vec![self.reduced(&x, &axes, true, kind)?]));
        }

        let kernel = node.sizes("kernel_shape")?.unwrap_or_default();
        let windows = Windows::read(node, kernel, &x.shape()[2..])?;
        let ceil = node.flag("ceil_mode", false)?;
        let value = match operator {
            "MaxPool" => self.max_pool(&x, windows, ceil)?,
            _ => {
                let counts_padding = node.flag("count_include_pad", false)?;
                self.average_pool(&x, windows, ceil, counts_padding)?
            }
        };
        Ok(Some(vec![value]))
    }

    /// Returns the padding at the end with which the last window, which is cut off, is whole. A window
    /// that would begin in the padding at the end is omitted.
    fn ceiled(windows: &Windows, axis: usize, size: usize) -> Result<usize> {
        let [before, after] = windows.pads[axis];
        let stride = windows.strides[axis];
        let Some(room) = (size + before + after).checked_sub(windows.span(axis)) else {
            fail!("its windows are larger than the image");
        };
        let mut count = room.div_ceil(stride) + 1;
        if (count - 1) * stride >= size + before {
            count -= 1;
        }
        let reached = (count - 1) * stride + windows.span(axis);
        Ok(reached.saturating_sub(size + before))
    }

    fn max_pool(&mut self, x: &Value, mut windows: Windows, ceil: bool) -> Result<Value> {
        let rank = x.axes.len();
        let mut image = self.image(x)?;
        if ceil {
            for axis in 0..rank - 2 {
                let size = x.shape()[2 + axis];
                windows.pads[axis][1] = Self::ceiled(&windows, axis, size)?;
            }
        }
        let mut windows = Self::windows_2d(windows, &image, rank);
        let one_row = windows.kernel[0] == 1 && windows.pads[0] == [0; 2];
        if rank == 4 && !image.batch.is_empty() && !one_row {
            fail!("it takes a batch of images; translate the file for a batch of 1");
        }
        let is_even = windows.pads.iter().all(|[a, b]| a == b)
            && (0..2).all(|axis| 2 * windows.pads[axis][0] <= windows.kernel[axis]);
        if !is_even {
            // A copy of the border changes no maximum, unless the windows have gaps.
            if windows.dilations.iter().any(|&d| d > 1) {
                fail!(
                    "its padding {:?} is uneven and its windows have gaps",
                    windows.pads
                );
            }
            self.pad_image_with_border(&mut image, &mut windows);
        }
        self.pooled(x, &image, &windows, "MaxPool2d", &[])
    }

    fn pad_image_with_border(&mut self, image: &mut Image, windows: &mut Windows) {
        let [[top, bottom], [left, right]] = [windows.pads[0], windows.pads[1]];
        let [height, width, channels] = image.dims;
        image.dims = [height + top + bottom, width + left + right, channels];
        let layer = Layer::new("ReplicationPad2d", &[image.source], &image.dims)
            .argument(format!("({left}, {right}, {top}, {bottom})"));
        image.source = self.add(layer);
        windows.pads = vec![[0; 2]; 2];
    }

    fn average_pool(
        &mut self,
        x: &Value,
        mut windows: Windows,
        ceil: bool,
        counts_padding: bool,
    ) -> Result<Value> {
        let rank = x.axes.len();
        let mut is_cut = false;
        let mut ends = Vec::new();
        for axis in 0..rank - 2 {
            let end = windows.pads[axis][1];
            if ceil {
                windows.pads[axis][1] = Self::ceiled(&windows, axis, x.shape()[2 + axis])?;
            }
            is_cut |= windows.pads[axis][1] > end;
            // Less padding than the file has is padding that no window reaches.
            ends.push(end);
        }
        let is_even = windows.pads.iter().all(|[a, b]| a == b)
            && windows.dilations.iter().all(|&d| d == 1)
            && (0..rank - 2).all(|axis| 2 * windows.pads[axis][0] <= windows.kernel[axis]);
        if is_cut || !is_even {
            return self.average_by_matrix(x, &windows, &ends, counts_padding);
        }

        let image = self.image(x)?;
        let windows = Self::windows_2d(windows, &image, rank);
        if rank == 4 && !image.batch.is_empty() && windows.kernel[0] != 1 {
            fail!("it takes a batch of images; translate the file for a batch of 1");
        }
        let is_padded = windows.pads.iter().any(|pads| *pads != [0; 2]);
        let options: &[&str] = match counts_padding || !is_padded {
            true => &[],
            false => &["ExcludePad"],
        };
        self.pooled(x, &image, &windows, "AvgPool2d", options)
    }

    fn pooled(
        &mut self,
        x: &Value,
        image: &Image,
        windows: &Windows,
        kind: &'static str,
        options: &[&str],
    ) -> Result<Value> {
        let [height, width, channels] = image.dims;
        let dims = [
            windows.count(0, height)?,
            windows.count(1, width)?,
            channels,
        ];
        let pads = [windows.pads[0][0], windows.pads[1][0]];
        let mut layer = Layer::new(kind, &[image.source], &dims).argument(pair(&windows.kernel));
        if windows.strides != windows.kernel {
            // The strides are the kernel's size by default.
            layer = layer.option("Stride", &windows.strides, 0);
        }
        layer = layer.option("Pad", &pads, 0);
        if windows.dilations.iter().any(|&d| d != 1) {
            layer = layer.option("Dilation", &windows.dilations, 1);
        }
        for option in options {
            layer = layer.argument(option);
        }
        let source = self.add(layer);
        let mut value = self.of_image(x, image, source);
        // The channels keep their order.
        let own = value.axes[1].clone();
        value.axes[1] = x.axes[1].clone();
        let at = value.order.len() - own.len();
        value.order.truncate(at);
        value.order.extend(image.channels.clone());
        Ok(value)
    }

    /// An average whose windows no layer has: along each axis, a product with a matrix.
    fn average_by_matrix(
        &mut self,
        x: &Value,
        windows: &Windows,
        ends: &[usize],
        counts_padding: bool,
    ) -> Result<Value> {
        let mut value = x.clone();
        for (axis, end) in ends.iter().enumerate() {
            let size = x.shape()[2 + axis];
            let count = windows.count(axis, size)?;
            let begin = windows.pads[axis][0];
            let mut matrix = vec![0.0; count * size];
            for (row, weights) in matrix.chunks_exact_mut(size).enumerate() {
                let taps = (0..windows.kernel[axis])
                    .map(|tap| row * windows.strides[axis] + tap * windows.dilations[axis]);
                // What the file pads counts; what a window has behind that does not.
                let inside = |at: &usize| (begin..begin + size).contains(at);
                let counted = taps
                    .clone()
                    .filter(|at| match counts_padding {
                        true => *at < begin + size + end,
                        false => inside(at),
                    })
                    .count();
                for at in taps.filter(inside) {
                    weights[at - begin] = 1.0 / counted as f32;
                }
            }
            let matrix = Tensor::floats(&[count, size], matrix);
            value = self.linear(&value, 2 + axis, &matrix, None)?;
        }
        Ok(value)
    }
}
