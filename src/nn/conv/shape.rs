//! The shape rule of convolutions.

use crate::kernels::ConvSizes;
use crate::network::{INFER, Inferred, Reach, Sentence, Windows};
#[cfg(feature = "onnx-export")]
use crate::nn::export::images::{self, Convolution};
#[cfg(feature = "onnx-export")]
use crate::nn::export::{Export, Exported};
use crate::nn::rule::zero_size;
#[cfg(feature = "onnx-export")]
use crate::params::Parameters;
use crate::sizes;
use crate::tensor::Dims;
#[cfg(feature = "onnx-export")]
use crate::tensor::Element;

/// A convolution as the network's definition states it. Pairs are vertical and horizontal; a
/// convolution of sequences uses the second of each.
#[derive(Clone, Copy)]
pub(super) struct ConvRule {
    /// The layer's name.
    pub name: &'static str,
    /// The number of axes of an image in addition to the channels.
    pub axes: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    /// True if all padding lies before the input: as much as no window reaches beyond it.
    pub causal: bool,
    /// The output padding, which makes the convolution a transposed one.
    pub output_pad: Option<[usize; 2]>,
}

#[cfg(feature = "onnx-export")]
impl ConvRule {
    /// Writes the convolution into an ONNX graph.
    pub fn export<T: Element, P: Parameters<T>>(&self, params: &P, call: Export<'_>) -> Exported {
        let convolution = Convolution {
            axes: self.axes,
            kernel: self.kernel,
            stride: self.stride,
            pad: self.pad,
            dilation: self.dilation,
            groups: self.groups,
            causal: self.causal,
            output_pad: self.output_pad,
        };
        images::convolution(&convolution, params, call)
    }
}

impl ConvRule {
    /// Returns the output shape, and infers `in_channels` if they are `_` and the number of
    /// channels that each group has in the weight.
    pub const fn infer(&self, input: Dims) -> Inferred {
        let channels = match (self.in_channels, input.sizes()) {
            (INFER, [.., last]) => *last,
            (INFER, []) => 1,
            (channels, _) => channels,
        };

        let inferred = match self.reject_arguments(input) {
            Some(mistake) => mistake,
            None if input.is_unknown() => Inferred::shape(input),
            None => self.check(input, channels),
        };
        let inferred = if self.in_channels == INFER {
            inferred.infers(channels)
        } else {
            inferred
        };

        // The weight of a transposed convolution has its channels swapped.
        let grouped = if self.output_pad.is_some() {
            self.out_channels
        } else {
            channels
        };
        match grouped.checked_div(self.groups) {
            Some(each) if each > 0 => inferred.infers(each),
            _ => inferred.infers(1),
        }
    }

    /// Returns the mistake of arguments that are wrong for any input, if there is one.
    const fn reject_arguments(&self, input: Dims) -> Option<Inferred> {
        const NAMED: usize = 6;
        let named: [_; NAMED] = [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("a kernel_size of", min(self.kernel)),
            ("a stride of", min(self.stride)),
            ("a dilation of", min(self.dilation)),
            ("groups", self.groups),
        ];
        let mut i = 0;
        while i < NAMED {
            let (name, size) = named[i];
            if size == 0 {
                return Some(zero_size(name, Dims::UNKNOWN));
            }
            i += 1;
        }

        if !self.out_channels.is_multiple_of(self.groups) {
            let sentence = Sentence::new("has ")
                .number(self.out_channels)
                .text(" out_channels, which ")
                .number(self.groups)
                .text(" groups can't share equally; make one a multiple of the other");
            return Some(Inferred::wrong(sentence, self.output(input)));
        }

        if let Some(output_pad) = self.output_pad {
            let mut axis = 0;
            while axis < 2 {
                let pad = output_pad[axis];
                let stride = self.stride[axis];
                let dilation = self.dilation[axis];
                if pad >= stride && pad >= dilation {
                    let sentence = Sentence::new("has an output padding of ")
                        .number(pad)
                        .text("; it must be smaller than the stride, ")
                        .number(stride)
                        .text(", or the dilation, ")
                        .number(dilation);
                    return Some(Inferred::wrong(sentence, self.output(input)));
                }
                axis += 1;
            }
        }
        if self.causal && self.pad[1] > 0 {
            let sentence = Sentence::new(
                "has `Causal` and `Pad`; `Causal` alone pads before the input, by \
                 dilation * (kernel_size - 1)",
            );
            return Some(Inferred::wrong(sentence, Dims::UNKNOWN));
        }
        None
    }

    /// Checks an input of known shape against arguments that are right in themselves.
    const fn check(&self, input: Dims, channels: usize) -> Inferred {
        let sizes = input.sizes();
        if !input.parts().is_empty() || sizes.len() != self.axes + 1 {
            let wanted = if self.axes == 1 {
                "[length, channels]"
            } else {
                "[height, width, channels]"
            };
            return Inferred::mismatch(
                Sentence::new(wanted),
                self.way_to_rank(input),
                Dims::UNKNOWN,
            );
        }

        if channels != sizes[self.axes] {
            return self.mismatched_channels(input, channels);
        }
        if !channels.is_multiple_of(self.groups) {
            let wanted = Sentence::new(self.dots())
                .text("a multiple of ")
                .number(self.groups)
                .text("]");
            let way_out = Sentence::new("; choose groups that divide ").number(channels);
            return Inferred::mismatch(wanted, way_out, self.output(input));
        }
        if !sizes::countable(self.reach(0)) || !sizes::countable(self.reach(1)) {
            return Inferred::wrong(Inferred::TOO_FAR, Dims::UNKNOWN);
        }

        let output = self.output(input);
        if output.is_unknown() {
            return self.too_small(channels);
        }
        Inferred::shape(output)
            .with_windows(self.windows(), input)
            .if_countable(self.sizes(input, output).are_countable())
    }

    /// Returns how an error abbreviates all axes but the channels.
    const fn dots(&self) -> &'static str {
        if self.axes == 1 { "[.., " } else { "[.., .., " }
    }

    /// Returns the mistake of an input with another number of channels than `channels`.
    const fn mismatched_channels(&self, input: Dims, channels: usize) -> Inferred {
        let sizes = input.sizes();
        let wanted = Sentence::new(self.dots()).number(channels).text("]");

        if self.has_channels_first(sizes, channels) {
            let way_out = if self.axes == 2 {
                Sentence::new("; images have their channels last: declare [")
                    .number(sizes[1])
                    .text(", ")
                    .number(sizes[2])
            } else {
                Sentence::new("; sequences have their channels last: declare [").number(sizes[1])
            };
            let way_out = way_out.text(", ").number(channels).text("]");
            return Inferred::mismatch(wanted, way_out, Dims::UNKNOWN);
        }

        let rest = Sentence::new(", ")
            .number(self.out_channels)
            .text(", ")
            .sentence(&self.kernel_text())
            .text(">`");
        let name = Sentence::new("`").text(self.name).text("<");
        let way_out = Sentence::new("; write ")
            .sentence(&name)
            .number(sizes[self.axes])
            .sentence(&rest)
            .text(" or ")
            .sentence(&name)
            .text("_")
            .sentence(&rest);
        Inferred::mismatch(wanted, way_out, self.output(input))
    }

    /// Returns whether the input seems to have its channels before the other axes, as in PyTorch.
    const fn has_channels_first(&self, sizes: &[usize], channels: usize) -> bool {
        let is_small = channels <= 4 && sizes[self.axes] > 4;
        let is_square = self.axes == 2 && sizes[1] == sizes[2] && sizes[0] != sizes[1];
        sizes[0] == channels && (is_small || is_square)
    }

    /// Returns the kernel's size as it is written.
    const fn kernel_text(&self) -> Sentence {
        if self.axes == 1 || self.kernel[0] == self.kernel[1] {
            return Sentence::new("").number(self.kernel[1]);
        }
        Sentence::new("(")
            .number(self.kernel[0])
            .text(", ")
            .number(self.kernel[1])
            .text(")")
    }

    /// Returns the mistake of an input that is smaller than a window.
    const fn too_small(&self, channels: usize) -> Inferred {
        let mut wanted = Sentence::new("[");
        if self.axes == 2 {
            wanted = wanted.number(self.least(0)).text(" or more, ");
        }
        wanted = wanted
            .number(self.least(1))
            .text(" or more, ")
            .number(channels)
            .text("]");

        let way_out = if self.output_pad.is_some() {
            "; make its `Pad` smaller"
        } else {
            "; make its kernel smaller, or add `Pad<..>`"
        };
        Inferred::mismatch(wanted, Sentence::new(way_out), Dims::UNKNOWN)
    }

    /// Returns the advice for an input with another number of axes.
    const fn way_to_rank(&self, input: Dims) -> Sentence {
        let way_out = Sentence::new("; ");

        match (self.axes, input.sizes()) {
            (_, []) if !input.parts().is_empty() => way_out.text("it takes one tensor"),
            (1, [length]) => way_out
                .text("for one channel declare [")
                .number(*length)
                .text(", 1], or put `Reshape<")
                .number(*length)
                .text(", 1>` before it"),
            (2, [height, width]) => way_out
                .text("for grey images declare [")
                .number(*height)
                .text(", ")
                .number(*width)
                .text(", 1], or put `Reshape<")
                .number(*height)
                .text(", ")
                .number(*width)
                .text(", 1>` before it"),
            (1, [_, _, _]) => way_out.text("`Conv2d` is the one for images"),
            (2, [_, rest @ ..]) if rest.len() == 3 => way_out
                .text("a shape is that of one sample, without a batch axis: declare ")
                .dims(Dims::new(rest)),
            (1, _) => way_out.text("put a `Reshape<length, channels>` before it"),
            _ => way_out.text("put a `Reshape<height, width, channels>` before it"),
        }
    }

    /// Returns the output shape, or an unknown one if the window does not fit.
    const fn output(&self, input: Dims) -> Dims {
        let sizes = input.sizes();
        if input.is_unknown() || sizes.len() != self.axes + 1 {
            return Dims::UNKNOWN;
        }

        let width = self.along(1, sizes[self.axes - 1]);
        if self.axes == 1 {
            return if width == 0 {
                Dims::UNKNOWN
            } else {
                Dims::new(&[width, self.out_channels])
            };
        }

        let height = self.along(0, sizes[0]);
        if height == 0 || width == 0 {
            return Dims::UNKNOWN;
        }
        Dims::new(&[height, width, self.out_channels])
    }

    /// Returns the output size along an axis; 0 if the window does not fit.
    const fn along(&self, axis: usize, size: usize) -> usize {
        if self.causal {
            return match size {
                0 => 0,
                size => (size - 1) / self.stride[axis] + 1,
            };
        }
        self.windows().along(axis, size)
    }

    const fn windows(&self) -> Windows {
        Windows {
            axes: self.axes,
            reach: [self.reach(0), self.reach(1)],
            stride: self.stride,
            pad: self.pad,
            output_pad: self.output_pad,
        }
    }

    /// Returns the distance from the first to the last position of a window.
    const fn reach(&self, axis: usize) -> usize {
        sizes::product(&[self.kernel[axis] - 1, self.dilation[axis]])
    }

    /// Returns the smallest input size along an axis whose output is not empty.
    const fn least(&self, axis: usize) -> usize {
        let reach = self.reach(axis);
        let pad = sizes::sum(&[self.pad[axis], self.pad[axis]]);
        let least = match self.output_pad {
            // `(size - 1) * stride + reach + output_pad` must not be below `pad`.
            Some(output_pad) => {
                let missing = pad.saturating_sub(sizes::sum(&[reach, output_pad[axis]]));
                sizes::sum(&[missing.div_ceil(self.stride[axis]), 1])
            }
            None => sizes::sum(&[reach, 1]).saturating_sub(pad),
        };
        if least == 0 { 1 } else { least }
    }

    /// Returns the sizes for the kernels, to which a transposed convolution is a convolution from
    /// its output to its input.
    pub const fn sizes(&self, input: Dims, output: Dims) -> ConvSizes {
        let (image, out) = if self.output_pad.is_some() {
            (output, input)
        } else {
            (input, output)
        };

        // After a mistake, the shape is unknown, and nothing is computed.
        let known = !image.is_unknown() && !out.is_unknown();
        let (image, out) = if known {
            (image.sizes(), out.sizes())
        } else {
            ([1; 3].as_slice(), [1; 3].as_slice())
        };

        let axes = self.axes;
        ConvSizes {
            size: [if axes == 1 { 1 } else { image[0] }, image[axes - 1]],
            channels: image[axes],
            out: [if axes == 1 { 1 } else { out[0] }, out[axes - 1]],
            out_channels: out[axes],
            kernel: self.kernel,
            stride: self.stride,
            pad: self.padding(),
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    /// Returns the number of zeros before the input; there are as many behind it, unless the layer is
    /// causal.
    const fn padding(&self) -> [usize; 2] {
        if self.causal {
            [self.reach(0), self.reach(1)]
        } else {
            self.pad
        }
    }

    /// Returns the positions along the first axis that an output position depends on.
    pub const fn positions(&self) -> Reach {
        if self.axes == 2 && self.output_pad.is_none() {
            // A window of one row, each row on its own.
            return match (self.kernel[0], self.stride[0], self.pad[0]) {
                (1, 1, 0) => Reach::POSITION,
                _ => Reach::WHOLE.or("; make its kernel 1 high, `(1, width)`"),
            };
        }
        let keeps_length = self.axes == 1 && self.stride[1] == 1;
        match self.reach(1) {
            past if keeps_length && self.causal => Reach::past(past),
            0 if keeps_length && self.pad[1] == 0 && self.output_pad.is_none() => Reach::POSITION,
            _ if keeps_length && self.output_pad.is_none() => Reach::WHOLE.or("; add `Causal`"),
            _ => Reach::WHOLE,
        }
    }
}

/// Returns the smaller of two sizes.
const fn min(sizes: [usize; 2]) -> usize {
    if sizes[0] < sizes[1] {
        sizes[0]
    } else {
        sizes[1]
    }
}
